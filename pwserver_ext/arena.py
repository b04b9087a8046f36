"""Make the arena: one piece of anonymous shared memory, made before any fork and shared by every process after it.

It has no name and no file, so there is nothing to clean up after a crash and no ``/dev/shm`` limit to meet. Pages
that are never touched cost nothing, and nothing is set aside for them: the documents of one gateway may have 16 MB, so
that sixty gateways would need all the memory of a small computer, of which they use a fraction.
"""

from __future__ import annotations

import errno
import mmap
import sys
from collections.abc import Mapping

ALIGNMENT = 64  # one cache line: two regions never share a line
_UNRESERVED = 0x4000 if sys.platform == "linux" else 0  # MAP_NORESERVE, which Python does not name


class Arena:
    """Holds named regions, each 64-byte aligned and zero-filled at first, inside one shared mapping."""

    def __init__(self, layout: Mapping[str, int]) -> None:
        """Map memory for ``layout`` (region name -> size in bytes, in this order).

        Raises ``ValueError`` for an empty layout, an empty name or a size that is not a positive whole number, and
        ``OSError`` when the system has no such memory to give.
        """
        if not layout:
            raise ValueError("an arena needs at least one region")
        self._places: dict[str, tuple[int, int]] = {}
        end = 0
        for name, size in layout.items():
            if not isinstance(name, str) or not name:
                raise ValueError(f"a region needs a name, got {name!r}")
            if isinstance(size, bool) or not isinstance(size, int) or size <= 0:
                raise ValueError(f"region {name!r} needs a positive size in bytes, got {size!r}")
            self._places[name] = (end, size)
            end += (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
        self.size = end
        try:
            self._memory = mmap.mmap(-1, end, flags=mmap.MAP_SHARED | mmap.MAP_ANONYMOUS | _UNRESERVED)
        except OverflowError:  # more than addresses of 32 bits reach
            raise OSError(errno.ENOMEM, f"no {end} bytes of memory can be had") from None
        self._view = memoryview(self._memory)

    @property
    def regions(self) -> dict[str, int]:
        """Return region name -> size in bytes, as asked for."""
        return {name: size for name, (_, size) in self._places.items()}

    def region(self, name: str) -> memoryview:
        """Return the writable bytes of one region; the view keeps the mapping alive. Unknown name: ``ValueError``."""
        try:
            start, size = self._places[name]
        except KeyError:
            raise ValueError(f"the arena has no region {name!r}, only {', '.join(self._places)}") from None
        return self._view[start : start + size]

    def discard(self) -> None:
        """Give the memory back at once, while views of it still exist (they read zeros); it must not be used any more.

        Where the system cannot do that it goes with the last view.
        """
        if hasattr(mmap, "MADV_REMOVE"):
            self._memory.madvise(mmap.MADV_REMOVE)
