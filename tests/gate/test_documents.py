"""What the gate serves: bodies, headers, conditions, encodings, and that Sanic would have said the same."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from pwserver_ext.http_documents import ServedDocument, TargetTable
from pwserver_ext.http_gate import EVENTS
from pwserver_ext.http_recogniser import SERVE
from pwserver_ext.snapshot import SnapshotSlot
from tests.gate.conftest import Server
from tests.gate.demo_server import FALLBACK, HUGE, LARGE, SMALL, STAMP
from tests.gate.test_recogniser import ANY, TAME, heads

Serve = Callable[..., Server]


def test_a_document(server: Server) -> None:
    answer = server.get("/soe")
    assert (answer.status, answer.body) == (200, SMALL)
    headers = answer.headers
    date = parsedate_to_datetime(headers.pop("date"))
    assert abs(date.timestamp() - STAMP - int(headers.pop("age"))) <= 2
    assert headers.pop("etag").startswith('"')
    assert headers == {
        "content-type": "application/json",
        "content-length": str(len(SMALL)),
        "cache-control": "no-cache",
        "vary": "Accept-Encoding",
        "x-powerwall-timestamp": "1700000000.500",
        "access-control-allow-origin": "*",
        "connection": "close",
    }


@pytest.mark.parametrize("target", ["/soe", "/aggregates", "/csv", "/huge"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_sanic_would_have_answered_the_same(server: Server, target: str, method: str) -> None:
    ours, sanics = server.get(target, method=method), server.get("/plain" + target, method=method)
    assert ours.status == sanics.status == 200
    assert ours.body == sanics.body
    for name in "content-type", "content-length", "connection":
        assert ours.headers[name] == sanics.headers[name]


def test_head_has_the_headers_of_get(server: Server) -> None:
    for target in "/soe", "/aggregates", "/huge":
        head, get = server.get(target, method="HEAD"), server.get(target)
        assert head.body == b""
        assert get.body
        ignored = {"date", "age"}
        assert {k: v for k, v in head.headers.items() if k not in ignored} == {
            k: v for k, v in get.headers.items() if k not in ignored
        }


def test_gzip_twin(server: Server) -> None:
    plain, packed = server.get("/aggregates"), server.get("/aggregates", "Accept-Encoding: gzip")
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body == LARGE
    assert packed.headers["etag"] != plain.headers["etag"]
    # Small ones have no twin.
    assert server.get("/soe", "Accept-Encoding: gzip").body == SMALL


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_not_modified(server: Server, encoding: str) -> None:
    accept = f"Accept-Encoding: {encoding}"
    etag = server.get("/aggregates", accept).headers["etag"]
    for method in "GET", "HEAD":
        for value in etag, f"W/{etag}", f'"a,b", "", {etag}', f'"x",{etag},"y"', "*":
            answer = server.get("/aggregates", accept, f"If-None-Match: {value}", method=method)
            assert (answer.status, answer.body) == (304, b""), value
            assert answer.headers["etag"] == etag
            assert answer.headers["vary"] == "Accept-Encoding"
            assert answer.headers["cache-control"] == "no-cache"
            assert "content-length" not in answer.headers
        for value in (
            '"other"',
            etag.strip('"'),
            "",
            f'"x{etag[1:]}',
            f"{etag[:-1]}",
            f'"a {etag}',
            "W/",
            "**",
            f"w/{etag}",
        ):
            answer = server.get("/aggregates", accept, f"If-None-Match: {value}", method=method)
            assert answer.status == 200, value
    answer = server.get("/aggregates", accept, 'If-None-Match: "a"', f"If-None-Match: {etag}")
    assert answer.status == 304
    other = "identity" if encoding == "gzip" else "gzip"
    assert server.get("/aggregates", f"Accept-Encoding: {other}", f"If-None-Match: {etag}").status == 200


def test_a_publication_shows_at_once(serve: Serve) -> None:
    server = serve(idle_seconds=70)
    before = server.get("/soe")
    for i in range(20):
        body = b'{"percentage":%d}' % i
        server.get("/publish", method="POST", body=body)
        answer = server.get("/soe", f"If-None-Match: {before.headers['etag']}")
        assert (answer.status, answer.body) == (200, body)
        assert server.get("/soe", f"If-None-Match: {answer.headers['etag']}").status == 304
    assert server.get("/aggregates").body == LARGE


def test_expired_and_unpublished_documents_take_their_stale_form(serve: Serve) -> None:
    server = serve(idle_seconds=71)
    assert server.get("/unpublished").body == FALLBACK
    assert server.get("/soe").body == SMALL
    server.get("/expire", method="POST", body=b'{"percentage":1}')
    answer = server.get("/soe")
    assert (answer.status, answer.body) == (200, FALLBACK)
    assert not {"age", "x-powerwall-timestamp"} & answer.headers.keys()
    assert server.get("/soe", f"If-None-Match: {answer.headers['etag']}").status == 304
    server.get("/publish", method="POST", body=b'{"percentage":2}')
    assert server.get("/soe").body == b'{"percentage":2}'


def test_query_and_slash(server: Server) -> None:
    assert server.get("/soe?x=%41").body == SMALL
    assert server.get("/soe/").body == SMALL
    assert server.get("/csv").body == b"1,2,3"
    for target in "/csv?headers", "/csv?headers=yes", "/csv/?a&headers":
        assert server.get(target).body == b"a,b,c\n1,2,3"


def test_prefix(serve: Serve) -> None:
    server = serve(prefix="/power/wall")
    for target in "/soe", "/power/wall/soe", "/power/wall/soe/":
        assert server.get(target).body == SMALL
    assert server.get("/power/soe").status == 404
    assert server.get("/power/wallsoe").status == 404


def test_cors_list(serve: Serve) -> None:
    server = serve(origins=["https://a.example", "http://b.example:3000"])
    for origin in "https://a.example", "http://b.example:3000":
        for method in "GET", "HEAD":
            headers = server.get("/soe", f"Origin: {origin}", method=method).headers
            assert headers["access-control-allow-origin"] == origin
            assert headers["access-control-allow-credentials"] == "true"
            assert headers["vary"] == "Accept-Encoding, Origin"
    for origin in "https://evil.example", "https://a.example.evil", "null", "https://A.example", "":
        headers = server.get("/soe", f"Origin: {origin}").headers
        assert "access-control-allow-origin" not in headers
        assert headers["vary"] == "Accept-Encoding, Origin"
    etag = server.get("/soe").headers["etag"]
    answer = server.get("/soe", "Origin: https://a.example", f"If-None-Match: {etag}")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (304, "https://a.example")


def test_http_1_0(server: Server) -> None:
    with server.wire() as wire:
        wire.send(b"GET /soe HTTP/1.0\r\n\r\n")
        answer = wire.answer()
        assert (answer.body, answer.headers["connection"]) == (SMALL, "close")
        assert wire.rest() == b""
    with server.wire() as wire:
        for _ in range(2):
            wire.send(b"GET /soe HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = wire.answer()
            assert (answer.body, answer.headers["connection"]) == (SMALL, "keep-alive")
        wire.send(b"GET /soe HTTP/1.1\r\nHost: a\r\n\r\n")
        assert "connection" not in wire.answer().headers


def test_kept_replies_are_bounded(serve: Serve) -> None:
    server = serve(kept_reply_bytes=500_000)
    for _ in range(3):
        for headers in [], ["Accept-Encoding: gzip"]:
            assert server.get("/huge", *headers).status == 200
            server.get("/huge", method="HEAD")
            assert server.get("/aggregates", *headers).status == 200
            assert server.counters()["kept"] <= 500_000


def test_hits_are_counted(serve: Serve) -> None:
    server = serve(idle_seconds=72)

    def counts() -> dict[str, Any]:
        row = server.counters()["row"]
        return dict(zip(EVENTS, row, strict=False)) | {"soe": row[9], "aggregates": row[10], "headers": row[12]}

    before = counts()
    etag = server.get("/soe").headers["etag"]
    server.get("/soe", f"If-None-Match: {etag}")
    server.get("/csv?headers")
    server.get("/hello")
    server.get("/soe", "X :")
    after = counts()
    grown = {name: after[name] - before[name] for name in after if after[name] != before[name]}
    # The second look at the counters is itself a connection and a passed request.
    assert grown == {
        "connections": 6,
        "served": 2,
        "not_modified": 1,
        "passed": 2,
        "rejected": 1,
        "soe": 2,
        "headers": 1,
    }


def test_a_large_body_arrives_whole(server: Server) -> None:
    with server.wire() as wire:
        for _ in range(5):
            wire.send(b"GET /huge HTTP/1.1\r\nHost: a\r\n\r\n")
            assert wire.answer().body == HUGE


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(heads() | TAME, st.data())
def test_whatever_is_served_sanic_answers_the_same(serve: Serve, head: bytes, data: st.DataObject) -> None:
    seen = ANY.look(head)
    assume(seen.verdict == SERVE)
    head = head[: seen.head_size]
    method = head.split(b" ", 1)[0]
    cut = data.draw(st.integers(0, len(head)))
    answers = []
    for server in serve(hosts=None), serve(gate=False):
        with server.wire() as wire:
            wire.send(head[:cut])
            wire.send(head[cut:])
            answers.append(wire.answer(method))
    ours, sanics = answers
    assert (ours.status, ours.body) == (sanics.status, sanics.body)
    for name in "content-type", "content-length":
        assert ours.headers[name] == sanics.headers[name]


def test_the_same_answer_for_handlers() -> None:
    slot = SnapshotSlot(bytearray(SnapshotSlot.size(1, 1000)), 1, 1000)
    document = ServedDocument(slot, 0, "application/json", b"null")
    table = TargetTable({b"/soe": document}, prefix=b"/sub")
    assert table.document(b"/soe/") is table.document(b"/sub/soe?x") is document
    assert table.document(b"/other") is None
    nothing = document.answer()
    assert nothing is not None
    assert (nothing[0], nothing[1], nothing[4]) == (200, b"null", 0.0)
    slot.publish([(200, b"{}", None, b'"a"')], 5.0, 0.0)
    assert document.answer() == (200, b"{}", None, b"a", 5.0)
    slot.publish([(200, b"{}", None, b'"a"')], 6.0, time.monotonic() - 1)
    assert document.answer() == nothing
    assert ServedDocument(slot, 0, "application/json", None).answer() is None
