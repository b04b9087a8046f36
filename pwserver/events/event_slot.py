"""Write one event into a slot of fixed size, and read it again. A slot has a checksum, so it is whole or nothing."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import ujson

from pwserver.events.event import Event

SLOT_BYTES: Final = 512  # a sector, so that a power cut leaves it whole or not at all
# CRC-32 of the rest, bytes of the text, sequence number, time, steady clock, start of the machine
SLOT: Final = struct.Struct("<IIQddd")
_CHECK: Final = struct.Struct("<II")  # the first two of these
_BODY: Final = struct.Struct("<IQddd")  # all but the first
_SEQUENCE: Final = struct.Struct(f"<8xQ{SLOT_BYTES - 16}x")  # only the third, of a whole slot
TEXT_BYTES: Final = SLOT_BYTES - SLOT.size

Correction = tuple[int, int, float]  # first and last event that it concerns, what to add to their steady clock


class EventRow(NamedTuple):
    """Holds one event as it is stored; ``details`` are JSON."""

    sequence: int
    at: float
    steady: float
    kind: bytes
    details: bytes


def pack_event(event: Event, boot: float) -> bytes:
    """Return the bytes of an event's slot."""
    text = _text(event)
    return _sealed(_BODY.pack(len(text), event.sequence, event.at, event.steady, boot) + text)


def with_time(memory: memoryview, start: int, offset: float) -> bytes:
    """Return the bytes of a whole slot with the time that its event has by this offset."""
    length, sequence, _, steady, boot = _BODY.unpack_from(memory, start + _CHECK.size - 4)
    text = memory[start + SLOT.size : start + SLOT.size + length].tobytes()
    return _sealed(_BODY.pack(length, sequence, steady + offset, steady, boot) + text)


def read_slot(memory: memoryview, start: int, corrections: Sequence[Correction] = ()) -> EventRow | None:
    """Return the event of a slot; None when it is damaged, or is being written just now."""
    crc, length = _CHECK.unpack_from(memory, start)
    if length > TEXT_BYTES:
        return None
    # One copy, which nobody writes to any more; what passes the checksum is all of one write.
    body = memory[start + 4 : start + SLOT.size + length].tobytes()
    if zlib.crc32(body) != crc:
        return None
    _, sequence, at, steady, _ = _BODY.unpack_from(body)
    kind, _, details = body[SLOT.size - 4 :].partition(b"\n")
    for first, last, offset in corrections:
        if first <= sequence <= last:
            at = steady + offset
    return EventRow(sequence, at, steady, kind, details)


def sequences_in(slots: memoryview) -> list[int]:
    """Return the number that each slot gives its event, whole or not; 0 for one that was never written."""
    return [sequence for (sequence,) in _SEQUENCE.iter_unpack(slots)]


def _sealed(body: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(body)) + body


def _text(event: Event) -> bytes:
    """Write kind and details; texts from outside are cut until they fit."""
    for most in (TEXT_BYTES, 64, 32, 16, 8, 0):
        shown = {name: value[:most] if isinstance(value, str) else value for name, value in event.details.items()}
        text = event.kind.encode() + b"\n" + ujson.dumps(shown, ensure_ascii=False).encode("utf-8", "replace")
        if len(text) <= TEXT_BYTES:
            return text
    return event.kind.encode() + b"\n{}"
