"""Where the history lies when nobody names a folder: on the disk, or in memory, and then with the reason."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.support.server import Server
from tests.support.waiting import wait_until

IN_MEMORY = "history in memory only, it ends with this server: "


@pytest.fixture
def house() -> Iterator[SimulatedGateway]:
    with SimulatedGateway("powerwall2") as gateway:
        yield gateway


def plain(house: SimulatedGateway, folder: Path, **more: str) -> Server:
    """A server that is told nothing about its history."""
    return Server([], many({"home": house}, folder, PW_HISTORY_PATH="", XDG_STATE_HOME=str(folder), **more))


def polls(server: Server) -> int:
    return int(server.json("/api/timeseries/status")["samples"])


def kill(server: Server) -> None:
    os.kill(server.process.pid, signal.SIGKILL)
    server.process.wait()


def test_a_plain_installation_keeps_its_history_over_a_kill(house: SimulatedGateway, tmp_path: Path) -> None:
    with plain(house, tmp_path) as server:
        wait_until(lambda: polls(server) >= 2, 60)
        recorded = polls(server)
        assert server.json("/health")["history_in_memory"] is None
        kill(server)
        assert f"history in {tmp_path}/pwserver" in server.output()
    with plain(house, tmp_path) as server:
        assert polls(server) >= recorded
        assert server.json("/health")["history_in_memory"] is None


def test_the_folder_of_the_predecessors_file_is_taken(house: SimulatedGateway, tmp_path: Path) -> None:
    with plain(house, tmp_path, PW_TIMESERIES_PATH=str(tmp_path / "old" / "ts.db")) as server:
        assert f"history in {tmp_path}/old" in server.output()
    assert (tmp_path / "old" / "gateway-home" / "polls.ring").exists()


def test_a_folder_that_cannot_be_used_is_passed_over_and_named(house: SimulatedGateway, tmp_path: Path) -> None:
    (tmp_path / "old").write_text("no folder")
    with plain(house, tmp_path, PW_TIMESERIES_PATH=str(tmp_path / "old" / "ts.db")) as server:
        wait_until(lambda: f"history in {tmp_path}/pwserver" in server.output(), 60)
        assert f"history cannot be kept in {tmp_path}/old" in server.output()


def test_memory_is_said_with_cause_and_remedy(house: SimulatedGateway, tmp_path: Path) -> None:
    (tmp_path / "pwserver").write_text("no folder")
    with plain(house, tmp_path) as server:
        reason = server.json("/health")["history_in_memory"]
        assert "it is no folder" in reason
        assert str(tmp_path) not in reason  # clients read it; the log names the folder
        assert f"history cannot be kept in {tmp_path}/pwserver" in server.output()
        assert "PW_HISTORY_PATH" in reason
        wait_until(lambda: IN_MEMORY + reason in server.output(), 60)


def test_a_second_server_runs_without_the_folder_of_the_first(house: SimulatedGateway, tmp_path: Path) -> None:
    with plain(house, tmp_path), plain(house, tmp_path) as second:
        assert "another pwserver has it" in second.json("/health")["history_in_memory"]


def test_memory_can_be_asked_for(house: SimulatedGateway, tmp_path: Path) -> None:
    with Server([], many({"home": house}, tmp_path, PW_HISTORY_PATH="memory", XDG_STATE_HOME=str(tmp_path))) as server:
        assert server.json("/health")["history_in_memory"] == "PW_HISTORY_PATH=memory asks for that"
    assert not (tmp_path / "pwserver").exists()
