"""Remember used idempotency keys in shared memory, so that a new poller and a new generation know them, too."""

from __future__ import annotations

import hashlib
import struct
import threading
import time
from typing import Final

REGION: Final = "keys"  # of the arena
KEYS_MAX: Final = 512
KEY_SECONDS: Final = 3600.0
_ENTRY: Final = struct.Struct("=16sd")  # digest, monotonic seconds of its use; 0: free


class UsedKeys:
    """Holds the last KEYS_MAX keys of the last hour. One process writes, from any of its threads."""

    def __init__(self, region: memoryview) -> None:
        self._region = region
        self._lock = threading.Lock()

    @staticmethod
    def size() -> int:
        """Return how many bytes of shared memory the keys take."""
        return KEYS_MAX * _ENTRY.size

    def used(self, key: str) -> bool:
        """Say whether this key was used within the hour."""
        return self._find(_digest(key)) is not None

    def use(self, key: str) -> None:
        """Store a key as used; it takes the place of the oldest."""
        with self._lock:
            place = min(range(KEYS_MAX), key=lambda number: self._entry(number)[1])
            # Free while it is changed: a process that is killed in between leaves no half of a key.
            _ENTRY.pack_into(self._region, place * _ENTRY.size, b"", 0.0)
            _ENTRY.pack_into(self._region, place * _ENTRY.size, _digest(key), 0.0)
            _ENTRY.pack_into(self._region, place * _ENTRY.size, _digest(key), time.monotonic())

    def forget(self, key: str) -> None:
        """Remove a key, so that it may be used again: nothing was sent after all."""
        with self._lock:
            place = self._find(_digest(key))
            if place is not None:
                _ENTRY.pack_into(self._region, place * _ENTRY.size, b"", 0.0)

    def inherit(self, before: UsedKeys) -> None:
        """Copy the keys of ``before``, whose process has ended."""
        self._region[:] = before._region

    def _find(self, digest: bytes) -> int | None:
        since = time.monotonic() - KEY_SECONDS
        for number in range(KEYS_MAX):
            found, moment = self._entry(number)
            if moment > max(0.0, since) and found == digest:
                return number
        return None

    def _entry(self, number: int) -> tuple[bytes, float]:
        found: tuple[bytes, float] = _ENTRY.unpack_from(self._region, number * _ENTRY.size)
        return found


def _digest(key: str) -> bytes:
    return hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16).digest()
