"""Keep the events of one gateway in a ring of fixed slots: one writer, any number of readers, no locks.

The memory holds a page of header, a record in two copies, the slots, and the slots of ``keepsakes``. A slot has a
checksum and the sequence number of its event, which says its place: event n lies in slot n modulo their number. The
record holds the number of the newest event that counts (the *head*), the corrections of times, and what the detector
remembers; being one record, all of that changes at one instant.

An event is committed in these steps, so that a process killed between any two has told nobody of what is not kept, and
tells nothing twice: the slots are written to the file, the file is brought to the disk; the record is written to the
file, and that to the disk; only now does the record in the shared memory change, which is what readers look at. Killed
before that, the next process finds the old head together with the old memory, detects the same event again, and writes
it to the same slot. The slots of the newest ``SPARE`` events to come are never shown, so writing destroys nothing that
counts.
"""

from __future__ import annotations

import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final, Protocol

import ujson

from pwserver.events import keepsakes
from pwserver.events.event import Event
from pwserver.events.event_slot import SLOT, SLOT_BYTES, Correction, EventRow, pack_event, read_slot, sequences_in
from pwserver.events.keepsakes import Keepsakes
from pwserver.two_copy_record import TwoCopyRecord

log = logging.getLogger("pwserver.events")

FORMAT_VERSION: Final = 1
PAGE_BYTES: Final = 4096
MAGIC: Final = b"PWEVENT\n"
KEPT: Final = 4096  # events that are shown
SPARE: Final = 64  # events that one poll can make at most
SLOTS: Final = KEPT + SPARE
RECORD_BYTES: Final = 8 * PAGE_BYTES  # of one of its two copies
SHORT_BYTES: Final = PAGE_BYTES + 2 * RECORD_BYTES + SLOTS * SLOT_BYTES  # of files without keepsakes
RING_BYTES: Final = SHORT_BYTES + keepsakes.SLOTS * SLOT_BYTES
MOST_CORRECTIONS: Final = 64
_SLOTS_AT: Final = PAGE_BYTES + 2 * RECORD_BYTES
# magic, version, slots, bytes of a slot, bytes of a copy of the record, bytes of the gateway's id, CRC-32 of all that
_HEAD: Final = struct.Struct("<8sIIIIII")
_COMMIT: Final = struct.Struct("<QI")  # head, number of corrections
_CORRECTION: Final = struct.Struct("<QQd")  # first and last event that it concerns, their offset


class EventFile(Protocol):
    """Declares what the ring needs of its file; a ring in memory has none."""

    def write(self, start: int, content: memoryview) -> None: ...
    def flush(self) -> None: ...


class EventRing:
    """Holds the ring of one gateway over memory that all processes share. Only the poller calls ``commit``.

    ``boot`` names this start of the machine: the steady clock of an event means something only within it.
    """

    def __init__(self, gateway: str, memory: memoryview, file: EventFile | None = None, boot: float = 0.0) -> None:
        self.gateway = gateway
        self.name_json = ujson.dumps(gateway, ensure_ascii=False).encode()
        self.boot = boot
        self.failures = 0  # commits that did not reach the disk
        self._memory = memory
        self._record = TwoCopyRecord(memory[PAGE_BYTES:_SLOTS_AT])
        self._file = file
        self._failed = False
        self._keepsakes = Keepsakes(memory, SHORT_BYTES, self._put)

    # --- reading, from any process -------------------------------------------------------------------------------

    @property
    def head(self) -> int:
        """Return the sequence number of the newest event; 0 while there is none."""
        return self._committed()[0]

    @property
    def kept_memory(self) -> bytes:
        """Return what the detector remembered with the last commit; empty before the first."""
        return self._committed()[2]

    def after(self, sequence: int, limit: int = KEPT) -> list[Event]:
        """Return the events that follow ``sequence``, the oldest first."""
        return [self.event(row) for row in islice(self.rows(after=sequence), limit)]

    def event(self, row: EventRow) -> Event:
        """Return a stored event as an object."""
        return Event(self.gateway, row.kind.decode(), row.at, ujson.loads(row.details), row.sequence, row.steady)

    def rows(self, after: int = 0, before: int | None = None, newest_first: bool = False) -> Iterator[EventRow]:
        """Yield the events between two sequence numbers, both left out, as they are stored.

        Of those that the ring no longer has, the ones are left that matter for years (``keepsakes``).
        """
        head, corrections, _ = self._committed()
        first = max(after, head - KEPT, 0) + 1
        last = head if before is None else min(head, before - 1)
        if not newest_first:
            yield from self._keepsakes.rows(after, min(last, head - KEPT), corrections)
        for sequence in range(last, first - 1, -1) if newest_first else range(first, last + 1):
            row = self._read(sequence, corrections)
            if row is not None:
                yield row
        if newest_first:
            yield from reversed(self._keepsakes.rows(after, min(last, head - KEPT), corrections))

    @property
    def generation(self) -> tuple[int, int]:
        """Return what changes with every event, and whenever times are put right."""
        head, corrections, _ = self._committed()
        return head, len(corrections) and hash(corrections[-1])

    def _committed(self) -> tuple[int, list[Correction], bytes]:
        payload = self._record.read()[1]
        if len(payload) < _COMMIT.size:
            return 0, [], b""
        head, count = _COMMIT.unpack_from(payload)
        end = _COMMIT.size + count * _CORRECTION.size
        return head, list(_CORRECTION.iter_unpack(payload[_COMMIT.size : end])), payload[end:]

    def _read(self, sequence: int, corrections: Sequence[Correction]) -> EventRow | None:
        """Return one event; None when its slot has been damaged, or taken by a later event meanwhile."""
        row = read_slot(self._memory, _slot_start(sequence), corrections)
        return row if row is not None and row.sequence == sequence else None

    # --- writing, by the poller ----------------------------------------------------------------------------------

    def commit(self, events: Sequence[Event], memory: bytes) -> list[Event]:
        """Keep at most SPARE events, with what the detector remembers after them. Returns them with their numbers.

        Without events only the memory changes, which is not brought to the disk at once.
        """
        if len(events) > SPARE:
            raise ValueError(f"{len(events)} events at once, {SPARE} have room")
        head, corrections, _ = self._committed()
        numbered = [replace(event, sequence=head + place) for place, event in enumerate(events, 1)]
        for event in numbered:
            self._put(_slot_start(event.sequence), pack_event(event, self.boot))
        if numbered:
            self._keepsakes.keep(numbered, head, self.boot)
            self._sync()
        self._write_record(head + len(numbered), corrections, memory, bool(numbered))
        return numbered

    def put_right(self, since: float, offset: float) -> int:
        """Give the events since a moment of the steady clock the time they have by this offset; returns how many.

        An offset is what one must add to the steady clock to get epoch seconds (history/clock_witnesses).

        Their slots stay as they are: a slot that is written again could be torn after a client has seen its event. Only
        the second copies of those that are kept for long get it, while the first ones are there.
        """
        head, corrections, memory = self._committed()
        first = head + 1
        while first > max(1, head - KEPT + 1) and self._is_of_this_start(first - 1, since):
            first -= 1
        if first > head:
            return 0
        self._keepsakes.put_right(first, head, offset)
        oldest = head - KEPT
        kept = [one for one in corrections if one[1] > oldest][-(MOST_CORRECTIONS - 1) :]
        self._write_record(head, [*kept, (first, head, offset)], memory, True)
        return head - first + 1

    def recover(self, used: int = RING_BYTES) -> int:
        """Find the head by the slots, where the record has been lost. Returns how many events were found.

        ``used``: behind so many bytes all is empty. A page of the memory that nobody reads or writes takes none.
        """
        if self._committed()[0] or used <= _SLOTS_AT:
            return 0
        numbers = sequences_in(self._memory[_SLOTS_AT:SHORT_BYTES])
        found = [sequence for slot, sequence in enumerate(numbers) if sequence and self._is_whole(slot, sequence)]
        found += [sequence for sequence in self._keepsakes.numbers() if sequence not in found]
        if found:
            self._write_record(max(found), [], b"", True)
        return len(found)

    def _is_whole(self, slot: int, sequence: int) -> bool:
        return _slot_start(sequence) == _SLOTS_AT + slot * SLOT_BYTES and self._read(sequence, ()) is not None

    def _is_of_this_start(self, sequence: int, since: float) -> bool:
        _, _, found, _, steady, boot = SLOT.unpack_from(self._memory, _slot_start(sequence))
        return bool(found == sequence and boot == self.boot and steady > since)

    def _put(self, start: int, content: bytes) -> None:
        self._memory[start : start + len(content)] = content  # beyond the head, where no reader looks
        if self._file is not None:
            self._file.write(start, memoryview(content))

    def _write_record(self, head: int, corrections: Sequence[Correction], memory: bytes, sync: bool) -> None:
        payload = _COMMIT.pack(head, len(corrections))
        payload += b"".join(_CORRECTION.pack(*one) for one in corrections) + memory
        start, piece = self._record.next_copy(payload)
        if self._file is not None:
            self._file.write(PAGE_BYTES + start, memoryview(piece))
            if sync:
                self._sync()
        self._record.put(start, piece)

    def _sync(self) -> None:
        """Bring what was written to the disk. A disk that refuses is told once; the memory has the event all the same.

        To keep events back until the disk works again would hide an outage from an owner who is there to see it.
        """
        if self._file is None:
            return
        try:
            self._file.flush()
        except OSError as refused:
            self.failures += 1
            if not self._failed:
                log.error("events of %s do not reach the disk: %s", self.gateway, refused.strerror)
            self._failed = True
        else:
            self._failed = False


def ring_header(gateway: str) -> bytes:
    """Write the first page of a ring's file."""
    name = gateway.encode()
    if len(name) > PAGE_BYTES - _HEAD.size:
        raise ValueError("the gateway's id does not fit into the header")
    fixed = (MAGIC, FORMAT_VERSION, SLOTS, SLOT_BYTES, RECORD_BYTES, len(name))
    crc = zlib.crc32(_HEAD.pack(*fixed, 0) + name)
    return (_HEAD.pack(*fixed, crc) + name).ljust(PAGE_BYTES, b"\0")


def header_problem(page: bytes, size: int, gateway: str) -> str | None:
    """Say why a file is not the ring of this gateway; None when it is."""
    if len(page) < PAGE_BYTES:
        return "is cut off"
    magic, version, *_ = _HEAD.unpack_from(page)
    if magic != MAGIC:
        return "does not begin like a file of events"
    if version != FORMAT_VERSION:
        return f"has format version {version}, this program reads {FORMAT_VERSION}"
    if page != ring_header(gateway):
        return "has a damaged header, or is another gateway's"
    # A file without keepsakes, or with a part of them, was written by an earlier version; it is made longer.
    return None if SHORT_BYTES <= size <= RING_BYTES else f"has {size} bytes, {RING_BYTES} were written"


def memory_room(corrections: int = MOST_CORRECTIONS) -> int:
    """Return how many bytes the detector may remember."""
    return RECORD_BYTES - 16 - _COMMIT.size - corrections * _CORRECTION.size


def _slot_start(sequence: int) -> int:
    return _SLOTS_AT + (sequence - 1) % SLOTS * SLOT_BYTES
