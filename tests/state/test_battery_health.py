"""State of health, steps, trend and cycles follow from the days, and agree with a slow oracle."""

from __future__ import annotations

import itertools
import math
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.state.battery_health import (
    SHORTEST_TREND_DAYS,
    Health,
    believable,
    judge_health,
    median,
    nominal_wh,
    percent,
    source_of,
    total_discharged,
)

DAY, YEAR = 86400.0, 365.25
START = 1_790_000_000.0
NAN = math.nan


def judged(full: list[float], sources: list[float] | None = None, days: list[float] | None = None) -> Health:
    when = [START + DAY * number for number in range(len(full))] if days is None else days
    return judge_health(when, full, sources or [0.0] * len(full), [NAN] * len(full))


@pytest.mark.parametrize(
    ("part", "kind", "nominal"),
    [
        ("1707000-11-J", None, 13500.0),
        ("1707000", "anything", 13500.0),
        ("1807000-20-B", "BatteryExpansion", 13500.0),
        ("2012170-25-E", None, 13500.0),
        ("3012170-05-B", None, 13500.0),
        ("1850000-05-C", None, 13500.0),
        (None, "ACPW", 13500.0),
        (None, "Powerwall3Follower", 13500.0),
        ("9999999-00-A", "BatteryExpansion", 13500.0),
        ("9999999-00-A", None, None),
        ("17070001-11-J", None, None),
        (None, None, None),
        ("", "", None),
    ],
)
def test_the_nameplate_follows_from_part_or_type_and_is_never_guessed(
    part: str | None, kind: str | None, nominal: float | None
) -> None:
    assert nominal_wh(part, kind) == nominal


def test_a_silent_pack_has_no_full_energy_and_a_new_one_may_have_more_than_its_nameplate() -> None:
    assert [believable(value) for value in (0.0, -1.0, None, NAN, math.inf, 15_100.0)] == [None] * 5 + [15_100.0]
    assert percent(15_100.0, 13_500.0) == pytest.approx(111.85, abs=0.01)
    assert percent(15_100.0, None) is None and percent(None, 13_500.0) is None


def test_where_a_value_was_read_is_told_apart() -> None:
    answers = ("TEDAPI components of each Powerwall", "GET /api/system_status", "site_status of Tesla's servers", "x")
    assert len({source_of(answer) for answer in answers}) == 4
    assert source_of("TEDAPI status") == source_of("TEDAPI components of each Powerwall")


def test_nothing_recorded_is_nothing_known() -> None:
    assert judged([]) == judged([NAN] * 5) == Health()


def test_the_state_of_health_is_that_of_a_months_median() -> None:
    full = [13_000.0] * 40 + [13_100.0] * 14 + [13_050.0] + [13_000.0, 9_000.0] + [13_100.0] * 13
    health = judged(full)
    assert health.median_wh == statistics.median(full[-30:]) and health.full_wh == 13_100.0
    assert health.days == len(full)


def test_one_odd_day_is_no_step_and_moves_neither_median_nor_trend() -> None:
    full = [13_000.0] * 200
    full[120] = 6_000.0
    health = judged(full)
    assert (health.steps, health.median_wh, health.trend_wh) == ((), 13_000.0, 0.0)


@pytest.mark.parametrize("at", [10, 17, 95, 140, 185])
@pytest.mark.parametrize("change", [-0.05, -0.025, 0.03, 0.12])
def test_a_step_is_marked_with_its_day_and_is_no_ageing(at: int, change: float) -> None:
    noise = random.Random(at)
    full = [13_000.0 * (1.0 + change * (number >= at)) + noise.uniform(-30, 30) for number in range(200)]
    health = judged(full)
    assert [round((step.day - START) / DAY) for step in health.steps] == [at]
    assert health.steps[0].percent == pytest.approx(100.0 * change, abs=0.5)
    assert health.since == START + at * DAY
    if 200 - at >= SHORTEST_TREND_DAYS:
        assert health.trend_wh == pytest.approx(0.0, abs=60.0)
    else:
        assert health.trend_wh is None
    assert health.median_wh == pytest.approx(13_000.0 * (1.0 + change), abs=20.0)  # only days after the step


def test_a_change_of_one_and_a_half_percent_is_no_step() -> None:
    assert judged([13_000.0] * 100 + [13_195.0] * 100).steps == ()


def test_values_of_two_sources_are_never_compared() -> None:
    health = judged([13_500.0] * 120 + [12_825.0] * 20, [0.0] * 120 + [2.0] * 20)
    assert health.steps == () and health.trend_wh is None and health.source == 2
    assert health.median_wh == 12_825.0 and health.since == START + 120 * DAY and health.days == 140
    back = judged([13_500.0] * 50 + [12_825.0] * 2 + [13_500.0] * 30, [0.0] * 50 + [2.0] * 2 + [0.0] * 30)
    assert back.since == START + 52 * DAY and back.steps == ()
    assert judged([13_500.0] * 3, [NAN] * 3).source is None


def test_ageing_is_a_trend_of_the_year_and_nothing_shorter_is_one() -> None:
    full = [13_500.0 - 1.5 * number for number in range(400)]
    assert judged(full).trend_wh == pytest.approx(-1.5 * YEAR, rel=1e-6)
    assert judged(full).steps == ()
    assert judged(full[:SHORTEST_TREND_DAYS]).trend_wh == pytest.approx(-1.5 * YEAR, rel=1e-6)
    assert judged(full[: SHORTEST_TREND_DAYS - 1]).trend_wh is None
    older = [20_000.0 - 18.0 * number for number in range(360)]  # more than a year ago, and nothing of now
    assert judged([*older, *full]).trend_wh == pytest.approx(-1.5 * YEAR, rel=1e-2)


def test_a_season_of_silence_is_bridged() -> None:
    days = [START + DAY * number for number in range(300) if not 100 <= number < 200]
    health = judged([13_500.0 - 1.0 * (day - START) / DAY for day in days], days=days)
    assert health.trend_wh == pytest.approx(-YEAR, rel=1e-6) and health.steps == ()


@given(st.lists(st.floats(12_900.0, 13_100.0), min_size=1, max_size=120), st.integers(0, 2**32))
def test_days_without_a_step_agree_with_the_oracle(full: list[float], seed: int) -> None:
    gaps = random.Random(seed)
    days, when = [], START
    for _ in full:
        days.append(when)
        when += DAY * gaps.choice((1, 1, 1, 2, 5))
    health = judged(full, days=days)
    assert health.steps == ()  # within 1.6 % of each other
    year = [(day, value) for day, value in zip(days, full, strict=True) if day >= days[-1] - 365 * DAY]
    month = [value for day, value in year if day > days[-1] - 30 * DAY]
    assert health.median_wh == pytest.approx(statistics.median(month))
    points: dict[int, list[tuple[float, float]]] = {}
    for day, value in year:
        points.setdefault(int((day - year[0][0]) / (15 * DAY)), []).append((day, value))
    middles = [tuple(map(statistics.median, zip(*group, strict=True))) for group in points.values()]
    slopes = [(y2 - y1) / (x2 - x1) for at, (x2, y2) in enumerate(middles) for x1, y1 in middles[:at]]
    if days[-1] - year[0][0] < 89 * DAY or len(middles) < 3:
        assert health.trend_wh is None and health.trend_range_wh is None
    else:
        assert health.trend_wh == pytest.approx(statistics.median(slopes) * DAY * YEAR, abs=1e-6)
        assert health.trend_wh is not None and health.trend_range_wh is not None
        low, high = health.trend_range_wh
        assert min(slopes) * DAY * YEAR - 1e-6 <= low <= health.trend_wh <= high <= max(slopes) * DAY * YEAR + 1e-6


def test_the_range_of_a_trend_holds_the_truth_as_often_as_it_says() -> None:
    """300 batteries that lose 400 Wh a year, with days that scatter, watched for 90 to 365 days."""
    luck = random.Random(1968)
    held, widths = 0, []
    for _ in range(300):
        count = luck.randint(SHORTEST_TREND_DAYS, 365)
        health = judged([13_500.0 - 400.0 * day / YEAR + luck.gauss(0.0, 40.0) for day in range(count)])
        assert health.trend_wh is not None and health.trend_range_wh is not None
        low, high = health.trend_range_wh
        held += low <= -400.0 <= high
        widths.append((count, high - low))
    assert held >= 0.92 * 300
    young, old = ([wide for count, wide in widths if count // 120 == at] for at in (0, 2))
    assert statistics.median(young) > 3.0 * statistics.median(old)


@given(st.lists(st.one_of(st.just(NAN), st.floats(0, 1e9)), max_size=60))
def test_a_counter_goes_on_over_its_resets(counter: list[float]) -> None:
    told = [value for value in counter if not math.isnan(value)]
    peaks = [value for value, after in itertools.pairwise(told) if after < value]
    expected = math.fsum([*peaks, told[-1]]) if told else None
    assert total_discharged(counter) == (pytest.approx(expected) if expected is not None else None)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1))
def test_the_median_is_the_median(values: list[float]) -> None:
    assert median(values) == pytest.approx(statistics.median(values))
