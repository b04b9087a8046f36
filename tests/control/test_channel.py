"""The channel by itself: what is said when the other side is slow, gone, or somebody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import pytest

from pwserver.commands import (
    ACKNOWLEDGED,
    MESSAGE_BYTES,
    NOT_SENT,
    UNKNOWN,
    Channel,
    Command,
    CommandClient,
    CommandServer,
    Outcome,
    receive,
    send,
)

POLLER, WORKER = 41, 42


class Heart:
    """A heartbeat table of one row."""

    def __init__(self) -> None:
        self.value = POLLER

    def pid(self, row: int) -> int:
        return self.value


Accept = Callable[[Command, Callable[[], bool]], Any]


async def ask(accept: Accept | None, heart: Heart | None = None, **options: Any) -> Outcome:
    """One command over a real channel; ``accept`` None: the poller does not listen."""
    channel, heart = Channel(1), heart or Heart()
    client = CommandClient(channel.workers[0], heart, 0, WORKER)
    try:
        if accept is not None:
            CommandServer(channel, POLLER, accept).start()
        given: dict[str, Any] = {"who": "test", "start_seconds": 0.5, "limit_seconds": 0.5} | options
        return await client.carry_out("home", "operation", {"level": 1}, **given)
    finally:
        client.close()
        channel.close()


def test_acknowledged() -> None:
    seen: list[Command] = []

    async def accept(command: Command, started: Callable[[], bool]) -> Outcome:
        seen.append(command)
        assert started()
        return Outcome(ACKNOWLEDGED, result={"big": 2**64 - 1}, via="v1r", pending=["reserve"])

    outcome = asyncio.run(ask(accept, dry_run=True, key="k"))
    assert outcome == Outcome(ACKNOWLEDGED, result={"big": 2**64 - 1}, via="v1r", pending=["reserve"])
    (command,) = seen
    assert (command.gateway, command.arguments, command.dry_run, command.key) == ("home", {"level": 1}, True, "k")


def test_nobody_listens() -> None:
    assert asyncio.run(ask(None)).kind == NOT_SENT


def test_started_and_then_silent() -> None:
    async def accept(command: Command, started: Callable[[], bool]) -> Outcome:
        assert started()
        await asyncio.sleep(30)
        raise AssertionError

    outcome = asyncio.run(ask(accept))
    assert outcome.kind == UNKNOWN and "outcome unknown" in outcome.message


def test_too_late_is_never_started() -> None:
    allowed: list[bool] = []

    async def accept(command: Command, started: Callable[[], bool]) -> Outcome:
        await asyncio.sleep(command.deadline - time.monotonic() + 0.01)
        allowed.append(started())
        return Outcome(NOT_SENT, "too late")

    assert asyncio.run(ask(accept, start_seconds=0.05)).kind == NOT_SENT
    assert allowed in ([], [False])


@pytest.mark.parametrize(("begun", "kind"), [(True, UNKNOWN), (False, NOT_SENT)])
def test_the_poller_is_replaced(begun: bool, kind: str) -> None:
    heart = Heart()

    async def accept(command: Command, started: Callable[[], bool]) -> Outcome:
        if begun:
            assert started()
        heart.value = POLLER + 1
        await asyncio.sleep(30)
        raise AssertionError

    begin = time.monotonic()
    outcome = asyncio.run(ask(accept, heart, start_seconds=60, limit_seconds=60))
    assert outcome.kind == kind and time.monotonic() - begin < 30


def test_no_poller() -> None:
    heart = Heart()
    heart.value = 0
    assert asyncio.run(ask(None, heart)).kind == NOT_SENT


def test_a_broken_poller_admits_it() -> None:
    async def accept(command: Command, started: Callable[[], bool]) -> Outcome:
        raise ZeroDivisionError

    assert asyncio.run(ask(accept)).kind == UNKNOWN


def test_commands_for_somebody_else_are_dropped() -> None:
    got: list[int] = []

    async def accept(command: Command, started: Callable[[], bool]) -> Outcome:
        got.append(command.number)
        return Outcome(ACKNOWLEDGED)

    async def scene() -> None:
        channel = Channel(1)
        CommandServer(channel, POLLER, accept, alive=lambda pid: pid == WORKER).start()
        base = Command(1, WORKER, POLLER, "home", "x", {}, time.monotonic() + 9, 1, "who")
        end = channel.workers[0]
        assert send(end, asdict(base) | {"number": 1, "poller": POLLER - 1})  # for the poller before
        assert send(end, asdict(base) | {"number": 2, "worker": 7})  # from a worker that has died
        assert send(end, {"number": 3})
        end.send(b"no json")
        assert send(end, asdict(base) | {"number": 5})
        while receive(end) is None:
            await asyncio.sleep(0.001)
        channel.close()

    asyncio.run(scene())
    assert got == [5]


def test_answers_for_the_worker_before_are_dropped() -> None:
    async def scene() -> Outcome:
        channel = Channel(1)
        client = CommandClient(channel.workers[0], Heart(), 0, WORKER)
        send(channel.poller[0], {"number": 1, "worker": WORKER - 1, "stage": "done", **asdict(Outcome(ACKNOWLEDGED))})
        try:
            return await client.carry_out("home", "x", {}, who="t", start_seconds=0.1, limit_seconds=0.1)
        finally:
            client.close()
            channel.close()

    assert asyncio.run(scene()).kind == NOT_SENT


def test_what_is_too_long_is_not_sent() -> None:
    channel = Channel(1)
    assert not send(channel.workers[0], {"x": "y" * MESSAGE_BYTES})
    assert receive(channel.poller[0]) is None
    assert send(channel.workers[0], {"x": "y" * (MESSAGE_BYTES - 100)})
    assert receive(channel.poller[0]) is not None
    channel.close()
