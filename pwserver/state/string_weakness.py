"""Judge over days whether a solar string is weak against its neighbours.

Strings differ in size, direction and shade, so one says little about another. What each gives in proportion to its
neighbours says much: a cloud, dust or a curtailed inverter touches all, a broken module touches one. So a string is
compared with its own earlier share, on sunny and complete days only, and never by a moment.

The share changes with the seasons where strings face different ways. As soon as the same season of the year before is
known, that is what a string is compared with; before that, all its earlier days.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from pwserver.records import record
from pwserver.state.battery_health import median

JUDGED_DAYS: Final = 5  # the newest sunny days, which must agree
WEAK_SHARE: Final = 0.8  # of the earlier share; less on each of these days is weak
FEWEST_EARLIER_DAYS: Final = 10
MOST_EARLIER_DAYS: Final = 365
SEASON_DAYS: Final = 21  # before and after the day a year ago
FEWEST_SEASON_DAYS: Final = 5
SUNNY_SHARE: Final = 0.5  # of the best day of the last month; a day with less is cloudy
MONTH_DAYS: Final = 30
LONGEST_MISSING_SECONDS: Final = 3600.0  # a day of which more is missing is not judged
OLDEST_DAYS: Final = 30  # without a sunny day for so long nothing is known
_DAY_SECONDS: Final = 86400.0
_YEAR_SECONDS: Final = 365.25 * _DAY_SECONDS

YEAR_BEFORE, EARLIER_DAYS = "the same season a year before", "all earlier days"
TOO_FEW_DAYS: Final = f"fewer than {JUDGED_DAYS + FEWEST_EARLIER_DAYS} sunny and complete days are known"
NO_SUN: Final = f"there was no sunny and complete day in the last {OLDEST_DAYS} days"
NO_NEIGHBOUR: Final = "there is no other string to compare with"
RULE: Final = (
    "A string is weak when on each of the last 5 sunny days it gave less than 80 % of its own earlier share. The "
    "share is its energy of a day divided by the median of the other strings'. A day counts when it is complete and "
    "the house made at least half of the best day of the last month. The earlier share is the median of the same "
    "season a year before where that is known, else of all earlier days, without those on which it was weak. Days on "
    "which other neighbours were weak than now do not count, as that alone changes a share."
)


@record(frozen=True, slots=True)
class Verdict:
    """Says whether a string is weak; None is not known."""

    weak: bool | None = None
    share: float | None = None  # median of the newest judged days
    earlier_share: float | None = None
    compared_with: str | None = None
    reason: str | None = None  # why nothing is known


def shares_of(energies: Mapping[str, float]) -> dict[str, float]:
    """Return each string's energy of a day divided by the median of the others'; nothing where the others have none."""
    found: dict[str, float] = {}
    for name, energy in energies.items():
        others = [other for neighbour, other in energies.items() if neighbour != name]
        middle = median(others) if others else 0.0
        if middle > 0.0:
            found[name] = energy / middle
    return found


def complete_strings(covered_seconds: Mapping[str, float], day_seconds: float) -> Collection[str]:
    """Return the strings of which no more than an hour of the day is missing."""
    return [name for name, seconds in covered_seconds.items() if day_seconds - seconds <= LONGEST_MISSING_SECONDS]


def is_sunny(total_wh: float, last_month_wh: Sequence[float]) -> bool:
    """Return whether a day was sunny: at least half as good as the best of the month before, and not dark."""
    return total_wh > 0.0 and total_wh >= SUNNY_SHARE * max(last_month_wh, default=0.0)


def weak_neighbours(
    name: str, days: Sequence[float], weak_on: Mapping[float, Collection[str]]
) -> list[Collection[str]]:
    """Return for each day which other strings were weak. ``weak_on``: the weak strings of the days that had any."""
    return [frozenset(weak_on.get(day, ())) - {name} for day in days]


def judge_string(
    days: Sequence[float],
    shares: Sequence[float],
    weak: Sequence[float],
    neighbours: Sequence[Collection[str]] | None = None,
) -> Verdict:
    """Judge a string by its judged days, oldest first; ``weak``: what was found on each of them (1, 0 or NaN).

    ``neighbours``: which other strings were weak on each of them; None: never one. One that fades or is mended changes
    the shares of all, so days are compared with days on which the same ones were weak. Those of the newest day are not
    found yet, and the day before it counts.
    """
    newest = shares[-JUDGED_DAYS:]
    before = len(shares) - JUDGED_DAYS
    sound = [number for number in range(max(0, before)) if weak[number] != 1.0]
    if neighbours is not None:
        now = neighbours[-2] if len(neighbours) > 1 else frozenset()
        alike = [number for number in sound if neighbours[number] == now]
        sound = alike if len(alike) >= FEWEST_EARLIER_DAYS else [number for number in sound if not neighbours[number]]
    season = [number for number in sound if abs(days[-1] - _YEAR_SECONDS - days[number]) <= SEASON_DAYS * _DAY_SECONDS]
    compared_with = YEAR_BEFORE if len(season) >= FEWEST_SEASON_DAYS else EARLIER_DAYS
    earlier = season if compared_with == YEAR_BEFORE else sound[-MOST_EARLIER_DAYS:]
    if before < 0 or len(earlier) < (FEWEST_SEASON_DAYS if earlier is season else FEWEST_EARLIER_DAYS):
        return Verdict(share=median(newest) if newest else None, reason=TOO_FEW_DAYS)
    usual = median([shares[number] for number in earlier])
    limit = WEAK_SHARE * usual
    known = max(newest) < limit
    if not known and median(newest) < limit:
        # Most of the days are poor: what was found before goes on, so that one good day does not end it.
        known = next((value == 1.0 for value in reversed(weak[:-1]) if not math.isnan(value)), False)
    return Verdict(known, median(newest), usual, compared_with)


def weak_since(days: Sequence[float], weak: Sequence[float]) -> float | None:
    """Return the first of the days by which a string was found weak; None where it is not weak now."""
    if not weak or weak[-1] != 1.0:
        return None
    first = next((number + 1 for number in range(len(weak) - 1, -1, -1) if weak[number] != 1.0), 0)
    return days[max(0, first - JUDGED_DAYS + 1)]
