"""Recorded views, and a real mosquitto for the tests of this room."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pwserver.modes import Reach
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.view import View
from tests.mqtt.broker import Broker, Watcher
from tests.support.waiting import wait_until_async

RECORDED = Path(__file__).parent / "recorded"
SERVER = ServerFacts("1.0", "0.22.2", 1.7e9, "home", 5.0, {}, control_enabled=True)
REACH_OF_TEDAPI = {"v1r": Reach.V1R, "full": Reach.TEDAPI, "hybrid": Reach.HYBRID}


@pytest.fixture(scope="session")
def recorded() -> dict[str, Any]:
    return json.loads((RECORDED / "pypowerwall-server-0.13.0.json").read_text())


@pytest.fixture(scope="session")
def command_table() -> list[dict[str, Any]]:
    return json.loads((RECORDED / "commands.json").read_text())


@pytest.fixture(scope="session")
def powerwall3() -> Reading:
    data = json.loads((RECORDED / "inputs.json").read_text())["powerwall3"]
    data.pop("soe")
    return Reading.partial(gateway_id="home", reach=REACH_OF_TEDAPI.get(data["tedapi_mode"]), **data)


@pytest.fixture
def view_of() -> Callable[..., View]:
    def make(
        reading: Reading | None, *, online: bool = True, identity: dict[str, Any] | None = None, **changes: Any
    ) -> View:
        facts = {"id": "home", "name": "Home ☀", "host": "10.0.0.1"} | (identity or {})
        if reading is not None:
            reading = replace(reading, gateway_id=facts["id"], **changes)
            if "reach" not in changes:
                cloud = Reach.CLOUD if facts.get("cloud_mode") else None
                reading = replace(reading, reach=cloud or REACH_OF_TEDAPI.get(reading.tedapi_mode or ""))
        return View(
            GatewayIdentity(**facts),
            GatewayStatus(state="ok" if online else "backing-off", online=online),
            reading,
            SERVER,
            1_700_000_001.0,
        )

    return make


@pytest.fixture
def make_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    brokers: list[Broker] = []

    def make(**options: Any) -> Broker:
        folder = tmp_path / f"broker{len(brokers)}"
        folder.mkdir(mode=0o755)
        broker = Broker(folder, **options)
        brokers.append(broker)
        broker.start()
        return broker

    yield make
    for broker in brokers:
        broker.stop(signal.SIGKILL)


@pytest.fixture
def broker(make_broker: Callable[..., Broker]) -> Broker:
    return make_broker()


@pytest.fixture
def watch() -> type[Watcher]:
    return Watcher


@pytest.fixture
def until() -> Callable[..., Any]:
    async def wait(condition: Callable[[], Any], what: str = "", seconds: float = 20.0) -> Any:
        return await wait_until_async(condition, seconds, what)

    return wait
