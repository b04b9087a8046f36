"""Judge where the power goes: how much of home, charging and export comes from sun, battery and grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.state.judge import Judged

FLOWS: Final = (
    "solar_to_home", "solar_to_battery", "solar_to_grid",
    "battery_to_home", "battery_to_grid",
    "grid_to_home", "grid_to_battery",
)  # fmt: skip


def flows(
    solar: float | None, home: float | None, battery: float | None, grid: float | None
) -> Mapping[str, float] | None:
    """Return the watts of each of FLOWS; None while a power is not known or all sources give none.

    Meters cannot show this, so it is a convention: solar power goes first to the home, then into the battery, then to
    the grid; battery power goes to the home before the grid. A house whose solar power is not measured counts as one
    without panels.
    """
    if home is None or battery is None or grid is None:
        return None
    # Negative solar power is what the inverter draws at night: consumption, not production.
    sun, demand = max(0.0, solar or 0.0), max(0.0, home)
    discharge, charge = max(0.0, battery), max(0.0, -battery)
    bought, sold = max(0.0, grid), max(0.0, -grid)
    if sun + discharge + bought <= 0:
        return None
    solar_to_home = min(sun, demand)
    solar_to_battery = min(sun - solar_to_home, charge)
    solar_to_grid = min(sun - solar_to_home - solar_to_battery, sold)
    grid_to_battery = min(bought, charge - solar_to_battery)
    battery_to_grid = min(discharge, sold - solar_to_grid)
    return {
        "solar_to_home": solar_to_home,
        "solar_to_battery": solar_to_battery,
        "solar_to_grid": solar_to_grid,
        "battery_to_home": discharge - battery_to_grid,
        "battery_to_grid": battery_to_grid,
        "grid_to_home": bought - grid_to_battery,
        "grid_to_battery": grid_to_battery,
    }


def own_percent(found: Mapping[str, float] | None, home: float | None) -> float | None:
    """Return the percentage of the home's consumption that comes from sun and battery; None when it is not known."""
    if found is None or home is None or home <= 0:
        return None
    return min(100.0, max(0.0, (1.0 - found["grid_to_home"] / home) * 100.0))


def has_battery(judged: Judged) -> bool | None:
    """Return whether there is a battery; None while nothing is known."""
    if judged.reading is None:
        return None
    return bool(judged.units or judged.meters["battery"].watts.value) or judged.charge.raw_percent.value is not None
