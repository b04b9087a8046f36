"""What a gateway's connection says in the log: changes at once, repetitions counted."""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

log = logging.getLogger("pwserver.gateways")

_SUMMARY_SECONDS: Final = 300.0


class Voice:
    """One gateway's log lines. ``limit_per_minute`` bounds the network errors; with ``suppress`` there is only a
    summary every five minutes."""

    def __init__(self, gateway_id: str, limit_per_minute: int, suppress: bool) -> None:
        self.gateway_id = gateway_id
        self._suppress = suppress
        self._limit = max(0, limit_per_minute)
        self._said: deque[float] = deque(maxlen=max(1, self._limit))
        self._unsaid = 0
        self._summary_due: float | None = None
        self._state: str | None = None

    @property
    def said_state(self) -> str | None:
        """The state of the last line."""
        return self._state

    def state(self, state: str, cause: str | None, message: str | None, wait_seconds: float, tick: float) -> None:
        """The state after an attempt; said when it changed."""
        if state == self._state:
            return
        before, self._state = self._state, state
        if state in ("ok", "degraded", "fallback"):
            log.info("gateway %s: %s (was %s)", self.gateway_id, state, before or "new")
        else:
            text = "gateway %s: %s: %s; next attempt in %.0f s"
            self._network(tick, text, self.gateway_id, state, message or cause, wait_seconds)

    def failure(self, cause: str, tick: float) -> None:
        """A failed attempt that changed nothing: counted."""
        self._unsaid += 1
        if self._summary_due is None:
            self._summary_due = tick + _SUMMARY_SECONDS
        elif tick >= self._summary_due:
            log.warning("gateway %s: %d more failed attempts, the last: %s", self.gateway_id, self._unsaid, cause)
            self._unsaid = 0
            self._summary_due = tick + _SUMMARY_SECONDS

    def capability(self, family: str, change: str, firmware: str | None) -> None:
        """A family of data that stopped or started coming."""
        if change == "gone":
            since = f" (firmware {firmware})" if firmware else ""
            log.warning("gateway %s: %s: gone%s", self.gateway_id, family, since)
        else:
            log.info("gateway %s: %s: back", self.gateway_id, family)

    def note(self, text: str) -> None:
        """An event worth one line."""
        log.info("gateway %s: %s", self.gateway_id, text)

    def _network(self, tick: float, text: str, *values: object) -> None:
        recent = self._limit > 0 and len(self._said) == self._limit and tick - self._said[0] < 60.0
        if self._suppress or self._limit == 0 or recent:
            self._unsaid += 1
            if self._summary_due is None:
                self._summary_due = tick + _SUMMARY_SECONDS
            return
        self._said.append(tick)
        log.warning(text, *values)
