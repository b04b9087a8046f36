"""A sum over houses is whole or unknown, and never falls because a house leaves the configuration."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pwserver.state.counter_sums import MAX_FORMER, Part, SumMemory

NAME = "load.energy_imported"


def total(sums: SumMemory, **houses: float | None) -> float | None:
    """The sum while these houses are configured; None is one that tells nothing."""
    parts = [Part(name, f"DIN-{name}", {NAME: value}) for name, value in houses.items() if value is not None]
    sums.take(list(houses), parts)
    return sums.total(NAME, list(houses.values()))


def again(sums: SumMemory) -> SumMemory:
    return SumMemory.from_json(json.loads(json.dumps(sums.to_json())))


def test_the_sum_is_only_given_while_every_house_tells_its_part() -> None:
    sums = SumMemory()
    assert total(sums, home=5.0, cabin=7.0) == 12.0
    assert total(sums, home=5.0, cabin=None) is None
    assert total(sums, home=6.0, cabin=7.0) == 13.0


def test_a_house_that_leaves_stays_in_the_sum_until_it_comes_back() -> None:
    sums = SumMemory()
    total(sums, home=5.0, cabin=7.0, barn=1.0)
    sums = again(sums)
    assert total(sums, home=5.5, barn=1.0) == 13.5
    sums = again(sums)
    assert total(sums, home=6.0, barn=1.0) == 14.0
    assert total(sums, home=6.0, barn=1.0, cabin=8.0) == 15.0 and not sums.former


def test_a_house_that_was_renamed_is_not_counted_twice() -> None:
    sums = SumMemory()
    sums.take(["home", "cabin"], [Part("home", "DIN-1", {NAME: 5.0}), Part("cabin", "DIN-2", {NAME: 7.0})])
    sums.take(["home", "lodge"], [Part("home", "DIN-1", {NAME: 5.0}), Part("lodge", "DIN-2", {NAME: 7.0})])
    assert sums.total(NAME, [5.0, 7.0]) == 12.0


changes = st.lists(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50), min_size=1), max_size=20)


@given(changes)
def test_the_sum_never_falls_while_the_parts_grow(steps: list[dict[str, int]]) -> None:
    sums, counted, last = SumMemory(), dict.fromkeys("abcdef", 0.0), 0.0
    for step in steps:
        sums = again(sums)
        for name, grown in step.items():
            counted[name] += grown
        now = total(sums, **{name: counted[name] for name in step})
        assert now is not None and now >= last
        last = now


def test_the_list_of_houses_that_left_ends() -> None:
    sums = SumMemory()
    for number in range(3 * MAX_FORMER):
        total(sums, **{f"house{number}": 1.0})
    assert len(sums.former) == MAX_FORMER + 1 and total(sums, last=1.0) == 3 * MAX_FORMER + 1
    assert len(sums.former) == MAX_FORMER + 1
