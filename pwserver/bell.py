"""Tell the workers at once that something has been published; they find out in the arena what it was."""

from __future__ import annotations

import os


class Bell:
    """Wakes the workers by one pipe for each, made before any fork.

    Ringing never waits and never fails: a full pipe has been rung and not been heard yet, and then the worker wakes
    anyway.
    """

    def __init__(self, workers: int) -> None:
        self._pipes = [os.pipe() for _ in range(workers)]
        for ends in self._pipes:
            for end in ends:
                os.set_blocking(end, False)

    def ring(self) -> None:
        """Wake every worker that listens. From any thread."""
        for _, end in self._pipes:
            try:
                os.write(end, b"!")
            except OSError:
                continue

    def descriptor(self, worker: int) -> int:
        """Return what becomes readable for this worker when it rings."""
        return self._pipes[worker][0]

    def hear(self, worker: int) -> None:
        """Take note of all rings so far."""
        try:
            while len(os.read(self._pipes[worker][0], 4096)) == 4096:
                pass
        except OSError:
            return

    def __del__(self) -> None:
        for ends in self._pipes:
            for end in ends:
                os.close(end)
