"""Messages on their way: over HTTP and by mail, refused, unanswered, and with processes killed at any moment."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from pwserver.events.event_ring import EventRing
from pwserver.notices import courier
from pwserver.notices.delivery import CAUSES
from pwserver.poller.notice_service import NoticeService
from tests.notices.receiver import MailServer, Receiver
from tests.notices.recorder import open_ring, record, service_of
from tests.support.programs import clean_environment, free_port
from tests.support.waiting import wait_until

CLOCK = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d – ")
EVENTS = 20


@contextmanager
def running(folder: Path, addresses: Sequence[str]) -> Iterator[tuple[NoticeService, EventRing]]:
    """The service in this process; the sending process ends with the test."""
    ring = open_ring(folder / "ring")
    service = service_of(folder, ring, addresses)
    service.start()
    try:
        wait_until(lambda: service.ready, 20, "the sending process")
        yield service, ring
    finally:
        service.stop()


def lose_grid(service: NoticeService, ring: EventRing) -> None:
    record(ring)
    service.wake()


def test_http_and_mail_get_the_same_message(tmp_path: Path) -> None:
    with (
        Receiver("/hook/very-secret-path") as http,
        MailServer() as mail,
        running(tmp_path, [http.address, mail.address]) as (service, ring),
    ):
        lose_grid(service, ring)
        wait_until(lambda: http.messages and mail.messages, 20)
        for message in (http.messages[0], mail.messages[0]):
            assert message.title == "Grid lost – Home" and message.number == 1
            assert "The house is off the grid." in message.body
        wait_until(lambda: not service.outbox.messages, 10)
        # One that ends in .new is being written, and becomes one of the others at any moment.
        files = [path for path in tmp_path.glob("notices.*") if path.suffix != ".new"]
        kept = "".join(path.read_text(errors="replace") for path in files)
        assert "secret" not in kept and "owner@example.com" not in kept and "secret" not in str(service.measured())
        trial = service.try_addresses()
        assert trial is not None and trial.done.wait(60)
        assert [(one["sent"], one["cause"]) for one in trial.to_json()] == [(True, None), (True, None)]
        assert "This is a test" in mail.messages[1].body


def test_a_refusing_address_holds_up_no_other_and_says_why(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nobody = f"json://127.0.0.1:{free_port()}/token-of-nobody"
    with Receiver() as good, Receiver("/forbidden") as bad:
        bad.status = 403
        with running(tmp_path, [nobody, bad.address, good.address]) as (service, ring):
            lose_grid(service, ring)
            lose_grid(service, ring)
            wait_until(lambda: len(good.messages) == 2, 20)
            told = {name.cause for name in service.targets.values()}
            wait_until(lambda: {one.cause for one in service.targets.values()} == {None, "login", "unreachable"}, 20)
            assert {one["remedy"] for one in service.status()["addresses"]} == {
                None, CAUSES["login"].remedy, CAUSES["unreachable"].remedy,
            }, told  # fmt: skip
            assert bad.messages == [] and service.outbox.next_for(next(iter(service.targets))) is not None
            bad.status = 200
            wait_until(lambda: len(bad.messages) == 2, 30)
            assert bad.numbers == good.numbers == [1, 2], "in order, each once"
    assert "token-of-nobody" not in caplog.text and "Errno" not in caplog.text


def test_an_attempt_without_an_answer_ends_and_its_repetition_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courier, "ATTEMPT_SECONDS", 0.7)
    with Receiver() as slow, Receiver("/other") as other:
        slow.hold.set()
        with running(tmp_path, [slow.address, other.address]) as (service, ring):
            lose_grid(service, ring)
            wait_until(lambda: slow.asked >= 2 and other.messages, 20)
            assert service.sending_pid is not None
            os.kill(service.sending_pid, signal.SIGKILL)  # the attempt under way ends by itself
            slow.hold.clear()
            wait_until(lambda: slow.messages, 20)
            assert slow.messages[0].body.endswith(f"pwserver, notice 1 {courier.REPEATED}")
            assert other.messages[0].body.endswith("pwserver, notice 1")


def test_the_sending_process_is_started_again(tmp_path: Path) -> None:
    with Receiver() as receiver, running(tmp_path, [receiver.address]) as (service, ring):
        assert service.sending_pid is not None
        os.kill(service.sending_pid, signal.SIGKILL)
        wait_until(lambda: not service.ready, 10)
        lose_grid(service, ring)
        wait_until(lambda: receiver.messages, 20)
        assert receiver.numbers == [1]


def start(folder: Path, addresses: Sequence[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.notices.recorder", str(folder), str(EVENTS), *addresses]
    return subprocess.Popen(command, env=clean_environment())


def sending_pids(parent: int) -> list[int]:
    """The sending process of this one, and its attempts."""
    found, wanted = [], {parent}
    for entry in sorted(Path("/proc").glob("[0-9]*/stat"), key=lambda path: int(path.parent.name)):
        try:
            with entry.open(errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) in wanted:
            wanted.add(int(entry.parent.name))
            found.append(int(entry.parent.name))
    return found


def kill_one(process: subprocess.Popen[bytes]) -> None:
    process.kill()


def kill_all(process: subprocess.Popen[bytes]) -> None:
    victims = sending_pids(process.pid)
    process.kill()
    for pid in victims:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


@pytest.mark.parametrize("kill", [kill_one, kill_all])
def test_no_notice_is_lost_and_none_comes_twice_unannounced(
    kill: Callable[[subprocess.Popen[bytes]], None], tmp_path: Path
) -> None:
    """Killed at random moments: of every event one line arrives. Only an attempt that was cut off is repeated."""
    open_ring(tmp_path / "ring")
    with Receiver() as receiver:

        def lines() -> Counter[str]:
            return Counter(stamp for one in receiver.messages for stamp in CLOCK.findall(one.body))

        process = start(tmp_path, [receiver.address])
        try:
            for _ in range(2):
                before = receiver.asked
                wait_until(lambda before=before: receiver.asked > before or len(lines()) == EVENTS, 30, "messages")
                time.sleep(random.uniform(0.0, 0.3))
                kill(process)
                process.wait()
                process = start(tmp_path, [receiver.address])
            wait_until(lambda: len(lines()) == EVENTS, 60, "a line for each event")
        finally:
            kill_all(process)
            process.wait()
        numbers = Counter(receiver.numbers)
        again = {number for number, count in numbers.items() if count > 1}
        announced = {one.number for one in receiver.messages if courier.REPEATED in one.body}
        assert again <= announced and max(numbers.values()) <= 2
        if kill is kill_one:
            assert set(lines().values()) == {1} and not again and not announced
