"""Deadlines, caps and bounded memory. Deadlines are tiny here, and every wait is for an event: the server closing."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack

import pytest

from pwserver_ext.http_gate import EVENTS
from tests.gate.conftest import PATIENCE_SECONDS, Server
from tests.gate.demo_server import HUGE, SMALL
from tests.gate.test_order import req
from tests.support.waiting import WaitUntil

Serve = Callable[..., Server]
TINY = {"head_seconds": 0.3, "idle_seconds": 0.6, "stall_seconds": 0.4, "linger_seconds": 0.3, "tick_seconds": 0.05}


def count(server: Server, event: str) -> int:
    row: list[int] = server.counters()["row"]
    return row[EVENTS.index(event)]


def test_a_silent_connection_is_closed(serve: Serve) -> None:
    with serve(**TINY).wire() as wire:
        assert wire.rest() == b""


@pytest.mark.parametrize("target", ["/soe", "/hello"])
def test_an_idle_connection_is_closed(serve: Serve, target: str) -> None:
    with serve(**TINY).wire() as wire:
        wire.send(req(target))
        assert wire.answer().status == 200
        assert wire.rest() == b""


@pytest.mark.parametrize(
    "start",
    [b"GET /soe HTTP/1.1\r\nX-Slow: ", req("/soe") + b"GET /soe HTTP/1.1\r\nX-Slow: ", req("/hello") + b"G"],
    ids=["first", "after a document", "after a passed request"],
)
def test_dribbled_bytes_do_not_put_the_deadline_off(serve: Serve, start: bytes) -> None:
    server = serve(**TINY)
    before = count(server, "timed_out")
    with server.wire() as wire:
        wire.send(start)
        stop = threading.Event()

        def dribble() -> None:
            # A tenth of the deadline between bytes: were it put off, this would never end.
            with contextlib.suppress(OSError):
                while not stop.wait(0.03):
                    wire.send(b"a")

        thread = threading.Thread(target=dribble)
        thread.start()
        try:
            said = wire.rest()
        finally:
            stop.set()
            thread.join()
        assert said.count(b"HTTP/1.1 200 OK") == start.count(b"\r\n\r\n")
        assert b"HTTP/1.1 408 " in said or said == b""  # a reset may swallow it
    assert count(server, "timed_out") == before + 1


def test_a_body_that_does_not_come_is_given_up(serve: Serve) -> None:
    server = serve(**TINY)
    for expect in [], ["Expect: 100-continue"]:
        with server.wire() as wire:
            wire.send(req("/echo", "Content-Length: 10", *expect, method="POST") + b"part")
            said = wire.rest()
            assert b" 200 " not in said
    assert b"part" not in server.get("/calls").body


def test_a_handler_that_never_answers_is_given_up(serve: Serve) -> None:
    server = serve(**TINY, response_seconds=0.3)
    with server.wire() as wire:
        wire.send(req("/hold"))
        assert wire.answer().status == 503
        assert wire.rest() == b""


@pytest.mark.parametrize("target", ["/huge", "/endless"])
def test_a_client_that_does_not_read_is_dropped(serve: Serve, wait_until: WaitUntil, target: str) -> None:
    server = serve(**TINY)
    stalled = count(server, "stalled")
    memory = int(server.get("/memory").body)
    with server.wire(receive_buffer=4096) as wire:
        wire.send(req(target) * 500)  # 100 MB of answers, were they made
        peak = wait_until(lambda: count(server, "stalled") == stalled + 1) and int(server.get("/memory").body)
        assert (peak - memory) * 4096 < 8 << 20
        wait_until(lambda: server.counters()["open"] == 1)
    if target == "/endless":
        wait_until(lambda: b"endless over" in server.get("/calls").body)


def test_a_slow_but_steady_reader_gets_everything(server: Server) -> None:
    with server.wire(receive_buffer=4096) as wire:
        wire.send(req("/huge") * 20 + req("/hello"))
        for _ in range(20):
            assert wire.answer().body == HUGE
        assert wire.answer().body == b"hello "


def test_refused_uploads_do_not_reset_the_answer_away(server: Server) -> None:
    with server.wire() as wire:
        wire.send(req("/echo", "Content-Length: 200000", method="POST") + b"x" * 200_000)
        assert wire.answer(b"POST").status == 413
        assert wire.rest() == b""


def test_connections_per_address(serve: Serve, wait_until: WaitUntil) -> None:
    server = serve(connections_per_address=5)
    with ExitStack() as stack:
        wires = [stack.enter_context(server.wire()) for _ in range(5)]
        for wire in wires:
            wire.send(req("/soe"))
            assert wire.answer().body == SMALL
        with server.wire() as sixth:
            answer = sixth.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert sixth.rest() == b""
        wires[0].send(req("/soe"))
        assert wires[0].answer().body == SMALL
        wires[0].socket.close()
        wait_until(lambda: accepted(server))
    # Every place is given back.
    wait_until(lambda: server.counters()["open"] == 1)
    assert count(server, "refused") >= 1


def accepted(server: Server) -> bool:
    try:
        return server.get("/soe").status == 200
    except (EOFError, ConnectionError):
        return False


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_handshakes_that_never_end_are_counted_and_closed(
    serve: Serve, wait_until: WaitUntil, certificate: list[str], loop: str
) -> None:
    server = serve(**TINY, tls=certificate, uvloop=loop == "uvloop", connections=12, connections_per_address=10)
    timed_out, refused = (count(server, event) for event in ("timed_out", "refused"))
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(30)]
        for client in clients:
            client.settimeout(PATIENCE_SECONDS)
            with contextlib.suppress(ConnectionResetError):
                assert client.recv(1) == b""
        # All are closed, so every place is free again.
        wait_until(lambda: server.counters()["open"] == 1)
    assert count(server, "timed_out") + count(server, "refused") == timed_out + refused + 30
    assert not [line for line in server.log if "Traceback" in line]


def test_connections_in_all(serve: Serve, wait_until: WaitUntil) -> None:
    server = serve(connections=3, exempt_addresses=["127.0.0.1"], connections_per_address=1)
    with ExitStack() as stack:
        for _ in range(3):
            wire = stack.enter_context(server.wire())
            wire.send(req("/soe"))
            assert wire.answer().body == SMALL
        with server.wire() as fourth:
            assert fourth.answer().status == 503
    wait_until(lambda: accepted(server))


def test_rate_limit_hook(serve: Serve) -> None:
    server = serve(limit_after=3)
    with server.wire() as wire:
        wire.send(req("/soe") + req("/hello") + req("/soe") + req("/soe") + req("/soe", method="HEAD"))
        assert [wire.answer().status for _ in range(3)] == [200, 200, 200]
        answer = wire.answer()
        assert (answer.status, answer.headers["retry-after"]) == (429, "7")
        assert answer.body == b'{"detail":"Rate limit exceeded"}'
        assert wire.answer(b"HEAD").status == 429
        # The body of a limited request is not a request.
        wire.send(req("/echo", method="POST", body=req("/soe")) + req("/hello"))
        assert wire.answer(b"POST").status == 429
        assert wire.answer().status == 429
        upgrade = req(
            "/ws",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
        )
        wire.send(upgrade)
        assert wire.receive().startswith(b"HTTP/1.1 101 ")


def test_host_check(server: Server, serve: Serve) -> None:
    for target in "/soe", "/hello":
        with server.wire() as wire:
            wire.send(f"GET {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n".encode())
            assert wire.answer().status == 421
            assert wire.rest() == b""
    with serve(hosts=["power.example"]).wire() as wire:
        wire.send(b"GET /soe HTTP/1.1\r\nHost: power.example:80\r\n\r\n")
        assert wire.answer().status == 200


def test_many_slow_attackers_and_an_honest_client(serve: Serve, wait_until: WaitUntil) -> None:
    server = serve(**TINY)
    with ExitStack() as stack:
        attackers = []
        for _ in range(200):
            attacker = stack.enter_context(server.wire())
            attacker.send(b"GET /soe HTTP/1.1\r\nX-Slow: ")
            attackers.append(attacker)
        stop = threading.Event()

        def attack() -> None:
            while not stop.wait(0.02):
                for attacker in attackers:
                    with contextlib.suppress(OSError):
                        attacker.socket.send(b"a", socket.MSG_DONTWAIT)

        thread = threading.Thread(target=attack)
        thread.start()
        try:
            for _ in range(50):
                assert server.get("/soe").body == SMALL
            wait_until(lambda: server.counters()["open"] == 1)
        finally:
            stop.set()
            thread.join()
