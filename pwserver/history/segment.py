"""Record the present segment of the history: all rows since the machine's clock was last adopted.

An *offset* is what one must add to the steady clock to get epoch seconds; ``clock_witnesses`` has the reasoning.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.clock_witnesses import SLACK_SECONDS, STAND_STILL_SECONDS, STEP_SECONDS
from pwserver.history.recorder import Recorder
from pwserver.history.waiting_rows import WaitingRows
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.judge import Judged

STILL_SECONDS: Final = 0.001  # between two rows while the history's time stands still


@record(slots=True)
class Candidate:
    """Describes an offset that the machine's clock shows and that has not been adopted."""

    offset: float
    since: float  # steady clock when it was first seen
    polls: int = 0
    state: array[float] | None = None  # the recorder's, when the clock jumped
    state_at: float = math.nan  # the steady clock at its newest row
    refused_at_poll: int = 0  # when it could not be adopted, to try again some polls later


class Segment:
    """Records rows under the offset in use, and remembers where its rows began. Not for two threads at once.

    ``recorded_at``: the steady clock at the newest row, NaN when that row is of an earlier start of the machine.
    ``candidate``: another offset that the machine's clock shows, while it is being watched.
    """

    def __init__(self, recorder: Recorder, archive: Archive, boot: float) -> None:
        self.recorder = recorder
        self.archive = archive
        self.boot = boot
        self.waiting = WaitingRows(archive, boot)
        self.record = self.waiting.record
        self.candidate: Candidate | None = None
        self.recorded_at = math.nan
        self.kept = -math.inf  # steady clock when a drift of the offset was last stored
        self.waiting_logged = False  # has it been logged that rows of this segment wait?
        # Told when what was recorded since a moment of the steady clock has another offset, and what that adds.
        self.moved: Callable[[float, float, float], None] = lambda since, offset, seconds: None

    @property
    def gateway(self) -> str:
        """Return the id of the gateway whose history this is."""
        return self.archive.gateway.id

    @property
    def offset(self) -> float | None:
        """Return the offset in use; None while no clock is trusted."""
        offset = self.record.offset
        return None if math.isnan(offset) else offset

    def start(self, offset: float, supported: bool, origin: array[float], origin_at: float) -> None:
        """Begin a segment under another offset; ``origin`` and ``origin_at`` as in ClockRecord."""
        record = self.record
        record.boot, record.offset, record.supported, record.first = self.boot, offset, supported, math.nan
        record.withdrawing, record.origin, record.origin_at = False, origin, origin_at
        self.candidate = None
        self.waiting_logged = False
        self.kept = -math.inf
        self.waiting.keep()

    def write(self, timestamp: float, steady: float, reading: Reading, judged: Judged) -> bool:
        """Record one reading under its true time; False when the recorder left it out."""
        timestamp = self.after_last(timestamp, STEP_SECONDS)
        correction = timestamp - reading.timestamp
        # Workers add this to their own clock, so that "the last 24 hours" are those of the history.
        self.archive.correction_seconds = correction if abs(correction) > STEP_SECONDS else 0.0
        if not self.recorder.record(reading, timestamp, self.elapsed(steady), judged):
            return False
        self.recorded(timestamp, steady)
        return True

    def recorded(self, timestamp: float, steady: float) -> None:
        """Note that a row was recorded; ``steady``: the steady clock then, NaN for another start of the machine."""
        self.recorded_at = steady
        if math.isnan(self.record.first):
            self.record.first = timestamp
            self.waiting.keep()

    def elapsed(self, steady: float) -> float | None:
        """Return the seconds since the newest row by the steady clock; None when that is not known."""
        return steady - self.recorded_at if steady > self.recorded_at else None

    def after_last(self, timestamp: float, least: float) -> float:
        """Move a time behind the newest row while the history's time stands still (``least``: how far behind).

        Rows of such a time have lost their distance from one another: they are not shifted later.
        """
        if not least <= self.recorder.last - timestamp <= 2 * STAND_STILL_SECONDS:
            return timestamp
        if self.record.origin and self.recorder.last - timestamp > SLACK_SECONDS:
            self.record.origin = array("d")
            self.waiting.keep()
        # Rows at a false distance must not be shifted as if it were true, so the ways back are forgotten.
        if self.candidate is not None:
            self.candidate.state = None
        return self.recorder.last + STILL_SECONDS


def utc_text(seconds: float) -> str:
    """Return an instant (epoch seconds) for a log line: ISO 8601 in UTC, or the number where no calendar has it."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"
