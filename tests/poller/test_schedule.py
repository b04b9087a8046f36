"""The grid of ticks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.poller.schedule import Ticks

moments = st.floats(min_value=0, max_value=1e6, allow_nan=False)


@given(interval=st.floats(min_value=0.1, max_value=600), origin=moments, now=moments)
def test_the_next_tick_is_later_on_the_grid_and_not_further_than_one_interval(
    interval: float, origin: float, now: float
) -> None:
    ticks = Ticks(interval, origin)
    due = ticks.after(now)
    steps = (due - origin) / interval
    assert due > now or math.isclose(due, now, abs_tol=1e-6)
    assert due <= now + interval + 1e-6
    assert math.isclose(steps, round(steps), abs_tol=1e-3)


def test_late_polls_do_not_shift_the_grid() -> None:
    ticks = Ticks(5.0, 100.0)
    assert [ticks.after(moment) for moment in (100.0, 104.9, 105.0, 118.2)] == [105.0, 105.0, 110.0, 120.0]


@pytest.mark.parametrize("interval", [0, -1, math.nan])
def test_an_interval_must_be_positive(interval: float) -> None:
    with pytest.raises(ValueError, match="interval_seconds"):
        Ticks(interval, 0.0)
