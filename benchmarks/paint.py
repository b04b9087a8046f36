"""When each page shows its first words, and its sentence about the house, on a processor that is slowed six times.

Each visit is one of a browser that has never been here: a context of its own, of a phone's size.
"""

from __future__ import annotations

import statistics

from playwright.sync_api import Browser

from benchmarks.table import Table
from tests.pages.support import House, house, until
from tests.support.browser import WHOLE, chromium

SLOWED = 6
PAGES = {"power flow": "", "console": "console", "history": "history", "server": "server", "houses": "houses"}
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
# A page may look only so often at its own words: this is the time of the frame in which they are there.
SENTENCE = """
const look = () => {
  if (document.querySelector("#notice")?.textContent) globalThis.sentenceAt = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def visit(browser: Browser, home: House, path: str) -> tuple[float, float]:
    """Return the milliseconds to the first paint, and to the sentence on top."""
    page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    page.add_init_script(SENTENCE)
    page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
    page.goto(f"{home.base}/{path}")
    found = float(until(page, PAINTED)), float(until(page, "globalThis.sentenceAt"))
    page.context.close()
    return found


def run(table: Table) -> None:
    """Visit all pages in turn, some times."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in PAGES}
    with house("powerwall3", PW_CACHE_EXPIRE="5") as home, chromium(program=WHOLE) as browser:
        home.server.wait_for_data()
        for _ in range(3 if table.quick else 11):
            for name, path in PAGES.items():
                found[name].append(visit(browser, home, path))
    for name, times in found.items():
        painted, said = (statistics.median(each) for each in zip(*times, strict=True))
        table.add("paint", f"{name}: first paint, slowed {SLOWED} times, median", painted, "ms", aim="<= 1000")
        table.add("paint", f"{name}: the sentence on top, slowed {SLOWED} times, median", said, "ms")
