"""Events of a real server beside simulated gateways: seen on disk, over restarts, by whom."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from pwserver.state.grid import GRID_ALERTS
from tests.e2e.conftest import IMPATIENT
from tests.streams.client import Client
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

TOKEN = "a-long-control-token"


class Diary:
    """What the server tells of its events, read page by page as a client does that follows them."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cursor = ""
        self.seen: list[dict[str, Any]] = []

    def read(self) -> list[dict[str, Any]]:
        answer = self.server.json(f"/api/events?order=asc&cursor={self.cursor}")
        self.cursor = answer["next"]
        self.seen += answer["events"]
        return self.seen

    def wait_for(self, kind: str, **details: Any) -> dict[str, Any]:
        def found() -> dict[str, Any] | None:
            for event in self.read():
                if event["kind"] == kind and details.items() <= event["details"].items():
                    return event
            return None

        event: dict[str, Any] = wait_until(found, 30, f"{kind} {details}")
        return event


class Houses:
    """Three houses: one that can be commanded, one that is off the grid from the first, one that never answers."""

    def __init__(self, home: SimulatedGateway, dark: SimulatedGateway, dead: SimulatedGateway) -> None:
        self.home, self.dark, self.dead = home, dark, dead
        dark.set_house(grid_outage=True)
        dead.fault("unplugged")

    def environment(self, folder: Path) -> dict[str, str]:
        entries: list[dict[str, Any]] = [
            {"id": name, "name": name, "host": gateway.address, "gw_pwd": gateway.password}
            for name, gateway in (("home", self.home), ("dark", self.dark), ("dead", self.dead))
        ]
        entries[0]["rsa_key_path"] = str(self.home.rsa_key_path)
        return {
            **IMPATIENT,
            "PW_GATEWAYS": json.dumps(entries),
            "PW_CONTROL_SECRET": TOKEN,
            "PW_HISTORY_PATH": str(folder),
            "PW_CALLS_PER_MINUTE": "6000",
        }


@pytest.fixture(scope="module")
def houses() -> Iterator[Houses]:
    with (
        SimulatedGateway("v1r", hour=11.5) as home,
        SimulatedGateway("powerwall2") as dark,
        SimulatedGateway("powerwall2") as dead,
    ):
        yield Houses(home, dark, dead)


def killed(server: Server) -> None:
    """End the server as a power switch does."""
    os.killpg(server.process.pid, signal.SIGKILL)
    server.process.wait()


def command(server: Server, name: str, value: object) -> None:
    """Set something, as soon as the gateway can be commanded."""
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    body = json.dumps({"value": value}).encode()
    wait_until(lambda: server.get(f"/control/{name}", "POST", headers, body).status == 200, 30, f"{name} {value}")


def streamed(server: Server, path: str) -> Any:
    """The first message of an event stream."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=patient(20)) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                return json.loads(line[6:])
    return None


def test_a_diary_is_kept_over_a_kill(houses: Houses, tmp_path: Path) -> None:
    home = houses.home
    with Server([], houses.environment(tmp_path)) as server:
        for name in ("home", "dark"):
            server.wait_for_data(f"/api/gateways/{name}/aggregates")
        diary = Diary(server)
        assert diary.read() == [], "what is seen first is a state"
        # An outage, an alert, a reserve that we set.
        live = Client(server.port, "/ws/events?gateway=home")
        assert live.message()["events"] == []
        home.set_house(grid_outage=True)
        home.raise_alert("HighCPU")
        down = diary.wait_for("grid_down", exact=True)
        assert down["gateway"] == "home" and 0 < down["details"]["charge_percent"] <= 100
        assert diary.wait_for("alert_begun", alert="HighCPU")["details"]["severity"] == "warning"
        wait_until(lambda: down in live.message().get("events", ()), 20, "the stream tells it")
        live.__exit__()
        assert down in streamed(server, "/api/stream?document=events&gateway=home")["events"]
        counted = 'powerwall_outages_total{gateway="home"} 1.0'
        wait_until(lambda: counted in server.get("/metrics").body.decode(), 20, "the metrics count it")
        with home.device.lock:  # as somebody does it in Tesla's app; seen with the look after our command
            home.device.config["default_real_mode"] = "backup"
        command(server, "reserve", 30)
        assert diary.wait_for("reserve_changed", by="api")["details"] == {"before": 20.0, "after": 30.0, "by": "api"}
        chosen = {"before": "self_consumption", "after": "backup", "by": "elsewhere"}
        assert diary.wait_for("mode_changed")["details"] == chosen
        command(server, "mode", "self_consumption")
        assert diary.wait_for("mode_changed", by="api")["details"]["after"] == "self_consumption"
        # A gateway that is pulled out of the wall and put back.
        houses.dark.fault("unplugged")
        away = diary.wait_for("gateway_away")
        assert (away["gateway"], away["details"]["cause"]) == ("dark", "unreachable")
        houses.dark.fault("none")
        back = diary.wait_for("gateway_back")
        assert (back["gateway"], back["details"]["since"]) == ("dark", away["timestamp"])
        seen = diary.read()
        text = server.get("/api/events").body.decode()
        assert home.password not in text and TOKEN not in text and "127.0.0.1" not in text
        killed(server)
    home.set_house(grid_outage=False)
    home.clear_alert("HighCPU")
    with Server([], houses.environment(tmp_path)) as server:
        diary = Diary(server)
        up = diary.wait_for("grid_up")
        assert up["details"]["since"] == down["timestamp"] and up["details"]["home_wh"] is not None
        assert diary.wait_for("alert_ended", alert="HighCPU")["details"]["since"] is not None
        houses.dark.set_house(grid_outage=False)
        first = diary.wait_for("grid_up", since=None)
        assert first["gateway"] == "dark", "nobody saw that outage begin"
        known = [(event["gateway"], event["sequence"]) for event in diary.read()]
        assert len(set(known)) == len(known)
        assert diary.seen[: len(seen)] == seen, "each as it was, in the same order"
        assert not [event for event in diary.seen if event["gateway"] == "dead"], "it was never heard"
        assert not {event["details"].get("alert") for event in diary.seen} & GRID_ALERTS
