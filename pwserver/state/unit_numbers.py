"""Number the battery units permanently: a number belongs to a serial number, not to a place in the gateway's list.

Clients know units by number: Home Assistant's ``battery_2_charge``, a panel of ``PW1``, a line of the history. Gateways
list their units in an order that may change, and leave out one that does not answer. So a serial number keeps the
number that it was given first, over polls, connections and restarts, and while it is away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonArray, JsonObject
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.fact import member, text
from pwserver_ext.vitals import NO_SERIALS

MAX_UNITS: Final = 64  # far beyond any house; beyond it, the unit not seen for longest loses its number
_EXPANSION: Final = "BatteryExpansion"


@record(slots=True)
class UnitNumbers:
    """Holds the number of each unit, from 1 on, by serial number.

    The first answer numbers its units in the order of its list, as the predecessors did with every answer. A unit that
    comes later gets the lowest number that no known unit has. So the successor of a unit that was replaced gets a
    number of its own, and the histories of both stay apart.
    """

    numbers: dict[str, int] = field(default_factory=dict)  # serial -> number; in the order in which they were last seen
    packs: dict[str, tuple[str, int]] = field(default_factory=dict)  # expansion pack -> its unit, its place there

    def learn(self, reading: Reading) -> None:
        """Note the units of a reading. If a publisher has numbered them (for a replica), its numbers count."""
        for serial, number in reading.unit_numbers.items():
            if self.numbers.get(serial) != number:
                taken = next((known for known, used in self.numbers.items() if used == number), None)
                if taken is not None:
                    del self.numbers[taken]
                self.numbers[serial] = number
        configured = configured_units(reading)
        units = [one.serial for one in configured if one.leader is None]
        packs = {one.serial: one.leader for one in configured if one.leader is not None}
        for serial in dict.fromkeys((*_listed(reading), *units, *packs)):
            # Taken out and put back, so that the units are in the order in which they were last seen.
            number = self.numbers.pop(serial, 0) or _lowest_free(self.numbers.values())
            self.numbers[serial] = number
            if len(self.numbers) > MAX_UNITS:
                del self.numbers[next(iter(self.numbers))]
        for pack, leader in packs.items():
            if self.packs.get(pack, ("", 0))[0] != leader and len(self.packs) < MAX_UNITS:
                others = [number for other, number in self.packs.values() if other == leader]
                self.packs[pack] = (leader, _lowest_free(others))

    def removed(self, reading: Reading) -> dict[str, int]:
        """Return serial -> number of the units that the gateway's configuration no longer contains.

        Empty without a configuration: a unit that merely does not answer is missing, not removed.
        """
        configured = {one.serial for one in configured_units(reading)}
        if not configured:
            return {}
        present = configured.union(_listed(reading))
        return {serial: number for serial, number in self.numbers.items() if serial not in present}

    def labels(self, expansions: frozenset[str]) -> dict[str, tuple[str, int]]:
        """Return serial -> label and order: (``PW1``, 100) for a unit, (``PW1 Exp 1``, 101) for an expansion pack.

        ``expansions``: the serial numbers of expansion packs, as the unit that a pack belongs to may not be known.
        """
        found: dict[str, tuple[str, int]] = {}
        # Steps of 100 leave room for the packs of a unit between it and the next unit.
        for serial, number in sorted(self.numbers.items(), key=lambda one: one[1]):
            if serial not in self.packs:
                found[serial] = (f"PW{number} Exp" if serial in expansions else f"PW{number}", number * 100)
        for serial, (leader, pack) in self.packs.items():
            number = self.numbers.get(leader, 0)
            if number:
                found[serial] = (f"PW{number} Exp {pack}", number * 100 + pack)
        return found

    def to_json(self) -> JsonObject:
        """Return everything as plain JSON."""
        return {"numbers": self.numbers, "packs": {pack: list(known) for pack, known in self.packs.items()}}

    @classmethod
    def from_json(cls, kept: object) -> UnitNumbers:
        """Return the numbers that ``to_json`` wrote; parts that cannot be understood are left out."""
        members = kept if isinstance(kept, Mapping) else {}
        found = cls()
        numbers, packs = members.get("numbers"), members.get("packs")
        for serial, number in list(numbers.items())[:MAX_UNITS] if isinstance(numbers, Mapping) else ():
            if _is_number(number) and number not in found.numbers.values():
                found.numbers[str(serial)] = number
        for pack, known in list(packs.items())[:MAX_UNITS] if isinstance(packs, Mapping) else ():
            if isinstance(known, list) and len(known) == 2 and isinstance(known[0], str) and _is_number(known[1]):
                found.packs[str(pack)] = (known[0], known[1])
        return found


def in_order(system: JsonObject | None, numbers: Mapping[str, int]) -> JsonObject | None:
    """Return the system status with its units in the order of their numbers; units without a serial come last."""
    blocks = system.get("battery_blocks") if isinstance(system, dict) else None
    if not isinstance(system, dict) or not isinstance(blocks, list):
        return system
    # ``sorted`` is stable, so units without a number keep the gateway's order among themselves.
    ordered = sorted(blocks, key=lambda block: numbers.get(block_serial(block) or "", MAX_UNITS + 1))
    return system if ordered == blocks else {**system, "battery_blocks": ordered}


def devices_in_order(devices: JsonObject | None, numbers: Mapping[str, int]) -> JsonObject | None:
    """Return devices in the order of their units' numbers, as clients number them by their places; others come last."""
    if not isinstance(devices, dict) or len(devices) < 2:
        return devices
    ordered = sorted(devices, key=lambda name: numbers.get(str(name).rpartition("--")[2], MAX_UNITS + 1))
    return devices if ordered == list(devices) else {name: devices[name] for name in ordered}


def block_serial(block: object) -> str | None:
    """Return the serial number of a unit in the gateway's list; None for a placeholder."""
    serial = text(block.get("PackageSerialNumber")) if isinstance(block, Mapping) else None
    return None if serial in NO_SERIALS else serial


def expansion_packs(reading: Reading) -> frozenset[str]:
    """Return the serial numbers of the units whose type is that of an expansion pack."""
    return frozenset(
        serial
        for block in _blocks(reading)
        if (serial := block_serial(block)) is not None and block.get("Type") == _EXPANSION
    )


def _is_number(value: object) -> bool:
    return type(value) is int and 0 < value <= 10 * MAX_UNITS


def _lowest_free(used: Iterable[int]) -> int:
    taken = set(used)
    return next(number for number in range(1, len(taken) + 2) if number not in taken)


def _blocks(reading: Reading) -> JsonArray:
    blocks = member(reading.system_status, "battery_blocks")
    return blocks if isinstance(blocks, list) else []


def _listed(reading: Reading) -> Iterator[str]:
    for block in _blocks(reading):
        serial = block_serial(block)
        if serial is not None:
            yield serial


@record(frozen=True, slots=True)
class ConfiguredUnit:
    """Describes a unit by the gateway's configuration."""

    serial: str
    part: str | None
    type: str | None
    leader: str | None = None  # serial number of the unit that an expansion pack belongs to


def configured_units(reading: Reading) -> list[ConfiguredUnit]:
    """Return the units in the gateway's configuration, each followed by its expansion packs."""
    listed = member(reading.tedapi_config, "battery_blocks")
    found = []
    for block in listed if isinstance(listed, list) else ():
        serial = _din_serial(block, "vin")
        if serial:
            found.append(ConfiguredUnit(serial, text(block["vin"].partition("--")[0]), text(block.get("type"))))
            packs = block.get("battery_expansions")
            for pack in packs if isinstance(packs, list) else ():
                expansion = _din_serial(pack, "din")
                if expansion:
                    part = text(pack["din"].partition("--")[0])
                    found.append(ConfiguredUnit(expansion, part, _EXPANSION, serial))
    return found


def _din_serial(body: object, name: str) -> str:
    din = text(body.get(name)) if isinstance(body, Mapping) else None
    serial = (din or "").rpartition("--")[2]
    return "" if serial in NO_SERIALS else serial
