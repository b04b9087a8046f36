"""Keep polls whose time is not known yet, and record them when it is."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.layout import COLUMNS, WAITING
from pwserver.history.recorded_row import power_values
from pwserver.history.removed_rows import set_aside
from pwserver.history.ring_tables import RingTable
from pwserver.history.segment import STILL_SECONDS, Segment, utc_text
from pwserver.history.waiting_rows import Span
from pwserver.reading import Reading
from pwserver.state.judge import Judged

log = logging.getLogger(__name__)


class RowPlacement:
    """Holds rows in the waiting ring, and gives each its place in the history once an offset is known."""

    def __init__(self, segment: Segment, witnesses: ClockWitnesses, clock: Callable[[], float] = time.time) -> None:
        self._segment = segment
        self._witnesses = witnesses
        self._clock = clock

    def wait(self, steady: float, reading: Reading, judged: Judged) -> None:
        """Keep one reading until its time is known; its device signals are left out."""
        segment, archive = self._segment, self._segment.archive
        if not segment.waiting_logged:
            segment.waiting_logged = True
            log.warning(
                "%s: the clock says %s, which is before the newest row of the history (%s); nothing is taken away, and "
                "what is recorded now waits until the clock is right",
                segment.gateway,
                utc_text(reading.timestamp),
                utc_text(segment.recorder.last),
            )
        archive.correction_seconds = max(0.0, segment.recorder.last - reading.timestamp)
        if segment.waiting.full:
            self._write_waiting("they have waited for the right time too long")
        segment.waiting.add(steady, power_values(judged), self._witnesses.offset_of(segment.gateway))

    def join(self, offset: float) -> None:
        """Record what waits, now that its time is known: by its own offset where that is known, else by ``offset``."""
        segment, waiting = self._segment, self._segment.waiting
        if not waiting.count:
            return
        gateway, now = segment.gateway, offset + self._witnesses.steady()
        timeless, late = RingTable(gateway, WAITING), RingTable(gateway, "polls")
        joined, first = 0, math.inf
        for span, steady, values in waiting.rows():
            this_boot = span.boot == segment.boot
            first = min(first, steady) if this_boot else first
            timestamp = steady + self._offset_of(span, offset)
            # Rows of an earlier start of the machine must lie in the past, else their offset is wrong.
            if math.isnan(timestamp) or not (this_boot or timestamp <= now):
                timeless.add(steady, dict(zip(COLUMNS, values, strict=True)))
                continue
            if self._has(timestamp):  # recorded before the process was killed in this very loop
                continue
            timestamp = segment.after_last(timestamp, 0.0)
            if segment.recorder.take_row(timestamp, values, segment.elapsed(steady) if this_boot else None):
                segment.recorded(timestamp, steady if this_boot else math.nan)
                joined += 1
            else:
                late.add(timestamp, dict(zip(COLUMNS, values, strict=True)))
        segment.recorder.checkpoint()
        if math.isfinite(first):
            segment.moved(first - STILL_SECONDS, offset, 0.0)
        left = [table for table in (late, timeless) if table.times]
        place = set_aside(segment.archive, left, self._clock()) if left else None
        if place is not None or not left:
            waiting.clear()
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
        return offset if span.boot == self._segment.boot else span.gateway

    def _has(self, timestamp: float) -> bool:
        """Return whether the history holds a row of this time, give or take what a double loses in the sums."""
        polls, margin = self._segment.archive.polls, STILL_SECONDS / 4
        return bool(polls.select(timestamp - margin, timestamp + margin, [0])[0])

    def _write_waiting(self, why: str) -> None:
        """Empty the waiting ring into a file; its rows have the steady clock for a time."""
        segment = self._segment
        table = RingTable(segment.gateway, WAITING)
        for _, steady, values in segment.waiting.rows():
            table.add(steady, dict(zip(COLUMNS, values, strict=True)))
        place = set_aside(segment.archive, [table], self._clock())
        if place is not None:
            segment.waiting.clear()
            log.warning("%s: %d polls were written to %s: %s", segment.gateway, len(table.times), place, why)
