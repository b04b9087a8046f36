"""Gather what the last seven days of a house were like: its quarter hours, its diary, its clock and time zone."""

from __future__ import annotations

import datetime
import math
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.events.week import WeekOfEvents
from pwserver.history.archive import Archive
from pwserver.history.days import zone
from pwserver.records import record
from pwserver.state.daily_findings import DailyFindings
from pwserver.state.week_facts import DAY_SECONDS, WEEK_SECONDS, WeekFacts
from pwserver.tariff.value import QUARTER_SECONDS

_MONTH_SECONDS: Final = 30.5 * DAY_SECONDS


@record(frozen=True, slots=True)
class ClockFacts:
    """Holds what is known of the clocks: how far the gateway's is ahead of this machine's, and who keeps that."""

    ahead_seconds: float | None = None
    kept: bool = False
    zone: str = "UTC"  # in force for the house
    told_zone: str | None = None  # what the gateway reports


def week_facts(
    archive: Archive | None, events: WeekOfEvents | None, found: DailyFindings, clock: ClockFacts, now: float
) -> WeekFacts:
    """Return what is known of the seven days before ``now``. ``archive``: None while nothing is recorded."""
    begin, covered = _covered(archive, now) if archive is not None else (None, 0.0)
    if events is not None:
        events.update(now)
    return WeekFacts(
        at=now,
        recording=archive is not None,
        begin=begin,
        covered_seconds=covered,
        silences=events.silences(now) if events is not None else (),
        outages=events.outages(now) if events is not None else (),
        serious=events.serious(now) if events is not None else (),
        weak=found.weak,
        weak_since=found.weak_since,
        clock_seconds=clock.ahead_seconds,
        clock_kept=clock.kept,
        told_zone=clock.told_zone,
        zone_agrees=None if clock.told_zone is None else same_zone(clock.zone, clock.told_zone, now),
    )


def _covered(archive: Archive, now: float) -> tuple[float | None, float]:
    """Return since when the house is known within the seven days, and how many of the seconds are."""
    days, quarters = archive.days.bounds(), archive.quarters.bounds()
    if quarters is None:
        return None, 0.0
    start = now - WEEK_SECONDS
    # Quarter hours are kept for months: only before the first one the house was not known.
    known_before = quarters[0] <= start or (days is not None and days[0] < start - 2 * DAY_SECONDS)
    begin = start if known_before else quarters[0]
    times, (column,) = archive.quarters.select(begin, now, [archive.column("quarters", "covered_seconds")])
    if not known_before and times and math.isfinite(column[0]):
        begin = max(begin, min(begin + QUARTER_SECONDS, now) - column[0])  # it became known within this quarter hour
    covered = 0.0
    for at, seconds in zip(times, column, strict=True):
        length = min(QUARTER_SECONDS, now - at)
        # Rows of version 1.0 and imported ones do not say it: all of such a quarter counts.
        covered += min(seconds, length) if seconds == seconds else length
    # The quarter hour in which the seven days began is theirs in part only.
    return max(begin, start), min(covered, now - begin) if math.isfinite(covered) else 0.0


def same_zone(one: str, other: str, now: float) -> bool:
    """Say whether two zones have the same time through the coming year: one zone may have several names."""
    first, second = zone(one), zone(other)
    months = [now + month * _MONTH_SECONDS for month in range(12)]
    return all(_offset(when, first) == _offset(when, second) for when in months)


def _offset(when: float, where: ZoneInfo) -> datetime.timedelta | None:
    return datetime.datetime.fromtimestamp(when, where).utcoffset()
