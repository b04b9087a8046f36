"""Connect to gateways in the house: certificates cannot be verified, and each read has an end in time."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util.ssl_ import create_urllib3_context

from pwserver.gateways.request_limiter import active_limiter


class _TimedReads:
    """End a socket's read at the poll's deadline, even if the gateway sends one byte a second.

    A socket's own timeout begins anew with each byte.
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
        """Connect, and exchange the socket for one whose reads end in time."""
        super().connect()
        made = self.sock
        limit = made.gettimeout()
        self.sock = _TimedSocket(made.family, made.type, made.proto, made.detach())
        self.sock.settimeout(limit)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsConnection(urllib3.connection.HTTPSConnection):
    def connect(self) -> None:
        """Connect, and spare the warning about an unverified certificate that urllib3 gives with each request."""
        super().connect()
        self.is_verified = True


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection

    def __init__(self, host: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(host, *args, **kwargs)
        # A URL writes the zone of an IPv6 address as %25eth0 (RFC 6874); the resolver knows it as %eth0 only.
        self.host = self.host.replace("%25", "%", 1)


def _gateway_tls() -> ssl.SSLContext:
    """Make the TLS context for all gateways. They sign their certificates themselves, so nothing is verified."""
    context = create_urllib3_context(cert_reqs=ssl.CERT_NONE)
    context.check_hostname = False
    context.sslsocket_class = _TimedTlsSocket
    return context


_TLS = _gateway_tls()  # making one costs more than a poll


class GatewayAdapter(HTTPAdapter):
    """Connect to gateways without retries: ``request_limiter`` decides what is sent again."""

    def __init__(self) -> None:
        super().__init__(pool_connections=4, pool_maxsize=2, max_retries=urllib3.Retry(0, read=False))

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Let the pools of this adapter use our connections."""
        super().init_poolmanager(*args, ssl_context=_TLS, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _TlsPool, "http": _PlainPool}
