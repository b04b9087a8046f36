"""Add up the days of calendar periods, and compare each period with another one.

Two whole periods are compared as wholes. One that is still running, or of which days are missing, is compared with the
same days of the other period, and the present day with the same hours.
"""

from __future__ import annotations

import datetime
import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import sub
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.calendar_periods import Period, place_in
from pwserver.history.day_books import (
    BOOK_MEMBERS,
    BOOKS,
    COVERED,
    ENERGY_MEMBERS,
    FIGURE_MEMBERS,
    DayBooks,
    OwnShare,
    book_values,
    own_share,
    sums_over,
    total,
)
from pwserver.history.days import SHORTEST_DAY_SECONDS, day_start, zone
from pwserver.history.history_answer import to_json
from pwserver_ext.rows import pick
from pwserver_ext.series import Objects, object_texts

DAY_SECONDS: Final = 86400.0
# A day counts as known from this part on: the poll across midnight, or a restart, must not take a whole day away.
KNOWN_PART: Final = 0.95
Row = Sequence[float]
_BOOKS, _FIGURES = Objects(BOOK_MEMBERS), Objects(FIGURE_MEMBERS)


class Comparison:
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
        self._parts: list[Row] = []  # the hours of days that are not over; their numbers follow those of the days

    def texts(self, periods: Sequence[Period]) -> list[bytes]:
        """Write one row for each period but the first; each is compared with the one before it in the list."""
        starts = array("q", [bisect_left(self._ordinals, period.first) for period in periods])
        ends = array("q", [bisect_right(self._ordinals, period.last) for period in periods])
        sums, share = sums_over(self._books, own_share(self._books.columns), starts, ends)
        covered = [sum(self._known[start:end]) for start, end in zip(starts, ends, strict=True)]
        whole = [count == period.days for count, period in zip(covered, periods, strict=True)]
        # What is compared: of whole periods their sums, of others those of the days that both know.
        figures = [*sums[: len(ENERGY_MEMBERS)], share.percent]
        later, earlier = [column[1:] for column in figures], [column[:-1] for column in figures]
        compared = [period.days for period in periods[:-1]]
        same = {
            place: list(
                self._same_days(
                    periods[place + 1],
                    range(starts[place + 1], ends[place + 1]),
                    periods[place],
                    range(starts[place], ends[place]),
                )
            )
            for place in range(len(compared))
            if not (whole[place] and whole[place + 1])
        }
        for place, pairs in same.items():
            compared[place] = len(pairs)
        self._replace(later, same, 0)
        self._replace(earlier, same, 1)
        change = [array("d", map(sub, *pair)) for pair in zip(later, earlier, strict=True)]
        rows = object_texts(_BOOKS.of(book_values([column[1:] for column in sums], OwnShare(*(p[1:] for p in share)))))
        before, changes = object_texts(_FIGURES.of(earlier)), object_texts(_FIGURES.of(change))
        found = []
        for place, days in enumerate(compared):
            text = self._head(periods[place + 1], covered[place + 1], whole[place + 1]) + rows[place][1:-1]
            if days:
                how = b"same days" if place in same else b"whole periods"
                opening = to_json({"period": periods[place].label, "days": days})[:-1]
                text += b',"compared":"' + how + b'","previous":' + opening + b"," + before[place][1:]
                text += b',"change":' + changes[place] + b"}"
            else:
                text += b',"compared":null,"previous":null,"change":null}'
            found.append(text)
        return found

    def _is_known(self, ordinal: int, covered: float) -> bool:
        """Say whether nearly all of a day is known. What is not said of a day, as of imported ones, counts as all."""
        if ordinal >= self._today or covered < KNOWN_PART * SHORTEST_DAY_SECONDS:
            return False
        if covered != covered or covered >= KNOWN_PART * DAY_SECONDS:
            return True
        return covered >= KNOWN_PART * (self._begin(ordinal + 1) - self._begin(ordinal))

    def _begin(self, ordinal: int) -> float:
        return day_start(datetime.date.fromordinal(ordinal), self._where)

    def _head(self, period: Period, covered: int, whole: bool) -> bytes:
        """Write the beginning of a row, up to the comma before its figures."""
        head = {
            "period": period.label,
            "start": datetime.date.fromordinal(period.first).isoformat(),
            "end": datetime.date.fromordinal(period.last).isoformat(),
            "days": period.days,
            "days_covered": covered,
            "running": period.first <= self._today <= period.last,
            "complete": whole,
        }
        return to_json(head)[:-1] + b","

    def _same_days(self, period: Period, span: range, before: Period, other: range) -> Iterator[tuple[int, int]]:
        """Yield the numbers of the days that both periods know, in pairs.

        Of the present day, and of its fellow, the hours until now count.
        """
        running = period.first <= self._today <= period.last
        candidates = [index for index in other if self._known[index] or running]
        places = {place_in(self._kind, before, self._ordinals[index]): index for index in candidates}
        for index in span:
            present = self._ordinals[index] == self._today
            if not self._known[index] and not present:
                continue
            fellow = places.get(place_in(self._kind, period, self._ordinals[index]))
            if fellow is None:
                continue
            if self._known[index] and self._known[fellow]:
                yield index, fellow
            elif present:
                so_far = self._until_now(self._today), self._until_now(self._ordinals[fellow])
                if so_far[0] is not None and so_far[1] is not None:
                    number = len(self._ordinals) + len(self._parts)
                    self._parts += [so_far[0], so_far[1]]
                    yield number, number + 1

    def _replace(self, figures: Sequence[array[float]], same: dict[int, list[tuple[int, int]]], which: int) -> None:
        """Put the figures of the days that are compared in place of those of whole periods."""
        if not same:
            return
        rows = array("q", [pair[which] for pairs in same.values() for pair in pairs])
        bounds = list(accumulate(map(len, same.values()), initial=0))
        starts, ends = array("q", bounds[:-1]), array("q", bounds[1:])
        more = [array("d", column) for column in zip(*self._parts, strict=True)]
        columns = [a + b for a, b in zip(self._books.columns, more, strict=True)] if more else self._books.columns
        picked = [pick(column, rows) for column in columns]
        nothing = array("d")
        sums, share = sums_over(DayBooks(nothing, picked, nothing, nothing), own_share(picked), starts, ends)
        for column, found in zip(figures, [*sums[: len(ENERGY_MEMBERS)], share.percent], strict=True):
            for place, figure in zip(same, found, strict=True):
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
