"""The rate limit of the real server: one count for an address, whichever worker it meets. And the access log."""

from __future__ import annotations

import json
import os
import signal
from contextlib import ExitStack

import pytest

from tests.gate.conftest import Wire
from tests.support.server import Server

REQUESTS = 60
WINDOW_SECONDS = 600


def wire_to(server: Server, worker: int, others: list[int]) -> Wire:
    """A connection that this worker has accepted: the others were asleep."""
    for other in others:
        os.kill(other, signal.SIGSTOP)
    try:
        wire = Wire(server.port)
        wire.send(b"GET /version HTTP/1.1\r\nHost: pi\r\n\r\n")
        assert wire.answer().status == 503
    finally:
        for other in others:
            os.kill(other, signal.SIGCONT)
    return wire


def test_the_limit_holds_across_workers() -> None:
    environment = {
        "PW_WORKERS": "2",
        "PW_RATE_LIMIT_ENABLED": "yes",
        "PW_RATE_LIMIT_MAX_REQUESTS": str(REQUESTS),
        "PW_RATE_LIMIT_WINDOW_SECONDS": str(WINDOW_SECONDS),
        "PW_DEBUG": "yes",
    }
    with Server([], environment) as server, ExitStack() as stack:
        workers = [pid for name, pid in server.children().items() if name.startswith("worker-")]
        assert len(workers) == 2
        wires = [
            stack.enter_context(wire_to(server, pid, [other for other in workers if other != pid])) for pid in workers
        ]
        answers = []
        for number in range(len(wires), REQUESTS + 20):
            # Documents and Sanic's own answers are counted together.
            target = b"/health" if number % 4 < 2 else b"/version"
            wires[number % 2].send(b"GET %b HTTP/1.1\r\nHost: pi\r\n\r\n" % target)
            answers.append(wires[number % 2].answer())
        assert [answer.status == 429 for answer in answers] == [False] * (REQUESTS - 2) + [True] * 20
        for answer in answers[-20:]:
            assert json.loads(answer.body) == {"detail": "Rate limit exceeded"}
            assert 0 < int(answer.headers["retry-after"]) <= WINDOW_SECONDS
            assert answer.headers["access-control-allow-origin"] == "*"
        log = server.output()
    passed = log.count('127.0.0.1 "GET /version" 503 ') + log.count('127.0.0.1 "GET /health" 200 ')
    assert passed == REQUESTS
    assert log.count('" 429 ') == 20


@pytest.mark.parametrize("trusted", ["127.0.0.0/8", "192.0.2.1"])
def test_behind_a_proxy_its_clients_are_counted(trusted: str) -> None:
    limits = {"PW_RATE_LIMIT_ENABLED": "yes", "PW_RATE_LIMIT_MAX_REQUESTS": "3", "PW_WORKERS": "1"}
    with Server([], {"PW_TRUSTED_PROXIES": trusted, **limits}) as server:
        one, other, house, neighbour = (
            [server.get("/version", headers={"X-Forwarded-For": address}).status for _ in range(4)]
            for address in ("203.0.113.1, 127.0.0.9", "203.0.113.2", "2001:db8:1:2::3", "2001:db8:1:2::4")
        )
    if trusted.startswith("127."):
        assert one == other == house == [503, 503, 503, 429]
        assert neighbour == [429] * 4  # one house has one count
    else:  # anybody can send that header
        assert one == [503, 503, 503, 429]
        assert other == house == neighbour == [429] * 4


def test_the_access_log_shows_no_token_and_is_off_by_default() -> None:
    token = "abcdefghijkl-secret"
    with Server([], {"PW_DEBUG": "yes", "PW_CONTROL_SECRET": token}) as server:
        for target in "/version", "/health":
            assert server.get(f"{target}?token={token}").status in (200, 503)
        log = server.output()
        assert log.count("?token=**********") == 2
        assert token not in log
    with Server([], {}) as server:
        server.get("/version?quiet")
        server.get("/health?quiet")
        assert "quiet" not in server.output()
