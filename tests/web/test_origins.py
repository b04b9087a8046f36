"""Origin headers are judged in one place: nothing in them raises, and pages from elsewhere stay out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config.raw_text import BadValue
from pwserver.config.urls import origin as configured
from pwserver.web_origins import LONGEST, MALFORMED, canonical_origin, judge_origin, may_listen, may_write, parse_origin
from tests.control.houses import SECRET
from tests.gate.conftest import Wire
from tests.support.server import Server

LISTED = "https://grafana.example"
GARBAGE = [
    b"http://[", b"http://[::1", b"http://]", b"http://[v1.x]", b"http://[1:2]", b"http://a[b]", b"http://\xe2\x84\x80",
    b"http://a\xe2\x84\x80b.example", b"http://\xff", b"http://:80", b"http://", b"http:", b"//pi", b"pi", b"*", b"",
    b"http://pi:", b"http://pi:0", b"http://pi:65536", b"http://pi:8o", b"http://pi:+80", b"http://pi/", b"http://pi?",
    b"http://user@pi", b"http://user:word@pi", b"http://pi#", b"http://pi http://pi", b"http://pi,http://pi", b"NULL",
    b"http://a..b", b"http://" + b"a" * 64 + b".example", b"http://" + b"a." * 200, b"http://" + b"[" * 9000,
    b"http://" + b"a" * 9000, b"http://%5b", b"http://pi\\", b"http://pi\t", b"ht tp://pi", b"1http://pi",
]  # fmt: skip
FOREIGN = [
    b"https://evil.example",
    b"null",
    b"file://",
    b"chrome-extension://abcdefgh",
    b"http://xn--bcher-kva.example",
]
STREAMS = "/api/stream", "/ws/aggregate", "/ws/gateway/default"


@pytest.fixture(scope="module", params=["restricted", "any"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    environment = {"PW_WORKERS": "1", "PW_CONTROL_SECRET": SECRET}
    if request.param == "restricted":
        environment["CORS_ORIGINS"] = f'["{LISTED}"]'
    with Server(["--demo"], environment) as made:
        made.wait_for_data()
        yield made


def status(server: Server, head: str, *lines: bytes, body: bytes = b"") -> int:
    """The status of one request with these further field lines."""
    assert server.port is not None
    more = b"".join(line + b"\r\n" for line in lines)
    with Wire(server.port) as wire:
        wire.send(f"{head} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n".encode() + more + b"\r\n" + body)
        return int(wire.receive().split(b" ", 2)[1])


def write(server: Server, *lines: bytes) -> int:
    more = (b"Content-Type: application/json", b"Content-Length: 12", f"Authorization: Bearer {SECRET}".encode())
    return status(server, "POST /control/reserve?dry_run", *more, *lines, body=b'{"value":40}')


def listen(server: Server, path: str, *lines: bytes) -> int:
    handshake = (
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    return status(server, f"GET {path}", *(handshake if path.startswith("/ws") else ()), *lines)


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda text: repr(text[:24]))
def test_garbage_is_refused_everywhere(server: Server, garbage: bytes) -> None:
    said = len(server.output())
    assert write(server, b"Origin: " + garbage) == 403
    assert write(server, b"Origin: " + garbage, b"Sec-Fetch-Site: same-origin") == 403
    for path in STREAMS:
        assert listen(server, path, b"Origin: " + garbage) == 403
    assert status(server, "GET /help", b"Origin: " + garbage) == 307, "reading needs no origin"
    assert "Traceback" not in server.output()[said:]


def test_two_origins_are_garbage(server: Server) -> None:
    ours = f"Origin: http://127.0.0.1:{server.port}".encode()
    assert write(server, ours) != 403
    assert write(server, ours, ours) == 403
    for path in STREAMS:
        assert listen(server, path, ours) in (101, 200)
        assert listen(server, path, ours, ours) == 403


@pytest.mark.parametrize("foreign", FOREIGN)
def test_pages_from_elsewhere_read_only_what_they_may(server: Server, foreign: bytes) -> None:
    anybody = server.get("/aggregates").headers.get("access-control-allow-origin") == "*"
    assert write(server, b"Origin: " + foreign) == 403
    for path in STREAMS:
        assert (listen(server, path, b"Origin: " + foreign) != 403) == anybody
        assert listen(server, path, b"Origin: " + LISTED.encode()) in (101, 200)


@given(st.one_of(st.text(), st.from_regex(r"[a-z]{1,8}://[\[\]a-z0-9.:%@/℀-]{0,40}", fullmatch=True)))
def test_nothing_raises(text: str) -> None:
    found = parse_origin(text)
    assert found is MALFORMED or (found.text == text and text.isascii() and len(text) <= LONGEST)
    for host in ("", text, text.partition("://")[2], "pi:80"):
        assert may_write(found, None, ("*",), (host,)) == (found.authority != "" and found.is_host(host))
        assert not may_listen(MALFORMED, ("*", text), (host,))
    canonical = canonical_origin(text)
    assert canonical is None or canonical_origin(canonical) == canonical != ""


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("App://Tablet-", "app://tablet-"),  # no port goes without saying there, and the name keeps its end
        ("a://0--", "a://0--"),
        ("HTTP://Pi:80", "http://pi"),
        ("https://pi:80", "https://pi:80"),
    ],
)
def test_a_configured_origin_loses_its_default_port_and_nothing_else(text: str, written: str) -> None:
    assert canonical_origin(text) == written


@pytest.mark.parametrize(
    ("text", "host", "ours"),
    [
        ("http://pi:8675", "PI:8675", True),
        ("http://pi", "pi:80", True),
        ("https://pi:443", "pi", True),
        ("http://pi:443", "pi", False),
        ("http://[::1]:8675", "[::1]:8675", True),
        ("ftp://pi", "pi", False),
        ("null", "null", False),
        ("http://pi", "", False),
        ("http://pi.evil.example", "pi", False),
    ],
)
def test_whose_page_it_is(text: str, host: str, ours: bool) -> None:
    origin = judge_origin({"origin": text})
    assert origin is not None and origin.is_host(host) is ours


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("HTTP://Pi.Local:80/", "http://pi.local"),
        ("https://bücher.example:8443", "https://xn--bcher-kva.example:8443"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("*", "*"),
        ("chrome-extension://abc", "chrome-extension://abc"),
        ("http://never:99999", "http://never:99999"),
    ],
)
def test_the_configuration_is_read_as_browsers_write(written: str, meant: str) -> None:
    assert configured(written) == meant


def test_the_configuration_takes_no_paths() -> None:
    with pytest.raises(BadValue):
        configured("http://pi/path")
