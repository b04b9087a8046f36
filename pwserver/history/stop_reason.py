"""One sentence that all processes share: why the history must not be touched any more."""

from __future__ import annotations

import mmap

from pwserver.history.layout import PAGE_BYTES


class StopReason:
    """Make it before any fork. Whoever tells first is heard by all, in memory that is no file and cannot be cut."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, PAGE_BYTES)

    def tell(self, reason: str) -> None:
        """Set the reason, if there is none yet. The first byte goes last: it is what the others look at."""
        if self._memory[0] == 0:
            text = reason.encode(errors="replace")[: PAGE_BYTES - 2]
            self._memory[1 : 1 + len(text)] = text
            self._memory[0] = 1

    @property
    def reason(self) -> str | None:
        """Return the reason; None while there is none."""
        if self._memory[0] == 0:
            return None
        return self._memory[1:].rstrip(b"\0").decode(errors="replace")
