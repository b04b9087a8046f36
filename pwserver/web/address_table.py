"""Share what all workers know about client addresses, in memory and without a lock.

Each worker writes rows of its own and reads those of all.

Numbers are stored word by word, never byte by byte, and each entry has a version that is odd while it is being written:
a reader in another worker that meets the writer reads again, so it never takes half of one note for another.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator
from typing import Final

from pwserver.records import record
from pwserver.web.client_address import group

GUESSES: Final = "guesses"  # the arena's regions of these tables
STREAMS: Final = "streams"
SETS: Final = 128
WAYS: Final = 8
_WORDS: Final = 5  # of 64 bits an entry: version, key, three numbers
_ENTRY_BYTES: Final = 8 * _WORDS
_READS: Final = 16  # attempts at one entry, before its writer counts as dead in the middle of it
_SECRET: Final = os.urandom(16)  # so that no client can choose addresses that fill one set; one for all generations


@record(slots=True)
class Note:
    """Holds three numbers about one address; the table's user gives them a meaning. A ``first`` of 0 means free."""

    first: float = 0.0
    second: float = 0.0
    third: float = 0.0


class AddressTable:
    """Notes numbers by address: ``SETS * WAYS`` entries for each worker, so no number of clients makes it grow.

    When a set is full, the entry with the smallest ``second`` (the oldest) makes room.
    """

    def __init__(self, region: memoryview, workers: int) -> None:
        self._region = region
        self._whole = region.cast("Q")  # versions and keys
        self._numbers = region.cast("d")
        self._workers = workers

    @staticmethod
    def size(workers: int) -> int:
        """Return how many bytes the table takes for this many workers."""
        return workers * SETS * WAYS * _ENTRY_BYTES

    def clear(self, worker: int) -> None:
        """Forget what this worker wrote."""
        size = self.size(1)
        self._region[worker * size : (worker + 1) * size] = bytes(size)

    def inherit(self, before: AddressTable) -> None:
        """Take over what the workers of ``before`` noted.

        Where there were more of them, the notes of several about one address become one: the sum of ``first``, the
        latest ``second`` and ``third``.
        """
        for worker in range(before._workers):
            for place in range(SETS * WAYS):
                key, note = before._read((worker * SETS * WAYS + place) * _WORDS)
                if note.first:
                    self._add(worker % self._workers, key, note)

    def notes(self, address: str) -> list[Note]:
        """Return what the workers have noted about this address."""
        key = self._key(address)
        return [
            note
            for worker in range(self._workers)
            for _, found, note in self._set(worker, key)
            if found == key and note.first
        ]

    def own(self, worker: int, address: str) -> Note:
        """Return what this worker has noted; zeros where it has noted nothing."""
        return self._own(worker, self._key(address))

    def _own(self, worker: int, key: int) -> Note:
        for _, found, note in self._set(worker, key):
            if found == key:
                return note
        return Note()

    def _add(self, worker: int, key: int, note: Note) -> None:
        known = self._own(worker, key)
        first, second, third = known.first + note.first, max(known.second, note.second), max(known.third, note.third)
        self._write(worker, key, Note(first, second, third))

    def write(self, worker: int, address: str, note: Note) -> None:
        """Replace what this worker noted about this address before."""
        self._write(worker, self._key(address), note)

    def _write(self, worker: int, key: int, note: Note) -> None:
        oldest, place = float("inf"), -1
        for at, found, known in self._set(worker, key):
            if found == key:
                place = at
                break
            age = known.second if known.first else -1.0
            if age < oldest:
                oldest, place = age, at
        whole, numbers = self._whole, self._numbers
        # Odd while the words change. ``| 1`` also takes over from a writer that died halfway and left it odd.
        version = whole[place] | 1
        whole[place] = version
        whole[place + 1] = key
        numbers[place + 2], numbers[place + 3], numbers[place + 4] = note.first, note.second, note.third
        whole[place] = version + 1 & 0xFFFFFFFFFFFFFFFF

    def _set(self, worker: int, key: int) -> Iterator[tuple[int, int, Note]]:
        """Yield the entries that an address can have: the place of each, its key and its note."""
        start = (worker * SETS + key % SETS) * WAYS * _WORDS
        for place in range(start, start + WAYS * _WORDS, _WORDS):
            yield place, *self._read(place)

    def _read(self, place: int) -> tuple[int, Note]:
        """Return key and note of one entry as they were written together; zeros where the writer died halfway."""
        for attempt in range(_READS):
            version = self._whole[place]
            key = self._whole[place + 1]
            note = Note(*self._numbers[place + 2 : place + 5])
            if not version % 2 and self._whole[place] == version:
                return key, note
            if attempt:
                time.sleep(0)  # let the writer go on, if it is this processor that it waits for
        return 0, Note()

    def _key(self, address: str) -> int:
        # A hash of a fixed length instead of the address: an entry has room for one word, and IPv6 needs two.
        digest = hashlib.blake2b(group(address).encode(), digest_size=8, key=_SECRET).digest()
        return int.from_bytes(digest, "little")
