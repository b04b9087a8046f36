"""Fill gaps of one gateway's history with the points that Tesla has of them.

Only quarter hours and minutes of which nothing is known get a row, marked by ``filled_seconds``; every other row of
them stays as it is, to the bit. A day's row grows by what was filled, and says how long that was. ``import_journal``
brings the outcome into the rings, so that a kill at any moment leaves all of it or nothing.
"""

from __future__ import annotations

import datetime
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.cloud_points import CloudDay
from pwserver.history.days import day_span, local_date
from pwserver.history.gap_finder import DayGaps, find_gaps
from pwserver.history.import_journal import MergedHistory
from pwserver.history.layout import BOOK_NAMES, ENERGY_NAMES, POWERS, SAMPLES
from pwserver.history.open_intervals import QUARTER_SECONDS
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import Rows
from pwserver.records import record

MINUTE_SECONDS: Final = 60.0
_COVERED, _GAP, _FILLED = BOOK_NAMES
# The energies of each power: of its part above zero, and of its part below.
_DIRECTED: Final = {
    "site": ("grid_import", "grid_export"),
    "solar": ("solar", None),
    "battery": ("battery_discharge", "battery_charge"),
    "load": ("home", None),
}


@record(slots=True)
class FilledRows:
    """Holds new rows by ring and time, and what each local day gains."""

    rows: dict[str, dict[float, dict[str, float]]] = field(default_factory=lambda: {"minutes": {}, "quarters": {}})
    days: dict[float, dict[str, float]] = field(default_factory=dict)  # by the day's first instant


def filled_rows(archive: Archive, recorder: Recorder, gaps: DayGaps, points: CloudDay) -> FilledRows:
    """Return the rows that the points of a day make for its gaps."""
    found = FilledRows()
    oldest_minute = archive.minutes.bounds()
    for quarter in gaps.quarters:
        slots = [
            (when, points.powers[when])
            for when in range(int(quarter), int(quarter + QUARTER_SECONDS), points.slot_seconds)
            if when in points.powers
        ]
        if not slots:
            continue
        percent = points.percent.get(int(quarter), math.nan)
        values = _mean([powers for _, powers in slots])
        energies = _energies([powers for _, powers in slots], points.slot_seconds)
        seconds = float(len(slots) * points.slot_seconds)
        found.rows["quarters"][quarter] = _row(values, percent, seconds) | energies
        _gain(found.days, day_span(quarter, recorder.zone)[0], values, energies, seconds)
        for when, powers in slots:
            for minute in range(when, when + points.slot_seconds, int(MINUTE_SECONDS)):
                # Minutes are kept for a shorter time: older ones would seem to be all that is known of their window.
                if oldest_minute is not None and minute >= oldest_minute[0]:
                    found.rows["minutes"][float(minute)] = _row(_mean([powers]), percent, MINUTE_SECONDS)
    return found


def _mean(rows: Sequence[Sequence[float]]) -> dict[str, float]:
    """Return the mean of every power that all points have."""
    means = {name: math.fsum(row[index] for row in rows) / len(rows) for index, name in enumerate(POWERS)}
    return {name: value for name, value in means.items() if not math.isnan(value)}


def _energies(rows: Sequence[Sequence[float]], slot_seconds: float) -> dict[str, float]:
    """Return the energies of every power that all points have; each direction by itself, as between polls."""
    found: dict[str, float] = {}
    for index, name in enumerate(POWERS):
        watts = [row[index] for row in rows]
        if any(map(math.isnan, watts)):
            continue
        for energy, sign in zip(_DIRECTED[name], (1.0, -1.0), strict=True):
            if energy is not None:
                found[f"{energy}_wh"] = math.fsum(max(0.0, sign * each) for each in watts) * slot_seconds / 3600.0
    return found


def _row(values: Mapping[str, float], percent: float, seconds: float) -> dict[str, float]:
    row = {**values, SAMPLES: 0.0, _COVERED: seconds, _GAP: seconds, _FILLED: seconds}
    return row if math.isnan(percent) else {**row, "soe": percent}


def _gain(
    days: dict[float, dict[str, float]],
    start: float,
    values: Mapping[str, float],
    energies: Mapping[str, float],
    seconds: float,
) -> None:
    """Add a quarter hour to what its day gains: energies, watts times seconds, and the seconds of each and of all."""
    day = days.setdefault(start, {})
    gained = {**energies, _FILLED: seconds}
    for name, value in values.items():
        gained |= {name: value * seconds, _seconds_of(name): seconds}
    for name, value in gained.items():
        day[name] = day.get(name, 0.0) + value


def _seconds_of(name: str) -> str:
    return f"{name} seconds"


def fill(
    archive: Archive, live: Recorder, found: Iterable[tuple[DayGaps, CloudDay]]
) -> tuple[MergedHistory | None, Counter[str]]:
    """Return the history with its gaps filled, None when nothing was, and the number of new rows by ring.

    ``live``: the recorder of the archive, which records nothing meanwhile; it is of no use afterwards. What has been
    recorded since the gaps were found stays.
    """
    rows: dict[str, dict[float, dict[str, float]]] = {"minutes": {}, "quarters": {}}
    days: dict[float, dict[str, float]] = {}
    for gaps, points in found:
        still = _still_open(archive, live, gaps)
        if still is None:
            continue
        new = filled_rows(archive, live, still, points)
        for ring, of_ring in new.rows.items():
            rows[ring] |= of_ring
        days |= new.days
    added: Counter[str] = Counter()
    if not rows["quarters"]:
        return None, added
    rings: dict[str, Rows] = {}
    quarters, added["quarters"] = _with_rows(archive, "quarters", rows["quarters"], live.intervals.quarter_start)
    rings["quarters"] = quarters
    if rows["minutes"]:
        rings["minutes"], added["minutes"] = _with_rows(
            archive, "minutes", rows["minutes"], live.intervals.minute_start
        )
    today = days.pop(live.intervals.day_start, None)
    if today is not None:
        live.intervals.add_filled([today.get(name, math.nan) for name in ENERGY_NAMES], today[_FILLED])
        added["days"] += 1
    if days:
        rings["days"] = _with_days(archive, live, days)
        added["days"] += len(days)
    return MergedHistory(rings, live.state().tobytes(), archive.read_notes().series), added


def _still_open(archive: Archive, live: Recorder, gaps: DayGaps) -> DayGaps | None:
    """Return what of the gaps of a day is still one."""
    if not gaps.quarters or gaps.totals_known:
        return None
    end = min(gaps.quarters[-1] + QUARTER_SECONDS, live.intervals.quarter_start)
    now = find_gaps(archive, live.zone, gaps.quarters[0], end)
    if not now or now[0].totals_known or now[0].day != gaps.day:
        return None
    return DayGaps(gaps.day, sorted(set(gaps.quarters) & set(now[0].quarters)))


def _with_rows(
    archive: Archive, ring: str, new: Mapping[float, Mapping[str, float]], open_start: float
) -> tuple[Rows, int]:
    """Return the rows of a ring with new ones at times that have none, the newest that fit, and how many are new."""
    plan = archive.plans[ring]
    times, columns = archive.rings[ring].select(-math.inf, math.nextafter(open_start, -math.inf))
    empty = _without_anything(columns, plan.columns)
    there = {when for row, when in enumerate(times) if row not in empty}
    wanted = sorted(when for when in new if when not in there and when < open_start)
    merged_times, merged = array("d"), [array("d") for _ in plan.columns]
    at = 0
    # Piece by piece between the new rows: a ring may have tens of thousands of rows.
    for when in wanted:
        until = bisect_left(times, when, at)
        merged_times.extend(times[at:until])
        merged_times.append(when)
        values = new[when]
        for index, name in enumerate(plan.columns):
            merged[index].extend(columns[index][at:until])
            merged[index].append(values.get(name, math.nan))
        at = until + (until < len(times) and times[until] == when)
    merged_times.extend(times[at:])
    for index in range(len(plan.columns)):
        merged[index].extend(columns[index][at:])
    kept = merged_times[-plan.rows :]
    count = sum(1 for when in wanted if when >= kept[0])
    return (kept, {name: merged[index][-plan.rows :] for index, name in enumerate(plan.columns)}), count


def _without_anything(columns: Sequence[array[float]], names: Sequence[str]) -> set[int]:
    """Return the rows that say nothing: neither a sample nor a covered second nor an energy."""
    positions = [index for index, name in enumerate(names) if name in (SAMPLES, _COVERED)]
    energies = [index for index, name in enumerate(names) if name in ENERGY_NAMES]
    return {
        row
        for row in range(len(columns[0]))
        if not any(columns[index][row] > 0.0 for index in positions)
        and all(math.isnan(columns[index][row]) for index in energies)
    }


def _with_days(archive: Archive, live: Recorder, gained: Mapping[float, Mapping[str, float]]) -> Rows:
    """Return the rows of all days that are over, with what was filled."""
    plan = archive.plans["days"]
    open_start = live.intervals.day_start
    times, columns = archive.days.select(-math.inf, math.nextafter(open_start, -math.inf))
    days = {
        when: {name: column[row] for name, column in zip(plan.columns, columns, strict=True)}
        for row, when in enumerate(times)
    }
    for start, gain in gained.items():
        days[start] = _grown_day(days.get(start), gain, local_date(start + 1.0, live.zone))
    ordered = sorted(days)[-plan.rows :]
    return array("d", ordered), {
        name: array("d", [days[when].get(name, math.nan) for when in ordered]) for name in plan.columns
    }


def _grown_day(own: Mapping[str, float] | None, gain: Mapping[str, float], day: datetime.date) -> dict[str, float]:
    """Return the row of a day with what was filled of it."""
    filled = gain[_FILLED]
    if own is None:
        values = {name: gain[name] / gain[_seconds_of(name)] for name in POWERS if name in gain}
        energies = {name: gain[name] for name in ENERGY_NAMES if name in gain}
        return {**_row(values, math.nan, filled), **energies, "date": float(day.toordinal())}
    row = dict(own)
    covered = own.get(_COVERED, math.nan)
    for name in ENERGY_NAMES:
        if name in gain:
            row[name] = gain[name] + (0.0 if math.isnan(own[name]) else own[name])
    row[_FILLED] = filled + (0.0 if math.isnan(own[_FILLED]) else own[_FILLED])
    if math.isnan(covered):
        return row  # a row of version 1.0 does not say what its means are over
    row[_COVERED] = covered + filled
    for name in POWERS:
        # The mean power of a row is its energy by its time.
        if name in gain:
            before = 0.0 if math.isnan(own[name]) else own[name] * covered
            seconds = gain[_seconds_of(name)] + (0.0 if math.isnan(own[name]) else covered)
            row[name] = (before + gain[name]) / seconds
    return row
