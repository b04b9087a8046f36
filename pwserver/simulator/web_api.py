"""Which document of the web API is at which path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from . import local_api

if TYPE_CHECKING:
    from .simulated_device import SimulatedDevice


def with_counters(meters: dict[str, Any], counters: Mapping[str, Any]) -> dict[str, Any]:
    """The meters with some counters (``load.energy_imported``) as a test wants them."""
    for name, value in counters.items():
        meter, _, member = name.partition(".")
        meters.setdefault(meter, {})[member] = value
    return meters


def document(path: str, device: SimulatedDevice) -> Any:
    """The document at ``path``, or None where there is none."""
    snapshot = device.house.snapshot()
    moment = device.house.local_time(snapshot.time)
    family = device.scenario.family
    info = device.config.get("site_info") or {}
    if path == "/api/meters/aggregates":
        return with_counters(local_api.aggregates(snapshot, moment), device.counters)
    if path == "/api/system_status/soe":
        return {"percentage": snapshot.soe_percent} if family.packs else None
    if path == "/api/system_status/grid_status":
        return local_api.grid_status(snapshot)
    if path == "/api/system_status":
        return local_api.system_status(snapshot, family.plant, family.units)
    if path == "/api/status":
        return local_api.status(snapshot, moment, family.din, family.version)
    if path == "/api/operation":
        return {
            "real_mode": device.config.get("default_real_mode"),
            "backup_reserve_percent": info.get("backup_reserve_percent"),
            "freq_shift_load_shed_soe": 65,
            "freq_shift_load_shed_delta_f": -0.32,
        }
    if path == "/api/site_info":
        return local_api.site_info(device.config)
    if path == "/api/site_info/site_name":
        return {"site_name": info.get("site_name"), "timezone": info.get("timezone")}
    if path == "/api/powerwalls":
        return local_api.powerwalls(family.units, family.din, snapshot)
    if path in ("/api/meters/site", "/api/meters/solar"):
        return local_api.meter_readings(snapshot, moment, path.rpartition("/")[2])
    if path == "/api/meters":
        return [
            {**meter, "Cached_readings": None}
            for place in ("site", "solar")
            for meter in local_api.meter_readings(snapshot, moment, place)
        ]
    if path == "/api/meters/readings":
        return None
    if path == "/api/solar_powerwall":
        return local_api.solar_powerwall(snapshot)
    return local_api.FIXED.get(path)
