"""Battery health of a real gateway in a running server, beside a dead one, over a kill of everything."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.support.server import Server
from tests.support.waiting import wait_until

PATH = "/api/battery/health"


def units(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.json(PATH)["gateways"]["home"]["units"]
    return found


def health(server: Server) -> list[float | None]:
    return [unit["health_percent"] for unit in server.json("/api/site/home")["units"].values()]


def test_units_have_their_health_beside_a_dead_gateway_and_after_a_kill(tmp_path: Path) -> None:
    with SimulatedGateway("powerwall3", hour=23.5) as house, SimulatedGateway("powerwall2", hour=11.5) as dead:
        dead.fault("reset")
        environment = many({"home": house, "dead": dead}, tmp_path, PW_HISTORY_PATH=str(tmp_path / "history"))
        with Server([], environment) as server:
            wait_until(lambda: len(units(server)) == 3, 30, "three units")
            first = server.json(PATH)
            for unit in first["gateways"]["home"]["units"].values():
                assert unit["health_percent"] == 100.0 and unit["nominal_wh"] == 13_500.0
                assert unit["trend_percent_per_year"] is None and unit["unknown"]["trend_percent_per_year"]
                assert len(unit["daily"]) == 1
            nothing = first["gateways"]["dead"]
            assert nothing["units"] == {} and nothing["whole"]["health_percent"] is None
            assert nothing["whole"]["unknown"]["health_percent"]
            assert "no proof" in first["meaning"]
            answer = server.get(f"{PATH}?gateway=home&format=csv")
            assert answer.headers["content-type"].startswith("text/csv") and answer.body.count(b"\n") == 5
            assert server.get(f"{PATH}?gateway=nobody").status == 404
            assert server.get(f"{PATH}?from=soon").status == 422
            wait_until(lambda: health(server) == [100.0] * 3, 30, "the health beside the figures of a poll")
            wait_until(lambda: b"powerwall_unit_health_ratio{" in server.get("/metrics").body, 30, "the metric")
            assert server.json("/api/solar/strings")["gateways"]["home"]["strings"] == {}  # it is night
            poller = server.children()["poller"]
            os.kill(poller, signal.SIGKILL)
            wait_until(lambda: server.children().get("poller") not in (None, poller), 20, "another poller")
            assert units(server) == first["gateways"]["home"]["units"]
        with Server([], environment) as server:
            wait_until(lambda: units(server) == first["gateways"]["home"]["units"], 30, "the same health")
