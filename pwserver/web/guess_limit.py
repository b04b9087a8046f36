"""Make a client that guesses at the token wait, longer each time, in all workers alike."""

from __future__ import annotations

import math
import time

from pwserver.web.address_table import AddressTable, Note

FIRST_WAIT_SECONDS = 1.0
FORGET_WAITS = 3  # failures older than this many longest waits are forgotten
FORGET_LEAST_SECONDS = 900.0


class GuessLimit:
    """Tells how long an address must wait after wrong tokens: not after ``attempts`` of them, then 1, 2, 4 … seconds.

    The longest wait is ``longest_seconds``. A right token clears what was counted.

    In a note: first = failures, second = time of the last one, third = when a right token was last given (monotonic).
    """

    def __init__(self, table: AddressTable, attempts: int, longest_seconds: float) -> None:
        self._table = table
        self._attempts = attempts
        self._longest = longest_seconds
        self._forget = max(FORGET_LEAST_SECONDS, FORGET_WAITS * longest_seconds)

    def wait_seconds(self, address: str) -> float:
        """Return how long this address has to wait, 0 when it may try."""
        now = time.monotonic()
        failures, last = self._failures(address, now)
        if failures < self._attempts:
            return 0.0
        doublings = min(failures - self._attempts, 32)  # 2**32 s is beyond any limit; more would overflow a float
        return max(0.0, last + min(self._longest, FIRST_WAIT_SECONDS * math.ldexp(1.0, int(doublings))) - now)

    def failed(self, worker: int, address: str) -> None:
        """Count a wrong token of this address."""
        now = time.monotonic()
        known = self._table.notes(address)
        cleared = max((note.third for note in known), default=0.0)
        own = self._table.own(worker, address)
        stale = own.second <= cleared or now - own.second > self._forget
        self._table.write(worker, address, Note(1.0 if stale else own.first + 1.0, now, own.third))

    def succeeded(self, worker: int, address: str) -> None:
        """Clear what was counted for an address that has sent the right token."""
        if self._table.notes(address):
            now = time.monotonic()
            # ``first`` is 1, because 0 would mark the entry free and the time of the right token would be forgotten.
            self._table.write(worker, address, Note(1.0, 0.0, now))

    def _failures(self, address: str, now: float) -> tuple[float, float]:
        """Return the failures since the last right token, and when the last of them was."""
        known = self._table.notes(address)
        cleared = max((note.third for note in known), default=0.0)
        counted = [note for note in known if note.second > cleared and now - note.second <= self._forget]
        return sum(note.first for note in counted), max((note.second for note in counted), default=0.0)
