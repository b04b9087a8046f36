"""Write the answers of a Powerwall 3 leader and its followers: components with strings, packs, temperatures, fans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pwserver.json_types import JsonMapping, JsonObject

from .blocks import component, control_block, grid_block, requested, site_settings, system_block
from .hardware import Hardware, even_split
from .house import Plant, Snapshot

UNITS = (
    Hardware("1707000-11-J", "TG123456789LD1"),
    Hardware("1707000-11-M", "TG123456789FO2"),
    Hardware("1707000-21-K", "TG123456789FO3"),
)
EXPANSION = Hardware("1807000-20-B", "TG123456789EX1")
SWITCH = Hardware("1624171-00-E", "TG123456789SW1")

LETTERS = "ABCDEF"
# Share of a unit's solar power by string; missing strings are not wired. One row per unit, repeated.
_STRINGS: tuple[dict[str, float], ...] = (
    {"A": 0.28, "B": 0.27, "C": 0.25, "D": 0.20},
    {"A": 0.35, "B": 0.33, "E": 0.17, "F": 0.15},
    {"A": 0.55, "C": 0.45},
)


def config(plant: Plant, units: Sequence[Hardware], expansions: Sequence[Hardware] = ()) -> JsonObject:
    """Return config.json as the installer left it; expansion packs belong to the leader."""
    return {
        "vin": units[0].din,
        "auto_meter_update": True,
        "battery_blocks": [
            {
                "vin": unit.din,
                "type": "Powerwall3" if index == 0 else "Powerwall3Follower",
                "battery_expansions": [{"din": pack.din} for pack in expansions] if index == 0 else [],
                "disabled_reasons": [],
            }
            for index, unit in enumerate(units)
        ],
        "site_info": {
            "site_name": "Simulated House",
            "timezone": plant.timezone,
            "country": "United States",
            "state": "California",
            "utility": "Simulated Light & Power",
            "grid_code": "60Hz_240V_s_UL1741SB:2021_California",
            "backup_reserve_percent": 24.0,
            "battery_commission_date": "2025-03-12T11:20:31-07:00",
            "max_site_meter_power_ac": 1000000000,
            "min_site_meter_power_ac": -1000000000,
            "nominal_system_energy_ac": round(sum(plant.pack_wh) / 1000, 1),
            "nominal_system_power_ac": round(len(units) * plant.pack_watts / 1000, 1),
            "panel_max_current": 200,
            "customer_preferred_export_rule": "battery_ok",
            "disallow_charge_from_grid_with_solar_installed": False,
        },
        "meters": [{"type": "msa", "connection": {"device_serial": SWITCH.serial}, "location": "site"}],
        "solars": [{"brand": "Tesla", "model": "Powerwall 3", "power_rating_watts": 11520}],
        **site_settings(),
    }


def _empty(family: str, *, slots: int) -> list[JsonObject]:
    """Return empty slots of the CAN bus, which a Powerwall 3 still reports although it does not use it."""
    missing = {"isComplete": False, "isMIA": True, "active": []}
    entries: dict[str, JsonObject] = {
        "PVAC": {
            "packagePartNumber": None,
            "packageSerialNumber": None,
            "PVAC_Status": {"isMIA": True, "PVAC_Pout": None, "PVAC_State": None, "PVAC_Vout": None, "PVAC_Fout": None},
            "PVAC_Logging": {"isMIA": True},
            "alerts": missing,
        },
        "PVS": {"PVS_Status": {"isMIA": True}, "alerts": missing},
        "PINV": {
            "PINV_Status": {"isMIA": True, "PINV_Vout": None},
            "PINV_AcMeasurements": {"isMIA": True},
            "PINV_PowerCapability": {"isComplete": False, "isMIA": True, "PINV_Pnom": None},
            "alerts": missing,
        },
        "POD": {"POD_EnergyStatus": {"isMIA": True}},
        "THC": {"packagePartNumber": None, "packageSerialNumber": None, "THC_InfoMsg": {"isMIA": True}},
    }
    return [entries[family]] * slots


def status(
    snapshot: Snapshot,
    *,
    units: Sequence[Hardware],
    alerts: Mapping[str, Sequence[str]],
    full: bool,
    names: Sequence[str] | None = None,
) -> JsonObject:
    """Return the leader's answer of the device controller."""
    islanding, islander = grid_block(snapshot)
    site = snapshot.flows.site
    answer: JsonObject = {
        "control": control_block(
            snapshot,
            islanding=islanding,
            alerts=alerts.get("site", ()),
            stored_wh=int(snapshot.stored_wh),
            batteries=[unit.din for unit in units],
            inverters=[unit.din for unit in units],
        ),
        "system": system_block(),
        "neurio": {"isDetectingWiredMeters": False, "readings": [], "pairings": []},
        "pw3Can": {"firmwareUpdate": {"isUpdating": False, "progress": None}, "enumeration": {"inProgress": False}},
        "esCan": {
            "bus": {
                **{family: _empty(family, slots=8) for family in ("PVAC", "PVS", "PINV", "POD", "THC")},
                "SYNC": {
                    "packagePartNumber": None,
                    "packageSerialNumber": None,
                    "SYNC_InfoMsg": {"isMIA": True},
                    "METER_X_AcMeasurements": {"isMIA": True, "isComplete": False},
                    "METER_Y_AcMeasurements": {"isMIA": True, "isComplete": False},
                },
                "ISLANDER": islander,
                "MSA": {
                    "packagePartNumber": None,
                    "packageSerialNumber": None,
                    "METER_Z_AcMeasurements": {"isMIA": True},
                },
            },
            "enumeration": None,
            "firmwareUpdate": {"isUpdating": False},
            "phaseDetection": None,
            "inverterSelfTests": None,
        },
    }
    if full:
        half = site / 2.0
        amps = round(abs(half) / 121.0, 3)
        switch = {
            "MSA_pcbaId": 4.0,
            "MSA_usageId": 2.0,
            "MSA_appGitHash": "1122334455667788",
            "MSA_HeatingRateOccurred": False,
            "METER_Z_CTA_InstRealPower": half,
            "METER_Z_CTA_InstReactivePower": -20.0,
            "METER_Z_CTA_I": amps,
            "METER_Z_VL1G": 121.0,
            "METER_Z_CTB_InstRealPower": half,
            "METER_Z_CTB_InstReactivePower": -20.0,
            "METER_Z_CTB_I": amps,
            "METER_Z_VL2G": 121.3,
            "METER_Z_CTC_InstRealPower": None,
            "METER_Z_CTC_InstReactivePower": None,
            "METER_Z_CTC_I": None,
            "METER_Z_VL3G": None,
            "METER_Z_LifetimeEnergyImport": round(snapshot.energy.site_imported),
            "METER_Z_LifetimeEnergyExport": round(snapshot.energy.site_exported),
        }
        answer["components"] = {
            "msa": [
                component(SWITCH.part, SWITCH.serial, requested(switch, names), alerts.get(SWITCH.serial, ())),
                component(None, "", {}),
            ]
        }
        answer["ieee20305"] = {"longFormDeviceID": "", "polledResources": [], "controls": None, "registration": None}
        answer["teslaRemoteMeter"] = {"meters": [], "detectedWired": []}
    return answer


def strings(snapshot: Snapshot, index: int, count: int) -> dict[str, tuple[str, float, float]]:
    """Return state, volts and amperes of each string of unit ``index``."""
    wired = _STRINGS[index % len(_STRINGS)]
    watts = even_split(max(snapshot.flows.solar, 0.0), count)[index]
    result = {}
    for letter in LETTERS:
        part = wired.get(letter, 0.0)
        if not part:
            result[letter] = ("Pv_Standby", 2.5, 0.0)
        elif watts <= 0:
            result[letter] = ("Pv_Standby", 14.0, 0.0)
        else:
            volts = round(330.0 + 60.0 * snapshot.solar_share + 4.0 * LETTERS.index(letter), 1)
            state = "Pv_Active_Parallel" if letter == "D" else "Pv_Active"
            result[letter] = (state, volts, round(watts * part / volts, 3))
    return result


def temperatures(snapshot: Snapshot, index: int) -> dict[str, float]:
    """Return the degrees Celsius inside one unit, which rise with sun and power and differ from unit to unit."""
    power = abs(snapshot.flows.battery) / 10_000.0
    ambient = 28.0 + 14.0 * snapshot.solar_share + 5.0 * power + 1.5 * index
    return {
        "PCH_AmbientTemp": round(ambient, 2),
        "HVP_PackTempMax": round(ambient - 4.0, 1),
        "HVP_PackTempMin": round(ambient - 8.5, 1),
        "HVP_ShuntTemperature": round(ambient - 3.0, 1),
    }


def fans(snapshot: Snapshot, index: int) -> dict[str, float]:
    """Return the two fans of one inverter, whose duty cycle rises in steps with the temperature inside."""
    heat = temperatures(snapshot, index)["PCH_AmbientTemp"]
    duty = 5.1 if heat < 40.0 else 16.4 if heat < 46.0 else 19.1
    jitter = int(snapshot.time + index) % 5
    speed = 1000.0 if duty < 6 else 1320.0 if duty < 17 else 1395.0
    return {
        "PCH_FanSpeed_A": speed + jitter,
        "PCH_FanSpeed_B": speed + 4.0 - jitter,
        "PCH_FanDuty_A": duty,
        "PCH_FanDuty_B": round(duty + 0.4, 1),
    }


def components(
    snapshot: Snapshot,
    *,
    units: Sequence[Hardware],
    expansions: Sequence[Hardware],
    din: str,
    variables: JsonMapping,
    alerts: Mapping[str, Sequence[str]],
) -> JsonObject | None:
    """Return the answer to ComponentsQuery of the unit with ``din``; None if there is no such unit."""
    index = next((place for place, unit in enumerate(units) if unit.din == din), None)
    if index is None:
        return None
    unit, count = units[index], len(units)
    flows = snapshot.flows
    battery = even_split(flows.battery, count)[index]
    solar = even_split(flows.solar, count)[index]
    active = alerts.get(unit.serial, ())
    pch: JsonObject = {
        "PCH_State": "PCH_STATE_ACTIVE",
        "PCH_AcFrequency": 60.0 if snapshot.grid == "up" else 60.02,
        "PCH_AcVoltageAB": 242.3,
        "PCH_AcVoltageAN": 121.0,
        "PCH_AcVoltageBN": 121.3,
        "PCH_AcVoltageCN": None,
        "PCH_AcVoltageLL": 242.3,
        "PCH_BatteryPower": battery,
        "PCH_AcRealPowerAB": battery + solar,
        "PCH_AcRealPowerSum": battery + solar,
        "PCH_SlowPvPowerSum": solar,
        "PCH_AcMode": "PCH_AcMode_GridFollowing" if snapshot.grid == "up" else "PCH_AcMode_GridForming",
        "PCH_DcdcState_A": "DcdcState_Active",
        "PCH_DcdcState_B": "DcdcState_Active",
        "PCH_appGitHash": "5566778899aabbcc",
        "PCH_packagePartNumber_1_7": unit.part[:7],
        "PCH_packagePartNumber_8_14": unit.part[7:],
        "PCH_packagePartNumber_15_20": "",
        "PCH_packageSerialNumber_1_7": unit.serial[:7],
        "PCH_packageSerialNumber_8_14": unit.serial[7:],
        "PCH_heatsinkTemp": 45.45098,
        "PCH_pcbaId": 3.0,
        "PCH_usageId": 1.0,
        **fans(snapshot, index),
    }
    heat = temperatures(snapshot, index)
    pch["PCH_AmbientTemp"] = heat["PCH_AmbientTemp"]
    for letter, (state, volts, amperes) in strings(snapshot, index, count).items():
        pch[f"PCH_PvState_{letter}"] = state
        pch[f"PCH_PvVoltage{letter}"] = volts
        pch[f"PCH_PvCurrent{letter}"] = amperes
    pws = {
        "PWS_SelfTest": "PWS_SelfTest_Idle",
        "PWS_PeImpTestState": "PWS_PeImpTestState_Passed",
        "PWS_PvIsoTestState": "PWS_PvIsoTestState_Passed",
        "PWS_RelaySelfTest_State": "PWS_RelaySelfTest_Passed",
        "PWS_MciTestState": "PWS_MciTestState_Passed",
        "PWS_appGitHash": "99aabbccddeeff00",
        "PWS_ProdSwitch_State": "PWS_ProdSwitch_On",
        "PWS_ExtSwitch_State": "PWS_ExtSwitch_On",
        "PWS_RSDSelfTest_Result": "PWS_RSDSelfTest_Passed",
        "PWS_RSDSelfTest_State": "PWS_RSDSelfTest_Idle",
        "PWS_RSD_State": "PWS_RSD_Enabled",
        "PWS_assemblyId": 7.0,
        "PWS_pcbaId": 2.0,
        "PWS_reversePolarityStrings": 0.0,
    }
    packs = pack_energies(snapshot, count, len(expansions))
    mine = [(unit, packs[index])]
    if index == 0:
        mine += list(zip(expansions, packs[count:], strict=True))
    cycles = snapshot.energy.battery_discharged / max(len(packs), 1) / 1000.0
    bms: list[JsonObject] = []
    hvp: list[JsonObject] = []
    for place, (pack, (remaining, capacity)) in enumerate(mine):
        health = {
            "BMS_nominalEnergyRemaining": remaining / 1000.0,
            "BMS_nominalFullPackEnergy": capacity / 1000.0,
            "BMS_appGitHash": "aabbccdd00112233",
            "BMS_LOG_tempOutOfBounds": 0.0,
            "BMS_LOG_tempOutOfBoundsCharge": 0.0,
            "BMS_kwhDischargeTotal": round(cycles, 1),
            "BMS_LOG_ahDischargeTotal": round(cycles * 20.0, 1),
            "BMS_LOG_cacAvg": 280.5,
            "BMS_LOG_numFullBattCycles": 0.0,
            "BMS_LOG_overDischargeCounter": 0.0,
            "BMS_LOG_selfDischargeRate": 0.1,
        }
        pack_state = {
            "HVP_State": "HVP_STATE_CLOSED",
            "HVP_appGitHash": "ccddeeff44556677",
            "HVP_PackTempMax": round(heat["HVP_PackTempMax"] - 2.0 * place, 1),
            "HVP_PackTempMin": round(heat["HVP_PackTempMin"] - 2.0 * place, 1),
            "HVP_ShuntTemperature": heat["HVP_ShuntTemperature"],
            "HVP_SafetyBiDisconnectState": "HVP_SafetyBiDisconnect_Closed",
            "HVP_a061_LockoutOnIsoFaultRetry": False,
        }
        bms.append(component(None, None, requested(health, variables.get("bmsSignalNames"))))
        hvp.append(component(pack.part, pack.serial, requested(pack_state, variables.get("hvpSignalNames"))))
    # Real units also report an empty slot, with nulls in it.
    bms.append(component(None, None, {"BMS_nominalEnergyRemaining": None, "BMS_nominalFullPackEnergy": None}))
    hvp.append(component(None, None, {"HVP_State": None}))
    baggr = {
        "BAGGR_State": "BAGGR_STATE_CONNECTED",
        "BAGGR_OperationRequest": "BAGGR_OPERATION_REQUEST_ON",
        "BAGGR_NumBatteriesConnected": float(len(mine)),
        "BAGGR_NumBatteriesPresent": float(len(mine)),
        "BAGGR_NumBatteriesExpected": float(len(mine)),
        **{f"BAGGR_LOG_BattConnectionStatus{slot}": float(slot < len(mine)) for slot in range(4)},
        "BAGGR_ExpectedEnergyRemaining": sum(remaining for _, (remaining, _) in mine) / 1000.0,
        "BAGGR_ExpectedFullPackEnergy": sum(capacity for _, (_, capacity) in mine) / 1000.0,
        "BAGGR_OperationType": "BAGGR_OPERATION_TYPE_NORMAL",
    }
    return {
        "components": {
            "pws": [component(None, None, requested(pws, variables.get("pwsSignalNames")))],
            "pch": [component(None, None, requested(pch, variables.get("pchSignalNames")), active)],
            "bms": bms,
            "hvp": hvp,
            "baggr": [component(None, None, requested(baggr, variables.get("baggrSignalNames")))],
        },
        "pw3Can": {"firmwareUpdate": {"isUpdating": False, "progress": None}},
    }


def pack_energies(snapshot: Snapshot, units: int, expansions: int) -> list[tuple[int, int]]:
    """Return (remaining, capacity) in watt-hours of every pack, first of units, then of expansion packs."""
    count = units + expansions
    capacity = int(snapshot.capacity_wh) // max(count, 1)
    return [(int(value), capacity) for value in even_split(int(snapshot.stored_wh), count, 1.0)]
