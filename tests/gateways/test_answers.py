"""Every judged value names the request it was read from, and when that very answer arrived."""

from __future__ import annotations

import time
from typing import Any

import pytest

from pwserver.reading import Reading
from pwserver.simulator import SCENARIOS
from pwserver.state.fact import Fact
from pwserver.state.figures import house_figures
from pwserver.state.judge import GatewayJudge
from tests.gateways.conftest import Open

COMPONENTS, CONTROLLER = "TEDAPI components of each Powerwall", "TEDAPI device controller"
NAMES: dict[str, dict[str, str]] = {
    "powerwall3": {
        "home_watts": "TEDAPI status",
        "charge_percent": "TEDAPI status",
        "reserve_percent": "TEDAPI config",
        "grid_state": "TEDAPI status",
        "capacity_wh": "TEDAPI status",
        "units.1.remaining_wh": COMPONENTS,
        "strings.A.watts": COMPONENTS,
        "hours_left": "TEDAPI status",
    },
    "powerwall2": {
        "home_watts": "TEDAPI status",
        "units.1.capacity_wh": CONTROLLER,
        "mode": "TEDAPI config",
    },
    "v1r": {
        "home_watts": "TEDAPI status",
        "meters.grid.imported_wh": "GET /api/meters/aggregates",
    },
    "local": {
        "home_watts": "GET /api/meters/aggregates",
        "charge_percent": "GET /api/system_status/soe",
        "grid_state": "GET /api/system_status/grid_status",
        "capacity_wh": "GET /api/system_status",
        "units.1.remaining_wh": "GET /api/system_status",
        "mode": "GET /api/operation",
        "hours_left": "GET /api/system_status",
    },
    "basic-lan": {
        "home_watts": "GET /api/meters/aggregates",
        "charge_percent": "GET /api/system_status/soe",
        "grid_state": "GET /api/system_status/grid_status",
    },
}


def facts_of(reading: Reading) -> dict[str, Fact[Any]]:
    return house_figures(GatewayJudge().take(reading))


def told(facts: dict[str, Fact[Any]]) -> dict[str, Fact[Any]]:
    return {path: fact for path, fact in facts.items() if fact.value is not None}


@pytest.mark.parametrize("scenario", sorted(SCENARIOS))
def test_everything_names_a_request_that_was_made(scenario: str, open_gateway: Open) -> None:
    _, connection = open_gateway(scenario)
    before, judge = time.time(), GatewayJudge()
    paths: set[str] = set()
    for _ in range(2):
        judged = judge.take(connection.poll())
        paths |= {exchange.path for exchange in connection.limiter.exchanges if exchange.cause is None}
    facts = told(house_figures(judged))
    assert len(facts) >= 10
    for path, fact in facts.items():
        assert fact.answer.startswith(("GET /api/", "TEDAPI ")), (path, fact.answer)
        assert fact.at is not None and before <= fact.at <= time.time(), path
        if fact.answer.startswith("GET "):
            assert fact.answer.removeprefix("GET ") in paths, path
    assert {path: facts[path].answer for path in NAMES.get(scenario, {})} == NAMES.get(scenario, {})


def test_what_is_asked_slowly_keeps_the_time_of_its_own_answer(open_gateway: Open) -> None:
    for scenario, fast, slow in (("powerwall2", "home_watts", "mode"), ("local", "charge_percent", "mode")):
        _, connection = open_gateway(scenario)
        first, second = (facts_of(connection.poll()) for _ in range(2))
        assert (second[fast].at or 0.0) > (first[fast].at or 0.0)
        assert second[slow].at == first[slow].at, "it was asked again though it is not due"


def test_an_answer_that_did_not_come_is_not_named(open_gateway: Open) -> None:
    """The status answer stands in for the device controller: that is what the devices are read from then."""
    _, connection = open_gateway("powerwall2")
    connection.poll()
    source = connection._collector.source  # type: ignore[union-attr]
    source.prefetched._original["get_device_controller"] = lambda **_more: None
    facts = told(facts_of(connection.poll()))
    assert {fact.answer for path, fact in facts.items() if path.startswith("units.")} <= {"TEDAPI status"}
