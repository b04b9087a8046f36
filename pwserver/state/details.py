"""Fill gaps in the meters' answer (frequency, currents, var and VA) from the devices that measure these values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pwserver.json_types import JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.state.fact import Number, finite, member, objects
from pwserver.state.source import Source

_PHASES: Final = "abc"
_SWITCH: Final = ("TESYNC", "TEMSA")
_SWITCH_PATH: Final = ("esCan", "bus", "ISLANDER", "ISLAND_AcMeasurements")  # the switch in the TEDAPI status
# The kind of device and its members that measure a meter's frequency; the first one above 0 is taken. Gateways report 0
# for a frequency that they do not measure.
_FREQUENCIES: Final[Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "site": (_SWITCH, ("ISLAND_FreqL1_Main", "ISLAND_FreqL2_Main", "ISLAND_FreqL3_Main")),
    "load": (_SWITCH, ("ISLAND_FreqL1_Load", "ISLAND_FreqL2_Load", "ISLAND_FreqL3_Load")),
    "battery": (("TEPINV",), ("PINV_Fout",)),
    "solar": (("PVAC",), ("PVAC_Fout",)),
}
_WIRED: Final[Mapping[str, tuple[str, ...]]] = {"site": ("METER_X", "METER_Z"), "solar": ("METER_Y",)}
_WIRELESS: Final = ("NEURIO", "TRM")  # kinds of devices, and also the prefixes of their members' names

Details = Mapping[str, Number]  # ``site.frequency`` -> the value from elsewhere


def meter_details(reading: Reading) -> Details:
    """Return the members of the meters that are null in the meters' own answer, but known from the devices.

    Frequency comes from the lines at the grid switch for site and load, and from the inverters for battery and solar.
    Current and var of a phase come from the wired meter X, else Z, for the site, from Y for solar, else from the
    wireless transformers at that location. Apparent power follows from power and var. Other members stay unknown.
    """
    open_members = {
        name: [one for one, value in body.items() if value is None]
        for name, body in objects(reading.aggregates)
        if name in _FREQUENCIES
    }
    found: dict[str, Number] = {}
    if not any(open_members.values()):
        return found
    source = Source(reading, "vitals")
    devices = list(objects(reading.vitals))
    for name, members in open_members.items():
        known = _frequency(name, reading, devices) | _phases(name, devices, source)
        if name == "battery":
            known |= _inverters(devices, source)
        power, var = finite(reading.aggregates[name].get("instant_power")), known.get("instant_reactive_power")
        if power is not None and var is not None and var.value is not None:
            known["instant_apparent_power"] = var.derived(finite(math.hypot(power, var.value)), "power and var")
        facts = {f"{name}.{one}": known[one] for one in members if one in known}
        found.update({path: fact for path, fact in facts.items() if fact.value is not None})
    return found


def with_details(aggregates: JsonObject, details: Details) -> JsonObject:
    """Return the meters with these members filled in."""
    filled = dict(aggregates)
    for path, fact in details.items():
        name, _, member = path.partition(".")
        filled[name] = {**filled[name], member: fact.value}
    return filled


def _frequency(name: str, reading: Reading, devices: Iterable[tuple[str, JsonMapping]]) -> dict[str, Number]:
    kinds, members = _FREQUENCIES[name]
    switch = member(reading.tedapi_status, *_SWITCH_PATH) if kinds is _SWITCH else None
    places = [(Source(reading, "meters"), ".".join(_SWITCH_PATH), switch)] if isinstance(switch, Mapping) else []
    source = Source(reading, "vitals")
    places += [(source, device, body) for device, body in devices if device.partition("--")[0] in kinds]
    for answer, place, body in places:
        for one in members:
            hertz = finite(body.get(one))
            if hertz is not None and hertz > 0:
                return {"frequency": answer.fact(hertz, f"{place}.{one}")}
    return {}


def _phases(name: str, devices: list[tuple[str, JsonMapping]], source: Source) -> dict[str, Number]:
    """Return currents and reactive power from the first meter at this place that reports a current."""
    for prefix in _WIRED.get(name, ()):
        for device, body in devices:
            if device.partition("--")[0] not in _SWITCH:
                continue
            starts = [f"{prefix}_CT{phase.upper()}_" for phase in _PHASES]
            found = _transformers(device, body, starts, ("I", "InstRealPower", "InstReactivePower"), source)
            if found:
                return found
    for device, body in devices:
        kind = device.partition("--")[0]
        if kind in _WIRELESS:
            # A wireless meter has up to four transformers, each with a location of its own.
            starts = [f"{kind}_CT{slot}_" for slot in range(16) if body.get(f"{kind}_CT{slot}_Location") == name]
            found = _transformers(
                device, body, starts[:3], ("InstCurrent", "InstRealPower", "InstReactivePower"), source
            )
            if found:
                return found
    return {}


def _inverters(devices: Iterable[tuple[str, JsonMapping]], source: Source) -> dict[str, Number]:
    """Return the reactive power of all battery inverters, which report kilovar; empty if one does not report it."""
    told = [(device, finite(body.get("PINV_Qout"))) for device, body in devices if device.startswith("TEPINV--")]
    kilovar = [value for _, value in told if value is not None]
    if not told or len(kilovar) < len(told):
        return {}
    var = finite(sum(kilovar) * 1000.0)
    return {"instant_reactive_power": source.fact(var, f"{told[0][0]}.PINV_Qout", "sum of units")}


def _transformers(
    device: str, body: JsonMapping, starts: Sequence[str], names: tuple[str, str, str], source: Source
) -> dict[str, Number]:
    current, power, reactive = names
    found: dict[str, Number] = {}
    vars_told: list[float] = []
    for phase, start in zip(_PHASES, starts, strict=False):  # a wireless meter may have fewer than three here
        amperes, watts = finite(body.get(start + current)), finite(body.get(start + power))
        if amperes is None:
            continue
        # Transformers measure the size of a current. The library also gives it the sign of the phase's power.
        signed = -abs(amperes) if watts is not None and watts < 0 else amperes
        found[f"i_{phase}_current"] = source.fact(signed, f"{device}.{start}{current}", "signed current")
        var = finite(body.get(start + reactive))
        if var is not None:
            vars_told.append(var)
    if found and len(vars_told) == len(found):  # a sum without one of the phases would be wrong
        first = f"{device}.{starts[0]}{reactive}"
        found["instant_reactive_power"] = source.fact(finite(sum(vars_told)), first, "sum of phases")
    return found
