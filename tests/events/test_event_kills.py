"""Pollers killed at random moments: every event that a client has seen is there afterwards, exactly once."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import one
from tests.support.server import Server
from tests.support.waiting import wait_until

ROUNDS = 3  # odd, so that the last round leaves the house off the grid, which shows whatever was missed before
GRID = ("grid_down", "grid_up")


def followed(server: Server, cursor: str, seen: list[dict[str, Any]]) -> str:
    """Read what has happened since; returns the next cursor."""
    answer = server.json(f"/api/events?order=asc&cursor={cursor}")
    seen += answer["events"]
    return str(answer["next"])


def test_no_event_is_lost_or_told_twice(tmp_path: Path) -> None:
    chance = random.Random(20)
    seen: list[dict[str, Any]] = []
    cursor, outage = "0", False
    with SimulatedGateway("local", hour=11.5) as house:
        values = one(house, PW_HISTORY_PATH=str(tmp_path), PW_WORKERS="1")
        del values["PW_GW_PWD"]
        with Server([], values | {"PW_PASSWORD": house.customer_password}) as server:
            server.wait_for_data()
            for _ in range(ROUNDS):
                poller = server.children()["poller"]
                outage = not outage
                house.set_house(grid_outage=outage)
                change = house.raise_alert if outage else house.clear_alert
                change("HighCPU")
                until = time.monotonic() + chance.uniform(1.5, 4.0)  # a poll is every second, an outage takes two
                while time.monotonic() < until:
                    cursor = followed(server, cursor, seen)
                os.kill(poller, signal.SIGKILL)
                wait_until(lambda gone=poller: server.children().get("poller", gone) != gone, 20, "a new poller")
                killed = time.time()
                wait_until(lambda since=killed: server.timestamp() > since, 30, "a poll after the kill")
            last = "grid_down" if outage else "grid_up"

            def grid() -> list[str]:
                nonlocal cursor
                cursor = followed(server, cursor, seen)
                return [event["kind"] for event in seen if event["kind"] in GRID]

            wait_until(lambda: grid()[-1:] == [last], 30, "the last change of the grid")
            assert [event["sequence"] for event in seen] == list(range(1, len(seen) + 1)), "each once, in order"
            assert server.json("/api/events?order=asc")["events"] == seen
            assert all(one != other for one, other in zip(grid(), grid()[1:], strict=False)), "they take turns"
            assert grid()[0] == "grid_down" and seen
