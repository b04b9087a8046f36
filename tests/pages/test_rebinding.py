"""A page on the Internet lets its own name point to this server (DNS rebinding): in a real browser, with a real name.

The page comes from one loopback address and stays in the browser's cache; then its name means another, the server's.
To the browser the page is now one of this server's own.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserType, Page

from tests.pages.support import SECRET, House
from tests.pages.support import house as make_house
from tests.support.browser import ARGUMENTS, PROGRAM
from tests.support.waiting import patient

NAME, OTHER_NAME = "rebound.attacker.example", "other.attacker.example"
TRAP = b"<!doctype html><title>trap</title><link rel=icon href='data:,'><p>trap</p>"
# What the page tries. Each answer is the status that it could read, or why it could not.
TRY = """async ([base, requests]) => {
  const ask = async ([target, options]) => {
    try { return (await fetch(base + target, options)).status } catch (problem) { return String(problem.name) }
  }
  const found = []
  for (const one of requests) found.push(await ask(one))
  return found
}"""
LISTEN = """([url]) => new Promise((done) => {
  const socket = new WebSocket(url)
  socket.onmessage = () => done('message')
  socket.onerror = () => done('error')
})"""
FORM = """() => {
  const form = document.body.appendChild(document.createElement('form'))
  form.method = 'POST'; form.action = '/control/reserve'
  form.append(Object.assign(document.createElement('input'), {name: 'value', value: '77'}))
  form.append(Object.assign(document.createElement('input'), {name: 'token', value: '%s'}))
  form.submit()
}"""
READS = [
    [target, {}] for target in ("/soe", "/json", "/api/site", "/", "/console", "/api/history?range=1h", "/openapi.json")
]
JSON = {"content-type": "application/json", "authorization": f"Bearer {SECRET}"}
# Even with the token, which such a page cannot know.
WRITES = [
    ["/control/reserve", {"method": "POST", "headers": JSON, "body": '{"value":77}'}],
    ["/control/reserve", {"method": "POST", "headers": JSON, "body": '{"value":77}', "referrerPolicy": "no-referrer"}],
    ["/control/reserve", {"method": "POST", "body": f"value=77&token={SECRET.replace(' ', '+')}",
                          "headers": {"content-type": "application/x-www-form-urlencoded"}}],
    ["/api/gateways/default/control/reserve", {"method": "POST", "headers": JSON, "body": '{"value":77}'}],
    ["/api/gateways/default/api/operation",
     {"method": "POST", "headers": JSON, "body": '{"backup_reserve_percent":77,"real_mode":"autonomous"}'}],
    ["/health/reset", {"method": "POST", "headers": JSON}],
    ["/control/reserve", {"method": "DELETE", "headers": JSON}],
    ["/control/max_backup", {"headers": JSON}],
    [f"/control/max_backup?token={SECRET.replace(' ', '+')}", {}],
]  # fmt: skip


@contextmanager
def attacker(port: int) -> Iterator[list[str]]:
    """Serve the trap at 127.0.0.2 and note the paths that are asked for."""
    asked: list[str] = []

    class Trap(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(TRAP)))
            self.send_header("Cache-Control", "public, max-age=86400, immutable")
            self.end_headers()
            self.wfile.write(TRAP)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.2", port), Trap)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def browsing(chromium: BrowserType, profile: Path, **addresses: str) -> Iterator[Page]:
    """Open a browser with this profile to which the names have these addresses."""
    rules = ", ".join(f"MAP {name.replace('_', '.')} {address}" for name, address in addresses.items())
    context = chromium.launch_persistent_context(
        profile, executable_path=PROGRAM, args=[*ARGUMENTS, f"--host-resolver-rules={rules}"]
    )
    context.set_default_timeout(patient(60) * 1000)
    try:
        yield context.pages[0]
    finally:
        context.close()


@contextmanager
def rebound(chromium: BrowserType, house: House, profile: Path) -> Iterator[Page]:
    """Open the trap by a name that has become this server's."""
    url = f"http://{NAME}:{house.server.port}/trap.html"
    with attacker(house.server.port) as asked:
        with browsing(chromium, profile, **{NAME: "127.0.0.2"}) as page:
            page.goto(url)
        assert asked == ["/trap.html"]
        with browsing(chromium, profile, **{NAME: "127.0.0.1", OTHER_NAME: "127.0.0.2"}) as page:
            page.goto(url)
            assert page.title() == "trap"  # from the cache: the server has no such page
            assert asked == ["/trap.html"]
            yield page


@pytest.fixture(scope="module", params=["*", '["https://grafana.example"]'], ids=["every origin", "listed origins"])
def attacked(request: pytest.FixtureRequest) -> Iterator[House]:
    with make_house("v1r", PW_CONTROL_SECRET=SECRET, CORS_ORIGINS=request.param) as found:
        yield found


def test_rebinding_gains_nothing(browser: Browser, attacked: House, tmp_path: Path) -> None:
    server, open_to_all = attacked.server, "*" in str(attacked.server.environment["CORS_ORIGINS"])
    with rebound(browser.browser_type, attacked, tmp_path) as page:
        stream = f"ws://{NAME}:{server.port}/ws/site"
        reads, streamed = page.evaluate(TRY, ["", READS]), page.evaluate(LISTEN, [stream])
        assert page.evaluate(TRY, ["", WRITES]) == [421] * len(WRITES)
        page.evaluate(FORM % SECRET)
        page.wait_for_url("**/control/reserve")
        page.wait_for_load_state()
        refusal = page.inner_text("body")
        assert "PW_ALLOWED_HOSTS" in refusal and NAME in refusal
        # A page of another name, which has rebound nothing, may read just as much.
        page.goto(f"http://{OTHER_NAME}:{server.port}/trap.html")
        base = f"http://127.0.0.1:{server.port}"
        reads_of_any = page.evaluate(TRY, [base, READS])
        streamed_of_any = page.evaluate(LISTEN, [f"ws://127.0.0.1:{server.port}/ws/site"])
    if open_to_all:
        assert reads == reads_of_any == [200] * len(READS)
        assert streamed == streamed_of_any == "message"
    else:
        assert reads == [421] * len(READS)
        assert streamed == streamed_of_any == "error"
        assert set(reads_of_any) == {"TypeError"}
    assert attacked.gateway.writes == []
    lines = [line for line in server.output().splitlines() if "PW_ALLOWED_HOSTS" in line]
    assert len(lines) == 1 and NAME in lines[0]
