"""The power flow: what it shows in every state of a house, in every style, framed and not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Frame, Page, Route

from pwserver.config.server_settings import STYLES
from pwserver.simulator import SimulatedGateway
from tests.pages.conftest import Look
from tests.pages.support import MOVING, House, until, until_is
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
# How full each tube is drawn, in percent: an empty one is moved down by 110 units.
TUBES = """[...document.querySelectorAll('.unit-fill')].map((one) =>
  100 * (1 - parseFloat(one.style.getPropertyValue('transform').match(/[0-9.]+/)[0]) / 110))"""
FIGURES = r"/\d/.test(document.querySelector('.node.home .value')?.textContent ?? '')"


@pytest.fixture(scope="module")
def other() -> Iterator[House]:
    """A house of its own whose weather is made here."""
    with make_house("powerwall2") as found:
        yield found


def shown(page: object, node: str) -> str:
    return page.evaluate(f"document.querySelector('.node.{node} .figure').textContent")  # type: ignore[attr-defined,no-any-return]


def weather(gateway: SimulatedGateway, **wanted: Any) -> None:
    gateway.set_house(**{"fixed_solar": None, "fixed_load": None, "grid_outage": False, **wanted})


def test_numbers_and_directions_are_those_of_the_server(other: House, look: Look) -> None:
    weather(other.gateway, fixed_solar=6000.0, fixed_load=800.0, soe_percent=60.0)
    wait_until(lambda: other.server.json("/json")["battery"] < -4000, 15, "it does not charge")
    page = look(other, **MOVING).open()
    until(page, "document.querySelector('.node.solar .value').textContent === '6.00'")
    watts = other.server.json("/json")
    assert re.fullmatch(r"6\.00\s?kW", shown(page, "solar"))
    assert shown(page, "home").startswith("8") and watts["home"] == pytest.approx(800, abs=100)

    def same_level() -> bool:
        percent = (other.server.json("/json")["soe"] - 5) / 0.95
        return bool(page.evaluate("document.querySelector('.level').textContent") == f"{percent:.0f}\u202f%")

    wait_until(same_level, 15, "the page shows another charge than the server")
    assert page.evaluate("document.querySelectorAll('.unit').length") == 2
    # While a machine at its limits has no new figures nothing runs.
    until(page, f"(({{ solar, home, battery }}) => solar && home && battery)({RUNNING})")
    sentence = "document.querySelector('.flow .unseen').textContent"
    until(page, f"{sentence}.includes('Battery charging') && {sentence}.includes('Solar 6.00')")


def test_off_grid_is_unmistakable(other: House, look: Look) -> None:
    page = look(other, **MOVING).open()
    weather(other.gateway, grid_outage=True)
    until(page, f"{FLOW}.contains('off-grid')")
    until_is(page, "getComputedStyle(document.querySelector('.breaker')).visibility", "visible")
    until(page, "/on its own/.test(document.querySelector('#notice').textContent)")
    until_is(page, "document.querySelector('.node.grid .note').textContent", "Off grid")
    until_is(page, f"{RUNNING}.grid", False)
    weather(other.gateway)
    until(page, f"!{FLOW}.contains('off-grid') && /^All well/.test(document.querySelector('#notice').textContent)")


def test_reduced_motion_stands_still(house: House, look: Look) -> None:
    page = look(house).open()
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    until_is(page, "document.getAnimations().filter((one) => one.playState === 'running').length", 0)


def test_speed_changes_without_a_jump(other: House, look: Look) -> None:
    weather(other.gateway, fixed_solar=1500.0, fixed_load=1000.0)
    page = look(other, **MOVING).open()
    rate = "document.querySelector('.dots b').getAnimations()[0]?.playbackRate ?? 0"
    until(page, f"document.querySelector('.node.solar .value').textContent.startsWith('1.5') && ({rate}) > 0")
    page.evaluate("globalThis.first = document.querySelector('.dots b').getAnimations()[0]")
    slow = page.evaluate(rate)
    weather(other.gateway, fixed_solar=7000.0, fixed_load=1000.0)
    until(page, f"({rate}) > {slow} * 1.3")
    assert page.evaluate("document.querySelector('.dots b').getAnimations()[0] === globalThis.first"), "restarted"


def test_solar_only_house_has_no_battery(look: Look) -> None:
    with make_house("solar-only") as alone:
        page = look(alone, **MOVING).open()
        until(page, "document.querySelector('.node.solar .value').textContent !== '–'")
        until(page, f"{FLOW}.contains('no-battery')")
        until_is(page, "getComputedStyle(document.querySelector('.node.battery')).visibility", "hidden")
        weather(alone.gateway, fixed_solar=3000.0, fixed_load=1000.0)
        until(page, "document.querySelector('.node.home .note').textContent.startsWith('100')")
        assert (
            page.evaluate("[...document.querySelectorAll('.dots.running i')].some((one) => one.className === 'home')")
            is False
        )
        # A notice that the figures are late takes room for a moment.
        in_the_middle = f"Math.abs({MIDDLE} - 0.5) < 0.05"
        wait_until(lambda: page.evaluate(in_the_middle), 15, "room is kept for a battery that is not there")


def test_styles_in_a_frame(house: House, look: Look) -> None:
    page = look(house, color_scheme="dark").open("example.html")
    for style in STYLES:
        page.select_option("#style", style)
        page.frames[1].wait_for_url(f"**/?style={style}", wait_until="load")
        wait_until(partial(page.frames[1].evaluate, FIGURES), 15, f"no figures in style {style}")
        _check_style(page.frames[1], style)


def _check_style(frame: Frame, style: str) -> None:
    assert frame.evaluate("getComputedStyle(document.querySelector('.bar')).display") == "none"
    background = frame.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert background == BACKGROUNDS[style]
    # On a machine at its limits a notice that the figures are late may have a line of the frame for a moment.
    flow = "document.querySelector('.flow')"
    filled = f"Math.min({flow}.clientWidth / innerWidth, {flow}.clientHeight / innerHeight) > 0.9"
    wait_until(partial(frame.evaluate, filled), 15, "the drawing does not fill its frame")


def test_style_of_the_configuration_and_of_the_address(look: Look) -> None:
    with make_house("powerwall2", PW_STYLE="grafana-dark") as styled:
        assert b'data-style="grafana-dark"' in styled.server.get("/").body
        assert b'data-style="white"' in styled.server.get("/?style=white").body
        assert b'data-style="clear"' in styled.server.get("/?style=nonsense").body


def test_kiosk_shows_the_drawing_below_its_sentence(house: House, look: Look) -> None:
    page = look(house).open("?kiosk=1")
    until(page, FIGURES)
    assert not page.is_visible(".bar") and not page.is_visible(".facts")
    assert page.is_visible("#notice"), "a screen on the wall says whether all is well"
    until(page, "document.querySelector('.flow').clientHeight / innerHeight > 0.88")


SIZES = [(390, 844), (320, 568), (640, 640), (768, 1024), (1280, 800)]
# What overlaps something else of the drawing. The dots and lines may: they run between the nodes.
OVERLAPPING = """(() => {
  const texts = [...document.querySelectorAll('.flow-drawing :is(text, .disc, .plinth)')];
  const box = (one) => one.getBoundingClientRect();
  const seen = texts.filter((one) => box(one).width && getComputedStyle(one).visibility !== 'hidden');
  const owner = (one) => one.closest('.node, .further-node');
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top;
  const found = [];
  for (const [index, a] of seen.entries()) for (const b of seen.slice(index + 1))
    if (owner(a) !== owner(b) && !apart(box(a), box(b))) found.push([a.outerHTML, b.outerHTML]);
  return found;
})()"""
OUTSIDE = """(() => {
  const frame = document.querySelector('.flow').getBoundingClientRect();
  return [...document.querySelectorAll('.further-node text, .further-node .disc, .node.battery text')]
    .map((one) => one.getBoundingClientRect())
    .filter(({ left, right, top, bottom }) =>
      left < frame.left || right > frame.right || top < frame.top || bottom > frame.bottom)
    .map((box) => box.toJSON());
})()"""
# From the rim of the further node to the rim of the hub, in units of the drawing.
LINE_ENDS = """(() => {
  const line = document.querySelector('.further-line');
  const at = (name) => line[name].baseVal.value;
  const [hubX, hubY] = document.querySelector('.hub').getAttribute('transform').match(/[-0-9.]+/g).map(Number);
  return [Math.hypot(at('x2') - hubX, at('y2') - hubY), Math.hypot(at('x1') - at('x2'), at('y1') - at('y2'))];
})()"""


@pytest.fixture(scope="module")
def farm() -> Iterator[House]:
    """A house with a generator that runs."""
    with make_house("generator") as found:
        found.gateway.set_house(generator_watts=4200.5)
        yield found


# The page measures itself a moment after it has got another size: a drawing that fits is that of the new size.
MEASURED = "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))"


def resize(page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    until(page, f"innerWidth === {width} && innerHeight === {height} && {MEASURED}")


def test_a_generator_has_a_place_and_a_line_of_its_own(farm: House, look: Look) -> None:
    page = look(farm).open("")
    for width, height in SIZES:
        resize(page, width, height)
        until(page, "/^Generator4[.]20.kW$/.test(document.querySelector('.further').textContent)")
        until_is(page, OVERLAPPING, [])
        until_is(page, OUTSIDE, [])
        page.locator(".further-line").wait_for()
        # A gateway that is late takes its generator's line along for a moment.
        from_hub, length = until(page, f"document.querySelector('.further-line') && {LINE_ENDS}")
        assert from_hub == pytest.approx(30) and length > 40


@pytest.mark.parametrize("meters", [2, 3])
def test_several_further_meters_have_room(farm: House, look: Look, meters: int) -> None:
    names = ("busway", "backup_generator_of_the_barn")[: meters - 1]

    def with_meters(route: Route) -> None:
        message = route.fetch().json()
        message["site"]["meters"] |= {name: {"watts": -12_345} for name in names}
        route.fulfill(json=message)

    page = look(farm).page
    page.route("**/api/site", with_meters)
    page.goto(f"{farm.base}/?live=poll")
    for width, height in SIZES:
        resize(page, width, height)
        until(page, f"document.querySelectorAll('.further-node').length === {meters}")
        until_is(page, OVERLAPPING, [])
        until_is(page, OUTSIDE, [])


def test_every_powerwall_is_drawn(farm: House, look: Look) -> None:
    """One tube for each of up to twelve, as full as it is; more are drawn with the charge of all."""
    levels: list[int] = []

    def with_units(route: Route) -> None:
        message = route.fetch().json()
        message["gateways"][0]["units_percent"] = levels
        route.fulfill(json=message)

    page = look(farm, viewport={"width": 390, "height": 844}).page
    page.route("**/api/site", with_units)

    def as_full_as_told() -> bool:
        heights, level = page.evaluate(f"[{TUBES}, parseInt(document.querySelector('.level').textContent)]")
        return bool(heights == pytest.approx(levels if len(levels) <= 12 else [level] * 12, abs=1.5))

    for count in (1, 5, 8, 12, 13):
        levels[:] = [100 - 7 * number for number in range(count)]
        if count == 1:
            page.goto(f"{farm.base}/?live=poll")
        name = f"{count} Powerwalls" if count > 1 else "Powerwall"
        until_is(page, "document.querySelector('.node.battery .label')?.textContent", name)
        until(
            page, f"/[0-9]/.test(document.querySelector('.level').textContent) && {TUBES}.length === {min(count, 12)}"
        )
        wait_until(as_full_as_told, 15, f"the tubes of {name} are drawn with another charge")
        until_is(page, OVERLAPPING, [])
        until_is(page, OUTSIDE, [])


def test_a_house_without_a_battery_that_dies_gets_none(look: Look) -> None:
    with make_house("solar-only", PW_CACHE_EXPIRE="1", PW_CACHE_TTL="4") as alone:
        alone.gateway.fault("unplugged")
        wait_until(lambda: alone.server.json("/api/site")["gateways"][0]["state"] == "away", 30, "it is not away")
        page = look(alone, check=False).open("")
        until(page, "document.querySelector('.node.solar .value').textContent !== '–'")
        assert page.evaluate(f"{FLOW}.contains('no-battery')")
