"""The power flow: what it shows in every state of a house, in every style, framed and not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Frame

from pwserver.simulator import SimulatedGateway
from pwserver.web.page_routes import STYLES
from tests.pages.conftest import Look
from tests.pages.support import House, until
from tests.pages.support import house as make_house
from tests.support.waiting import wait_until

FLOW = "document.querySelector('.flow').classList"
RUNNING = """Object.fromEntries([...document.querySelectorAll('.dots')].map(
  (box, index) => [['solar', 'grid', 'home', 'battery'][index], box.classList.contains('running')]))"""
BACKGROUNDS = {
    "clear": "rgba(0, 0, 0, 0)",
    "black": "rgb(0, 0, 0)",
    "white": "rgb(255, 255, 255)",
    "grafana": "rgb(22, 23, 25)",
    "grafana-dark": "rgb(17, 18, 23)",
    "solar": "rgb(255, 249, 234)",
    "dakboard": "rgb(0, 0, 0)",
}
MIDDLE = """(() => {
  const box = (name) => document.querySelector(`.node.${name}`).getBoundingClientRect();
  const flow = document.querySelector('.flow').getBoundingClientRect();
  return ((box("solar").top + box("home").bottom) / 2 - flow.top) / flow.height;
})()"""
FIGURES = r"/\d/.test(document.querySelector('.node.home .value')?.textContent ?? '')"


@pytest.fixture(scope="module")
def other() -> Iterator[House]:
    """A house of its own whose weather is made here."""
    with make_house("powerwall2") as found:
        yield found


def shown(page: object, node: str) -> str:
    return page.evaluate(f"document.querySelector('.node.{node} .figure').textContent")  # type: ignore[attr-defined,no-any-return]


def weather(gateway: SimulatedGateway, **wanted: object) -> None:
    gateway.set_house(**{"fixed_solar": None, "fixed_load": None, "grid_outage": False, **wanted})


def test_numbers_and_directions_are_those_of_the_server(other: House, look: Look) -> None:
    weather(other.gateway, fixed_solar=6000.0, fixed_load=800.0, soe_percent=60.0)
    wait_until(lambda: other.server.json("/json")["battery"] < -4000, 15, "it does not charge")
    page = look(other.base).open()
    until(page, "document.querySelector('.node.solar .value').textContent === '6.00'")
    watts = other.server.json("/json")
    assert re.fullmatch(r"6\.00\s?kW", shown(page, "solar"))
    assert shown(page, "home").startswith("8") and watts["home"] == pytest.approx(800, abs=100)
    assert page.evaluate("document.querySelector('.level').textContent") == f"{(watts['soe'] - 5) / 0.95:.0f}\u202f%"
    assert page.evaluate("document.querySelectorAll('.unit').length") == 2
    running = page.evaluate(RUNNING)
    assert running["solar"] and running["home"] and running["battery"]
    sentence = page.evaluate("document.querySelector('.flow .unseen').textContent")
    assert "Battery charging" in sentence and "Solar 6.00" in sentence


def test_off_grid_is_unmistakable(other: House, look: Look) -> None:
    page = look(other.base).open()
    weather(other.gateway, grid_outage=True)
    until(page, f"{FLOW}.contains('off-grid')")
    assert page.evaluate("getComputedStyle(document.querySelector('.breaker')).visibility") == "visible"
    assert "on its own" in page.text_content("#notice")
    assert page.evaluate("document.querySelector('.node.grid .note').textContent") == "Off grid"
    assert page.evaluate(RUNNING)["grid"] is False
    weather(other.gateway)
    until(page, f"!{FLOW}.contains('off-grid') && document.querySelector('#notice').textContent === ''")


def test_reduced_motion_stands_still(house: House, look: Look) -> None:
    page = look(house.base, reduced_motion="reduce").open()
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    assert page.evaluate("document.getAnimations().filter((one) => one.playState === 'running').length") == 0


def test_speed_changes_without_a_jump(other: House, look: Look) -> None:
    weather(other.gateway, fixed_solar=1500.0, fixed_load=1000.0)
    page = look(other.base).open()
    rate = "document.querySelector('.dots b').getAnimations()[0]?.playbackRate ?? 0"
    until(page, f"document.querySelector('.node.solar .value').textContent.startsWith('1.5') && ({rate}) > 0")
    page.evaluate("globalThis.first = document.querySelector('.dots b').getAnimations()[0]")
    slow = page.evaluate(rate)
    weather(other.gateway, fixed_solar=7000.0, fixed_load=1000.0)
    until(page, f"({rate}) > {slow} * 1.3")
    assert page.evaluate("document.querySelector('.dots b').getAnimations()[0] === globalThis.first"), "restarted"


def test_solar_only_house_has_no_battery(look: Look) -> None:
    with make_house("solar-only") as alone:
        page = look(alone.base).open()
        until(page, "document.querySelector('.node.solar .value').textContent !== '–'")
        assert page.evaluate(f"{FLOW}.contains('no-battery')")
        assert page.evaluate("getComputedStyle(document.querySelector('.node.battery')).visibility") == "hidden"
        weather(alone.gateway, fixed_solar=3000.0, fixed_load=1000.0)
        until(page, "document.querySelector('.node.home .note').textContent.startsWith('100')")
        assert (
            page.evaluate("[...document.querySelectorAll('.dots.running i')].some((one) => one.className === 'home')")
            is False
        )
        assert page.evaluate(MIDDLE) == pytest.approx(0.5, abs=0.05), "room is kept for a battery that is not there"


def test_styles_in_a_frame(house: House, look: Look) -> None:
    page = look(house.base, color_scheme="dark").open("example.html")
    for style in STYLES:
        page.select_option("#style", style)
        page.frames[1].wait_for_url(f"**/?style={style}", wait_until="load")
        wait_until(partial(page.frames[1].evaluate, FIGURES), 15, f"no figures in style {style}")
        _check_style(page.frames[1], style)


def _check_style(frame: Frame, style: str) -> None:
    assert frame.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "none"
    background = frame.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == BACKGROUNDS[style]
    width, height = frame.evaluate(
        "[document.querySelector('.flow')].map((e) => [e.clientWidth / innerWidth, e.clientHeight / innerHeight])[0]"
    )
    assert width > 0.9 and height > 0.9, "the drawing does not fill its frame"


def test_style_of_the_configuration_and_of_the_address(look: Look) -> None:
    with make_house("powerwall2", PW_STYLE="grafana-dark") as styled:
        assert b'data-style="grafana-dark"' in styled.server.get("/").body
        assert b'data-style="white"' in styled.server.get("/?style=white").body
        assert b'data-style="clear"' in styled.server.get("/?style=nonsense").body


def test_kiosk_shows_the_drawing_only(house: House, look: Look) -> None:
    page = look(house.base).open("?kiosk=1")
    until(page, FIGURES)
    assert not page.is_visible(".bar") and not page.is_visible(".facts")
    assert page.evaluate("document.querySelector('.flow').clientHeight / innerHeight") > 0.95
