"""The hub alone, with transports that take what they are told to take."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from pwserver.bell import Bell
from pwserver.web import stream_hub as hubs
from pwserver.web import stream_topics
from pwserver.web.document_table import Entry
from pwserver.web.stream_hub import Hub
from pwserver.web.stream_topics import EVENTS, WEBSOCKET, Listener
from pwserver.web.websocket import frame
from tests.support.waiting import wait_until_async


class Transport:
    """Remembers what it was given; ``stuck`` bytes are never taken off its hands."""

    def __init__(self, stuck: int = 0) -> None:
        self.given: list[bytes] = []
        self.stuck = stuck
        self.aborted = False

    def write(self, data: bytes) -> None:
        self.given.append(data)

    def get_write_buffer_size(self) -> int:
        return self.stuck

    def get_extra_info(self, name: str) -> Any:
        return None

    def abort(self) -> None:
        self.aborted = True


class Table:
    """One document, published by ``publish``."""

    def __init__(self) -> None:
        self.shared = SimpleNamespace(bell=Bell(1), slots={"home": self})
        self.entries = {"/home": Entry("home", 0, "application/json", 0)}
        self.number = 0

    def generation(self) -> int:
        return self.number

    def read(self, entry: Entry) -> Any:
        return SimpleNamespace(body=b'{"n":%d}' % self.number, etag=b'"%d"' % self.number)

    def publish(self) -> None:
        self.number += 1
        self.shared.bell.ring()


def scene(play: Any, stall_seconds: float = 9.0) -> None:
    async def run() -> None:
        table: Any = Table()
        hub = Hub(table, stall_seconds)
        await play(table, hub)

    asyncio.run(run())


def listen(hub: Hub, transport: Transport, target: str | None = "/home", form: str = WEBSOCKET) -> Listener:
    found = Listener(hub.topic(target), form, transport)
    hub.add(found)
    return found


def test_one_frame_is_shared_by_all() -> None:
    async def play(table: Table, hub: Hub) -> None:
        everybody = [Transport() for _ in range(100)]
        for transport in everybody:
            listen(hub, transport)
        page = Transport()
        listen(hub, page, form=EVENTS)
        table.publish()
        await wait_until_async(lambda: all(transport.given[-1] == frame(b'{"n":1}') for transport in everybody))
        assert len({id(transport.given[-1]) for transport in everybody}) == 1
        assert [transport.given for transport in everybody] == [[frame(b'{"n":0}'), frame(b'{"n":1}')]] * 100
        assert page.given == [b'data: {"n":0}\n\n', b'data: {"n":1}\n\n']

    scene(play)


def test_who_is_slow_gets_the_latest_and_no_queue() -> None:
    async def play(table: Table, hub: Hub) -> None:
        quick, slow = Transport(), Transport()
        listen(hub, quick)
        listen(hub, slow)
        slow.stuck = 1
        for number in range(1, 6):
            table.publish()
            await wait_until_async(lambda number=number: quick.given[-1] == frame(b'{"n":%d}' % number))
        assert slow.given == [frame(b'{"n":0}')]
        slow.stuck = 0
        await wait_until_async(lambda: len(slow.given) > 1)
        assert slow.given == [frame(b'{"n":0}'), frame(b'{"n":5}')]

    scene(play)


def test_who_takes_nothing_is_dropped() -> None:
    async def play(table: Table, hub: Hub) -> None:
        stuck = Transport(1)
        listener = listen(hub, stuck)
        table.publish()
        await wait_until_async(lambda: stuck.aborted)
        hub.remove(listener)
        assert not list(hub.listeners)

    scene(play, stall_seconds=0.05)


def test_unknown_names_do_not_grow_the_hub() -> None:
    async def play(table: Table, hub: Hub) -> None:
        for _ in range(1000):
            transport = Transport()
            hub.remove(listen(hub, transport, None))
            assert transport.given == [frame(hubs.NOT_FOUND)]
        assert len(hub._topics) == 1

    scene(play)


def test_a_publication_between_look_and_sleep_is_not_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_topics, "BEAT_SECONDS", 3600.0)  # nothing but the bell can bring the last one

    async def play(table: Table, hub: Hub) -> None:
        everybody = [Transport() for _ in range(3 * hubs.BATCH)]
        for transport in everybody:
            listen(hub, transport)
        for number in range(1, 200):
            table.publish()
            if number % 3 == 0:
                await asyncio.sleep(0)
        await wait_until_async(lambda: all(transport.given[-1] == frame(b'{"n":199}') for transport in everybody))

    scene(play)


def test_nobody_listening_costs_nothing() -> None:
    async def play(table: Table, hub: Hub) -> None:
        listener = listen(hub, Transport())
        hub.remove(listener)
        table.publish()
        await wait_until_async(lambda: hub._watching is None)
        for _ in range(100_000):
            table.shared.bell.ring()  # never blocks, though nobody hears it
        again = Transport()
        listen(hub, again)
        table.publish()
        await wait_until_async(lambda: again.given[-1] == frame(b'{"n":2}'))

    scene(play)
