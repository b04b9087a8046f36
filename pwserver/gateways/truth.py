"""Tests and scales of plain values, for the collectors."""

from __future__ import annotations

import math
from typing import Final

_HIDDEN_PERCENT: Final = 5.0  # the app hides the lowest five percent of the battery


def is_number(value: object) -> bool:
    """True for a finite int or float; a bool is no number here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def app_percent(raw_percent: float | None) -> float | None:
    """Gateway scale to app scale, clamped to 0…100."""
    if raw_percent is None:
        return None
    return min(100.0, max(0.0, (raw_percent - _HIDDEN_PERCENT) / (100.0 - _HIDDEN_PERCENT) * 100.0))


def raw_percent(app: float | None) -> float | None:
    """App scale to gateway scale."""
    if app is None:
        return None
    return app / 100.0 * (100.0 - _HIDDEN_PERCENT) + _HIDDEN_PERCENT


def soe_percent(value: object) -> float | None:
    """A state of energy as the gateway counts it, or None when it cannot be one (outside 0…100 by more than a hair)."""
    if not is_number(value):
        return None
    percent = float(value)  # type: ignore[arg-type]
    if percent < -0.5 or percent > 100.5:
        return None
    return percent
