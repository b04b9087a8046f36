"""Bytes made to look like one request to one parser and like two to another: here they are never two."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gate.conftest import Server

Serve = Callable[..., Server]

# What an attacker wants executed: a request that would show in /calls.
HIDDEN = b"GET /hello?smuggled HTTP/1.1\r\nHost: a\r\n\r\n"


def post(
    *fields: bytes, body: bytes = HIDDEN, line: bytes = b"POST /echo HTTP/1.1", host: bytes = b"Host: a\r\n"
) -> bytes:
    return line + b"\r\n" + host + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


SIZE = b"%d" % len(HIDDEN)
CHUNKED = b"0\r\n\r\n" + HIDDEN

PAYLOADS = {
    # Two framings.
    "CL.TE": post(b"Content-Length: %d" % len(CHUNKED), b"Transfer-Encoding: chunked", body=CHUNKED),
    "TE.CL": post(b"Transfer-Encoding: chunked", b"Content-Length: 4", body=CHUNKED),
    "TE.TE": post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", body=CHUNKED),
    "TE list": post(b"Transfer-Encoding: identity, chunked", body=CHUNKED),
    "TE twice in one": post(b"Transfer-Encoding: chunked, chunked", body=CHUNKED),
    "TE prefix": post(b"Transfer-Encoding: xchunked", b"Content-Length: " + SIZE),
    "TE vertical tab": post(b"Transfer-Encoding:\x0bchunked", b"Content-Length: " + SIZE),
    "TE space colon": post(b"Transfer-Encoding : chunked", b"Content-Length: " + SIZE),
    "TE tab colon": post(b"Transfer-Encoding\t: chunked", b"Content-Length: " + SIZE),
    "TE folded": post(b"Transfer-Encoding:\r\n chunked", b"Content-Length: " + SIZE),
    "TE bare LF": post(b"X: y\nTransfer-Encoding: chunked", b"Content-Length: " + SIZE),
    "TE quoted": post(b'Transfer-Encoding: "chunked"', b"Content-Length: " + SIZE),
    "TE semicolon": post(b"Transfer-Encoding: chunked;x=y", body=CHUNKED),
    "TE long s": post("Tran\u017ffer-Encoding: chunked".encode(), b"Content-Length: " + SIZE),
    "TE in 1.0": post(b"Transfer-Encoding: chunked", line=b"POST /echo HTTP/1.0", body=CHUNKED),
    # Odd chunks.
    "0x chunk": post(b"Transfer-Encoding: chunked", body=b"0x0\r\n\r\n" + HIDDEN),
    "negative chunk": post(b"Transfer-Encoding: chunked", body=b"-1\r\n\r\n" + HIDDEN),
    "chunk bare LF": post(b"Transfer-Encoding: chunked", body=b"0\n\n" + HIDDEN),
    "chunk extension LF": post(b"Transfer-Encoding: chunked", body=b"2;\nxx\r\n0\r\n\r\n" + HIDDEN),
    "trailer": post(b"Transfer-Encoding: chunked", body=b"0\r\nContent-Length: 9\r\n\r\n" + HIDDEN),
    # Content-Length that parsers read differently.
    "CL space colon": post(b"Content-Length : " + SIZE),
    "CL plus": post(b"Content-Length: +" + SIZE),
    "CL minus": post(b"Content-Length: -" + SIZE),
    "CL underscore": post(b"Content-Length: 4_1"),
    "CL hex": post(b"Content-Length: 0x29"),
    "CL list": post(b"Content-Length: 0, " + SIZE),
    "CL same list": post(b"Content-Length: %b,%b" % (SIZE, SIZE)),
    "CL twice": post(b"Content-Length: 0", b"Content-Length: " + SIZE),
    "CL twice the same": post(b"Content-Length: " + SIZE, b"Content-Length: " + SIZE),
    "CL empty": post(b"Content-Length:"),
    "CL float": post(b"Content-Length: 1.0"),
    "CL exponent": post(b"Content-Length: 1e1"),
    "CL spaces inside": post(b"Content-Length: 4 1"),
    "CL NUL": post(b"Content-Length: 4\x001"),
    "CL vertical tab": post(b"Content-Length: \x0b41"),
    "CL no-break space": post(b"Content-Length: \xc2\xa041"),
    "CL Arabic digits": post("Content-Length: \u0664\u0661".encode()),
    "CL superscript": post(b"Content-Length: \xb2"),
    "CL huge": post(b"Content-Length: 18446744073709551657"),
    "CL NUL name": post(b"Content-Length\x00: " + SIZE),
    "CL underscore name": post(b"Content_Length: 0", b"Content-Length : " + SIZE),
    # Lines that end, begin or continue oddly.
    "leading space": post(b"X: y", host=b" Content-Length: " + SIZE + b"\r\nHost: a\r\n"),
    "leading tab": post(b"X: y", host=b"\tContent-Length: " + SIZE + b"\r\nHost: a\r\n"),
    "leading CRLF": b"\r\n" + post(b"Content-Length : " + SIZE),
    "leading LF": b"\n" + post(b"Content-Length : " + SIZE),
    "folded length": post(b"Content-Length: 0\r\n " + SIZE),
    "bare LF forges": post(b"X: y\nContent-Length: " + SIZE),
    "bare CR forges": post(b"X: y\rContent-Length: " + SIZE),
    "bare LF ends": b"POST /echo HTTP/1.1\nHost: a\nContent-Length: " + SIZE + b"\n\n" + HIDDEN,
    "LF CR LF": b"POST /echo HTTP/1.1\r\nHost: a\r\n\n" + HIDDEN,
    "CR CR LF": b"POST /echo HTTP/1.1\r\nHost: a\r\r\nContent-Length: " + SIZE + b"\r\n\r\n" + HIDDEN,
    "NUL value": post(b"X: a\x00b", b"Content-Length : " + SIZE),
    "control value": post(b"X: a\x01b", b"Content-Length : " + SIZE),
    "empty name": post(b": x", b"Content-Length : " + SIZE),
    "no colon": post(b"Content-Length", b"X: " + SIZE),
    "quote in name": post(b'"X: y": z'),
    # Request lines.
    "two spaces": post(line=b"POST  /echo HTTP/1.1"),
    "tab": post(line=b"POST\t/echo\tHTTP/1.1"),
    "space in target": post(line=b"POST /echo /hello HTTP/1.1"),
    "CR in line": post(line=b"POST /echo HTTP/1.1\r"),
    "version 0.9": b"GET /hello?smuggled\r\n",
    "version 1.10": post(line=b"POST /echo HTTP/1.10"),
    "version 2": post(line=b"POST /echo HTTP/2.0"),
    "NUL in target": post(line=b"POST /echo\x00 HTTP/1.1"),
    "control in target": post(line=b"POST /ec\x0bho HTTP/1.1"),
    "no slash": post(line=b"POST echo HTTP/1.1"),
    "CONNECT": post(line=b"CONNECT a:80 HTTP/1.1"),
    "TRACE": post(line=b"TRACE /echo HTTP/1.1"),
    # Hosts.
    "no host": post(host=b""),
    "two hosts": post(host=b"Host: a\r\nHost: b\r\n"),
    "host list": post(host=b"Host: a, b\r\n"),
    "host with user": post(host=b"Host: b@a\r\n"),
    "folded host": post(host=b"Host: a\r\n b\r\n"),
}


@pytest.fixture(scope="module")
def target(serve: Serve) -> Server:
    return serve(idle_seconds=69)


@pytest.mark.parametrize("name", PAYLOADS)
@pytest.mark.parametrize(
    "before",
    [b"", b"GET /soe HTTP/1.1\r\nHost: a\r\n\r\n", b"GET /hello?first HTTP/1.1\r\nHost: a\r\n\r\n"],
    ids=["alone", "after a document", "after a passed request"],
)
def test_one_refusal_and_no_second_request(target: Server, name: str, before: bytes) -> None:
    with target.wire() as wire:
        wire.send(before + PAYLOADS[name] + HIDDEN)
        if before:
            assert wire.answer().status == 200
        assert 400 <= wire.answer(b"POST").status <= 505
        assert wire.rest() == b""


def test_none_of_it_was_executed(target: Server) -> None:
    calls = target.get("/calls").body
    assert b"first" in calls
    assert b"smuggled" not in calls
    assert b"GET" not in calls


BODIES_THAT_LOOK_LIKE_REQUESTS = {
    "plain": post(b"Content-Length: " + SIZE),
    "upper case": post(b"CONTENT-LENGTH: " + SIZE),
    "leading zeros": post(b"Content-Length: 000" + SIZE),
    "blanks around": post(b"Content-Length: \t " + SIZE + b" \t"),
    "on a GET": post(b"Content-Length: " + SIZE, line=b"GET /hello HTTP/1.1"),
    "on a document": post(b"Content-Length: " + SIZE, line=b"GET /soe HTTP/1.1"),
    "on a HEAD": post(b"Content-Length: " + SIZE, line=b"HEAD /soe HTTP/1.1"),
    "on an unknown route": post(b"Content-Length: " + SIZE, line=b"DELETE /nowhere HTTP/1.1"),
    "underscore beside it": post(b"Content_Length: 0", b"Content-Length: " + SIZE),
    "nominated as hop-by-hop": post(b"Connection: keep-alive, content-length", b"Content-Length: " + SIZE),
    "with an upgrade": post(b"Upgrade: h2c", b"Content-Length: " + SIZE),
    "with a bad websocket": post(b"Upgrade: websocket", b"Content-Length: " + SIZE, line=b"GET /hello HTTP/1.1"),
}


@pytest.mark.parametrize("name", BODIES_THAT_LOOK_LIKE_REQUESTS)
def test_a_well_framed_body_is_never_a_request(serve: Serve, name: str) -> None:
    server = serve(idle_seconds=68)
    data = BODIES_THAT_LOOK_LIKE_REQUESTS[name]
    method = data.split()[0]
    with server.wire() as wire:
        wire.send(data + b"GET /csv HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        first = wire.answer(method)
        assert first.status in (200, 400, 404, 405)
        # Sanic closes after some of these; what never happens is an answer to the body.
        assert wire.rest().count(b"HTTP/1.1 ") <= 1
    calls = server.get("/calls").body
    assert b'"hello smuggled"' not in calls
