"""What pypowerwall-server's pages have left in a browser is taken over; the kiosk is entered and left."""

from __future__ import annotations

import json

from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, until
from tests.pages.test_history import DRAWN, query

KIOSK = "document.documentElement.classList.contains('kiosk')"
CARDS = "[...document.querySelectorAll('main [data-card]')].map((one) => one.dataset.card)"


def left(page: Page, kind: str = "localStorage", **values: str) -> None:
    """Have the predecessor's choices in the browser before a script of ours runs, and only the first time."""
    lines = "".join(f"{kind}.setItem({json.dumps(key)}, {json.dumps(value)});" for key, value in values.items())
    page.add_init_script(
        f"if (!localStorage.getItem('left-{kind}')) {{ localStorage.setItem('left-{kind}', 1); {lines} }}"
    )


def test_choices_of_the_old_console(house: House, look: Look) -> None:
    watched = look(house.base)
    cards = json.dumps(["alerts", "mqtt", "no-such-card", 7])
    left(watched.page, pw_console_hidden_cards=cards, pw_console_kiosk="1", pw_history_temp_unit="F")
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


def test_damaged_choices_hide_nothing(house: House, look: Look) -> None:
    watched = look(house.base)
    left(watched.page, pw_console_hidden_cards="{not json", pw_console_kiosk="maybe", pw_history_temp_unit="K")
    page = watched.open("console")
    until(page, f"{CARDS}.length === 11")
    assert not page.evaluate(KIOSK)


def test_token_of_the_old_console_is_used_and_told_to_nobody(house: House, look: Look) -> None:
    for kind in ("localStorage", "sessionStorage"):
        watched = look(house.base)
        left(watched.page, kind, pw_control_token=SECRET)
        page = watched.open("console")
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
    watched = look(house.base)
    left(watched.page, pw_history_hidden_cards='["energy", "temperature"]', pw_history_range="7d", pw_history_kiosk="1")
    page = watched.open("history")
    until(page, DRAWN)
    assert query(page)["range"] == "7d"
    assert page.is_hidden("[data-metric=energy]")
    assert page.evaluate(KIOSK)
    page.keyboard.press("Escape")
    assert not page.evaluate(KIOSK)


def test_kiosk_by_button_and_escape(house: House, look: Look) -> None:
    for path in ("console", "history"):
        page = look(house.base).open(path)
        page.click("#kiosk")
        assert page.evaluate(KIOSK) and page.is_hidden("header")
        page.reload()
        assert page.evaluate(KIOSK), "a screen on the wall that is started anew is no kiosk any more"
        until(page, "document.querySelector('.leave-kiosk')")
        page.keyboard.press("Escape")
        assert not page.evaluate(KIOSK) and page.is_visible("header")
        page.goto(f"{house.base}/{path}?kiosk=1")
        until(page, "document.querySelector('.leave-kiosk')")
        page.keyboard.press("Escape")
        assert not page.evaluate(KIOSK)
        assert "kiosk" not in page.url
