"""Operating mode, reserve and grid settings as they are known: the gateway first, then a cloud link's last word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pwserver.state import operating_settings as judges
from pwserver.state.view import View
from pwserver_ext.aggregate import is_number, raw_percent


@dataclass(frozen=True, slots=True)
class Operation:
    """``reserve_raw`` and ``reserve_app`` in percent; ``stale`` with ``last_updated`` (epoch seconds) for remembered
    values.
    """

    mode: str | None
    reserve_raw: float | None
    reserve_app: float | None
    grid_charging: bool | None
    grid_export: str | None
    stale: bool
    last_updated: float | None


def settings(view: View) -> judges.OperatingSettings:
    """The settings as they were judged. Those of the virtual gateway are in its reading already."""
    if view.reading is None:
        return judges.OperatingSettings()
    return judges.judge_operating_settings(view.reading) if view.gateway.virtual else view.state.judged.operation


def operation(view: View) -> Operation:
    """Every member may be None: a mode is never invented."""
    judged = settings(view)
    mode, charging, export = judged.mode.value, judged.grid_charging.value, judged.grid_export.value
    reserve_app = judged.reserve_percent.value
    told = (view.reading.operation or {}) if view.reading else {}
    reserve_raw = told.get("backup_reserve_percent")
    link = view.status.cloud_control or {}
    taken: list[Any] = []

    def remembered(value: Any, name: str) -> Any:
        known = link.get(name) if value is None else None
        if known is None:
            return value
        taken.append(link.get(name + "_time"))
        return known

    mode = remembered(mode, "last_known_mode")
    reserve_app = remembered(reserve_app, "last_known_reserve")
    charging = remembered(charging, "last_known_grid_charging")
    export = remembered(export, "last_known_grid_export")
    times = [when for when in taken if is_number(when)]
    if reserve_raw is None:
        reserve_raw = raw_percent(reserve_app)
    return Operation(
        mode=mode,
        reserve_raw=reserve_raw,
        reserve_app=reserve_app,
        grid_charging=charging,
        grid_export=export,
        stale=bool(taken),
        last_updated=min(times) if times else None,
    )
