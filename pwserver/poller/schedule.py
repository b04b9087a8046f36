"""Compute ticks on a fixed grid: late work never shifts the grid, and missed ticks are skipped, not made up for."""

from __future__ import annotations

import math


class Ticks:
    """Gives the ticks at ``origin + n * interval_seconds``, on the monotonic clock."""

    def __init__(self, interval_seconds: float, origin: float) -> None:
        if not interval_seconds > 0:
            raise ValueError(f"interval_seconds must be positive, not {interval_seconds!r}")
        self.interval_seconds = interval_seconds
        self.origin = origin

    def after(self, now: float) -> float:
        """Return the first tick strictly later than ``now``."""
        return self.origin + (math.floor((now - self.origin) / self.interval_seconds) + 1) * self.interval_seconds
