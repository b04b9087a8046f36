"""The real server answers a document the same whether the gate serves it or Sanic does.

Every request is sent twice on one connection: in the origin form, which the gate serves, and in the absolute form,
which it hands to Sanic's routes. The demo's gateway is polled once, so both speak of one snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from tests.gate.conftest import Answer, Wire
from tests.support.server import Server

COMPARED = (
    "etag",
    "cache-control",
    "vary",
    "x-powerwall-timestamp",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "content-type",
    "content-length",
    "content-encoding",
)
ROWS = [row for row in (*GATEWAY_DOCUMENTS, *SITE_DOCUMENTS) if not row.internal]
PLAIN = sorted({target for row in ROWS for target in row.targets if target.startswith("/") and "#" not in target})
BELOW = ("/aggregates", "/csv?headers", "/tedapi/config", "/nothing")
TARGETS = [
    *PLAIN,
    *(f"/sub{target}" for target in ("/soe", "/csv?headers", "/metrics")),
    *(f"/api/gateways/{gateway}{target}" for gateway in ("default", "aggregate", "nobody") for target in ("", *BELOW)),
]
ORIGIN = "https://panel.example"
LONG = 3600


@pytest.fixture(scope="module", params=["polled", "no gateway"])
def real(request: pytest.FixtureRequest) -> Iterator[Server]:
    environment = {
        "PW_CACHE_EXPIRE": str(LONG),
        "PW_WORKERS": "1",
        "PROXY_BASE_URL": "/sub",
        "CORS_ORIGINS": f'["{ORIGIN}"]' if request.param == "polled" else '["*"]',
    }
    with Server(["--demo"] if request.param == "polled" else [], environment) as server:
        if request.param == "polled":
            server.wait_for_data()
            server.wait_for_data("/metrics")
        yield server


def ask(wire: Wire, target: str, method: str, fields: tuple[str, ...]) -> Answer:
    wire.send("\r\n".join([f"{method} {target} HTTP/1.1", "Host: pi", *fields, "", ""]).encode("latin-1"))
    return wire.answer(method.encode())


def assert_same(server: Server, wire: Wire, target: str, method: str, fields: tuple[str, ...]) -> Answer:
    for last in (False, False, True):
        ours = ask(wire, target, method, fields)
        sanics = ask(wire, f"http://pi{target}", method, fields)
        again = ask(wire, target, method, fields)
        if ours.headers.get("etag") == again.headers.get("etag") or last:
            break  # else the poller published in between
    assert (ours.status, ours.body) == (sanics.status, sanics.body), target
    for name in COMPARED:
        assert ours.headers.get(name) == sanics.headers.get(name), (target, fields, name)
    assert ("age" in ours.headers) == ("age" in sanics.headers)
    if "age" in ours.headers:
        # The gate reads a coarser clock, a few milliseconds behind.
        assert abs(int(ours.headers["age"]) - int(sanics.headers["age"])) <= 1, target
    return ours


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_every_document(real: Server, method: str) -> None:
    with Wire(real.port) as wire:
        for target in TARGETS:
            plain = assert_same(real, wire, target, method, ())
            packed = assert_same(real, wire, target, method, ("Accept-Encoding: gzip", f"Origin: {ORIGIN}"))
            if plain.status == 200:
                for answer, accept in (plain, "identity"), (packed, "gzip"):
                    fields = f"If-None-Match: {answer.headers['etag']}", f"Accept-Encoding: {accept}"
                    known = assert_same(real, wire, target, method, fields)
                    assert known.status == 304 or known.headers["etag"] != answer.headers["etag"], target


def test_the_form_that_accept_asks_for(real: Server) -> None:
    prometheus = (
        "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
        "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
        "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    )
    forms: dict[str, set[tuple[str, ...]]] = {}
    with Wire(real.port) as wire:
        for accept in ((prometheus,), ("text/plain", "application/openmetrics-text"), ("text/html",), ("\xe9",), ("",)):
            fields = tuple(f"Accept: {value}" for value in accept)
            for target in "/metrics", "/sub/metrics", "/metrics/", "/metrics?x":
                answer = assert_same(real, wire, target, "GET", fields)
                assert answer.headers["vary"].startswith("Accept, Accept-Encoding")
                forms.setdefault(answer.headers["content-type"], set()).add(accept)
        assert_same(real, wire, "/metrics", "GET", ())
    assert {kind.partition(";")[0]: chosen for kind, chosen in forms.items()} == {
        "application/openmetrics-text": {(prometheus,), ("text/plain", "application/openmetrics-text")},
        "text/plain": {("text/html",), ("\xe9",), ("",)},
    }


FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["Accept-Encoding", "If-None-Match", "Origin", "Accept", "Cookie", "Range", "X-A"]),
        st.one_of(
            st.sampled_from(
                ["gzip", "GZIP;q=0", "x-gzip, gzip;q=0.0", "*;q=0, gzip;q=1", "identity", "br, *", "*", "W/*", '"a,b"',
                 '"x"', "{tag}", "W/{tag}", '"a" , {tag}', "{gz}", "{gz},", "bad, {tag}", ORIGIN, "null",
                 "text/plain", "application/openmetrics-text;q=0.9, text/plain;q=0.3", "bytes=0-3"]
            ),
            st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=8),
        ),
    ),
    max_size=5,
)  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(TARGETS), st.sampled_from(["GET", "HEAD"]), FIELDS, st.sampled_from(["", "?", "?a=b", "/"]))
def test_whatever_is_asked(real: Server, target: str, method: str, fields: list[tuple[str, str]], tail: str) -> None:
    if "?" in target or target.endswith("/"):
        tail = ""
    with Wire(real.port) as wire:
        etag = ask(wire, target, "HEAD", ()).headers.get("etag", '""')
        known = {"{tag}": etag, "{gz}": f'{etag[:-1]}-gz"'}
        lines = []
        for name, value in fields:
            for placeholder, tag in known.items():
                value = value.replace(placeholder, tag)
            lines.append(f"{name}: {value}".rstrip())
        assert_same(real, wire, target + tail, method, tuple(lines))
