"""No argument crashes a compiled function, and no time leaves one as bytes of no sense."""

from __future__ import annotations

import datetime
import json
import math
import subprocess
import sys
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver_ext import rows, series
from pwserver_ext.limits import WindowLimiter
from pwserver_ext.ring import EARLIEST_SECONDS, END_SECONDS, Ring
from pwserver_ext.rollup import Integrator, Rollup

NOT_TIMES = (math.nan, math.inf, -math.inf, 1e308, -1e308, END_SECONDS, EARLIEST_SECONDS - 1.0)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
YEAR_1 = -62135596800.0
COLUMN = array("d", [1.0])


def test_every_public_function_survives_every_hostile_argument() -> None:
    """In a process of its own: what is looked for are crashes and calls without an end."""
    command = [sys.executable, "-X", "faulthandler", "-m", "benchmarks.hostile_arguments"]
    ended = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300, check=False)
    assert ended.returncode == 0, f"{ended.stdout.splitlines()[-1:]}\n{ended.stderr[-2000:]}"
    assert ended.stdout.endswith("calls: nothing found\n")


def test_no_columns_are_no_rows() -> None:
    assert series.object_texts([]) == []
    assert series.json_objects([]) == b"[]"
    for none in ([], ()):
        assert rows.complete(none) == rows.measured(none) == array("q")


@pytest.mark.parametrize("code", ["f", "q", "i", "B"])
def test_dates_of_another_type_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match="mismatch"):
        series.Column("day", array(code, [1]))


@pytest.mark.parametrize("day", [0.0, -1.0, 0.5, 3652060.0, 1e19, math.nan, math.inf])
def test_a_day_without_a_date_is_refused(day: float) -> None:
    with pytest.raises(ValueError, match="no day of the years 1 to 9999"):
        series.json_by_date(["a"], [[series.Column("day", array("d", [7e5, day]))]])


@given(st.floats(YEAR_1, 253402300799.0))
def test_every_time_that_has_a_date_is_written_as_it_is(when: float) -> None:
    times = array("d", [when])
    (row,) = json.loads(series.json_rows(times, []))
    assert abs((datetime.datetime.fromisoformat(row["time"]) - EPOCH).total_seconds() - when) < 0.001
    assert series.csv_rows(times, [], header=False).decode() == row["time"] + "\n"


@pytest.mark.parametrize("when", [math.nan, math.inf, -math.inf, 1e308, -1e308, 253402300800.0, YEAR_1 - 1.0])
def test_a_time_without_a_date_is_refused(when: float) -> None:
    for write in (
        lambda times: series.json_rows(times, []),
        lambda times: series.json_rows(times, [], moments=False),
        lambda times: series.csv_rows(times, []),
    ):
        with pytest.raises(ValueError, match="no date in the years 1 to 9999"):
            write(array("d", [when]))


def small_ring() -> Ring:
    ring = Ring(bytearray(Ring.size(1, 4)), 1, 4)
    assert ring.append(1e9, COLUMN)
    return ring


@pytest.mark.parametrize("when", NOT_TIMES)
def test_a_ring_takes_no_row_of_no_time(when: float) -> None:
    ring = small_ring()
    assert not ring.append(when, COLUMN)
    with pytest.raises(ValueError, match="no row can have the time"):
        ring.set_live(when, COLUMN)
    assert ring.bounds() == (1e9, 1e9)


def test_a_ring_takes_the_first_and_the_last_time() -> None:
    ring = Ring(bytearray(Ring.size(1, 4)), 1, 4)
    last = math.nextafter(END_SECONDS, 0.0)
    assert ring.append(EARLIEST_SECONDS, COLUMN) and ring.append(last, COLUMN)
    assert ring.bounds() == (EARLIEST_SECONDS, last)


def test_rows_later_than_nothing_are_not_withdrawn() -> None:
    ring = small_ring()
    with pytest.raises(ValueError, match="NaN"):
        ring.truncate_after(math.nan)
    assert ring.count == 1


@pytest.mark.parametrize("place", [-1, 2, 2**31 - 1, -(2**31)])
def test_a_roll_up_knows_its_columns(place: int) -> None:
    rollup = Rollup(2)
    rollup.add(array("d", [1.0, 2.0]))
    target = array("d", [7.0] * 9)
    for last, spread in (([place], []), ([], [place])):
        with pytest.raises(IndexError):
            rollup.write(target, array("i", last), array("i", spread))
    assert list(target) == [7.0] * 9


@pytest.mark.parametrize("samples", [math.nan, math.inf, -1.0, 1e300])
def test_a_state_with_an_impossible_count_is_refused(samples: float) -> None:
    rollup = Rollup(1)
    state = rollup.state()
    state[-1] = samples
    with pytest.raises(ValueError, match="no number of samples"):
        rollup.restore(state)


def test_energies_need_times_that_are_numbers() -> None:
    integrator = Integrator([0], [-1], 1, 60.0)
    integrator.take(1.0, COLUMN)
    for when in (math.nan, math.inf):
        with pytest.raises(ValueError, match="numbers"):
            integrator.take(when, COLUMN)
        with pytest.raises(ValueError, match="numbers"):
            integrator.advance(2.0, when, COLUMN)
        with pytest.raises(ValueError, match="numbers"):
            integrator.move(when)
    integrator.advance(3601.0 / 60, 3601.0 / 60, COLUMN)
    assert not math.isnan(integrator.totals(2)[0])


def test_counts_that_workers_share_lie_in_whole_words() -> None:
    memory = memoryview(bytearray(WindowLimiter.size(8) + 8))
    for offset in range(1, 8):
        with pytest.raises(ValueError, match="aligned to 8 bytes"):
            WindowLimiter(memory[offset:], 8, 3, 1.0)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 1e12, 0.0, -1.0])
def test_a_window_has_an_end(seconds: float) -> None:
    with pytest.raises(ValueError, match="positive count and window"):
        WindowLimiter(bytearray(WindowLimiter.size(8)), 8, 3, seconds)


def test_a_reader_of_a_ring_whose_writer_died_naps_only_a_few_times() -> None:
    """The naps are counted by their system calls' effect, not by a clock: voluntary switches of this process."""
    import resource

    ring_memory = bytearray(Ring.size(1, 4))
    ring = Ring(ring_memory, 1, 4)
    ring.append(1e9, COLUMN)
    ring_memory[0] |= 1  # the sequence is odd for ever: the writer died inside a row
    before = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
    for _ in range(10):
        assert ring.select(0.0, 2e9)[0] == array("d", [1e9])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - before <= 10 * 10
