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
from pwserver.history.layout import BOOK_NAMES, ENERGIES, ENERGY_NAMES, SHARE_NAMES, SHARES
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
