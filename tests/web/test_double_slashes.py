"""A client that appends "/soe" to an address that ends in a slash asks for "//soe"; it means "/soe"."""

from __future__ import annotations

import pytest

from tests.compat.situations import SECRET
from tests.support.server import Server

DATA = [
    "/soe", "/csv", "/version", "/api/gateways", "/api/gateways/home/api/system_status/soe", "/api/site",
    "/csv/v2?headers", "/api/history?range=1h", "/api/timeseries/status", "/control/reserve", "/stats",
]  # fmt: skip
ELSEWHERE = [
    "//console", "//help", "//docs/", "//static/js/console/main.js", "//api/stream", "//power", "///power/",
    "//evil.example", "//evil.example/soe", "//evil.example/..", "//evil.example//..//console", "//nope",
    "/power//help", "//power//evil.example/",
]  # fmt: skip


@pytest.mark.parametrize("before", ["/", "//", "/power/", "//power/", "/power//"])
def test_data_are_found_behind_an_address_that_ends_in_a_slash(server: Server, before: str) -> None:
    for path in DATA:
        for method in ("GET", "HEAD"):
            plain, named = server.get(path, method), server.get(before + path, method)
            assert named.status == plain.status == 200, before + path
            assert named.headers["content-type"] == plain.headers["content-type"]
    assert server.get(before + "/api//gateways///home//soe").status == 200
    tag = server.get("/version").headers["etag"]
    assert server.get(before + "/version", headers={"if-none-match": tag}).status == 304
    assert server.get(before + "/version", headers={"if-match": '"x"'}).status == 412


@pytest.mark.parametrize("path", ELSEWHERE)
def test_nothing_else_is_found_there_and_nobody_is_sent_elsewhere(server: Server, path: str) -> None:
    for method in ("GET", "HEAD"):
        answer = server.get(path, method)
        assert answer.status == 404
        assert "location" not in answer.headers


@pytest.mark.parametrize("path", ["//control/reserve", "/api//gateways/home/control/reserve", "//health/reset"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_writes_have_one_spelling(server: Server, method: str, path: str) -> None:
    token = {"authorization": f"Bearer {SECRET}", "content-type": "application/json"}
    assert server.get(path, method, token, b'{"value":40}').status in (404, 405)
