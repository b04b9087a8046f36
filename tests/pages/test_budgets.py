"""What the pages may cost: bytes, movement of the layout, layers that move. Times are `make bench ARGS=pages`."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from playwright.sync_api import CDPSession, Error, Route

from tests.pages.conftest import Look
from tests.pages.support import MOVING, House, until
from tests.support.waiting import wait_until

FIRST_PAGE_BYTES = 100 * 1024
MOVING_LAYERS = 4
FRAMES = 240  # four seconds of a fast machine
MOVING_AREA_SHARE = 0.03
RUNNING = "document.querySelectorAll('.dots.running').length"
# How far the layout has moved, and what did so: a failure names it.
SHIFTS = """
globalThis.shift = 0; globalThis.moved = []; globalThis.figures = null;
const named = ({ node, previousRect, currentRect }) => {
  const element = node?.nodeType === Node.TEXT_NODE ? node.parentElement : node;
  const rounded = ({ x, y, width, height }) => [x, y, width, height].map(Math.round);
  const where = element?.closest("[id]")?.id;
  return `${element?.outerHTML.slice(0, 200)} in #${where}: ${rounded(previousRect)} -> ${rounded(currentRect)}`;
};
// Everything below it is moved by a notice that something is wrong. On a slow machine it comes and goes: no fault here.
let inTrouble = false, noticed = false;
new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (!target.matches(".notice") || target.matches(".warn, .bad") === inTrouble) continue;
    inTrouble = !inTrouble;
    noticed = true;
  }
}).observe(document, { subtree: true, attributeFilter: ["class"] });
const byNotice = ({ node }) =>
  node?.nodeName === "MAIN" || Boolean((node?.closest ? node : node?.parentElement)?.closest(".notice"));
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) {
    if (noticed && one.sources.some(byNotice)) {
      noticed = false;
      continue;
    }
    globalThis.shift += one.value;
    globalThis.moved.push(...one.sources.map(named));
  }
}).observe({ type: "layout-shift", buffered: true });
const look = () => {
  const value = document.querySelector(".node.home .value");
  if (value && value.textContent && value.textContent !== "–") globalThis.figures = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


@pytest.fixture(name="look")
def _look(look: Look) -> Look:
    """What most readers see: the dots run."""
    return partial(look, **MOVING)


def test_first_page_is_small_loads_no_chart_library_and_does_not_move(house: House, look: Look) -> None:
    watched = look(house, fresh=True)
    watched.page.add_init_script(SHIFTS)
    sizes: dict[str, int] = {}
    devtools = watched.page.context.new_cdp_session(watched.page)
    devtools.send("Network.enable")
    urls: dict[str, str] = {}
    devtools.on("Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]}))
    devtools.on("Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]}))
    page = watched.open("")
    until(page, "globalThis.figures && performance.now() > globalThis.figures + 1000")
    assert page.evaluate("globalThis.shift") == 0, page.evaluate("globalThis.moved")
    assert not any("uplot" in url.lower() for url in urls.values())
    assert 5_000 < sum(sizes.values()) <= FIRST_PAGE_BYTES, {urls.get(one): size for one, size in sizes.items()}


def test_nothing_moves_when_figures_become_longer(house: House, look: Look) -> None:
    """The age of a reading that is late has a digit more, then another unit; so have the other figures."""
    page = look(house).page
    changed = {"read_at": 2.0, "reserve_percent": 5, "hours_left": 9.0}

    def with_other_figures(route: Route) -> None:
        message = route.fetch().json()
        message["gateways"][0] |= changed | {"read_at": message["time"] - changed["read_at"]}
        route.fulfill(json=message)

    page.route("**/api/site", with_other_figures)
    page.add_init_script(SHIFTS)
    page.goto(f"{house.base}/?live=poll")
    shown = "document.querySelector('.facts').innerText.replaceAll('\\u202f', ' ')"
    until(page, f"{shown}.includes('Reserve 5 %') && /Read \\d s ago/.test({shown})")
    for seconds, percent in ((65.0, 100), (40_000.0, 5)):
        changed |= {"read_at": seconds, "reserve_percent": percent, "hours_left": seconds / 100}
        until(page, f"{shown}.includes('Reserve {percent} %') && /Read \\d+ (min|h)/.test({shown})")
    page.evaluate("new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)))")
    assert page.evaluate("globalThis.shift") == 0, page.evaluate("globalThis.moved")


def test_console_and_history_barely_move(house: House, look: Look) -> None:
    for path, ready in (
        ("console", "document.querySelector('[data-card=trend] canvas')"),
        ("history", "document.documentElement.dataset.shown"),
    ):
        watched = look(house, fresh=True, viewport={"width": 1440, "height": 900})
        watched.page.add_init_script(SHIFTS)
        page = watched.open(path)
        until(page, ready)
        moved = page.evaluate("globalThis.moved")
        assert page.evaluate("globalThis.shift") < 0.1, (path, moved)  # what Core Web Vitals call good


def test_what_moves_is_little_on_layers_of_its_own_and_lays_out_no_frame(house: House, look: Look) -> None:
    """The dots run on the compositor: the page lays itself out for messages, a few a second, not for frames."""
    page = look(house).open("")
    until(page, f"{RUNNING} >= 2 && performance.now() > 3000")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Performance.enable")

    def figures() -> dict[str, float]:
        return {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}

    page.evaluate(
        "globalThis.frames = 0; const count = () => { globalThis.frames++; requestAnimationFrame(count); }; count()"
    )
    before = figures()
    until(page, f"globalThis.frames >= {FRAMES}", 60)
    passed = {name: value - before[name] for name, value in figures().items()}
    # Where a frame takes long there are more messages to so many frames; one layout a frame is too many everywhere.
    assert passed["LayoutCount"] <= min(0.8 * FRAMES, max(FRAMES / 4, 6 * passed["Timestamp"])), passed

    trees: list[list[dict[str, Any]]] = []
    devtools.on("LayerTree.layerTreeDidChange", lambda event: trees.append(event.get("layers", [])))
    devtools.send("DOM.enable")
    devtools.send("LayerTree.enable")

    def one_each() -> list[dict[str, Any]]:
        """The layers that move, once they are as many as what moves."""
        page.evaluate("0")  # lets events come in
        moving = [one for one in (trees or [[]])[-1] if "ActiveTransformAnimation" in reasons(devtools, one)]
        return moving if len(moving) == page.evaluate(RUNNING) else []

    layers = wait_until(one_each, 10, "every moving belt has a layer of its own")
    assert len(layers) <= MOVING_LAYERS
    assert sum(one["width"] * one["height"] for one in layers) <= MOVING_AREA_SHARE * 1280 * 800


def reasons(devtools: CDPSession, layer: dict[str, Any]) -> list[str]:
    """Why a layer is one; nothing for a layer that has gone since it was told of."""
    try:
        told = devtools.send("LayerTree.compositingReasons", {"layerId": layer["layerId"]})
    except Error as error:
        if "No layer matching given id" not in str(error):
            raise
        return []
    return list(told["compositingReasonIds"])
