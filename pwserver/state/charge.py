"""Judge the charge: percent on both scales, capacity, energy left and the hours it lasts."""

from __future__ import annotations

import math
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.fact import UNKNOWN, Number, finite
from pwserver.state.source import Source
from pwserver.state.units import LARGEST_WH, Unit, stored_wh
from pwserver_ext.aggregate import app_percent, complete_total, raw_percent

__all__ = ["Charge", "app_percent", "judge_charge", "raw_percent", "reserve_to_hold", "soe_percent"]

WHOLE_ENERGIES: Final = ("nominal_full_pack_energy", "nominal_energy_remaining")
_MOST_HOURS: Final = 1_000_000.0  # what is left, for a home that uses next to nothing
_ROUNDING_PERCENT: Final = 0.5  # a full or empty battery may be reported slightly beyond 100 or 0


@record(frozen=True, slots=True)
class Charge:
    """Holds the state of energy of one gateway's batteries."""

    raw_percent: Number = UNKNOWN  # as the gateway counts it
    app_percent: Number = UNKNOWN  # as the Tesla app shows it, which hides the lowest five percent
    capacity_wh: Number = UNKNOWN
    remaining_wh: Number = UNKNOWN
    hours_left: Number = UNKNOWN


def soe_percent(value: object) -> float | None:
    """Return a state of energy on the gateway's scale; None when the value is no number or not from 0 to 100."""
    percent = finite(value)
    fits = percent is not None and -_ROUNDING_PERCENT <= percent <= 100.0 + _ROUNDING_PERCENT
    return percent if fits else None


def judge_charge(reading: Reading, units: tuple[Unit, ...]) -> Charge:
    """Return the charge; a sum over units is unknown unless every unit is known."""
    level = Source(reading, "level").fact(soe_percent(reading.soe_raw), "percentage")
    return Charge(
        raw_percent=level,
        app_percent=level.derived(app_percent(level.value), "app scale") if level.value is not None else UNKNOWN,
        capacity_wh=_whole(reading, "nominal_full_pack_energy", [unit.capacity_wh for unit in units]),
        remaining_wh=_whole(reading, "nominal_energy_remaining", [unit.remaining_wh for unit in units]),
        hours_left=Source(reading, "remaining").fact(_hours(reading.time_remaining), "time_remaining"),
    )


def implausible_energies(reading: Reading) -> dict[str, str]:
    """Return a sentence for each energy of the whole battery that is a number, but none that a battery can hold."""
    told = {name: finite((reading.system_status or {}).get(name)) for name in WHOLE_ENERGIES}
    return {
        name: f"{value} Wh is not from 0 to {LARGEST_WH:.0f} Wh"
        for name, value in told.items()
        if value is not None and stored_wh(value) is None
    }


def _hours(value: object) -> float | None:
    hours = finite(value)
    return hours if hours is not None and 0.0 <= hours <= _MOST_HOURS else None


def reserve_to_hold(reading: Reading | None, online: bool) -> int | None:
    """Return the reserve that holds the present charge, in app percent; None while the charge is not known.

    It is rounded down: a reserve above the charge would make the gateway charge the batteries from the grid.
    """
    level = soe_percent(reading.soe_raw) if reading is not None and online else None
    percent = app_percent(level) if level is not None else None
    return None if percent is None else min(100, max(0, math.floor(percent)))


def with_charge(system: JsonObject | None, charge: Charge) -> JsonObject | None:
    """Return the system status with the judged capacity and energy, so that legacy documents agree with all others."""
    if not isinstance(system, dict):
        return system
    told = {"nominal_full_pack_energy": charge.capacity_wh.value, "nominal_energy_remaining": charge.remaining_wh.value}
    changed = {name: value for name, value in told.items() if system.get(name) != value}
    return {**system, **changed} if changed else system


def _whole(reading: Reading, name: str, parts: list[Number]) -> Number:
    # The gateway's own sum takes precedence, as its list of units may lack one that does not answer.
    whole = stored_wh((reading.system_status or {}).get(name))
    if whole is not None:
        return Source(reading, "system").fact(whole, name)
    summed = complete_total([part.value for part in parts]) if parts else None
    return Source(reading, "system").fact(summed, f"battery_blocks[].{name}", "sum of units")
