from __future__ import annotations

import os
import time

import pytest

from pwserver_ext.arena import Arena
from pwserver_ext.counters import Counters, Heartbeats
from tests.ext.processes import Child
from tests.support.waiting import WaitUntil

NAMES = ("served", "passed", "rejected")


def make(rows: int = 4, names: tuple[str, ...] = NAMES) -> Counters:
    arena = Arena({"counters": Counters.size(rows, names)})
    return Counters(arena.region("counters"), rows, names)


def test_processes_count_in_their_own_rows() -> None:
    counters = make()

    def work(row: int) -> None:
        for number in range(100_000):
            counters.add(row, number % 3)

    children = [Child(lambda row=row: work(row)) for row in range(4)]
    for child in children:
        child.result()
    assert counters.sums() == {"served": 4 * 33_334, "passed": 4 * 33_333, "rejected": 4 * 33_333}
    assert counters.row(2) == [33_334, 33_333, 33_333]


def test_a_row_carries_on_after_its_process_was_killed(wait_until: WaitUntil) -> None:
    counters = make()

    def for_ever() -> None:
        while True:
            counters.add(1, 0)

    with Child(for_ever):
        wait_until(lambda: counters.sum(0) > 1000)
    reached = counters.sum(0)
    counters.add(1, 0, 5)
    assert counters.sum(0) == reached + 5


def test_rows_never_share_a_cache_line() -> None:
    for count in (1, 8, 9, 100):
        names = tuple(f"n{number}" for number in range(count))
        assert Counters.size(3, names) == 4 * ((count * 8 + 63) // 64 * 64)  # one row more: the baseline


def test_clear_hides_but_does_not_forget() -> None:
    counters = make()
    counters.add(0, 0, 10)
    counters.add(3, 0, 5)
    counters.add(0, 1, 7)
    counters.clear([0])
    assert counters.sums() == {"served": 0, "passed": 7, "rejected": 0}
    counters.add(3, 0, 2)
    assert (counters.sum(0), counters.total(0)) == (2, 17)
    counters.clear()
    assert set(counters.sums().values()) == {0}
    assert [counters.total(index) for index in range(3)] == [17, 7, 0]


def test_a_level_may_fall() -> None:
    counters = make()
    counters.set(0, 2, 12)
    counters.add(0, 2, -20)
    counters.add(1, 2, 3)
    assert (counters.get(0, 2), counters.sum(2)) == (-8, -5)
    assert counters.index("rejected") == 2


def test_large_numbers_are_whole() -> None:
    counters = make()
    counters.add(0, 0, 2**62)
    counters.add(0, 0, 1)
    assert counters.sum(0) == 2**62 + 1


@pytest.mark.parametrize("place", [(-1, 0), (4, 0), (0, -1), (0, 3)])
def test_a_place_that_is_not_there(place: tuple[int, int]) -> None:
    counters = make()
    for use in (counters.get, counters.add, lambda row, index: counters.set(row, index, 1)):
        with pytest.raises(IndexError):
            use(*place)


def test_bad_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one row"):
        Counters(bytearray(1024), 0, NAMES)
    with pytest.raises(ValueError, match="at least one name"):
        Counters(bytearray(1024), 1, ())
    with pytest.raises(ValueError, match="named twice"):
        Counters(bytearray(1024), 1, ("a", "a"))
    with pytest.raises(ValueError, match="counters need 320 bytes, the buffer has 319"):
        Counters(bytearray(319), 4, NAMES)
    with pytest.raises(ValueError, match="aligned"):
        Counters(memoryview(bytearray(1024))[1:], 1, NAMES)
    with pytest.raises(BufferError):
        Counters(bytes(1024), 1, NAMES)
    with pytest.raises(ValueError, match="heartbeats need 128 bytes"):
        Heartbeats(bytearray(127), 2)
    with pytest.raises(ValueError, match="at least one row"):
        Heartbeats(bytearray(128), 0)
    with pytest.raises(IndexError):
        Heartbeats(bytearray(128), 2).age(2)


def test_heartbeats_of_a_life(wait_until: WaitUntil) -> None:
    hearts = Heartbeats(Arena({"hearts": Heartbeats.size(2)}).region("hearts"), 2)
    assert (hearts.pid(0), hearts.age(0), hearts.started(0), hearts.last_beat(0)) == (0, None, None, None)

    def live() -> None:
        hearts.start(0, os.getpid(), state=3)
        while True:
            hearts.beat(0)

    before = time.time()
    for life in range(3):
        with Child(live) as child:
            wait_until(lambda pid=child.pid: hearts.pid(0) == pid and hearts.beats(0) > 10)
            assert hearts.restarts(0) == life
            assert hearts.state(0) == 3
            started = hearts.started(0)
            assert started is not None
            assert before <= started <= time.time()
        silent_since = hearts.last_beat(0)
        assert silent_since is not None
        assert silent_since <= time.monotonic()
        age = hearts.age(0)
        assert age is not None
        wait_until(lambda age=age: (hearts.age(0) or 0) > age, what="a dead process grows old")
        assert hearts.last_beat(0) == silent_since
        hearts.set_state(0, 9)
        assert hearts.state(0) == 9
        hearts.stop(0)
        assert (hearts.pid(0), hearts.age(0), hearts.restarts(0)) == (0, None, life)
    assert hearts.age(1) is None
