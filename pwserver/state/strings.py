"""Judge the solar strings: power, voltage, current, and whether a string produces, sleeps or was never used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonMapping
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings
from pwserver.state.fact import UNKNOWN, Fact, Number, finite, objects
from pwserver.state.source import Source
from pwserver.state.string_memory import StringMemory
from pwserver_ext.aggregate import total

STRING_PAIRS: Final = ("AB", "CD", "EF")
PRODUCING: Final = "producing"
ASLEEP: Final = "asleep"  # it is night: no string of the house has power or voltage
UNUSED: Final = "unused"  # nothing is wired to it
MISSING: Final = "missing"  # listed, but without any figure
PRODUCING_WATTS: Final = 10.0  # less may be the noise of an open input
SUNNY_WATTS: Final = 100.0  # when one string has this power, every wired one has a voltage, even in the shade
WIRED_VOLTS: Final = 50.0  # any daylight gives a wired string more; open inputs and the night show a few volts


@record(frozen=True, slots=True)
class String:
    """Holds one solar string; names are ``A`` to ``F``, with several inverters also ``A1`` and so on."""

    name: str
    watts: Number = UNKNOWN
    volts: Number = UNKNOWN
    amperes: Number = UNKNOWN
    weak: Fact[bool] = UNKNOWN  # against its neighbours, by the days of the history (``string_weakness``)
    connected: bool | None = None
    state: str | None = None  # "producing", "asleep", "unused" or "missing"; None while it is not known
    body: JsonMapping = field(default_factory=dict)  # as the library gave it, for the legacy shapes


def judge_strings(reading: Reading, memory: StringMemory, daily: DailyFindings = NOTHING_FOUND) -> dict[str, String]:
    """Return the strings by name in the library's order, each with its state, and note them in ``memory``."""
    source = Source(reading, "strings", "vitals")
    found = {name: _string(name, body, source) for name, body in objects(reading.strings)}
    states = _states(found, memory, reading.timestamp)
    return {  # the constructor, as ``dataclasses.replace`` takes four times as long
        name: String(
            name,
            one.watts,
            one.volts,
            one.amperes,
            UNKNOWN if states[name] == UNUSED else source.fact(daily.weak.get(name), name, "weak over days"),
            one.connected,
            states[name],
            one.body,
        )
        for name, one in found.items()
    }


def _states(strings: Mapping[str, String], memory: StringMemory, at: float) -> dict[str, str | None]:
    """Return the state of each string.

    In this order: a string without any figure is missing; with power it produces; if it never had power while others
    did (see ``StringMemory``), it is unused; if the whole house is dark, it is asleep. Otherwise it is not known
    whether it is in the shade, switched off by the inverter, or broken. The gateway's "not connected" does not help, as
    it says so of every string at night.
    """
    answering = {name: one for name, one in strings.items() if _has_figure(one)}
    producing = [name for name, one in answering.items() if (one.watts.value or 0.0) >= PRODUCING_WATTS]
    dark = [name for name, one in answering.items() if _is_dark(one)]
    sunny = any((one.watts.value or 0.0) >= SUNNY_WATTS for one in answering.values())
    memory.note(producing, dark if sunny else (), at)
    night = bool(answering) and len(dark) == len(answering)
    found: dict[str, str | None] = {}
    for name in strings:
        if name not in answering:
            found[name] = MISSING
        elif name in producing:
            found[name] = PRODUCING
        elif memory.unused(name):
            found[name] = UNUSED
        else:
            found[name] = ASLEEP if night else None
    return found


def _has_figure(string: String) -> bool:
    return any(fact.value is not None for fact in (string.watts, string.volts, string.amperes))


def _is_dark(string: String) -> bool:
    """Return whether a string shows neither sun nor panels; False without a voltage, as that is not known then."""
    volts = string.volts.value
    return volts is not None and volts < WIRED_VOLTS and (string.watts.value or 0.0) < PRODUCING_WATTS


def _string(name: str, body: JsonMapping, source: Source) -> String:
    connected = body.get("Connected")
    return String(
        name,
        watts=source.fact(finite(body.get("Power")), f"{name}.Power"),
        volts=source.fact(finite(body.get("Voltage")), f"{name}.Voltage"),
        amperes=source.fact(finite(body.get("Current")), f"{name}.Current"),
        connected=connected if isinstance(connected, bool) else None,
        body=body,
    )


def string_pairs(strings: Mapping[str, String]) -> dict[str, dict[str, float]]:
    """Return the pairs of strings on one tracker: ``AB1`` -> voltage of the first, sums of current and power."""
    pairs: dict[str, dict[str, float]] = {}
    for suffix in dict.fromkeys(name[1:] for name in strings if name):
        for pair in STRING_PAIRS:
            first, second = strings.get(pair[0] + suffix), strings.get(pair[1] + suffix)
            if first is not None and second is not None:
                figures = {
                    "voltage": first.volts.value,
                    "current": total((first.amperes.value, second.amperes.value)),
                    "power": total((first.watts.value, second.watts.value)),
                }
                pairs[pair + suffix] = {name: value for name, value in figures.items() if value is not None}
    return pairs
