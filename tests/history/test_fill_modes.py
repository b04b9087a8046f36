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
from tests.support.waiting import patient
from tests.tesla import ROOT, Tesla
from tests.tesla_history import TeslaHistory

MODES: dict[str, dict[str, object]] = {
    "cloud": {"cloud_mode": True, "email": "owner@example.com"},
    "fleetapi": {"fleetapi": True},
}


@pytest.fixture(scope="module")
def tesla() -> Iterator[Tesla]:
    with Tesla() as found:
        found.info["installation_time_zone"] = "Europe/Berlin"
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
        "PW_TIMEZONE": "Europe/Berlin",
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
    tried = fill(tesla, tmp_path, mode, "--dry-run")
    assert tried.returncode == 0 and f"{DAY}: 12 of 12 quarter hours would be filled" in tried.stderr, tried.stderr
    assert rows(tmp_path / "history", "quarters").keys() == before.keys()
    done = fill(tesla, tmp_path, mode)
    assert done.returncode == 0 and f"{DAY}: 12 of 12 quarter hours filled" in done.stderr, done.stderr
    after = rows(tmp_path / "history", "quarters")
    assert len(after) == len(before) + 12 and all(same(after[when], row) for when, row in before.items())
    assert after[MIDNIGHT + 11 * HOUR]["load"] == 1000.0 and after[MIDNIGHT + 11 * HOUR]["filled_seconds"] == 900.0
    power, soe = tesla.history_asked[2:]
    assert (power["kind"], soe["kind"]) == ("power", "soe") and power["time_zone"] == "Europe/Berlin"
    assert power["start_date"].startswith(f"{DAY}T00:00:00+0") and power["end_date"].startswith(f"{DAY}T23:59:59+0")
    assert "CANARY" not in done.stdout + done.stderr


def test_a_refusal_of_tesla_is_told_and_changes_nothing(tesla: Tesla, tmp_path: Path) -> None:
    record(tmp_path / "history", (0, 10 * HOUR), (13 * HOUR, 30 * HOUR))
    before = rows(tmp_path / "history", "quarters")
    tesla.history = TeslaHistory()
    tesla.said[f"{ROOT}/calendar_history"] = (429, b"{}", {"Retry-After": "90"})
    try:
        done = fill(tesla, tmp_path, "cloud")
    finally:
        tesla.said.clear()
    assert done.returncode == 1 and "90 s" in done.stderr and "too many requests" in done.stderr, done.stderr
    assert rows(tmp_path / "history", "quarters").keys() == before.keys()
