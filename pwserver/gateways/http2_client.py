"""Send the HTTP/2 requests of the cloud modes, with the same bookkeeping and bounds as ``http_sessions.py``."""

from __future__ import annotations

import time
import zlib
from contextlib import closing
from typing import Any

import httpx

from pwserver.gateways import answer_limits
from pwserver.gateways.answer_limits import Unbounded
from pwserver.gateways.failure import OVER_HTTP2
from pwserver.gateways.http_exchange import (
    RequestNotSent,
    admit,
    exchange_of,
    failed_exchange,
    forget_redirect,
    joined,
)
from pwserver.gateways.request_limiter import RequestLimiter, active_limiter


class LimitedClient(httpx.Client):
    """Applies the rules of the active limiter to each exchange of an httpx client."""

    def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        """Send one request, and follow redirects among Tesla's servers.

        Raises ``httpx.TimeoutException`` when the time is up, ``httpx.TooManyRedirects`` for any other redirect.
        """
        wanted = kwargs.pop("follow_redirects", False) is True
        for left in range(answer_limits.MOST_REDIRECTS, -1, -1):
            response = self._exchange(request, kwargs)
            if not 300 <= response.status_code < 400 or not wanted:
                return response
            target = answer_limits.redirect_target(
                str(request.url), response.headers.get("Location"), request.method, response.status_code, remote=True
            )
            if target is None or not left:
                break
            forget_redirect()
            headers = _headers_for(request, target)
            request = httpx.Request(
                request.method, target, headers=headers, content=request.content, extensions=request.extensions
            )
        raise httpx.TooManyRedirects("the redirect was not followed", request=request)

    def _exchange(self, request: httpx.Request, kwargs: dict[str, Any]) -> httpx.Response:
        if not request.url.host:
            raise RequestNotSent("no address")
        request.headers["Accept-Encoding"] = answer_limits.ACCEPTED_ENCODINGS
        limiter = active_limiter()
        if limiter is None:
            return self._transmit(request, kwargs)
        host, path = request.url.netloc.decode("ascii", "replace"), request.url.path
        # A name of its own, as the library repeats a request over HTTP/1.1 when HTTP/2 fails, and that may succeed:
        # httpx does not read the CA bundle of requests.
        admit(limiter, host + OVER_HTTP2, path, remote=True)
        _shorten_timeouts(request, limiter)
        started = time.monotonic()
        try:
            response = self._transmit(request, kwargs)
        except Exception as error:
            seconds, delivered = time.monotonic() - started, not isinstance(error, _EARLY)
            limiter.note(failed_exchange(host + OVER_HTTP2, path, error, seconds, delivered=delivered, remote=True))
            raise
        # The server has answered, so the outcome also counts for HTTP/1.1 and is noted under the plain name.
        seconds, retry_after = time.monotonic() - started, response.headers.get("Retry-After")
        status, write = response.status_code, request.method != "GET"
        limiter.note(exchange_of(host, path, status, seconds, retry_after, response.content, remote=True, write=write))
        return response

    def _transmit(self, request: httpx.Request, kwargs: dict[str, Any]) -> httpx.Response:
        return _read(super().send(request, **{**kwargs, "stream": True, "follow_redirects": False}))


_EARLY = (httpx.ConnectError, httpx.ConnectTimeout)  # raised before there is a connection that could carry the request


def _shorten_timeouts(request: httpx.Request, limiter: RequestLimiter) -> None:
    """Limit each part of this request to the time that the poll has left."""
    connect, read = limiter.timeout(None)
    limits = request.extensions.get("timeout", {})
    request.extensions["timeout"] = {
        name: min(limits.get(name) or read, connect if name == "connect" else read)
        for name in ("connect", "read", "write", "pool")
    }


def _read(response: httpx.Response) -> httpx.Response:
    """Read the body within its bounds, and return the same response with the body in it."""
    with closing(response):
        packing = response.headers.get("Content-Encoding", "")
        try:
            body = joined(answer_limits.decoded(response.iter_raw(), packing), response.close)
        except (Unbounded, zlib.error) as error:
            raise httpx.DecodingError(str(error), request=response.request) from None
    # These headers describe the body as it was sent; httpx would decode the body again.
    drop = ("content-encoding", "content-length", "transfer-encoding")
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in drop]
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=body,
        request=response.request,
        extensions=response.extensions,
    )


def _headers_for(request: httpx.Request, target: str) -> list[tuple[str, str]]:
    """Return a request's headers for the address of a redirect, without the login when that is another host."""
    drop = {"host", "content-length", "transfer-encoding"}
    if httpx.URL(target).netloc != request.url.netloc:
        drop |= {"authorization", "cookie"}
    return [(name, value) for name, value in request.headers.multi_items() if name.lower() not in drop]
