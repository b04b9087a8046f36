"""Fuzz the recogniser and the connections: `python -m tests.gate.fuzz_gate SECONDS [SEED]`.

Meant for an AddressSanitizer build of the extension. Beside the memory it checks that the same bytes, split anywhere,
get the same answers and hand the same bytes to the handler. Exits 1 and prints the input when they do not.
"""

from __future__ import annotations

import random
import re
import sys
import time
from typing import Any

from pwserver_ext.http import Connection, Document, Gate, Hosts, Recogniser, Responder, Table

WORDS = [
    b"GET ", b"HEAD ", b"POST ", b"OPTIONS ", b"/soe", b"/csv?headers", b"/csv?a&b=%", b"/p/soe", b"http://a.local:80/x",
    b"*", b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", b"Host: a\r\n", b"Host: x.example.com\r\n", b"Host: [::1]:80\r\n",
    b"Host: 1.2.3.4\r\n", b"If-None-Match: ", b'"abc"', b'W/"abc-gz"', b",", b"Accept-Encoding: ", b"gzip", b";q=0",
    b";q=", b"Connection: ", b"close", b"keep-alive", b"Content-Length: ", b"3", b"9" * 20, b"\r\n", b"\r\n\r\n", b"\n",
    b"Transfer-Encoding: chunked", b"\r", b" ", b"\t", b":", b"\x00", b"\xff", b"Origin: ", b"null", b"Upgrade: x\r\n",
    b"x" * 9000,
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

    def get_extra_info(self, _: str) -> tuple[str, int]:
        return "10.0.0.1", 1

    def write(self, data: bytes) -> None:
        self.written += data

    def writelines(self, parts: list[bytes]) -> None:
        self.written += b"".join(parts)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


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


class Client(Connection):
    def open_handler(self) -> Handler:
        return Handler()


def make_input(rng: random.Random) -> bytes:
    kind = rng.random()
    if kind < 0.5:
        return b"".join(rng.choice(WORDS) for _ in range(rng.randrange(1, 40)))
    if kind < 0.6:
        return rng.randbytes(rng.randrange(1, 200))
    data = bytearray(GOOD * rng.randrange(1, 4))
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


def talk(gate: Gate, loop: Loop, parts: list[bytes]) -> tuple[bytes, bytes, bool]:
    """What was written, what the handler was fed, and whether the connection ended."""
    connection, transport = Client(gate), Transport()
    connection.connection_made(transport)  # type: ignore[arg-type]
    for part in parts:
        if transport.closed:
            break
        connection.data_received(part)
        fed = -1
        while loop.soon or (connection.handler is not None and fed != len(connection.handler.fed)):
            if loop.soon:
                loop.soon.pop()()
            if connection.handler is not None:
                fed = len(connection.handler.fed)
                connection.handler_is_done()
    fed_bytes = b"" if connection.handler is None else b"".join(connection.handler.fed)
    connection.connection_lost(None)
    return re.sub(rb"Date: [^\r]*|Age: \d+", b"", transport.written), fed_bytes, transport.closed


def main() -> None:
    end = time.monotonic() + float(sys.argv[1])
    rng = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else None)
    soe, csv, headers = (Document(Source(), i, "text/plain", b"null") for i in range(3))
    table = Table({b"/soe": soe, b"/csv": csv}, {(b"/csv", b"headers"): headers}, b"/p")
    recogniser = Recogniser(table, Hosts(("*.local", "a.example.org")))
    responders = [Responder(table), Responder(table, ("https://a", "null"))]
    rounds = 0
    while time.monotonic() < end:
        data = make_input(rng)
        recogniser.look(data)
        loop = Loop()
        gate = Gate(recogniser, rng.choice(responders), loop=loop, connections=set())  # type: ignore[arg-type]
        cuts = sorted(rng.randrange(len(data) + 1) for _ in range(rng.randrange(1, 6)))
        parts = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]
        whole, split = talk(gate, loop, [data]), talk(gate, loop, parts)
        if whole != split:
            print(f"differs:\n{parts!r}\n{whole!r}\n{split!r}")
            raise SystemExit(1)
        rounds += 1
    print(f"{rounds} inputs, nothing found")


if __name__ == "__main__":
    main()
