"""Live streams: one watcher a worker, woken by the bell, one frame a change, shared by all who listen.

A client gets the latest or nothing: while it has not taken what it was sent, nothing more is queued for it; as soon as
it has, it gets what is current then. So memory does not depend on how slowly anybody reads.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Any, Final

from pwserver.web.table import Entry, Table
from pwserver.web.websocket import deflated, frame
from pwserver_ext.outlet import Outlet, fan_out

RETRY_SECONDS: Final = 0.02  # how often it is looked whether who was behind has caught up
BEAT_SECONDS: Final = 1.0  # the longest pause between two messages
BATCH: Final = 32  # clients served before others get their turn
SEND_BUFFER_BYTES: Final = 64 * 1024  # of the kernel, for each client
NOT_FOUND: Final = b'{"error":"Gateway not found"}'

WEBSOCKET, DEFLATED, EVENTS = "websocket", "deflated", "events"
_BUILDERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    WEBSOCKET: frame,
    DEFLATED: lambda body: frame(deflated(body), compressed=True),
    EVENTS: lambda body: b"data: " + body + b"\n\n",
}


class Listener(Outlet):
    """One client of a topic."""

    __slots__ = ("form", "since", "topic")

    def __init__(self, topic: Topic, form: str, transport: Any) -> None:
        super().__init__(transport)
        self.topic = topic
        self.form = form  # which kind of frame it takes
        self.since = 0.0  # since when it has not taken what it was sent; 0: it has


class Topic:
    """One payload and who wants it. ``read`` gives the bytes as they may be served now, and a tag that changes with
    them; ``generation`` changes when there may be new ones.
    """

    def __init__(self, read: Callable[[], tuple[bytes, bytes]], generation: Callable[[], int]) -> None:
        self._read = read
        self._generation = generation
        self.listeners: dict[Listener, None] = {}
        self.behind: dict[Listener, None] = {}  # those that missed the present frame
        self.due = 0.0
        self._seen = -1
        self._tag = b""
        self._body = b""
        self._frames: dict[str, bytes] = {}

    def changed(self) -> bool:
        """Has anything been published since the last call?"""
        generation = self._generation()
        if generation == self._seen:
            return False
        self._seen = generation
        return True

    def refresh(self) -> None:
        """Take what may be served now (old data expire without a new generation)."""
        body, tag = self._read()
        if tag != self._tag or not self._tag:
            self._body, self._tag = body, tag
            self._frames.clear()

    def frame(self, form: str) -> bytes:
        """The present payload as this form's frame, built once."""
        found = self._frames.get(form)
        if found is None:
            found = self._frames[form] = _BUILDERS[form](self._body)
        return found


class Hub:
    """All topics of one worker. ``stall_seconds``: who has taken nothing for so long is dropped."""

    def __init__(self, table: Table, stall_seconds: float) -> None:
        self._table = table
        self._stall = stall_seconds
        self._topics: dict[str, Topic] = {}
        self.number = 0  # of this worker
        self._watching: asyncio.Task[None] | None = None
        self.built = 0  # payloads, for tests and measurements

    def topic(self, target: str | None) -> Topic:
        """The topic of a document's request target; None: what is said of an unknown gateway."""
        name = target or ""
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = self._make(self._table.entries[target] if target else None)
        return found

    def _make(self, entry: Entry | None) -> Topic:
        if entry is None:
            return Topic(lambda: (NOT_FOUND, b"-"), lambda: 0)
        slot, table = self._table.shared.slots[entry.slot], self._table

        def read() -> tuple[bytes, bytes]:
            served = table.read(entry)
            return served.body, served.etag

        return Topic(read, slot.generation)

    def add(self, listener: Listener) -> None:
        """Send the first message at once, and all that follow."""
        topic = listener.topic
        raw = listener.transport.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            # Bounds what waits in the kernel for a client that does not read, too.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if not topic.listeners:
            topic.changed()
            topic.due = asyncio.get_running_loop().time() + BEAT_SECONDS
        topic.refresh()
        topic.listeners[listener] = None
        listener.queued = True
        listener.transport.write(topic.frame(listener.form))
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(), name="streams")

    def remove(self, listener: Listener) -> None:
        """The client has gone, or is going."""
        listener.shut()
        listener.topic.listeners.pop(listener, None)
        listener.topic.behind.pop(listener, None)

    @property
    def listeners(self) -> Iterable[Listener]:
        """Everybody."""
        return [listener for topic in self._topics.values() for listener in topic.listeners]

    async def _watch(self) -> None:
        """Runs while anybody listens."""
        loop, bell, rung = asyncio.get_running_loop(), self._table.shared.bell, asyncio.Event()

        def heard() -> None:
            bell.hear(self.number)
            rung.set()

        loop.add_reader(bell.descriptor(self.number), heard)
        try:
            while topics := [topic for topic in self._topics.values() if topic.listeners]:
                rung.clear()  # before looking: what is published from here on rings again
                for topic in topics:
                    now = loop.time()
                    if topic.changed() or now >= topic.due:
                        # On the beat as long as nothing happens, and a beat after the last change.
                        late = now - topic.due
                        topic.due = (now if late < 0 or late > BEAT_SECONDS else topic.due) + BEAT_SECONDS
                        topic.refresh()
                        self.built += 1
                        await self._send(topic, list(topic.listeners), now)
                    elif topic.behind:
                        await self._send(topic, list(topic.behind), now)
                next_ = min(topic.due for topic in topics) - loop.time()
                if any(topic.behind for topic in topics):
                    next_ = min(next_, RETRY_SECONDS)
                try:
                    async with asyncio.timeout(max(0.001, next_)):
                        await rung.wait()
                except TimeoutError:
                    pass
        finally:
            loop.remove_reader(bell.descriptor(self.number))
            self._watching = None

    async def _send(self, topic: Topic, listeners: list[Listener], now: float) -> None:
        groups: dict[str, list[Listener]] = {}
        for listener in listeners:
            groups.setdefault(listener.form, []).append(listener)
        for form, group in groups.items():
            for start in range(0, len(group), BATCH):
                some = group[start : start + BATCH]
                # The frame is asked for each time: it may have changed while others had their turn.
                left = fan_out(some, topic.frame(form))
                if topic.behind:
                    for listener in set(some).difference(left):
                        self._took(topic, listener)
                for listener in left:
                    if listener in topic.listeners:
                        self._once_more(topic, listener, now)
                await asyncio.sleep(0)

    @staticmethod
    def _took(topic: Topic, listener: Listener) -> None:
        topic.behind.pop(listener, None)
        listener.since = 0.0

    def _once_more(self, topic: Topic, listener: Listener, now: float) -> None:
        """It took nothing: its transport held something of ours, or is the only way to it, or it does not read."""
        transport, frame = listener.transport, topic.frame(listener.form)
        if transport.get_write_buffer_size() == 0:
            if not listener.direct:
                transport.write(frame)
                return self._took(topic, listener)
            was_queued, listener.queued = listener.queued, False
            if was_queued and not fan_out([listener], frame):
                return self._took(topic, listener)
        topic.behind[listener] = None
        listener.since = listener.since or now
        if now - listener.since > self._stall:
            listener.shut()
            transport.abort()
        return None
