"""Read the books of all houses together: days, and the quarter hours of a day.

The sum is recorded like a house of its own, as houses that feed one another are one. Where every house knows more than
that record, because it began later or an import brought it, the houses are added up: quarter hour by quarter hour, and
whole days where those are not known. A house is expected from its first day on: what it lacks has no such sum.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.day_books import (
    BOOKS,
    COVERED,
    FILLED,
    FIRST_SHARE,
    GAP,
    HOME,
    UNKNOWN,
    DayBooks,
    read_days,
    total,
)
from pwserver.history.days import DAY_MIDDLE_SECONDS, day_window, local_date, zone
from pwserver.history.history_answer import Histories
from pwserver.history.layout import AGGREGATE, SHARES

# By how much the record of a day, and of a quarter hour, may be shorter than those of the houses.
SHORTER_SECONDS: Final = 900.0
SHORTER_QUARTER_SECONDS: Final = 60.0
Row = Sequence[float]  # as in ``BOOKS``


def read_sum(histories: Histories, parts: Sequence[DayBooks], first: int, last: int) -> DayBooks:
    """Read the days of the sum of all houses, whose own days are ``parts``."""
    return read_sum_and_added(histories, parts, first, last)[0]


def read_sum_and_added(
    histories: Histories, parts: Sequence[DayBooks], first: int, last: int
) -> tuple[DayBooks, set[int]]:
    """Read the days of the sum, and tell of which of them (ordinals) houses are added up."""
    record = histories.archives.get(AGGREGATE.id)
    since = [_first_date(archive) for archive in histories.real()]
    own = read_days(record, first, last) if record is not None else None
    kept = {} if own is None else {int(day): own.row(index) for index, day in enumerate(own.ordinals)}
    houses: dict[int, list[list[float]]] = {}
    for part in parts:
        for index, day in enumerate(part.ordinals):
            houses.setdefault(int(day), []).append(part.row(index))
    known, rows, added = [], [], set()
    for day in sorted(kept.keys() | houses.keys()):
        mine, theirs = kept.get(day), houses.get(day, [])
        if theirs and len(theirs) == sum(begun <= day for begun in since):
            # What is not said of a day, as of imported ones, counts as all.
            least = min(math.inf if math.isnan(row[COVERED]) else row[COVERED] for row in theirs)
            if mine is None:
                mine = _added_up(theirs)
                added.add(day)
            elif least > mine[COVERED] + SHORTER_SECONDS:
                mine = _day_of_quarters(histories, day, theirs) or _added_up(theirs)
                added.add(day)
        if mine is not None:
            known.append(day)
            rows.append(mine)
    columns = [array("d", column) for column in zip(*rows, strict=True)] or [array("d") for _ in BOOKS]
    sampled, updated = (_newest(known, parts, place) for place in ("sampled", "updated"))
    return DayBooks(array("d", known), columns, sampled, updated), added


def quarters_of_sum(histories: Histories, ordinal: int, where: ZoneInfo, start: float, end: float) -> dict[float, Row]:
    """Return the quarter hours of a day in a window: of the record, and of the houses where all of them know more."""
    begin, until = day_window(datetime.date.fromordinal(ordinal), where)
    span = max(begin, start), min(until, end)
    return _with_houses(histories, _quarters_of_houses(histories, ordinal, *span), *span)


def _quarters_of_houses(histories: Histories, ordinal: int, start: float, end: float) -> list[Mapping[float, Row]]:
    """Read the quarter hours of each house that is expected on this day."""
    return [read_quarters(one, start, end) for one in histories.real() if _first_date(one) <= ordinal]


def _with_houses(
    histories: Histories, houses: Sequence[Mapping[float, Row]], start: float, end: float
) -> dict[float, Row]:
    """Read those of the record, and put the sum of the houses in the place of each of which all of them know more."""
    record = histories.archives.get(AGGREGATE.id)
    found = dict(read_quarters(record, start, end)) if record is not None else {}
    for when in set.intersection(*map(set, houses)) if houses else ():
        theirs = [house[when] for house in houses]
        mine = found.get(when)
        if mine is None or min(row[COVERED] for row in theirs) > mine[COVERED] + SHORTER_QUARTER_SECONDS:
            found[when] = _added_up(theirs)
    return found


def read_quarters(archive: Archive, start: float, end: float) -> Mapping[float, Row]:
    """Return the quarter hours of a window of which anything is known, by when they begin."""
    columns = [archive.column("quarters", name) for name in BOOKS]
    times, values = archive.quarters.select(start, math.nextafter(end, -math.inf), columns)
    rows = zip(times, zip(*values, strict=True), strict=True)
    return {when: row for when, row in rows if any(figure == figure for figure in row[:COVERED])}


def _day_of_quarters(histories: Histories, ordinal: int, theirs: Sequence[Row]) -> list[float] | None:
    """Return a day as the sum of its quarter hours; None where those of a house are not all it knows of the day."""
    record = histories.archives.get(AGGREGATE.id)
    if record is None or any(math.isnan(row[COVERED]) for row in theirs):
        return None
    span = day_window(datetime.date.fromordinal(ordinal), zone(record.timezone))
    houses = _quarters_of_houses(histories, ordinal, *span)
    for house, day in zip(houses, theirs, strict=True):
        covered = total(row[COVERED] for row in house.values())
        if not abs(covered - day[COVERED]) <= SHORTER_SECONDS:
            return None
    rows = _with_houses(histories, houses, *span).values()
    return [total(column) for column in zip(*rows, strict=True)] if rows else None


def _first_date(archive: Archive) -> float:
    """Return the date (ordinal) of the first day that a house knows of; infinite where it knows none."""
    bounds = archive.days.bounds()
    if bounds is None:
        return math.inf
    return local_date(bounds[0] + DAY_MIDDLE_SECONDS, zone(archive.timezone)).toordinal()


def _newest(days: Sequence[int], parts: Sequence[DayBooks], place: str) -> array[float]:
    found: dict[int, float] = {}
    for part in parts:
        for day, when in zip(part.ordinals, getattr(part, place), strict=True):
            found[int(day)] = max(found.get(int(day), -math.inf), when)
    return array("d", [found.get(day, UNKNOWN) for day in days])


def _added_up(rows: Sequence[Row]) -> list[float]:
    """Add up one day, or one quarter hour, of some houses.

    Parts that not every home has would be those of another, smaller home.
    """
    sums = [total(row[index] for row in rows) for index in range(len(BOOKS))]
    if any(math.isnan(row[FIRST_SHARE]) and row[HOME] > 0.0 for row in rows):
        sums[FIRST_SHARE : FIRST_SHARE + len(SHARES)] = [UNKNOWN] * len(SHARES)
    # Files of version 1.0, and imports, do not say it of their days.
    for place, choose in ((COVERED, min), (GAP, max), (FILLED, max)):
        sums[place] = choose((row[place] for row in rows if not math.isnan(row[place])), default=UNKNOWN)
    return sums
