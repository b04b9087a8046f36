"""Judge the attempts to reach one gateway: its state, and when the next attempt may happen.

Pure: no I/O, no clock. Times are handed in on two clocks: ``now`` in epoch seconds, for people, and ``tick`` in
monotonic seconds, for waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pwserver.causes import CAUSE_BY_ID, RATE_LIMIT, UNREACHABLE, Patience
from pwserver.gateways.failure import GatewayFailure
from pwserver.reading import Capability, GatewayStatus
from pwserver.records import record

CONNECTING: Final = "connecting"
OK: Final = "ok"
DEGRADED: Final = "degraded"
FALLBACK: Final = "fallback"
AUTH_FAILED: Final = "auth-failed"
BACKING_OFF: Final = "backing-off"

BACKOFF_STEPS_POLLS: Final = (1.0, 2.0, 6.0, 12.0, 24.0)  # at five seconds a poll: 5, 10, 30, 60, 120 s
RELOGIN_SECONDS: Final = 5.0
# A restarting gateway refuses for some seconds a login that has worked before. Only a few more attempts are made, as a
# gateway counts refused logins and locks the account.
LOGIN_STEPS_SECONDS: Final = (RELOGIN_SECONDS, 5.0, 10.0, 30.0, 120.0, 300.0)
RATE_LIMIT_STEPS_SECONDS: Final = (60.0, 120.0, 300.0)  # when the gateway names no time
JITTER: Final = 0.15  # keeps several gateways from being tried at one moment; only lengthens what was promised
LONGEST_WAIT_SECONDS: Final = 24 * 3600.0


@record(frozen=True, slots=True)
class Policy:
    """Holds the owner's settings for waiting, in seconds."""

    poll_interval_seconds: float = 5.0
    backoff_max_seconds: float = 10.0
    auth_cooldown_seconds: float = 1800.0
    cache_ttl_seconds: float = 30.0
    graceful_degradation: bool = True


class GatewayHealth:
    """Turns the outcomes of attempts into a state. ``jitter`` returns a new number from 0 to 1 with each call."""

    def __init__(self, policy: Policy, now: float, tick: float, jitter: Callable[[], float]) -> None:
        self.policy = policy
        self.state = CONNECTING
        self.state_since = now
        self.online = False
        self.last_updated: float | None = None
        self.error: str | None = "Initializing..."
        self.cause: str | None = None
        self.consecutive_failures = 0
        self.total_failures = 0
        self.total_successes = 0
        self.backoff_seconds = 0.0
        self.poll_seconds: float | None = None
        self.next_attempt = tick  # monotonic
        self.hold_until = tick  # monotonic: until then nothing is sent, not even for a forced poll
        self._last_updated_tick: float | None = None
        self.login_worked = False  # the configured credentials have been accepted at least once
        self._auth_failures = 0
        self._rate_limits = 0
        self._jitter = jitter

    def may_attempt(self, tick: float) -> bool:
        """Return whether the next scheduled attempt is due."""
        return tick >= self.next_attempt

    def succeeded(
        self,
        now: float,
        tick: float,
        *,
        poll_seconds: float | None = None,
        degraded: bool = False,
        fallback: bool = False,
        hold_seconds: float | None = None,
    ) -> None:
        """Note a fresh reading. ``hold_seconds``: the pause that a 429 on an optional query asked for."""
        self.online = True
        self.last_updated = now
        self._last_updated_tick = tick
        self.error = None
        self.cause = None if hold_seconds is None else RATE_LIMIT
        self.consecutive_failures = 0
        self.total_successes += 1
        self.backoff_seconds = 0.0
        self.poll_seconds = poll_seconds
        self.login_worked = True
        self._auth_failures = 0
        self.next_attempt = tick
        if hold_seconds is None:
            self._rate_limits = 0
        else:
            self._wait(tick, hold_seconds, hold=True)
        self._enter(FALLBACK if fallback else DEGRADED if degraded or hold_seconds is not None else OK, now)

    def failed(self, now: float, tick: float, failure: GatewayFailure) -> None:
        """Note an attempt without a reading."""
        self.online = False
        self.error = failure.message
        self.cause = failure.cause
        self.consecutive_failures += 1
        self.total_failures += 1
        self.poll_seconds = None  # how long a failure took is not how long a poll takes
        asked = failure.retry_after_seconds
        if failure.patience is Patience.RATE_LIMIT:
            step = RATE_LIMIT_STEPS_SECONDS[min(self._rate_limits, len(RATE_LIMIT_STEPS_SECONDS) - 1)]
            self._rate_limits += 1
            self._wait(tick, step if asked is None else asked, hold=True)
            self._enter(BACKING_OFF, now)
        elif failure.patience is Patience.LOGIN:
            # One more attempt with a fresh login, several if the login has worked before. Then a long pause, because
            # gateways and Tesla lock accounts.
            steps = LOGIN_STEPS_SECONDS if self.login_worked else LOGIN_STEPS_SECONDS[:1]
            self._auth_failures += 1
            if self._auth_failures <= len(steps):
                step = min(steps[self._auth_failures - 1], self.policy.auth_cooldown_seconds)
                self._wait(tick, max(step, asked or 0.0), hold=self._auth_failures > 1)
                self._enter(BACKING_OFF, now)
            else:
                self._wait(tick, max(self.policy.auth_cooldown_seconds, asked or 0.0), hold=True)
                self._enter(AUTH_FAILED, now)
        else:
            polls = BACKOFF_STEPS_POLLS[min(self.consecutive_failures, len(BACKOFF_STEPS_POLLS)) - 1]
            # A failing attempt costs the gateway only one request, so even a short pause burdens it less than polls.
            step = min(polls * self.policy.poll_interval_seconds, max(self.policy.backoff_max_seconds, 1.0))
            self._wait(tick, max(step, asked or 0.0), hold=asked is not None)
            self._enter(BACKING_OFF, now)

    def resume(self, now: float, tick: float, until: float, cause: str) -> None:
        """Continue the pause that an earlier process was told to keep: until ``until`` (monotonic), for ``cause``."""
        refused = CAUSE_BY_ID[cause].patience is Patience.LOGIN
        self.cause = cause
        self.error = GatewayFailure(cause).message
        self.hold_until = self.next_attempt = until
        self.backoff_seconds = max(0.0, until - tick)
        steps = len(LOGIN_STEPS_SECONDS) if self.login_worked else 1
        long = not self.login_worked or self.backoff_seconds > max(LOGIN_STEPS_SECONDS) * (1.0 + JITTER)
        if refused:
            # Count the refusals of the earlier process: after its long pause, one more refusal leads to the next one.
            self._auth_failures = steps if long else 1
        self._enter(AUTH_FAILED if refused and long else BACKING_OFF, now)

    def probe_due(self, tick: float) -> bool:
        """Return whether a bare TCP connection may be tried, because the gateway could not be reached before."""
        return self.cause == UNREACHABLE and self.state == BACKING_OFF and tick < self.next_attempt

    def back_in_reach(self, tick: float) -> None:
        """Make the next attempt due at once, because a bare TCP connection has succeeded again."""
        if tick >= self.hold_until:
            self.next_attempt = min(self.next_attempt, tick)

    def release(self, tick: float) -> None:
        """Forget all pauses except one that the gateway asked for: the owner wants a fresh start (health reset)."""
        self._auth_failures = 0
        # A pause that the gateway asked for is kept: breaking it would only lengthen it.
        self.next_attempt = max(tick, self.hold_until if self.cause == RATE_LIMIT else tick)
        self.hold_until = self.next_attempt

    def stale(self, tick: float) -> bool:
        """Return whether old data are served, because the last attempt failed and they are still young enough."""
        if self.online or self._last_updated_tick is None or not self.policy.graceful_degradation:
            return False
        return tick - self._last_updated_tick <= self.policy.cache_ttl_seconds

    def status(self, now: float, tick: float, **more: Any) -> GatewayStatus:
        """Return the published form; ``more`` holds the fields not known here (calls, modes, capabilities …)."""
        waiting = self.next_attempt > tick
        # No poll can fail while the gateway asks for a pause, so the age of the last success decides.
        limit = max(self.policy.cache_ttl_seconds, 3 * self.policy.poll_interval_seconds)
        overdue = waiting and self._last_updated_tick is not None and tick - self._last_updated_tick > limit
        return GatewayStatus(
            state=self.state,
            state_since=self.state_since,
            online=self.online and not overdue,
            stale=self.stale(tick),
            last_updated=self.last_updated,
            error=GatewayFailure(self.cause).message if overdue and self.error is None and self.cause else self.error,
            cause=self.cause,
            consecutive_failures=self.consecutive_failures,
            total_failures=self.total_failures,
            total_successes=self.total_successes,
            backoff_seconds=round(self.backoff_seconds),
            next_attempt=now + (self.next_attempt - tick) if waiting else None,
            poll_seconds=self.poll_seconds,
            **more,
        )

    def _wait(self, tick: float, seconds: float, hold: bool = False) -> None:
        seconds = min(max(seconds, 0.0), LONGEST_WAIT_SECONDS)
        self.backoff_seconds = seconds
        self.next_attempt = tick + seconds * (1.0 + JITTER * self._jitter())
        if hold:
            self.hold_until = max(self.hold_until, self.next_attempt)
            self.next_attempt = self.hold_until

    def _enter(self, state: str, now: float) -> None:
        if state != self.state:
            self.state = state
            self.state_since = now


class Capabilities:
    """Records which families of data a gateway delivers: last success, failures in a row, changes worth a log line."""

    def __init__(self) -> None:
        self._known: dict[str, Capability] = {}

    def record(self, family: str, arrived: bool, now: float) -> str | None:
        """Note whether one family came in one poll; return "gone" or "back" when that changed, else None."""
        before = self._known.get(family, Capability())
        if arrived:
            self._known[family] = Capability(last_success=now, failures=0, available=True)
            return "back" if before.available is False and before.last_success is not None else None
        failures = before.failures + 1
        # A single miss happens on any network; only the second in a row counts as a change.
        gone = failures >= 2 or before.last_success is None
        available = False if gone else before.available
        self._known[family] = Capability(before.last_success, failures, available)
        return "gone" if before.available and available is False else None

    def missing(self) -> list[str]:
        """Return the families that came before and do not come now."""
        return [name for name, item in self._known.items() if item.last_success is not None and item.failures > 0]

    def never(self, *families: str) -> list[str]:
        """Return those of the named families that were asked for and never came."""
        return [
            name
            for name in families
            if name in self._known and self._known[name].last_success is None and self._known[name].failures > 0
        ]

    def snapshot(self) -> Mapping[str, Capability]:
        """Return a copy of the present table."""
        return dict(self._known)
