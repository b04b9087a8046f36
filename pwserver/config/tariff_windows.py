"""Read the days and times of a tariff's periods, and find out whether they overlap or leave something out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from pwserver.tariff.tariff import MINUTES_OF_DAY, WEEK, Period

DAY_NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)
_DAY = re.compile(r"([0-9]{1,2})-([0-9]{1,2})", re.ASCII)
_LAST_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TIME_WANTED = 'a time from "00:00" to "24:00" in quotation marks, without which YAML makes a number of it'
_DAYS_WANTED = "days such as mon-fri or [sat, sun], no numbers: Sunday is 0 for some and 6 for others"


class BadTime(ValueError):
    """Says what is allowed in the place of a day or a time that is not."""


def read_time(value: object) -> int:
    """Read a time of day, as the minute since midnight. Raises BadTime."""
    match = _TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    minute = int(match[1]) * 60 + int(match[2]) if match is not None and int(match[2]) < 60 else -1
    if not 0 <= minute <= MINUTES_OF_DAY:
        raise BadTime(_TIME_WANTED)
    return minute


def read_day(value: object) -> tuple[int, int]:
    """Read a day of the year, month first. Raises BadTime."""
    match = _DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is not None:
        month, day = int(match[1]), int(match[2])
        if 1 <= month <= 12 and 1 <= day <= _LAST_DAYS[month - 1]:
            return month, day
    raise BadTime('a month and a day such as "06-15"')


def read_days(value: object) -> frozenset[int]:
    """Read days of the week: a list, or names and ranges separated by commas. A range may go over Sunday."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not 0 < len(parts) <= len(WEEK):
        raise BadTime(_DAYS_WANTED)
    found: set[int] = set()
    for part in parts:
        first, dash, last = part.partition("-") if isinstance(part, str) else ("", "", "")
        start = _weekday(first)
        end = _weekday(last) if dash else start
        found |= {(start + number) % 7 for number in range((end - start) % 7 + 1)}
    return frozenset(found)


def _weekday(name: str) -> int:
    word = name.strip().lower()
    for names in (DAY_NAMES, _LONG_NAMES):
        if word in names:
            return names.index(word)
    raise BadTime(_DAYS_WANTED)


def overlap_of(periods: Sequence[Period]) -> str | None:
    """Say which two periods have the same time; None when none have."""
    for weekday in range(7):
        parts = sorted(_parts(periods, weekday))
        for (_, end, one), (start, _, other) in pairwise(parts):
            if start < end:
                return f"{one} and {other} both have {_written(weekday, start)}"
    return None


def unpriced_time(periods: Sequence[Period]) -> str | None:
    """Return the first time of the week that no period has; None when every one is in a period."""
    for weekday in range(7):
        reached = 0
        for start, end, _ in sorted(_parts(periods, weekday)):
            if start > reached:
                break
            reached = max(reached, end)
        if reached < MINUTES_OF_DAY:
            return _written(weekday, reached)
    return None


def _parts(periods: Sequence[Period], weekday: int) -> list[tuple[int, int, str]]:
    return [
        (start, end, period.name)
        for period in periods
        for window in period.windows
        for start, end in window.parts_of(weekday)
    ]


def _written(weekday: int, minute: int) -> str:
    return f"{DAY_NAMES[weekday]} {minute // 60:02d}:{minute % 60:02d}"
