"""What the meters leave open is taken from the devices that measure it, each with its rule; the rest stays unknown."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.state.details import meter_details
from pwserver.state.judge import GatewayJudge
from tests.state.readings import POWERS, reading

OPEN = {
    name: {"instant_power": watts, **dict.fromkeys(("frequency", "instant_reactive_power", "instant_apparent_power",
                                                    "i_a_current", "i_b_current", "i_c_current"))}
    for name, watts in POWERS.items()
}  # fmt: skip
SYNC = {
    "ISLAND_FreqL1_Main": 59.98,
    "ISLAND_FreqL1_Load": 60.01,
    "METER_X_CTA_I": 3.0,
    "METER_X_CTA_InstRealPower": -350.0,
    "METER_X_CTA_InstReactivePower": -58.0,
    "METER_X_CTB_I": 1.5,
    "METER_X_CTB_InstRealPower": 128.0,
    "METER_X_CTB_InstReactivePower": -70.0,
}


def shown(vitals: Any, **members: Any) -> dict[str, dict[str, Any]]:
    judged = GatewayJudge().take(reading(0.0, aggregates=OPEN, vitals=vitals, **members))
    assert judged.reading is not None
    facts = {
        "frequency": "hertz",
        "instant_reactive_power": "reactive_var",
        "instant_apparent_power": "apparent_va",
        "i_a_current": "a_amperes",
    }
    for name in POWERS:  # the pages and the old documents say the same
        for member, attribute in facts.items():
            assert getattr(judged.meters[name], attribute).value == judged.reading.aggregates[name][member]
    return judged.reading.aggregates


def test_the_grid_switch_tells_frequency_currents_and_var() -> None:
    found = shown({"TESYNC--part--serial": SYNC})
    assert found["site"] == {
        "instant_power": -222.0,
        "frequency": 59.98,
        "instant_reactive_power": -128.0,
        "instant_apparent_power": math.hypot(222.0, 128.0),
        "i_a_current": -3.0,
        "i_b_current": 1.5,
        "i_c_current": None,
    }
    assert found["load"] == {**OPEN["load"], "frequency": 60.01}
    assert found["battery"] == OPEN["battery"] and found["solar"] == OPEN["solar"]


def test_what_the_meters_own_answer_tells_comes_first() -> None:
    measured = {"ISLAND_FreqL1_Main": 0.0, "ISLAND_FreqL2_Main": 50.02}
    status = {"esCan": {"bus": {"ISLANDER": {"ISLAND_AcMeasurements": measured}}}}
    found = shown({"TESYNC--part--serial": SYNC}, tedapi_status=status)
    assert found["site"]["frequency"] == 50.02 and found["load"]["frequency"] == 60.01


def test_inverters_tell_the_frequency_of_battery_and_solar() -> None:
    found = shown({"TEPINV--1": {"PINV_Fout": 0.0}, "TEPINV--2": {"PINV_Fout": 60.03}, "PVAC--1": {"PVAC_Fout": 60.04}})
    assert [found[name]["frequency"] for name in POWERS] == [None, 60.03, None, 60.04]


@pytest.mark.parametrize("kind", ["NEURIO", "TRM"])
def test_wireless_transformers_stand_in_for_wired_ones(kind: str) -> None:
    body: dict[str, Any] = {}
    for slot, place, amperes in ((0, "solar", 4.0), (1, "site", 2.0), (2, "solar", 5.0)):
        body |= {f"{kind}_CT{slot}_Location": place, f"{kind}_CT{slot}_InstCurrent": amperes}
        body |= {f"{kind}_CT{slot}_InstRealPower": 480.0, f"{kind}_CT{slot}_InstReactivePower": 10.0}
    found = shown({f"{kind}--1": body})
    assert [found["solar"][f"i_{phase}_current"] for phase in "abc"] == [4.0, 5.0, None]
    assert found["solar"]["instant_reactive_power"] == 20.0 and found["site"]["i_a_current"] == 2.0
    assert shown({f"{kind}--1": body, "TESYNC--1": SYNC})["site"]["i_a_current"] == -3.0


def test_a_phase_that_does_not_tell_makes_no_sum() -> None:
    found = shown({"TESYNC--1": {**SYNC, "METER_X_CTB_InstReactivePower": None}})
    assert found["site"]["instant_reactive_power"] is None and found["site"]["instant_apparent_power"] is None
    assert found["site"]["i_b_current"] == 1.5


def test_what_was_told_is_never_replaced() -> None:
    told = {"site": {"instant_power": 1.0, "frequency": 0.0, "i_a_current": 0.0}}
    assert meter_details(reading(0.0, aggregates=told, vitals={"TESYNC--1": SYNC})) == {}


@given(
    st.dictionaries(
        st.sampled_from([*SYNC, "METER_Z_CTA_I", "ISLAND_FreqL3_Main"]),
        st.none() | st.floats() | st.text(max_size=3) | st.booleans() | st.lists(st.none(), max_size=1),
    )
)
def test_odd_devices_give_finite_numbers_or_none(body: dict[str, Any]) -> None:
    for fact in meter_details(reading(0.0, aggregates=OPEN, vitals={"TESYNC--1": body, "TEMSA--1": body})).values():
        assert fact.value is not None and math.isfinite(fact.value)


def test_var_beyond_all_numbers_make_no_sum() -> None:
    found = shown({"TESYNC--1": dict.fromkeys(SYNC, 1.7e308)})
    assert found["site"]["instant_reactive_power"] is None and found["site"]["instant_apparent_power"] is None
