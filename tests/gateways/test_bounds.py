"""What a hostile answer may cost: no request elsewhere, no memory, no time without end."""

from __future__ import annotations

import functools
import gzip
import http.client
import resource
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.answer_limits import LARGEST_ANSWER_BYTES, decoded, redirect_target
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from tests.gateways.hostile import Hostile
from tests.gateways.test_cloud import cloud, fleet, tesla  # noqa: F401
from tests.tesla import SITE, Tesla

LOGINS: dict[str, dict[str, Any]] = {
    "tedapi": {"gw_pwd": "CANARYPASS"},
    "local": {"password": "CANARYPASS", "email": "canary@example.com"},
}


def failure_at(address: str, tmp_path: Path, login: str, timeout_seconds: int = 1) -> tuple[GatewayFailure, int]:
    """Poll once; the failure, and how many requests it took."""
    definition = GatewayDefinition("home", "Home", host=address, **LOGINS[login])
    options = GatewayOptions(timeout_seconds=timeout_seconds, cachefile=str(tmp_path / "login"))
    connection = GatewayConnection(definition, options)
    try:
        with pytest.raises(GatewayFailure) as raised:
            connection.poll()
        return raised.value, connection.limiter.calls_total
    finally:
        connection.close()


@pytest.mark.parametrize("login", sorted(LOGINS))
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
@pytest.mark.parametrize("where", ["itself", "another host", "http", "a path", "nowhere"])
def test_a_gateway_never_redirects(where: str, status: int, login: str, tmp_path: Path) -> None:
    with ExitStack() as stack:
        other = stack.enter_context(Hostile(tmp_path, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
        places = {
            "another host": f"https://{other.address}/tedapi/din",
            "http": f"http://{other.address}/",
            "a path": "/api/login/Basic",
            "itself": "https://{0}/tedapi/din",
            "nowhere": "http://[",
        }
        gateway = Hostile(tmp_path, b"")
        location = places[where].replace("{0}", gateway.address)
        gateway._answer = f"HTTP/1.1 {status} No\r\nLocation: {location}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
        stack.enter_context(gateway)
        failure, calls = failure_at(gateway.address, tmp_path, login)
        assert failure.cause == "redirect" and f"HTTP {status}" in failure.message
        assert len(gateway.heads) == calls == 1
        assert other.heads == []


def endless(head: str, piece: bytes, pause_seconds: float = 0.0) -> Callable[[Callable[[bytes], Any]], None]:
    """An answer whose body never ends."""

    def answer(send: Callable[[bytes], Any]) -> None:
        send(head.encode())
        while True:
            send(piece)
            time.sleep(pause_seconds)

    return answer


def chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


OK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
HOSTILE: dict[str, Any] = {
    "endless, by length": endless(OK + "Content-Length: 99999999999\r\n\r\n", b" " * 65536),
    "endless, in chunks": endless(OK + "Transfer-Encoding: chunked\r\n\r\n", chunk(b" " * 65536)),
    "endless, until closed": endless(OK + "Connection: close\r\n\r\n", b" " * 65536),
    "endless head": endless("HTTP/1.1 200 OK\r\n", b"X-A: " + b"a" * 1000 + b"\r\n"),
    "one endless header": endless("HTTP/1.1 200 OK\r\nX-A: ", b"a" * 65536),
    "endless 100": endless("", b"HTTP/1.1 100 Continue\r\n\r\n" * 100, 0.001),
    "trickled body": endless(OK + "Content-Length: 100000\r\n\r\n", b" ", 0.05),
    "trickled head": endless("HTTP/1.1 200 OK\r\nX-A: ", b"a", 0.05),
    "chunk sizes without data": endless(OK + "Transfer-Encoding: chunked\r\n\r\n", b"0" * 10, 0.01),
    "endless error": endless("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n", b" " * 65536),
    "endless redirect": endless("HTTP/1.1 302 No\r\nLocation: /\r\nConnection: close\r\n\r\n", b" " * 65536),
    "many encodings": OK.encode() + b"Content-Encoding: " + b"gzip, " * 500 + b"gzip\r\nContent-Length: 2\r\n\r\n{}",
    "unknown encoding": OK.encode() + b"Content-Encoding: x-nope\r\nContent-Length: 2\r\n\r\n{}",
    "negative length": OK.encode() + b"Content-Length: -1\r\n\r\n",
    "two lengths": OK.encode() + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}",
}

BOMBS = {"gzip bomb": (256 << 20, 1), "gzip in gzip": (64 << 20, 2)}  # bytes, and how many times they are packed


@functools.cache
def bomb(size: int, times: int) -> bytes:
    """Pack zeros: not while tests are collected, which each of the processes does that share them out."""
    content = bytes(size)
    for _ in range(times):
        content = gzip.compress(content)
    encodings = ", ".join(["gzip"] * times)
    return f"{OK}Content-Encoding: {encodings}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content


@pytest.mark.parametrize("login", sorted(LOGINS))
@pytest.mark.parametrize("name", sorted([*HOSTILE, *BOMBS]))
def test_a_hostile_answer_ends_in_bounded_time_and_memory(name: str, login: str, tmp_path: Path) -> None:
    answer = bomb(*BOMBS[name]) if name in BOMBS else HOSTILE[name]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with Hostile(tmp_path, answer) as gateway:
        started = time.monotonic()
        failure, calls = failure_at(gateway.address, tmp_path, login)
        assert time.monotonic() - started < 20, "longer than connecting may ever take"
    assert failure.cause in ("garbage", "timeout", "http-error", "redirect", "unreachable", "auth"), failure.cause
    assert calls <= 4
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < 10 * LARGEST_ANSWER_BYTES, f"{grown} bytes"


ROOT = f"api/1/energy_sites/{SITE}"


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_tesla_may_redirect_to_itself_and_to_nobody_else(
    mode: str,
    status: int,
    tesla: Tesla,
    tmp_path: Path,
) -> None:
    path = "api/1/products"
    with Hostile(tmp_path, b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"response": []}') as other:
        for target in (f"https://{other.address}/{path}", f"http://{other.address}/", "https://tesla.com.example.org/"):
            tesla.asked.clear()
            tesla.said = {path: (status, b"{}", {"Location": target})}
            connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
            try:
                with pytest.raises(GatewayFailure) as raised:
                    connection.poll()
                assert raised.value.cause == "redirect" and f"HTTP {status}" in raised.value.message
                assert tesla.asked[path] == 1, "one request, and not again over another version of HTTP"
            finally:
                connection.close()
        assert other.heads == []
        tesla.answers["moved"] = tesla.answers[path]
        tesla.said = {path: (status, b"{}", {"Location": f"{tesla.url}/moved"})}
        connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
        try:
            assert connection.poll().soe_raw is not None
        finally:
            connection.close()


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_redirects_of_tesla_come_to_an_end(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    tesla.said = {"*": (302, b"{}", {"Location": "/around"})}
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    try:
        with pytest.raises(GatewayFailure) as raised:
            connection.poll()
        assert raised.value.cause == "redirect" and sum(tesla.asked.values()) <= 8  # with the other login
    finally:
        connection.close()


API = "https://owner-api.teslamotors.com/api/1/products"


@pytest.mark.parametrize(
    ("target", "method", "status", "followed"),
    [
        ("/elsewhere", "GET", 302, True),
        ("https://fleet-api.prd.eu.vn.cloud.tesla.com/x", "GET", 308, True),
        ("https://auth.tesla.cn/x", "POST", 307, True),
        ("https://auth.tesla.com/x", "POST", 302, False),
        ("https://auth.tesla.com/x", "POST", 303, False),
        ("http://owner-api.teslamotors.com/x", "GET", 302, False),
        ("https://owner-api.teslamotors.com:8443/x", "GET", 302, False),
        ("https://eviltesla.com/x", "GET", 302, False),
        ("https://tesla.com.evil.org/x", "GET", 302, False),
        ("https://tesla.com@evil.org/x", "GET", 302, False),
        ("https://user:word@tesla.com/x", "GET", 302, False),
        ("//evil.org/x", "GET", 302, False),
        ("file:///etc/passwd", "GET", 302, False),
        ("https://[/", "GET", 302, False),
        ("https://tesla.com:99999/", "GET", 302, False),
        ("/x", "GET", 304, False),
        ("", "GET", 302, False),
    ],
)
def test_where_a_redirect_may_lead(target: str, method: str, status: int, followed: bool) -> None:
    assert (redirect_target(API, target, method, status, remote=True) is not None) is followed
    assert redirect_target(API, target, method, status, remote=False) is None


@given(st.text(max_size=60), st.sampled_from(["GET", "POST"]), st.integers(300, 399))
def test_any_location_leads_to_tesla_or_nowhere(location: str, method: str, status: int) -> None:
    found = redirect_target(API, location, method, status, remote=True)
    assert found is None or found.startswith("https://")


@given(st.binary(max_size=4000), st.sampled_from(["gzip", "deflate", "", "identity", "x-gzip"]), st.integers(1, 64))
def test_what_was_packed_comes_out_again(data: bytes, encoding: str, size: int) -> None:
    packers: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.compress,
        "x-gzip": gzip.compress,
        "deflate": zlib.compress,
    }
    packed = packers.get(encoding, bytes)(data)
    pieces = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(decoded(pieces, encoding)) == data


def test_the_number_of_headers_is_bounded_by_the_library_below() -> None:
    assert http.client._MAXHEADERS <= 100  # type: ignore[attr-defined]
