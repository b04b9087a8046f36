"""Find what the days of devices say now, for the outputs that show it beside the values of a poll."""

from __future__ import annotations

import math

from pwserver.history.archive import Archive
from pwserver.history.health_route import batteries
from pwserver.history.string_route import strings_of
from pwserver.state.battery_health import percent
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings


def findings(archive: Archive, now: float) -> DailyFindings:
    """Return what the days of a gateway's devices say; ``now``: minus infinity before anything was recorded."""
    if archive.devices is None or not math.isfinite(now):
        return NOTHING_FOUND
    health = {one.serial: percent(one.health.median_wh, one.nominal_wh) for one in batteries(archive, now)}
    weak = {one.name: one.verdict.weak for one in strings_of(archive, now)}
    return DailyFindings(
        {serial: value for serial, value in health.items() if value is not None},
        {name: value for name, value in weak.items() if value is not None},
    )
