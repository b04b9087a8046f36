"""What the page tests share: a browser, a house to look at, a page whose every mishap is noted."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, ConsoleMessage, Error, Frame, Page, Route

from pwserver.simulator import SCENARIOS, SimulatedGateway
from tests.pages import recorded
from tests.support.programs import free_port, is_free
from tests.support.server import Server
from tests.support.waiting import wait_until

# The name in docs/proxies.md is this machine.
HOST_RULES = "--host-resolver-rules=MAP home.example.org 127.0.0.1"
AXE = Path(__file__).parent / "data" / "axe.min.js"
# Hours to add to UTC so that it is about noon there now: the sun shines whenever the tests run.
NOON_ZONE = (12 - time.gmtime().tm_hour + 12) % 24 - 12
SECRET = "a secret of the page tests"
# A page that turns to another house may find its socket still opening; the browser warns of that, and nothing is wrong.
CLOSED_EARLY = "WebSocket is closed before the connection is established"
MOVING = {"reduced_motion": "no-preference"}  # for pages whose dots are to run
NOT_KEPT = "Service Worker registration blocked by Playwright"  # as the tests want it
COMPONENT = re.compile(r"#/components/(\w+)/([\w-]+)")  # as the API's description names one
LOADED = "performance.getEntriesByType('resource').map((one) => one.name)"
HOME_SHOWN = "document.querySelector('.node.home .value').textContent !== '–'"


class House:
    """Simulated gateways and the server that polls them."""

    def __init__(self, gateways: Mapping[str, SimulatedGateway], server: Server) -> None:
        self.gateways = gateways
        self.server = server
        self.pages: list[Watched] = []  # that look at it; they are closed before the server stops

    @property
    def gateway(self) -> SimulatedGateway:
        """The first one."""
        return next(iter(self.gateways.values()))

    @property
    def base(self) -> str:
        """The server's address without a slash at the end."""
        return f"http://127.0.0.1:{self.server.port}"


_KNOWN_PORTS: list[int] = []


def server_at_a_known_port(environment: Mapping[str, str]) -> Server:
    """A server where earlier ones were, if they are gone: a page that is used again has their files, the same ones.

    Whoever starts several in one test leaves the pages of each before the next one starts.
    """
    port = next(filter(is_free, _KNOWN_PORTS), None)
    if port is None:
        port = free_port()
        _KNOWN_PORTS.append(port)
    return Server(environment=dict(environment), port=port)


@contextmanager
def house(
    *scenarios: str,
    past_days: int = 0,
    hour: float | None = None,
    speed: float = 1.0,
    reported_zone: str | None = None,
    **environment: str,
) -> Iterator[House]:
    """One gateway per scenario, all online, about noon; with ``past_days`` of history on the disk.

    The gateways report the time zone in which it is noon now, unless another one is given.
    """
    reported_zone = reported_zone or recorded.zone_name(NOON_ZONE)
    hour = (time.time() / 3600 + NOON_ZONE) % 24 if hour is None else hour
    with ExitStack() as stack:
        gateways = {}
        for number, scenario in enumerate(scenarios):
            name = "default" if number == 0 else f"house{number + 1}"
            plant = replace(SCENARIOS[scenario].make_family().plant, timezone=reported_zone)
            gateways[name] = stack.enter_context(SimulatedGateway(scenario, hour=hour, speed=speed, plant=plant))
        settings = {
            "PW_TIMEZONE": recorded.zone_name(NOON_ZONE),
            "PW_CACHE_EXPIRE": "2",  # each poll costs, and most tests wait for none
            "PW_TIMEOUT": "5",  # on a slow machine an answer takes long, and a late one makes figures old
            "PW_BACKOFF_MAX": "5",
        }
        settings |= _addresses(gateways) | environment
        if past_days:
            settings["PW_HISTORY_PATH"] = stack.enter_context(tempfile.TemporaryDirectory())
            names = {name: name for name in gateways}
            recorded.histories(names, time.time() - 1, past_days, settings["PW_HISTORY_PATH"], NOON_ZONE)
        server = stack.enter_context(server_at_a_known_port(settings))
        wait_until(
            lambda: server.json("/health")["gateways_online"] == len(gateways), 20, "not all gateways are online"
        )
        found = House(gateways, server)
        yield found
        for page in found.pages:
            page.leave()


def _addresses(gateways: Mapping[str, SimulatedGateway]) -> dict[str, str]:
    if len(gateways) == 1:
        (gateway,) = gateways.values()
        found = {"PW_HOST": gateway.address}
        if gateway.scenario.v1r:
            found["PW_RSA_KEY_PATH"] = str(gateway.rsa_key_path)
        return found | {"PW_GW_PWD": gateway.password}
    return {"PW_GATEWAYS": json.dumps([_entry(name, gateway) for name, gateway in gateways.items()])}


def _entry(name: str, gateway: SimulatedGateway) -> dict[str, str]:
    entry = {"id": name, "name": name.capitalize(), "host": gateway.address, "gw_pwd": gateway.password}
    return entry | ({"rsa_key_path": str(gateway.rsa_key_path)} if gateway.scenario.v1r else {})


class Watched:
    """A page whose every mishap is noted: console errors, exceptions, requests that leave the machine.

    The pages' own policy forbids the latter, so the browser complains of them in its console; and what the last
    document has loaded, and every socket, is looked at. Each request is told only to who asks for it: with 75 of them
    that takes as much time as all else that the tester does for a page.
    """

    def __init__(
        self, page: Page, base: str, give_back: Callable[[set[str]], None], *, each_request: bool = False
    ) -> None:
        self.page, self.base = page, base
        self._give_back = give_back
        self.errors: list[str] = []
        self.requests: list[str] = []  # of sockets, and with ``each_request`` of everything
        self._visited: set[str] = set()
        self.checked = True
        self.left = False
        self.expected: tuple[str, ...] = ()  # what the browser itself may say of answers that the test has made fail
        self._listeners: dict[str, Callable[[Any], None]] = {
            "console": self._console,
            "pageerror": lambda error: self.errors.append(str(error)),
            "framenavigated": lambda frame: self._visited.add(frame.url),
            "websocket": lambda socket: self.requests.append(socket.url.replace("ws", "http", 1)),
        }
        if each_request:
            self._listeners["request"] = lambda request: self.requests.append(request.url)
        for event, listener in self._listeners.items():
            page.on(event, listener)  # type: ignore[call-overload]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            where = message.location.get("url", "") if message.location else ""
            if any(one in message.text for one in (CLOSED_EARLY, NOT_KEPT, *self.expected)):
                return
            self.errors.append(f"{message.type}: {message.text} ({where})")

    def open(self, path: str = "", transport: str | None = None) -> Page:
        """Go to ``path`` below the base and wait for the first message."""
        self.page.goto(f"{self.base}/{path}")
        if path.partition("?")[0] in ("", "console"):
            wait_live(self.page, transport)
        return self.page

    def leave(self) -> None:
        """Give the page back, once; unless the test said otherwise, nothing may have gone wrong on it."""
        if self.left:
            return
        self.left = True
        try:
            if self.checked:
                self.check()
        finally:
            for event, listener in self._listeners.items():
                self.page.remove_listener(event, listener)
            self._give_back({url for url in self._visited if url.startswith("http")})

    def check(self) -> None:
        """Nothing went wrong, nothing left the machine."""
        assert not self.errors, self.errors
        loaded = [] if self.page.is_closed() else self.page.evaluate(LOADED)
        elsewhere = [url for url in (*self.requests, *loaded) if not url.startswith((self.base, "data:", "blob:"))]
        assert not elsewhere, elsewhere


class Received:
    """Counts every byte that a page is sent, answers with their heads and WebSocket frames, as DevTools tells."""

    def __init__(self, page: Page) -> None:
        self.messages: list[tuple[str, str]] = []  # (address, text) of every WebSocket frame
        self.answers: list[tuple[str, int]] = []  # (address, bytes on the wire) of every answer
        self._names: dict[str, str] = {}
        devtools = page.context.new_cdp_session(page)
        devtools.on("Network.webSocketCreated", lambda event: self._names.update({event["requestId"]: event["url"]}))
        devtools.on("Network.requestWillBeSent", self._asked)
        devtools.on("Network.webSocketFrameReceived", self._heard)
        devtools.on("Network.loadingFinished", self._answered)
        devtools.send("Network.enable")

    @property
    def size(self) -> int:
        """Bytes of all that has come, with the heads of frames."""
        frames = sum(len(text.encode()) + (2 if len(text) < 126 else 4) for _, text in self.messages)
        return frames + sum(size for _, size in self.answers)

    def forget(self) -> None:
        """Count from here on."""
        self.messages.clear()
        self.answers.clear()

    def _asked(self, event: dict[str, Any]) -> None:
        self._names[event["requestId"]] = event["request"]["url"]

    def _heard(self, event: dict[str, Any]) -> None:
        self.messages.append((self._names.get(event["requestId"], ""), event["response"]["payloadData"]))

    def _answered(self, event: dict[str, Any]) -> None:
        self.answers.append((self._names.get(event["requestId"], ""), int(event["encodedDataLength"])))


class _Look:
    """A look at a page, again and again; in words it is what was looked for, and what the last look has found."""

    def __init__(self, page: Page | Frame, expression: str) -> None:
        self._page, self._expression = page, expression
        self._last: object = "nothing"

    def found(self) -> Any:
        """Return the value now; nothing from a page that is just left or that has not got its elements yet."""
        try:
            self._last = self._page.evaluate(self._expression)
        except Error as problem:
            page = self._page.page if isinstance(self._page, Frame) else self._page
            if page.is_closed():
                raise
            self._last = problem
            return None
        return self._last

    def __str__(self) -> str:
        return f"{self._expression}, at last it was {self._last!r}"


def until(page: Page | Frame, expression: str, deadline: float = 20.0) -> Any:
    """Poll an expression in the page until it is truthy: Playwright's own waiting needs eval, forbidden here."""
    look = _Look(page, expression)
    return wait_until(lambda: look.found() or None, deadline, look)


def until_is(page: Page | Frame, expression: str, wanted: object, deadline: float = 20.0) -> None:
    """Poll an expression in the page until its value is this one; a failure tells what it was last."""
    look = _Look(page, expression)
    wait_until(lambda: look.found() == wanted, deadline, look)


def wait_live(page: Page, transport: str | None = None) -> None:
    """Until the page hears the server, by this transport if one is named."""
    wanted = f"=== '{transport}'" if transport else "?.match(/socket|stream|poll/)"
    until(page, f"document.documentElement?.dataset.transport {wanted}")


# One of each kind: plain, as text, written to, with parameters in the query, with one in the path.
THIN = ("/soe", "/csv", "/control/reserve", "/api/events", "/api/houses", "/api/gateways/{id}/aggregates")


def thin_description(page: Page, paths: Iterable[str] = THIN) -> None:
    """Answer this page with a part of the API's description: the paths of ``THIN``, which are of six groups.

    Swagger UI and Redoc need ten seconds of a processor for the whole, and most tests ask for something else than that
    they can take it. axe looks at each word that they draw.
    """

    def answer(route: Route) -> None:
        response = route.fetch()
        description = response.json()
        description["paths"] = {path: description["paths"][path] for path in paths}
        route.fulfill(response=response, json=_with_what_they_name(description))

    page.route("**/openapi.json", answer)


def _with_what_they_name(description: dict[str, Any]) -> dict[str, Any]:
    """Leave those components in the description that its paths name, and that such components name."""
    components = description["components"]
    kept: dict[str, Any] = {"securitySchemes": components["securitySchemes"]}
    seen: set[tuple[str, str]] = set()
    named = COMPONENT.findall(json.dumps(description["paths"]))
    while more := set(named) - seen:
        seen |= more
        for kind, name in more:
            kept.setdefault(kind, {})[name] = components[kind][name]
        named = COMPONENT.findall(json.dumps(kept))
    return description | {"components": kept}


def follow_pages(watched: Watched) -> None:
    """Go from the power flow to the console and on to the history, by the links that a reader would press."""
    page = watched.open("", "socket")
    until(page, HOME_SHOWN)
    page.click("nav a:has-text('Console')")
    until(page, "document.querySelector('#state')?.textContent === 'Live'")
    assert page.url == f"{watched.base}/console"
    page.click("nav a:has-text('History')")
    until(page, "document.documentElement?.dataset.shown && document.querySelector('#power canvas')")
    assert page.evaluate("fetch(document.querySelector('link[rel=icon]').href).then((answer) => answer.ok)")


def wait_for_frame(page: Page) -> None:
    """Until the power flow that the page shows in a frame has figures."""
    shown = "(document.querySelector('.node.home .value')?.textContent ?? '–') !== '–'"
    wait_until(lambda: len(page.frames) == 2 and page.frames[1].evaluate(shown), 20, "the frame shows no figures")


def violations(page: Page, without: tuple[str, ...] = ()) -> list[str]:
    """What axe-core finds, in one line each. ``without``: rules to leave out."""
    if not page.evaluate("'axe' in globalThis"):
        page.evaluate(AXE.read_text())
    found: Any = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']} ({one['impact']}): {node['target']} {node.get('failureSummary', '')}"
        for one in found["violations"]
        if one["id"] not in without
        for node in one["nodes"][:3]
    ]


def move_one_square(page: Page) -> None:
    """Show the least that any page can move: what that costs is the measure of a drawing that moves."""
    page.set_content('<!doctype html><i style="position:absolute;width:14px;height:14px;background:green"></i>')
    page.evaluate(
        """document.querySelector("i").animate(
          [{ transform: "translateX(0)" }, { transform: "translateX(300px)" }],
          { duration: 3000, iterations: Infinity })"""
    )


def processor_seconds(browser: CDPSession) -> float:
    """What all processes of a browser have used so far; ``browser`` is its own session, not a page's."""
    processes = browser.send("SystemInfo.getProcessInfo")["processInfo"]
    return float(sum(one["cpuTime"] for one in processes))
