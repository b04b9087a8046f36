"""The one way a gateway can fail: a cause from a closed set, a sentence, and perhaps a waiting time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

UNREACHABLE: Final = "unreachable"  # no connection: refused, reset, no route, name unknown
TIMEOUT: Final = "timeout"  # connected or connecting, but no complete answer in time
AUTH: Final = "auth"  # 401 or 403, wrong password, key not accepted
RATE_LIMIT: Final = "rate-limit"  # 429, or our own request budget is spent
HTTP_ERROR: Final = "http-error"  # any other status that is not 200
GARBAGE: Final = "garbage"  # an answer arrived that is not what it should be
NO_DATA: Final = "no-data"  # a sound answer without a single meter value

CAUSES: Final = (UNREACHABLE, TIMEOUT, AUTH, RATE_LIMIT, HTTP_ERROR, GARBAGE, NO_DATA)

_WORDS: Final = {
    UNREACHABLE: "no connection to the gateway",
    TIMEOUT: "the gateway did not answer in time",
    AUTH: "the gateway refused our credentials",
    RATE_LIMIT: "the gateway asked us to slow down",
    HTTP_ERROR: "the gateway answered with an error",
    GARBAGE: "the gateway's answer could not be understood",
    NO_DATA: "the gateway answered without any meter value",
}


class GatewayFailure(Exception):
    """A poll, or a connection attempt, that produced no Reading.

    ``cause`` is one of ``CAUSES``; ``message`` is safe to publish (never a secret, never a library text);
    ``retry_after_seconds`` is what the gateway asked for, None when it did not say.
    """

    def __init__(self, cause: str, message: str | None = None, retry_after_seconds: float | None = None) -> None:
        if cause not in CAUSES:
            raise ValueError(f"unknown cause of failure: {cause!r}")
        self.cause = cause
        self.message = message or _WORDS[cause]
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.message)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what became of it. ``cause`` is None when a complete 200 answer arrived."""

    host: str
    path: str
    status: int | None
    cause: str | None
    seconds: float
    retry_after_seconds: float | None = None
    sent: bool = True  # False: refused by us before it reached the network
    delivered: bool = True  # False: there was no connection, so the request cannot have reached anybody


def cause_of_status(status: int) -> str | None:
    """The cause a status code stands for; None for success (2xx and the redirects the library follows)."""
    if status in (401, 403):
        return AUTH
    if status == 429:
        return RATE_LIMIT
    if status >= 400:
        return HTTP_ERROR
    return None


def describe(exchange: Exchange) -> str:
    """A publishable sentence about a failed exchange: words, path family and status, never a query or a body."""
    text = _WORDS[exchange.cause or GARBAGE]
    where = exchange.path.split("?", 1)[0]
    if where.startswith("/tedapi/device/"):
        where = "/tedapi/device/…"
    if exchange.status is not None:
        return f"{text} (HTTP {exchange.status} at {where})"
    return f"{text} ({where})"


# A rate limit must win over everything (it carries a waiting time), then what an owner can repair.
_RANK: Final = {RATE_LIMIT: 0, AUTH: 1, UNREACHABLE: 2, TIMEOUT: 3, HTTP_ERROR: 4}


def failure_from(exchanges: Iterable[Exchange], fallback: str, message: str | None = None) -> GatewayFailure:
    """Classify a poll that yielded nothing by what happened on the wire.

    ``fallback`` is the cause when every exchange was a complete answer: then the content was at fault.
    """
    failed = [item for item in exchanges if item.cause is not None]
    if not failed:
        return GatewayFailure(fallback, message)
    worst = min(failed, key=lambda item: (_RANK.get(item.cause or "", 9), not item.sent))
    waits = [item.retry_after_seconds for item in failed if item.retry_after_seconds is not None]
    return GatewayFailure(worst.cause or fallback, describe(worst), max(waits) if waits else None)
