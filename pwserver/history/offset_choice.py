"""Choose the offset by which the history is recorded: keep the one in use, adopt the machine's new one, or wait.

An offset is what one must add to the steady clock to get epoch seconds; ``clock_witnesses`` has the reasoning.
"""

from __future__ import annotations

import logging
import math
from typing import Final

from pwserver.history.clock_witnesses import (
    MOST_FUTURE_DAYS,
    SLACK_SECONDS,
    STABLE_POLLS,
    STABLE_SECONDS,
    STAND_STILL_SECONDS,
    STEP_SECONDS,
    ClockWitnesses,
)
from pwserver.history.recorder import Recorder
from pwserver.history.row_moves import RowMoves
from pwserver.history.row_placement import RowPlacement
from pwserver.history.segment import Candidate, Segment, utc_text

log = logging.getLogger(__name__)

KEEP_SECONDS: Final = 60.0  # how often the offset is stored while it only drifts
DRIFT_SECONDS: Final = 0.05  # a smaller drift is not worth a write to the disk
POLLS_BETWEEN_TRIALS: Final = 60
LONG_ABSENCE_SECONDS: Final = 60 * 86400.0  # a jump this far ahead is a mistake, however many days were recorded since


class OffsetChoice:
    """Chooses, at every poll, the offset of one gateway's segment; moves rows when another one is adopted."""

    def __init__(self, segment: Segment, witnesses: ClockWitnesses, placement: RowPlacement, moves: RowMoves) -> None:
        self._segment = segment
        self._witnesses = witnesses
        self._placement = placement
        self._moves = moves

    def choose(self, shown: float, steady: float) -> float | None:
        """Return the offset to record by; None while none is trusted. ``shown``: that of the machine's clock."""
        used = self._segment.offset
        if used is not None and abs(shown - used) <= STEP_SECONDS:
            self._follow(shown, steady)
            return shown
        candidate = self._segment.candidate
        if candidate is None or abs(shown - candidate.offset) > STEP_SECONDS:
            candidate = self._watch(shown, steady)
        candidate.offset = shown
        candidate.polls += 1
        stable = candidate.polls >= STABLE_POLLS and steady - candidate.since >= STABLE_SECONDS
        vouched = self._witnesses.vouch(shown)
        if used is None:
            return self._choose_first(shown, steady, vouched, stable)
        if not vouched and (not stable or self._witnesses.support(used)):
            return used
        if candidate.refused_at_poll and candidate.polls < candidate.refused_at_poll + POLLS_BETWEEN_TRIALS:
            return used
        if self._adopt(candidate, shown, steady, vouched):
            return shown
        candidate.refused_at_poll = candidate.polls
        return used

    def _follow(self, shown: float, steady: float) -> None:
        """Let the offset in use follow the machine's clock, which drifts and is slewed by less than a step."""
        segment, record = self._segment, self._segment.record
        if segment.candidate is not None:
            segment.candidate = None
            self._witnesses.changed()
            log.warning("%s: the clock is back where it was; meanwhile the history went on without it", segment.gateway)
        supported = record.supported or self._witnesses.vouch(shown)
        drifted = abs(shown - record.offset) > DRIFT_SECONDS and steady - segment.kept >= KEEP_SECONDS
        if drifted or supported != record.supported:
            segment.kept = steady
            record.offset, record.supported = shown, supported
            segment.waiting.keep()
        record.offset = shown

    def _watch(self, shown: float, steady: float) -> Candidate:
        """Begin to watch an offset of the machine's clock that is not the one in use."""
        segment = self._segment
        self._witnesses.changed()
        candidate = Candidate(shown, steady)
        if segment.offset is not None:
            before = segment.candidate
            # A clock set twice in a row: the rows since the first jump are all under the old offset.
            candidate.state = before.state if before is not None else segment.recorder.state()
            candidate.state_at = before.state_at if before is not None else segment.recorded_at
            if before is None:
                log.warning(
                    "%s: the clock was set by %+.0f seconds, to %s; until it is known which is right the history goes "
                    "on by the time since the machine was started",
                    segment.gateway,
                    shown - segment.record.offset,
                    utc_text(shown + steady),
                )
        segment.candidate = candidate
        return candidate

    def _choose_first(self, shown: float, steady: float, vouched: bool, stable: bool) -> float | None:
        """Choose an offset when none of this start of the machine is known, only the rows of earlier ones."""
        segment, now = self._segment, shown + steady
        # A little ahead of a clock that a witness supports: the history's time stands still for as long.
        future = segment.recorder.last - now >= (STAND_STILL_SECONDS if vouched else SLACK_SECONDS)
        if future and not (
            (vouched or stable)
            and not self._witnesses.object(shown)
            and self._came_from_the_future(now, vouched)
            and self._moves.put_aside(now)
        ):
            return None
        segment.start(shown, vouched, segment.recorder.state(), segment.recorded_at)
        self._placement.join(shown)
        return shown

    def _adopt(self, candidate: Candidate, shown: float, steady: float, vouched: bool) -> bool:
        """Record by another offset from now on; False, and nothing done, when that cannot be."""
        segment, record, now = self._segment, self._segment.record, shown + steady
        since_jump = (candidate.state, candidate.state_at)
        whole = (record.origin, record.origin_at)
        # Rows that a witness stood for keep their time; the others get the one that is right now.
        order = [whole, since_jump] if not record.supported else [since_jump]
        if record.supported and self._began_with_a_jump():
            order.append(whole)
        for state, at in order:
            if state and self._moves.shift(shown, steady, state, at, vouched):
                return True
        if segment.recorder.last - now > STAND_STILL_SECONDS:
            own = bool(record.origin) and Recorder.last_of(record.origin) <= now
            own = own and (not record.supported or self._began_with_a_jump())
            mistake = own and vouched and self._days_after(now) <= MOST_FUTURE_DAYS
            if not (mistake or self._came_from_the_future(now, vouched)) or not self._moves.put_aside(now):
                return False
        log.warning(
            "%s: the clock was set by %+.0f seconds, to %s; the history goes on with it, and what was recorded before "
            "keeps its time",
            segment.gateway,
            shown - record.offset,
            utc_text(now),
        )
        segment.start(shown, vouched, segment.recorder.state(), segment.recorded_at)
        return True

    def _came_from_the_future(self, now: float, vouched: bool) -> bool:
        """Say whether all rows after ``now`` were recorded after one jump ahead, by a clock that can be wrong."""
        record = self._segment.record
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
        # Ten times, because a server that was off for months and then ran for weeks looks much the same.
        return days <= MOST_FUTURE_DAYS or (absence > LONG_ABSENCE_SECONDS and days * 86400.0 < absence / 10.0)

    def _began_with_a_jump(self) -> bool:
        """Say whether the rows since the record's origin began with a jump in this start of the machine.

        Only then may rows that a witness stood for be moved as a whole: for all others the witnesses of today are no
        better than those of then. A gateway that follows the machine's wrong clock would else take its rows along.
        """
        record = self._segment.record
        if not record.origin or math.isnan(record.origin_at):
            return False
        before = Recorder.last_of(record.origin) - record.origin_at
        return math.isfinite(before) and abs(record.offset - before) > STEP_SECONDS

    def _days_after(self, now: float) -> int:
        return len(self._segment.archive.days.select(now, math.inf, [0])[0])
