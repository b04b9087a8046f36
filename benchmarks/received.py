"""What a page receives a second, counted by Chromium: every answer with its head and every WebSocket frame.

Twelve houses of three Powerwall 3 each, polled as often as the server allows, which is the worst case.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

from benchmarks.table import Table
from pwserver.simulator import SimulatedGateway
from tests.pages.support import Received, until
from tests.support.browser import WHOLE, chromium
from tests.support.server import Server
from tests.support.waiting import wait_until

HOUSES = 12
SIMULATORS = 2  # a simulated gateway answers for six houses
SETTLE_SECONDS = 10.0
PAGES = {
    "power flow, one house of twelve": "?gateway=house3",
    "console, one house of twelve": "console?gateway=house3",
    "power flow, all twelve": "",
    "console, all twelve": "console",
}
AIM = "<= 2000"


def run(table: Table) -> None:
    """Open each page in a browser of its own, let it settle, and count."""
    seconds = 10.0 if table.quick else 120.0
    with ExitStack() as stack:
        gateways = [stack.enter_context(SimulatedGateway("v1r", hour=12.5)) for _ in range(SIMULATORS)]
        entries = []
        for number in range(HOUSES):
            gateway = gateways[number % SIMULATORS]
            entries.append(
                {
                    "id": f"house{number + 1}",
                    "name": f"House {number + 1}",
                    "host": gateway.address,
                    "gw_pwd": gateway.password,
                    "rsa_key_path": str(gateway.rsa_key_path),
                }
            )
        environment = {"PW_GATEWAYS": json.dumps(entries), "PW_CACHE_EXPIRE": "1", "PW_CONTROL_SECRET": "of the bench"}
        server = stack.enter_context(Server(environment=environment))
        wait_until(lambda: server.json("/api/site")["site"]["fresh"] == HOUSES, 120, "not all houses answer")
        browser = stack.enter_context(chromium(program=WHOLE))
        for name, path in PAGES.items():
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            received = Received(page)
            page.goto(f"http://127.0.0.1:{server.port}/{path}")
            until(page, "document.querySelector('.node.home .value').textContent !== '–'")
            page.wait_for_timeout(SETTLE_SECONDS * 1000)
            received.forget()
            began = time.monotonic()
            page.wait_for_timeout(seconds * 1000)
            rate = received.size / (time.monotonic() - began)
            table.add("received", name, rate, "B/s", aim=AIM if "gateway=" in path else "")
            page.context.close()
