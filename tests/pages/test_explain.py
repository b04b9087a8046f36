"""A click on a number, or Enter, tells where it comes from: in the power flow and the console, of one house or two."""

from __future__ import annotations

from functools import partial

from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import House, until, violations
from tests.pages.support import house as make_house
from tests.support.waiting import wait_until

OPEN = "document.querySelector('dialog.explain').open"
SAID = "document.querySelector('dialog.explain').textContent"


def explained(page: Page) -> str:
    """What the panel says once the server has answered."""
    until(page, f"{OPEN} && document.querySelector('dialog.explain .big')")
    return page.inner_text("dialog.explain")


def focused_name(page: Page) -> str | None:
    found: str | None = page.evaluate("document.activeElement.dataset?.name ?? null")
    return found


def answered(house: House, question: str) -> bool:
    return house.server.get(question).status == 200


CLICKS = [
    (".node.solar .icon", "solar_watts", "Solar power"),
    (".node.home .value", "home_watts", "Home power"),
    (".node.grid .value", "grid_watts", "Grid power"),
    (".node.battery .value", "battery_watts", "Battery power"),
    (".node.battery .level", "charge_percent", "Charge"),
    ("#reserve button", "reserve_percent", "Reserve"),
    ("#age button", "read_at", "Last reading"),
]


def test_a_click_in_the_power_flow(house: House, look: Look) -> None:
    page = look(house).open("")
    until(page, "/[0-9]/.test(document.querySelector('#age button')?.textContent)")
    for selector, name, words in CLICKS:
        page.click(selector)
        told = explained(page)
        assert told.startswith(words), told
        assert house.server.json(f"/api/explain?gateway=default&name={name}")["sentence"] in told
        page.keyboard.press("Escape")
        # A dialog tells a moment after it has closed.
        wait_until(partial(returned, page, name), 10, f"the focus is lost that was on {name}")


def returned(page: Page, name: str) -> bool:
    """Whether the explanation is closed, and what was asked for has the focus again."""
    return not page.evaluate(OPEN) and focused_name(page) == name


def test_without_a_mouse_on_the_power_flow(house: House, look: Look) -> None:
    page = look(house).open("")
    for node in ("solar", "grid", "home"):
        until(page, f"document.querySelector('.node.{node} [role=button], .node.{node}[role=button]')")
    until(page, "document.querySelector('.node.battery [data-name=charge_percent]')")
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(focused_name(page))
        if reached[-1] == "charge_percent":
            break
    assert {"solar_watts", "grid_watts", "home_watts", "charge_percent"} <= set(reached)
    page.keyboard.press("Enter")
    told = explained(page)
    for word in ("Charge", "Read from", "It arrived", "Charge as the gateway counts it"):
        assert word in told, told
    assert page.evaluate("document.activeElement.textContent") == "Close"
    assert violations(page) == []
    page.keyboard.press("Enter")
    # A dialog tells a moment after it has closed.
    wait_until(partial(returned, page, "charge_percent"), 10, "the focus is lost")
    page.keyboard.press("Space")
    explained(page)
    page.keyboard.press("Escape")
    assert violations(page) == []


def test_every_number_of_the_console_that_can_be_asked_for_is_answered(house: House, look: Look) -> None:
    page = look(house).open("console?hide=trend,daily-energy")
    until(page, "document.querySelectorAll('.alerts [data-name]').length")
    until(page, "document.querySelector('[data-card=energy] .number')")
    until(page, """document.querySelector('[data-name="units.1.remaining_wh"]')""", 40)
    until(page, "document.querySelector('[data-card=strings] .number')")
    asked = page.evaluate(
        "[...document.querySelectorAll('[data-name]')].map((one) => [one.dataset.name, one.dataset.gateway])"
    )
    assert {
        "solar_watts",
        "charge_percent",
        "read_at",
        "connection.poll_seconds",
        "units.1.charge_percent",
        "units.1.remaining_wh",
        "units.1.pack_max_celsius",
    } <= {name for name, _ in asked}
    assert any(name.startswith("strings.") and name.endswith(".volts") for name, _ in asked)
    for name, gateway in asked:
        question = f"/api/explain?gateway={gateway}&name={name.replace(' ', '%20')}"
        wait_until(partial(answered, house, question), 10, f"{name} is not answered")
    page.click("[data-card=energy] .number[data-name=home_watts]")
    assert explained(page).startswith("Home power")
    assert violations(page) == []
    page.mouse.click(5, 5)  # beside the panel
    until(page, f"!{OPEN}")
    page.click(".alerts .number")
    assert "active since" in explained(page)


def test_the_sum_of_two_houses_names_them_and_a_house_that_is_away_says_why(look: Look) -> None:
    with make_house("powerwall2", "powerwall3-single", PW_CACHE_TTL="8") as two:
        page = look(two).open("")
        until(page, "document.querySelector('.node.home').dataset.name === 'site.home_watts'")
        page.click(".node.home .value")
        told = explained(page)
        assert "Default" in told and "House2" in told
        page.keyboard.press("Escape")
        list(two.gateways.values())[1].fault("reset")
        until(page, "document.querySelector('#more').textContent.startsWith('Without House2')", 60)
        page.click(".node.home .value")
        assert "Without House2" in explained(page)
        page.goto(f"{two.base}/?gateway=house2")
        until(page, "document.querySelector('.node.home')?.dataset.name === 'last_known.home_watts'", 60)
        page.click(".node.home .value")
        assert "The figure of the last good reading, which is old." in explained(page)


def test_a_generator_can_be_asked_for(look: Look) -> None:
    with make_house("generator") as found:
        found.gateway.set_house(generator_watts=4200.5)
        page = look(found).open("")
        until(page, "/4[.]20/.test(document.querySelector('.further [role=button]')?.textContent)")
        page.click(".further [role=button]")
        told = explained(page)
        assert told.startswith("Meter generator: Power") and "4.20" in told
        assert violations(page) == []


def test_a_number_that_the_server_does_not_know_any_more_says_so(house: House, look: Look) -> None:
    watched = look(house)
    watched.expected = ("404",)
    page = watched.open("")
    until(page, "document.querySelector('.node.home [role=button]')")
    page.route("**/api/explain?*", lambda route: route.fulfill(status=404, body="{}"))
    page.click(".node.home .value")
    until(page, f"/no longer knows this number/.test({SAID})")
    assert violations(page) == []
    page.click("dialog.explain button")
    until(page, f"!{OPEN}")
