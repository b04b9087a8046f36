"""The history page: ranges, zoom and pan, dates, charts of signals, table, CSV; the address says what is shown."""

from __future__ import annotations

import csv
import datetime
import io
import json
import time
from functools import partial
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, Route

from pwserver.history.days import day_start
from tests.pages.conftest import Look
from tests.pages.support import House, until, until_is
from tests.pages.support import house as make_house
from tests.support.waiting import wait_until

RANGES = ["1h", "6h", "1d", "7d", "30d", "90d", "1y", "all"]
# Six charts less, which most tests do not look at and every new range draws anew.
NO_SIGNALS = "hide=temperature,fan_speed,unit,string_power,string_voltage,string_current"
DRAWN = "document.documentElement.dataset.shown"


def query(page: Page) -> dict[str, str]:
    # What Playwright knows of the address may be a moment old.
    return {name: values[0] for name, values in parse_qs(urlsplit(page.evaluate("location.href")).query).items()}


def chosen(page: Page) -> dict[str, str]:
    """What the address says but for the lines and charts that are hidden."""
    return {name: value for name, value in query(page).items() if name != "hide"}


def again(page: Page, action: object) -> None:
    """Do something and wait until the charts are drawn anew."""
    before = page.evaluate(f"Number({DRAWN} ?? 0)")
    action()  # type: ignore[operator]
    until(page, f"Number({DRAWN} ?? 0) > {before}")


def step_to(page: Page, asked: str) -> None:
    """Have the page shown with another query as the browser's Back does it, which costs half of opening it anew."""
    step = "(there) => { history.replaceState(null, '', there); dispatchEvent(new PopStateEvent('popstate')); }"
    again(page, lambda: page.evaluate(step, f"?{asked}"))


def test_every_range_by_button_and_by_address(house: House, look: Look) -> None:
    page = look(house.base).open("history")
    until(page, DRAWN)
    for name in RANGES:
        again(page, lambda name=name: page.click(f"[data-range='{name}']"))
        assert query(page)["range"] == name
        assert page.get_attribute(f"[data-range='{name}']", "aria-pressed") == "true"
        assert page.query_selector("#power canvas"), name
    until_is(page, "document.querySelector('#energy-title').textContent", "Energy per month")
    until(page, "document.querySelector('#title').innerText.startsWith('Everything')")
    page.goto(f"{house.base}/history?range=7d")
    until(page, DRAWN)
    assert page.get_attribute("[data-range='7d']", "aria-pressed") == "true"
    assert 8 <= page.evaluate("document.querySelectorAll('#table tbody tr').length") <= 9
    assert page.evaluate("document.querySelectorAll('#energy rect.solar').length") >= 7


def test_zoom_pan_and_back(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?range=7d&{NO_SIGNALS}")
    until(page, f"{DRAWN} && document.querySelector('#power .u-over')")
    page.locator("#power").evaluate("(room) => room.scrollIntoView({ block: 'center' })")
    box = page.locator("#power .u-over").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60, steps=4)
    again(page, page.mouse.up)
    zoomed = query(page)
    length = int(zoomed["to"]) - int(zoomed["from"])
    assert length == pytest.approx(7 * 86400 * 0.3, rel=0.05)
    again(page, lambda: page.click("#back"))
    assert int(query(page)["from"]) == pytest.approx(int(zoomed["from"]) - length, abs=5)
    again(page, lambda: page.click("#forward"))
    again(page, lambda: page.click("#out"))
    assert int(query(page)["to"]) - int(query(page)["from"]) == pytest.approx(2 * length, rel=0.02)
    page.focus("#power")
    again(page, lambda: page.keyboard.press("+"))
    again(page, lambda: page.keyboard.press("PageUp"))
    page.reload()
    until(page, DRAWN)
    assert int(query(page)["to"]) - int(query(page)["from"]) == pytest.approx(length, rel=0.02)


def test_dates_and_a_day_of_the_bars(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?range=30d&{NO_SIGNALS}")
    until(page, DRAWN)
    day = time.strftime("%Y-%m-%d", time.localtime(time.time() - 20 * 86400))
    again(page, lambda: page.fill("#from", day))
    assert "range" not in query(page) and page.input_value("#from") == day
    shown = page.inner_text("#title")
    again(page, lambda: page.locator("#energy .hit").nth(3).click())
    opened = time.strftime("%Y-%m-%d", time.localtime(time.time() - 17 * 86400))
    assert chosen(page) == {"range": "day", "date": opened}
    # One day is one day: in the fields of the dates, in the bars and the table, in the sums.
    assert page.input_value("#from") == page.input_value("#to") == opened
    assert page.inner_text("#energy-title") == "Energy per hour"
    assert page.locator("#table tbody tr").count() == page.locator("#energy .hit").count() == 24
    assert page.inner_text("#totals-title") == f"Energy: {page.inner_text('#title')}"
    again(page, page.go_back)
    assert page.inner_text("#title") == shown, "the browser's Back does not lead back"
    # The same by keyboard.
    page.focus("#energy")
    for key in ("Home", "ArrowRight", "ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    assert page.inner_text("#energy-spoken").startswith(page.inner_text("#table tbody tr:nth-last-child(4) time"))
    again(page, lambda: page.keyboard.press("Enter"))
    assert chosen(page) == {"range": "day", "date": opened}


# Both days of a year that is over on which clocks change, and the days around them.
CHANGES = {
    "America/New_York": ["2024-03-10", "2024-11-03"],
    "Australia/Lord_Howe": ["2024-04-07", "2024-10-06"],  # half an hour
    "Africa/Cairo": ["2024-04-26", "2024-10-31"],  # a day without midnight, a day that ends twice
    "America/Santiago": ["2024-04-06", "2024-09-08"],
    "Asia/Beirut": ["2024-03-31", "2024-10-26"],
    "America/Havana": ["2024-03-10", "2024-11-03"],
    "Asia/Kathmandu": ["2024-06-01"],
    "Pacific/Auckland": ["2024-04-07", "2024-09-29"],
}


def test_days_begin_and_end_where_the_history_has_them(house: House, look: Look) -> None:
    """In the zone of the house, wherever the browser is, and in that of the browser where none is known."""
    page = look(house.base, timezone_id="America/Santiago").open(f"history?{NO_SIGNALS}")
    until(page, DRAWN)
    page.evaluate(
        "import(new URL('js/core/local_days.js', document.querySelector('script[type=module][src]').src"
        ".replace(/js\\/.*/, ''))).then((found) => { window.dataModule = found; })"
    )
    for zone, days in {**CHANGES, "": CHANGES["America/Santiago"], "No/Such": CHANGES["America/Santiago"]}.items():
        page.evaluate(f"dataModule.useZone('{zone}')")
        where = ZoneInfo(zone if zone in CHANGES else "America/Santiago")
        for text in days:
            middle = datetime.date.fromisoformat(text)
            for day in (middle - datetime.timedelta(days=1), middle, middle + datetime.timedelta(days=1)):
                name = day.isoformat()
                start, end = page.evaluate(f"[dataModule.dayStart('{name}'), dataModule.dayEnd('{name}')]")
                wanted = (day_start(day, where), day_start(day + datetime.timedelta(days=1), where))
                assert (start, end) == wanted, (zone, name)
                assert page.evaluate(f"[dataModule.isoDay({start}), dataModule.isoDay({end} - 1)]") == [name, name]


def test_signals_units_and_gaps(house: House, look: Look) -> None:
    page = look(house.base).open("history?range=6h")
    until(page, f"{DRAWN} && document.querySelectorAll('#signals canvas').length >= 2")
    titles = page.evaluate("[...document.querySelectorAll('#signals h2')].map((one) => one.textContent)")
    assert titles[:2] == ["Powerwall temperatures", "Fan speed"]
    assert {"Power of solar strings", "Voltage of solar strings", "Current of solar strings"} <= set(titles)
    strings = page.locator("[data-metric=string_power] .legend button").all_inner_texts()
    assert len(strings) >= 4 and strings[0].strip() == "String A", strings
    # What has another unit has an axis of its own.
    assert {"Powerwall units", "Powerwall units: Energy"} <= set(titles)
    units = page.evaluate("[...document.querySelector('#unit').options].map((one) => one.value)")
    assert len(units) >= 3
    again(page, lambda: page.select_option("#unit", units[1]))
    assert query(page)["pw"] == units[1]


def test_series_can_be_switched_off(house: House, look: Look) -> None:
    page = look(house.base).open("history?range=1d")
    until(page, f"{DRAWN} && document.querySelector('.legend button')")
    page.click(".legend button:has-text('Grid')")
    until(page, "new URLSearchParams(location.search).get('hide') === 'grid'")
    page.reload()
    until(page, DRAWN)
    assert page.get_attribute(".legend button:has-text('Grid')", "aria-pressed") == "false"


def test_csv_is_what_table_and_charts_say(house: House, look: Look) -> None:
    """The days of the table, the curves that are shown, and signals with their lowest and highest values."""
    page = look(house.base).open("history?range=7d")
    until(page, f"{DRAWN} && document.querySelector('[data-metric=temperature] canvas')")
    assert page.is_hidden("#warnings"), "it warns of a history on the disk"
    rows = rows_of(page, "#csv-energy")
    assert len(rows) >= 7 and float(rows[2]["solar_kwh"]) > 1
    assert "solar" in rows_of(page, "#csv-power")[0]
    rows = rows_of(page, "[data-metric=temperature] .downloads button")
    figures = [name for name in rows[0] if name.endswith(" avg [°C]")]
    assert figures and len(rows[0]) == 1 + 3 * len(figures)
    known = [row for row in rows if row[figures[0]]]
    for name in figures:
        low, high = (name.replace(" avg", f" {edge}") for edge in ("min", "max"))
        assert all(float(row[low]) <= float(row[name]) <= float(row[high]) for row in known if row[name])
    # Of powers as well: only the curves that are shown, and their bands where a point stands for long.
    again(page, lambda: page.click("#rolling button:has-text('30 d')"))
    asked = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")
    assert any("solar%2Csolar_min%2Csolar_max" in address for address in asked)
    page.click(".legend button:has-text('Grid')")
    fields = parse_qs(urlsplit(page.get_attribute("#csv-power", "href") or "").query)["fields"][0]
    assert fields == "solar,load,battery,soe"


def rows_of(page: Page, button: str) -> list[dict[str, str]]:
    """What this button saves."""
    with page.expect_download() as waiting:
        page.click(button)
    return list(csv.DictReader(io.StringIO(waiting.value.path().read_text())))


def test_what_was_filled_in_is_marked(house: House, look: Look) -> None:
    """In the bars, in their words, and in a sentence below the totals; shaded in the curves of up to two days."""

    def fill(route: Route) -> None:
        totals = route.fetch().json()
        totals["rows"][3]["filled_seconds"] = 1800.0
        totals["total"]["filled_seconds"] = 1800.0
        route.fulfill(json=totals)

    page = look(house.base).page
    page.route("**/api/history/totals*", fill)
    page.goto(f"{house.base}/history?range=1d&{NO_SIGNALS}")
    until(page, DRAWN)
    assert "30 min of this was not recorded here" in page.inner_text("#filled")
    told = page.evaluate("[...document.querySelectorAll('#energy title')].map((one) => one.textContent)")
    assert [index for index, words in enumerate(told) if "30 min of it filled in" in words] == [3]
    assert page.locator("#energy rect.filled").count() > 0


def test_kiosk_shows_charts_only(house: House, look: Look) -> None:
    page = look(house.base).open("history?range=7d&kiosk=1&hide=energy")
    until(page, DRAWN)
    assert not page.is_visible(".tools") and not page.is_visible("#table") and not page.is_visible("#energy")
    assert page.is_visible("#power canvas")


def test_a_server_that_has_recorded_nothing_yet_is_asked_again(house: House, look: Look) -> None:
    """As after its start: power, Powerwalls and signals appear by themselves, also where the page is not renewed."""
    page = look(house.base).page
    # The minute's renewal heeds that nobody looks.
    page.add_init_script("Object.defineProperty(document, 'hidden', { value: true })")
    asked = {"trend": 0, "signals": 0}
    there: set[str] = set()  # of which something is recorded by now

    def nothing_at_first(name: str, none_yet: dict[str, object], route: Route) -> None:
        asked[name] += 1
        route.fulfill(json=route.fetch().json() | ({} if name in there else none_yet))
        if name in there:
            there.add("trend")  # no later than the page has heard of the signals: it asks for them no more then

    page.route("**/api/timeseries/trend?*", partial(nothing_at_first, "trend", {"points": [], "count": 0}))
    page.route("**/api/timeseries/signals?*", partial(nothing_at_first, "signals", {"series": []}))
    units = page.request.get(f"{house.base}/api/timeseries/signals").json()["series"]
    wanted = next(one["powerwall"] for one in units if one["powerwall"])
    page.goto(f"{house.base}/history?range=1d&pw={wanted}")
    until(page, "/Nothing recorded/.test(document.querySelector('#power').textContent)")
    wait_until(lambda: page.evaluate("0") or min(asked.values()) >= 2, 20, "it is not asked again")
    there.add("signals")
    until(page, "document.querySelector('#power canvas') && document.querySelector('#signals canvas')")
    assert query(page)["pw"] == page.input_value("#unit") == wanted, "the choice was lost while there was none"


DAY = 86400


def local(moment: datetime.datetime, zone: ZoneInfo) -> int:
    return int(moment.replace(tzinfo=zone).timestamp())


def test_days_times_and_seconds_in_the_address(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?{NO_SIGNALS}")
    until(page, DRAWN)
    zone = ZoneInfo(page.evaluate("Intl.DateTimeFormat().resolvedOptions().timeZone"))
    midnight = datetime.datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    first, last = midnight - datetime.timedelta(days=10), midnight - datetime.timedelta(days=5)
    start, end = local(first, zone), local(last + datetime.timedelta(days=1), zone)
    at = first + datetime.timedelta(hours=18, minutes=30)
    utc = datetime.datetime.fromtimestamp(start + 3600, datetime.UTC)
    noon = local(last, zone) + 43200
    cases = {
        f"from={first:%Y-%m-%d}&to={last:%Y-%m-%d}": (start, end),
        f"to={first:%Y-%m-%d}&from={last:%Y-%m-%d}": (start, end),
        f"from={at:%Y-%m-%dT%H:%M}&to={last:%Y-%m-%d}": (local(at, zone), end),
        f"from={at:%Y-%m-%d+%H:%M:%S}&to={noon}": (local(at, zone), noon),
        f"from={utc:%Y-%m-%dT%H:%M:%SZ}&to={noon}000": (start + 3600, noon),
        f"from={utc:%Y-%m-%dT%H:%M:%S}%2B00:00&to={noon}": (start + 3600, noon),
        f"from={utc:%Y-%m-%dT%H:%M:%S}+00:00&to={noon}": (start + 3600, noon),
        f"to={last:%Y-%m-%d}": (end - DAY, end),
    }

    def shown() -> tuple[int, int]:
        found = query(page)
        return int(found.get("from", 0)), int(found.get("to", 0))

    for asked, wanted in cases.items():
        step_to(page, asked)
        wait_until(lambda wanted=wanted: shown() == wanted, 20, asked)  # type: ignore[misc]
        until_is(page, "document.querySelector('#state').textContent", "")
    page.goto(f"{house.base}/history?from={first:%Y-%m-%d}")
    until(page, DRAWN)
    assert int(query(page)["from"]) == start
    assert int(query(page)["to"]) > local(midnight, zone), "without an end it is not until now"


def test_wrong_ranges_in_the_address_are_named(house: House, look: Look) -> None:
    page = look(house.base).open(f"history?from=yesterday&{NO_SIGNALS}")
    until(page, f"{DRAWN} && document.querySelector('#state').textContent.includes('from=yesterday is no time')")
    assert query(page)["range"] == "1d"
    for asked, words in {
        "from=yesterday&to=2026-11-02": "from=yesterday is no time",
        "from=2026-02-31&to=2026-03-05": "from=2026-02-31 is no time",
        "from=2026-02-01&to=2026-13-01": "to=2026-13-01 is no time",
        "from=2026-02-01T25:00": "from=2026-02-01T25:00 is no time",
        "from=-5&to=1e3": "from=-5 is no time",
        "from=2999-01-01&to=2999-01-02": "from=2999-01-01 is in the future",
        f"from={'9' * 300}": "from=" + "9" * 40 + "… is no time",
        "from=<b>x</b>": "from=<b>x</b> is no time",
    }.items():
        step_to(page, asked)
        until(page, f"document.querySelector('#state').textContent.includes({json.dumps(words)})")
        assert query(page)["range"] == "1d", asked
    again(page, lambda: page.click("[data-range='7d']"))
    until_is(page, "document.querySelector('#state').textContent", "")  # it does not outlive the range it is about


def test_a_history_in_memory_is_said_with_cause_and_remedy(look: Look) -> None:
    with make_house("powerwall2") as kept_in_memory:
        page = look(kept_in_memory.base).open("history")
        until(page, "!document.querySelector('#warnings').hidden")
        said = page.inner_text("#warnings")
        assert said.startswith("Kept in memory only, it ends with this server: ")
        assert kept_in_memory.server.json("/health")["history_in_memory"] in said


def day_row(**more: object) -> dict[str, object]:
    """A day on which 10 kWh were bought into the battery and sold again while the house ran on sun."""
    names = ("solar", "home", "battery_charge", "battery_discharge", "grid_import", "grid_export")
    energies = {f"{name}_kwh": 10.0 for name in names}
    parts = {"solar_to_home_kwh": 10.0, "battery_to_home_kwh": 0.0, "grid_to_home_kwh": 0.0}
    return {**energies, **parts, "self_powered_percent": 100.0, "self_powered_from": "shares", **more}


def test_self_powered_is_the_servers_figure_with_its_formula_beside_it(house: House, look: Look) -> None:
    one = day_row(label="2026-11-20", start=1, end=2)
    old = one | {"label": "2026-11-19", "self_powered_percent": 37.0, "self_powered_from": "totals"}
    both = day_row(self_powered_percent=68.5, self_powered_from="totals")
    told = {"gateway": "default", "timezone": "UTC", "from": 0, "to": 9, "step": "day", "rows": [old, one]}
    told |= {"total": both, "previous": None, "year_before": None}
    page = look(house.base).page
    page.route("**/api/history/totals*", lambda route: route.fulfill(json=told))
    page.goto(f"{house.base}/history?{NO_SIGNALS}")
    until(page, DRAWN)
    until(page, "document.querySelector('#totals').innerText.replaceAll('\u202f', ' ').includes('at least 69 %')")
    assert "1 − bought ÷ home" in page.inner_text("#formula")
    cells = page.locator("#table tbody tr td:last-child")
    assert [text.replace("\u202f", " ") for text in cells.all_inner_texts()] == ["100 %", "at least 37 %"]
    assert "home from sun + home from battery" in str(cells.first.get_attribute("title"))
    assert "too little is known" in page.inner_text("#comparison")


def test_the_words_at_an_axis_tell_one_tick_from_the_next(house: House, look: Look) -> None:
    page = look(house).open("example.html")
    steps = [100, 5, 1, 0.5, 0.25, 0.2, 0.05, 0.001]
    told = page.evaluate(
        """async (steps) => {
            const folder = document.querySelector("script[type=module]").src.replace(/[^/]*$/, "");
            const { decimalsOf } = await import(`${folder}charts/scales.js`);
            return steps.map((step) => [0, 1, 2, 3, 4].map((tick) => (tick * step).toFixed(decimalsOf(step))));
        }""",
        steps,
    )
    for step, ticks in zip(steps, told, strict=True):
        assert [float(tick) for tick in ticks] == pytest.approx([number * step for number in range(5)]), step
    assert [len(ticks[1]) for ticks in told] == [3, 1, 1, 3, 4, 3, 4, 5]  # and no digit is there for nothing
