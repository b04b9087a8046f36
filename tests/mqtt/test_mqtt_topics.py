"""The pure half: recorded poll snapshots in, recorded messages out."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.mqtt.entities import entities_of_unit, optional_entities
from pwserver.mqtt.state_topics import compact, fixed, safe_in_topic, topics
from pwserver.state.daily_findings import DailyFindings
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge


def test_each_unit_says_whether_its_figures_are_of_now(powerwall3, view_of):
    """Of three units only one tells the energy that is left in it; all devices that tell a signal do so now."""
    found = {topic.removeprefix("pypowerwall/home/"): told for topic, told in topics(view_of(powerwall3)).items()}
    parts = ("batteries/", "devices/")
    assert {t: told for t, told in found.items() if t.endswith("/availability") and t.startswith(parts)} == {
        "batteries/1/availability": "online",
        "batteries/2/availability": "offline",
        "batteries/3/availability": "offline",
        "devices/TG0000000000A1/availability": "online",
        "devices/TG0000000000B2/availability": "online",
        "devices/CN000000000PV/availability": "online",
    }


def test_what_the_days_say_of_units_and_strings_has_topics_and_entities(powerwall3, view_of):
    serial = powerwall3.system_status["battery_blocks"][0]["PackageSerialNumber"]
    daily = DailyFindings({serial: 101.26}, {"A": True, "B": False})
    judged = GatewayJudge(GatewayMemory(daily=daily)).take(powerwall3)
    view = replace(view_of(powerwall3), reading=judged.reading, judged=judged)
    told = {topic: payload for topic, payload in topics(view).items() if topic.endswith(("/weak", "/health"))}
    assert told == {
        "pypowerwall/home/batteries/1/health": "101.3",
        "pypowerwall/home/strings/A/weak": "true",
        "pypowerwall/home/strings/B/weak": "false",
    }
    entities = {one.suffix: one for one in optional_entities(judged, {1: serial})}
    assert entities["string_a_weak"].component == "binary_sensor"
    assert entities["string_a_weak"].members["device_class"] == "problem"
    assert entities["battery_1_health"].members["unit_of_measurement"] == "%"
    assert entities["battery_1_health"].members["entity_category"] == "diagnostic"
    assert "string_c_weak" not in entities and "battery_2_health" not in entities  # not known yet
    assert entities["battery_1_health"] in entities_of_unit(serial, 1)


@pytest.mark.parametrize("stale", [True, False])
def test_failed_poll(recorded, powerwall3, view_of, stale):
    """Stale data that HTTP still serves are not sent again; the outage is said in three ways."""
    ours = topics(view_of(powerwall3 if stale else None, online=False))
    theirs = {topic: message["payload"] for topic, message in recorded["powerwall3-offline"].items()}
    status = json.loads(ours.pop("pypowerwall/home/status"))
    assert ours == theirs
    assert status.pop("online") is False and status.pop("batteries") == []
    assert set(status.values()) == {None}
    assert set(status) | {"online", "batteries"} == set(recorded["all-null"]["pypowerwall/home/status"]["payload"])


def test_availability_comes_last(powerwall3, view_of):
    for view in (view_of(powerwall3), view_of(None, online=False)):
        assert list(topics(view))[-1] == "pypowerwall/home/availability"


def test_prefix_with_levels_and_no_name(powerwall3, view_of):
    ours = topics(view_of(powerwall3, identity={"name": ""}), "energy/pw")
    assert all(topic.startswith("energy/pw/home/") for topic in ours)
    assert "energy/pw/home/name" not in ours


def test_energies_that_the_firmware_does_not_report(powerwall3, view_of):
    none = {"energy_imported": 0, "energy_exported": 0}
    meters = {name: {**body, **none} for name, body in powerwall3.aggregates.items()}
    ours = topics(view_of(powerwall3, aggregates=meters))
    energies = {topic: payload for topic, payload in ours.items() if "_energy_" in topic}
    assert len(energies) == 6
    assert all(topic.endswith("/availability") and payload == "offline" for topic, payload in energies.items())
    meters["site"]["energy_imported"] = 12.0
    ours = topics(view_of(powerwall3, aggregates=meters))
    assert ours["pypowerwall/home/grid_energy_exported"] == "0"
    assert ours["pypowerwall/home/grid_energy_exported/availability"] == "online"


def test_a_value_that_comes_and_goes_says_whether_it_is_of_now(powerwall3, view_of):
    """In an outage there is no voltage of the grid; what the broker retained of before must not pass for it."""
    grid = {name: value for name, value in powerwall3.aggregates["site"].items() if "voltage" not in name}
    for site, told in ((powerwall3.aggregates["site"], "online"), (grid, "offline")):
        ours = topics(view_of(powerwall3, aggregates={**powerwall3.aggregates, "site": site}))
        assert ours["pypowerwall/home/grid_voltage/availability"] == told
        assert ("pypowerwall/home/grid_voltage" in ours) == (told == "online")


def test_what_falls_silent_inside_a_house_is_not_of_now(powerwall3, view_of):
    """The gateway goes on answering; only a charge, the grid's word, a string and a wireless meter are not told."""
    meter = next(name for name in powerwall3.vitals if name.startswith("TRM--"))
    silent = {name: None if name.startswith("TRM_") else value for name, value in powerwall3.vitals[meter].items()}
    quiet = replace(
        powerwall3,
        soe_raw=None,
        grid_status=None,
        strings={**powerwall3.strings, "A": dict.fromkeys(powerwall3.strings["A"])},
        vitals={**powerwall3.vitals, meter: silent},
    )
    places = {"battery", "grid_status", "grid_connected", "strings/A"}
    places |= {topic for topic in told_of_now(powerwall3, view_of) if topic.startswith("meters/remote/")}
    before, now = told_of_now(powerwall3, view_of), told_of_now(quiet, view_of)
    assert len(places) > 4 and {before[place] for place in places} == {"online"}
    assert {now[place] for place in places} == {"offline"}
    assert now["strings/B"] == now["solar"] == "online"
    assert {topic for topic, told in now.items() if told == "offline"} - places <= {
        topic for topic, told in before.items() if told == "offline"
    } | {"battery_raw", "strings/AB"}


def told_of_now(reading, view_of):
    """Of every part that says whether it is of now, what it says."""
    found = topics(view_of(reading)).items()
    end = "/availability"
    return {
        topic.removeprefix("pypowerwall/home/").removesuffix(end): told
        for topic, told in found
        if topic.endswith(end) and topic != "pypowerwall/home/availability"
    }


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, True, "12", None, [1]])
def test_what_is_not_a_number_is_not_published(powerwall3, view_of, bad):
    meters = {**powerwall3.aggregates, "site": dict.fromkeys(powerwall3.aggregates["site"], bad)}
    ours = topics(view_of(powerwall3, aggregates=meters))
    assert "pypowerwall/home/grid" not in ours and "pypowerwall/home/grid_voltage" not in ours
    assert json.loads(ours["pypowerwall/home/status"])["grid"] is None
    for payload in ours.values():
        assert "NaN" not in payload and "Infinity" not in payload


def test_unsafe_names_stay_out_of_topics(powerwall3, view_of):
    ours = topics(
        view_of(
            powerwall3,
            vitals={
                "TRM--a/b": {"TRM_CT0_InstRealPower": 1.0},
                "TRM--+": {"TRM_CT0_InstRealPower": 1.0},
                "TEPOD--x--#": {"HVP_PackTempMax": 20.0},
                "TEPOD--y": {"serialNumber": "", "HVP_PackTempMax": 20.0},
            },
            fan_speeds=None,
            strings={"A/../B": {"Power": 1.0}},
        )
    )
    assert not [t for t in ours if "#" in t or "+" in t or "a/b" in t or ".." in t]
    assert ours["pypowerwall/home/devices/y/temperature/pack_max"] == "20.0"


@given(st.floats(allow_nan=False, allow_infinity=False, width=32), st.integers(0, 3))
def test_fixed_is_printf_without_negative_zero(value, decimals):
    ours, c = fixed(value, decimals), "%.*f" % (decimals, value)  # noqa: UP031
    assert ours == c or (float(c) == 0 and "-" + ours == c)
    assert not (ours.startswith("-") and float(ours) == 0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
def test_compact_json_is_always_strict(value):
    def refuse(word):
        raise AssertionError(word)

    json.loads(compact(value), parse_constant=refuse)
    assert "-0.0}" not in compact({"a": -0.0})


def test_ties_follow_the_binary_value():
    assert [fixed(-2100.25, 1), fixed(-3499.75, 1), fixed(-0.04, 1), fixed(11300.6, 0)] == [
        "-2100.2",
        "-3499.8",
        "0.0",
        "11301",
    ]


def test_the_level_follows_from_the_raw_level(powerwall3, view_of):
    for raw, app in ((5.0, "0.0"), (100.0, "100.0"), (2.0, "0.0"), (24.074074074074073, "20.1")):
        ours = topics(view_of(replace(powerwall3, soe_raw=raw)))
        assert ours["pypowerwall/home/battery"] == app


@pytest.mark.parametrize("name", ["", "a/b", "+", "#", "\0", "\x7f", "\x85", "\ud800", "\ufffe", "x" * 251])
def test_what_a_broker_disconnects_for_is_no_part_of_a_topic(name):
    assert not safe_in_topic(name)


def test_names_of_houses_are_parts_of_topics():
    assert safe_in_topic("Gr\u00fcnes Haus \U0001f3e1") and safe_in_topic("x" * 250)
