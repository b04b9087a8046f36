"""Corrections applied once, when a reading is made, so that every document, history and MQTT agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

METERS: Final = ("site", "battery", "load", "solar")
ENERGIES: Final = ("energy_exported", "energy_imported")

_QUIET_SECONDS: Final = 60.0  # energies are asked more rarely than powers; younger ones need no remark
_HIDDEN_PERCENT: Final = 5.0  # the app hides the lowest five percent of the battery


def is_number(value: object) -> bool:
    """True for a finite int or float; a bool is no number here."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def app_percent(raw_percent: float | None) -> float | None:
    """Gateway scale to app scale, clamped to 0…100."""
    if raw_percent is None:
        return None
    return min(100.0, max(0.0, (raw_percent - _HIDDEN_PERCENT) / (100.0 - _HIDDEN_PERCENT) * 100.0))


def raw_percent(app: float | None) -> float | None:
    """App scale to gateway scale."""
    if app is None:
        return None
    return app / 100.0 * (100.0 - _HIDDEN_PERCENT) + _HIDDEN_PERCENT


def soe_percent(value: object) -> float | None:
    """A state of energy as the gateway counts it, or None when it cannot be one (outside 0…100 by more than a hair)."""
    if not is_number(value):
        return None
    percent = float(value)  # type: ignore[arg-type]
    if percent < -0.5 or percent > 100.5:
        return None
    return percent


def correct_meters(
    aggregates: Mapping[str, Any],
    *,
    keep_negative_solar: bool = True,
    site_zero_threshold_watts: float = 0.0,
) -> dict[str, Any]:
    """A copy of the four meters with the owner's corrections; the input stays as it was.

    Negative solar: what the inverter draws at night is moved to the load, so that the balance still holds.
    Site dead band: a site power within ± the threshold becomes 0. A null stays null in both.
    """
    meters: dict[str, Any] = {
        name: dict(meter) if isinstance(meter, Mapping) else meter for name, meter in aggregates.items()
    }
    if not keep_negative_solar:
        solar = _power(meters, "solar")
        if solar is not None and solar < 0:
            load = _power(meters, "load")
            if load is not None:
                meters["load"]["instant_power"] = load - solar
            meters["solar"]["instant_power"] = 0
    if site_zero_threshold_watts > 0:
        site = _power(meters, "site")
        if site is not None and abs(site) <= site_zero_threshold_watts:
            meters["site"]["instant_power"] = 0
    return meters


def _power(meters: Mapping[str, Any], name: str) -> float | None:
    meter = meters.get(name)
    value = meter.get("instant_power") if isinstance(meter, dict) else None
    return value if is_number(value) else None


def powers_known(aggregates: Mapping[str, Any]) -> int:
    """How many of the four meters carry a power; 0 means the gateway told nothing."""
    return sum(_power(aggregates, name) is not None for name in METERS)


class EnergyMemory:
    """Keeps lifetime energies honest where they arrive by a side channel that comes and goes.

    In TEDAPI mode the library prints 0 for energies it did not get. A counter that drops to 0 and returns adds its
    whole lifetime to somebody's day, so: never heard of is None, heard of before is the last value, and a value
    below the last one is withheld until it has been seen twice.
    """

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], float] = {}
        self._suspect: dict[tuple[str, str], float] = {}
        self._heard: float | None = None

    def apply(self, meters: dict[str, Any], fresh: Mapping[str, Any] | None, now: float) -> dict[str, str]:
        """Write the energies into ``meters``; ``fresh`` holds this poll's energies by meter, None when none came.

        Returns flags for the Reading: what was set aside and why.
        """
        flags: dict[str, str] = {}
        if fresh is not None:
            self._heard = now
        for name in METERS:
            meter = meters.get(name)
            if not isinstance(meter, dict):
                continue
            source = fresh.get(name) if fresh is not None else None
            for field in ENERGIES:
                value = source.get(field) if isinstance(source, Mapping) else None
                meter[field] = self._judge((name, field), value, flags)
        if fresh is None and self._heard is not None and now - self._heard > _QUIET_SECONDS:
            flags["energy"] = f"last known values, {now - self._heard:.0f} s old"
        return flags

    def _judge(self, key: tuple[str, str], value: object, flags: dict[str, str]) -> float | None:
        last = self._last.get(key)
        if not is_number(value):
            return last
        number: float = value  # type: ignore[assignment]
        if last is not None and number < last:
            before = self._suspect.get(key)
            if before is None or number < before:
                self._suspect[key] = number
                flags[f"{key[0]}.{key[1]}"] = f"{number} is below {last}: withheld until confirmed"
                return last
        self._suspect.pop(key, None)
        self._last[key] = number
        return number
