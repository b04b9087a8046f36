"""Commands that are interrupted: each has one clear answer, and nothing is sent twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.control.houses import House
from tests.support.server import Answer
from tests.support.waiting import patient, wait_until

DISPATCH: dict[str, Any] = {"power_watts": 700, "duration_seconds": 60}


class Asking:
    """One request in a thread of its own."""

    def __init__(self, ask: Callable[[], Answer]) -> None:
        self.answer: Answer | None = None
        self.seconds = 0.0
        self._thread = threading.Thread(target=self._run, args=(ask,))
        self._thread.start()

    def _run(self, ask: Callable[[], Answer]) -> None:
        begun = time.monotonic()
        self.answer = ask()
        self.seconds = time.monotonic() - begun

    def end(self) -> Answer:
        self._thread.join(patient(40))
        assert self.answer is not None
        return self.answer


@contextmanager
def fault(house: House, kind: str, **options: object) -> Iterator[None]:
    house.gateway.fault(kind, **options)
    try:
        yield
    finally:
        house.gateway.fault("none")


@pytest.fixture
def slow(houses: Callable[..., House]) -> House:
    """Polls seldom, so that faults hit commands and not polls."""
    found = houses("v1r", PW_CACHE_EXPIRE="30", PW_TIMEOUT="3", PW_ISLANDING_COOLDOWN="0")
    ready(found)
    found.forget()
    return found


def ready(house: House) -> None:
    """Wait for a good poll that began after this call; after failures one has to be asked for.

    No other may be under way then, or have been asked for: a fault that is meant for a command would hit it.
    """
    begun = time.time()
    asked = 0.0

    def polled() -> bool:
        nonlocal asked
        found = house.server.json("/api/gateways/default")
        if found["online"] and found["last_updated"] > begun:
            return True
        if time.monotonic() > asked + 3.0:
            asked = time.monotonic()
            house.post("/health/reset")
        return False

    def quiet() -> bool:
        before = house.gateway.requests.total
        time.sleep(0.5)
        return house.gateway.requests.total == before

    wait_until(polled, 40, "the gateway takes no commands")
    wait_until(quiet, 20, "polls do not end")


def test_carried_out_but_never_answered(slow: House) -> None:
    with fault(slow, "mute", path="/tedapi/v1r"):
        answer = slow.post("/control/dispatch", DISPATCH)
    assert answer.status == 504 and answer.json()["detail"].startswith("outcome unknown")
    assert [kind for kind, _ in slow.writes()] == ["dispatch"]
    ready(slow)
    with fault(slow, "mute", path="/tedapi/v1r"):
        form = slow.form("/control/dispatch", **DISPATCH)
    assert form.status == 504 and "error" in form.json()
    assert [kind for kind, _ in slow.writes()] == ["dispatch"] * 2


def test_reading_the_file_failed_so_nothing_was_written(slow: House) -> None:
    with fault(slow, "silent", path="/tedapi/v1r"):
        answer = slow.post("/control/reserve", {"value": 31})
    assert answer.status == 503 and slow.writes() == []


def test_two_at_once(slow: House) -> None:
    with fault(slow, "slow", seconds=1.5, path="/tedapi/v1r"):
        first = Asking(lambda: slow.post("/control/dispatch", DISPATCH))
        wait_until(lambda: busy(slow), 10, "never busy")
        second = slow.post("/control/reserve", {"value": 20})
        assert second.status == 409 and isinstance(second.json()["detail"], str)
        assert first.end().status == 200
    assert [kind for kind, _ in slow.writes()] == ["dispatch"]


def busy(house: House) -> bool:
    """Is a command under way? Asked with one that is not allowed to start anything."""
    return house.post("/control/resume?dry_run=1", {}).status == 409


def test_a_poller_that_dies_in_the_middle(slow: House) -> None:
    poller = slow.server.children()["poller"]
    with fault(slow, "mute", path="/tedapi/v1r"):
        asking = Asking(lambda: slow.post("/control/dispatch", DISPATCH))
        wait_until(lambda: slow.writes(), 10, "never sent")
        os.kill(poller, signal.SIGKILL)
        answer = asking.end()
    assert answer.status == 504 and "restarted" in answer.json()["detail"]
    wait_until(lambda: slow.server.children().get("poller") not in (None, poller), 10, "no new poller")
    ready(slow)
    assert [kind for kind, _ in slow.writes()] == ["dispatch"], "the new poller did not send it again"


def test_a_poller_that_cannot_start_it_never_does_later(slow: House) -> None:
    poller = slow.server.children()["poller"]
    os.kill(poller, signal.SIGSTOP)
    try:
        answer = slow.post("/control/dispatch", DISPATCH)
    finally:
        os.kill(poller, signal.SIGCONT)
    assert answer.status == 503 and "nothing was sent" in answer.json()["detail"]
    # Once this one is through, the poller has read what waited before it.
    ready(slow)
    assert slow.post("/control/resume", {}).status == 200
    assert [kind for kind, _ in slow.writes()] == ["resume"]


def test_a_worker_that_dies_takes_its_command_with_it(slow: House) -> None:
    poller = slow.server.children()["poller"]
    os.kill(poller, signal.SIGSTOP)
    try:
        connection = Asking(lambda: lost(slow))
        wait_until(lambda: waiting_worker(slow), 5, "no worker has the request")
        for name, pid in slow.server.children().items():
            if name.startswith("worker"):
                os.kill(pid, signal.SIGKILL)
        assert connection.end().status == 0
        wait_until(lambda: up(slow), 10, "no worker came back")
    finally:
        os.kill(poller, signal.SIGCONT)
    ready(slow)
    assert slow.post("/control/resume", {}).status == 200
    assert [kind for kind, _ in slow.writes()] == ["resume"]


def lost(house: House) -> Answer:
    try:
        return house.post("/control/dispatch", DISPATCH)
    except OSError:
        return Answer(0, {}, b"")


def up(house: House) -> bool:
    try:
        return house.server.get("/soe").status == 200
    except OSError:
        return False


def waiting_worker(house: House) -> bool:
    """Has a worker read the request? Its receive queue is empty while the answer is outstanding."""
    listed = Path("/proc/net/tcp").read_text().splitlines()[1:]
    port = f":{house.server.port:04X}"
    rows = [row.split() for row in listed]
    queues = [row[4].split(":")[1] for row in rows if row[1].endswith(port) and row[3] == "01"]
    return bool(queues) and all(int(queue, 16) == 0 for queue in queues)


def test_an_idempotency_key_works_once(slow: House) -> None:
    key = f"test-{time.time()}"
    assert slow.post("/control/dispatch", DISPATCH, idempotency_key=key).status == 200
    again = slow.post("/control/dispatch", DISPATCH, idempotency_key=key)
    assert again.status == 409 and "Idempotency-Key" in again.json()["detail"]
    assert slow.post("/control/dispatch", DISPATCH, idempotency_key="k" * 200).status == 400
    assert [kind for kind, _ in slow.writes()] == ["dispatch"]


def restarted(house: House) -> None:
    """Kill the poller and wait for its successor."""
    poller = house.server.children()["poller"]
    os.kill(poller, signal.SIGKILL)
    wait_until(lambda: house.server.children().get("poller") not in (None, poller), 10, "no new poller")
    ready(house)


def reloaded(house: House) -> None:
    """Have every process replaced."""
    said = len(house.server.output())
    house.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in house.server.output()[said:], 60, "not reloaded")
    ready(house)


@pytest.mark.parametrize("replace", [restarted, reloaded])
def test_an_idempotency_key_outlives_the_processes(houses: Callable[..., House], replace: Callable[..., None]) -> None:
    house, key = houses("v1r", PW_ISLANDING_COOLDOWN="600"), f"kept over {replace.__name__}"
    assert house.post("/control/dispatch", DISPATCH, idempotency_key=key).status == 200
    house.forget()
    replace(house)
    assert house.post("/control/dispatch", DISPATCH, idempotency_key=key).status == 409
    assert house.post("/control/dispatch", DISPATCH, idempotency_key=f"not {key}").status == 200
    assert [kind for kind, _ in house.writes()] == ["dispatch"]


def test_the_wait_after_wrong_tokens_outlives_a_reload(houses: Callable[..., House]) -> None:
    house = houses("v1r", PW_CONTROL_ATTEMPTS="1")

    def guess() -> int:
        """A wrong token that is really compared, and how long the next one has to wait."""
        wait_until(lambda: house.post("/control/reserve", {"value": 30}, "wrong").status == 401, 30, "still waiting")
        refused = house.post("/control/reserve", {"value": 30})
        assert refused.status == 429, "even the right one has to wait"
        return int(refused.headers["retry-after"])

    assert [guess(), guess()] == [1, 2]
    said = len(house.server.output())
    house.server.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in house.server.output()[said:], 60, "not reloaded")
    assert guess() >= 3, "the reload has wiped the slate"
    assert house.writes() == []


def test_the_cool_down_outlives_the_poller(houses: Callable[..., House]) -> None:
    house = houses("v1r", PW_ISLANDING_COOLDOWN="600")

    def seconds_left() -> int:
        answer = house.post("/control/islanding", {"value": "on_grid"})
        return int(answer.headers["retry-after"]) if answer.status == 429 else 0

    before = wait_until(seconds_left, 20, "it may be commanded again and again")  # other tests share this house
    begun = time.monotonic()
    house.forget()
    restarted(house)
    after, passed = seconds_left(), time.monotonic() - begun
    assert before - passed - 2 <= after <= before
    assert house.writes() == []
