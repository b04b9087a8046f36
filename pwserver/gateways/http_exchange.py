"""Share between HTTP/1.1 and HTTP/2: asking the limiter, reading a body within bounds, noting a request's outcome."""

from __future__ import annotations

import http.client
import socket
import sys
from collections.abc import Callable, Iterable
from typing import Final

import requests
import urllib3

from pwserver.causes import GARBAGE, HTTP_ERROR, NAME_UNKNOWN, TESLA_UNREACHABLE, TIMEOUT, UNREACHABLE
from pwserver.gateways import answer_limits
from pwserver.gateways.acknowledgement import refusal_of, says_only_an_error
from pwserver.gateways.answer_limits import retry_after_seconds
from pwserver.gateways.failure import (
    LONGEST_WAIT_IN_THE_HOUSE_SECONDS,
    LONGEST_WAIT_OF_TESLA_SECONDS,
    Exchange,
    cause_of_status,
)
from pwserver.gateways.request_limiter import RequestLimiter, RequestRefused, active_limiter

_SITES: Final = "/energy_sites/"  # the paths of commands have it; a login is also a POST, but no command
_DEEPEST_CAUSE: Final = 6  # requests wraps urllib3, which wraps http.client, which wraps the socket's error


class RequestNotSent(requests.ConnectionError):
    """Raised when the limiter refused a request; the library handles it like any connection error."""


def admit(limiter: RequestLimiter, host: str, path: str, *, remote: bool) -> None:
    """Count one request against the limiter. Raises RequestNotSent when the limiter refuses it."""
    try:
        limiter.admit(host, path)
    except RequestRefused as refusal:
        if refusal.cause is not None:
            limiter.note(Exchange(host, path, None, refusal.cause, 0.0, None, sent=False, remote=remote))
        raise RequestNotSent(str(refusal)) from None


def forget_redirect() -> None:
    """Take back the failure that the limiter noted for a redirect, because the redirect is followed."""
    limiter = active_limiter()
    if limiter is not None:
        limiter.forgive()


def joined(chunks: Iterable[bytes], close: Callable[[], object]) -> bytes:
    """Return a whole body. Raises ``requests.ReadTimeout`` when the time of the poll is used up."""
    limiter = active_limiter()
    found: list[bytes] = []
    for chunk in chunks:
        left = limiter.remaining() if limiter is not None else None
        if left is not None and left <= 0:
            close()
            raise requests.exceptions.ReadTimeout("the time for this poll is used up")
        found.append(chunk)
    return b"".join(found)


def exchange_of(
    host: str,
    path: str,
    status: int,
    seconds: float,
    retry_after: str | None,
    body: bytes,
    *,
    remote: bool,
    write: bool,
) -> Exchange:
    """Return the description of a request whose answer arrived completely."""
    longest = LONGEST_WAIT_OF_TESLA_SECONDS if remote else LONGEST_WAIT_IN_THE_HOUSE_SECONDS
    cause = cause_of_status(status, remote=remote, path=path)
    # Only Tesla's servers always answer with JSON; gateways also answer with protobuf and plain text.
    if cause is None and remote and not body.lstrip().startswith((b"{", b"[")):
        cause = GARBAGE  # a captive portal, or a page about maintenance
    elif cause is None and remote and not write and says_only_an_error(body):
        cause = HTTP_ERROR
    return Exchange(
        host,
        path,
        status,
        cause,
        seconds,
        # With a redirect, the header only says how long to wait before following it (RFC 9110 section 10.2.3).
        retry_after_seconds(retry_after, longest) if status >= 400 else None,
        remote=remote,
        said=answer_limits.own_sentence(body) if remote and (cause is not None or write) else "",
        refused=refusal_of(body) if remote and write and cause is None and _SITES in path else None,
    )


def failed_exchange(
    host: str, path: str, error: Exception, seconds: float, *, delivered: bool, remote: bool
) -> Exchange:
    """Return the description of a request without a complete answer. ``delivered``: a connection could carry it."""
    cause = cause_of_error(error) if delivered or not _is_of_httpx(error, "TransportError") else UNREACHABLE
    if remote and cause in (UNREACHABLE, NAME_UNKNOWN):
        cause = TESLA_UNREACHABLE
    return Exchange(host, path, None, cause, seconds, delivered=delivered, remote=remote)


def cause_of_error(error: Exception) -> str:
    """Return the cause that an exception of requests, urllib3 or httpx stands for.

    The libraries wrap one another's exceptions, some in ``args``, some in ``reason``, some as ``__cause__``.
    """
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return UNREACHABLE  # nothing listens at a dead address; TIMEOUT is for a gateway that is there, but slow
    if isinstance(error, (requests.exceptions.Timeout, TimeoutError)) or _is_of_httpx(error, "TimeoutException"):
        return TIMEOUT
    text_errors = (requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader)
    chain: BaseException | None = error
    for _ in range(_DEEPEST_CAUSE):
        if chain is None:
            break
        if isinstance(chain, (socket.gaierror, urllib3.exceptions.NameResolutionError)):
            return NAME_UNKNOWN
        if isinstance(chain, (TimeoutError, urllib3.exceptions.ReadTimeoutError)):
            return TIMEOUT
        if isinstance(chain, http.client.RemoteDisconnected):  # it is also an HTTPException, so this test comes first
            return UNREACHABLE
        if isinstance(chain, (http.client.HTTPException, *text_errors)) or _is_of_httpx(chain, "DecodingError"):
            return GARBAGE
        inner = [item for item in getattr(chain, "args", ()) if isinstance(item, BaseException)]
        chain = inner[-1] if inner else getattr(chain, "reason", None) or chain.__cause__
        if not isinstance(chain, BaseException):
            break
    return UNREACHABLE


def _is_of_httpx(error: BaseException, name: str) -> bool:
    """Tell whether ``error`` is an ``httpx`` exception of this class: of none where nobody has loaded httpx."""
    httpx = sys.modules.get("httpx")
    return httpx is not None and isinstance(error, getattr(httpx, name, ()))
