"""Read the books of days: energies, where the home's came from, how much of each day is known. The same for sums.

How self-powered a home was follows from the parts of its energy that were told apart at every poll:

    from the sun and the battery / from the sun, the battery and the grid

Where a day has no such parts (recorded by version 1.0, or imported), ``1 - bought / home`` is the least it can have
been; ``self_powered_from`` says which of both rules a figure follows.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from pwserver.history.archive import Archive
from pwserver.history.days import DAY_MIDDLE_SECONDS, local_date, zone
from pwserver.history.history_answer import Histories
from pwserver.history.layout import AGGREGATE, BOOK_NAMES, ENERGIES, ENERGY_NAMES, SHARE_NAMES, SHARES
from pwserver_ext.day_sums import percent_of, self_powered, span_sums
from pwserver_ext.rows import measured, pick
from pwserver_ext.series import Column

EPOCH_ORDINAL: Final = datetime.date(1970, 1, 1).toordinal()
BOOKS: Final = (*ENERGY_NAMES, *SHARE_NAMES, *BOOK_NAMES)  # in Wh, and in seconds
HOME: Final = BOOKS.index("home_wh")
BOUGHT: Final = BOOKS.index("grid_import_wh")
_READ: Final = (*BOOKS, "date", "last_sample", "updated")
FIRST_SHARE: Final = len(ENERGIES)
COVERED: Final = BOOKS.index(BOOK_NAMES[0])
GAP: Final = BOOKS.index(BOOK_NAMES[1])
FILLED: Final = BOOKS.index(BOOK_NAMES[2])
RULES: Final = ("shares", "totals")
ENERGY_MEMBERS: Final = tuple(f"{energy}_kwh" for energy in (*ENERGIES, *SHARES))
# The history of a sum is shorter than those of its houses before it began, and where an import filled theirs.
SHORTER_SECONDS: Final = 900.0
UNKNOWN: Final = math.nan


class DayBooks(NamedTuple):
    """Holds the days of one house, or of the sum of all, oldest first; a day of which nothing is known has no row."""

    ordinals: array[float]  # proleptic ordinal of the local date
    columns: list[array[float]]  # as in ``BOOKS``
    sampled: array[float]  # when the day was measured last, epoch seconds
    updated: array[float]

    def row(self, index: int) -> list[float]:
        """Return the figures of one day."""
        return [column[index] for column in self.columns]


def read_days(archive: Archive, first: int, last: int) -> DayBooks:
    """Read the days of one history from date ``first`` to ``last`` (proleptic ordinals)."""
    columns = archive.places("days", _READ)
    # A local day begins at most a day from its UTC day.
    start, end = (first - 1 - EPOCH_ORDINAL) * 86400.0, (last + 1 - EPOCH_ORDINAL) * 86400.0
    _, values = archive.days.select(start, end, columns)
    ordinals = values[len(BOOKS)]
    rows = measured(values[: len(ENERGIES)])
    if rows and not first <= ordinals[rows[0]] <= ordinals[rows[-1]] <= last:
        rows = array("q", [row for row in rows if first <= ordinals[row] <= last])
    picked = values if len(rows) == len(ordinals) else [pick(column, rows) for column in values]
    return DayBooks(picked[len(BOOKS)], picked[: len(BOOKS)], *picked[len(BOOKS) + 1 :])


def read_sum(histories: Histories, parts: Sequence[DayBooks], first: int, last: int) -> DayBooks:
    """Read the days of the sum of all houses, whose own days are ``parts``.

    The sum is recorded like a house of its own. Days of which every house knows more than its record does, because it
    began later or an import brought them, are those of the houses added up. A house is expected from its first day on:
    of a day that it lacks there is no such sum, as in ``house_sums``.
    """
    return read_sum_and_added(histories, parts, first, last)[0]


def read_sum_and_added(
    histories: Histories, parts: Sequence[DayBooks], first: int, last: int
) -> tuple[DayBooks, set[int]]:
    """Read the days of the sum, and tell which of them (ordinals) are those of the houses added up."""
    record = histories.archives.get(AGGREGATE.id)
    since = [first_date(archive) for archive in histories.real()]
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
            if mine is None or least > mine[COVERED] + SHORTER_SECONDS:
                mine = added_up(theirs)
                added.add(day)
        if mine is not None:
            known.append(day)
            rows.append(mine)
    columns = [array("d", column) for column in zip(*rows, strict=True)] or [array("d") for _ in BOOKS]
    sampled, updated = (_newest(known, parts, place) for place in ("sampled", "updated"))
    return DayBooks(array("d", known), columns, sampled, updated), added


def first_date(archive: Archive) -> float:
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


def added_up(rows: Sequence[Sequence[float]]) -> list[float]:
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


def total(values: Iterable[float]) -> float:
    """Return the sum of what is known; NaN where nothing is."""
    known = [value for value in values if value == value]
    return math.fsum(known) if known else UNKNOWN


class OwnShare(NamedTuple):
    """Holds how much of a home's energy was not bought, day by day or summed up, and by which rule that is known."""

    own: array[float]
    whole: array[float]
    rule: array[float]  # a place in ``RULES``; NaN: nothing is known

    @property
    def percent(self) -> array[float]:
        """Return percent of the home's energy."""
        return percent_of(self.own, self.whole)


def own_share(columns: Sequence[array[float]]) -> OwnShare:
    """Return how self-powered the home was in each row of ``BOOKS``."""
    sun, battery, grid = columns[FIRST_SHARE : FIRST_SHARE + len(SHARES)]
    return OwnShare(*self_powered(columns[HOME], columns[BOUGHT], sun, battery, grid))


def sums_over(
    books: DayBooks, share: OwnShare, starts: array[int], ends: array[int]
) -> tuple[list[array[float]], OwnShare]:
    """Add up the rows of some spans of days: what is known of each figure, and how self-powered the home was.

    ``share``: how self-powered it was on each of the days.
    """
    *sums, own, whole, rule = span_sums([*books.columns, *share], starts, ends)
    # The sum of rules is above 0 where any of the days lacks its parts.
    return sums, OwnShare(own, whole, array("d", [1.0 if one > 1.0 else one for one in rule]))


_NOTHING = array("d")
FIGURE_MEMBERS: Final = (  # what can be compared: energies in kWh, and how self-powered the home was
    *(Column(name, _NOTHING, 12, 0.001) for name in ENERGY_MEMBERS),
    Column("self_powered_percent", _NOTHING),
)
BOOK_MEMBERS: Final = (  # what is told of days and sums: figures, by which rule they are known, and how much is
    *FIGURE_MEMBERS,
    Column("self_powered_from", _NOTHING, words=RULES),
    Column("covered_seconds", _NOTHING),
    Column("gap_seconds", _NOTHING),
    Column("filled_seconds", _NOTHING),
)


def book_values(columns: Sequence[array[float]], share: OwnShare) -> list[array[float]]:
    """Return the values of ``BOOK_MEMBERS`` for rows of ``BOOKS``."""
    return [*columns[: len(ENERGY_MEMBERS)], share.percent, share.rule, *columns[COVERED:]]


def book_columns(columns: Sequence[array[float]], share: OwnShare) -> list[Column]:
    """Return ``BOOK_MEMBERS`` with these values."""
    return _with_values(BOOK_MEMBERS, book_values(columns, share))


def figure_columns(columns: Sequence[array[float]], percent: array[float]) -> list[Column]:
    """Return ``FIGURE_MEMBERS`` with these values."""
    return _with_values(FIGURE_MEMBERS, [*columns[: len(ENERGY_MEMBERS)], percent])


def _with_values(members: Iterable[Column], values: Iterable[array[float]]) -> list[Column]:
    return [
        Column(one.name, column, one.digits, one.scale, one.words, one.dates)
        for one, column in zip(members, values, strict=True)
    ]
