"""What the page tests share: a browser, a simulated gateway of their own, a server to look at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Route, sync_playwright

from pwserver.history.answer import Histories
from tests.pages import recorded

ROOT = Path(__file__).parents[2]
CHROMIUM = os.environ.get("PW_TEST_CHROMIUM", "/usr/bin/chromium")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
# A handshake that is refused is logged by the browser itself; the page goes on by the next transport.
TOLERATED = ("/ws/aggregate", "/api/stream")


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, headless."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


class Simulator:
    """``python -m pwserver.simulator`` as a process of its own: can be stopped, broken and asked."""

    def __init__(self, scenario: str = "powerwall2", *options: str, port: int = 0) -> None:
        self.scenario, self.options, self.port = scenario, options, port

    def __enter__(self) -> Simulator:
        environment = {key: value for key, value in os.environ.items() if not key.endswith("_CA_BUNDLE")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pwserver.simulator", "--port", str(self.port), "--control-port", "0",
             "--scenario", self.scenario, *self.options],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
            text=True, start_new_session=True,
        )
        assert self.process.stdout is not None
        self.lines: list[str] = []
        for line in self.process.stdout:
            self.lines.append(line.strip())
            if line.strip() == "ready":
                break
        else:
            raise AssertionError(f"the simulator did not start: {self.lines}")
        told = " ".join(self.lines)
        self.address = told.split("https://", 1)[1].split()[0].rstrip("/,;")
        self.port = int(self.address.rsplit(":", 1)[1])
        self.password = told.split("password", 1)[1].split()[0].strip(":,;")
        self.door = "http://" + told.split("control: http://", 1)[1].split()[0].rstrip("/")
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()

    def tell(self, path: str, **body: Any) -> Any:
        """POST to the control door: ``house`` or ``fault``."""
        request = urllib.request.Request(f"{self.door}/{path}", json.dumps(body).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.loads(reply.read() or b"null")

    def environment(self, **more: str) -> dict[str, str]:
        """What makes a server poll this gateway, quickly."""
        return {"PW_HOST": self.address, "PW_GW_PWD": self.password, "PW_CACHE_EXPIRE": "1", **more}


def past_routes(context: BrowserContext, past: Histories) -> None:
    """Let the history's own code answer for a server that does not have these routes wired."""

    def handle(route: Route) -> None:
        found = recorded.answer(past, route.request.url, time.time())
        if found is None:
            route.continue_()
        else:
            route.fulfill(status=found.status, body=found.body, content_type=found.media_type)

    context.route("**/api/timeseries/**", handle)
    context.route("**/api/history?**", handle)


class Watched:
    """A page whose every mishap is noted: console errors, exceptions, requests that leave the machine."""

    def __init__(self, page: Page, base: str) -> None:
        self.page, self.base = page, base
        self.errors: list[str] = []
        self.foreign: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(f"{error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        where = message.location.get("url", "") if message.location else ""
        if not any(word in message.text + where for word in TOLERATED):
            self.errors.append(f"{message.type}: {message.text} ({where})")

    def _request(self, request: Request) -> None:
        url = request.url
        if not url.startswith((self.base, "data:", "blob:")):
            self.foreign.append(url)

    def open(self, path: str = "") -> Page:
        """Go to ``path`` below the base and wait for the first message."""
        self.page.goto(f"{self.base}/{path}")
        return self.page

    def check(self) -> None:
        """Nothing went wrong, nothing left the machine."""
        assert self.errors == []
        assert self.foreign == []


LIVE = "document.documentElement.dataset.transport && document.documentElement.dataset.transport !== 'none'"


def wait_live(page: Page, transport: str | None = None) -> None:
    """Until the page hears the server, by this transport if one is named."""
    page.wait_for_function(
        f"document.documentElement.dataset.transport === '{transport}'" if transport else LIVE, timeout=20_000
    )
