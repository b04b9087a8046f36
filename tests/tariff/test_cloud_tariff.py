"""The tariff from Tesla, over the real library: kept with its date, the owner's own first."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.store import HistoryStore
from pwserver.history.tariff_copies import copied_tariff, keep_copy
from pwserver.tariff.tesla_tariff import NotATariff
from tests.history.support import archive as new_archive
from tests.history.test_fill_modes import environment_of
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.tesla import ROOT, Tesla

HOUSE = HistoryGateway("default", "Home", "Europe/Berlin")
YEAR = {"fromMonth": 1, "fromDay": 1, "toMonth": 12, "toDay": 31}


def document(price: float, **more: Any) -> dict[str, Any]:
    """A plan with one price at all times."""
    season = {**YEAR, "tou_periods": {"ALL": {"periods": [{"toDayOfWeek": 6}]}}}
    return {"energy_charges": {"Summer": {"rates": {"ALL": price}}}, "seasons": {"Summer": season}, **more}


def first_form(price: float) -> dict[str, Any]:
    """The same in the first form, which has no currency."""
    season = {**YEAR, "tou_periods": {"ALL": [{"toDayOfWeek": 6}]}}
    return {"energy_charges": {"Summer": {"ALL": price}}, "seasons": {"Summer": season}}


@pytest.fixture
def tesla() -> Iterator[Tesla]:
    with Tesla() as found:
        found.info["installation_time_zone"] = "Europe/Berlin"
        found.info["tariff_content"] = first_form(0.25)
        found.info["tariff_content_v2"] = document(0.31, currency="EUR")
        found.answers[f"{ROOT}/tariff_rate"] = document(0.27, currency="USD")
        yield found


def started(tesla: Tesla, folder: Path, mode: str, **more: str) -> Server:
    """A server in that mode, with Tesla played."""
    return Server([], environment_of(tesla, folder, mode) | more, module="tests.agreement.tesla_server")


@pytest.mark.parametrize(("mode", "price", "currency"), [("cloud", 0.27, "USD"), ("fleetapi", 0.31, "EUR")])
def test_the_tariff_is_had_from_tesla(
    tesla: Tesla, tmp_path: Path, mode: str, price: float, currency: str | None
) -> None:
    with started(tesla, tmp_path, mode) as server:
        wait_until(lambda: server.json("/api/value")["price_now"]["buy"], 60)
        found = server.json("/api/value")
        assert (found["currency"], found["price_now"]["buy"], found["cause"]) == (currency, price, None)
        wait_until(lambda: server.json("/api/value")["rows"], 60)


def test_the_owners_own_prices_win(tesla: Tesla, tmp_path: Path) -> None:
    path = tmp_path / "tariff.yaml"
    path.write_text("currency: CHF\nbuy: 0.5\n")
    with started(tesla, tmp_path, "cloud", PW_TARIFF_FILE=str(path)) as server:
        wait_until(lambda: server.json("/health")["gateways_online"], 30)
        assert server.json("/api/value")["price_now"]["buy"] == 0.5
        assert server.json("/api/value")["currency"] == "CHF"


def test_copies_hold_from_the_day_on_which_they_came() -> None:
    archive = new_archive(HistorySettings(), HOUSE)
    assert copied_tariff(archive) is None
    assert keep_copy(archive, document(0.3, currency="EUR"), datetime.date(2026, 1, 5))
    assert not keep_copy(archive, document(0.3, currency="EUR"), datetime.date(2026, 1, 6))
    assert keep_copy(archive, document(0.4), datetime.date(2026, 2, 1))
    assert keep_copy(archive, document(0.5), datetime.date(2026, 2, 1))  # of one day the last one counts
    found = copied_tariff(archive)
    assert found is not None
    assert found.currency == "EUR"
    assert [version.holds_from for version in found.versions] == [datetime.date(2026, 1, 5), datetime.date(2026, 2, 1)]
    assert found.versions[1].buy[0].periods[0].price == 0.5


def test_copies_outlive_a_restart_and_have_a_bound(tmp_path: Path) -> None:
    layout = plan(HistorySettings(), HOUSE)
    store = HistoryStore.open(tmp_path, [layout])
    first = datetime.date(2026, 1, 1)
    for number in range(150):
        assert keep_copy(store.archives["default"], document(0.3 + number), first + datetime.timedelta(number))
    store.close()
    store = HistoryStore.open(tmp_path, [layout])
    assert not store.messages
    found = copied_tariff(store.archives["default"])
    assert found is not None
    assert len(found.versions) == 100
    assert found.versions[-1].holds_from == first + datetime.timedelta(149)
    store.close()


@pytest.mark.parametrize("found", [{"code": "T"}, document(0.3, name="x" * 200_000)], ids=["none", "long"])
def test_what_is_no_tariff_is_not_kept(found: dict[str, Any]) -> None:
    archive = new_archive(HistorySettings(), HOUSE)
    with pytest.raises(NotATariff):
        keep_copy(archive, found, datetime.date(2026, 1, 5))
    assert copied_tariff(archive) is None


def test_a_damaged_record_is_no_tariff() -> None:
    archive = new_archive(HistorySettings(), HOUSE)
    for text in ({"copies": 7}, {"copies": [[1]]}, {"copies": [["2026-13-01", document(0.3)]]}, {}):
        archive.tariff.write(json.dumps(text).encode())
        assert copied_tariff(archive) is None
