"""Judge which operating mode, reserve and grid settings are known: the gateway's, else the cloud link's last ones."""

from __future__ import annotations

from pwserver.json_types import Json, JsonArray
from pwserver.records import record
from pwserver.state.operating_settings import OperatingSettings, judge_operating_settings, reserve_percent
from pwserver.state.view import View
from pwserver_ext.aggregate import is_number, raw_percent


@record(frozen=True, slots=True)
class KnownSettings:
    """Holds the settings of one gateway, with the reserve in percent on both scales.

    ``stale``: some are the last ones that the cloud link read, at ``last_updated`` (epoch seconds).
    """

    mode: str | None
    reserve_raw: float | None
    reserve_app: float | None
    grid_charging: bool | None
    grid_export: str | None
    stale: bool
    last_updated: float | None


def settings(view: View) -> OperatingSettings:
    """Return the settings as they were judged; those of the virtual gateway are already in its reading."""
    if view.reading is None:
        return OperatingSettings()
    return judge_operating_settings(view.reading) if view.gateway.virtual else view.state.judged.operation


def known_settings(view: View) -> KnownSettings:
    """Return the settings, with remembered ones in the gaps. Every member may be None: a mode is never invented."""
    judged = settings(view)
    mode, charging, export = judged.mode.value, judged.grid_charging.value, judged.grid_export.value
    reserve_app = judged.reserve_percent.value
    told = (view.reading.operation or {}) if view.reading else {}
    reserve_raw = reserve_percent(told.get("backup_reserve_percent"))
    link = view.status.cloud_control or {}
    taken: JsonArray = []

    def remembered(value: object, name: str) -> Json:
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
    return KnownSettings(
        mode=mode,
        reserve_raw=reserve_raw,
        reserve_app=reserve_app,
        grid_charging=charging,
        grid_export=export,
        stale=bool(taken),
        last_updated=min(times) if times else None,
    )
