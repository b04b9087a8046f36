"""The ring against a plain Python list, and against writers that die."""

from __future__ import annotations

import math
import mmap
import os
import signal
import traceback
import zlib
from array import array

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pwserver.history.history_route import history
from pwserver.history.recorder import Recorder
from pwserver_ext.buckets import COUNT, LAST, MAXIMUM, MEAN, MINIMUM, SUM, aggregate
from pwserver_ext.ring import Ring
from tests.history.support import SMALL, archive, body, histories, reading
from tests.support.small_process import run_in_small_process

NAN = math.nan
single = st.floats(width=32, allow_nan=False, allow_infinity=False)
value = st.one_of(st.just(NAN), st.just(math.inf), single)
COLUMNS = 3
steps = st.lists(
    st.tuples(
        st.sampled_from(["append", "live", "clear", "truncate", "recover"]),
        st.floats(-50.0, 400.0),
        st.lists(value, min_size=COLUMNS, max_size=COLUMNS),
    ),
    max_size=60,
)


def test_rewrites_tell_that_rows_were_withdrawn_or_replaced() -> None:
    ring, other = (Ring(bytearray(Ring.size(1, 4)), 1, 4) for _ in range(2))
    for number in range(6):
        ring.append(number, array("d", [1.0]))
        ring.set_live(number + 0.5, array("d", [2.0]))
    ring.clear_live()
    assert (ring.truncate_after(5.0), ring.rewrites) == (0, 0)
    assert (ring.truncate_after(3.0), ring.rewrites) == (2, 1)
    ring.take_over(other)
    assert ring.rewrites == 2


def test_room_is_taken_once_before_the_first_row() -> None:
    asked: list[bool] = [False, True, True]

    def room() -> None:
        if not asked.pop(0):
            raise OSError(28, "No space left on device")

    ring = Ring(bytearray(Ring.rows_size(1, 4)), 1, 4, control=bytearray(Ring.control_size(1)), room=room)
    ring.set_live(1.0, array("d", [1.0]))  # which lies in the control block
    assert asked == [False, True, True]
    assert not ring.append(2.0, array("d", [1.0]))
    assert ring.append(2.0, array("d", [1.0])) and ring.append(3.0, array("d", [1.0]))
    ring.take_room()
    assert asked == [True]


class Oracle:
    """A ring as one would write it in Python."""

    def __init__(self, rows: int) -> None:
        self.size = rows
        self.rows: list[tuple[float, list[float]]] = []
        self.live: tuple[float, list[float]] | None = None

    def do(self, what: str, when: float, values: list[float]) -> None:
        clean = [number if math.isfinite(number) else NAN for number in values]
        if what == "append":
            if not self.rows or when > self.rows[-1][0]:
                self.rows = [*self.rows, (when, clean)][-self.size :]
                self.live = None
        elif what == "live":
            self.live = (when, clean)
        elif what == "truncate":
            self.rows, self.live = [row for row in self.rows if row[0] <= when], None
        else:
            self.live = None

    def all(self) -> list[tuple[float, list[float]]]:
        live = self.live if self.live and (not self.rows or self.live[0] > self.rows[-1][0]) else None
        return [*self.rows, *([live] if live else [])]


def same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def do(ring: Ring, what: str, when: float, values: list[float]) -> None:
    if what == "append":
        ring.append(when, array("d", values))
    elif what == "live":
        ring.set_live(when, array("d", values))
    elif what == "truncate":
        ring.truncate_after(when)
    elif what == "recover":
        ring.recover()
    else:
        ring.clear_live()


def rows_of(ring: Ring, start: float = -math.inf, end: float = math.inf) -> list[tuple[float, list[float]]]:
    times, columns = ring.select(start, end)
    return [(when, [column[row] for column in columns]) for row, when in enumerate(times)]


@settings(max_examples=200, deadline=None)
@given(steps, st.integers(1, 12), st.sampled_from([4, 8]), st.floats(-60, 450), st.floats(-60, 450))
def test_ring_is_a_bounded_list(taken: list, size: int, value_bytes: int, start: float, end: float) -> None:  # type: ignore[type-arg]
    ring = Ring(bytearray(Ring.size(COLUMNS, size, value_bytes)), COLUMNS, size, 5.0, value_bytes)
    oracle = Oracle(size)
    for what, when, values in taken:
        before = ring.generation
        appended = what != "append" or not oracle.rows or when > oracle.rows[-1][0]
        do(ring, what, when, values)
        oracle.do(what, when, values)
        assert (ring.generation > before) is appended
    for low, high in ((-math.inf, math.inf), (start, end)):
        expected = [row for row in oracle.all() if low <= row[0] <= high]
        found = rows_of(ring, low, high)
        assert [row[0] for row in found] == [row[0] for row in expected]
        for mine, theirs in zip(found, expected, strict=True):
            assert all(same(one, other) for one, other in zip(mine[1], theirs[1], strict=True))
    times = [row[0] for row in oracle.all()]
    assert ring.bounds() == ((times[0], times[-1]) if times else None)
    assert ring.count == len(oracle.rows)
    measured = [row[0] for row in oracle.all() if not math.isnan(row[1][0])]
    assert ring.column_bounds(0) == ((measured[0], measured[-1], len(measured)) if measured else None)
    assert len(ring.select(-math.inf, math.inf, None, 2)[0]) == min(2, len(times))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 500), st.lists(value, min_size=2, max_size=2)), max_size=40),
    st.integers(1, 60),
    st.integers(0, 100),
    st.integers(0, 500),
    st.integers(0, 500),
)
def test_buckets_are_plain_statistics(rows: list, step: int, origin: int, start: int, end: int) -> None:  # type: ignore[type-arg]
    ring = Ring(bytearray(Ring.size(2, 64, 8)), 2, 64, 5.0, 8)
    kept = []
    for when, values in sorted(rows, key=lambda row: row[0]):
        if ring.append(float(when), array("d", values)):
            kept.append((when, values))
    kinds = [MEAN, MINIMUM, MAXIMUM, SUM, LAST, COUNT]
    times, weights, found = aggregate(ring, start, end, step, kinds, [0] * 6, origin)
    buckets: dict[float, list[float]] = {}
    first: dict[float, int] = {}
    for when, values in kept:
        if start <= when <= end:
            buckets.setdefault((when - origin) // step * step + origin, []).append(values[0])
            first.setdefault((when - origin) // step * step + origin, when)
    assert list(times) == sorted(buckets)
    again, _, same = aggregate(ring, start, end, step, kinds, [0] * 6, origin, first_rows=True)
    assert list(again) == sorted(first.values()) and list(map(bytes, same)) == list(map(bytes, found))
    for row, when in enumerate(times):
        numbers = [number for number in buckets[when] if math.isfinite(number)]
        assert weights[row] == len(buckets[when])
        if not numbers:
            assert all(math.isnan(column[row]) for column in found)
            continue
        expected = [sum(numbers) / len(numbers), min(numbers), max(numbers), sum(numbers), numbers[-1], len(numbers)]
        for column, number in zip(found, expected, strict=True):
            assert column[row] == pytest.approx(number, rel=1e-9, abs=1e-9 * max(map(abs, numbers)))


@settings(max_examples=300, deadline=None)
@given(
    st.floats(0.3, 90.0, allow_subnormal=False),
    st.lists(st.integers(0, 4000), min_size=1, max_size=120),
    st.sampled_from((0.0, 1.5, 1.7e9 - 43_200.0)),
    st.floats(0.0, 50.0),
)
@example(1.1, list(range(120)), 0.0, 0.0)
def test_a_fractional_step_has_a_bucket_for_every_row(
    step: float, offsets: list[int], origin: float, start: float
) -> None:
    ring = Ring(bytearray(Ring.size(1, 128, 8)), 1, 128, 1.0, 8)
    kept = [1.7e9 + offset for offset in sorted(set(offsets))][-128:]
    for when in kept:
        ring.append(when, array("d", [1.0]))
    window = (1.7e9 + start, 1.7e9 + 4000.0)
    times, weights, (counts,) = aggregate(ring, *window, step, [COUNT], [0], origin)
    inside = [when for when in kept if window[0] <= when <= window[1]]
    assert sum(weights) == sum(counts) == len(inside)
    assert list(times) == sorted({math.floor((when - origin) / step) * step + origin for when in inside})


def test_whole_seconds_are_asked_for_in_steps_of_one_and_a_tenth() -> None:
    store = archive(SMALL)
    recorder = Recorder(store)
    for second in range(660):
        recorder.record(reading(1.8e9 + second, 1.0, 0.0, 0.0, 1.0))
    for step in ("1.1", "1.1s", "1.3", "2.7", "59.9"):
        asked = {"from": str(1.8e9), "to": str(1.8e9 + 660.0), "step": step, "fields": "site,samples"}
        answer = history(histories(store), asked, 1.8e9 + 660.0)
        assert answer.status == 200
        assert sum(row["samples"] for row in body(answer)) == 660, step


def test_means_weigh_rows_by_their_number_of_samples() -> None:
    ring = Ring(bytearray(Ring.size(2, 8)), 2, 8, 60.0)
    ring.append(0.0, array("d", [10.0, 3.0]))
    ring.append(60.0, array("d", [20.0, 1.0]))
    ring.append(120.0, array("d", [99.0, 0.0]))  # an interval without a sample has no say
    times, weights, (mean,) = aggregate(ring, 0.0, 200.0, 300.0, [MEAN], [0], 0.0, 1)
    assert (list(times), list(weights), list(mean)) == ([0.0], [4.0], [12.5])


def test_a_row_is_checked_by_the_crc_anyone_can_compute() -> None:
    control, content = bytearray(Ring.control_size(2)), bytearray(Ring.rows_size(2, 4))
    ring = Ring(content, 2, 4, 5.0, 4, control)
    ring.append(17.5, array("d", [1.5, NAN]))
    size = Ring.rows_size(2, 1)
    assert int.from_bytes(content[:4], "little") == zlib.crc32(content[4:size])
    assert int.from_bytes(content[4:8], "little") == 1
    assert content[size:] == bytes(3 * size)


@pytest.mark.parametrize("shape", [(0, 5, 4), (65, 5, 4), (3, 0, 4), (3, 5, 3)])
def test_impossible_shapes_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError):
        Ring(bytearray(100_000), shape[0], shape[1], 5.0, shape[2])


def test_a_buffer_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="needed"):
        Ring(bytearray(Ring.size(3, 5) - 1), 3, 5)
    ring = Ring(bytearray(Ring.size(3, 5)), 3, 5)
    with pytest.raises(ValueError, match="3 values"):
        ring.append(1.0, array("d", [1.0]))


def pattern(when: float) -> array[float]:
    """Values that anyone can compute from the timestamp."""
    return array("d", [when, when * 2.0 % 1000.0, -when, (when * 7.0) % 333.0])


def test_readers_in_other_processes_never_see_half_a_row() -> None:
    memory = mmap.mmap(-1, Ring.size(4, 50, 8))
    ring = Ring(memory, 4, 50, 1.0, 8)
    ring.append(0.0, pattern(0.0))
    readers = []
    for _ in range(2):
        child = os.fork()
        if child == 0:
            try:
                mine = Ring(memory, 4, 50, 1.0, 8)
                newest = 0.0
                while newest < 20_000.0:
                    rows = rows_of(mine)
                    assert all(list(pattern(when)) == values for when, values in rows)
                    assert [when for when, _ in rows] == sorted({when for when, _ in rows})
                    assert rows[-1][0] >= newest
                    newest = rows[-1][0]
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        readers.append(child)
    for number in range(1, 20_001):
        if number % 3:
            ring.set_live(float(number), pattern(float(number)))
        ring.append(float(number), pattern(float(number)))
        ring.check()  # so that it does not do nothing but write, as no writer does
    assert [os.waitpid(child, 0)[1] for child in readers] == [0, 0]


def test_readers_go_on_after_a_writer_died_in_the_middle_of_a_row() -> None:
    memory = mmap.mmap(-1, Ring.size(4, 10, 8))
    ring = Ring(memory, 4, 10, 1.0, 8)
    for number in range(1, 15):
        ring.append(float(number), pattern(float(number)))
    # What a killed writer leaves: an odd sequence counter and a row that is half new.
    head, size = Ring.control_size(4, 8), Ring.rows_size(4, 1, 8)
    memory[:8] = (int.from_bytes(memory[:8], "little") | 1).to_bytes(8, "little")
    slot = head + 14 % 10 * size
    memory[slot + 20 : slot + 40] = os.urandom(20)
    expected = [float(number) for number in range(6, 15)]
    assert [when for when, _ in rows_of(ring)] == expected
    assert all(list(pattern(when)) == values for when, values in rows_of(ring))
    assert ring.bounds() == (6.0, 14.0)
    ring.repair()
    assert ring.append(15.0, pattern(15.0))
    assert [when for when, _ in rows_of(ring)] == [*expected, 15.0]


def test_a_writer_killed_anywhere_leaves_every_whole_row() -> None:
    """kill -9, 400 times: recovery finds every row whose writing had ended, and none that was never written."""
    run_in_small_process(kill_writers)


def kill_writers() -> None:
    rows = 40
    content = mmap.mmap(-1, Ring.rows_size(4, rows, 8))
    control = mmap.mmap(-1, Ring.control_size(4, 8))
    progress = mmap.mmap(-1, 16)
    written = 0
    for turn in range(400):
        child = os.fork()
        if child == 0:
            ring = Ring(content, 4, rows, 1.0, 8, control)
            ring.repair()
            number = written
            while True:
                number += 1
                ring.append(float(number), pattern(float(number)))
                progress[:8] = number.to_bytes(8, "little")
        goal = written + 1 + turn * 37 % 400
        while int.from_bytes(progress[:8], "little") < goal:
            os.sched_yield()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged = int.from_bytes(progress[:8], "little")
        # The machine goes on from the file alone: a fresh control block.
        control[:] = bytes(len(control))
        ring = Ring(content, 4, rows, 1.0, 8, control)
        _, found_torn = ring.recover()
        found = rows_of(ring)
        newest = int(found[-1][0])
        assert acknowledged <= newest <= acknowledged + 1
        assert found_torn <= 1
        assert [when for when, _ in found] == [float(n) for n in range(newest - len(found) + 1, newest + 1)]
        assert len(found) >= min(rows, newest) - 1
        assert all(list(pattern(when)) == values for when, values in found)
        written = newest
        progress[:8] = written.to_bytes(8, "little")
