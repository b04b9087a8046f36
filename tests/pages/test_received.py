"""What a page of one house receives: messages of that house alone, at the server's pace, and little besides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from playwright.sync_api import Page

from pwserver.simulator import SimulatedGateway
from pwserver.web.open_streams import HOUSE_BYTES_PER_SECOND
from tests.pages.conftest import Look
from tests.pages.support import Received, server_at_a_known_port, until
from tests.support.server import Server
from tests.support.waiting import wait_until

HOUSES = 12
BYTES_PER_SECOND = 2500  # of everything
DOCUMENTS = 3  # that many of them must have come
STOPGAP = "api/site/house3"  # asked for once where a machine at its limits sends no message for some seconds
# What the console asks besides its stream -> seconds between two of them, and the card whose pace that is.
ASKED = {
    "api/site": (15, None),
    "api/checks/house3": (60, "checks"),
    "api/timeseries/today": (60, "energy"),
    "api/timeseries/trend": (60, "trend"),
    "api/timeseries/daily": (300, "daily-energy"),
    "api/gateways/house3/control/status": (15, "control"),
    "api/gateways/house3/control/max_backup": (15, "control"),
}


@pytest.fixture(scope="module")
def twelve() -> Iterator[Server]:
    """Twelve houses of three Powerwall 3 each; one simulated gateway answers for all of them."""
    with ExitStack() as stack:
        gateway = stack.enter_context(SimulatedGateway("v1r", hour=12.5))
        common = {"host": gateway.address, "gw_pwd": gateway.password, "rsa_key_path": str(gateway.rsa_key_path)}
        entries = [{"id": f"house{number + 1}", "name": f"House {number + 1}", **common} for number in range(HOUSES)]
        environment = {"PW_GATEWAYS": json.dumps(entries), "PW_CACHE_EXPIRE": "1", "PW_CONTROL_SECRET": "of this test"}
        server = stack.enter_context(server_at_a_known_port(environment))
        wait_until(lambda: server.json("/api/site")["site"]["fresh"] == HOUSES, 60, server.output())
        yield server


def opened(look: Look, server: Server, path: str) -> tuple[Page, Received]:
    page = look(f"http://127.0.0.1:{server.port}", fresh=True).page
    received = Received(page)
    page.goto(f"http://127.0.0.1:{server.port}/{path}")
    until(page, r"/\d/.test(document.querySelector('.node.home .value')?.textContent)")
    return page, received


def documents(page: Page, received: Received) -> list[str]:
    """The documents among the messages; what else there is are pulses of a few bytes."""
    page.evaluate("0")  # lets events come in
    assert {address.partition("/ws/")[2] for address, _ in received.messages} <= {"site/house3"}
    found = [text for _, text in received.messages if len(text) > 60]
    assert all(json.loads(text)["id"] == "house3" for text in found)
    return found


def asked(received: Received, base: str) -> dict[str, int]:
    """Path -> bytes of the longest answer."""
    sizes: dict[str, int] = {}
    for address, size in received.answers:
        path = address.removeprefix(base).partition("?")[0]
        sizes[path] = max(size, sizes.get(path, 0))
    return sizes


def test_the_power_flow_of_one_house_receives_its_stream_and_nothing_else(twelve: Server, look: Look) -> None:
    page, received = opened(look, twelve, "?gateway=house3")
    base = f"http://127.0.0.1:{twelve.port}/"
    # What belongs to the page has come by now, except for the icon where the browser has tabs.
    wait_until(lambda: documents(page, received), 20, "no stream")
    received.forget()
    wait_until(lambda: len(documents(page, received)) >= DOCUMENTS, 30, "too few messages")
    assert asked(received, base).keys() <= {"favicon.ico", STOPGAP}
    assert HOUSE_BYTES_PER_SECOND <= 0.8 * BYTES_PER_SECOND


def test_the_console_of_one_house_asks_for_little_besides(twelve: Server, look: Look) -> None:
    page, received = opened(look, twelve, "console?gateway=house3")
    base = f"http://127.0.0.1:{twelve.port}/"
    for path in ASKED:
        wait_until(lambda path=path: path in asked(received, base) or page.evaluate("0"), 30, path)  # type: ignore[misc]
    wait_until(lambda: len(documents(page, received)) >= DOCUMENTS, 30, "too few messages")
    page_itself = ("static/", "console", "favicon.ico", STOPGAP)
    sizes = {path: size for path, size in asked(received, base).items() if not path.startswith(page_itself)}
    assert sizes.keys() == ASKED.keys()
    for seconds, card in ASKED.values():
        if card is not None:
            assert page.get_attribute(f"[data-card={card}]", "data-every-seconds") == str(seconds), card
    besides = sum(sizes[path] / seconds for path, (seconds, _) in ASKED.items())
    assert HOUSE_BYTES_PER_SECOND + besides <= BYTES_PER_SECOND, (besides, sizes)
