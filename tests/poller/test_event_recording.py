"""Where polls are judged for events: in place while nothing waits for a disk, else by the thread of the events."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from pwserver.events.event_ring import RING_BYTES, EventRing
from pwserver.events.kinds import MODE_CHANGED
from pwserver.events.observation import Observation
from pwserver.poller import event_recording
from pwserver.poller.event_recording import EventRecording


class Home:
    """The events of one gateway, whose thread works only when it is told to (``events.settle``)."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ring = EventRing("home", memoryview(bytearray(RING_BYTES)))
        self.events = EventRecording({"home": self.ring}, clock=lambda: float(self.polls), steady=lambda: 0.0)
        self.commits: list[int] = []  # how many events each had
        self.polls = 0
        commit = self.ring.commit

        def counted(events: Any, memory: bytes) -> Any:
            self.commits.append(len(events))
            return commit(events, memory)

        monkeypatch.setattr(self.ring, "commit", counted)
        monkeypatch.setattr(event_recording, "observe", lambda view, *_: view.seen)

    def poll(self, mode: str) -> None:
        """Take a poll that shows this mode."""
        self.polls += 1
        seen = Observation(float(self.polls), float(self.polls), fresh=True, settings={"mode": mode})
        view: Any = SimpleNamespace(
            gateway=SimpleNamespace(id="home"),
            reading=SimpleNamespace(timestamp=float(self.polls)),
            status=SimpleNamespace(online=True),
            seen=seen,
        )
        self.events.take(view, None)  # type: ignore[arg-type]  # read by observe only

    @property
    def told(self) -> list[tuple[str, Any]]:
        """Kind and new value of each event that is on the disk."""
        return [(event.kind, event.details["after"]) for event in self.ring.after(0)]


def test_what_changes_nothing_is_no_work_for_the_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(monkeypatch)
    home.poll("backup")
    home.events.settle()
    home.poll("backup")
    home.poll("backup")
    home.events.settle()
    assert home.commits == [0]  # of the first poll, which shows a state


def test_polls_that_come_while_the_disk_is_slow_are_judged_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(monkeypatch)
    home.poll("backup")
    home.events.settle()
    for mode in ("autonomous", "backup", "backup", "self_consumption"):
        home.poll(mode)
    assert home.told == []
    home.events.settle()
    assert home.told == [(MODE_CHANGED, mode) for mode in ("autonomous", "backup", "self_consumption")]
    assert home.commits == [0, 1, 1, 1]
    home.poll("self_consumption")  # and again in place
    home.events.settle()
    assert len(home.commits) == 4


def test_too_many_waiting_polls_are_dropped_and_shown_by_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_recording, "MOST_WAITING", 2)
    home = Home(monkeypatch)
    home.poll("backup")
    home.events.settle()
    for mode in ("autonomous", "autonomous", "backup", "self_consumption"):
        home.poll(mode)
    assert home.events.dropped == 2
    home.events.settle()
    home.poll("self_consumption")
    home.events.settle()
    assert home.told == [(MODE_CHANGED, "autonomous"), (MODE_CHANGED, "self_consumption")]
