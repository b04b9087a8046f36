"""A whole server that tells its owner of an outage, and goes on polling while nobody takes its messages."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from pwserver.cli import main
from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import many
from tests.notices.receiver import Receiver
from tests.support.server import Server
from tests.support.waiting import wait_until

TOKEN = "a-token-that-may-command"
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
    settings["PW_CONTROL_SECRET"] = TOKEN
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
    assert "token-that" not in server.output()
    house.set_house(grid_outage=True)
    wait_until(lambda: len(receiver.messages) >= 3, 30, server.output())
    house.set_house(grid_outage=False)
    wait_until(lambda: len(receiver.messages) >= 4, 30, server.output())
    assert receiver.numbers == [1, 2, 3, 4]


def test_the_state_is_told_without_the_address_and_a_test_needs_the_token(receiver: Receiver, server: Server) -> None:
    wait_until(lambda: server.json("/api/notices")["addresses"][0]["sent"] >= 2, 20, "the counts")
    (told,) = server.json("/api/notices")["addresses"]
    assert told["cause"] is None and told["last_sent"] is not None and told["name"].startswith("json-")
    assert f'pwserver_notices_sent_total{{address="{told["name"]}"}}' in server.get("/metrics").body.decode()
    before = len(receiver.messages)
    assert server.get("/api/notices/test", "POST").status == 401
    answer = server.get("/api/notices/test", "POST", {"authorization": f"Bearer {TOKEN}"})
    assert answer.status == 200, answer
    assert answer.json() == {"addresses": [{"name": told["name"], "sent": True, "cause": None, "remedy": None}]}
    assert receiver.titles[before:] == ["Test of pwserver's notices"]
    dry = server.get("/api/notices/test?dry_run=1", "POST", {"authorization": f"Bearer {TOKEN}"})
    assert dry.status == 200 and dry.json()["addresses"][0]["sent"] is None
    assert len(receiver.messages) == before + 1
    receiver.messages.pop()
    assert "token-that" not in server.output() + str(answer.json()) + server.get("/metrics").body.decode()


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


def test_check_config_finds_such_an_address_too(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PW_NOTICE_URLS", "nonsense://very-secret-token-here")
    assert main(["check-config"]) == 2
    told = capsys.readouterr()
    assert "PW_NOTICE_URLS: address 1 of 1 (**********)" in told.err and "secret" not in told.err + told.out
