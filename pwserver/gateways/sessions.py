"""HTTP sessions for the library: no retries, no proxies, no surprises from the environment, a hard end in time.

Imports requests: only ``library.py`` imports this module, and only when a gateway is really to be asked.
"""

from __future__ import annotations

import http.client
import json
import math
import re
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from pwserver.causes import GARBAGE, NAME_UNKNOWN, TESLA_UNREACHABLE, TIMEOUT, UNREACHABLE
from pwserver.gateways import answer_limits
from pwserver.gateways.acknowledgement import refusal_of
from pwserver.gateways.answer_limits import Unbounded, retry_after_seconds
from pwserver.gateways.failure import (
    LONGEST_WAIT_IN_THE_HOUSE_SECONDS,
    LONGEST_WAIT_OF_TESLA_SECONDS,
    OVER_HTTP2,
    Exchange,
    cause_of_status,
)
from pwserver.gateways.payload_repair import repair
from pwserver.gateways.request_limiter import RequestLimiter, RequestRefused, active_limiter

_HUGE: Final = re.compile(r"\d[eE]\+?\d{3}")
_HUGE_BYTES: Final = re.compile(rb"\d[eE]\+?\d{3}")


class RequestNotSent(requests.ConnectionError):
    """What the library sees when we refuse a request; to it, just another connection error."""


class TooLarge(requests.exceptions.ContentDecodingError):
    """An answer beyond any sensible size."""


class NotFollowed(requests.exceptions.TooManyRedirects):
    """A redirect that leads where no request of ours belongs."""


class _Timed:
    """Mixed into a socket: ends a read at the session's deadline even if the gateway sends one byte a second."""

    def recv_into(self, buffer: Any, *more: Any) -> int:
        limiter = active_limiter()
        left = limiter.remaining() if limiter is not None else None
        if left is not None:
            if left <= 0:
                raise TimeoutError("the time for this poll is used up")
            limit = self.gettimeout()  # type: ignore[attr-defined]
            if limit is None or limit > left:
                self.settimeout(left)  # type: ignore[attr-defined]
        return super().recv_into(buffer, *more)  # type: ignore[misc,no-any-return]


class _TimedSocket(_Timed, ssl.SSLSocket):
    pass


class _TimedPlainSocket(_Timed, socket.socket):
    pass


class _PlainConnection(urllib3.connection.HTTPConnection):
    """A connection without TLS, with the same patience."""

    def _new_conn(self) -> socket.socket:
        made = super()._new_conn()
        limit = made.gettimeout()
        timed = _TimedPlainSocket(made.family, made.type, made.proto, made.detach())
        timed.settimeout(limit)
        return timed


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


def _gateway_tls() -> ssl.SSLContext:
    """One context for all gateways: they use self-signed certificates, so nothing is verified."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context.check_hostname = False
    context.sslsocket_class = _TimedSocket
    return context


_TLS = _gateway_tls()


class _Pool(urllib3.HTTPSConnectionPool):
    """Connections to certificates nobody can check, without a warning for every single request."""

    def __init__(self, host: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(host, *args, **kwargs)
        # A URL writes the zone of an IPv6 address as %25eth0 (RFC 6874); the resolver knows it as %eth0 only.
        self.host = self.host.replace("%25", "%", 1)

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


class _GatewayAdapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=2, max_retries=urllib3.Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=_TLS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool, "http": _PlainPool}


class _Body:
    """Stands in for the raw stream after we have read it: the library takes ``raw.data``."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def close(self) -> None:
        """Nothing left to close."""

    release_conn = close


def _cause_of_error(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return UNREACHABLE
    if isinstance(error, (requests.exceptions.Timeout, TimeoutError, httpx.TimeoutException)):
        return TIMEOUT
    text_errors = (requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader, httpx.DecodingError)
    chain: BaseException | None = error
    for _ in range(6):
        if chain is None:
            break
        if isinstance(chain, (socket.gaierror, urllib3.exceptions.NameResolutionError)):
            return NAME_UNKNOWN
        if isinstance(chain, (TimeoutError, urllib3.exceptions.ReadTimeoutError)):
            return TIMEOUT
        if isinstance(chain, http.client.RemoteDisconnected):
            return UNREACHABLE
        if isinstance(chain, (http.client.HTTPException, *text_errors)):
            return GARBAGE
        inner = [item for item in getattr(chain, "args", ()) if isinstance(item, BaseException)]
        chain = inner[-1] if inner else getattr(chain, "reason", None) or chain.__cause__
        if not isinstance(chain, BaseException):
            break
    return UNREACHABLE


def _never_connected(error: Exception) -> bool:
    """Did the request fail before there was a connection that could have carried it?"""
    reason = getattr(error.args[0], "reason", error.args[0]) if error.args else None
    before = urllib3.exceptions
    early = (before.ConnectTimeoutError, before.NewConnectionError, before.SSLError)
    return isinstance(error, requests.exceptions.ConnectTimeout) or isinstance(reason, early)


def _closed_under_us(error: Exception) -> bool:
    text = repr(error)
    return "RemoteDisconnected" in text or "ConnectionResetError" in text or "BrokenPipe" in text


class LimitedSession:
    """Mixed into a requests session: every exchange asks and tells the active limiter."""

    local = False

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send one request, and again where Tesla's servers redirect it among themselves.

        Redirects are followed here and not by ``requests``: it would read a redirect's body without a bound.
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
            _follow()
            request = request.copy()
            request.url = target
            if urlsplit(target).netloc != urlsplit(str(response.request.url)).netloc:
                request.headers.pop("Authorization", None)
                request.headers.pop("Cookie", None)
        raise NotFollowed(f"HTTP {status}: the redirect was not followed")

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Tell ``requests`` that there is never a redirect: ``send`` looks after them."""
        return None

    def _send_once(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        limiter = active_limiter()
        if limiter is None:
            kwargs["timeout"] = kwargs.get("timeout") or 5.0
            return self._exchange(request, None, kwargs)
        try:
            return self._exchange(request, limiter, kwargs)
        except requests.ConnectionError as error:
            # A gateway closes idle connections; that is no failure worth a lost poll. Commands are never repeated.
            if not (
                self.local and limiter.resend and not isinstance(error, RequestNotSent) and _closed_under_us(error)
            ):
                raise
            limiter.forgive()
            return self._exchange(request, limiter, kwargs)

    def _exchange(
        self, request: requests.PreparedRequest, limiter: RequestLimiter | None, kwargs: dict[str, Any]
    ) -> requests.Response:
        parts = urlsplit(str(request.url))
        host, path = parts.netloc, parts.path or "/"
        kwargs = dict(kwargs)
        streamed = bool(kwargs.get("stream"))
        kwargs["stream"] = True
        if self.local:
            kwargs.update(verify=False, cert=None, proxies={})
        if not host:
            raise RequestNotSent("no address")
        request.headers["Accept-Encoding"] = answer_limits.ACCEPTED_ENCODINGS
        if limiter is None:
            response = self._transmit(request, kwargs)
            return _finished(response, _read(response), streamed)
        kwargs["timeout"] = limiter.timeout(kwargs.get("timeout"))
        started = time.monotonic()
        _admit(limiter, host, path, remote=not self.local)
        try:
            with limiter.request(sum(kwargs["timeout"]) if self.local else math.inf):
                response = self._transmit(request, kwargs)
                body = _read(response)
        except Exception as error:
            seconds, delivered = time.monotonic() - started, not _never_connected(error)
            cause = _cause_of_error(error)
            if cause in (UNREACHABLE, NAME_UNKNOWN) and not self.local:
                cause = TESLA_UNREACHABLE
            limiter.note(Exchange(host, path, None, cause, seconds, delivered=delivered, remote=not self.local))
            raise
        limiter.note(
            _noted(
                host, path, response.status_code, time.monotonic() - started, response.headers.get("Retry-After"), body,
                remote=not self.local, write=request.method != "GET",
            )
        )  # fmt: skip
        return _finished(response, body, streamed)

    def _transmit(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        response: requests.Response = super().send(request, allow_redirects=False, **kwargs)  # type: ignore[misc]
        return response


_SITES: Final = "/energy_sites/"  # in the paths of commands; a login is no command


def _follow() -> None:
    """Let the limiter forget a redirect that is followed: it is no failure of the path that redirects."""
    limiter = active_limiter()
    if limiter is not None:
        limiter.forgive()


def _noted(
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
    """Describe an answer that arrived completely."""
    longest = LONGEST_WAIT_OF_TESLA_SECONDS if remote else LONGEST_WAIT_IN_THE_HOUSE_SECONDS
    cause = cause_of_status(status, remote=remote, path=path)
    if cause is None and remote and not body.lstrip().startswith((b"{", b"[")):
        cause = GARBAGE  # a captive portal, or a page about maintenance
    return Exchange(
        host,
        path,
        status,
        cause,
        seconds,
        retry_after_seconds(retry_after, longest) if status >= 400 else None,
        remote=remote,
        said=answer_limits.own_sentence(body) if remote and (cause is not None or write) else "",
        refused=refusal_of(body) if remote and write and cause is None and _SITES in path else None,
    )


def _finished(response: requests.Response, body: bytes, streamed: bool) -> requests.Response:
    """Put the body where ``requests`` and the library look for it."""
    response._content = body
    response._content_consumed = True
    if streamed:
        response.raw = _Body(body)
    return response


def _read(response: requests.Response) -> bytes:
    """Read a body to its end: within the session's time, and no more than any sensible answer has."""
    try:
        return _joined(answer_limits.decoded(response.iter_content(65536), ""), response.close)
    except Unbounded as error:
        response.close()
        raise TooLarge(str(error)) from None


def _joined(chunks: Iterable[bytes], close: Callable[[], Any]) -> bytes:
    limiter = active_limiter()
    found: list[bytes] = []
    for chunk in chunks:
        left = limiter.remaining() if limiter is not None else None
        if left is not None and left <= 0:
            close()
            raise requests.exceptions.ReadTimeout("the time for this poll is used up")
        found.append(chunk)
    return b"".join(found)


class LocalSession(LimitedSession, requests.Session):
    """A session to a gateway in the house: trusts nothing of the environment (proxies, CA bundles, netrc)."""

    local = True

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = False
        for scheme in ("https://", "http://"):
            super().mount(scheme, _GatewayAdapter())

    def mount(self, prefix: str, adapter: Any) -> None:
        """Keep our adapter: the library's would retry for half a minute."""
        if prefix not in ("https://", "http://") or isinstance(adapter, _GatewayAdapter):
            super().mount(prefix, adapter)


class RemoteSession(LimitedSession, requests.Session):
    """A session to Tesla's servers: trusts the environment as every other program on the machine does, but for netrc,
    which would put another login in the place of Tesla's token."""

    def __init__(self) -> None:
        super().__init__()
        self.auth = _as_it_is


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Leave the request's login alone."""
    return request


def _admit(limiter: RequestLimiter, host: str, path: str, *, remote: bool) -> None:
    """Take a place for one request; RequestNotSent when the limiter has none to give."""
    try:
        limiter.admit(host, path)
    except RequestRefused as refusal:
        if refusal.cause is not None:
            limiter.note(Exchange(host, path, None, refusal.cause, 0.0, None, sent=False, remote=remote))
        raise RequestNotSent(str(refusal)) from None


class LimitedClient(httpx.Client):
    """The HTTP/2 client of the cloud modes, with the same bookkeeping and the same bounds."""

    def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        """Send one request under the active limiter's rules; raises ``httpx.TimeoutException`` when time is up."""
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
            _follow()
            request = httpx.Request(
                request.method, target, headers=_for_another(request, target), content=request.content,
                extensions=request.extensions,
            )  # fmt: skip
        raise httpx.TooManyRedirects("the redirect was not followed", request=request)

    def _exchange(self, request: httpx.Request, kwargs: dict[str, Any]) -> httpx.Response:
        limiter = active_limiter()
        if not request.url.host:
            raise RequestNotSent("no address")
        request.headers["Accept-Encoding"] = answer_limits.ACCEPTED_ENCODINGS
        # Named apart: where HTTP/2 fails (a CA bundle it does not read), the library's HTTP/1.1 may still succeed.
        host, path = request.url.netloc.decode("ascii", "replace"), request.url.path
        if limiter is not None:
            _admit(limiter, host + OVER_HTTP2, path, remote=True)
            connect, read = limiter.timeout(None)
            limits = request.extensions.get("timeout", {})
            request.extensions["timeout"] = {
                name: min(limits.get(name) or read, connect if name == "connect" else read)
                for name in ("connect", "read", "write", "pool")
            }
        started = time.monotonic()
        try:
            response = self._read(super().send(request, **{**kwargs, "stream": True, "follow_redirects": False}))
        except Exception as error:
            if limiter is not None:
                early = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
                cause = TESLA_UNREACHABLE if early else _cause_of_error(error)
                cause = TESLA_UNREACHABLE if cause in (UNREACHABLE, NAME_UNKNOWN) else cause
                seconds = time.monotonic() - started
                limiter.note(Exchange(host + OVER_HTTP2, path, None, cause, seconds, delivered=not early, remote=True))
            raise
        if limiter is not None:
            # The server has answered, so its word counts for HTTP/1.1 too: named without the addition.
            retry_after = response.headers.get("Retry-After")
            seconds = time.monotonic() - started
            limiter.note(
                _noted(
                    host, path, response.status_code, seconds, retry_after, response.content, remote=True,
                    write=request.method != "GET",
                )
            )  # fmt: skip
        return response

    @staticmethod
    def _read(response: httpx.Response) -> httpx.Response:
        """Read the body within its bounds, and return the same answer with it."""
        with closing(response):
            packing = response.headers.get("Content-Encoding", "")
            try:
                body = _joined(answer_limits.decoded(response.iter_raw(), packing), response.close)
            except (Unbounded, zlib.error) as error:
                raise httpx.DecodingError(str(error), request=response.request) from None
        drop = ("content-encoding", "content-length", "transfer-encoding")
        headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in drop]
        return httpx.Response(
            response.status_code, headers=headers, content=body, request=response.request,
            extensions=response.extensions,
        )  # fmt: skip


def _for_another(request: httpx.Request, target: str) -> list[tuple[str, str]]:
    """The headers of a request for the address it is redirected to; a login never goes to another host."""
    drop = {"host", "content-length", "transfer-encoding"}
    if httpx.URL(target).netloc != request.url.netloc:
        drop |= {"authorization", "cookie"}
    return [(name, value) for name, value in request.headers.multi_items() if name.lower() not in drop]


class ModuleView:
    """A module with a few names exchanged: what a library module gets in place of its own import."""

    def __init__(self, module: Any, **names: Any) -> None:
        self.__dict__.update(names)
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


def _one_shot(session: Callable[[], requests.Session], method: str) -> Callable[..., requests.Response]:
    def call(url: str, **kwargs: Any) -> requests.Response:
        with session() as one:
            return one.request(method, url, **kwargs)

    return call


def requests_view(session: type[requests.Session]) -> ModuleView:
    """``requests`` as a library module should see it: its sessions are ours."""
    return ModuleView(requests, Session=session, get=_one_shot(session, "GET"), post=_one_shot(session, "POST"))


def httpx_view() -> ModuleView:
    """``httpx`` with the counted client."""
    return ModuleView(httpx, Client=LimitedClient)


def _loads(text: str | bytes) -> dict[str, Any]:
    """Decode one gateway payload, repaired so that the library's arithmetic survives nulls.

    Raises ``json.JSONDecodeError`` or ``TypeError``, as the library expects, when it is no JSON object.
    """
    limiter = active_limiter()
    found = json.loads(text, parse_constant=lambda _: None)
    if not isinstance(found, dict):
        raise TypeError("not a JSON object")
    if (repair(found) or _maybe_infinite(text)) and limiter is not None:
        limiter.holed = True
    return found


def _maybe_infinite(text: str | bytes) -> bool:
    """Could a number in this text be too large to be one (1e999)?"""
    return bool(_HUGE_BYTES.search(text) if isinstance(text, bytes) else _HUGE.search(text))


def json_view() -> ModuleView:
    """``json`` with a decoder that repairs gateway payloads."""
    return ModuleView(json, loads=_loads)


__all__ = [
    "LimitedClient",
    "LocalSession",
    "ModuleView",
    "RemoteSession",
    "httpx_view",
    "json_view",
    "requests_view",
]
