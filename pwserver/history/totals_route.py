"""Answer ``GET /api/history/totals``: energies of exactly one window, its bars, and the window before it.

``from``/``to`` instants (half-open, put to full quarter hours); ``step`` ``hour``, ``day``, ``month``, or ``fit``,
which takes what is neither too fine nor too coarse; ``gateway`` an id, or ``aggregate``; ``format`` ``json`` or
``csv``.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Mapping, Sequence
from operator import sub
from typing import Final, NamedTuple

from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.archive import Archive
from pwserver.history.day_books import ENERGY_MEMBERS, book_columns, figure_columns
from pwserver.history.days import local_date, zone
from pwserver.history.history_answer import (
    CSV,
    JSON,
    Histories,
    HistoryAnswer,
    json_answer,
    make_etag,
    to_json,
    unchanged,
)
from pwserver.history.history_parameters import BadQuery, QueryParameters
from pwserver.history.layout import AGGREGATE
from pwserver.history.timeseries import refuse
from pwserver.history.window_totals import (
    DAY,
    HOUR,
    QUARTER_SECONDS,
    STEPS,
    Piece,
    Sums,
    WindowReader,
    fitting_step,
    shifted,
    sums_by,
    year_before,
)
from pwserver_ext.series import Column, csv_rows, object_texts

FIT: Final = "fit"
MOST_HOURS_SECONDS: Final = 31 * 86400.0 + 3600.0
DAY_SECONDS: Final = 86400.0
# Windows are compared where so much of both is known: a restart must not take the comparison away.
COMPARED_PART: Final = 0.95


class _Asked(NamedTuple):
    """Holds a question: from when to when (epoch seconds), with which bars, in which form."""

    start: float
    end: float
    step: str
    form: str


def totals(histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None) -> HistoryAnswer:
    """Answer the totals of one window.

    200 with its bars, oldest first, and their sum; 304 when ``match`` names the same content; 404 for an unknown
    gateway; 422 for parameters that make no sense; 503 when the history is switched off.
    """
    if not histories.settings.enabled:
        return json_answer({"detail": "history is switched off"}, status=503)
    if not histories.gateways:
        return json_answer({"detail": "No gateways configured"}, status=503)
    several = len(histories.real()) > 1 and AGGREGATE.id in histories.archives
    try:
        wanted = arguments.get("gateway") or (AGGREGATE.id if several else histories.default_gateway or "")
        archive = histories.archives[find_gateway(wanted, histories.archives)]
    except UnknownGateway as unknown:
        return json_answer({"detail": str(unknown)}, status=404)
    try:
        asked = _asked(QueryParameters(arguments), now)
    except BadQuery as problem:
        return refuse(problem)
    houses = histories.real() if archive.gateway.virtual else [archive]
    etag = make_etag(
        archive.gateway.id, [one.generation for one in (archive, *houses)], sorted(arguments.items()), asked,
        archive.timezone, local_date(now, zone(archive.timezone)),
    )  # fmt: skip
    media = CSV if asked.form == "csv" else JSON
    if unchanged(etag, match):
        return HistoryAnswer(304, media, b"", etag)
    reader = WindowReader(histories, archive, now)
    pieces = reader.hours(asked.start, asked.end) if asked.step == HOUR else reader.days(asked.start, asked.end)
    rows = sums_by(pieces, lambda piece: _label(reader, asked.step, piece.start))
    if asked.form == "csv":
        columns = book_columns(rows.columns, rows.share)
        return HistoryAnswer(200, CSV, csv_rows(rows.starts, columns, "start"), etag)
    return HistoryAnswer(200, JSON, _body(reader, archive, asked, pieces, rows), etag)


def _asked(query: QueryParameters, now: float) -> _Asked:
    """Read the parameters of a question. Raises BadQuery with everything that is wrong with them."""
    end = query.moment("to", now, now)
    start = query.moment("from", end - DAY_SECONDS, now)
    if start > end:
        query.problem("from", "value_error", "must not be after to", query.text("from"))
    step = query.choice("step", FIT, (FIT, *STEPS))
    if step == HOUR and end - start > MOST_HOURS_SECONDS:
        query.problem("step", "value_error", "hours of 31 days at most", query.text("step"))
    form = query.choice("format", "json", ("json", "csv"))
    query.check()
    start = max(QUARTER_SECONDS, math.floor(start / QUARTER_SECONDS + 0.5) * QUARTER_SECONDS)
    end = max(start + QUARTER_SECONDS, math.ceil(end / QUARTER_SECONDS) * QUARTER_SECONDS)
    return _Asked(start, end, fitting_step(start, end) if step == FIT else step, form)


def _label(reader: WindowReader, step: str, when: float) -> str:
    local = datetime.datetime.fromtimestamp(when, reader.where)
    if step == HOUR:
        return local.replace(minute=0, second=0).isoformat(timespec="minutes")
    return local.date().isoformat()[: 10 if step == DAY else 7]


def _body(reader: WindowReader, archive: Archive, asked: _Asked, pieces: Sequence[Piece], rows: Sums) -> bytes:
    total = sums_by(pieces, lambda _piece: None)
    head = to_json(
        {
            "gateway": archive.gateway.id,
            "timezone": archive.timezone,
            "from": int(asked.start),
            "to": int(asked.end),
            "step": asked.step,
        }
    )
    labels = [_label(reader, asked.step, when) for when in rows.starts]
    named = [Column("label", array("d", range(len(labels))), words=labels)]
    named += [Column("start", rows.starts, 15), Column("end", rows.ends, 15)]
    bars = object_texts([*named, *book_columns(rows.columns, rows.share)])
    body = head[:-1] + b',"rows":[' + b",".join(bars) + b'],"total":' + _only(total)
    for name, start, end in _windows_before(asked, reader):
        before = reader.days(start, end)
        body += b',"%b":' % name + _compared(asked, (start, end), pieces, before)
    return body + b"}"


def _only(sums: Sums) -> bytes:
    """Write the one row of a sum."""
    return object_texts(book_columns(sums.columns, sums.share))[0] if sums.starts else b"null"


def _windows_before(asked: _Asked, reader: WindowReader) -> list[tuple[bytes, float, float]]:
    """Return the window of the same length before, and the same of the year before; whole days stay whole days."""
    start, end, where = asked.start, asked.end, reader.where
    found = [(b"previous", start - (end - start), start)]
    if start == reader.day_of(start) and end == reader.day_of(end):
        days = (local_date(end, where) - local_date(start, where)).days
        found = [(b"previous", shifted(start, where, days=days), start)]
    return [*found, (b"year_before", *year_before(start, end, where))]


def _compared(asked: _Asked, window: tuple[float, float], mine: Sequence[Piece], before: Sequence[Piece]) -> bytes:
    """Write what another window had, and what was more in this one; null where too little of either is known."""
    spans = asked.end - asked.start, window[1] - window[0]
    known = [sum(piece.known_seconds for piece in pieces) for pieces in (mine, before)]
    # A window that lies where clocks were set ahead a year before has no fellow.
    if any(span <= 0.0 or part < COMPARED_PART * span for part, span in zip(known, spans, strict=True)):
        return b"null"
    later, earlier = (sums_by(pieces, lambda _piece: None) for pieces in (mine, before))
    figures = [[*one.columns[: len(ENERGY_MEMBERS)], one.share.percent] for one in (later, earlier)]
    change = [array("d", map(sub, *pair)) for pair in zip(*figures, strict=True)]
    texts = [object_texts(figure_columns(part[:-1], part[-1]))[0] for part in (figures[1], change)]
    opening = to_json({"from": int(window[0]), "to": int(window[1])})[:-1]
    return opening + b"," + texts[0][1:-1] + b',"change":' + texts[1] + b"}"
