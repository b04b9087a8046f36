"""Write the parts of the device controller's answer that all families share."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pwserver.json_types import JsonMapping, JsonObject

from .house import Snapshot

FIRMWARE = "26.18.3 8d2f5c1a"
GIT_HASH = "8d2f5c1a"


def site_settings() -> JsonObject:
    """Return the members of config.json that do not depend on the hardware."""
    return {
        "default_real_mode": "self_consumption",
        "enable_inverter_meter_readings": True,
        "freq_shift_load_shed": {},
        "installer": {"company": "Simulated Installer"},
        "island_config": {},
        "strategy": {},
        "customer": {"registered": True},
    }


def grid_block(snapshot: Snapshot) -> tuple[JsonObject, JsonObject]:
    """Return control.islanding and esCan.bus.ISLANDER for the state of the grid."""
    up = snapshot.grid == "up"
    main_ok = up or snapshot.grid == "syncing"
    main_volts = 121.0 if main_ok else 0.0
    main_hertz = 60.0 if main_volts else 0.0
    load_hertz = 60.0 if up else 60.02
    islanding: JsonObject = {
        "customerIslandMode": "Off_Grid" if snapshot.controls.off_grid else "Backup",
        "contactorClosed": up,
        "microGridOK": not snapshot.load_shed,
        "gridOK": main_ok,
        "disableReasons": [],
    }
    islander = {
        "ISLAND_GridConnection": {
            "ISLAND_GridConnected": "ISLAND_GridConnected_Connected" if up else "ISLAND_GridConnected_Disconnected",
            "isComplete": True,
        },
        "ISLAND_AcMeasurements": {
            "ISLAND_VL1N_Main": main_volts,
            "ISLAND_FreqL1_Main": main_hertz,
            "ISLAND_VL2N_Main": main_volts + 0.3 if main_volts else 0.0,
            "ISLAND_FreqL2_Main": main_hertz,
            "ISLAND_VL3N_Main": 0.0,
            "ISLAND_FreqL3_Main": 0.0,
            "ISLAND_VL1N_Load": 121.0,
            "ISLAND_FreqL1_Load": load_hertz,
            "ISLAND_VL2N_Load": 121.3,
            "ISLAND_FreqL2_Load": load_hertz,
            "ISLAND_VL3N_Load": 0.0,
            "ISLAND_FreqL3_Load": 0.0,
            "ISLAND_GridState": f"ISLAND_GridState_Grid_{'Compliant' if main_ok else 'Uncompliant'}",
            "ISLAND_L1L2PhaseDelta": 180.0,
            "ISLAND_L1L3PhaseDelta": -256.0,
            "ISLAND_L2L3PhaseDelta": -256.0,
            "ISLAND_L1MicrogridOk": True,
            "ISLAND_L2MicrogridOk": True,
            "ISLAND_L3MicrogridOk": False,
            "ISLAND_PhaseL1_Main_Load": 0.0,
            "ISLAND_PhaseL2_Main_Load": 0.0,
            "ISLAND_PhaseL3_Main_Load": -256.0,
            "ISLAND_ReadyForSynchronization": up,
            "isComplete": True,
            "isMIA": False,
        },
    }
    return islanding, islander


def meter(prefix: str, watts: float, volts: tuple[str, str, str] = ("VL1N", "VL2N", "VL3N")) -> JsonObject:
    """Return one split-phase meter, whose CTs A and B measure half each, as in a North American house.

    It has no lifetime energies, as the queries that pypowerwall sends do not ask for them.
    """
    half = watts / 2.0
    amps = round(abs(half) / 121.0, 3)
    return {
        "isMIA": False,
        "isComplete": True,
        f"{prefix}_CTA_InstRealPower": half,
        f"{prefix}_CTA_InstReactivePower": -58.0,
        f"{prefix}_CTA_I": amps,
        f"{prefix}_{volts[0]}": 121.0,
        f"{prefix}_CTB_InstRealPower": half,
        f"{prefix}_CTB_InstReactivePower": -70.0,
        f"{prefix}_CTB_I": amps,
        f"{prefix}_{volts[1]}": 121.3,
        f"{prefix}_CTC_InstRealPower": 0.0,
        f"{prefix}_CTC_InstReactivePower": 0.0,
        f"{prefix}_CTC_I": 0.0,
        f"{prefix}_{volts[2]}": 0.0,
    }


def signal(name: str, value: object) -> JsonObject:
    """Return one signal as the gateway delivers it, with a member each for numbers, booleans and enums."""
    is_bool, is_text = isinstance(value, bool), isinstance(value, str)
    return {
        "name": name,
        "value": None if is_bool or is_text else value,
        "textValue": value if is_text else None,
        "boolValue": value if is_bool else None,
        "timestamp": None,
    }


def component(part: str | None, serial: str | None, signals: JsonMapping, alerts: Sequence[str] = ()) -> JsonObject:
    """Return one entry of a component list."""
    return {
        "partNumber": part,
        "serialNumber": serial,
        "signals": [signal(name, value) for name, value in signals.items()],
        "activeAlerts": [{"name": name} for name in alerts],
    }


def requested(signals: JsonMapping, names: Collection[str] | None) -> JsonObject:
    """Return the signals in ``names``, in the order of the request; all of them if no names are given.

    Like the gateway, this ignores unknown names silently.
    """
    if names is None:
        return dict(signals)
    return {name: signals[name] for name in dict.fromkeys(names) if name in signals}


def control_block(
    snapshot: Snapshot,
    *,
    islanding: JsonObject,
    alerts: Sequence[str],
    stored_wh: int | None,
    batteries: Sequence[str],
    inverters: Sequence[str],
) -> JsonObject:
    """Return ``control``; ``batteries`` and ``inverters`` are DINs. Without batteries, there is no charge."""
    flows = snapshot.flows
    powers = {"SITE": flows.site, "BATTERY": flows.battery, "LOAD": flows.load, "SOLAR": flows.solar}
    if not batteries:
        del powers["BATTERY"]
    if flows.generator is not None:
        powers["GENERATOR"] = flows.generator
    return {
        "systemStatus": {
            "nominalFullPackEnergyWh": int(snapshot.capacity_wh) if batteries else None,
            "nominalEnergyRemainingWh": stored_wh if batteries else None,
        },
        "islanding": islanding,
        "meterAggregates": [{"location": place, "realPowerW": watts} for place, watts in powers.items()],
        "alerts": {"active": list(alerts)},
        "siteShutdown": {"isShutDown": False, "reasons": []},
        "batteryBlocks": [{"din": din, "disableReasons": []} for din in batteries],
        "pvInverters": [{"din": din, "disableReasons": []} for din in inverters],
    }


def system_block() -> JsonObject:
    """Return ``system``, in which the device fills in its own clock."""
    return {
        "time": None,
        "sitemanagerStatus": {"isRunning": True},
        "updateUrgencyCheck": {
            "urgency": "NONE",
            "version": {"version": FIRMWARE, "gitHash": GIT_HASH},
            "timestamp": None,
        },
    }


def neurio_block(snapshot: Snapshot, serial: str, watts: Sequence[float]) -> JsonObject:
    """Return ``neurio``: one meter with one CT for each of ``watts``."""
    cts = [
        {"voltageV": 121.0, "realPowerW": each, "reactivePowerVAR": -50.0, "currentA": round(abs(each) / 121.0, 3)}
        for each in watts
    ]
    reading = {"firmwareVersion": "1.9.2-Tesla", "serial": serial, "dataRead": cts, "timestamp": int(snapshot.time)}
    return {"isDetectingWiredMeters": False, "readings": [reading], "pairings": []}


# The simulated gateway was started at a fixed time (2026-01-02 03:04:05 UTC), so its uptime grows with its clock.
_BOOT = 1_767_323_045.0


def uptime_milliseconds(snapshot: Snapshot) -> int:
    """Return SYNC_Uptime: milliseconds since the gateway started; never negative."""
    return int(max(snapshot.time - _BOOT, 60.0) * 1000)
