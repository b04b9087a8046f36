"""Write every reading of one gateway into its history: the poll, its roll-ups, and the energy since the last one.

Runs in the poller, one recorder per gateway. The parts: ``recorded_row`` (a reading as a row), ``open_intervals``
(minute, quarter hour, day), ``signal_recorder`` (device signals) and ``counter_truth`` (the gateway's own counters).
"""

from __future__ import annotations

import logging
import math
from array import array
from collections.abc import Mapping
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.counter_truth import EnergyTotal, counted
from pwserver.history.days import day_span, day_start, local_date, zone
from pwserver.history.device_days import DeviceDays
from pwserver.history.findings import findings
from pwserver.history.layout import VALUES
from pwserver.history.open_intervals import FIRST_VERSION_SIZE, QUARTER_SECONDS, OpenIntervals
from pwserver.history.recorded_row import power_values
from pwserver.history.signal_recorder import SignalRecorder
from pwserver.history.string_days import judge_strings_of_day, note_strings
from pwserver.history.unit_days import note_units
from pwserver.reading import Reading
from pwserver.state.judge import GatewayJudge, Judged

log = logging.getLogger(__name__)

FINDINGS_SECONDS = 3600.0  # how often what the days of devices say is found anew, if no day begins and no device comes
FIRST_STATE_VERSION, STATE_VERSION = 1.0, 2.0  # the first is that of version 1.0


class Recorder:
    """Writes one gateway's readings into its archive. Not for two threads at once.

    A recorder made over an archive that already holds rows goes on where the last one stopped: the kept state, plus
    the polls recorded after it.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self.refused = 0  # polls not recorded because they were not later than the last one
        for name, ring in archive.rings.items():
            if name != VALUES:  # which another thread writes
                ring.repair()
        self._intervals = OpenIntervals(archive, zone(archive.timezone))
        self._signals = SignalRecorder(archive)
        self._devices = DeviceDays(archive) if archive.devices is not None else None
        self._resume()
        self.findings = findings(archive, self.last)  # what the days of devices say
        self._findings_of: tuple[object, ...] = ()

    # --- what the poller calls -----------------------------------------------------------------------------------

    @property
    def last(self) -> float:
        """Return when the newest poll was taken, epoch seconds; minus infinity before the first."""
        return self._intervals.newest

    @property
    def zone(self) -> ZoneInfo:
        """Return the time zone whose midnights divide the days."""
        return self._intervals.zone

    def use_zone(self, name: str) -> None:
        """Count days by this zone from now on. The day that is open ends at its next midnight."""
        used = self.zone.key
        if name == used or self._archive.gateway.timezone_set:
            return
        log.info("%s: days begin at midnight in %s, not %s", self._archive.gateway.id, name, used)
        self._signals.note_zone(name)
        self._intervals.use_zone(zone(self._archive.timezone))

    def note_zone(self) -> None:
        """Keep the time zone in force with the rows, for commands that are not told the server's settings."""
        self._signals.note_days_zone(self.zone.key)

    def record(
        self,
        reading: Reading,
        timestamp: float | None = None,
        elapsed: float | None = None,
        judged: Judged | None = None,
    ) -> bool:
        """Record one reading; False when it is not later than the last one and was left out.

        ``timestamp``: when it was taken, where the reading's own is not to be trusted. ``elapsed``: seconds since the
        last one by a clock that is never set; without it the timestamps say how much energy flowed between the two.
        ``judged``: what was judged of it; without that it is judged on its own.
        """
        judged = judged if judged is not None else GatewayJudge().take(reading)
        timestamp = reading.timestamp if timestamp is None else timestamp
        intervals = self._intervals
        if not math.isfinite(timestamp) or timestamp <= intervals.newest:
            self.refused += 1
            return False
        minute, last = intervals.minute_start, intervals.newest
        intervals.take(timestamp, power_values(judged), elapsed, counted(judged.meters))
        self._signals.note_capacity(judged.charge.capacity_wh.value)
        if self._archive.signals:
            self._signals.take(timestamp, reading, judged, intervals.day_start)
        if self._devices is not None:
            self._take_devices(self._devices, timestamp, elapsed, judged, last)
        if intervals.minute_start != minute:
            self.checkpoint()
        return True

    def _take_devices(
        self, devices: DeviceDays, timestamp: float, elapsed: float | None, judged: Judged, last: float
    ) -> None:
        day = self._intervals.day_start
        if day != devices.open.start:
            if math.isfinite(devices.open.start):
                begin, end = day_span(devices.open.start, self.zone)
                judge_strings_of_day(devices, self._archive, end - begin)
            devices.begin(day)
        note_units(devices, judged, self._archive.settings.signal_interval_seconds)
        note_strings(devices, judged, timestamp, elapsed, last)
        devices.show()
        known = (day, devices.counts, timestamp // FINDINGS_SECONDS)
        if known != self._findings_of:
            devices.keep()  # a device that is new is named in the record only
            self._findings_of, self.findings = known, findings(self._archive, timestamp)

    def take_row(self, timestamp: float, values: array[float], elapsed: float | None = None) -> bool:
        """Record one row by COLUMNS from elsewhere (an import), without counters and device signals."""
        if not timestamp > self._intervals.newest:
            return False
        self._intervals.take(timestamp, values, elapsed)
        return True

    def checkpoint(self) -> None:
        """Store the open intervals, so that a restart loses nothing. Done every minute; call it before stopping."""
        self._archive.state.write(self.state().tobytes())
        if self._devices is not None:
            self._devices.keep()

    def energy(self) -> dict[str, EnergyTotal]:
        """Return lifetime energies by ENERGIES, each with the gateway's own counter."""
        return self._intervals.truth.totals(self._intervals.energies())

    # --- restart -------------------------------------------------------------------------------------------------

    def _resume(self) -> None:
        """Go on after the last checkpoint with the polls recorded since; without one, with today's polls."""
        intervals = self._intervals
        restored = self._restore(self._archive.state.read()[1])
        if restored:
            # The checkpoint holds the poll it was taken at: the next one is later by at least one step of a double.
            since = math.nextafter(intervals.last, math.inf)
        else:
            self._clear()
            since = intervals.rebuild()
        intervals.replay(since)
        if not restored:
            intervals.take_filled_again()
        intervals.show()

    def _clear(self) -> None:
        self._intervals.clear()
        self._signals.clear()

    def _restore(self, payload: bytes) -> bool:
        """Take back the kept state; False when there is none, or one of another version or shape."""
        if not payload or len(payload) % 8:
            return False
        state = array("d")
        state.frombytes(payload)
        if not self.fits(state):
            return False
        self._intervals.restore_moments(tuple(state[1:6]))
        self._signals.last, self._signals.day = state[6:8]
        if state[0] == FIRST_STATE_VERSION:
            at = 8 + FIRST_VERSION_SIZE
            self._intervals.restore_first_version(state[8:at])
        else:
            at = 8 + len(self._intervals.state())
            self._intervals.restore(state[8:at])
        # The banks of signals come last, because their number follows a setting: a state of fewer banks is still good.
        if not self._signals.named:  # the names of the columns are lost: the open day is nobody's
            self._signals.clear()
            return True
        for rollup in self._signals.rollups:
            size = len(rollup.state())
            if len(state) >= at + size:
                rollup.restore(state[at : at + size])
            else:
                rollup.clear()
            at += size
        return True

    # --- a segment of the history recorded under a wrong clock --------------------------------------------------

    def state(self) -> array[float]:
        """Return everything that is open at the newest poll, as numbers; ``return_to`` takes it back."""
        return self.state_with(self)

    def fits(self, state: array[float]) -> bool:
        """Say whether this is a state of this version or of version 1.0, and of the right shape."""
        sizes = {FIRST_STATE_VERSION: FIRST_VERSION_SIZE, STATE_VERSION: len(self._intervals.state())}
        return bool(state) and len(state) >= 8 + sizes.get(state[0], math.inf)

    def state_with(self, other: Recorder) -> array[float]:
        """Return this recorder's state with the open intervals and device signals of ``other``, as after an import."""
        intervals, signals = other._intervals, other._signals
        state = array("d", [STATE_VERSION, *intervals.moments(), signals.last, signals.day])
        state.extend(intervals.state(self._intervals.truth))
        used = max((bank + 1 for bank, rollup in enumerate(signals.rollups) if rollup.samples), default=0)
        for rollup in signals.rollups[:used]:  # most houses have few signals, and this is written every minute
            state.extend(rollup.state())
        return state

    @property
    def intervals(self) -> OpenIntervals:
        """Return the open intervals."""
        return self._intervals

    @property
    def signal_day(self) -> float:
        """Return when the open day of the device signals began; minus infinity before the first."""
        return self._signals.day

    @staticmethod
    def last_of(state: array[float]) -> float:
        """Return when the newest poll of such a state was taken; minus infinity before the first."""
        return state[1]

    @staticmethod
    def signals_of(state: array[float]) -> float:
        """Return when the newest device signals of such a state were taken."""
        return state[6]

    def return_to(self, state: array[float]) -> bool:
        """Withdraw all rows recorded since ``state``, and go on from there; False when it is of another shape.

        Done twice it is the same as done once.
        """
        if not self._restore(state.tobytes()):
            return False
        archive, intervals, signals = self._archive, self._intervals, self._signals
        archive.polls.truncate_after(intervals.last)
        for ring, start in (
            (archive.minutes, intervals.minute_start),
            (archive.quarters, intervals.quarter_start),
            (archive.days, intervals.day_start),
            *((ring, signals.day) for ring in archive.signal_days),
        ):
            # The interval that is open in the state may have been closed since: its row goes too.
            ring.truncate_after(math.nextafter(start, -math.inf))
        for ring in archive.signals:
            ring.truncate_after(signals.last)
        self.checkpoint()
        if math.isfinite(intervals.last):
            intervals.show()
        return True

    def return_to_before(self, timestamp: float) -> None:
        """Withdraw the rows later than ``timestamp``; the day that holds it is summed up again from the polls left."""
        archive, intervals = self._archive, self._intervals
        today = day_start(local_date(timestamp, self.zone), self.zone)
        archive.polls.truncate_after(timestamp)
        # A row has its interval's start for a time; a second less withdraws the interval that holds ``timestamp`` too.
        archive.minutes.truncate_after(timestamp // 60.0 * 60.0 - 1.0)
        archive.quarters.truncate_after(timestamp // QUARTER_SECONDS * QUARTER_SECONDS - 1.0)
        archive.days.truncate_after(today - 1.0)
        for ring in archive.signals:
            ring.truncate_after(timestamp)
        for ring in archive.signal_days:
            ring.truncate_after(today - 1.0)
        self._clear()
        intervals.replay(max(today, intervals.rebuild()))
        intervals.take_filled_again()
        self.checkpoint()

    def take_signals_again(self, timestamp: float, rows: Mapping[int, array[float]]) -> None:
        """Record device signals (bank -> values) that were withdrawn from another time."""
        self._signals.take_again(timestamp, rows, day_span(timestamp, self.zone)[0])
