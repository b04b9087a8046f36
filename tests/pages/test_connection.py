"""Live data by every transport; a gateway, a server and a network that go away and come back."""

from __future__ import annotations

import time
from email.utils import formatdate
from functools import partial

import pytest
from playwright.sync_api import Page, Route

from pwserver.simulator import SimulatedGateway
from tests.pages.conftest import Look
from tests.pages.relay import Relay
from tests.pages.support import MOVING, House, server_at_a_known_port, until, until_is, wait_live
from tests.pages.support import house as make_house
from tests.support.server import Server
from tests.support.waiting import wait_until

FADED = "document.querySelector('.flow').classList.contains('faded')"
NOTICE = "document.querySelector('#notice').textContent"
TRANSPORTS = ("socket", "stream", "poll")
WELL = f"/^(All well|Nothing is known to be wrong|Warning|Serious)/.test({NOTICE})"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_each_transport_alone(house: House, look: Look, transport: str) -> None:
    watched = look(house, each_request=True)
    page = watched.open(f"?live={transport}", transport)
    until(page, "document.querySelector('.node.home .value').textContent !== '–'")
    assert any("/ws/site" in url for url in watched.requests) == (transport == "socket")
    assert any("/api/stream" in url for url in watched.requests) == (transport == "stream")


def test_proxy_that_breaks_websockets_and_streams(house: House, look: Look) -> None:
    watched = look(house, check=False)

    def broken(route: Route) -> None:
        route.fulfill(status=502, body="bad gateway")

    watched.page.route_web_socket("**/ws/site**", lambda socket: socket.close())
    page = watched.open("", "stream")
    until(page, f"!{FADED}")
    page.context.route("**/api/stream**", broken)
    page.goto(f"{house.base}/console")
    wait_live(page, "poll")
    until(page, "document.querySelector('#state').textContent === 'Live'")


def test_gateway_unplugged_and_back(look: Look) -> None:
    with make_house("powerwall2", PW_CACHE_TTL="4") as alone:
        page = look(alone, **MOVING).open()
        until(page, f"!{FADED}")
        alone.gateway.fault("unplugged")
        until(page, f"{FADED} && /no new data/.test({NOTICE})")
        until_is(page, "document.getAnimations().length", 0)  # old figures do not move
        assert page.evaluate("document.querySelector('.node.home .value').textContent") != "–", "stale figures stay"
        wait_until(lambda: alone.server.json("/api/site/default")["state"] == "away", 30)
        until(page, f"/no new data, these figures are .* old/.test({NOTICE})")
        for node in ("solar", "home", "grid", "battery"):
            shown = page.evaluate(f"document.querySelector('.node.{node} .value').textContent")
            assert shown != "–", "the last known figures stay, marked as old"
        alone.gateway.fault("none")
        until(page, f"!{FADED} && {WELL}", 30)


STATE = "document.querySelector('#state').textContent"
STAYED = "globalThis.stayed === true"
PAGES = {  # page: (how it says that the server is gone, how it says that all is well)
    "": (f"{FADED} && /Connection to the server lost/.test({NOTICE})", f"!{FADED} && {WELL}"),
    "console": (
        f"{FADED} && {STATE} === 'Connection lost' && /Connection to the server lost/.test({NOTICE})",
        f"!{FADED} && {STATE} === 'Live' && {WELL}",
    ),
    "history": (
        "/does not answer – trying again/.test(document.querySelector('#state.bad')?.textContent)",
        "document.querySelector('#state').textContent === '' && document.querySelector('#power canvas')",
    ),
}
# Each page with the part that tells of the connection.
LIGHT = {
    "": "?",
    "console": "console?hide=energy,trend,daily-energy,powerwall,checks,gateways,strings,alerts,control&",
    "history": "history?",
}


def test_server_restarted_with_every_page_open(look: Look) -> None:
    with SimulatedGateway("powerwall2", hour=12.6) as gateway:
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "PW_CACHE_EXPIRE": "1"}
        with server_at_a_known_port(environment) as server:
            port = server.port
            base = f"http://127.0.0.1:{port}"
            pages = {path: look(base, check=False).open(shown) for path, shown in LIGHT.items()}
            for path, page in pages.items():
                until(page, PAGES[path][1])
                page.evaluate("globalThis.stayed = true")
        pages["history"].click("[data-range='6h']")  # it asks when there is something to ask
        for path, page in pages.items():
            until(page, PAGES[path][0])
        with Server(environment=environment, port=port):
            for path, page in pages.items():
                until(page, f"{PAGES[path][1]} && {STAYED}", 40)


def test_network_off_and_on(house: House, look: Look) -> None:
    """The device itself has no network: every request fails at once."""
    watched = look(house, check=False)
    page = watched.open("?live=poll", "poll")
    lost, well = PAGES[""]
    page.context.set_offline(True)
    until(page, lost)
    page.context.set_offline(False)
    until(page, well)


def test_network_that_falls_silent(house: House, look: Look) -> None:
    """Somewhere on the way nothing passes any more, and no connection is closed; the history has nothing open then."""
    with Relay(house.server.port) as relay:
        asked = [(path, shown, one) for path, shown in LIGHT.items() if path != "history" for one in TRANSPORTS]
        pages = [
            (look(f"http://127.0.0.1:{relay.port}", check=False).open(f"{shown}live={one}", one), *PAGES[path])
            for path, shown, one in asked
        ]
        history = look(f"http://127.0.0.1:{relay.port}", check=False).open("history")
        pages.append((history, *PAGES["history"]))
        for page, _, well in pages:
            until(page, well)
            page.evaluate("globalThis.stayed = true")
        relay.silent(True)
        history.click("[data-range='7d']")
        for page, lost, _ in pages:
            until(page, lost, 30)
        relay.silent(False)
        for page, _, well in pages:
            until(page, f"{well} && {STAYED}", 40)


def test_browser_keeps_the_day_of_a_server_that_forgets(look: Look) -> None:
    """What this browser saw is drawn after a restart, by a server that has no history of its own."""
    with SimulatedGateway("powerwall2", hour=12.6) as gateway:
        environment = {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, "PW_CACHE_EXPIRE": "1"}
        environment["PW_TIMESERIES_RETENTION"] = "-1"
        begin = time.time() // 60 * 60 - 3600
        with server_at_a_known_port(environment) as server:
            port = server.port
            watched = look(f"http://127.0.0.1:{port}", check=False)
            moment = [begin]
            watched.page.route("**/api/site/default", partial(as_if_written_at, moment))
            page = watched.open(
                "console?hide=power-flow,energy,daily-energy,powerwall,checks,gateways,strings,alerts,control&live=poll"
            )
            until(page, LIVE)
            assert page.evaluate(MINUTES_KEPT) == 0
            for minute in range(1, 4):
                moment[0] = begin + 60 * minute
                wait_until(partial(kept, page, minute), 20, f"minute {minute} was not kept")
        with Server(environment=environment, port=port):
            page.reload()
            until(page, f"{LIVE} && document.querySelector('[data-card=trend] canvas')")


WRONG_BY = [-40 * 86_400, 3 * 86_400 + 7000]


@pytest.mark.parametrize("seconds", WRONG_BY)
def test_a_browser_with_a_wrong_clock_tells_right_ages(house: House, look: Look, seconds: float) -> None:
    watched = look(house)
    watched.page.clock.set_fixed_time((time.time() + seconds) * 1000)
    for transport in ("socket", "poll"):
        page = watched.open(f"?live={transport}", transport)
        until(page, r"/^Read \d\d? s ago$/.test(document.querySelector('#age').textContent.replace('\u202f', ' '))")
        page = watched.open(f"console?live={transport}&hide=trend,daily-energy,checks,strings", transport)
        until(page, "/Last reading\\s*\\d\\d?.s ago/.test(document.querySelector('.gateway-box').innerText)")
        until(page, "/In this state\\s*(\\d\\d?.s|\\d\\d?.min)/.test(document.querySelector('.gateway-box').innerText)")
    page = watched.open("history")
    until(page, "document.documentElement?.dataset.shown")
    until_second = page.evaluate("Number(new URL(document.querySelector('#csv-power').href).searchParams.get('to'))")
    assert abs(until_second - time.time()) < 120, "the range ends at the wrong now"


def as_if_written_at(moment: list[float], route: Route) -> None:
    answer = route.fetch()
    told = answer.json() | {"time": moment[0]}
    route.fulfill(response=answer, headers={**answer.headers, "date": formatdate(moment[0], usegmt=True)}, json=told)


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
