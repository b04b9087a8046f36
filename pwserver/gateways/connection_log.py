"""Log what happens to a gateway's connection: changes at once, repetitions as a count.

So the log stays readable when a gateway is away for a day, and when it misses every tenth poll for a week.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Final

from pwserver.gateways.connection_health import AUTH_FAILED

log = logging.getLogger("pwserver.gateways")

SUMMARY_SECONDS: Final = 300.0
# The fourth fall within ten minutes is too many: single changes are no longer logged until ten minutes without a fall.
OFTEN: Final = 4
QUIET_SECONDS: Final = 600.0
UNSTEADY: Final = "unsteady"


class ChangeFilter:
    """Judges which changes of one thing are worth a line: all of them, until it falls too often.

    Then one line says that it is unsteady.
    """

    def __init__(self) -> None:
        self.told: str | None = None  # the state that the log has last
        self._now: str | None = None
        self._falls: deque[float] = deque(maxlen=OFTEN)

    def news(self, now: str, fell: bool, tick: float) -> str | None:
        """Note the state ``now``, and return the state to be logged at ``tick``; None for nothing.

        The caller sets ``told`` when it has logged it.
        """
        if now != self._now:
            self._now = now
            if fell:
                self._falls.append(tick)
        return self.due(tick)

    def due(self, tick: float) -> str | None:
        """Return a state that was held back and should be logged by now; None for nothing."""
        falls = self._falls
        # Several falls begin it, a quiet time ends it. With one limit for both, "unsteady" itself would flicker.
        if self.told == UNSTEADY:
            unsteady = bool(falls) and tick - falls[-1] < QUIET_SECONDS
        else:
            unsteady = len(falls) == OFTEN and tick - falls[0] < QUIET_SECONDS
        due = UNSTEADY if unsteady else self._now
        return due if due != self.told else None


class ConnectionLog:
    """Writes one gateway's log lines, at most ``limit_per_minute`` about network errors.

    With ``suppress`` there is only a summary every five minutes.
    """

    def __init__(self, gateway_id: str, limit_per_minute: int, suppress: bool) -> None:
        self.gateway_id = gateway_id
        self._limit = 0 if suppress else max(0, limit_per_minute)
        self._complaints: deque[float] = deque(maxlen=max(1, self._limit))
        self._state = ChangeFilter()
        self._families: dict[str, ChangeFilter] = {}
        self._mode: str | None = None
        self._fault: str | None = None
        self._unsaid = 0
        self._last = ""
        self._summary_due: float | None = None

    def connected(self, mode: str) -> None:
        """Log a new connection if it is of another kind than the last one."""
        if mode != self._mode:
            self._mode = mode
            log.info("gateway %s: connected (%s)", self.gateway_id, mode)

    def succeeded(self, state: str, tick: float) -> None:
        """Log the state after an attempt that brought data, if it has changed."""
        before = self._state.told
        news = self._state.news(state, state != "ok", tick)
        if news is not None and (news != UNSTEADY or self._may_complain(tick)):
            self._state.told = news
            log.info("gateway %s: %s (was %s)", self.gateway_id, news, before or "new")
        self._summarise(tick)

    def failed(self, state: str, message: str, wait_seconds: float, tick: float) -> None:
        """Log the state after an attempt that brought no data, if it has changed, and the time to the next attempt."""
        self._unsaid += 1
        self._last = message
        news = self._state.news(state, True, tick)
        if state == AUTH_FAILED:  # always logged, as only the owner can repair it
            news = state if self._state.told != state else None
        if news is not None and (news == AUTH_FAILED or self._may_complain(tick)):
            self._state.told = news
            text = "gateway %s: %s: %s; " + (
                "counted from now on" if news == UNSTEADY else f"next attempt in {wait_seconds:.0f} s"
            )
            log.warning(text, self.gateway_id, news, message)
            self._unsaid -= 1
        self._summarise(tick)

    def capability(self, family: str, change: str, firmware: str | None, tick: float) -> None:
        """Log that a family of data stopped or started to come."""
        teller = self._families.setdefault(family, ChangeFilter())
        if teller.news(change, change == "gone", tick) is not None:
            self._tell_family(family, teller, firmware, tick)

    def families(self, firmware: str | None, tick: float) -> None:
        """Log what was held back while a family of data came and went. Call it after each attempt."""
        for family, teller in self._families.items():
            if teller.due(tick) is not None:
                self._tell_family(family, teller, firmware, tick)

    def fault(self, kind: str, place: str) -> None:
        """Log a bug in pwserver or the library, unless the last one logged was the same."""
        fault = f"{kind} at {place}"
        if fault != self._fault:
            self._fault = fault
            log.error("gateway %s: fault in a poll: %s", self.gateway_id, fault)

    def note(self, text: str) -> None:
        """Log an event worth one line."""
        log.info("gateway %s: %s", self.gateway_id, text)

    def _tell_family(self, family: str, teller: ChangeFilter, firmware: str | None, tick: float) -> None:
        teller.told = teller.due(tick)
        if teller.told == "back":
            log.info("gateway %s: %s: back", self.gateway_id, family)
        else:
            since = f" (firmware {firmware})" if firmware else ""
            log.warning("gateway %s: %s: %s%s", self.gateway_id, family, teller.told, since)

    def _may_complain(self, tick: float) -> bool:
        """Return whether one more line about the network is allowed in this minute, and count it."""
        if not self._limit or (len(self._complaints) == self._limit and tick - self._complaints[0] < 60.0):
            return False
        self._complaints.append(tick)
        return True

    def _summarise(self, tick: float) -> None:
        """Log one line for all failures since the last line."""
        if not self._unsaid:
            self._summary_due = None
        elif self._summary_due is None:
            self._summary_due = tick + SUMMARY_SECONDS
        elif tick >= self._summary_due:
            log.warning("gateway %s: %d more failed attempts, the last: %s", self.gateway_id, self._unsaid, self._last)
            self._unsaid, self._summary_due = 0, None
