"""An alert that comes and goes: what is told of it, what is counted, and that nothing gets lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pwserver.events import kinds
from pwserver.events.alert_events import LASTING_SECONDS, MOST_TOLD, WINDOW_SECONDS
from pwserver.events.event_ring import KEPT
from tests.events.test_detector import BEGIN, STEP, Diary, told

ON, OFF = {"A": {"HighCPU": "PW1"}}, {"A": {}}


def flap(diary: Diary, times: int) -> None:
    for _ in range(times):
        diary.poll(alerts=ON)
        diary.poll(alerts=OFF)


def wait(diary: Diary, seconds: float) -> None:
    """Let time pass without a poll; the next one shows what the last one did."""
    diary.polls += int(seconds / STEP)


def test_an_alert_that_comes_and_goes_all_day_leaves_room_for_the_others() -> None:
    diary = Diary()
    diary.poll(alerts=OFF | {"B": {}})
    diary.poll(alerts={"B": {"PodCommissionTime": None}})
    flap(diary, 5000)
    assert told(diary.events[1:]) == ["alert_begun", "alert_ended"] * MOST_TOLD
    assert len(diary.events) < KEPT / 100
    wait(diary, WINDOW_SECONDS)
    (repeated,) = diary.poll()
    assert repeated.kind == kinds.ALERT_REPEATED
    assert repeated.details == {
        "alert": "HighCPU",
        "device": "A",
        "unit": "PW1",
        "severity": "warning",
        "since": BEGIN + 2 * STEP + STEP,
        "times": 5000 - MOST_TOLD,
    }
    assert told(diary.poll(alerts=ON)) == ["alert_begun"], "a new day counts anew"


def test_an_alert_that_stays_is_told_however_often_it_came_before() -> None:
    diary = Diary()
    diary.poll(alerts=OFF)
    flap(diary, MOST_TOLD + 3)
    assert not diary.poll(alerts=ON)
    began = diary.now[0]
    wait(diary, LASTING_SECONDS)
    (begun,) = diary.poll()
    assert (begun.kind, begun.at, begun.details["exact"]) == (kinds.ALERT_BEGUN, began, True)
    (ended,) = diary.poll(alerts=OFF)
    assert (ended.kind, ended.details["since"]) == (kinds.ALERT_ENDED, began)
    wait(diary, WINDOW_SECONDS)
    assert [event.details["times"] for event in diary.poll()] == [3]


def test_an_alert_that_comes_a_few_times_a_day_is_told_each_time() -> None:
    diary = Diary()
    diary.poll(alerts=OFF)
    for _ in range(3):
        flap(diary, MOST_TOLD)
        wait(diary, WINDOW_SECONDS)
    assert told(diary.events) == ["alert_begun", "alert_ended"] * 3 * MOST_TOLD


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0, 60, 600, 7200, 90_000]), st.booleans()), max_size=120))
def test_every_begin_is_told_or_counted_once(polls: list[tuple[bool, int, bool]]) -> None:
    diary, on, begins = Diary(), False, 0
    diary.poll(alerts=OFF)
    for shown, pause, restarted in polls:
        wait(diary, pause)
        if restarted:
            diary.restart()
        diary.poll(alerts=ON if shown else OFF)
        begins += shown and not on
        on = shown
    diary.poll(alerts=OFF)
    wait(diary, WINDOW_SECONDS)
    diary.poll()
    kinds_told = told(diary.events)
    assert kinds_told.count(kinds.ALERT_BEGUN) == kinds_told.count(kinds.ALERT_ENDED)
    counted = sum(event.details["times"] for event in diary.events if event.kind == kinds.ALERT_REPEATED)
    assert kinds_told.count(kinds.ALERT_BEGUN) + counted == begins
    assert not diary.memory.repeats
