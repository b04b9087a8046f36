"""Write the comma separated lines of /csv and /csv/v2. A missing value is an empty field, or 0 when asked for."""

from __future__ import annotations

from typing import Any

HEADER_V1 = "Grid,Home,Solar,Battery,BatteryLevel\n"
HEADER_V2 = "Grid,Home,Solar,Battery,BatteryLevel,GridStatus,Reserve\n"


def decimal_field(value: Any, missing_as_zero: bool) -> str:
    """Write two decimals with a point, ``-0.00`` possible."""
    if type(value) is float:
        number = value
        if number - number == 0.0:  # neither infinite nor no number
            return "%0.2f" % value
    elif type(value) is int:
        try:
            return "%0.2f" % value
        except OverflowError:  # beyond any float
            pass
    return "0.00" if missing_as_zero else ""


def integer_field(value: Any, missing_as_zero: bool) -> str:
    """Write a whole number, truncated toward zero."""
    if type(value) is int:
        return str(value)
    if type(value) is float:
        number = value
        if number - number == 0.0:
            return str(int(value))
    return "0" if missing_as_zero else ""


def line_v1(grid: Any, home: Any, solar: Any, battery: Any, level: Any, missing_as_zero: bool) -> str:
    """Write ``Grid,Home,Solar,Battery,BatteryLevel`` in W and raw percent, with the line end."""
    return f"{_powers(grid, home, solar, battery, level, missing_as_zero)}\n"


def line_v2(
    grid: Any, home: Any, solar: Any, battery: Any, level: Any, grid_status: Any, reserve: Any, missing_as_zero: bool
) -> str:
    """Write the line of ``line_v1`` with the grid status (1 up, 0 down) and the reserve (app percent) added."""
    powers = _powers(grid, home, solar, battery, level, missing_as_zero)
    return f"{powers},{integer_field(grid_status, missing_as_zero)},{integer_field(reserve, missing_as_zero)}\n"


def _powers(grid: Any, home: Any, solar: Any, battery: Any, level: Any, missing_as_zero: bool) -> str:
    return (
        f"{decimal_field(grid, missing_as_zero)},{decimal_field(home, missing_as_zero)},"
        f"{decimal_field(solar, missing_as_zero)},{decimal_field(battery, missing_as_zero)},"
        f"{decimal_field(level, missing_as_zero)}"
    )
