"""Keep on disk what is known of the clock under which rows are recorded, and the rows whose time is not known yet."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import field

from pwserver.history.archive import Archive
from pwserver.records import record

_VERSION = 1.0
_FIXED = 9  # numbers before the spans
_SPAN = 5
MOST_SPANS = 8


@record(slots=True)
class Span:
    """Describes the waiting rows of one start of the machine.

    They have the keys from ``start`` on; a key is ``base`` + the steady clock.
    """

    start: float
    base: float
    boot: float
    gateway: float = math.nan  # offset by the gateway's clock, where one was alive
    decided: float = math.nan  # offset that was found to be right


@record(slots=True)
class ClockRecord:
    """Describes the segment of the history that is being recorded: all rows since the clock was last adopted.

    ``origin``: the recorder's state before its first row; empty when it is not known. ``origin_at``: the steady clock
    at the newest row of that state, NaN when the machine was started anew since.
    """

    boot: float = 0.0
    offset: float = math.nan  # NaN: no clock is trusted
    supported: bool = False  # has a witness agreed with it?
    first: float = math.nan  # timestamp of the first row
    withdrawing: bool = False  # the rows since ``origin`` are being withdrawn; they wait
    spans: list[Span] = field(default_factory=list)
    origin: array[float] = field(default_factory=lambda: array("d"))
    origin_at: float = math.nan

    def to_bytes(self) -> bytes:
        """Write the record as it is stored."""
        spans = self.spans[-MOST_SPANS:]
        cells = array("d", [_VERSION, self.boot, self.offset, float(self.supported), self.first])
        cells.extend((float(self.withdrawing), float(len(spans)), float(len(self.origin)), self.origin_at))
        for span in spans:
            cells.extend((span.start, span.base, span.boot, span.gateway, span.decided))
        cells.extend(self.origin)
        return cells.tobytes()

    @classmethod
    def from_bytes(cls, payload: bytes) -> ClockRecord:
        """Read a stored record; nothing is known when it is empty or cannot be understood."""
        if len(payload) < 8 * _FIXED or len(payload) % 8:
            return cls()
        cells = array("d")
        cells.frombytes(payload)
        version, boot, offset, supported, first, withdrawing, spans, origin, origin_at = cells[:_FIXED]
        if version != _VERSION or len(cells) != _FIXED + spans * _SPAN + origin:
            return cls()
        found = cls(boot, offset, bool(supported), first, bool(withdrawing))
        at = _FIXED
        for _ in range(int(spans)):
            found.spans.append(Span(*cells[at : at + _SPAN]))
            at += _SPAN
        found.origin, found.origin_at = cells[at:], origin_at
        return found


class WaitingRows:
    """Holds the rows that wait, and the record beside them. Only the recorder's process writes."""

    def __init__(self, archive: Archive, boot: float) -> None:
        self._archive = archive
        self._ring = archive.waiting
        self._boot = boot
        self.record = ClockRecord.from_bytes(archive.clock.read()[1])
        self.count = self._ring.count
        self._last = self._ring.last_timestamp_or(-math.inf)
        if not self.count:
            self.record.spans = []

    @property
    def full(self) -> bool:
        """Say whether the next row would overwrite one."""
        return self.count >= self._ring.rows

    @property
    def room(self) -> int:
        """Return how many rows fit beside those that wait."""
        return int(self._ring.rows) - self.count

    def keep(self) -> None:
        """Store the record."""
        self._archive.clock.write(self.record.to_bytes())

    def add(self, steady: float, values: array[float], gateway: float | None = None) -> bool:
        """Keep one row; False when it is not later than the last one by the steady clock."""
        spans = self.record.spans
        if not spans or spans[-1].boot != self._boot:
            start = (self._last if math.isfinite(self._last) else 0.0) + 1.0
            spans.append(Span(start, start - steady, self._boot))
            del spans[:-MOST_SPANS]
            self.keep()
        span = spans[-1]
        if gateway is not None and not abs(span.gateway - gateway) <= 1.0:
            span.gateway = gateway
            self.keep()
        # The ring takes rising keys only, and each start of the machine counts its steady clock from 0 again: so every
        # span begins behind the last key of the one before.
        key = max(span.start, span.base + steady)
        if not self._ring.append(key, values):
            return False
        self._last = key
        self.count += 1
        return True

    def rows(self) -> Iterator[tuple[Span, float, array[float]]]:
        """Yield all rows that wait, oldest first: where they belong, the steady clock, the values by COLUMNS."""
        times, columns = self._ring.select(-math.inf, math.inf)
        spans = self.record.spans
        for row, key in enumerate(times):
            span = next((one for one in reversed(spans) if key >= one.start), None)
            if span is not None:
                yield span, key - span.base, array("d", [column[row] for column in columns])

    def clear(self) -> None:
        """Forget all rows: they are recorded, or in a file."""
        self._ring.truncate_after(-math.inf)
        self.count, self._last = 0, -math.inf
        self.record.spans = []
        self.keep()
