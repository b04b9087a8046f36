"""Live data by every transport; a gateway, a server and a network that go away and come back."""

from __future__ import annotations

import time
from functools import partial

import pytest
from playwright.sync_api import Page, Route

from pwserver.simulator import SimulatedGateway
from tests.conftest import wait_until
from tests.e2e.server import Server
from tests.pages.conftest import Look
from tests.pages.support import House, until, wait_live
from tests.pages.support import house as make_house

FADED = "document.querySelector('.flow').classList.contains('faded')"
NOTICE = "document.querySelector('#notice').textContent"


@pytest.mark.parametrize("transport", ["socket", "stream", "poll"])
def test_each_transport_alone(house: House, look: Look, transport: str) -> None:
    watched = look(house.base)
    page = watched.open(f"?live={transport}", transport)
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    assert any("/ws/aggregate" in url for url in watched.requests) == (transport == "socket")
    assert any("/api/stream" in url for url in watched.requests) == (transport == "stream")


def test_proxy_that_breaks_websockets_and_streams(house: House, look: Look) -> None:
    watched = look(house.base, check=False)

    def broken(route: Route) -> None:
        route.fulfill(status=502, body="bad gateway")

    watched.page.route_web_socket("**/ws/aggregate", lambda socket: socket.close())
    page = watched.open("", "stream")
    assert not page.evaluate(FADED)
    page.context.route("**/api/stream", broken)
    page.goto(f"{house.base}/console")
    wait_live(page, "poll")
    until(page, "document.querySelector('#state').textContent === 'Live'")


def test_gateway_unplugged_and_back(look: Look) -> None:
    with make_house("powerwall2", PW_CACHE_TTL="4") as alone:
        page = look(alone.base).open()
        until(page, f"!{FADED}")
        alone.gateway.fault("unplugged")
        until(page, f"{FADED} && /not answering/.test({NOTICE})")
        assert page.evaluate("document.getAnimations().length") == 0, "old figures do not move"
        assert page.evaluate("document.querySelector('.node.home .value').textContent") != "–", "stale figures stay"
        until(page, f"/No data/.test({NOTICE})")
        for node in ("solar", "home", "grid", "battery"):
            assert page.evaluate(f"document.querySelector('.node.{node} .value').textContent") == "–", "never 0"
        alone.gateway.fault("none")
        until(page, f"!{FADED} && {NOTICE} === ''", 30)


def test_server_restarted(look: Look) -> None:
    with SimulatedGateway("powerwall2", hour=12.6) as gateway:
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "PW_CACHE_EXPIRE": "1"}
        with Server(environment=environment) as server:
            port = server.port
            page = look(f"http://127.0.0.1:{port}", check=False).open()
            until(page, f"!{FADED}")
        until(page, f"{FADED} && /Connection to the server lost/.test({NOTICE})")
        with Server(environment=environment, port=port):
            until(page, f"!{FADED} && {NOTICE} === ''", 30)


def test_network_off_and_on(house: House, look: Look) -> None:
    watched = look(house.base, check=False)
    page = watched.open("?live=poll", "poll")
    page.context.set_offline(True)
    until(page, f"{FADED} && /Connection to the server lost/.test({NOTICE})")
    page.context.set_offline(False)
    until(page, f"!{FADED} && {NOTICE} === ''")


def test_browser_keeps_the_day_of_a_server_that_forgets(look: Look) -> None:
    """What this browser saw is drawn after a restart, by a server that has no history of its own."""
    with SimulatedGateway("powerwall2", hour=12.6) as gateway:
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "PW_CACHE_EXPIRE": "1"}
        environment["PW_TIMESERIES_RETENTION"] = "-1"
        begin = time.time() // 60 * 60 - 3600
        with Server(environment=environment) as server:
            port = server.port
            watched = look(f"http://127.0.0.1:{port}", check=False)
            watched.page.clock.set_fixed_time(begin * 1000)
            page = watched.open("console?hide=power-flow")
            until(page, LIVE)
            assert page.evaluate(MINUTES_KEPT) == 0
            for minute in range(1, 4):
                page.clock.set_fixed_time((begin + 60 * minute) * 1000)
                wait_until(partial(kept, page, minute), 20, f"minute {minute} was not kept")
        with Server(environment=environment, port=port):
            page.reload()
            until(page, f"{LIVE} && document.querySelector('[data-card=trend] canvas')")


def kept(page: Page, least: int) -> bool:
    return bool(page.evaluate(MINUTES_KEPT) >= least)


LIVE = "document.querySelector('#state').textContent === 'Live'"
MINUTES_KEPT = """new Promise((resolve) => {
  const request = indexedDB.open("pwserver", 1);
  request.onupgradeneeded = () => request.result.createObjectStore("minutes", { keyPath: ["gateway", "ts"] });
  request.onsuccess = () => {
    const count = request.result.transaction("minutes").objectStore("minutes").count();
    count.onsuccess = () => { request.result.close(); resolve(count.result); };
  };
})"""
