"""Sum up minutes of mean powers into rows of the rings."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from typing import Final

from pwserver.history.influx_export import GRID_STATUS, PERCENTAGE, POWERS
from pwserver.history.layout import BOOK_NAMES, ENERGY_NAMES, SAMPLES, SHORTEST_GAP_SECONDS
from pwserver.history.ring_files import Rows
from pwserver.records import record
from pwserver.state.charge import app_percent

# By ENERGY_NAMES: the power that an energy is of. The sun's and the home's below zero are noise of a meter.
ENERGY_OF: Final = dict(zip(ENERGY_NAMES, ("solar", "home", "to_pw", "from_pw", "from_grid", "to_grid"), strict=True))
_LONGEST_STEP: Final = int(SHORTEST_GAP_SECONDS / 60.0)
_MEANS: Final[tuple[str, ...]] = ("site", "solar", "battery", "load", "soe")
_SPREADS: Final = ("soe_min", "soe_max", "grid_min", "grid_max")
_ROW_COLUMNS: Final = (*_MEANS, "grid", *_SPREADS, SAMPLES, BOOK_NAMES[0])


@record(slots=True)
class MinuteSums:
    """Sums up minutes of a quarter hour or a day."""

    totals: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    spread: dict[str, float] = field(default_factory=dict)
    grid: float = math.nan
    minutes: int = 0
    end: int = 0  # the minute after the last one that is known

    def add_minute(self, known: Mapping[str, float], told: Mapping[str, float], first: bool, powers: bool) -> None:
        """Add a minute: ``known`` by the fields of the export, ``told`` by the columns of the rings.

        ``first``: it is the one that its row is of, and not one for which that stands as well.
        """
        for name in _MEANS:
            if name in told and (first or name != "soe"):
                self._add(name, told[name])
        if powers:
            self.minutes += 1
            for energy, power in ENERGY_OF.items():
                if power in known:
                    self._add(energy, max(0.0, known[power]) / 60.0)
        if first:
            for name in ("soe", "grid"):
                if name in told:
                    self._take_sample(name, told[name])
            self.grid = told.get("grid", self.grid)

    def _add(self, name: str, value: float) -> None:
        self.totals[name] = self.totals.get(name, 0.0) + value
        self.counts[name] = self.counts.get(name, 0) + 1

    def _take_sample(self, name: str, value: float) -> None:
        low, high = f"{name}_min", f"{name}_max"
        self.spread[low] = min(self.spread.get(low, value), value)
        self.spread[high] = max(self.spread.get(high, value), value)

    def join(self, other: MinuteSums) -> None:
        """Add what comes after it."""
        for name, total in other.totals.items():
            self.totals[name] = self.totals.get(name, 0.0) + total
            self.counts[name] = self.counts.get(name, 0) + other.counts[name]
        for name, value in other.spread.items():
            choose = min if name.endswith("_min") else max
            self.spread[name] = choose(self.spread.get(name, value), value)
        self.grid = self.grid if math.isnan(other.grid) else other.grid
        self.minutes += other.minutes
        self.end = max(self.end, other.end)

    def row(self, length_minutes: float) -> dict[str, float]:
        """Return the row of it, without what is not known."""
        found: dict[str, float] = {
            name: self.totals[name] / self.counts[name] for name in _MEANS if name in self.totals
        }
        found |= {name: self.totals[name] for name in ENERGY_NAMES if name in self.totals}
        if not math.isnan(self.grid):
            found["grid"] = self.grid
        return {
            **found,
            **self.spread,
            SAMPLES: min(1.0, self.minutes / length_minutes),
            BOOK_NAMES[0]: self.minutes * 60.0,
        }


def told_columns(known: Mapping[str, float]) -> dict[str, float]:
    """Return the columns of the rings that follow from the fields of one row."""
    found = {}
    for column, name in (("solar", "solar"), ("load", "home")):
        if name in known:
            found[column] = known[name]
    for column, name, back in (("site", "from_grid", "to_grid"), ("battery", "from_pw", "to_pw")):
        if name in known and back in known:
            found[column] = known[name] - known[back]
    if PERCENTAGE in known:
        found["soe"] = app_percent(known[PERCENTAGE])
    if GRID_STATUS in known:
        found["grid"] = known[GRID_STATUS]
    return found


def minute_row(told: dict[str, float], powers: bool) -> dict[str, float]:
    """Return the row of one minute; ``powers``: it has any."""
    spread = {f"{name}_{end}": told[name] for name in ("soe", "grid") if name in told for end in ("min", "max")}
    return told | spread | {SAMPLES: 1.0, BOOK_NAMES[0]: 60.0 if powers else 0.0}


def with_steps(rows: Iterable[tuple[int, tuple[float, ...]]]) -> Iterator[tuple[int, tuple[float, ...], int]]:
    """Yield rows with the number of minutes for which their powers stand; 0 where there are none."""
    held: list[tuple[int, tuple[float, ...]]] = []  # a row with powers, and those without behind it
    step = before = 1
    for minute, row in rows:
        powers = any(value == value for value in row[: len(POWERS)])
        if held and (powers or minute - held[0][0] >= _LONGEST_STEP):
            distance = minute - held[0][0]
            if powers and distance <= _LONGEST_STEP:
                step, before = distance, step
                length = distance
            else:
                length = step if step == before else 1
            yield *held[0], length
            for later in held[1:]:
                yield *later, 0
            held = []
        if powers or held:
            held.append((minute, row))
        else:
            yield minute, row, 0
    if held:
        yield *held[0], step if step == before else 1
        for later in held[1:]:
            yield *later, 0


class RowsBuilder:
    """Collects rows of one ring, in order of time."""

    def __init__(self) -> None:
        self._times = array("d")
        self._columns = {name: array("d") for name in (*_ROW_COLUMNS, *ENERGY_NAMES)}

    def add(self, when: float, values: Mapping[str, float]) -> None:
        """Append a row."""
        self._times.append(when)
        for name, column in self._columns.items():
            column.append(values.get(name, math.nan))

    def rows(self) -> Rows:
        """Return all rows, by columns."""
        return self._times, self._columns
