"""Limit the requests to one gateway: counted, bounded in time, refused when they must not be sent.

``http_sessions.py`` and ``http2_client.py`` call ``RequestLimiter.admit`` before each exchange and
``RequestLimiter.note`` after it. One limiter belongs to one gateway connection. The connection's lock lets one thread
at a time use it; only the counters may be read from other threads.
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
_EXCHANGES_KEPT: Final = 200
_LOGIN_PATHS: Final = ("/api/login/", TOKEN_PATH)  # of a gateway, and of Tesla's accounts
_active = threading.local()


def active_limiter() -> RequestLimiter | None:
    """Return the limiter of the gateway call this thread is in, None outside of one."""
    return getattr(_active, "limiter", None)


class RequestRefused(Exception):
    """Refuse a request. Carries the cause a failure should get, None where it says nothing about one."""

    def __init__(self, cause: str | None, message: str) -> None:
        self.cause = cause
        super().__init__(message)


class RequestLimiter:
    """Keep budget, deadline, hold and outcome of the requests to one gateway. Times are monotonic seconds."""

    def __init__(
        self,
        calls_per_minute: int,
        reserved_per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.ceiling = max(1, calls_per_minute)
        # The meters come first: optional queries never eat the share the ticks themselves need.
        self.optional_ceiling = max(1, self.ceiling - max(0, reserved_per_minute))
        self.slow_ceiling = max(2, self.optional_ceiling // 4)
        self.hold_until = 0.0
        self.calls_total = 0
        self.exchanges: deque[Exchange] = deque(maxlen=_EXCHANGES_KEPT)
        self.holed = False  # some answer of this session lacked numbers: what is computed from it needs cleaning
        self.resend = False  # may a request on a connection that turned out closed be sent again?
        self._clock = clock
        self._sent: deque[float] = deque(maxlen=self.ceiling)
        self._optional_sent: deque[float] = deque(maxlen=self.ceiling)
        self._slow_sent: deque[float] = deque(maxlen=self.ceiling)
        self._optional = False
        self._slow = False
        self._deadline: float | None = None
        self._request_deadline: float | None = None
        self._dead: dict[str, str] = {}  # host or host/path family -> cause; for the rest of this session
        self._logins = 0

    @contextmanager
    def session(self, limit_seconds: float, *, resend: bool = True) -> Iterator[RequestLimiter]:
        """Bound all that one poll, attempt to connect or command sends to ``limit_seconds``."""
        self._deadline = self._clock() + limit_seconds
        self.resend = resend
        self.exchanges.clear()
        self.holed = False
        self._dead.clear()
        self._logins = 0
        self._optional = self._slow = False
        outer = active_limiter()
        _active.limiter = self
        try:
            yield self
        finally:
            _active.limiter = outer
            self._deadline = None

    @contextmanager
    def optional(self, slow: bool = False) -> Iterator[None]:
        """Mark requests that may be left out when the budget is short, those of slow-changing things first."""
        before = self._optional, self._slow
        self._optional, self._slow = True, slow
        try:
            yield
        finally:
            self._optional, self._slow = before

    @contextmanager
    def request(self, limit_seconds: float) -> Iterator[None]:
        """Bound one exchange from connecting to its last byte, however slowly the bytes come."""
        self._request_deadline = self._clock() + limit_seconds
        try:
            yield
        finally:
            self._request_deadline = None

    def remaining(self) -> float | None:
        """Return the seconds left of the present request and session, None outside of one."""
        ends = [end for end in (self._deadline, self._request_deadline) if end is not None]
        return min(ends) - self._clock() if ends else None

    def timeout(self, wanted: float | tuple[float | None, float | None] | None) -> tuple[float, float]:
        """Return the limits for connecting and reading: what the library wants, but never beyond the session."""
        connect, read = wanted if isinstance(wanted, tuple) else (wanted, wanted)
        left = self.remaining()
        cap = 30.0 if left is None else max(0.001, left)
        return min(connect or cap, cap), min(read or cap, cap)

    def room(self, calls: int, optional: bool = True, slow: bool = False) -> bool:
        """Tell whether there is budget for ``calls`` more requests in this minute, and no hold."""
        now = self._clock()
        self._forget(now)
        if now < self.hold_until or len(self._sent) + calls > self.ceiling:
            return False
        if slow and len(self._slow_sent) + calls > self.slow_ceiling:
            return False
        return not optional or len(self._optional_sent) + calls <= self.optional_ceiling

    def seconds_until_room(self) -> float:
        """Return how long it takes until the budget allows a required request again."""
        now = self._clock()
        self._forget(now)
        full = self._sent[0] + _WINDOW_SECONDS - now if len(self._sent) >= self.ceiling else 0.0
        return max(0.0, full, self.hold_until - now)

    def admit(self, host: str, path: str) -> None:
        """Raise ``RequestRefused`` unless this request may go out now; count it otherwise."""
        now = self._clock()
        left = self.remaining()
        if left is not None and left <= 0:
            raise RequestRefused(TIMEOUT, "the time for this poll is used up")
        if now < self.hold_until:
            raise RequestRefused(RATE_LIMIT, "the gateway asked us to wait")
        bare = host.removesuffix(OVER_HTTP2)  # what was answered over one version of HTTP holds for the other
        for key in (host, self.family(host, path), bare, self.family(bare, path)):
            if key in self._dead:
                raise RequestRefused(self._dead[key], "already failed in this poll")
        if path.startswith("/api/login/"):
            # A gateway locks the account after a few wrong logins: one attempt a session.
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
        """Remember what became of a request; after a bad one the rest of the session spares that host or path."""
        if exchange.cause is None and exchange.path.startswith(_LOGIN_PATHS):
            # A session had expired and there is a new one: what was refused before may be asked again.
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
        """Take the last failure back: the request is going to be sent once more."""
        if self.exchanges:
            last = self.exchanges.pop()
            self._dead.pop(last.host, None)
            self._dead.pop(self.family(last.host, last.path), None)
            if last.path.startswith("/api/login/"):
                self._logins -= 1

    def hold(self, seconds: float) -> None:
        """Send nothing for this long, whoever asks."""
        self.hold_until = max(self.hold_until, self._clock() + seconds)

    def answered(self, path_prefix: str) -> bool:
        """Tell whether a complete good answer to such a path arrived in this session."""
        return any(item.cause is None and item.path.startswith(path_prefix) for item in self.exchanges)

    def retry_after_seconds(self) -> float | None:
        """Return the longest waiting time a gateway named in this session (429, or 503 with Retry-After), else None."""
        waits = [item.retry_after_seconds for item in self.exchanges if item.retry_after_seconds is not None]
        return max(waits, default=None)

    def rate_limited(self) -> bool:
        """Tell whether the gateway answered 429 in this session."""
        return any(item.cause == RATE_LIMIT and item.sent for item in self.exchanges)

    def calls_in_last_minute(self) -> int:
        """Count the requests really sent during the last 60 s."""
        edge = self._clock() - _WINDOW_SECONDS
        return sum(1 for moment in tuple(self._sent) if moment > edge)

    @staticmethod
    def family(host: str, path: str) -> str:
        """Return the group of requests that most likely fail together: TEDAPI, one device of it, or one local path."""
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
