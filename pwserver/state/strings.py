"""Judge the solar strings: power, voltage, current, and whether one produces, sleeps or was never used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Number, finite, objects
from pwserver.state.source import Source
from pwserver_ext.aggregate import total

STRING_PAIRS: Final = ("AB", "CD", "EF")


@dataclass(frozen=True, slots=True)
class String:
    """One solar string: ``A`` to ``F``, with several inverters ``A1`` and so on."""

    name: str
    watts: Number = UNKNOWN
    volts: Number = UNKNOWN
    amperes: Number = UNKNOWN
    connected: bool | None = None
    state: str | None = None  # "producing", "asleep", "unused", "missing"; None while it cannot be told
    body: Mapping[str, Any] = field(default_factory=dict)  # as the library gave it, for the legacy shapes


def judge_strings(reading: Reading) -> dict[str, String]:
    """Return the strings by name in the library's order."""
    source = Source(reading, "strings", "vitals")
    found: dict[str, String] = {}
    for name, body in objects(reading.strings):
        found[name] = _string(name, body, source)
    return found


def _string(name: str, body: Mapping[str, Any], source: Source) -> String:
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
    """Return the pairs of strings on one tracker: ``AB1`` -> voltage of the first, current and power of both."""
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
