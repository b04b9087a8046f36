"""Pass every energy counter of a reading through the guard: meters, remote meters, battery units."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from pwserver.json_types import JsonArray, JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.counter_guard import RESET_NAMED_SECONDS, Count, CounterGuard, all_zero
from pwserver.state.fact import text

ENERGIES: Final = ("energy_exported", "energy_imported")
_QUIET_SECONDS: Final = 60.0  # energies are requested less often than powers, so this age is not worth a remark
_NATIVE_NOTE: Final = "energy from gateway local API"
# Counters of the devices, by the unit in which they count: of wireless meters; of wired meters and of inverters.
_DEVICE_COUNTERS: Final[Mapping[str, re.Pattern[str]]] = {
    "Ws": re.compile(r"TRM_CT\d{1,3}_Energy(?:Imported|Exported)Ws"),
    "Wh": re.compile(r"(?:METER_[XYZ]|PINV|PVAC)_LifetimeEnergy[A-Za-z_]{1,40}"),
}
_UNIT_MEMBERS: Final = ("energy_charged", "energy_discharged")


@record(frozen=True, slots=True)
class GuardedEnergies:
    """Holds the judged counters of a reading."""

    members: JsonMapping  # members of the reading -> their new values
    counts: Mapping[str, Count]  # counter -> judged value
    set_aside: Mapping[str, str]  # counter -> what was not believed, and why
    notes: Mapping[str, str]  # counter -> a reset that happened lately


class _Round:
    """Passes the counters of one reading through the guard, and collects the results."""

    def __init__(self, reading: Reading, guard: CounterGuard) -> None:
        self.at = reading.timestamp
        self.guard = guard
        self.counts: dict[str, Count] = {}
        self.announced = reading.counter_resets

    def take(self, name: str, told: object, unit: str = "Wh") -> Count:
        """Judge one counter, and keep the result."""
        count = self.guard.take(name, told, self.at, unit, self.announced.get(name))
        self.counts[name] = count
        return count


def guard_energies(reading: Reading, told: JsonObject, guard: CounterGuard) -> GuardedEnergies:
    """Judge all counters of a reading; ``told`` are all its meters, including further ones."""
    turn = _Round(reading, guard)
    meters = _meters(told, "energy" in reading.answers, turn)
    vitals = _devices(reading.vitals, turn)
    system = _units(reading.system_status, turn)
    set_aside = {name: count.set_aside for name, count in turn.counts.items() if count.set_aside}
    kept = [count.at for count in turn.counts.values() if count.rule == "kept" and count.at is not None]
    if kept and turn.at - min(kept) > _QUIET_SECONDS:
        set_aside["energy"] = f"last known values, {turn.at - min(kept):.0f} s old"
    resets = {name: guard.counters[name].reset_at for name in turn.counts if name in guard.counters}
    resets = {name: when for name, when in resets.items() if when}
    members = {
        "aggregates": meters,
        "vitals": vitals,
        "system_status": system,
        "counter_resets": {**reading.counter_resets, **resets},
    }
    return GuardedEnergies(members, turn.counts, set_aside, _notes(guard, resets, turn.at))


def _meters(told: JsonObject, native: bool, turn: _Round) -> JsonObject:
    """Guard the counters of all meters.

    ``native``: they came in an answer of their own, which the predecessors mention in ``disclaimer``.
    """
    bodies = {name: body for name, body in told.items() if isinstance(body, dict)}
    silent = all_zero(body.get(member) for body in bodies.values() for member in ENERGIES)
    meters: JsonObject = dict(told)
    for name, body in bodies.items():
        written: JsonObject = {}
        for member in ENERGIES:
            count = turn.take(f"{name}.{member}", None if silent else body.get(member))
            if member in body or count.value is not None:
                written[member] = count.value
        said = text(body.get("disclaimer")) or ""
        # A replica judges readings that its publisher has judged already, and must not repeat the note.
        if native and written.get("energy_exported") is not None and _NATIVE_NOTE not in said:
            written["disclaimer"] = f"{said}; {_NATIVE_NOTE}" if said else _NATIVE_NOTE
        meters[name] = {**body, **written}
    return meters


def _devices(vitals: JsonObject | None, turn: _Round) -> JsonObject | None:
    """Guard the counters that devices report themselves: ``/vitals`` and ``/freq`` pass them on to recorders."""
    if not isinstance(vitals, dict):
        return vitals
    changed: JsonObject = {}
    for device, body in vitals.items():
        if not isinstance(body, Mapping):
            continue
        values = {
            member: turn.take(f"{device}.{member}", told, unit).value
            for member, told in body.items()
            # Most gateways have the wired meters and inverters without their counters, as a null that never changes.
            if (unit := _unit_counted_in(member)) is not None and (told is not None or unit == "Ws")
        }
        if values:
            changed[device] = {**body, **values}
    return {**vitals, **changed} if changed else vitals


@lru_cache(maxsize=1024)  # the same few hundred names in each poll
def _unit_counted_in(member: object) -> str | None:
    """Return the unit in which this member of a device counts energy; None when it is no counter."""
    return next((unit for unit, names in _DEVICE_COUNTERS.items() if names.fullmatch(str(member))), None)


def _units(system: JsonObject | None, turn: _Round) -> JsonObject | None:
    """Guard the energy that each battery unit has charged and discharged, by serial number: the order may change."""
    blocks = system.get("battery_blocks") if isinstance(system, dict) else None
    if not isinstance(system, dict) or not isinstance(blocks, list):
        return system
    guarded: JsonArray = []
    for block in blocks:
        serial = text(block.get("PackageSerialNumber")) if isinstance(block, dict) else None
        told = {member: block[member] for member in _UNIT_MEMBERS if block.get(member) is not None} if serial else {}
        values = {member: turn.take(f"unit {serial}.{member}", value).value for member, value in told.items()}
        guarded.append({**block, **values} if values else block)
    return {**system, "battery_blocks": guarded}


def _notes(guard: CounterGuard, resets: Mapping[str, float], at: float) -> dict[str, str]:
    """Return a note for each reset that was believed lately, by counter."""
    notes = {}
    for name, when in resets.items():
        if at - when < RESET_NAMED_SECONDS:
            counter = guard.counters[name]
            stamp = datetime.fromtimestamp(when, UTC).isoformat(timespec="seconds")
            notes[name] = f"began again: {counter.reset_from} before, {counter.reset_to} at {stamp}"
    return notes
