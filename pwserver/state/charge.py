"""Judge the charge: percent on both scales, capacity, energy left and the hours it lasts."""

from __future__ import annotations

from dataclasses import dataclass

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Number, finite
from pwserver.state.source import Source
from pwserver.state.units import Unit
from pwserver_ext.aggregate import app_percent, complete_total


@dataclass(frozen=True, slots=True)
class Charge:
    """State of energy of one gateway's batteries."""

    raw_percent: Number = UNKNOWN  # as the gateway counts it
    app_percent: Number = UNKNOWN  # as the Tesla app shows it: the lowest five percent are hidden
    capacity_wh: Number = UNKNOWN
    remaining_wh: Number = UNKNOWN
    hours_left: Number = UNKNOWN


def judge_charge(reading: Reading, units: tuple[Unit, ...]) -> Charge:
    """Return what is known about the charge; sums over units only where every unit is known."""
    level = Source(reading, "level").fact(finite(reading.soe_raw), "percentage")
    return Charge(
        raw_percent=level,
        app_percent=level.derived(app_percent(level.value), "app scale") if level.value is not None else UNKNOWN,
        capacity_wh=_whole(reading, "nominal_full_pack_energy", [unit.capacity_wh for unit in units]),
        remaining_wh=_whole(reading, "nominal_energy_remaining", [unit.remaining_wh for unit in units]),
        hours_left=Source(reading, "remaining").fact(finite(reading.time_remaining), "time_remaining"),
    )


def _whole(reading: Reading, name: str, parts: list[Number]) -> Number:
    whole = finite((reading.system_status or {}).get(name))
    if whole is not None:
        return Source(reading, "system").fact(whole, name)
    summed = complete_total([part.value for part in parts]) if parts else None
    return Source(reading, "system").fact(summed, f"battery_blocks[].{name}", "sum of units")
