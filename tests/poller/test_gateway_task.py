"""The life of one gateway in the poller: what is published when, and that a hanging call delays only itself."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from pwserver.poller.gateway_task import Freshness, GatewayTask
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading
from tests.support.waiting import patient, wait_until_async

LIMIT_SECONDS = patient(20.0)


class Failure(Exception):
    cause = "timeout"


class Scripted:
    """A connection whose polls follow a script: True is a reading, False a failure, an Event a call that hangs."""

    def __init__(self, *script: bool | threading.Event) -> None:
        self.script = list(script)
        self.identity = GatewayIdentity("home", "Home")
        self.next_attempt = 0.0
        self.online = False
        self.polls = 0

    def read_again(self) -> None:
        """Do nothing: no command is given to it."""

    def poll(self) -> Reading:
        step = self.script[min(self.polls, len(self.script) - 1)]
        self.polls += 1
        if isinstance(step, threading.Event):
            step.wait(LIMIT_SECONDS)
            step = True
        self.online = step
        if not step:
            raise Failure("no answer")
        return Reading.partial("home", time.time(), {"site": {"instant_power": float(self.polls)}})

    def status(self, now: float | None = None) -> GatewayStatus:
        return GatewayStatus(online=self.online)

    def close(self) -> None:
        pass


class Watched:
    """What was published, as (online, stale, has data)."""

    def __init__(self) -> None:
        self.seen: list[tuple[bool, bool, bool]] = []

    def __call__(self, _: GatewayIdentity, status: GatewayStatus, reading: Reading | None, expires: float) -> None:
        assert (expires > time.monotonic()) is (reading is not None)
        self.seen.append((status.online, status.stale, reading is not None))


def run(job: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(job(), LIMIT_SECONDS))


def freshness(ttl: float, graceful: bool = True, interval: float = 0.05) -> Freshness:
    return Freshness(interval, ttl, graceful, slack_seconds=5.0)


def test_good_data_are_served_through_a_failure_then_withdrawn_then_back() -> None:
    connection, watched = Scripted(True, False, *[False] * 20, True), Watched()

    async def job() -> None:
        task = asyncio.create_task(GatewayTask(connection, freshness(0.3), watched).run())
        await wait_until_async(lambda: len(watched.seen) > 3 and watched.seen[-1] == (True, False, True))
        task.cancel()

    run(job)
    order = [state for state, before in zip(watched.seen, [None, *watched.seen], strict=False) if state != before]
    assert order == [(True, False, True), (False, True, True), (False, False, False), (True, False, True)]


def test_without_graceful_degradation_a_failure_withdraws_at_once() -> None:
    connection, watched = Scripted(True, False), Watched()

    async def job() -> None:
        task = asyncio.create_task(GatewayTask(connection, freshness(60.0, graceful=False), watched).run())
        await wait_until_async(lambda: len(watched.seen) >= 2)
        task.cancel()

    run(job)
    assert watched.seen[1] == (False, False, False)


def test_data_expire_even_while_a_call_hangs() -> None:
    hanging = threading.Event()
    connection, watched = Scripted(True, hanging), Watched()
    task_freshness = Freshness(0.05, 0.2, True, slack_seconds=0.1)

    async def job() -> None:
        task = asyncio.create_task(GatewayTask(connection, task_freshness, watched).run())
        await wait_until_async(lambda: watched.seen[-1:] == [(True, False, False)])
        assert connection.polls == 2
        hanging.set()
        await wait_until_async(lambda: watched.seen[-1] == (True, False, True))
        task.cancel()

    run(job)


def test_a_command_is_followed_by_a_poll_before_the_next_tick() -> None:
    connection, watched = Scripted(True), Watched()

    async def job() -> None:
        work = GatewayTask(connection, freshness(7200.0, interval=3600.0), watched)
        task = asyncio.create_task(work.run())
        await wait_until_async(lambda: connection.polls == 1)
        work.poll_soon()
        await wait_until_async(lambda: connection.polls == 2)
        task.cancel()

    run(job)


def test_a_call_that_never_comes_back_ends_the_process() -> None:
    """The task breaks, which the poller takes as a reason to be replaced."""
    hanging = threading.Event()
    connection, watched = Scripted(hanging), Watched()

    async def job() -> None:
        with pytest.raises(RuntimeError, match="not come back"):
            await GatewayTask(connection, freshness(60.0), watched, stuck_seconds=0.2).run()
        hanging.set()

    run(job)
    assert connection.polls == 1


def test_a_promise_of_an_earlier_process_is_told_at_once() -> None:
    connection, watched = Scripted(True), Watched()
    connection.next_attempt = time.monotonic() + 3600

    async def job() -> None:
        task = asyncio.create_task(GatewayTask(connection, freshness(60.0), watched).run())
        await wait_until_async(lambda: bool(watched.seen))
        task.cancel()

    run(job)
    assert watched.seen == [(False, False, False)] and connection.polls == 0


def test_no_attempt_before_the_connection_allows_one() -> None:
    connection, watched = Scripted(True), Watched()
    connection.next_attempt = time.monotonic() + 0.5
    asked: list[float] = []
    original = connection.poll

    def poll() -> Reading:
        asked.append(time.monotonic())
        return original()

    connection.poll = poll  # type: ignore[method-assign]

    async def job() -> None:
        task = asyncio.create_task(GatewayTask(connection, freshness(60.0), watched).run())
        await wait_until_async(lambda: bool(asked))
        task.cancel()

    run(job)
    assert asked[0] >= connection.next_attempt


@pytest.mark.parametrize("broken", [ValueError("bug"), KeyError("x")])
def test_a_fault_of_our_own_counts_as_a_failed_poll_and_is_logged(
    broken: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    connection, watched = Scripted(False), Watched()

    def poll() -> Reading:
        connection.polls += 1
        raise broken

    connection.poll = poll  # type: ignore[method-assign]

    async def job() -> None:
        task = asyncio.create_task(GatewayTask(connection, freshness(60.0), watched).run())
        await wait_until_async(lambda: len(watched.seen) >= 2)
        task.cancel()

    run(job)
    assert watched.seen[0] == (False, False, False)
    assert "home" in caplog.text
