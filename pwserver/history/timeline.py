"""Give every reading its place in time, whatever the clock does.

The reasoning is at the head of ``clock_witnesses.py``.
"""

from __future__ import annotations

import logging
import math
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from pwserver.history.archive import Archive
from pwserver.history.clock_witnesses import (
    MOST_FUTURE_DAYS,
    SLACK_SECONDS,
    STABLE_POLLS,
    STABLE_SECONDS,
    STAND_STILL_SECONDS,
    STEP_SECONDS,
    ClockWitnesses,
    boot_identity,
    gateway_seconds,
)
from pwserver.history.layout import COLUMNS, WAITING
from pwserver.history.recorded_row import power_values
from pwserver.history.recorder import Recorder
from pwserver.history.removed_rows import rows_after, set_aside
from pwserver.history.ring_tables import RingTable
from pwserver.history.waiting_rows import Span, WaitingRows
from pwserver.reading import Reading
from pwserver.state.judge import GatewayJudge, Judged

log = logging.getLogger(__name__)

LONGEST_POLL_SECONDS = 120.0  # from the meters' arrival to the recording
STILL_SECONDS = 0.001  # between two rows while the history's time stands still
KEEP_SECONDS = 60.0  # how often the offset is stored while it only drifts
DRIFT_SECONDS = 0.05
POLLS_BETWEEN_TRIALS = 60
LONG_ABSENCE_SECONDS = 60 * 86400.0


@dataclass(slots=True)
class _Candidate:
    """An offset that the machine's clock shows and that has not been adopted."""

    offset: float
    since: float  # steady
    polls: int = 0
    state: array[float] | None = None  # the recorder's, when the clock jumped
    state_at: float = math.nan  # the steady clock at its newest row
    refused_at_poll: int = 0  # when it could not be adopted, to try again some polls later


class Timeline:
    """Records the readings of one gateway under their true time, as far as that is known. Not for two threads at once.

    Offsets are what one must add to the steady clock to get epoch seconds.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        witnesses: ClockWitnesses | None = None,
        clock: Callable[[], float] = time.time,
        boot: float | None = None,
    ) -> None:
        self.recorder = recorder
        self._archive = archive
        self._witnesses = witnesses or ClockWitnesses()
        self._clock = clock
        self._boot = boot_identity() if boot is None else boot
        self._waiting = WaitingRows(archive, self._boot)
        self._record = self._waiting.record
        self._candidate: _Candidate | None = None
        self._recorded_at = math.nan  # steady clock at the newest row
        self._kept = -math.inf
        self._told_waiting = False
        archive.correction_seconds = 0.0
        record = self._record
        same_start = self._boot != 0.0 and record.boot == self._boot and math.isfinite(record.offset)
        if not same_start:
            record.origin_at = math.nan
        if record.origin and not recorder.fits(record.origin):
            record.origin = array("d")
        if record.withdrawing and record.origin:
            self._withdraw()
            self._join(record.offset)
        elif same_start:
            self._recorded_at = recorder.last - record.offset
            self._join(record.offset)
        if not same_start:
            record.offset = math.nan

    @property
    def _offset(self) -> float | None:
        offset = self._record.offset
        return None if math.isnan(offset) else offset

    def take(self, reading: Reading, judged: Judged | None = None) -> bool:
        """Record one reading, or keep it until its time is known; False when it is of no use.

        ``judged``: what was judged of it; without that it is judged on its own.
        """
        judged = judged if judged is not None else GatewayJudge().take(reading)
        if not math.isfinite(reading.timestamp):
            return False
        now, wall = self._witnesses.steady(), self._clock()
        age = wall - reading.timestamp
        # What comes from another server has that one's clock: then its arrival counts.
        steady = now - age if -1.0 <= age <= LONGEST_POLL_SECONDS else now
        shown = reading.timestamp - steady
        if not self._archive.gateway.virtual:
            self._witnesses.hear(self._archive.gateway.id, gateway_seconds(reading), steady)
        offset = self._judge(shown, steady)
        if offset is None:
            self._wait(steady, reading, judged)
            return True
        return self._write(reading.timestamp if offset == shown else offset + steady, steady, reading, judged)

    # --- which offset is right --------------------------------------------------------------------------------------

    def _judge(self, shown: float, steady: float) -> float | None:
        """Choose the offset to record by; None while none is trusted. ``shown``: that of the machine's clock."""
        used = self._offset
        if used is not None and abs(shown - used) <= STEP_SECONDS:
            self._goes_on(shown, steady)
            return shown
        candidate = self._candidate
        if candidate is None or abs(shown - candidate.offset) > STEP_SECONDS:
            candidate = self._begin(shown, steady)
        candidate.offset = shown
        candidate.polls += 1
        stable = candidate.polls >= STABLE_POLLS and steady - candidate.since >= STABLE_SECONDS
        vouched = self._witnesses.vouch(shown)
        if used is None:
            return self._judge_start(shown, steady, vouched, stable)
        if not vouched and (not stable or self._witnesses.support(used)):
            return used
        if candidate.refused_at_poll and candidate.polls < candidate.refused_at_poll + POLLS_BETWEEN_TRIALS:
            return used
        if self._adopt(candidate, shown, steady, vouched):
            return shown
        candidate.refused_at_poll = candidate.polls
        return used

    def _goes_on(self, shown: float, steady: float) -> None:
        if self._candidate is not None:
            self._candidate = None
            self._witnesses.changed()
            log.warning(
                "%s: the clock is back where it was; meanwhile the history went on without it",
                self._archive.gateway.id,
            )
        supported = self._record.supported or self._witnesses.vouch(shown)
        drifted = abs(shown - self._record.offset) > DRIFT_SECONDS and steady - self._kept >= KEEP_SECONDS
        if drifted or supported != self._record.supported:
            self._kept = steady
            self._record.offset, self._record.supported = shown, supported
            self._waiting.keep()
        self._record.offset = shown

    def _begin(self, shown: float, steady: float) -> _Candidate:
        """Begin to watch an offset of the machine's clock that is not the one in use."""
        self._witnesses.changed()
        candidate = _Candidate(shown, steady)
        if self._offset is not None:
            before = self._candidate
            candidate.state = before.state if before is not None else self.recorder.state()
            candidate.state_at = before.state_at if before is not None else self._recorded_at
            if before is None:
                log.warning(
                    "%s: the clock was set by %+.0f seconds, to %s; until it is known which is right the history goes "
                    "on by the time since the machine was started",
                    self._archive.gateway.id,
                    shown - self._record.offset,
                    _text(shown + steady),
                )
        self._candidate = candidate
        return candidate

    def _judge_start(self, shown: float, steady: float, vouched: bool, stable: bool) -> float | None:
        """Choose an offset when none of this start of the machine is known, only the rows of earlier ones."""
        now = shown + steady
        # A little ahead of a clock that somebody stands for: the history's time stands still for as long.
        future = self.recorder.last - now >= (STAND_STILL_SECONDS if vouched else SLACK_SECONDS)
        if future and not (
            (vouched or stable)
            and not self._witnesses.object(shown)
            and self._came_from_the_future(now, vouched)
            and self._put_aside(now)
        ):
            return None
        self._start_segment(shown, vouched, self.recorder.state(), self._recorded_at)
        self._join(shown)
        return shown

    def _came_from_the_future(self, now: float, vouched: bool) -> bool:
        """Say whether all rows after ``now`` were recorded after one jump ahead, by a clock that can be wrong."""
        record = self._record
        if not record.origin or math.isnan(record.first):
            return False
        began = Recorder.last_of(record.origin)
        if not began - SLACK_SECONDS <= now < record.first - STAND_STILL_SECONDS:
            return False
        if record.supported and not (vouched and self._began_with_a_jump()):
            return False
        days, absence = self._days_after(now), record.first - began
        if math.isinf(began):  # no earlier row says how far the jump was: only a witness and few rows will do
            return vouched and days <= MOST_FUTURE_DAYS
        return days <= MOST_FUTURE_DAYS or (absence > LONG_ABSENCE_SECONDS and days * 86400.0 < absence / 10.0)

    def _began_with_a_jump(self) -> bool:
        """Say whether the rows since the record's origin began with a jump in this start of the machine.

        Only then may rows that a witness stood for be moved as a whole: for all others the witnesses of today are no
        better than those of then. A gateway that follows the machine's wrong clock would else take its rows along.
        """
        record = self._record
        if not record.origin or math.isnan(record.origin_at):
            return False
        before = Recorder.last_of(record.origin) - record.origin_at
        return math.isfinite(before) and abs(record.offset - before) > STEP_SECONDS

    def _days_after(self, now: float) -> int:
        return len(self._archive.days.select(now, math.inf, [0])[0])

    def _adopt(self, candidate: _Candidate, shown: float, steady: float, vouched: bool) -> bool:
        """Record by another offset from now on; False, and nothing done, when that cannot be."""
        record, now = self._record, shown + steady
        since_jump = (candidate.state, candidate.state_at)
        whole = (record.origin, record.origin_at)
        # Rows that a witness stood for keep their time; the others get the one that is right now.
        order = [whole, since_jump] if not record.supported else [since_jump]
        if record.supported and self._began_with_a_jump():
            order.append(whole)
        for state, at in order:
            if state and self._shift(shown, steady, state, at, vouched):
                return True
        if self.recorder.last - now > STAND_STILL_SECONDS:
            own = bool(record.origin) and Recorder.last_of(record.origin) <= now
            own = own and (not record.supported or self._began_with_a_jump())
            mistake = own and vouched and self._days_after(now) <= MOST_FUTURE_DAYS
            if not (mistake or self._came_from_the_future(now, vouched)) or not self._put_aside(now):
                return False
        log.warning(
            "%s: the clock was set by %+.0f seconds, to %s; the history goes on with it, and what was recorded before "
            "keeps its time",
            self._archive.gateway.id,
            shown - record.offset,
            _text(now),
        )
        self._start_segment(shown, vouched, self.recorder.state(), self._recorded_at)
        return True

    # --- recording ---------------------------------------------------------------------------------------------------

    def _write(self, timestamp: float, steady: float, reading: Reading, judged: Judged) -> bool:
        timestamp = self._after_last(timestamp, STEP_SECONDS)
        correction = timestamp - reading.timestamp
        self._archive.correction_seconds = correction if abs(correction) > STEP_SECONDS else 0.0
        if not self.recorder.record(reading, timestamp, self._elapsed(steady), judged):
            return False
        self._recorded(timestamp, steady)
        return True

    def _recorded(self, timestamp: float, steady: float) -> None:
        self._recorded_at = steady
        if math.isnan(self._record.first):
            self._record.first = timestamp
            self._waiting.keep()

    def _elapsed(self, steady: float) -> float | None:
        return steady - self._recorded_at if steady > self._recorded_at else None

    def _after_last(self, timestamp: float, least: float) -> float:
        """Move a time behind the newest row while the history's time stands still (``least``: how far behind).

        Rows of such a time have lost their distance from one another: they are not shifted later.
        """
        if not least <= self.recorder.last - timestamp <= 2 * STAND_STILL_SECONDS:
            return timestamp
        if self._record.origin and self.recorder.last - timestamp > SLACK_SECONDS:
            self._record.origin = array("d")
            self._waiting.keep()
        if self._candidate is not None:
            self._candidate.state = None
        return self.recorder.last + STILL_SECONDS

    def _start_segment(self, offset: float, supported: bool, origin: array[float], origin_at: float) -> None:
        record = self._record
        record.boot, record.offset, record.supported, record.first = self._boot, offset, supported, math.nan
        record.withdrawing, record.origin, record.origin_at = False, origin, origin_at
        self._candidate = None
        self._told_waiting = False
        self._kept = -math.inf
        self._waiting.keep()

    def _shift(self, shown: float, steady: float, state: array[float], at: float, vouched: bool) -> bool:
        """Give the rows recorded since ``state`` the time they have by the new offset; False when that cannot be."""
        record, archive, waiting = self._record, self._archive, self._waiting
        began, old = Recorder.last_of(state), record.offset
        times, columns = archive.polls.select(math.nextafter(began, math.inf), math.inf)
        earliest = times[0] + shown - old if times else shown + steady
        if earliest <= began - SLACK_SECONDS:
            return False  # they would come before what earlier runs recorded
        bounds = archive.polls.bounds()
        overwritten = archive.polls.count >= archive.polls.rows and bounds is not None and bounds[0] > began
        if overwritten or len(times) > waiting.room:
            return False
        signals = self._signal_rows(state)
        waiting.keep()  # the offset as it is now: should we be killed, a copy is known by its time
        for row, timestamp in enumerate(times):
            waiting.add(timestamp - old, array("d", [column[row] for column in columns]))
        for span in record.spans:
            span.decided = shown
        record.boot, record.offset, record.supported = self._boot, shown, vouched
        record.withdrawing, record.origin, record.origin_at = True, state, at
        waiting.keep()
        self._withdraw()
        self._join(shown)
        for timestamp, rows in signals:
            self.recorder.take_signals_again(timestamp + shown - old, rows)
        self.recorder.checkpoint()
        log.warning(
            "%s: the clock was set by %+.0f seconds, to %s; %d polls recorded before that were given their true time",
            archive.gateway.id,
            shown - old,
            _text(shown + steady),
            len(times),
        )
        return True

    def _signal_rows(self, state: array[float]) -> list[tuple[float, dict[int, array[float]]]]:
        """Return device signals recorded since ``state``, by time: bank -> values."""
        found: dict[float, dict[int, array[float]]] = {}
        since = Recorder.signals_of(state)
        for bank, ring in enumerate(self._archive.signals):
            times, columns = ring.select(math.nextafter(since, math.inf), math.inf)
            for row, timestamp in enumerate(times):
                found.setdefault(timestamp, {})[bank] = array("d", [column[row] for column in columns])
        return sorted(found.items())

    def _withdraw(self) -> None:
        """Take the rows since the segment's origin out of the rings: they wait. Again after a kill, if need be."""
        record = self._record
        self.recorder.return_to(record.origin)
        self._recorded_at = record.origin_at
        self._candidate = None
        record.withdrawing, record.first = False, math.nan
        self._waiting.keep()

    # --- rows that wait ----------------------------------------------------------------------------------------------

    def _wait(self, steady: float, reading: Reading, judged: Judged) -> None:
        archive = self._archive
        if not self._told_waiting:
            self._told_waiting = True
            log.warning(
                "%s: the clock says %s, which is before the newest row of the history (%s); nothing is taken away, and "
                "what is recorded now waits until the clock is right",
                archive.gateway.id,
                _text(reading.timestamp),
                _text(self.recorder.last),
            )
        archive.correction_seconds = max(0.0, self.recorder.last - reading.timestamp)
        if self._waiting.full:
            self._write_waiting("they have waited for the right time too long")
        self._waiting.add(steady, power_values(judged), self._witnesses.offset_of(archive.gateway.id))

    def _join(self, offset: float) -> None:
        """Record what waits, now that its time is known: by its own offset where that is known, else by ``offset``."""
        if not self._waiting.count:
            return
        gateway, now = self._archive.gateway.id, offset + self._witnesses.steady()
        timeless, late = RingTable(gateway, WAITING), RingTable(gateway, "polls")
        joined = 0
        for span, steady, values in self._waiting.rows():
            ours = span.boot == self._boot
            timestamp = steady + self._offset_of(span, offset)
            if math.isnan(timestamp) or not (ours or timestamp <= now):
                timeless.add(steady, dict(zip(COLUMNS, values, strict=True)))
                continue
            if self._has(timestamp):
                continue
            timestamp = self._after_last(timestamp, 0.0)
            if self.recorder.take_row(timestamp, values, self._elapsed(steady) if ours else None):
                self._recorded(timestamp, steady if ours else math.nan)
                joined += 1
            else:
                late.add(timestamp, dict(zip(COLUMNS, values, strict=True)))
        self.recorder.checkpoint()
        left = [table for table in (late, timeless) if table.times]
        place = set_aside(self._archive, left, self._clock()) if left else None
        if place is not None or not left:
            self._waiting.clear()
        if joined:
            log.warning("%s: %d polls that waited for the right time have it now", gateway, joined)
        if left:
            log.warning(
                "%s: the right time of %d polls cannot be told; they are %s",
                gateway,
                sum(len(table.times) for table in left),
                f"in {place}" if place is not None else "left where they wait, for no file could be written",
            )

    def _offset_of(self, span: Span, offset: float) -> float:
        """Return the offset of rows that wait; NaN when none is known.

        What was decided counts first, then ``offset`` for rows of this start of the machine, then the gateway's clock.
        """
        if not math.isnan(span.decided):
            return span.decided
        return offset if span.boot == self._boot else span.gateway

    def _has(self, timestamp: float) -> bool:
        return bool(self._archive.polls.select(timestamp - STILL_SECONDS / 4, timestamp + STILL_SECONDS / 4, [0])[0])

    def _write_waiting(self, why: str) -> None:
        """Empty the waiting ring into a file; its rows have the steady clock for a time."""
        table = RingTable(self._archive.gateway.id, WAITING)
        for _, steady, values in self._waiting.rows():
            table.add(steady, dict(zip(COLUMNS, values, strict=True)))
        place = set_aside(self._archive, [table], self._clock())
        if place is not None:
            self._waiting.clear()
            log.warning("%s: %d polls were written to %s: %s", self._archive.gateway.id, len(table.times), place, why)

    def _put_aside(self, now: float) -> bool:
        """Move the rows later than ``now`` to a file; False, and nothing done, when that cannot be written."""
        origin = self._record.origin
        tables = rows_after(self._archive, now)
        place = set_aside(self._archive, tables, now)
        if place is None:
            return False
        began = Recorder.last_of(origin) if origin else math.inf
        between = self._archive.polls.select(math.nextafter(began, math.inf), now, [0])[0] if began <= now else None
        if between is None or between or not self.recorder.return_to(origin):
            self.recorder.return_to_before(now)
        self._recorded_at = math.nan
        log.warning(
            "%s: the history had rows later than now (%s), recorded by a wrong clock; %d rows were moved to %s",
            self._archive.gateway.id,
            _text(now),
            sum(len(table.times) for table in tables),
            place,
        )
        return True


def _text(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"
