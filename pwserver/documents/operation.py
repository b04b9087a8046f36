"""Operating mode, reserve and grid settings as they are known: the gateway first, then a cloud link's last word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pwserver.documents.meters import system_value
from pwserver.state.view import View
from pwserver_ext.aggregate import app_percent, is_number, raw_percent


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


def operation(view: View) -> Operation:
    """Every member may be None: a mode is never invented."""
    reading = view.reading
    raw = (reading.operation or {}) if reading else {}
    mode = raw.get("real_mode") or (reading.mode if reading else None) or system_value(view, "default_real_mode")
    reserve_raw = raw.get("backup_reserve_percent")
    reserve_app = reading.reserve if reading else None
    charging = reading.grid_charging if reading else None
    export = reading.grid_export if reading else None
    link = view.status.cloud_control or {}
    taken: list[Any] = []

    def remembered(value: Any, name: str) -> Any:
        known = link.get(name) if value is None else None
        if known is None:
            return value
        taken.append(link.get(name + "_time"))
        return known

    mode = remembered(mode, "last_known_mode")
    if reserve_raw is None:
        reserve_app = remembered(reserve_app, "last_known_reserve")
    charging = remembered(charging, "last_known_grid_charging")
    export = remembered(export, "last_known_grid_export")
    times = [when for when in taken if is_number(when)]
    if reserve_app is None:
        reserve_app = app_percent(reserve_raw)
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
