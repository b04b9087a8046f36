"""Publishers and replicas: real servers, real simulated gateways, a real broker."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import IMPATIENT, many
from tests.mqtt.broker import Broker
from tests.support.server import Server

KEY = "the-key-of-the-fleet"
BROKER_PASSWORD = "hush-hush-broker"


class Fleet:
    """One broker, three houses, and servers that are started by name."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.broker = Broker(folder)
        self.broker.start()
        self.houses = {
            name: stack.enter_context(SimulatedGateway(scenario, hour=11.5, seed=seed))
            for seed, (name, scenario) in enumerate(
                {"house": "powerwall2", "annex": "local", "cabin": "powerwall3-single"}.items()
            )
        }
        self.servers: dict[str, Server] = {}

    def publisher(self, name: str, *houses: str, **more: str) -> Server:
        """A server that polls these houses and publishes them for replicas."""
        values = many({house: self.houses[house] for house in houses}, self.folder / name)
        values |= {
            "MQTT_HOST": "127.0.0.1",
            "MQTT_PORT": str(self.broker.port),
            "MQTT_CLIENT_ID": name,
            "PW_REPLICA_PUBLISH": "yes",
            "PW_REPLICA_KEY": KEY,
            "PW_WORKERS": "1",
            "MQTT_HA_DISCOVERY": "no",
            # Long enough for reading every document of two servers between two polls.
            "PW_CACHE_EXPIRE": "3",
            "PW_CACHE_TTL": "20",
        }
        return self.start(name, values | more)

    def replica(self, name: str, **more: str) -> Server:
        """A server that reads what the publishers publish."""
        url = f"mqtt://reader:{BROKER_PASSWORD}@127.0.0.1:{self.broker.port}"
        values = {**IMPATIENT, "PW_CACHE_TTL": "20", "PW_REPLICA": url, "PW_REPLICA_KEY": KEY, "PW_WORKERS": "1"}
        return self.start(name, values | more)

    def start(self, name: str, values: dict[str, str]) -> Server:
        server = self.servers[name] = Server(environment=values)
        server.__enter__()
        return server

    def again(self, name: str) -> Server:
        """Start a killed server anew, as its service manager would."""
        old = self.servers[name]
        old.__exit__()
        return self.start(name, old.environment)

    def kill(self, name: str) -> None:
        """SIGKILL to its main process; the children go with it."""
        self.servers[name].process.send_signal(signal.SIGKILL)
        self.servers[name].process.wait()

    def stop(self) -> None:
        for server in reversed(self.servers.values()):
            server.__exit__()
        self.broker.stop(signal.SIGKILL)


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    with ExitStack() as stack:
        made = Fleet(tmp_path, stack)
        try:
            yield made
        finally:
            made.stop()


@pytest.fixture
def until(wait_until: Any) -> Callable[..., Any]:
    def wait(condition: Callable[[], Any], what: str = "", seconds: float = 30.0) -> Any:
        return wait_until(condition, seconds, what)

    return wait
