"""Answer ``GET /api/history``, and list all history routes. Pure functions, read only; workers call them.

``gateway`` an id (default: the default gateway), ``from``/``to`` instants (default the last 24 h), ``step`` a duration
or ``points`` a number (default about 360 points), ``fields`` a comma list, ``method`` ``mean`` or ``lttb``, ``format``
``json`` (flat rows for Grafana), ``csv`` or ``columns``.

The window is half-open. It is answered in whole steps from the one that holds ``from``; ``to`` is not a part of it, so
two windows that meet share no row. A stored row is never divided, so a step grows to a whole number of what is stored
(quarter hours for energies), and ``HistoryAnswer.step_seconds`` says which step it is.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pwserver import bounds
from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.archive import Archive
from pwserver.history.calendar_route import calendar
from pwserver.history.health_route import battery_health
from pwserver.history.history_answer import (
    CSV,
    JSON,
    Histories,
    HistoryAnswer,
    Route,
    json_answer,
    make_etag,
    to_json,
    unchanged,
)
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.layout import BOOK_NAMES, COLUMNS, ENERGIES, MODES, SAMPLES, SHARES, SPREAD_NAMES
from pwserver.history.ring_choice import Chosen, aggregate, choose, first_day, first_step
from pwserver.history.signal_routes import signal_trend, signals
from pwserver.history.string_route import solar_strings
from pwserver.history.timeseries import POINTS, daily, refuse, samples, status, today, trend
from pwserver.history.totals_route import totals
from pwserver.history.value_route import value
from pwserver_ext.rows import lttb, pick
from pwserver_ext.series import Column, csv_rows, json_column, json_numbers, json_rows

DEFAULT_FIELDS = ("site", "solar", "battery", "load", "soe", "grid", "reserve", "mode")
ENERGY_FIELDS = tuple(f"{energy}_kwh" for energy in (*ENERGIES, *SHARES))
FIELDS = (*COLUMNS, *SPREAD_NAMES, *ENERGY_FIELDS, SAMPLES, *BOOK_NAMES)
DEFAULT_SPAN_SECONDS = 86400.0
ENERGY_STEP_SECONDS = 900.0  # energies are kept by quarter hours and by days
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 180, 240, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


class _Asked(NamedTuple):
    """Holds a question to the history: which window, how finely, which fields, and in which form."""

    start: float
    end: float
    step: float  # seconds
    points: int
    method: str
    media: str
    fields: Sequence[str]


def nice_step(span_seconds: float, points: int) -> float:
    """Return the round step that gives about ``points`` points and never more."""
    for step in _STEPS:
        if span_seconds / step <= points:
            return float(step)
    return -(-span_seconds // (points * 86400.0)) * 86400.0


def history(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer ``GET /api/history``: the columns asked for, step by step.

    200 with the rows; 304 when ``match`` names the same content; 404 for an unknown gateway; 422 for parameters that
    make no sense; 503 when the history is switched off. Steps without a measurement have no row; a field that was not
    measured in a step is null (an empty field in CSV).
    """
    if not histories.settings.enabled:
        return json_answer({"detail": "history is switched off"}, status=503)
    gateway = arguments.get("gateway") or histories.default_gateway or ""
    if not histories.gateways:
        return json_answer({"detail": "No gateways configured"}, status=503)
    try:
        archive = histories.archives[find_gateway(gateway, histories.archives)]
    except UnknownGateway as unknown:
        return json_answer({"detail": str(unknown)}, status=404)
    try:
        asked = _asked(QueryParameters(arguments), now, archive, histories.settings.max_rows)
    except BadQuery as problem:
        return refuse(problem)
    chosen = _choose(archive, asked)
    # Whole steps only: a sliding window shows the same rows until the next step begins or a poll arrives.
    start, origin = first_step(archive, asked.start, chosen.step_seconds)
    if chosen.name == "days":
        start, origin = first_day(archive, asked.start), 0.0
    newest = archive.polls.bounds()
    end = math.inf if newest is not None and newest[1] < asked.end else asked.end
    etag = make_etag(
        gateway, archive.generation, sorted(arguments.items()), start, end, chosen.name, chosen.step_seconds
    )
    if unchanged(etag, match):
        return HistoryAnswer(304, CSV if asked.media == "csv" else JSON, b"", etag, chosen.step_seconds)
    sources = [f"{field.removesuffix('_kwh')}_wh" if field in ENERGY_FIELDS else field for field in asked.fields]
    times, values = aggregate(archive, chosen, start, asked.end, sources, origin)
    if asked.method == "lttb":
        times, values = _thin(times, values, asked.points)
    columns = [_column(field, column) for field, column in zip(asked.fields, values, strict=True)]
    if asked.media == "csv":
        media, body = CSV, csv_rows(times, columns)
    elif asked.media == "columns":
        media, body = JSON, _columnar(archive, chosen, times, columns)
    else:
        media, body = JSON, json_rows(times, columns)
    return HistoryAnswer(200, media, body, etag, chosen.step_seconds)


def _asked(query: QueryParameters, now: float, archive: Archive, most_rows: int) -> _Asked:
    """Read the parameters of a question. Raises BadQuery with everything that is wrong with them."""
    start = query.moment("from", now - DEFAULT_SPAN_SECONDS, now)
    end = query.moment("to", now, now)
    if start > end:
        query.problem("from", "value_error", "must not be after to", query.text("from"))
    points = query.whole("points", POINTS, bounds.POINTS)
    step = query.duration("step", 0.0, bounds.STEP_SECONDS)
    method = query.choice("method", "mean", ("mean", "lttb"))
    media = query.choice("format", "json", ("json", "csv", "columns"))
    fields = query.words("fields") or list(DEFAULT_FIELDS)
    if any(field not in FIELDS for field in fields) or len(set(fields)) != len(fields):
        query.problem("fields", "value_error", f"known fields, each once: {', '.join(FIELDS)}", ",".join(fields))
    # LTTB picks among finer rows: eight for each point it may keep leave it enough to choose from.
    step = step or nice_step(max(1.0, end - start), points if method == "mean" else points * 8)
    if (end - start) / step > most_rows and archive.polls.bounds() is not None:
        query.problem("step", "value_error", f"more than {most_rows} rows; choose a longer step", query.text("step"))
    query.check()
    return _Asked(start, end, step, points, method, media, fields)


def _choose(archive: Archive, asked: _Asked) -> Chosen:
    if any(field in ENERGY_FIELDS for field in asked.fields):
        return choose(archive, asked.start, max(asked.step, ENERGY_STEP_SECONDS), ("quarters", "days"))
    return choose(archive, asked.start, asked.step)


def _thin(times: array[float], values: list[array[float]], points: int) -> tuple[array[float], list[array[float]]]:
    """Choose the rows that keep the look of the first field."""
    rows = lttb(times, values[0], points)
    return pick(times, rows), [pick(column, rows) for column in values]


def _column(field: str, values: array[float]) -> Column:
    if field == "mode":
        return Column(field, values, words=MODES)
    if field in ENERGY_FIELDS:
        return Column(field, values, 9, 0.001)
    return Column(field, values)


def _columnar(archive: Archive, chosen: Chosen, times: array[float], columns: Sequence[Column]) -> bytes:
    """Write one array for each field, for charts; times in epoch seconds."""
    head = {"gateway": archive.gateway.id, "step": chosen.step_seconds, "ring": chosen.name, "count": len(times)}
    parts = [b'"time":' + json_numbers(times, 15)]
    parts += [f'"{column.name}":'.encode() + json_column(column) for column in columns]
    return to_json(head)[:-1] + b',"columns":{' + b",".join(parts) + b"}}"


# Path -> the function that answers it; each is (histories, arguments, now, if_none_match) -> HistoryAnswer.
ROUTES: Mapping[str, Route] = {
    "/api/timeseries/daily": daily,
    "/api/timeseries/today": today,
    "/api/timeseries/trend": trend,
    "/api/timeseries/samples": samples,
    "/api/timeseries/status": status,
    "/api/timeseries/signals": signals,
    "/api/timeseries/signal_trend": signal_trend,
    "/api/history": history,
    "/api/battery/health": battery_health,
    "/api/value": value,
    "/api/solar/strings": solar_strings,
    "/api/history/calendar": calendar,
    "/api/history/totals": totals,
}
