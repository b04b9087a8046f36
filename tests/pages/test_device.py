"""What a page asks of the device that shows it: to be installed, to open while the server is away, to stay lit."""

from __future__ import annotations

import json
import struct
import urllib.request

import pytest
from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import House, house, until
from tests.support.waiting import wait_until

WAKE_LOCK = """
globalThis.locks = [];
navigator.wakeLock.request = async () => {
  const lock = { released: false, release() { this.released = true; } };
  globalThis.locks.push(lock);
  return lock;
};
"""
HELD = "globalThis.locks.filter((one) => !one.released).length"
KEPT = """async () => {
  const found = [];
  for (const name of await caches.keys())
    for (const one of await (await caches.open(name)).keys()) found.push(new URL(one.url).pathname);
  return found;
}"""


def fetched(base: str, path: str) -> tuple[bytes, str]:
    with urllib.request.urlopen(f"{base}/{path}", timeout=30) as answer:
        return answer.read(), answer.headers["content-type"]


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_manifest_names_pages_and_icons_that_exist(house: House, language: str) -> None:
    name = "manifest.webmanifest" if language == "en" else f"manifest.{language}.webmanifest"
    for base in (house.base, f"{house.base}/power"):
        body, media_type = fetched(base, name)
        manifest = json.loads(body)
        assert media_type == "application/manifest+json" and manifest["lang"] == language
        for page in (manifest["start_url"], *(one["url"] for one in manifest["shortcuts"])):
            assert b'rel="manifest" href="manifest.webmanifest"' in fetched(base, page.removeprefix("./"))[0]
        sizes = set()
        for icon in manifest["icons"]:
            picture, kind = fetched(base, icon["src"])
            assert kind == icon["type"]
            if kind == "image/png":
                width, height = struct.unpack(">II", picture[16:24])
                assert icon["sizes"] == f"{width}x{height}"
                sizes.add((width, icon["purpose"]))
        assert {(192, "any"), (512, "any"), (512, "maskable")} <= sizes


def test_a_german_reader_installs_a_german_page(house: House, look: Look) -> None:
    """Its shortcuts are the words of the bar."""
    page = look(house, locale="de-DE").open("console")
    address = "document.querySelector('link[rel=manifest]').getAttribute('href')"
    until(page, f"{address} === 'manifest.de.webmanifest' && document.querySelector('h2')")
    shortcuts = [one["name"] for one in json.loads(fetched(house.base, page.evaluate(address))[0])["shortcuts"]]
    assert set(shortcuts) <= set(page.locator("nav a").all_text_contents())


def test_the_screen_stays_on_while_the_page_is_a_kiosk(house: House, look: Look) -> None:
    watched = look(house)
    watched.page.add_init_script(WAKE_LOCK)
    page = watched.open("console?kiosk=1")
    until(page, f"{HELD} === 1")
    page.keyboard.press("Escape")
    until(page, f"{HELD} === 0")
    page.click("#kiosk")
    until(page, f"{HELD} === 1 && globalThis.locks.length === 2")


def kept(page: Page) -> list[str]:
    return page.evaluate(KEPT)  # type: ignore[no-any-return]


def test_pages_open_while_the_server_is_away(look: Look) -> None:
    with house("powerwall3") as own:
        watched = look(own.base, check=False, fresh=True, service_workers="allow")
        page = watched.open("console")
        wait_until(lambda: {"/console"} < set(kept(page)), 30, "the console is not kept")
        wait_until(lambda: any(path.endswith("/js/console/console_page.js") for path in kept(page)), 30)
        assert not [path for path in kept(page) if path.startswith("/api")], "figures are kept"
        until(page, "navigator.serviceWorker.controller !== null")
        base = own.base
    page.goto(f"{base}/console?kiosk=0")
    until(page, "document.body.innerText.includes('Connection to the server lost')")
    assert page.title() == "Powerwall console"
