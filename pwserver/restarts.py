"""Decide how long main waits before it starts a child again.

Deaths of one kind are counted for themselves. A child that is killed from outside is in order and starts again at once,
also after deaths of other kinds; one that fails at its own start is tried more and more seldom, because each attempt
costs processor time that the others need. Counting both together would turn a few kills into half a minute of silence
as soon as one of them hits a child before its first heartbeat.

A life that did its work for ``SETTLED_SECONDS`` proves that nothing is wrong now: all counts begin anew.
"""

from __future__ import annotations

from pwserver.deaths import Death, DeathKind

SETTLED_SECONDS = 5.0
# Seconds before the next start after the first, second … death of a kind in a row; the last one repeats.
PAUSES: dict[DeathKind, tuple[float, ...]] = {
    # The longest pause is what a killer in a loop may cost: one start a second.
    DeathKind.KILLED: (0.0, 0.0, 0.0, 0.25, 0.5, 1.0),
    # A request or a file may be what crashes it, and may be gone the next moment: soon, but not in a tight loop.
    DeathKind.CRASHED: (0.0, 0.25, 0.5, 1.0, 2.0),
    # It never worked. What stands in its way is rarely gone within seconds.
    DeathKind.FAILED_AT_START: (0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0),
    DeathKind.FAILED: (0.0, 0.25, 0.5, 1.0, 2.0, 5.0),
    # Its silence was the pause: no start comes sooner than PW_HEARTBEAT_TIMEOUT after the one before.
    DeathKind.HUNG: (0.0,),
    # Every start needs the memory that was wanting, and may take it from a child that still works.
    DeathKind.OUT_OF_MEMORY: (0.0, 1.0, 2.0, 5.0, 10.0, 30.0),
    # An attempt costs next to nothing, but it fails again in the same instant.
    DeathKind.NOT_FORKED: (1.0, 2.0, 5.0),
}


class RestartLadder:
    """Counts the deaths of one child by kind and tells the pause before its next start."""

    def __init__(self) -> None:
        self._in_a_row: dict[DeathKind, int] = {}

    def pause_after(self, death: Death) -> float:
        """Count ``death`` and return the seconds to wait before the next start."""
        if death.worked_seconds >= SETTLED_SECONDS:
            self._in_a_row.clear()
        count = self._in_a_row[death.kind] = self._in_a_row.get(death.kind, 0) + 1
        pauses = PAUSES[death.kind]
        return pauses[min(count, len(pauses)) - 1]

    def in_a_row(self, kind: DeathKind) -> int:
        """Return the number of deaths of this kind since the child last worked for ``SETTLED_SECONDS``."""
        return self._in_a_row.get(kind, 0)
