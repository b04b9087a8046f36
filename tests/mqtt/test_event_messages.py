"""Messages of events: each once, in order, not when they are late; the last one stays."""

from __future__ import annotations

import json

from pwserver.events.event import Event
from pwserver.mqtt.event_messages import LATE_SECONDS, MOST_WAITING, EventOutbox


def event(number: int) -> Event:
    return Event("home", "grid_up", 1_790_000_000.0 + number, {"home_wh": 12.5, "since": None}, sequence=number)


def test_each_message_is_taken_once_and_in_order() -> None:
    outbox = EventOutbox()
    assert outbox.topics("p/home/") == {} and outbox.take(0.0) is None
    outbox.put(event(1), 0.0)
    outbox.put(event(2), 1.0)
    first, second = outbox.take(2.0), outbox.take(2.0)
    assert first is not None and second is not None and outbox.take(2.0) is None
    assert json.loads(first) == {
        "event_type": "grid_up",
        "title": "Grid back",
        "time": "2026-09-21T14:13:21Z",
        "timestamp": 1_790_000_001.0,
        "sequence": 1,
        "home_wh": 12.5,
        "since": None,
    }
    assert json.loads(second)["sequence"] == 2
    assert outbox.topics("p/home/") == {"p/home/last_event": "Grid back", "p/home/last_event/details": second}


def test_what_is_late_is_not_sent_and_no_more_than_some_wait() -> None:
    outbox = EventOutbox()
    outbox.put(event(1), 0.0)
    outbox.put(event(2), LATE_SECONDS)
    message = outbox.take(LATE_SECONDS + 1.0)
    assert message is not None and json.loads(message)["sequence"] == 2
    for number in range(3 * MOST_WAITING):
        outbox.put(event(number), 0.0)
    taken = 0
    while outbox.take(0.0) is not None:
        taken += 1
    assert taken == MOST_WAITING and outbox.last == event(3 * MOST_WAITING - 1)
