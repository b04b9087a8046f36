"""Find local days: where midnight lies, also on days of 23 or 25 hours."""

from __future__ import annotations

import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

# From midnight on; at that time most zones have the same date, so that a day's row is known by it in another zone, too.
DAY_MIDDLE_SECONDS = 43200.0

SHORTEST_DAY_SECONDS = 21 * 3600.0  # a local day on which clocks are set ahead
FIRST_ZONE_SECONDS = 14 * 3600.0  # how long before UTC a day begins where it begins first


@lru_cache(maxsize=256)
def zone(name: str | None) -> ZoneInfo:
    """Return the time zone of that IANA name; UTC for no name, or for one that this machine does not know."""
    try:
        return ZoneInfo(name or "UTC")
    except (KeyError, ValueError, OSError):
        return ZoneInfo("UTC")


def local_date(timestamp: float, where: ZoneInfo) -> datetime.date:
    """Return the calendar day of an instant (epoch seconds)."""
    return datetime.datetime.fromtimestamp(timestamp, where).date()


def day_start(day: datetime.date, where: ZoneInfo) -> float:
    """Return the first instant of a calendar day, epoch seconds; where midnight is skipped, the first one after it."""
    return datetime.datetime.combine(day, datetime.time(), where).timestamp()


def day_window(day: datetime.date, where: ZoneInfo) -> tuple[float, float]:
    """Return (start, end) of a calendar day, epoch seconds."""
    return day_start(day, where), day_start(day + datetime.timedelta(days=1), where)


def day_noon(day: datetime.date, where: ZoneInfo) -> float:
    """Return noon of a calendar day, epoch seconds."""
    return datetime.datetime.combine(day, datetime.time(12), where).timestamp()


def day_span(timestamp: float, where: ZoneInfo) -> tuple[float, float]:
    """Return (start, end) of the calendar day that holds an instant, epoch seconds; 21 to 27 hours apart."""
    return day_window(local_date(timestamp, where), where)
