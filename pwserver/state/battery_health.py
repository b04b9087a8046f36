"""Judge the health of a battery from its full energy of many days: state of health, steps, trend, cycles.

The full energy is the estimate of the battery's own management. It breathes by a percent or two from day to day, and a
firmware can change how it is estimated. So a month's median is compared with the nameplate, a step is named and not
read as ageing, and values of different sources are never compared: the pack and the site differ by about 5 %.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

from pwserver.records import record

# Of Powerwall 2, +, 3, and of each expansion pack. The first Powerwall has 6.4 kWh, but by which words a gateway would
# tell that it is one is not publicly known, so it is unknown here like any other part.
POWERWALL_WH: Final = 13500.0
# What the number of a part begins with, for the parts that are publicly known.
_PARTS: Final[Mapping[str, float]] = dict.fromkeys(
    ("1092170", "2012170", "3012170", "1850000", "1707000", "1807000"), POWERWALL_WH
)
_TYPES: Final[Mapping[str, float]] = dict.fromkeys(
    ("ACPW", "Powerwall2", "SolarPW", "Powerwall3", "Powerwall3Follower", "BatteryExpansion"), POWERWALL_WH
)

# Where a full energy was read; a row holds the position of its source in here, so a new one comes last.
TEDAPI, LOCAL, CLOUD, OTHER, SUM_OF_UNITS = "tedapi", "local", "cloud", "other", "sum of units"
SOURCES: Final = (TEDAPI, LOCAL, CLOUD, OTHER, SUM_OF_UNITS)

MEDIAN_DAYS: Final = 30  # the state of health is that of the median of so many days
STEP_PERCENT: Final = 2.0  # more from one month's median to the next days is a step
STEP_DAYS: Final = 10  # how many days must agree on it
TREND_DAYS: Final = 365  # how far back the trend looks
TREND_POINT_DAYS: Final = 15  # the trend runs through the medians of so many days
SHORTEST_TREND_DAYS: Final = 90  # a trend of less would be noise and seasons
FEWEST_TREND_POINTS: Final = 3  # where days are missing between the first and the last
CERTAINTY_SIGMAS: Final = 1.96  # 95 %
_DAY_SECONDS: Final = 86400.0
_YEAR_DAYS: Final = 365.25

MEANING: Final = (
    "State of health is what the battery's own management believes it holds when full, as the median of 30 days, in "
    "percent of the nameplate. New units read above 100 %. It is an estimate that moves with temperature, use and "
    "firmware; it is no measurement of the capacity and no proof for a warranty claim."
)
NO_NAMEPLATE: Final = "the nameplate energy of this part is not publicly known"
NO_DAYS: Final = "no day with a full energy has been recorded yet"
SHORT: Final = f"fewer than {SHORTEST_TREND_DAYS} days since the beginning, the last step or the last change of source"
NOT_COUNTED: Final = "the gateway does not count this energy"


@record(frozen=True, slots=True)
class Step:
    """Describes a change of the full energy that came too fast for ageing."""

    day: float  # its first day
    percent: float  # how much more than before


@record(frozen=True, slots=True)
class Health:
    """Holds what the days say of one battery; None is not known."""

    full_wh: float | None = None  # of the newest day
    median_wh: float | None = None  # of the newest 30 days of the same source
    source: int | None = None
    days: int = 0  # with a full energy
    since: float | None = None  # from which day on days are compared: beginning, last step, last change of source
    steps: tuple[Step, ...] = ()
    trend_wh: float | None = None  # a year
    trend_range_wh: tuple[float, float] | None = None  # between which the days, as they scatter, leave the trend
    discharged_wh: float | None = None


def nominal_wh(part: str | None, kind: str | None) -> float | None:
    """Return the nameplate energy of a unit by the number of its part, else by its type; None when neither is known."""
    known = _PARTS.get((part or "").partition("-")[0])
    return known if known is not None else _TYPES.get(kind or "")


def source_of(answer: str) -> int:
    """Return the source of a full energy by the answer that it was read from."""
    if answer.startswith("TEDAPI"):
        return SOURCES.index(TEDAPI)
    if answer.startswith("GET "):
        return SOURCES.index(LOCAL)
    return SOURCES.index(CLOUD if "Tesla's servers" in answer else OTHER)


def believable(full_wh: float | None) -> float | None:
    """Return a full energy; None for that of a silent pack, which is told as 0."""
    return full_wh if full_wh is not None and math.isfinite(full_wh) and full_wh > 0.0 else None


def judge_health(
    days: Sequence[float], full_wh: Sequence[float], sources: Sequence[float], discharged_wh: Sequence[float]
) -> Health:
    """Judge the days of one battery, oldest first; NaN where a figure is not known."""
    known = [number for number, value in enumerate(full_wh) if value == value]
    total = total_discharged(discharged_wh)
    if not known:
        return Health(discharged_wh=total)
    kinds = [int(sources[number]) if sources[number] == sources[number] else None for number in known]
    first = next((at for at in range(len(known), 0, -1) if kinds[at - 1] != kinds[-1]), 0)
    # Only days of the present source are compared, and only those since it is the present one.
    when = [days[number] for number in known[first:]]
    values = [full_wh[number] for number in known[first:]]
    recent = bisect_left(when, when[-1] - TREND_DAYS * _DAY_SECONDS)
    steps = _steps(when[recent:], values[recent:])
    begin = recent if not steps else when.index(steps[-1].day)
    month = max(begin, bisect_left(when, when[-1] - (MEDIAN_DAYS - 0.5) * _DAY_SECONDS))
    trend, trend_range = _trend(when[begin:], values[begin:]) or (None, None)
    return Health(
        full_wh=values[-1],
        median_wh=median(values[month:]),
        source=kinds[-1],
        days=len(known),
        since=when[begin],
        steps=steps,
        trend_wh=trend,
        trend_range_wh=trend_range,
        discharged_wh=total,
    )


def total_discharged(counter: Sequence[float]) -> float | None:
    """Return what a counter has counted in all, over the resets that it shows; None when it never counted."""
    before, total = math.nan, 0.0
    for value in counter:
        if value == value:
            if value < before:
                total += before  # it began anew: what it had counted stays counted
            before = value
    return total + before if before == before else None


def percent(part: float | None, whole: float | None) -> float | None:
    """Return a share in percent, which is never clamped; None when either is not known."""
    return part / whole * 100.0 if part is not None and whole else None


def median(values: Sequence[float]) -> float:
    """Return the median of at least one number."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2.0


def _steps(when: Sequence[float], values: Sequence[float]) -> tuple[Step, ...]:
    """Find days from which the median of ten days differs by more than 2 % from that of the thirty days before.

    Looked at in strides of ten days, then the day itself is found within the last two of them, where the means of both
    sides differ most.
    """
    found: list[Step] = []
    floor = 0  # days before the last step are not compared with days after it
    at = STEP_DAYS
    while at + STEP_DAYS <= len(values):
        before, after = values[max(floor, at - MEDIAN_DAYS) : at], values[at : at + STEP_DAYS]
        change = (median(after) / median(before) - 1.0) * 100.0
        if abs(change) > STEP_PERCENT:
            split = _split(values, max(floor + 1, at - STEP_DAYS), at + STEP_DAYS - 1, max(floor, at - MEDIAN_DAYS))
            left = median(values[max(floor, split - MEDIAN_DAYS) : split])
            right = median(values[split : split + STEP_DAYS])
            found.append(Step(when[split], (right / left - 1.0) * 100.0))
            floor = split
            at = split + STEP_DAYS
        else:
            at += STEP_DAYS
    return tuple(one for one in found if abs(one.percent) > STEP_PERCENT)


def _split(values: Sequence[float], first: int, last: int, begin: int) -> int:
    """Return the position from ``first`` to ``last`` that divides the days around it best."""

    def difference(split: int) -> float:
        left, right = values[begin:split], values[split : last + 1]
        weight = len(left) * len(right) / (len(left) + len(right))
        return abs(math.fsum(left) / len(left) - math.fsum(right) / len(right)) * math.sqrt(weight)

    return max(range(first, last + 1), key=difference)


def _trend(when: Sequence[float], values: Sequence[float]) -> tuple[float, tuple[float, float]] | None:
    """Return the change in watt-hours a year, and between which two it is with 95 % certainty.

    It is the median slope (Theil and Sen) over medians of fifteen days; the two are those slopes that Kendall's rank
    correlation leaves (Sen 1968). How seasons and firmware move all days alike is not in them.
    """
    if when[-1] - when[0] < (SHORTEST_TREND_DAYS - 1) * _DAY_SECONDS:
        return None
    groups: dict[int, tuple[list[float], list[float]]] = {}
    for day, value in zip(when, values, strict=True):
        days, figures = groups.setdefault(int((day - when[0]) // (TREND_POINT_DAYS * _DAY_SECONDS)), ([], []))
        days.append(day)
        figures.append(value)
    points = [(median(days), median(figures)) for days, figures in groups.values()]
    if len(points) < FEWEST_TREND_POINTS:
        return None
    slopes = sorted(
        (value - earlier) / (day - before) * _DAY_SECONDS * _YEAR_DAYS
        for number, (day, value) in enumerate(points)
        for before, earlier in points[:number]
    )
    count = len(points)
    left = CERTAINTY_SIGMAS * math.sqrt(count * (count - 1) * (2 * count + 5) / 18.0)
    low, high = math.floor((len(slopes) - left) / 2) - 1, math.ceil((len(slopes) + left) / 2)
    return median(slopes), (slopes[max(0, low)], slopes[min(len(slopes) - 1, high)])
