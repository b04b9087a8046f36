"""Answer ``GET /api/history/calendar``: totals of days, weeks, months or years, each beside the period before it.

``period`` ``day``, ``week`` (ISO, from Monday), ``month`` or ``year``; ``count`` of them; ``end`` a day of the last;
``gateway`` an id, or ``aggregate``; ``compare`` ``before`` or ``year``; ``format`` ``json`` or ``csv``. Days are those
of the house, and their rows are kept long. Two whole periods are compared as wholes. One that is still running, or of
which days are missing, is compared with the same days of the other period, and the present day with the same hours.
"""

from __future__ import annotations

import csv
import datetime
import io
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from operator import sub
from typing import Final, NamedTuple

import ujson

from pwserver import bounds
from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.history.archive import Archive
from pwserver.history.calendar_periods import PERIODS, Period, periods_until, place_in, year_before
from pwserver.history.day_books import (
    BOOKS,
    COVERED,
    ENERGY_MEMBERS,
    EPOCH_ORDINAL,
    DayBooks,
    OwnShare,
    book_columns,
    figure_columns,
    read_days,
    read_sum,
    sums_over,
    total,
)
from pwserver.history.days import day_start, local_date, zone
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
from pwserver.json_types import JsonObject
from pwserver_ext.series import object_texts, pick

QUARTER_SECONDS: Final = 900.0
DAY_SECONDS: Final = 86400.0
BEFORE, YEAR = "before", "year"  # with what a period is compared: the one before it, the same of the year before
# A day counts as known from this part on: the poll across midnight, or a restart, must not take a whole day away.
KNOWN_PART: Final = 0.95
Row = Sequence[float]


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
    comparison = _Comparison(archive, asked.kind, books, today, now)
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


class _Days(NamedTuple):
    """Holds days that are compared: the rows of whole ones, and the figures of one that is not over."""

    rows: array[int]
    parts: list[Row]


class _Comparison:
    """Adds up the days of periods, and finds what of the period before each is to be compared with."""

    def __init__(self, archive: Archive, kind: str, books: DayBooks, today: datetime.date, now: float) -> None:
        self._archive = archive
        self._kind = kind
        self._where = zone(archive.timezone)
        self._now = now
        self._today = today.toordinal()
        self._ordinals = [int(day) for day in books.ordinals]
        self._books = books
        self._known = [self._is_known(*one) for one in zip(self._ordinals, books.columns[COVERED], strict=True)]

    def _is_known(self, ordinal: int, covered: float) -> bool:
        """Say whether nearly all of a day is known. What is not said of a day, as of imported ones, counts as all."""
        if covered != covered or covered >= KNOWN_PART * DAY_SECONDS:
            return ordinal < self._today
        return ordinal < self._today and covered >= KNOWN_PART * (self._begin(ordinal + 1) - self._begin(ordinal))

    def _begin(self, ordinal: int) -> float:
        return day_start(datetime.date.fromordinal(ordinal), self._where)

    def texts(self, periods: Sequence[Period]) -> list[bytes]:
        """Write one row for each period but the first, which is only compared with."""
        starts = array("q", [bisect_left(self._ordinals, period.first) for period in periods])
        ends = array("q", [bisect_right(self._ordinals, period.last) for period in periods])
        sums, share = sums_over(self._books, starts, ends)
        covered = [sum(self._known[start:end]) for start, end in zip(starts, ends, strict=True)]
        whole = [count == period.days for count, period in zip(covered, periods, strict=True)]
        # What is compared: of whole periods their sums, of others those of the days that both know.
        figures = [*sums[: len(ENERGY_MEMBERS)], share.percent]
        later = [column[1:] for column in figures]
        earlier = [column[:-1] for column in figures]
        compared = [period.days for period in periods[:-1]]
        for place in range(1, len(periods)):
            if not (whole[place] and whole[place - 1]):
                spans = range(starts[place], ends[place]), range(starts[place - 1], ends[place - 1])
                mine, theirs = self._same_days(periods[place], spans[0], periods[place - 1], spans[1])
                compared[place - 1] = len(mine.rows) + len(mine.parts)
                self._replace(later, place - 1, mine)
                self._replace(earlier, place - 1, theirs)
        change = [array("d", map(sub, *pair)) for pair in zip(later, earlier, strict=True)]
        last = OwnShare(*(part[1:] for part in share))
        rows = object_texts(book_columns([column[1:] for column in sums], last))
        before = object_texts(figure_columns(earlier[:-1], earlier[-1]))
        changes = object_texts(figure_columns(change[:-1], change[-1]))
        found = []
        for place, days in enumerate(compared):
            head = self._head(periods[place + 1], covered[place + 1], whole[place + 1])
            how = "same days" if not (whole[place] and whole[place + 1]) else "whole periods"
            text = to_json(head)[:-1] + b"," + rows[place][1:-1]
            text += b',"compared":' + to_json(how if days else None)
            if days:
                opening = to_json({"period": periods[place].label, "days": days})[:-1]
                text += b',"previous":' + opening + b"," + before[place][1:] + b',"change":' + changes[place] + b"}"
            else:
                text += b',"previous":null,"change":null}'
            found.append(text)
        return found

    def _head(self, period: Period, covered: int, whole: bool) -> JsonObject:
        return {
            "period": period.label,
            "start": datetime.date.fromordinal(period.first).isoformat(),
            "end": datetime.date.fromordinal(period.last).isoformat(),
            "days": period.days,
            "days_covered": covered,
            "running": period.first <= self._today <= period.last,
            "complete": whole,
        }

    def _same_days(self, period: Period, span: range, before: Period, other: range) -> tuple[_Days, _Days]:
        """Return the days that both periods know; of the present day, and of its fellow, the hours until now."""
        places = {place_in(self._kind, before, self._ordinals[index]): index for index in other}
        mine, theirs = _Days(array("q"), []), _Days(array("q"), [])
        for index in span:
            fellow = places.get(place_in(self._kind, period, self._ordinals[index]))
            if fellow is None:
                continue
            if self._known[index] and self._known[fellow]:
                mine.rows.append(index)
                theirs.rows.append(fellow)
            elif self._ordinals[index] == self._today:
                so_far = self._until_now(self._today), self._until_now(self._ordinals[fellow])
                if so_far[0] is not None and so_far[1] is not None:
                    mine.parts.append(so_far[0])
                    theirs.parts.append(so_far[1])
        return mine, theirs

    def _replace(self, figures: Sequence[array[float]], place: int, days: _Days) -> None:
        """Put the figures of these days in place of those of a whole period."""
        columns = [pick(column, days.rows) for column in self._books.columns]
        for part in days.parts:
            for column, figure in zip(columns, part, strict=True):
                column.append(figure)
        nothing = array("d")
        count = array("q", [len(days.rows) + len(days.parts)])
        sums, share = sums_over(DayBooks(nothing, columns, nothing, nothing), array("q", [0]), count)
        for column, (figure,) in zip(figures, [*sums[: len(ENERGY_MEMBERS)], share.percent], strict=True):
            column[place] = figure

    def _until_now(self, ordinal: int) -> Row | None:
        """Return a day up to the quarter of an hour it is now; None where its quarter hours are not all kept."""
        quarters = self._archive.quarters
        clock = datetime.datetime.fromtimestamp(self._now, self._where)
        time = datetime.time(clock.hour, clock.minute // 15 * 15, fold=clock.fold)
        end = datetime.datetime.combine(datetime.date.fromordinal(ordinal), time, self._where).timestamp()
        begin = self._begin(ordinal)
        known = quarters.bounds()
        if known is None or known[0] > begin or begin >= end:
            return None
        columns = [self._archive.column("quarters", name) for name in BOOKS]
        times, values = quarters.select(begin, math.nextafter(end, -math.inf), columns)
        return [total(column) for column in values] if times else None


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
