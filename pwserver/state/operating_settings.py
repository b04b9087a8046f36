"""Judge the settings of the house: mode, reserve, charging from the grid, export rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.fact import UNKNOWN, Fact, Number, Text, finite, member, text
from pwserver.state.source import Source
from pwserver_ext.aggregate import app_percent

MODES: Final = ("self_consumption", "backup", "autonomous")  # the modes that an owner can choose
EXPORT_RULES: Final = ("battery_ok", "pv_only", "never")
# The app's scale begins 5 % below empty, and either scale may be rounded.
_LEAST_RESERVE_PERCENT: Final = -5.5
_LARGEST_RESERVE_PERCENT: Final = 100.5


def reserve_percent(value: object) -> float | None:
    """Return a backup reserve, on either scale; None when the value is no number or can be no reserve."""
    percent = finite(value)
    fits = percent is not None and _LEAST_RESERVE_PERCENT <= percent <= _LARGEST_RESERVE_PERCENT
    return percent if fits else None


@record(frozen=True, slots=True)
class OperatingSettings:
    """Holds the owner's settings as the gateway reported them; ``reserve_percent`` is on the app's scale."""

    mode: Text = UNKNOWN
    reserve_percent: Number = UNKNOWN
    grid_charging: Fact[bool] = UNKNOWN
    grid_export: Text = UNKNOWN


def judge_operating_settings(reading: Reading) -> OperatingSettings:
    """Return the settings; one that the gateway does not report is unknown, never a default.

    The mode is taken from ``/api/operation``, else from the library, else it is the default mode of the system status.
    The reserve is the library's, on the app's scale, else that of ``/api/operation``, on the gateway's.
    """
    told = reading.operation if isinstance(reading.operation, Mapping) else {}
    mode = text(told.get("real_mode")) or text(reading.mode)
    source = Source(reading, "system")
    later = source.fact(text(member(reading.system_status, "default_real_mode")), "default_real_mode")
    reserve = _fact(reading, "reserve", reserve_percent(reading.reserve), "backup_reserve_percent")
    if reserve.value is None:
        raw = _fact(reading, "reserve", reserve_percent(told.get("backup_reserve_percent")), "backup_reserve_percent")
        reserve = raw if raw.value is None else raw.derived(app_percent(raw.value), "app scale")
    charging = reading.grid_charging if isinstance(reading.grid_charging, bool) else None
    return OperatingSettings(
        mode=_fact(reading, "mode", mode, "real_mode") if mode is not None else later,
        reserve_percent=reserve,
        grid_charging=_fact(reading, "grid_charging", charging, "grid_charging"),
        grid_export=_fact(reading, "grid_export", text(reading.grid_export), "grid_export"),
    )


def _fact(reading: Reading, name: str, value: object, place: str) -> Fact[Any]:
    """Return one setting as a fact; that of a local gateway may have been read over the cloud link."""
    return UNKNOWN if value is None else Source(reading, name, "operation").fact(value, place)
