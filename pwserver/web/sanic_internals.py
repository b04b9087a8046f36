"""Sanic's half of a connection: what the gate passes on is parsed, handled and answered here, one request at a time.

Sanic keeps the handling; the gate keeps the connection. Whether it persists, who closes it and when, and which field
lines every answer has, is decided as for the gate's own answers, so that no client can tell who made one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from time import monotonic
from typing import TYPE_CHECKING, Any

from sanic import HTTPResponse
from sanic.exceptions import ServiceUnavailable
from sanic.headers import format_http1_response
from sanic.http import Http, Stage
from sanic.models.server_types import ConnInfo
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

if TYPE_CHECKING:
    from pwserver.web.gate import GateProtocol

BODILESS = frozenset({204, 304})
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class StreamHead(HTTPResponse):
    """The answer to HEAD of an endless stream: it has no length to announce."""


class PassedHttp(Http):
    """Sanic's HTTP/1.1 with the gate's word on connections in place of Sanic's.

    Replaced, because Sanic reads only the last Connection line and only as one word, says ``100 Continue`` to HTTP/1.0,
    takes the time limit off every request that has ``Upgrade: websocket``, frames answers to HTTP/1.0 in chunks, and
    writes ``alt-svc`` and ``content-type`` lines without a value.
    """

    protocol: Any
    response_func: Any

    async def http1_request_header(self) -> None:
        """Read one head, which the gate has found well-formed."""
        await super().http1_request_header()  # type: ignore[no-untyped-call]
        gate = self.protocol.gate
        self.upgrade_websocket = False  # whoever makes the connection a WebSocket says so
        self.keep_alive = gate is not None and gate.persistent
        self.expecting_continue = self.expecting_continue and gate is not None and gate.awaits_body and not gate.old

    async def http1_response_header(self, data: bytes, end_stream: bool) -> None:
        """Write status line and field lines, and the body where all of it is there."""
        response: Any = self.response
        headers, status = response.headers, response.status
        if not isinstance(status, int) or status < 200:
            raise RuntimeError(f"not the status of an answer: {status!r}")
        if not data and getattr(response, "body", None):
            data, end_stream = response.body, True
        follow_up = self._frame(data, end_stream)
        if status in BODILESS:
            data, end_stream = b"", True
        elif self.head_only:
            data, follow_up = b"", self.head_response_ignored
        elif follow_up is not None and "transfer-encoding" in headers:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        self._name_connection()
        headers["date"] = formatdate(usegmt=True)
        untyped = response.content_type is None and "content-type" not in headers
        lines = [line for line in response.processed_headers if not (untyped and line[0] == b"content-type")]
        answer = format_http1_response(status, lines) + data
        if self.expecting_continue:
            self.expecting_continue = False
            answer = answer if status == 417 else CONTINUE + answer
        self.response_func = follow_up
        await self._send(answer)
        self.stage = Stage.IDLE if end_stream else Stage.RESPONSE

    def _frame(self, data: bytes, end_stream: bool) -> Callable[..., Awaitable[None] | None] | None:
        """Say in the headers how the body's end is found. Returns what writes the rest of it, None for nothing."""
        headers = self.response.headers
        if self.response.status in BODILESS:
            headers.pop("content-length", None)
            headers.pop("transfer-encoding", None)
            return None
        if end_stream:
            if not isinstance(self.response, StreamHead):
                headers["content-length"] = len(data)
            return None
        if "content-length" in headers:
            self.response_bytes_left = int(headers["content-length"]) - len(data)
            return self.http1_response_normal
        if self.protocol.gate is not None and self.protocol.gate.old:
            self.keep_alive = False  # HTTP/1.0 knows no chunks: the end is that of the connection
            return self._unframed
        headers["transfer-encoding"] = "chunked"
        return self.http1_response_chunked

    async def _unframed(self, data: bytes, end_stream: bool) -> None:
        """Write a part of a body that ends with the connection."""
        if data:
            await self._send(data)
        if end_stream:
            self.response_func = None
            self.stage = Stage.IDLE

    def _name_connection(self) -> None:
        """Say what becomes of the connection, beside what the handler says of it (426 names Upgrade)."""
        gate, headers = self.protocol.gate, self.response.headers
        self.keep_alive = self.keep_alive and gate is not None and gate.persistent
        options = [headers.pop("connection")] if "connection" in headers else []
        if not self.keep_alive:
            options.append("close")
        elif gate.old:
            options.append("keep-alive")
        if options:
            headers["connection"] = ", ".join(options)


class PassedProtocol(WebSocketProtocol):
    """Sanic's protocol behind the gate: it gets requests one by one and says when it could take another."""

    HTTP_CLASS = PassedHttp
    __slots__ = ("gate",)

    def __init__(self, gate: GateProtocol, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.gate: GateProtocol | None = gate

    def connection_made(self, transport: Any) -> None:
        """Start Sanic's task."""
        # Not in self.connections: the server shuts the gate's connection, which knows what to do with this one.
        self.transport = transport
        self.recv_buffer = bytearray()
        self.conn_info = ConnInfo(transport, unix=self._unix)
        self._task = self.loop.create_task(self.connection_task())  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        """End Sanic's task."""
        self.gate = None
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def feed(self, data: bytes) -> None:
        """Take bytes of the present request."""
        self._time = monotonic()
        self.recv_buffer += data
        self._data_received.set()

    async def receive_more(self) -> None:
        """Wait for bytes; while idle, tell the gate that the last answer is written."""
        # The gate may feed the next request at once, so the event is cleared first.
        self._data_received.clear()
        if self._http.stage is Stage.IDLE and self.gate is not None:
            self.gate.handler_is_done()
        if self._data_received.is_set():
            # The next request was waiting already. An event that is set does not yield: without this, one client with
            # many requests in the pipe would keep everybody else, and our own heartbeat, from their turn.
            await asyncio.sleep(0)
        await self._data_received.wait()

    async def websocket_handshake(self, request: Any, subprotocols: Any = None) -> Any:
        """Make the connection a WebSocket of Sanic's."""
        self._http.upgrade_websocket = True
        websocket = await super().websocket_handshake(request, subprotocols)
        if self.gate is not None:
            self.gate.handler_took_over()
        return websocket

    def close(self, timeout: float | None = None) -> None:
        """Leave the end of the connection to the gate: Sanic cuts off whoever reads its last answer slowly."""
        if self.websocket is not None or self.gate is None:
            super().close(timeout)
        else:
            self.gate.handler_gave_up()

    def check_timeouts(self) -> None:
        """Do nothing: Sanic starts a timer here for every connection. The gate's tick calls check_timeout instead."""

    def check_timeout(self) -> None:
        """Give up a handler that has been silent for too long, as Sanic would."""
        http, task = self.http, self._task
        if http is None or task is None or http.stage is Stage.IDLE or http.upgrade_websocket:
            return
        if monotonic() - self._time > self.response_timeout:
            http.exception = ServiceUnavailable("Response Timeout")
            self._time = monotonic()
            task.cancel()
