"""The page of houses: those in trouble on top, sorted and filtered, by keyboard, on a phone, for a thousand."""

from __future__ import annotations

import json
from functools import partial

import pytest
from playwright.sync_api import Page, Route

from tests.pages.conftest import Look
from tests.pages.support import House, until, until_is, violations
from tests.pages.test_top_sentence import one, twelve
from tests.support.waiting import wait_until

__all__ = ["one", "twelve"]  # the houses of these tests

NAMES = "[...document.querySelectorAll('tbody th')].map((one) => one.textContent)"
CELL = "document.querySelector('[data-house={}] [data-column={}]').textContent"
SHOWN = "document.documentElement.dataset.shown && document.querySelectorAll('tbody tr').length"
MANY = 1000
FIRST_ROWS = 200


def opened(look: Look, house: House, query: str = "", **options: object) -> Page:
    page = look(house, **options).page
    page.goto(f"{house.base}/houses{query}")
    until(page, SHOWN)
    return page


def test_which_gateway_is_in_trouble_and_why(twelve: House, look: Look) -> None:
    page = opened(look, twelve)
    until(page, f"{NAMES}.length === 12 && {NAMES}[0] === 'Cabin' && {NAMES}[1] === 'Barn'")
    state = page.evaluate(CELL.format("cabin", "state"))
    cabin = next(each for each in twelve.server.json("/api/houses")["houses"] if each["id"] == "cabin")
    assert "refused the password" in state and cabin["advice"] in state and "next attempt" in state
    assert page.evaluate(CELL.format("cabin", "seen")) == "never"
    assert page.evaluate(CELL.format("barn", "state")).startswith("Off grid")
    assert page.evaluate(CELL.format("home", "state")).startswith("Well")
    until(page, f"/\\d/.test({CELL.format('barn', 'backup')})"), "how long the backup lasts"
    wait_until(lambda: twelve.server.json("/api/houses")["houses"][0]["today"], 20, "nothing was recorded today")
    until(page, f"{CELL.format('home', 'own')}.endsWith('%')")
    assert violations(page) == []


def test_a_generator_that_runs_stands_below_the_grid(twelve: House, look: Look) -> None:
    def with_generator(route: Route) -> None:
        told = twelve.server.json("/api/houses")
        told["houses"][0]["further_watts"] = {"generator": 4200}
        route.fulfill(json=told)

    page = look(twelve).page
    page.route("**/api/houses", with_generator)
    page.goto(f"{twelve.base}/houses")
    until(page, SHOWN)
    home = twelve.server.json("/api/houses")["houses"][0]["id"]
    assert page.evaluate(CELL.format(home, "grid")).endswith("\nGenerator 4.20\u202fkW")


def test_what_did_we_use_today(one: House, twelve: House, look: Look) -> None:
    """One house: on the console's first screen. Twelve: in the list, and of all together on the console."""
    for house, place in ((one, 0), (twelve, 3)):  # first, as the console asks again a minute later
        told = partial(lambda house, place: house.server.json("/api/houses")["houses"][place]["today"], house, place)
        wait_until(told, 20, "nothing was recorded today")
    page = look(one, viewport={"width": 1440, "height": 900}).open("console")
    today = "document.querySelector('[data-card=energy]')?.innerText.match(/Home\\n.*\\n+Today ([\\d.]+)/)?.[1]"
    until(page, f"{today} !== undefined")
    box = page.locator("[data-card=energy]").bounding_box()
    assert box is not None and box["y"] + box["height"] <= 900
    page = opened(look, twelve, viewport={"width": 1440, "height": 900})
    until(page, f"/^\\d.*Wh$/.test({CELL.format('mill', 'home_today')})")
    page.goto(f"{twelve.base}/console?hide=power-flow,trend")
    until(page, f"{today} !== undefined")


def test_how_is_the_reserve_changed_among_twelve_houses(twelve: House, look: Look) -> None:
    """The console asks for the house first, and then shows the control, or why this house has none."""
    page = look(twelve).open("console?hide=power-flow,trend,daily-energy,powerwall,strings,alerts")
    until(page, "/Choose one house to control it/.test(document.querySelector('[data-card=control]').innerText)")
    page.select_option("#switcher select", "mill")
    reserve = "document.querySelector('[data-control=reserve]')?.innerText"
    until(page, f"/Backup reserve\\n+20/.test({reserve})")
    assert "Backup reserve" in page.inner_text("#control-reasons"), "it is read over WiFi, which cannot write"


def test_rows_are_sorted_and_filtered_and_the_address_says_how(twelve: House, look: Look) -> None:
    page = opened(look, twelve, viewport={"width": 1440, "height": 900})
    page.focus("th[data-sort=name] button")
    page.keyboard.press("Enter")
    until(page, f"{NAMES}[0] === 'Annex' && location.search === '?sort=name'")
    page.keyboard.press("Enter")
    until(page, f"{NAMES}[0] === 'Villa' && document.querySelector('[aria-sort=descending]')")
    page.select_option("#show", "trouble")
    until(page, f'JSON.stringify({NAMES}) === \'["Cabin","Barn"]\'')
    page.fill("#find", "BAR")
    until(
        page, f"JSON.stringify({NAMES}) === '[\"Barn\"]' && document.querySelector('#count').textContent === '1 of 12'"
    )
    address = page.evaluate("location.href")
    page.goto(address)
    until(page, f"JSON.stringify({NAMES}) === '[\"Barn\"]'")
    page.click("tbody th a")
    until(page, "location.pathname === '/console' && location.search === '?gateway=barn'")


def test_a_phone_shows_cards_and_every_page_leads_to_the_houses(one: House, twelve: House, look: Look) -> None:
    page = opened(look, twelve, viewport={"width": 320, "height": 640})
    for width in (2560, 1440, 1410, 1280, 820, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        # On the screens of desks nothing is scrolled either.
        assert page.evaluate(
            "document.querySelector('main').scrollWidth <= document.querySelector('main').clientWidth"
        ), width
    assert not page.is_visible("thead") and page.is_visible("#sort")
    page.select_option("#sort", "name")
    until(page, f"{NAMES}[0] === 'Annex'")
    for house, several in ((twelve, True), (one, False)):
        for path in ("", "console", "history"):
            body = house.server.get(f"/{path}").body.decode()
            assert ('<html lang="en" data-several' in body) is several, path
            assert 'href="houses"' in body


@pytest.mark.parametrize("path", ["", "console", "history", "server", "houses"])
def test_the_bar_of_twelve_houses_is_two_rows_on_a_phone(twelve: House, look: Look, path: str) -> None:
    """In the longer language too; the page that is shown is in sight, and the others can be pushed there."""
    page = look(twelve, viewport={"width": 320, "height": 800}, locale="de-DE").open(path)
    choice = "document.querySelector('#switcher select, #switcher input')"
    until(page, f"document.querySelector('nav [aria-current]') && ({choice} || location.pathname === '/houses')")
    tops = "[...document.querySelectorAll('.bar > :not(.pill, .spread)')].filter((one) => one.offsetParent)"
    middles = f"{tops}.map((one) => one.getBoundingClientRect()).map((one) => Math.round((one.top + one.bottom) / 16))"
    until(page, f"new Set({middles}).size <= 2")
    here = page.locator("nav [aria-current]").bounding_box()
    assert here is not None and here["x"] >= 0 and here["x"] + here["width"] <= 320
    last = page.locator("nav a").last
    last.focus()
    box = last.bounding_box()
    assert box is not None and box["x"] + box["width"] <= 320
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_thousand_houses_are_asked_for_seldom_and_drawn_in_parts(twelve: House, look: Look) -> None:
    page = look(twelve).page

    def many(route: Route) -> None:
        message = route.fetch().json()
        model = next(row for row in message["houses"] if row["condition"] == "well")
        model.pop("failed_check", None)
        fill = [{**model, "id": f"h{number}", "name": f"House {number:04}"} for number in range(MANY)]
        fill[7]["failed_check"] = "on-grid"
        route.fulfill(json={**message, "houses": [message["houses"][1], *fill]})

    page.route("**/api/houses", many)
    page.goto(f"{twelve.base}/houses")
    until(page, f"document.querySelectorAll('tbody tr').length === {FIRST_ROWS} && {NAMES}[0] === 'Cabin'")
    page.fill("#find", "0999")
    until(page, f"JSON.stringify({NAMES}) === {json.dumps(json.dumps(['House 0999']))}")
    page.fill("#find", "")
    page.click("#all")
    until(page, f"document.querySelectorAll('tbody tr').length === {MANY + 1}")
    page.select_option("#show", "failed")
    until(page, f"{NAMES}.includes('House 0007') && {NAMES}.length <= 2")  # the first row is that of a real house
    assert page.evaluate(CELL.format("h7", "state")) == "WellSeven-day check failed: on grid"


def test_the_console_of_twelve_houses_is_short_until_the_reader_wants_more(twelve: House, look: Look) -> None:
    """Of each long list, the houses in trouble come first; the page of the server lists every gateway."""
    page = look(twelve).open("console?hide=energy,trend,daily-energy,control")
    boxes = {"powerwall": ".unit-box", "strings": "tbody tr", "gateways": ".gateway-box"}
    count = "document.querySelectorAll('[data-card={}] {}').length"
    for card, most, every in (("powerwall", 6, 22), ("strings", 8, 44), ("gateways", 6, 12)):
        shown = count.format(card, boxes[card])
        button = page.locator(f"[data-card={card}] .fold")
        until_is(page, shown, most)
        assert button.inner_text() == f"Show all {every}" and button.get_attribute("aria-expanded") == "false"
        button.focus()
        page.keyboard.press("Enter")
        until_is(page, shown, every)
        assert button.inner_text() == "Show fewer" and button.get_attribute("aria-expanded") == "true"
        button.click()
        until_is(page, shown, most)
    assert page.locator(".gateway-box h3 > :first-child").first.inner_text() == "Cabin"
    assert violations(page) == []
    page = look(twelve).open("server")
    until_is(page, count.format("gateways", boxes["gateways"]), 12)
    assert page.locator(".fold").is_hidden()
