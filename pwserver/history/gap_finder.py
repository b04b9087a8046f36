"""Find the gaps of one gateway's history that Tesla's own history may fill: quarter hours of which nothing is known.

A quarter hour of which anything was measured, counted or filled is no gap, nor is one that lies in a day whose totals
are known from elsewhere (an import, another version), for then it would be counted twice.
"""

from __future__ import annotations

import datetime
import math
from bisect import bisect_left
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.days import day_span, local_date
from pwserver.history.layout import BOOK_NAMES, ENERGY_NAMES, SAMPLES
from pwserver.history.open_intervals import QUARTER_SECONDS
from pwserver.history.recorder import Recorder
from pwserver.history.ring_choice import LONGEST_DAY_SECONDS
from pwserver.records import record

NEWEST_SECONDS: Final = 3600.0  # Tesla's newest rows are zero at first, and filled later
_SECONDS_SLACK: Final = 60.0  # by so much a day and its quarter hours may differ in what they cover
_SHARE_SLACK: Final = 0.01
_WATT_HOURS_SLACK: Final = 1.0


@record(slots=True)
class DayGaps:
    """Holds the gaps of one local day: when each of its unknown quarter hours begins, in order."""

    day: datetime.date
    quarters: list[float]
    totals_known: bool = False  # the day's own row says more than its quarter hours: it must not be filled

    @property
    def seconds(self) -> float:
        """Return how long the gaps are together."""
        return len(self.quarters) * QUARTER_SECONDS


def window_of_gaps(archive: Archive, recorder: Recorder, start: float, now: float) -> tuple[float, float]:
    """Return the part of a window from ``start`` on in which gaps are looked for: whole quarter hours.

    It ends an hour before ``now``, and before the quarter hour that is being recorded: rows stand in order of time.
    """
    oldest = now - archive.settings.quarters_kept_seconds
    end = min(now - NEWEST_SECONDS, recorder.intervals.quarter_start, recorder.intervals.minute_start)
    begin = math.ceil(max(start, oldest) / QUARTER_SECONDS) * QUARTER_SECONDS
    return begin, (end // QUARTER_SECONDS * QUARTER_SECONDS if math.isfinite(end) else begin)


def find_gaps(archive: Archive, where: ZoneInfo, start: float, end: float) -> list[DayGaps]:
    """Return the gaps of a window of whole quarter hours by local day, oldest first; days without one are left out."""
    if not start < end:
        return []
    # Whole days, because the days' own rows are compared with all of their quarter hours.
    first, last = day_span(start, where)[0], day_span(math.nextafter(end, -math.inf), where)[1]
    known = _Known(archive, where, first, last)
    found: list[DayGaps] = []
    at = start
    while at < end:
        day_begin, day_end = day_span(at, where)
        until = min(day_end, end)
        gaps = DayGaps(local_date(at, where), known.missing(at, until))
        if gaps.quarters:
            gaps.totals_known = known.totals_known(day_begin, day_end)
            found.append(gaps)
        at = until
    return found


def without_newest(gaps: list[DayGaps], end: float) -> list[DayGaps]:
    """Return the gaps without the one that reaches up to ``end``, which is not over as far as one can know."""
    for day in reversed(gaps):
        while day.quarters and day.quarters[-1] + QUARTER_SECONDS == end:
            end = day.quarters.pop()
    return [day for day in gaps if day.quarters]


class _Known:
    """Knows which quarter hours of a window have anything, and what the days' rows say."""

    def __init__(self, archive: Archive, where: ZoneInfo, start: float, end: float) -> None:
        names = (BOOK_NAMES[0], SAMPLES, *ENERGY_NAMES)
        before = math.nextafter(end, -math.inf)
        columns = [archive.column("quarters", name) for name in names]
        times, (covered, samples, *energies) = archive.quarters.select(start, before, columns)
        self._starts: list[float] = []
        self._covered: list[float] = []
        self._energies: list[tuple[float, ...]] = []
        for row, when in enumerate(times):
            measured = tuple(column[row] for column in energies)
            if covered[row] > 0.0 or samples[row] > 0.0 or not all(map(math.isnan, measured)):
                self._starts.append(when)
                # Rows of version 1.0 do not say it, and stand for all of their time.
                self._covered.append(QUARTER_SECONDS if math.isnan(covered[row]) else covered[row])
                self._energies.append(measured)
        names = (BOOK_NAMES[0], *ENERGY_NAMES)
        columns = [archive.column("days", name) for name in names]
        self._days, (self._day_covered, *self._day_energies) = archive.days.select(
            start - LONGEST_DAY_SECONDS, before, columns
        )
        self._where = where

    def missing(self, start: float, end: float) -> list[float]:
        """Return the quarter hours of a window of which nothing is known."""
        known = set(self._starts[bisect_left(self._starts, start) : bisect_left(self._starts, end)])
        count = round((end - start) / QUARTER_SECONDS)
        return [when for number in range(count) if (when := start + number * QUARTER_SECONDS) not in known]

    def totals_known(self, start: float, end: float) -> bool:
        """Say whether a day's own row says more than its quarter hours do."""
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        for row in range(bisect_left(self._days, start - LONGEST_DAY_SECONDS), bisect_left(self._days, end)):
            if day_span(self._days[row] + 1.0, self._where)[0] != self._days[row]:
                return True  # counted in another time zone: nobody knows which part of this day is in it
            if self._days[row] < start:
                continue
            covered = self._day_covered[row]
            if not math.isnan(covered):
                if covered > math.fsum(self._covered[first:last]) + _SECONDS_SLACK:
                    return True
                continue
            for index, column in enumerate(self._day_energies):
                parts = [energies[index] for energies in self._energies[first:last] if not math.isnan(energies[index])]
                if column[row] > math.fsum(parts) * (1.0 + _SHARE_SLACK) + _WATT_HOURS_SLACK:
                    return True
        return False
