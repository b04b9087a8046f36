"""Every control of the console in a real browser: asked, confirmed, sent once, and shown when the gateway says so."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page

from pwserver.simulator import protobuf, tedapi_commands
from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, until, until_is
from tests.pages.support import house as make_house
from tests.support.waiting import wait_until

ONLY_CONTROL = "console?hide=power-flow,energy,trend,daily-energy,powerwall,checks,gateways,strings,alerts"
RESERVE, MODE = "site_info.backup_reserve_percent", "default_real_mode"
EXPORT = "site_info.customer_preferred_export_rule"
NO_CHARGING = "site_info.disallow_charge_from_grid_with_solar_installed"
ISLAND = 3  # the command's number in the gateway's protocol
RAW_PERCENT, HELD_PERCENT = 60.0, 57  # 60 % of the gateway is 57.9 % of the app; what is held is rounded down


@dataclass(frozen=True)
class Case:
    """One button: what is shown before, what the reader does, what the gateway must note, what is shown after.

    What is shown before is the gateway's state at rest, or what the case before has left.
    """

    name: str
    row: str
    button: str
    title: str
    writes: list[tuple[str, dict[str, Any]]]
    before: str
    after: str
    fill: Callable[[Page], object] = lambda page: None
    word: str = ""
    # Names whose value is not the point: when an event starts, and what the library calls it.
    ignored: frozenset[str] = field(default_factory=frozenset)


def choose(row: str, value: str) -> Callable[[Page], object]:
    return lambda page: page.select_option(f"[data-control={row}] select", value)


def slide(page: Page) -> None:
    page.fill("[data-control=reserve] input", "34")


def fill_dispatch(page: Page) -> None:
    page.fill("[aria-label^=Watts]", "-1500")
    page.fill("[aria-label=Minutes]", "5")


CASES = [
    Case("reserve", "reserve", "Set", "Set reserve", [("config", {RESERVE: 37.3})], "^(?!34)[0-9]", "^34", fill=slide),
    Case("hold", "reserve", "Hold", "Hold charge", [("config", {RESERVE: 5 + 0.95 * HELD_PERCENT})],
         "^(?!57)[0-9]", "^57"),
    Case("mode", "mode", "Set", "Set mode", [("config", {MODE: "backup"})], "^Self-powered$", "^Backup only$",
         fill=choose("mode", "backup")),
    Case("grid charging", "grid_charging", "Set", "Set grid charging", [("config", {NO_CHARGING: True})],
         "^Allowed$", "^Not allowed$", fill=choose("grid_charging", "false")),
    Case("grid export", "grid_export", "Set", "Set export", [("config", {EXPORT: "never"})],
         "^Solar and battery$", "^Never$", fill=choose("grid_export", "never")),
    Case("full backup", "max_backup", "Start", "Start full backup",
         # The gateway wants an older event cancelled first, which the library does.
         [("cancel_backup", {}), ("schedule_backup", {"duration_seconds": 7200})], "^not running$", "^until .*[0-9]",
         fill=choose("max_backup", "7200"), ignored=frozenset({"start_time", "priority"})),
    Case("end of full backup", "max_backup", "End", "End full backup", [("cancel_backup", {})],
         "^until", "^not running$"),
    Case("off grid", "islanding", "Go off grid", "Go off grid", [("island", {"mode": 6, "force": True})],
         "^on grid$", "^off grid$", word="off grid"),
    Case("on grid", "islanding", "Reconnect", "Reconnect", [("island", {"mode": 1, "force": False})],
         "^off grid$", "^on grid$"),
    Case("dispatch", "dispatch", "Dispatch", "Dispatch",
         [("dispatch", {"power_watts": -1500.0, "duration_seconds": 300})],
         "^idle$", "^charging 1[.]50", fill=fill_dispatch),
    Case("resume", "dispatch", "Resume", "Resume", [("resume", {})], "^charging 1[.]50", "^idle$"),
]  # fmt: skip


@pytest.fixture(scope="module")
def wired() -> Iterator[House]:
    """A house that may be written to, all to itself."""
    free: dict[str, Any] = {"PW_CALLS_PER_MINUTE": "6000", "PW_ISLANDING_COOLDOWN": "0", "PW_CONTROL_ATTEMPTS": "1000"}
    with make_house("v1r", PW_CONTROL_SECRET=SECRET, **free) as found:
        yield found


@pytest.fixture
def fresh(wired: House) -> House:
    """On the grid, in balance, at rest; nothing noted."""
    gateway = wired.gateway
    balanced: dict[str, Any] = {"fixed_solar": 1000.0, "fixed_load": 1000.0, "soe_percent": RAW_PERCENT}
    gateway.set_house(**balanced, mode="self_consumption", off_grid=False, dispatch_watts=None, backup_until=0.0)
    gateway.device.writes.clear()
    return wired


def noted(house: House, ignored: frozenset[str] = frozenset()) -> list[tuple[str, dict[str, Any]]]:
    writes = [(write.kind, write.value) for write in house.gateway.writes]
    return [(kind, {name: item for name, item in value.items() if name not in ignored}) for kind, value in writes]


def shows(page: Page, row: str, pattern: str) -> None:
    """Wait until the row's present value is this."""
    words = f"document.querySelector('[data-control={row}] .now')?.textContent"
    until(page, f"/{pattern}/.test({words})", 25)


def press(page: Page, row: str, button: str) -> None:
    page.locator(f"[data-control={row}]").get_by_role("button", name=button, exact=True).click()


def confirm(page: Page, title: str, word: str = "") -> None:
    if word:
        page.fill("#typed", word)
    page.locator("dialog").get_by_role("button", name=title, exact=True).click()


def give_token(page: Page, token: str = SECRET, keep: bool = False) -> None:
    page.fill("#token", token)
    if keep:
        page.check("dialog input[type=checkbox]")
    page.keyboard.press("Enter")


def posts_of(page: Page) -> list[str]:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    return sent


def test_each_control_writes_once_and_shows_what_the_gateway_confirms(fresh: House, look: Look) -> None:
    page = look(fresh).open(ONLY_CONTROL)
    posts = posts_of(page)
    for case in CASES:
        shows(page, case.row, case.before)
        case.fill(page)
        press(page, case.row, case.button)
        confirm(page, "Cancel")
        until(page, "!document.querySelector('dialog[open]:not(#settings-dialog)')")
        press(page, case.row, case.button)
        if case.word:
            confirm(page, case.title, "something else")
            assert page.is_visible("#typed"), "it took another word for the right one"
        confirm(page, case.title, case.word)
        page.wait_for_selector("#token")
        assert posts == [] and noted(fresh) == [], f"{case.name}: something was sent that nobody had confirmed"
        give_token(page)
        until_is(page, "document.querySelector('.answer.good')?.textContent", f"{case.title}: done.")
        shows(page, case.row, case.after)
        assert len(posts) == 1, case.name
        written = noted(fresh, case.ignored)
        assert [kind for kind, _ in written] == [kind for kind, _ in case.writes], case.name
        for (_, value), (_, wanted) in zip(written, case.writes, strict=True):
            assert value == pytest.approx(wanted), case.name
        page.click("button:has-text('Forget token')")
        posts.clear()
        fresh.gateway.device.writes.clear()


def test_a_wrong_token_and_what_the_gateway_refuses(fresh: House, look: Look) -> None:
    """Both are said, the token is asked for again, and nothing is shown as set."""
    page = look(fresh, check=False).open(ONLY_CONTROL)
    shows(page, "reserve", "^[0-9]")
    slide(page)
    set_reserve(page)
    give_token(page, "not the token")
    until(page, "document.querySelector('.answer.bad')?.textContent.includes('not sent')")
    set_reserve(page)
    page.wait_for_selector("#token")
    page.locator("dialog").get_by_role("button", name="Cancel").click()
    assert noted(fresh) == []
    fresh.gateway.fault("status", status=500)
    try:
        set_reserve(page)
        give_token(page)
        until(page, "/^(?!.*not sent).*reserve/.test(document.querySelector('.answer.bad')?.textContent)")
        assert noted(fresh) == []
        assert page.input_value("[data-control=reserve] input") == "34", "what was wanted is forgotten"
    finally:
        fresh.gateway.fault("none")
    wait_until(lambda: fresh.server.json("/health")["gateways_online"] == 1, 20, "it does not come back")
    shows(page, "reserve", "^[0-9]")


def set_reserve(page: Page) -> None:
    press(page, "reserve", "Set")
    confirm(page, "Set reserve")


def unwilling(device: object, request: object) -> bytes:
    """An answer to an islanding command that is no yes."""
    return protobuf.integer(1, 2)


def test_refusals_are_said_in_plain_words(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answered with a no, asked again too soon, and carried out with the answer lost on its way."""
    rarely_polled: dict[str, Any] = {
        "PW_CACHE_EXPIRE": "20",
        "PW_TIMEOUT": "2",
        "PW_CALLS_PER_MINUTE": "6000",
        "PW_ISLANDING_COOLDOWN": "600",
    }
    with make_house("v1r", PW_CONTROL_SECRET=SECRET, **rarely_polled) as alone:
        watched = look(alone)
        watched.expected = ("status of 502", "status of 429", "status of 504")  # the browser's own lines
        page = watched.open(ONLY_CONTROL)
        shows(page, "islanding", "^on grid$")
        monkeypatch.setitem(tedapi_commands._HANDLERS, ISLAND, unwilling)
        go_off_grid(page)
        asked = time.time()
        give_token(page)
        refused = "Go off grid: refused. The gateway did not acknowledge islanding. Check grid status before retrying."
        assert answered(page, "bad", "refused") == refused
        go_off_grid(page)
        too_soon = answered(page, "bad", "not sent")
        assert re.fullmatch(
            r"Go off grid: not sent. Islanding was commanded a moment ago; try again in (10|9)\smin.", too_soon
        )
        shows(page, "islanding", "^on grid$")
        # A refusal is followed by a poll; the lost answer must not be that poll's.
        wait_until(lambda: alone.server.json("/api/gateways/default")["last_updated"] > asked, 20, "no poll followed")
        alone.gateway.fault("mute", path="/tedapi/v1r")
        try:
            fill_dispatch(page)
            press(page, "dispatch", "Dispatch")
            confirm(page, "Dispatch")
            unknown = answered(page, "bad", "not known")
        finally:
            alone.gateway.fault("none")
        said = "The request was sent, but no answer came; look before you try again."
        assert unknown == f"Dispatch: not known whether it was done. {said}"
        shows(page, "dispatch", "^charging 1[.]50")  # it was done, and the page says so as soon as it can be seen


def go_off_grid(page: Page) -> None:
    press(page, "islanding", "Go off grid")
    confirm(page, "Go off grid", "off grid")


def answered(page: Page, kind: str, word: str) -> str:
    """The sentence below the controls, when it is of this kind, has this word and can be seen."""
    until(page, f"document.querySelector('.answer.{kind}')?.textContent.includes('{word}')")
    box, window = page.locator(".answer").bounding_box(), page.viewport_size
    assert box and window and box["y"] >= 0 and box["y"] + box["height"] <= window["height"], "said out of sight"
    return page.inner_text(".answer")


def test_token_is_kept_only_where_the_reader_wants_it(fresh: House, look: Look) -> None:
    """In this tab first, then remembered by the browser."""
    page = look(fresh).open(ONLY_CONTROL)
    other = page.context.new_page()
    for keep in (False, True):
        shows(page, "grid_export", "^[SN]")
        press(page, "grid_export", "Set")
        confirm(page, "Set export")
        give_token(page, keep=keep)
        until(page, "document.querySelector('.answer.good')")
        in_browser, in_tab = page.evaluate("[localStorage, sessionStorage].map((one) => one.getItem('pwserver.token'))")
        assert (in_browser is not None, in_tab is not None) == (keep, not keep)
        page.reload()
        assert asks_for_token(page) is False, "a reload forgets it"
        other.goto(page.url)
        assert asks_for_token(other) is not keep
        other.goto("about:blank")
        page.click("button:has-text('Forget token')")
        page.reload()
        assert asks_for_token(page)


def asks_for_token(page: Page) -> bool:
    """Confirm one more command: does it want the token, or send?"""
    shows(page, "grid_export", "^[SN]")
    press(page, "grid_export", "Set")
    confirm(page, "Set export")
    until(page, "document.querySelector('#token') || document.querySelector('.answer.good')")
    wanted = page.is_visible("#token")
    if wanted:
        page.locator("dialog").get_by_role("button", name="Cancel").click()
    return wanted


def test_of_several_houses_each_tells_what_can_be_set_and_the_shown_one_is_commanded(look: Look) -> None:
    free: dict[str, Any] = {"PW_CALLS_PER_MINUTE": "6000"}
    with make_house("powerwall3", "v1r", "powerwall2", PW_CONTROL_SECRET=SECRET, **free) as several:
        unsigned, signed, dead = several.gateways.values()
        dead.fault("unplugged")
        page = look(several, check=False).open(ONLY_CONTROL)
        until(page, "/Choose one house/.test(document.querySelector('[data-card=control]').textContent)")
        assert not page.is_visible("[data-control=reserve]"), "nobody knows which house is meant"
        for name, able in (("Default", False), ("House2", True), ("House3", False), ("House2", True)):
            page.select_option("#switcher select", name.lower())
            until(page, f"/of {name}/.test(document.querySelector('[data-card=control] h2').textContent)")
            until(page, f"document.querySelector('[data-control=reserve] button').disabled === {str(not able).lower()}")
            assert disabled(page) == {not able}
            assert page.is_visible("#control-reasons") is not able
        slide(page)
        press(page, "reserve", "Set")
        assert "House2: Keep 34" in page.inner_text("dialog[open]")
        confirm(page, "Set reserve")
        give_token(page)
        until(page, "document.querySelector('.answer.good')")
        assert page.inner_text(".answer") == "House2: Set reserve: done."
        shows(page, "reserve", "^34")
        assert [(write.kind, write.value) for write in signed.writes] == [("config", {RESERVE: pytest.approx(37.3)})]
        assert unsigned.writes == dead.writes == []


def disabled(page: Page) -> set[bool]:
    parts = page.locator("[data-control] :is(button, input, select)")
    return set(parts.evaluate_all("all => all.map(one => one.disabled)"))


def test_what_cannot_be_set_is_disabled_from_the_start_and_says_why(look: Look) -> None:
    with make_house("powerwall3", PW_CONTROL_SECRET=SECRET) as alone:
        page = look(alone).open(ONLY_CONTROL)
        page.wait_for_selector("[data-control=reserve]")
        assert disabled(page) == {True}
        words = page.inner_text("#control-reasons")
        assert "TEDAPI over WiFi cannot write." in words and "v1r" in words and "Tesla" in words
        assert page.get_attribute("[data-control=reserve] button", "aria-describedby") == "control-reasons"
        shows(page, "reserve", "^[0-9]")  # what is set now is shown all the same
