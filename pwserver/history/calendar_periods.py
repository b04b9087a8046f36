"""Divide time by the calendar into days, ISO weeks, months and years; find a day's fellow in the period before."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Hashable
from typing import Final, NamedTuple


class Period(NamedTuple):
    """Names one period and its first and last day (proleptic ordinals)."""

    label: str
    first: int
    last: int

    @property
    def days(self) -> int:
        """Return the number of its days."""
        return self.last - self.first + 1


def _day(date: datetime.date) -> Period:
    return Period(date.isoformat(), date.toordinal(), date.toordinal())


def _week(date: datetime.date) -> Period:
    year, week, weekday = date.isocalendar()
    monday = date.toordinal() - weekday + 1
    return Period(f"{year:04}-W{week:02}", monday, monday + 6)


def _month(date: datetime.date) -> Period:
    following = (date.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
    return Period(f"{date.year:04}-{date.month:02}", date.replace(day=1).toordinal(), following.toordinal() - 1)


def _year(date: datetime.date) -> Period:
    first, last = datetime.date(date.year, 1, 1), datetime.date(date.year, 12, 31)
    return Period(f"{date.year:04}", first.toordinal(), last.toordinal())


PERIODS: Final[dict[str, Callable[[datetime.date], Period]]] = {
    "day": _day,
    "week": _week,
    "month": _month,
    "year": _year,
}


def periods_until(kind: str, last: datetime.date, count: int, earliest: int) -> list[Period]:
    """Return up to ``count`` periods, oldest first, of which the last holds ``last``.

    None ends before ``earliest`` (a proleptic ordinal).
    """
    find = PERIODS[kind]
    found = [find(last)]
    while len(found) < count and found[-1].first > earliest:
        found.append(find(datetime.date.fromordinal(found[-1].first - 1)))
    return found[::-1]


def year_before(kind: str, period: Period) -> Period:
    """Return the same period of the year before: the date, the ISO week of that number, the month."""
    date = datetime.date.fromordinal(period.first)
    if kind == "week":
        year, week, _ = date.isocalendar()
        return _week(datetime.date.fromisocalendar(year - 1, min(week, 52), 1))
    leap = (date.month, date.day) == (2, 29)
    return PERIODS[kind](date.replace(year=date.year - 1, day=28 if leap else date.day))


def place_in(kind: str, period: Period, ordinal: int) -> Hashable:
    """Return which day of its period a day is: the weekday, the day of the month, the date in the year."""
    if kind == "year":
        date = datetime.date.fromordinal(ordinal)
        return date.month, date.day
    return ordinal - period.first
