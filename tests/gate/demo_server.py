"""A small Sanic server behind the gate, for the tests and the micro-benchmark: `python demo_server.py '<json>'`.

The JSON object overrides fields of GateSettings; "gate": false runs plain Sanic with the same documents as handlers,
"uvloop": false runs on asyncio's own loop, "tls": [certificate, key] speaks TLS.
Prints the port as soon as it serves.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import sys
import time
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, raw
from sanic.response import json as json_response

from pwserver.web.gate import GateProtocol, GateSettings, install
from pwserver_ext.http_documents import ServedDocument
from pwserver_ext.snapshot import SnapshotSlot

SMALL = b'{"percentage":57.25}'
LARGE = json.dumps({f"meter{i}": {"instant_power": i * 1.5, "frequency": 60.0} for i in range(60)}).encode()
FALLBACK = b'{"percentage":null}'
HUGE = b"x" * 200_000
# target, media type, body
DOCUMENTS = (
    (b"/soe", "application/json", SMALL),
    (b"/aggregates", "application/json", LARGE),
    (b"/csv", "text/plain; charset=utf-8", b"1,2,3"),
    (b"headers of /csv", "text/plain; charset=utf-8", b"a,b,c\n1,2,3"),
    (b"/huge", "text/plain; charset=utf-8", HUGE),
    (b"/unpublished", "application/json", b""),
)
STAMP = 1_700_000_000.5


def etag(body: bytes) -> bytes:
    return b'"%08x"' % (hash(body) & 0xFFFFFFFF)


def published(body: bytes) -> tuple[int, bytes, bytes | None, bytes] | None:
    if not body:
        return None
    return 200, body, gzip.compress(body, mtime=0) if len(body) > 1024 else None, etag(body)


def build(options: dict[str, Any]) -> tuple[Sanic[Any, Any], type[asyncio.Protocol] | None]:
    gated = options.pop("gate", True)
    app: Sanic[Any, Any] = Sanic("demo")
    app.config.REQUEST_MAX_HEADER_SIZE = 16384
    app.config.USE_UVLOOP = options.pop("uvloop", True)
    app.config.RESPONSE_TIMEOUT = options.pop("response_seconds", 60)
    slot = SnapshotSlot(bytearray(SnapshotSlot.size(len(DOCUMENTS), 1 << 20)), len(DOCUMENTS), 1 << 20)

    def publish(soe: bytes = SMALL, expires: float = 0.0) -> None:
        bodies = [soe if target == b"/soe" else body for target, _, body in DOCUMENTS]
        slot.publish([published(body) for body in bodies], STAMP, expires)

    publish()
    documents = {
        target: ServedDocument(slot, i, media, FALLBACK, 9 + i) for i, (target, media, _) in enumerate(DOCUMENTS)
    }
    headers = documents.pop(b"headers of /csv")
    options["streams"] = (b"/ws",)
    for name in ("hosts", "origins", "exempt_addresses"):
        if options.get(name) is not None:
            options[name] = tuple(options[name])
    if "limit_after" in options:
        left = options.pop("limit_after")

        def limiter(address: str) -> float:
            nonlocal left
            left -= 1
            return 0.0 if left >= 0 else 7.0

        options["limiter"] = limiter
    app.ctx.gate = GateSettings(targets=documents, query_targets={(b"/csv", b"headers"): headers}, **options)
    install(app)
    app.ctx.held = asyncio.Event()
    app.ctx.calls = []

    for target, media, body in DOCUMENTS:
        if target.startswith(b"/") and body:

            async def plain(_: Request, body: bytes = body, media: str = media) -> HTTPResponse:
                return raw(body, content_type=media)

            path = target.decode()
            app.add_route(plain, path if not gated else "/plain" + path, methods=["GET", "HEAD"], name=path[1:])

    @app.post("/publish")
    async def publish_soe(request: Request) -> HTTPResponse:
        publish(request.body)
        return raw(b"ok")

    @app.post("/expire")
    async def expire(request: Request) -> HTTPResponse:
        publish(request.body, time.monotonic() - 1)
        return raw(b"ok")

    add_routes(app)
    return app, GateProtocol if gated else None


def add_routes(app: Sanic[Any, Any]) -> None:
    """Add what is made for each request: echoes, answers that wait, and what the tests look at."""

    @app.get("/calls")
    async def calls(_: Request) -> HTTPResponse:
        return json_response(app.ctx.calls)

    @app.post("/echo")
    async def echo(request: Request) -> HTTPResponse:
        app.ctx.calls.append(request.body.decode("latin-1"))
        return raw(request.body)

    @app.get("/hello")
    async def hello(request: Request) -> HTTPResponse:
        app.ctx.calls.append("hello " + request.query_string)
        return raw(b"hello " + request.query_string.encode())

    @app.get("/hold")
    async def hold(_: Request) -> HTTPResponse:
        app.ctx.calls.append("hold")
        app.ctx.held.clear()
        await app.ctx.held.wait()
        return raw(b"held")

    @app.get("/release")
    async def release(_: Request) -> HTTPResponse:
        app.ctx.held.set()
        return raw(b"released")

    @app.get("/endless")
    async def endless(request: Request) -> None:
        response = await request.respond(content_type="text/plain")
        try:
            while True:
                await response.send("x" * 65536)
        finally:
            app.ctx.calls.append("endless over")

    @app.get("/counters")
    async def counters(request: Request) -> HTTPResponse:
        gate = app.ctx.open_gate
        return json_response({"row": gate.counters.row(0), "open": gate.open, "kept": gate.kept})

    @app.get("/memory")
    async def memory(_: Request) -> HTTPResponse:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return raw(statm.read().split()[1].encode())

    @app.websocket("/ws")  # type: ignore[untyped-decorator]
    async def talk(_: Request, websocket: Any) -> None:
        async for message in websocket:
            await websocket.send("you said " + message)


def main() -> None:
    options = json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}
    if "tls" in options:
        files, options["tls"] = options["tls"], ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        options["tls"].load_cert_chain(*files)
    app, protocol = build(options)
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", 0))
    listener.listen(4096)

    @app.after_server_start
    async def say(_: Sanic[Any, Any]) -> None:
        print(listener.getsockname()[1], flush=True)

    app.run(sock=listener, single_process=True, motd=False, access_log=False, protocol=protocol, backlog=4096)


if __name__ == "__main__":
    main()
