"""The predecessor's history is there after a change of name: by itself, once, whatever happens meanwhile."""

from __future__ import annotations

import datetime
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.days import day_start, local_date
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.history.predecessor import evenly, make_store
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import wait_until

ZONE = "Europe/Berlin"
TAKEN = "home: history was taken over from"


@pytest.fixture
def house() -> Iterator[SimulatedGateway]:
    with SimulatedGateway("powerwall2") as gateway:
        yield gateway


def started(house: SimulatedGateway, folder: Path, **more: str) -> Server:
    """A server that is told where the predecessor had its file, as it was."""
    file = str(folder / "data" / "timeseries.db")
    settings = {"PW_HISTORY_PATH": "", "PW_TIMESERIES_PATH": file, "PW_TIMEZONE": ZONE, "PW_CACHE_EXPIRE": "1"}
    return Server([], many({"home": house}, folder, **(settings | {"XDG_STATE_HOME": str(folder)} | more)))


def earlier_days(count: int, now: float) -> list[tuple[str, float, float | None]]:
    """Closed days before today, each with an energy of its own."""
    today = local_date(now, ZoneInfo(ZONE))
    return [((today - datetime.timedelta(days=ago)).isoformat(), float(ago), None) for ago in range(1, count + 1)]


def daily(server: Server) -> dict[str, float]:
    answer = server.json("/api/timeseries/daily?days=366")["days"]
    found = {one["day"]: one["gateways"]["home"]["solar_kwh"] for one in answer}
    assert len(found) == len(answer), "one date twice"
    return found


def samples(server: Server, before: float) -> list[float]:
    answer: list[dict[str, Any]] = server.json("/api/timeseries/samples?limit=10000")["samples"]
    return [one["ts"] for one in answer if one["ts"] < before]


def content(folder: Path) -> dict[str, tuple[bytes, int]]:
    """The predecessor's files: what is in them, and when they were changed."""
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.glob("timeseries.db*")}


@pytest.mark.parametrize("killed", [False, True])
def test_it_is_taken_over_once_and_the_file_stays(house: SimulatedGateway, tmp_path: Path, killed: bool) -> None:
    now = time.time()
    store = tmp_path / "data" / "timeseries.db"
    make_store(store, evenly(now - 3000.0, now - 60.0, 5.0, 1000.0), earlier_days(300, now), "home", keep_log=killed)
    make_store(store.with_name("other.db"))  # a file of another name is nobody's business
    before = content(store.parent)
    assert ("timeseries.db-wal" in before) == killed
    with started(house, tmp_path) as server:
        wait_until(lambda: TAKEN in server.output(), 60)
        assert len(samples(server, now)) == len(evenly(now - 3000.0, now - 60.0, 5.0, 1000.0))
        taken = daily(server)
        assert {day: taken[day] for day, _, _ in earlier_days(300, now)} == {
            day: kwh for day, kwh, _ in earlier_days(300, now)
        }
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    with started(house, tmp_path) as server:
        server.wait_for_data()
        wait_until(lambda: len(samples(server, time.time())) > len(samples(server, now)), 60)
        assert len(samples(server, now)) == len(evenly(now - 3000.0, now - 60.0, 5.0, 1000.0))
        again = daily(server)
        assert {day: again[day] for day, _, _ in earlier_days(300, now)} == {
            day: kwh for day, kwh, _ in earlier_days(300, now)
        }
        assert TAKEN not in server.output()
    assert content(store.parent) == before


def test_rows_of_a_gateway_that_is_not_configured_are_named(house: SimulatedGateway, tmp_path: Path) -> None:
    now = time.time()
    make_store(tmp_path / "data" / "timeseries.db", [(now - 60.0, 1.0)], earlier_days(3, now), "barn")
    with started(house, tmp_path) as server:
        wait_until(lambda: "barn: 4 rows were not taken" in server.output(), 60)
        assert "history import --as barn=home" in server.output()
    with started(house, tmp_path) as server:  # at each start, as long as nothing has taken them
        wait_until(lambda: server.json("/health")["history_not_taken"], 60)
        (said,) = server.json("/health")["history_not_taken"]
        assert said.startswith("timeseries.db: barn: 4 rows were not taken") and "--as barn=home" in said
        assert str(tmp_path) not in said


def test_a_history_in_memory_says_that_the_file_is_not_taken_over(house: SimulatedGateway, tmp_path: Path) -> None:
    """A folder that nobody can write must not look like a history that was lost."""
    now = time.time()
    store = tmp_path / "data" / "timeseries.db"
    make_store(store, [(now - 60.0, 1.0)], earlier_days(3, now), "home")
    store.with_name("lock").mkdir()  # root may write everywhere, but not to a folder as if it were a file
    (tmp_path / "pwserver").write_text("a file where the state folder should be")
    with started(house, tmp_path) as server:
        said = f"history is not taken over from {store} while history is in memory only"
        wait_until(lambda: said in server.output(), 60)
        assert server.json("/health")["history_in_memory"]


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(4096)])
def test_a_file_that_is_no_history_is_named_once_in_its_message(
    house: SimulatedGateway, tmp_path: Path, content: bytes
) -> None:
    store = tmp_path / "data" / "timeseries.db"
    store.parent.mkdir()
    store.write_bytes(content)
    with started(house, tmp_path) as server:
        said = f"history is not taken over: {store} cannot be read as pypowerwall-server's history: "
        wait_until(lambda: said in server.output(), 60)
        server.wait_for_data()
        wait_until(lambda: server.json("/health")["history_not_taken"], 60)
        (told,) = server.json("/health")["history_not_taken"]
        assert "timeseries.db cannot be read" in told and told.endswith(
            "put a whole copy in its place, or move it away, then restart this server"
        )
    assert store.read_bytes() == content


def test_today_goes_on_where_the_predecessor_stopped(house: SimulatedGateway, tmp_path: Path) -> None:
    """B1: a day of which this server knows some seconds is made anew from the polls of both."""
    now = time.time()
    midnight = day_start(local_date(now, ZoneInfo(ZONE)), ZoneInfo(ZONE))
    with started(house, tmp_path) as server:
        wait_until(lambda: len(samples(server, time.time())) >= 3, 60)
    begun = max(midnight, now - 80_000.0)
    make_store(tmp_path / "data" / "timeseries.db", evenly(begun, now - 1.0, 5.0, 1000.0), (), "home")
    expected = (now - begun) / 3600.0
    with started(house, tmp_path) as server:
        wait_until(lambda: TAKEN in server.output(), 60)
        today = daily(server)[local_date(now, ZoneInfo(ZONE)).isoformat()]
    assert today == pytest.approx(expected, rel=0.02, abs=0.2)


def test_the_command_needs_none_of_the_servers_settings(house: SimulatedGateway, tmp_path: Path) -> None:
    """B2: whoever types it may see neither folder nor time zone nor retention nor gateways of the service."""
    now = time.time()
    folder = tmp_path / "data"
    make_store(folder / "timeseries.db", evenly(now - 3000.0, now - 60.0, 5.0, 1000.0), earlier_days(300, now), "home")
    with started(house, tmp_path, PW_TIMESERIES_RETENTION="3d") as server:
        wait_until(lambda: TAKEN in server.output(), 60)
        before = daily(server)
    polls = folder / "gateway-home" / "polls.ring"
    size = polls.stat().st_size
    more = [(day, kwh + 1.0, last) for day, kwh, last in earlier_days(320, now)]
    make_store(folder / "more.db", [(now - 200_000.0, 1.0)], more, "home")
    shell = clean_environment(PW_HISTORY_PATH="", HOME=str(tmp_path / "nobody"), TZ="America/Los_Angeles")
    command = [sys.executable, "-m", "pwserver", "history", "import", str(folder / "more.db")]
    done = subprocess.run(command, env=shell, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"home: history in {folder}, days begin at midnight in {ZONE}" in done.stderr
    assert polls.stat().st_size == size
    with started(house, tmp_path, PW_TIMESERIES_RETENTION="3d") as server:
        wait_until(lambda: len(daily(server)) == len(before) + 20, 60)  # today as well: the poller shows the open day
        after = daily(server)
        assert len(samples(server, now - 60.0)) == len(evenly(now - 3000.0, now - 60.0, 5.0, 1000.0)) + 1
    assert {day: after[day] for day, _, _ in more} == {day: kwh for day, kwh, _ in more}
