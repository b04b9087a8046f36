"""Touch, in this module alone, what Sanic, sanic-ext and websockets do not promise to keep.

The gate judges every byte and keeps every connection; Sanic only handles the requests that the gate passes on, one at a
time. Sanic has no public way to run like that, so this module extends its protocol and its HTTP/1.1 class. ``TOUCHES``
lists each name that it relies on, why, and what would make it unnecessary. tests/web/test_sanic_internals.py fails with
the name as soon as the installed version no longer has it, and when any other module touches such a name.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import partial
from socket import socket
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from sanic import HTTPResponse, Request
from sanic.exceptions import ServiceUnavailable
from sanic.headers import format_http1_response
from sanic.http import Http, Stage
from sanic.models.server_types import ConnInfo, Signal
from sanic.server.async_server import AsyncioServer
from sanic.server.protocols.websocket_protocol import WebSocketProtocol

from pwserver.web.sanic_app import App
from pwserver.web.websocket import GOING_AWAY
from pwserver_ext.http_connection import HttpConnection
from pwserver_ext.http_gate import Gate

BODILESS = frozenset({204, 304})  # answers that never have a body (RFC 9110 §6.4.1)
DRAIN_LOOK_SECONDS = 0.1
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
Handler = TypeVar("Handler", bound=Callable[..., Any])


class SanicTouch(NamedTuple):
    """Describes one name inside a library that this program relies on.

    ``where``: the module, class or function that has it, as ``module:qualified.name``. ``asked``: it is the other way
    round; the library's code at ``where`` asks one of this module's objects for ``name``.
    """

    where: str
    name: str
    why: str
    until: str
    asked: bool = False


HTTP = "sanic.http:Http"
PROTOCOL = "sanic.server.protocols.websocket_protocol:WebSocketProtocol"
SERVER = "sanic.server.async_server:AsyncioServer"
WEBSOCKET = "sanic.server.websockets.impl:WebsocketImplProtocol"
SPECIFICATION = "sanic_ext.extensions.openapi.builders:SpecificationBuilder"

# What would make a touch unnecessary.
PASSING = "a Sanic that takes single requests from a connection that its caller keeps"
FRAMING = "a Sanic whose answers follow RFC 9112 for HTTP/1.0, 204, 304 and HEAD, and leave Connection to the caller"
STREAMING = "a public way to take a connection over from Sanic once a request has been read"
STOPPING = "a public way to be told that the server stops, with a say in when each connection ends"
STARTING = "a Sanic that can be started before its process is forked"
DESCRIBING = "a public function of sanic-ext that serializes a description"

TOUCHES = (
    SanicTouch("sanic.http", "Http", "extended: the gate decides about connections", PASSING),
    SanicTouch("sanic.http", "Stage", "tells whether a request is being handled", PASSING),
    SanicTouch(
        HTTP, "http1_request_header", "extended: the gate's word replaces Sanic's reading of Connection", PASSING
    ),
    SanicTouch(
        HTTP, "keep_alive", "set from the gate: Sanic reads only the last Connection line, as one word", PASSING
    ),
    SanicTouch(
        HTTP, "expecting_continue", "cleared for HTTP/1.0, which knows no 100 Continue (RFC 9110 §10.1.1)", PASSING
    ),
    SanicTouch(HTTP, "protocol", "leads from a request to its connection and gate", PASSING),
    SanicTouch(HTTP, "stage", "tells that an answer has been written, and is set when ours has", PASSING),
    SanicTouch(HTTP, "exception", "says why a handler is given up", PASSING),
    SanicTouch(HTTP, "upgrade_websocket", "is Sanic's word for: no answer is to come from you", STREAMING),
    SanicTouch(HTTP, "http1_response_header", "replaced: it frames HTTP/1.0 in chunks, writes empty fields", FRAMING),
    SanicTouch(HTTP, "http1_response_normal", "writes the rest of a body whose length was announced", FRAMING),
    SanicTouch(HTTP, "http1_response_chunked", "writes the rest of a body in chunks", FRAMING),
    SanicTouch(HTTP, "head_response_ignored", "swallows the body of an answer to HEAD", FRAMING),
    SanicTouch(HTTP, "head_only", "tells that the request is a HEAD", FRAMING),
    SanicTouch(HTTP, "response", "is the answer to write", FRAMING),
    SanicTouch(HTTP, "response_func", "holds what writes the next part of the body", FRAMING),
    SanicTouch(HTTP, "response_bytes_left", "counts what a body of known length still lacks", FRAMING),
    SanicTouch(HTTP, "_send", "writes with back pressure", FRAMING),
    SanicTouch("sanic.headers", "format_http1_response", "puts a head into bytes as Sanic does", FRAMING),
    SanicTouch("sanic.response:HTTPResponse", "processed_headers", "gives the field lines of an answer", FRAMING),
    SanicTouch(
        PROTOCOL.partition(":")[0], "WebSocketProtocol", "extended: it is fed by the gate, not by a socket", PASSING
    ),
    SanicTouch(PROTOCOL, "HTTP_CLASS", "names our HTTP class", PASSING),
    SanicTouch(PROTOCOL, "connection_made", "replaced: the transport's limits and its set belong to the gate", PASSING),
    SanicTouch(PROTOCOL, "connection_lost", "extended: it also lets go of the gate", PASSING),
    SanicTouch(PROTOCOL, "connection_task", "is the task that handles one request after another", PASSING),
    SanicTouch(PROTOCOL, "transport", "is set, as connection_made is replaced", PASSING),
    SanicTouch(PROTOCOL, "loop", "starts the task", PASSING),
    SanicTouch(PROTOCOL, "recv_buffer", "takes the bytes of a request", PASSING),
    SanicTouch(PROTOCOL, "conn_info", "is set, as connection_made is replaced; gives a request its addresses", PASSING),
    SanicTouch("sanic.models.server_types", "ConnInfo", "makes conn_info", PASSING),
    SanicTouch(PROTOCOL, "_unix", "goes into conn_info", PASSING),
    SanicTouch(PROTOCOL, "_task", "is kept, so that a silent handler can be given up", PASSING),
    SanicTouch(PROTOCOL, "_time", "is when the handler last read or wrote", PASSING),
    SanicTouch(PROTOCOL, "_data_received", "wakes the task when the gate has fed it", PASSING),
    SanicTouch(PROTOCOL, "_http", "tells what the task is doing", PASSING),
    SanicTouch(PROTOCOL, "http", "is the same, None when the task has ended", PASSING),
    SanicTouch(PROTOCOL, "receive_more", "replaced: waiting for more means that the last answer is written", PASSING),
    SanicTouch(PROTOCOL, "close", "extended: Sanic cuts off a client that reads its last answer slowly", PASSING),
    SanicTouch(
        PROTOCOL, "check_timeouts", "switched off: a timer for each connection, which the gate's tick replaces", PASSING
    ),
    SanicTouch(PROTOCOL, "response_timeout", "is how long a handler may be silent", PASSING),
    SanicTouch(PROTOCOL, "websocket", "holds the stream that has taken the connection over", STREAMING),
    SanicTouch(
        PROTOCOL, "websocket_handshake", "extended: the gate must learn of a WebSocket of Sanic's own", STREAMING
    ),
    SanicTouch("sanic.app:Sanic.handle_request", "is_websocket", "says that no answer comes back", STREAMING, True),
    SanicTouch("sanic.app:Sanic._websocket_handler", "websocket_handshake", "is asked of the gate", STREAMING, True),
    SanicTouch(f"{PROTOCOL}.data_received", "data_received", "hands a stream its client's bytes", STREAMING, True),
    SanicTouch(
        f"{PROTOCOL}.eof_received", "eof_received", "tells a stream that its client has said all", STREAMING, True
    ),
    SanicTouch(
        f"{PROTOCOL}.connection_lost", "connection_lost", "tells a stream that its client is gone", STREAMING, True
    ),
    SanicTouch(f"{PROTOCOL}.close", "end_connection", "tells a stream that the handler is over", STREAMING, True),
    SanicTouch(f"{PROTOCOL}.close_if_idle", "end_connection", "tells a stream that the server stops", STOPPING, True),
    SanicTouch(f"{PROTOCOL}.close_if_idle", "ws_proto", "is asked whether a stream is closed already", STOPPING, True),
    SanicTouch(f"{PROTOCOL}.close_if_idle", "state", "is the member of ws_proto that says so", STOPPING, True),
    SanicTouch(f"{PROTOCOL}.close_if_idle", "loop", "None makes Sanic call end_connection", STOPPING, True),
    SanicTouch(PROTOCOL, "close_if_idle", "asked of every handler when the server stops", STOPPING),
    SanicTouch(WEBSOCKET, "fail_connection", "ends a WebSocket of Sanic's own that is left at the end", STOPPING),
    SanicTouch(SERVER.partition(":")[0], "AsyncioServer", "starts the app, and tells it of the server", STARTING),
    SanicTouch(SERVER, "startup", "builds in main what app.run() builds in every worker", STARTING),
    SanicTouch("sanic.models.server_types", "Signal", "is an argument of the protocol", STARTING),
    SanicTouch(SPECIFICATION.partition(":")[0], "SpecificationBuilder", "assembles the API description", DESCRIBING),
    SanicTouch(SPECIFICATION, "reset", "makes a new one: the builder is a singleton", DESCRIBING),
    SanicTouch(SPECIFICATION, "describe", "takes title, version and introduction", DESCRIBING),
    SanicTouch(SPECIFICATION, "url", "takes the address that paths are relative to", DESCRIBING),
    SanicTouch(SPECIFICATION, "tag", "takes a group of operations", DESCRIBING),
    SanicTouch(SPECIFICATION, "add_security_scheme", "takes the control token", DESCRIBING),
    SanicTouch(SPECIFICATION, "add_component", "takes schemas, examples and headers", DESCRIBING),
    SanicTouch(SPECIFICATION, "raw", "takes the operations, which we have as plain data", DESCRIBING),
    SanicTouch(SPECIFICATION, "build", "gives the description as an object", DESCRIBING),
    SanicTouch("sanic_ext.extensions.openapi.definitions:OpenAPI", "serialize", "turns it into plain data", DESCRIBING),
)


class StreamHead(HTTPResponse):
    """Answers HEAD of an endless stream, which has no length to announce."""


class PassedHttp(Http):
    """Sanic's HTTP/1.1 with the gate's decisions about connections in place of Sanic's.

    Sanic reads only the last Connection line and only as one word, says ``100 Continue`` to HTTP/1.0, takes the time
    limit off every request that has ``Upgrade: websocket``, frames answers to HTTP/1.0 in chunks, and writes
    ``alt-svc`` and ``content-type`` lines without a value.
    """

    protocol: Any
    response_func: Any

    async def http1_request_header(self) -> None:
        """Read one head, which the gate has found well-formed."""
        await super().http1_request_header()  # type: ignore[no-untyped-call]
        gate = self.protocol.gate
        self.upgrade_websocket = False  # take_over() sets it for requests that do become streams
        self.keep_alive = gate is not None and gate.persistent
        self.expecting_continue = self.expecting_continue and gate is not None and gate.awaits_body and not gate.old

    async def http1_response_header(self, data: bytes, end_stream: bool) -> None:
        """Write the status line and the field lines, and the body as far as it is there."""
        response: Any = self.response
        status = response.status
        # A handler's mistake: an interim answer here would leave the client waiting for the final one for ever.
        if not isinstance(status, int) or status < 200:
            raise RuntimeError(f"{status!r} is not the status of an answer")
        if not data and getattr(response, "body", None):
            data, end_stream = response.body, True
        follow_up = self._frame_body(data, end_stream)
        if status in BODILESS:
            data, end_stream = b"", True
        elif self.head_only:
            data, follow_up = b"", self.head_response_ignored
        elif follow_up is not None and "transfer-encoding" in response.headers:
            data = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        answer = self._head() + data
        if self.expecting_continue:
            # The body is not read yet. A client that gets 417 has been told not to send it (RFC 9110 §10.1.1).
            self.expecting_continue = False
            answer = answer if status == 417 else CONTINUE + answer
        self.response_func = follow_up
        await self._send(answer)
        self.stage = Stage.IDLE if end_stream else Stage.RESPONSE

    def _head(self) -> bytes:
        """Return the status line and the field lines, with Connection and Date."""
        response: Any = self.response
        self._add_connection_options()
        response.headers["date"] = formatdate(usegmt=True)
        untyped = response.content_type is None and "content-type" not in response.headers
        lines = [line for line in response.processed_headers if not (untyped and line[0] == b"content-type")]
        return format_http1_response(response.status, lines)

    def _frame_body(self, data: bytes, end_stream: bool) -> Callable[..., Awaitable[None] | None] | None:
        """Say in the headers how the end of the body is found (RFC 9112 §6.3).

        Returns what writes the rest of the body, None where there is nothing left to write.
        """
        headers = self.response.headers
        if self.response.status in BODILESS:
            # A length here would make some clients wait for a body that never comes.
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
            # HTTP/1.0 knows no chunks: the body ends with the connection (RFC 9112 §6.1 and §6.3).
            self.keep_alive = False
            return self._write_until_close
        headers["transfer-encoding"] = "chunked"
        return self.http1_response_chunked

    async def _write_until_close(self, data: bytes, end_stream: bool) -> None:
        """Write a part of a body that ends with the connection."""
        if data:
            await self._send(data)
        if end_stream:
            self.response_func = None
            self.stage = Stage.IDLE

    def _add_connection_options(self) -> None:
        """Say what becomes of the connection, besides what the handler says of it (a 426 names Upgrade)."""
        gate, headers = self.protocol.gate, self.response.headers
        self.keep_alive = self.keep_alive and gate is not None and gate.persistent
        options = [headers.pop("connection")] if "connection" in headers else []
        if not self.keep_alive:
            options.append("close")
        elif gate.old:
            options.append("keep-alive")  # HTTP/1.0 closes unless it is told otherwise (RFC 9112 §9.3)
        if options:
            headers["connection"] = ", ".join(options)


class PassedProtocol(WebSocketProtocol):
    """Sanic's protocol behind the gate: it gets requests one by one and says when it can take the next."""

    HTTP_CLASS = PassedHttp
    __slots__ = ("gate",)

    def __init__(self, gate: HttpConnection, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.gate: HttpConnection | None = gate

    def connection_made(self, transport: Any) -> None:
        """Start the task in which Sanic handles requests."""
        # Not in self.connections: the server closes the gate's connection, which knows what to do with this one.
        self.transport = transport
        self.recv_buffer = bytearray()
        self.conn_info = ConnInfo(transport, unix=self._unix)
        self._task = self.loop.create_task(self.connection_task())  # type: ignore[no-untyped-call]

    def connection_lost(self, exc: Exception | None) -> None:
        """End the task in which Sanic handles requests."""
        self.gate = None
        super().connection_lost(exc)  # type: ignore[no-untyped-call]

    def feed(self, data: bytes) -> None:
        """Take bytes of the request that is being handled."""
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
            # The next request was already waiting. Awaiting an event that is set does not yield: without this line, one
            # client that sends many requests at once would hold up all other clients and our own heartbeat.
            await asyncio.sleep(0)
        await self._data_received.wait()

    async def websocket_handshake(self, request: Any, subprotocols: Any = None) -> Any:
        """Turn the connection into a WebSocket of Sanic's own."""
        self._http.upgrade_websocket = True
        websocket = await super().websocket_handshake(request, subprotocols)
        if self.gate is not None:
            self.gate.handler_took_over()
        return websocket

    def close(self, timeout: float | None = None) -> None:
        """Leave the end of the connection to the gate: Sanic cuts off a client that reads its last answer slowly."""
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
            # Sanic answers with this exception when its task is cancelled. The time is set, so that the next tick does
            # not cancel the task once more while it writes that answer.
            http.exception = ServiceUnavailable("Response Timeout")
            self._time = monotonic()
            task.cancel()


class GatedConnection(HttpConnection):
    """Shows a connection of the gate to Sanic's server; opens Sanic's protocol when a request is passed on.

    ``arguments``: what the server hands to the constructor of its protocol class beside ``loop``, ``app`` and
    ``connections``.
    """

    __slots__ = ("_arguments",)

    def __init__(self, gate: Gate, **arguments: Any) -> None:
        super().__init__(gate)
        self._arguments = arguments

    def open_handler(self) -> PassedProtocol:
        """Make Sanic's protocol when the first request for it has come."""
        handler = PassedProtocol(self, **self._arguments)
        handler.connection_made(self.transport)
        return handler

    async def websocket_handshake(self, request: Any, subprotocols: Any = None) -> Any:
        """Pass on what Sanic asks of the protocol of its transport, which is the gate."""
        return await self.handler.websocket_handshake(request, subprotocols)


class _NeverClosed:
    """Gives Sanic the ``state`` that it asks for when it stops, to skip WebSockets that are closed already."""

    state = None


class StreamEndpoint(ABC):
    """Stands in the place of Sanic's own WebSocket object once a connection has been taken over.

    Sanic's protocol tells it everything that happens to the connection.
    """

    __slots__ = ("_handler_returned",)
    ws_proto = _NeverClosed
    loop = None

    def __init__(self) -> None:
        self._handler_returned = False

    @abstractmethod
    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""

    @abstractmethod
    def eof_received(self) -> bool:
        """Take note that the client sends no more; return whether the connection stays open all the same."""

    @abstractmethod
    def connection_lost(self, exc: Exception | None) -> None:
        """Take note that the connection has ended, whichever side ended it."""

    @abstractmethod
    def say_goodbye(self, code: int) -> None:
        """Close in an orderly way. ``code``: the status of a WebSocket's Close frame."""

    @abstractmethod
    def abort(self) -> None:
        """End the connection at once."""

    def end_connection(self, code: int) -> None:
        """Close when the server stops. Sanic also calls this once when the handler has returned, which ends nothing."""
        # The first call comes from Sanic's own clean-up after the handler; the stream is only beginning then.
        if self._handler_returned:
            self.say_goodbye(code)
        self._handler_returned = True

    def fail_connection(self, code: int) -> None:
        """End the connection at once; the server's time for stopping is over."""
        self.abort()


def take_over(request: Request, endpoint: StreamEndpoint) -> None:
    """Make the connection of ``request`` a stream: from here on Sanic only tells ``endpoint`` what happens to it."""
    protocol: Any = request.protocol
    stream: Any = request.stream
    handler = getattr(protocol, "handler", None) or protocol  # behind the gate or, in tests, without one
    handler.websocket = endpoint
    stream.upgrade_websocket = True
    stream.keep_alive = False
    if isinstance(protocol, GatedConnection):
        protocol.handler_took_over()


def start_app(app: App) -> None:
    """Let Sanic build once, in main, what ``app.run()`` would build in every worker, each time in other memory."""
    loop = asyncio.SelectorEventLoop()  # uvloop would take main's signals over
    try:
        loop.run_until_complete(AsyncioServer(app, loop, None, set()).startup())  # type: ignore[no-untyped-call]
    finally:
        loop.close()


def open_server(app: App, protocol: type[GatedConnection], listener: socket, backlog: int) -> Any:
    """Return Sanic's server of an app that ``start_app`` has started; to await it is to accept connections."""
    loop = asyncio.get_running_loop()
    connections: set[GatedConnection] = set()
    accept = partial(protocol, loop=loop, app=app, connections=connections, signal=Signal())
    serving = loop.create_server(accept, sock=listener, backlog=backlog)
    return AsyncioServer(app, loop, serving, connections)


async def drain(connections: set[GatedConnection], seconds: float) -> None:
    """Close each connection when its answer has been written, and after ``seconds`` those that are left."""
    for connection in list(connections):
        connection.close_if_idle()
    end = monotonic() + seconds
    while connections and monotonic() < end:
        await asyncio.sleep(DRAIN_LOOK_SECONDS)
    for connection in list(connections):
        stream = connection.websocket
        if stream is not None:
            stream.fail_connection(GOING_AWAY)
        else:
            connection.abort()


def answers_nothing(handler: Handler) -> Handler:
    """Tell Sanic that a handler may return without an answer, because it has taken the connection over."""
    marked: Any = handler
    marked.is_websocket = True
    return handler


def build_description(
    title: str,
    version: str,
    introduction: str,
    tags: Mapping[str, str],
    components: Mapping[str, Mapping[str, Any]],
    paths: Mapping[str, Any],
) -> dict[str, Any]:
    """Return an API description as sanic-ext's builder makes it, as plain data.

    ``tags``: name -> text. ``components``: kind (``schemas`` and so on) -> name -> value. The import takes 0.2 s and
    10 MB, so it waits until a client asks for the description.
    """
    from sanic_ext.extensions.openapi.builders import SpecificationBuilder

    kind: Any = SpecificationBuilder  # carries no types
    kind.reset()
    builder = kind()
    builder.describe(title, version, introduction)
    builder.url("./")  # relative, so that it holds below any prefix
    for name, text in tags.items():
        builder.tag(name, text)
    builder.add_security_scheme("control", "http", description="The control secret")
    for place, named in components.items():
        for name, value in named.items():
            builder.add_component(place, name, value)
    builder.raw({"paths": paths})
    built: dict[str, Any] = builder.build(None).serialize()
    kind.reset()  # the singleton would keep the whole description for the life of the worker
    return built
