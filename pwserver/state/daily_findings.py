"""Hold what the days of a gateway's devices say, which no single reading can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from pwserver.records import record


@record(frozen=True, slots=True)
class HealthStep:
    """Tells of a change of a battery's full energy that came too fast for ageing."""

    battery: str  # in words
    day: float  # when its first day begins, epoch seconds
    percent: float  # how much more than before


@record(frozen=True, slots=True)
class DailyFindings:
    """Holds the state of health of units by serial, and which strings are weak; what is not known is not in it."""

    health_percent: Mapping[str, float] = field(default_factory=dict)
    weak: Mapping[str, bool] = field(default_factory=dict)
    weak_since: Mapping[str, float] = field(default_factory=dict)  # string -> when its first weak day begins
    steps: Mapping[str, tuple[HealthStep, ...]] = field(default_factory=dict)  # by serial, of the last year, in order


NOTHING_FOUND: Final = DailyFindings()
