"""Add up the energies of any window: whole days by their books, the rest by quarter hours.

A window that begins or ends within a day takes of that day what its quarter hours say. So a window of 24 hours has the
energies of 24 hours, not those of the two days that it touches.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Callable, Hashable, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.day_books import (
    BOOKS,
    COVERED,
    DayBooks,
    OwnShare,
    own_share,
    read_days,
    sums_over,
    total,
)
from pwserver.history.days import day_start, day_window, local_date, zone
from pwserver.history.history_answer import Histories
from pwserver.history.sum_days import quarters_of_sum, read_quarters, read_sum_and_added

QUARTER_SECONDS: Final = 900.0
HOUR_SECONDS: Final = 3600.0
HOUR, DAY, MONTH = STEPS = ("hour", "day", "month")
# Without a step: hours for windows up to the first, days for windows up to the second (in days, and an hour of a clock
# that is put back), else months.
_HOURS_UP_TO, _DAYS_UP_TO = 2 * 86400.0 + HOUR_SECONDS, 35 * 86400.0 + HOUR_SECONDS
Row = Sequence[float]


class Piece(NamedTuple):
    """Holds what is known of one piece of a window that no day and no hour divides; NaN is not known."""

    start: float  # epoch seconds
    end: float
    row: Row  # as in ``BOOKS``

    @property
    def known_seconds(self) -> float:
        """Return how much of it is known. What is not said of a day, as of imported ones, counts as all."""
        if all(figure != figure for figure in self.row[:COVERED]):
            return 0.0
        covered = self.row[COVERED]
        return self.end - self.start if covered != covered else min(covered, self.end - self.start)


class Sums(NamedTuple):
    """Holds the sums of some spans of a window."""

    starts: array[float]  # epoch seconds
    ends: array[float]
    columns: list[array[float]]  # as in ``BOOKS``
    share: OwnShare


def fitting_step(start: float, end: float) -> str:
    """Return what a bar stands for so that a window has not too many and not too few of them."""
    span = end - start
    return HOUR if span <= _HOURS_UP_TO else DAY if span <= _DAYS_UP_TO else MONTH


class WindowReader:
    """Reads the pieces of windows of one house, or of the sum of all."""

    def __init__(self, histories: Histories, archive: Archive, now: float) -> None:
        self._histories = histories
        self._archive = archive
        self._now = now
        self.where: ZoneInfo = zone(archive.timezone)

    def day_of(self, when: float) -> float:
        """Return the first instant of the day that holds an instant."""
        return day_start(local_date(when, self.where), self.where)

    def days(self, start: float, end: float) -> list[Piece]:
        """Return the days of a window, of the first and the last one what is in it; none of which nothing is known."""
        first, last = (local_date(when, self.where) for when in (start, math.nextafter(end, -math.inf)))
        books = self._books(first.toordinal(), last.toordinal())
        rows = {int(day): index for index, day in enumerate(books.ordinals)}
        found = []
        for ordinal in sorted({first.toordinal(), last.toordinal(), *rows}):
            begin, until = day_window(datetime.date.fromordinal(ordinal), self.where)
            if start > begin or end < min(until, self._now):
                found += self._added(self.quarters(max(start, begin), min(end, until)))
            elif ordinal in rows:
                found.append(Piece(begin, min(until, end), books.row(rows[ordinal])))
        return found

    def hours(self, start: float, end: float) -> list[Piece]:
        """Return the hours of a window, as the clock of the house has them."""
        offset = datetime.datetime.fromtimestamp(start, self.where).utcoffset() or datetime.timedelta()
        shift = offset.total_seconds() % HOUR_SECONDS
        groups: dict[float, list[Piece]] = {}
        for piece in self.quarters(start, end):
            groups.setdefault((piece.start + shift) // HOUR_SECONDS, []).append(piece)
        return [one for pieces in groups.values() for one in self._added(pieces)]

    def quarters(self, start: float, end: float) -> list[Piece]:
        """Return the quarter hours of a window; those of the sum with what the houses know beside its record."""
        rows = dict(read_quarters(self._archive, start, end))
        if self._archive.gateway.virtual:
            last = local_date(math.nextafter(end, -math.inf), self.where).toordinal()
            for day in self._read(local_date(start, self.where).toordinal(), last)[1]:
                rows |= quarters_of_sum(self._histories, day, self.where, start, end)
        pieces = [Piece(when, when + QUARTER_SECONDS, row) for when, row in sorted(rows.items())]
        return [piece for piece in pieces if piece.known_seconds]

    def _added(self, pieces: Sequence[Piece]) -> list[Piece]:
        if not pieces:
            return []
        row = [total(column) for column in zip(*(piece.row for piece in pieces), strict=True)]
        return [Piece(pieces[0].start, pieces[-1].end, row)]

    def _books(self, first: int, last: int) -> DayBooks:
        if not self._archive.gateway.virtual:
            return read_days(self._archive, first, last)
        return self._read(first, last)[0]

    def _read(self, first: int, last: int) -> tuple[DayBooks, set[int]]:
        """Return the days of the sum, and which of them are those of the houses added up."""
        parts = [read_days(one, first, last) for one in self._histories.real()]
        return read_sum_and_added(self._histories, parts, first, last)


def sums_by(pieces: Sequence[Piece], key: Callable[[Piece], Hashable]) -> Sums:
    """Add up neighbouring pieces that have the same key."""
    starts, ends = array("q"), array("q")
    last: Hashable = object()
    for index, piece in enumerate(pieces):
        if (found := key(piece)) != last or not starts:
            starts.append(index)
            ends.append(index)
            last = found
        ends[-1] = index + 1
    columns = [array("d", column) for column in zip(*(piece.row for piece in pieces), strict=True)]
    nothing = array("d")
    books = DayBooks(nothing, columns or [array("d") for _ in BOOKS], nothing, nothing)
    sums, share = sums_over(books, own_share(books.columns), starts, ends)
    begins = array("d", [pieces[index].start for index in starts])
    return Sums(begins, array("d", [pieces[index - 1].end for index in ends]), sums, share)


def shifted(when: float, where: ZoneInfo, days: int = 0, years: int = 0) -> float:
    """Return the instant at which the clock of the house says the same so many days and years earlier."""
    local = datetime.datetime.fromtimestamp(when, where)
    date = local.date() - datetime.timedelta(days=days)
    if years:
        leap = (date.month, date.day) == (2, 29)
        date = date.replace(year=date.year - years, day=28 if leap else date.day)
    return datetime.datetime.combine(date, local.time(), where).replace(fold=local.fold).timestamp()


def year_before(start: float, end: float, where: ZoneInfo) -> tuple[float, float]:
    """Return the same window of the year before. What ends with the 28th of February, or on the 29th, has no 29th."""
    begin, until = shifted(start, where, years=1), shifted(end, where, years=1)
    leap, last = (_is_29_february(when, where) for when in (start, end))
    return begin, shifted(until, where, days=-1) if last and not leap else until


def _is_29_february(when: float, where: ZoneInfo) -> bool:
    date = local_date(when, where)
    return (date.month, date.day) == (2, 29)
