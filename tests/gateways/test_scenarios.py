"""The real library reads every simulated installation, and what it read is what the gateway said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pwserver.gateways.connection import GatewayConnection
from pwserver.reading import Reading
from pwserver.simulator import SCENARIOS
from pwserver.state.judge import GatewayJudge
from pwserver.state.provenance import ANSWERS, TEDAPI, constant
from tests.gateways.conftest import Open, definition_of, judged
from tests.simulator.recorded_scenarios import ALL_SCENARIOS

RECORDED = Path(__file__).parents[1] / "documents" / "recorded"
BATTERY = [name for name in SCENARIOS if name != "solar-only"]
METERS = ("site", "battery", "load", "solar")


def powers(reading: Reading) -> dict[str, Any]:
    return {name: reading.aggregates[name]["instant_power"] for name in METERS}


@pytest.mark.parametrize("scenario", sorted(ALL_SCENARIOS))
def test_every_installation_gives_a_reading(scenario: str, open_gateway: Open) -> None:
    gateway, connection = open_gateway(scenario)
    assert connection.status().state == "connecting" and not connection.status().online
    for _ in range(2):
        reading = connection.poll()
        status = connection.status()
        assert status.online and status.state == "ok" and status.error is None
        assert reading.gateway_id == "home" and status.last_updated is not None
        assert 0 <= status.last_updated - reading.timestamp < 5.0
        assert status.calls_total == gateway.requests.total == status.calls_per_minute
        assert reading.vitals_carried is False and not reading.device_ages_seconds
    assert not gateway.requests.errors


@pytest.mark.parametrize("scenario", BATTERY)
def test_meters_are_the_truth_of_one_moment(scenario: str, open_gateway: Open) -> None:
    gateway, connection = open_gateway(scenario, simulator={"speed": 0.0})
    reading, truth = connection.poll(), gateway.truth()
    found = powers(reading)
    for name in METERS:
        assert found[name] == pytest.approx(truth[name], abs=1.0)
    found_by_judge = GatewayJudge().take(reading)
    assert found_by_judge.balance_watts.value == pytest.approx(0.0, abs=1.0)
    generator = found_by_judge.meters.get("generator")
    assert (generator.watts.value if generator is not None else None) == truth.get("generator")
    assert reading.soe_raw == pytest.approx(truth["soe"], abs=0.1)
    assert reading.grid_status == "UP"


@pytest.mark.parametrize("scenario", ["powerwall2", "powerwall3", "v1r", "local", "basic-lan"])
def test_every_poll_is_fresh(scenario: str, open_gateway: Open) -> None:
    """The house changes between two polls: nothing of the second reading may come from a cache."""
    gateway, connection = open_gateway(scenario, simulator={"speed": 0.0})
    first = connection.poll()
    gateway.set_house(fixed_solar=1234.0, soe_percent=66.0)
    before = gateway.requests.total
    second = connection.poll()
    assert gateway.requests.total > before
    assert powers(second)["solar"] == pytest.approx(1234.0, abs=1.0) != powers(first)["solar"]
    assert second.soe_raw == pytest.approx(66.0, abs=0.1)
    assert second.timestamp > first.timestamp


def test_requests_of_an_ordinary_poll(open_gateway: Open) -> None:
    for scenario, expected in (("powerwall2", 2), ("powerwall3-single", 3), ("local", 4), ("basic-lan", 3)):
        gateway, connection = open_gateway(scenario)
        connection.poll()
        before = gateway.requests.total
        connection.poll()
        assert gateway.requests.total - before == expected, scenario


def test_the_budget_is_kept_and_the_meters_come_first(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall3", calls_per_minute=40, poll_interval_seconds=5)
    readings = [connection.poll() for _ in range(12)]  # a minute's polls, all at once
    assert gateway.requests.total <= 40
    assert all(reading.vitals is not None and powers(reading)["load"] is not None for reading in readings)
    assert all(set(reading.vitals or ()) == set(readings[0].vitals or ()) for reading in readings)
    assert connection.status().state == "ok"
    assert connection.status().capabilities["vitals"].failures == 0


JUDGED = ("aggregates", "system_status", "status")  # members of a template are not compared


def compare(path: list[object], expected: Any, found: Any, out: list[str]) -> None:
    if path[-1] in ("timestamp", "last_communication_time", "gateway", "pyPowerwall", "lastCommunicationTime"):
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        if not set(expected) <= set(found) or (set(found) - set(expected) and path[0] not in JUDGED):
            out.append(f"{path}: keys {sorted(set(expected) ^ set(found))}")
        for key in expected.keys() & found.keys():
            compare([*path, key], expected[key], found[key], out)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = (
            zip(sorted(expected), sorted(found), strict=True)
            if path[-1] == "alerts"
            else zip(expected, found, strict=True)
        )
        for index, (one, other) in enumerate(pairs):
            compare([*path, index], one, other, out)
    elif isinstance(expected, float) and isinstance(found, (int, float)):
        if found != pytest.approx(expected, rel=1e-6):
            out.append(f"{path}: {expected} {found}")
    elif expected != found or type(expected) is not type(found):
        out.append(f"{path}: {expected!r} {found!r}")


def told(name: str, path: str, recorded: Any) -> Any:
    """A recorded member of a reading without what the library fills from its templates."""
    if not isinstance(recorded, dict) or name not in ANSWERS:
        return recorded
    members = {member: f"{path}.{member}".removeprefix(".") for member in recorded}
    return {
        member: told(name, members[member], value)
        for member, value in recorded.items()
        if constant(TEDAPI, ANSWERS[name], members[member]) is None
    }


@pytest.mark.parametrize(("scenario", "folder"), [("recorded", ""), ("recorded-local", "local-mode")])
def test_the_predecessors_data_field_by_field(scenario: str, folder: str, open_gateway: Open) -> None:
    file = RECORDED / folder / "pypowerwall-server-0.13.0.json"
    recorded = json.loads(file.read_text())["/api/gateways/default"]["body"]["data"]
    _, connection = open_gateway(scenario)
    reading = judged(GatewayJudge(), connection.poll())
    differences: list[str] = []
    # Never filled by the predecessor, or not part of a reading.
    ours = {"soe", "freq", "timestamp", "solar_powerwall", "meters", "solars", "device_type"}
    if scenario == "recorded":
        ours |= {"powerwalls", "meters_site"}  # the library's samples
        recorded = {name: told(name, "", value) for name, value in recorded.items()}
    for name, value in recorded.items():
        if name not in ours and not (scenario == "recorded-local" and name == "soe_raw"):
            compare([name], value, getattr(reading, name), differences)
    assert not differences


def test_samples_of_the_library_are_not_taken_for_truth(open_gateway: Open) -> None:
    reading = open_gateway("powerwall2")[1].poll()
    assert reading.meters is None and reading.solars is None and reading.networks is None
    assert reading.meters_solar is None and reading.tariff is None and reading.solar_powerwall is None


def test_the_local_api_fills_what_only_it_has(open_gateway: Open) -> None:
    reading = open_gateway("local")[1].poll()
    for name in ("meters", "meters_site", "meters_solar", "solars", "networks", "powerwalls", "solar_powerwall",
                 "system_status", "operation", "vitals", "uptime", "device_type"):  # fmt: skip
        assert getattr(reading, name), name
    assert reading.connection_mode == "Local" and reading.tedapi_mode is None
    newer = open_gateway("local-new")[1]
    reading = newer.poll()
    assert reading.vitals is None and reading.strings and newer.status().state == "ok"


def test_basic_lan_is_recognised_and_tested_again(open_gateway: Open) -> None:
    gateway, connection = open_gateway("basic-lan")
    reading = connection.poll()
    assert reading.connection_mode == "Basic LAN" and connection.identity.basic_lan
    assert reading.vitals is None and reading.operation is None and reading.soe_raw is not None
    asked = gateway.requests.by_path["GET /api/status"]
    connection.poll()
    assert gateway.requests.by_path["GET /api/status"] == asked
    connection._basic_lan_due = 1.0
    connection.poll()
    connection.poll()
    assert gateway.requests.by_path["GET /api/status"] == asked + 1 and connection.identity.basic_lan


def test_a_local_gateway_whose_first_test_failed_becomes_whole(open_gateway: Open) -> None:
    gateway, connection = open_gateway("local")
    gateway.fault("status", status=404, path="/api/status")
    assert connection.poll().connection_mode == "Basic LAN"
    gateway.fault("none")
    connection._basic_lan_due = 1.0
    connection.poll()
    reading = connection.poll()
    assert reading.connection_mode == "Local" and reading.vitals and not connection.identity.basic_lan


def test_v1r_reaches_the_followers_over_wifi_only(open_gateway: Open) -> None:
    gateway, wired = open_gateway("v1r")
    reading = wired.poll()
    assert reading.tedapi_mode == "v1r" and reading.connection_mode == "TEDAPI v1r" and reading.backup_events
    assert len([name for name in reading.vitals or () if name.startswith("TEPINV--")]) == 1
    definition = definition_of("v1r", gateway, wifi_host=gateway.address)
    both = GatewayConnection(definition, wired.options)
    try:
        assert len([name for name in both.poll().vitals or () if name.startswith("TEPINV--")]) == 3
    finally:
        both.close()


INVENTED = (
    "frequency",
    "instant_reactive_power",
    "instant_apparent_power",
    "i_a_current",
    "i_b_current",
    "i_c_current",
)


@pytest.mark.parametrize("scenario", ["powerwall2", "powerwall3", "solar-only", "v1r"])
def test_a_template_of_the_library_is_no_measurement(scenario: str, open_gateway: Open) -> None:
    """Frequency, var, VA and currents over TEDAPI: what a device measures, else null; nowhere the template's 0."""
    _, connection = open_gateway(scenario)
    meters = judged(GatewayJudge(), connection.poll()).aggregates
    for name, meter in meters.items():
        assert all(meter[member] is None or meter[member] != 0 for member in INVENTED if member[:2] != "i_"), name
        assert meter["timeout"] is None and meter["last_phase_power_communication_time"] is None
    assert [meters["load"][member] for member in INVENTED[1:]] == [None] * 5
    if scenario != "solar-only":
        assert [meter["frequency"] for meter in meters.values()] == [60.0] * 4
        assert meters["site"]["instant_reactive_power"] == (-128.0 if scenario == "powerwall2" else -40.0)
