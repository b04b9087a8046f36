"""Keep a second copy of the events that matter for years, so that frequent ones cannot push them out of the ring.

An alert that comes and goes, or an automation that changes the reserve every few minutes, makes thousands of events
in a few weeks; the outages of a house are a few a year. The slots lie behind those of the ring. Their events are shown
once the ring no longer has them. Which place is the next one is noted nowhere: it follows the newest event that counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from pwserver.events import kinds
from pwserver.events.event import Event
from pwserver.events.event_slot import SLOT_BYTES, Correction, EventRow, pack_event, read_slot, sequences_in, with_time

SLOTS: Final = 1024
SPARE: Final = 64  # events to come, whose slots show nothing: as many as are committed at once
KEPT: Final = SLOTS - SPARE
# All of them are rare by their nature: that is what makes the room enough.
KINDS: Final = frozenset({kinds.GRID_DOWN, kinds.GRID_UP, kinds.FIRMWARE_CHANGED, kinds.UNIT_APPEARED, kinds.UNIT_GONE})

Put = Callable[[int, bytes], None]  # writes bytes from a place of the memory on


class Keepsakes:
    """Holds the slots from ``start`` of the memory on. ``put`` writes to the memory and to the file."""

    def __init__(self, memory: memoryview, start: int, put: Put) -> None:
        self._memory = memory
        self._start = start
        self._put = put
        self._next: int | None = None  # the place of the next event, known to the writer alone

    def rows(self, after: int, until: int, corrections: Sequence[Correction]) -> list[EventRow]:
        """Return the events after one number and up to another, the oldest first; read from any process."""
        if until <= after:
            return []
        places = sorted((sequence, place) for place, sequence in self._sequences() if after < sequence <= until)
        read = (read_slot(self._memory, self._at(place), corrections) for _, place in places[-KEPT:])
        found = {row.sequence: row for row in read if row is not None and after < row.sequence <= until}
        return list(found.values())

    def numbers(self) -> list[int]:
        """Return the numbers of all events that are whole, whether they count or not."""
        found = (read_slot(self._memory, self._at(place)) for place, sequence in self._sequences() if sequence)
        return [row.sequence for row in found if row is not None]

    def keep(self, events: Iterable[Event], head: int, boot: float) -> None:
        """Write those of the events that are to be kept. ``head``: the newest event that counts."""
        wanted = [event for event in events if event.kind in KINDS]
        if self._next is None:
            self._next = self._find_next(head)
        for event in wanted:
            self._put(self._at(self._next), pack_event(event, boot))
            self._next = (self._next + 1) % SLOTS

    def put_right(self, first: int, last: int, offset: float) -> None:
        """Write the right time into the copies of these events, which the ring has, too.

        The list of corrections is bounded, and forgets those of events that the ring no longer has.
        """
        for place, sequence in self._sequences():
            if first <= sequence <= last and read_slot(self._memory, self._at(place)) is not None:
                self._put(self._at(place), with_time(self._memory, self._at(place), offset))

    def _find_next(self, head: int) -> int:
        """Find the place behind the newest event that counts, and clear what was written but never counted."""
        newest, found = 0, SLOTS - 1
        for place, sequence in self._sequences():
            if sequence > head:
                self._put(self._at(place), bytes(SLOT_BYTES))
            elif sequence > newest:
                newest, found = sequence, place
        return (found + 1) % SLOTS

    def _sequences(self) -> Iterable[tuple[int, int]]:
        """Return every place with the number of its event."""
        return enumerate(sequences_in(self._memory[self._start : self._at(SLOTS)]))

    def _at(self, place: int) -> int:
        return self._start + place * SLOT_BYTES
