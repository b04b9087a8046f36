"""Send live streams: one task per worker, woken by the bell, builds one frame for each change and sends it to all.

A client gets the latest or nothing: while it has not taken what it was sent, nothing more is queued for it; as soon as
it has, it gets what is current then. So memory does not depend on how slowly a client reads.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterable
from typing import Final

from pwserver.web.document_table import DocumentTable, Entry
from pwserver.web.stream_topics import Frames, Listener, PacedTopic, Topic
from pwserver_ext.outlet import fan_out

RETRY_SECONDS: Final = 0.02  # pause before looking again whether slow clients have caught up
BATCH: Final = 32  # clients that are sent to before other tasks get their turn
# The kernel's send buffer for each client. Its default grows to megabytes, which thousands of clients that do not read
# would fill.
SEND_BUFFER_BYTES: Final = 64 * 1024
NOT_FOUND: Final = b'{"error":"Gateway not found"}'


class Hub:
    """Sends all topics of one worker. ``stall_seconds``: a client that has taken nothing for so long is dropped."""

    def __init__(self, table: DocumentTable, stall_seconds: float) -> None:
        self._table = table
        self._stall = stall_seconds
        self._topics: dict[str, Topic] = {}
        self.number = 0  # of this worker
        self._watching: asyncio.Task[None] | None = None
        self.built = 0  # payloads, for tests and measurements

    def topic(self, target: str | None, bytes_per_second: float | None = None) -> Topic:
        """Return the topic of a document's request target; for None, what clients of an unknown gateway are told.

        ``bytes_per_second``: the document is sent only when it has changed, at this pace.
        """
        name = target or ""
        found = self._topics.get(name)
        if found is None:
            entry = self._table.entries[target] if target else None
            found = self._topics[name] = self._make(entry, bytes_per_second)
        return found

    def topic_of(
        self, name: str, read: Callable[[], tuple[bytes, bytes]], generation: Callable[[], int], bytes_per_second: float
    ) -> Topic:
        """Return the topic of something that is no document; see ``PacedTopic``. ``name`` is no request target."""
        found = self._topics.get(name)
        if found is None:
            found = self._topics[name] = PacedTopic(read, generation, bytes_per_second)
        return found

    def _make(self, entry: Entry | None, bytes_per_second: float | None) -> Topic:
        if entry is None:
            return Topic(lambda: (NOT_FOUND, b"-"), lambda: 0)
        slot, table = self._table.shared.slots[entry.slot], self._table

        def read() -> tuple[bytes, bytes]:
            served = table.read(entry)
            return served.body, served.etag

        if bytes_per_second is not None:
            return PacedTopic(read, slot.generation, bytes_per_second)
        return Topic(read, slot.generation)

    def add(self, listener: Listener) -> None:
        """Send a new listener the first message at once, and later ones as they come."""
        topic = listener.topic
        raw = listener.transport.get_extra_info("socket")
        if raw is not None and raw.family != socket.AF_UNIX:
            # The limit of the transport bounds what waits in this process; this bounds what waits in the kernel.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        if not topic.listeners:
            topic.begin(asyncio.get_running_loop().time())
        topic.refresh()
        topic.listeners[listener] = None
        listener.queued = True
        listener.transport.write(topic.frame(listener.form))
        if self._watching is None:
            self._watching = asyncio.get_running_loop().create_task(self._watch(), name="streams")

    def remove(self, listener: Listener) -> None:
        """Send nothing more to a client that has gone, or is going."""
        listener.shut()
        listener.topic.listeners.pop(listener, None)
        listener.topic.behind.pop(listener, None)

    @property
    def listeners(self) -> Iterable[Listener]:
        """Return the listeners of all topics."""
        return [listener for topic in self._topics.values() for listener in topic.listeners]

    async def _watch(self) -> None:
        """Send frames for as long as there are listeners."""
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
                    frames = topic.take(now)
                    if frames is not None:
                        self.built += 1
                        await self._send(topic, list(topic.listeners), now, frames)
                    elif topic.behind:
                        await self._send(topic, list(topic.behind), now, topic.frame)
                next_ = min(topic.wake() for topic in topics) - loop.time()
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

    async def _send(self, topic: Topic, listeners: list[Listener], now: float, frames: Frames) -> None:
        # By form: listeners of one form get the very same bytes, which one compiled loop hands to all their sockets.
        groups: dict[str, list[Listener]] = {}
        for listener in listeners:
            groups.setdefault(listener.form, []).append(listener)
        for form, group in groups.items():
            for start in range(0, len(group), BATCH):
                some = group[start : start + BATCH]
                # The frame is asked for each time: it may have changed while other tasks had their turn.
                left = fan_out(some, frames(form))
                if topic.behind:
                    for listener in set(some).difference(left):
                        self._caught_up(topic, listener)
                for listener in left:
                    if listener in topic.listeners:
                        self._send_slowly(topic, listener, now, frames(form))
                await asyncio.sleep(0)

    @staticmethod
    def _caught_up(topic: Topic, listener: Listener) -> None:
        topic.behind.pop(listener, None)
        listener.since = 0.0

    def _send_slowly(self, topic: Topic, listener: Listener, now: float, frame: bytes) -> None:
        """Send to a listener that the fast way has left out.

        Its transport still held bytes, or is the only way to it (TLS), or the client does not read.
        """
        transport = listener.transport
        if transport.get_write_buffer_size() == 0:
            if not listener.direct:
                transport.write(frame)
                return self._caught_up(topic, listener)
            was_queued, listener.queued = listener.queued, False
            # The transport is empty again, so the fast way is open; it was refused only because of what waited there.
            if was_queued and not fan_out([listener], frame):
                return self._caught_up(topic, listener)
        topic.behind[listener] = None
        listener.since = listener.since or now
        if now - listener.since > self._stall:
            listener.shut()
            transport.abort()
        return None
