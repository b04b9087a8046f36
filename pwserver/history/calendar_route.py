"""Answer ``GET /api/history/calendar``: totals of days, weeks, months or years, each beside the period before it.

``period`` ``day``, ``week`` (ISO, from Monday), ``month`` or ``year``; ``count`` of them; ``end`` a day of the last;
``gateway`` an id, or ``aggregate``; ``compare`` ``before`` or ``year``; ``format`` ``json`` or ``csv``. Days are those
of the house, and their rows are kept long. ``calendar_comparison`` has what of two periods is compared.
"""

from __future__ import annotations

import csv
import datetime
import io
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import ujson

from pwserver import bounds
from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.calendar_comparison import Comparison
from pwserver.history.calendar_periods import PERIODS, Period, periods_until, year_before
from pwserver.history.day_books import ENERGY_MEMBERS, EPOCH_ORDINAL, read_days
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
from pwserver.history.sum_days import read_sum
from pwserver.history.timeseries import refuse
from pwserver.json_types import JsonObject

QUARTER_SECONDS: Final = 900.0
BEFORE, YEAR = "before", "year"  # with what a period is compared: the one before it, the same of the year before


class _Asked(NamedTuple):
    """Holds a question to the calendar."""

    kind: str
    periods: list[Period]
    form: str
    compare: str


def calendar(
    histories: Histories, arguments: Mapping[str, str], now: float, match: bytes | None = None
) -> HistoryAnswer:
    """Answer the totals of calendar periods, oldest first.

    200 with one row for each period since the first recorded day; 304 when ``match`` names the same content; 404 for an
    unknown gateway; 422 for parameters that make no sense; 503 when the history is switched off.
    """
    if not histories.settings.enabled:
        return json_answer({"detail": "history is switched off"}, status=503)
    if not histories.gateways:
        return json_answer({"detail": "No gateways configured"}, status=503)
    several = len(histories.real()) > 1 and AGGREGATE.id in histories.archives
    try:
        wanted = arguments.get("gateway") or (AGGREGATE.id if several else histories.default_gateway or "")
        gateway = find_gateway(wanted, histories.archives)
    except UnknownGateway as unknown:
        return json_answer({"detail": str(unknown)}, status=404)
    archive = histories.archives[gateway]
    houses = histories.real() if archive.gateway.virtual else [archive]
    today = local_date(now, zone(archive.timezone))
    known = [found[0] for one in (archive, *houses) if (found := one.days.bounds()) is not None]
    earliest = local_date(min(known), zone(archive.timezone)).toordinal() if known else today.toordinal()
    try:
        asked = _asked(QueryParameters(arguments), today, earliest)
    except BadQuery as problem:
        return refuse(problem)
    generations = [one.generation for one in (archive, *houses)]
    etag = make_etag(gateway, generations, sorted(arguments.items()), today, now // QUARTER_SECONDS)
    if unchanged(etag, match):
        return HistoryAnswer(304, CSV if asked.form == "csv" else JSON, b"", etag)
    if asked.compare == YEAR:
        spans = [[year_before(asked.kind, one), one] for one in asked.periods]
    else:
        before = PERIODS[asked.kind](datetime.date.fromordinal(max(EPOCH_ORDINAL, asked.periods[0].first - 1)))
        spans = [[before, *asked.periods]]
    first, last = spans[0][0].first, asked.periods[-1].last
    if archive.gateway.virtual:
        books = read_sum(histories, [read_days(one, first, last) for one in houses], first, last)
    else:
        books = read_days(archive, first, last)
    comparison = Comparison(archive, asked.kind, books, today, now)
    texts = [text for periods in spans for text in comparison.texts(periods)]
    rows = b"[" + b",".join(texts) + b"]"
    if asked.form == "csv":
        return HistoryAnswer(200, CSV, _csv(ujson.loads(rows)), etag)
    head = to_json({"gateway": gateway, "timezone": archive.timezone, "period": asked.kind})
    return HistoryAnswer(200, JSON, head[:-1] + b',"periods":' + rows + b"}", etag)


def _asked(query: QueryParameters, today: datetime.date, earliest: int) -> _Asked:
    """Read the parameters of a question. Raises BadQuery with everything that is wrong with them."""
    kind = query.choice("period", "month", tuple(PERIODS))
    count = query.whole("count", 12, bounds.CALENDAR_PERIODS)
    given = query.day("end")
    last = datetime.date.fromisoformat(given) if given else today
    if not datetime.date.fromordinal(EPOCH_ORDINAL) <= last <= today:
        query.problem("end", "value_error", f"must be a day from 1970-01-01 to {today}, which is today there", given)
    form = query.choice("format", "json", ("json", "csv"))
    compare = query.choice("compare", BEFORE, (BEFORE, YEAR))
    query.check()
    return _Asked(kind, periods_until(kind, last, count, earliest), form, compare)


def _csv(rows: Sequence[JsonObject]) -> bytes:
    """Write the rows with a header line; what is compared follows as ``previous_…`` and ``change_…``."""
    figures = [*ENERGY_MEMBERS, "self_powered_percent"]
    own = ["period", "start", "end", "days", "days_covered", "running", "complete", *figures, "self_powered_from"]
    own += ["covered_seconds", "gap_seconds", "filled_seconds", "compared"]
    compared = {"previous": ["period", "days", *figures], "change": figures}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*own, *(f"{part}_{name}" for part, names in compared.items() for name in names)])
    for row in rows:
        cells = [row[name] for name in own]
        for part, names in compared.items():
            cells += [(row[part] or {}).get(name) for name in names]
        writer.writerow([str(cell).lower() if isinstance(cell, bool) else cell for cell in cells])
    return out.getvalue().encode()
