"""Real servers beside real simulated gateways, impatient enough for tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.support.server import Server
from tests.support.waiting import wait_until

# Short times, so that a fault runs its course in seconds; but a slow machine is not taken for a fault.
IMPATIENT = {
    "PW_CACHE_EXPIRE": "1",
    "PW_TIMEOUT": "2",
    "PW_CACHE_TTL": "4",
    "PW_BACKOFF_MAX": "5",
    "PW_HEARTBEAT_TIMEOUT": "20",
}


@pytest.fixture
def gateway() -> Iterator[SimulatedGateway]:
    """One simulated Powerwall 2 over TEDAPI."""
    with SimulatedGateway("powerwall2", hour=11.5) as simulated:
        yield simulated


def one(gateway: SimulatedGateway, **more: str) -> dict[str, str]:
    """The environment of a server with this one gateway."""
    return {"PW_HOST": gateway.address, "PW_GW_PWD": gateway.password, **IMPATIENT, **more}


def many(gateways: dict[str, SimulatedGateway], tmp_path: Path, **more: str) -> dict[str, str]:
    """The environment of a server with these gateways, by id."""
    entries: list[dict[str, Any]] = []
    for name, gateway in gateways.items():
        entry = {"id": name, "name": f"House {name}", "host": gateway.address}
        if gateway.scenario.tedapi:
            entry["gw_pwd"] = gateway.password
        else:
            entry["password"] = gateway.customer_password
        entries.append(entry)
    return {
        "PW_GATEWAYS": json.dumps(entries),
        "PW_CACHE_FILE": str(tmp_path / "logins"),
        **IMPATIENT,
        **more,
    }


@pytest.fixture
def serve(gateway: SimulatedGateway) -> Iterator[Callable[..., Server]]:
    """``serve(NAME=value, ...)`` -> a started server with the one gateway and these settings, data already there."""
    started: list[Server] = []

    def start(*arguments: str, **settings: str) -> Server:
        server = Server(list(arguments), one(gateway, **settings))
        server.__enter__()
        started.append(server)
        server.wait_for_data()
        server.wait_for_everybody()
        wait_until(lambda: server.get("/readyz").status == 200, 30, "the page about all gateways follows")
        return server

    yield start
    for server in reversed(started):
        server.__exit__()
