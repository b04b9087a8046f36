"""A whole server that tells its owner of an outage, and goes on polling while nobody takes its messages."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.notices.receiver import Receiver
from tests.support.server import Server
from tests.support.waiting import wait_until

SECRET_PATH = "/hook/token-that-nobody-may-see"


@pytest.fixture(scope="module", name="house")
def _house() -> Iterator[SimulatedGateway]:
    with SimulatedGateway("powerwall3", hour=11.5) as house:
        yield house


@pytest.fixture(scope="module", name="receiver")
def _receiver() -> Iterator[Receiver]:
    with Receiver(SECRET_PATH) as receiver:
        yield receiver


@pytest.fixture(scope="module", name="server")
def _server(house: SimulatedGateway, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("notices")
    settings = {"PW_HISTORY_PATH": str(folder / "history"), "PW_NOTICE_URLS": receiver.address, "PW_CACHE_EXPIRE": "1"}
    with Server([], many({"home": house}, folder, **settings)) as server:
        server.wait_for_data("/api/site/home")
        yield server


def test_an_outage_is_told_once_and_its_end_once(house: SimulatedGateway, receiver: Receiver, server: Server) -> None:
    house.set_house(grid_outage=True)
    wait_until(lambda: receiver.messages, 30, server.output())
    os.kill(server.children()["poller"], signal.SIGKILL)
    house.set_house(grid_outage=False)
    wait_until(lambda: len(receiver.messages) >= 2, 60, server.output())
    assert [title.partition(" – ")[0] for title in receiver.titles] == ["Grid lost", "Grid back"]
    assert receiver.numbers == [1, 2]
    assert SECRET_PATH not in server.output() and "token-that" not in server.output()
    house.set_house(grid_outage=True)
    wait_until(lambda: len(receiver.messages) >= 3, 30, server.output())
    house.set_house(grid_outage=False)
    wait_until(lambda: len(receiver.messages) >= 4, 30, server.output())
    assert receiver.numbers == [1, 2, 3, 4]


def test_polls_go_on_while_a_receiver_hangs(house: SimulatedGateway, receiver: Receiver, server: Server) -> None:
    before = len(receiver.messages)
    receiver.hold.set()
    asked = receiver.asked
    house.set_house(grid_outage=True)
    wait_until(lambda: receiver.asked > asked, 30, server.output())
    for _ in range(3):
        server.wait_for_data("/api/site/home", newer_than=server.timestamp("/api/site/home"))
    assert len(receiver.messages) == before
    receiver.hold.clear()
    receiver.free.set()
    wait_until(lambda: len(receiver.messages) > before, 60, server.output())
    house.set_house(grid_outage=False)


def test_an_address_that_apprise_does_not_know_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as ended:
        Server([], {"PW_NOTICE_URLS": "json://127.0.0.1/ok, nonsense://very-secret-token-here"}).__enter__()
    text = str(ended.value)
    assert "PW_NOTICE_URLS: address 2 of 2 (**********) is not allowed; give addresses that Apprise" in text
    assert "secret" not in text and "pwserver ended with 2" in text
