"""Each state a house can be in: what must be readable is readable from 320 to 2,560 pixels, in both themes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import pytest
from playwright.sync_api import Page

from pwserver.simulator import SimulatedGateway
from tests.pages.conftest import Look
from tests.pages.support import House, server_at_a_known_port, until

SIZES = ((320, 700, "light"), (390, 844, "dark"), (820, 1180, "light"), (1280, 800, "dark"), (2560, 1440, "light"))
QUICK = {"PW_CACHE_EXPIRE": "1", "PW_TIMEOUT": "5", "PW_BACKOFF_MAX": "5"}
PAGES = ("", "console", "history")
SEEN = "[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility())"
# Every word on the page that a reader sees. Inputs and pictures tell theirs by their values.
WORDS = f"[document.body.innerText, ...{SEEN}.map((one) => one.value ?? '')].join('\\n').replace(/\\s+/g, ' ')"
FITS = "document.documentElement.scrollWidth <= innerWidth"
# Words of the power flow that stand on one another; half a line is what a descender may reach into.
COLLISIONS = """(() => {
  const words = [...document.querySelectorAll('#flow *, [data-card=power-flow] .flow *')]
    .filter((one) => one.checkVisibility())
    .filter((one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((one) => {
      const range = document.createRange();
      range.selectNodeContents(one);
      const { left, right, top, bottom } = range.getBoundingClientRect();
      return { words: one.textContent.trim(), left, right, top, bottom };
    });
  return words.flatMap((one, at) => words.slice(at + 1).filter((other) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 4 &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > (one.bottom - one.top) / 2,
  ).map((other) => `${one.words} / ${other.words}`));
})()"""


STRINGS = "console?hide=trend,daily-energy,checks,gateways,control"


@contextmanager
def served(scenario: str = "powerwall3", *, hour: float = 12.5, **settings: str) -> Iterator[House]:
    """A house that is asked every second; its password may be another one than its gateway's."""
    with SimulatedGateway(scenario, hour=hour) as gateway:
        gateway.set_house(fixed_load=900.0)
        known = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password}
        with server_at_a_known_port(known | QUICK | settings) as server:
            yield House({"home": gateway}, server)


@contextmanager
def well(scenario: str, hour: float = 12.5) -> Iterator[House]:
    with served(scenario, hour=hour) as house:
        house.server.wait_for_data()
        yield house


@contextmanager
def fresh() -> Iterator[House]:
    with server_at_a_known_port({}) as server:
        yield House({}, server)


@contextmanager
def no_answer_yet() -> Iterator[House]:
    with SimulatedGateway("powerwall2") as gateway:
        gateway.fault("silent")
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "PW_TIMEOUT": "60"}
        with server_at_a_known_port(environment) as server:
            yield House({"home": gateway}, server)


@contextmanager
def off_grid() -> Iterator[House]:
    with well("powerwall3") as house:
        house.gateway.set_house(grid_outage=True)
        yield house


@contextmanager
def no_solar() -> Iterator[House]:
    with well("powerwall2") as house:
        house.gateway.set_house(fixed_solar=0.0)
        yield house


@contextmanager
def silent(kept_seconds: int) -> Iterator[House]:
    """A gateway that has gone: its figures are served as old ones for so many seconds, then not at all."""
    with served(PW_CACHE_TTL=str(kept_seconds)) as house:
        house.server.wait_for_data()
        house.gateway.fault("unplugged")
        yield house


@contextmanager
def three() -> Iterator[House]:
    """One is well, one refuses the password, at the address of one nobody answers."""
    with ExitStack() as stack:
        mill, shed = (stack.enter_context(SimulatedGateway("powerwall2", hour=12.5)) for _ in range(2))
        entries = [
            {"id": "mill", "name": "Mill", "host": mill.address, "gw_pwd": mill.password},
            {"id": "shed", "name": "Shed", "host": shed.address, "gw_pwd": "WRONGWRONG"},
            {"id": "cabin", "name": "Cabin", "host": "127.0.0.1:9", "gw_pwd": mill.password},
        ]
        server = stack.enter_context(server_at_a_known_port({"PW_GATEWAYS": json.dumps(entries), **QUICK}))
        yield House({"mill": mill, "shed": shed}, server)


POWERS = ("Solar", "Home 900 W", "Grid", "Powerwall")
REFUSED = "The gateway refused the password or key.*Check the password.*since .*next attempt"
NOBODY = "No connection to the gateway.*Check that the gateway has power.*since .*next attempt"
STATES: dict[str, tuple[Callable[[], AbstractContextManager[House]], dict[str, tuple[str, ...]]]] = {
    "one house": (partial(well, "powerwall3"), {"": ("All well · on grid", "backup about", "reserve", *POWERS)}),
    "a fresh install": (
        fresh,
        dict.fromkeys(PAGES, ("No gateway is configured", "pwserver --setup"))
        | {"console": ("Strings Nothing known yet",)},
    ),
    "no data yet": (no_answer_yet, dict.fromkeys(PAGES, ("Waiting",)) | {"server": ("Waiting", "Connecting Address")}),
    "a wrong password": (
        partial(served, PW_GW_PWD="WRONGWRONG"),
        dict.fromkeys(PAGES, (REFUSED,)) | {"console": (REFUSED, "Strings Not known while")},
    ),
    "nobody at the address": (partial(served, PW_HOST="127.0.0.1:9"), dict.fromkeys(PAGES, (NOBODY,))),
    "an outage of seconds": (
        partial(silent, 600),
        {
            "": ("no new data, these figures are .* old", "Home 900 W"),
            "console": ("no new data, these figures are .* old",),
        },
    ),
    "an outage of minutes": (partial(silent, 5), {"": (NOBODY,), "console": (NOBODY,)}),
    "off grid": (
        off_grid,
        {"": ("Off grid – the house runs on its own", "left at present use", "Home 900 W"), "console": ("Off grid",)},
    ),
    "night": (partial(well, "powerwall3", 1.5), {"": POWERS, STRINGS: ("asleep",)}),
    "no solar": (no_solar, {"": ("Home 900 W", "Grid")}),
    "no battery": (partial(well, "solar-only"), {"": ("Home 900 W",), "console": ("All well",)}),
    "three houses": (
        three,
        {"": ("Shed", "Cabin"), "console": ("Shed", "Cabin"), "houses": ("Mill", "Shed", "Cabin", REFUSED)},
    ),
}


@pytest.mark.parametrize("state", STATES)
def test_what_must_be_readable_is(look: Look, state: str) -> None:
    start, pages = STATES[state]
    with start() as house:
        watched = look(house)
        for path, readable in pages.items():
            page = watched.open(path)
            for words in readable:
                until(page, f"/{words}/i.test({WORDS})", 60)
            check_every_size(page, readable)


def check_every_size(page: Page, readable: tuple[str, ...]) -> None:
    """The words are there, nothing is wider than the window and no word of the power flow stands on another."""
    for width, height, theme in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        until(page, f"innerWidth === {width} && document.documentElement.dataset.theme === '{theme}' && {FITS}")
        for words in readable:
            until(page, f"/{words}/i.test({WORDS})")
        until(page, f"{COLLISIONS}.length === 0")
