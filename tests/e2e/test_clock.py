"""A real server whose clock is really wrong: libfaketime gives its processes another time than the gateway has."""

from __future__ import annotations

import math
import os
import re
import signal
import time
from array import array
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.history.layout import COLUMNS, POWERS, HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of
from pwserver.history.store import HistoryStore
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import one
from tests.history.support import reading
from tests.support.server import Server
from tests.support.waiting import wait_until

DAY = 86400.0
LIBRARY = str(next(iter(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1")), "libfaketime is not installed"))
DAYS = 12
ROW = array("d", [1000.0, 0.0, 0.0, 1000.0, *[math.nan] * (len(COLUMNS) - len(POWERS))])
NEAR_SECONDS = 10.0  # a poll of a badly loaded machine; clocks here are at least minutes wrong


class Machine:
    """A computer with a history of twelve days and a clock one can set, also while the server runs."""

    def __init__(self, folder: Path, gateway: SimulatedGateway) -> None:
        self.history = folder / "history"
        self._clock = folder / "clock"
        self._gateway = gateway
        self._server: Server | None = None
        self.set(0.0)
        self._fill()

    def _fill(self) -> None:
        settings = HistorySettings(poll_interval=1.0)
        store = HistoryStore.open(self.history, [plan(settings, HistoryGateway("default", "Default Gateway", "UTC"))])
        recorder = Recorder(store.archives["default"])
        end = time.time() - 120.0
        for number in range(DAYS * 96):  # as rows, which need not be judged: that is most of the work
            recorder.take_row(end - DAYS * DAY + number * 900.0, ROW)
        recorder.record(reading(end, 1000.0, 0.0, 0.0, 1000.0))
        recorder.checkpoint()
        days = store.archives["default"].days.count
        store.close()
        assert days == DAYS

    def set(self, wrong: float) -> None:
        """Set the clock so many seconds ahead of the truth."""
        fresh = self._clock.with_suffix(".new")
        fresh.write_text(f"{wrong:+.0f}s\n")
        os.replace(fresh, self._clock)

    @property
    def server(self) -> Server:
        """The server that runs."""
        assert self._server is not None
        return self._server

    def start(self, **settings: str) -> Server:
        """Start the server with the clock as it is; its data are there."""
        fake = {
            "LD_PRELOAD": LIBRARY,
            "FAKETIME_TIMESTAMP_FILE": str(self._clock),
            "FAKETIME_NO_CACHE": "1",
            "DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
            # What the library does about an old fault of glibc lets each thread that waits for Python's lock spin.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "TZ": "UTC",
        }
        # With a clock that is read from a file, a busy machine may need more than the one second of other tests.
        more = {"PW_HISTORY_PATH": str(self.history), "PW_TIMEZONE": "UTC", "PW_TIMEOUT": "10"}
        self._server = Server(environment=one(self._gateway, **more, **fake, **settings))
        self._server.__enter__()
        self._server.wait_for_data()
        return self._server

    def stop(self, kill: bool = False) -> None:
        """End the server, with or without a good-bye."""
        if self._server is not None:
            if kill:
                os.killpg(self._server.process.pid, signal.SIGKILL)
                self._server.process.wait()
            self._server.__exit__()
            self._server = None

    def days(self) -> list[str]:
        """All days of the history, oldest first."""
        found = self.server.json("/api/timeseries/daily?start=1971-01-01&end=2099-12-31")["days"]
        return sorted(row["day"] for row in found)

    def samples(self) -> list[float]:
        """When the newest polls were taken, oldest first."""
        return [row["ts"] for row in self.server.json("/api/timeseries/samples?limit=10000")["samples"]]

    def polls(self, count: int) -> list[float]:
        """Wait for so many polls more; their true times, as the client saw them."""
        seen: list[float] = []
        last = self.server.timestamp()

        def another() -> bool:
            nonlocal last
            moment = self.server.timestamp()
            if moment not in (last, 0.0):
                last = moment
                seen.append(time.time())
            return len(seen) >= count

        wait_until(another, 60, f"{count} polls:\n{self.server.output()}")
        return seen

    def complete(self, since: float, polled: list[float]) -> bool:
        """Is every one of these polls in the history at its true time, and nothing twice and nothing in the future?"""
        times = [when for when in self.samples() if when > since]
        near = all(any(-NEAR_SECONDS < when - moment < 1.0 for when in times) for moment in polled)
        whole = len(times) >= len(polled) and times == sorted(set(times))
        return near and whole and all(when <= time.time() + 1.0 for when in times)


@pytest.fixture
def machine(tmp_path: Path, gateway: SimulatedGateway) -> Iterator[Machine]:
    made = Machine(tmp_path, gateway)
    yield made
    made.stop()


@pytest.mark.parametrize("by", ["step", "restart", "kill"])
def test_twelve_days_and_a_clock_400_days_behind(machine: Machine, by: str) -> None:
    since = time.time() - 60.0
    machine.set(-400 * DAY)
    machine.start()
    polled = machine.polls(6)
    assert len(machine.days()) >= DAYS, machine.server.output()
    assert "nothing is taken away" in machine.server.output()
    if by != "step":
        machine.stop(by == "kill")
    machine.set(0.0)
    if by != "step":
        machine.start()
    polled += machine.polls(4)
    wait_until(lambda: machine.complete(since, polled), 20, f"all polls:\n{machine.server.output()}")
    assert len(machine.days()) >= DAYS
    assert not list(folder_of(machine.history, "default").glob("set-aside-*"))


def test_a_clock_a_day_ahead_for_five_seconds(machine: Machine) -> None:
    since = time.time() - 1.0
    machine.start()
    polled = machine.polls(3)
    machine.set(DAY)
    polled += machine.polls(5)
    wait_until(lambda: machine.complete(since, polled), 20, f"recording goes on:\n{machine.server.output()}")
    machine.set(0.0)
    polled += machine.polls(3)
    wait_until(lambda: machine.complete(since, polled), 20, f"all polls:\n{machine.server.output()}")
    assert len(machine.days()) >= DAYS
    output = machine.server.output()
    told = re.search(r"the clock was set by \+(\d+) seconds", output)
    # A busy machine may look at its two clocks some time apart.
    assert told and abs(int(told[1]) - DAY) <= 5, output


@pytest.mark.parametrize(
    ("wrong", "by"),
    [(3 * 365 * DAY, "step"), (3 * 365 * DAY, "kill"), (3600.0, "restart")],
    ids=["years-step", "years-kill", "an-hour-restart"],
)
def test_a_start_with_a_clock_ahead_that_is_set_back(machine: Machine, wrong: float, by: str) -> None:
    since = time.time() - 60.0
    machine.set(wrong)
    machine.start()
    polled = machine.polls(6)
    if by != "step":
        machine.stop(by == "kill")
    machine.set(0.0)
    if by != "step":
        machine.start()
    polled += machine.polls(5)
    wait_until(lambda: machine.complete(since, polled), 30, f"all polls:\n{machine.server.output()}")
    assert len(machine.days()) >= DAYS
    assert "were given their true time" in machine.server.output()


@pytest.mark.parametrize("step", [3600.0, -300.0])
def test_a_running_clock_that_is_set_wrong(machine: Machine, step: float) -> None:
    """The gateway's clock shows that it is wrong; questions about the last minutes find them all the same."""
    since = time.time() - 1.0
    machine.start()
    polled = machine.polls(5)
    used = machine.server.json("/api/timeseries/today")["gateways"]["default"]["home_kwh"]
    machine.set(step)
    polled += machine.polls(5)
    wait_until(lambda: machine.complete(since, polled), 20, f"recording goes on:\n{machine.server.output()}")
    rows = machine.server.json("/api/history?from=now-5m&step=1s")
    assert len(rows) >= 8, machine.server.output()
    later = machine.server.json("/api/timeseries/today")["gateways"]["default"]["home_kwh"]
    assert 0.0 <= later - used < 0.1  # a minute of a house, not an hour of it
    assert len(machine.days()) >= DAYS


@pytest.mark.parametrize("step", [3600.0, -3600.0])
def test_the_age_of_data_does_not_follow_the_clock(machine: Machine, step: float) -> None:
    server = machine.start(PW_CACHE_EXPIRE="300", PW_CACHE_TTL="900")
    started = time.monotonic()
    wait_until(lambda: int(server.get("/soe").headers["age"]) >= 2, 20, "data grow old")
    machine.set(step)
    there = server.get("/soe").headers["date"]
    wait_until(lambda: server.get("/soe").headers["date"] != there, 20, "the clock is set")
    for target in ("/soe", "/aggregates", "/api/site", "/soe?from=sanic"):
        age = int(server.get(target).headers["age"])
        assert 2 <= age <= time.monotonic() - started + 60.0, target
    assert server.get("/livez").status == 200
