"""``python -m benchmarks.screenshots``: every page in light and dark, phone and desktop, into ``docs/screenshots``."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize

from tests.pages.recorded import zone_name
from tests.pages.support import NOON_ZONE, SECRET, House, house, until
from tests.support.browser import chromium

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
COLOURS = 224  # flat colours: a palette makes the files less than half the size


def save(page: Page, name: str) -> None:
    """One small PNG."""
    picture = Image.open(io.BytesIO(page.screenshot(full_page="phone" not in name)))
    path = FOLDER / f"{name}.png"
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
    print(f"{path.relative_to(FOLDER.parents[1])}  {path.stat().st_size // 1024} kB", file=sys.stderr)


def look(browser: Browser, home: House, name: str, path: str, ready: str, theme: Theme, size: str) -> None:
    """Open a page, wait for its figures, keep what it looks like."""
    context = browser.new_context(
        viewport=SIZES[size], color_scheme=theme, timezone_id=zone_name(NOON_ZONE), locale="en-GB"
    )
    page = context.new_page()
    page.goto(f"{home.base}/{path}")
    until(page, ready)
    page.wait_for_timeout(1500)
    save(page, f"{name}-{theme}-{size}")
    context.close()


def main() -> None:
    """All of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with chromium() as browser, house("powerwall2", past_days=60, PW_CONTROL_SECRET=SECRET) as home:
        home.gateway.set_house(soe_percent=64.0)
        for name, (path, ready) in PAGES.items():
            for theme in THEMES:
                for size in SIZES:
                    look(browser, home, name, path, ready, theme, size)
        look(
            browser,
            home,
            "embedded",
            "example.html",
            "document.querySelector('#firmware').textContent !== '–'",
            "light",
            "desktop",
        )
        home.gateway.set_house(grid_outage=True, fixed_solar=1800.0, fixed_load=3200.0)
        until_off = "document.querySelector('.off-grid')"
        look(browser, home, "off-grid", "", until_off, "dark", "desktop")


if __name__ == "__main__":
    main()
