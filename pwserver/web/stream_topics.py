"""Build what streams send: a payload, and the frames made from it once for all listeners; and say when it is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from pwserver.web.websocket import deflated, frame
from pwserver_ext.outlet import Outlet

BEAT_SECONDS: Final = 1.0  # the longest pause between two messages
PULSE_SECONDS: Final = 2.0  # the same of a topic that is sent only when it has changed

WEBSOCKET, DEFLATED, EVENTS = "websocket", "deflated", "events"
_BUILDERS: Final[dict[str, Callable[[bytes], bytes]]] = {
    WEBSOCKET: frame,
    DEFLATED: lambda body: frame(deflated(body), compressed=True),
    EVENTS: lambda body: b"data: " + body + b"\n\n",
}


class Listener(Outlet):
    """Holds one client of a topic."""

    __slots__ = ("form", "since", "topic")

    def __init__(self, topic: Topic, form: str, transport: Any) -> None:
        super().__init__(transport)
        self.topic = topic
        self.form = form  # which kind of frame it takes
        self.since = 0.0  # since when it has not taken what it was sent; 0 when it has


Frames = Callable[[str], bytes]  # form -> what is sent in it


class Topic:
    """Holds one payload and its listeners.

    ``read`` returns the bytes as they may be served now, and a tag that changes with them; the number that
    ``generation`` returns changes when there may be new ones.
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

    def begin(self, now: float) -> None:
        """Prepare for the first listener, which gets the present payload at once."""
        self.changed()
        self.due = now + BEAT_SECONDS

    def take(self, now: float) -> Frames | None:
        """Return what all listeners are to be sent now: the payload after a publication, and on every beat."""
        if not self.changed() and now < self.due:
            return None
        # The beat keeps its grid while nothing is published; a change starts it anew.
        late = now - self.due
        self.due = (now if late < 0 or late > BEAT_SECONDS else self.due) + BEAT_SECONDS
        self.refresh()
        return self.frame

    def wake(self) -> float:
        """Return when to look again at the latest, should nothing be published until then."""
        return self.due

    def changed(self) -> bool:
        """Tell whether anything has been published since the last call."""
        generation = self._generation()
        if generation == self._seen:
            return False
        self._seen = generation
        return True

    def refresh(self) -> None:
        """Read what may be served now; old data expire without a new generation."""
        body, tag = self._read()
        # Equal tags mean equal bytes, so the frames built for the last publication are still right.
        if tag != self._tag or not self._tag:
            self._body, self._tag = body, tag
            self._frames.clear()

    def frame(self, form: str) -> bytes:
        """Return the present payload as a frame of this form, built once."""
        found = self._frames.get(form)
        if found is None:
            found = self._frames[form] = _BUILDERS[form](self._body)
        return found


class PacedTopic(Topic):
    """Sends a payload only when it has changed: at most once a second, and a long one less often.

    ``bytes_per_second`` bounds what a listener receives in the long run. In the pauses a short message with the time of
    the server is sent, so that a client can tell silence from a broken line, and knows how old its figures are.
    """

    def __init__(
        self, read: Callable[[], tuple[bytes, bytes]], generation: Callable[[], int], bytes_per_second: float
    ) -> None:
        super().__init__(read, generation)
        self._bytes_per_second = bytes_per_second
        self._sent_tag = b""  # of what was last sent to all listeners
        self._pending = False
        self._free_at = 0.0  # loop time before which no change is sent

    def begin(self, now: float) -> None:
        super().begin(now)
        self.refresh()
        self._note_sent(now)

    def take(self, now: float) -> Frames | None:
        self._pending = self.changed() or self._pending
        if now < self.wake():
            return None
        self.refresh()
        if now >= self._free_at:
            self._pending = False
            if self._tag != self._sent_tag:
                self._note_sent(now)
                return self.frame
        if now < self.due:
            return None
        self.due = now + PULSE_SECONDS
        pulse = b'{"version":1,"time":%.1f}' % time.time()
        return lambda form: _BUILDERS[form](pulse)

    def wake(self) -> float:
        return min(self.due, self._free_at) if self._pending else self.due

    def _note_sent(self, now: float) -> None:
        self._sent_tag = self._tag
        # The longer the body, the longer the pause: that bounds the rate without cutting a message in two.
        self._free_at = now + max(1.0, len(self._body) / self._bytes_per_second)
        self.due = now + PULSE_SECONDS
