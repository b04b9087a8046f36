"""State topics: a view in, ``{topic: payload}`` out. Pure; the order of the result is the order of publishing."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pwserver.reading import Reading
from pwserver.state.device_signals import SIGNALS, Device, signals_by_serial
from pwserver.state.electrical import RemoteMeter
from pwserver.state.fact import text
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS, Meters, energies_wh
from pwserver.state.strings import String, string_pairs
from pwserver.state.units import Unit
from pwserver.state.view import View

STRING_METRICS = ("voltage", "current", "power")
# Of a meter beside the main ones: metric, attribute of Meter and RemoteMeter, decimals.
METER_METRICS: tuple[tuple[str, str, int], ...] = (
    ("voltage", "volts", 2),
    ("current", "amperes", 2),
    ("power", "watts", 1),
    ("energy_imported", "imported_wh", 0),
    ("energy_exported", "exported_wh", 0),
)
SIGNAL_TOPICS = {
    "pack_temp_max": "temperature/pack_max",
    "pack_temp_min": "temperature/pack_min",
    "shunt_temp": "temperature/shunt",
    "inverter_ambient": "temperature/ambient",
    "controller_ambient": "temperature/controller",
    "fan_a_rpm": "fan/a/rpm",
    "fan_a_duty": "fan/a/duty",
    "fan_b_rpm": "fan/b/rpm",
    "fan_b_duty": "fan/b/duty",
    "fan_rpm": "fan/rpm",
    "fan_target_rpm": "fan/target_rpm",
}
SIGNAL_DECIMALS = {"°C": 1, "rpm": 0, "%": 1}
STATUS_MEMBERS = (
    "online", "soe", "soe_raw", "total_capacity", "current_charge", "batteries", "solar", "grid", "home", "powerwall",
    "grid_voltage", "grid_current", "grid_status", "grid_connected", "mode", "reserve", "version", "grid_charging",
    "grid_export", "time_remaining",
)  # fmt: skip
UNSAFE_IN_TOPIC = re.compile(r"[/+#\x00-\x1f]")


def fixed(value: float | int, decimals: int) -> str:
    """A number as the C library's printf writes it, but never a negative zero."""
    written = f"{value:.{decimals}f}"
    return written.lstrip("-") if written.startswith("-") and not written.strip("-0.") else written


def _clean(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, float) and value == 0:
        return 0.0
    if isinstance(value, dict):
        return {str(key): _clean(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(member) for member in value]
    return value


def safe_in_topic(name: str) -> bool:
    """Whether a name from the gateway can be one level of a topic."""
    return bool(name) and UNSAFE_IN_TOPIC.search(name) is None


def compact(value: Any) -> str:
    """JSON without spaces, non-ASCII as it is, NaN and infinities as null, no negative zero."""
    return json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def summary(view: View) -> dict[str, Any]:
    """The members of the ``status`` topic, unrounded; after a failed poll all but ``online`` are unknown."""
    if not view.status.online or view.reading is None:
        return {**dict.fromkeys(STATUS_MEMBERS), "online": False, "batteries": []}
    judged = view.state.judged
    meters, charge, operation = judged.meters, judged.charge, judged.operation
    values = {
        "online": True,
        "soe": charge.app_percent.value,
        "soe_raw": charge.raw_percent.value,
        "total_capacity": charge.capacity_wh.value,
        "current_charge": charge.remaining_wh.value,
        "batteries": _battery_list(judged.units),
        "solar": meters["solar"].watts.value,
        "grid": meters["site"].watts.value,
        "home": meters["load"].watts.value,
        "powerwall": meters["battery"].watts.value,
        "grid_voltage": meters["site"].volts.value,
        "grid_current": meters["site"].amperes.value,
        "grid_status": judged.grid.state.value,
        "grid_connected": judged.grid.connected,
        "mode": operation.mode.value,
        "reserve": operation.reserve_percent.value,
        "version": text(view.reading.version),
        "grid_charging": operation.grid_charging.value,
        "grid_export": operation.grid_export.value,
        "time_remaining": charge.hours_left.value,
    }
    return {member: values[member] for member in STATUS_MEMBERS}


def _battery_list(units: Iterable[Unit]) -> list[dict[str, Any]]:
    found = [
        {"index": u.position, "capacity": u.capacity_wh.value, "charge": u.remaining_wh.value, "serial": u.serial}
        for u in units
    ]
    return [unit for unit in found if unit["capacity"] is not None or unit["charge"] is not None]


def device_availability(serial: str) -> str:
    """Return the topic, below the gateway's, that says whether the temperatures and fans of a device are of now."""
    return f"devices/{serial}/availability"


def battery_availability(number: int) -> str:
    """Return the topic, below the gateway's, that says whether the energy of a battery unit is of now."""
    return f"batteries/{number}/availability"


def topics(view: View, prefix: str = "pypowerwall", announced: Iterable[str] = ()) -> dict[str, str]:
    """All state topics of one gateway after one poll attempt, ``availability`` last.

    ``announced`` are the availability topics of units and devices, below the gateway's, that somebody was told of: each
    is told at every good poll, also for a device that has fallen silent.

    A value that is not known is absent. After a failed poll only the topics that say so are there.
    """
    base = f"{prefix}/{view.gateway.id}/"
    online = view.status.online and view.reading is not None
    payloads: dict[str, str] = {"online": "true" if online else "false"}
    if view.gateway.name:
        payloads["name"] = view.gateway.name
    status = summary(view)
    if online and view.reading is not None:
        judged = view.state.judged
        payloads.update(_gateway(view.reading, status))
        payloads.update(_energies(judged.meters))
        payloads.update(_batteries(status["batteries"]))
        payloads.update(_strings(judged.strings))
        payloads.update(_remote_meters(judged.electrical.remote_meters))
        payloads.update(_signals(judged.devices))
        payloads.update(_availability_of_parts(judged, announced))
    payloads["status"] = compact(status)
    payloads["availability"] = "online" if online else "offline"
    return {base + topic: payload for topic, payload in payloads.items()}


_GATEWAY_NUMBERS: tuple[tuple[str, str, int], ...] = (
    ("battery", "soe", 1),
    ("battery_raw", "soe_raw", 1),
    ("total_capacity", "total_capacity", 0),
    ("current_charge", "current_charge", 0),
    ("solar", "solar", 1),
    ("grid", "grid", 1),
    ("home", "home", 1),
    ("powerwall", "powerwall", 1),
    ("grid_voltage", "grid_voltage", 2),
    ("grid_current", "grid_current", 2),
    ("reserve", "reserve", 1),
    ("time_remaining", "time_remaining", 2),
)


def _gateway(reading: Reading, status: dict[str, Any]) -> dict[str, str]:
    out = {topic: fixed(status[member], n) for topic, member, n in _GATEWAY_NUMBERS if status[member] is not None}
    if reading.aggregates:
        out["aggregates"] = compact(reading.aggregates)
    for member in ("grid_status", "mode", "version", "grid_export"):
        if status[member] is not None:
            out[member] = status[member]
    for member in ("grid_connected", "grid_charging"):
        if status[member] is not None:
            out[member] = "true" if status[member] else "false"
    return out


def _energies(meters: Meters) -> dict[str, str]:
    """Lifetime energies, and everything of the meters beside the main ones."""
    out = {name: fixed(value, 0) for name, value in energies_wh(meters).items()}
    for name, meter in meters.items():
        if name not in MAIN_METERS:
            for metric, attribute, decimals in METER_METRICS:
                value = getattr(meter, attribute).value
                if value is not None:
                    out[f"meters/{name}/{metric}"] = fixed(value, decimals)
    return out


def _batteries(units: list[dict[str, Any]]) -> dict[str, str]:
    out = {
        f"batteries/{unit['index']}/{metric}": fixed(unit[metric], 0)
        for unit in units
        for metric in ("capacity", "charge")
        if unit[metric] is not None
    }
    if units:
        out["batteries"] = compact(units)
    return out


def _strings(strings: Mapping[str, String]) -> dict[str, str]:
    out: dict[str, str] = {}
    named = {name: string for name, string in strings.items() if safe_in_topic(name)}
    for name, string in named.items():
        for metric, value in zip(STRING_METRICS, (string.volts, string.amperes, string.watts), strict=True):
            if value.value is not None:
                out[f"strings/{name}/{metric}"] = fixed(value.value, 2)
        out[f"strings/{name}"] = compact(string.body)
    for name, values in string_pairs(named).items():
        out.update({f"strings/{name}/{metric}": fixed(value, 2) for metric, value in values.items()})
    return out


def _remote_meters(meters: Iterable[RemoteMeter]) -> dict[str, str]:
    out: dict[str, str] = {}
    for meter in meters:
        if not safe_in_topic(meter.din):
            continue
        base = f"meters/remote/{meter.din}/ct{meter.channel}"
        for metric, attribute, decimals in METER_METRICS:
            value = getattr(meter, attribute)
            if value is not None:
                out[f"{base}/{metric}"] = fixed(value, decimals)
        out[base] = compact(meter.body)
    return out


def _availability_of_parts(judged: Judged, announced: Iterable[str]) -> dict[str, str]:
    """Whether each battery's energy and each device's signals are known: the figures of one may stop, not of both."""
    told = {battery_availability(unit.position): unit.remaining_wh.value is not None for unit in judged.units}
    told |= {device_availability(device.serial): True for device in judged.devices if safe_in_topic(device.serial)}
    return {topic: "online" if told.get(topic) else "offline" for topic in dict.fromkeys((*told, *announced))}


def _signals(devices: Iterable[Device]) -> dict[str, str]:
    decimals = {signal.id: SIGNAL_DECIMALS[signal.unit] for signal in SIGNALS}
    out: dict[str, str] = {}
    for serial, values in signals_by_serial(devices).items():
        if not safe_in_topic(serial):
            continue
        written = {signal: fixed(value, decimals[signal]) for signal, value in values.items()}
        out.update({f"devices/{serial}/{SIGNAL_TOPICS[signal]}": payload for signal, payload in written.items()})
        rounded = {s: int(payload) if decimals[s] == 0 else float(payload) for s, payload in written.items()}
        out[f"devices/{serial}"] = compact(rounded)
    return out
