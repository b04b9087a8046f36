"""Write one event into a slot of fixed size, and read it again. A slot has a checksum, so it is whole or nothing."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Final, NamedTuple

import ujson

from pwserver.events.event import Event
from pwserver.state.fact import finite

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
    length, sequence, at, steady, boot = _BODY.unpack_from(memory, start + _CHECK.size - 4)
    text = memory[start + SLOT.size : start + SLOT.size + length].tobytes()
    kind, _, details = text.partition(b"\n")
    moved = kind + b"\n" + moved_details(details, at, steady + offset, steady)
    text = moved if len(moved) <= TEXT_BYTES else text
    return _sealed(_BODY.pack(len(text), sequence, steady + offset, steady, boot) + text)


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
    told = at
    for first, last, offset in corrections:
        if first <= sequence <= last:
            at = steady + offset
    return EventRow(sequence, at, steady, kind, details if at == told else moved_details(details, told, at, steady))


def moved_details(details: bytes, told: float, at: float, steady: float) -> bytes:
    """Return the details of an event whose time is ``at`` and not what was told: ``since`` moves with it.

    What began before this start of the machine was noted by a clock of its own: the calendar says how long it lasted.
    """
    if b'"since"' not in details:
        return details
    found = ujson.loads(details)
    since, seconds = finite(found.get("since")), finite(found.get("duration_seconds"))
    if since is None:
        return details
    if seconds is not None and seconds <= steady:
        found["since"] = round(since + at - told, 3)
    elif "duration_seconds" in found:
        found["duration_seconds"] = round(at - since, 1) if at >= since else None
    return ujson.dumps(found, ensure_ascii=False).encode("utf-8", "replace")


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
