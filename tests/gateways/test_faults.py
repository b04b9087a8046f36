"""Whatever is wrong with a gateway: one classified failure, in bounded time, few requests, and back again."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest

from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import CAUSES, GatewayFailure
from pwserver.reading import Reading
from pwserver.simulator import SimulatedGateway
from pwserver.state.judge import GatewayJudge
from tests.gateways.conftest import Open, definition_of, free, judged

FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "unplugged": ({"kind": "unplugged"}, "unreachable"),
    "reset": ({"kind": "reset"}, "unreachable"),
    "deaf": ({"kind": "deaf"}, "timeout"),
    "silent": ({"kind": "silent"}, "timeout"),
    "drip": ({"kind": "drip", "seconds": 0.5}, "timeout"),
    "slow": ({"kind": "slow", "seconds": 20.0}, "timeout"),
    "401": ({"kind": "status", "status": 401}, "auth"),
    "403": ({"kind": "status", "status": 403}, "auth"),
    "404": ({"kind": "status", "status": 404}, "http-error"),
    "429": ({"kind": "status", "status": 429, "retry_after_seconds": 40}, "rate-limit"),
    "500": ({"kind": "status", "status": 500}, "http-error"),
    "503": ({"kind": "status", "status": 503}, "http-error"),
    "garbage-protobuf": ({"kind": "garbage-protobuf"}, "garbage"),
    "garbage-json": ({"kind": "garbage-json"}, "garbage"),
}


def outcome(connection: GatewayConnection, patience: float = 20.0) -> Reading | GatewayFailure:
    """One poll in a thread of its own; fails the test when it does not come back."""
    found: list[Reading | GatewayFailure] = []

    def work() -> None:
        try:
            found.append(connection.poll())
        except GatewayFailure as failure:
            found.append(failure)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(patience)
    assert found, "the poll did not come back, or raised something else"
    return found[0]


# In local mode only the vitals are protobuf: see test_optional_families_fail_alone.
RUNNING_FAULTS = [
    (name, scenario)
    for name in sorted(FAULTS)
    for scenario in ("powerwall2", "local", "v1r")
    if (name, scenario) != ("garbage-protobuf", "local")
]


@pytest.mark.parametrize(("name", "scenario"), RUNNING_FAULTS)
def test_fault_in_a_running_gateway(name: str, scenario: str, open_gateway: Open) -> None:
    fault, cause = FAULTS[name]
    gateway, connection = open_gateway(scenario)
    good = connection.poll()
    sent = connection.limiter.calls_total
    gateway.fault(**fault)
    failure = outcome(connection)
    assert isinstance(failure, GatewayFailure) and failure.cause == cause
    status = connection.status()
    assert not status.online and status.stale and status.last_updated is not None
    assert status.cause == cause and status.error == failure.message and status.state == "backing-off"
    assert status.last_updated < good.timestamp + 5 and status.next_attempt is not None
    assert connection.limiter.calls_total - sent <= 3  # the request, a re-login, the request again
    assert failure.retry_after_seconds == (40.0 if name == "429" else None)
    gateway.fault("none")
    free(connection)
    assert isinstance(outcome(connection), Reading)
    assert connection.status().online and connection.status().consecutive_failures == 0


@pytest.mark.parametrize("scenario", ["powerwall2", "local", "v1r"])
@pytest.mark.parametrize("name", ["unplugged", "deaf", "silent", "drip", "reset", "401", "429", "503", "garbage-json"])
def test_fault_before_the_first_connection(name: str, scenario: str, open_gateway: Open) -> None:
    fault, cause = FAULTS[name]
    gateway, connection = open_gateway(scenario)
    gateway.fault(**fault)
    failure = outcome(connection)
    assert isinstance(failure, GatewayFailure) and failure.cause == cause
    assert connection.status().last_updated is None and not connection.status().stale
    assert connection.limiter.calls_total <= 4
    gateway.fault("none")
    free(connection)
    assert isinstance(outcome(connection), Reading)


def test_after_a_429_nothing_is_sent_before_its_time(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    connection.poll()
    gateway.fault("status", status=429, retry_after_seconds=280)
    assert isinstance(outcome(connection), GatewayFailure)
    gateway.fault("none")
    sent = gateway.requests.total
    for _ in range(5):
        failure = outcome(connection)
        assert isinstance(failure, GatewayFailure) and failure.cause == "rate-limit"
        assert failure.retry_after_seconds is not None and failure.retry_after_seconds > 200
    connection.release()  # not even the owner's reset
    assert isinstance(outcome(connection), GatewayFailure)
    assert gateway.requests.total == sent
    assert connection.status().total_failures == 1  # asking in vain is no further failure


def test_a_429_on_an_optional_query_keeps_the_reading_and_the_promise(open_gateway: Open) -> None:
    gateway, connection = open_gateway("local")
    gateway.fault("status", status=429, retry_after_seconds=60, path="/api/networks")
    reading = connection.poll()
    assert reading.aggregates["site"]["instant_power"] is not None and reading.networks is None
    assert connection.status().state == "degraded" and connection.status().next_attempt is not None
    sent = gateway.requests.total
    assert isinstance(outcome(connection), GatewayFailure)
    assert gateway.requests.total == sent


def test_a_wrong_password_is_tried_twice_and_then_left_alone(open_gateway: Open) -> None:
    for scenario in ("powerwall2", "local"):
        gateway, right = open_gateway(scenario)
        wrong = definition_of(
            scenario, gateway, **({"gw_pwd": "WRONGWRONG"} if scenario == "powerwall2" else {"password": "WRONG"})
        )
        gateway.fault("status", status=401)
        connection = GatewayConnection(wrong, right.options)
        try:
            assert isinstance(outcome(connection), GatewayFailure)
            assert connection.status().state == "backing-off"
            connection.health.next_attempt = 0.0
            assert isinstance(outcome(connection), GatewayFailure)
            status = connection.status()
            assert status.state == "auth-failed" and status.backoff_seconds == 1800
            sent = gateway.requests.total
            assert sent <= 6
            failure = outcome(connection)
            assert isinstance(failure, GatewayFailure) and failure.cause == "auth"
            assert gateway.requests.total == sent
        finally:
            connection.close()


def test_an_expired_session_is_renewed_within_the_poll(open_gateway: Open) -> None:
    for scenario, path in (("local", "/api/meters/aggregates"), ("v1r", "/tedapi/v1r")):
        gateway, connection = open_gateway(scenario)
        connection.poll()
        gateway.fault("status", status=401, path=path, times=1)
        assert isinstance(outcome(connection), Reading), scenario
        assert connection.status().total_failures == 0


@pytest.mark.parametrize("scenario", ["powerwall2", "powerwall3", "powerwall3-single", "v1r", "solar-only"])
def test_null_strings_lose_the_strings_and_nothing_else(scenario: str, open_gateway: Open) -> None:
    gateway, connection = open_gateway(scenario, simulator={"speed": 0.0})
    whole = connection.poll()
    gateway.fault("null-strings")
    holed = connection.poll()
    assert set(holed.vitals or ()) == set(whole.vitals or ())
    assert holed.aggregates["solar"]["instant_power"] == whole.aggregates["solar"]["instant_power"]
    assert holed.temps == whole.temps and holed.alerts == whole.alerts
    assert holed.strings is not None and set(holed.strings) == set(whole.strings or ())
    for name, values in holed.strings.items():
        assert {values.get("Voltage"), values.get("Current"), values.get("Power")} == {None}, (name, values)


@pytest.mark.parametrize("kind", ["absent", "null"])
@pytest.mark.parametrize("scenario", ["powerwall2", "powerwall3", "v1r", "local", "solar-only", "basic-lan"])
def test_what_is_missing_is_none_and_never_zero(scenario: str, kind: str, open_gateway: Open) -> None:
    gateway, connection = open_gateway(scenario, simulator={"speed": 0.0})
    judge = GatewayJudge()
    whole = judged(judge, connection.poll())
    gateway.fault(kind)
    holed = judged(judge, connection.poll())
    assert holed.soe_raw in (None, whole.soe_raw) and holed.grid_status in (None, whole.grid_status)
    assert holed.reserve in (None, whole.reserve) and holed.time_remaining in (None, whole.time_remaining)
    for name, meter in whole.aggregates.items():
        assert holed.aggregates[name]["instant_power"] == meter["instant_power"]
        for field in ("energy_imported", "energy_exported"):
            assert holed.aggregates[name][field] == meter[field]


@pytest.mark.parametrize("fields", [("control.meterAggregates",), ("control",)])
def test_a_status_without_meters_is_a_failure_not_zeros(fields: tuple[str, ...], open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    connection.poll()
    gateway.fault("null", fields=fields)
    failure = outcome(connection)
    assert isinstance(failure, GatewayFailure) and failure.cause == "no-data"


def test_a_follower_that_falls_silent_keeps_its_keys(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall3", cache_ttl_seconds=30)
    whole = connection.poll()
    inverters = [name for name in whole.vitals or () if name.startswith("TEPINV--")]
    assert len(inverters) == 3
    gateway.fault("follower-gone", unit=1)
    holed = connection.poll()
    assert set(holed.vitals or ()) == set(whole.vitals or ()) and holed.vitals_carried
    gone = inverters[1]
    assert gone in holed.device_ages_seconds and inverters[0] not in holed.device_ages_seconds
    assert (holed.vitals or {})[gone] == (whole.vitals or {})[gone]
    assert list(holed.temps or ()) == list(whole.temps or ())
    before, after = whole.system_status or {}, holed.system_status or {}
    assert [b["PackageSerialNumber"] for b in after["battery_blocks"]] == [
        b["PackageSerialNumber"] for b in before["battery_blocks"]
    ]
    gateway.fault("none")
    back = connection.poll()
    assert not back.device_ages_seconds and not back.vitals_carried


def test_optional_families_fail_alone(open_gateway: Open) -> None:
    gateway, connection = open_gateway("local")
    whole = connection.poll()
    gateway.fault("garbage-protobuf")
    holed = connection.poll()
    assert whole.vitals and holed.vitals is None
    assert holed.aggregates["site"]["instant_power"] is not None and holed.soe_raw is not None
    connection.poll()
    assert connection.status().state == "degraded"
    assert connection.status().capabilities["vitals"].available is False
    gateway.fault("none")
    connection.memory.schedule.ask_again("/api/devices/vitals")
    assert connection.poll().vitals and connection.status().state == "ok"


def test_energies_survive_the_loss_of_their_source(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    judge = GatewayJudge()
    first = judged(judge, connection.poll())
    assert first.aggregates["site"]["energy_imported"] > 0
    gateway.fault("status", status=404, path="/api/")
    connection.memory.schedule.ask_again("energies")
    second = judged(judge, connection.poll())
    for name, meter in first.aggregates.items():
        assert second.aggregates[name]["energy_imported"] == meter["energy_imported"]
    never = open_gateway("powerwall2")
    never[0].fault("status", status=404, path="/api/")
    assert never[1].poll().aggregates["site"]["energy_imported"] is None


def test_an_unreachable_gateway_is_seen_again_without_waiting(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    connection.poll()
    gateway.fault("unplugged")
    for _ in range(3):
        connection.health.next_attempt = 0.0
        outcome(connection)
    assert connection.health.next_attempt - connection.health.hold_until > 0
    failures, sent = connection.status().total_failures, connection.limiter.calls_total
    assert isinstance(outcome(connection), GatewayFailure)  # a bare look at the port: no request, no further failure
    assert (connection.status().total_failures, connection.limiter.calls_total) == (failures, sent)
    gateway.fault("none")
    assert isinstance(outcome(connection), Reading)


def test_flapping_leaves_no_trace(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2", calls_per_minute=600)
    connection.poll()
    threads = threading.active_count()
    for round_ in range(1, 10):
        gateway.fault("none" if round_ % 2 == 0 else "reset")
        free(connection)
        found = outcome(connection)
        assert isinstance(found, Reading if round_ % 2 == 0 else GatewayFailure)
        assert connection.status().online is (round_ % 2 == 0)
    assert threading.active_count() <= threads + 1
    assert connection.status().total_successes == 5


def test_nothing_but_classified_failures_leaves_the_room(open_gateway: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    _, connection = open_gateway("powerwall2")
    connection.poll()

    def broken() -> Reading:
        raise ZeroDivisionError("SIMULATED1")

    monkeypatch.setattr(connection._collector, "collect", broken)
    failure = outcome(connection)
    assert isinstance(failure, GatewayFailure) and failure.cause in CAUSES and "SIMULATED1" not in failure.message


def test_no_secret_in_what_is_said(open_gateway: Open, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for scenario in ("powerwall2", "local", "v1r"):
        gateway, right = open_gateway(scenario)
        definition = definition_of(scenario, gateway, email="canary@example.com")
        connection = GatewayConnection(definition, right.options)
        try:
            for name in ("garbage-json", "401", "reset"):
                gateway.fault(**FAULTS[name][0])
                free(connection)
                said += [repr(outcome(connection)), repr(connection.status()), repr(connection.identity)]
        finally:
            connection.close()
    text = "\n".join([*said, *(record.getMessage() for record in caplog.records)])
    assert said and caplog.records
    for secret in ("SIMULATED1", "ATED1", "canary@example.com"):
        assert secret not in text


def test_unusable_settings_are_a_failure_too(open_gateway: Open) -> None:
    gateway, right = open_gateway("powerwall2")
    for changes, cause in (
        ({"host": "not a/host!"}, "settings"),
        ({"rsa_key_path": "/nowhere/key.pem"}, "settings"),
        ({"host": None, "gw_pwd": None, "email": "a@b.example"}, "login-missing"),
    ):
        connection = GatewayConnection(definition_of("powerwall2", gateway, **changes), right.options)
        try:
            failure = outcome(connection)
            assert isinstance(failure, GatewayFailure) and failure.cause == cause, changes
            assert connection.limiter.calls_total == 0
        finally:
            connection.close()


def test_closing_is_final(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    connection.poll()
    connection.close()
    sent = gateway.requests.total
    assert isinstance(outcome(connection), GatewayFailure)
    assert gateway.requests.total == sent


def test_a_stored_login_is_used_again_and_thrown_away_when_refused(open_gateway: Open) -> None:
    gateway, first = open_gateway("local")
    first.poll()
    second = GatewayConnection(first.definition, first.options)
    try:
        logins = gateway.requests.by_path["POST /api/login/Basic"]
        second.poll()
        assert gateway.requests.by_path["POST /api/login/Basic"] == logins
        gateway.fault("status", status=401)
        assert isinstance(outcome(second), GatewayFailure)
        assert not Path(first.options.cachefile).exists()
        gateway.fault("none")
        free(second)
        assert isinstance(outcome(second), Reading)
    finally:
        second.close()


def test_a_gateway_that_was_replaced_is_not_mixed_with_its_successor(open_gateway: Open) -> None:
    old, connection = open_gateway("powerwall2")
    before = connection.poll()
    port = int(old.address.rpartition(":")[2])
    old.stop()
    for _ in range(5):
        free(connection)
        with pytest.raises(GatewayFailure):
            connection.poll()
    with SimulatedGateway("powerwall3", port=port, hour=11.5):
        free(connection)
        after = connection.poll()
    assert before.din != after.din
    assert after.pw3 is True
    assert before.vitals and after.vitals
    assert {name for name in before.vitals if name.startswith("TEPOD")}.isdisjoint(after.vitals)
    assert before.tedapi_config and after.tedapi_config
    assert before.tedapi_config["vin"] != after.tedapi_config["vin"]


def test_a_contactor_of_which_nothing_is_known_is_no_outage(open_gateway: Open) -> None:
    """Without the alert that the grid is there, the library takes every word but one for an open contactor."""
    gateway, connection = open_gateway("powerwall2")

    def changed(word: str) -> None:
        def alter(document: Any) -> Any:
            if "esCan" in document:
                document["control"]["alerts"]["active"] = []
                document["esCan"]["bus"]["ISLANDER"]["ISLAND_GridConnection"]["ISLAND_GridConnected"] = word
            return document

        gateway.device.alter = alter

    for word, state, told in (
        ("ISLAND_GridConnected_SNA", None, None),
        ("ISLAND_GridConnected_Disconnected", "DOWN", "SystemIslandedActive"),
        ("ISLAND_GridConnected_Connected", "UP", "SystemGridConnected"),
    ):
        changed(word)
        reading = connection.poll()
        assert reading.grid_status == state and reading.system_status is not None
        assert reading.system_status["system_island_state"] == told
