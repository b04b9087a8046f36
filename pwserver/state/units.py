"""Judge the devices: Powerwalls, expansion packs, inverters; their identity, number, name, figures and age."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Number, finite, text
from pwserver.state.source import Source


@dataclass(frozen=True, slots=True)
class Unit:
    """One battery unit. A unit always has a serial number; a name without one is no device."""

    serial: str
    position: int  # 1-based, in the order of the gateway's list
    label: str  # "PW1", or "PW1 Exp 1" for an expansion pack
    part: str | None = None
    type: str | None = None
    leader: str | None = None  # serial of the unit that an expansion pack belongs to
    capacity_wh: Number = UNKNOWN
    remaining_wh: Number = UNKNOWN
    percent: Number = UNKNOWN  # of its own capacity, raw scale
    state: str = "present"  # or "missing"
    age_seconds: float | None = None  # how much older than the reading its figures are, where they are
    block: Mapping[str, Any] = field(default_factory=dict)  # as the gateway gave it, for the legacy shapes


def judge_units(reading: Reading) -> tuple[Unit, ...]:
    """Return all units with a serial number, in the order of the gateway's list."""
    blocks = (reading.system_status or {}).get("battery_blocks")
    source = Source(reading, "units", "system")
    found: list[Unit] = []
    for index, block in enumerate(blocks if isinstance(blocks, list) else (), 1):
        serial = text(block.get("PackageSerialNumber")) if isinstance(block, Mapping) else None
        if serial is None:
            continue
        capacity = finite(block.get("nominal_full_pack_energy"))
        remaining = finite(block.get("nominal_energy_remaining"))
        place = f"battery_blocks[{index - 1}]"
        percent = remaining / capacity * 100.0 if capacity and remaining is not None else None
        found.append(
            Unit(
                serial,
                index,
                f"PW{index}",
                text(block.get("PackagePartNumber")),
                text(block.get("Type")),
                capacity_wh=source.fact(capacity, f"{place}.nominal_full_pack_energy"),
                remaining_wh=source.fact(remaining, f"{place}.nominal_energy_remaining"),
                percent=source.fact(percent, place, "share of capacity"),
                age_seconds=reading.device_ages_seconds.get(serial),
                block=block,
            )
        )
    return tuple(found)
