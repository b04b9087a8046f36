"""Move rows that were recorded by a wrong clock: to their true time, or out of the rings into a file."""

from __future__ import annotations

import logging
import math
from array import array

from pwserver.history.clock_witnesses import SLACK_SECONDS
from pwserver.history.recorder import Recorder
from pwserver.history.removed_rows import rows_after, set_aside
from pwserver.history.row_placement import RowPlacement
from pwserver.history.segment import Segment, utc_text

log = logging.getLogger(__name__)


class RowMoves:
    """Shifts or removes the rows of one gateway's segment, so that a killed process can finish what it began."""

    def __init__(self, segment: Segment, placement: RowPlacement) -> None:
        self._segment = segment
        self._placement = placement

    def shift(self, shown: float, steady: float, state: array[float], at: float, vouched: bool) -> bool:
        """Give the rows recorded since ``state`` the time they have by the offset ``shown``.

        ``at``: the steady clock at the newest row of ``state``. Returns False, and nothing is done, when the rows
        would come before those of earlier runs, were overwritten in part, or do not fit beside those that wait.
        """
        segment = self._segment
        record, archive, waiting = segment.record, segment.archive, segment.waiting
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
        # The order of these steps makes them safe against a kill at any point: the copies come first, then the mark
        # that rows are being withdrawn, then the withdrawal, which can be done twice.
        waiting.keep()  # the offset as it is now: should we be killed, a copy is known by its time
        for row, timestamp in enumerate(times):
            waiting.add(timestamp - old, array("d", [column[row] for column in columns]))
        for span in record.spans:
            span.decided = shown
        record.boot, record.offset, record.supported = segment.boot, shown, vouched
        record.withdrawing, record.origin, record.origin_at = True, state, at
        waiting.keep()
        self.withdraw()
        self._placement.join(shown)
        for timestamp, rows in signals:
            segment.recorder.take_signals_again(timestamp + shown - old, rows)
        segment.recorder.checkpoint()
        segment.moved(-math.inf if math.isnan(at) else at, shown, shown - old)
        log.warning(
            "%s: the clock was set by %+.0f seconds, to %s; %d polls recorded before that were given their true time",
            segment.gateway,
            shown - old,
            utc_text(shown + steady),
            len(times),
        )
        return True

    def withdraw(self) -> None:
        """Take the rows since the segment's origin out of the rings: they wait. Again after a kill, if need be."""
        segment, record = self._segment, self._segment.record
        segment.recorder.return_to(record.origin)
        segment.recorded_at = record.origin_at
        segment.candidate = None
        record.withdrawing, record.first = False, math.nan
        segment.waiting.keep()

    def put_aside(self, now: float) -> bool:
        """Move the rows later than ``now`` to a file; False, and nothing done, when that cannot be written."""
        segment = self._segment
        archive, recorder, origin = segment.archive, segment.recorder, segment.record.origin
        tables = rows_after(archive, now)
        place = set_aside(archive, tables, now)
        if place is None:
            return False
        # Returning to the origin keeps the energies of its open day exactly, but it withdraws everything since: it is
        # right only where no row lies between the origin and now.
        began = Recorder.last_of(origin) if origin else math.inf
        between = archive.polls.select(math.nextafter(began, math.inf), now, [0])[0] if began <= now else None
        if between is None or between or not recorder.return_to(origin):
            recorder.return_to_before(now)
        segment.recorded_at = math.nan
        log.warning(
            "%s: the history had rows later than now (%s), recorded by a wrong clock; %d rows were moved to %s",
            segment.gateway,
            utc_text(now),
            sum(len(table.times) for table in tables),
            place,
        )
        return True

    def _signal_rows(self, state: array[float]) -> list[tuple[float, dict[int, array[float]]]]:
        """Return device signals recorded since ``state``, by time: bank -> values."""
        found: dict[float, dict[int, array[float]]] = {}
        since = Recorder.signals_of(state)
        for bank, ring in enumerate(self._segment.archive.signals):
            times, columns = ring.select(math.nextafter(since, math.inf), math.inf)
            for row, timestamp in enumerate(times):
                found.setdefault(timestamp, {})[bank] = array("d", [column[row] for column in columns])
        return sorted(found.items())
