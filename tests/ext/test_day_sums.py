"""Sums of days leave out what is not known, and never read beyond the rows."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver_ext.day_sums import percent_of, self_powered, span_sums

energy = st.one_of(st.just(math.nan), st.floats(0.0, 1e6))


@given(st.lists(energy, max_size=30), st.data())
def test_a_span_adds_up_what_is_known(values: list[float], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(values)))
    end = data.draw(st.integers(start, len(values)))
    ((found,),) = span_sums([array("d", values)], array("q", [start]), array("q", [end]))
    known = [value for value in values[start:end] if not math.isnan(value)]
    assert found == pytest.approx(math.fsum(known)) if known else math.isnan(found)


@pytest.mark.parametrize(("start", "end"), [(-1, 1), (0, 3), (2, 1), (3, 3), (-(2**63), 2**63 - 1)])
def test_a_span_beyond_the_rows_is_refused(start: int, end: int) -> None:
    with pytest.raises(IndexError):
        span_sums([array("d", [1.0, 2.0])], array("q", [start]), array("q", [end]))


@given(energy, energy, energy, energy, energy)
def test_a_home_is_self_powered_by_its_parts_else_by_what_was_not_bought(
    home: float, bought: float, sun: float, battery: float, grid: float
) -> None:
    columns = (array("d", [value]) for value in (home, bought, sun, battery, grid))
    own, whole, (rule,) = self_powered(*columns)
    (percent,) = percent_of(own, whole)
    if sun + battery + grid > 0.0:
        assert rule == 0.0 and percent == pytest.approx(100.0 * (sun + battery) / (sun + battery + grid))
    elif home > 0.0 and not math.isnan(bought):
        assert rule == 1.0 and percent == pytest.approx(100.0 * max(0.0, 1.0 - bought / home), abs=1e-9)
    else:
        assert math.isnan(rule) and math.isnan(percent)


def test_columns_of_different_length_are_refused() -> None:
    one, two = array("d", [1.0]), array("d", [1.0, 2.0])
    with pytest.raises(ValueError, match="length"):
        self_powered(one, one, two, one, one)
    with pytest.raises(ValueError, match="length"):
        percent_of(one, two)
    with pytest.raises(ValueError, match="ends"):
        span_sums([one], array("q", [0]), array("q"))
