"""One sentence on top of every page: is all well, how long would the backup last, which house is in trouble and why?"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.pages.conftest import Look
from tests.pages.support import SECRET, House, server_at_a_known_port, until, until_is
from tests.support.waiting import wait_until

NOTICE = "document.querySelector('#notice').textContent"
MORE = "document.querySelector('#more').textContent"
BOX = "document.querySelector('.notice').classList"
PAGES = ("", "console", "history")
BACKUP = r"^backup about .+ at present use · reserve \d+\s%$"
FAST = {"PW_CACHE_EXPIRE": "1", "PW_TIMEOUT": "5", "PW_BACKOFF_MAX": "5", "PW_CACHE_TTL": "8"}
# Houses at which nothing changes are asked seldom: each poll costs.
SELDOM = FAST | {"PW_CACHE_EXPIRE": "5", "PW_CACHE_TTL": "30"}
TWELVE = ("home", "cabin", "barn", "mill", "shed", "villa", "farm", "loft", "annex", "lodge", "office", "garage")


@pytest.fixture(scope="module")
def one() -> Iterator[House]:
    """A house with nothing wrong at all."""
    with SimulatedGateway("powerwall2", hour=12.5) as gateway:
        gateway.set_house(fixed_solar=3000.0, fixed_load=900.0)
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, **SELDOM}
        with server_at_a_known_port(environment) as server:
            server.wait_for_data()
            yield House({"home": gateway}, server)


@pytest.fixture(scope="module")
def twelve() -> Iterator[House]:
    """Twelve houses: the cabin has refused the password, the barn is off the grid, with all others all is well."""
    with ExitStack() as stack:
        fine, dark = (stack.enter_context(SimulatedGateway("powerwall2", hour=12.5)) for _ in range(2))
        fine.set_house(fixed_solar=3000.0, fixed_load=900.0)
        dark.set_house(fixed_solar=0.0, fixed_load=3000.0, grid_outage=True)

        def entry(name: str, gateway: SimulatedGateway, password: str) -> dict[str, str]:
            return {"id": name, "name": name.capitalize(), "host": gateway.address, "gw_pwd": password}

        entries = [entry(name, fine, fine.password) for name in TWELVE]
        entries[1] = entry("cabin", fine, "WRONGWRONG")
        entries[2] = entry("barn", dark, dark.password)
        server = stack.enter_context(
            server_at_a_known_port({"PW_GATEWAYS": json.dumps(entries), "PW_CONTROL_SECRET": SECRET, **SELDOM})
        )
        wait_until(lambda: server.json("/api/site")["site"]["well"] == 10, 60, server.output())
        wait_until(lambda: server.json("/api/site")["site"]["troubled"] == ["cabin", "barn"], 60, server.output())
        yield House({"fine": fine, "dark": dark}, server)


def test_with_one_house_every_page_says_that_all_is_well_and_for_how_long(one: House, look: Look) -> None:
    watched = look(one)
    for path in PAGES:
        page = watched.open(path)
        until(page, f"{NOTICE} === 'All well · on grid' && {BOX}.contains('good')")
        wait_until(lambda page=page: re.fullmatch(BACKUP, page.evaluate(MORE)), 20, path)  # type: ignore[misc]
    health = one.server.json("/health")
    assert (health["gateways_well"], health["gateway_details"][0]["condition"]) == (1, "well")


def test_with_twelve_houses_every_page_names_those_in_trouble_and_why(twelve: House, look: Look) -> None:
    words = "/^10 of 12 well · Cabin: the gateway refused the password or key.* · 1 of 11 off grid: Barn$/"
    watched = look(twelve)
    for path in PAGES:
        page = watched.open(path)
        until(page, f"{words}.test({NOTICE}) && {BOX}.contains('warn')")
        until(page, f"/^Without Cabin, which has no data.*shortest backup: Barn, about \\d/.test({MORE})")
    # The two answers may be of two attempts.
    wait_until(lambda: told(twelve, "/api/site") == told(twelve, "/health"), 20, "the page and /health disagree")
    assert told(twelve, "/health")[2]["condition"] == "off-grid"


def told(house: House, path: str) -> list[dict[str, Any]]:
    body = house.server.json(path)
    site = path == "/api/site"
    return [
        {
            "condition": one["condition"],
            "why": one.get("sentence" if site else "error"),
            "advice": one.get("advice"),
            "next": one.get("next_attempt") and round(one["next_attempt"]),
        }
        for one in (body["gateways"] if site else body["gateway_details"])
    ]


def test_off_the_grid_it_is_large_with_time_charge_and_consumption(twelve: House, look: Look) -> None:
    page = look(twelve).open("console?gateway=barn&hide=trend,daily-energy")
    until(page, f"{NOTICE} === 'Off grid – the house runs on its own' && {BOX}.contains('large')")
    until(page, f"/^About .+ left at present use · charge \\d+\\s% · the home uses 3\\.00\\s?kW$/.test({MORE})")
    sizes = [f"parseFloat(getComputedStyle(document.querySelector('{name}')).fontSize)" for name in ("#more", "body")]
    assert page.evaluate(f"{sizes[0]} > 1.15 * {sizes[1]}")


def test_a_frame_hears_of_trouble_only(one: House, twelve: House, look: Look) -> None:
    for house, query, shown in ((one, "", False), (twelve, "?gateway=barn", True)):
        page = look(house).open("example.html")
        page.evaluate(f"document.querySelector('#frame').src = '{house.base}/{query}'")
        page.frames[1].wait_for_url(f"{house.base}/{query}")
        box = "document.querySelector('.notice.said')"
        wait_until(partial(page.frames[1].evaluate, box), 20, "the frame knows nothing")
        until_is(page.frames[1], f"{box}.checkVisibility()", shown)


def test_a_server_that_is_gone_is_never_well(look: Look) -> None:
    with SimulatedGateway("powerwall2", hour=12.5) as gateway:
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, **FAST}
        with server_at_a_known_port(environment) as server:
            server.wait_for_data()
            page = look(f"http://127.0.0.1:{server.port}", check=False).open("history")
            until(page, f"{NOTICE} === 'All well · on grid'")
        until(page, f"/Connection to the server lost/.test({NOTICE}) && {BOX}.contains('bad')", 30)
