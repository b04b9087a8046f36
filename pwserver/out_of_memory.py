"""Decide which process the kernel takes when memory runs out, and tell main that it was the kernel.

The kernel ends the process that holds most of the memory, plus a handicap that every process may raise for itself. The
pages that main shares with its children count as main's as well, so that it is a likely victim, and everything ends
with it. The handicap of a child is as large as main itself, not larger: on a machine whose memory another program has
used up, a home's server should not be the first to go.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from pathlib import Path

from pwserver.memory_limits import ROOT, MemoryLimit, count_of_kills, kills_file

LOOK_SECONDS = 2.0  # how often the kernel's count is read; a kill is known by it for up to twice as long
HIGHEST_HANDICAP = 1000
HANDICAP_STEPS = 1000  # one step weighs as much as a thousandth of all memory there is
MARGIN = 1.1  # page tables count as well, and main grows a little


class KernelKills:
    """Follows the kernel's count of kills for want of memory, and how many of them the dead children account for."""

    def __init__(self, root: Path = ROOT, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = kills_file(root)
        self._clock = clock
        self._earlier = self._latest = self._count()
        self._looked = clock()

    def look(self) -> None:
        """Read the count now and then. A kill that is not claimed within some seconds was of another program."""
        if self._clock() - self._looked >= LOOK_SECONDS:
            self._looked = self._clock()
            self._earlier = max(self._earlier, self._latest)
            self._latest = self._count()

    def claim(self) -> bool:
        """Claim one of the kernel's latest kills; False when earlier deaths account for all of them."""
        if self._count() <= self._earlier:
            return False
        self._earlier += 1
        return True

    def _count(self) -> int:
        return (count_of_kills(self._path) if self._path is not None else None) or 0


class Handicaps:
    """Gives the children of this process, main, such handicaps that the kernel takes them before main.

    A child gets its own as soon as it runs its own code. Until then it has the one it was born with, and a kernel in
    need just then would take main, which is larger. So main carries half of a child's handicap while it forks: less
    than its other children, and the newborn more than main a moment later. No privilege is needed to raise one's own
    handicap, or to lower it again to what it was.
    """

    def __init__(self, limit: MemoryLimit | None, folder: Path = ROOT / "proc/self") -> None:
        """Read main's own handicap and size. Without a limit, or where the kernel shows neither, nothing is changed."""
        self._file = folder / "oom_score_adj"
        self.own: int | None = None
        self.of_child = 0
        if limit is None:
            return
        try:
            resident_pages = int((folder / "statm").read_text().split()[1])
            self.own = int(self._file.read_text())
        except (OSError, ValueError, IndexError):
            return
        self.of_child = handicap(self.own, resident_pages * os.sysconf("SC_PAGE_SIZE"), limit)

    def before_fork(self) -> None:
        """Take half of a child's handicap for a newborn to inherit."""
        if self.own is not None:
            self._write((self.own + self.of_child + 1) // 2)

    def in_main(self) -> None:
        """Return to the handicap that main had before, after the fork."""
        if self.own is not None:
            self._write(self.own)

    def in_child(self) -> None:
        """Take a child's whole handicap."""
        if self.own is not None:
            self._write(self.of_child)

    def _write(self, steps: int) -> None:
        try:
            self._file.write_text(str(steps))
        except OSError:  # not for us to choose: then the kernel takes whom it likes
            pass


def handicap(own: int, main_bytes: int, limit: MemoryLimit) -> int:
    """Return the handicap of a child (``oom_score_adj``) that makes the kernel take it before main.

    ``own``: main's handicap. ``main_bytes``: the memory main holds, shared pages counted in full.
    """
    steps = math.ceil(HANDICAP_STEPS * MARGIN * main_bytes / max(1, limit.limit_bytes))
    return min(HIGHEST_HANDICAP, own + max(1, steps))
