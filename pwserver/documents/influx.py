"""Render ``/influx``: InfluxDB line protocol with the time of the sample, in nanoseconds.

A field keeps one type for ever, because InfluxDB refuses a point with another: every number is a float, yes or no is a
boolean, words are strings, regardless of what the gateway sends. A value that is unknown or of another type is left
out. Tags are names that do not change while a series lives. The same reading always gives the same lines, so that
writing it twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pwserver.state.device_signals import SIGNALS, signals_by_serial
from pwserver.state.fact import finite
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS, Meters, energies_wh
from pwserver.state.view import SiteView, View

MEDIA_TYPE = "text/plain; charset=utf-8"
FLOAT, BOOLEAN, STRING = "float", "boolean", "string"

# Measurement -> field -> type. Nothing else is ever written.
SCHEMA: Mapping[str, Mapping[str, str]] = {
    "powerwall": {
        "grid_power_watts": FLOAT, "home_power_watts": FLOAT, "solar_power_watts": FLOAT, "battery_power_watts": FLOAT,
        "grid_voltage_volts": FLOAT, "grid_current_amperes": FLOAT, "grid_energy_imported_wh": FLOAT,
        "grid_energy_exported_wh": FLOAT, "home_energy_imported_wh": FLOAT, "solar_energy_exported_wh": FLOAT,
        "battery_energy_imported_wh": FLOAT, "battery_energy_exported_wh": FLOAT, "battery_percent": FLOAT,
        "battery_raw_percent": FLOAT, "reserve_percent": FLOAT, "capacity_wh": FLOAT, "remaining_wh": FLOAT,
        "time_remaining_hours": FLOAT, "grid_connected": BOOLEAN, "grid_status": STRING, "mode": STRING,
        "grid_charging": BOOLEAN, "grid_export": STRING, "firmware": STRING, "alerts": FLOAT,
    },
    "powerwall_unit": {"capacity_wh": FLOAT, "remaining_wh": FLOAT},
    "powerwall_device": {
        **{signal.id: FLOAT for signal in SIGNALS},
        "battery_inverter_volts": FLOAT, "battery_inverter_hertz": FLOAT, "solar_inverter_volts": FLOAT,
        "solar_inverter_hertz": FLOAT,
    },
    "powerwall_string": {
        "power_watts": FLOAT, "voltage_volts": FLOAT, "current_amperes": FLOAT, "connected": BOOLEAN, "state": STRING,
    },
    "powerwall_line": {"voltage_volts": FLOAT, "frequency_hertz": FLOAT},
    "powerwall_ct": {"power_watts": FLOAT, "current_amperes": FLOAT, "voltage_volts": FLOAT},
    "powerwall_meter": {
        "power_watts": FLOAT, "current_amperes": FLOAT, "voltage_volts": FLOAT, "energy_imported_wh": FLOAT,
        "energy_exported_wh": FLOAT,
    },
    "powerwall_remote_meter": {
        "power_watts": FLOAT, "current_amperes": FLOAT, "voltage_volts": FLOAT, "energy_imported_wh": FLOAT,
        "energy_exported_wh": FLOAT,
    },
    "powerwall_poll": {
        "online": BOOLEAN, "state": STRING, "duration_seconds": FLOAT, "consecutive_failures": FLOAT,
        "failures": FLOAT, "successes": FLOAT, "reading_age_seconds": FLOAT,
    },
}  # fmt: skip

Point = tuple[str, dict[str, Any], dict[str, Any]]  # measurement, tags without the gateway, fields

_IN_MEASUREMENTS = str.maketrans({",": "\\,", " ": "\\ "})
_IN_TAGS = _IN_MEASUREMENTS | str.maketrans({"=": "\\="})
# Control characters, line separators and lone surrogates: a line break would end the point, the others the encoding.
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


def _plain(value: Any) -> str:
    return _BREAKS.sub(" ", str(value)).strip()


def _escaped(value: Any, escapes: Mapping[int, str]) -> str:
    tame = _plain(value)
    while tame.endswith("\\"):  # again after each blank, as more backslashes may precede it
        tame = tame.rstrip("\\").rstrip()
    return tame.translate(escapes)


def tag_text(value: Any) -> str:
    """Return a tag key, tag value or field key with comma, equals sign and space escaped; may be empty.

    Backslashes at the end are removed, as line protocol has no way to write one before a separator.
    """
    return _escaped(value, _IN_TAGS)


def measurement_text(value: Any) -> str:
    """Return a measurement with comma and space escaped."""
    return _escaped(value, _IN_MEASUREMENTS)


def field_text(value: Any, kind: str) -> str | None:
    """Return the text of a field's value by its declared type; None when the value is not of that type."""
    if kind == FLOAT:
        known = finite(value)
        return None if known is None else _float_text(float(known))
    if kind == BOOLEAN:
        return ("true" if value else "false") if isinstance(value, bool) else None
    if not isinstance(value, str):
        return None
    tame = _plain(value)
    return '"' + tame.replace("\\", "\\\\").replace('"', '\\"') + '"' if tame else None


def _float_text(value: float) -> str:
    written = repr(value + 0.0)  # adding zero turns -0.0 into 0.0
    return written.replace("e+", "e")  # not every client of line protocol reads a plus sign in the exponent


def line(measurement: str, tags: Mapping[str, Any], fields: Mapping[str, Any], seconds: float) -> str | None:
    """Return one line with sorted tags; None when no field is left. Fields that are not in SCHEMA are left out."""
    kinds = SCHEMA[measurement]
    written = {name: field_text(value, kinds[name]) for name, value in fields.items() if name in kinds}
    values = ",".join(f"{tag_text(name)}={text}" for name, text in written.items() if text is not None)
    if not values:
        return None
    labels = sorted((tag_text(name), tag_text(value)) for name, value in tags.items() if value is not None)
    head = ",".join([measurement_text(measurement), *(f"{name}={value}" for name, value in labels if name and value)])
    return f"{head} {values} {round(seconds * 1000) * 1_000_000}"


def render(site: SiteView) -> str:
    """Write /influx: all gateways as line protocol, one point per line; empty when nothing is known."""
    lines: list[str] = []
    for view in site.views:
        if view.gateway.virtual:
            continue
        points = [(point, view.now) for point in _poll(view, site.now)]
        if view.reading is not None:
            points += [(point, view.reading.timestamp) for point in _judged(view.state.judged)]
        for (measurement, tags, fields), seconds in points:
            written = line(measurement, {"gateway": view.gateway.id, **tags}, fields, seconds)
            if written is not None:
                lines.append(written)
    return "".join(f"{written}\n" for written in dict.fromkeys(lines))  # of equal lines only one, in their order


def _poll(view: View, now: float) -> Iterator[Point]:
    status, reading = view.status, view.reading
    yield (
        "powerwall_poll",
        {},
        {
            "online": status.online,
            "state": status.state,
            "duration_seconds": status.poll_seconds,
            "consecutive_failures": status.consecutive_failures,
            "failures": status.total_failures,
            "successes": status.total_successes,
            "reading_age_seconds": None if reading is None else max(0.0, now - reading.timestamp),
        },
    )


def _judged(judged: Judged) -> Iterator[Point]:
    meters, charge, operation = judged.meters, judged.charge, judged.operation
    yield (
        "powerwall",
        {},
        {
            "grid_power_watts": meters["site"].watts.value,
            "home_power_watts": meters["load"].watts.value,
            "solar_power_watts": meters["solar"].watts.value,
            "battery_power_watts": meters["battery"].watts.value,
            "grid_voltage_volts": meters["site"].volts.value,
            "grid_current_amperes": meters["site"].amperes.value,
            **{f"{name}_wh": value for name, value in energies_wh(meters).items()},
            "battery_percent": charge.app_percent.value,
            "battery_raw_percent": charge.raw_percent.value,
            "reserve_percent": operation.reserve_percent.value,
            "capacity_wh": charge.capacity_wh.value,
            "remaining_wh": charge.remaining_wh.value,
            "time_remaining_hours": charge.hours_left.value,
            "grid_connected": judged.grid.connected,
            "grid_status": judged.grid.state.value,
            "mode": operation.mode.value,
            "grid_charging": operation.grid_charging.value,
            "grid_export": operation.grid_export.value,
            "firmware": judged.reading.version if judged.reading is not None else None,
            "alerts": None if judged.alerts is None else len(judged.alerts),
        },
    )
    yield from _further_meters(meters)
    for unit in judged.units:
        fields = {"capacity_wh": unit.capacity_wh.value, "remaining_wh": unit.remaining_wh.value}
        yield "powerwall_unit", {"device": unit.serial}, fields
    yield from _devices(judged)
    yield from _electrical(judged)


def _further_meters(meters: Meters) -> Iterator[Point]:
    for name, meter in meters.items():
        if name not in MAIN_METERS:
            fields = {
                "power_watts": meter.watts.value,
                "current_amperes": meter.amperes.value,
                "voltage_volts": meter.volts.value,
                "energy_imported_wh": meter.imported_wh.value,
                "energy_exported_wh": meter.exported_wh.value,
            }
            yield "powerwall_meter", {"meter": name}, fields


def _devices(judged: Judged) -> Iterator[Point]:
    found: dict[str, dict[str, Any]] = {**signals_by_serial(judged.devices)}
    for (serial, kind), values in judged.electrical.inverters.items():
        found.setdefault(serial, {}).update({f"{kind}_inverter_{unit}": value for unit, value in values.items()})
    for serial, fields in found.items():
        yield "powerwall_device", {"device": serial}, fields


FIELD_NAMES = {
    "volts": "voltage_volts",
    "hertz": "frequency_hertz",
    "amperes": "current_amperes",
    "watts": "power_watts",
}


def _electrical(judged: Judged) -> Iterator[Point]:
    for string in judged.strings.values():
        yield (
            "powerwall_string",
            {"string": string.name},
            {
                "power_watts": string.watts.value,
                "voltage_volts": string.volts.value,
                "current_amperes": string.amperes.value,
                "connected": string.connected,
                "state": string.body.get("State"),
            },
        )
    found = judged.electrical
    for (phase, side), values in found.lines.items():
        yield "powerwall_line", {"line": phase, "side": side}, {FIELD_NAMES[u]: v for u, v in values.items()}
    for (name, ct), values in found.transformers.items():
        yield "powerwall_ct", {"meter": name, "ct": ct}, {FIELD_NAMES[u]: v for u, v in values.items()}
    for meter in found.remote_meters:
        yield (
            "powerwall_remote_meter",
            {"meter": meter.din, "ct": meter.channel},
            {
                "power_watts": meter.watts,
                "current_amperes": meter.amperes,
                "voltage_volts": meter.volts,
                "energy_imported_wh": meter.imported_wh,
                "energy_exported_wh": meter.exported_wh,
            },
        )
