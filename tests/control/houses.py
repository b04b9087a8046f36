"""A simulated gateway, a started server in front of it, and a client that writes."""

from __future__ import annotations

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pwserver.simulator import SimulatedGateway
from tests.simulator.recorded_scenarios import ALL_SCENARIOS
from tests.support.server import Answer, Server
from tests.support.waiting import wait_until

SECRET = "a secret of the tests"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


class House:
    """``gateway`` is the simulator's, ``server`` ours."""

    def __init__(self, gateway: SimulatedGateway, server: Server) -> None:
        self.gateway = gateway
        self.server = server

    def post(self, path: str, body: Any = None, token: str | None = SECRET, **headers: str) -> Answer:
        """One request of the JSON API. Names of ``headers`` have _ for -."""
        sent = {"content-type": JSON} | ({"authorization": f"Bearer {token}"} if token is not None else {})
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        return self.server.get(path, "POST", sent, data)

    def form(self, path: str, token: str | None = SECRET, **fields: Any) -> Answer:
        """One request of an old script."""
        given = fields | ({"token": token} if token is not None else {})
        return self.server.get(path, "POST", {"content-type": FORM}, urllib.parse.urlencode(given).encode())

    def writes(self) -> list[tuple[str, dict[str, Any]]]:
        """What the gateway was told since ``forget``: (kind, value)."""
        return [(write.kind, write.value) for write in self.gateway.writes]

    def forget(self) -> None:
        """Count writes anew."""
        self.gateway.device.writes.clear()

    def shows(self, path: str, wanted: Any) -> None:
        """Wait until this document says so, and nothing is pending any more."""
        wait_until(lambda: close(self.server.json(path), wanted), 15, f"{path} is not {wanted}")
        wait_until(lambda: "pending" not in self.server.json("/control/status"), 15, "still pending")


def close(found: Any, wanted: Any) -> bool:
    """Equal, numbers nearly: gateways count on a scale of their own."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(close(found.get(name), value) for name, value in wanted.items())
    if isinstance(wanted, float):
        return isinstance(found, (int, float)) and abs(found - wanted) < 0.01
    return bool(found == wanted)


def settings_for(gateway: SimulatedGateway) -> dict[str, str]:
    """What leads to this gateway."""
    found = {"PW_HOST": gateway.address}
    if not gateway.scenario.tedapi:
        return found | {"PW_PASSWORD": gateway.customer_password, "PW_EMAIL": "owner@example.com"}
    found["PW_GW_PWD"] = gateway.password
    if gateway.scenario.v1r:
        found["PW_RSA_KEY_PATH"] = str(gateway.rsa_key_path)
    return found


@contextmanager
def house(scenario: str, **environment: str) -> Iterator[House]:
    """One gateway of this scenario, polled at least once."""
    basic = {"PW_CONTROL_SECRET": SECRET, "PW_TIMEOUT": "2", "PW_CACHE_EXPIRE": "2", "PW_CONTROL_ATTEMPTS": "1000"}
    basic["PW_CALLS_PER_MINUTE"] = "6000"  # the budget is for people, not for tests
    with SimulatedGateway(ALL_SCENARIOS[scenario], hour=11.5) as gateway:
        settings = basic | settings_for(gateway) | environment
        with Server(environment={name: value for name, value in settings.items() if value}) as server:
            wait_until(lambda: server.json("/health")["gateways_online"] == 1, 20, server.output())
            yield House(gateway, server)
