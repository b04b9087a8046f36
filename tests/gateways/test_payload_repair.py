"""Scales round-trip, holes are never filled."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.gateways.collect import alert_names, sound_meters, temperatures
from pwserver.gateways.failure import GARBAGE, NO_DATA, GatewayFailure
from pwserver.gateways.payload_repair import UNKNOWN, repair, without_nans
from pwserver.state.charge import app_percent, raw_percent, soe_percent
from pwserver.state.grid import grid_word
from pwserver.state.meter_powers import powers_known


def meters(site: object, battery: object, load: object, solar: object) -> dict:
    values = {"site": site, "battery": battery, "load": load, "solar": solar}
    return {name: {"instant_power": value, "kept": 1} for name, value in values.items()}


@given(st.floats(5, 100))
def test_scales_round_trip(raw: float) -> None:
    app = app_percent(raw)
    assert app is not None and 0 <= app <= 100
    back = raw_percent(app)
    assert back is not None and math.isclose(back, raw, abs_tol=1e-9)


def test_scale_ends() -> None:
    assert app_percent(3.0) == 0.0 and app_percent(None) is None and raw_percent(None) is None
    assert app_percent(24.074074074074073) == pytest.approx(20.077972709551656)


@pytest.mark.parametrize("value", [None, "50", True, math.nan, math.inf, -3, 101])
def test_no_state_of_energy(value: object) -> None:
    assert soe_percent(value) is None


def test_an_empty_battery_is_zero_percent() -> None:
    assert soe_percent(0) == 0.0


@pytest.mark.parametrize("answer", [None, {}, [], "TIMEOUT!", {"ERROR": "x"}, {"site": None}])
def test_no_meters_is_a_failure(answer: object) -> None:
    with pytest.raises(GatewayFailure) as raised:
        sound_meters(answer)
    assert raised.value.cause == GARBAGE


def test_meters_without_a_single_power_are_a_failure() -> None:
    with pytest.raises(GatewayFailure) as raised:
        sound_meters(meters(None, "x", True, math.nan))
    assert raised.value.cause == NO_DATA


def test_a_power_that_is_no_number_is_none() -> None:
    found = sound_meters(meters(-2100, "x", None, math.inf))
    assert [found[n]["instant_power"] for n in found] == [-2100, None, None, None]
    assert powers_known(found) == 1


def test_grid_words() -> None:
    assert grid_word({"grid_status": "SystemIslandedReady"}) == "SYNCING"
    assert grid_word({"grid_status": "SystemGridConnected"}) == "UP"
    for silence in (None, {}, {"grid_status": None}, {"grid_status": ["x"]}, {"grid_status": "Unknown"}):
        assert grid_word(silence) is None


def test_temperatures_and_alerts() -> None:
    assert temperatures({"TETHC--a--b": {"THC_AmbientTemp": None}}) == {"TETHC--a--b": None}
    packs = {"TEPOD--a--b": {"HVP_PackTempMax": None}, "TEPOD--a--c": {"HVP_PackTempMax": 20.5}}
    assert temperatures(packs) == {"TEPOD--a--b": None, "TEPOD--a--c": 20.5}
    assert temperatures({"TEPOD--a--b": {"HVP_PackTempMax": None}}) == {}
    assert temperatures(None) is None
    assert alert_names(["b", "a", "b", None]) == ["a", "b"] and alert_names(None) is None


def test_what_was_missing_is_none_after_the_arithmetic() -> None:
    power = UNKNOWN * 2.0
    assert without_nans({"a": UNKNOWN, "b": [power, 1, {"c": math.inf}], "d": "x"}) == {
        "a": None,
        "b": [None, 1, {"c": None}],
        "d": "x",
    }
    assert (UNKNOWN if UNKNOWN > 0 else 0) is UNKNOWN


def test_clean_shares_what_is_sound() -> None:
    sound = {"a": [1.0, {"b": None}], "c": 2}
    assert without_nans(sound) is sound


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
KEYS = (
    "control",
    "esCan",
    "bus",
    "PVAC",
    "PVS",
    "THC",
    "neurio",
    "readings",
    "components",
    "msa",
    "battery_blocks",
    "site_info",
    "meterAggregates",
    "alerts",
    "teslaRemoteMeter",
    "meters",
    "SYNC",
    "solars",
)


@given(
    st.recursive(json_values, lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=4), max_leaves=12)
)
def test_no_payload_can_break_the_repair(payload: object) -> None:
    if isinstance(payload, dict):
        repair(payload)
        without_nans(payload)


def test_a_temperature_that_is_no_number_is_unknown() -> None:
    told = {"TETHC--1--A": {"THC_AmbientTemp": "26"}, "TETHC--1--B": {"THC_AmbientTemp": 26.5}}
    packs = {"TEPOD--1--C": {"HVP_PackTempMax": []}, "TEPOD--1--D": {"HVP_PackTempMax": 31}}
    assert temperatures({**told, **packs}) == {
        "TETHC--1--A": None,
        "TETHC--1--B": 26.5,
        "TEPOD--1--C": None,
        "TEPOD--1--D": 31,
    }
