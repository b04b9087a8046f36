"""The recipes of docs/proxies.md, run as they stand there: with HTTPS, on an odd port, below a path, before a server
that only its own pages and one other origin may use."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urljoin

import pytest
import yaml

from tests.pages.conftest import Look
from tests.pages.proxies import NAME, PREFIX, PROXIES, Proxy, block, running, settings
from tests.pages.support import HOME_SHOWN, SECRET, House, until, wait_live
from tests.pages.support import house as make_house
from tests.support.server import Answer
from tests.support.waiting import wait_until

FILE = re.compile(r'(?:src|href)="((?:static|icons)/[^"]+|[a-z0-9-]+[.](?:ico|png|webmanifest))"')
ELSEWHERE = "https://evil.example"
CLIENT = "127.0.0.9"
MESSAGES = 3  # of a stream: more than a proxy would hand on before it holds the rest back


@pytest.fixture(scope="module")
def guarded() -> Iterator[House]:
    """A house whose server has the settings of the page, and restricts origins and names."""
    strict: dict[str, Any] = {
        "PW_CONTROL_SECRET": SECRET,
        "CORS_ORIGINS": '["https://grafana.example"]',
        "PW_HOST_CHECK": "yes",
    }
    with make_house("v1r", **(strict | settings())) as found:
        yield found


@pytest.fixture(scope="module", params=PROXIES)
def proxy(request: pytest.FixtureRequest, guarded: House, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with running(request.param, tmp_path_factory.mktemp(request.param), guarded.server.port) as found:
        yield found


def ask(proxy: Proxy, method: str, path: str, headers: dict[str, str], body: bytes = b"", source: str = "") -> Answer:
    """One request over the proxy, by the name and port that a browser would use."""
    connection = http.client.HTTPConnection(NAME, proxy.port)
    connection.sock = proxy.connect(source or "127.0.0.1")
    try:
        connection.request(method, PREFIX + path, body or None, {"Host": proxy.authority} | headers)
        return Answer.to_last_request(connection)
    finally:
        connection.close()


def write(proxy: Proxy, token: str = SECRET, source: str = "", **headers: str) -> int:
    """The status of a command in a dry run; names of ``headers`` have _ for -."""
    sent = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(proxy, "POST", "/control/reserve?dry_run", sent, b'{"value": 40}', source).status


def opened(proxy: Proxy, path: str, **headers: str) -> tuple[int, list[bytes]]:
    """Begin a stream: its status, and the first lines or frames that came while it was open."""
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {PREFIX}{path} HTTP/1.1", f"Host: {proxy.authority}"]
    if path.startswith("/ws"):
        lines += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with proxy.connect() as connection, connection.makefile("rb") as stream:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        status = int(stream.readline().split()[1])
        while stream.readline().strip():
            pass
        messages: list[bytes] = []
        while status in (HTTPStatus.OK, HTTPStatus.SWITCHING_PROTOCOLS) and len(messages) < MESSAGES:
            if path.startswith("/ws"):
                _, size = stream.read(2)
                size = int.from_bytes(stream.read(2), "big") if size == 126 else size
                messages.append(stream.read(size))
            elif (line := stream.readline()).startswith(b"data:"):
                messages.append(line.removeprefix(b"data:"))
        return status, messages


def test_pages(proxy: Proxy, look: Look) -> None:
    """By the WebSocket, then from the bare path by the stream; and a command."""
    page = look(f"{proxy.base}{PREFIX}", ignore_https_errors=True).open("", "socket")
    until(page, HOME_SHOWN)
    page.goto(f"{proxy.base}{PREFIX}?style=black&live=stream")
    assert page.url == f"{proxy.base}{PREFIX}/?style=black&live=stream", "the bare path leads to the page"
    wait_live(page, "stream")
    until(page, HOME_SHOWN)
    command = {"method": "POST", "headers": {"Authorization": f"Bearer {SECRET}", "Content-Type": "application/json"}}
    ask_for_it = "async given => (await fetch('control/reserve?dry_run', given)).status"
    command |= {"body": '{"value": 40}'}
    wait_until(lambda: page.evaluate(ask_for_it, command) == HTTPStatus.OK, 20, "the page may not command")


def test_pages_and_their_files_come_as_the_server_sends_them(proxy: Proxy, guarded: House) -> None:
    """So that another page works behind this proxy as it does behind that of test_proxy, where a reader follows it."""
    for page in ("/console", "/history", "/example.html"):
        files = FILE.findall(handed_on(proxy, guarded, page).decode())
        assert len(files) > 3
        for file in files:
            handed_on(proxy, guarded, f"/{file}")


def handed_on(proxy: Proxy, guarded: House, path: str) -> bytes:
    """What the proxy answers, which is what the server answers."""
    answer, sent = ask(proxy, "GET", path, {}), guarded.server.get(f"{PREFIX}{path}")
    assert (answer.status, answer.body) == (sent.status, sent.body) and answer.status == HTTPStatus.OK, path
    for name in ("content-type", "cache-control", "etag", "content-security-policy"):
        assert answer.headers.get(name) == sent.headers.get(name), (path, name)
    return answer.body


def test_commands_of_own_pages_only(proxy: Proxy) -> None:
    """Sec-Fetch-Site decides for new browsers with HTTPS; what is left without it is the origin."""
    wait_until(lambda: write(proxy) == HTTPStatus.OK, 30, "a program may command")
    assert write(proxy, Origin=proxy.base) == HTTPStatus.OK
    assert write(proxy, Origin="https://grafana.example") == HTTPStatus.OK
    for stranger in (ELSEWHERE, f"https://{NAME}", f"http://127.0.0.1:{proxy.port}"):
        assert write(proxy, Origin=stranger) == HTTPStatus.FORBIDDEN
        named = stranger.partition("//")[2]
        assert write(proxy, Origin=stranger, X_Forwarded_Host=named) == HTTPStatus.FORBIDDEN, "a client's own line"
    assert write(proxy, "guess", Origin=proxy.base) == HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize("path", ["/ws/site", "/ws/aggregate", "/api/stream?document=site"])
def test_streams_of_own_pages_only(proxy: Proxy, path: str) -> None:
    status, messages = opened(proxy, path, Origin=proxy.base)
    assert status in (HTTPStatus.OK, HTTPStatus.SWITCHING_PROTOCOLS)
    assert len(messages) == MESSAGES and all(json.loads(message) for message in messages if message.strip())
    assert opened(proxy, path, Origin=ELSEWHERE) == (HTTPStatus.FORBIDDEN, [])


def test_redirects_stay_below_the_path(proxy: Proxy) -> None:
    for path, place in {"": "/", "?a=b": "/?a=b", "/help": "/docs", "/help/": "/docs"}.items():
        answer = ask(proxy, "GET", path, {})
        assert answer.status in (301, 302, 307, 308), path
        where = urljoin(f"{proxy.base}{PREFIX}{path}", answer.headers["location"])
        assert where == f"{proxy.base}{PREFIX}{place}"
    for path in ("ful", "ful/soe"):
        assert "percentage" not in ask(proxy, "GET", path, {}).body.decode(), "/powerful is not ours"


def test_limits_see_the_client(proxy: Proxy, guarded: House) -> None:
    said = len(guarded.server.output())
    assert write(proxy, "guess", source=CLIENT) == HTTPStatus.UNAUTHORIZED
    wait_until(lambda: f"by {CLIENT}: refused, wrong token" in guarded.server.output()[said:], 20, "the log names it")


def test_labels_of_traefik() -> None:
    labels = yaml.safe_load(block("yaml"))["labels"]
    rule = labels["traefik.http.routers.power.rule"]
    assert rule == f"Host(`{NAME}`) && (Path(`{PREFIX}`) || PathPrefix(`{PREFIX}/`))"
    assert all(isinstance(value, str) for value in labels.values())
    assert labels["traefik.http.services.power.loadbalancer.server.port"] == "8675"
