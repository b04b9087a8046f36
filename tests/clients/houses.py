"""One simulated house with a server before it that speaks HTTPS, as clients made for a gateway want it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pwserver.simulator import SimulatedGateway
from pwserver.simulator.families import Powerwall2
from pwserver.simulator.hardware import Hardware
from pwserver.simulator.scenarios import SCENARIOS, Scenario
from tests.support.server import Server

_PLUS = Hardware("1850000-05-C", "TG987654321PLS", "1081100-13-V", "T22G0004321")
HOUSES: dict[str, Scenario] = {
    **SCENARIOS,
    "powerwall-plus": Scenario(
        "powerwall-plus", "a Powerwall+ with its inverter, TEDAPI over WiFi", lambda: Powerwall2([_PLUS])
    ),
}
# How many Powerwalls are heard, where it is not all of them: over the wire (v1r), only the one that is the gateway.
HEARD = {"v1r": 1}


@contextmanager
def served(name: str, **more: str) -> Iterator[tuple[SimulatedGateway, Server]]:
    """The house, which stands still at noon with the battery charging, and the server that polls it.

    ``more``: settings of the server.
    """
    with SimulatedGateway(HOUSES[name], frozen=True, hour=11.5) as house:
        house.set_house(soe_percent=55.0, fixed_solar=4000.0, fixed_load=1200.0, fixed_battery=-2500.0)
        entry: dict[str, Any] = {"id": "home", "name": "Home", "host": house.address}
        if house.scenario.tedapi:
            entry["gw_pwd"] = house.password
        else:
            entry |= {"password": house.customer_password, "email": "owner@example.com"}
        if house.scenario.v1r:
            entry["rsa_key_path"] = house.rsa_key_path
        if name == "solar-only":
            entry["type"] = "inverter"
        settings = {"PW_GATEWAYS": json.dumps([entry]), "PW_HTTPS": "yes", "PW_WORKERS": "1", "PW_CACHE_EXPIRE": "2"}
        with Server(environment=settings | more) as server:
            yield house, server
