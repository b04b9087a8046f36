"""Answer ``GET /api/battery/health``: full energy of every unit per day, state of health, trend and cycles.

``gateway`` an id (default: all), ``from``/``to`` instants between which the days of ``daily`` begin (default the last
year; half-open), ``format`` ``json`` or ``csv``. Everything but ``daily`` is of now, whatever the window.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.day_window import DayWindow, DeviceAnswer, day_ordinal, day_text, quoted, rounded
from pwserver.history.device_days import DeviceSeries, KeptDevices, kept_devices, read_series
from pwserver.history.history_answer import Histories, HistoryAnswer, to_json
from pwserver.history.layout import DEVICE_DAYS
from pwserver.history.unit_days import UNIT, WHOLE
from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.battery_health import (
    MEANING,
    NO_DAYS,
    NO_NAMEPLATE,
    NOT_COUNTED,
    SHORT,
    SOURCES,
    Health,
    nominal_wh,
    percent,
)
from pwserver.state.fact import text
from pwserver_ext.rows import pick
from pwserver_ext.series import Column, json_objects

CSV_HEAD: Final = "gateway,unit,day,full_wh,nominal_wh,health_percent,source,discharged_wh\n"


@record(frozen=True, slots=True)
class Battery:
    """Holds one battery, a unit or all units of a gateway, with its days up to now."""

    serial: str
    about: JsonObject
    nominal_wh: float | None
    health: Health
    series: DeviceSeries


def batteries(archive: Archive, now: float) -> list[Battery]:
    """Return all units of a gateway in the order of their slots, all of them together (``WHOLE``) first."""
    kept = kept_devices(archive)
    # Rows that a wrong clock has written into the future are not read before their time comes.
    series = read_series(archive, UNIT, kept.slots[UNIT], -math.inf, now)
    serials = [WHOLE, *(serial for serial in kept.slots[UNIT] if serial != WHOLE)]
    return [_battery(archive, serial, kept, series.get(serial, _NO_SERIES)) for serial in serials]


_NO_SERIES = DeviceSeries(array("d"), {name: array("d") for name in DEVICE_DAYS[UNIT].figures})


def _battery(archive: Archive, serial: str, kept: KeptDevices, series: DeviceSeries) -> Battery:
    about = kept.about[UNIT].get(serial, {})
    figures = series.figures
    columns = (series.days, figures["full_wh"], figures["source"], figures["discharged_wh"])
    return Battery(serial, about, _nominal(serial, about), archive.health.judge(*columns), series)


def _nominal(serial: str, about: JsonObject) -> float | None:
    if serial != WHOLE:
        return nominal_wh(text(about.get("part")), text(about.get("type")))
    listed = about.get("units")
    units = listed if isinstance(listed, list) else []
    parts = [nominal_wh(text(unit[0]), text(unit[1])) for unit in units if isinstance(unit, list) and len(unit) == 2]
    known = [part for part in parts if part is not None]
    return math.fsum(known) if known and len(known) == len(units) else None


def figures_of(battery: Battery) -> JsonObject:
    """Return the figures of now; ``unknown`` says of each that is null why."""
    health, nominal = battery.health, battery.nominal_wh
    trend = percent(health.trend_wh, nominal)
    discharged = health.discharged_wh
    cycles = None if nominal is None or discharged is None else discharged / nominal
    found: JsonObject = {
        "full_wh": rounded(health.full_wh, 1),
        "median_full_wh": rounded(health.median_wh, 1),
        "nominal_wh": nominal,
        "health_percent": rounded(percent(health.median_wh, nominal), 2),
        "trend_percent_per_year": rounded(trend, 3),
        "trend_range_percent_per_year": [rounded(percent(wh, nominal), 3) for wh in health.trend_range_wh]
        if health.trend_range_wh is not None and nominal is not None
        else None,
        "discharged_wh": rounded(discharged, 0),
        "cycles": rounded(cycles, 2),
    }
    no_trend = NO_DAYS if health.full_wh is None else SHORT if health.trend_wh is None else NO_NAMEPLATE
    reasons = {
        "full_wh": NO_DAYS,
        "median_full_wh": NO_DAYS,
        "nominal_wh": NO_NAMEPLATE,
        "health_percent": NO_NAMEPLATE if health.full_wh is not None else NO_DAYS,
        "trend_percent_per_year": no_trend,
        "trend_range_percent_per_year": no_trend,
        "discharged_wh": NOT_COUNTED,
        "cycles": NOT_COUNTED if discharged is None else NO_NAMEPLATE,
    }
    found["unknown"] = {name: reason for name, reason in reasons.items() if found[name] is None}
    return found


def battery_health(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer ``GET /api/battery/health``."""
    return DeviceAnswer(UNIT, {"meaning": MEANING}, _gateway, CSV_HEAD, _csv).give(histories, arguments, now, match)


def _gateway(archive: Archive, window: DayWindow) -> bytes:
    found = batteries(archive, window.now)
    whole, *units = ((battery.serial, _described(archive, battery, window)) for battery in found)
    texts = [to_json(serial) + b":" + body for serial, body in units]
    head = to_json({"timezone": archive.timezone})
    return head[:-1] + b',"whole":' + whole[1] + b',"units":{' + b",".join(texts) + b"}}"


def _described(archive: Archive, battery: Battery, window: DayWindow) -> bytes:
    health, name = battery.health, archive.timezone
    body: JsonObject = {}
    if battery.serial != WHOLE:
        body = {member: text(battery.about.get(member)) for member in ("label", "part", "type")}
    full = battery.series.figures["full_wh"]
    days, known = battery.series.days, range(len(full))
    first = next((days[row] for row in known if full[row] == full[row]), None)
    last = next((days[row] for row in reversed(known) if full[row] == full[row]), None)
    body |= figures_of(battery)
    body |= {
        "source": SOURCES[health.source] if health.source is not None else None,
        "days": health.days,
        "first_day": day_text(first, name) if first is not None else None,
        "last_day": day_text(last, name) if last is not None else None,
        "compared_since": day_text(health.since, name) if health.since is not None else None,
        "steps": [{"day": day_text(step.day, name), "percent": rounded(step.percent, 2)} for step in health.steps],
    }
    return to_json(body)[:-1] + b',"daily":' + _daily(battery, name, window) + b"}"


def _daily(battery: Battery, zone_name: str, window: DayWindow) -> bytes:
    days, figures = _within(battery, window)
    if not days:
        return b"[]"
    full, nominal = figures["full_wh"], battery.nominal_wh
    shares = full if nominal else array("d", [math.nan]) * len(days)
    return json_objects(
        [
            Column("day", array("d", [day_ordinal(when, zone_name) for when in days]), dates=True),
            Column("full_wh", full, 7),
            Column("health_percent", shares, 5, 100.0 / nominal if nominal else 1.0),
            Column("source", figures["source"], words=SOURCES),
            Column("discharged_wh", figures["discharged_wh"], 9),
        ]
    )


def _within(battery: Battery, window: DayWindow) -> tuple[array[float], Mapping[str, array[float]]]:
    """Return the days of a window that have a figure."""
    series = battery.series
    full, counter = series.figures["full_wh"], series.figures["discharged_wh"]
    first, last = bisect_left(series.days, window.start), bisect_left(series.days, window.end)
    known = [row for row in range(first, last) if full[row] == full[row] or counter[row] == counter[row]]
    rows = array("q", known)
    return pick(series.days, rows), {name: pick(column, rows) for name, column in series.figures.items()}


def _csv(archive: Archive, window: DayWindow) -> Iterator[str]:
    for battery in batteries(archive, window.now):
        days, figures = _within(battery, window)
        nominal = battery.nominal_wh
        names = [quoted(archive.gateway.id), quoted(battery.serial or "whole")]
        for row, when in enumerate(days):
            full, source = figures["full_wh"][row], figures["source"][row]
            cells = [
                *names,
                day_text(when, archive.timezone),
                _cell(full, 1),
                _cell(nominal, 1),
                _cell(percent(full, nominal), 2),
                SOURCES[int(source)] if source == source else "",
                _cell(figures["discharged_wh"][row], 0),
            ]
            yield ",".join(cells) + "\n"


def _cell(value: float | None, decimals: int) -> str:
    return "" if value is None or value != value else f"{value:.{decimals}f}"
