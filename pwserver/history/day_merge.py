"""Judge what a day came to, where its own row, the polls, the quarter hours and an import say different things.

None of them counts anything twice: each is the sum over stretches of the day that do not overlap. So of two, for every
energy, the one that has more of it covers more of the day.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from typing import Final

from pwserver.history.layout import BOOK_NAMES, ENERGY_NAMES, POWERS, SAMPLES, SHARE_NAMES
from pwserver.history.open_intervals import QUARTER_SECONDS, energy_integrator
from pwserver.history.ring_files import Rows
from pwserver.records import record

# Two servers that saw the same day differ by what their polls missed; so little is no reason to change a row.
LEAST_GAIN: Final = 0.001
LEAST_GAIN_WATT_HOURS: Final = 1.0
_COVERED, _GAP, _FILLED = BOOK_NAMES
_BESIDE: Final = frozenset((*BOOK_NAMES, *SHARE_NAMES, *POWERS))

Energies = dict[str, float]  # Wh by ENERGY_NAMES, without those that are not known


@record(slots=True)
class DayRow:
    """Holds the row of one day: its first instant, and values by the columns of the ring."""

    start: float
    values: dict[str, float]

    @property
    def energies(self) -> Energies:
        """Return the energies that are known."""
        return {name: self.values[name] for name in ENERGY_NAMES if name in self.values}


def day_rows(rows: Rows, ordinal_of: Mapping[int, int]) -> dict[int, DayRow]:
    """Return rows by their dates; ``ordinal_of``: row -> proleptic ordinal."""
    times, columns = rows
    found = {}
    for row, when in enumerate(times):
        values = {name: column[row] for name, column in columns.items() if math.isfinite(column[row])}
        found[ordinal_of[row]] = DayRow(when, values)
    return found


def row_samples(rows: Rows) -> list[float]:
    """Return the number of polls of each row; 1 where there was none and a counter told what flowed meanwhile.

    What was filled in from elsewhere is no such knowledge.
    """
    times, columns = rows
    absent = array("d", [math.nan]) * len(times)
    samples, covered, filled = (columns.get(name, absent) for name in (SAMPLES, _COVERED, _FILLED))
    return [
        1.0 if not polls > 0.0 and seconds > 0.0 and not other > 0.0 else polls if polls > 0.0 else 0.0
        for polls, seconds, other in zip(samples, covered, filled, strict=True)
    ]


class Quarters:
    """Sums up quarter hours, and polls where only a part of one is asked for."""

    def __init__(self, rows: Rows, polls: Rows) -> None:
        self._times, self._columns = rows
        self._samples = row_samples(rows)
        self._polls = polls

    def energies(self, start: float, end: float) -> Energies:
        """Return the energies of the quarter hours that lie within a window."""
        first, last = bisect_left(self._times, start), bisect_left(self._times, end)
        found = {}
        for name in ENERGY_NAMES:
            known = [value for value in self._columns[name][first:last] if not math.isnan(value)]
            if known:
                found[name] = math.fsum(known)
        return found

    def energies_after(self, moment: float, end: float) -> Energies:
        """Return the energies from a moment on that divides a quarter hour: of its rest the polls know."""
        next_quarter = min(math.ceil(moment / QUARTER_SECONDS) * QUARTER_SECONDS, end)
        return _sum(self._polled(moment, next_quarter, next_quarter < end), self.energies(next_quarter, end))

    def _polled(self, after: float, end: float, across: bool) -> Energies:
        """Return the energies between the polls of a window; ``across``: up to its end, on the way to the next poll."""
        times, columns = self._polls
        first, last = bisect_right(times, after), bisect_left(times, end)
        integrator = energy_integrator()
        for row in range(first, min(last + across, len(times))):
            values = array("d", [columns[name][row] for name in POWERS])
            integrator.advance(min(times[row], end), times[row], values)
            integrator.take(times[row], values)
        totals = zip(ENERGY_NAMES, integrator.totals(0)[: len(ENERGY_NAMES)], strict=True)
        return {name: value for name, value in totals if not math.isnan(value)}

    def cover(self, start: float, end: float) -> bool:
        """Say whether there was a poll in every quarter hour of a window, or a counter that counted it."""
        first, last = bisect_left(self._times, start), bisect_left(self._times, end)
        polled = sum(1 for samples in self._samples[first:last] if samples > 0)
        return polled >= math.floor((end - start) / QUARTER_SECONDS)


def joined_day(
    start: float,
    end: float,
    own: DayRow | None,
    others: Sequence[Mapping[str, float]],
    own_quarters: Quarters,
    quarters: Quarters,
) -> DayRow:
    """Return the row of a day that an import touches.

    ``others``: rows of the same day from the polls and from the import, by column. ``own_quarters``: what was recorded
    here; ``quarters``: the same with what the import adds.
    """
    candidates: list[Energies] = [_energies(other) for other in others]
    candidates.append(quarters.energies(start, end))
    for other in others:
        # What another server has counted up to its last sample goes on with what was recorded here after that.
        last = other.get("last_sample")
        if last is not None and start <= last < end:
            candidates.append(_sum(_energies(other), own_quarters.energies_after(last, end)))
    best = own.energies if own is not None else {}
    if own is None or not own_quarters.cover(start, end):
        for name in ENERGY_NAMES:
            for candidate in candidates:
                if name in candidate and candidate[name] > _least(best.get(name)):
                    best[name] = candidate[name]
    values: dict[str, float] = {}
    rows = [own.values if own is not None else {}, *others]
    # The one with the most samples comes first, so its means count.
    ordered = sorted(rows, key=lambda row: -row.get(SAMPLES, 0.0))
    for row in ordered:
        values = {**row, **values}
    # What was measured beside energies belongs to the row that has them. A day of which a part was only counted has no
    # such row: how much of it is known, whence the home's energy came and the mean powers would be those of the rest.
    whole = next((row for row in ordered if _has_all(row, best)), {})
    values = {name: value for name, value in values.items() if name not in _BESIDE or name in whole}
    values |= {name: value for name, value in whole.items() if name in _BESIDE} | best
    for name in ("last_sample", "updated"):
        known = [row[name] for row in rows if name in row]
        if known:
            values[name] = max(known)
    return DayRow(own.start if own is not None else start, values)


def _has_all(row: Mapping[str, float], best: Energies) -> bool:
    return all(energy <= _least(row.get(name)) for name, energy in best.items())


def _energies(row: Mapping[str, float]) -> Energies:
    return {name: row[name] for name in ENERGY_NAMES if name in row}


def _least(watt_hours: float | None) -> float:
    """Return what another figure must exceed to be taken."""
    return -1.0 if watt_hours is None else watt_hours * (1.0 + LEAST_GAIN) + LEAST_GAIN_WATT_HOURS


def _sum(one: Energies, other: Energies) -> Energies:
    return {name: one.get(name, 0.0) + other.get(name, 0.0) for name in ENERGY_NAMES if name in one or name in other}


def by_columns(days: Sequence[DayRow], columns: Sequence[str]) -> Rows:
    """Return rows of days as a ring holds them, in order of time."""
    ordered = sorted(days, key=lambda day: day.start)
    return array("d", [day.start for day in ordered]), {
        name: array("d", [day.values.get(name, math.nan) for day in ordered]) for name in columns
    }
