"""Compare the recorded energies with the gateway's own counters: how far they drift apart, and what a reset does."""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from dataclasses import dataclass

from pwserver.history.layout import ENERGIES

# Name of an energy in the history -> name of the gateway's counter (``state.meter_powers.ENERGY_NAMES``).
GATEWAY_COUNTERS: Mapping[str, str] = {
    "solar": "solar_energy_exported",
    "home": "home_energy_imported",
    "battery_charge": "battery_energy_imported",
    "battery_discharge": "battery_energy_exported",
    "grid_import": "grid_energy_imported",
    "grid_export": "grid_energy_exported",
}
# The gateway's last value, the recorded total then, nothing (older versions kept a drop there), both sums, resets.
_FIELDS = 6


@dataclass(frozen=True, slots=True)
class EnergyTotal:
    """Holds one directed energy. ``drift_percent`` compares both counts over the time both were measured."""

    watt_hours: float | None  # recorded, since recording began; only grows
    gateway_watt_hours: float | None  # the gateway's own counter as last seen
    compared_watt_hours: float  # what the gateway counted while we compared
    drift_watt_hours: float | None  # recorded minus the gateway's
    drift_percent: float | None
    resets: int  # how often the gateway's counter began anew


class CounterCheck:
    """Follows the gateway's counters, which are guarded: one that falls has begun anew (``state.counter_guard``)."""

    size = len(ENERGIES) * _FIELDS

    def __init__(self) -> None:
        self._cells = array("d", [math.nan, math.nan, math.nan, 0.0, 0.0, 0.0] * len(ENERGIES))

    def take(self, counters: Mapping[str, float], ours: array[float], gap: bool) -> None:
        """Compare the gateway's ``counters`` (Wh, by its names) with ``ours`` (by ENERGIES, NaN before the first).

        ``gap``: nothing was integrated since the last reading, so the two cannot be compared over it.
        """
        for index, energy in enumerate(ENERGIES):
            value = counters.get(GATEWAY_COUNTERS[energy])
            if value is None:
                continue
            at = index * _FIELDS
            total = 0.0 if math.isnan(ours[index]) else ours[index]
            last, base = self._cells[at], self._cells[at + 1]
            if value >= last and not gap:
                self._cells[at + 3] += value - last
                self._cells[at + 4] += total - base
            elif value < last:
                self._cells[at + 5] += 1.0
            self._cells[at], self._cells[at + 1], self._cells[at + 2] = float(value), total, math.nan

    def totals(self, ours: array[float]) -> dict[str, EnergyTotal]:
        """Return every energy with its drift."""
        found: dict[str, EnergyTotal] = {}
        for index, energy in enumerate(ENERGIES):
            last, _, _, gateway, mine, resets = self._cells[index * _FIELDS : (index + 1) * _FIELDS]
            compared = gateway > 0.0
            found[energy] = EnergyTotal(
                None if math.isnan(ours[index]) else ours[index],
                None if math.isnan(last) else last,
                gateway,
                mine - gateway if compared else None,
                (mine - gateway) / gateway * 100.0 if compared else None,
                int(resets),
            )
        return found

    def state(self) -> array[float]:
        """Return everything that must outlive a restart."""
        return array("d", self._cells)

    def restore(self, state: array[float]) -> None:
        """Take back what ``state`` gave."""
        if len(state) != self.size:
            raise ValueError("a state of another shape")
        self._cells = array("d", state)
