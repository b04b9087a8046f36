"""Define a tariff: versions by date, seasons, periods of a week, prices to buy and to sell, and what is fixed.

Plain values. ``price_lookup`` finds the price of an instant in them; the configuration and Tesla's documents are read
elsewhere. Prices are in the currency per kWh. Months and days are numbers from 1; Monday is day 0 of a week.
"""

from __future__ import annotations

import calendar
import datetime
from collections.abc import Iterator

from pwserver.records import record

MINUTES_OF_DAY = 1440
WEEK = frozenset(range(7))
LARGEST_PRICE = 1e6  # per kWh: some currencies have small units

MonthDay = tuple[int, int]


@record(frozen=True, slots=True)
class Window:
    """Describes when in a week a period runs: from ``start_minute`` of each of ``days`` to before ``end_minute``.

    An end after 1440 lies on the morning after: the window belongs to the day on which it begins.
    """

    days: frozenset[int]
    start_minute: int
    end_minute: int

    @classmethod
    def between(cls, days: frozenset[int], start_minute: int, end_minute: int) -> Window:
        """Make a window from two times of a day. An end that is not after the start is on the next day."""
        start = start_minute % MINUTES_OF_DAY
        return cls(days, start, end_minute if end_minute > start else end_minute + MINUTES_OF_DAY)

    def parts_of(self, weekday: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of this window that lie on a weekday, as minutes from its midnight."""
        if weekday in self.days:
            yield self.start_minute, min(self.end_minute, MINUTES_OF_DAY)
        if self.end_minute > MINUTES_OF_DAY and (weekday - 1) % 7 in self.days:
            yield 0, self.end_minute - MINUTES_OF_DAY


@record(frozen=True, slots=True)
class Period:
    """Holds one price and when it applies. ``price`` None: nobody knows it."""

    name: str
    price: float | None
    windows: tuple[Window, ...]


@record(frozen=True, slots=True)
class Season:
    """Holds the periods of a part of the year, from ``first`` to ``last`` inclusive; it may go over New Year.

    ``otherwise``: the period of the hours that no other one has; None where they have no price.
    """

    name: str
    first: MonthDay
    last: MonthDay
    periods: tuple[Period, ...]
    otherwise: Period | None = None

    def holds(self, day: MonthDay) -> bool:
        """Say whether a day of the year is one of this season."""
        if self.first <= self.last:
            return self.first <= day <= self.last
        return day >= self.first or day <= self.last


@record(frozen=True, slots=True)
class TariffVersion:
    """Holds the prices from one date on. ``holds_from`` None: they have always held.

    ``sell`` is empty where what is sold has no known price. ``notes``: what of a document is not counted.
    """

    holds_from: datetime.date | None
    buy: tuple[Season, ...]
    sell: tuple[Season, ...] = ()
    fixed_per_day: float = 0.0
    fixed_per_month: float = 0.0
    name: str = ""
    notes: tuple[str, ...] = ()

    def fixed_part(self, day: datetime.date) -> float:
        """Return the fixed part of a day; a month's is spread evenly over the days of that month."""
        return self.fixed_per_day + self.fixed_per_month / calendar.monthrange(day.year, day.month)[1]


@record(frozen=True, slots=True)
class Tariff:
    """Holds the versions of one tariff, oldest first. ``currency``: an ISO 4217 code, None where it is not known."""

    currency: str | None
    versions: tuple[TariffVersion, ...]

    def version(self, day: datetime.date) -> TariffVersion | None:
        """Return the version that holds on a day of the house; None before the first."""
        found = None
        for version in self.versions:
            if version.holds_from is not None and version.holds_from > day:
                break
            found = version
        return found
