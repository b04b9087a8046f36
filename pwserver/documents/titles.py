"""Name the numbers of the site document for people: derive a title and the unit from the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TIME: Final = "time"  # the unit of seconds since 1970, to be shown as a date and a time of day
UNITS: Final[Mapping[str, str]] = {
    "watts": "W", "wh": "Wh", "percent": "%", "volts": "V", "amperes": "A", "hertz": "Hz", "celsius": "°C",
    "rpm": "rpm", "left": "h", "seconds": "s", "var": "var", "va": "VA",
}  # fmt: skip
TIMES: Final = ("since", "ended", "time", "read_at", "next_attempt")
_GROUPS: Final[Mapping[str, str]] = {
    "units": "Powerwall",
    "strings": "String",
    "meters": "Meter",
    "last_known": "Last known",
}
_TITLES: Final[Mapping[str, str]] = {
    "home_watts": "Home power",
    "charge_percent": "Charge",
    "charge_raw_percent": "Charge as the gateway counts it",
    "remaining_wh": "Energy left",
    "hours_left": "Time left",
    "own_power_percent": "Own power",
    "balance_watts": "Difference of the meters",
    "imported_wh": "Energy in",
    "discharged_wh": "Energy discharged in all",
    "health_percent": "State of health",
    "weak": "Weak against its neighbours",
    "exported_wh": "Energy out",
    "watts": "Power",
    "volts": "Voltage",
    "amperes": "Current",
    "hertz": "Frequency",
    "alerts": "Active alerts",
    "problems": "Problems",
    "gateways": "Gateways",
    "fresh": "Gateways that answer",
    "units": "Powerwalls",
    "time": "Time of this document",
    "read_at": "Last reading",
    "since": "In this state since",
    "age_seconds": "Age",
    "grid_state": "State of the grid",
    "next_attempt": "Next attempt",
}


def title_of(path: str) -> str:
    """Return the title of a number, such as "Charge", "Powerwall 1: Energy left" or "Solar to home"."""
    group, _, rest = path.removeprefix("site.").partition(".")
    name, _, member = rest.rpartition(".")
    if group in ("alerts_active", "alerts_ended"):
        return f"{name}: {'ended' if member == 'ended' else 'active since'}"
    if group == "units_percent":
        return "Charge of one Powerwall"
    words = _words(member or group)
    if group == "grid" and rest == "known":
        return "Houses that know the state of the grid"
    if group not in _GROUPS or not rest:
        return words
    whose = f"{_GROUPS[group]} {name}".rstrip()
    return f"{whose}: {words}"


def unit_of(path: str) -> str | None:
    """Return the unit of a number, TIME for a moment, None for a count or a word."""
    member = path.rpartition(".")[2]
    if path.removeprefix("site.").startswith("units_percent."):
        return "%"
    return TIME if member in TIMES else UNITS.get(member.rpartition("_")[2])


def _words(member: str) -> str:
    known = _TITLES.get(member)
    if known is not None:
        return known
    stem, _, unit = member.rpartition("_")
    words = (stem if unit in UNITS and stem else member).replace("_", " ")
    power = unit == "watts" and " to " not in words
    return f"{words[:1].upper()}{words[1:]}{' power' if power else ''}"
