"""Share one sentence between all processes: why the history must not be touched any more."""

from __future__ import annotations

import mmap

from pwserver.history.layout import PAGE_BYTES


class StopReason:
    """Holds the first reason that any process tells. Make it before any fork.

    It lies in memory without a file, because a mapped file is what may have been cut.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PAGE_BYTES)

    def tell(self, reason: str) -> None:
        """Set the reason, if there is none yet."""
        if self._memory[0] == 0:
            # The first byte goes last, because it is what the other processes look at.
            text = reason.encode(errors="replace")[: PAGE_BYTES - 2]
            self._memory[1 : 1 + len(text)] = text
            self._memory[0] = 1

    @property
    def reason(self) -> str | None:
        """Return the reason; None while there is none."""
        if self._memory[0] == 0:
            return None
        return self._memory[1:].rstrip(b"\0").decode(errors="replace")
