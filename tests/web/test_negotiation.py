"""Documents, pages, files and the API description read Accept-Encoding and preconditions alike, whoever sends them."""

from __future__ import annotations

import gzip
import re

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pwserver.web.assets import Assets
from tests.gate.conftest import Answer, Wire
from tests.support.server import Server
from tests.support.waiting import wait_until

ASSETS = Assets()
FILE = next(path for path, asset in sorted(ASSETS.files.items()) if path.startswith("js/") and len(asset.body) > 2000)
# One of every kind that has a compressed twin. The first is sent by the gate, the others by Sanic.
TARGETS = (
    "/metrics",
    "http://pi/metrics",
    "/api/gateways/home",
    "/",
    "/power/console",
    "/openapi.json",
    f"/static/{FILE}",
    f"/static/{ASSETS.hash}/{FILE}",
)
WITHOUT_TWIN = ("/soe", "http://pi/soe", "/docs", "/static/favicon-16x16.png", "/favicon.ico")
HISTORY = ("/api/timeseries/daily", "/api/timeseries/samples")


def ask(server: Server, target: str, *fields: str, method: str = "GET") -> Answer:
    with Wire(server.port or 0) as wire:
        lines = [f"{method} {target} HTTP/1.1", "Host: pi", "Connection: close", *fields, "", ""]
        wire.send("\r\n".join(lines).encode("latin-1"))
        answer = wire.answer(method.encode())
        assert wire.rest() == b""
        return answer


def plain_of(answer: Answer) -> bytes:
    return gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body


@pytest.fixture(scope="module")
def taken(server: Server) -> None:
    """Wait until all have their twins: they are made for what somebody takes."""
    for target in TARGETS:
        wait_until(lambda target=target: "content-encoding" in ask(server, target, "Accept-Encoding: gzip").headers)


@pytest.mark.parametrize(
    ("values", "packed"),
    [
        ([], False), ([""], False), (["gzip"], True), (["GZIP"], True), (["x-gzip"], True), (["*"], True),
        (["gzip;q=0"], False), (["gzip;q=0.000"], False), (["gzip ;\tQ=0.0"], False), (["gzip; q = 0"], False),
        (["gzip;q=0, *"], False), (["*;q=0"], False), (["*;q=0, gzip"], True), (["identity"], False),
        (["identity;q=0"], False), (["identity;q=0, gzip;q=0.001"], True), (["identity;q=0.5, gzip;q=0.4"], False),
        (["br, gzip;q=0.1"], True), (["br"], False), (["gzipped, xgzip"], False), (["deflate", "gzip"], True),
        (["gzip", "gzip;q=0"], False), (["  ,, gzip\t,"], True), (["gzip;q=0.001;x=y"], True),
    ],
)  # fmt: skip
def test_the_compressed_twin(server: Server, taken: None, values: list[str], packed: bool) -> None:
    fields = [f"Accept-Encoding: {value}" for value in values]
    for target in TARGETS:
        answer = ask(server, target, *fields)
        assert answer.status == 200
        assert answer.headers.get("content-encoding") == ("gzip" if packed else None), (target, values)
        assert "Accept-Encoding" in answer.headers["vary"]
        assert (answer.headers["etag"].endswith('-gz"')) == packed
    for target in WITHOUT_TWIN:
        assert "content-encoding" not in ask(server, target, *fields).headers, target


def oracle_knows(value: str, tag: str) -> bool:
    """If-None-Match by regular expression, from RFC 9110 section 8.8.3; from a mistake on nothing is named."""
    if value.strip(" \t") == "*":
        return True
    named, at = [], 0
    while one := re.compile(r'[ \t,]*(?:W/)?"([^"]*)"[ \t]*').match(value, at):
        at = one.end()
        if value[at : at + 1] not in ("", ","):
            break  # a mistake: neither this tag is one of a list
        named.append(one[1])
    return tag.strip('"') in named


TAGS = st.lists(
    st.sampled_from(
        ["{tag}", "W/{tag}", '"x"', 'W/""', "*", ",", " ", "\t", ", ", "garbage", 'w/"x"', '"a,b"', '"', "{bare}"]
    ),
    max_size=5,
).map("".join)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TAGS, st.sampled_from(["GET", "HEAD"]))
@example("*", "GET")
@example(" * ", "HEAD")
@example("garbage{tag}", "GET")
@example("garbage, {tag}", "GET")
@example("{tag}garbage", "GET")
@example("W/{tag}", "GET")
@example('"x" ,\t{tag}', "GET")
@example('"x", *', "GET")
@example('"x" {tag}', "GET")
@example('"x"{tag}', "GET")
@example('"x"\tW/{tag}', "HEAD")
@example("{bare}", "GET")
def test_revalidation(server: Server, taken: None, value: str, method: str) -> None:
    for target in (*TARGETS[3:], *WITHOUT_TWIN[2:], *HISTORY):
        first = ask(server, target, method=method)
        tag = first.headers["etag"]
        shown = value.replace("{tag}", tag.removeprefix("W/")).replace("W/W/", "W/").replace("{bare}", tag.strip('W/"'))
        answer = ask(server, target, f"If-None-Match: {shown}".rstrip(), method=method)
        if answer.headers.get("etag") != tag:
            continue  # of a history, between two seconds
        assert answer.status == (304 if oracle_knows(shown, tag.removeprefix("W/")) else 200), (target, shown)
        if answer.status == 304:
            assert answer.body == b""
            assert answer.headers["cache-control"] == first.headers["cache-control"]
            assert answer.headers.get("vary") == first.headers.get("vary")
        elif method == "GET":
            assert plain_of(answer) == plain_of(first)


def test_each_form_has_a_tag_of_its_own(server: Server, taken: None) -> None:
    for target in TARGETS[3:]:
        tags = {form: ask(server, target, f"Accept-Encoding: {form}").headers["etag"] for form in ("gzip", "identity")}
        for form in tags:
            for known, tag in tags.items():
                answer = ask(server, target, f"Accept-Encoding: {form}", f"If-None-Match: {tag}")
                assert answer.status == (304 if form == known else 200), (target, form, known)


def test_dates_decide_nothing_because_none_is_told(server: Server, taken: None) -> None:
    past, future = "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for target in (*TARGETS, *WITHOUT_TWIN, *HISTORY):
        for field in f"If-Modified-Since: {future}", f"If-Unmodified-Since: {past}", "Range: bytes=0-3", "If-Range: x":
            answer = ask(server, target, field)
            assert (answer.status, answer.headers.get("last-modified")) == (200, None), (target, field)


def test_if_match(server: Server, taken: None) -> None:
    """For reading: 412 unless it names, by strong comparison, what would be sent."""
    for target in (*TARGETS[3:], *WITHOUT_TWIN[2:], "/stats", "/health"):
        tag = ask(server, target).headers.get("etag")
        bad = ['"x"', "garbage", "", f"W/{tag}", f"garbage{tag}"]
        good = ["*", *([tag, f'"x", {tag}'] if tag else [])]
        for value in bad:
            for method in "GET", "HEAD":
                answer = ask(server, target, f"If-Match: {value}".rstrip(), method=method)
                assert answer.status == 412, (target, value)
                assert answer.headers["content-type"] == "application/json"
                assert "etag" not in answer.headers and answer.headers["access-control-allow-origin"] == "*"
                assert answer.body.startswith(b'{"detail":') or method == "HEAD"
        for value in good:
            assert ask(server, target, f"If-Match: {value}").status == 200, (target, value)
    for target in "/metrics", "http://pi/metrics", "/api/gateways/home/soe":
        assert ask(server, target, 'If-Match: "x"').status == 412
        assert ask(server, target, "If-Match: *").status == 200
        assert ask(server, target, "If-Match: *", "If-None-Match: *").status == 304
        assert ask(server, target, 'If-Match: "x"', "If-None-Match: *").status == 412
    # A precondition is for what would succeed.
    for target in "/nothing", "/api/gateways/nobody", "http://pi/nothing":
        assert ask(server, target, 'If-Match: "x"').status == 404
    assert ask(server, "/help", 'If-Match: "x"').status == 307
