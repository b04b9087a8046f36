"""Serve WebSockets and Server-Sent Events: judge the handshakes, and choose what each stream is about."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import formatdate

from sanic import Blueprint, HTTPResponse, Request

from pwserver.gateway_lookup import UnknownGateway, decode_segment
from pwserver.json_types import JsonObject
from pwserver.web.errors import JsonBlueprint, Refusal
from pwserver.web.open_streams import OpenStreams
from pwserver.web.request_query import single
from pwserver.web.sanic_app import App
from pwserver.web.sanic_internals import StreamHead, answers_nothing
from pwserver.web.stream_topics import DEFLATED, EVENTS, WEBSOCKET, Topic
from pwserver.web.websocket import accept_key, accepts_deflate
from pwserver.web_origins import ANYBODY, judge_origin

DOCUMENTS = ("aggregate", "site", "events")  # what /api/stream can send
RETRY_SECONDS = 2  # seconds after which a browser opens a lost event stream again (HTML standard, ``retry:``)
EVENTS_HEAD = (
    "HTTP/1.1 200 OK\r\ndate: {date}\r\ncontent-type: {media_type}\r\ncache-control: no-store\r\n"
    "x-accel-buffering: no\r\nconnection: close\r\n{cors}\r\n"
)
EVENTS_TYPE = "text/event-stream; charset=utf-8"


def upgrade(streams: OpenStreams, request: Request, topic: Topic) -> None:
    """Answer a WebSocket handshake, or raise a Refusal that says what is wrong with it."""
    headers: Mapping[str, str] = request.headers
    asked = "upgrade" in words(request, "connection") and "websocket" in words(request, "upgrade")
    other = {"upgrade": "websocket", "connection": "upgrade"}
    # HTTP/1.0 cannot upgrade (RFC 9110 §7.8); a 426 must name what to upgrade to (§15.5.22).
    if not asked or request.method != "GET" or request.version == "1.0":
        raise Refusal(426, "This path is a WebSocket, and the request is no WebSocket handshake", other)
    if headers.get("sec-websocket-version") != "13":
        raise Refusal(426, "Sec-WebSocket-Version must be 13", {"sec-websocket-version": "13", **other})
    # Before the client is counted: only a handshake that can succeed takes one of the places.
    accept = accept_key(headers.get("sec-websocket-key", ""))
    if accept is None:
        raise Refusal(400, "Sec-WebSocket-Key must be 16 bytes in base 64")
    streams.check_origin(request)
    who = streams.admit(request)
    deflated = streams.deflate and accepts_deflate(headers.get("sec-websocket-extensions", ""))
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        f"date: {formatdate(usegmt=True)}",
        "upgrade: websocket",
        "connection: Upgrade",
        f"sec-websocket-accept: {accept}",
    ]
    if deflated:
        lines.append("sec-websocket-extensions: permessage-deflate; server_no_context_takeover")
    head = "\r\n".join([*lines, "", ""])
    streams.open(request, topic, DEFLATED if deflated else WEBSOCKET, head, who)


def words(request: Request, name: str) -> set[str]:
    """Return the members of a header that is a list, from all its lines, in lower case."""
    return {item.strip().lower() for line in request.headers.getall(name, []) for item in line.split(",")}


def listen(streams: OpenStreams, request: Request, topic: Topic) -> None:
    """Answer with an event stream. Raises Refusal where the client may not open one."""
    streams.check_origin(request)
    who = streams.admit(request)
    origin, cors = judge_origin(request.headers), ""
    if ANYBODY in streams.origins:
        cors = "access-control-allow-origin: *\r\n"
    elif origin is not None and origin.is_listed(streams.origins):
        cors = f"access-control-allow-origin: {origin.text}\r\n"
        cors += "access-control-allow-credentials: true\r\nvary: Origin\r\n"
    head = EVENTS_HEAD.format(date=formatdate(usegmt=True), media_type=EVENTS_TYPE, cors=cors)
    streams.open(request, topic, EVENTS, head + f"retry: {1000 * RETRY_SECONDS}\n", who)


def blueprint(streams: OpenStreams) -> Blueprint:
    """Make the routes of all streams."""
    routes = JsonBlueprint("streams")

    async def aggregate(request: Request) -> HTTPResponse | None:
        upgrade(streams, request, streams.aggregate())
        return None

    async def gateway(request: Request, gateway: str) -> HTTPResponse | None:
        try:
            topic = streams.gateway(decode_segment(gateway))
        except UnknownGateway:
            topic = streams.hub.topic(None)  # old clients expect to be told so in messages
        upgrade(streams, request, topic)
        return None

    async def site(request: Request) -> HTTPResponse | None:
        upgrade(streams, request, streams.site(single(request, "gateway") or None))
        return None

    async def house(request: Request, gateway: str) -> HTTPResponse | None:
        upgrade(streams, request, streams.site(decode_segment(gateway)))
        return None

    async def diary(request: Request) -> HTTPResponse | None:
        upgrade(streams, request, streams.events(single(request, "gateway") or None))
        return None

    async def events(request: Request) -> HTTPResponse | None:
        wanted, document = single(request, "gateway") or None, single(request, "document") or DOCUMENTS[0]
        if document not in DOCUMENTS:
            given = document if len(document) <= 40 else document[:40] + "…"
            raise Refusal(400, f"document is {given!r}; allowed are {', '.join(DOCUMENTS)}")
        if document == "site":
            topic = streams.site(wanted)
        elif document == "events":
            topic = streams.events(wanted)
        else:
            topic = streams.aggregate() if wanted is None else streams.gateway(wanted)
        # Not admitted and not counted: a HEAD opens no stream.
        if request.method == "HEAD":
            streams.check_origin(request)
            quiet = {"cache-control": "no-store", "x-accel-buffering": "no"}
            return StreamHead(None, headers=quiet, content_type=EVENTS_TYPE)
        listen(streams, request, topic)
        return None

    handlers: JsonObject = {
        "/ws/aggregate": aggregate,
        "/ws/gateway/<gateway:str>": gateway,
        "/ws/site": site,
        "/ws/site/<gateway:str>": house,
        "/ws/events": diary,
        "/api/stream": events,
    }
    for path, handler in handlers.items():
        routes.add_route(answers_nothing(handler), path, methods=["GET", "HEAD"])
    return routes


def install(app: App, streams: OpenStreams) -> None:
    """Add the routes of all streams, and have each worker begin with none open."""

    async def start(app: App) -> None:
        streams.start(app.ctx.number)

    app.register_listener(start, "before_server_start")
    app.blueprint(blueprint(streams))
