"""Judge the battery units and expansion packs: their identity, number, label, figures and age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Final

from pwserver.json_types import JsonMapping
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings
from pwserver.state.device_signals import ages_by_serial
from pwserver.state.fact import UNKNOWN, Number, finite, text
from pwserver.state.source import Source
from pwserver.state.unit_numbers import block_serial, configured_units

Labels = Mapping[str, tuple[str, int]]  # serial -> "PW1" and its place in the order of all
Packs = Mapping[str, tuple[str, int]]  # serial of an expansion pack -> serial of its unit, its place among its packs
# Forty Powerwalls have a twentieth of the first; an empty unit may be told a little below 0.
LARGEST_WH: Final = 10_000_000.0
LEAST_WH: Final = -1_000.0
_FIGURES: Final = ("nominal_full_pack_energy", "nominal_energy_remaining", "p_out", "v_out", "f_out")


@record(frozen=True, slots=True)
class Unit:
    """Holds one battery unit. A unit always has a serial number; a name without one is no device."""

    serial: str
    position: int  # its permanent number, from 1 on; see ``unit_numbers``
    label: str  # "PW1", or "PW1 Exp 1" for an expansion pack
    part: str | None = None
    type: str | None = None
    leader: str | None = None  # serial of the unit that an expansion pack belongs to
    capacity_wh: Number = UNKNOWN
    remaining_wh: Number = UNKNOWN
    percent: Number = UNKNOWN  # of its own capacity, raw scale
    discharged_wh: Number = UNKNOWN  # counted since it was made, as the guard of counters judges it
    health_percent: Number = UNKNOWN  # of the nameplate, by the days of the history; may be more than 100
    state: str = "present"  # or "missing": known, but its figures are too old or never came
    age_seconds: float | None = None  # how much older than the reading its figures are; None: not older
    block: JsonMapping = field(default_factory=dict)  # as the gateway gave it, for the legacy shapes


def stored_wh(value: object) -> float | None:
    """Return a capacity or an energy left in watt-hours; None when it is no number that batteries can hold."""
    number = finite(value)
    return number if number is not None and LEAST_WH <= number <= LARGEST_WH else None


def judge_units(
    reading: Reading, labels: Labels, packs: Packs, daily: DailyFindings = NOTHING_FOUND
) -> tuple[Unit, ...]:
    """Return all units that have a serial number, in the order of the list (see ``unit_numbers.in_order``)."""
    blocks = (reading.system_status or {}).get("battery_blocks")
    source = Source(reading, "units", "system")
    ages = ages_by_serial(reading)
    found: list[Unit] = []
    for index, block in enumerate(blocks if isinstance(blocks, list) else (), 1):
        serial = block_serial(block)
        if serial is None or serial not in reading.unit_numbers:
            continue
        capacity = stored_wh(block.get("nominal_full_pack_energy"))
        remaining = stored_wh(block.get("nominal_energy_remaining"))
        place = f"battery_blocks[{index - 1}]"
        # A capacity of 0 cannot be true, and nothing can be divided by it.
        percent = remaining / capacity * 100.0 if capacity and remaining is not None else None
        found.append(
            Unit(
                serial,
                reading.unit_numbers[serial],
                labels[serial][0],
                text(block.get("PackagePartNumber")),
                text(block.get("Type")),
                packs[serial][0] if serial in packs else None,
                capacity_wh=source.fact(capacity, f"{place}.nominal_full_pack_energy"),
                remaining_wh=source.fact(remaining, f"{place}.nominal_energy_remaining"),
                percent=source.fact(percent, place, "share of capacity"),
                discharged_wh=source.fact(finite(block.get("energy_discharged")), f"{place}.energy_discharged"),
                health_percent=source.fact(daily.health_percent.get(serial), place, "state of health"),
                state="missing" if serial in ages and _is_empty(block) else "present",
                age_seconds=ages.get(serial),
                block=block,
            )
        )
    return tuple(found)


def _is_empty(block: JsonMapping) -> bool:
    """Return whether a unit has no figures left, because the last ones became too old."""
    return all(finite(block.get(name)) is None for name in _FIGURES)


def with_silent_units(reading: Reading, units: tuple[Unit, ...], labels: Labels, packs: Packs) -> tuple[Unit, ...]:
    """Return the units plus those that only the gateway's configuration contains, which have no figures.

    A wired (v1r) connection gets the figures of the first Powerwall 3 only, though its configuration lists the others.
    If the gateway's list has no type for a unit, the configuration's is taken.
    """
    configured = {one.serial: one for one in configured_units(reading) if one.serial in reading.unit_numbers}
    if not configured:
        return units
    typed = [
        replace(unit, type=configured[unit.serial].type) if unit.type is None and unit.serial in configured else unit
        for unit in units
    ]
    told = {unit.serial for unit in units}
    silent = [
        Unit(
            serial,
            reading.unit_numbers[serial],
            labels[serial][0],
            one.part,
            one.type,
            packs[serial][0] if serial in packs else None,
            state="missing",
        )
        for serial, one in configured.items()
        if serial not in told
    ]
    return tuple(sorted((*typed, *silent), key=lambda unit: unit.position))
