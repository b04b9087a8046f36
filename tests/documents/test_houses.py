"""The condensed document for a list of many houses: small, complete, the same facts as the site document."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pwserver.documents import houses, site_documents
from pwserver.documents.catalogue import CATALOGUE
from pwserver.documents.encode import gzip_twin, to_json
from pwserver.state.condition import CONDITIONS
from pwserver.state.judge import GatewayJudge
from pwserver.state.today import TodayEnergies
from pwserver.state.view import View
from tests.documents.factory import powerwall3_view, site_of, without_reading
from tests.documents.test_catalogue import schema_errors
from tests.documents.test_condition import STATES, house

DOCUMENT = next(row for row in CATALOGUE if row.target == "/api/houses")
MANY = 1000
BYTES_PER_HOUSE = 90  # of the packed document: at 15 kB a second a thousand come every six seconds


def rows(*views: View) -> list[dict[str, Any]]:
    body = houses.houses(site_of(*views))
    assert schema_errors(DOCUMENT, body) == []
    found: list[dict[str, Any]] = body["houses"]
    return found


@pytest.mark.parametrize("word", CONDITIONS)
def test_every_condition_has_its_row_and_its_rank(word: str) -> None:
    (row,) = rows(STATES[word])
    page = site_documents.gateway_document(STATES[word])
    assert (row["condition"], row["rank"]) == (word, CONDITIONS.index(word))
    for name in ("sentence", "advice", "worst_alert", "weak_strings", "grid_state"):
        assert row.get(name) == page.get(name), name
    watts = page["solar_watts"]
    assert row["solar_watts"] == (None if watts is None else round(watts))


def test_a_house_that_is_away_keeps_its_last_known_figures_marked_as_old() -> None:
    view = house()
    last = GatewayJudge().take(view.reading)
    (row,) = rows(replace(without_reading(view), last=last))
    assert row["old"] is True and row["home_watts"] is not None and row["charge_percent"] is not None
    assert row["hours_left"] is None, "nobody knows how long an old charge lasts"
    (never,) = rows(without_reading(house()))
    assert never["old"] is False and never["home_watts"] is None


def test_a_generator_that_runs_is_in_the_row_of_its_house() -> None:
    view = house("a")
    assert view.reading is not None
    more = {"generator": {"instant_power": 3000.4}, "busway": {"instant_power": 0.0}}
    runs, rests = rows(house("a", aggregates={**view.reading.aggregates, **more}), house("b"))
    assert runs["further_watts"] == {"generator": 3000} and "further_watts" not in rests


def test_today_is_null_until_something_was_recorded() -> None:
    energies = TodayEnergies("2026-11-26", 5432.1, 1234.6, 0.0, None, 87.25)
    first, second = rows(replace(house("a"), today=energies), house("b"))
    assert first["today"] == {
        "solar_wh": 5432, "home_wh": 1235, "imported_wh": 0, "exported_wh": None, "own_percent": 87.2
    }  # fmt: skip
    assert second["today"] is None


def test_after_the_poller_has_stopped_every_row_says_so() -> None:
    body = houses.houses_without_poller(site_of(house("a"), house("b")))
    assert body["well"] == 0
    assert {row["condition"] for row in body["houses"]} == {"away"} and all(row["sentence"] for row in body["houses"])


def test_a_thousand_houses_are_small() -> None:
    views = []
    for number in range(MANY):
        energies = TodayEnergies("2026-11-26", 9.7 * number, 11.3 * number, 3.1 * number, 7.9 * number, number / 10)
        view = powerwall3_view(f"house-{number:04}", 1, soe_raw=number / 10)
        views.append(replace(view, today=energies))
    packed = gzip_twin(to_json(houses.houses(site_of(*views))))
    assert packed is not None and len(packed) < MANY * BYTES_PER_HOUSE
