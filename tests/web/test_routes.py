"""Routing, errors and CORS of the app itself, through sanic-testing's client: no gate, no socket, no process."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sanic import Sanic

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # sanic-testing still uses the old client of websockets
    from sanic_testing.testing import SanicASGITestClient

from pwserver.web.errors import Refusal
from pwserver.web.subpath import without_base
from tests.web.conftest import make_app

Ask = Callable[..., Any]


def client_of(app: Sanic[Any, Any]) -> Ask:
    """``ask(method, path, **options)`` -> response of the app."""
    import asyncio

    app.router.reset()
    app.signal_router.reset()
    client = SanicASGITestClient(app)

    def ask(method: str, path: str, **options: Any) -> Any:
        _, response = asyncio.run(client.request(method, path, follow_redirects=False, **options))
        return response

    return ask


@pytest.fixture(scope="module")
def ask() -> Ask:
    app = make_app("routes", {"PW_HOST": "127.0.0.1:9", "PW_GW_PWD": "x" * 10, "PROXY_BASE_URL": "/power"})

    app.router.reset()  # more routes are coming

    @app.get("/fails")
    async def fails(request: Any) -> Any:
        raise RuntimeError("password=hunter2")

    @app.get("/refuses")
    async def refuses(request: Any) -> Any:
        raise Refusal(429, "Rate limit exceeded", {"retry-after": "7"})

    return client_of(app)


def test_both_forms_with_and_without_a_slash(ask: Ask) -> None:
    for path in ("/soe", "/api/gateways", "/api/aggregate", "/api/gateways/default", "/stats", "/csv", "/tedapi"):
        for form in (path, path + "/", path + "?x=1", "/power" + path, "/power" + path + "/"):
            assert ask("get", form).status == 200, form


@pytest.mark.parametrize("path", ["/nope", "/soe/x", "/api/nope", "/pw/nope", "/powerful/soe", "/power/power/soe"])
def test_unknown_paths(ask: Ask, path: str) -> None:
    for method in ("get", "head", "post", "put", "delete", "patch"):
        response = ask(method, path)
        assert response.status == 404, method
        if method != "head":
            assert response.json == {"detail": "Not Found"}
        assert response.headers["content-type"] == "application/json"


def test_unknown_gateways_are_named(ask: Ask) -> None:
    assert ask("get", "/api/gateways/nope").json == {"detail": "Gateway nope not found"}
    assert ask("get", "/api/gateways/nope/soe").json == {"detail": "Gateway nope not found"}
    assert ask("get", "/api/gateways/a%22b").json == {"detail": 'Gateway a"b not found'}
    assert ask("get", "/api/gateways/default/nope").json == {"detail": "Not Found"}
    assert ask("get", "/api/gateways/default/api/devices/vitals").status == 404
    assert ask("get", "/api/gateways/default/api/../../soe").status == 404


def test_reading_and_writing_share_paths(ask: Ask) -> None:
    for path in ("/api/status", "/api/operation", "/api/customer", "/control/reserve", "/control/status"):
        assert ask("get", f"/api/gateways/default{path}").status in (200, 503), path
    assert ask("post", "/api/gateways/default/control/reserve", json={"value": 1}).status == 403


@pytest.mark.parametrize("path", ["/soe", "/stats", "/health", "/", "/api/gateways/default/soe", "/openapi.json"])
def test_wrong_methods(ask: Ask, path: str) -> None:
    for method in ("post", "put", "delete", "patch"):
        response = ask(method, path)
        assert (response.status, response.json) == (405, {"detail": "Method Not Allowed"}), method
        assert response.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/soe", "GET, HEAD, OPTIONS"),
        ("/control/reserve", "GET, HEAD, OPTIONS, POST"),
        ("/control/islanding", "OPTIONS, POST"),
        ("/api/gateways/default/soe", "GET, HEAD, OPTIONS"),
        ("/api/gateways/default/api/status", "GET, HEAD, OPTIONS, POST"),
        ("/power/api/gateways/default/control/reserve", "GET, HEAD, OPTIONS, POST"),
        ("/api/login/Basic/", "OPTIONS, POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(ask: Ask, path: str, methods: str) -> None:
    for method in ("put", "delete", "patch"):
        response = ask(method, path)
        assert (response.status, response.headers.get("allow")) == (405, methods), method


def test_head_is_get_without_a_body(ask: Ask) -> None:
    for path in ("/soe", "/health", "/stats", "/csv", "/docs", "/api/site_info", "/api/mqtt/status"):
        got, head = ask("get", path), ask("head", path)
        assert (got.status, head.status) == (200, 200), path
        assert head.headers["content-type"] == got.headers["content-type"]
        assert got.body


def test_faults_are_json_and_tell_nothing(ask: Ask) -> None:
    response = ask("get", "/fails")
    assert (response.status, response.json) == (500, {"detail": "Internal Server Error"})
    assert "hunter2" not in response.text
    response = ask("get", "/refuses")
    assert (response.status, response.json) == (429, {"detail": "Rate limit exceeded"})
    assert response.headers["retry-after"] == "7"


def test_without_a_gateway() -> None:
    ask = client_of(make_app("nothing", {}))
    for path in ("/soe", "/aggregates", "/csv", "/csv/v2?headers", "/vitals", "/pw/power", "/api/status", "/version"):
        response = ask("get", path)
        assert (response.status, response.json) == (503, {"detail": "No gateways configured"}), path
        assert response.headers["content-type"] == "application/json"
    for path in ("/health", "/stats", "/tedapi", "/api/customer", "/api/gateways/", "/api/aggregate/"):
        assert ask("get", path).status == 200, path
    assert ask("get", "/health").json["status"] == "no_gateways"
    assert ask("get", "/api/gateways/default").status == 404


def test_any_origin_may_read(ask: Ask) -> None:
    for path in ("/soe", "/stats", "/nope", "/fails"):
        assert ask("get", path).headers["access-control-allow-origin"] == "*", path
    asked = {
        "origin": "http://a.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "x-a",
    }
    for path in ("/soe", "/control/reserve", "/nope"):
        response = ask("options", path, headers=asked)
        assert (response.status, response.text) == (200, "OK")
        assert response.headers["access-control-allow-origin"] == "*"
        assert response.headers["access-control-max-age"] == "600"
        assert response.headers["access-control-allow-headers"] == "x-a"
        assert "GET" in response.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in response.headers


def test_listed_origins_may_read() -> None:
    ask = client_of(
        make_app(
            "origins",
            {"CORS_ORIGINS": "http://a.example,http://b.example", "PW_HOST": "127.0.0.1:9", "PW_GW_PWD": "x" * 10},
        )
    )
    response = ask("get", "/soe", headers={"origin": "http://b.example"})
    assert response.headers["access-control-allow-origin"] == "http://b.example"
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "Origin" in response.headers["vary"]
    for headers in ({}, {"origin": "http://c.example"}):
        response = ask("get", "/soe", headers=headers)
        assert "access-control-allow-origin" not in response.headers
        assert "Origin" in response.headers["vary"]
    asked = {"origin": "http://c.example", "access-control-request-method": "POST"}
    assert "access-control-allow-origin" not in ask("options", "/soe", headers=asked).headers


def test_login_of_old_pages(ask: Ask) -> None:
    response = ask("post", "/api/login/Basic", content=b"anything")
    assert response.status == 200
    assert response.json["token"] == "1234567890"
    members = {"email", "firstname", "lastname", "roles", "token", "provider", "loginType", "loginTime"}
    assert set(response.json) == members
    age = datetime.now().astimezone() - datetime.fromisoformat(response.json["loginTime"])
    assert timedelta(0) <= age < timedelta(minutes=5)
    cookies = response.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["AuthCookie", "UserRecord"]
    assert all("Path=/" in cookie and "Max-Age=315360000" in cookie for cookie in cookies)
    assert ask("get", "/api/login/Basic").status == 405


@pytest.mark.parametrize("method", ["get", "post"])
def test_logging_out_removes_the_cookies_of_the_login(ask: Ask, method: str) -> None:
    response = ask(method, "/api/logout")
    assert (response.status, response.json) == (200, {})
    cookies = response.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == ["AuthCookie", "UserRecord"]
    assert all("Path=/" in cookie and "Max-Age=0" in cookie for cookie in cookies)
    assert ask("put", "/api/logout").headers.get("allow") == "GET, HEAD, OPTIONS, POST"


def test_redirects_are_relative(ask: Ask) -> None:
    def leads_to(path: str) -> tuple[int, str]:
        response = ask("get", path)
        return response.status, response.headers["location"]

    assert leads_to("/help") == (307, "docs")
    assert leads_to("/power/help/") == (307, "../docs")
    assert leads_to("/docs/") == (307, "../docs")
    assert leads_to("/power/redoc/") == (307, "../redoc")
    assert leads_to("/power") == (307, "power/")
    assert leads_to("/power?style=black") == (307, "power/?style=black")


def test_mqtt_status_has_no_login() -> None:
    ask = client_of(make_app("mqtt", {"MQTT_HOST": "broker.lan", "MQTT_USERNAME": "joe", "MQTT_PASSWORD": "hunter2"}))
    response = ask("get", "/api/mqtt/status")
    assert response.json["host"] == "broker.lan"
    assert response.json["enabled"] is True
    assert set(response.json) == {
        "enabled",
        "host",
        "port",
        "connected",
        "reason",
        "topic_prefix",
        "ha_discovery",
        "qos",
        "retain",
        "tls",
    }
    assert "joe" not in response.text
    assert "hunter2" not in response.text


def test_statistics_are_cleared_and_told_as_they_were() -> None:
    ask = client_of(make_app("clear"))
    for _ in range(3):
        ask("get", "/soe")
    ask("get", "/nope")
    before = ask("get", "/stats").json
    assert before["gets"] >= 4
    assert before["errors"] == 1
    assert before["uri"]["/soe"] == 3
    for method in ("get", "post"):
        told = ask(method, "/stats/clear")
        assert told.status == 200
        after = ask("get", "/stats").json
        assert after["gets"] < told.json["gets"] or method == "post"
        assert (after["errors"], after["uri"]) == (0, {})
        assert after["clear"] >= told.json["clear"] >= after["start"]
    assert before["clear"] == before["start"]


@pytest.mark.parametrize(
    ("path", "base", "found"),
    [
        ("/power/soe", "/power", "/soe"),
        ("/power", "/power", "/"),
        ("/power/", "/power", "/"),
        ("/powerful/soe", "/power", "/powerful/soe"),
        ("/soe", "/power", "/soe"),
        ("/power/soe", "", "/power/soe"),
        ("/a/b/soe", "/a/b", "/soe"),
        ("/a/soe", "/a/b", "/a/soe"),
    ],
)
def test_base_paths(path: str, base: str, found: str) -> None:
    assert without_base(path, base) == found
