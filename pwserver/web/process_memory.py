"""Measure how much memory the processes of this server take together."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

PAGE_KB: Final = os.sysconf("SC_PAGE_SIZE") // 1024
PROC: Final = Path("/proc")
MEASURED_EVERY_SECONDS: Final = 5.0


class ProcessMemory:
    """Tells the memory of the processes that ``pids`` lists, as it was at most five seconds ago.

    The kernel walks through all pages of a process to measure it, which takes ten times as long as the rest of an
    answer that tells it.
    """

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._kb = 0
        self._measured = -math.inf
        self._measuring = asyncio.Lock()

    async def kb(self) -> int:
        """Return it in kB, measured in a thread if what is known is older."""
        async with self._measuring:
            if time.monotonic() - self._measured >= MEASURED_EVERY_SECONDS:
                self._kb = await asyncio.to_thread(proportional_kb, self._pids())
                self._measured = time.monotonic()
            return self._kb


def proportional_kb(pids: Iterable[int], proc: Path = PROC) -> int:
    """Return the memory of these processes in kB; those that have gone count nothing.

    Children share most of their pages with main, so the sum of their resident sizes counts these once for each of
    them, twice to three times the truth. The kernel's proportional size (PSS) divides a shared page among its users.
    """
    return sum(_one_kb(proc / str(pid)) for pid in pids)


def _one_kb(process: Path) -> int:
    try:
        for line in (process / "smaps_rollup").read_text("ascii").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass  # a kernel before 4.14, or one that does not let us look
    try:
        _, resident, shared, *_ = (process / "statm").read_text("ascii").split()
        return (int(resident) - int(shared)) * PAGE_KB  # without what is shared: too little rather than twice
    except (OSError, ValueError):
        return 0
