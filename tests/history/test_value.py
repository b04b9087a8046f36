"""The value of days: kept beside the rings, worked out again where it must be, answered by ``GET /api/value``."""

from __future__ import annotations

import csv
import datetime
import io
import math
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.archive import Archive
from pwserver.history.history_answer import Histories
from pwserver.history.layout import VALUES, HistoryGateway, HistorySettings, plan
from pwserver.history.quarter_hours import DayOfQuarters, days_of_quarters
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.value_days import ValueDays
from pwserver.history.value_figures import value_figures
from pwserver.history.value_route import value
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import WEEK, Period, Season, Tariff, TariffVersion, Window
from tests.history.support import archive as new_archive
from tests.history.support import body, histories, reading
from tests.support.server import Server
from tests.support.waiting import wait_until

BERLIN = ZoneInfo("Europe/Berlin")
HOUSE = HistoryGateway("default", "Home", "Europe/Berlin")
KEPT = HistorySettings(quarters_kept_seconds=40 * 86400.0, poll_retention_seconds=3600.0, minutes_kept_seconds=3600.0,
                       max_signals=0)  # fmt: skip


def flat(price: float, since: datetime.date | None = None, fixed: float = 0.5) -> TariffVersion:
    """A version with one price to buy and none to sell but 0.1."""
    buy, sell = ((Season("", (1, 1), (12, 31), (), Period("all", each, ())),) for each in (price, 0.1))
    return TariffVersion(since, buy, sell, fixed_per_day=fixed)


def tariff(*versions: TariffVersion) -> Tariff:
    """A tariff in euros."""
    return Tariff("EUR", versions)


def fill(archive: Archive, first: datetime.date, days: int, bought_wh: float = 100.0) -> None:
    """Record quarter hours in which the house buys all it uses, from the first midnight to the last."""
    columns = archive.columns("quarters")
    known = {"grid_import_wh": bought_wh, "home_wh": bought_wh, "soe": 50.0, "grid_min": 1.0, "covered_seconds": 900.0}
    known |= dict.fromkeys(("grid_export_wh", "solar_wh", "battery_charge_wh", "battery_discharge_wh"), 0.0)
    row = array("d", [math.nan]) * len(columns)
    for name, number in known.items():
        row[columns[name]] = number
    when, end = (
        datetime.datetime.combine(day, datetime.time(), BERLIN).timestamp()
        for day in (first, first + datetime.timedelta(days=days))
    )
    while when < end:
        assert archive.quarters.append(when, row)
        when += 900.0


def ask(archive: Archive, prices: Tariff | None, now: str = "2026-12-01T12:00", **arguments: str) -> Any:
    """Ask for the value, of this archive and tariff."""
    found = asked(archive, prices)
    instant = datetime.datetime.fromisoformat(now).replace(tzinfo=BERLIN).timestamp()
    return body(value(found, arguments, instant))


def asked(archive: Archive, prices: Tariff | None) -> Histories:
    """What the queries ask."""
    found = histories(archive)
    return Histories(
        found.settings, found.gateways, found.archives, "default", tariffs={"default": prices} if prices else {}
    )


def days_of(answer: Any, name: str = "cost") -> dict[str, float]:
    """One amount by day."""
    return {row["day"]: row[name] for row in answer["rows"]}


def test_days_months_and_years_add_up_also_where_clocks_change():
    archive = new_archive(KEPT, HOUSE)
    fill(archive, datetime.date(2026, 10, 20), 20)
    prices = tariff(flat(0.3), flat(0.4, datetime.date(2026, 11, 2)))
    assert ValueDays(archive, prices).update()
    found = ask(archive, prices, start="2026-10-01", end="2026-11-30")
    costs = days_of(found)
    assert list(costs) == [
        (datetime.date(2026, 10, 20) + datetime.timedelta(number)).isoformat() for number in range(20)
    ]
    assert costs["2026-10-24"] == pytest.approx(96 * 0.1 * 0.3)
    assert costs["2026-10-25"] == pytest.approx(100 * 0.1 * 0.3)  # the day of 25 hours
    assert (costs["2026-11-01"], costs["2026-11-02"]) == (pytest.approx(2.88), pytest.approx(3.84))
    months = ask(archive, prices, step="month", start="2026-10-01", end="2026-11-30")["rows"]
    assert [row["month"] for row in months] == ["2026-10", "2026-11"]
    for month in months:
        inside = [row for row in found["rows"] if row["day"].startswith(month["month"])]
        for name in ("cost", "earnings", "fixed", "bill", "solar_savings", "battery_savings", "compared_seconds"):
            assert month[name] == pytest.approx(sum(row[name] for row in inside), abs=1e-6)
    years = ask(archive, prices, step="year", start="2026-01-01", end="2026-12-31")
    assert [row["year"] for row in years["rows"]] == ["2026"]
    assert years["total"]["bill"] == pytest.approx(sum(row["cost"] for row in found["rows"]) + 20 * 0.5)
    quarters = ask(archive, prices, step="15m", start="2026-10-25", end="2026-10-25")
    assert len(quarters["rows"]) == 100
    assert quarters["rows"][0]["time"] == "2026-10-24T22:00:00Z"
    assert quarters["total"]["cost"] == pytest.approx(costs["2026-10-25"])


def test_what_leaves_the_store_is_the_charge_that_left_and_not_the_difference_of_means():
    """The battery is charged from 40 to 80 % and then gives a quarter of that: 80 to 60 %, which is 70 in the mean."""
    archive = new_archive(KEPT, HOUSE)
    columns = archive.columns("quarters")
    begin = datetime.datetime(2026, 11, 20, tzinfo=BERLIN).timestamp()
    charging = {"grid_import_wh": 5_000.0, "battery_charge_wh": 5_000.0, "home_wh": 0.0, "battery_discharge_wh": 0.0}
    giving = {"grid_import_wh": 0.0, "battery_charge_wh": 0.0, "home_wh": 2_500.0, "battery_discharge_wh": 2_500.0}
    for number, (flowed, mean, lowest, highest) in enumerate(((charging, 60, 40, 80), (giving, 70, 60, 80))):
        row = array("d", [math.nan]) * len(columns)
        charge = {"soe": mean, "soe_min": lowest, "soe_max": highest, "grid_min": 1.0, "covered_seconds": 900.0}
        for name, figure in {**flowed, **charge, "solar_wh": 0.0, "grid_export_wh": 0.0}.items():
            row[columns[name]] = figure
        assert archive.quarters.append(begin + 900.0 * number, row)
    prices = tariff(flat(0.3))
    ValueDays(archive, prices).update()
    (day,) = ask(archive, prices, start="2026-11-20", end="2026-11-20")["rows"]
    assert day["battery_carried"] == pytest.approx(5.0 * 0.3 - 5.0 * 0.3 / 4.0)
    assert day["battery_savings"] == pytest.approx(2.5 * 0.3 - 5.0 * 0.3 / 4.0)


def test_a_changed_version_counts_as_far_back_as_there_are_quarter_hours():
    archive = new_archive(HistorySettings(quarters_kept_seconds=5 * 86400.0, max_signals=0), HOUSE)
    fill(archive, datetime.date(2026, 11, 1), 4)
    ValueDays(archive, tariff(flat(0.3))).update()
    fill(archive, datetime.date(2026, 11, 5), 4)
    ValueDays(archive, tariff(flat(0.3))).update()
    ValueDays(archive, tariff(flat(0.6))).update()
    costs = days_of(ask(archive, tariff(flat(0.6)), start="2026-11-01"))
    assert [costs[f"2026-11-0{day}"] for day in (1, 2, 3)] == [pytest.approx(2.88)] * 3
    assert [costs[f"2026-11-0{day}"] for day in (5, 6, 7, 8)] == [pytest.approx(5.76)] * 4
    assert len(costs) == 8


def test_rows_that_come_later_or_are_withdrawn_change_their_days():
    archive = new_archive(KEPT, HOUSE)
    fill(archive, datetime.date(2026, 11, 1), 3)
    values = ValueDays(archive, tariff(flat(0.3)))
    values.update()
    assert not values.update()
    fill(archive, datetime.date(2026, 11, 4), 2)
    values.update()
    assert list(days_of(ask(archive, tariff(flat(0.3)))).values()) == [pytest.approx(2.88)] * 5
    archive.quarters.truncate_after(datetime.datetime(2026, 11, 2, tzinfo=BERLIN).timestamp() - 1.0)
    fill(archive, datetime.date(2026, 11, 2), 2, bought_wh=50.0)
    values.update()
    assert list(days_of(ask(archive, tariff(flat(0.3)))).values()) == [pytest.approx(2.88)] + [pytest.approx(1.44)] * 2


def test_only_days_that_can_have_changed_are_looked_at(monkeypatch: pytest.MonkeyPatch):
    archive = new_archive(KEPT, HOUSE)
    fill(archive, datetime.date(2026, 11, 1), 5)
    values = ValueDays(archive, tariff(flat(0.3)))
    looked: list[float] = []

    def days_from(archive: Archive, where: ZoneInfo, start: float) -> Iterator[DayOfQuarters]:
        looked.append(start)
        return days_of_quarters(archive, where, start)

    monkeypatch.setattr("pwserver.history.value_days.days_of_quarters", days_from)
    values.update()
    fill(archive, datetime.date(2026, 11, 6), 1)
    values.update()
    archive.quarters.truncate_after(datetime.datetime(2026, 11, 2, tzinfo=BERLIN).timestamp() - 1.0)
    values.update()
    assert looked == [-math.inf, datetime.datetime(2026, 11, 4, tzinfo=BERLIN).timestamp(), -math.inf]
    assert list(days_of(ask(archive, tariff(flat(0.3))))) == ["2026-11-01"]


def test_values_are_kept_over_a_restart(tmp_path: Path):
    layout = plan(KEPT, HOUSE)
    store = HistoryStore.open(tmp_path, [layout])
    fill(store.archives["default"], datetime.date(2026, 11, 1), 3)
    ValueDays(store.archives["default"], tariff(flat(0.3))).update()
    store.close()
    store = HistoryStore.open(tmp_path, [layout])
    assert not store.messages
    assert store.archives["default"].rings[VALUES].count == 2  # the day that is open is worked out again
    ValueDays(store.archives["default"], tariff(flat(0.3))).update()
    assert len(ask(store.archives["default"], tariff(flat(0.3)))["rows"]) == 3
    store.close()


def test_without_a_tariff_nothing_has_a_value_and_the_answer_says_why():
    archive = new_archive(KEPT, HOUSE)
    fill(archive, datetime.date(2026, 11, 1), 3)
    found = ask(archive, None)
    assert (found["rows"], found["total"], found["currency"]) == ([], None, None)
    assert "No tariff" in found["cause"]
    assert "PW_TARIFF_FILE" in found["remedy"]
    assert set(found["price_now"].values()) == {None}


CABIN = HistoryGateway("cabin", "Cabin", "Europe/Berlin")
ALL = HistoryGateway("aggregate", "All", "Europe/Berlin", virtual=True)
NOVEMBER = {"start": "2026-11-01", "end": "2026-11-30"}


def sum_of(houses: Mapping[Archive, Tariff | None], now: str = "2026-12-01T12:00", **arguments: str) -> Any:
    """Ask for the value of these houses together."""
    for house, prices in houses.items():
        if prices is not None:
            ValueDays(house, prices).update()
    found = histories(*houses, new_archive(KEPT, ALL))
    tariffs = {house.gateway.id: prices for house, prices in houses.items() if prices is not None}
    asked = Histories(found.settings, found.gateways, found.archives, "default", tariffs=tariffs)
    instant = datetime.datetime.fromisoformat(now).replace(tzinfo=BERLIN).timestamp()
    return body(value(asked, {"gateway": "aggregate", **NOVEMBER, **arguments}, instant))


def house(gateway: HistoryGateway, first: datetime.date, days: int) -> Archive:
    """A house that has bought on these days."""
    kept = new_archive(KEPT, gateway)
    fill(kept, first, days)
    note_days(kept, first, days)
    return kept


def note_days(kept: Archive, first: datetime.date, days: int, **known: float) -> None:
    """Let the house have totals of these days."""
    row = array("d", [math.nan]) * len(kept.columns("days"))
    for name, number in known.items():
        row[kept.column("days", name)] = number
    for number in range(days):
        day = first + datetime.timedelta(number)
        row[kept.column("days", "date")] = day.toordinal()
        midnight = datetime.datetime.combine(day, datetime.time(), BERLIN)
        assert kept.days.append(midnight.timestamp(), row)


def test_houses_with_one_currency_are_added_up_each_with_its_own_tariff():
    first = datetime.date(2026, 11, 1)
    houses = {house(HOUSE, first, 3): tariff(flat(0.3)), house(CABIN, first, 3): tariff(flat(0.2))}
    found = sum_of(houses)
    assert (found["gateway"], found["currency"], found["cause"], found["notes"]) == ("aggregate", "EUR", None, [])
    assert list(days_of(found).values()) == [pytest.approx(2.88 + 1.92)] * 3
    assert [row["fixed"] for row in found["rows"]] == [1.0] * 3
    assert found["total"]["bill"] == pytest.approx(3 * 4.8 + 3.0)
    assert set(found["price_now"].values()) == {None}, "each house has its own"
    assert sum_of(houses, step="month")["rows"][0]["cost"] == pytest.approx(14.4)
    quarters = sum_of(houses, step="15m", start="2026-11-02", end="2026-11-02")
    assert len(quarters["rows"]) == 96 and quarters["total"]["cost"] == pytest.approx(4.8)


def test_a_day_without_one_of_the_houses_has_no_sum_and_one_before_it_began_has():
    mine = house(HOUSE, datetime.date(2026, 11, 1), 6)
    theirs = house(CABIN, datetime.date(2026, 11, 3), 1)
    fill(theirs, datetime.date(2026, 11, 5), 2)
    found = sum_of({mine: tariff(flat(0.3)), theirs: tariff(flat(0.2))})
    alone, both = pytest.approx(2.88), pytest.approx(4.8)
    assert list(days_of(found).values()) == [alone, alone, both, None, both, both]
    assert [row["compared_seconds"] is None for row in found["rows"]] == [False] * 3 + [True] + [False] * 2
    assert found["total"]["cost"] == pytest.approx(2 * 2.88 + 3 * 4.8)
    assert found["notes"] == ["Days left out of the sum, because one of the houses has no value: 1."]
    houses = {mine: tariff(flat(0.3)), theirs: tariff(flat(0.2))}
    quarters = sum_of(houses, step="15m", start="2026-11-04", end="2026-11-05")
    assert sum(row["cost"] is None for row in quarters["rows"]) == 96


@pytest.mark.parametrize(
    ("theirs", "words"),
    [
        (None, "none is known of cabin"),
        (Tariff("CHF", (flat(0.2),)), "different currencies: default EUR, cabin CHF"),
        (Tariff(None, (flat(0.2),)), "not known in which currency cabin pays"),
    ],
)
def test_houses_that_cannot_be_added_up_say_why(theirs: Tariff | None, words: str):
    first = datetime.date(2026, 11, 1)
    found = sum_of({house(HOUSE, first, 2): tariff(flat(0.3)), house(CABIN, first, 2): theirs})
    assert (found["rows"], found["total"], found["currency"]) == ([], None, None)
    assert words in found["cause"] and found["remedy"]


def test_a_house_of_which_nothing_was_ever_recorded_is_not_waited_for():
    nobody = new_archive(KEPT, CABIN)
    found = sum_of({house(HOUSE, datetime.date(2026, 11, 1), 2): tariff(flat(0.3)), nobody: None})
    assert list(days_of(found).values()) == [pytest.approx(2.88)] * 2 and found["price_now"]["buy"] == 0.3
    assert found["notes"] == ["The sum is without cabin, of which nothing was ever recorded."]
    assert "No tariff" in sum_of({nobody: None})["cause"]


def test_a_house_that_recorded_without_a_value_is_waited_for():
    """Its days are older than its quarter hours, and had no single price."""
    mine = house(HOUSE, datetime.date(2026, 11, 1), 4)
    theirs = new_archive(KEPT, CABIN)
    note_days(theirs, datetime.date(2026, 11, 1), 2, grid_import_wh=9600.0)
    fill(theirs, datetime.date(2026, 11, 3), 2)
    found = sum_of({mine: tariff(flat(0.3)), theirs: by_hours()})
    assert [cost is None for cost in days_of(found).values()] == [True, True, False, False]
    assert len(found["notes"]) == 2 and found["notes"][0].startswith("Days without a value: 2.")


def by_hours() -> Tariff:
    """A tariff with a cheap night."""
    night = Period("night", 0.1, (Window.between(WEEK, 0, 360),))
    buy = Season("", (1, 1), (12, 31), (night,), Period("day", 0.4, ()))
    return Tariff("EUR", (TariffVersion(None, (buy,)),))


def test_imported_days_have_cost_and_earnings_where_one_price_held_all_day():
    archive = new_archive(KEPT, HOUSE)
    totals = {"grid_import_wh": 10_000.0, "grid_export_wh": 5_000.0, "home_wh": 12_000.0, "solar_wh": 9_000.0}
    note_days(archive, datetime.date(2026, 10, 24), 2, **totals)
    fill(archive, datetime.date(2026, 10, 26), 2)
    prices = tariff(flat(0.3), flat(0.4, datetime.date(2026, 10, 25)))
    ValueDays(archive, prices).update()
    found = ask(archive, prices, start="2026-10-01", end="2026-10-31")
    costs = [pytest.approx(cost) for cost in (3.0, 4.0, 3.84, 3.84)]
    assert [row["cost"] for row in found["rows"]] == costs and found["notes"] == []
    first, second = found["rows"][:2]
    assert (first["earnings"], first["fixed"], first["bill"]) == (0.5, 0.5, 3.0)
    assert first["solar_savings"] is first["battery_savings"] is first["battery_carried"] is None
    assert (first["compared_seconds"], first["unknown_seconds"]) == (0.0, 86400.0)
    assert second["unknown_seconds"] == 90000.0, "the day of 25 hours"
    (month,) = ask(archive, prices, step="month", start="2026-10-01", end="2026-10-31")["rows"]
    assert month["cost"] == pytest.approx(14.68)
    lookup = PriceLookup(prices, BERLIN)
    assert value_figures(archive, lookup, at_noon("2026-10-27")).spans["total"]["cost"] == pytest.approx(14.68)
    only = ask(archive, prices, start="2026-10-25", end="2026-10-25")
    assert [row["cost"] for row in only["rows"]] == [4.0]


def test_imported_days_have_no_value_where_the_price_changed_within_them_and_the_answer_says_so():
    archive = new_archive(KEPT, HOUSE)
    note_days(archive, datetime.date(2026, 10, 20), 3, grid_import_wh=1000.0)
    note_days(archive, datetime.date(2026, 10, 23), 1)  # nothing at all is known of it
    fill(archive, datetime.date(2026, 10, 26), 2)
    ValueDays(archive, by_hours()).update()
    found = ask(archive, by_hours(), start="2026-10-01", end="2026-10-31")
    assert list(days_of(found)) == ["2026-10-26", "2026-10-27"]
    assert found["notes"] == [
        "Days without a value: 3. Only their totals are known, and no single price held on them all day."
    ]
    before = Tariff("EUR", (flat(0.3, datetime.date(2026, 10, 22)),))
    ValueDays(archive, before).update()
    assert min(days_of(ask(archive, before, start="2026-10-01", end="2026-10-31"))) == "2026-10-22"


def at_noon(day: str) -> float:
    return datetime.datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=BERLIN).timestamp()


def test_the_price_of_now():
    archive = new_archive(KEPT, HOUSE)
    found = ask(archive, tariff(flat(0.3), flat(0.4, datetime.date(2026, 12, 1))), now="2026-12-01T00:00")
    assert found["price_now"] == {"buy": 0.4, "sell": 0.1, "buy_period": "all", "sell_period": "all"}
    assert found["rows"] == []


def test_lines_of_text():
    archive = new_archive(KEPT, HOUSE)
    fill(archive, datetime.date(2026, 11, 1), 3)
    ValueDays(archive, tariff(flat(0.3))).update()
    for step, count in (("day", 3), ("month", 1), ("15m", 0)):
        answer = value(asked(archive, tariff(flat(0.3))), {"format": "csv", "step": step}, 1_796_000_000.0)
        rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
        assert len(rows) == count
        assert all(float(row["cost"]) > 0 for row in rows)


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"step": "hour"}, "step"),
        ({"start": "2026-11-31"}, "start"),
        ({"start": "2026-11-02", "end": "2026-11-01"}, "start"),
        ({"end": "9999-12-31"}, "end"),
        ({"end": "0001-01-01"}, "end"),
        ({"end": "0001-01-01", "step": "year"}, "end"),
        ({"start": "1969-12-31"}, "start"),
        ({"step": "15m", "start": "2026-10-25", "end": "2026-11-01"}, "start"),
        ({"format": "xml"}, "format"),
    ],
)
def test_parameters_that_make_no_sense_are_named(arguments: dict[str, str], name: str):
    answer = value(asked(new_archive(KEPT, HOUSE), tariff(flat(0.3))), arguments, 1_796_000_000.0)
    assert answer.status == 422
    assert [problem["loc"] for problem in body(answer)["detail"]] == [["query", name]]


def test_a_server_with_a_tariff_says_what_today_cost(tmp_path: Path):
    path = tmp_path / "tariff.yaml"
    path.write_text("currency: EUR\nbuy: 0.3\nsell: 0.08\nfixed_per_day: 0.5\n")
    with Server(["--demo"], {"PW_TARIFF_FILE": str(path), "PW_HISTORY_PATH": str(tmp_path / "h")}) as server:
        wait_until(lambda: server.get("/api/value").json()["rows"], 60)
        found = server.get("/api/value").json()
        assert found["currency"] == "EUR"
        assert found["estimate"] is True
        assert found["rows"][0]["fixed"] == 0.5
        assert found["price_now"]["buy"] == 0.3
        told = wait_until(lambda: server.json(f"/api/gateways/{found['gateway']}").get("value"), 60)
        assert told["price_now"]["buy"] == 0.3
        assert wait_until(lambda: 'powerwall_value_today{currency="EUR"' in server.get("/metrics").body.decode(), 60)
        answer = server.get("/api/value?step=year&format=csv")
        assert answer.headers["content-type"].startswith("text/csv")
        assert server.get("/api/value?gateway=nobody").status == 404
        assert server.get("/api/value?step=x").status == 422


def test_polls_of_a_house_with_an_outage_become_what_it_paid():
    """Three days round the change of the clock: 1 kW from the grid, but for two hours without it."""
    archive = new_archive(KEPT, HOUSE)
    recorder = Recorder(archive)
    start = datetime.datetime(2026, 10, 24, tzinfo=BERLIN).timestamp()
    lost = start + 30 * 3600.0
    for number in range(73 * 20 + 1):
        when = start + 180.0 * number
        away = lost <= when < lost + 7200.0
        site, battery = (0.0, 1000.0) if away else (1000.0, 0.0)
        recorder.record(reading(when, site, 0.0, battery, 1000.0, grid_status="DOWN" if away else "UP"))
    prices = tariff(flat(0.3, fixed=0.0))
    ValueDays(archive, prices).update()
    found = ask(archive, prices, start="2026-10-24", end="2026-10-26")
    assert [round(row["cost"], 3) for row in found["rows"]] == [7.2, pytest.approx(0.3 * 23, abs=0.02), 7.2]
    assert [row["outage_seconds"] for row in found["rows"]] == [0.0, pytest.approx(7200.0, abs=900.0), 0.0]
    assert found["total"]["solar_savings"] == pytest.approx(0.0, abs=1e-6)
    assert found["total"]["battery_savings"] == pytest.approx(0.0, abs=0.01)
    assert found["rows"][1]["compared_seconds"] + found["rows"][1]["outage_seconds"] == pytest.approx(25 * 3600.0)
