"""What the first page may cost: bytes, time to the first figure, movement of the layout, work while it animates."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Browser, CDPSession, Page

from tests.pages.conftest import Look
from tests.pages.support import House, move_one_square, processor_seconds, until
from tests.support.waiting import wait_until

FIRST_PAGE_BYTES = 100 * 1024
FIRST_FIGURES_MS = 500
MAIN_THREAD_SHARE = 0.05
TIMES_ONE_SQUARE = 2.0
MOVING_LAYERS = 4
AN_ODD_SIZE = {"width": 1280, "height": 801}  # one where scaled dots once cost twice as much as at 1280 by 800
MOVING_AREA_SHARE = 0.03
RUNNING = "document.querySelectorAll('.dots.running').length"
SHIFTS = """
globalThis.shift = 0; globalThis.figures = null;
new PerformanceObserver((list) => { for (const one of list.getEntries()) globalThis.shift += one.value; })
  .observe({ type: "layout-shift", buffered: true });
const look = () => {
  const value = document.querySelector(".node.home .value");
  if (value && value.textContent && value.textContent !== "–") globalThis.figures = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def test_first_page_is_small_and_loads_no_chart_library(house: House, look: Look) -> None:
    watched = look(house.base)
    sizes: dict[str, int] = {}
    devtools = watched.page.context.new_cdp_session(watched.page)
    devtools.send("Network.enable")
    urls: dict[str, str] = {}
    devtools.on("Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]}))
    devtools.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page = watched.open("")
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    assert not any("uplot" in url.lower() for url in urls.values())
    assert 5_000 < sum(sizes.values()) <= FIRST_PAGE_BYTES, {urls.get(one): size for one, size in sizes.items()}


def test_first_figures_come_at_once_and_nothing_moves(house: House, look: Look) -> None:
    fastest = 1e9
    for _ in range(8):  # the best counts: the machine is shared, the page is not
        watched = look(house.base)
        watched.page.add_init_script(SHIFTS)
        page = watched.open("")
        until(page, "globalThis.figures")
        fastest = min(fastest, page.evaluate("globalThis.figures"))
        until(page, "performance.now() > globalThis.figures + 1000")
        assert page.evaluate("globalThis.shift") == 0
        if fastest <= FIRST_FIGURES_MS:
            break
    assert fastest <= FIRST_FIGURES_MS


def test_console_and_history_barely_move(house: House, look: Look) -> None:
    for path, ready in (
        ("console", "document.querySelector('[data-card=trend] canvas')"),
        ("history", "document.documentElement.dataset.shown"),
    ):
        watched = look(house.base, viewport={"width": 1440, "height": 900})
        watched.page.add_init_script(SHIFTS)
        page = watched.open(path)
        until(page, ready)
        assert page.evaluate("globalThis.shift") < 0.1, path  # what Core Web Vitals call good


def test_animation_leaves_the_main_thread_alone(house: House, look: Look) -> None:
    """The dots run on the compositor: the page's thread only handles one message a second, and lays out no frame."""
    page = look(house.base).open("")
    until(page, f"{RUNNING} > 0")
    until(page, "performance.now() > 3000")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def figures() -> dict[str, float]:
        return {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}

    before = figures()
    page.wait_for_timeout(4000)
    after = figures()
    seconds = after["Timestamp"] - before["Timestamp"]
    assert (after["TaskDuration"] - before["TaskDuration"]) / seconds <= MAIN_THREAD_SHARE
    assert (after["LayoutCount"] - before["LayoutCount"]) / seconds <= 6


def test_animation_costs_hardly_more_than_one_moving_square(house: House, look: Look, browser: Browser) -> None:
    """The whole browser, all processes. What sixty frames a second cost depends on the machine, and without a graphics
    card on the area between what moves; the least that any page can move is one square."""
    devtools = browser.new_browser_cdp_session()
    least = 1e9
    for _ in range(4):  # the best counts: the machine is shared, the page is not
        square = look("about:blank", check=False).page
        move_one_square(square)
        reference = drawing_share(square, devtools)
        square.close()
        page = look(house.base, viewport=AN_ODD_SIZE).open("")
        until(page, f"{RUNNING} >= 2 && performance.now() > 3000")
        least = min(least, drawing_share(page, devtools) / reference)
        page.close()
        if least <= TIMES_ONE_SQUARE:
            break
    assert least <= TIMES_ONE_SQUARE


def drawing_share(page: Page, devtools: CDPSession) -> float:
    """How much of a core the whole browser takes for three seconds."""
    page.bring_to_front()
    before = processor_seconds(devtools)
    page.wait_for_timeout(3000)
    share = (processor_seconds(devtools) - before) / 3.0
    assert share > 0.001, "nothing is drawn"
    return share


def test_what_moves_is_little_and_on_layers_of_its_own(house: House, look: Look) -> None:
    watched = look(house.base)
    page = watched.open("")
    until(page, f"{RUNNING} >= 2")
    devtools = page.context.new_cdp_session(page)
    trees: list[list[dict[str, Any]]] = []
    devtools.on("LayerTree.layerTreeDidChange", lambda event: trees.append(event.get("layers", [])))
    devtools.send("DOM.enable")
    devtools.send("LayerTree.enable")

    def moving() -> list[dict[str, Any]]:
        page.evaluate("0")  # lets events come in
        return [one for one in (trees or [[]])[-1] if "ActiveTransformAnimation" in reasons(devtools, one)]

    running = page.evaluate(RUNNING)
    wait_until(lambda: len(moving()) == running, 10, "not every moving belt has a layer of its own")
    layers = moving()
    assert len(layers) <= MOVING_LAYERS
    assert sum(one["width"] * one["height"] for one in layers) <= MOVING_AREA_SHARE * 1280 * 800


def reasons(devtools: CDPSession, layer: dict[str, Any]) -> list[str]:
    return list(devtools.send("LayerTree.compositingReasons", {"layerId": layer["layerId"]})["compositingReasonIds"])
