"""Judge what the house is set to: mode, reserve, charging from the grid, export rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Fact, Number, Text, finite, text
from pwserver.state.source import Source

MODES: Final = ("self_consumption", "backup", "autonomous")  # those an owner can choose
EXPORT_RULES: Final = ("battery_ok", "pv_only", "never")


@dataclass(frozen=True, slots=True)
class Operation:
    """The owner's settings as the gateway told them. ``reserve_percent`` is on the app's scale."""

    mode: Text = UNKNOWN
    reserve_percent: Number = UNKNOWN
    grid_charging: Fact[bool] = UNKNOWN
    grid_export: Text = UNKNOWN


def judge_operation(reading: Reading) -> Operation:
    """Return the settings; a setting that is not known is unknown, never a default."""
    charging = reading.grid_charging if isinstance(reading.grid_charging, bool) else None
    return Operation(
        mode=_fact(reading, "mode", text(reading.mode), "real_mode"),
        reserve_percent=_fact(reading, "reserve", finite(reading.reserve), "backup_reserve_percent"),
        grid_charging=_fact(reading, "grid_charging", charging, "grid_charging"),
        grid_export=_fact(reading, "grid_export", text(reading.grid_export), "grid_export"),
    )


def _fact(reading: Reading, name: str, value: Any, member: str) -> Fact[Any]:
    """Return one setting; beside a local gateway it may have been read over the cloud link."""
    return UNKNOWN if value is None else Source(reading, name, "operation").fact(value, member)
