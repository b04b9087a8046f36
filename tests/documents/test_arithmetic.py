"""Sums equal their parts, means stay inside their bounds, nothing depends on order, and nothing is invented."""

from __future__ import annotations

import math
from fractions import Fraction
from types import ModuleType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

watts = st.one_of(st.integers(-50_000, 50_000), st.floats(-50_000, 50_000))
missing = st.sampled_from([None, True, "900", math.nan, math.inf, [], {}])
anything = st.one_of(watts, missing)
levels = st.floats(0, 100)
capacities = st.floats(1, 100_000)

quick = settings(max_examples=150, deadline=None)


def numbers(values: list[Any]) -> list[Any]:
    return [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]


@quick
@given(values=st.lists(anything, max_size=12), order=st.randoms())
def test_total_is_the_exact_sum_of_the_numbers_in_any_order(
    aggregate: ModuleType, values: list[Any], order: Any
) -> None:
    result = aggregate.total(values)
    known = numbers(values)
    shuffled = list(values)
    order.shuffle(shuffled)
    assert aggregate.total(shuffled) == result
    if not known:
        assert result is None
    else:
        assert result == float(sum(Fraction(v) for v in known))
        assert isinstance(result, int) == all(isinstance(v, int) for v in known)


@quick
@given(values=st.lists(anything, max_size=6))
def test_a_counter_is_never_partial(aggregate: ModuleType, values: list[Any]) -> None:
    whole = len(numbers(values)) == len(values) and bool(values)
    assert (aggregate.complete_total(values) is not None) == whole


@quick
@given(st.lists(st.tuples(levels, capacities), min_size=1, max_size=8), st.randoms())
def test_weighted_charge_is_bounded_and_follows_the_energy(
    aggregate: ModuleType, pairs: list[tuple[float, float]], order: Any
) -> None:
    values, weights = [v for v, _ in pairs], [w for _, w in pairs]
    result = aggregate.weighted_mean(values, weights)
    assert min(values) <= result <= max(values)
    energy = sum(v * w for v, w in pairs) / sum(weights)
    assert math.isclose(result, energy, rel_tol=1e-9, abs_tol=1e-9)
    order.shuffle(pairs)
    again = aggregate.weighted_mean([v for v, _ in pairs], [w for _, w in pairs])
    assert math.isclose(again, result, rel_tol=1e-12, abs_tol=1e-12)
    assert aggregate.weighted_mean([50.0] * len(weights), weights) == 50.0


def test_weighting_needs_every_capacity(aggregate: ModuleType) -> None:
    assert aggregate.weighted_mean([10, 20], [1, None]) is None
    assert aggregate.weighted_mean([10, 20], [0, 0]) is None
    assert aggregate.weighted_mean([10, 20], [1, -1]) is None
    assert aggregate.weighted_mean([], []) is None
    assert aggregate.weighted_mean([10, 20], [1]) is None
    assert aggregate.weighted_mean([10, 20], [0, 5]) == 20


@quick
@given(values=st.lists(anything, max_size=8))
def test_mean_is_bounded(aggregate: ModuleType, values: list[Any]) -> None:
    known = numbers(values)
    result = aggregate.mean(values)
    assert (result is None) == (not known)
    assert result is None or min(known) <= result <= max(known)


@quick
@given(levels)
def test_the_two_scales_of_charge(aggregate: ModuleType, raw: float) -> None:
    app = aggregate.app_percent(raw)
    assert 0 <= app <= 100
    if raw >= 5:
        assert math.isclose(aggregate.raw_percent(app), raw, abs_tol=1e-9)
    else:
        assert app == 0
    assert aggregate.app_percent(None) is None
    assert aggregate.raw_percent("20") is None


@quick
@given(
    parts=st.lists(st.tuples(watts, watts, watts), min_size=1, max_size=6),
    gap=st.booleans(),
)
def test_sums_of_balanced_gateways_balance(
    aggregate: ModuleType, parts: list[tuple[float, float, float]], gap: bool
) -> None:
    def meters(values: list[float]) -> list[dict[str, Any]]:
        return [
            {"instant_power": value, "energy_imported": 10.5, "energy_exported": None if gap else 3} for value in values
        ]

    site = aggregate.sum_meters(meters([s for s, _, _ in parts]), True, "site")
    battery = aggregate.sum_meters(meters([b for _, b, _ in parts]), True, "battery")
    solar = aggregate.sum_meters(meters([p for _, _, p in parts]), True, "solar")
    load = aggregate.sum_meters(meters([s + b + p for s, b, p in parts]), True, "load")
    assert math.isclose(
        load["instant_power"],
        site["instant_power"] + battery["instant_power"] + solar["instant_power"],
        abs_tol=1e-6,
    )
    assert site["energy_imported"] == 10.5 * len(parts)
    assert site["energy_exported"] == (None if gap else 3 * len(parts))
    assert aggregate.sum_meters(meters([1.0]), False, "site")["energy_imported"] is None


def test_frequency_and_voltage_are_means_of_what_was_measured(aggregate: ModuleType) -> None:
    merged = aggregate.sum_meters(
        [
            {"frequency": 0, "instant_average_voltage": 240.0, "timeout": 5, "last_communication_time": "old"},
            {"frequency": 60.02, "instant_average_voltage": None, "timeout": 9, "last_communication_time": "new"},
        ],
        True,
        "two",
    )
    assert merged["frequency"] == 60.02
    assert merged["instant_average_voltage"] == 240.0
    assert merged["timeout"] == 9
    assert merged["last_communication_time"] == "old"
    assert aggregate.sum_meters([], True, "none") == {}


def test_the_time_between_the_oldest_and_the_newest(aggregate: ModuleType) -> None:
    assert aggregate.time_skew([5.0, 2.5, None]) == 2.5
    assert aggregate.time_skew([]) is None


@quick
@given(values=st.tuples(*[anything] * 5), status=st.sampled_from([1, 0, None]), reserve=anything, zero=st.booleans())
def test_csv_lines_hold_only_what_was_given(
    csv: ModuleType, values: tuple[Any, ...], status: Any, reserve: Any, zero: bool
) -> None:
    line = csv.line_v2(*values, status, reserve, zero)
    assert line == csv.line_v1(*values, zero)[:-1] + "," + line.split(",", 5)[5]
    fields = line.removesuffix("\n").split(",")
    assert line.endswith("\n")
    assert len(fields) == 7
    for value, field in zip(values, fields, strict=False):
        if numbers([value]):
            assert field == f"{value:.2f}"
        else:
            assert field == ("0.00" if zero else "")
    unknown = "0" if zero else ""
    assert fields[5] == (unknown if status is None else str(status))
    assert fields[6] == (str(math.trunc(reserve)) if numbers([reserve]) else unknown)


def test_csv_survives_a_number_beyond_any_float(csv: ModuleType, aggregate: ModuleType) -> None:
    assert csv.decimal_field(10**400, False) == ""
    assert aggregate.total([10**400, 1.5]) is None
    assert aggregate.total([1e308, 1e308]) is None
    assert aggregate.mean([1e308, 1e308]) is None
