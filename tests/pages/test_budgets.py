"""What the first page may cost: bytes, time to the first figure, movement of the layout, work while it animates."""

from __future__ import annotations

from tests.pages.conftest import Look
from tests.pages.support import House, until

FIRST_PAGE_BYTES = 100 * 1024
FIRST_FIGURES_MS = 500
MAIN_THREAD_SHARE = 0.05
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
    until(page, "[...document.querySelectorAll('.dots.running')].length > 0")
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
