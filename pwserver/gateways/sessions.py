"""HTTP sessions for the library: no retries, no proxies, no surprises from the environment, a hard end in time.

Imports requests: only ``library.py`` imports this module, and only when a gateway is really to be asked.
"""

from __future__ import annotations

import email.utils
import http.client
import json
import math
import re
import ssl
import time
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from pwserver.gateways.absent import sanitise
from pwserver.gateways.failure import GARBAGE, TIMEOUT, UNREACHABLE, Exchange, cause_of_status
from pwserver.gateways.wire import Refused, Wire, active_wire

_LARGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024
_HUGE: Final = re.compile(r"\d[eE]\+?\d{3}")
_HUGE_BYTES: Final = re.compile(rb"\d[eE]\+?\d{3}")
_LONGEST_WAIT_SECONDS: Final = 24 * 3600.0


class NotSent(requests.ConnectionError):
    """What the library sees when we refuse a request; to it, just another connection error."""


class TooLarge(requests.exceptions.ContentDecodingError):
    """An answer beyond any sensible size."""


class _TimedSocket(ssl.SSLSocket):
    """Ends a read at the session's deadline even if the gateway sends one byte a second."""

    def recv_into(self, buffer: Any, nbytes: int | None = None, flags: int = 0) -> int:
        wire = active_wire()
        left = wire.remaining() if wire is not None else None
        if left is not None:
            if left <= 0:
                raise TimeoutError("the time for this poll is used up")
            limit = self.gettimeout()
            if limit is None or limit > left:
                self.settimeout(left)
        return super().recv_into(buffer, nbytes, flags)


def _gateway_tls() -> ssl.SSLContext:
    """One context for all gateways: they use self-signed certificates, so nothing is verified."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context.check_hostname = False
    context.sslsocket_class = _TimedSocket
    return context


_TLS = _gateway_tls()


class _Pool(urllib3.HTTPSConnectionPool):
    """Connections to certificates nobody can check, without a warning for every single request."""

    def _validate_conn(self, conn: Any) -> None:
        if conn.is_closed:
            conn.connect()


class _GatewayAdapter(HTTPAdapter):
    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=2, max_retries=urllib3.Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=_TLS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool, "http": urllib3.HTTPConnectionPool}


class _Body:
    """Stands in for the raw stream after we have read it: the library takes ``raw.data``."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def close(self) -> None:
        """Nothing left to close."""

    release_conn = close


def retry_after_seconds(value: str | None) -> float | None:
    """The seconds a Retry-After header asks for (a number, or an HTTP date); None when absent or senseless."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError):
            return None
    return min(max(0.0, seconds), _LONGEST_WAIT_SECONDS) if seconds == seconds else None


def _cause_of_error(error: Exception) -> str:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return UNREACHABLE
    if isinstance(error, (requests.exceptions.Timeout, TimeoutError, httpx.TimeoutException)):
        return TIMEOUT
    text_errors = (requests.exceptions.ContentDecodingError, requests.exceptions.InvalidHeader)
    chain: BaseException | None = error
    for _ in range(6):
        if chain is None:
            break
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


class Counted:
    """Mixed into a requests session: every exchange asks and tells the active wire."""

    local = False

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        wire = active_wire()
        if wire is None:
            kwargs["timeout"] = kwargs.get("timeout") or 5.0
            return self._exchange(request, None, kwargs)
        try:
            return self._exchange(request, wire, kwargs)
        except requests.ConnectionError as error:
            # A gateway closes idle connections; that is no failure worth a lost poll. Commands are never repeated.
            if not (self.local and wire.resend and not isinstance(error, NotSent) and _closed_under_us(error)):
                raise
            wire.forgive()
            return self._exchange(request, wire, kwargs)

    def _exchange(
        self, request: requests.PreparedRequest, wire: Wire | None, kwargs: dict[str, Any]
    ) -> requests.Response:
        parts = urlsplit(str(request.url))
        host, path = parts.netloc, parts.path or "/"
        kwargs = dict(kwargs)
        streamed = bool(kwargs.get("stream"))
        kwargs["stream"] = True
        if self.local:
            kwargs.update(verify=False, cert=None, proxies={})
        if not host:
            raise NotSent("no address")
        if wire is None:
            return self._transmit(request, kwargs)
        kwargs["timeout"] = wire.timeout(kwargs.get("timeout"))
        started = time.monotonic()
        _admit(wire, host, path)
        try:
            with wire.request(sum(kwargs["timeout"]) if self.local else math.inf):
                response = self._transmit(request, kwargs)
                body = _read(response)
        except Exception as error:
            seconds, delivered = time.monotonic() - started, not _never_connected(error)
            wire.note(Exchange(host, path, None, _cause_of_error(error), seconds, delivered=delivered))
            raise
        response._content = body
        response._content_consumed = True
        if streamed:
            response.raw = _Body(body)
        wire.note(
            Exchange(
                host,
                path,
                response.status_code,
                cause_of_status(response.status_code),
                time.monotonic() - started,
                retry_after_seconds(response.headers.get("Retry-After")) if response.status_code >= 400 else None,
            )
        )
        return response

    def _transmit(self, request: requests.PreparedRequest, kwargs: dict[str, Any]) -> requests.Response:
        response: requests.Response = super().send(request, **kwargs)  # type: ignore[misc]
        return response


def _read(response: requests.Response) -> bytes:
    chunks: list[bytes] = []
    size = 0
    wire = active_wire()
    for chunk in response.iter_content(65536):
        size += len(chunk)
        if size > _LARGEST_ANSWER_BYTES:
            response.close()
            raise TooLarge("the answer is too large")
        left = wire.remaining() if wire is not None else None
        if left is not None and left <= 0:
            response.close()
            raise requests.exceptions.ReadTimeout("the time for this poll is used up")
        chunks.append(chunk)
    return b"".join(chunks)


class LocalSession(Counted, requests.Session):
    """A session to a gateway in the house: trusts nothing of the environment (proxies, CA bundles, netrc)."""

    local = True

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.verify = False
        super().mount("https://", _GatewayAdapter())

    def mount(self, prefix: str, adapter: Any) -> None:
        """Keep our adapter: the library's would retry for half a minute."""
        if prefix != "https://" or isinstance(adapter, _GatewayAdapter):
            super().mount(prefix, adapter)


class RemoteSession(Counted, requests.Session):
    """A session to Tesla's servers: trusts the environment as every other program on the machine does."""


def _admit(wire: Wire, host: str, path: str) -> None:
    """Take a place for one request; NotSent when the wire has none to give."""
    try:
        wire.admit(host, path)
    except Refused as refusal:
        if refusal.cause is not None:
            wire.note(Exchange(host, path, None, refusal.cause, 0.0, None, sent=False))
        raise NotSent(str(refusal)) from None


class CountedClient(httpx.Client):
    """The HTTP/2 client of the cloud modes, with the same bookkeeping."""

    def send(self, request: httpx.Request, **kwargs: Any) -> httpx.Response:
        """Send one request under the active wire's rules; raises ``httpx.TimeoutException`` when time is up."""
        wire = active_wire()
        if wire is None:
            return super().send(request, **kwargs)
        if not request.url.host:
            raise NotSent("no address")
        # Named apart: where HTTP/2 fails (a CA bundle it does not read), the library's HTTP/1.1 may still succeed.
        host, path = f"{request.url.host} (h2)", request.url.path
        _admit(wire, host, path)
        connect, read = wire.timeout(None)
        limits = request.extensions.get("timeout", {})
        request.extensions["timeout"] = {
            name: min(limits.get(name) or read, connect if name == "connect" else read)
            for name in ("connect", "read", "write", "pool")
        }
        started = time.monotonic()
        try:
            response = super().send(request, **kwargs)
        except Exception as error:
            cause = UNREACHABLE if isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout)) else None
            seconds = time.monotonic() - started
            wire.note(Exchange(host, path, None, cause or _cause_of_error(error), seconds, delivered=cause is None))
            raise
        status = response.status_code
        asked = retry_after_seconds(response.headers.get("Retry-After")) if status >= 400 else None
        wire.note(Exchange(host, path, status, cause_of_status(status), time.monotonic() - started, asked))
        return response


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
    return ModuleView(httpx, Client=CountedClient)


def _loads(text: str | bytes) -> dict[str, Any]:
    """Decode one gateway payload, repaired so that the library's arithmetic survives nulls.

    Raises ``json.JSONDecodeError`` or ``TypeError``, as the library expects, when it is no JSON object.
    """
    wire = active_wire()
    found = json.loads(text, parse_constant=lambda _: None)
    if not isinstance(found, dict):
        raise TypeError("not a JSON object")
    if (sanitise(found) or _maybe_infinite(text)) and wire is not None:
        wire.holed = True
    return found


def _maybe_infinite(text: str | bytes) -> bool:
    """Could a number in this text be too large to be one (1e999)?"""
    return bool(_HUGE_BYTES.search(text) if isinstance(text, bytes) else _HUGE.search(text))


def json_view() -> ModuleView:
    """``json`` with a decoder that repairs gateway payloads."""
    return ModuleView(json, loads=_loads)


__all__ = [
    "CountedClient",
    "LocalSession",
    "ModuleView",
    "RemoteSession",
    "httpx_view",
    "json_view",
    "requests_view",
    "retry_after_seconds",
]
