"""Render ``/influx``: InfluxDB line protocol with the time of the sample, in nanoseconds.

A field keeps one type for ever, because InfluxDB refuses a point with another: every number is a float, yes or no is a
boolean, words are strings, regardless of what the gateway sends. A value that is unknown or of another type is left
out. Tags are names that do not change while a series lives. The same reading always gives the same lines, so that
writing it twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Any, Final

from pwserver.json_types import JsonMapping, JsonObject
from pwserver.state.device_signals import SIGNALS, signals_by_serial
from pwserver.state.fact import finite
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS, Meters
from pwserver.state.view import SiteView, View
from pwserver.tariff.figures import FIGURES, SPANS, ValueFigures

MEDIA_TYPE = "text/plain; charset=utf-8"
FLOAT, BOOLEAN, STRING = "float", "boolean", "string"

# Fields of the measurement about a gateway as a whole: name -> type, and where its value comes from.
HOUSE_FIELDS: Final[Mapping[str, tuple[str, Callable[[Judged], Any]]]] = {
    "grid_power_watts": (FLOAT, lambda one: one.meters["site"].watts.value),
    "home_power_watts": (FLOAT, lambda one: one.meters["load"].watts.value),
    "solar_power_watts": (FLOAT, lambda one: one.meters["solar"].watts.value),
    "battery_power_watts": (FLOAT, lambda one: one.meters["battery"].watts.value),
    "grid_voltage_volts": (FLOAT, lambda one: one.meters["site"].volts.value),
    "grid_current_amperes": (FLOAT, lambda one: one.meters["site"].amperes.value),
    "grid_energy_imported_wh": (FLOAT, lambda one: one.meters["site"].imported_wh.value),
    "grid_energy_exported_wh": (FLOAT, lambda one: one.meters["site"].exported_wh.value),
    "home_energy_imported_wh": (FLOAT, lambda one: one.meters["load"].imported_wh.value),
    "solar_energy_exported_wh": (FLOAT, lambda one: one.meters["solar"].exported_wh.value),
    "battery_energy_imported_wh": (FLOAT, lambda one: one.meters["battery"].imported_wh.value),
    "battery_energy_exported_wh": (FLOAT, lambda one: one.meters["battery"].exported_wh.value),
    "battery_percent": (FLOAT, lambda one: one.charge.app_percent.value),
    "battery_raw_percent": (FLOAT, lambda one: one.charge.raw_percent.value),
    "reserve_percent": (FLOAT, lambda one: one.operation.reserve_percent.value),
    "capacity_wh": (FLOAT, lambda one: one.charge.capacity_wh.value),
    "remaining_wh": (FLOAT, lambda one: one.charge.remaining_wh.value),
    "time_remaining_hours": (FLOAT, lambda one: one.charge.hours_left.value),
    "grid_connected": (BOOLEAN, lambda one: one.grid.connected),
    "grid_status": (STRING, lambda one: one.grid.state.value),
    "mode": (STRING, lambda one: one.operation.mode.value),
    "grid_charging": (BOOLEAN, lambda one: one.operation.grid_charging.value),
    "grid_export": (STRING, lambda one: one.operation.grid_export.value),
    "firmware": (STRING, lambda one: None if one.reading is None else one.reading.version),
    "alerts": (FLOAT, lambda one: None if one.alerts is None else len(one.alerts)),
}

# Measurement -> field -> type. Nothing else is ever written.
SCHEMA: Mapping[str, Mapping[str, str]] = {
    "powerwall": {name: kind for name, (kind, _) in HOUSE_FIELDS.items()},
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
    "powerwall_value": {
        "buy_price": FLOAT, "sell_price": FLOAT, **{f"{name}_{span}": FLOAT for span in SPANS for name in FIGURES},
    },
    "powerwall_poll": {
        "online": BOOLEAN, "state": STRING, "duration_seconds": FLOAT, "consecutive_failures": FLOAT,
        "failures": FLOAT, "successes": FLOAT, "reading_age_seconds": FLOAT,
    },
}  # fmt: skip

Point = tuple[str, JsonObject, JsonObject]  # measurement, tags without the gateway, fields

_IN_MEASUREMENTS = str.maketrans({",": "\\,", " ": "\\ "})
_IN_TAGS = _IN_MEASUREMENTS | str.maketrans({"=": "\\="})
# Control characters, line separators and lone surrogates: a line break would end the point, the others the encoding.
_TEXTS_KEPT: Final = 4096  # names and serial numbers come again in every document
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")


def _plain(value: object) -> str:
    return _BREAKS.sub(" ", str(value)).strip()


def _escaped(value: object, escapes: Mapping[int, str]) -> str:
    tame = _plain(value)
    while tame.endswith("\\"):  # again after each blank, as more backslashes may precede it
        tame = tame.rstrip("\\").rstrip()
    return tame.translate(escapes)


@lru_cache(_TEXTS_KEPT, typed=True)
def tag_text(value: object) -> str:
    """Return a tag key, tag value or field key with comma, equals sign and space escaped; may be empty.

    Backslashes at the end are removed, as line protocol has no way to write one before a separator.
    """
    return _escaped(value, _IN_TAGS)


@lru_cache(_TEXTS_KEPT, typed=True)
def measurement_text(value: object) -> str:
    """Return a measurement with comma and space escaped."""
    return _escaped(value, _IN_MEASUREMENTS)


def field_text(value: object, kind: str) -> str | None:
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


def line(measurement: str, tags: JsonMapping, fields: JsonMapping, seconds: float) -> str | None:
    """Return one line with sorted tags; None when no field is left. Fields that are not in SCHEMA are left out."""
    kinds = SCHEMA[measurement]
    written = {name: field_text(value, kinds[name]) for name, value in fields.items() if name in kinds}
    values = ",".join(f"{tag_text(name)}={text}" for name, text in written.items() if text is not None)
    if not values:
        return None
    labels = sorted((tag_text(name), tag_text(value)) for name, value in tags.items() if value is not None)
    head = ",".join([measurement_text(measurement), *(f"{name}={value}" for name, value in labels if name and value)])
    # Rounded to milliseconds: a float of epoch seconds is not exact to the nanosecond, and equal times must stay equal.
    return f"{head} {values} {round(seconds * 1000) * 1_000_000}"


def render(site: SiteView) -> str:
    """Write /influx: all gateways as line protocol, one point per line; empty when nothing is known."""
    return "".join([view.once(render, partial(_lines, view)) for view in site.gateways])


def _lines(view: View) -> str:
    points = [(point, view.now) for point in _poll(view)]
    if view.reading is not None:
        at = view.reading.timestamp
        points += [(point, at) for point in (*_judged(view.state.judged), *_worth(view.value, at))]
    lines = [
        line(measurement, {"gateway": view.gateway.id, **tags}, fields, seconds)
        for (measurement, tags, fields), seconds in points
    ]
    return "".join(f"{written}\n" for written in dict.fromkeys(lines) if written)  # of equal lines only one, in order


def _poll(view: View) -> Iterator[Point]:
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
            "reading_age_seconds": None if reading is None else max(0.0, view.now - reading.timestamp),
        },
    )


def _judged(judged: Judged) -> Iterator[Point]:
    yield "powerwall", {}, {name: read(judged) for name, (_, read) in HOUSE_FIELDS.items()}
    yield from _further_meters(judged.meters)
    for unit in judged.units:
        fields = {"capacity_wh": unit.capacity_wh.value, "remaining_wh": unit.remaining_wh.value}
        yield "powerwall_unit", {"device": unit.serial}, fields
    yield from _devices(judged)
    yield from _electrical(judged)


def _worth(value: ValueFigures | None, at: float) -> Iterator[Point]:
    """Yield what energy costs at the time of the sample, and what it was worth. Without a tariff there is nothing."""
    if value is not None:
        prices = value.prices(at)
        fields: JsonObject = {"buy_price": prices.buy.per_kwh, "sell_price": prices.sell.per_kwh}
        fields |= {f"{name}_{span}": value.spans[span][name] for span in SPANS for name in FIGURES}
        yield "powerwall_value", {"currency": value.currency}, fields


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
    found: dict[str, JsonObject] = {**signals_by_serial(judged.devices)}
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
