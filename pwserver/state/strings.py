"""Judge the solar strings: power, voltage, current, and whether one produces, sleeps or was never used."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Number, finite
from pwserver.state.source import Source


@dataclass(frozen=True, slots=True)
class String:
    """One solar string: ``A`` to ``F``, with several inverters ``A1`` and so on."""

    name: str
    watts: Number = UNKNOWN
    volts: Number = UNKNOWN
    amperes: Number = UNKNOWN
    connected: bool | None = None
    state: str | None = None  # "producing", "asleep", "unused", "missing"; None while it cannot be told


def judge_strings(reading: Reading) -> dict[str, String]:
    """Return the strings by name in the library's order."""
    source = Source(reading, "strings", "vitals")
    found: dict[str, String] = {}
    for name, body in (reading.strings or {}).items():
        if isinstance(body, Mapping):
            found[str(name)] = _string(str(name), body, source)
    return found


def _string(name: str, body: Mapping[str, Any], source: Source) -> String:
    connected = body.get("Connected")
    return String(
        name,
        watts=source.fact(finite(body.get("Power")), f"{name}.Power"),
        volts=source.fact(finite(body.get("Voltage")), f"{name}.Voltage"),
        amperes=source.fact(finite(body.get("Current")), f"{name}.Current"),
        connected=connected if isinstance(connected, bool) else None,
    )
