"""Know which documents clients take, so that the others need not be compressed at every poll."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from pwserver.shared import Shared

KEPT_SECONDS: Final = 3600.0


class Takers:
    """Looks at the counters of all workers. One thread per slot at a time."""

    def __init__(self, shared: Shared, clock: Callable[[], float] = time.monotonic) -> None:
        self._shared = shared
        self._clock = clock
        self._known: dict[str, tuple[list[int], list[float]]] = {}  # slot -> counts, and when each last changed

    def untaken(self, slot: str, documents: int) -> frozenset[int]:
        """Return the positions of documents that nobody has taken for an hour; of a new process, none at first."""
        hits, start, now = self._shared.hits, self._shared.hit_start[slot], self._clock()
        counts = [hits.sum(start + index) for index in range(documents)]
        before, changed = self._known.get(slot) or (counts, [now] * documents)
        changed = [now if count != old else when for count, old, when in zip(counts, before, changed, strict=True)]
        self._known[slot] = counts, changed
        return frozenset(index for index, when in enumerate(changed) if now - when > KEPT_SECONDS)
