"""Sum up the intervals that are open: the minute, the quarter hour and the day, with their energies."""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Sequence
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.days import day_span, local_date
from pwserver.history.layout import COLUMNS, ENERGIES, LAST_COLUMNS, ROLLED, SPREAD_COLUMNS
from pwserver_ext.rollup import Integrator, Rollup

log = logging.getLogger(__name__)

# A straight line between two polls further apart than this would be a guess, so no energy is integrated over it.
LONGEST_GAP_SECONDS: Final = 3600.0
QUARTER_SECONDS: Final = 900.0
# How far the timestamps of two polls may differ from the time that really passed before it counts as a set clock:
# well above what NTP slews between two polls, well below a step that shows in an energy.
STEP_TOLERANCE_SECONDS: Final = 0.25
SHORT, LONG, ENDLESS = 0, 1, 2  # the integrator's totals: of this quarter hour, of this day, since recording began

_LAST = array("i", [COLUMNS.index(name) for name in LAST_COLUMNS])
_SPREAD = array("i", [COLUMNS.index(name) for name in SPREAD_COLUMNS])
# Channels are POWERS: site, solar, battery, load. Where their parts above and below zero go:
_POSITIVE = [ENERGIES.index(name) for name in ("grid_import", "solar", "battery_discharge", "home")]
_NEGATIVE = [ENERGIES.index("grid_export"), -1, ENERGIES.index("battery_charge"), -1]
_ENERGY_AT = len(ROLLED)
_DATE_AT = _ENERGY_AT + len(ENERGIES)


def energy_integrator() -> Integrator:
    """Make an integrator from the powers of a poll to the directed energies."""
    return Integrator(_POSITIVE, _NEGATIVE, len(ENERGIES), LONGEST_GAP_SECONDS)


class OpenIntervals:
    """Sums up one gateway's polls into the open minute, quarter hour and day, and writes each row when its time is up.

    All times are epoch seconds; an interval that has not begun starts at minus infinity.
    """

    def __init__(self, archive: Archive, zone: ZoneInfo) -> None:
        self._archive = archive
        self.zone = zone
        self.clear()

    def clear(self) -> None:
        """Forget all samples and energies, as before the first poll."""
        self.last = -math.inf  # when the newest poll was taken
        self.minute_start = self.quarter_start = self.day_start = -math.inf
        self._day_end = -math.inf
        self._updated = math.nan
        self._minute, self._quarter, self._day = Rollup(len(COLUMNS)), Rollup(len(COLUMNS)), Rollup(len(COLUMNS))
        self._integrator = energy_integrator()
        self._minute_row = array("d", [math.nan] * self._archive.minutes.columns)
        self._quarter_row = array("d", [math.nan] * self._archive.quarters.columns)
        self._day_row = array("d", [math.nan] * self._archive.days.columns)

    def use_zone(self, zone: ZoneInfo) -> None:
        """Count days by this zone; the open day ends at its next midnight."""
        self.zone = zone
        if math.isfinite(self.day_start):
            # A second into the day, or its newest poll: the midnight must lie behind every row the day has.
            self._day_end = day_span(max(self.day_start + 1.0, self.last), zone)[1]

    def energies(self) -> array[float]:
        """Return the lifetime energies in Wh by ENERGIES, NaN for those never measured."""
        return self._integrator.totals(ENDLESS)

    # --- an import -----------------------------------------------------------------------------------------------

    def day_energies(self) -> array[float]:
        """Return the energies of the open day in Wh by ENERGIES, NaN for those never measured."""
        return self._integrator.totals(LONG)

    def keep_totals(self, lifetime: Sequence[float]) -> None:
        """Set the lifetime energies (Wh by ENERGIES, NaN where unknown)."""
        self._set_totals(ENDLESS, lifetime)

    def set_day(self, start: float, energies: Sequence[float]) -> None:
        """Make the day that begins at ``start`` the open one, with these energies (Wh by ENERGIES) so far."""
        if start != self.day_start:
            self._day.clear()
            self._open_day(start + 1.0)
        self._set_totals(LONG, energies)

    def keep_fuller_day(self, other: OpenIntervals) -> None:
        """Take the open day's samples of ``other`` where it has more of the same day."""
        if other.day_start == self.day_start and other._day.samples > self._day.samples:
            self._day.restore(other._day.state())

    def _set_totals(self, which: int, energies: Sequence[float]) -> None:
        # The totals are the last numbers of the integrator's state, those of the endless interval at its very end.
        state = self._integrator.state()
        at = len(state) - (ENDLESS + 1 - which) * len(ENERGIES)
        for index, value in enumerate(energies):
            state[at + index] = value
        self._integrator.restore(state)

    # --- one poll ------------------------------------------------------------------------------------------------

    def take(self, timestamp: float, values: array[float], elapsed: float | None = None) -> None:
        """Add one row by COLUMNS to the polls and to all open intervals.

        ``elapsed``: seconds since the last poll by a clock that is never set; None where only the timestamps tell.
        """
        integrator = self._integrator
        labelled = timestamp - self.last
        if elapsed is not None and math.isfinite(labelled) and abs(labelled - elapsed) > STEP_TOLERANCE_SECONDS:
            # The clock was set between the two polls: only what flowed in the seconds that really passed counts.
            integrator.move(labelled - elapsed)
        else:
            elapsed = labelled
        if labelled <= LONGEST_GAP_SECONDS:
            # Each interval gets its share of the energy that flowed across its edge before it is closed.
            edge = self._next_edge()
            while edge <= timestamp:
                integrator.advance(edge, timestamp, values)
                self._cross(edge)
                edge = self._next_edge()
            integrator.advance(timestamp, timestamp, values)
        else:
            # Not edge by edge: a poll after a year would otherwise close 35,000 empty quarter hours.
            self._cross(timestamp)
            if elapsed <= LONGEST_GAP_SECONDS:
                integrator.advance(timestamp, timestamp, values)
            else:
                integrator.forget()
        integrator.take(timestamp, values)
        minute = timestamp // 60.0 * 60.0
        if minute != self.minute_start:
            self._close_minute()
            self.minute_start = minute
        self.last = timestamp
        self._updated = timestamp
        for rollup in (self._minute, self._quarter, self._day):
            rollup.add(values)
        self._archive.polls.append(timestamp, values)
        self.show()

    def show(self) -> None:
        """Let readers see the open intervals as the last row of each ring."""
        archive = self._archive
        if math.isfinite(self.last):
            archive.minutes.set_live(self.minute_start, self._fill_minute())
            archive.quarters.set_live(self.quarter_start, self._fill_quarter())
        if math.isfinite(self.day_start):  # an import may know of a day, and not of a poll
            archive.days.set_live(self.day_start, self._fill_day())

    def _next_edge(self) -> float:
        return min(self.quarter_start + QUARTER_SECONDS, self._day_end)

    def _cross(self, moment: float) -> None:
        """Close the intervals that are over at ``moment`` and open those that hold it."""
        if moment >= self.quarter_start + QUARTER_SECONDS:
            self._close_quarter()
            self._open_quarter(moment)
        if moment >= self._day_end:
            self._close_day()
            self._open_day(moment)

    def _open_quarter(self, timestamp: float) -> None:
        self.quarter_start = timestamp // QUARTER_SECONDS * QUARTER_SECONDS

    def _open_day(self, timestamp: float) -> None:
        self.day_start, self._day_end = day_span(timestamp, self.zone)

    def _fill_minute(self) -> array[float]:
        self._minute.write(self._minute_row, _LAST, _SPREAD)
        return self._minute_row

    def _fill_quarter(self) -> array[float]:
        self._quarter.write(self._quarter_row, _LAST, _SPREAD)
        self._integrator.copy_totals(SHORT, self._quarter_row, _ENERGY_AT)
        return self._quarter_row

    def _fill_day(self) -> array[float]:
        row = self._day_row
        self._day.write(row, _LAST, _SPREAD)
        self._integrator.copy_totals(LONG, row, _ENERGY_AT)
        # An instant a little into the day: a day that begins at a gap still has its own date.
        row[_DATE_AT] = float(local_date(self.day_start + 1.0, self.zone).toordinal())
        row[_DATE_AT + 1] = self.last
        row[_DATE_AT + 2] = self._updated
        return row

    def _close_minute(self) -> None:
        if self._minute.samples:
            self._archive.minutes.append(self.minute_start, self._fill_minute())
        self._minute.clear()

    def _close_quarter(self) -> None:
        if math.isfinite(self.quarter_start) and self._deserves_row(self._quarter, SHORT):
            self._archive.quarters.append(self.quarter_start, self._fill_quarter())
        self._quarter.clear()
        self._integrator.clear(SHORT)

    def _close_day(self) -> None:
        if math.isfinite(self.day_start) and self._deserves_row(self._day, LONG):
            self._archive.days.append(self.day_start, self._fill_day())
        self._day.clear()
        self._integrator.clear(LONG)

    def _deserves_row(self, rollup: Rollup, totals: int) -> bool:
        """Return whether an interval has a sample, or energy of a step that crosses it."""
        return rollup.samples > 0 or not all(math.isnan(value) for value in self._integrator.totals(totals))

    # --- restart -------------------------------------------------------------------------------------------------

    def moments(self) -> tuple[float, ...]:
        """Return the times that must outlive a restart, in the order in which ``restore_moments`` takes them."""
        return self.last, self.minute_start, self.quarter_start, self.day_start, self._updated

    def restore_moments(self, moments: tuple[float, ...]) -> None:
        """Take back what ``moments`` gave; the end of the day follows from its start and today's zone."""
        self.last, self.minute_start, self.quarter_start, self.day_start, self._updated = moments
        self._day_end = -math.inf
        if math.isfinite(self.day_start):
            self._day_end = day_span(self.day_start + 1.0, self.zone)[1]

    def sums(self) -> tuple[Integrator | Rollup, ...]:
        """Return the objects whose content must outlive a restart, in the order in which it is stored."""
        return self._integrator, self._minute, self._quarter, self._day

    def replay(self, since: float) -> None:
        """Sum up the polls from ``since`` on once more; their rows are in the ring already and stay as they are."""
        times, columns = self._archive.polls.select(since, math.inf)
        for row, timestamp in enumerate(times):
            self.take(timestamp, array("d", [column[row] for column in columns]))
        if times:
            log.debug("%s: %d polls taken up again after a restart", self._archive.gateway.id, len(times))

    def rebuild(self) -> float:
        """Sum up the lifetime energies from the rows of the days; returns when the day after the last one began."""
        days = self._archive.days
        columns = [self._archive.column("days", f"{energy}_wh") for energy in ENERGIES]
        times, energies = days.select(-math.inf, math.inf, columns)
        if not times:
            return -math.inf
        since = day_span(times[-1] + 1.0, self.zone)[1]
        self._begin_at(since)
        known = [[value for value in values if not math.isnan(value)] for values in energies]
        self.keep_totals([math.fsum(values) if values else math.nan for values in known])
        return since

    def _begin_at(self, since: float) -> None:
        """Begin at midnight between two polls, so that the piece of their interval after it is not lost."""
        polls = self._archive.polls
        (before, values), (after, following) = polls.select(-math.inf, since, None, 1), polls.select(since, math.inf)
        if before and after and before[0] < since and after[0] - before[0] <= LONGEST_GAP_SECONDS:
            self._integrator.take(before[0], array("d", [column[0] for column in values]))
            self._integrator.advance(since, after[0], array("d", [column[0] for column in following]))
            self._integrator.clear(SHORT)
            self._integrator.clear(LONG)
            self.last = before[0]
            self._open_quarter(since)
            self._open_day(since)
