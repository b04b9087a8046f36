"""Methods, schemes and preconditions of writes, as RFC 9110 has them."""

from __future__ import annotations

import http.client
from typing import Any

import pytest

from tests.compat.situations import SECRET
from tests.support.server import Server
from tests.support.waiting import patient
from tests.web.conftest import make_app

READ, BOTH, WRITE = "GET, HEAD, OPTIONS", "GET, HEAD, OPTIONS, POST", "OPTIONS, POST"
SENT = 503  # what a write is answered here when it has passed every check: this gateway has no way to be written


@pytest.mark.parametrize(
    ("target", "methods"),
    [
        ("/soe", READ), ("/aggregates?x=y", READ), ("/", READ), ("/power/console", READ), ("/favicon.ico", READ),
        ("/static/js/nothing.js", READ), ("/api/gateways/home/soe", READ), ("/api/stream", READ),
        ("/ws/aggregate", READ), ("/api/timeseries/daily", READ), ("/stats/clear", BOTH), ("/control/reserve", BOTH),
        ("/api/gateways/home/control/reserve", BOTH), ("/control/islanding", WRITE), ("/health/reset", WRITE),
        ("*", BOTH),
    ],
)  # fmt: skip
def test_options_tells_what_is_allowed_there(server: Server, target: str, methods: str) -> None:
    answer = server.get(target, "OPTIONS")
    assert (answer.status, answer.headers["allow"]) == (200, methods)
    asked = {"Origin": "http://a.example", "Access-Control-Request-Method": "GET"}
    preflight = server.get(target, "OPTIONS", asked)
    assert (preflight.status, preflight.headers["access-control-allow-methods"]) == (200, methods)
    if target != "*":
        for method in {"GET", "HEAD", "POST"} - set(methods.split(", ")):
            wrong = server.get(target, method)
            assert (wrong.status, wrong.headers["allow"]) == (405, methods), method


def test_options_of_what_is_not_there(server: Server) -> None:
    assert server.get("/nothing", "OPTIONS").status == 404
    asked = {"Origin": "http://a.example", "Access-Control-Request-Method": "GET"}
    # A page may learn that it is not there: were its preflight refused, it would see no status at all.
    assert server.get("/nothing", "OPTIONS", asked).status == 200


def test_whatever_can_be_got_has_a_head() -> None:
    routes = [route for route in make_app("heads").router.routes if "GET" in route.methods]
    assert len(routes) > 100
    assert [route.path for route in routes if "HEAD" not in route.methods] == []


def test_head_changes_nothing(server: Server) -> None:
    server.get("/stats")
    before = server.json("/stats")
    head = server.get("/stats/clear", "HEAD")
    assert (head.status, head.body) == (200, b"")
    after = server.json("/stats")
    assert after["clear"] == before["clear"] and after["gets"] > before["gets"]
    for target in "/api/stream", "/api/stream?gateway=home":
        for _ in range(300):  # more than one address may have streams
            head = server.get(target, "HEAD")
            assert head.status == 200
        assert head.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert "content-length" not in head.headers and "transfer-encoding" not in head.headers
    assert server.get("/api/stream?gateway=nobody", "HEAD").status == 404
    handshake = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    assert server.get("/ws/aggregate", "HEAD", handshake).status == 426
    assert sum(one["counters"]["websockets"] for one in server.json("/stats")["processes"] if "counters" in one) == 0


def write(server: Server, target: str = "/control/mode", **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port or 0, timeout=patient(10))
    try:
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(
            "POST", f"{target}?dry_run", b'{"value":"backup"}', {"Content-Type": "application/json", **fields}
        )
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR   ", ""])
def test_the_name_of_a_scheme_has_no_case(server: Server, scheme: str) -> None:
    for _ in range(20):  # more than the guesses that are allowed
        status, said = write(server, authorization=f"{scheme}{SECRET}")
        assert status == SENT, said


def test_other_schemes_are_no_tokens(server: Server) -> None:
    for value in f"Basic {SECRET}", f"Bearer{SECRET}", "Bearer", f"{SECRET} Bearer":
        assert write(server, authorization=value)[0] == 401
    assert write(server, authorization=f"Bearer {SECRET}")[0] == SENT


def test_a_write_keeps_its_preconditions(server: Server) -> None:
    token = f"Bearer {SECRET}"
    below = "/power/control/mode", "/api/gateways/home/control/mode", "/api/gateways/h%6fme/control/mode"
    for target in ("/control/mode", *below):
        tag = server.get(target).headers["etag"]
        for condition, status in [
            ({"if_match": "*"}, SENT),
            ({"if_match": tag}, SENT),
            ({"if_match": '"x"'}, 412),
            ({"if_match": f"W/{tag}"}, 412),
            ({"if_none_match": "*"}, 412),
            ({"if_none_match": tag}, 412),
            ({"if_none_match": f"W/{tag}"}, 412),
            ({"if_none_match": '"x"'}, SENT),
            ({"if_match": "garbage"}, 412),
        ]:
            assert write(server, target, authorization=token, **condition)[0] == status, (target, condition)
        # Who may not write learns nothing of what there is.
        assert write(server, target, if_match='"x"')[0] == 401
