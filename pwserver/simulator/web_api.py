"""Route the paths of the web API that an owner logs in to, to the functions that write the documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from pwserver.json_types import Json, JsonMapping, JsonObject

from . import local_api
from .gateway_family import GatewayFamily, HouseFacts


def document(path: str, family: GatewayFamily, facts: HouseFacts) -> Json:
    """Return the document at this path; None if there is none."""
    write = _DOCUMENTS.get(path)
    return local_api.FIXED.get(path) if write is None else write(family, facts)


def with_counters(meters: JsonObject, counters: JsonMapping) -> JsonObject:
    """Replace counters of the meters by these (``load.energy_imported`` -> value), and return the meters."""
    for name, value in counters.items():
        meter, _, member = name.partition(".")
        meters.setdefault(meter, {})[member] = value
    return meters


def _aggregates(family: GatewayFamily, facts: HouseFacts) -> Json:
    return with_counters(local_api.aggregates(facts.snapshot, facts.moment), facts.counters)


def _soe(family: GatewayFamily, facts: HouseFacts) -> Json:
    return {"percentage": facts.snapshot.soe_percent} if family.packs else None


def _operation(family: GatewayFamily, facts: HouseFacts) -> Json:
    return {
        "real_mode": facts.config.get("default_real_mode"),
        "backup_reserve_percent": _site_info(facts).get("backup_reserve_percent"),
        "freq_shift_load_shed_soe": 65,
        "freq_shift_load_shed_delta_f": -0.32,
    }


def _site_name(family: GatewayFamily, facts: HouseFacts) -> Json:
    info = _site_info(facts)
    return {"site_name": info.get("site_name"), "timezone": info.get("timezone")}


def _meters(family: GatewayFamily, facts: HouseFacts) -> Json:
    return [
        {**meter, "Cached_readings": None}
        for place in ("site", "solar")
        for meter in local_api.meter_readings(facts.snapshot, facts.moment, place)
    ]


def _site_info(facts: HouseFacts) -> JsonMapping:
    return facts.config.get("site_info") or {}


_DOCUMENTS: Final[Mapping[str, Callable[[GatewayFamily, HouseFacts], Any]]] = {
    "/api/meters/aggregates": _aggregates,
    "/api/system_status/soe": _soe,
    "/api/system_status/grid_status": lambda family, facts: local_api.grid_status(facts.snapshot),
    "/api/system_status": lambda family, facts: local_api.system_status(facts.snapshot, family.plant, family.units),
    "/api/status": lambda family, facts: local_api.status(facts.snapshot, facts.moment, family.din, family.version),
    "/api/operation": _operation,
    "/api/site_info": lambda family, facts: local_api.site_info(dict(facts.config)),
    "/api/site_info/site_name": _site_name,
    "/api/powerwalls": lambda family, facts: local_api.powerwalls(family.units, family.din, facts.snapshot),
    "/api/meters/site": lambda family, facts: local_api.meter_readings(facts.snapshot, facts.moment, "site"),
    "/api/meters/solar": lambda family, facts: local_api.meter_readings(facts.snapshot, facts.moment, "solar"),
    "/api/meters": _meters,
    "/api/meters/readings": lambda family, facts: None,
    "/api/solar_powerwall": lambda family, facts: local_api.solar_powerwall(facts.snapshot),
}
