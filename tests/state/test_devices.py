"""What vitals tell of devices: one judge, whatever the library calls them and whatever is missing."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pwserver.reading import Reading
from pwserver.state.device_signals import SIGNAL_BY_ID, judge_devices, signals_by_serial
from pwserver.state.electrical import house_hertz, judge_electrical
from pwserver.state.judge import GatewayJudge
from pwserver.state.string_memory import StringMemory
from pwserver.state.strings import judge_strings, string_pairs

GARBAGE = st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=3), st.just([]), st.just({}))


def reading(**members: Any) -> Reading:
    return Reading.partial("home", 1.8e9, {}, **members)


def signals(**members: Any) -> dict[str, dict[str, float]]:
    return signals_by_serial(judge_devices(reading(**members)))


def test_vitals_win_and_the_fan_query_fills_gaps() -> None:
    vitals = {"PVAC--1538100-00-F--CN1": {"PVAC_Fan_Speed_Actual_RPM": 1000.0, "PVAC_Fan_Speed_Target_RPM": None}}
    fans = {"PVAC--1538100-00-F--CN1": {"PVAC_Fan_Speed_Actual_RPM": 900.0, "PVAC_Fan_Speed_Target_RPM": 1100.0}}
    assert signals(vitals=vitals, fan_speeds=fans) == {"CN1": {"fan_rpm": 1000.0, "fan_target_rpm": 1100.0}}
    assert signals(fan_speeds=fans) == {"CN1": {"fan_rpm": 900.0, "fan_target_rpm": 1100.0}}


def test_one_machine_is_one_device() -> None:
    vitals = {
        "PVAC--1707000-11-J--TG1": {"PVAC_Fan_Speed_Actual_RPM": 1.0},
        "TEPINV--1707000-11-J--TG1": {"PCH_AmbientTemp": 30.5},
        "TEPOD--1707000-11-J--TG1": {"HVP_PackTempMax": 25.0},
    }
    assert signals(vitals=vitals) == {"TG1": {"pack_temp_max": 25.0, "inverter_ambient": 30.5}}


def test_a_name_without_a_serial_number_is_no_device() -> None:
    for name in ("TETHC--None--None", "TETHC--2012170-25-E--", "TETHC", "TETHC--a--null"):
        assert judge_devices(reading(vitals={name: {"THC_AmbientTemp": 20.0}})) == (), name
    known = {"TETHC--None--None": {"THC_AmbientTemp": 20.0, "serialNumber": "TG1"}}
    assert signals(vitals=known) == {"TG1": {"controller_ambient": 20.0}}


def test_a_device_has_its_own_age() -> None:
    vitals = {"TETHC--a--TG1": {"THC_AmbientTemp": 20.0}, "TETHC--a--TG2": {"THC_AmbientTemp": 21.0}}
    for named in ({"TG2": 40.0}, {"TETHC--a--TG2": 40.0}, {"TETHC--a--TG2": 3.0, "TG2": 40.0}):
        found = judge_devices(reading(vitals=vitals, device_ages_seconds=named))
        assert [device.age_seconds for device in found] == [0.0, 40.0]


def test_what_is_measured_inside_the_house() -> None:
    vitals = {
        "TESYNC--None--None": {"ISLAND_VL1N_Main": None, "METER_X_CTA_InstRealPower": None},
        "TESYNC--1--TG1": {
            "ISLAND_VL1N_Main": 120.5,
            "ISLAND_FreqL1_Load": 60.0,
            "METER_X_CTA_InstRealPower": 5,
            "METER_X_VL2N": 121.0,
            "METER_X_CTD_I": 1.0,
            "ISLAND_VL4N_Main": 1.0,
        },
        "NEURIO--a--N1": {"NEURIO_CT0_InstRealPower": 7.0, "NEURIO_CT0_Location": "solar"},
        "TEPINV--a--TG1": {"PINV_Fout": 59.9, "PINV_Vout": math.nan},
        "PVAC--a--CN1": {"PVAC_Fout": 0.0, "PVAC_Vout": 240.0},
        "TRM--a--R1": {
            "TRM_CT1_InstRealPower": 1.0,
            "TRM_CT0_EnergyImportedWs": 7200.0,
            "TRM_CT0_Location": "Dryer",
            "TRM_CT0_InstCurrent": True,
        },
    }
    found = judge_electrical(reading(vitals=vitals))
    assert found.lines == {("L1", "grid"): {"volts": 120.5}, ("L1", "home"): {"hertz": 60.0}}
    assert found.transformers == {("X", "A"): {"watts": 5}, ("X", "B"): {"volts": 121.0}, ("N1", "0"): {"watts": 7.0}}
    assert found.inverters == {("TG1", "battery"): {"hertz": 59.9}, ("CN1", "solar"): {"hertz": 0.0, "volts": 240.0}}
    dryer, other = found.remote_meters
    assert (dryer.din, dryer.channel, dryer.location, dryer.imported_wh) == ("a--R1", 0, "Dryer", 2.0)
    assert (dryer.amperes, dryer.exported_wh, other.watts, other.location) == (None, None, 1.0, None)
    assert house_hertz(None, found) == house_hertz(0.0, found) == 59.9 and house_hertz(50.0, found) == 50.0


def test_a_dip_of_a_wireless_meter_is_held_for_everybody() -> None:
    judge = GatewayJudge()
    for moment, told in enumerate((7.2e6, 7.1e6)):
        vitals = {"TRM--a--R1": {"TRM_CT0_EnergyImportedWs": told}}
        judged = judge.take(Reading.partial("home", 1.8e9 + moment, {}, vitals=vitals))
        assert judged.electrical.remote_meters[0].imported_wh == 2000.0


def test_pairs_of_strings() -> None:
    strings = judge_strings(
        reading(
            strings={
                "A": {"Voltage": 300.0, "Current": 2.0, "Power": 600.0},
                "B": {"Current": None, "Power": 1.5},
                "C1": {"Power": 1},
                "D1": {"Power": 2},
                "E": {},
                "odd": 3,
            }
        ),
        StringMemory(),
    )
    assert string_pairs(strings) == {"AB": {"voltage": 300.0, "current": 2.0, "power": 601.5}, "CD1": {"power": 3}}


@given(
    st.dictionaries(
        st.sampled_from(["TEPINV--a--S", "PVAC--a--S", "TESYNC--a--S", "TRM--a--S", "NEURIO--a--S", "TETHC", "--", ""]),
        st.one_of(GARBAGE, st.dictionaries(
            st.sampled_from(["PCH_AmbientTemp", "PINV_Fout", "ISLAND_VL1N_Main", "METER_X_CTA_I", "TRM_CT0_InstVoltage",
                             "TRM_CT999_EnergyExportedWs", "NEURIO_CT0_InstCurrent", "serialNumber", "THC_AmbientTemp",
                             "PVAC_Fout"]),
            GARBAGE,
        )),
    )
)  # fmt: skip
def test_whatever_vitals_say_only_finite_numbers_come_out(vitals: dict[str, Any]) -> None:
    odd = reading(vitals=vitals, fan_speeds=vitals)
    for values in signals_by_serial(judge_devices(odd)).values():
        assert values and set(values) <= set(SIGNAL_BY_ID)
        assert all(type(value) in (int, float) and math.isfinite(value) for value in values.values())
    found = judge_electrical(odd)
    for table in (found.inverters, found.lines, found.transformers):
        for labels, measured in table.items():
            assert all(labels) and all(math.isfinite(value) for value in measured.values())
    for meter in found.remote_meters:
        for value in (meter.watts, meter.amperes, meter.volts, meter.imported_wh, meter.exported_wh):
            assert value is None or math.isfinite(value)
