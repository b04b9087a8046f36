"""A falling counter in a running server: one number in every output, at every moment, before and after a restart."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.support.server import Server
from tests.support.waiting import wait_until

HELD, DIP, PASSED = 9_000_000, 8_999_950, 9_000_005
OTHERS = {
    "site.energy_imported": 1000,
    "site.energy_exported": 2000,
    "solar.energy_exported": 3000,
    "battery.energy_imported": 4000,
    "battery.energy_exported": 5000,
}
TARGETS = ("/aggregates", "/api/site/home", "/metrics", "/influx")  # the latter follow within half a second


@pytest.fixture
def house() -> Iterator[SimulatedGateway]:
    with SimulatedGateway("local", hour=11.5) as simulated:
        tell(simulated, HELD)
        yield simulated


def tell(house: SimulatedGateway, load: float, **more: float) -> None:
    house.set_counters({**OTHERS, "load.energy_imported": load, **more})


def everywhere(server: Server) -> dict[str, float | None]:
    """The energy the house has used as each output tells it, in watt-hours."""
    metrics, influx = server.get("/metrics").body.decode(), server.get("/influx").body.decode()
    joules = re.search(r'^powerwall_home_consumed_joules_total\{gateway="home"\} (\S+)$', metrics, re.M)
    written = re.search(r"home_energy_imported_wh=([0-9.e+]+)", influx)
    return {
        "/aggregates": server.json("/aggregates")["load"]["energy_imported"],
        "/api/meters/aggregates": server.json("/api/meters/aggregates")["load"]["energy_imported"],
        "/api/gateways/home": server.json("/api/gateways/home")["data"]["aggregates"]["load"]["energy_imported"],
        "/api/site/home": server.json("/api/site/home")["meters"]["home"]["imported_wh"],
        "/metrics": float(joules[1]) / 3600.0 if joules else None,
        "/influx": float(written[1]) if written else None,
    }


def shown_after_a_poll(server: Server) -> float | None:
    """The one number that all outputs show of some reading later than now; outputs of one reading are compared."""
    begun = server.timestamp()
    server.wait_for_data(newer_than=begun)
    found: dict[str, float | None] = {}

    def settled() -> bool:
        before = {server.timestamp(target) for target in TARGETS}
        found.update(everywhere(server))
        return len(before | {server.timestamp(target) for target in TARGETS}) == 1

    wait_until(settled, 20, "all outputs of one reading")
    assert len(set(found.values())) == 1, found
    return found["/aggregates"]


def started(house: SimulatedGateway, folder: Path) -> Server:
    return Server([], many({"home": house}, folder, PW_HISTORY_PATH=str(folder / "history")))


def test_a_dip_is_held_in_every_output_and_over_restarts(house: SimulatedGateway, tmp_path: Path) -> None:
    with started(house, tmp_path) as server:
        server.wait_for_data()
        assert shown_after_a_poll(server) == HELD
        tell(house, DIP)
        assert [shown_after_a_poll(server) for _ in range(4)] == [HELD] * 4
        assert str(DIP) in server.state("home")["set_aside"]["load.energy_imported"]
        os.kill(server.children()["poller"], signal.SIGKILL)
        server.wait_for_data(newer_than=server.timestamp())
        assert shown_after_a_poll(server) == HELD
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: "configuration reloaded" in server.output(), 60, "the reload")
        assert shown_after_a_poll(server) == HELD
        os.killpg(server.process.pid, signal.SIGKILL)
        wait_until(lambda: server.process.poll() is not None, 20, "the end of the server")
    with started(house, tmp_path) as server:
        server.wait_for_data()
        assert shown_after_a_poll(server) == HELD
        tell(house, PASSED)
        wait_until(lambda: shown_after_a_poll(server) == PASSED, 20, "the counter goes on")


def test_a_reset_is_believed_by_all_outputs_at_once_and_named(house: SimulatedGateway, tmp_path: Path) -> None:
    with started(house, tmp_path) as server:
        server.wait_for_data()
        assert shown_after_a_poll(server) == HELD
        seen: list[Any] = []
        for step in range(200):
            tell(house, 10 + step)
            seen.append(shown_after_a_poll(server))
            if seen[-1] != HELD:
                break
        assert set(seen[:-1]) == {HELD} and 10 <= seen[-1] <= 10 + len(seen)
        assert f"{HELD} before" in server.state("home")["notes"]["load.energy_imported"]
        tell(house, 500)
        wait_until(lambda: shown_after_a_poll(server) == 500, 20, "the new meter")


def test_a_counter_below_zero_is_told_by_nobody_and_named(house: SimulatedGateway, tmp_path: Path) -> None:
    tell(house, -50)
    with started(house, tmp_path) as server:
        server.wait_for_data()
        assert shown_after_a_poll(server) is None
        assert "below 0" in server.state("home")["set_aside"]["load.energy_imported"]
        tell(house, 3)
        wait_until(lambda: shown_after_a_poll(server) == 3, 20, "a count")


def generator_everywhere(server: Server) -> dict[str, float]:
    metrics, influx = server.get("/metrics").body.decode(), server.get("/influx").body.decode()
    gauge = re.search(r'^powerwall_meter_power_watts\{gateway="home",meter="generator"\} (\S+)$', metrics, re.M)
    point = re.search(r"^powerwall_meter,gateway=home,meter=generator .*?power_watts=([0-9.]+)", influx, re.M)
    assert gauge and point
    return {
        "/aggregates": server.json("/aggregates")["generator"]["instant_power"],
        "/api/site/home": server.json("/api/site/home")["meters"]["generator"]["watts"],
        "/metrics": float(gauge[1]),
        "/influx": float(point[1]),
    }


@pytest.mark.parametrize("scenario", ["generator", "local"])
def test_a_generator_is_in_every_output(scenario: str, tmp_path: Path) -> None:
    with SimulatedGateway(scenario, hour=11.5) as house:
        house.set_house(generator_watts=4200.5)
        with started(house, tmp_path) as server:
            for target in TARGETS:
                server.wait_for_data(target)
            assert set(generator_everywhere(server).values()) == {4200.5}
            meters = server.json("/aggregates")
            watts = {name: meter["instant_power"] for name, meter in meters.items()}
            sources = watts["site"] + watts["solar"] + watts["battery"] + watts["generator"]
            assert watts["load"] == pytest.approx(sources, abs=1e-6)
