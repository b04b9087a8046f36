"""Judge when a gateway has lost TEDAPI, and when to try a fresh connection.

Pure: no I/O, and the time is handed in on two clocks, ``now`` (epoch seconds) and ``tick`` (monotonic seconds).
"""

from __future__ import annotations

from typing import Final

from pwserver.json_types import JsonObject

MISSES: Final = 3  # polls without a firmware version; a busy gateway misses one or two now and then
RECOVERY_STEPS_SECONDS: Final = (60.0, 120.0, 240.0, 300.0)


class FallbackWatch:
    """Holds the fallback state of one gateway that is configured for TEDAPI."""

    def __init__(self, recovery_enabled: bool) -> None:
        self.recovery_enabled = recovery_enabled
        self.since: float | None = None  # epoch
        self.attempts = 0
        self.last_attempt: float | None = None  # epoch
        self._due = 0.0  # monotonic

    @property
    def active(self) -> bool:
        """Return whether the gateway is in fallback."""
        return self.since is not None

    def observe(self, misses: int, left_tedapi: bool, now: float, tick: float) -> None:
        """Enter or leave fallback after a poll.

        ``misses``: how many probes in a row brought no firmware version; ``left_tedapi``: the connection is of another
        kind.
        """
        lost = left_tedapi or misses >= MISSES
        if lost and self.since is None:
            self.since = now
            self._due = tick + RECOVERY_STEPS_SECONDS[0]
        elif not lost and self.since is not None:
            self.reset()

    def recovery_due(self, tick: float) -> bool:
        """Return whether it is time to try a fresh TEDAPI connection."""
        return self.recovery_enabled and self.since is not None and tick >= self._due

    def attempted(self, now: float, tick: float) -> None:
        """Note that an attempt to make a fresh connection failed."""
        self.attempts += 1
        self.last_attempt = now
        self._due = tick + RECOVERY_STEPS_SECONDS[min(self.attempts, len(RECOVERY_STEPS_SECONDS) - 1)]

    def reset(self) -> None:
        """Leave fallback, because TEDAPI is back or the owner asked for a fresh start."""
        self.since = None
        self.attempts = 0
        self.last_attempt = None

    def as_json(self, now: float) -> JsonObject:
        """Return the object ``fallback`` of the API."""
        return {
            "is_fallback_mode": self.since is not None,
            "fallback_since": self.since,
            "recovery_attempts": self.attempts,
            "last_recovery_attempt": self.last_attempt,
            "fallback_duration_seconds": None if self.since is None else max(0.0, now - self.since),
            "recovery_enabled": self.recovery_enabled,
        }
