"""Events under a wrong clock: they get their true time together with the rows, and keep their order."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from pwserver.events.event import Event
from pwserver.events.event_memory import EventMemory, Outage
from pwserver.events.event_ring import RING_BYTES, EventRing
from pwserver.events.observation import Observation
from pwserver.events.outage_list import find_outages
from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.timeline import Timeline
from pwserver.poller.event_recording import EventRecording
from pwserver.state.grid import DOWN, UP
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


# --- how long something lasted -------------------------------------------------------------------------------------

YEAR = 365 * 86_400.0
TRUE = 1_795_833_600.0


class Diary:
    """The diary of a house beside a clock that is wrong; ``steady`` is the truth."""

    def __init__(self, begun_at: float = 5000.0) -> None:
        self.ring = EventRing(NAME, memoryview(bytearray(RING_BYTES)), boot=7.0)
        self.recording = EventRecording({NAME: self.ring})
        self.steady = begun_at
        self.wrong = 0.0

    def restart(self, boot: float = 7.0) -> None:
        self.recording.settle()
        self.ring.boot = boot
        self.recording = EventRecording({NAME: self.ring})

    def see(self, seconds: float, grid: str, away: bool = False) -> None:
        """Let time pass, and take what the house shows then: its grid, and an alert while that is down."""
        self.steady += seconds
        alerts = {"TESYNC--1": {"GridOut": None} if grid == DOWN else {}}
        told = {"away": True, "sure": True} if away else {"fresh": True, "grid": grid, "alerts": alerts}
        seen = Observation(round(TRUE + self.steady + self.wrong, 3), self.steady, **told)  # type: ignore[arg-type]
        self.recording._judge(self.recording._gateways[NAME], seen)

    def put_right(self, since: float) -> None:
        """Have the history find out which clock is right."""
        self.recording.put_right(NAME, since, TRUE, -self.wrong)
        self.recording.settle()
        self.wrong = 0.0

    def told(self, kind: str) -> dict[str, Any]:
        event = next(one for one in reversed(self.ring.after(0)) if one.kind == kind)
        return {"at": event.at, **event.details}


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("wrong", [YEAR, -400 * 86_400.0, 86_400.0, -3600.0])
def test_how_long_an_outage_lasted_does_not_follow_a_clock_that_is_set_meanwhile(wrong: float, restarted: bool) -> None:
    diary = Diary()
    for grid in (UP, UP, DOWN, DOWN):
        diary.see(5.0, grid)
    begun, jump = diary.steady - 5.0, diary.steady
    if restarted:
        diary.restart()
    diary.wrong = wrong
    for grid in (DOWN, DOWN, UP, UP):
        diary.see(20.0, grid)
    ended = diary.steady - 20.0
    told = diary.told("grid_up")
    assert told["duration_seconds"] == pytest.approx(ended - begun, abs=0.1)
    assert told["at"] - told["since"] == pytest.approx(ended - begun, abs=0.1)
    assert diary.recording.measured()["powerwall_last_outage_seconds"][(NAME,)] == told["duration_seconds"]
    if not restarted:  # of alerts the steady clock is not kept
        alert = diary.told("alert_ended")
        assert alert["duration_seconds"] == pytest.approx(ended - begun, abs=0.1)
    diary.put_right(jump)
    told = diary.told("grid_up")
    assert (told["since"], told["at"]) == pytest.approx((TRUE + begun, TRUE + ended), abs=0.1)
    (outage,) = find_outages(diary.ring, diary.steady)
    assert outage.as_json(TRUE)["duration_seconds"] == pytest.approx(ended - begun, abs=0.1)


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("wrong", [YEAR, -400 * 86_400.0])
def test_how_long_an_outage_that_goes_on_has_lasted_does_not_follow_the_clock(wrong: float, restarted: bool) -> None:
    diary = Diary()
    for grid in (UP, UP, DOWN, DOWN):
        diary.see(5.0, grid)
    begun = diary.steady - 5.0
    if restarted:
        diary.restart()
    diary.wrong = wrong
    diary.see(20.0, DOWN)
    diary.recording.settle()
    now = TRUE + diary.steady + wrong
    (outage,) = find_outages(diary.ring, diary.steady)
    assert outage.as_json(now)["duration_seconds"] == pytest.approx(diary.steady - begun, abs=0.1)
    assert outage.seconds_in(-math.inf, math.inf, now) == pytest.approx(diary.steady - begun, abs=0.1)
    diary.restart(boot=8.0)  # the machine was started anew: nobody but the clock knows
    diary.wrong = 0.0
    (outage,) = find_outages(diary.ring, 30.0)
    assert outage.as_json(TRUE + begun + 900.0)["duration_seconds"] == pytest.approx(900.0, abs=0.1)


def test_an_outage_over_a_start_of_the_machine_with_a_wrong_clock_is_put_right() -> None:
    """Nobody knows how long it lasted before the clock is right."""
    diary = Diary()
    for grid in (UP, UP, DOWN, DOWN):
        diary.see(5.0, grid)
    begun = TRUE + diary.steady - 5.0
    diary.restart(boot=8.0)
    diary.wrong, diary.steady = YEAR - 10_000.0, 30.0
    true = TRUE + 10_000.0  # to which the new steady clock is added
    for grid in (DOWN, UP, UP):
        diary.see(20.0, grid)
    diary.recording.put_right(NAME, 10.0, true, true - TRUE - diary.wrong)
    diary.recording.settle()
    told, seconds = diary.told("grid_up"), true + 70.0 - begun
    assert (told["at"], told["since"]) == pytest.approx((true + 70.0, begun))
    assert told["duration_seconds"] == pytest.approx(seconds, abs=0.1)
    assert diary.recording.measured()["powerwall_last_outage_seconds"][(NAME,)] == pytest.approx(seconds, abs=0.1)


def test_how_long_a_house_was_away_does_not_follow_the_clock() -> None:
    diary = Diary()
    diary.see(5.0, UP)
    diary.see(5.0, UP, away=True)
    diary.wrong = -86_400.0
    diary.see(60.0, UP, away=True)
    diary.see(60.0, UP)
    assert diary.told("gateway_back")["duration_seconds"] == pytest.approx(120.0, abs=0.1)


@pytest.mark.parametrize("wrong", [YEAR, -400 * 86_400.0])
def test_what_was_seen_before_the_clock_was_set_and_told_after_it_keeps_its_time(wrong: float) -> None:
    diary = Diary()
    for grid in (UP, UP, DOWN):
        diary.see(5.0, grid)
    begun = diary.steady
    diary.wrong = wrong
    diary.see(5.0, DOWN)
    diary.put_right(begun + 1.0)
    assert diary.told("grid_down")["at"] == pytest.approx(TRUE + begun)
