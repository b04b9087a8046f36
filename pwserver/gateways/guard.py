"""Devices that fall silent keep their place: last values with their own age, then nulls, but never a missing key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_DEVICES_KEPT: Final = 512
_CARRIED_POLLS: Final = 3  # that many polls in a row are called carried; history leaves them out

# What a device is, not what it measures: stays when its values are too old to be shown.
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


@dataclass(slots=True)
class Guarded:
    """One poll's devices after the guard."""

    vitals: dict[str, Any] | None
    system_status: dict[str, Any] | None
    fans: dict[str, Any] | None
    carried: bool = False
    ages_seconds: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class _Seen:
    value: dict[str, Any]
    tick: float


class _Group:
    """The devices of one document, in the order of its last complete poll."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}

    def merge(
        self, fresh: Mapping[str, Any] | None, expected: Any, tick: float, ttl_seconds: float
    ) -> tuple[dict[str, Any], dict[str, float]]:
        """``fresh`` plus the expected devices missing from it; and the ages of the latter."""
        fresh = fresh or {}
        ages: dict[str, float] = {}
        merged: dict[str, Any] = {}
        for name, seen in self._seen.items():
            if name in fresh:
                merged[name] = fresh[name]
            elif expected(name):
                age = tick - seen.tick
                ages[name] = round(age, 3)
                merged[name] = seen.value if age <= ttl_seconds else _emptied(seen.value)
        for name, value in fresh.items():
            merged.setdefault(name, value)
        kept = merged if ages else fresh
        self._seen = {
            name: self._seen[name] if name in ages else _Seen(value, tick)
            for name, value in list(kept.items())[:_DEVICES_KEPT]
            if isinstance(value, dict) and has_serial(name)
        }
        return (merged if ages else dict(fresh)), ages


def _emptied(device: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if name in _IDENTITY else [] if isinstance(value, list) else None for name, value in device.items()
    }


class DeviceGuard:
    """Remembers what each device of one gateway said last."""

    def __init__(self, ttl_seconds: float) -> None:
        self._ttl_seconds = ttl_seconds
        self._vitals = _Group()
        self._fans = _Group()
        self._blocks = _Group()
        self._in_a_row = 0

    def apply(
        self,
        vitals: dict[str, Any] | None,
        system_status: dict[str, Any] | None,
        fans: dict[str, Any] | None,
        config: Mapping[str, Any] | None,
        tick: float,
    ) -> Guarded:
        """Complete one poll. ``config`` is the TEDAPI configuration; without one nothing is carried."""
        serials = listed_serials(config)
        if not serials:
            return Guarded(vitals, system_status, fans)
        inverters = sum(1 for name in vitals or () if name.startswith("TEPINV--") and has_serial(name))
        short = inverters < listed_units(config)

        def expected(name: str) -> bool:
            return "--" in name and (short or name.rsplit("--", 1)[-1] in serials)

        merged, ages = self._vitals.merge(vitals, expected, tick, self._ttl_seconds)
        carried = bool(ages)
        merged_fans, fan_ages = self._fans.merge(fans, expected, tick, self._ttl_seconds)
        status, block_ages = self._merge_blocks(system_status, serials, tick)
        self._in_a_row = self._in_a_row + 1 if carried else 0
        for extra in (fan_ages, block_ages):
            for name, age in extra.items():
                ages.setdefault(name, age)
        return Guarded(
            vitals=merged if vitals is not None or merged else None,
            system_status=status,
            fans=merged_fans if fans is not None or merged_fans else None,
            carried=carried and self._in_a_row <= _CARRIED_POLLS,
            ages_seconds=ages,
        )

    def _merge_blocks(
        self, status: dict[str, Any] | None, serials: frozenset[str], tick: float
    ) -> tuple[dict[str, Any] | None, dict[str, float]]:
        blocks = status.get("battery_blocks") if status is not None else None
        if status is None or not isinstance(blocks, list):
            return status, {}
        named = {str(block.get("PackageSerialNumber")): block for block in blocks if isinstance(block, dict)}
        if len(named) != len(blocks):
            return status, {}
        merged, ages = self._blocks.merge(named, lambda name: name in serials, tick, self._ttl_seconds)
        return {**status, "battery_blocks": list(merged.values())}, ages


def has_serial(name: str) -> bool:
    """Return False for the placeholders that the library makes of empty answers, such as ``TESYNC--None--None``.

    A name without a serial number is no device: carried on, its nulls would stand beside the real device for ever.
    """
    return name.rsplit("--", 1)[-1] not in ("", "None", "null")


def listed_units(config: Mapping[str, Any] | None) -> int:
    """How many Powerwalls the configuration names."""
    blocks = config.get("battery_blocks") if config else None
    return len(blocks) if isinstance(blocks, list) else 0


def listed_serials(config: Mapping[str, Any] | None) -> frozenset[str]:
    """The serial numbers of the configured Powerwalls and their expansion packs."""
    found: set[str] = set()
    blocks = config.get("battery_blocks") if config else None
    for block in blocks if isinstance(blocks, list) else ():
        if not isinstance(block, Mapping):
            continue
        packs = block.get("battery_expansions")
        names = [block.get("vin"), *(pack.get("din") for pack in packs or () if isinstance(pack, Mapping))]
        found.update(name.rsplit("--", 1)[-1] for name in names if isinstance(name, str) and "--" in name)
    return frozenset(found)
