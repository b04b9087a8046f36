"""Hold what the days of a gateway's devices say, which no single reading can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class DailyFindings:
    """Holds the state of health of units by serial, and which strings are weak; what is not known is not in it."""

    health_percent: Mapping[str, float] = field(default_factory=dict)
    weak: Mapping[str, bool] = field(default_factory=dict)


NOTHING_FOUND: Final = DailyFindings()
