"""Judge the meters: site, battery, load, solar, and every further one the gateway has (generator, remote ...)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Number, finite
from pwserver.state.source import Source

MAIN_METERS: Final = ("site", "battery", "load", "solar")

# Member of a meter in the library's shape -> attribute of Meter.
MEMBERS: Final[Mapping[str, str]] = {
    "instant_power": "watts",
    "instant_average_voltage": "volts",
    "instant_average_current": "amperes",
    "frequency": "hertz",
    "energy_imported": "imported_wh",
    "energy_exported": "exported_wh",
}


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter. Power in watts: positive is import, discharge, consumption, production. Counters in watt-hours."""

    name: str
    watts: Number = UNKNOWN
    volts: Number = UNKNOWN
    amperes: Number = UNKNOWN
    hertz: Number = UNKNOWN
    imported_wh: Number = UNKNOWN
    exported_wh: Number = UNKNOWN


def judge_meters(reading: Reading) -> dict[str, Meter]:
    """Return the meters by name; the four main ones always, in their usual order, then every further one."""
    source = Source(reading, "meters")
    found: dict[str, Meter] = {}
    names = [*MAIN_METERS, *(name for name in reading.aggregates if name not in MAIN_METERS)]
    for name in names:
        body = reading.aggregates.get(name)
        if isinstance(body, Mapping):
            found[name] = _meter(name, body, source)
        elif name in MAIN_METERS:
            found[name] = Meter(name)
    return found


def _meter(name: str, body: Mapping[str, Any], source: Source) -> Meter:
    facts = {
        attribute: source.fact(finite(body.get(member)), f"{name}.{member}") for member, attribute in MEMBERS.items()
    }
    return Meter(name, **facts)
