"""Events under a wrong clock: they get their true time together with the rows, and keep their order."""

from __future__ import annotations

from pathlib import Path

import pytest

from pwserver.events.event import Event
from pwserver.events.event_memory import EventMemory, Outage
from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.timeline import Timeline
from tests.history.world import World

NAME = "default"


class DiaryWorld(World):
    """A computer whose history tells its events when a clock was put right."""

    def start(self) -> World:
        super().start()
        assert self._store is not None
        self.ring = self._store.events[self.gateway.id]
        self.ring.boot = self.boot
        witnesses = ClockWitnesses(self.steady, lambda: self.synchronised)
        clock = (witnesses, self.clock, self.boot)
        self.timeline = Timeline(self.recorder, self.archive, *clock, lambda since, offset, _: self.put(since, offset))
        return self

    def put(self, since: float, offset: float) -> None:
        self.ring.put_right(since, offset)

    def happens(self) -> float:
        """Let something happen; returns its true time."""
        at = self.clock() + self.archive.correction_seconds
        self.ring.commit([Event(NAME, "grid_down", at, {}, steady=self.steady())], b"")
        return self.now


@pytest.mark.parametrize("wrong", [86_400.0, -86_400.0, 3600.0])
def test_events_get_their_true_time_when_the_clock_is_put_right(tmp_path: Path, wrong: float) -> None:
    world = DiaryWorld(tmp_path)
    world.start()
    world.wrong = wrong
    world.poll(60.0)
    first = world.happens()
    world.poll(30.0)
    second = world.happens()
    world.wrong = 0.0
    world.synchronised = True
    world.poll(120.0)
    third = world.happens()
    told = world.ring.after(0)
    assert [event.at for event in told] == pytest.approx([first, second, third], abs=6.0)
    assert [event.sequence for event in told] == [1, 2, 3]


def test_events_that_happened_while_rows_waited_get_their_time_too(tmp_path: Path) -> None:
    """The computer starts in 1970, behind its own history, and is put right later."""
    world = DiaryWorld(tmp_path)
    world.start()
    world.poll(60.0)
    before = world.happens()
    world.restart(seconds=600.0, reboot=True)
    world.wrong = -world.now + 1000.0
    world.poll(60.0)
    waited = world.happens()
    world.wrong, world.synchronised = 0.0, True
    world.poll(120.0)
    assert [event.at for event in world.ring.after(0)] == pytest.approx([before, waited], abs=6.0)


def test_an_outage_that_goes_on_is_put_right_too() -> None:
    memory = EventMemory(outage=Outage(at=5000.0), away_at=100.0)
    memory.alerts = {"A": {"x": 5001.0, "y": None, "z": 99_000.0}}
    memory.shift(4000.0, 6000.0, 1000.0)
    assert memory.outage is not None
    assert (memory.outage.at, memory.away_at) == (6000.0, 100.0)
    assert memory.alerts == {"A": {"x": 6001.0, "y": None, "z": 99_000.0}}
