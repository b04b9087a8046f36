"""Put a gate in front of Sanic: every byte a client sends is judged here before Sanic sees it.

`GateProtocol` is handed to Sanic as its protocol class. It is a thin skin over the compiled
`pwserver_ext.http_connection.HttpConnection`, which answers documents and refuses what is malformed. Only when a
request is Sanic's to answer is a `PassedProtocol` made (see `sanic_internals`); it then gets exactly that request's
bytes, and the next ones when Sanic asks for more.

TLS is agreed on here as well, above a connection that has been counted and has its deadline: a client that never
finishes a handshake costs no more than one that never finishes a head.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Container, Coroutine, Mapping
from dataclasses import field
from functools import partial
from typing import Any

from sanic import HTTPResponse, Request

from pwserver.records import record
from pwserver.web.client_address import forwarded_of
from pwserver.web.own_names import LOCAL_NAMES
from pwserver.web.sanic_app import App
from pwserver.web.sanic_internals import GatedConnection
from pwserver_ext.counters import Counters
from pwserver_ext.http_documents import ServedDocument, TargetTable
from pwserver_ext.http_gate import Gate
from pwserver_ext.http_hosts import Hosts
from pwserver_ext.http_recogniser import Recogniser
from pwserver_ext.http_reply import Responder

log = logging.getLogger("pwserver.web")
access = logging.getLogger("pwserver.access")


@record(frozen=True)
class GateSettings:
    """Holds what the gate of every worker needs to know; kept as `app.ctx.gate` before the server starts.

    targets: request path -> document. query_targets: (path, key) -> document served when the query has that key.
    accept_targets: path -> (wanted, document served when wanted(Accept header) is true).
    streams: paths of WebSockets, whose handshakes the limiter does not count. tls: None for plain HTTP.
    prefix: sub-path under which all targets answer as well, without a trailing slash; empty for none.
    hosts: lower-case names and `*.suffix` patterns allowed in Host, beside IP addresses and single labels;
        None switches the check off. explain_host: such a name that is not allowed -> the reason that its refusal gives.
    origins: the CORS list, ("*",) for any.
    Bounds are bytes, seconds, and counts per worker; a cap of 0 is no cap. Seconds are absolute.
    access_log: a line for every request. counters, row: where this worker counts; first_event: index of the first of
        `pwserver_ext.http_gate.EVENTS` there.
    exempt_addresses: trusted reverse proxies. client: (peer, all X-Forwarded-For lines as one list, or "") -> whose
        requests and connections are counted together; asker: the same -> whose address the access log shows.
    limiter: address -> seconds to stay away, 0 for welcome; asked once per request, not for WebSockets.
    """

    targets: Mapping[bytes, ServedDocument]
    query_targets: Mapping[tuple[bytes, bytes], ServedDocument] = field(default_factory=dict)
    accept_targets: Mapping[bytes, tuple[Callable[[str], bool], ServedDocument]] = field(default_factory=dict)
    streams: tuple[bytes, ...] = ()
    tls: ssl.SSLContext | None = None
    prefix: str = ""
    hosts: tuple[str, ...] | None = LOCAL_NAMES
    origins: tuple[str, ...] = ("*",)
    request_line_bytes: int = 8192
    head_bytes: int = 16384
    head_fields: int = 100
    body_bytes: int = 4096
    head_seconds: float = 10.0
    idle_seconds: float = 75.0
    stall_seconds: float = 30.0
    linger_seconds: float = 2.0
    drain_seconds: float = 0.5
    tick_seconds: float = 0.5
    connections: int = 4096
    connections_per_address: int = 1024
    exempt_addresses: Container[str] = frozenset()
    client: Callable[[str, str], str] | None = None
    asker: Callable[[str, str], str] | None = None
    explain_host: Callable[[str], str] | None = None
    kept_reply_bytes: int = 8 << 20
    write_buffer_bytes: int = 65536
    counters: Counters | None = None
    row: int = 0
    first_event: int = 0
    limiter: Callable[[str], float] | None = None
    access_log: bool = False

    def open_gate(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> Gate:
        """Make the gate of this worker; `connections` is the set that the server closes when it stops."""
        prefix = self.prefix.encode("ascii")
        table = TargetTable(self.targets, self.query_targets, prefix, self.accept_targets, self.streams)
        return Gate(
            Recogniser(
                table,
                Hosts(self.hosts),
                line_limit=self.request_line_bytes,
                head_limit=self.head_bytes,
                field_limit=self.head_fields,
                body_limit=self.body_bytes,
            ),
            Responder(table, self.origins, self.kept_reply_bytes),
            loop=loop,
            connections=connections,
            counters=self.counters,
            row=self.row,
            first_event=self.first_event,
            limiter=self.limiter,
            exempt=self.exempt_addresses,
            client=self.client,
            asker=self.asker,
            explain_host=self.explain_host,
            head_seconds=self.head_seconds,
            idle_seconds=self.idle_seconds,
            stall_seconds=self.stall_seconds,
            linger_seconds=self.linger_seconds,
            drain_seconds=self.drain_seconds,
            tick_seconds=self.tick_seconds,
            connections_max=self.connections,
            per_address_max=self.connections_per_address,
            access=log_access if self.access_log else None,
            secure=self.tls is not None,
        )


def log_access(address: str, what: str, status: int, size: int) -> None:
    """Log an answer: address, method and target ("-" where there was no request), status, bytes sent."""
    access.info('%s "%s" %d %d', address or "-", what, status, size)


def install(app: App) -> None:
    """Write Sanic's own answers into the access log."""

    @app.on_response
    async def log_answer(request: Request, response: HTTPResponse) -> None:
        if app.ctx.gate.access_log:
            body = response.body or b""
            asker, peer = app.ctx.gate.asker, request.ip or ""
            who = asker(peer, forwarded_of(request.headers)) if asker is not None else peer
            log_access(who, f"{request.method} {request.raw_url.decode('latin-1')}", response.status, len(body))


class GateProtocol(GatedConnection):
    """Serves one client's connection, from accept to close."""

    __slots__ = ("_loop", "_settings")

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        app: App,
        connections: set[Any],
        **arguments: Any,
    ) -> None:
        gate = getattr(app.ctx, "open_gate", None)
        if gate is None:
            gate = app.ctx.open_gate = app.ctx.gate.open_gate(loop, connections)
        super().__init__(gate, loop=loop, app=app, connections=connections, **arguments)
        self._loop = loop
        self._settings: GateSettings = app.ctx.gate

    def connection_made(self, transport: Any) -> None:
        """Count the client and start the clock of its first head, or of its handshake."""
        # For the handler's answers too: it writes to the same transport.
        transport.set_write_buffer_limits(high=self._settings.write_buffer_bytes)
        super().connection_made(transport)

    def begin_handshake(self) -> None:
        """Begin to agree on TLS with the client."""
        settings = self._settings
        assert settings.tls is not None
        # Our own tick ends what takes too long. The loop's limits are behind it, should that ever fail.
        upgrade = self._loop.start_tls(
            self.transport,
            self,
            settings.tls,
            server_side=True,
            ssl_handshake_timeout=2 * settings.head_seconds + 1,
            ssl_shutdown_timeout=settings.stall_seconds + 1,
        )
        # The first step by hand and not in a task: a task would begin a turn of the loop later, and the client's first
        # bytes could come before it and be taken for a request.
        waiting: asyncio.Future[None] = upgrade.send(None)
        waiting.add_done_callback(partial(self._finish_handshake, upgrade))

    def _finish_handshake(self, upgrade: Coroutine[Any, Any, Any], _: asyncio.Future[None]) -> None:
        try:
            upgrade.send(None)
        except StopIteration as finished:
            if self.beneath is None or self.beneath.is_closing():
                # Ended during the handshake: the loop says that as if it had succeeded.
                self.connection_lost(None)
                return
            finished.value.set_write_buffer_limits(high=self._settings.write_buffer_bytes)
            self.handshake_is_done(finished.value)
        except (OSError, asyncio.CancelledError) as failed:
            # Scanners and browsers that distrust the certificate end here all the time, so this is no warning.
            log.debug("no TLS with %s: %s", self.address, failed)
            self.abort()
            self.connection_lost(None)  # the TLS layer does not report it
