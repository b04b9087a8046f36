"""Answers in order, one request at a time for Sanic, upgrades, and the ends of connections."""

from __future__ import annotations

import asyncio
import random
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest
import websockets

from tests.gate.conftest import Server, Wire
from tests.gate.demo_server import HUGE, LARGE, SMALL
from tests.support.waiting import WaitUntil, patient

Serve = Callable[..., Server]


def req(target: str, *fields: str, method: str = "GET", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: a", *fields]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


MIX: list[tuple[bytes, bytes, bytes]] = [
    (b"GET", req("/soe"), SMALL),
    (b"GET", req("/hello?1"), b"hello 1"),
    (b"GET", req("/aggregates"), LARGE),
    (
        b"POST",
        req("/echo", method="POST", body=b"GET /soe HTTP/1.1\r\nHost: a\r\n\r\n"),
        b"GET /soe HTTP/1.1\r\nHost: a\r\n\r\n",
    ),
    (b"HEAD", req("/soe", method="HEAD"), b""),
    (b"HEAD", req("/hello", method="HEAD"), b""),
    (b"POST", req("/echo", "Content-Length: 0", method="POST"), b""),
    (b"GET", req("/csv?headers"), b"a,b,c\n1,2,3"),
    (b"GET", req("/hello?2"), b"hello 2"),
    (b"GET", req("/hello?3"), b"hello 3"),
    (b"POST", req("/echo", method="POST", body=b"x" * 4096), b"x" * 4096),
    (b"GET", req("/soe"), SMALL),
]


def split(data: bytes, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    cuts = sorted(rng.sample(range(1, len(data)), rng.choice([0, 1, 3, 40])))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.mark.parametrize("seed", range(12))
def test_a_pipelined_mixture_is_answered_in_order(server: Server, seed: int) -> None:
    mix = MIX * 3
    random.Random(seed).shuffle(mix)
    with server.wire() as wire:
        for part in split(b"".join(data for _, data, _ in mix), seed):
            wire.send(part)
        for method, _, body in mix:
            answer = wire.answer(method)
            assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", ["asyncio", "tls", "tls asyncio"])
def test_on_other_loops_and_over_tls(serve: Serve, certificate: list[str], kind: str, seed: int) -> None:
    options: dict[str, Any] = {"uvloop": "asyncio" not in kind}
    if "tls" in kind:
        options["tls"] = certificate
    server = serve(**options)
    mix = MIX * 2
    random.Random(seed).shuffle(mix)
    with server.wire() as wire:
        for part in split(b"".join(data for _, data, _ in mix), seed):
            wire.send(part)
        for method, _, body in mix:
            assert wire.answer(method).body == body
        wire.send(req("/huge") * 10 + req("/soe", "X : y"))
        for _ in range(10):
            assert wire.answer().body == HUGE
        assert wire.answer().status == 400
        assert wire.rest() == b""


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["uvloop", "asyncio", "tls"])
def test_single_replies_stay_whole_when_the_socket_takes_only_part(
    serve: Serve, certificate: list[str], kind: str, seed: int
) -> None:
    server = serve(uvloop=kind != "asyncio", **({"tls": certificate} if kind == "tls" else {}))
    rng = random.Random(seed)
    bodies = [rng.choice((SMALL, HUGE, HUGE)) for _ in range(8)]
    with server.wire(receive_buffer=4096) as wire:
        for body in bodies:
            # One request at a time, with the answer before it anywhere between not begun and read to its end.
            wire.send(req("/soe" if body is SMALL else "/huge"))
            wanted = len(wire.left) + rng.choice((0, 1, 1000, 100_000, 190_000, 200_000))
            while len(wire.left) < wanted and not ended(wire.left):
                wire.left += wire.receive()
        assert [wire.answer().body for _ in bodies] == bodies
        wire.send(req("/hello?5") + req("/soe"))  # and after that Sanic's turn
        assert [wire.answer().body for _ in range(2)] == [b"hello 5", SMALL]


def ended(data: bytes) -> bool:
    """Is this the end of an answer?"""
    return data.endswith((SMALL, HUGE[:100])) and data.count(HUGE) == data.count(b"Content-Length: 200000")


def test_byte_by_byte(server: Server) -> None:
    with server.wire() as wire:
        wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for method, data, body in MIX[:4]:
            for byte in data:
                wire.send(bytes((byte,)))
            assert wire.answer(method).body == body


def test_a_document_waits_behind_a_passed_request(serve: Serve, wait_until: WaitUntil) -> None:
    server = serve(idle_seconds=73)
    with server.wire() as wire:
        wire.send(req("/soe") + req("/hold") + req("/soe") + req("/hello"))
        assert wire.answer().body == SMALL
        wait_until(lambda: b'"hold"' in server.get("/calls").body)
        # More comes while Sanic is at work: it must wait too.
        wire.send(req("/aggregates"))
        calls = server.get("/calls").body
        assert b"hello" not in calls
        server.get("/release")
        assert [wire.answer().body for _ in range(4)] == [b"held", SMALL, b"hello ", LARGE]


def test_bytes_behind_a_busy_handler_are_bounded(serve: Serve, wait_until: WaitUntil) -> None:
    server = serve(idle_seconds=74)
    with server.wire() as wire:
        wire.send(req("/hold"))
        wait_until(lambda: b'"hold"' in server.get("/calls").body)
        before = int(server.get("/memory").body)
        wire.socket.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200 << 20:
                sent += wire.socket.send(req("/soe") * 1000)
        # The kernel's buffers and ours are full; nothing like what we tried to send is in memory.
        assert (int(server.get("/memory").body) - before) * 4096 < 8 << 20
        server.get("/release")
        wire.socket.settimeout(patient(10))
        assert wire.answer().body == b"held"
        assert wire.answer().body == SMALL


def test_a_long_pipeline_gives_others_their_turn(server: Server) -> None:
    count = 400  # 80 MB of answers to one write
    with server.wire() as wire:
        reader = threading.Thread(target=lambda: [wire.answer() for _ in range(count)])
        wire.send(req("/huge") * count)
        reader.start()
        while reader.is_alive():
            assert server.get("/soe").body == SMALL
        reader.join()
        wire.send(req("/hello"))
        assert wire.answer().body == b"hello "


@pytest.mark.parametrize("target", ["/soe", "/hello"])
def test_nothing_is_answered_after_connection_close(server: Server, target: str) -> None:
    with server.wire() as wire:
        wire.send(req(target, "Connection: close") + req("/soe") * 3)
        assert wire.answer().headers["connection"] == "close"
        assert wire.rest() == b""


def test_close_in_an_earlier_field_line_counts(server: Server) -> None:
    # Sanic looks at the last Connection line only.
    with server.wire() as wire:
        wire.send(req("/hello", "Connection: close", "Connection: keep-alive"))
        assert wire.answer().body == b"hello "
        assert wire.rest() == b""


def test_expect_continue(server: Server) -> None:
    with server.wire() as wire:
        wire.send(req("/echo", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert wire.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(b"hel")
        wire.send(b"lo" + req("/soe"))
        assert wire.answer(b"POST").body == b"hello"
        assert wire.answer().body == SMALL


def test_errors_of_sanic_keep_the_connection_in_step(server: Server) -> None:
    with server.wire() as wire:
        wire.send(req("/nowhere") + req("/soe", method="POST", body=b"GET /soe") + req("/soe"))
        assert wire.answer().status == 404
        assert wire.answer(b"POST").status in (404, 405)
        assert wire.answer().body == SMALL


def test_a_refusal_follows_the_answers_before_it_and_ends_the_connection(server: Server) -> None:
    with server.wire() as wire:
        wire.send(
            req("/soe") + req("/hello") + req("/soe") + req("/soe", "X : y") + req("/hello?never") + b"x" * 100_000
        )
        assert [wire.answer().body for _ in range(3)] == [SMALL, b"hello ", SMALL]
        refusal = wire.answer()
        assert (refusal.status, refusal.headers["connection"]) == (400, "close")
        assert refusal.body.startswith(b'{"detail":')
        assert wire.rest() == b""
    assert b"never" not in server.get("/calls").body


def test_a_half_closed_client_gets_its_documents(server: Server) -> None:
    with server.wire() as wire:
        wire.send(req("/soe") + req("/aggregates"))
        wire.socket.shutdown(socket.SHUT_WR)
        assert [wire.answer().body for _ in range(2)] == [SMALL, LARGE]
        assert wire.rest() == b""


def test_websocket(server: Server) -> None:
    async def talk() -> list[str | bytes]:
        async with websockets.connect(f"ws://127.0.0.1:{server.port}/ws", ping_interval=None) as socket_:
            heard = []
            for text in "a", "b" * 100_000, "c":
                await socket_.send(text)
                heard.append(await socket_.recv())
            return heard

    assert asyncio.run(talk()) == ["you said a", "you said " + "b" * 100_000, "you said c"]


def test_websocket_after_documents_and_frames_sent_early(server: Server) -> None:
    key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
    hello = b"\x81\x82\x00\x00\x00\x00hi"
    with server.wire() as wire:
        upgrade = req("/ws", "Upgrade: websocket", "Connection: Upgrade", key, "Sec-WebSocket-Version: 13")
        wire.send(req("/soe") + req("/hello") + upgrade + hello)
        assert [wire.answer().body for _ in range(2)] == [SMALL, b"hello "]
        data = wire.left
        while not data.endswith(b"you said hi"):
            data += wire.receive()
        assert data.startswith(b"HTTP/1.1 101 ")


def test_a_failed_upgrade_leaves_the_gate_in_charge(server: Server) -> None:
    with server.wire() as wire:
        wire.send(req("/ws", "Upgrade: websocket", "Connection: Upgrade") + req("/soe", "X : y"))
        assert wire.answer().status >= 400
        rest = wire.rest()
        assert rest == b"" or rest.startswith(b"HTTP/1.1 400 ")
    with server.wire() as wire:
        wire.send(req("/hello", "Upgrade: h2c") + req("/soe", "X : y"))
        assert wire.answer().body == b"hello "
        assert wire.answer().status == 400


def test_graceful_stop_with_idle_and_busy_connections(wait_until: WaitUntil) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Server({}))

        def wire() -> Wire:
            return stack.enter_context(server.wire())

        idle, used = [wire() for _ in range(20)], [wire() for _ in range(20)]
        for one in used[:10]:
            one.send(req("/soe"))
            assert one.answer().body == SMALL
        for one in used[10:]:
            one.send(req("/hello"))
            assert one.answer().body == b"hello "
        busy, helper = wire(), wire()
        busy.send(req("/hold"))
        wait_until(lambda: b'"hold"' in server.get("/calls").body)
        # A request of which half has come counts as open too.
        helper.send(b"GET /release HTTP/1.1\r\nHost: a\r\n")
        wait_until(lambda: server.counters()["open"] == 43)
        server.process.send_signal(signal.SIGTERM)
        for one in idle + used:
            assert one.rest() == b""
        helper.send(b"\r\n")
        assert helper.answer().body == b"released"
        assert busy.answer().body == b"held"
        assert busy.rest() == helper.rest() == b""
        assert server.process.wait(patient(20)) == 0
    assert not [line for line in server.log if "Traceback" in line]


def refuses(port: int) -> bool:
    """Whether nobody listens there any more: that ends just before the connections are told."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.parametrize("target", ["/soe", "/hello"])
def test_a_request_that_comes_while_stopping_is_answered_and_is_the_last(target: str, wait_until: WaitUntil) -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Server({"drain_seconds": 5}))
        *wires, spare = [stack.enter_context(server.wire()) for _ in range(11)]
        for wire in wires[:5]:
            wire.send(req("/soe"))
            assert wire.answer().body == SMALL

        def stopping() -> bool:
            spare.send(req("/soe"))
            return spare.answer().headers.get("connection") == "close"

        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: refuses(server.port))
        wait_until(stopping)  # Sanic tells the connections a moment later: long enough on a slow machine
        for wire in wires:
            wire.send(req(target) + req("/hello?after the end"))
            answer = wire.answer()
            assert (answer.status, answer.headers["connection"]) == (200, "close")
            assert wire.rest() == b""
        assert server.process.wait(patient(20)) == 0


def test_an_idle_connection_ends_without_a_reset() -> None:
    with ExitStack() as stack:
        server = stack.enter_context(Server({"drain_seconds": 0.2, "linger_seconds": 5}))
        wire = stack.enter_context(server.wire())
        wire.send(req("/soe"))
        assert wire.answer().body == SMALL
        server.process.send_signal(signal.SIGTERM)
        # Not Wire.receive, which takes a reset for an end.
        assert wire.socket.recv(100) == b""
        wire.send(req("/soe"))
        assert wire.socket.recv(100) == b""
