"""A unit that falls silent keeps its place, its age, and then its name only."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypowerwall.local import pypowerwall_local
from pypowerwall.tedapi import TEDAPI

from pwserver.config.gateway_definition import GatewayOptions
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.device_memory import DeviceMemory, listed_serials, listed_units
from pwserver.modes import Reach
from pwserver.simulator import SCENARIOS, SimulatedGateway
from pwserver.state.judge import GatewayJudge
from pwserver_ext.vitals import frequency
from tests.gateways.conftest import Open, definition_of

CONFIG = {
    "battery_blocks": [
        {"vin": "1707000-11-J--LEAD"},
        {"vin": "1707000-11-J--FOLLOW", "battery_expansions": [{"din": "1807000-20-B--PACK"}]},
    ]
}


def poll(*serials: str, value: float = 1.0) -> dict:
    found: dict = {"VITALS": {"text": "x"}, "STSTSM--g--GATE": {"alerts": []}}
    for serial in serials:
        part = "1807000-20-B" if serial == "PACK" else "1707000-11-J"
        if serial != "PACK":
            found[f"TEPINV--{part}--{serial}"] = {"PINV_Fout": value, "serialNumber": serial, "alerts": ["a"]}
        found[f"TEPOD--{part}--{serial}"] = {"POD_x": value}
    return found


def blocks(*serials: str) -> dict:
    return {"battery_blocks": [{"PackageSerialNumber": serial, "p_out": 1.0} for serial in serials], "score": 1}


def test_the_configured_units() -> None:
    assert listed_serials(CONFIG) == {"LEAD", "FOLLOW", "PACK"} and listed_units(CONFIG) == 2
    assert listed_serials(None) == frozenset() and listed_units({"battery_blocks": None}) == 0


def test_a_silent_follower_is_carried_then_emptied_and_comes_back() -> None:
    guard = DeviceMemory(30.0)
    everything = poll("LEAD", "FOLLOW", "PACK")
    whole = guard.apply(everything, blocks("LEAD", "FOLLOW", "PACK"), None, CONFIG, 0.0)
    assert whole.vitals == everything and not whole.carried and whole.ages_seconds == {}
    order = list(everything)
    for number, tick in enumerate((5.0, 10.0, 15.0, 20.0)):
        found = guard.apply(poll("LEAD", value=2.0), blocks("LEAD"), None, CONFIG, tick)
        assert found.vitals is not None and list(found.vitals) == order
        assert found.vitals["TEPINV--1707000-11-J--LEAD"]["PINV_Fout"] == 2.0
        assert found.vitals["TEPINV--1707000-11-J--FOLLOW"]["PINV_Fout"] == 1.0
        assert found.ages_seconds["TEPINV--1707000-11-J--FOLLOW"] == tick
        assert "TEPINV--1707000-11-J--LEAD" not in found.ages_seconds
        assert found.carried is (number < 3)
        assert found.system_status is not None
        assert [b["PackageSerialNumber"] for b in found.system_status["battery_blocks"]] == ["LEAD", "FOLLOW", "PACK"]
    late = guard.apply(poll("LEAD"), blocks("LEAD"), None, CONFIG, 40.0)
    assert late.vitals is not None and list(late.vitals) == order
    assert late.vitals["TEPINV--1707000-11-J--FOLLOW"] == {"PINV_Fout": None, "serialNumber": "FOLLOW", "alerts": []}
    assert late.system_status is not None
    assert late.system_status["battery_blocks"][1] == {"PackageSerialNumber": "FOLLOW", "p_out": None}
    back = guard.apply(everything, blocks("LEAD", "FOLLOW", "PACK"), None, CONFIG, 45.0)
    assert back.vitals == everything and back.ages_seconds == {} and not back.carried


def test_a_removed_unit_is_forgotten() -> None:
    guard = DeviceMemory(30.0)
    guard.apply(poll("LEAD", "FOLLOW"), None, None, CONFIG, 0.0)
    smaller = {"battery_blocks": CONFIG["battery_blocks"][:1]}
    assert guard.apply(poll("LEAD"), None, None, smaller, 5.0).vitals == poll("LEAD")


def test_without_a_configuration_nothing_is_carried() -> None:
    guard = DeviceMemory(30.0)
    guard.apply(poll("LEAD", "FOLLOW"), None, None, None, 0.0)
    found = guard.apply(poll("LEAD"), None, None, None, 5.0)
    assert found.vitals == poll("LEAD") and not found.carried


def test_vitals_that_do_not_come_at_all() -> None:
    guard = DeviceMemory(30.0)
    guard.apply(poll("LEAD", "FOLLOW"), None, {"TEPINV--1707000-11-J--LEAD": {"PCH_FanSpeed_A": 1000}}, CONFIG, 0.0)
    found = guard.apply(None, None, {}, CONFIG, 5.0)
    assert found.carried and found.vitals is not None and "TEPOD--1707000-11-J--FOLLOW" in found.vitals
    assert found.fans == {"TEPINV--1707000-11-J--LEAD": {"PCH_FanSpeed_A": 1000}}
    assert DeviceMemory(30.0).apply(None, None, None, CONFIG, 0.0).vitals is None


def test_a_name_without_a_serial_is_no_device_and_is_never_carried() -> None:
    """Two Powerwalls, the second dead for weeks, and one single poll in which the bus answered nothing."""
    guard = DeviceMemory(30.0)
    sync = {"ISLAND_VL1N_Main": 121.5, "METER_X_CTA_I": 4.2}
    healthy = {**poll("LEAD"), "TESYNC--1493315-01-F--SYNC": sync}
    nothing = dict.fromkeys(sync)
    for placeholder in ("TESYNC--None--None", "TEPINV--None--None", "TESLA--None", "TEMSA--null--null", "TEPOD--1--"):
        guard.apply(healthy, None, None, CONFIG, 0.0)
        empty = guard.apply({"VITALS": {"text": "x"}, placeholder: nothing}, None, None, CONFIG, 5.0)
        assert empty.vitals is not None and empty.vitals["TESYNC--1493315-01-F--SYNC"] == sync
        flat = frequency(empty.vitals, None, CONFIG, None)
        assert (flat["ISLAND_VL1N_Main"], flat["METER_X_CTA_I"]) == (121.5, 4.2)
        after = guard.apply(healthy, None, None, CONFIG, 10.0)
        assert after.vitals is not None and placeholder not in after.vitals
        assert set(after.vitals) == {*healthy, *poll("LEAD")}


@given(st.lists(st.lists(st.sampled_from(["LEAD", "FOLLOW", "PACK"]), unique=True), min_size=1, max_size=20))
def test_keys_never_disappear_and_values_are_never_invented(polls: list[list[str]]) -> None:
    guard, ever = DeviceMemory(12.0), set()
    for number, serials in enumerate(polls):
        tick = 5.0 * number
        ordered = [serial for serial in ("LEAD", "FOLLOW", "PACK") if serial in serials]
        found = guard.apply(poll(*ordered, value=tick), None, None, CONFIG, tick)
        assert found.vitals is not None
        ever |= set(found.vitals)
        assert set(found.vitals) == ever
        for name, device in found.vitals.items():
            value = device.get("PINV_Fout", device.get("POD_x"))
            if value is not None:
                assert value == tick - found.ages_seconds.get(name, 0.0)


def test_what_a_gateway_repeats_of_a_missing_unit_grows_old(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2", cache_ttl_seconds=30)
    judge = GatewayJudge()
    first = judge.take(connection.poll())
    gateway.fault("unit-missing", unit=1)
    carried = judge.take(connection.poll())
    assert [unit.serial for unit in carried.units] == [unit.serial for unit in first.units]
    assert carried.units[0].age_seconds is None and carried.units[1].age_seconds is not None
    assert carried.units[1].remaining_wh.value == first.units[1].remaining_wh.value
    grow_old(connection)
    late = judge.take(connection.poll())
    assert late.units[0].remaining_wh.value is not None and late.units[1].remaining_wh.value is None
    assert late.units[1].age_seconds is not None and late.units[1].age_seconds > 30.0
    gateway.fault("none")
    assert judge.take(connection.poll()).units[1].age_seconds is None


def grow_old(connection: GatewayConnection) -> None:
    """Let a minute pass for everything that is carried, and an hour for what was heard last."""
    guard = connection.memory.guard
    guard._heard._seen = {name: (told, tick - 3600.0) for name, (told, tick) in guard._heard._seen.items()}
    for group in (guard._vitals, guard._fans, guard._blocks):
        for seen in group._seen.values():
            seen.tick -= 60.0


def test_a_solar_inverter_that_is_missing_grows_old(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2", simulator={"speed": 0.0})
    judge = GatewayJudge()
    producing = {name for name, one in judge.take(connection.poll()).strings.items() if one.watts.value}

    def missing(document: Any) -> Any:
        for name, message in (("PVAC", "PVAC_Logging"), ("PVS", "PVS_Status")):
            for part in document.get("esCan", {}).get("bus", {}).get(name, []):
                part[message]["isMIA"] = True
        return document

    gateway.device.alter = missing
    carried = judge.take(connection.poll())
    assert producing and producing == {name for name, one in carried.strings.items() if one.watts.value}
    grow_old(connection)
    late = judge.take(connection.poll())
    assert late.reading is not None and {one.watts.value for one in late.strings.values()} == {None}
    assert {one.state for one in late.strings.values()} == {"missing"}
    assert any(name.startswith("PVAC--") for name in late.reading.device_ages_seconds)


def test_a_unit_that_is_missing_over_a_hybrid_connection_grows_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway's own web API says nothing of it, but TEDAPI beside it does."""
    both = replace(SCENARIOS["powerwall2"], api_paths=None)
    with SimulatedGateway(both, hour=11.5, speed=0.0) as gateway:
        # The library has such a connection at the address of the gateway's own WiFi only.
        monkeypatch.setattr(pypowerwall_local, "GW_IP", gateway.address)
        monkeypatch.setattr(pypowerwall_local, "TEDAPI", partial(TEDAPI, host=gateway.address))
        definition = definition_of("powerwall2", gateway, password=gateway.customer_password)
        connection = GatewayConnection(definition, GatewayOptions(cachefile=str(tmp_path / "login")))
        judge = GatewayJudge()
        try:
            first = judge.take(connection.poll())
            assert first.reading is not None and first.reading.reach is Reach.HYBRID and len(first.units) == 2
            gateway.fault("unit-missing", unit=1)
            connection.poll()
            grow_old(connection)
            late = judge.take(connection.poll())
        finally:
            connection.close()
    assert late.units[0].remaining_wh.value is not None and late.units[1].remaining_wh.value is None
    assert (late.units[1].state, late.units[0].state) == ("missing", "present")
    assert late.units[1].block["p_out"] is None and late.units[1].age_seconds


@pytest.mark.parametrize("kinds", [("TETHC", "TEPOD", "TEPINV"), ("PVAC", "PVS")])
def test_a_device_that_a_local_gateway_has_not_heard_for_an_hour_has_no_figures(
    open_gateway: Open, kinds: tuple[str, ...]
) -> None:
    _, connection = open_gateway("local", simulator={"speed": 0.0})
    judge = GatewayJudge()
    first = judge.take(connection.poll())
    assert connection.powerwall is not None and len(first.units) == 2
    made = connection.powerwall.client.vitals
    whose = first.units[1].serial if "TEPOD" in kinds else None
    count = 0

    def told() -> Any:
        nonlocal count
        count += 1
        found = made()
        for name, body in found.items():
            of_unit = whose is None or whose in name or whose in str(body.get("componentParentDin"))
            # The clocks of devices may say anything; those that are heard go on.
            body["lastCommunicationTime"] = 77 if name.startswith(kinds) and of_unit else 10_000 + count
        return found

    connection.powerwall.client.vitals = told
    connection.poll()
    grow_old(connection)
    connection.poll()
    grow_old(connection)
    late = judge.take(connection.poll())
    assert late.reading is not None and max(late.reading.device_ages_seconds.values()) >= 3600
    if whose is not None:
        assert [unit.remaining_wh.value is None for unit in late.units] == [False, True]
        assert late.units[1].state == "missing" and late.units[1].age_seconds
        assert any(one.watts.value for one in late.strings.values())
    else:
        assert {one.watts.value for one in late.strings.values()} == {None}
        assert None not in [unit.remaining_wh.value for unit in late.units]


@pytest.mark.parametrize("at", [1_790_000_000, "2026-11-27T12:00:00-08:00", "by a clock of its own"])
def test_a_wireless_meter_that_the_gateway_does_not_hear_is_silent(at: int | str) -> None:
    """Its last figures are repeated for ever; that its time stands still says so, whatever clock it is of."""

    def told(tick: float) -> dict[str, Any]:
        return {
            "TRM--1--OLD": {"TRM_CT0_InstRealPower": 950.0, "lastCommunicationTime": at},
            "TRM--1--NEW": {"TRM_CT0_InstRealPower": 5.0, "lastCommunicationTime": f"{at} and {tick}"},
            "TETHC--1--X": {"lastCommunicationTime": None, "THC_State": "x"},
        }

    guard = DeviceMemory(30.0)
    for tick in (0.0, 60.0, 115.0):
        assert guard.silent(told(tick), tick) == {}
        assert guard.apply(told(tick), None, None, CONFIG, tick).vitals == told(tick)
    assert guard.silent(None, 118.0) == {}  # nothing was told
    away = guard.silent(told(125.0), 125.0)
    assert away == {"TRM--1--OLD": 125.0}
    carried = guard.apply(told(125.0), None, None, CONFIG, 125.0, away)
    assert carried.vitals == told(125.0) and carried.ages_seconds == away
    late = guard.apply(told(160.0), None, None, CONFIG, 160.0, guard.silent(told(160.0), 160.0)).vitals
    assert late is not None and late["TRM--1--NEW"]["TRM_CT0_InstRealPower"] == 5.0
    assert late["TRM--1--OLD"]["TRM_CT0_InstRealPower"] is None
    heard = {**told(165.0), "TRM--1--OLD": {"TRM_CT0_InstRealPower": 900.0, "lastCommunicationTime": "again"}}
    assert guard.silent(heard, 165.0) == {}


def test_a_clock_that_stands_still_makes_nobody_silent() -> None:
    guard, only = DeviceMemory(30.0), {"TRM--1--A": {"lastCommunicationTime": 5}}
    assert guard.silent(only, 0.0) == guard.silent(only, 1000.0) == {}
    for tick, told in ((0.0, 1), (500.0, 1), (1000.0, 2)):
        found = guard.silent(only, tick, {"system": {"time": told}})
        assert set(found) == ({"TRM--1--A"} if told == 2 else set())


@pytest.mark.parametrize("told", ["", 0, None, [], False, {}])
def test_a_time_that_is_none_makes_nobody_silent(told: Any) -> None:
    guard = DeviceMemory(30.0)
    for tick in (0.0, 1000.0):
        assert guard.silent({"TRM--1--A": {"lastCommunicationTime": told}}, tick) == {}


def test_a_unit_that_is_missing_from_the_start_is_listed_without_figures(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    gateway.fault("unit-missing", unit=0)
    found = GatewayJudge().take(connection.poll()).units
    assert len(found) == 2 and found[0].remaining_wh.value is None and found[1].remaining_wh.value is not None


def test_a_placeholder_that_tells_nothing_is_no_device(open_gateway: Open) -> None:
    gateway, connection = open_gateway("powerwall2")
    assert connection.poll().vitals
    gateway.fault("null", fields=("esCan.bus",))
    for _ in range(2):
        found = GatewayJudge().take(connection.poll()).reading
        assert found is not None and found.vitals is not None
        assert not [name for name in found.vitals if name.startswith("TESYNC--None")]


def test_a_house_without_a_battery_has_no_rules_for_one(open_gateway: Open) -> None:
    reading = GatewayJudge().take(open_gateway("solar-only")[1].poll()).reading
    assert reading is not None and reading.system_status is not None
    assert reading.grid_charging is None and reading.grid_export is None
    assert {reading.system_status[f"max_{kind}_power"] for kind in ("charge", "discharge", "apparent")} == {None}
