"""The console: every card, kiosk, settings, several gateways. What can be set there is in test_control."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route

from tests.pages.conftest import Look
from tests.pages.support import House, until, until_is
from tests.pages.support import house as make_house
from tests.support.waiting import wait_until

CARDS = [
    "power-flow",
    "energy",
    "trend",
    "daily-energy",
    "powerwall",
    "checks",
    "strings",
    "alerts",
    "control",
    "gateways",
]
SHOWN = "[...document.querySelectorAll('.card')].map((card) => card.dataset.card)"


def card(page: Page, name: str) -> str:
    return page.inner_text(f"[data-card={name}]")


def test_every_card_has_its_content(house: House, look: Look) -> None:
    page = look(house).open("console")
    until_is(page, SHOWN, CARDS)
    until(page, "document.querySelector('[data-card=gateways] .pill').textContent === 'Live'")
    until(page, "/Today \\d/.test(document.querySelector('[data-card=energy]').textContent)")
    until(page, "document.querySelector('[data-card=trend] canvas')")
    until(page, "document.querySelector('[data-card=daily-energy] rect.own, [data-card=daily-energy] text.own')")
    until(page, "!document.querySelector('[data-card=control] .controls').hidden")
    until_is(page, "document.querySelectorAll('.unit-box').length", 3)
    for name, words in {
        "powerwall": ("Energy", "Temperature", "Fans", "rpm", "Serial", "Firmware", "Commissioned"),
        "gateways": ("Calls a minute", "v1r"),
    }.items():
        for one in words:
            until(page, f"document.querySelector('[data-card={name}]').innerText.includes('{one}')")
    until(page, "document.querySelectorAll('[data-card=strings] tbody tr').length >= 6")
    until(page, "/since \\d/.test(document.querySelector('[data-card=alerts]').textContent)")
    until_is(page, "document.querySelectorAll('[data-card=checks] li').length", 6)
    # The house of these tests stands in another zone than its gateway reports.
    for check in (
        "Reachable [\\d.]+\\W%\\n(Passed|Failed)",
        "Strings in step\\nNot known\\n+Fewer than 15 sunny",
        "Clock and time zone agree.*\\nFailed",
    ):
        until(page, f"/{check}/.test(document.querySelector('[data-card=checks]').innerText)")


def test_the_server_has_a_page_of_its_own(house: House, look: Look) -> None:
    """Its processes, none of whose columns is cut off, and their memory with shared pages counted once."""
    page = look(house).open("server")
    until_is(page, SHOWN, ["gateways", "health", "mqtt"])
    until(page, "document.querySelector('[data-card=gateways] .pill').textContent === 'Live'")
    until(page, "document.querySelectorAll('[data-card=health] tbody tr').length === 3")
    until(page, "document.querySelector('[data-card=mqtt] .pill').textContent === 'Switched off'")
    assert "worker-0" in card(page, "health") and "poller" in card(page, "health")
    assert page.get_attribute("nav [aria-current]", "href") == "server"

    cut = "[...document.querySelectorAll('[data-card=health] .scroll')].map((one) => one.scrollWidth - one.clientWidth)"
    for width in (390, 1100, 1280, 1440, 1920):
        page.set_viewport_size({"width": width, "height": 900})
        until_is(page, "innerWidth", width)
        until(page, f"Math.max(...{cut}) <= 1")  # rounded up
        until(page, "document.documentElement.scrollWidth <= innerWidth")

    shown = r"document.querySelector('[data-card=health]').innerText.match(/Memory\s+([\d.]+).MB/)?.[1]"
    pids = [house.server.process.pid, *house.server.children().values()]

    def right() -> bool:
        rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines() for pid in pids]
        truth = sum(int(line.split()[1]) for lines in rollups for line in lines if line.startswith("Pss:")) / 1024
        return abs(float(until(page, shown)) - truth) < 0.1 * truth

    wait_until(right, 30, "the console shows another memory")


def test_kiosk_and_hidden_cards_by_address(house: House, look: Look) -> None:
    page = look(house).open("console?kiosk=1&hide=alerts,strings,checks,control,mqtt")
    until_is(page, SHOWN, [one for one in CARDS if one not in ("alerts", "strings", "checks", "control", "mqtt")])
    assert not page.is_visible(".bar")


def test_cards_hidden_and_moved_are_remembered(house: House, look: Look) -> None:
    page = look(house).open("console")
    until_is(page, SHOWN, CARDS)
    page.click("#settings")
    page.uncheck("label:has-text('Alerts') input")
    for _ in range(3):
        page.click("[aria-label='Move Energy per day up']", force=True)
    page.click("button:has-text('Done')")
    expected = ["daily-energy", *[one for one in CARDS if one not in ("daily-energy", "alerts")]]
    until_is(page, SHOWN, expected)
    page.reload()
    until_is(page, SHOWN, expected)


def test_temperature_unit_and_theme(house: House, look: Look) -> None:
    page = look(house, locale="de-DE", color_scheme="light").open("console")
    until(page, "document.querySelector('.unit-box')")
    until(page, "document.querySelector('[data-card=powerwall]').innerText.includes('°C')")
    until(page, "/\\d,\\d/.test(document.querySelector('[data-card=powerwall]').textContent)")  # German numbers
    page.click("#settings")
    page.click("button:has-text('°F')")
    page.click("button:has-text('Dunkel')")
    page.keyboard.press("Escape")
    until(page, "document.querySelector('[data-card=powerwall]').textContent.includes('°F')")
    until_is(page, "document.documentElement.dataset.theme", "dark")


def test_a_card_whose_answer_is_lost_asks_again_soon(house: House, look: Look) -> None:
    """And not when it would have asked the next time, which is up to five minutes later."""
    watched = look(house)
    watched.expected = ("status of 503",)
    asked = Counter[str]()

    def lose(route: Route) -> None:
        name = route.request.url.partition("/timeseries/")[2].partition("?")[0]
        asked[name] += 1
        if asked[name] <= 2:  # when the card comes, and when the page is connected
            route.fulfill(status=503, body="{}")
        else:
            route.fallback()

    watched.page.route("**/api/timeseries/*", lose)
    page = watched.open("console")
    until(page, "/Today \\d/.test(document.querySelector('[data-card=energy]')?.textContent)", 10)
    until(page, "document.querySelector('[data-card=daily-energy] rect.solar')", 10)
    assert min(asked[name] for name in ("today", "trend", "daily")) >= 2


def test_control_that_is_off_says_so(two: House, look: Look) -> None:
    page = look(two).open("console?hide=power-flow,trend")
    until(page, "document.querySelector('[data-card=control]').textContent.includes('Control is off')")


def test_why_there_is_no_broker(two: House, look: Look) -> None:
    page = look(two).open("server")
    until(page, "/Not connected\\s+\\S.*refused/.test(document.querySelector('[data-card=mqtt]').innerText)")


@pytest.fixture(scope="module")
def two() -> Iterator[House]:
    """Two gateways in one house, whose broker is away."""
    with socket.socket() as nobody, ExitStack() as stack:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: refused at once
        port = str(nobody.getsockname()[1])
        found = stack.enter_context(
            make_house("powerwall2", "powerwall3-single", MQTT_HOST="127.0.0.1", MQTT_PORT=port)
        )
        for number, gateway in enumerate(found.gateways.values()):
            gateway.set_house(fixed_solar=3000.0 + 1000 * number, fixed_load=500.0)
        yield found


def test_two_gateways_sum_and_switch(two: House, look: Look) -> None:
    page = look(two).open("console?hide=trend")
    solar = "document.querySelector('.node.solar .value').textContent"
    until(page, f"{solar}.startsWith('7.0')")
    offered = "[...document.querySelectorAll('#switcher option')].map((one) => one.textContent)"
    until_is(page, offered, ["All houses", "Default", "House2"])
    until_is(page, "document.querySelectorAll('.gateway-box').length", 2)
    units = "document.querySelectorAll('.unit-box').length"
    until(page, f"{units} === 4")
    page.select_option("#switcher select", "house2")
    until(page, f"{solar}.startsWith('4.0') && {units} === 2")
    page.select_option("#switcher select", "default")
    until(page, f"{solar}.startsWith('3.0')")
    page.reload()
    until(page, f"document.querySelector('.node.solar') && {solar}.startsWith('3.0')")


def test_one_of_two_missing_is_said(two: House, look: Look) -> None:
    page = look(two).open("console?hide=trend")
    _, second = two.gateways.values()
    second.fault("unplugged")
    try:
        until(
            page,
            "[...document.querySelectorAll('.gateway-box .pill')].some((e) => /Stale|No data/.test(e.textContent))",
        )
        until(page, "document.querySelector('.gateway-box .cause:not([hidden])')")
        until(page, "document.querySelector('#state').textContent === '1 of 2 live'")
    finally:
        second.fault("none")
    until(page, "[...document.querySelectorAll('.gateway-box .pill')].every((one) => one.textContent === 'Live')", 30)


def test_every_charge_on_a_page_is_on_one_labelled_scale(look: Look) -> None:
    """52 % as the gateway counts is 49 % in the app: of the house, of its units, and in what was recorded."""
    with make_house("powerwall2") as alone:
        alone.gateway.set_house(fixed_solar=1000.0, fixed_load=1000.0, soe_percent=52.0)
        wait_until(lambda: abs(alone.server.json("/api/site")["site"]["charge_raw_percent"] - 52) < 0.2, 20)
        page = look(alone, check=False).open("console")
        shown = """[document.querySelector('.level').textContent,
          ...[...document.querySelectorAll('.unit-box h3')].map((one) => one.textContent.split(' · ')[1])]"""
        until(page, f"{shown}.length === 3 && {shown}.every((one) => one === '49\u202f%')")
        for name in ("power-flow", "powerwall"):
            until(page, f"document.querySelector('[data-card={name}] h2').innerText.includes('Charge as in the app')")
        # This gateway tells since when it runs, that of the other tests does not.
        until(page, "document.querySelector('.service').textContent.includes('gateway running for')")

        def recorded() -> bool:
            points = alone.server.json("/api/timeseries/trend?hours=1")["points"]
            return bool(points) and abs(points[-1]["battery_level"] - 49.47) < 0.5

        wait_until(recorded, 20, "the history has another scale")
        page = look(alone, check=False).open("")
        until(page, "document.querySelector('.level').textContent === '49\u202f%'")
        until_is(page, "document.querySelector('#scale').textContent", "Charge as in the app")
