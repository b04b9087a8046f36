"""Every page, in both themes and two sizes: nothing breaks, nothing leaves the machine, axe-core is content."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode

import pytest
from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import House, until, until_is, violations
from tests.pages.support import house as make_house

PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1440, "height": 900}
READY = {
    "": "document.querySelector('.node.home .value').textContent !== '–'",
    "console": "document.querySelectorAll('.card').length === 10 && document.querySelector('[data-card=trend] canvas')"
    " && document.querySelector('[data-card=daily-energy] rect.solar')",
    "history": "document.documentElement.dataset.shown && document.querySelector('#signals canvas')",
    "example.html": "document.querySelector('#firmware').textContent !== '–'",
}


@pytest.mark.parametrize("page_name", READY)
def test_page_is_sound_and_accessible(house: House, look: Look, page_name: str) -> None:
    """On a dark phone, then on a light desk."""
    page = look(house, viewport=PHONE, color_scheme="dark").open(page_name)
    until(page, READY[page_name])
    for theme, size in (("dark", PHONE), ("light", DESKTOP)):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        until_is(page, "document.documentElement?.dataset.theme", theme)
        until_is(page, "innerWidth", size["width"])
        until(page, READY[page_name])
        until(page, "document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert violations(page) == []


def in_both_themes(page: Page) -> list[str]:
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        until(page, f"document.documentElement?.dataset.theme === '{theme}'")
        found += violations(page)
    return found


def test_dialogs_are_accessible_and_enter_goes_on(house: House, look: Look) -> None:
    page = look(house).open("console")
    until(page, READY["console"])
    page.click("#settings")
    assert in_both_themes(page) == []
    page.keyboard.press("Escape")
    page.locator("[data-control=islanding]").get_by_role("button", name="Go off grid").click()
    assert in_both_themes(page) == []
    page.fill("#typed", "off grid")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token")
    assert in_both_themes(page) == []
    page.keyboard.press("Escape")
    until(page, "document.querySelector('dialog[open]') === null")


def test_trouble_is_accessible(look: Look) -> None:
    """Off the grid, and with figures that are old."""
    with make_house("powerwall2", PW_CACHE_TTL="60") as alone:
        page = look(alone).open("console")
        alone.gateway.set_house(grid_outage=True)
        until(page, "document.querySelector('.flow.off-grid')")
        assert in_both_themes(page) == []
        alone.gateway.fault("unplugged")
        until(page, "document.querySelector('.card.stale')")
        assert in_both_themes(page) == []
        page.goto(f"{alone.base}/")
        until(page, "document.querySelector('.flow.faded')")
        assert in_both_themes(page) == []


@pytest.mark.parametrize("icon", ["favicon.ico", "favicon-16x16.png", "favicon-32x32.png"])
def test_icons(house: House, icon: str) -> None:
    answer = house.server.get(f"/{icon}")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("image/")
    assert answer.body[:4] in (b"\x89PNG", b"\x00\x00\x01\x00")


@pytest.mark.parametrize("path", ["/", "/console", "/history", "/example.html"])
def test_pages_forbid_foreign_inline_scripts_and_set_the_old_cookies(house: House, path: str) -> None:
    answer = house.server.get(path)
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "default-src 'none'" in policy
    for inline in re.findall(rb"<script>(.*?)</script>", answer.body, re.DOTALL):
        assert f"'sha256-{b64encode(hashlib.sha256(inline).digest()).decode()}'" in policy
    assert "'unsafe-inline'" not in policy.partition("script-src")[2].partition(";")[0]
    assert b" onclick=" not in answer.body
    assert "x-frame-options" not in answer.headers
    assert "1234567890" in answer.headers["set-cookie"]


def test_a_slash_too_many_leads_to_the_page(house: House, look: Look) -> None:
    page = look(house).open("console/?kiosk=1")
    assert page.url == f"{house.base}/console?kiosk=1"
    page.wait_for_selector("[data-card=power-flow]")


def test_style_is_never_written_into_the_page_unchecked(house: House) -> None:
    body = house.server.get("/?style=%22%3E%3Cscript%3E").body
    assert b'data-style="clear"' in body and b'"><script>' not in body
