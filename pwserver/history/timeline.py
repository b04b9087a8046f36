"""Record every reading at its place in time, whatever the clock does.

The reasoning is at the head of ``clock_witnesses.py``. The parts: ``offset_choice`` (which clock is believed),
``segment`` (what is recorded by it), ``row_placement`` (rows that wait) and ``row_moves`` (rows that were misplaced).
"""

from __future__ import annotations

import math
import time
from array import array
from collections.abc import Callable
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.clock_witnesses import ClockWitnesses, boot_identity, gateway_seconds
from pwserver.history.offset_choice import OffsetChoice
from pwserver.history.recorder import Recorder
from pwserver.history.row_moves import RowMoves
from pwserver.history.row_placement import RowPlacement
from pwserver.history.segment import Segment
from pwserver.reading import Reading
from pwserver.state.judge import GatewayJudge, Judged

LONGEST_POLL_SECONDS: Final = 120.0  # from the meters' arrival to the recording


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
        moved: Callable[[float, float, float], None] = lambda since, offset, seconds: None,
    ) -> None:
        self._archive = archive
        self._witnesses = witnesses or ClockWitnesses()
        self._clock = clock
        self._segment = Segment(recorder, archive, boot_identity() if boot is None else boot)
        self._segment.moved = moved
        self._placement = RowPlacement(self._segment, self._witnesses, clock)
        moves = RowMoves(self._segment, self._placement)
        self._choice = OffsetChoice(self._segment, self._witnesses, self._placement, moves)
        archive.correction_seconds = 0.0
        self._resume(moves)

    def _resume(self, moves: RowMoves) -> None:
        """Take up the stored segment where it was left, and finish a move of rows that a kill interrupted."""
        segment, record = self._segment, self._segment.record
        # The steady clock begins anew with every start of the machine, so an offset holds only for its own start.
        same_start = segment.boot != 0.0 and record.boot == segment.boot and math.isfinite(record.offset)
        if not same_start:
            record.origin_at = math.nan
        if record.origin and not segment.recorder.fits(record.origin):
            record.origin = array("d")
        if record.withdrawing and record.origin:
            moves.withdraw()
            self._placement.join(record.offset)
        elif same_start:
            segment.recorded_at = segment.recorder.last - record.offset
            self._placement.join(record.offset)
        if not same_start:
            record.offset = math.nan

    def take(self, reading: Reading, judged: Judged | None = None) -> bool:
        """Record one reading, or keep it until its time is known; False when it is of no use.

        ``judged``: what was judged of it; without that it is judged on its own.
        """
        judged = judged if judged is not None else GatewayJudge().take(reading)
        if not math.isfinite(reading.timestamp):
            return False
        now, wall = self._witnesses.steady(), self._clock()
        age = wall - reading.timestamp
        # A reading from another server has that server's clock, so its arrival counts. A second in the future is
        # still this machine's clock, slewed back meanwhile.
        steady = now - age if -1.0 <= age <= LONGEST_POLL_SECONDS else now
        shown = reading.timestamp - steady
        if not self._archive.gateway.virtual:
            self._witnesses.hear(self._archive.gateway.id, gateway_seconds(reading), steady)
        offset = self._choice.choose(shown, steady)
        if offset is None:
            self._placement.wait(steady, reading, judged)
            return True
        timestamp = reading.timestamp if offset == shown else offset + steady
        return self._segment.write(timestamp, steady, reading, judged)
