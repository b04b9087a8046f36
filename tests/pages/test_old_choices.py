"""What pypowerwall-server's pages have left in a browser is taken over; the kiosk is entered and left."""

from __future__ import annotations

import json
from functools import partial

from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, Watched, until, wait_live
from tests.pages.test_control import ONLY_CONTROL
from tests.pages.test_history import DRAWN, NO_SIGNALS, query
from tests.support.waiting import wait_until

KIOSK = "document.documentElement.classList.contains('kiosk')"
# The module that asks for the token is there without any card.
ONLY_TOKEN = f"{ONLY_CONTROL},control"
KEEP = "dialog input[type=checkbox]"
# The module as the page has loaded it; it is not awaited, because it waits for the reader.
ASK = """async () => {
    const folder = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
    (await import(`${folder}control_token.js`)).needToken();
}"""
CARDS = "[...document.querySelectorAll('main [data-card]')].map((one) => one.dataset.card)"


def left(watched: Watched, kind: str = "localStorage", **values: str) -> None:
    """Have the predecessor's choices and nothing else in the browser before a script of ours runs there."""
    watched.page.goto(f"{watched.base}/favicon.ico")
    lines = "".join(f"{kind}.setItem({json.dumps(key)}, {json.dumps(value)});" for key, value in values.items())
    watched.page.evaluate(f"localStorage.clear(); sessionStorage.clear(); {lines}")


def test_damaged_choices_of_the_old_console_hide_nothing_and_others_are_taken_over(house: House, look: Look) -> None:
    watched = look(house)
    left(watched, pw_console_hidden_cards="{not json", pw_console_kiosk="maybe", pw_history_temp_unit="K")
    page = watched.open("console")
    until(page, f"{CARDS}.length === 10")
    assert not page.evaluate(KIOSK)
    cards = json.dumps(["alerts", "mqtt", "no-such-card", 7])
    left(watched, pw_console_hidden_cards=cards, pw_console_kiosk="1", pw_history_temp_unit="F")
    page = watched.open("console")
    until(page, f"{CARDS}.length === 9")
    assert {"alerts", "mqtt"}.isdisjoint(page.evaluate(CARDS))
    assert page.evaluate(KIOSK)
    page.keyboard.press("Escape")
    assert not page.evaluate(KIOSK)
    page.click("#settings")
    assert page.get_attribute("#settings-dialog button:has-text('°F')", "aria-pressed") == "true"
    page.click("#settings-dialog button:has-text('°C')")
    page.reload()
    until(page, f"{CARDS}.length === 9")
    assert not page.evaluate(KIOSK), "what was chosen here does not win over what was left"
    page.click("#settings")
    assert page.get_attribute("#settings-dialog button:has-text('°C')", "aria-pressed") == "true"


def test_token_of_the_old_console_is_used_and_told_to_nobody(house: House, look: Look) -> None:
    for kind in ("localStorage", "sessionStorage"):
        watched = look(house, each_request=True)
        left(watched, kind, pw_control_token=SECRET)
        page = watched.open(ONLY_CONTROL)
        found = page.evaluate("""async () => {
            const folder = document.querySelector('script[type=module]').src.replace(/[^/]*$/, '');
            const { token, forget } = await import(`${folder}control_token.js`);
            const had = token();
            forget();
            return [had, token(), localStorage.getItem('pw_control_token'), sessionStorage.getItem('pw_control_token')];
        }""")
        assert found == [SECRET, None, None, None], kind
        assert not any(SECRET.replace(" ", "%20") in url for url in watched.requests)


def test_choices_of_the_old_history(house: House, look: Look) -> None:
    watched = look(house)
    left(watched, pw_history_hidden_cards='["energy", "temperature"]', pw_history_range="7d", pw_history_kiosk="1")
    page = watched.open("history")
    until(page, DRAWN)
    assert query(page)["range"] == "7d"
    assert page.is_hidden("[data-metric=energy]")
    assert page.evaluate(KIOSK)
    page.keyboard.press("Escape")
    assert not page.evaluate(KIOSK)


LINES = "[...document.querySelectorAll('#charts .legend button[aria-pressed=false]')].map((one) => one.textContent)"
EVERYTHING = "document.querySelector('#everything').hidden"


def test_lines_that_were_switched_off_in_the_old_history(house: House, look: Look) -> None:
    """By its own names, with commas; its bars of single energies have no counterpart."""
    watched = look(house)
    left(watched, pw_history_hide="battery_level,grid_kw,home_kwh,<b>,shunt_temp,solar_kwh")
    page = watched.open("history")
    until(page, DRAWN)
    assert [one.split()[0] for one in page.evaluate(LINES)] == ["Grid", "Charge"]
    assert set(query(page)["hide"].split(",")) == {"soe", "grid", "shunt_temp"}
    page.click("#charts .legend button:has-text('Charge')")
    page.goto(f"{house.base}/history")
    until(page, DRAWN)
    assert [one.split()[0] for one in page.evaluate(LINES)] == ["Grid"], "what was chosen here does not win"
    page.click("#everything")
    until(page, f"{EVERYTHING} && {DRAWN}")
    page.goto(f"{house.base}/history")
    until(page, DRAWN)
    assert page.evaluate(LINES) == [] and page.evaluate(EVERYTHING)
    # A bookmark hides the same lines.
    page.goto(f"{house.base}/history?range=1d&hide=home_kw,battery_charge_kwh,solar_kw")
    until(page, DRAWN)
    assert [one.split()[0] for one in page.evaluate(LINES)] == ["Solar", "Home"]


def test_whether_the_old_console_remembered_the_token(house: House, look: Look) -> None:
    watched = look(house)
    page = watched.page
    for left_ticked, ticked in (("1", True), ("0", False), ("maybe", False), ("", False)):
        left(watched, pw_control_remember=left_ticked)
        watched.open(ONLY_TOKEN)
        page.evaluate(ASK)
        assert page.is_checked(KEEP) is ticked, left_ticked
        page.click(KEEP)
        page.fill("#token", SECRET)
        page.click("dialog button:has-text('Use it')")
        wait_until(partial(page.is_hidden, "#token"), 10)
        page.evaluate("localStorage.removeItem('pwserver.token')")
        page.reload()
        wait_live(page)
        page.evaluate("sessionStorage.clear()")
        page.evaluate(ASK)
        assert page.is_checked(KEEP) is not ticked, "what was chosen here does not win over what was left"


def test_kiosk_by_button_and_escape(house: House, look: Look) -> None:
    for light in (ONLY_CONTROL, f"history?{NO_SIGNALS}"):
        page = look(house).open(light)
        page.click("#kiosk")
        assert page.evaluate(KIOSK) and page.is_hidden("header")
        page.reload()
        assert page.evaluate(KIOSK), "a screen on the wall that is started anew is no kiosk any more"
        until(page, "document.querySelector('.leave-kiosk')")
        page.keyboard.press("Escape")
        assert not page.evaluate(KIOSK) and page.is_visible("header")
        page.goto(f"{house.base}/{light}&kiosk=1")
        until(page, "document.querySelector('.leave-kiosk')")
        page.keyboard.press("Escape")
        assert not page.evaluate(KIOSK)
        assert "kiosk" not in page.url
