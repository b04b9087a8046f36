"""Judge what went wrong with a request or a whole poll: find its cause in the closed table, and word it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pwserver.causes import (
    ACCESS_DENIED,
    AUTH,
    CAUSE_BY_ID,
    CAUSES,
    GARBAGE,
    HTTP_ERROR,
    LOGIN_REFUSED,
    NO_DATA,
    NOT_REGISTERED,
    RATE_LIMIT,
    REDIRECT,
    SITE_MISSING,
    TESLA_FAULT,
    TESLA_UNREACHABLE,
    TIMEOUT,
    UNREACHABLE,
    WRONG_REGION,
    Patience,
)
from pwserver.records import record

__all__ = [
    "AUTH",
    "CAUSES",
    "GARBAGE",
    "HTTP_ERROR",
    "NO_DATA",
    "RATE_LIMIT",
    "TIMEOUT",
    "UNREACHABLE",
    "Exchange",
    "GatewayFailure",
    "cause_of_status",
    "describe",
    "failure_from",
]

OVER_HTTP2: Final = " (h2)"  # appended to a host's name for requests over HTTP/2
TOKEN_PATH: Final = "/oauth2/v3/token"  # where a Tesla login is renewed

# The longest pauses that a gateway and Tesla's servers can impose, so that an absurd Retry-After costs no more.
LONGEST_WAIT_IN_THE_HOUSE_SECONDS: Final = 300.0
LONGEST_WAIT_OF_TESLA_SECONDS: Final = 3600.0


class GatewayFailure(Exception):
    """Raised when a poll, or an attempt to connect, produced no reading.

    ``cause`` is the id of a row of ``pwserver.causes``. ``message`` is safe to publish (no secret, no library text).
    ``retry_after_seconds`` is the pause that the other side asked for, else None. ``place`` is the full path of a file,
    only for the owner's own log.
    """

    def __init__(
        self, cause: str, message: str | None = None, retry_after_seconds: float | None = None, place: str = ""
    ) -> None:
        if cause not in CAUSE_BY_ID:
            raise ValueError(f"unknown cause of failure: {cause!r}")
        self.cause = cause
        self.message = message or CAUSE_BY_ID[cause].sentence
        self.retry_after_seconds = retry_after_seconds
        self.place = place
        super().__init__(self.message)

    @property
    def patience(self) -> Patience:
        """Return the schedule for further attempts."""
        return CAUSE_BY_ID[self.cause].patience


@record(frozen=True, slots=True)
class Exchange:
    """Describes one request and its outcome; ``cause`` is None when a complete answer of success arrived."""

    host: str
    path: str
    status: int | None
    cause: str | None
    seconds: float
    retry_after_seconds: float | None = None
    sent: bool = True  # False: refused by the request limiter before it reached the network
    delivered: bool = True  # False: no connection was made, so the request cannot have arrived anywhere
    remote: bool = False  # sent to Tesla's servers, not to a gateway in the house
    said: str = ""  # Tesla's own sentence about a failure or a write, shortened and without secrets
    refused: str | None = None  # Tesla's reason for refusing a write in an answer with status 200; None: accepted


def cause_of_status(status: int, *, remote: bool = False, path: str = "") -> str | None:
    """Return the cause that a status code stands for; None for success. ``remote``: Tesla's servers answered."""
    if 200 <= status < 300:
        return None
    if status == 429:
        return RATE_LIMIT
    if 300 <= status < 400:
        return REDIRECT
    if not remote:
        return AUTH if status in (401, 403) else HTTP_ERROR
    if status == 408 or status >= 500:
        return TESLA_FAULT
    if status == 400 and path.startswith(TOKEN_PATH):
        return LOGIN_REFUSED  # a refused refresh token is a 400 with invalid_grant (RFC 6749 section 5.2)
    if status == 404 and "/energy_sites/" not in path:
        return HTTP_ERROR  # only below this path does a 404 mean that the account has no such site
    return _OF_TESLA.get(status, HTTP_ERROR)


# Tesla's own meanings of status codes, as its Fleet API documentation gives them.
_OF_TESLA: Final = {
    401: LOGIN_REFUSED,
    403: ACCESS_DENIED,
    404: SITE_MISSING,
    412: NOT_REGISTERED,
    421: WRONG_REGION,
}


def describe(exchange: Exchange) -> str:
    """Return a sentence about a failed exchange that is safe to publish: cause, path, status, Tesla's own words."""
    text = CAUSE_BY_ID[exchange.cause or GARBAGE].sentence
    where = exchange.path.split("?", 1)[0]
    if where.startswith("/tedapi/device/"):  # the DIN of a unit follows, which is not published
        where = "/tedapi/device/…"
    if exchange.remote:
        where = _without_numbers(where)
    if where == "/" and exchange.status is None and not exchange.said:
        return text  # the first request of a connection goes to "/", which would tell the reader nothing
    place = f"HTTP {exchange.status} at {where}" if exchange.status is not None else where
    return f"{text} ({place}: {exchange.said})" if exchange.said else f"{text} ({place})"


def _without_numbers(path: str) -> str:
    """Return a path of Tesla's API without the numbers of sites and vehicles."""
    return "/".join("…" if len(part) > 3 and part.isdigit() else part for part in path.split("/"))


# Of several failures in one poll, a rate limit counts first, as it carries a pause; then what the owner can repair.
_BY_PATIENCE: Final = {Patience.RATE_LIMIT: 0, Patience.LOGIN: 1, Patience.BACK_OFF: 2}
_OTHERS: Final = (REDIRECT, UNREACHABLE, TESLA_UNREACHABLE, TIMEOUT, TESLA_FAULT, HTTP_ERROR)


def _rank(exchange: Exchange) -> tuple[int, int, bool]:
    cause = CAUSE_BY_ID.get(exchange.cause or "")
    if cause is None:
        return 9, 9, not exchange.sent
    order = _OTHERS.index(cause.id) if cause.id in _OTHERS else len(_OTHERS)
    return _BY_PATIENCE[cause.patience], order, not exchange.sent


def _without_what_a_renewal_explains(failed: list[Exchange]) -> list[Exchange]:
    """Return the failures without the 401 that only led to renewing the login, unless the renewal was refused."""
    answered = [item for item in failed if item.path.startswith(TOKEN_PATH) and item.status is not None]
    if any(item.cause != LOGIN_REFUSED for item in answered):
        return [item for item in failed if item.cause != LOGIN_REFUSED]
    return failed


def failure_from(exchanges: Iterable[Exchange], fallback: str, message: str | None = None) -> GatewayFailure:
    """Return the failure of a poll that brought nothing, judged by the outcomes of its requests.

    ``fallback`` is the cause when every request got a complete answer, so that the content must be at fault.
    """
    exchanges = list(exchanges)
    answering = {item.host for item in exchanges if item.status is not None}
    failed = _without_what_a_renewal_explains(
        # The library repeats a request over HTTP/1.1 when HTTP/2 failed; an answer to that counts.
        [item for item in exchanges if item.cause is not None and item.host.removesuffix(OVER_HTTP2) not in answering]
        + [item for item in exchanges if item.cause is not None and item.host in answering]
    )
    if not failed:
        return GatewayFailure(fallback, message)
    worst = min(failed, key=_rank)
    waits = [item.retry_after_seconds for item in failed if item.retry_after_seconds is not None]
    return GatewayFailure(worst.cause or fallback, describe(worst), max(waits) if waits else None)
