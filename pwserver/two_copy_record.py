"""Store a small record in two copies, so that a write that was interrupted leaves the record before."""

from __future__ import annotations

import struct
import zlib

_SLOT = struct.Struct("<IIQ")  # CRC-32 of the rest, length of the payload, sequence number
HEAD_BYTES = _SLOT.size


class TwoCopyRecord:
    """Stores a small record in two copies, written in turn, so that a torn write leaves the other copy.

    Raises ValueError when the payload is longer than ``room``.
    """

    def __init__(self, buffer: memoryview) -> None:
        self._buffer = buffer
        self._half = len(buffer) // 2
        self.room = self._half - _SLOT.size

    def _slot(self, index: int) -> tuple[int, bytes] | None:
        if self._half < _SLOT.size:  # a file cut to next to nothing
            return None
        start = index * self._half
        crc, length, sequence = _SLOT.unpack_from(self._buffer, start)
        if not 0 < length <= self.room or sequence == 0:
            return None
        body = bytes(self._buffer[start + 4 : start + _SLOT.size + length])
        return (sequence, body[_SLOT.size - 4 :]) if zlib.crc32(body) == crc else None

    def read(self) -> tuple[int, bytes]:
        """Return (sequence number, payload) of the newer whole copy; (0, b"") when there is none."""
        # A copy that is being written, or was torn by a crash, fails its checksum; the other one is whole then.
        copies = [copy for copy in (self._slot(0), self._slot(1)) if copy is not None]
        return max(copies, default=(0, b""))

    @property
    def blank(self) -> bool:
        """Return whether nothing was ever written."""
        return not any(self._buffer)

    def next_copy(self, payload: bytes) -> tuple[int, bytes]:
        """Return where the copy of the next write begins, and its bytes."""
        return self.copy(self.read()[0] + 1, payload)

    def copy(self, sequence: int, payload: bytes) -> tuple[int, bytes]:
        """Return where the copy with this sequence number begins, and its bytes."""
        if len(payload) > self.room:
            raise ValueError(f"{len(payload)} bytes do not fit into {self.room}")
        # Odd and even numbers have a half each, so the next one never overwrites the newer copy.
        start = sequence % 2 * self._half
        body = struct.pack("<IQ", len(payload), sequence) + payload
        return start, struct.pack("<I", zlib.crc32(body)) + body

    def put(self, start: int, piece: bytes) -> None:
        """Write what ``next_copy`` returned."""
        self._buffer[start : start + len(piece)] = piece

    def write(self, payload: bytes) -> None:
        """Replace the record; until the write is whole, readers see the one before."""
        self.put(*self.next_copy(payload))
