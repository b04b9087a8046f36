"""Detect events: judge what has changed from the remembered state to what a poll shows. Pure.

docs/events.md has the rules. What is seen first is a state, not an event. What is not known changes nothing: it
neither begins nor ends anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.events import kinds
from pwserver.events.alert_events import judge_alerts, judge_repeats
from pwserver.events.event import Event
from pwserver.events.event_memory import (
    MOST_COMMANDS,
    MOST_RESETS,
    MOST_UNITS,
    EventMemory,
)
from pwserver.events.event_ring import SPARE
from pwserver.events.observation import Observation
from pwserver.events.outages import judge_grid_events, span
from pwserver.events.tell import Tell
from pwserver.json_types import Json
from pwserver.state.fact import finite

COMMAND_SECONDS: Final = 300.0  # a setting that appears so soon after its command is that command's work
RESERVE_SLACK_PERCENT: Final = 1.0  # gateways round, each connection in its own way
UNITS_SETTLE_SECONDS: Final = 900.0  # a gateway that is new to us tells of its units little by little
_MOST: Final = SPARE - 8  # of one poll; what is left over is told by the next one

_KIND_OF_SETTING: Final = {
    "mode": kinds.MODE_CHANGED,
    "reserve": kinds.RESERVE_CHANGED,
    "grid_export": kinds.GRID_EXPORT_CHANGED,
    "grid_charging": kinds.GRID_CHARGING_CHANGED,
}


def detect(gateway: str, seen: Observation, memory: EventMemory) -> list[Event]:
    """Return the events that follow from one poll, in the order in which they happened; ``memory`` changes with it."""
    found: list[Event] = []

    def tell(kind: str, at: float | None = None, /, **details: Json) -> None:
        moment = seen.at if at is None else at
        steady = memory.noted.get(moment, seen.steady - (seen.at - moment))
        found.append(Event(gateway, kind, moment, details, steady=steady))
        memory.counts[kind] = memory.counts.get(kind, 0) + 1
        if kind == kinds.GRID_UP:
            memory.last_outage_seconds = finite(details["duration_seconds"])

    memory.note(seen.at, seen.steady)
    _silence(seen, memory, tell)
    if seen.fresh:
        judge_grid_events(seen, memory, tell, _sender(memory, "islanding", None, seen.steady))
        _settings(seen, memory, tell)
        _firmware(seen, memory, tell)
        _units(seen, memory, tell)
        _resets(seen, memory, tell)
        judge_repeats(seen, memory, tell, _MOST - len(found))
        for place, told in seen.alerts.items():
            if len(found) < _MOST:
                judge_alerts(seen, memory, tell, place, told, _MOST - len(found))
    return found


def note_command(memory: EventMemory, settings: Mapping[str, Json], sender: str, steady: float) -> None:
    """Note a command that is about to be sent, so that the change it makes is known to be its work."""
    for name, value in list(settings.items())[:MOST_COMMANDS]:
        memory.commands[name] = (value, sender, steady)


def _silence(seen: Observation, memory: EventMemory, tell: Tell) -> None:
    """Tell that a gateway is away, once that is sure, and that it is back; not of one that has never been read."""
    if seen.fresh:
        memory.silent_at = None
        if memory.away_at is not None:
            tell(
                kinds.GATEWAY_BACK,
                cause=memory.away_cause,
                **span(memory, memory.away_at, seen.at),
            )
        memory.heard, memory.away_at, memory.away_cause = True, None, None
    elif seen.away and memory.heard and memory.away_at is None:
        memory.silent_at = seen.at if memory.silent_at is None else memory.silent_at
        if seen.sure:
            memory.away_at, memory.away_cause = memory.silent_at, seen.cause
            tell(kinds.GATEWAY_AWAY, memory.away_at, cause=seen.cause, last_read=seen.last_read)


def _settings(seen: Observation, memory: EventMemory, tell: Tell) -> None:
    for name, value in seen.settings.items():
        before = memory.settings.get(name)
        if before is None:
            memory.settings[name] = value
        elif not _same(before, value):
            sender = _sender(memory, name, value, seen.steady)
            memory.settings[name] = value
            memory.commands.pop(name, None)
            tell(_KIND_OF_SETTING[name], before=before, after=value, by=sender or kinds.ELSEWHERE)


def _sender(memory: EventMemory, name: str, value: Json, steady: float) -> str | None:
    """Return who has commanded this setting to become that value lately. None for ``value``: any value."""
    command = memory.commands.get(name)
    if command is None:
        return None
    wanted, sender, at = command
    if not 0.0 <= steady - at <= COMMAND_SECONDS:
        del memory.commands[name]
        return None
    return sender if value is None or _same(wanted, value) else None


def _same(one: Json, other: Json) -> bool:
    first, second = finite(one), finite(other)
    if first is not None and second is not None:
        return bool(abs(first - second) <= RESERVE_SLACK_PERCENT)
    equal: bool = one == other
    return equal and type(one) is type(other)


def _firmware(seen: Observation, memory: EventMemory, tell: Tell) -> None:
    told = seen.firmware
    if told is None:
        return
    if memory.firmware is None or told == memory.firmware:
        memory.firmware, memory.firmware_doubt = told, None
    elif told != memory.firmware_doubt:
        memory.firmware_doubt = told
    else:
        tell(kinds.FIRMWARE_CHANGED, before=memory.firmware, after=told)
        memory.firmware, memory.firmware_doubt = told, None


def _units(seen: Observation, memory: EventMemory, tell: Tell) -> None:
    if not seen.units:
        return
    if memory.units is None:
        memory.units, memory.units_at = {}, seen.steady
    settling = memory.units_at is not None and 0.0 <= seen.steady - memory.units_at <= UNITS_SETTLE_SECONDS
    for serial, label in seen.units.items():
        if serial not in memory.units and len(memory.units) < MOST_UNITS:
            if not settling:
                tell(kinds.UNIT_APPEARED, serial=serial, unit=label)
            memory.units[serial] = label
    gone = [serial for serial in memory.units if serial in seen.removed_units]
    for serial in gone:
        if serial in memory.units_doubt:
            tell(kinds.UNIT_GONE, serial=serial, unit=memory.units.pop(serial))
    memory.units_doubt = [serial for serial in gone if serial in memory.units]


def _resets(seen: Observation, memory: EventMemory, tell: Tell) -> None:
    first = memory.resets is None
    known = memory.resets = memory.resets if memory.resets is not None else {}
    for name, (at, before, after) in seen.resets.items():
        if known.get(name) == at or (name not in known and len(known) >= MOST_RESETS):
            continue
        known[name] = at
        if not first:
            tell(kinds.COUNTER_RESET, counter=name, before=before, after=after)
