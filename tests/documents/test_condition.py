"""Is all well? The one word for each house, and which of them is in trouble, in the site document and in /health."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pwserver.causes import CAUSE_BY_ID, POLLER
from pwserver.documents import site_documents, status
from pwserver.reading import Reading
from pwserver.state.condition import ALL_WELL, CONDITIONS, NO_TROUBLE
from pwserver.state.daily_findings import DailyFindings
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge
from pwserver.state.view import View
from tests.documents.factory import NOW, powerwall3_view, site_of, stale, without_reading
from tests.documents.test_house import waiting

OFF_GRID: dict[str, Any] = {"grid_status": "DOWN", "grid_status_detail": {"grid_status": "SystemIslandedActive"}}
SYNCING: dict[str, Any] = {"grid_status": "SYNCING", "grid_status_detail": {"grid_status": "SystemTransitionToGrid"}}


def house(name: str = "home", **changes: Any) -> View:
    view = powerwall3_view(name, 1)
    assert view.reading is not None
    return replace(view, reading=replace(view.reading, **{"alerts": [], **changes}))


def with_weak_string(view: View) -> View:
    memory = GatewayMemory()
    memory.daily = DailyFindings(weak={"A": True})
    judged = GatewayJudge(memory).take(view.reading)
    return replace(view, reading=judged.reading, judged=judged)


def too_strong(view: View) -> View:
    assert view.reading is not None
    meters = {**view.reading.aggregates, "load": {"instant_power": 5e6}}
    return replace(view, reading=replace(view.reading, aggregates=meters))


STATES = {
    "away": without_reading(house()),
    "off-grid": house(**OFF_GRID),
    "serious-alert": house(alerts=["SystemConnectedToGrid", "BatteryFault"]),
    "implausible": too_strong(house()),
    "stale": stale(house()),
    "warning-alert": house(alerts=["PodCommissionTime", "POD_w017"]),
    "weak-string": with_weak_string(house()),
    "syncing": house(**SYNCING),
    "waiting": waiting(house()),
    "unrefuted": house(alerts=None),
    "well": house(),
}


def told(view: View) -> dict[str, Any]:
    return site_documents.gateway_document(view)


def health(*views: View, **live: Any) -> dict[str, Any]:
    return status.health(status.site_facts(site_of(*views)), {"now": NOW, **live})  # type: ignore[typeddict-item]


@pytest.mark.parametrize("word", CONDITIONS)
def test_every_condition_is_told_by_page_and_health_alike(word: str) -> None:
    view = STATES[word]
    assert told(view)["condition"] == word
    body = health(view)
    assert body["gateway_details"][0]["condition"] == word
    assert body["gateways_well"] == (word in ALL_WELL)
    assert body["gateway_details"][0]["advice"] == told(view).get("advice")
    site = site_documents.site_document(site_of(view))
    assert site["gateways"][0]["condition"] == site["site"]["condition"] == word
    assert site["site"]["troubled"] == ([] if word in NO_TROUBLE else ["home"])


def test_of_many_houses_those_in_trouble_are_named_the_worst_first() -> None:
    views = [replace(view, gateway=replace(view.gateway, id=word)) for word, view in reversed(STATES.items())]
    site = site_documents.site_document(site_of(*views))["site"]
    assert site["troubled"] == [word for word in CONDITIONS if word not in NO_TROUBLE]
    assert (site["well"], site["gateways"], site["condition"]) == (2, len(CONDITIONS), "away")
    assert health(*views)["gateways_well"] == 2


def test_what_belongs_to_the_word_is_beside_it() -> None:
    serious = told(STATES["serious-alert"])
    assert serious["worst_alert"] == {"name": "BatteryFault", "meaning": "At least one Powerwall has a fault."}
    assert told(STATES["weak-string"])["weak_strings"] == ["A"]
    assert "beyond" in told(STATES["implausible"])["implausible"]
    for member in ("worst_alert", "weak_strings", "implausible"):
        assert member not in told(STATES["well"])


def test_a_figure_that_is_missing_has_its_reason() -> None:
    assert "not_known" not in told(house())
    assert "not_known" not in told(without_reading(house())), "one that is away says so once"
    blind = told(house(grid_status=None, grid_status_detail=None, alerts=None, time_remaining=None))["not_known"]
    assert blind == {"grid_state": "not-told", "alerts": "not-told", "hours_left": "not-told"}
    view = house(time_remaining=None)
    assert view.reading is not None
    idle = {**view.reading.aggregates, "load": {"instant_power": 0.0}}
    assert told(replace(view, reading=replace(view.reading, aggregates=idle)))["not_known"] == {"hours_left": "no-use"}


def test_a_house_without_a_battery_is_well_without_a_backup() -> None:
    meters = {name: {"instant_power": watts} for name, watts in (("site", 300.0), ("load", 800.0), ("solar", 500.0))}
    sunny = Reading.partial("home", NOW, meters, grid_status="UP", alerts=[])
    found = told(replace(house(), reading=sunny))
    assert found["has_battery"] is False
    assert found["not_known"] == dict.fromkeys(("hours_left", "charge_percent", "reserve_percent"), "no-battery")
    assert found["condition"] == "well"


def test_the_shortest_backup_names_its_house() -> None:
    def lasting(name: str, hours: float | None) -> View:
        return house(name, time_remaining=hours)

    def shortest(*views: View) -> Any:
        return site_documents.site_document(site_of(*views))["site"]["shortest_backup"]

    assert shortest(lasting("a", 9.0), lasting("b", 2.5), lasting("c", None)) == {"id": "b", "hours_left": 2.5}
    assert shortest(lasting("a", 9.0), without_reading(lasting("b", 2.5))) == {"id": "a", "hours_left": 9}
    assert shortest(lasting("a", None)) is None


def test_after_the_poller_has_stopped_no_house_is_well_and_everybody_says_why() -> None:
    view = house()
    body = health(view, poller_alive=False)
    entry = body["gateway_details"][0]
    page = site_documents.gateway_document_without_poller(view)
    cause = CAUSE_BY_ID[POLLER]
    assert (entry["cause"], entry["error"], entry["advice"]) == (cause.id, cause.sentence, cause.advice)
    assert (page["cause"], page["sentence"], page["advice"]) == (cause.id, cause.sentence, cause.advice)
    assert entry["condition"] == page["condition"] == "away" and body["gateways_well"] == 0
