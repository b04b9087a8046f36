"""Everything without a mouse: the console's controls and the order of its cards."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, Watched, until
from tests.pages.test_control import ONLY_CONTROL
from tests.support.waiting import wait_until

FOCUSED = "document.activeElement"
ROW = f"{FOCUSED}.closest('[data-control]')?.dataset.control ?? ''"
ROWS = "[...document.querySelectorAll('[data-control]:not([hidden])')].map((one) => one.dataset.control)"


def focused(page: Page) -> str:
    return str(page.evaluate(f"{FOCUSED}.getAttribute('aria-label') ?? {FOCUSED}.textContent"))


def press(page: Page, key: str, wanted: str, most: int = 60) -> None:
    """This key again and again, until what has the focus is so named."""
    for _ in range(most):
        page.keyboard.press(key)
        if focused(page) == wanted:
            return
    raise AssertionError(f"{wanted} cannot be reached with {key}")


def controls(watched: Watched) -> Page:
    """Open the page of the controls alone; before the server has told about them nothing there takes the focus."""
    page = watched.open(ONLY_CONTROL)
    until(page, "document.querySelector('[data-control=reserve] input')?.checkVisibility()")
    until(page, "/^[0-9]/.test(document.querySelector('[data-control=reserve] .now').textContent)")
    return page


def test_a_command_from_the_first_key_to_its_answer(house: House, look: Look) -> None:
    watched = look(house)
    page = controls(watched)
    press(page, "Tab", "Settings")
    page.keyboard.press("Tab")
    assert page.evaluate(f"{FOCUSED}.type") == "range"
    before = int(page.input_value("[data-control=reserve] input"))
    page.keyboard.press("ArrowRight")
    assert int(page.input_value("[data-control=reserve] input")) == before + 1
    page.keyboard.press("ArrowLeft")  # other tests look at this house too: what is sent is what it has
    press(page, "Tab", "Set")
    page.keyboard.press("Enter")
    assert focused(page) == "Cancel", "the first thing in reach is what does nothing"
    press(page, "Tab", "Set reserve")
    page.keyboard.press("Enter")
    page.wait_for_selector("#token")
    assert page.evaluate(f"{FOCUSED}.id") == "token"
    page.keyboard.type(SECRET)
    watched.expected = ("status of 503",)  # to the question that follows the command
    page.route("**/control/status", lambda route: route.fulfill(status=503, body="{}"))
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.answer.good')")
    assert focused(page) == "Set" and page.evaluate(ROW) == "reserve", "the focus is lost"
    until(page, "document.querySelector('#title-control small').textContent === 'the server did not answer'")
    assert focused(page) == "Set", "the focus is lost with one answer"


def test_focus_goes_through_the_controls_in_the_order_they_are_seen(house: House, look: Look) -> None:
    page = controls(look(house))
    assert len(page.evaluate(ROWS)) == 7
    press(page, "Tab", "Settings")
    order: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        row = str(page.evaluate(ROW))
        if not row:
            break
        if row not in order:
            order.append(row)
    assert order == page.evaluate(ROWS)
    assert page.evaluate(
        """[...document.querySelectorAll("[data-control]:not([hidden])")].every((one, index, all) => {
          if (!index) return true;
          const before = all[index - 1].getBoundingClientRect(), here = one.getBoundingClientRect();
          return here.top > before.top || (here.top === before.top && here.left > before.left);
        })"""
    ), "seen in another order than reached"


def test_cards_are_ordered_with_the_keys(house: House, look: Look) -> None:
    page = look(house).open("console")
    until(page, "document.querySelectorAll('.card').length === 10")
    press(page, "Tab", "Settings")
    page.keyboard.press("Enter")
    press(page, "Tab", "Move Control down")
    page.keyboard.press("Enter")
    assert focused(page) == "Move Control up", "the end of the list: its other arrow"
    assert page.inner_text("dialog [role=status]") == "Control: 10 of 10"
    for _ in range(2):
        page.keyboard.press("Enter")
        assert focused(page) == "Move Control up"
    assert page.inner_text("dialog [role=status]") == "Control: 8 of 10"
    page.keyboard.press("Escape")
    wait_until(lambda: focused(page) == "Settings", 10, "the focus is lost")
    shown = page.evaluate("[...document.querySelectorAll('.card')].map((one) => one.dataset.card)")
    assert shown.index("control") == 7
