"""Sum up the intervals that are open: the minute, the quarter hour and the day, with their energies.

Between two polls a power runs straight (``docs/energy.md`` has the formulas). What the gateway counted itself takes its
place (``counter_truth``), also over a gap; without a counter nothing is known of a gap.
"""

from __future__ import annotations

import datetime
import logging
import math
from array import array
from collections.abc import Sequence
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.counter_truth import NOTHING_COUNTED, Counted, CounterTruth
from pwserver.history.days import DAY_MIDDLE_SECONDS, day_span, day_start, local_date
from pwserver.history.home_shares import home_shares
from pwserver.history.late_counters import Poll, completed, is_late
from pwserver.history.layout import (
    BOOK_NAMES,
    COLUMNS,
    DAY_NAMES,
    ENERGIES,
    LAST_COLUMNS,
    LONGEST_GAP_SECONDS,
    POWERS,
    SHARE_NAMES,
    SHARES,
    SPREAD_COLUMNS,
    longest_step,
)
from pwserver_ext.rollup import Integrator, Rollup, TimedMeans

log = logging.getLogger(__name__)

MOST_QUARTERS_SECONDS: Final = 7 * 86400.0  # what was counted over a longer gap is divided among days only
QUARTER_SECONDS: Final = 900.0
# How far the timestamps of two polls may differ from the time that really passed before it counts as a set clock:
# well above what NTP slews between two polls, well below a step that shows in an energy.
STEP_TOLERANCE_SECONDS: Final = 0.25
STEPS_BEFORE: Final = 5  # between polls, whose median says how long a gap is
SHORT, LONG, ENDLESS = 0, 1, 2  # the integrators' totals: of this quarter hour, of this day, since recording began
MINUTE, QUARTER, DAY = 0, 1, 2  # the intervals of the means, and of the seconds

_LAST = array("i", [COLUMNS.index(name) for name in LAST_COLUMNS])
_SPREAD = array("i", [COLUMNS.index(name) for name in SPREAD_COLUMNS])
# Channels are POWERS: site, solar, battery, load. Where their parts above and below zero go. What a solar meter takes
# and a load meter gives is no energy of ENERGIES, but belongs to the mean power.
_TAKEN_BY_SOLAR, _GIVEN_BY_LOAD, _OUTPUTS = len(ENERGIES), len(ENERGIES) + 1, len(ENERGIES) + 2
_POSITIVE = [ENERGIES.index(name) for name in ("grid_import", "solar", "battery_discharge", "home")]
_NEGATIVE = [ENERGIES.index("grid_export"), _TAKEN_BY_SOLAR, ENERGIES.index("battery_charge"), _GIVEN_BY_LOAD]
_SOLAR, _HOME = ENERGIES.index("solar"), ENERGIES.index("home")
# How many numbers version 1.0 kept: points and totals of the integrator, three intervals, the counters.
FIRST_VERSION_SIZE: Final = 4 * len(POWERS) + 3 * len(ENERGIES) + 3 * (5 * len(COLUMNS) + 1) + CounterTruth.size


def _median(values: Sequence[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]


def energy_integrator() -> Integrator:
    """Make an integrator from the powers of a poll to the directed energies, which are its first outputs."""
    return Integrator(_POSITIVE, _NEGATIVE, _OUTPUTS, LONGEST_GAP_SECONDS)


class OpenIntervals:
    """Sums up one gateway's polls into the open minute, quarter hour and day, and writes each row when its time is up.

    All times are epoch seconds; an interval that has not begun starts at minus infinity.
    """

    def __init__(self, archive: Archive, zone: ZoneInfo) -> None:
        self._archive = archive
        self.zone = zone
        self._minute_row = array("d", [math.nan] * archive.minutes.columns)
        self._quarter_row = array("d", [math.nan] * archive.quarters.columns)
        self._day_row = array("d", [math.nan] * archive.days.columns)
        columns = archive.columns
        self._energy_at = columns("quarters")[f"{ENERGIES[0]}_wh"]
        self._date_at = columns("days")[DAY_NAMES[0]]
        self._shares_at = {ring: columns(ring)[SHARE_NAMES[0]] for ring in ("quarters", "days")}
        self._seconds_at = {ring: columns(ring)[BOOK_NAMES[0]] for ring in ("minutes", "quarters", "days")}
        self.clear()

    def clear(self) -> None:
        """Forget all samples and energies, as before the first poll."""
        self.last = -math.inf  # when the newest poll that was summed up was taken
        self._waiting: list[Poll] = []  # polls after a gap whose counters are late
        self.minute_start = self.quarter_start = self.day_start = -math.inf
        self._day_end = -math.inf
        self._date = 0  # of the open day, a proleptic ordinal
        self._updated = math.nan
        self._steps: list[float] = []  # seconds between the newest polls, where they are known
        self._minute, self._quarter, self._day = Rollup(len(COLUMNS)), Rollup(len(COLUMNS)), Rollup(len(COLUMNS))
        self._integrator = energy_integrator()
        self._shares = Integrator(range(len(SHARES)), [-1] * len(SHARES), len(SHARES), LONGEST_GAP_SECONDS)
        self._means = TimedMeans(len(COLUMNS), 3, LONGEST_GAP_SECONDS)
        # Seconds that were measured or counted, and seconds of gaps, of the minute, the quarter hour and the day.
        self._covered, self._missed = array("d", [0.0] * 3), array("d", [0.0] * 3)
        self._filled_of_day = 0.0  # seconds of the open day that were filled from Tesla's history
        self.truth = CounterTruth()

    def use_zone(self, zone: ZoneInfo) -> None:
        """Count days by this zone; the open day ends at its next midnight."""
        self.zone = zone
        if math.isfinite(self.day_start):
            self._frame_day()

    def energies(self) -> array[float]:
        """Return the lifetime energies in Wh by ENERGIES, NaN for those never measured."""
        return self._integrator.totals(ENDLESS)[: len(ENERGIES)]

    # --- an import -----------------------------------------------------------------------------------------------

    def day_energies(self) -> array[float]:
        """Return the energies of the open day in Wh by ENERGIES, NaN for those never measured."""
        return self._integrator.totals(LONG)[: len(ENERGIES)]

    def keep_totals(self, lifetime: Sequence[float]) -> None:
        """Set the lifetime energies (Wh by ENERGIES, NaN where unknown)."""
        self._set_totals(ENDLESS, lifetime)

    def set_day(self, start: float, energies: Sequence[float]) -> None:
        """Make the day that begins at ``start`` the open one, with these energies (Wh by ENERGIES) so far."""
        if start != self.day_start:
            self._day.clear()
            self._integrator.clear(LONG)
            self._shares.clear(LONG)
            self._begin(DAY)
            self._open_day(start + 1.0)
        known = self.day_energies()
        if any(energy != before for energy, before in zip(energies, known, strict=True) if not math.isnan(energy)):
            # Another server has counted a part of the day: nothing says how long, so it may have been all of it.
            seconds = max(self._covered[DAY], self.last - start if math.isfinite(self.last) else 0.0)
            self._covered[DAY] = seconds
            for channel in range(len(POWERS)):
                self._integrator.set_seconds(LONG, channel, seconds)
        self._set_totals(LONG, energies)

    def add_filled(self, energies: Sequence[float], seconds: float) -> None:
        """Add to the open day what Tesla's history says of its gaps (Wh by ENERGIES, NaN where unknown)."""
        known = self.day_energies()
        for index, energy in enumerate(energies):
            if not math.isnan(energy):
                total = energy if math.isnan(known[index]) else known[index] + energy
                self._integrator.set_total(LONG, index, total)
        self._covered[DAY] += seconds
        self._filled_of_day += seconds
        # The mean power of the day is its energy by its time, so both grow together. The state ends with that time.
        integrated = self._integrator.state()[-len(POWERS) :]
        for channel, outputs in enumerate(zip(_POSITIVE, _NEGATIVE, strict=True)):
            if any(output < len(ENERGIES) and not math.isnan(energies[output]) for output in outputs):
                self._integrator.set_seconds(LONG, channel, integrated[channel] + seconds)

    def take_filled_again(self) -> None:
        """Add to the open day what was filled of it, after it was summed up anew from the polls."""
        columns = self._archive.columns("quarters")
        names = [*(f"{energy}_wh" for energy in ENERGIES), BOOK_NAMES[2]]
        before = math.nextafter(self._day_end, -math.inf)
        *energies, filled = self._archive.quarters.select(self.day_start, before, [columns[name] for name in names])[1]
        marked = [row for row, seconds in enumerate(filled) if seconds > 0.0]
        if marked:
            known = [[column[row] for row in marked if not math.isnan(column[row])] for column in energies]
            sums = [math.fsum(values) if values else math.nan for values in known]
            self.add_filled(sums, math.fsum(filled[row] for row in marked))

    def keep_fuller_day(self, other: OpenIntervals) -> None:
        """Take the open day's samples of ``other`` where it has more of the same day."""
        if other.day_start == self.day_start and other._day.samples > self._day.samples:
            self._day.restore(other._day.state())

    def _set_totals(self, which: int, energies: Sequence[float]) -> None:
        for index, energy in enumerate(energies):
            self._integrator.set_total(which, index, energy)

    # --- one poll ------------------------------------------------------------------------------------------------

    def take(
        self,
        timestamp: float,
        values: array[float],
        elapsed: float | None = None,
        found: Counted = NOTHING_COUNTED,
    ) -> None:
        """Add one row by COLUMNS to the polls and to all open intervals.

        ``elapsed``: seconds since the last poll by a clock that is never set; None where only the timestamps tell.
        ``found``: what the gateway's own counters say. After a gap polls wait for counters that come late.
        """
        self._waiting.append(Poll(timestamp, values, elapsed, found))
        first = self._waiting[0]
        seconds, bridge = self._elapsed(first.timestamp, first.elapsed), self._longest_step()
        if seconds > bridge and is_late(self.truth, self._waiting):
            self._waiting[-1] = Poll(timestamp, array("d", values), elapsed, found)
            self._archive.polls.append(timestamp, values)
            return
        polls, self._waiting = self._waiting, []
        if len(polls) > 1:
            polls = completed(self.truth, polls, seconds, bridge)
        for poll in polls:
            self._take(poll)
        self.show()

    @property
    def newest(self) -> float:
        """Return when the newest poll was taken, whether or not it waits for counters."""
        return self._waiting[-1].timestamp if self._waiting else self.last

    def _elapsed(self, timestamp: float, elapsed: float | None) -> float:
        """Return the seconds that really passed since the last poll that was summed up."""
        labelled = timestamp - self.last
        if elapsed is None or not math.isfinite(labelled):
            return labelled
        return elapsed if abs(labelled - elapsed) > STEP_TOLERANCE_SECONDS else labelled

    def _take(self, poll: Poll) -> None:
        """Sum up one poll."""
        timestamp, values, found = poll.timestamp, poll.values, poll.found
        labelled = timestamp - self.last
        elapsed = self._elapsed(timestamp, poll.elapsed)
        if elapsed != labelled:
            # The clock was set between the two polls: only what flowed in the seconds that really passed counts.
            for one in (self._integrator, self._shares, self._means):
                one.move(labelled - elapsed)
        bridge = self._longest_step()
        self._integrator.longest_gap = self._shares.longest_gap = self._means.longest_gap = bridge
        gap = elapsed > bridge
        shares = home_shares(values)
        counts = self._plan(timestamp, elapsed, values, shares, found, gap)
        begun = max(self.last, timestamp - elapsed)
        if labelled <= LONGEST_GAP_SECONDS or (gap and counts):
            # Each interval gets its share of the energy that flowed across its edge before it is closed.
            self._walk(begun, timestamp, values, shares, gap, counts)
        else:
            # Not edge by edge: a poll after a year would otherwise close 35,000 empty quarter hours.
            self._skip(begun, timestamp, gap)
            if not gap:
                self._flow(begun, timestamp, timestamp, values, shares, gap, counts)
        for one, row in ((self._integrator, values), (self._shares, shares), (self._means, values)):
            one.take(timestamp, row)
        self.last = timestamp
        self._updated = timestamp
        self._steps = [*self._steps, elapsed][-STEPS_BEFORE:] if math.isfinite(elapsed) else []
        for rollup in (self._minute, self._quarter, self._day):
            rollup.add(values)
        self._archive.polls.append(timestamp, values)

    def _longest_step(self) -> float:
        """Return the longest time between two polls that is no gap, by the median of the steps before.

        The last step alone would not do: behind a gap it is the gap, and a command has a poll of its own.
        """
        if not self._steps and math.isfinite(self.last):  # after a restart the polls still tell
            times = self._archive.polls.select(-math.inf, self.last, [], STEPS_BEFORE + 1)[0]
            self._steps = [after - before for before, after in pairwise(times)]
        return longest_step(_median(self._steps)) if self._steps else LONGEST_GAP_SECONDS

    def _plan(
        self,
        timestamp: float,
        elapsed: float,
        values: array[float],
        shares: array[float],
        found: Counted,
        gap: bool,
    ) -> bool:
        """Let the counters say how much flows up to the poll at ``timestamp``; return whether any of them does."""
        preview = self._integrator.preview(timestamp, values)
        expected = self.truth.expected(found, self.energies(), preview, timestamp, gap, self.last)
        counts = not all(map(math.isnan, expected))
        home = preview[_HOME] if math.isnan(expected[_HOME]) else expected[_HOME]
        # Over a gap, what was counted of solar and home is all there is.
        rest = [expected[_SOLAR], expected[_HOME]]
        expected.extend(0.0 if gap and not math.isnan(energy) else math.nan for energy in rest)
        self._integrator.plan(timestamp - elapsed, timestamp, expected, preview)
        parts = self._shares.preview(timestamp, shares)
        whole = math.fsum(parts)
        if whole > 0.0 and not math.isnan(home):
            # The shares add up to what the home has used, which the counter may know better than the power.
            wanted = array("d", [part * home / whole for part in parts])
            self._shares.plan(timestamp - elapsed, timestamp, wanted, parts)
        return counts

    def _walk(
        self, begun: float, timestamp: float, values: array[float], shares: array[float], gap: bool, counts: bool
    ) -> None:
        """Pass every edge of an interval up to the poll at ``timestamp``."""
        at = begun
        if gap and timestamp - begun > MOST_QUARTERS_SECONDS:
            at = self._walk_days(begun, timestamp, values, shares)
        edge = self._next_edge(gap, timestamp)
        while edge <= timestamp:
            self._flow(at, edge, timestamp, values, shares, gap, counts)
            at = max(at, edge)
            self._cross(edge)
            edge = self._next_edge(gap, timestamp)
        self._flow(at, timestamp, timestamp, values, shares, gap, counts)
        self._cross(timestamp)

    def _walk_days(self, begun: float, timestamp: float, values: array[float], shares: array[float]) -> float:
        """Pass the midnights of a gap up to the present quarter hour, and return when that begins."""
        quarter = timestamp // QUARTER_SECONDS * QUARTER_SECONDS
        at = begun
        self._close_minute()
        self._close_quarter()
        self.minute_start = self.quarter_start = quarter
        while at < quarter:
            edge = min(self._day_end, quarter)
            self._flow(at, edge, timestamp, values, shares, True, True)
            at = max(at, edge)
            if edge >= self._day_end:
                self._close_day()
                self._open_day(edge)
        self._integrator.clear(SHORT)
        self._covered[MINUTE] = self._covered[QUARTER] = self._missed[MINUTE] = self._missed[QUARTER] = 0.0
        return at

    def _skip(self, begun: float, timestamp: float, gap: bool) -> None:
        """Close what is over at ``timestamp`` and open what holds it; both know how much of a gap lies in them."""
        if gap:
            ends = (self.minute_start + 60.0, self.quarter_start + QUARTER_SECONDS, self._day_end)
            for index, end in enumerate(ends):
                if math.isfinite(end):
                    self._missed[index] += max(0.0, min(end, timestamp) - begun)
        over = [timestamp >= end for end in self._ends()]
        self._cross(timestamp)
        if gap and math.isfinite(begun):
            for index, start in enumerate((self.minute_start, self.quarter_start, self.day_start)):
                if over[index]:
                    self._missed[index] += timestamp - max(start, begun)

    def _flow(
        self,
        begun: float,
        until: float,
        timestamp: float,
        values: array[float],
        shares: array[float],
        gap: bool,
        counts: bool,
    ) -> None:
        """Add what flowed between two instants on the way to the poll at ``timestamp``."""
        self._integrator.advance(until, timestamp, values)
        self._shares.advance(until, timestamp, shares)
        self._means.advance(until, timestamp, values)
        seconds = max(0.0, until - begun)
        for index in (MINUTE, QUARTER, DAY):
            if counts or not gap:
                self._covered[index] += seconds
            if gap:
                self._missed[index] += seconds

    def show(self) -> None:
        """Let readers see the open intervals as the last row of each ring."""
        archive = self._archive
        if math.isfinite(self.last):
            archive.minutes.set_live(self.minute_start, self._fill_minute())
            archive.quarters.set_live(self.quarter_start, self._fill_quarter())
        if math.isfinite(self.day_start):  # an import may know of a day, and not of a poll
            archive.days.set_live(self.day_start, self._fill_day())

    def _ends(self) -> tuple[float, float, float]:
        return self.minute_start + 60.0, self.quarter_start + QUARTER_SECONDS, self._day_end

    def _next_edge(self, gap: bool, timestamp: float) -> float:
        minute, *others = self._ends()
        if gap:  # nothing is known of its minutes, so they have no rows
            return min(others)
        if not self._minute.samples:  # a minute without a poll has no row either: only the last one is of use
            minute = max(minute, timestamp // 60.0 * 60.0)
        return min(minute, *others)

    def _cross(self, moment: float) -> None:
        """Close the intervals that are over at ``moment`` and open those that hold it."""
        minute, quarter, day = (moment >= end for end in self._ends())
        if minute:
            self._close_minute()
            self.minute_start = moment // 60.0 * 60.0
        if quarter:
            self._close_quarter()
            self._open_quarter(moment)
        if day:
            self._close_day()
            self._open_day(moment)

    def _open_quarter(self, timestamp: float) -> None:
        self.quarter_start = timestamp // QUARTER_SECONDS * QUARTER_SECONDS

    def _open_day(self, timestamp: float) -> None:
        self.day_start = day_span(timestamp, self.zone)[0]
        self._frame_day()

    def _frame_day(self) -> None:
        """Find the date of the open day and when it ends, also where it began at the midnight of another time zone.

        Then it is the date of its middle, or of its newest poll if that is earlier, and none that an earlier day has. A
        day that is over already by the new zone ends with its newest poll.
        """
        begun = self.day_start
        dates = self._archive.days.select(-math.inf, math.nextafter(begun, -math.inf), [self._date_at], 1)[1][0]
        middle, newest = begun + DAY_MIDDLE_SECONDS, max(begun + 1.0, self.last)
        own = min(local_date(when, self.zone).toordinal() for when in (middle, newest))
        self._date = max([own, *(int(date) + 1 for date in dates if not math.isnan(date))])
        self._day_end = max(day_start(datetime.date.fromordinal(self._date + 1), self.zone), self.last)

    def _fill_minute(self) -> array[float]:
        row = self._minute_row
        self._minute.write(row, _LAST, _SPREAD)
        self._write_means(row, MINUTE)
        self._write_seconds(row, "minutes", MINUTE)
        return row

    def _fill_quarter(self) -> array[float]:
        self._quarter.write(self._quarter_row, _LAST, _SPREAD)
        self._write_energies(self._quarter_row, "quarters", SHORT, QUARTER)
        return self._quarter_row

    def _fill_day(self) -> array[float]:
        row = self._day_row
        self._day.write(row, _LAST, _SPREAD)
        self._write_energies(row, "days", LONG, DAY)
        row[self._date_at] = float(self._date)
        row[self._date_at + 1] = self.last
        row[self._date_at + 2] = self._updated
        return row

    def _write_means(self, row: array[float], interval: int) -> None:
        """Replace the plain means of the samples by means over time; of states the last one stays."""
        states = [row[column] for column in _LAST]
        self._means.write(interval, row)
        for column, state in zip(_LAST, states, strict=True):
            row[column] = state

    def _write_energies(self, row: array[float], ring: str, totals: int, interval: int) -> None:
        self._write_means(row, interval)
        # The mean power of a row is its energy by its time: the counter is the truth for both.
        self._integrator.write_means(totals, row)
        self._integrator.copy_totals(totals, row, self._energy_at, len(ENERGIES))
        self._shares.copy_totals(totals, row, self._shares_at[ring], len(SHARES))
        self._write_seconds(row, ring, interval)

    def _write_seconds(self, row: array[float], ring: str, interval: int) -> None:
        at = self._seconds_at[ring]
        row[at], row[at + 1] = self._covered[interval], self._missed[interval]
        row[at + 2] = self._filled_of_day if interval == DAY else 0.0

    def _close_minute(self) -> None:
        if self._minute.samples:
            self._archive.minutes.append(self.minute_start, self._fill_minute())
        self._minute.clear()
        self._begin(MINUTE)

    def _close_quarter(self) -> None:
        if math.isfinite(self.quarter_start) and self._deserves_row(self._quarter, SHORT):
            self._archive.quarters.append(self.quarter_start, self._fill_quarter())
        self._quarter.clear()
        self._integrator.clear(SHORT)
        self._shares.clear(SHORT)
        self._begin(QUARTER)

    def _close_day(self) -> None:
        if math.isfinite(self.day_start) and self._deserves_row(self._day, LONG):
            self._archive.days.append(self.day_start, self._fill_day())
        self._day.clear()
        self._integrator.clear(LONG)
        self._shares.clear(LONG)
        self._begin(DAY)

    def _begin(self, interval: int) -> None:
        self._means.clear(interval)
        self._covered[interval] = self._missed[interval] = 0.0
        if interval == DAY:
            self._filled_of_day = 0.0

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
        self._waiting.clear()
        self._steps = []
        self._day_end = -math.inf
        if math.isfinite(self.day_start):
            self._frame_day()
            filled = self._archive.quarters.select(
                self.day_start, math.nextafter(self._day_end, -math.inf), [self._seconds_at["quarters"] + 2]
            )[1][0]
            self._filled_of_day = math.fsum(seconds for seconds in filled if not math.isnan(seconds))

    def state(self, truth: CounterTruth | None = None) -> array[float]:
        """Return all sums that must outlive a restart; ``restore`` takes them back. ``truth``: other counters."""
        found = self._covered + self._missed
        for part in (*self._parts()[:-1], truth or self.truth):
            found.extend(part.state())
        return found

    def restore(self, state: array[float]) -> None:
        """Take back what ``state`` gave."""
        self._covered, self._missed = state[:3], state[3:6]
        at = 6
        for part in self._parts():
            size = len(part.state())
            part.restore(state[at : at + size])
            at += size

    def restore_first_version(self, state: array[float]) -> None:
        """Take back what version 1.0 kept: the integrator, the three intervals, and the counters."""
        points, count = 4 * len(POWERS), len(ENERGIES)
        kept = state[:points]
        for which in range(3):
            kept.extend(state[points + which * count : points + (which + 1) * count])
            kept.extend([math.nan] * (_OUTPUTS - count))
        seconds = [self.last - start if math.isfinite(start) else 0.0 for start in (self.quarter_start, self.day_start)]
        for each in seconds:
            kept.extend([each] * len(POWERS))
        self._integrator.restore(kept)
        at = points + 3 * count
        for rollup in (self._minute, self._quarter, self._day):
            size = len(rollup.state())
            rollup.restore(state[at : at + size])
            at += size
        self.truth.restore(state[at : at + CounterTruth.size] + array("d", [math.nan] * count))
        self._covered[QUARTER], self._covered[DAY] = seconds

    def _parts(self) -> tuple[Integrator | Rollup | TimedMeans | CounterTruth, ...]:
        sums = (self._integrator, self._shares, self._means)
        return (*sums, self._minute, self._quarter, self._day, self.truth)

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
        if not before or not after or before[0] >= since:
            return
        self.last = before[0]
        if after[0] - before[0] > self._longest_step():
            self.last = -math.inf
            return
        row, next_row = (array("d", [column[0] for column in columns]) for columns in (values, following))
        for one, first, second in (
            (self._integrator, row, next_row),
            (self._shares, home_shares(row), home_shares(next_row)),
            (self._means, row, next_row),
        ):
            one.take(before[0], first)
            one.advance(since, after[0], second)
            for interval in (SHORT, LONG):
                one.clear(interval)
        self._means.clear(DAY)
        self.minute_start = since // 60.0 * 60.0
        self._open_quarter(since)
        self._open_day(since)
