"""Name and number the units and devices of all gateways in a merged reading.

Units, temperatures, fans and strings of a gateway that is away keep their places with null values: recorders store
``PW3_temp`` under that name for ever, and it must not become another unit's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pwserver.json_types import JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.records import record
from pwserver_ext.vitals import serial_of, sorted_alerts, split_name, units

_STRING_GROUPS = 9  # suffixes "", 1 ... 8, the only ones that clients' names of strings allow
_GRID_METERS = ("TESYNC", "TEMSA")


@record(frozen=True, slots=True)
class Names:
    """Remembers the parts of a gateway: ``blocks`` and ``configs`` identify its units in order; the rest are names."""

    blocks: tuple[JsonObject, ...] = ()
    configs: tuple[JsonObject, ...] = ()
    strings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # name -> members
    temps: tuple[str, ...] = ()
    fans: tuple[str, ...] = ()
    known: bool = False  # False: the gateway has never been read


@record(slots=True)
class Combined:
    """Collects the named parts of all gateways."""

    blocks: list[JsonObject] = field(default_factory=list)
    configs: list[JsonObject] = field(default_factory=list)
    vitals: JsonObject = field(default_factory=dict)
    strings: JsonObject = field(default_factory=dict)
    temps: JsonObject = field(default_factory=dict)
    fans: JsonObject = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    ages: dict[str, float] = field(default_factory=dict)


def names_of(reading: Reading) -> Names:
    """Return the names and serial numbers of one reading, without values."""
    blocks, _ = _numbered_units(reading)
    return Names(
        blocks=tuple(_placeholder(block) for block in blocks),
        configs=tuple(_configs(reading)),
        strings={
            name: tuple(members) for name, members in (reading.strings or {}).items() if isinstance(members, dict)
        },
        temps=tuple(reading.temps or ()),
        fans=tuple(reading.fan_speeds or ()),
        known=True,
    )


def unit_blocks(order: Sequence[tuple[str, Reading | None, Names]], template: str) -> Combined:
    """Combine all gateways, given in configuration order as (id, fresh reading or None, remembered names).

    ``template``: the prefix of all names, in which ``{id}`` stands for the gateway's id; may be empty.
    """
    result = Combined()
    group = 0
    for index, (gateway_id, reading, names) in enumerate(order):
        always = _prefix(template, gateway_id)
        forced = _prefix("{id}.", gateway_id)
        strings = _strings(reading, names)
        renamed, used = _string_names(strings, group) if not always else ({}, 0)
        group += max(used, 1)  # reserve a place for a gateway that has not been read yet, so that others keep theirs
        for name, members in strings.items():
            result.strings[_free(result.strings, renamed.get(name, always + name), forced)] = members
        if reading is None:
            result.blocks.extend(names.blocks)
            result.configs.extend(names.configs)
            for name in names.temps:
                result.temps[_free(result.temps, always + name, forced)] = None
            for name in names.fans:
                result.fans[_free(result.fans, always + name, forced)] = {}
            continue
        blocks, devices = _numbered_units(reading)
        result.blocks.extend(blocks)
        result.configs.extend(_configs(reading))
        for name, device in (reading.vitals or {}).items():
            prefix = always
            # Clients find the grid meter by its kind, and must not take a later gateway's for the first one's.
            if not prefix and index and split_name(name)[1] in _GRID_METERS:
                prefix = forced
            if name in devices and isinstance(device, dict):
                device = {**device, "blockSerialNumber": devices[name]}
            result.vitals[_free(result.vitals, prefix + name, forced)] = device
        for name, value in (reading.temps or {}).items():
            result.temps[_free(result.temps, always + name, forced)] = value
        for name, value in (reading.fan_speeds or {}).items():
            result.fans[_free(result.fans, always + name, forced)] = value
        for name, age in reading.device_ages_seconds.items():
            result.ages[_free(result.ages, always + name, forced)] = age
        result.alerts.extend(always + alert for alert in sorted_alerts(reading.alerts))
    result.alerts = sorted_alerts(result.alerts)
    return result


def _prefix(template: str, gateway_id: str) -> str:
    prefix = template.replace("{id}", gateway_id)
    # Clients take the kind of a device (TEPOD) from the capital letters before "--", so a prefix must not end in one.
    return prefix + "." if prefix and "A" <= prefix[-1] <= "Z" else prefix


def _free(taken: JsonMapping, name: str, forced: str) -> str:
    return name if name not in taken else forced + name


def _numbered_units(reading: Reading) -> tuple[list[JsonObject], dict[str, str]]:
    """Return the blocks of all units in their permanent order, and the devices whose names do not show their block.

    A unit that only the configuration or the vitals list gets a placeholder, so that it keeps its number.
    """
    inverters = units(reading.system_status, reading.tedapi_config, reading.vitals, "TEPINV")
    packs = units(reading.system_status, reading.tedapi_config, reading.vitals, "TEPOD")
    blocks: list[JsonObject] = []
    devices: dict[str, str] = {}
    taken: set[Any] = set()
    for index in range(max(len(inverters), len(packs))):
        sides = [side[index] for side in (inverters, packs) if index < len(side)]
        unit = sides[0]
        block = unit["block"]
        serial = unit["serial"]
        if block is None:
            if not isinstance(serial, str) or serial in taken:
                serial = unit["name"]
            block = {"PackagePartNumber": unit["part"], "PackageSerialNumber": serial, "placeholder": True}
        taken.add(serial)
        blocks.append(block)
        for side in sides:
            name, device = side["name"], side["device"]
            if name is not None and serial_of(name, device) != serial and isinstance(serial, str):
                devices[name] = serial
    return blocks, devices


def _placeholder(block: JsonObject) -> JsonObject:
    return {
        "Type": block.get("Type"),
        "PackagePartNumber": block.get("PackagePartNumber"),
        "PackageSerialNumber": block.get("PackageSerialNumber"),
        "placeholder": True,
    }


def _configs(reading: Reading) -> list[JsonObject]:
    blocks = (reading.tedapi_config or {}).get("battery_blocks")
    if not isinstance(blocks, list):
        return []
    kept = ("vin", "type", "battery_expansions")
    return [{key: block[key] for key in kept if key in block} for block in blocks if isinstance(block, dict)]


def _strings(reading: Reading | None, names: Names) -> JsonObject:
    if reading is not None:
        return reading.strings or {}
    return {name: dict.fromkeys(members) for name, members in names.strings.items()}


def _string_names(strings: JsonMapping, first_group: int) -> tuple[dict[str, str], int]:
    """Return new names of strings, numbered on from ``first_group`` (0: A, B; 1: A1, B1 ...), and the groups used."""
    renamed: dict[str, str] = {}
    used = 0
    for name in strings:
        digits = name[1:]
        own = int(digits) if digits.isascii() and digits.isdigit() else 0
        used = max(used, own + 1)
        group = first_group + own
        if group < _STRING_GROUPS:
            renamed[name] = name[:1] + (str(group) if group else "")
    return renamed, used
