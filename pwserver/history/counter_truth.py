"""Take the gateway's own energy counters for the truth: how much flowed between two polls, and what a reset does.

A gateway that counts measures many times a second, so what its counter gained is what flowed, whatever the power was at
the moment of a poll. The power only divides it in time. What is recorded follows the counter:

* **Told anew**, the counter says how much must be recorded since it was last told. What was recorded meanwhile from the
  power alone is taken off; if that is too much already, nothing is added until the counter has caught up.
* **Told late**, as many gateways tell counters less often than powers, the power counts meanwhile.
* **A reset, a dip or a leap** says nothing of what flowed: the power counts, and differences begin anew with the next
  value that is not disputed (``state.counter_guard`` judges that). Over a gap nothing is known then.
* **A counter that stands still** while energy flows, of more than ``MOST_AHEAD_WH``, does not count: the power does.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping
from typing import Final, NamedTuple

from pwserver.history.layout import ENERGIES
from pwserver.records import record
from pwserver.state.meter_powers import ENERGY_NAMES, Meters

# Name of an energy in the history -> name of the gateway's counter (``state.meter_powers.ENERGY_NAMES``).
GATEWAY_COUNTERS: Mapping[str, str] = {
    "solar": "solar_energy_exported",
    "home": "home_energy_imported",
    "battery_charge": "battery_energy_imported",
    "battery_discharge": "battery_energy_exported",
    "grid_import": "grid_energy_imported",
    "grid_export": "grid_energy_exported",
}
MOST_AHEAD_WH: Final = 500.0
# The counter of a sum rises by a lifetime when a house joins: more than this since it was last told is no flow.
MOST_WH_AT_ONCE: Final = 1_000.0
MOST_WATTS: Final = 250_000.0
# The counter's last value, the recorded total that belongs to it, 1 while disputed, what it gained, nothing, resets.
_FIELDS = 6
_DISPUTED = 1.0


class Counted(NamedTuple):
    """Holds what one reading tells of the counters: Wh by ENERGIES, and those whose value is disputed."""

    told: Mapping[str, float]
    disputed: frozenset[str]


NOTHING_COUNTED: Final = Counted({}, frozenset())


@record(frozen=True, slots=True)
class EnergyTotal:
    """Holds one directed energy, as recorded and as the gateway counts it."""

    watt_hours: float | None  # recorded, since recording began; only grows
    gateway_watt_hours: float | None  # the gateway's own counter as last seen
    counted_watt_hours: float  # what the gateway counted while we recorded
    resets: int  # how often the gateway's counter began anew


def counted(meters: Meters) -> Counted:
    """Read the counters of one reading; one that is only kept from an earlier reading is left out."""
    told: dict[str, float] = {}
    disputed: set[str] = set()
    for energy, name in GATEWAY_COUNTERS.items():
        meter, attribute = ENERGY_NAMES[name]
        fact = getattr(meters[meter], attribute)
        if fact.set_aside is not None:
            disputed.add(energy)
        elif fact.value is not None and fact.rule != "kept":
            told[energy] = float(fact.value)
    return Counted(told, frozenset(disputed))


class CounterTruth:
    """Follows the gateway's counters, which are guarded: one that falls has begun anew (``state.counter_guard``)."""

    size = len(ENERGIES) * _FIELDS

    def __init__(self) -> None:
        self._cells = array("d", [math.nan, math.nan, math.nan, 0.0, 0.0, 0.0] * len(ENERGIES))
        self._told_at = array("d", [math.nan] * len(ENERGIES))  # when each counter was last told anew

    def expected(
        self, found: Counted, ours: array[float], preview: array[float], timestamp: float, gap: bool, last: float
    ) -> array[float]:
        """Return how much flowed up to the poll at ``timestamp``, in Wh by ENERGIES; NaN: only the power can tell.

        ``ours``: the recorded totals before it; ``preview``: what the power says of the step. ``gap``: it says nothing.
        ``last``: when the poll before was taken.
        """
        result = array("d", [math.nan]) * len(ENERGIES)
        for index, energy in enumerate(ENERGIES):
            at = index * _FIELDS
            if energy in found.disputed:
                self._cells[at + 2] = _DISPUTED
            value = found.told.get(energy)
            if value is not None:
                total = 0.0 if math.isnan(ours[index]) else ours[index]
                power = 0.0 if gap or math.isnan(preview[index]) else preview[index]
                result[index] = self._flowed(index, value, total, power, timestamp, gap, last)
        return result

    def _flowed(
        self, index: int, value: float, total: float, power: float, timestamp: float, gap: bool, last: float
    ) -> float:
        """Return what one counter says of the step; NaN when it says nothing."""
        cells, at, told_at = self._cells, index * _FIELDS, self._told_at[index]
        gained = value - cells[at]
        if gained < 0.0:
            cells[at + 5] += 1.0
        possible = math.isnan(told_at) or gained <= MOST_WH_AT_ONCE + MOST_WATTS * (timestamp - told_at) / 3600.0
        if not gained >= 0.0 or not possible or cells[at + 2] == _DISPUTED:
            self._begin(index, value, total + power, timestamp)
            return math.nan
        due = cells[at + 1] + gained - total
        if gained == 0.0 and not gap:
            # Told with every poll, a counter that stands still says that nothing flowed; else it was not told anew.
            return max(0.0, due) if told_at == last else math.nan
        if due < -MOST_AHEAD_WH:
            self._begin(index, value, total + power, timestamp)
            return math.nan
        cells[at] = value
        cells[at + 1] += gained
        cells[at + 3] += gained
        self._told_at[index] = timestamp
        return max(0.0, due)

    def _begin(self, index: int, value: float, total: float, timestamp: float) -> None:
        """Count differences from here on: the recorded ``total`` belongs to this value."""
        at = index * _FIELDS
        self._cells[at], self._cells[at + 1], self._cells[at + 2] = value, total, math.nan
        self._told_at[index] = timestamp

    def counts(self, energy: str) -> bool:
        """Return whether an energy has a counter that was told, and that was not disputed when it was last heard."""
        at = ENERGIES.index(energy) * _FIELDS
        return math.isfinite(self._cells[at]) and self._cells[at + 2] != _DISPUTED

    def last_told(self, energy: str) -> float:
        """Return a counter's value when it was last told; NaN before that."""
        return self._cells[ENERGIES.index(energy) * _FIELDS]

    def totals(self, ours: array[float]) -> dict[str, EnergyTotal]:
        """Return every energy as recorded and as counted."""
        found: dict[str, EnergyTotal] = {}
        for index, energy in enumerate(ENERGIES):
            last, _, _, gained, _, resets = self._cells[index * _FIELDS : (index + 1) * _FIELDS]
            found[energy] = EnergyTotal(
                None if math.isnan(ours[index]) else ours[index],
                None if math.isnan(last) else last,
                gained,
                int(resets),
            )
        return found

    def state(self) -> array[float]:
        """Return everything that must outlive a restart."""
        return self._cells + self._told_at

    def restore(self, state: array[float]) -> None:
        """Take back what ``state`` gave."""
        if len(state) != self.size + len(ENERGIES):
            raise ValueError("a state of another shape")
        self._cells, self._told_at = array("d", state[: self.size]), array("d", state[self.size :])
