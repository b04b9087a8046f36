"""Input for the gate: bytes that are nearly requests, in any pieces. Part of ``make fuzz``.

Beside the memory it checks that the same bytes, split anywhere, get the same answers and hand the same bytes to the
handler, and that a body in chunks arrives whole.
"""

from __future__ import annotations

import random
import re
import socket
from typing import Any

from pwserver_ext.http_connection import HttpConnection
from pwserver_ext.http_documents import ServedDocument, TargetTable
from pwserver_ext.http_gate import Gate
from pwserver_ext.http_hosts import Hosts
from pwserver_ext.http_recogniser import Recogniser
from pwserver_ext.http_reply import Responder
from pwserver_ext.http_values import knows, takes_gzip

WORDS = [
    b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"/soe", b"/csv?headers", b"/csv?a&b=%", b"/p/soe", b"http://a.local:80/x",
    b"*", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a\r\n", b"Host: x.example.com\r\n", b"Host: [::1]:80\r\n",
    b"Host: 1.2.3.4\r\n", b"If-None-Match: ", b'"abc"', b'W/"abc-gz"', b",", b"Accept-Encoding: ", b"gzip", b";q=0",
    b";q=", b"Connection: ", b"close", b"keep-alive", b"Content-Length: ", b"3", b"9" * 20, b"\r\n", b"\r\n\r\n", b"\n",
    b"Transfer-Encoding: chunked", b"2;a=b\r\n{}\r\n", b"0\r\n\r\n", b"FFFFFFFF",
    b"\r", b" ", b"\t", b":", b"\x00", b"\xff", b"Origin: ", b"null", b"Upgrade: x\r\n",
    b"x" * 9000, b"/metrics", b"X-Forwarded-For: a,\xff\r\n", b"Accept: ", b"open,text", b"Accept: \xe9\r\n",
    b"Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n", b"Sec-WebSocket-Version: 13\r\n", b"/ws",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"Sec-WebSocket-Key: x\r\n", b"Expect: 100-continue\r\n",
    b"X-Forwarded-Host: a.example.org\r\n", b"X-Forwarded-Host: ",
    b"identity;q=0.5", b"*;q = 0.0001", b"If-Match: ", b"\r\n\n",
]  # fmt: skip
GOOD = b'GET /soe HTTP/1.1\r\nHost: a\r\nIf-None-Match: "x", W/"abc-gz"\r\nAccept-Encoding: gzip;q=0.5\r\n\r\n'


class Source:
    def generation(self) -> int:
        return 1

    def read(self, _: int) -> tuple[int, bytes, bytes | None, bytes, float, float, int]:
        return 200, b"body" * 400, b"packed", b'"abc"', 1e9, 0.0, 1


class Transport:
    def __init__(self) -> None:
        self.written = b""
        self.closed = False
        self.ended = False  # closed, or at least for our part

    def get_extra_info(self, name: str) -> Any:
        return ("10.0.0.1", 1) if name == "peername" else None

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, parts: list[bytes]) -> None:
        self.write(b"".join(parts))

    def drain(self) -> None: ...

    def close(self) -> None:
        self.closed = self.ended = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Direct(Transport):
    """With a socket that takes little at a time, to which the gate may write past the transport."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        super().__init__()
        self.ours, self.theirs = ours, theirs

    def get_extra_info(self, name: str) -> Any:
        return self.ours if name == "socket" else super().get_extra_info(name)

    def write(self, data: bytes) -> None:
        self.drain()
        super().write(data)

    def drain(self) -> None:
        """What went to the socket came before what comes to us now."""
        try:
            while data := self.theirs.recv(1 << 16):
                self.written += data
        except BlockingIOError:
            pass


class Loop:
    def __init__(self) -> None:
        self.soon: list[Any] = []

    def call_later(self, *_: Any) -> None: ...

    def call_soon(self, callback: Any) -> None:
        self.soon.append(callback)


class Handler:
    websocket = None

    def __init__(self) -> None:
        self.fed: list[bytes] = []

    def feed(self, data: bytes) -> None:
        self.fed.append(data)

    def connection_lost(self, _: Exception | None) -> None: ...


class Client(HttpConnection):
    def open_handler(self) -> Handler:
        return Handler()

    def begin_handshake(self) -> None: ...


def in_chunks(rng: random.Random) -> tuple[bytes, bytes]:
    """A request whose body comes in chunks, written in all the ways that are allowed, and that body."""
    body = [rng.randbytes(rng.randrange(1, 120)) for _ in range(rng.randrange(8))]
    sizes = [rng.choice([b"%x", b"%X", b"%04x", b"%08X"]) % len(part) for part in body]
    extension = rng.choice([b"", b"", b";a=b", b';q="\xff 1"', b";" + b"x" * rng.randrange(1, 20)])
    chunks = [size + extension + b"\r\n" + part + b"\r\n" for size, part in zip(sizes, body, strict=True)]
    last = rng.choice([b"0", b"000", b"00000000"]) + extension + b"\r\n\r\n"
    coding = rng.choice([b"chunked", b"Chunked", b"\t chunked "])
    head = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + coding + b"\r\n\r\n"
    return head + b"".join(chunks) + last, b"".join(body)


def make_input(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.5:
        return b"".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 40)))
    if kind < 0.6:
        return rng.randbytes(rng.randrange(1, 200))
    data = bytearray(GOOD * rng.randrange(1, 4)) if kind < 0.8 else bytearray(in_chunks(rng)[0] + GOOD)
    for _ in range(rng.randrange(4)):
        at = rng.randrange(len(data))
        what = rng.random()
        if what < 0.4:
            data[at] = rng.randrange(256)
        elif what < 0.7:
            del data[at : at + rng.randrange(1, 8)]
        else:
            data[at:at] = rng.choice(WORDS)
        data = data or bytearray(b"x")
    return bytes(data)


def talk(gate: Gate, loop: Loop, parts: list[bytes], transport: Transport, ends: bool) -> tuple[bytes, bytes, bool]:
    """What was written, what the handler was fed, and whether the connection ended. ``ends``: so says the client."""
    connection = Client(gate)
    connection.connection_made(transport)  # type: ignore[arg-type]
    for number, part in enumerate(parts):
        if transport.ended:
            break
        connection.data_received(part)
        if gate.secure and number == 0:
            connection.handshake_is_done(transport)
        if ends and number == len(parts) - 1 and not connection.eof_received():
            transport.close()
            break
        fed = -1
        while loop.soon or (connection.handler is not None and fed != len(connection.handler.fed)):
            if loop.soon:
                loop.soon.pop()()
            if connection.handler is not None:
                fed = len(connection.handler.fed)
                connection.handler_is_done()
    fed_bytes = b"" if connection.handler is None else b"".join(connection.handler.fed)
    connection.connection_lost(None)
    transport.drain()
    return re.sub(rb"Date: [^\r]*|Age: \d+", b"", transport.written), fed_bytes, transport.ended


def pieces(rng: random.Random, data: bytes) -> list[bytes]:
    """The same bytes, cut anywhere."""
    cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 6)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


class Fuzzer:
    """One round: one input, whole and in pieces."""

    def __init__(self) -> None:
        soe, csv, headers, metrics, other = (ServedDocument(Source(), i, "text/plain", b"null") for i in range(5))
        table = TargetTable(
            {b"/soe": soe, b"/csv": csv, b"/metrics": metrics},
            {(b"/csv", b"headers"): headers},
            b"/p",
            {b"/metrics": (lambda accept: "open" in accept, other)},
            [b"/ws"],
        )
        self.recogniser = Recogniser(table, Hosts(("*.local", "a.example.org")))
        self.sockets = socket.socketpair()
        for end in self.sockets:
            end.setblocking(False)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the kernel gives a few kilobytes at least
        self.responders = [Responder(table), Responder(table, ("https://a", "null"))]

    def round(self, rng: random.Random) -> None:
        self.talk_in_chunks(rng)
        data = make_input(rng)
        self.recogniser.look(data)
        knows([data[:50], data[-50:]], b"abc", bool(len(data) % 2))
        takes_gzip([data[:50], data[-50:]])
        loop, limit = Loop(), (lambda _: rng.choice([0.0, 0.0, 2.5])) if rng.random() < 0.1 else None
        gate = Gate(
            self.recogniser,
            rng.choice(self.responders),
            loop=loop,  # type: ignore[arg-type]
            connections=set(),
            access=(lambda *_: None) if rng.random() < 0.2 else None,
            limiter=limit,
            exempt={"10.0.0.1"},
            client=lambda peer, forwarded: forwarded or peer,
            secure=rng.random() < 0.2,
        )
        ends = rng.random() < 0.3
        parts = pieces(rng, data)
        whole = talk(gate, loop, [data], Transport(), ends)
        split = talk(gate, loop, parts, Direct(*self.sockets) if rng.random() < 0.5 else Transport(), ends)
        if limit is None and not ends and whole != split:
            raise AssertionError(f"differs:\n{parts!r}\n{whole!r}\n{split!r}")

    def talk_in_chunks(self, rng: random.Random) -> None:
        """Send a body in chunks, cut anywhere: the handler gets it whole, and the next request is answered."""
        data, body = in_chunks(rng)
        loop = Loop()
        gate = Gate(self.recogniser, self.responders[0], loop=loop, connections=set())  # type: ignore[arg-type]
        parts = pieces(rng, data + GOOD)
        written, fed, _ = talk(gate, loop, parts, Transport(), ends=False)
        if not fed.endswith(b"\r\n\r\n" + body) or not written.startswith(b"HTTP/1.1 304"):
            raise AssertionError(f"not whole:\n{parts!r}\n{fed!r}\n{written!r}")
