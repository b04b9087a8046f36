"""However many read, the gateway is asked as often as its owner said, and never before a promised time."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import IMPATIENT, one
from tests.support.readers import Readers
from tests.support.server import Server
from tests.support.waiting import wait_until

POLLS = 6
RETRY_AFTER_SECONDS = 15  # in which a slow machine has started another process, which must know of it


def asked(gateway: SimulatedGateway, since: float) -> Counter[str]:
    """What the gateway was asked for after that moment (monotonic), by what it was about."""
    return Counter(seen.about for seen in list(gateway.requests.recent) if seen.time > since)


def watch(gateway: SimulatedGateway) -> tuple[Counter[str], float]:
    """Queries of the next polls, and the seconds they took; from one poll's end to another's."""
    begin = time.monotonic()
    wait_until(lambda: asked(gateway, begin)["controller"] >= 1, 30)
    begin = time.monotonic()
    wait_until(lambda: asked(gateway, begin)["controller"] >= POLLS, 60, "polls")
    return asked(gateway, begin), time.monotonic() - begin


def test_readers_cost_the_gateway_nothing(gateway: SimulatedGateway, serve: Callable[..., Server]) -> None:
    server = serve()
    alone, seconds_alone = watch(gateway)
    with Readers(server.port or 0, pause_seconds=0.005, count=4) as readers:
        wait_until(lambda: readers.answers > 50, 20)
        busy, seconds_busy = watch(gateway)
        wait_until(lambda: readers.answers > 300, 20, "they hardly read")
    assert readers.failures == []
    # A poll is a poll: one status and one controller query each, and the slow ones on their own time.
    for found in (alone, busy):
        assert abs(found["status"] - found["controller"]) <= 1
    # Never more often than the owner said (a loaded machine may miss a tick, but must not make up for it).
    assert busy["status"] <= seconds_busy + 1 and alone["status"] <= seconds_alone + 1
    # The slower queries fall into one window or the other, and a slow tester may count one poll more.
    assert busy.total() / busy["controller"] <= alone.total() / alone["controller"] + 8 / POLLS, (alone, busy)


def test_the_published_calls_are_the_real_ones(gateway: SimulatedGateway, serve: Callable[..., Server]) -> None:
    server = serve()

    def same() -> bool:
        before = gateway.requests.total
        told = server.state()["calls_total"]
        return before == gateway.requests.total == told  # no poll came between

    wait_until(same, 30, "calls_total is what the gateway counted")


@pytest.mark.parametrize("meanwhile", ["a killed poller", "a reload"])
def test_after_a_429_no_request_before_its_time(gateway: SimulatedGateway, meanwhile: str) -> None:
    """Whatever clients do, and whatever happens to the process that was told."""
    with Server(environment=one(gateway, PW_CACHE_TTL="60")) as server:
        server.wait_for_data()
        with Readers(server.port or 0) as readers:
            gateway.fault("status", status=429, retry_after_seconds=RETRY_AFTER_SECONDS)
            wait_until(lambda: server.state()["cause"] == "rate-limit", 20)
            gateway.fault("none")
            told = server.state()
            assert told["next_attempt"] is not None and told["state"] == "backing-off"
            if meanwhile == "a killed poller":
                os.kill(server.children()["poller"], signal.SIGKILL)
            else:
                os.kill(server.process.pid, signal.SIGHUP)
                wait_until(lambda: "configuration reloaded" in server.output(), 60)
            wait_until(lambda: server.state()["cause"] == "rate-limit", 20, "the new process knows")
            assert abs(server.state()["next_attempt"] - told["next_attempt"]) < 1
            wait_until(lambda: server.state()["state"] == "ok", 60)
        assert readers.failures == []
    times = [(seen.time, seen.status) for seen in list(gateway.requests.recent)]
    first = next(index for index, (_, status) in enumerate(times) if status == 429)
    assert len(times) > first + 1
    assert all(moment >= times[first][0] + RETRY_AFTER_SECONDS for moment, _ in times[first + 1 :])


def test_a_refused_login_is_not_tried_again_by_a_new_poller_but_with_a_new_password(
    gateway: SimulatedGateway, tmp_path: Path
) -> None:
    path = tmp_path / "pwserver.yaml"

    def write(password: str) -> None:
        entries = [{"id": "home", "host": gateway.address, "gw_pwd": password}]
        path.write_text(yaml.safe_dump({"gateways": entries}))

    write("WRONGWRONG")
    with Server(["--config", str(path)], dict(IMPATIENT)) as server:
        wait_until(lambda: server.state("home")["state"] == "auth-failed", 40)
        asked_before = gateway.requests.total
        killed = time.time()
        os.kill(server.children()["poller"], signal.SIGKILL)
        wait_until(lambda: server.state("home")["state_since"] > killed, 20, "the new poller has said something")
        assert server.state("home")["state"] == "auth-failed"
        assert gateway.requests.total == asked_before
        write(gateway.password)
        os.kill(server.process.pid, signal.SIGHUP)
        wait_until(lambda: server.state("home")["state"] == "ok", 60)
