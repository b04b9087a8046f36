"""Write the messages of events: each once and never retained, and the last one as a value that stays."""

from __future__ import annotations

from collections import deque
from typing import Final

from pwserver.events.event import Event
from pwserver.mqtt.entities import EVENT_DETAILS_TOPIC, LAST_EVENT_TOPIC
from pwserver.mqtt.state_topics import compact

MOST_WAITING: Final = 64
# A message says that something happens now: an automation must not run for what happened while the broker was away.
LATE_SECONDS: Final = 60.0


class EventOutbox:
    """Holds the events of one gateway that have not been sent, for a short time, and the last one for good."""

    def __init__(self) -> None:
        self.last: Event | None = None
        self._waiting: deque[tuple[float, Event]] = deque(maxlen=MOST_WAITING)

    def put(self, event: Event, now: float) -> None:
        """Take an event that is on the disk; ``now`` on the monotonic clock."""
        self.last = event
        self._waiting.append((now, event))

    def take(self, now: float) -> str | None:
        """Return the next message that is due, which is not returned again; None when there is none."""
        while self._waiting:
            put, event = self._waiting.popleft()
            if now - put <= LATE_SECONDS:
                return message(event)
        return None

    def topics(self, base: str) -> dict[str, str]:
        """Return the topics of the last event; none before the first."""
        if self.last is None:
            return {}
        return {base + LAST_EVENT_TOPIC: self.last.title, base + EVENT_DETAILS_TOPIC: message(self.last)}


def message(event: Event) -> str:
    """Write an event as Home Assistant takes it: its type, and everything else as attributes."""
    told = event.as_json()
    head = {"event_type": event.kind, **{name: told[name] for name in ("title", "time", "timestamp", "sequence")}}
    return compact({**head, **event.details})
