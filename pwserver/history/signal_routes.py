"""Answer ``/api/timeseries/signals`` and ``signal_trend``: temperatures, fans and units over time."""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Mapping

from pwserver import bounds
from pwserver.history.archive import Archive, bank_of
from pwserver.history.days import day_noon, day_start, local_date, zone
from pwserver.history.history_answer import JSON, Histories, HistoryAnswer, json_answer, make_etag, unchanged
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.layout import BANK, SIGNAL_FIGURES
from pwserver.history.ring_choice import before
from pwserver.history.signal_series import CONTRACT_GROUPS, GROUPS, METRICS, NO_UNITS, serial_of
from pwserver.history.timeseries import CLOCK_SLACK_SECONDS, POINTS, refuse
from pwserver.json_types import JsonObject
from pwserver_ext.buckets import COUNT, MAXIMUM, MEAN, MINIMUM, aggregate
from pwserver_ext.rows import complete, pick
from pwserver_ext.series import Column, json_rows

RAW_LONGEST_SECONDS = 14 * 86400.0
RAW_MOST_ROWS = 500_000

Series = tuple[Archive, int, str, str]  # archive, series number, device, metric


def _etag(archives: list[Archive], arguments: Mapping[str, str], *more: object) -> bytes:
    asked = sorted(arguments.items())
    return make_etag(*(f"{one.gateway.id} {one.signal_generation}" for one in archives), asked, *more, weak=True)


def _series(archives: list[Archive], metrics: list[str] | None, devices: list[str] | None) -> list[Series]:
    """Find the series asked for, by gateway, device and metric; by default those that the predecessor has."""
    found = []
    for archive in archives:
        for number, (device, metric) in enumerate(archive.read_notes().series):
            known = METRICS.get(metric)
            if known is None or (not known.contract if metrics is None else metric not in metrics):
                continue
            if devices is None or device in devices:
                found.append((archive, number, device, metric))
    found.sort(key=lambda one: (one[0].gateway.id, one[2], one[3]))
    return found


def _labels(archives: list[Archive]) -> dict[tuple[str, str], tuple[str, int]]:
    """Return (gateway, serial) -> label and order. Serials that are not listed come last, in their order."""
    labels: dict[tuple[str, str], tuple[str, int]] = {}
    for archive in archives:
        notes = archive.read_notes()
        units = dict(notes.units or {})
        used = max((order // 100 for _, order in units.values()), default=0)
        devices = {device for device, _ in notes.series if not device.startswith(NO_UNITS)}
        for position, serial in enumerate(sorted({serial_of(device) for device in devices} - set(units)), 1):
            units[serial] = (f"PW{used + position}", (used + position) * 100)
        labels.update({(archive.gateway.id, serial): unit for serial, unit in units.items()})
    return labels


def _describe(one: Series, labels: Mapping[tuple[str, str], tuple[str, int]]) -> JsonObject:
    archive, _, device, metric = one
    label, order = labels.get((archive.gateway.id, serial_of(device)), (None, None))
    kind = METRICS[metric]
    return {
        "gateway": archive.gateway.id,
        "device": device,
        "metric": metric,
        "unit": kind.unit,
        "label": kind.label,
        "powerwall": label,
        "powerwall_order": order,
    }


def _day_of(archive: Archive, start: float) -> datetime.date:
    """Return the calendar day of a daily row (its first instant)."""
    return local_date(start + 1.0, zone(archive.timezone))


def signals(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/signals``: the catalogue and what was recorded.

    ``units=yes`` adds the charge and energy of each unit and the power of further meters, which the predecessor does
    not know.
    """
    try:
        query = QueryParameters(arguments)
        extended = query.flag("units")
        query.check()
    except BadQuery as problem:
        return refuse(problem)
    settings = histories.settings
    metrics = [metric for metric in METRICS.values() if metric.contract or extended]
    body: JsonObject = {
        "enabled": settings.enabled,
        "signals_enabled": settings.signals_enabled,
        "interval_seconds": int(settings.signal_interval_seconds),
        "metrics": {
            metric.id: {
                "signals": list(metric.signals),
                "label": metric.label,
                "unit": metric.unit,
                "group": metric.group,
                "order": metric.order,
            }
            for metric in metrics
        },
        "groups": {name: dict(group) for name, group in GROUPS.items() if extended or name in CONTRACT_GROUPS},
        "series": [],
    }
    archives = histories.real(query.text("gateway")) if settings.enabled else []
    etag = _etag(archives, arguments)
    if unchanged(etag, match):
        return HistoryAnswer(304, JSON, b"", etag)
    labels = _labels(archives)
    for one in _series(archives, [metric.id for metric in metrics], None):
        archive, number, _, _ = one
        bank, column = bank_of(number)
        raw = archive.signals[bank].column_bounds(column)
        daily = archive.signal_days[bank].column_bounds(column)
        entry = _describe(one, labels)
        entry["first_ts"], entry["last_ts"] = (int(raw[0]), int(raw[1])) if raw is not None else (None, None)
        days = [_day_of(archive, when).isoformat() for when in daily[:2]] if daily is not None else [None, None]
        entry["first_day"], entry["last_day"] = days
        body["series"].append(entry)
    return json_answer(body, etag)


def signal_trend(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer ``GET /api/timeseries/signal_trend``: a list of points for each series, from samples or days."""
    try:
        query = QueryParameters(arguments)
        start = query.number("start", bounds.EPOCH_SECONDS)
        end = query.number("end", bounds.EPOCH_SECONDS)
        hours = query.whole("hours", 24, bounds.SIGNAL_HOURS)
        resolution = query.choice("resolution", "auto", ("auto", "raw", "daily"))
        metrics, devices = query.words("metrics"), query.words("devices")
        query.check()
    except BadQuery as problem:
        return refuse(problem)
    nothing: JsonObject = {"resolution": None, "bucket_seconds": None, "series": []}
    settings = histories.settings
    if not settings.enabled:
        return json_answer({"enabled": False, "start": start, "end": end, **nothing})
    until = now + CLOCK_SLACK_SECONDS if end is None else end
    begin = until - hours * 3600.0 if start is None else start
    begin, until = min(begin, until), max(begin, until)
    archives = histories.real(query.text("gateway"))
    etag = _etag(archives, arguments, now // 60)
    if unchanged(etag, match):
        return HistoryAnswer(304, JSON, b"", etag)
    found = _series(archives, metrics, devices)
    head: JsonObject = {"enabled": True, "start": begin, "end": until}
    if not found:
        return json_answer({**head, **nothing}, etag)
    span = max(60.0, until - begin)
    resolution = _resolution(found, resolution, begin, span, settings.signal_interval_seconds)
    target = span / POINTS
    unit = 60.0 if target >= 60.0 else settings.signal_interval_seconds
    bucket = max(settings.signal_interval_seconds, round(target / unit) * unit) if resolution == "raw" else 86400.0
    head.update({"resolution": resolution, "bucket_seconds": bucket})
    labels = _labels(archives)
    texts = []
    for one in found:
        if resolution == "raw":
            points = _raw_points(one, begin, until, bucket)
        else:
            points = _daily_points(one, begin, until, now)
        opening = json_answer(_describe(one, labels)).body
        texts.append(opening[:-1] + b',"points":' + points + b"}")
    body = json_answer(head).body[:-1] + b',"series":[' + b",".join(texts) + b"]}"
    return HistoryAnswer(200, JSON, body, etag)


def _resolution(found: list[Series], wanted: str, begin: float, span: float, interval: float) -> str:
    """Choose ``raw`` for short windows that the samples still cover, else ``daily``."""
    if wanted == "daily" or span > RAW_LONGEST_SECONDS or len(found) * span / interval > RAW_MOST_ROWS:
        return "daily"
    if wanted == "raw":
        return "raw"
    older_days = False
    oldest = math.inf
    for archive, number, _, _ in found:
        bank, column = bank_of(number)
        raw = archive.signals[bank].column_bounds(column)
        if raw is None:
            continue
        oldest = min(oldest, raw[0])
        daily = archive.signal_days[bank].column_bounds(column)
        older_days |= daily is not None and _day_of(archive, daily[0]) < _day_of(archive, raw[0])
    if math.isinf(oldest):
        return "daily"
    return "daily" if older_days and begin < oldest - 3600.0 else "raw"


def _points(times: array[float], figures: list[array[float]], days: list[str] | None = None) -> bytes:
    """Write the points where the series was measured; ``days`` adds the name of the day."""
    rows = complete(figures[:1])
    written = [Column(name, pick(values, rows)) for name, values in zip(SIGNAL_FIGURES, figures, strict=True)]
    if days is not None:
        names = [days[row] for row in rows]
        written.insert(0, Column("day", array("d", range(len(names))), words=names))
    return json_rows(pick(times, rows), written, "ts", False)


def _raw_points(one: Series, begin: float, until: float, bucket: float) -> bytes:
    archive, number, _, _ = one
    bank, column = bank_of(number)
    kinds = [MEAN, MINIMUM, MAXIMUM, COUNT]
    times, _, figures = aggregate(archive.signals[bank], begin, before(until), bucket, kinds, [column] * 4)
    return _points(times, figures)


def _daily_points(one: Series, begin: float, until: float, now: float) -> bytes:
    archive, number, _, _ = one
    bank, column = bank_of(number)
    where = zone(archive.timezone)
    first = day_start(local_date(begin, where), where)
    columns = [figure * BANK + column for figure in range(len(SIGNAL_FIGURES))]
    starts, figures = archive.signal_days[bank].select(first, before(min(until, now)), columns)
    days = [_day_of(archive, when) for when in starts]
    noons = array("d", [day_noon(day, where) for day in days])
    return _points(noons, figures, [day.isoformat() for day in days])
