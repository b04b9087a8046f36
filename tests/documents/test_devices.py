"""Numbering and flattening of devices: units must never move, and every number must have been in the reading."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from tests.documents.factory import powerwall3_view, recorded_view


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("23.44.0 9064fc6a", 234400),
        ("26.26.11", 262611),
        ("24.12.1.1", 24120101),
        ("24", 240000),
        ("", None),
        ("abc", None),
        ("24..1", None),
        ("24/1.2.3", None),
        (None, None),
        (23, None),
        ("1." * 40, None),
    ],
)
def test_version_number(vitals: ModuleType, text: Any, number: int | None) -> None:
    assert vitals.version_number(text) == number


def test_names(vitals: ModuleType) -> None:
    assert vitals.split_name("TEPOD--1--2") == ("", "TEPOD")
    assert vitals.split_name("home.TEPOD--1--2") == ("home.", "TEPOD")
    assert vitals.kind("VITALS") == "VITALS"
    assert vitals.kind("") == ""
    assert vitals.serial_of("TEPOD--1--2", {"serialNumber": "9"}) == "9"
    assert vitals.serial_of("TEPOD--1--2", {"serialNumber": None}) == "2"


def test_grid_status_is_a_closed_set(vitals: ModuleType) -> None:
    assert [vitals.grid_number(word) for word in ("UP", "DOWN", "SYNCING", None, "Unknown", 1)] == [1, 0, -1] + [
        None
    ] * 3


def system(*serials: str) -> dict[str, Any]:
    return {
        "battery_blocks": [
            {"PackageSerialNumber": s, "PackagePartNumber": "P", "p_out": i} for i, s in enumerate(serials)
        ]
    }


def config(*serials: str) -> dict[str, Any]:
    return {"battery_blocks": [{"vin": f"P-1--{s}", "type": "Powerwall3"} for s in serials]}


def devices(kind: str, *serials: str) -> dict[str, Any]:
    return {f"{kind}--P--{s}": {"serialNumber": s, "PINV_Fout": float(i)} for i, s in enumerate(serials)}


def test_system_status_goes_first_then_configuration(vitals: ModuleType) -> None:
    found = vitals.units(system("B", "A"), config("A", "C", "B"), devices("TEPINV", "C", "A", "B"), "TEPINV")
    assert [unit["serial"] for unit in found] == ["B", "A", "C"]
    assert [unit["name"] for unit in found] == ["TEPINV--P--B", "TEPINV--P--A", "TEPINV--P--C"]
    assert found[2]["part"] == "P-1"
    assert found[2]["block"] is None


def test_vitals_alone_number_in_their_order(vitals: ModuleType) -> None:
    found = vitals.units(None, None, {**devices("TEPOD", "X"), **devices("TEPINV", "Z", "Y")}, "TEPINV")
    assert [unit["serial"] for unit in found] == ["Z", "Y"]


def test_position_decides_only_when_no_serial_number_fits(vitals: ModuleType) -> None:
    none_fits = vitals.units(system("A", "B"), None, devices("TEPINV", "m1", "m2"), "TEPINV")
    assert [unit["name"] for unit in none_fits] == ["TEPINV--P--m1", "TEPINV--P--m2"]
    one_fits = vitals.units(system("A", "B"), None, devices("TEPINV", "m1", "B"), "TEPINV")
    assert [unit["name"] for unit in one_fits] == [None, "TEPINV--P--B"]


def test_a_lost_follower_keeps_its_number_and_keys(vitals: ModuleType) -> None:
    whole = vitals.frequency(devices("TEPINV", "A", "B"), system("A", "B"), config("A", "B"), "UP")
    part = vitals.frequency(devices("TEPINV", "A"), system("A"), config("A", "B"), "UP")
    assert part.keys() == whole.keys()
    assert part["PW1_PINV_Fout"] == whole["PW1_PINV_Fout"]
    assert part["PW2_PINV_Fout"] is None
    assert part["PW2_PackageSerialNumber"] == "B"


def test_frequency_prefers_the_inverter_and_falls_back_to_the_block(vitals: ModuleType) -> None:
    status = {"battery_blocks": [{"PackageSerialNumber": "A", "f_out": 50.5}]}
    assert vitals.frequency(devices("TEPINV", "A"), status, None, None)["PW1_PINV_Fout"] == 0.0
    silent = {"TEPINV--P--A": {"serialNumber": "A", "PINV_Fout": None}}
    assert vitals.frequency(silent, status, None, None)["PW1_PINV_Fout"] == 50.5


def test_flags_are_integers_and_unknown_without_a_device(vitals: ModuleType) -> None:
    reading = powerwall3_view().reading
    assert reading is not None
    body = vitals.pods(reading.vitals, reading.system_status, reading.tedapi_config)
    assert body["PW1_POD_enable_line"] == 1
    assert body["PW1_POD_enable_line"] is not True
    assert body["PW1_POD_ChargeComplete"] is None  # nobody tells it
    name = next(name for name in reading.vitals or () if name.startswith("TEPOD--"))
    devices = {**(reading.vitals or {}), name: {**(reading.vitals or {})[name], "POD_ChargeComplete": False}}
    assert vitals.pods(devices, reading.system_status, reading.tedapi_config)["PW1_POD_ChargeComplete"] == 0
    assert body["PW4_POD_enable_line"] is None  # the expansion pack has no TEPOD device
    assert body["PW4_POD_nom_energy_remaining"] == 6800.5
    assert body["PW1_charge_power_clamped"] == 1
    assert body["PW4_attached_to"] == "PW1"
    assert "PW1_attached_to" not in body
    assert [body[f"PW{n}_Type"] for n in (1, 2, 3, 4)] == [
        "Powerwall3",
        "Powerwall3Follower",
        "Powerwall3Follower",
        "BatteryExpansion",
    ]


def test_labels_of_expansion_packs(vitals: ModuleType) -> None:
    reading = powerwall3_view().reading
    assert reading is not None
    found = vitals.units(reading.system_status, reading.tedapi_config, reading.vitals, "TEPOD")
    assert vitals.unit_labels(found) == [("PW1", 100), ("PW2", 200), ("PW3", 300), ("PW1 Exp 1", 101)]
    orphan = vitals.units(
        {"battery_blocks": [{"Type": "BatteryExpansion", "PackageSerialNumber": "E"}]}, None, None, "TEPOD"
    )
    assert vitals.unit_labels(orphan) == [("PW1 Exp", 100)]


def test_fans_are_numbered_by_kind(vitals: ModuleType) -> None:
    fans = {
        "TEPINV--P--1": {"PCH_FanSpeed_A": 1200, "PCH_FanDuty_A": 30.0, "PCH_FanSpeed_B": 0},
        "PVAC--b": {"PVAC_Fan_Speed_Actual_RPM": 700},
        "PVAC--a": {"PVAC_Fan_Speed_Actual_RPM": 600, "PVAC_Fan_Speed_Target_RPM": 650},
        "PVAC--c": None,
    }
    assert vitals.numbered_fans(fans) == {
        "FAN1_actual": 600,
        "FAN1_target": 650,
        "FAN2_actual": 700,
        "FAN2_target": None,
        "FAN3_actual": None,
        "FAN3_target": None,
        "FAN4_actual": 1200,
        "FAN4_target": None,
        "FAN4_duty": 30.0,
        "FAN5_actual": 0,
        "FAN5_target": None,
        "FAN5_duty": None,
    }


def test_temperatures_and_alerts(vitals: ModuleType) -> None:
    assert vitals.numbered_temperatures({"b": 2.5, "a": None}) == {"PW1_temp": 2.5, "PW2_temp": None}
    assert vitals.sorted_alerts(["b", "a", "b", None, 3]) == ["a", "b"]
    assert vitals.sorted_alerts(None) == []


def test_a_name_without_a_serial_number_is_no_unit(vitals: ModuleType) -> None:
    """A placeholder that has a figure all the same gets no number, and no place among the numbered ones."""
    for ghost in ("None--None", "1--", "null--null"):
        found = {f"TEPINV--{ghost}": {"PINV_Fout": 60.0}, f"TETHC--{ghost}": {"THC_AmbientTemp": 20.0}}
        assert vitals.frequency(found, None, None, None) == {"grid_status": None}
        assert vitals.pods({f"TEPOD--{ghost}": {"POD_nom_full_pack_energy": 5}}, None, None) == {}
        assert vitals.battery_blocks({}, found) == {}
        assert vitals.numbered_temperatures({f"TETHC--{ghost}": 20.0, "TETHC--1--A": 21.0}) == {"PW1_temp": 21.0}


def test_flat_pages_have_no_objects_and_lists(vitals: ModuleType) -> None:
    odd = {"battery_blocks": [{"PackageSerialNumber": "A", "p_out": {"value": 5}, "f_out": [60], "OpSeqState": {}}]}
    switch = {"TESYNC--P--S": {"ISLAND_GridState": {"a": 1}, "METER_X_VL1N": [1], "ISLAND_Word": "on", "METER_Y_I": 2}}
    flat = {**vitals.frequency({**devices("TEPINV", "A"), **switch}, odd, None, "UP"), **vitals.pods(switch, odd, None)}
    assert not [key for key, value in flat.items() if isinstance(value, (dict, list))]
    assert (flat["ISLAND_GridState"], flat["METER_X_VL1N"], flat["PW1_p_out"]) == (None, None, None)
    assert (flat["ISLAND_Word"], flat["METER_Y_I"], flat["PW1_PINV_Fout"]) == ("on", 2, 0.0)


@pytest.mark.parametrize("garbage", [None, [], "text", 5, {"battery_blocks": 7}, {"battery_blocks": [1, None]}])
def test_garbage_gives_no_units_and_no_error(vitals: ModuleType, garbage: Any) -> None:
    assert vitals.units(garbage, garbage, garbage, "TEPOD") == []
    assert vitals.pods(garbage, garbage, garbage) == {}
    assert vitals.frequency(garbage, garbage, garbage, garbage) == {"grid_status": None}
    assert vitals.battery_blocks(garbage, garbage) == {}
    assert vitals.string_details(garbage) == {}


def leaves(value: Any) -> set[float]:
    if isinstance(value, bool) or value is None:
        return set()
    if isinstance(value, (int, float)):
        return {float(value)}
    if isinstance(value, dict):
        return set().union(*[leaves(item) for item in value.values()]) if value else set()
    if isinstance(value, (list, tuple)):
        return set().union(*[leaves(item) for item in value]) if value else set()
    return set()


@pytest.mark.parametrize("which", ["recorded", "powerwall3"])
def test_no_number_is_invented(vitals: ModuleType, which: str) -> None:
    view = recorded_view() if which == "recorded" else powerwall3_view()
    reading = view.reading
    assert reading is not None
    given = leaves([reading.vitals, reading.system_status, reading.tedapi_config]) | {0.0, 1.0, -1.0}  # flags, grid
    for body in (
        vitals.frequency(reading.vitals, reading.system_status, reading.tedapi_config, reading.grid_status),
        vitals.pods(reading.vitals, reading.system_status, reading.tedapi_config),
        vitals.battery_blocks(reading.system_status, reading.vitals),
        vitals.string_details(reading.vitals),
    ):
        assert leaves(body) <= given
