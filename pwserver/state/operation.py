"""Judge what the house is set to: mode, reserve, charging from the grid, export rule."""

from __future__ import annotations

from dataclasses import dataclass

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Fact, Number, Text, finite, text
from pwserver.state.source import Source


@dataclass(frozen=True, slots=True)
class Operation:
    """The owner's settings as the gateway told them. ``reserve_percent`` is on the app's scale."""

    mode: Text = UNKNOWN
    reserve_percent: Number = UNKNOWN
    grid_charging: Fact[bool] = UNKNOWN
    grid_export: Text = UNKNOWN


def judge_operation(reading: Reading) -> Operation:
    """Return the settings; a setting that is not known is unknown, never a default."""
    source = Source(reading, "operation")
    charging = reading.grid_charging
    return Operation(
        mode=source.fact(text(reading.mode), "real_mode"),
        reserve_percent=source.fact(finite(reading.reserve), "backup_reserve_percent"),
        grid_charging=source.fact(charging if isinstance(charging, bool) else None, "grid_charging"),
        grid_export=source.fact(text(reading.grid_export), "grid_export"),
    )
