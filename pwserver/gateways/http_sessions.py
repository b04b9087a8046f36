"""Send the library's HTTP/1.1 requests: without retries, bounded in time and size, to the house without a proxy.

Importing requests is slow, so this module is only imported when a gateway is really to be asked.
"""

from __future__ import annotations

import io
import math
import time
from types import NoneType
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from pwserver.gateways import answer_limits
from pwserver.gateways.answer_limits import Unbounded
from pwserver.gateways.gateway_adapter import GatewayAdapter
from pwserver.gateways.http_exchange import (
    RequestNotSent,
    admit,
    exchange_of,
    failed_exchange,
    forget_redirect,
    joined,
)
from pwserver.gateways.request_limiter import RequestLimiter, active_limiter

_MOST_PREPARED: Final = 64  # requests of one session: a few queries for each Powerwall


class TooLarge(requests.exceptions.ContentDecodingError):
    """Raised when an answer is larger than any sensible one."""


class NotFollowed(requests.exceptions.TooManyRedirects):
    """Raised when a redirect leads to an address that must not get the request."""


class _ReadBody(io.BytesIO):
    """Holds a body that has been read, in place of urllib3's stream: the library reads ``raw.data``."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def _never_connected(error: Exception) -> bool:
    """Return whether the request failed before there was a connection that could have carried it."""
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    before = urllib3.exceptions
    early = (before.ConnectTimeoutError, before.NewConnectionError, before.SSLError)
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, early)


def _closed_under_us(error: Exception) -> bool:
    text = repr(error)  # urllib3 wraps the socket's error so deeply, and differently by version, that text is simpler
    return "RemoteDisconnected" in text or "ConnectionResetError" in text or "BrokenPipe" in text


class LimitedSession:
    """Applies the rules of the active limiter to each exchange of a requests session. A mix-in."""

    local = False

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request, and follow redirects among Tesla's servers.

        ``requests`` does not follow them itself, as it would read a redirect's body without a bound. Raises NotFollowed
        for any other redirect, and what ``requests`` raises.
        """
        wanted = bool(kwargs.pop("allow_redirects", True))
        for left in range(answer_limits.MOST_REDIRECTS, -1, -1):
            response = self._send_once(request, kwargs)
            status = response.status_code
            if not 300 <= status < 400 or (not wanted and not self.local):
                return response
            location = response.headers.get("Location")
            target = answer_limits.redirect_target(
                str(request.url), location, str(request.method), status, remote=not self.local
            )
            if target is None or not left:
                break
            forget_redirect()
            request = request.copy()
            request.url = target
            # A login belongs to the host that it was made for (RFC 9110 section 15.4).
            if urlsplit(target).netloc != urlsplit(str(response.request.url)).netloc:
                request.headers.pop("Authorization", None)
                request.headers.pop("Cookie", None)
        raise NotFollowed(f"HTTP {status}: the redirect was not followed")

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return None, so that ``requests`` never follows a redirect: ``send`` does."""
        return None

    def _send_once(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        limiter = active_limiter()
        if limiter is None:
            kwargs["timeout"] = kwargs.get("timeout") or 5.0
            return self._exchange(request, None, kwargs)
        try:
            return self._exchange(request, limiter, kwargs)
        except requests.ConnectionError as error:
            # A gateway closes idle connections without notice. A read is sent once more on a new connection, so that no
            # poll is lost; a command never is, as it may have arrived.
            refused = isinstance(error, RequestNotSent)
            if not (self.local and limiter.resend and not refused and _closed_under_us(error)):
                raise
            limiter.forgive()
            return self._exchange(request, limiter, kwargs)

    def _exchange(
        self, request: requests.PreparedRequest, limiter: RequestLimiter | None, kwargs: dict[str, Any]
    ) -> requests.Response:
        parts = urlsplit(str(request.url))
        host, path = parts.netloc, parts.path or "/"
        kwargs = {**kwargs, "stream": True, "allow_redirects": False}
        if self.local:
            kwargs.update(verify=False, cert=None, proxies={})
        if not host:
            raise RequestNotSent("no address")
        request.headers["Accept-Encoding"] = answer_limits.ACCEPTED_ENCODINGS
        if limiter is None:
            response = self._transmit(request, kwargs)
            return _with_body(response, _read(response))
        kwargs["timeout"] = limiter.timeout(kwargs.get("timeout"))
        remote, started = not self.local, time.monotonic()
        admit(limiter, host, path, remote=remote)
        try:
            with limiter.request(sum(kwargs["timeout"]) if self.local else math.inf):
                response = self._transmit(request, kwargs)
                body = _read(response)
        except Exception as error:
            seconds, delivered = time.monotonic() - started, not _never_connected(error)
            limiter.note(failed_exchange(host, path, error, seconds, delivered=delivered, remote=remote))
            raise
        seconds, retry_after = time.monotonic() - started, response.headers.get("Retry-After")
        write = request.method != "GET"
        limiter.note(
            exchange_of(host, path, response.status_code, seconds, retry_after, body, remote=remote, write=write)
        )
        return _with_body(response, body)

    def _transmit(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        response: requests.Response = super().send(request, **kwargs)  # type: ignore[misc]
        return response


def _with_body(response: requests.Response, body: bytes) -> requests.Response:
    """Return the same response with its body in place of the stream, which has been read."""
    whole = requests.Response()
    whole.status_code, whole.reason, whole.url = response.status_code, response.reason, response.url
    whole.headers, whole.encoding, whole.cookies = response.headers, response.encoding, response.cookies
    whole.request, whole.elapsed, whole.history = response.request, response.elapsed, response.history
    whole.raw = _ReadBody(body)
    return whole


def _read(response: requests.Response) -> bytes:
    """Return a whole body. Raises TooLarge, or ``ReadTimeout`` when the session's time is used up."""
    try:
        return joined(answer_limits.decoded(response.iter_content(65536), ""), response.close)
    except Unbounded as error:
        response.close()
        raise TooLarge(str(error)) from None


class LocalSession(LimitedSession, requests.Session):
    """Talks to a gateway in the house, ignoring the environment: proxies, CA bundles and netrc are for the Internet."""

    local = True

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = False
        self._prepared: dict[tuple[str, str], tuple[object, requests.PreparedRequest]] = {}
        for scheme in ("https://", "http://"):
            super().mount(scheme, GatewayAdapter())

    def prepare_request(self, request: requests.Request) -> requests.PreparedRequest:
        """Prepare a request as ``requests`` does, but the same one only once, with the same login, headers and cookies.

        Each poll sends the same few requests with other bodies, and a third of the time of an exchange went into this.
        """
        own = (request.params, request.files, request.json, request.cookies, request.headers, request.auth)
        plain = not any(own) and isinstance(request.data or b"", (bytes, str))
        if not plain or not isinstance(self.auth, (tuple, NoneType)) or any(request.hooks.values()):
            return super().prepare_request(request)
        name = str(request.method), str(request.url)
        cookies = [(cookie.name, cookie.value, cookie.domain, cookie.path) for cookie in self.cookies]
        state = (self.auth, list(self.headers.items()), cookies)
        known = self._prepared.get(name)
        if known is None or known[0] != state:
            if len(self._prepared) >= _MOST_PREPARED:
                self._prepared.clear()
            known = self._prepared[name] = state, super().prepare_request(requests.Request(*name))
        prepared = known[1].copy()
        if request.data:
            prepared.prepare_body(request.data, None)
        return prepared

    def mount(self, prefix: str, adapter: Any) -> None:
        """Ignore the library's adapter, which would retry for half a minute."""
        if prefix not in ("https://", "http://") or isinstance(adapter, GatewayAdapter):
            super().mount(prefix, adapter)


class RemoteSession(LimitedSession, requests.Session):
    """Talks to Tesla's servers with the proxies and CA bundles of the environment, like any other program.

    netrc is ignored, as it would replace Tesla's token by another login.
    """

    def __init__(self) -> None:
        super().__init__()
        self.auth = _as_it_is  # requests only looks into netrc when a session has no ``auth``


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Return the request with the login that it has."""
    return request
