"""Add up the guarded counters of several houses, and keep the sum from falling when a house leaves the configuration.

A sum is only known while every configured house reports its part. A house that joins adds all that it has counted so
far. One that leaves stays in the sums with its last count until it comes back, which its gateway's DIN shows even if
its name has changed. A believed reset of a part is a reset of the sum at the same moment.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.fact import finite, text
from pwserver.state.meter_powers import COUNTERS, MAIN_METERS
from pwserver.state.site import Site, Total
from pwserver_ext.aggregate import complete_total

MAX_HOUSES: Final = 200
MAX_FORMER: Final = 50  # of more houses that left, the oldest are folded into one


@record(frozen=True, slots=True)
class Part:
    """Holds the last counters of one house, by name, with its id and the DIN of its gateway if that is known."""

    id: str
    din: str | None
    counters: Mapping[str, float]

    def same_house(self, other: Part) -> bool:
        """Return whether two parts are one house: by DIN if both have one, else by id."""
        return self.din == other.din if self.din and other.din else self.id == other.id


@record(slots=True)
class SumMemory:
    """Remembers the last parts of the sums, and the houses that have left. Bounded."""

    parts: dict[str, Part] = field(default_factory=dict)
    former: list[Part] = field(default_factory=list)

    def take(self, configured: Collection[str], parts: Sequence[Part]) -> None:
        """Note the counters that houses report now, and the houses that are no longer configured."""
        gone = [part for name, part in self.parts.items() if name not in configured and part.counters]
        self.former += gone
        for part in gone:
            del self.parts[part.id]
        for part in parts[:MAX_HOUSES]:
            before = self.parts.get(part.id)
            kept = before.counters if before is not None and before.same_house(part) else {}
            self.parts[part.id] = Part(part.id, part.din, {**kept, **part.counters})
        self.former = [old for old in self.former if not any(old.same_house(part) for part in self.parts.values())]
        if len(self.former) > MAX_FORMER:
            self._fold()

    def _fold(self) -> None:
        """Fold the houses that left first into one, so that the list stays bounded and no sum falls."""
        folded, self.former = self.former[:-MAX_FORMER], self.former[-MAX_FORMER:]
        names = dict.fromkeys(name for part in folded for name in part.counters)
        total = {name: sum(part.counters.get(name, 0.0) for part in folded) for name in names}
        self.former.insert(0, Part("", None, total))

    def total(self, name: str, values: Sequence[object]) -> float | None:
        """Return the sum of one counter of all houses; None unless every one of them is known."""
        # Houses that left the configuration stay in the sum, as a sum that falls looks like a new meter.
        left = [part.counters[name] for part in self.former if name in part.counters]
        found: float | None = complete_total([*values, *left]) if values else None
        return found

    def to_json(self) -> JsonObject:
        """Return everything as plain JSON."""
        rows = ([part.id, part.din, dict(part.counters)] for part in self.parts.values())
        return {"parts": list(rows), "former": [[part.id, part.din, dict(part.counters)] for part in self.former]}

    @classmethod
    def from_json(cls, kept: object) -> SumMemory:
        """Return the memory that ``to_json`` wrote; parts that cannot be understood are left out."""
        members = kept if isinstance(kept, Mapping) else {}
        parts = _parts(members.get("parts"), MAX_HOUSES)
        return cls({part.id: part for part in parts}, _parts(members.get("former"), MAX_FORMER + 1))


def energy_totals(site: Site, sums: SumMemory) -> dict[str, Total]:
    """Return the sum of every counter by ``meter.counter``; only houses that have a further meter count for it."""
    totals = {}
    for meter in dict.fromkeys([*MAIN_METERS, *site.watts]):
        members = [state for state in site.members if meter in state.judged.meters]
        for counter, fact in COUNTERS.items():
            told = {state.gateway.id: getattr(state.judged.meters[meter], fact).value for state in members}
            value = sums.total(f"{meter}.{counter}", list(told.values())) if site.complete else None
            totals[f"{meter}.{counter}"] = Total(
                value,
                "sum of counters",
                {name: number for name, number in told.items() if number is not None},
                tuple(name for name, number in told.items() if number is None),
            )
    return totals


def _parts(rows: object, most: int) -> list[Part]:
    found = []
    for row in rows[:most] if isinstance(rows, list) else ():
        if isinstance(row, list) and len(row) == 3 and isinstance(row[0], str) and isinstance(row[2], Mapping):
            counters = {str(name): number for name, value in row[2].items() if (number := finite(value)) is not None}
            found.append(Part(row[0], text(row[1]), counters))
    return found
