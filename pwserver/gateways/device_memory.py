"""Carry silent devices on: first their last values with their age, then nulls, but never a missing key.

Clients of several Powerwalls address them by position or name, and would shift or fail when one is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import field
from typing import Final

from pwserver.gateways.silent_devices import NOBODY, HeardTimes, Silent, marked_devices, without_silent
from pwserver.json_types import JsonMapping, JsonObject
from pwserver.records import record
from pwserver.state.device_signals import has_serial

_DEVICES_KEPT: Final = 512  # a bound for data from outside; the biggest site has about a tenth of it
_CARRIED_POLLS: Final = 3  # so many polls in a row count as carried, and history leaves them out

# The members that say what a device is, not what it measures. They stay when its values are too old to be shown.
_IDENTITY: Final = frozenset(
    {
        "manufacturer",
        "partNumber",
        "serialNumber",
        "componentParentDin",
        "teslaEnergyEcuAttributes",
        "Type",
        "PackagePartNumber",
        "PackageSerialNumber",
    }
)


@record(slots=True)
class CompletedDevices:
    """Holds one poll's devices, completed by those that fell silent."""

    vitals: JsonObject | None
    system_status: JsonObject | None
    fans: JsonObject | None
    carried: bool = False
    ages_seconds: dict[str, float] = field(default_factory=dict)


@record(slots=True)
class _Seen:
    value: JsonObject
    tick: float


class _Group:
    """Remembers the devices of one document, in the order of its last complete poll."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def merge(
        self,
        told: JsonMapping | None,
        expected: Callable[[str], bool],
        tick: float,
        ttl_seconds: float,
        away: Collection[str] = (),
    ) -> tuple[JsonObject, dict[str, float]]:
        """Return the devices in ``told`` plus the expected ones missing from it, and the ages of the latter in seconds.

        For devices in ``away`` the gateway repeats the last figures without their age, so these count as missing.
        """
        told = told or {}
        fresh = {name: value for name, value in told.items() if name not in away} if away else told
        ages: dict[str, float] = {}
        merged: JsonObject = {}
        for name, seen in self._seen.items():
            if name in fresh:
                merged[name] = fresh[name]
            elif name in told or expected(name):
                age = tick - seen.tick
                ages[name] = round(age, 3)
                merged[name] = seen.value if age <= ttl_seconds else _emptied(seen.value)
        # A device that was away from the start has no figures to carry, so only its identity is shown.
        for name, value in told.items():
            merged.setdefault(name, value if name in fresh else _emptied(value))
        kept = merged if ages or away else dict(fresh)
        self._remember({name: value for name, value in kept.items() if name in fresh or name in ages}, ages, tick)
        return kept, ages

    def _remember(self, devices: JsonMapping, ages: Mapping[str, float], tick: float) -> None:
        """Remember the devices of this poll; those in ``ages`` keep the time at which they really answered."""
        self._seen = {
            name: self._seen[name] if name in ages else _Seen(value, tick)
            for name, value in list(devices.items())[:_DEVICES_KEPT]
            if isinstance(value, dict) and has_serial(name)
        }


def _emptied(device: JsonMapping) -> JsonObject:
    return {
        name: value if name in _IDENTITY else [] if isinstance(value, list) else None for name, value in device.items()
    }


class DeviceMemory:
    """Remembers what each device of one gateway reported last."""

    def __init__(self, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._vitals = _Group()
        self._fans = _Group()
        self._blocks = _Group()
        self._in_a_row = 0
        self._heard = HeardTimes()

    def silent(
        self, vitals: JsonMapping | None, tick: float, status: object = None, *, marked: bool = True
    ) -> dict[str, float | None]:
        """Return the devices of one poll whose last figures the gateway repeats. To be asked once a poll.

        With the seconds for which they have been silent, where that is known. ``status``: an answer of TEDAPI;
        ``marked``: it marks devices that are missing in action.
        """
        found = marked_devices(status, vitals) if marked else {}
        return found | self._heard.silent(vitals, tick, status)

    def apply(
        self,
        vitals: JsonObject | None,
        system_status: JsonObject | None,
        fans: JsonObject | None,
        config: JsonMapping | None,
        tick: float,
        away: Silent = NOBODY,
    ) -> CompletedDevices:
        """Complete one poll with the devices that fell silent.

        ``config`` is the TEDAPI configuration; without it no device is carried that the gateway leaves out. ``away``:
        the devices of vitals whose last figures it repeats (``silent``).
        """
        serials = listed_serials(config)
        # While an inverter is missing, any silent device may belong to its unit, and is carried; otherwise only those
        # that the configuration names by their serial numbers.
        inverters = sum(1 for name in vitals or () if name.startswith("TEPINV--") and has_serial(name))
        short = inverters < listed_units(config)

        def expected(name: str) -> bool:
            return "--" in name and (short or name.rsplit("--", 1)[-1] in serials)

        merged, ages = self._vitals.merge(vitals, expected, tick, self._ttl_seconds, away)
        carried = bool(ages)
        merged_fans, fan_ages = self._fans.merge(fans, expected, tick, self._ttl_seconds)
        status, block_ages = self._merge_blocks(without_silent(system_status, merged, away), serials, tick)
        self._in_a_row = self._in_a_row + 1 if carried else 0
        for extra in (fan_ages, block_ages):
            for name, age in extra.items():
                ages.setdefault(name, age)
        ages.update({name: age for name, age in away.items() if age is not None and age > ages.get(name, 0.0)})
        merged = _without_ghosts(merged)
        return CompletedDevices(
            vitals=merged if vitals is not None or merged else None,
            system_status=status,
            fans=merged_fans if fans is not None or merged_fans else None,
            carried=carried and self._in_a_row <= _CARRIED_POLLS,
            ages_seconds=ages,
        )

    def _merge_blocks(
        self, status: JsonObject | None, serials: frozenset[str], tick: float
    ) -> tuple[JsonObject | None, dict[str, float]]:
        blocks = status.get("battery_blocks") if status is not None else None
        if status is None or not isinstance(blocks, list):
            return status, {}
        named = {str(block.get("PackageSerialNumber")): block for block in blocks if isinstance(block, dict)}
        if len(named) != len(blocks):  # a serial number twice, or none: blocks cannot be told apart
            return status, {}
        merged, ages = self._blocks.merge(named, lambda name: name in serials, tick, self._ttl_seconds)
        return {**status, "battery_blocks": list(merged.values())}, ages


def _without_ghosts(devices: JsonMapping) -> JsonObject:
    """Return the devices without empty placeholders.

    A name without a serial number is not enough: the grid switch of a Powerwall 3 has none, but has figures.
    """
    return {name: body for name, body in devices.items() if has_serial(name) or not _is_empty(body)}


def _is_empty(device: object) -> bool:
    if not isinstance(device, Mapping):
        return False
    return all(value is None or value == [] for name, value in device.items() if name not in _IDENTITY)


def listed_units(config: JsonMapping | None) -> int:
    """Return how many Powerwalls the configuration lists."""
    blocks = config.get("battery_blocks") if config else None
    return len(blocks) if isinstance(blocks, list) else 0


def listed_serials(config: JsonMapping | None) -> frozenset[str]:
    """Return the serial numbers of the configured Powerwalls and their expansion packs."""
    found: set[str] = set()
    blocks = config.get("battery_blocks") if config else None
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Mapping):
            continue
        packs = block.get("battery_expansions")
        names = [block.get("vin"), *(pack.get("din") for pack in packs or () if isinstance(pack, Mapping))]
        found.update(name.rsplit("--", 1)[-1] for name in names if isinstance(name, str) and "--" in name)
    return frozenset(found)
