"""State topics: a view in, ``{topic: payload}`` out. Pure; the order of the result is the order of publishing."""

from __future__ import annotations

import json
import math
from typing import Any

from pwserver import quantities
from pwserver.quantities import number
from pwserver.reading import Reading
from pwserver.state.powers import MAIN_METERS, Meters, energies_wh
from pwserver.state.view import View

STRING_METRICS = ("voltage", "current", "power")
REMOTE_METRICS: tuple[tuple[str, str, int], ...] = (
    ("voltage", "InstVoltage", 2),
    ("current", "InstCurrent", 2),
    ("power", "InstRealPower", 1),
    ("energy_imported", "EnergyImportedWs", 0),
    ("energy_exported", "EnergyExportedWs", 0),
)
# Of a meter beside the main ones: metric, attribute of Meter, decimals.
METER_METRICS: tuple[tuple[str, str, int], ...] = (
    ("power", "watts", 1),
    ("voltage", "volts", 2),
    ("current", "amperes", 2),
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
GRID_STATES = ("UP", "DOWN", "SYNCING")


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


def compact(value: Any) -> str:
    """JSON without spaces, non-ASCII as it is, NaN and infinities as null, no negative zero."""
    return json.dumps(_clean(value), ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=str)


def summary(view: View) -> dict[str, Any]:
    """The members of the ``status`` topic, unrounded; after a failed poll all but ``online`` are unknown."""
    if not view.status.online or view.reading is None:
        return {**dict.fromkeys(STATUS_MEMBERS), "online": False, "batteries": []}
    reading, meters = view.reading, view.state.judged.meters
    grid_status = reading.grid_status if reading.grid_status in GRID_STATES else None
    values = {
        "online": True,
        "soe": quantities.app_level(reading.soe_raw),
        "soe_raw": number(reading.soe_raw),
        "total_capacity": quantities.total_capacity(reading),
        "current_charge": quantities.current_charge(reading),
        "batteries": _battery_list(reading),
        "solar": meters["solar"].watts.value,
        "grid": meters["site"].watts.value,
        "home": meters["load"].watts.value,
        "powerwall": meters["battery"].watts.value,
        "grid_voltage": meters["site"].volts.value,
        "grid_current": meters["site"].amperes.value,
        "grid_status": grid_status,
        "grid_connected": None if grid_status is None else grid_status == "UP",
        "mode": quantities.text(reading.mode),
        "reserve": number(reading.reserve),
        "version": quantities.text(reading.version),
        "grid_charging": reading.grid_charging if isinstance(reading.grid_charging, bool) else None,
        "grid_export": quantities.text(reading.grid_export),
        "time_remaining": number(reading.time_remaining),
    }
    return {member: values[member] for member in STATUS_MEMBERS}


def _battery_list(reading: Reading) -> list[dict[str, Any]]:
    return [
        {"index": unit.index, "capacity": unit.capacity, "charge": unit.charge, "serial": unit.serial}
        for unit in quantities.battery_blocks(reading)
        if unit.capacity is not None or unit.charge is not None
    ]


def topics(view: View, prefix: str = "pypowerwall") -> dict[str, str]:
    """All state topics of one gateway after one poll attempt, ``availability`` last.

    A value that is not known is absent. After a failed poll only the topics that say so are there.
    """
    base = f"{prefix}/{view.gateway.id}/"
    online = view.status.online and view.reading is not None
    payloads: dict[str, str] = {"online": "true" if online else "false"}
    if view.gateway.name:
        payloads["name"] = view.gateway.name
    status = summary(view)
    if online and view.reading is not None:
        payloads.update(_gateway(view.reading, status))
        payloads.update(_energies(view.state.judged.meters))
        payloads.update(_batteries(status["batteries"]))
        payloads.update(_strings(view.reading))
        payloads.update(_remote_meters(view.reading))
        payloads.update(_signals(view.reading))
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


def _strings(reading: Reading) -> dict[str, str]:
    out: dict[str, str] = {}
    for name, body in quantities.strings(reading).items():
        for metric in STRING_METRICS:
            value = number(body.get(metric.capitalize()))
            if value is not None:
                out[f"strings/{name}/{metric}"] = fixed(value, 2)
        out[f"strings/{name}"] = compact(body)
    for name, values in quantities.string_pairs(reading).items():
        out.update({f"strings/{name}/{metric}": fixed(value, 2) for metric, value in values.items()})
    return out


def _remote_meters(reading: Reading) -> dict[str, str]:
    out: dict[str, str] = {}
    for din, channels in quantities.remote_meters(reading).items():
        for channel, fields in channels.items():
            base = f"meters/remote/{din}/ct{channel}"
            for metric, field, decimals in REMOTE_METRICS:
                raw = fields.get(field)
                value = quantities.watt_seconds_to_watt_hours(raw) if metric.startswith("energy") else number(raw)
                if value is not None:
                    out[f"{base}/{metric}"] = fixed(value, decimals)
            out[base] = compact(fields)
    return out


def _signals(reading: Reading) -> dict[str, str]:
    decimals = {signal.id: SIGNAL_DECIMALS[signal.unit] for signal in quantities.SIGNALS}
    out: dict[str, str] = {}
    for serial, values in quantities.unit_signals(reading).items():
        written = {signal: fixed(value, decimals[signal]) for signal, value in values.items()}
        out.update({f"devices/{serial}/{SIGNAL_TOPICS[signal]}": payload for signal, payload in written.items()})
        rounded = {s: int(payload) if decimals[s] == 0 else float(payload) for s, payload in written.items()}
        out[f"devices/{serial}"] = compact(rounded)
    return out
