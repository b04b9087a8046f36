"""What the power flow costs whoever looks at it: processor time of a whole browser, all its processes together.

The least any page can move is one small square. How much that costs depends on the machine: whether it has a graphics
card (here the browser is told that there is none), and what it costs to wake a thread sixty times a second.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from playwright.sync_api import Browser, Page

from benchmarks.table import Table
from tests.pages.support import House, house, move_one_square, processor_seconds, until
from tests.support.browser import WHOLE, chromium

SIZES = {
    "desktop": {"width": 1280, "height": 800},
    "odd": {"width": 1280, "height": 801},  # one where scaled dots once cost twice as much as at 1280 by 800
    "phone": {"width": 390, "height": 844},
}
SETTLE_SECONDS = 4.0  # a browser that has just started has other things to do
MOVING = "document.querySelectorAll('.dots.running').length >= 3 && performance.now() > 3000"
FIGURES = """
const look = () => {
  const value = document.querySelector(".node.home .value");
  if (value && value.textContent && value.textContent !== "–") globalThis.figures = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
STAND = "document.getAnimations().forEach((one) => one.pause())"


@dataclass(frozen=True)
class View:
    """Something to look at: the square, or the power flow, moving or standing."""

    name: str
    size: str
    square: bool = False
    standing: bool = False

    def open(self, browser: Browser, home: House) -> Page:
        """The page, as it will stay."""
        page = browser.new_context(viewport=SIZES[self.size]).new_page()  # type: ignore[arg-type]
        if self.square:
            move_one_square(page)
            return page
        page.goto(f"{home.base}/")
        until(page, MOVING)
        if self.standing:
            page.evaluate(STAND)
        return page


VIEWS = (
    View("one moving square", "desktop", square=True),
    View("power flow, standing", "desktop", standing=True),
    View("power flow, desktop", "desktop"),
    View("power flow, desktop of an odd height", "odd"),
    View("power flow, phone", "phone"),
)


def share(view: View, home: House, seconds: float) -> float:
    """Percent of a core, in a browser of its own."""
    with chromium(program=WHOLE) as browser:
        page = view.open(browser, home)
        page.wait_for_timeout(SETTLE_SECONDS * 1000)
        devtools = browser.new_browser_cdp_session()
        before = processor_seconds(devtools)
        page.wait_for_timeout(seconds * 1000)
        return (processor_seconds(devtools) - before) / seconds * 100


def first_figures_ms(browser: Browser, home: House) -> float:
    """Return the milliseconds from opening the power flow in a fresh context to its first figure."""
    page = browser.new_context(viewport=SIZES["desktop"]).new_page()  # type: ignore[arg-type]
    page.add_init_script(FIGURES)
    page.goto(f"{home.base}/")
    found = float(until(page, "globalThis.figures"))
    page.context.close()
    return found


def main_thread_share(browser: Browser, home: House, seconds: float) -> float:
    """Return the percent of a core that the main thread of the moving power flow takes."""
    page = browser.new_context(viewport=SIZES["desktop"]).new_page()  # type: ignore[arg-type]
    page.goto(f"{home.base}/")
    until(page, MOVING)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def figures() -> dict[str, float]:
        return {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}

    before = figures()
    page.wait_for_timeout(seconds * 1000)
    after = figures()
    page.context.close()
    return (after["TaskDuration"] - before["TaskDuration"]) / (after["Timestamp"] - before["Timestamp"]) * 100


def run(table: Table) -> None:
    """Interleaved rounds, medians."""
    rounds, seconds = (1, 5.0) if table.quick else (3, 20.0)
    with house("powerwall2", PW_CACHE_EXPIRE="5") as home:
        home.gateway.set_house(fixed_solar=6000.0, fixed_load=1500.0, soe_percent=60.0)
        until_moving(home)
        with chromium(program=WHOLE) as browser:
            loads = [first_figures_ms(browser, home) for _ in range(3 if table.quick else 15)]
            thread = main_thread_share(browser, home, seconds)
        found: dict[str, list[float]] = {view.name: [] for view in VIEWS}
        for _ in range(rounds):
            for view in VIEWS:
                found[view.name].append(share(view, home, seconds))
    table.add("pages", "power flow: first figures after, median", statistics.median(loads), "ms", aim="<= 500")
    table.add("pages", "power flow: the page's main thread, of a core", thread, "%", aim="<= 5")
    least = statistics.median(found[VIEWS[0].name])
    for view in VIEWS:
        value = statistics.median(found[view.name])
        table.add(
            "pages",
            f"{view.name}: a whole browser, of a core",
            value,
            "%",
            None if view.square else value / least,
            "" if view.square else "one square",
        )


def until_moving(home: House) -> None:
    """Sun, house and battery all have power."""
    with chromium(program=WHOLE) as browser:
        page = browser.new_page()
        page.goto(f"{home.base}/")
        until(page, MOVING, 30)
