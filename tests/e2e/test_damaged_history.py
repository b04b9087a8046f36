"""History files that are damaged under a running server cost the history at most, never the live data."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.server import Server
from tests.support.waiting import wait_until

ROUTES = (
    "/api/history",
    "/api/battery/health",
    "/api/solar/strings",
    "/api/timeseries/daily",
    "/api/timeseries/today",
    "/api/timeseries/trend",
    "/api/timeseries/samples",
    "/api/timeseries/status",
    "/api/timeseries/signals",
    "/api/timeseries/signal_trend?metrics=frequency",
)


def recorded(server: Server) -> int:
    return int(server.json("/api/timeseries/status")["samples"])


def lives_without_history(server: Server, reason: str) -> None:
    """Every history route says why; everything else goes on and stays fresh."""
    for route in ROUTES:
        for _ in range(4):  # whichever worker answers
            answer = server.get(route)
            assert answer.status == 503, (route, answer)
            assert reason in answer.json()["detail"] and "Live data are not affected" in answer.json()["detail"]
    assert reason in server.json("/health")["history_problem"]
    server.wait_for_data(newer_than=server.timestamp())
    assert server.get("/readyz").status == server.get("/livez").status == 200


@pytest.mark.parametrize("name", ["polls.ring", "days.ring", "state.record"])
def test_a_file_cut_to_nothing(serve: Callable[..., Server], tmp_path: Path, name: str) -> None:
    server = serve(PW_HISTORY_PATH=str(tmp_path))
    wait_until(lambda: recorded(server) > 0, 20, "something is recorded")
    before = server.children()
    assert server.json("/health")["history_problem"] is None
    os.truncate(tmp_path / "gateway-default" / name, 0)
    lives_without_history(server, f"gateway-default/{name} was cut short while it was in use")
    wait_until(lambda: "history is neither recorded nor answered any more" in server.output(), 20, "the log says so")
    assert server.children() == before, "nobody died"
    # A reload opens the files anew.
    server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in server.output(), 60, server.output())
    wait_until(lambda: recorded(server) > 0, 30, "something is recorded again")
    assert server.json("/health")["history_problem"] is None
    assert "Traceback" not in server.output() and "SIGBUS" not in server.output()


def test_children_that_die_of_what_they_touch(serve: Callable[..., Server], tmp_path: Path) -> None:
    """A bad sector is SIGBUS for whoever touches it, and no machine for tests has one: the signal is sent."""
    server = serve(PW_HISTORY_PATH=str(tmp_path))
    wait_until(lambda: recorded(server) > 0, 20, "something is recorded")
    for victim in ("poller", "worker-0"):
        old = server.children()[victim]
        os.kill(old, signal.SIGBUS)
        wait_until(lambda old=old, victim=victim: server.children().get(victim, old) != old, 20, "it starts again")  # type: ignore[misc]
        server.wait_for_data(newer_than=server.timestamp())
    lives_without_history(server, "reading its files ended 2 processes (SIGBUS)")
    wait_until(lambda: "history is neither recorded nor answered any more" in server.output(), 20, "the log says so")


def test_one_such_death_is_no_reason_yet(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(PW_HISTORY_PATH=str(tmp_path))
    old = server.children()["poller"]
    os.kill(old, signal.SIGBUS)
    wait_until(lambda: server.children().get("poller", old) != old, 20, "it starts again")
    before = recorded(server)
    wait_until(lambda: recorded(server) > before, 20, "recording goes on")
    assert server.json("/health")["history_problem"] is None


def test_a_history_in_memory_is_not_given_up(serve: Callable[..., Server]) -> None:
    server = serve()
    for _ in range(3):
        old = server.children()["poller"]
        os.kill(old, signal.SIGBUS)
        wait_until(lambda old=old: server.children().get("poller", old) != old, 20, "it starts again")  # type: ignore[misc]
    before = recorded(server)
    wait_until(lambda: recorded(server) > before, 20, "recording goes on")
