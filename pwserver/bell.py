"""Tells the workers at once that something has been published. What it was they read in the arena."""

from __future__ import annotations

import os


class Bell:
    """One pipe per worker, made before any fork. Ringing never waits and never fails: a pipe that is full has been rung
    and not been heard yet, which is all that needs to be known.
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
