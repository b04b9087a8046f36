"""WebSockets and Server-Sent Events: the handshake, who may listen, and how many."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

from sanic import Blueprint, HTTPResponse, Request, Sanic

from pwserver.documents.catalogue import gateway_prefix
from pwserver.gateway_lookup import UnknownGateway, decode_segment, find_gateway
from pwserver.runtime import Runtime
from pwserver.web.address_table import STREAMS, AddressTable, Note
from pwserver.web.document_routes import SITE, site_gateways, site_target
from pwserver.web.document_table import DocumentTable
from pwserver.web.errors import JsonBlueprint, Refusal
from pwserver.web.proxies import Proxies
from pwserver.web.query_parameters import single
from pwserver.web.sanic_internals import StreamEndpoint, StreamHead, answers_nothing, take_over
from pwserver.web.stream_hub import DEFLATED, EVENTS, WEBSOCKET, Hub, Listener, Topic
from pwserver.web.websocket import (
    NORMAL,
    POLICY,
    PONG,
    Failed,
    Incoming,
    accept_key,
    close_frame,
    frame,
    takes_deflate,
)
from pwserver.web_origins import ANYBODY, judge_origin, may_listen

FRAMES_PER_SECOND = 50  # of a client that has nothing to say to us
CLOSE_SECONDS = 1.0  # for the client to read our good-bye
AGGREGATE_TARGET = "/api/aggregate/"
DOCUMENTS = ("aggregate", "site")  # what /api/stream can send
# One house: what a phone behind a slow line takes without noticing. All houses: short for few, bounded for hundreds.
HOUSE_BYTES_PER_SECOND = 2000.0
OVERVIEW_BYTES_PER_SECOND = 50_000.0
RETRY_SECONDS = 2
EVENTS_HEAD = (
    "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\n"
    "x-accel-buffering: no\r\nconnection: close\r\n{cors}\r\n"
)
EVENTS_TYPE = "text/event-stream; charset=utf-8"


class StreamConnection(StreamEndpoint):
    """One client's connection once it is a stream."""

    def __init__(self, streams: Streams, listener: Listener, who: str) -> None:
        super().__init__()
        self._streams = streams
        self._listener = listener
        self._transport: Any = listener.transport
        self._who = who
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self._second = 0
        self._frames = 0
        self._incoming: Incoming | None = None
        if listener.form != EVENTS:
            limit = streams.frame_bytes
            self._incoming = Incoming(limit, listener.form == DEFLATED, self._pinged, self._closed)

    def data_received(self, data: bytes) -> None:
        """From the client."""
        if self._incoming is None or self._closing:
            return
        try:
            second = int(self._loop.time())
            if second != self._second:
                self._second, self._frames = second, self._incoming.frames
            self._incoming.feed(bytes(data))
            if self._incoming.frames - self._frames > FRAMES_PER_SECOND:
                raise Failed(POLICY)
        except Failed as failed:
            self.say_goodbye(failed.code)

    def eof_received(self) -> bool:
        """End a WebSocket whose client will say nothing more. An event stream goes on: its client has said all."""
        return self._listener.form == EVENTS

    def connection_lost(self, exc: Exception | None) -> None:
        """Count the listener out, whichever side ended the connection."""
        self._closing = True
        self._streams.left(self._listener, self._who)

    def abort(self) -> None:
        """End the connection at once."""
        self._listener.shut()
        self._transport.abort()

    def _pinged(self, payload: bytes) -> None:
        # Only the latest ping needs an answer (RFC 6455 5.5.3), and only of a client that reads.
        if self._transport.get_write_buffer_size() == 0:
            self._listener.queued = True
            self._transport.write(frame(payload, PONG))

    def _closed(self, code: int | None) -> None:
        self.say_goodbye(NORMAL if code is None else code)
        self._transport.close()

    def say_goodbye(self, code: int) -> None:
        """Send the Close frame of a WebSocket, and close."""
        if self._closing:
            return
        self._closing = True
        self._streams.hub.remove(self._listener)
        if self._incoming is not None and self._transport.get_write_buffer_size() == 0:
            self._transport.write(close_frame(code))
        self._transport.close()
        self._loop.call_later(CLOSE_SECONDS, self._transport.abort)  # for one that does not even read this


class Streams:
    """Who listens in this worker, and how many listen in all."""

    def __init__(self, runtime: Runtime, table: DocumentTable) -> None:
        settings = runtime.config.settings
        self.runtime = runtime
        self.table = table
        self.hub = Hub(table, settings["PW_WRITE_TIMEOUT"])
        self.frame_bytes = settings["PW_WEBSOCKET_MAX_FRAME"]
        self.deflate = settings["PW_WEBSOCKET_DEFLATE"]
        self.origins = settings["CORS_ORIGINS"]
        self.most = settings["PW_MAX_STREAMS"]
        self.most_of_one = settings["PW_MAX_STREAMS_PER_ADDRESS"]
        self.number = 0
        self._proxies = Proxies(settings["PW_TRUSTED_PROXIES"])
        self._column = runtime.shared.counters.index("websockets")
        self._addresses = AddressTable(runtime.shared.arena.region(STREAMS), runtime.workers)
        self._open = 0

    def start(self, number: int) -> None:
        """In the worker, before it serves: nobody listens yet, whatever the one before us has noted."""
        self.number = self.hub.number = number
        self._addresses.clear(number)
        self._count(0)

    def admit(self, request: Request) -> str:
        """Raise Refusal unless one more may listen. Returns the client's address."""
        who = self._proxies.asking(request)
        if self.runtime.shared.counters.total(self._column) >= self.most:
            raise Refusal(503, "Too many streams", {"retry-after": "5"})
        if sum(note.first for note in self._addresses.notes(who)) >= self.most_of_one:
            raise Refusal(503, "Too many streams from this address", {"retry-after": "5"})
        return who

    def check_origin(self, request: Request) -> None:
        """Raise Refusal unless a page of the request's origin may listen."""
        origin = judge_origin(request.headers)
        if not may_listen(origin, self.origins, request.headers.get("host", "")):
            raise Refusal(403, "This origin may not listen; list it in CORS_ORIGINS")

    def open(self, request: Request, topic: Topic, form: str, head: str, who: str) -> None:
        """Make the connection a stream: from here on Sanic only passes on what happens to it."""
        transport: Any = request.transport
        listener = Listener(topic, form, transport)
        own = self._addresses.own(self.number, who)
        self._addresses.write(self.number, who, Note(own.first + 1.0, self.hub_time()))
        self._count(self._open + 1)
        transport.write(head.encode("latin-1"))
        self.hub.add(listener)
        take_over(request, StreamConnection(self, listener, who))

    def left(self, listener: Listener, who: str) -> None:
        """A stream has ended."""
        self.hub.remove(listener)
        own = self._addresses.own(self.number, who)
        self._addresses.write(self.number, who, Note(max(0.0, own.first - 1.0), self.hub_time()))
        self._count(self._open - 1)

    @staticmethod
    def hub_time() -> float:
        """The loop's clock."""
        return asyncio.get_running_loop().time()

    def _count(self, now: int) -> None:
        self._open = max(0, now)
        self.runtime.shared.counters.set(self.number, self._column, self._open)

    def aggregate(self) -> Topic:
        """The sums of /api/aggregate/."""
        return self.hub.topic(AGGREGATE_TARGET)

    def gateway(self, name: str) -> Topic:
        """The whole document of one gateway. Raises UnknownGateway."""
        return self.hub.topic(gateway_prefix(find_gateway(name, self.table.gateways)))

    def site(self, name: str | None) -> Topic:
        """The site document, or its part about one gateway. Raises UnknownGateway."""
        if name is None:
            return self.hub.topic(SITE, OVERVIEW_BYTES_PER_SECOND)
        return self.hub.topic(site_target(find_gateway(name, site_gateways(self.table))), HOUSE_BYTES_PER_SECOND)


def upgrade(streams: Streams, request: Request, topic: Topic) -> None:
    """Answer a WebSocket handshake, or raise a Refusal that says what is wrong with it."""
    headers: Mapping[str, str] = request.headers
    asked = "upgrade" in words(request, "connection") and "websocket" in words(request, "upgrade")
    other = {"upgrade": "websocket", "connection": "upgrade"}
    if not asked or request.method != "GET" or request.version == "1.0":
        raise Refusal(426, "This is a WebSocket", other)
    if headers.get("sec-websocket-version") != "13":
        raise Refusal(426, "Only version 13 is spoken here", {"sec-websocket-version": "13", **other})
    accept = accept_key(headers.get("sec-websocket-key", ""))
    if accept is None:
        raise Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base 64")
    streams.check_origin(request)
    who = streams.admit(request)
    squeezed = streams.deflate and takes_deflate(headers.get("sec-websocket-extensions", ""))
    lines = ["HTTP/1.1 101 Switching Protocols", f"date: {formatdate(usegmt=True)}"]
    lines += ["upgrade: websocket", "connection: Upgrade"]
    lines.append(f"sec-websocket-accept: {accept}")
    if squeezed:
        lines.append("sec-websocket-extensions: permessage-deflate; server_no_context_takeover")
    head = "\r\n".join([*lines, "", ""])
    streams.open(request, topic, DEFLATED if squeezed else WEBSOCKET, head, who)


def words(request: Request, name: str) -> set[str]:
    """The members of a header that is a list, over all its lines, in lower case."""
    return {item.strip().lower() for line in request.headers.getall(name, []) for item in line.split(",")}


def listen(streams: Streams, request: Request, topic: Topic) -> None:
    """Begin an event stream."""
    streams.check_origin(request)
    who = streams.admit(request)
    origin, cors = judge_origin(request.headers), ""
    if ANYBODY in streams.origins:
        cors = "access-control-allow-origin: *\r\n"
    elif origin is not None and origin.is_listed(streams.origins):
        cors = f"access-control-allow-origin: {origin.text}\r\n"
        cors += "access-control-allow-credentials: true\r\nvary: Origin\r\n"
    head = EVENTS_HEAD.format(date=formatdate(usegmt=True), media_type=EVENTS_TYPE, cors=cors)
    streams.open(request, topic, EVENTS, head + f"retry: {1000 * RETRY_SECONDS}\n\n", who)


def blueprint(streams: Streams) -> Blueprint:
    """The routes."""
    routes = JsonBlueprint("streams")

    async def aggregate(request: Request) -> HTTPResponse | None:
        upgrade(streams, request, streams.aggregate())
        return None

    async def gateway(request: Request, gateway: str) -> HTTPResponse | None:
        try:
            topic = streams.gateway(decode_segment(gateway))
        except UnknownGateway:
            topic = streams.hub.topic(None)  # old clients want to be told so in messages
        upgrade(streams, request, topic)
        return None

    async def site(request: Request) -> HTTPResponse | None:
        upgrade(streams, request, streams.site(single(request, "gateway") or None))
        return None

    async def house(request: Request, gateway: str) -> HTTPResponse | None:
        upgrade(streams, request, streams.site(decode_segment(gateway)))
        return None

    async def events(request: Request) -> HTTPResponse | None:
        wanted, document = single(request, "gateway") or None, single(request, "document") or DOCUMENTS[0]
        if document not in DOCUMENTS:
            given = document if len(document) <= 40 else document[:40] + "…"
            raise Refusal(400, f"document is {given!r}; allowed are {', '.join(DOCUMENTS)}")
        if document == "site":
            topic = streams.site(wanted)
        else:
            topic = streams.aggregate() if wanted is None else streams.gateway(wanted)
        if request.method == "HEAD":
            streams.check_origin(request)
            quiet = {"cache-control": "no-store", "x-accel-buffering": "no"}
            return StreamHead(None, headers=quiet, content_type=EVENTS_TYPE)
        listen(streams, request, topic)
        return None

    handlers: dict[str, Any] = {
        "/ws/aggregate": aggregate,
        "/ws/gateway/<gateway:str>": gateway,
        "/ws/site": site,
        "/ws/site/<gateway:str>": house,
        "/api/stream": events,
    }
    for path, handler in handlers.items():
        routes.add_route(answers_nothing(handler), path, methods=["GET", "HEAD"])
    return routes


def install(app: Sanic[Any, Any], streams: Streams) -> None:
    """The routes. The server's protocol class must be one of Sanic's for WebSockets (the gate's is)."""

    async def start(app: Sanic[Any, Any]) -> None:
        streams.start(app.ctx.number)

    app.register_listener(start, "before_server_start")
    app.blueprint(blueprint(streams))
