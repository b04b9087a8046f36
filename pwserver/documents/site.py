"""Sums over all gateways: /api/aggregate*. Who is left out, and how old the parts are, is said beside every number."""

from __future__ import annotations

from typing import Any

from pwserver.documents.contributors import Contributors, charge, contributors, grid_status, power_sum, real_gateways
from pwserver.documents.devices import alerts as sorted_alerts
from pwserver.documents.gateways import gateway_status
from pwserver.reading import JsonObject
from pwserver.state.view import SiteView
from pwserver_ext.aggregate import time_skew

_POWERS = (("site", "site"), ("battery", "battery"), ("load", "load"), ("solar", "solar"), ("grid", "site"))


def overview(site: SiteView) -> JsonObject:
    """/api/aggregate/: charge, capacity, powers, and every gateway that has data."""
    part = contributors(site)
    views = real_gateways(site)
    level = charge(part)
    body: JsonObject = {
        "total_battery_percent_raw": level.raw,
        "total_battery_percent": level.app,
        "total_battery_capacity": level.capacity_wh,
    }
    for name, source in _POWERS:
        body[f"total_{name}_power"] = power_sum(part, source)[0]
    body["grid_status"] = grid_status(site, part)
    body["num_gateways"] = len(views)
    body["num_online"] = sum(view.status.online for view in views)
    body["num_degraded"] = sum(view.status.stale for view in views)
    body["gateways"] = {view.gateway.id: gateway_status(view) for view in views if view.reading is not None}
    body["timestamp"] = site.now
    body["percentage_mean"] = level.app_mean
    body["weighted"] = level.weighted
    body["sources"] = _sources(site, part)
    return body


def power(site: SiteView) -> JsonObject:
    """/api/aggregate/power: sums in W; ``grid`` is the site meter."""
    part = contributors(site)
    body: JsonObject = {name: power_sum(part, source)[0] for name, source in _POWERS}
    body["timestamp"] = site.now
    body["sources"] = _sources(site, part)
    return body


def soe(site: SiteView) -> JsonObject:
    """/api/aggregate/soe: by capacity where that is known; the plain mean beside it."""
    part = contributors(site)
    level = charge(part)
    return {
        "percentage": level.app,
        "raw_percentage": level.raw,
        "num_gateways": sum(view.status.online for view in real_gateways(site)),
        "timestamp": site.now,
        "percentage_mean": level.app_mean,
        "raw_percentage_mean": level.raw_mean,
        "weighted": level.weighted,
        "sources": _sources(site, part),
    }


def battery(site: SiteView) -> JsonObject:
    """/api/aggregate/battery: capacity in Wh, charge in percent, power in W."""
    part = contributors(site)
    level = charge(part)
    views = real_gateways(site)
    return {
        "total_capacity": level.capacity_wh,
        "battery_percent": level.app,
        "battery_percent_raw": level.raw,
        "battery_power": power_sum(part, "battery")[0],
        "num_gateways": len(views),
        "num_online": sum(view.status.online for view in views),
        "timestamp": site.now,
        "percentage_mean": level.app_mean,
        "weighted": level.weighted,
        "sources": _sources(site, part),
    }


def strings(site: SiteView) -> JsonObject:
    return {view.gateway.id: view.reading.strings or {} for view in real_gateways(site) if view.reading}


def alerts(site: SiteView) -> dict[str, list[str]]:
    return {view.gateway.id: sorted_alerts(view) for view in real_gateways(site) if view.reading}


def vitals(site: SiteView) -> JsonObject:
    return {view.gateway.id: view.reading.vitals or {} for view in real_gateways(site) if view.reading}


def status(site: SiteView) -> JsonObject:
    """/api/aggregate/status: how the connections are, without the data."""
    views = real_gateways(site)
    online = sum(view.status.online for view in views)
    if not views:
        word = "no_gateways"
    elif online == len(views):
        word = "healthy"
    else:
        word = "degraded" if online else "unhealthy"
    return {
        "status": word,
        "num_gateways": len(views),
        "num_online": online,
        "num_degraded": sum(view.status.stale for view in views),
        "gateways": {
            view.gateway.id: {
                "name": view.gateway.name,
                "online": view.status.online,
                "stale": view.status.stale,
                "last_updated": view.status.last_updated,
                "error": view.status.error,
                "consecutive_failures": view.status.consecutive_failures,
                "backoff_seconds": view.status.backoff_seconds,
                "connection_mode": view.status.connection_mode
                or (view.reading.connection_mode if view.reading else None),
            }
            for view in views
        },
        "timestamp": site.now,
        "sources": _sources(site, contributors(site)),
    }


def _sources(site: SiteView, part: Contributors) -> dict[str, Any]:
    """Who is in the numbers, how old each part is, how far apart they are, who lacks what and why one was set aside."""
    missing: dict[str, list[str]] = {}
    for name, source in _POWERS[:4]:
        lacking = power_sum(part, source)[1]
        if lacking:
            missing[name] = lacking
    lacking = list(charge(part).missing)
    if lacking:
        missing["soe"] = lacking
    return {
        "contributors": [view.gateway.id for view in part.views],
        "left_out": dict(part.left_out),
        "missing": missing,
        "flags": dict(part.flags),
        "ages_seconds": {
            view.gateway.id: max(0.0, site.now - view.reading.timestamp)
            for view in real_gateways(site)
            if view.reading is not None
        },
        "time_skew_seconds": time_skew([reading.timestamp for reading in part.readings()]),
    }
