"""Judge when a gateway has lost TEDAPI, and when to try a fresh connection.

Pure: both clocks are handed in.
"""

from __future__ import annotations

from typing import Any, Final

MISSES: Final = 3
RECOVERY_STEPS_SECONDS: Final = (60.0, 120.0, 240.0, 300.0)


class FallbackWatch:
    """Keep the fallback state of one gateway that is meant to speak TEDAPI."""

    def __init__(self, recovery_enabled: bool) -> None:
        self.recovery_enabled = recovery_enabled
        self.since: float | None = None  # epoch
        self.attempts = 0
        self.last_attempt: float | None = None  # epoch
        self._due = 0.0  # monotonic

    @property
    def active(self) -> bool:
        """Tell whether the gateway is in fallback."""
        return self.since is not None

    def observe(self, misses: int, left_tedapi: bool, now: float, tick: float) -> None:
        """Judge after a poll: ``misses`` probes in a row without a version, or a connection of another kind."""
        lost = left_tedapi or misses >= MISSES
        if lost and self.since is None:
            self.since = now
            self._due = tick + RECOVERY_STEPS_SECONDS[0]
        elif not lost and self.since is not None:
            self.reset()

    def recovery_due(self, tick: float) -> bool:
        """Tell whether it is time to try a fresh TEDAPI connection."""
        return self.recovery_enabled and self.since is not None and tick >= self._due

    def attempted(self, now: float, tick: float) -> None:
        """Note that a fresh connection has been tried in vain."""
        self.attempts += 1
        self.last_attempt = now
        self._due = tick + RECOVERY_STEPS_SECONDS[min(self.attempts, len(RECOVERY_STEPS_SECONDS) - 1)]

    def reset(self) -> None:
        """Leave fallback: TEDAPI is back, or the owner asked to forget."""
        self.since = None
        self.attempts = 0
        self.last_attempt = None

    def as_json(self, now: float) -> dict[str, Any]:
        """Return the published form."""
        return {
            "is_fallback_mode": self.since is not None,
            "fallback_since": self.since,
            "recovery_attempts": self.attempts,
            "last_recovery_attempt": self.last_attempt,
            "fallback_duration_seconds": None if self.since is None else max(0.0, now - self.since),
            "recovery_enabled": self.recovery_enabled,
        }
