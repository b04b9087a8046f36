"""The time zone in force: the owner's, else the gateway's own, else this machine's; every output names the same."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pwserver.simulator.scenarios import SCENARIOS
from pwserver.simulator.simulated_gateway import SimulatedGateway
from tests.e2e.conftest import many, one
from tests.support.server import Server
from tests.support.waiting import wait_until

# Two zones that never have the same date: UTC+14 and UTC-11.
OF_THE_GATEWAY, OF_THE_OWNER, OF_THE_MACHINE = "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Tokyo"


def house(scenario: str, timezone: str) -> SimulatedGateway:
    plant = replace(SCENARIOS[scenario].make_family().plant, timezone=timezone)
    return SimulatedGateway(scenario, hour=11.5, plant=plant)


@pytest.fixture(params=["powerwall2", "powerwall3", "local"])
def gateway(request: pytest.FixtureRequest) -> Iterator[SimulatedGateway]:
    with house(request.param, OF_THE_GATEWAY) as made:
        yield made


def zones(server: Server, name: str = "default") -> set[str]:
    """Every zone that the server names for a gateway."""
    return {
        server.json(f"/api/gateways/{name}")["gateway"]["timezone"],
        server.json("/api/gateways")[name]["gateway"]["timezone"],
    }


def days_of(server: Server) -> list[str]:
    return [row["day"] for row in server.json("/api/timeseries/daily").get("days", [])]


def today(zone: str) -> str:
    return datetime.datetime.now(ZoneInfo(zone)).date().isoformat()


def test_the_gateways_own_zone_counts_where_none_is_set(gateway: SimulatedGateway, tmp_path: Path) -> None:
    environment = {**many({"default": gateway}, tmp_path), "TZ": OF_THE_MACHINE, "PW_HISTORY_PATH": str(tmp_path / "h")}
    with Server(environment=environment) as server:
        server.wait_for_data()
        before = today(OF_THE_GATEWAY)
        wait_until(lambda: bool(days_of(server)), 20)
        assert days_of(server) in ([before], [today(OF_THE_GATEWAY)])
        wait_until(lambda: zones(server) == {OF_THE_GATEWAY}, 10)
        assert f"days begin at midnight in {OF_THE_GATEWAY}, not {OF_THE_MACHINE}" in server.output()
    gateway.stop()
    # After a restart while the gateway is away, the zone it had told is still the one in force.
    with Server(environment=environment) as server:
        assert server.json("/api/gateways/default")["gateway"]["timezone"] == OF_THE_GATEWAY
        wait_until(lambda: days_of(server) in ([before], [today(OF_THE_GATEWAY)]), 10)


def test_the_owners_zone_counts_before_the_gateways(gateway: SimulatedGateway, tmp_path: Path) -> None:
    with Server(environment={**many({"default": gateway}, tmp_path), "PW_TIMEZONE": OF_THE_OWNER}) as server:
        server.wait_for_data()
        before = today(OF_THE_OWNER)
        wait_until(lambda: bool(days_of(server)), 20)
        assert days_of(server) in ([before], [today(OF_THE_OWNER)])
        assert server.json("/api/gateways/default")["gateway"]["timezone"] == OF_THE_OWNER


def test_the_machines_zone_counts_while_nobody_tells(tmp_path: Path) -> None:
    with Server(environment={"PW_HOST": "127.0.0.1:1", "PW_GW_PWD": "x", "TZ": OF_THE_MACHINE}) as server:
        assert server.json("/api/gateways/default")["gateway"]["timezone"] == OF_THE_MACHINE
        assert server.json("/api/site_info/site_name") == {"site_name": None, "timezone": OF_THE_MACHINE}


def test_a_bad_zone_is_told_and_the_gateways_own_is_used(tmp_path: Path) -> None:
    with (
        house("powerwall3", OF_THE_GATEWAY) as simulated,
        Server(environment=one(simulated, PW_TIMEZONE="Chicago")) as server,
    ):
        server.wait_for_data()
        wait_until(lambda: zones(server) == {OF_THE_GATEWAY}, 10)
        assert "did you mean America/Chicago" in server.output()


def test_several_houses_keep_their_own_days_and_the_sum_has_those_of_the_default(tmp_path: Path) -> None:
    with (
        house("powerwall2", OF_THE_GATEWAY) as first,
        house("powerwall3", OF_THE_OWNER) as second,
        Server(environment={**many({"a": first, "b": second}, tmp_path), "PW_DEFAULT_GATEWAY": "b"}) as server,
    ):
        server.wait_for_data()
        before = today(OF_THE_GATEWAY)
        wait_until(lambda: len(days_of(server)) == 2, 20)
        if today(OF_THE_GATEWAY) == before:  # no midnight since
            assert set(days_of(server)) == {before, today(OF_THE_OWNER)}
        wait_until(lambda: zones(server, "a") == {OF_THE_GATEWAY} and zones(server, "b") == {OF_THE_OWNER}, 10)
        assert server.json("/api/gateways/aggregate")["gateway"]["timezone"] == OF_THE_OWNER
