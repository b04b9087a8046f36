"""Write the answers of a Backup Gateway with Powerwall 2 units and a Tesla solar inverter.

The shapes follow the queries that pypowerwall sends. All numbers come from one snapshot of the house, so that every
part agrees.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from pwserver.json_types import JsonObject

from .blocks import (
    component,
    control_block,
    grid_block,
    meter,
    neurio_block,
    requested,
    site_settings,
    system_block,
    uptime_milliseconds,
)
from .hardware import Hardware, even_split
from .house import Plant, Snapshot

GATEWAY_DIN = "1232100-00-E--TG123456789ABC"
UNITS = (
    Hardware("2012170-25-E", "TG123456789DEF", "1081100-13-V", "T21G0001234"),
    Hardware("3012170-05-B", "TG123456789GHI", "1081100-13-V", "T21G0005678"),
)
INVERTER = Hardware("1538100-00-F", "C123456789JKL")
SYNC = Hardware("1493315-01-F", "J123456789MNO")
SWITCH = Hardware("1538000-00-E", "M123456789PQR")
NEURIO_SERIAL = "V1234567890"

# Share of the inverter's solar power by string; B is not wired.
_STRINGS = {"A": 0.31, "B": 0.0, "C": 0.36, "D": 0.33}
_STRING_VOLTS = {"A": 385.2, "C": 395.7, "D": 390.1}
_INVERTER_EFFICIENCY = 0.97


def config(plant: Plant, *, units: Sequence[Hardware] = UNITS, din: str = GATEWAY_DIN) -> JsonObject:
    """Return config.json as the installer left it."""
    return {
        "vin": din,
        "auto_meter_update": True,
        "battery_blocks": [
            {
                "vin": unit.din,
                "type": "Powerwall2",
                "disabled_reasons": [],
                "nominal_full_pack_energy": capacity,
                "min_soe": None,
                "max_soe": None,
            }
            for unit, capacity in zip(units, plant.pack_wh, strict=True)
        ],
        "site_info": {
            "site_name": "Simulated House",
            "timezone": plant.timezone,
            "country": "United States",
            "state": "California",
            "utility": "Simulated Light & Power",
            "grid_code": "60Hz_240V_s_UL1741SA:2019_California",
            "backup_reserve_percent": 24.0,
            "battery_commission_date": "2021-09-25T16:05:08-07:00",
            "max_site_meter_power_ac": 1000000000,
            "min_site_meter_power_ac": -1000000000,
            "nominal_system_energy_ac": round(sum(plant.pack_wh) / 1000, 1),
            "nominal_system_power_ac": round(len(plant.pack_wh) * plant.pack_watts / 1000, 1),
            "panel_max_current": 100,
            "customer_preferred_export_rule": "battery_ok",
            "disallow_charge_from_grid_with_solar_installed": False,
        },
        "meters": [{"type": "neurio_w2_tcp", "connection": {"device_serial": NEURIO_SERIAL}, "location": "solar"}],
        "solars": [{"brand": "Tesla", "model": "Solar Inverter 7.6", "power_rating_watts": 7600}],
        **site_settings(),
    }


def inverter(unit: Hardware, solar_watts: float, share: float, alerts: Sequence[str]) -> tuple[JsonObject, JsonObject]:
    """Return the PVAC and PVS entries of one solar inverter."""
    logging: JsonObject = {"isMIA": False}
    for name, part in _STRINGS.items():
        watts = max(solar_watts, 0.0) * part / _INVERTER_EFFICIENCY
        volts = round(_STRING_VOLTS[name] * (0.92 + 0.08 * share), 1) if part and watts > 0 else (0.0 if part else -1.0)
        logging[f"PVAC_PVMeasuredVoltage_{name}"] = volts
        logging[f"PVAC_PVCurrent_{name}"] = round(watts / volts, 2) if volts > 0 else 0.0
    logging |= {"PVAC_VL1Ground": 121.0, "PVAC_VL2Ground": 121.3}
    running = solar_watts > 0
    pvac = {
        "packagePartNumber": unit.part,
        "packageSerialNumber": unit.serial,
        "subPackagePartNumber": "1538700-00-F",
        "subPackageSerialNumber": "S" + unit.serial[1:],
        "PVAC_Status": {
            "isMIA": False,
            "PVAC_Pout": solar_watts,
            "PVAC_State": "PVAC_Active" if running else "PVAC_Standby",
            "PVAC_Vout": 242.3,
            "PVAC_Fout": 60.0,
        },
        "PVAC_InfoMsg": {"PVAC_appGitHash": "a1b2c3d4e5f60718"},
        "PVAC_Logging": logging,
        "alerts": {"isComplete": True, "isMIA": False, "active": list(alerts)},
    }
    pvs = {
        "PVS_Status": {
            "isMIA": False,
            "PVS_State": "PVS_GridTied" if running else "PVS_Idle",
            "PVS_vLL": 242.3,
            **{f"PVS_String{name}_Connected": part > 0 for name, part in _STRINGS.items()},
            "PVS_SelfTestState": "PVS_SelfTestOff",
        },
        "PVS_Logging": {"PVS_numStringsLockoutBits": 0, "PVS_sbsComplete": True},
        "alerts": {"isComplete": True, "isMIA": False, "active": []},
    }
    return pvac, pvs


def ambient(snapshot: Snapshot, index: int) -> float:
    """Return the degrees Celsius at a unit's thermal controller, which is warmer by day and under power."""
    power = abs(snapshot.flows.battery) / 5000.0
    return round(17.0 + 9.0 * snapshot.solar_share + 3.0 * power + 0.7 * index, 2)


def status(
    snapshot: Snapshot,
    *,
    units: Sequence[Hardware] = UNITS,
    solar: Hardware | None = INVERTER,
    alerts: Mapping[str, Sequence[str]],
    full: bool,
    names: Collection[str] | None = None,
    neurio_watts: Sequence[float] | None = None,
) -> JsonObject:
    """Return the answer of the device controller; ``full`` adds what only the longer query asks for.

    ``alerts`` maps the serial number of a device, or "site", to its active alerts.
    """
    flows = snapshot.flows
    count = len(units)
    shares = even_split(flows.battery, count)
    stored = [int(value) for value in even_split(math.floor(snapshot.stored_wh), count, quantum=1.0)]
    islanding, islander = grid_block(snapshot)
    pvac, pvs = inverter(solar, flows.solar, snapshot.solar_share, alerts.get(solar.serial, ())) if solar else ({}, {})
    hertz = 60.0 if snapshot.grid == "up" else 60.02
    sync = {
        "packagePartNumber": SYNC.part,
        "packageSerialNumber": SYNC.serial,
        "SYNC_InfoMsg": {"isMIA": False, "SYNC_appGitHash": "0f1e2d3c4b5a6978", "SYNC_assemblyId": 11},
        "METER_X_AcMeasurements": meter("METER_X", flows.site),
        "METER_Y_AcMeasurements": meter("METER_Y", flows.solar),
        "alerts": {"isComplete": True, "isMIA": False, "active": list(alerts.get(SYNC.serial, ()))},
    }
    msa = {
        "packagePartNumber": SWITCH.part,
        "packageSerialNumber": SWITCH.serial,
        "MSA_InfoMsg": {"isMIA": False, "MSA_appGitHash": "1122334455667788"},
        "METER_Z_AcMeasurements": meter("METER_Z", flows.site, ("VL1G", "VL2G", "VL3G")),
        "alerts": {"isComplete": True, "isMIA": False, "active": list(alerts.get(SWITCH.serial, ()))},
    }
    answer: JsonObject = {
        "control": control_block(
            snapshot,
            islanding=islanding,
            alerts=alerts.get("site", ()),
            stored_wh=sum(stored),
            batteries=[unit.din for unit in units],
            inverters=[solar.din] if solar else [],
        ),
        "system": system_block(),
        "neurio": neurio_block(snapshot, NEURIO_SERIAL, neurio_watts or (flows.solar / 2.0,) * 2),
        "pw3Can": {"firmwareUpdate": {"isUpdating": False, "progress": None}},
        "esCan": {
            "bus": {
                "PVAC": [pvac] if solar else [],
                "PVS": [pvs] if solar else [],
                "PINV": [
                    {
                        "PINV_Status": {
                            "isMIA": False,
                            "PINV_Fout": hertz,
                            "PINV_Pout": share / 1000.0,
                            "PINV_Vout": 242.3,
                            "PINV_State": "PINV_GridFollowing" if snapshot.grid == "up" else "PINV_GridForming",
                            "PINV_GridState": "Grid_Compliant" if snapshot.grid == "up" else "Grid_Uncompliant",
                        },
                        "PINV_AcMeasurements": {"isMIA": False, "PINV_VSplit1": 121.0, "PINV_VSplit2": 121.3},
                        "PINV_PowerCapability": {"isComplete": True, "isMIA": False, "PINV_Pnom": 5000},
                        "alerts": {"isComplete": True, "isMIA": False, "active": []},
                    }
                    for share in shares
                ],
                "POD": [
                    {
                        "POD_EnergyStatus": {
                            "isMIA": False,
                            "POD_nom_energy_remaining": remaining,
                            "POD_nom_full_pack_energy": int(snapshot.capacity_wh) // count,
                        },
                        "POD_InfoMsg": {"POD_appGitHash": "99aabbccddeeff00"},
                        "alerts": {"isComplete": True, "isMIA": False, "active": []},
                    }
                    for remaining in stored
                ],
                "THC": [
                    {
                        "packagePartNumber": unit.part,
                        "packageSerialNumber": unit.serial,
                        "THC_InfoMsg": {"isComplete": True, "isMIA": False, "THC_appGitHash": "4064fc6a5b324255"},
                        "THC_Logging": {"THC_LOG_PW_2_0_EnableLineState": "ON"},
                        "alerts": {"isComplete": True, "isMIA": False, "active": list(alerts.get(unit.serial, ()))},
                    }
                    for unit in units
                ],
                "SYNC": sync,
                "ISLANDER": islander,
                "MSA": msa,
            },
            "enumeration": {"inProgress": False, "numACPW": count, "numPVI": 1 if solar else 0},
            "firmwareUpdate": {"isUpdating": False, "powerwalls": None, "msa": None, "sync": None, "pvInverters": None},
            "phaseDetection": {"inProgress": False, "lastUpdateTimestamp": None, "powerwalls": []},
            "inverterSelfTests": {"isRunning": False, "isCanceled": False, "pinvSelfTestsResults": []},
        },
    }
    if full:
        answer["components"] = {"msa": _msa_components(snapshot, units, solar, shares, names)}
        answer["ieee20305"] = {"longFormDeviceID": "", "polledResources": [], "controls": None, "registration": None}
        answer["teslaRemoteMeter"] = {"meters": [], "detectedWired": []}
    return answer


def _msa_components(
    snapshot: Snapshot,
    units: Sequence[Hardware],
    solar: Hardware | None,
    shares: Sequence[float],
    names: Collection[str] | None,
) -> list[JsonObject]:
    """Return components.msa: for each package its TETHC, then the TEPINV and TEPOD of its module.

    The order matters, as pypowerwall pairs the entries by it.
    """
    energy = snapshot.energy
    entries: list[JsonObject] = []
    full = snapshot.soe_percent is not None and snapshot.soe_percent > 99.5
    for index, (unit, share) in enumerate(zip(units, shares, strict=True)):
        charged = round(energy.battery_charged / len(units))
        discharged = round(energy.battery_discharged / len(units))
        entries.append(
            component(
                unit.part,
                unit.serial,
                {"THC_State": "THC_STATE_AUTONOMOUSCONTROL", "THC_AmbientTemp": ambient(snapshot, index)},
            )
        )
        entries.append(
            component(
                unit.module_part,
                unit.module_serial,
                {
                    "PINV_EnergyCharged": charged,
                    "PINV_EnergyDischarged": discharged,
                    "PINV_LifetimeEnergyCharged": charged,
                    "PINV_LifetimeEnergyDischarged": discharged,
                    "PINV_HeatsinkTemp": round(ambient(snapshot, index) + 8.0 + abs(share) / 500.0, 2),
                    "PINV_PllFrequency": 60.0,
                    "PINV_PllLocked": True,
                    "PINV_Qout": 0.01,
                    "PINV_ReadyForGridForming": True,
                    "PINV_HardwareEnableLine": True,
                    "PINV_PowerLimiter": None,
                },
            )
        )
        entries.append(
            component(
                unit.module_part,
                unit.module_serial,
                {
                    "POD_available_charge_power": 0.0 if full else 7000.0,
                    "POD_available_dischg_power": 7000.0 if snapshot.stored_wh > 0 else 0.0,
                },
            )
        )
    if solar:
        entries.append(component(solar.part, solar.serial, fans(snapshot)))
    entries.append(
        component(
            SYNC.part,
            SYNC.serial,
            {
                "SYNC_Uptime": uptime_milliseconds(snapshot),
                "SYNC_ExternallyPowered": False,
                "SYNC_SiteSwitchEnabled": False,
            },
        )
    )
    entries.append(component(None, "", {"POD_available_charge_power": None, "POD_available_dischg_power": None}))
    for entry in entries:
        signals = {item["name"]: item for item in entry["signals"]}
        entry["signals"] = list(requested(signals, names).values())
    return entries


def fans(snapshot: Snapshot) -> dict[str, float]:
    """Return the fan of the inverter, which stops in the dark and speeds up with the sun."""
    if snapshot.solar_share <= 0.02:
        return {"PVAC_Fan_Speed_Actual_RPM": 0, "PVAC_Fan_Speed_Target_RPM": 0}
    target = 600 + round(2400 * snapshot.solar_share / 50) * 50
    return {"PVAC_Fan_Speed_Actual_RPM": target + int(snapshot.time) % 7 - 3, "PVAC_Fan_Speed_Target_RPM": target}
