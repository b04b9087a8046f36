"""One connection behaviour, whoever answers: persistence, order, limits and field lines of the real server.

A document in the origin form is the gate's answer, in the absolute form Sanic's.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.gate.conftest import PATIENCE_SECONDS, Answer, Wire
from tests.support.server import Server
from tests.support.waiting import wait_until

LAST = b"GET /livez HTTP/1.1\r\nHost: pi\r\nConnection: close\r\n\r\n"
KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", KEY)
JAVA = ("Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA")
CHANGING = ("date", "age")
ORIGIN = "https://panel.example"


@pytest.fixture(scope="module", params=["plain", "tls"])
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"PW_CACHE_EXPIRE": "3600", "PW_WORKERS": "1", "CORS_ORIGINS": ORIGIN, "PW_CONTROL_SECRET": "x" * 16}
    if request.param == "tls":
        environment |= {"PW_HTTPS": "yes", "PW_STATE_PATH": str(tmp_path_factory.mktemp("state"))}
    with Server(["--demo"], environment) as server:
        wait_until(lambda: "x-powerwall-timestamp" in talk(server, ask("/soe"))[0].headers, 30)
        yield server


def is_tls(server: Server) -> bool:
    return server.environment.get("PW_HTTPS") == "yes"


def wire(server: Server) -> Wire:
    return Wire(server.port or 0, tls=is_tls(server))


def ask(target: str, *fields: str, method: str = "GET", version: str = "1.1", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/{version}", "Host: pi", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def talk(server: Server, *requests: bytes) -> list[Answer]:
    """All answers to these requests, sent in one piece with one more that asks for the end."""
    methods = [re.sub(rb"\s", b"", one).partition(b"/")[0].partition(b"http:")[0] for one in requests]
    answers = []
    with wire(server) as client:
        client.send(b"".join(requests) + LAST)
        for method in [*methods, b"GET"]:
            try:
                answers.append(client.answer(b"HEAD" if method.startswith(b"HEAD") else b"GET"))
            except EOFError:
                break
        assert client.rest() == b""
    return answers


def lines_of(answer: Answer) -> dict[str, str]:
    return {name: "" if name in CHANGING else value for name, value in answer.headers.items()}


def assert_same(server: Server, before: bytes, after: bytes, *fields: str, **line: Any) -> list[Answer]:
    """The same of the gate and of Sanic, in every order. Returns what the gate said."""
    ours, sanics = (before + ask(f"{form}/soe", *fields, **line) + after for form in ("", "http://pi"))
    said = talk(server, ours, ours)
    for mixture in ((sanics, sanics), (ours, sanics), (sanics, ours)):
        heard = talk(server, *mixture)
        shown = [[(one.status, lines_of(one), one.body) for one in answers] for answers in (said, heard)]
        assert shown[0] == shown[1], (mixture, fields)
    return said


CONNECTIONS = st.lists(
    st.lists(
        st.sampled_from(
            ["keep-alive", "Keep-Alive", "close", "CLOSE", "TE", "Upgrade", "HTTP2-Settings", "", "closed"]
        ),
        max_size=3,
    ).flatmap(lambda words: st.sampled_from([", ", ",", " ,\t"]).map(lambda between: between.join(words))),
    max_size=3,
)
OTHERS = st.lists(
    st.sampled_from(
        ["TE: trailers", "Upgrade: x", "Upgrade: h2c", "Upgrade: websocket", KEY, "Sec-WebSocket-Version: 13",
         "HTTP2-Settings: AAMAAABk", "Expect: 100-continue", f"Origin: {ORIGIN}", "Origin: https://b.example",
         "Content-Length: 0", "Accept-Encoding: gzip", "If-None-Match: *", 'If-None-Match: "x"', "Range: bytes=0-3",
         "If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT", "Keep-Alive: timeout=5"]
    ),
    max_size=4, unique=True,
)  # fmt: skip
EMPTY = st.sampled_from([b""] * 3 + [b"\r\n", b"\n", b"\r\n\n"])


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(EMPTY, EMPTY, CONNECTIONS, OTHERS, st.sampled_from(["GET", "HEAD"]), st.sampled_from(["1.0", "1.1"]))
@example(b"", b"", ["keep-alive, TE"], [], "GET", "1.1")
@example(b"", b"", ["close, x"], [], "GET", "1.1")
@example(b"", b"", ["Keep-Alive, TE"], [], "GET", "1.0")
@example(b"", b"", ["close", "keep-alive"], [], "GET", "1.1")
@example(b"", b"\r\n", [], ["Upgrade: websocket", KEY], "HEAD", "1.1")
def test_persistence_and_field_lines(
    real: Server, before: bytes, after: bytes, connections: list[str], others: list[str], method: str, version: str
) -> None:
    fields = [f"Connection: {value}".rstrip() for value in connections] + others
    answers = assert_same(real, before, after, *fields, method=method, version=version)
    options = {word.strip().lower() for value in connections for word in value.split(",")}
    persists = "close" not in options and (version == "1.1" or "keep-alive" in options)
    assert len(answers) == (3 if persists else 1)
    assert answers[0].status in (200, 304)
    for answer in answers:
        assert "date" in answer.headers and "alt-svc" not in answer.headers
    said = answers[0].headers.get("connection")
    assert said == ("close" if not persists else "keep-alive" if version == "1.0" else None)


def test_empty_lines_are_ignored_and_do_not_keep_a_connection_alive(real: Server) -> None:
    for target in "/soe", "http://pi/soe", "/stats":
        for empty in b"\r\n", b"\n", b"\r\n\n\r\n\n":
            assert [one.status for one in talk(real, empty + ask(target), empty + ask(target) + empty)] == [200] * 3
        answers = talk(real, ask(target), b"\r\n" * 5 + ask(target))
        assert [one.status for one in answers] == [200, 400]
        with wire(real) as client:
            # Two pieces: what has come of an empty line waits for the rest.
            client.send(ask(target) + b"\r")
            assert client.answer().status == 200
            client.send(b"\n" + LAST)
            assert client.answer().status == 200
            assert client.rest() == b""


def test_a_body_is_followed_by_an_empty_line(real: Server) -> None:
    answers = talk(real, ask("/control/reserve", method="POST", body=b'{"value":1}') + b"\r\n", ask("/soe"))
    assert [one.status for one in answers] == [401, 200, 200] or [one.status for one in answers] == [422, 200, 200]


# Every kind of answer: who it comes from, and how it must be framed.
KINDS = [
    ("a document", ask("/soe"), 200),
    ("a document's head", ask("/soe", method="HEAD"), 200),
    ("a document through Sanic", ask("http://pi/soe"), 200),
    ("a page", ask("/"), 200),
    ("a page's head", ask("/", method="HEAD"), 200),
    ("a file", ask("/favicon.ico"), 200),
    ("what is not modified", ask("/soe", "If-None-Match: *"), 304),
    ("a file that is not modified", ask("/favicon.ico", "If-None-Match: *"), 304),
    ("a redirect", ask("/help"), 307),
    ("a redirect's head", ask("/help", method="HEAD"), 307),
    ("a redirect to no slash", ask("/console/"), 307),
    ("nothing there", ask("/nothing"), 404),
    ("nothing there, HEAD", ask("/nothing", method="HEAD"), 404),
    ("no such gateway", ask("/api/gateways/nobody"), 404),
    ("a wrong method", ask("/soe", method="POST", body=b"{}"), 405),
    ("a wrong method without a body", ask("/soe", method="DELETE"), 405),
    ("a precondition that does not hold", ask("/soe", 'If-Match: "x"'), 412),
    ("a wrong value", ask("/api/timeseries/daily?days=x"), 422),
    ("no token", ask("/control/reserve", "Content-Type: application/json", method="POST", body=b"{}"), 401),
    ("a body that is too long", ask("/control/reserve", method="POST", body=b"{" * 20000), 413),
    ("options", ask("/soe", method="OPTIONS"), 200),
    ("options of the server", ask("*", method="OPTIONS"), 200),
    ("a preflight", ask("/soe", f"Origin: {ORIGIN}", "Access-Control-Request-Method: GET", method="OPTIONS"), 200),
    ("another site's write", ask("/control/reserve", "Origin: https://b.example", method="POST", body=b"{}"), 403),
    ("a WebSocket without a handshake", ask("/ws/aggregate"), 426),
    ("a WebSocket of another version", ask("/ws/aggregate", *HANDSHAKE[:2], "Sec-WebSocket-Version: 8", KEY), 426),
    ("a WebSocket without a key", ask("/ws/aggregate", *HANDSHAKE[:3]), 400),
    ("a WebSocket of another origin", ask("/ws/aggregate", "Origin: https://b.example", *HANDSHAKE), 403),
]


@pytest.mark.parametrize(("request_", "status"), [kind[1:] for kind in KINDS], ids=[kind[0] for kind in KINDS])
def test_every_kind_of_answer(real: Server, request_: bytes, status: int) -> None:
    answers = talk(real, request_, request_)
    assert [one.status for one in answers] == [status, status, 200]  # none costs the connection
    for answer in answers[:2]:
        headers = answer.headers
        assert "date" in headers
        assert not [name for name, value in headers.items() if value in ("", "None")], headers
        assert "alt-svc" not in headers and headers.get("connection") in (None, "upgrade")
        assert "Origin" in headers["vary"]
        assert ("content-type" in headers) == (status not in (304, 307))
        assert ("content-length" in headers) == (status != 304)
        assert ("upgrade" in headers) == (headers.get("connection") == "upgrade") == (status == 426)
        assert ("allow" in headers) == (status == 405 or request_.startswith(b"OPTIONS"))
        if status >= 400 and not request_.startswith(b"HEAD"):
            assert headers["content-type"] == "application/json"
            assert headers["cache-control"] == "no-store"
            assert answer.body.startswith(b'{"')


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (ask("/soe", "X : y"), 400),
        (ask("/soe", "Expect: a-miracle"), 417),
        (ask("/soe", method="TRACE"), 501),
        (ask("/soe", "Content-Length: 99999999", method="POST"), 413),
        (ask("/soe", "Transfer-Encoding: chunked", method="POST") + b"x\r\n", 400),
    ],
)
def test_refusals_of_the_gate_look_the_same(real: Server, request_: bytes, status: int) -> None:
    (answer,) = talk(real, request_)
    assert answer.status == status
    assert set(answer.headers) == {"date", "content-type", "cache-control", "content-length", "vary", "connection"}
    assert answer.headers["connection"] == "close"


def test_continue_is_said_to_those_who_know_it(real: Server) -> None:
    for version, said in ("1.1", b"HTTP/1.1 100 Continue\r\n\r\n"), ("1.0", b""):
        with wire(real) as client:
            head = ask("/soe", "Expect: 100-continue", "Content-Length: 2", method="POST", version=version)
            client.send(head)
            if said:
                client.left = client.receive()
                assert client.left.startswith(said)
            client.send(b"{}")
            answer = client.answer(b"POST")
            assert (answer.status, answer.headers.get("connection")) == (405, None if said else "close")


# Every request here is one of many with which somebody is over the limit.
COUNTED = {
    "a document": ask("/aggregates"),
    "a document with a strange upgrade": ask("/aggregates", "Upgrade: x"),
    "Java": ask("/aggregates", *JAVA),
    "a document asked for as a WebSocket": ask("/aggregates", *HANDSHAKE),
    "Sanic": ask("http://pi/aggregates"),
    "Sanic with an upgrade": ask("/stats", "Upgrade: x"),
    "Sanic asked for a WebSocket": ask("/stats", *HANDSHAKE),
    "nothing there, asked for a WebSocket": ask("/ws/nothing", *HANDSHAKE),
    "no such gateway's WebSocket": ask("/ws/gateway/nobody", *HANDSHAKE[:3]),
    "half a handshake": ask("/ws/aggregate", *HANDSHAKE[:3]),
    "a handshake that is refused": ask("/ws/aggregate", "Origin: https://b.example", *HANDSHAKE),
    "HEAD": ask("/aggregates", *JAVA, method="HEAD"),
    "a write": ask("/control/reserve", *JAVA, method="POST", body=b"{}"),
    "an event stream's head": ask("/api/stream", method="HEAD"),
}
LIMIT = 5


@pytest.fixture(scope="module")
def limited() -> Iterator[Server]:
    environment = {
        "PW_RATE_LIMIT_ENABLED": "yes",
        "PW_RATE_LIMIT_MAX_REQUESTS": str(LIMIT),
        "PW_RATE_LIMIT_WINDOW_SECONDS": "3600",
        "PW_WORKERS": "1",
        "PW_TRUSTED_PROXIES": "127.0.0.0/8",
        "CORS_ORIGINS": ORIGIN,
        "PW_MAX_STREAMS_PER_ADDRESS": "100",
    }
    with Server(["--demo"], environment) as server:
        yield server


@pytest.mark.parametrize("kind", COUNTED)
def test_everybody_is_counted(limited: Server, kind: str) -> None:
    who = f"X-Forwarded-For: 192.0.2.{list(COUNTED).index(kind) + 1}"
    method = COUNTED[kind].partition(b" ")[0]
    counted = COUNTED[kind].replace(b"\r\n", f"\r\n{who}\r\n".encode(), 1)
    with wire(limited) as client:
        for _ in range(LIMIT):
            client.send(counted)
            assert client.answer(method).status != 429
        for again in counted, ask("/aggregates", who), ask("/stats", who):
            if kind == "a handshake that is refused" and again is counted:
                continue  # seen by Sanic before it is known that it will not be a stream
            client.send(again)
            answer = client.answer(again.partition(b" ")[0])
            assert answer.status == 429, again
            assert {"retry-after", "date", "vary", "cache-control"} <= set(answer.headers)


def test_streams_are_not_counted(limited: Server) -> None:
    who = "X-Forwarded-For: 198.51.100.1"
    for path in ["/ws/aggregate", "/ws/gateway/default", "/ws/aggregate/"] * LIMIT:
        with wire(limited) as client:
            client.send(ask(path, who, *HANDSHAKE))
            head = client.receive()
            assert head.startswith(b"HTTP/1.1 101 ") and b"\r\ndate: " in head.lower()
    answers = talk(limited, *[ask("/soe", who)] * (LIMIT + 1))
    assert [one.status == 429 for one in answers[: LIMIT + 1]] == [False] * LIMIT + [True]


# Whoever closes the sending half has said everything, and still wants to hear the answer.
HALF_CLOSED = {
    "a document": (ask("/soe"), 200),
    "Sanic": (ask("http://pi/soe"), 200),
    "a write": (ask("/control/reserve", "Content-Type: application/json", method="POST", body=b'{"value":20}'), 401),
    "a long answer": (ask("/openapi.json"), 200),
    "a long answer that is the last": (ask("/openapi.json", "Connection: close"), 200),
    "HTTP/1.0": (ask("/openapi.json", version="1.0"), 200),
    "several": (ask("/soe") + ask("/stats"), 200),
}


@pytest.mark.parametrize("kind", HALF_CLOSED)
def test_a_client_that_closes_its_sending_half_gets_its_answer(real: Server, kind: str) -> None:
    data, status = HALF_CLOSED[kind]
    for _ in range(20):
        with half_closing(real) as client:
            client.send(data)
            client.close_sending_half()
            for _ in range(data.count(b"Host:")):
                assert client.answer().status == status
            assert client.rest() == b""


def test_a_request_that_will_never_be_whole_is_not_waited_for(real: Server) -> None:
    for data in b"GET /soe HT", ask("/control/reserve", "Content-Length: 5", method="POST") + b"{", b"\r\n", b"":
        with half_closing(real) as client:
            client.send(data)
            client.close_sending_half()
            assert client.rest() == b""


def test_events_go_on_for_a_client_that_has_closed_its_sending_half(real: Server) -> None:
    if is_tls(real):
        return  # TLS ends both directions at once
    with half_closing(real) as client:
        client.send(ask("/api/stream"))
        client.close_sending_half()
        heard = b""
        while heard.count(b"data: ") < 3:
            heard += client.receive() or pytest.fail(f"ended after {heard!r}")
        head = heard.partition(b"\r\n\r\n")[0].lower()
        assert b"\r\ndate: " in head and b"\r\nconnection: close" in head


class HalfClosing(Wire):
    """A client that can end what it sends: over TLS, which the ssl module's sockets cannot, by closing TCP beneath."""

    def __init__(self, port: int, tls: bool) -> None:
        super().__init__(port)
        self.object: ssl.SSLObject | None = None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.heard, self.said = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.object = context.wrap_bio(self.heard, self.said)
            self._until_done(self.object.do_handshake)

    def _until_done(self, step: object) -> bytes:
        while True:
            try:
                found = step()  # type: ignore[operator]
            except ssl.SSLWantReadError:
                self._flush()
                data = super().receive()
                if not data:
                    return b""
                self.heard.write(data)
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""
            else:
                self._flush()
                return found or b""

    def _flush(self) -> None:
        if data := self.said.read():
            self.socket.sendall(data)

    def send(self, data: bytes) -> None:
        if self.object is None:
            super().send(data)
        elif data:
            self.object.write(data)
            self._flush()

    def receive(self) -> bytes:
        tls = self.object
        return super().receive() if tls is None else self._until_done(lambda: tls.read(1 << 16))

    def close_sending_half(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)


def half_closing(server: Server) -> HalfClosing:
    return HalfClosing(server.port or 0, is_tls(server))


# Connections are counted, and have their deadline, from the moment they are accepted.
def caps(tmp_path: Path, secure: str, **more: str) -> dict[str, str]:
    return {
        "PW_HTTPS": secure,
        "PW_STATE_PATH": str(tmp_path),
        "PW_WORKERS": "1",
        "PW_MAX_CONNECTIONS": "40",
        "PW_MAX_CONNECTIONS_PER_ADDRESS": "20",
        "PW_HEAD_TIMEOUT": "2",
        **more,
    }


def established(port: int) -> int:
    """How many connections to this port the kernel holds open on the server's side."""
    count = 0
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        local, _, state = line.split()[1:4]
        count += state == "01" and int(local.partition(":")[2], 16) == port
    return count


@pytest.mark.parametrize("secure", ["yes", "no"])
@pytest.mark.parametrize("first", [b"", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc"], ids=["silent", "half a hello"])
def test_silent_connections_are_capped_and_closed(tmp_path: Path, secure: str, first: bytes) -> None:
    with Server([], caps(tmp_path, secure)) as server:
        clients = [socket.create_connection(("127.0.0.1", server.port or 0), PATIENCE_SECONDS) for _ in range(200)]
        try:
            for client in clients:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):  # refused already
                    client.sendall(first)
            wait_until(lambda: established(server.port or 0) <= 20, 10)
            for client in clients:
                ended(client)  # all of them: the last after the time limit of a head
        finally:
            for client in clients:
                client.close()
        wait_until(lambda: answers(server), 10)
        assert "Traceback" not in server.output()


def ended(client: socket.socket) -> bytes:
    """What is still said, until the server ends the connection."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while data := client.recv(4096):
            said += data
    return said


def answers(server: Server) -> bool:
    try:
        return talk(server, ask("/livez"))[0].status == 200
    except (OSError, EOFError):
        return False


def test_handshakes_that_fail_are_no_news(tmp_path: Path) -> None:
    with Server([], caps(tmp_path, "yes", PW_DEBUG="no")) as server:
        before = server.output()
        for data in b"GET / HTTP/1.1\r\nHost: pi\r\n\r\n", b"\x00" * 300, b"\x16\x03\x01\x00\x05hello", b"":
            for reset in False, True:
                with socket.create_connection(("127.0.0.1", server.port or 0), PATIENCE_SECONDS) as client:
                    client.sendall(data)
                    if reset:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    else:
                        client.shutdown(socket.SHUT_WR)
                        ended(client)
        distrusting = ssl.create_default_context()
        with (
            socket.create_connection(("127.0.0.1", server.port or 0), PATIENCE_SECONDS) as client,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            distrusting.wrap_socket(client, server_hostname="localhost")
        # Every place is given back.
        for _ in range(60):
            wait_until(lambda: answers(server), 10)
        assert server.output() == before
