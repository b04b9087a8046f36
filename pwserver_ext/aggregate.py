"""Add up the meters of several gateways. Missing is None; nothing here ever turns it into a number.

Sums use ``math.fsum``: they are exact to the last bit and therefore independent of the order of the gateways.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import fsum, isfinite
from typing import Any, TypeGuard

_SUMMED = (
    "instant_power",
    "instant_reactive_power",
    "instant_apparent_power",
    "instant_average_current",
    "instant_total_current",
    "i_a_current",
    "i_b_current",
    "i_c_current",
    "num_meters_aggregated",
)
_COUNTERS = ("energy_exported", "energy_imported")
_CLOCKS = (
    "last_communication_time",
    "last_phase_voltage_communication_time",
    "last_phase_power_communication_time",
    "last_phase_energy_communication_time",
)


def is_number(value: Any) -> TypeGuard[float]:
    """Return True for a finite int or float; a bool is not a number."""
    if type(value) is float:
        return isfinite(value)
    return type(value) is int


def number(value: Any) -> Any:
    """Return the value when it is a number, else None."""
    if is_number(value):
        return value
    return None


def total(values: Sequence[Any]) -> Any:
    """Sum of the numbers among the values; None when there is none. Integers stay integers."""
    numbers = [value for value in values if is_number(value)]
    if not numbers:
        return None
    for value in numbers:
        if type(value) is float:
            return _exact_sum(numbers)
    return sum(numbers)


def complete_total(values: Sequence[Any]) -> Any:
    """Sum of the values; None unless every one of them is a number (counters are never partial)."""
    for value in values:
        if not is_number(value):
            return None
    return total(values)


def mean(values: Sequence[Any]) -> Any:
    """Return the plain mean of the numbers among the values, inside their bounds; None when there is none."""
    numbers = [value for value in values if is_number(value)]
    if not numbers:
        return None
    result = _exact_sum(numbers)
    if result is None:
        return None
    return _bounded(result / len(numbers), numbers)


def weighted_mean(values: Sequence[Any], weights: Sequence[Any]) -> Any:
    """Return the mean weighted by positive weights, inside the bounds of the values.

    None unless every value and every weight is a number, no weight is negative and their sum is above 0.
    """
    if len(values) != len(weights) or not values:
        return None
    for index in range(len(values)):
        if not is_number(values[index]) or not is_number(weights[index]) or weights[index] < 0:
            return None
    weight = _exact_sum(weights)
    if weight is None or weight <= 0:
        return None
    result = fsum([values[index] * (weights[index] / weight) for index in range(len(values))])
    return _bounded(result, [values[index] for index in range(len(values)) if weights[index] > 0])


def app_percent(raw: Any) -> Any:
    """Return the state of energy as the Tesla app shows it, from the gateway's raw percent; clamped to 0...100."""
    if not is_number(raw):
        return None
    return min(100.0, max(0.0, (raw - 5) / 95 * 100))


def raw_percent(app: Any) -> Any:
    """Return the gateway's raw percent from the app's."""
    if not is_number(app):
        return None
    return app / 100 * 95 + 5


def time_skew(timestamps: Sequence[Any]) -> Any:
    """Return the seconds between the oldest and the newest timestamp; None without any."""
    numbers = [value for value in timestamps if is_number(value)]
    if not numbers:
        return None
    return max(numbers) - min(numbers)


def sum_meters(meters: Sequence[Any], counters_complete: bool, disclaimer: str) -> Any:
    """Make one meter object for several of the same kind, in the order oldest reading first.

    Powers, currents and meter counts are added; voltage is the mean of those that report one; frequency the mean of
    those above 0 (TEDAPI writes 0 for "not measured"). Energy counters are added only when ``counters_complete``
    and every meter has them. The clocks are those of the oldest reading. Unknown members are left out: nobody knows
    how they add.
    """
    merged: dict[str, Any] = {}
    present = [meter for meter in meters if isinstance(meter, dict)]
    if not present:
        return merged
    oldest = present[0]
    for key in _CLOCKS:
        if key in oldest:
            merged[key] = oldest[key]
    for key in _SUMMED:
        values = [meter[key] for meter in present if key in meter]
        if values:
            merged[key] = total(values)
    for key in _COUNTERS:
        merged[key] = complete_total([meter.get(key) for meter in present]) if counters_complete else None
    merged["instant_average_voltage"] = mean([meter.get("instant_average_voltage") for meter in present])
    merged["frequency"] = mean([value for value in _numbers(present, "frequency") if value > 0])
    timeouts = _numbers(present, "timeout")
    if timeouts:
        merged["timeout"] = max(timeouts)
    merged["disclaimer"] = disclaimer
    return merged


def _numbers(meters: list[dict[str, Any]], key: str) -> list[Any]:
    """Return the numbers of those meters that have one under this key."""
    return [meter[key] for meter in meters if is_number(meter.get(key))]


def _exact_sum(numbers: Sequence[Any]) -> Any:
    try:
        return fsum(numbers)
    except OverflowError:  # beyond any float: no sum is better than a wrong one
        return None


def _bounded(value: float, numbers: Sequence[Any]) -> float:
    # Rounding must not push a mean past its own contributors.
    return float(min(max(value, min(numbers)), max(numbers)))
