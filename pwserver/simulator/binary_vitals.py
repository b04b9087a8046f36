"""Encode the binary /api/devices/vitals of older firmware: devices with named values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pwserver.json_types import JsonMapping, JsonObject

from . import powerwall2
from .hardware import Hardware
from .house import Snapshot
from .powerwall2 import INVERTER, NEURIO_SERIAL, SWITCH, SYNC
from .protobuf import blob, double, integer, nested

# Field numbers of a device's texts, times and attributes, which the protobuf keeps apart from the named vitals.
_TEXTS = {"partNumber": 2, "serialNumber": 3, "manufacturer": 4, "componentParentDin": 6, "firmwareVersion": 7}
_TIMES = {"firstCommunicationTime": 8, "lastCommunicationTime": 9}
_ATTRIBUTES = {
    "teslaEnergyEcuAttributes": (1, "ecuType", 1),
    "pvInverterAttributes": (3, "nameplateRealPowerW", 1),
}


def encode(devices: Mapping[str, JsonMapping]) -> bytes:
    """Encode {device name: {field or vital: value}}; None is left out, and ``alerts`` is the list of alerts."""
    return b"".join(blob(1, _device(name, values)) for name, values in devices.items())


def _device(name: str, values: JsonMapping) -> bytes:
    device = blob(1, nested((1,), name.encode()))
    attributes = b""
    vitals = b""
    for key, value in values.items():
        if value is None or key == "alerts":
            continue
        if key in _TEXTS:
            device += blob(_TEXTS[key], blob(1, str(value)))
        elif key in _TIMES:
            device += blob(_TIMES[key], integer(1, int(value)))
        elif key in _ATTRIBUTES:
            number, field, inner = _ATTRIBUTES[key]
            attributes += blob(number, integer(inner, int(value[field])))
        elif key == "meterAttributes":
            attributes += blob(4, blob(1, bytes(value["meterLocation"])))
        else:
            vitals += blob(2, _vital(key, value))
    if attributes:
        device += blob(11, attributes)
    alerts = b"".join(blob(3, alert) for alert in values.get("alerts") or ())
    return nested((1, 1), device) + vitals + alerts


def _vital(name: str, value: object) -> bytes:
    head = blob(1, name)
    if isinstance(value, bool):
        return head + integer(6, value)
    if isinstance(value, int):
        return head + integer(3, value)
    if isinstance(value, float):
        return head + double(4, value)
    return head + blob(5, str(value))


def devices(
    snapshot: Snapshot, *, din: str, units: Sequence[Hardware], alerts: Mapping[str, Sequence[str]], firmware: str
) -> dict[str, JsonObject]:
    """Return the devices of a Powerwall 2 house as older firmware reports them."""
    status = powerwall2.status(snapshot, units=units, alerts=alerts, full=True)
    bus = status["esCan"]["bus"]
    signals: dict[str, JsonObject] = {}
    for entry in status["components"]["msa"]:
        values = signals.setdefault(str(entry["serialNumber"]), {})
        for item in entry["signals"]:
            given = (item[key] for key in ("value", "boolValue", "textValue") if item[key] is not None)
            values[item["name"]] = next(given, None)
    seen = int(snapshot.time) - 2
    gateway = f"STSTSM--{din}"

    def clean(values: JsonMapping) -> JsonObject:
        return {key: value for key, value in values.items() if key not in ("isMIA", "isComplete")}

    def device(unit: Hardware | None, parent: str | None, kind: int, **values: object) -> JsonObject:
        base: JsonObject = {"componentParentDin": parent}
        if unit is not None:
            base |= {"partNumber": unit.part, "serialNumber": unit.serial}
        return base | {
            "manufacturer": "TESLA",
            "firmwareVersion": firmware,
            "lastCommunicationTime": seen,
            "teslaEnergyEcuAttributes": {"ecuType": kind},
            **values,
        }

    part, _, serial = din.partition("--")
    result: dict[str, JsonObject] = {
        gateway: device(
            Hardware(part, serial), None, 207, **{"STSTSM-Location": "Gateway"}, alerts=alerts.get("site", ())
        )
    }
    for unit, pod, pinv in zip(units, bus["POD"], bus["PINV"], strict=True):
        module = Hardware(str(unit.module_part), str(unit.module_serial))
        parent = f"TETHC--{unit.din}"
        own = signals.get(unit.serial, {})
        inner = signals.get(module.serial, {})
        energy = pod["POD_EnergyStatus"]
        remaining, capacity = energy["POD_nom_energy_remaining"], energy["POD_nom_full_pack_energy"]
        result[parent] = device(unit, gateway, 224, **own, alerts=alerts.get(unit.serial, ()))
        result[f"TEPOD--{module.din}"] = device(
            module,
            parent,
            226,
            POD_nom_energy_to_be_charged=float(capacity - remaining),
            POD_nom_energy_remaining=float(remaining),
            POD_nom_full_pack_energy=float(capacity),
            POD_available_charge_power=inner.get("POD_available_charge_power"),
            POD_available_dischg_power=inner.get("POD_available_dischg_power"),
            POD_state="POD_ACTIVE",
            POD_enable_line=True,
            **dict.fromkeys(
                (
                    "POD_ChargeComplete",
                    "POD_DischargeComplete",
                    "POD_PersistentlyFaulted",
                    "POD_PermanentlyFaulted",
                    "POD_ChargeRequest",
                    "POD_ActiveHeating",
                    "POD_CCVhold",
                ),
                False,
            ),
        )
        state = pinv["PINV_Status"]
        result[f"TEPINV--{module.din}"] = device(
            module,
            parent,
            253,
            PINV_EnergyDischarged=float(inner["PINV_EnergyDischarged"]),
            PINV_EnergyCharged=float(inner["PINV_EnergyCharged"]),
            **clean(pinv["PINV_AcMeasurements"]),
            **{key: inner[key] for key in ("PINV_PllFrequency", "PINV_PllLocked", "PINV_Qout")},
            **clean(state),
            PINV_ReadyForGridForming=True,
            PINV_HardwareEnableLine=True,
            PINV_PowerLimiter="PWRLIM_POD_Power_Limit",
        )
    pvac, pvs = bus["PVAC"][0], bus["PVS"][0]
    logging, inverter = pvac["PVAC_Logging"], pvac["PVAC_Status"]
    powers = {
        f"PVAC_PVMeasuredPower_{name}": round(
            max(logging[f"PVAC_PVMeasuredVoltage_{name}"], 0.0) * logging[f"PVAC_PVCurrent_{name}"], 1
        )
        for name in "ABCD"
    }
    wired = {name: pvs["PVS_Status"][f"PVS_String{name}_Connected"] for name in "ABCD"}
    strings = {f"PVAC_PvState_{name}": "PV_Active" if there else "PV_Disabled" for name, there in wired.items()}
    pvac_name = f"PVAC--{INVERTER.din}"
    result[pvac_name] = device(
        INVERTER,
        f"TETHC--{units[0].din}" if units else gateway,
        296,
        PVAC_Iout=round(snapshot.flows.solar / 242.3, 2),
        **clean(logging),
        **powers,
        PVAC_LifetimeEnergyPV_Total=float(round(snapshot.energy.solar)),
        **clean(inverter),
        PVAC_Qout=20.0,
        PVAC_GridState="Grid_Compliant",
        PVAC_InvState="INV_Grid_Connected",
        PVAC_VHvMinusChassisDC=-210.0,
        **strings,
        **{"PVI-PowerStatusSetpoint": "on"},
        alerts=alerts.get(INVERTER.serial, ()),
    )
    result[f"PVS--{INVERTER.din}"] = device(INVERTER, pvac_name, 297, **clean(pvs["PVS_Status"]), PVS_EnableOutput=True)
    islander = clean(bus["ISLANDER"]["ISLAND_AcMeasurements"])
    meters = clean(bus["SYNC"]["METER_X_AcMeasurements"] | bus["SYNC"]["METER_Y_AcMeasurements"])
    result[f"TESYNC--{SYNC.din}"] = device(
        SYNC,
        gateway,
        259,
        **islander,
        ISLAND_GridConnected=snapshot.grid == "up",
        SYNC_ExternallyPowered=False,
        SYNC_SiteSwitchEnabled=False,
        **meters,
        METER_X_LifetimeEnergyImport=float(round(snapshot.energy.site_imported)),
        METER_X_LifetimeEnergyExport=float(round(snapshot.energy.site_exported)),
        METER_Y_LifetimeEnergyImport=float(round(snapshot.energy.solar)),
        METER_Y_LifetimeEnergyExport=0.0,
        alerts=alerts.get(SYNC.serial, ("SYNC_a001_SW_App_Boot", "SYNC_a046_DoCloseArguments")),
    )
    result[f"TESLA--{SWITCH.serial}"] = {
        "componentParentDin": gateway,
        "serialNumber": SWITCH.serial,
        "manufacturer": "TESLA",
        "firmwareVersion": firmware,
        "lastCommunicationTime": seen,
        "meterAttributes": {"meterLocation": [1]},
    }
    result[f"NEURIO--{NEURIO_SERIAL}"] = {
        "componentParentDin": gateway,
        "serialNumber": NEURIO_SERIAL,
        "manufacturer": "NEURIO",
        "firmwareVersion": "1.7.2-Tesla",
        "lastCommunicationTime": seen,
        "meterAttributes": {"meterLocation": [5]},
        "NEURIO_CT0_Location": "solarRGM",
        "NEURIO_CT0_InstRealPower": snapshot.flows.solar,
    }
    result[f"TESLA--{INVERTER.din}"] = {
        "componentParentDin": gateway,
        "serialNumber": INVERTER.din,
        "manufacturer": "TESLA",
        "firmwareVersion": firmware,
        "lastCommunicationTime": seen,
        "pvInverterAttributes": {"nameplateRealPowerW": 7600},
    }
    return result
