"""Repair gateway payloads that lack values, so that the library can compute and no number is invented.

The library multiplies and compares values that it expects to be there. A missing one becomes ``UNKNOWN``, a NaN that
propagates through the arithmetic; ``without_nans`` turns every result that it reached into None afterwards.
"""

from __future__ import annotations

import math
import operator
from typing import Final

from pwserver.json_types import Json, JsonObject


class _Unknown(float):
    """Stands for a missing number: NaN, but greater than any other.

    The library takes ``value if value > 0 else 0``, and a plain NaN would become 0: an invented number.
    """

    def __gt__(self, other: object) -> bool:
        return True

    def __abs__(self) -> float:
        return math.nan


UNKNOWN: Final = _Unknown("nan")

_LEAVES: Final = frozenset({str, int, bool, type(None), bytes})  # types that hold no NaN
_STRING_VALUES: Final = tuple(f"PVAC_PVMeasuredVoltage_{n}" for n in "ABCD") + tuple(
    f"PVAC_PVCurrent_{n}" for n in "ABCD"
)
_COMPONENT_NUMBERS: Final = ("PCH_PvVoltage", "PCH_PvCurrent", "PCH_BatteryPower")


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _dict(parent: object, key: str) -> JsonObject:
    """Return ``parent[key]`` if it is an object, else an empty one that is not part of ``parent``."""
    found = parent.get(key) if isinstance(parent, dict) else None
    return found if isinstance(found, dict) else {}


def _objects(parent: JsonObject, key: str) -> list[JsonObject]:
    """Remove from the list ``parent[key]`` all but objects, and return it; a null list becomes an empty one."""
    found = parent.get(key)
    if found is None and key not in parent:
        return []
    items = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    parent[key] = items
    return items


def _words(parent: JsonObject, key: str) -> None:
    found = parent.get(key)
    if found is not None:
        parent[key] = [item for item in found if isinstance(item, str)] if isinstance(found, list) else []


def repair(payload: JsonObject) -> bool:
    """Repair one decoded payload (status, controller, components or config) in place; return whether it lacked numbers.

    Only members on which the library's arithmetic or loops are known to fail are touched.
    """
    holes = _Holes()
    if "control" in payload or "esCan" in payload or "neurio" in payload:
        _controller(payload, holes)
    if isinstance(payload.get("components"), dict):
        _components(payload["components"], holes)
    if "battery_blocks" in payload or "site_info" in payload:
        _config(payload)
    return holes.count > 0


class _Holes:
    """Puts UNKNOWN in the place of missing numbers, and counts them."""

    def __init__(self) -> None:
        self.count = 0

    def fill(self, holder: JsonObject, name: str) -> None:
        """Set ``holder[name]`` to UNKNOWN unless it is a number."""
        if not _number(holder.get(name)):
            holder[name] = UNKNOWN
            self.count += 1


def _controller(payload: JsonObject, holes: _Holes) -> None:
    control = _dict(payload, "control")
    if "meterAggregates" in control:
        control["meterAggregates"] = [
            meter for meter in _objects(control, "meterAggregates") if isinstance(meter.get("location"), str)
        ]
    _words(_dict(control, "alerts"), "active")
    _bus(_dict(_dict(payload, "esCan"), "bus"), holes)
    for reading in _objects(_dict(payload, "neurio"), "readings"):
        reading.setdefault("dataRead", [])
        for ct in _objects(reading, "dataRead"):
            for name in ("realPowerW", "currentA"):
                holes.fill(ct, name)
    for meter in _objects(_dict(payload, "teslaRemoteMeter"), "meters"):
        if isinstance(meter.get("reading"), dict):
            _objects(meter["reading"], "ctReadings")


def _bus(bus: JsonObject, holes: _Holes) -> None:
    """Repair the part of a payload that the devices on the CAN bus reported."""
    for kind in ("PVAC", "PVS", "THC", "POD", "PINV"):
        for device in _objects(bus, kind):
            device.setdefault("packageSerialNumber", None)
            _words(_dict(device, "alerts"), "active")
            # The library leaves out an inverter without a serial number, so only the others need numbers.
            if kind == "PVAC" and device["packageSerialNumber"]:
                logged = device.get("PVAC_Logging")
                if not isinstance(logged, dict):
                    logged = device["PVAC_Logging"] = {}
                for name in _STRING_VALUES:
                    holes.fill(logged, name)
    if bus.get("PVAC") and not isinstance(bus.get("PVS"), list):
        bus["PVS"] = []  # the library compares the lengths of both lists
    for kind, letter in (("SYNC", "X"), ("MSA", "Z")):
        _words(_dict(_dict(bus, kind), "alerts"), "active")
        meter = _dict(_dict(bus, kind), f"METER_{letter}_AcMeasurements")
        for phase in "ABC":
            power = meter.get(f"METER_{letter}_CT{phase}_InstRealPower")
            current = f"METER_{letter}_CT{phase}_I"
            # The library gives the current the sign of a negative power, and so only then computes with it.
            if power is not None and _number(power) and power < 0 and current in meter:
                holes.fill(meter, current)


def _components(components: JsonObject, holes: _Holes) -> None:
    for kind in list(components):
        for component in _objects(components, kind):
            component.setdefault("signals", [])
            component["signals"] = [
                signal for signal in _objects(component, "signals") if isinstance(signal.get("name"), str)
            ]
            for signal in component["signals"]:
                _signal(signal, holes)


def _signal(signal: JsonObject, holes: _Holes) -> None:
    name = signal["name"]
    signal.setdefault("value", None)
    signal.setdefault("textValue", None)
    if name.startswith("PCH_PvState_") and not isinstance(signal["textValue"], str):
        signal["textValue"] = "Unknown"
    elif name.startswith(_COMPONENT_NUMBERS):
        holes.fill(signal, "value")


def _config(config: JsonObject) -> None:
    blocks = []
    for block in _objects(config, "battery_blocks"):
        vin = block.get("vin")
        if not isinstance(vin, str) or vin.count("--") != 1:  # the library splits it into part and serial number
            continue
        if not isinstance(block.get("type"), str):
            block["type"] = ""
        if "battery_expansions" in block:
            block["battery_expansions"] = [
                pack for pack in _objects(block, "battery_expansions") if isinstance(pack.get("din"), str)
            ]
        blocks.append(block)
    if "battery_blocks" in config:
        config["battery_blocks"] = blocks
    if "solars" in config:
        _objects(config, "solars")


def without_nans(value: Json) -> Json:
    """Return the data with None for each NaN and infinity; parts without one are shared with the input, not copied."""
    kind = type(value)
    if kind is float or kind is _Unknown:
        return value if math.isfinite(value) else None
    if kind is dict or (kind not in _LEAVES and isinstance(value, dict)):
        changed = None
        for key, item in value.items():
            if type(item) in _LEAVES:
                continue
            new = without_nans(item)
            if new is not item:
                if changed is None:
                    changed = dict(value)
                changed[key] = new
        return value if changed is None else changed
    if kind is list:
        items = [item if type(item) in _LEAVES else without_nans(item) for item in value]
        return value if all(map(operator.is_, items, value)) else items
    return value
