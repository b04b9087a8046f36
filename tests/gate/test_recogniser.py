"""One request head, judged: statuses, limits, and the properties that keep connections in step."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver_ext.http_documents import ServedDocument, TargetTable
from pwserver_ext.http_hosts import Hosts
from pwserver_ext.http_recogniser import MORE, PASS, REJECT, SERVE, Recogniser
from tests.gate.oracle import accept, without_empty_lines


class Nothing:
    def generation(self) -> int:
        return 0

    def read(self, index: int) -> None:
        return None


SOE, CSV, CSV_HEADERS = (ServedDocument(Nothing(), i, "application/json", b"null") for i in range(3))
TABLE = TargetTable({b"/soe": SOE, b"/csv": CSV}, {(b"/csv", b"headers"): CSV_HEADERS})
ANY = Recogniser(TABLE, Hosts(None))
OURS = Recogniser(TABLE, Hosts(("*.local", "power.example.org", "*.home.example")))


def request(line: str = "GET /soe HTTP/1.1", *fields: str, host: str | None = "pi") -> bytes:
    lines = [line, *([f"Host: {host}"] if host is not None else []), *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request("HEAD /soe HTTP/1.1"),
        request("GET /soe HTTP/1.0", host=None),
        request("GET /soe/ HTTP/1.1"),
        request("GET /soe?anything=%41 HTTP/1.1"),
        request("GET /soe HTTP/1.1", "Content-Length: 0"),
        request("GET /soe HTTP/1.1", "Range: bytes=0-1", "Cookie: a=b", "Authorization: Basic x"),
        request("GET /soe HTTP/1.1", "X-Empty:", "X-Text: caf\xe9 \t x"),
        request("GET /soe HTTP/1.1", "Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABk"),
        request("GET /soe HTTP/1.1", "Upgrade: websocket", "Connection: Upgrade"),
        request("GET /soe HTTP/1.1", "Expect: 100-Continue"),
        request("GET /soe HTTP/1.1", "If-Unmodified-Since: Thu, 01 Jan 1970 00:00:00 GMT"),
        b"\r\n" + request(),
        b"\n" + request(),
        b"\r\n\n\n\r\n" + request(),
    ],
)
def test_served(data: bytes) -> None:
    seen = ANY.look(data)
    assert (seen.verdict, seen.head_size, seen.body_size) == (SERVE, len(data), 0)
    assert TABLE.documents[seen.entry] is SOE


@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("", CSV),
        ("?", CSV),
        ("?header", CSV),
        ("?x=headers", CSV),
        ("?headers", CSV_HEADERS),
        ("?headers=", CSV_HEADERS),
        ("?a=b&headers=no&c", CSV_HEADERS),
    ],
)
def test_query_documents(query: str, document: ServedDocument) -> None:
    for slash in "", "/":
        seen = ANY.look(request(f"GET /csv{slash}{query} HTTP/1.1"))
        assert seen.verdict == SERVE
        assert TABLE.documents[seen.entry] is document


@pytest.mark.parametrize(
    "data",
    [
        request("GET /csv?%68eaders HTTP/1.1"),
        request("GET /csv?a+b HTTP/1.1"),
        request("GET /csv?headers&gateway=g1 HTTP/1.1"),
        request("GET /soe?gateway HTTP/1.1"),
        request("GET /soe?a=%41&g%61teway=g1 HTTP/1.1"),
        request("GET /%73oe HTTP/1.1"),
        request("GET //soe HTTP/1.1"),
        request("GET /soe// HTTP/1.1"),
        request("GET /SOE HTTP/1.1"),
        request("GET /so HTTP/1.1"),
        request("GET http://pi/soe HTTP/1.1"),
        request("GET HTTPS://pi:8675/soe HTTP/1.1"),
        request("OPTIONS * HTTP/1.1"),
        request("OPTIONS /soe HTTP/1.1"),
        request("POST /soe HTTP/1.1"),
        request("GET /soe HTTP/1.1", 'If-Match: "x"'),
        request("GET /soe HTTP/1.1", "Content-Length: 3"),
    ],
)
def test_passed(data: bytes) -> None:
    assert ANY.look(data).verdict == PASS


BAD = [
    (400, b" " + request()),
    (400, b"\r" + request()),
    (400, b"\n\r\r\n" + request()),
    (400, b"\r\n" * 5 + request()),
    (400, b"\n" * 5),
    (400, b"\r\n \r\n" + request()),
    (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    (400, request("GET  /soe HTTP/1.1")),
    (400, request("GET /soe  HTTP/1.1")),
    (400, request("GET /soe HTTP/1.1 ")),
    (400, request("GET\t/soe\tHTTP/1.1")),
    (400, request("GET /soe")),
    (400, request("GET /s\x00e HTTP/1.1")),
    (400, request("GET /s\xe9e HTTP/1.1")),
    (400, request("GET /soe#top HTTP/1.1")),
    (400, request("GET soe HTTP/1.1")),
    (400, request("GET * HTTP/1.1")),
    (400, request("GET http:// HTTP/1.1")),
    (400, request("GET http://pi HTTP/1.1")),
    (400, request("GET http://pi?x HTTP/1.1")),
    (400, request("GET http://a@pi/ HTTP/1.1")),
    (400, request("GET http://pi:65536/ HTTP/1.1")),
    (400, request("GET ftp://pi/soe HTTP/1.1")),
    (400, request("GET /soe http/1.1")),
    (400, request("GET /soe HTTP/1,1")),
    (400, request("GET /soe HTTP/11")),
    (400, request("G@T /soe HTTP/1.1")),
    (400, request("A" * 33 + " /soe HTTP/1.1")),
    (400, b"GET /soe HTTP/1.1\nHost: pi\n\n"),
    (400, b"GET /soe HTTP/1.1\rHost: pi\r\r"),
    (400, b"GET /soe HTTP/1.1\r\nHost: pi\n\r\n"),
    (400, b"GET /soe HTTP/1.1\r\nHost: pi\r\n\n"),
    (400, b"GET /soe HTTP/1.1\r\nHost: pi\r\n\rX"),
    (505, request("GET /soe HTTP/1.2")),
    (505, request("GET /soe HTTP/2.0")),
    (505, request("GET /soe HTTP/0.9")),
    (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    (501, request("get /soe HTTP/1.1")),
    (501, request("TRACE /soe HTTP/1.1")),
    (501, request("CONNECT pi:80 HTTP/1.1")),
    (501, request("PROPFIND /soe HTTP/1.1")),
    (400, request("GET /soe HTTP/1.1", host=None)),
    (400, request("GET /soe HTTP/1.1", "Host: pi")),
    (400, request("GET /soe HTTP/1.1", "host: other")),
    (400, request(host="")),
    (400, request(host="a b")),
    (400, request(host="pi:")[:-4] + b"x\r\n\r\n"),
    (400, request(host="pi:123456")),
    (400, request(host="pi:65536")),
    (400, request(host="user@pi")),
    (400, request(host="pi/soe")),
    (400, request(host="[::1")),
    (400, request(host="[pi]")),
    (400, request(host="[::1]pi")),
    (400, request("GET /soe HTTP/1.1", "X : y")),
    (400, request("GET /soe HTTP/1.1", " X: y")),
    (400, request("GET /soe HTTP/1.1", "X: y", " folded")),
    (400, request("GET /soe HTTP/1.1", "X: y", "\tfolded")),
    (400, request("GET /soe HTTP/1.1", ": y")),
    (400, request("GET /soe HTTP/1.1", "X")),
    (400, request("GET /soe HTTP/1.1", "X\x00: y")),
    (400, request("GET /soe HTTP/1.1", "X\xe9: y")),
    (400, request("GET /soe HTTP/1.1", "X: \x00")),
    (400, request("GET /soe HTTP/1.1", "X: a\rb")),
    (400, request("GET /soe HTTP/1.1", "X: a\nY: b")),
    (400, request("GET /soe HTTP/1.1", "X: \x7f")),
    (400, request("GET /soe HTTP/1.1", "X: \x0b")),
    (400, request("POST / HTTP/1.1", "Content-Length: +1")),
    (400, request("POST / HTTP/1.1", "Content-Length: -1")),
    (400, request("POST / HTTP/1.1", "Content-Length: 1_0")),
    (400, request("POST / HTTP/1.1", "Content-Length: 0x1")),
    (400, request("POST / HTTP/1.1", "Content-Length: 1, 1")),
    (400, request("POST / HTTP/1.1", "Content-Length: 1 1")),
    (400, request("POST / HTTP/1.1", "Content-Length:")),
    (400, request("POST / HTTP/1.1", "Content-Length: \xb2")),
    (400, request("POST / HTTP/1.1", "Content-Length: " + "9" * 19)),
    (400, request("POST / HTTP/1.1", "Content-Length: 1", "Content-Length: 1")),
    (400, request("POST / HTTP/1.1", "Content-Length : 1")),
    (400, request("POST / HTTP/1.1", "Content-Length: 1", "Transfer-Encoding: chunked")),
    (400, request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Content-Length: 1")),
    (400, request("POST / HTTP/1.1", "Transfer-Encoding: chunked", "Transfer-Encoding: chunked")),
    (400, request("POST / HTTP/1.0", "Transfer-Encoding: chunked")),
    (501, request("POST / HTTP/1.1", "Transfer-Encoding: gzip, chunked")),
    (501, request("POST / HTTP/1.1", "Transfer-Encoding: xchunked")),
    (501, request("POST / HTTP/1.1", "Transfer-Encoding: chunked, identity")),
    (501, request("POST / HTTP/1.1", "Transfer-Encoding: identity")),
    (501, request("POST / HTTP/1.1", "Transfer-Encoding:")),
    (417, request("POST / HTTP/1.1", "Content-Length: 1", "Expect: a-miracle")),
    (417, request("GET /soe HTTP/1.1", "Expect:")),
    (413, request("POST / HTTP/1.1", "Content-Length: 4097")),
    (413, request("GET /soe HTTP/1.1", "Content-Length: 999999999999999999")),
    (414, request("GET /" + "a" * 8192 + " HTTP/1.1")),
    (414, b"GET /" + b"a" * 8187),
    (431, request("GET /soe HTTP/1.1", *["X: y"] * 100)),
    (431, request("GET /soe HTTP/1.1", "X: " + "y" * 16384)),
    (431, request("GET /soe HTTP/1.1", "X" * 16384)),
]


@pytest.mark.parametrize(("status", "data"), BAD)
def test_rejected(status: int, data: bytes) -> None:
    seen = ANY.look(data)
    assert (seen.verdict, seen.status) == (REJECT, status), seen
    # And it stays so, however it was split and whatever follows.
    verdicts = [ANY.look(data[:i]) for i in range(len(data))] if len(data) < 1000 else []
    first = next((i for i, v in enumerate(verdicts) if v.verdict != MORE), len(verdicts))
    assert all(v == seen for v in verdicts[first:])
    assert ANY.look(data + b"GET /soe HTTP/1.1\r\n\r\n") == seen


def test_the_limits_are_met_exactly() -> None:
    line = "GET /" + "a" * (8192 - 6) + " HTTP/1.1"
    assert ANY.look(request(line)).verdict == PASS
    assert ANY.look(request("GET /soe HTTP/1.1", *["X: y"] * 99)).verdict == SERVE
    filler = 16384 - len(request("GET /soe HTTP/1.1", "X: "))
    assert ANY.look(request("GET /soe HTTP/1.1", "X: " + "y" * filler)).verdict == SERVE
    assert ANY.look(request("GET /soe HTTP/1.1", "X: " + "y" * (filler + 1))).status == 431
    assert ANY.look(request("POST /soe HTTP/1.1", "Content-Length: 4096")).body_size == 4096


@pytest.mark.parametrize("beyond", [0, 1, 9, 70_000])
@pytest.mark.parametrize("end", ["", "\r\n\r\n", " HTTP/1.1\r\nHost: pi\r\n\r\n", ": y\r\n\r\n", "\0"])
def test_what_stands_beyond_a_limit_changes_nothing(beyond: int, end: str) -> None:
    assert ANY.look(("GET /" + "a" * (8192 - 5 + beyond) + end).encode()).status == 414
    for start in "", "X: ":
        head = "GET /soe HTTP/1.1\r\n" + start
        assert ANY.look((head + "y" * (16384 - len(head) + beyond) + end).encode()).status == 431


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "10.0.0.1:8675",
        "[::1]",
        "[fe80::1]:80",
        "localhost",
        "LOCALHOST:1",
        "pypowerwall:8675",
        "pi.local",
        "Pi.Local.",
        "power.example.org",
        "POWER.example.org:443",
        "a.home.example",
        "a.b.home.example",
        "x_y",
    ],
)
def test_our_hosts(host: str) -> None:
    assert OURS.look(request(host=host)).verdict == SERVE
    assert OURS.look(request(f"GET http://{host}/x HTTP/1.1", host=host)).verdict == PASS


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8675",
        "10.0.0.256",
        "10.0.0.1.evil.example",
        "1.2.3",
        "0x7f.1",
        ".local",
        "local.",
        "pi.local.evil.example",
        "power.example.org.evil",
        "xpower.example.org",
        "home.example",
        "notlocal.x",
    ],
)
def test_hosts_of_others(host: str) -> None:
    verdict = OURS.look(request(host=host))
    if host == "local.":
        assert verdict.verdict == SERVE  # one label
        return
    assert (verdict.verdict, verdict.status) == (REJECT, 421)
    assert OURS.look(request(f"GET http://{host}/x HTTP/1.1")).status == 421
    assert ANY.look(request(host=host)).verdict == SERVE


@pytest.mark.parametrize(
    ("forwarded", "verdict"),
    [
        (["power.example.org"], SERVE),
        (["POWER.example.org.:8443"], SERVE),
        (["pi"], SERVE),
        (["[2001:db8::7]:443"], SERVE),
        (["evil.example"], PASS),
        (["power.example.org, power.example.org"], PASS),
        (["power.example.org", "power.example.org"], PASS),
        (["https://power.example.org"], PASS),
        ([""], PASS),
    ],
)
def test_a_name_that_a_proxy_forwards(forwarded: list[str], verdict: int) -> None:
    """Where names are checked, what is not plainly one of ours is for Sanic, which knows the trusted proxies."""
    lines = [f"x-forwarded-HOST: {name}" for name in forwarded]
    for _ in range(2):
        assert OURS.look(request("GET /soe HTTP/1.1", *lines)).verdict == verdict
        assert ANY.look(request("GET /soe HTTP/1.1", *lines)).verdict == SERVE


SIMILAR_HOSTS = (
    "pi.local", "PI.local", "pi.local.", "pi.local:1", "pi.local:x", "pi.loca", "pi.locax", "pi.example", "", "a",
    "x" * 63, "x" * 64, "x" * 65, "x" * 57 + ".local", "x" * 58 + ".local", "x" * 59 + ".local", "x" * 58 + ".example",
)  # fmt: skip


@given(st.lists(st.sampled_from(SIMILAR_HOSTS), max_size=8))
def test_a_host_that_was_ours_speaks_for_no_other(hosts: list[str]) -> None:
    """The last host that was ours is remembered; the verdicts are those of a server that has seen none."""
    names = ("*.local",)
    same = Recogniser(TABLE, Hosts(names))
    for host in hosts:
        assert same.look(request(host=host)) == Recogniser(TABLE, Hosts(names)).look(request(host=host))


@pytest.mark.parametrize(
    ("line", "fields", "keep"),
    [
        ("GET /soe HTTP/1.1", [], True),
        ("GET /soe HTTP/1.1", ["Connection: keep-alive, x"], True),
        ("GET /soe HTTP/1.1", ["Connection: Close"], False),
        ("GET /soe HTTP/1.1", ["Connection: x ,\tCLOSE,"], False),
        ("GET /soe HTTP/1.1", ["Connection: keep-alive", "Connection: close"], False),
        ("GET /soe HTTP/1.1", ["Connection: closed"], True),
        ("GET /soe HTTP/1.0", [], False),
        ("GET /soe HTTP/1.0", ["Connection: Keep-Alive"], True),
        ("GET /soe HTTP/1.0", ["Connection: keep-alive, close"], False),
    ],
)
def test_persistence(line: str, fields: list[str], keep: bool) -> None:
    assert ANY.look(request(line, *fields)).keep_alive is keep


KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
HANDSHAKE = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", KEY)
STREAM = Recogniser(TargetTable({b"/soe": SOE}, prefix=b"/sub", streams=[b"/ws"]), Hosts(None))


def test_a_stream_is_a_whole_handshake_for_a_stream_target() -> None:
    for target in "/ws", "/ws/", "/ws?x=y", "/sub/ws":
        for fields in HANDSHAKE, ("upgrade: h2c, WebSocket", "CONNECTION: keep-alive, upgrade", *HANDSHAKE[2:]):
            seen = STREAM.look(request(f"GET {target} HTTP/1.1", *fields))
            assert (seen.verdict, seen.stream) == (PASS, True), target
    for target in "/soe", "/ws/x", "/wss", "/", "/other/ws", "/ws//", "http://pi/ws":
        assert not STREAM.look(request(f"GET {target} HTTP/1.1", *HANDSHAKE)).stream, target
    for line in "POST /ws HTTP/1.1", "HEAD /ws HTTP/1.1", "GET /ws HTTP/1.0":
        assert not STREAM.look(request(line, *HANDSHAKE)).stream, line


@pytest.mark.parametrize("missing", range(4))
@pytest.mark.parametrize(
    "instead",
    [
        "X: y",
        "Upgrade: h2c",
        "Connection: keep-alive",
        "Sec-WebSocket-Version: 12",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=x",
        "Sec-WebSocket-Key: dGhlIHNhb?BsZSBub25jZQ==",
    ],
)
def test_a_part_of_a_handshake_is_none(missing: int, instead: str) -> None:
    fields = [*HANDSHAKE[:missing], instead, *HANDSHAKE[missing + 1 :]]
    assert not STREAM.look(request("GET /ws HTTP/1.1", *fields)).stream


@pytest.mark.parametrize(
    ("value", "gzip"),
    [
        ("gzip", True), ("GZip", True), ("x-gzip", True), ("deflate, gzip;q=1.0, *;q=0", True), ("*", True),
        ("br;q=1.0, gzip;q=0.001", True), ("", False), ("identity", False), ("gzip;q=0", False),
        ("gzip ; Q=0.000", False), ("gzip;\tq = 0", False), ("gzip;q=0.0001", True), ("gzip;q=1.5", True),
        ("gzip;q=x", True), ("gzip;level=9;q=0", False), ("gzip;q=0.5, identity", False), ("identity;q=0", False),
        ("identity;q=0.5, gzip;q=0.5", True), ("identity;q=0, *;q=0.1", True), ("*;q=0, gzip", True),
        (",,gzip ,", True), ("*;q=0", False), ("gzip;q=0, *", False), ("*, gzip;q=0", False), ("gzipped", False),
    ],
)  # fmt: skip
def test_accept_encoding(value: str, gzip: bool) -> None:
    assert ANY.look(request("GET /soe HTTP/1.1", f"Accept-Encoding: {value}")).gzip is gzip


# Bytes that are nearly requests.
NAMES = st.sampled_from(
    ["Host", "host", "Content-Length", "content-length", "Transfer-Encoding", "Connection", "Expect", "X-A", "Upgrade",
     "If-None-Match", "Content-Length ", " X", "", "X\x00", "Accept-Encoding", "Content_Length"]
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        ["pi", "pi:80", "0", "3", "3, 3", "+3", "0x3", " 3 ", "chunked", "Chunked", "gzip, chunked", "close",
         "keep-alive", "100-continue", "",
         "a\nb", "a\rb", "a\r\n b", "\x00", "caf\xe9", '"x"', "99999", "[::1]:1", "bad host"]
    ),
    st.text(st.characters(max_codepoint=255), max_size=8),
)  # fmt: skip
LINES = st.one_of(
    st.tuples(
        st.sampled_from(["GET", "HEAD", "POST", "OPTIONS", "PUT", "get", "TRACE", "G T", ""]),
        st.sampled_from([" ", " ", " ", " ", "  ", "\t", ""]),
        st.sampled_from(
            ["/soe", "/", "/x?y=z", "*", "http://pi/soe", "http://pi", "soe", "/a b", "/\xe9", "/%00", "//", "/#"]
        ),
        st.sampled_from([" HTTP/1.1"] * 3 + [" HTTP/1.0", " HTTP/1.2", " HTTP/2.0", "", " http/1.1", " HTTP/1.1 "]),
    ).map("".join),
    st.text(st.characters(max_codepoint=255), max_size=20),
)
ENDS = st.sampled_from(["\r\n"] * 12 + ["\n", "\r", "\r\r\n", "\n\r\n", " \r\n"])


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A head that is often right: the usual mistakes are rare enough that deep ones are reached."""
    lines = [draw(st.one_of(st.just("GET /soe HTTP/1.1"), st.just("POST /x HTTP/1.1"), LINES)), draw(ENDS)]
    if draw(st.integers(0, 9)):
        lines += ["Host: pi", "\r\n"]
    for _ in range(draw(st.integers(0, 4))):
        lines += [draw(NAMES), draw(st.sampled_from([":", ": ", ": ", ":\t", " :", ""])), draw(VALUES), draw(ENDS)]
    return "".join([*lines, draw(ENDS)]).encode("latin-1")


# Heads that are nearly always right, with what real clients send.
TAME = st.builds(
    lambda line, fields, end: "\r\n".join([line, "Host: pi", *map("".join, fields), "", end]).encode("latin-1"),
    st.sampled_from(
        ["GET /soe HTTP/1.1", "HEAD /soe HTTP/1.1", "GET /soe/?x=y HTTP/1.1", "GET /soe HTTP/1.0", "POST /x HTTP/1.1",
         "GET http://pi/soe HTTP/1.1", "OPTIONS /soe HTTP/1.1"]
    ),
    st.lists(
        st.tuples(
            st.sampled_from(
                ["Connection", "connection", "Content-Length", "If-None-Match", "Accept-Encoding", "Cookie", "Origin",
                 "Range", "User-Agent", "X-A", "If-Modified-Since", "Keep-Alive", "Upgrade-Insecure-Requests"]
            ),
            st.sampled_from([":", ": ", ":\t "]),
            st.sampled_from(["0", "", "close", "keep-alive", "Keep-Alive", "x, close", "gzip", '"x"', "caf\xe9",
                             "a\tb \t", "12"]),
        ),
        max_size=6,
    ),
    st.sampled_from(["\r\n"] * 9 + ["", "\r"]),
)  # fmt: skip
EMPTY = st.sampled_from([b""] * 6 + [b"\r\n", b"\n", b"\r\n\n", b"\r\n" * 4, b"\n" * 5, b"\r", b"\r\r\n"])
STREAMS = st.tuples(EMPTY, heads() | TAME, st.binary(max_size=12)).map(b"".join) | st.binary(max_size=60)


@settings(max_examples=600, deadline=None)
@given(STREAMS)
def test_a_verdict_on_a_prefix_is_the_verdict(data: bytes) -> None:
    whole = ANY.look(data)
    decided = [seen for seen in (ANY.look(data[:i]) for i in range(len(data))) if seen.verdict != MORE]
    assert all(seen == whole for seen in decided)
    if whole.verdict in (SERVE, PASS):
        # Decided with the head's last byte, not before.
        assert ANY.look(data[: whole.head_size - 1]).verdict == MORE
        assert ANY.look(data[: whole.head_size]) == whole


@settings(max_examples=600, deadline=None)
@given(STREAMS)
def test_agrees_with_the_oracle(data: bytes) -> None:
    if b"\r\n\r\n" not in without_empty_lines(data):
        assert ANY.look(data).verdict in (MORE, REJECT)
        return
    expected = accept(data)
    seen = ANY.look(data)
    if expected is None:
        assert seen.verdict == REJECT
    else:
        assert seen.verdict in (SERVE, PASS)
        assert (seen.head_size, seen.body_size) == expected


@settings(max_examples=600, deadline=None)
@given(STREAMS)
def test_h11_accepts_what_we_accept_and_we_reject_what_h11_rejects(data: bytes) -> None:
    skipped = len(data) - len(without_empty_lines(data))  # what h11 does not do
    seen = ANY.look(data)
    data = data[skipped:]
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    try:
        event = server.next_event()
    except h11.RemoteProtocolError:
        # h11 also gives up early on what cannot become a request; we may still be waiting for a line's end.
        assert seen.verdict == REJECT or (seen.verdict == MORE and b"\r\n\r\n" not in data and b"\n\n" not in data)
        return
    if seen.verdict in (SERVE, PASS):
        assert isinstance(event, h11.Request)
        assert event.target == seen.target
        body = b""
        while isinstance(event := server.next_event(), h11.Data):
            body += bytes(event.data)
        rest = data[seen.head_size - skipped :]
        if len(rest) >= seen.body_size:
            # The body is as long as we said: the message ends, and what follows is the next request's.
            assert body == rest[: seen.body_size]
            assert isinstance(event, (h11.EndOfMessage, type(h11.PAUSED)))
            assert server.trailing_data[0] == rest[seen.body_size :]
        else:
            assert event is h11.NEED_DATA


def test_the_python_view_names_the_reason() -> None:
    assert ANY.look(b"GET /soe HTTP/1.1\r\n\r\n").reason == "Host missing"
