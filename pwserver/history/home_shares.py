"""Divide what a home takes at one poll among sun, battery and grid (``docs/energy.md`` has the convention)."""

from __future__ import annotations

import math
from array import array
from typing import Final

from pwserver.history.layout import COLUMNS, POWERS, SHARES
from pwserver.state.flows import flows

# By how much the powers of one poll may miss each other: meters are rounded, and not all read at the same moment.
BALANCE_WATTS, BALANCE_PART = 20.0, 0.02
_SITE_AT, _SOLAR_AT, _BATTERY_AT, _LOAD_AT = (COLUMNS.index(name) for name in POWERS)
_CHARGE_AT = COLUMNS.index("soe")
_NO_SHARES: Final = array("d", [math.nan] * len(SHARES))


def home_shares(values: array[float]) -> array[float]:
    """Return the watts of the home that come from sun, battery and grid at one poll; NaN where that is not known."""
    solar, home, battery, grid, charge = (
        None if math.isnan(values[at]) else values[at]
        for at in (_SOLAR_AT, _LOAD_AT, _BATTERY_AT, _SITE_AT, _CHARGE_AT)
    )
    if battery is None and charge is None and _balanced(solar, home, grid):
        battery = 0.0
    found = flows(solar, home, battery, grid)
    return _NO_SHARES if found is None else array("d", [max(0.0, found[name]) for name in SHARES])


def _balanced(solar: float | None, home: float | None, grid: float | None) -> bool:
    """Return whether sun and grid make up what the home takes, so that there is no battery or it does nothing."""
    if solar is None or home is None or grid is None:
        return False
    return abs(solar + grid - home) <= BALANCE_WATTS + BALANCE_PART * max(abs(solar), abs(grid), abs(home))
