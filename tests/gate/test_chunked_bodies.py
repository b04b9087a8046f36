"""Bodies in chunks: Node's write(), curl -T - and proxies that stream send them. Read strictly, and in one place."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.gate.conftest import Server
from tests.support.waiting import patient

Serve = Callable[..., Server]
HEAD = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-After: 1\r\n"
NEXT = b"GET /csv HTTP/1.1\r\nHost: a\r\n\r\n"
LIMIT = 4096  # of a body, as the gate has it by default


def chunked(*parts: bytes, extension: bytes = b"") -> bytes:
    return b"".join(b"%X%b\r\n%b\r\n" % (len(part), extension, part) for part in parts if part) + b"0\r\n\r\n"


@pytest.fixture(scope="module")
def echo(serve: Serve) -> Server:
    return serve(idle_seconds=67, body_bytes=LIMIT)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    parts=st.lists(st.binary(max_size=300), max_size=8),
    cuts=st.lists(st.integers(0, 3000), max_size=6),
    extension=st.sampled_from([b"", b";a=b", b";" + b"x" * 20, b';q="\xff 1"']),
)
def test_the_body_arrives_whole_however_it_is_cut(
    echo: Server, parts: list[bytes], cuts: list[int], extension: bytes
) -> None:
    data = HEAD + b"\r\n" + chunked(*parts, extension=extension) + NEXT
    with echo.wire() as wire:
        start = 0
        for cut in [*sorted(cut for cut in cuts if cut < len(data)), len(data)]:
            wire.send(data[start:cut])
            start = cut
        answer = wire.answer(b"POST")
        assert (answer.status, answer.body) == (200, b"".join(parts))
        assert wire.answer().status == 200  # the next request begins where the body ends


def test_on_every_method_and_over_tls(serve: Serve, echo: Server, certificate: list[str]) -> None:
    for server in (echo, serve(tls=certificate)):
        with server.wire() as wire:
            wire.send(HEAD + b"\r\n" + chunked(b"one", b"two") + NEXT)
            assert wire.answer(b"POST").body == b"onetwo"
            assert wire.answer().status == 200
            wire.send(HEAD.replace(b"POST /echo", b"GET /hello?x") + b"\r\n" + chunked(b"ignored"))
            assert wire.answer().body == b"hello x"
            wire.send(HEAD.replace(b"chunked", b"\t Chunked ").replace(b"POST", b"DELETE") + b"\r\n" + chunked())
            assert wire.answer(b"DELETE").status == 405


def test_a_client_that_waits_for_the_word_gets_it(echo: Server) -> None:
    with echo.wire() as wire:
        wire.send(HEAD + b"Expect: 100-continue\r\n\r\n")
        assert wire.receive() == b"HTTP/1.1 100 Continue\r\n\r\n"
        wire.send(chunked(b"{}"))
        assert wire.answer(b"POST").body == b"{}"
        wire.send(HEAD + b"Expect: 100-continue\r\n\r\n" + chunked(b"[]"))
        assert wire.answer(b"POST").body == b"[]"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"%X\r\n%b\r\n0\r\n\r\n" % (LIMIT, b"x" * LIMIT), 200),
        (chunked(*[b"x"] * LIMIT), 200),
        (b"2\r\n{}\r\n00000000\r\n\r\n", 200),
        (b"%X\r\n" % (LIMIT + 1), 413),
        (chunked(*[b"x"] * (LIMIT + 1)), 413),
        (b"FFFFFFFF\r\n", 413),
        (b"000000002\r\n{}\r\n0\r\n\r\n", 400),
        (b"fffffffff\r\n", 413),
        (b"\r\n", 400),
        (b";x\r\n", 400),
        (b" 2\r\n{}\r\n0\r\n\r\n", 400),
        (b"2 \r\n{}\r\n0\r\n\r\n", 400),
        (b"2\n{}\r\n0\r\n\r\n", 400),
        (b"2\r\n{}0\r\n\r\n", 400),
        (b"2\r\n{}\n0\r\n\r\n", 400),
        (b"2;" + b"x" * 257 + b"\r\n{}\r\n0\r\n\r\n", 400),
        (b"2;a\nb\r\n{}\r\n0\r\n\r\n", 400),
        (b"2;a\x00\r\n{}\r\n0\r\n\r\n", 400),
        (b"2\r\n{}\r\n0\r\nX: y\r\n\r\n", 400),
        (b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n", 400),
        (b"2\r\n{}\r\n0\r\n\n", 400),
        (b"+2\r\n{}\r\n0\r\n\r\n", 400),
        (b"0x2\r\n{}\r\n0\r\n\r\n", 400),
        (b"-0\r\n\r\n", 400),
    ],
)
def test_framing_is_strict_and_bounded(echo: Server, body: bytes, status: int) -> None:
    with echo.wire() as wire:
        wire.send(HEAD + b"\r\n" + body)
        answer = wire.answer(b"POST")
        assert answer.status == status
        if status != 200:
            assert json.loads(answer.body)["detail"] in ("Bad chunked body", "Body too large")
            assert answer.headers["connection"] == "close"
            assert wire.rest() == b""


def test_a_body_that_does_not_end_is_given_up(serve: Serve) -> None:
    with serve(head_seconds=0.5, tick_seconds=0.1).wire() as wire:
        wire.send(HEAD + b"\r\n2\r\n{")
        assert wire.answer(b"POST").status == 408
        assert wire.rest() == b""


def test_curl_streams_from_standard_input(echo: Server) -> None:
    curl = shutil.which("curl")
    assert curl, "curl is one of the system packages of the tests"
    url = f"http://127.0.0.1:{echo.port}/echo"
    done = subprocess.run(
        [curl, "-s", "-X", "POST", "-T", "-", url], input=b'{"value":40}', capture_output=True, timeout=patient(60)
    )
    assert done.stdout == b'{"value":40}'
