"""Limit the requests to one gateway: count them, bound their time, refuse those that must not be sent.

``http_sessions.py`` and ``http2_client.py`` call ``RequestLimiter.admit`` before each exchange and
``RequestLimiter.note`` after it. One limiter belongs to one gateway connection, whose lock lets only one thread use it
at a time; the counters may be read from other threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pwserver.causes import AUTH, LOGIN_REFUSED, NAME_UNKNOWN, RATE_LIMIT, TESLA_UNREACHABLE, TIMEOUT, UNREACHABLE
from pwserver.gateways.failure import OVER_HTTP2, TOKEN_PATH, Exchange

_WINDOW_SECONDS: Final = 60.0
_EXCHANGES_KEPT: Final = 200  # more than one session can have, with the highest budget that makes sense
_LOGIN_PATHS: Final = ("/api/login/", TOKEN_PATH)  # of a gateway, and of Tesla's accounts
# The library makes the HTTP sessions and cannot hand them a limiter, so they find theirs by the thread.
_active = threading.local()


def active_limiter() -> RequestLimiter | None:
    """Return the limiter whose session this thread is in, None outside of a session."""
    return getattr(_active, "limiter", None)


class RequestRefused(Exception):
    """Raised when a request must not be sent; ``cause`` is what a failure for that reason should have, or None."""

    def __init__(self, cause: str | None, message: str) -> None:
        self.cause = cause
        super().__init__(message)


class RequestLimiter:
    """Holds the budget, deadline, pause and outcomes of the requests to one gateway. Times are monotonic seconds."""

    def __init__(
        self,
        calls_per_minute: int,
        reserved_per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ceiling = max(1, calls_per_minute)
        # The meters come first: optional queries never use the share of the budget that the polls themselves need.
        self.optional_ceiling = max(1, self.ceiling - max(0, reserved_per_minute))
        self.slow_ceiling = max(2, self.optional_ceiling // 4)  # what changes slowly must not crowd out what does not
        self.hold_until = 0.0
        self.calls_total = 0
        self.exchanges: deque[Exchange] = deque(maxlen=_EXCHANGES_KEPT)
        self.holed = False  # some answer of this session lacked numbers, so results computed from it may hold NaNs
        self.resend = False  # a request may be sent again if its kept connection turned out to be closed
        self._clock = clock
        # The times of the requests in the window; ``maxlen`` bounds them, as no more than the ceiling are admitted.
        self._sent: deque[float] = deque(maxlen=self.ceiling)
        self._optional_sent: deque[float] = deque(maxlen=self.ceiling)
        self._slow_sent: deque[float] = deque(maxlen=self.ceiling)
        self._optional = False
        self._slow = False
        self._deadline: float | None = None
        self._request_deadline: float | None = None
        self._dead: dict[str, str] = {}  # host, or host and path family -> cause; refused for the rest of this session
        self._logins = 0

    @contextmanager
    def session(self, limit_seconds: float, *, resend: bool = True) -> Iterator[RequestLimiter]:
        """Bound all requests of one poll, attempt to connect or command to ``limit_seconds`` together."""
        self._deadline = self._clock() + limit_seconds
        self.resend = resend
        self.exchanges.clear()
        self.holed = False
        self._dead.clear()
        self._logins = 0
        self._optional = self._slow = False
        outer = active_limiter()  # restored afterwards, so that sessions may nest
        _active.limiter = self
        try:
            yield self
        finally:
            _active.limiter = outer
            self._deadline = None

    @contextmanager
    def optional(self, slow: bool = False) -> Iterator[None]:
        """Mark requests that are refused when the budget is short; with ``slow``, before other optional ones."""
        before = self._optional, self._slow
        self._optional, self._slow = True, slow
        try:
            yield
        finally:
            self._optional, self._slow = before

    @contextmanager
    def request(self, limit_seconds: float) -> Iterator[None]:
        """Bound one exchange, from connecting to its last byte, to ``limit_seconds``.

        A socket's timeout does not do that, as it starts again with each byte.
        """
        self._request_deadline = self._clock() + limit_seconds
        try:
            yield
        finally:
            self._request_deadline = None

    def remaining(self) -> float | None:
        """Return the seconds that the present request and session have left, None outside of both."""
        ends = [end for end in (self._deadline, self._request_deadline) if end is not None]
        return min(ends) - self._clock() if ends else None

    def timeout(self, wanted: float | tuple[float | None, float | None] | None) -> tuple[float, float]:
        """Return the timeouts for connecting and reading: those that the library wants, cut to the session's rest."""
        connect, read = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        left = self.remaining()
        cap = 30.0 if left is None else max(0.001, left)  # a timeout of 0 means "do not block" or is refused
        return min(connect or cap, cap), min(read or cap, cap)

    def room(self, calls: int, optional: bool = True, slow: bool = False) -> bool:
        """Return whether the budget of this minute has room for ``calls`` more requests, and no pause forbids them."""
        now = self._clock()
        self._forget(now)
        if now < self.hold_until or len(self._sent) + calls > self.ceiling:
            return False
        if slow and len(self._slow_sent) + calls > self.slow_ceiling:
            return False
        return not optional or len(self._optional_sent) + calls <= self.optional_ceiling

    def seconds_until_room(self) -> float:
        """Return the seconds until the budget allows a required request again."""
        now = self._clock()
        self._forget(now)
        full = self._sent[0] + _WINDOW_SECONDS - now if len(self._sent) >= self.ceiling else 0.0
        return max(0.0, full, self.hold_until - now)

    def admit(self, host: str, path: str) -> None:
        """Count a request that is about to be sent. Raises RequestRefused when it must not be sent now."""
        now = self._clock()
        left = self.remaining()
        if left is not None and left <= 0:
            raise RequestRefused(TIMEOUT, "the time for this poll is used up")
        if now < self.hold_until:
            raise RequestRefused(RATE_LIMIT, "the gateway asked us to wait")
        bare = host.removesuffix(OVER_HTTP2)  # an answer over one version of HTTP also counts for the other
        for key in (host, self.family(host, path), bare, self.family(bare, path)):
            if key in self._dead:
                raise RequestRefused(self._dead[key], "already failed in this poll")
        if path.startswith("/api/login/"):
            # A gateway locks the account after a few refused logins, so only one attempt is made in a session.
            if self._logins >= 1:
                raise RequestRefused(None, "one login a poll")
            self._logins += 1
        if not self.room(1, self._optional, self._slow):
            raise RequestRefused(RATE_LIMIT, "our own request budget is spent")
        self._sent.append(now)
        if self._optional:
            self._optional_sent.append(now)
        if self._slow:
            self._slow_sent.append(now)
        self.calls_total += 1

    def note(self, exchange: Exchange) -> None:
        """Remember the outcome of a request; after a failure, refuse that host or path for the rest of the session."""
        if exchange.cause is None and exchange.path.startswith(_LOGIN_PATHS):
            # A session had expired, and there is a new one: requests that were refused before it may be sent again.
            refused = LOGIN_REFUSED if exchange.remote else AUTH
            kept = [item for item in self.exchanges if item.cause != refused]
            self.exchanges = deque(kept, maxlen=_EXCHANGES_KEPT)
            self._dead = {key: cause for key, cause in self._dead.items() if cause != refused}
        self.exchanges.append(exchange)
        if not exchange.sent or exchange.cause is None:
            return
        if exchange.cause in (UNREACHABLE, NAME_UNKNOWN, TESLA_UNREACHABLE):
            self._dead.setdefault(exchange.host, exchange.cause)
        else:
            self._dead.setdefault(self.family(exchange.host, exchange.path), exchange.cause)
        if exchange.cause == RATE_LIMIT:
            self._dead.setdefault(exchange.host, exchange.cause)

    def forgive(self) -> None:
        """Take the last failure back, because the request is going to be sent once more."""
        if self.exchanges:
            last = self.exchanges.pop()
            self._dead.pop(last.host, None)
            self._dead.pop(self.family(last.host, last.path), None)
            if last.path.startswith("/api/login/"):
                self._logins -= 1

    def hold(self, seconds: float) -> None:
        """Refuse all requests for this long, required ones too."""
        self.hold_until = max(self.hold_until, self._clock() + seconds)

    def answered(self, path_prefix: str) -> bool:
        """Return whether a complete answer of success from a path with this prefix arrived in this session."""
        return any(item.cause is None and item.path.startswith(path_prefix) for item in self.exchanges)

    def retry_after_seconds(self) -> float | None:
        """Return the longest pause that the other side asked for in this session (with 429 or 503), else None."""
        waits = [item.retry_after_seconds for item in self.exchanges if item.retry_after_seconds is not None]
        return max(waits, default=None)

    def rate_limited(self) -> bool:
        """Return whether the other side answered 429 in this session."""
        return any(item.cause == RATE_LIMIT and item.sent for item in self.exchanges)

    def calls_in_last_minute(self) -> int:
        """Return how many requests were really sent during the last 60 s."""
        edge = self._clock() - _WINDOW_SECONDS
        return sum(1 for moment in tuple(self._sent) if moment > edge)

    @staticmethod
    def family(host: str, path: str) -> str:
        """Return the name of a group of requests that usually fail together: TEDAPI, one device of it, or one path."""
        path = path.split("?", 1)[0]
        if path.startswith("/tedapi/device/"):
            return host + "/".join(path.split("/")[:4])
        if path.startswith("/tedapi/"):
            return host + "/tedapi"
        return host + path

    def _forget(self, now: float) -> None:
        edge = now - _WINDOW_SECONDS
        for moments in (self._sent, self._optional_sent, self._slow_sent):
            while moments and moments[0] <= edge:
                moments.popleft()
