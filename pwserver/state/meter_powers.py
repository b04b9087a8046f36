"""Judge the meters: site, battery, load, solar, and every further one, such as a generator's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import fsum
from typing import Final

from pwserver.json_types import JsonArray, JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.counter_guard import Count
from pwserver.state.details import Details
from pwserver.state.fact import UNKNOWN, Fact, Number, finite
from pwserver.state.source import Source

MAIN_METERS: Final = ("site", "battery", "load", "solar")
# The further meters that measure a source of their own. Others measure a current that a main meter measures, too: the
# conductor of the main panel, or the solar meter for billing.
FURTHER_SOURCES: Final = ("generator", "busway")
MAX_FURTHER: Final = 16  # places come from outside
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

# Member of a meter in the library's shape -> attribute of Meter.
MEMBERS: Final[Mapping[str, str]] = {
    "instant_power": "watts",
    "instant_reactive_power": "reactive_var",
    "instant_apparent_power": "apparent_va",
    "instant_average_voltage": "volts",
    "instant_average_current": "amperes",
    "i_a_current": "a_amperes",
    "i_b_current": "b_amperes",
    "i_c_current": "c_amperes",
    "frequency": "hertz",
}
COUNTERS: Final[Mapping[str, str]] = {"energy_imported": "imported_wh", "energy_exported": "exported_wh"}

# Energies by the names that clients know: meter, attribute of Meter.
ENERGY_NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "grid_energy_imported": ("site", "imported_wh"),
    "grid_energy_exported": ("site", "exported_wh"),
    "home_energy_imported": ("load", "imported_wh"),
    "solar_energy_exported": ("solar", "exported_wh"),
    "battery_energy_imported": ("battery", "imported_wh"),
    "battery_energy_exported": ("battery", "exported_wh"),
}


@record(frozen=True, slots=True)
class Corrections:
    """Holds the owner's corrections of the powers, which are applied once, here, so that all outputs agree."""

    keep_negative_solar: bool = True
    site_zero_threshold_watts: float = 0.0


@record(frozen=True, slots=True)
class Meter:
    """Holds one meter; positive power is import, discharge, consumption or production."""

    name: str
    watts: Number = UNKNOWN
    volts: Number = UNKNOWN
    amperes: Number = UNKNOWN
    hertz: Number = UNKNOWN
    imported_wh: Number = UNKNOWN
    exported_wh: Number = UNKNOWN
    reactive_var: Number = UNKNOWN
    apparent_va: Number = UNKNOWN
    a_amperes: Number = UNKNOWN
    b_amperes: Number = UNKNOWN
    c_amperes: Number = UNKNOWN


Meters = Mapping[str, Meter]
UNCORRECTED: Final = Corrections()


def judge_meters(
    reading: Reading,
    told: JsonObject,
    corrected: JsonObject,
    counts: Mapping[str, Count],
    further: Sequence[str],
    details: Details,
) -> dict[str, Meter]:
    """Return the meters by name: always the four main ones in their usual order, then the further ones.

    ``told``: the meters as the gateway reported them; ``corrected``: with the owner's corrections; ``counts``: the
    judged counters; ``further``: the names of the house's further meters; ``details``: members from other answers.
    """
    powers, energies = Source(reading, "meters"), Source(reading, "energy", "meters")
    found: dict[str, Meter] = {}
    for name in (*MAIN_METERS, *further):
        body = told.get(name)
        if isinstance(body, Mapping):
            found[name] = _meter(name, body, counts, powers, energies, details)
        elif name in MAIN_METERS:
            found[name] = Meter(name)
    for name, rule in (("solar", "negative solar"), ("load", "negative solar"), ("site", "dead band")):
        watts, shown = found[name].watts, power_watts(corrected, name)
        if watts.value is not None and shown != watts.value:
            said = f"{watts.value} W as the gateway reported it"
            found[name] = replace(found[name], watts=watts.derived(shown, rule)._replace(set_aside=said))
    return found


def _meter(
    name: str,
    body: JsonMapping,
    counts: Mapping[str, Count],
    powers: Source,
    energies: Source,
    details: Details,
) -> Meter:
    facts = {}
    for told, attribute in MEMBERS.items():
        path = f"{name}.{told}"
        facts[attribute] = details.get(path) or powers.fact(finite(body.get(told)), path)
    for told, attribute in COUNTERS.items():
        count = counts.get(f"{name}.{told}")
        if count is not None and count.value is not None:
            at = count.at if count.rule == "kept" else energies.at
            facts[attribute] = Fact(count.value, energies.answer, f"{name}.{told}", count.rule, at, count.set_aside)
    return Meter(name, **facts)


def further_meters(reading: Reading, seen: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the house's meters apart from the main ones.

    Gateways and servers also list places without a meter, with zeros. So a further meter exists once it has shown
    anything but 0; ``seen`` are those that did in earlier readings.
    """
    names = [*dict.fromkeys((*seen, *reading.further_meters))]
    for name, body in (*reading.aggregates.items(), *reading.listed_meters.items()):
        if name in MAIN_METERS or name in names or not isinstance(body, Mapping) or not _NAME.fullmatch(str(name)):
            continue
        if any(finite(body.get(told)) for told in ("instant_power", *COUNTERS)):
            names.append(str(name))
    return tuple(names[:MAX_FURTHER])


def all_meters(reading: Reading, further: Sequence[str]) -> JsonObject:
    """Return the meters in the library's shape, including the further ones that the library drops."""
    listed = {name: body for name, body in reading.listed_meters.items() if name in further}
    return {**reading.aggregates, **listed} if listed else reading.aggregates


def judge_balance(meters: Meters) -> Number:
    """Return load minus every source, in watts; unknown unless each main power is known."""
    watts = {name: meter.watts.value for name, meter in meters.items()}
    main = [watts.get(name) for name in MAIN_METERS]
    if any(value is None for value in main):
        return UNKNOWN
    sources = [watts[name] for name in (*("site", "battery", "solar"), *FURTHER_SOURCES) if name in watts]
    known = [value for value in sources if value is not None]
    load = meters["load"].watts
    return load.derived(fsum([load.value or 0.0, *(-value for value in known)]), "balance")


def correct_meters(aggregates: JsonObject, corrections: Corrections) -> JsonObject:
    """Return the meters with the owner's corrections; the input is not changed.

    Negative solar: the power that the inverter draws at night is moved to the load, so that the balance still holds.
    Dead band: a site power from minus to plus the threshold becomes 0. A null stays null.
    """
    if corrections == UNCORRECTED:
        return aggregates
    meters = {name: dict(meter) if isinstance(meter, Mapping) else meter for name, meter in aggregates.items()}
    if not corrections.keep_negative_solar:
        solar = power_watts(meters, "solar")
        if solar is not None and solar < 0:
            load = power_watts(meters, "load")
            if load is not None:
                meters["load"]["instant_power"] = load - solar
            meters["solar"]["instant_power"] = 0
    if corrections.site_zero_threshold_watts > 0:
        site = power_watts(meters, "site")
        if site is not None and abs(site) <= corrections.site_zero_threshold_watts:
            meters["site"]["instant_power"] = 0
    return meters


def with_judged_meters(listed: JsonArray | None, meters: JsonObject) -> JsonArray | None:
    """Return the gateway's list of installed meters with the judged values.

    The list is only requested every few minutes, and its powers and counters are old. A meter that is the only one at
    its location is the main meter of that name.
    """
    if not listed:
        return listed
    places = [entry.get("location") if isinstance(entry, dict) else None for entry in listed]
    return [
        _with_judged(entry, meters.get(place)) if place in MAIN_METERS and places.count(place) == 1 else entry
        for entry, place in zip(listed, places, strict=True)
    ]


def _with_judged(entry: JsonObject, meter: object) -> JsonObject:
    cached = entry.get("Cached_readings")
    if not isinstance(cached, dict) or not isinstance(meter, dict):
        return entry
    return {**entry, "Cached_readings": {**cached, **{name: meter[name] for name in cached if name in meter}}}


def power_watts(meters: JsonMapping, name: str) -> float | None:
    """Return the power of one meter from meters in the library's shape; None when it is not known."""
    meter = meters.get(name)
    return finite(meter.get("instant_power")) if isinstance(meter, Mapping) else None


def powers_known(aggregates: JsonMapping) -> int:
    """Return how many of the main meters have a power; 0 means that the gateway reported nothing."""
    return sum(power_watts(aggregates, name) is not None for name in MAIN_METERS)


def energies_wh(meters: Meters) -> dict[str, float]:
    """Return the lifetime energies that are known, in watt-hours, by ENERGY_NAMES."""
    found = {name: getattr(meters[meter], attribute).value for name, (meter, attribute) in ENERGY_NAMES.items()}
    return {name: value for name, value in found.items() if value is not None}
