"""/docs and /redoc in a real browser that has no network: they draw, complain of nothing, and ask nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from pwserver.web.assets import Assets
from tests.pages.support import thin_description
from tests.support.browser import chromium
from tests.support.server import Server

NOWHERE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
VENDOR = Path(__file__).parents[2] / "static" / "vendor"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium(NOWHERE) as found:
        yield found


class Visit:
    """A page, and everything that it asked for or complained of."""

    def __init__(self, browser: Browser, server: Server, path: str, *, thin: bool = False) -> None:
        self.page: Page = browser.new_page()
        if thin:
            thin_description(self.page)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("requestfailed", lambda request: self.complaints.append(f"failed: {request.url}"))
        self.page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.base = f"http://127.0.0.1:{server.port}"
        self.page.goto(self.base + path)

    def check(self, below: str) -> None:
        """Nothing was asked of anybody else, nor outside of ``below``; nothing went wrong."""
        assert self.complaints == []
        network = [url for url in self.asked if not url.startswith(("data:", "blob:"))]
        assert [url for url in network if not url.startswith(f"{self.base}{below}/")] == []
        assert any(url.endswith("/openapi.json") for url in network)
        self.page.close()


@pytest.mark.parametrize("prefix", ["", "/power"])
def test_swagger_ui(browser: Browser, server: Server, prefix: str) -> None:
    # What the prefix may change does not depend on how much there is to draw.
    visit = Visit(browser, server, f"{prefix}/docs", thin=prefix != "")
    page = visit.page
    page.click("#operations-tag-core", timeout=90_000)
    page.wait_for_selector("#operations-core-get_soe", timeout=60_000)
    assert page.locator(".opblock-tag-section").count() >= 8
    page.click("#operations-core-get_soe .opblock-summary-control")
    page.wait_for_selector("#operations-core-get_soe .responses-table", timeout=60_000)
    page.click("#operations-core-get_soe .try-out__btn")
    page.click("#operations-core-get_soe .execute")
    page.wait_for_selector("#operations-core-get_soe .live-responses-table", timeout=60_000)
    answered = page.inner_text("#operations-core-get_soe .live-responses-table")
    assert "percentage" in answered
    assert f"{visit.base}{prefix}/soe" in page.inner_text("#operations-core-get_soe .responses-wrapper")
    visit.check(prefix)


@pytest.mark.parametrize("prefix", ["", "/power"])
def test_redoc(browser: Browser, server: Server, prefix: str) -> None:
    visit = Visit(browser, server, f"{prefix}/redoc", thin=prefix != "")
    page = visit.page
    page.wait_for_selector("h2:has-text('State of energy, raw scale')", timeout=90_000)
    assert page.locator("[data-section-id]").count() > (6 if prefix else 150)
    visit.check(prefix)


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_pages_run_under_a_strict_policy(server: Server, path: str) -> None:
    answer = server.get(path)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    text = answer.body.decode()
    assert "http://" not in text
    assert "https://" not in text
    assert 'src="/' not in text
    assert 'href="/' not in text
    assert "<script>" not in text


def test_vendored_files_come_with_their_licences_and_load_nothing_from_elsewhere() -> None:
    for name in ("swagger-ui", "redoc"):
        assert "Permission" in (VENDOR / name / "LICENSE").read_text() or name == "swagger-ui"
    for name, asset in Assets().files.items():
        if name.startswith("vendor/") and name.endswith((".css", ".js")):
            for host in (b"fonts.googleapis.com", b"cdn.redoc.ly", b"@import url(http"):
                assert host not in asset.body, name
