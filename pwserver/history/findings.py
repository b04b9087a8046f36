"""Find what the days of devices say now, for the outputs that show it beside the values of a poll."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pwserver.history.archive import Archive
from pwserver.history.health_route import Battery, batteries
from pwserver.history.string_route import strings_of
from pwserver.history.unit_days import WHOLE
from pwserver.state.battery_health import percent
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings, HealthStep
from pwserver.state.fact import text


def findings(archive: Archive, now: float) -> DailyFindings:
    """Return what the days of a gateway's devices say; ``now``: minus infinity before anything was recorded."""
    if archive.devices is None or not math.isfinite(now):
        return NOTHING_FOUND
    found = batteries(archive, now)
    health = {one.serial: percent(one.health.median_wh, one.nominal_wh) for one in found}
    strings = strings_of(archive, now)
    weak = {one.name: one.verdict.weak for one in strings}
    return DailyFindings(
        {serial: value for serial, value in health.items() if value is not None},
        {name: value for name, value in weak.items() if value is not None},
        {one.name: one.since for one in strings if one.since is not None},
        _steps(found),
    )


def _steps(found: Sequence[Battery]) -> dict[str, tuple[HealthStep, ...]]:
    """Return the steps of every battery that has days; those of all units together only where no unit has any."""
    known = [one for one in found if one.health.days]
    told = [one for one in known if one.serial != WHOLE] or known
    return {
        one.serial: tuple(HealthStep(_name(one), step.day, step.percent) for step in one.health.steps) for one in told
    }


def _name(battery: Battery) -> str:
    if battery.serial == WHOLE:
        return "the battery"
    return text(battery.about.get("label")) or battery.serial
