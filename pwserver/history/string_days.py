"""Add up the energy of every solar string per day, and judge each day when it is over."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.device_days import DeviceDays, DeviceSeries, kept_devices, read_series
from pwserver.history.layout import longest_step
from pwserver.json_types import JsonObject
from pwserver.state.fact import finite
from pwserver.state.judge import Judged
from pwserver.state.string_weakness import (
    MONTH_DAYS,
    complete_strings,
    is_sunny,
    judge_string,
    shares_of,
    weak_neighbours,
)
from pwserver.state.strings import UNUSED

STRING: Final = "string"
_DAY_SECONDS: Final = 86400.0
_REMEMBERED_DAYS: Final = 800  # two summers, of which one may have been weak


def note_strings(days: DeviceDays, judged: Judged, timestamp: float, elapsed: float | None, last: float) -> None:
    """Add what the strings gave since they were noted last: a straight line between two polls, nothing over a gap.

    ``last``: when the poll before was taken. ``elapsed``: seconds since then by a clock that is never set. A string
    that was never used gives nothing.
    """
    if judged.reading is None or judged.reading.vitals_carried:
        return
    more = days.open.more
    before, last_step = finite(more.get("at")), finite(more.get("step"))
    if before is None:
        step = None
    elif elapsed is not None and before == last:
        step = elapsed
    else:  # after a kill, the poll that was stored last is an earlier one
        step = timestamp - before
    watts = {
        string.name: max(0.0, string.watts.value)
        for string in judged.strings.values()
        if string.watts.value is not None and string.state != UNUSED
    }
    if step is not None and 0.0 < step <= longest_step(last_step or 0.0):
        _add(days, _numbers(more.get("watts")), watts, step)
    more["at"], more["step"], more["watts"] = timestamp, step or 0.0, watts


def _add(days: DeviceDays, before: dict[str, float], now: dict[str, float], seconds: float) -> None:
    covered = _numbers(days.open.more.get("covered"))
    for name, watts in now.items():
        if name in before:
            covered[name] = covered.get(name, 0.0) + seconds
            energy = (before[name] + watts) / 2.0 * seconds / 3600.0
            # A string that never gave anything takes no room: most inputs of an inverter are not wired.
            figures = days.figures(STRING, name) if energy > 0.0 or days.has(STRING, name) else None
            if figures is not None:
                figures["energy_wh"] = figures.get("energy_wh", 0.0) + energy
    days.open.more["covered"] = covered


def judge_strings_of_day(days: DeviceDays, archive: Archive, day_seconds: float) -> None:
    """Judge the strings of the open day, which is over and had so many seconds."""
    devices, start = days.open.devices[STRING], days.open.start
    days.keep()  # the slots are read below
    series = read_series(
        archive,
        STRING,
        kept_devices(archive).slots[STRING],
        start - _REMEMBERED_DAYS * _DAY_SECONDS,
        math.nextafter(start, -math.inf),
    )
    covered = _numbers(days.open.more.get("covered"))
    complete = complete_strings({name: covered.get(name, 0.0) for name in devices}, day_seconds)
    totals: dict[float, float] = {}
    for one in series.values():
        for when, energy in zip(one.days, one.figures["energy_wh"], strict=True):
            if energy == energy and when >= start - (MONTH_DAYS + 0.5) * _DAY_SECONDS:
                totals[when] = totals.get(when, 0.0) + energy
    energies = {name: figures.get("energy_wh", 0.0) for name, figures in devices.items()}
    weak_on = weak_days(series)
    if not is_sunny(math.fsum(energies.values()), list(totals.values())):
        return
    for name, share in shares_of({name: energies[name] for name in complete}).items():
        one = series[name]
        rows = [row for row, value in enumerate(one.figures["share"]) if value == value]
        known = [[column[row] for row in rows] for column in (one.days, one.figures["share"], one.figures["weak"])]
        judged_days = [*known[0], start]
        neighbours = weak_neighbours(name, judged_days, weak_on)
        verdict = judge_string(judged_days, [*known[1], share], [*known[2], math.nan], neighbours)
        devices[name]["share"] = share
        if verdict.weak is not None:
            devices[name]["weak"] = float(verdict.weak)


def weak_days(series: Mapping[str, DeviceSeries]) -> dict[float, list[str]]:
    """Return which strings were found weak, for each day on which one was."""
    found: dict[float, list[str]] = {}
    for name, one in series.items():
        for day, weak in zip(one.days, one.figures["weak"], strict=True):
            if weak == 1.0:
                found.setdefault(day, []).append(name)
    return found


def _numbers(kept: object) -> dict[str, float]:
    """Return the finite numbers of a kept JSON object."""
    members: JsonObject = kept if isinstance(kept, dict) else {}
    return {str(name): value for name, told in members.items() if (value := finite(told)) is not None}
