"""``python -m benchmarks.screenshots``: every page in light and dark, phone and desktop, into ``docs/screenshots``.

They show the demo, with its past of a year, where it is about noon now.
"""

from __future__ import annotations

import io
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from pwserver.demo.houses import HOUSES
from tests.pages.recorded import zone_name
from tests.pages.support import NOON_ZONE, SECRET, house, until
from tests.support.browser import chromium
from tests.support.server import Server
from tests.support.waiting import wait_until

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
SIZES: dict[str, ViewportSize] = {
    "desktop": {"width": 1280, "height": 800},
    "phone": {"width": 390, "height": 844},
}
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
FIGURES = "document.querySelector('.node.home.active .value')"
PAGES = {
    "power-flow": ("", FIGURES),
    "console": ("console", f"{FIGURES} && document.querySelector('[data-card=trend] canvas')"),
    "history": (
        "history?range=7d",
        "document.documentElement.dataset.shown && document.querySelector('#signals canvas')",
    ),
}
ZONE = zone_name(NOON_ZONE)
COLOURS = 224  # flat colours: a palette makes the files less than half the size


def save(page: Page, name: str) -> None:
    """One small PNG."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page="phone" not in name)))
    path = FOLDER / f"{name}.png"
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(FOLDER.parents[1])}  {path.stat().st_size // 1024} kB", file=sys.stderr)


def look(browser: Browser, server: Server, name: str, path: str, ready: str, theme: Theme, size: str) -> None:
    """Open a page, wait for its figures, keep what it looks like."""
    context = browser.new_context(viewport=SIZES[size], color_scheme=theme, timezone_id=ZONE, locale="en-GB")
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{server.port}/{path}")
    until(page, ready)
    page.wait_for_timeout(1500)
    save(page, f"{name}-{theme}-{size}")
    context.close()


@contextmanager
def demo(scenario: str, houses: Iterable[str]) -> Iterator[Server]:
    """A demo where it is about noon, once these houses have their past."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {"PW_TIMEZONE": ZONE, "PW_CONTROL_SECRET": SECRET, "PW_HISTORY_PATH": folder}
        with Server([f"--demo={scenario}"], settings, aged=True) as server:
            for one in houses:
                wait_until(partial(has_its_past, server, one), 240, f"the past of {one}")
            yield server


def has_its_past(server: Server, gateway: str) -> bool:
    """Return whether the past of a house has been written, which its checks of the last seven days show."""
    days = server.json(f"/api/checks/{gateway}")["days"]
    return days is not None and days >= 7.0


def main() -> None:
    """All of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser:
        with demo("default", ["default"]) as server:
            for name, (path, ready) in PAGES.items():
                for theme in THEMES:
                    for size in SIZES:
                        look(browser, server, name, path, ready, theme, size)
            firmware = "document.querySelector('#firmware').textContent !== '–'"
            look(browser, server, "embedded", "example.html", firmware, "light", "desktop")
        heard = [one.id for one in HOUSES if one.scenario is not None and not one.wrong_password]
        with demo("houses", heard) as server:
            rows = "document.querySelectorAll('tbody tr').length >= 12"
            look(browser, server, "houses", "houses", rows, "light", "desktop")
        with house("powerwall2", PW_CONTROL_SECRET=SECRET) as home:
            home.gateway.set_house(soe_percent=64.0, grid_outage=True, fixed_solar=1800.0, fixed_load=3200.0)
            look(browser, home.server, "off-grid", "", "document.querySelector('.off-grid')", "dark", "desktop")


if __name__ == "__main__":
    main()
