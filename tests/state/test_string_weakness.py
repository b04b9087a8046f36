"""A string is weak by days, against its neighbours and its own past, and never by a cloud, a gap or its direction."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.state.string_weakness import (
    EARLIER_DAYS,
    TOO_FEW_DAYS,
    YEAR_BEFORE,
    Verdict,
    complete_strings,
    is_sunny,
    judge_string,
    shares_of,
    weak_neighbours,
    weak_since,
)

DAY = 86400.0
START = 1_790_000_000.0


def run(shares: list[float]) -> tuple[list[float], list[float], list[Verdict]]:
    """Judge day after day, as the recorder does: the days, what was found on each, every verdict."""
    days: list[float] = []
    weak: list[float] = []
    verdicts = []
    for number in range(len(shares)):
        days.append(START + number * DAY)
        weak.append(math.nan)
        verdict = judge_string(days, shares[: number + 1], weak)
        verdicts.append(verdict)
        weak[-1] = math.nan if verdict.weak is None else float(verdict.weak)
    return days, weak, verdicts


def run_house(energies: Mapping[str, list[float]]) -> list[set[str]]:
    """Judge the strings of a house day after day, as the recorder does: which are weak on each day."""
    days: list[float] = []
    shares: dict[str, list[float]] = {name: [] for name in energies}
    weak: dict[str, list[float]] = {name: [] for name in energies}
    weak_on: dict[float, set[str]] = {}
    for number, today in enumerate(zip(*energies.values(), strict=True)):
        days.append(START + number * DAY)
        found = set()
        for name, share in shares_of(dict(zip(energies, today, strict=True))).items():
            shares[name].append(share)
            neighbours = weak_neighbours(name, days, weak_on)
            verdict = judge_string(days, shares[name], [*weak[name], math.nan], neighbours)
            weak[name].append(math.nan if verdict.weak is None else float(verdict.weak))
            if verdict.weak:
                found.add(name)
        weak_on[days[-1]] = found
    return list(weak_on.values())


@pytest.mark.parametrize("names", ["AB", "ABC", "ABCD"])
def test_a_string_that_is_mended_makes_none_of_its_neighbours_weak(names: str) -> None:
    """B was weak for longer than it was well, and all that time the others gave more in proportion."""
    energies = {name: [10.0] * 80 for name in names}
    energies["B"][16:60] = [4.0] * 44
    assert run_house(energies) == [set()] * 20 + [{"B"}] * 42 + [set()] * 18


def test_a_string_that_fades_beside_a_weak_one_is_found() -> None:
    energies = {name: [10.0] * 70 for name in "ABC"}
    energies["B"][16:] = [4.0] * 54
    energies["C"][50:] = [7.5] * 20
    assert run_house(energies) == [set()] * 20 + [{"B"}] * 34 + [{"B", "C"}] * 16


def test_a_share_is_of_the_median_of_the_others_and_unknown_without_one() -> None:
    assert shares_of({"A": 6.0, "B": 3.0, "C": 9.0, "D": 1.0}) == {"A": 2.0, "B": 0.5, "C": 3.0, "D": 1 / 6}
    assert shares_of({"A": 5.0, "B": 10.0}) == {"A": 0.5, "B": 2.0}
    assert shares_of({"A": 5.0}) == {} and shares_of({}) == {} and shares_of({"A": 1.0, "B": 0.0}) == {"B": 0.0}


def test_fifteen_days_are_needed_and_a_drop_shows_on_the_fifth_day() -> None:
    days, weak, verdicts = run([1.0] * 20 + [0.7] * 6)
    assert [verdict.weak for verdict in verdicts[:14]] == [None] * 14
    assert verdicts[0].reason == TOO_FEW_DAYS and verdicts[14].weak is False
    assert [verdict.weak for verdict in verdicts[20:]] == [False] * 4 + [True] * 2
    assert verdicts[-1].compared_with == EARLIER_DAYS and verdicts[-1].earlier_share == 1.0
    assert weak_since(days, weak) == days[20]
    assert weak_since(days[:24], weak[:24]) is None and weak_since([], []) is None


def test_a_string_that_dies_is_weak_and_one_that_is_mended_is_not() -> None:
    _, _, verdicts = run([1.0] * 20 + [0.0] * 30 + [1.0] * 5)
    assert verdicts[49].weak and verdicts[49].earlier_share == 1.0  # the weak days are no measure
    assert verdicts[-1].weak is False


def test_one_good_day_does_not_end_it_and_one_poor_day_does_not_begin_it() -> None:
    _, _, verdicts = run([1.0] * 20 + [0.6, 1.0] * 5 + [0.6] * 5 + [0.9] + [0.6] * 5)
    assert not any(verdict.weak for verdict in verdicts[:34])
    assert all(verdict.weak for verdict in verdicts[34:])


def test_a_slow_fading_is_found_within_the_first_year() -> None:
    fading = [1.0 - 0.5 * number / 365.0 for number in range(365)]
    _, _, verdicts = run(fading)
    first = next(number for number, verdict in enumerate(verdicts) if verdict.weak)
    assert 200 < first < 300 and all(verdict.weak for verdict in verdicts[first:])


def test_the_season_of_the_year_before_is_what_counts_when_it_is_known() -> None:
    # A string to the north: its share of the others' energy swings by the season, and comes back the same each year.
    swing = [0.6 + 0.10 * math.cos(2 * math.pi * number / 365.25) for number in range(800)]
    _, _, verdicts = run(swing)
    assert not any(verdict.weak for verdict in verdicts)
    assert verdicts[-1].compared_with == YEAR_BEFORE
    broken = swing[:760] + [0.75 * share for share in swing[760:]]
    assert run(broken)[2][-1].weak


def test_a_size_is_no_weakness() -> None:
    for size in (0.05, 0.3, 4.0):
        noise = random.Random(3)
        assert not any(verdict.weak for verdict in run([size * noise.uniform(0.93, 1.07) for _ in range(300)])[2])


def test_cloudy_and_incomplete_days_do_not_count() -> None:
    assert is_sunny(10_000.0, [19_000.0]) and not is_sunny(9_000.0, [19_000.0])
    assert is_sunny(5.0, []) and not is_sunny(0.0, []) and not is_sunny(0.0, [0.0])
    assert complete_strings({"A": 86_400.0, "B": 82_800.0, "C": 82_799.0}, 86_400.0) == ["A", "B"]


@given(st.lists(st.floats(0.0, 5.0), min_size=1, max_size=60))
def test_a_verdict_agrees_with_the_sentence(shares: list[float]) -> None:
    _, weak, verdicts = run(shares)
    verdict, before = verdicts[-1], len(shares) - 5
    sound = [shares[number] for number in range(max(0, before)) if weak[number] != 1.0]
    if before < 0 or len(sound) < 10:
        assert verdict.weak is None and verdict.reason
        return
    limit = 0.8 * statistics.median(sound)
    if all(share < limit for share in shares[-5:]):
        assert verdict.weak is True
    elif sum(share < limit for share in shares[-5:]) <= 2:
        assert verdict.weak is False
    else:
        assert verdict.weak is (verdicts[-2].weak is True) or math.isnan(weak[-2])


@pytest.mark.parametrize("count", [2, 3, 6, 24])
def test_what_touches_all_strings_alike_makes_none_weak(count: int) -> None:
    noise = random.Random(count)
    sizes = [noise.uniform(0.3, 3.0) for _ in range(count)]
    history: dict[str, list[float]] = {f"S{number}": [] for number in range(count)}
    for _ in range(40):
        sun = noise.uniform(0.5, 1.0)
        energies = {f"S{number}": 1000.0 * sun * size * noise.uniform(0.97, 1.03) for number, size in enumerate(sizes)}
        for name, share in shares_of(energies).items():
            history[name].append(share)
    assert not any(run(shares)[2][-1].weak for shares in history.values())
