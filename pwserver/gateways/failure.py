"""Judge what went wrong with a request or a whole poll: a cause out of the closed table, and words for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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

OVER_HTTP2: Final = " (h2)"  # behind a host's name: asked over HTTP/2
TOKEN_PATH: Final = "/oauth2/v3/token"  # where a Tesla login is renewed

# What a device in the house and what a server on the Internet may make us wait: a wrong number costs that at most.
LONGEST_WAIT_IN_THE_HOUSE_SECONDS: Final = 300.0
LONGEST_WAIT_OF_TESLA_SECONDS: Final = 3600.0


class GatewayFailure(Exception):
    """Tell that a poll, or an attempt to connect, produced no reading.

    ``cause`` is the id of a row of ``pwserver.causes``; ``message`` is safe to publish (no secret, no library text);
    ``retry_after_seconds`` is what the gateway asked for, None when it did not say; ``place`` is for the owner's own
    log only: the full path of a file.
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
        """Return how the next attempt is put off."""
        return CAUSE_BY_ID[self.cause].patience


@dataclass(frozen=True, slots=True)
class Exchange:
    """Hold one request and what became of it. ``cause`` is None when a complete 200 answer arrived."""

    host: str
    path: str
    status: int | None
    cause: str | None
    seconds: float
    retry_after_seconds: float | None = None
    sent: bool = True  # False: refused by us before it reached the network
    delivered: bool = True  # False: there was no connection, so the request cannot have reached anybody
    remote: bool = False  # asked of Tesla's servers, not of a gateway in the house
    said: str = ""  # Tesla's own sentence about a failure or a write, shortened and without secrets
    refused: str | None = None  # why Tesla did not do what a write asked for, though it answered 200; None for a yes


def cause_of_status(status: int, *, remote: bool = False, path: str = "") -> str | None:
    """Return the cause a status code stands for, None for success. ``remote``: Tesla's servers answered."""
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
        return LOGIN_REFUSED  # OAuth says invalid_grant with it
    if status == 404 and "/energy_sites/" not in path:
        return HTTP_ERROR
    return _OF_TESLA.get(status, HTTP_ERROR)


_OF_TESLA: Final = {
    401: LOGIN_REFUSED,
    403: ACCESS_DENIED,
    404: SITE_MISSING,
    412: NOT_REGISTERED,
    421: WRONG_REGION,
}


def describe(exchange: Exchange) -> str:
    """Describe a failed exchange for publication: words, path family, status and Tesla's sentence, never a query."""
    text = CAUSE_BY_ID[exchange.cause or GARBAGE].sentence
    where = exchange.path.split("?", 1)[0]
    if where.startswith("/tedapi/device/"):
        where = "/tedapi/device/…"
    if exchange.remote:
        where = _without_numbers(where)
    if where == "/" and exchange.status is None and not exchange.said:
        return text  # the first request of all: its place says nothing
    place = f"HTTP {exchange.status} at {where}" if exchange.status is not None else where
    return f"{text} ({place}: {exchange.said})" if exchange.said else f"{text} ({place})"


def _without_numbers(path: str) -> str:
    """Replace what names a site or a vehicle in a path of Tesla's."""
    return "/".join("…" if len(part) > 3 and part.isdigit() else part for part in path.split("/"))


# A rate limit must win over everything (it carries a waiting time), then what an owner can repair.
_BY_PATIENCE: Final = {Patience.RATE_LIMIT: 0, Patience.LOGIN: 1, Patience.BACK_OFF: 2}
_OTHERS: Final = (REDIRECT, UNREACHABLE, TESLA_UNREACHABLE, TIMEOUT, TESLA_FAULT, HTTP_ERROR)


def _rank(exchange: Exchange) -> tuple[int, int, bool]:
    cause = CAUSE_BY_ID.get(exchange.cause or "")
    if cause is None:
        return 9, 9, not exchange.sent
    order = _OTHERS.index(cause.id) if cause.id in _OTHERS else len(_OTHERS)
    return _BY_PATIENCE[cause.patience], order, not exchange.sent


def _without_what_a_renewal_explains(failed: list[Exchange]) -> list[Exchange]:
    """Leave out the 401 of a login that had to be renewed, where the renewal got another answer than a refusal."""
    answered = [item for item in failed if item.path.startswith(TOKEN_PATH) and item.status is not None]
    if any(item.cause != LOGIN_REFUSED for item in answered):
        return [item for item in failed if item.cause != LOGIN_REFUSED]
    return failed


def failure_from(exchanges: Iterable[Exchange], fallback: str, message: str | None = None) -> GatewayFailure:
    """Classify a poll that brought nothing by what became of its requests.

    ``fallback`` is the cause when every exchange was a complete answer: then the content was at fault.
    """
    exchanges = list(exchanges)
    answering = {item.host for item in exchanges if item.status is not None}
    failed = _without_what_a_renewal_explains(
        # Where HTTP/2 failed and HTTP/1.1 brought an answer, the answer is what counts.
        [item for item in exchanges if item.cause is not None and item.host.removesuffix(OVER_HTTP2) not in answering]
        + [item for item in exchanges if item.cause is not None and item.host in answering]
    )
    if not failed:
        return GatewayFailure(fallback, message)
    worst = min(failed, key=_rank)
    waits = [item.retry_after_seconds for item in failed if item.retry_after_seconds is not None]
    return GatewayFailure(worst.cause or fallback, describe(worst), max(waits) if waits else None)
