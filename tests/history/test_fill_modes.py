"""Gaps filled over the real connections: the command and a server, in cloud and FleetAPI mode, with Tesla played."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.history.test_fill import DAY, HOUR, HOUSE, MIDNIGHT, record, rows, same
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import WaitUntil, patient
from tests.tesla import Tesla
from tests.tesla_history import TeslaHistory

MODES: dict[str, dict[str, object]] = {
    "cloud": {"cloud_mode": True, "email": "owner@example.com"},
    "fleetapi": {"fleetapi": True},
}


@pytest.fixture(scope="module")
def tesla() -> Iterator[Tesla]:
    with Tesla() as found:
        found.info["installation_time_zone"] = "Africa/Lagos"
        yield found


def environment_of(tesla: Tesla, folder: Path, mode: str) -> dict[str, str]:
    """The environment of a pwserver with one house in that mode, whose history is in ``folder / 'history'``."""
    tesla.fleet_login(tesla.cloud_login(folder))
    entry = {"id": HOUSE.id, "name": "House", "authpath": str(folder), **MODES[mode]}
    return {
        "PLAYED_TESLA": tesla.url,
        "PW_FLEETAPI_HTTP": "1.1",
        "PW_GATEWAYS": json.dumps([entry]),
        "PW_STATE_PATH": str(folder / "state"),
        "PW_HISTORY_PATH": str(folder / "history"),
        "PW_TIMEZONE": "Africa/Lagos",
    }


def fill(tesla: Tesla, folder: Path, mode: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "tests.agreement.tesla_server", "history", "fill", "--pause", "0s", *arguments]
    environment = clean_environment(**environment_of(tesla, folder, mode))
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=patient(60), check=False)


@pytest.mark.parametrize("mode", MODES)
def test_the_command_fills_a_gap(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    record(tmp_path / "history", (0, 10 * HOUR), (13 * HOUR, 30 * HOUR))
    before = rows(tmp_path / "history", "quarters")
    tesla.history, tesla.history_asked = TeslaHistory(), []
    done = fill(tesla, tmp_path, mode)
    assert done.returncode == 0 and f"{DAY}: 12 of 12 quarter hours filled" in done.stderr, done.stderr
    after = rows(tmp_path / "history", "quarters")
    assert len(after) == len(before) + 12 and all(same(after[when], row) for when, row in before.items())
    assert after[MIDNIGHT + 11 * HOUR]["load"] == 1000.0 and after[MIDNIGHT + 11 * HOUR]["filled_seconds"] == 900.0
    power, soe = tesla.history_asked
    assert (power["kind"], soe["kind"]) == ("power", "soe") and power["time_zone"] == "Africa/Lagos"
    assert power["start_date"].startswith(f"{DAY}T00:00:00+0") and power["end_date"].startswith(f"{DAY}T23:59:59+0")
    assert "CANARY" not in done.stdout + done.stderr


def test_a_server_fills_its_gaps_by_itself(tesla: Tesla, tmp_path: Path, wait_until: WaitUntil) -> None:
    """Beside the polls, once, and never because somebody asked; what was measured is the same to the bit after it."""
    record(tmp_path / "history", (0, 10 * HOUR), (13 * HOUR, 30 * HOUR))
    before = {ring: rows(tmp_path / "history", ring) for ring in ("minutes", "quarters")}
    tesla.history, tesla.history_asked = TeslaHistory(), []
    environment = environment_of(tesla, tmp_path, "cloud") | {"PW_HISTORY_FILL": "1s"}
    with Server(environment=environment, module="tests.agreement.tesla_server") as server:
        wait_until(lambda: HOUSE.id in server.json("/api/timeseries/status").get("fill", {}), deadline=60)
        told = wait_until(
            lambda: (now := server.json("/api/timeseries/status")["fill"][HOUSE.id])["last_filled"] and now, deadline=60
        )
        assert told["quarter_hours"] == 12 and told["cause"] is None
        target = f"/api/history?from={MIDNIGHT}&to={MIDNIGHT + 86400}&step=1h&fields=solar_kwh,filled_seconds,soe"
        hours = {row["time"]: row for row in server.json(target)}
        assert [row["filled_seconds"] for row in hours.values()].count(3600.0) == 3
        assert next(row for row in hours.values() if row["filled_seconds"] == 3600.0)["solar_kwh"] == 0.6
        csv = server.get(target + "&format=csv").body.decode().splitlines()
        assert csv[0] == "time,solar_kwh,filled_seconds,soe" and sum(",3600" in line for line in csv) == 3
        wait_until(
            lambda: server.json("/api/timeseries/status")["fill"][HOUSE.id]["gap_seconds_left"] == 0.0, deadline=30
        )
        assert len(tesla.history_asked) == 2
    after = {ring: rows(tmp_path / "history", ring) for ring in before}
    for ring, found in before.items():
        closed = {when: row for when, row in found.items() if when < max(found)}  # the newest row was still open
        assert all(same(after[ring][when], row) for when, row in closed.items()), ring
    assert sum(row["filled_seconds"] == 900.0 for row in after["quarters"].values()) == 12
