"""Alerts of a real gateway in a running server: since when, on which unit and until when, over restarts and outages."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.support.server import Server
from tests.support.waiting import wait_until

ALERT = "POD_w024_HW_Fault_Asserted"


def started(house: SimulatedGateway, folder: Path) -> Server:
    return Server([], many({"home": house}, folder, PW_HISTORY_PATH=str(folder / "history")))


def alert(server: Server, group: str = "alerts_active", name: str = ALERT) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (server.json("/api/site/home")[group] or {}).get(name)
    return found


@pytest.mark.parametrize("scenario", ["powerwall3", "local"])
def test_an_alert_keeps_its_beginning_over_restarts_and_reconnects(scenario: str, tmp_path: Path) -> None:
    with SimulatedGateway(scenario, hour=11.5) as house:
        serial = [unit.serial for unit in house.device.family.units][1]
        with started(house, tmp_path) as server:
            wait_until(lambda: server.json("/api/site/home")["alerts_active"] is not None, 30, "alerts")
            assert alert(server) is None
            house.raise_alert(ALERT, serial)
            wait_until(lambda: alert(server) is not None, 30, "the alert")
            first = alert(server)
            assert first is not None and first["since_exact"] and first["severity"] == "serious"
            assert first["units"] == ["PW2"] and first["meaning"].startswith("By its name:")
            wait_until(lambda: server.json("/api/site")["site"]["problems"] == 1, 20, "the overview")
            overview = server.json("/api/site")
            assert overview["gateways"][0]["problems"] == 1
            assert overview["gateways"][0]["alerts_worst"] == "serious"
            assert ALERT in server.json("/alerts") and server.json("/alerts/pw")[ALERT] == 1
            told = server.json(f"/api/explain?gateway=home&name=alerts_active.{ALERT}.since")
            assert (told["rule"], told["value"]) == ("first seen", first["since"]) and told["answer"]
            os.kill(server.children()["poller"], signal.SIGKILL)
            server.wait_for_data("/api/site/home", newer_than=server.timestamp("/api/site/home"))
            assert alert(server) == first
            house.fault("reset")
            wait_until(lambda: server.json("/api/site/home")["state"] == "away", 30, "the outage")
            assert server.json("/api/site/home")["alerts_active"] is None
            house.fault("none")
            wait_until(lambda: alert(server) is not None, 60, "the gateway's return")
            assert alert(server) == first
        with started(house, tmp_path) as server:
            server.wait_for_data()
            assert alert(server) == first
            house.clear_alert(ALERT, serial)
            wait_until(lambda: alert(server) is None, 30, "the end of the alert")
            over = alert(server, "alerts_ended")
            assert over is not None and over["since"] == first["since"] < over["ended"]
            assert over["units"] == ["PW2"] and server.json("/api/site/home")["problems"] == 0
            told = server.json(f"/api/explain?gateway=home&name=alerts_ended.{ALERT}.ended")
            assert (told["rule"], told["value"]) == ("no longer told", over["ended"])
