"""The gate in front of Sanic: every byte a client sends is judged here before Sanic sees it.

`GateProtocol` is handed to Sanic as its protocol class. It is a thin skin over the compiled
`pwserver_ext.http.Connection`, which answers documents and refuses what is malformed. Only when a request is Sanic's
to answer is a `PassedProtocol` made, Sanic's own protocol with its task, timers and connection info; it then gets
exactly that request's bytes, and the next ones when Sanic asks for more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import ServiceUnavailable
from sanic.http import Http, Stage
from sanic.models.server_types import ConnInfo
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from pwserver.web.proxies import forwarded_of
from pwserver_ext.counters import Counters
from pwserver_ext.http import Connection, Document, Gate, Hosts, Recogniser, Responder, Table

access = logging.getLogger("pwserver.access")

# Names that the public domain name system never gives out, so no page on the Internet can be rebound to them.
LOCAL_NAMES = ("*.local", "*.localhost", "*.localdomain", "*.lan", "*.home.arpa", "*.internal")


@dataclass(frozen=True)
class GateSettings:
    """How the gate of every worker behaves; kept as `app.ctx.gate` before the server starts.

    targets: request path -> Document. query_targets: (path, key) -> Document served when the query has that key.
    accept_targets: path -> (wanted, Document served when wanted(Accept header) is true).
    prefix: sub-path under which all targets answer as well, without a trailing slash; empty for none.
    hosts: lower-case names and `*.suffix` patterns allowed in Host, beside IP addresses and single labels;
        None switches the check off. origins: the CORS list, ("*",) for any.
    Bounds are bytes, seconds, and counts per worker; a cap of 0 is no cap. Seconds are absolute.
    access_log: a line for every request. counters, row: where this worker counts; first_event: index of the first of
        `pwserver_ext.http.EVENTS` there.
    exempt_addresses: trusted reverse proxies. client: (peer, all X-Forwarded-For lines as one list, or "") -> whose
        requests and connections are counted together; asker: the same -> whose address the access log shows.
    limiter: address -> seconds to stay away, 0 for welcome; asked once per request, not for WebSockets.
    """

    targets: Mapping[bytes, Document]
    query_targets: Mapping[tuple[bytes, bytes], Document] = field(default_factory=dict)
    accept_targets: Mapping[bytes, tuple[Callable[[str], bool], Document]] = field(default_factory=dict)
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
    kept_reply_bytes: int = 8 << 20
    write_buffer_bytes: int = 65536
    counters: Counters | None = None
    row: int = 0
    first_event: int = 0
    limiter: Callable[[str], float] | None = None
    access_log: bool = False

    def open_gate(self, loop: asyncio.AbstractEventLoop, connections: set[Any]) -> Gate:
        """The gate of this worker; `connections` is the set that the server closes at shutdown."""
        table = Table(self.targets, self.query_targets, self.prefix.encode("ascii"), self.accept_targets)
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
            head_seconds=self.head_seconds,
            idle_seconds=self.idle_seconds,
            stall_seconds=self.stall_seconds,
            linger_seconds=self.linger_seconds,
            drain_seconds=self.drain_seconds,
            tick_seconds=self.tick_seconds,
            connections_max=self.connections,
            per_address_max=self.connections_per_address,
            access=log_access if self.access_log else None,
        )


def log_access(address: str, what: str, status: int, size: int) -> None:
    """One line about an answer: who, method and target ("-" where there was no request), status, bytes sent."""
    access.info('%s "%s" %d %d', address or "-", what, status, size)


def install(app: Sanic[Any, Any]) -> None:
    """What Sanic's own answers need to look as if the gate had made them."""

    @app.on_response
    async def finish(request: Request, response: HTTPResponse) -> None:
        gate = getattr(app.ctx, "open_gate", None)
        if gate is not None and gate.stopping and isinstance(request.stream, Http):
            request.stream.keep_alive = False
        if app.ctx.gate.access_log:
            body = response.body or b""
            asker, peer = app.ctx.gate.asker, request.ip or ""
            who = asker(peer, forwarded_of(request.headers)) if asker is not None else peer
            log_access(who, f"{request.method} {request.raw_url.decode('latin-1')}", response.status, len(body))


class PassedProtocol(WebSocketProtocol):
    """Sanic's protocol behind the gate: it gets requests one by one and says when it could take another."""

    __slots__ = ("gate",)

    def __init__(self, gate: GateProtocol, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.gate: GateProtocol | None = gate

    def connection_made(self, transport: Any) -> None:
        # Not in self.connections: the server shuts the gate's connection, which knows what to do with this one.
        self.transport = transport
        self.recv_buffer = bytearray()
        self.conn_info = ConnInfo(transport, unix=self._unix)
        self._task = self.loop.create_task(self.connection_task())  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        self.gate = None
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def feed(self, data: bytes) -> None:
        self._time = monotonic()
        self.recv_buffer += data
        self._data_received.set()

    async def receive_more(self) -> None:
        # Sanic asks while idle: the answer to the last request is out. The gate may feed the next one at once,
        # so the event is cleared first.
        self._data_received.clear()
        if self._http.stage is Stage.IDLE and self.gate is not None:
            self.gate.handler_is_done()
        if self._data_received.is_set():
            # The next request was waiting already. An event that is set does not yield: without this, one client with
            # many requests in the pipe would keep everybody else, and our own heartbeat, from their turn.
            await asyncio.sleep(0)
        await self._data_received.wait()

    async def websocket_handshake(self, request: Any, subprotocols: Any = None) -> Any:
        websocket = await super().websocket_handshake(request, subprotocols)
        if self.gate is not None:
            self.gate.handler_took_over()
        return websocket

    def check_timeouts(self) -> None:
        # Sanic starts a timer here for every connection. The gate's tick calls check_timeout instead.
        return

    def check_timeout(self) -> None:
        """Give up a handler that has been silent for too long, as Sanic would."""
        http, task = self.http, self._task
        if http is None or task is None or http.stage is Stage.IDLE or http.upgrade_websocket:
            return
        if monotonic() - self._time > self.response_timeout:
            http.exception = ServiceUnavailable("Response Timeout")
            self._time = monotonic()
            task.cancel()


class GateProtocol(Connection):
    """One client's connection, from accept to close."""

    __slots__ = ("_arguments", "_write_buffer_bytes")

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        app: Sanic[Any, Any],
        connections: set[Any],
        **arguments: Any,
    ) -> None:
        gate = getattr(app.ctx, "open_gate", None)
        if gate is None:
            gate = app.ctx.open_gate = app.ctx.gate.open_gate(loop, connections)
        super().__init__(gate)
        self._arguments = (loop, app, connections, arguments)
        self._write_buffer_bytes = app.ctx.gate.write_buffer_bytes

    def connection_made(self, transport: Any) -> None:
        # For the handler's answers too: it writes to the same transport.
        transport.set_write_buffer_limits(high=self._write_buffer_bytes)
        super().connection_made(transport)

    def open_handler(self) -> PassedProtocol:
        loop, app, connections, arguments = self._arguments
        handler = PassedProtocol(self, loop=loop, app=app, connections=connections, **arguments)
        handler.connection_made(self.transport)
        return handler

    async def websocket_handshake(self, request: Any, subprotocols: Any = None) -> Any:
        """Sanic asks the transport's protocol for this, and that is the gate."""
        return await self.handler.websocket_handshake(request, subprotocols)

    @property
    def version(self) -> Any:
        """HTTP version, which Sanic's Request asks of its protocol."""
        return PassedProtocol.__version__
