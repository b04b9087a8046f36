"""Know which documents clients take, so that the others need not be compressed, or made, at every poll."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Final

from pwserver.shared import Shared

KEPT_SECONDS: Final = 3600.0
READ_SECONDS: Final = 300.0  # the documents about all gateways count as wanted for so long after each request


class Takers:
    """Looks at the counters of all workers. One thread per slot at a time."""

    def __init__(self, shared: Shared, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._known: dict[str, tuple[list[int], list[float]]] = {}  # slot -> counts, and when each last changed

    def untaken(self, slot: str, documents: int) -> frozenset[int]:
        """Return the positions of documents that nobody has taken for an hour, or ever since the start."""
        hits, start, now = self._shared.hits, self._shared.hit_start[slot], self._clock()
        counts = [hits.sum(start + index) for index in range(documents)]
        before, changed = self._known.get(slot) or (counts, [now if count else -math.inf for count in counts])
        changed = [now if count != old else when for count, old, when in zip(counts, before, changed, strict=True)]
        self._known[slot] = counts, changed
        return frozenset(index for index, when in enumerate(changed) if now - when > KEPT_SECONDS)


class SlotReaders:
    """Knows whether anybody reads the documents of a slot about all gateways. For the poller's loop only."""

    def __init__(self, shared: Shared, slot: str, clock: Callable[[], float] = time.monotonic) -> None:
        start = shared.hit_start[slot]
        self._shared = shared
        self._last_read = shared.last_read[slot]
        self._columns = range(start, start + shared.slots[slot].documents)
        self._clock = clock
        self._count = self._served()
        self._served_at = -math.inf

    def any_lately(self) -> bool:
        """Say whether a worker has served or read one of them in the last minutes."""
        now, count = self._clock(), self._served()
        if count != self._count:
            self._count, self._served_at = count, now
        return now - self._served_at < READ_SECONDS or now - (self._last_read[0] or -math.inf) < READ_SECONDS

    def _served(self) -> int:
        return sum(map(self._shared.hits.sum, self._columns))
