"""Connect to gateways in the house, whose certificates cannot be verified, with an end in time for each read."""

from __future__ import annotations

import socket
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from pwserver.gateways.request_limiter import active_limiter


class _TimedReads:
    """Ends a socket's read at the poll's deadline, even if the gateway sends one byte per second.

    A socket's own timeout starts again with each byte.
    """

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


class _TimedTlsSocket(_TimedReads, ssl.SSLSocket):
    pass


class _TimedSocket(_TimedReads, socket.socket):
    pass


class _PlainConnection(urllib3.connection.HTTPConnection):
    def connect(self) -> None:
        """Connect, and replace the socket by one whose reads end in time."""
        super().connect()
        made = self.sock
        limit = made.gettimeout()
        self.sock = _TimedSocket(made.family, made.type, made.proto, made.detach())
        self.sock.settimeout(limit)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        """Connect without the warning that urllib3 gives about an unverified certificate with each request."""
        super().connect()
        self.is_verified = True


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection

    def __init__(self, host: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(host, *args, **kwargs)
        # A URL writes the zone of an IPv6 address as %25eth0 (RFC 6874); the resolver only knows it as %eth0.
        self.host = self.host.replace("%25", "%", 1)


def _gateway_tls() -> ssl.SSLContext:
    """Return the TLS context for all gateways. Their certificates are self-signed, so none is verified."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context.check_hostname = False
    context.sslsocket_class = _TimedTlsSocket
    return context


_TLS = _gateway_tls()  # shared by all connections and never changed: making one costs more than a poll


_MOST_ADDRESSES: Final = 4  # of one session: a gateway, and its other ways


class GatewayAdapter(HTTPAdapter):
    """Connects to gateways without retries, as ``request_limiter`` decides what is sent again."""

    def __init__(self) -> None:
        # ``Retry(0, read=False)`` makes urllib3 raise its first error as it is, so that its cause can be judged.
        super().__init__(pool_connections=_MOST_ADDRESSES, pool_maxsize=2, max_retries=urllib3.Retry(0, read=False))

        self._pools: dict[tuple[str, str], urllib3.HTTPConnectionPool] = {}

    def get_connection_with_tls_context(
        self, request: requests.PreparedRequest, verify: Any, proxies: Any = None, cert: Any = None
    ) -> urllib3.HTTPConnectionPool:
        """Return the pool of the request's address, found once: no certificate is verified and no proxy used."""
        parts = urlsplit(str(request.url))
        address = parts.scheme, parts.netloc
        if address not in self._pools:
            if len(self._pools) >= _MOST_ADDRESSES:
                self._pools.clear()
            self._pools[address] = super().get_connection_with_tls_context(request, verify, proxies, cert)
        return self._pools[address]

    def close(self) -> None:
        """Close all connections; the adapter may be used again."""
        self._pools.clear()
        super().close()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of this adapter use the connection classes of this module."""
        super().init_poolmanager(*args, ssl_context=_TLS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _TlsPool, "http": _PlainPool}
