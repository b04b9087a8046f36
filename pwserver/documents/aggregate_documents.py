"""Render the sums over all gateways (/api/aggregate*), with the gateways left out and the ages of the parts."""

from __future__ import annotations

from functools import partial

from pwserver.documents.devices import alerts as sorted_alerts
from pwserver.documents.encode import Encoded
from pwserver.documents.gateway_status import written_status
from pwserver.json_types import JsonMapping, JsonObject
from pwserver.state.site import MIXED
from pwserver.state.view import SiteView
from pwserver_ext.aggregate import time_skew

_POWERS = (("site", "site"), ("battery", "battery"), ("load", "load"), ("solar", "solar"), ("grid", "site"))


def overview(view: SiteView) -> JsonObject:
    """Write /api/aggregate/: charge, capacity, powers, and every gateway that has data."""
    site, views = view.state, view.gateways
    body: JsonObject = {
        "total_battery_percent_raw": site.charge.raw.value,
        "total_battery_percent": site.charge.app.value,
        "total_battery_capacity": site.charge.capacity_wh.value,
    }
    for name, meter in _POWERS:
        body[f"total_{name}_power"] = site.watts[meter].value
    body["grid_status"] = grid_status(view)
    body["num_gateways"] = len(views)
    body["num_online"] = sum(one.status.online for one in views)
    body["num_degraded"] = sum(one.status.stale for one in views)
    body["gateways"] = {one.gateway.id: written_status(one) for one in views if one.reading is not None}
    body["timestamp"] = view.now
    body["percentage_mean"] = site.charge.app_mean
    body["weighted"] = site.charge.weighted
    body["sources"] = _sources(view)
    return body


def grid_status(view: SiteView) -> str | None:
    """Return the grid's state; None if only some houses are on it, as this document has no word for that."""
    state = view.state.grid.state
    return None if state == MIXED else state


def power(view: SiteView) -> JsonObject:
    """Write /api/aggregate/power: sums in W; ``grid`` is the site meter."""
    body: JsonObject = {name: view.state.watts[meter].value for name, meter in _POWERS}
    body["timestamp"] = view.now
    body["sources"] = _sources(view)
    return body


def soe(view: SiteView) -> JsonObject:
    """Write /api/aggregate/soe: the charge weighted by capacity if that is known, and the plain mean."""
    charge = view.state.charge
    return {
        "percentage": charge.app.value,
        "raw_percentage": charge.raw.value,
        "num_gateways": sum(one.status.online for one in view.gateways),
        "timestamp": view.now,
        "percentage_mean": charge.app_mean,
        "raw_percentage_mean": charge.raw_mean,
        "weighted": charge.weighted,
        "sources": _sources(view),
    }


def battery(view: SiteView) -> JsonObject:
    """Write /api/aggregate/battery: capacity in Wh, charge in percent, power in W."""
    charge, views = view.state.charge, view.gateways
    return {
        "total_capacity": charge.capacity_wh.value,
        "battery_percent": charge.app.value,
        "battery_percent_raw": charge.raw.value,
        "battery_power": view.state.watts["battery"].value,
        "num_gateways": len(views),
        "num_online": sum(one.status.online for one in views),
        "timestamp": view.now,
        "percentage_mean": charge.app_mean,
        "weighted": charge.weighted,
        "sources": _sources(view),
    }


def strings(view: SiteView) -> JsonObject:
    """Write /api/aggregate/strings: strings by gateway."""
    return {
        one.gateway.id: one.once(strings, partial(_member, one.reading.strings)) for one in view.gateways if one.reading
    }


def alerts(view: SiteView) -> dict[str, list[str]]:
    """Write /api/aggregate/alerts: alerts by gateway."""
    return {one.gateway.id: sorted_alerts(one) for one in view.gateways if one.reading}


def vitals(view: SiteView) -> JsonObject:
    """Write /api/aggregate/vitals: devices by gateway."""
    return {
        one.gateway.id: one.once(vitals, partial(_member, one.reading.vitals)) for one in view.gateways if one.reading
    }


def status(view: SiteView) -> JsonObject:
    """Write /api/aggregate/status: the connections of all gateways, without data."""
    views = view.gateways
    online = sum(one.status.online for one in views)
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
        "num_degraded": sum(one.status.stale for one in views),
        "gateways": {
            one.gateway.id: {
                "name": one.gateway.name,
                "online": one.status.online,
                "stale": one.status.stale,
                "last_updated": one.status.last_updated,
                "error": one.status.error,
                "consecutive_failures": one.status.consecutive_failures,
                "backoff_seconds": one.status.backoff_seconds,
                "connection_mode": one.status.connection_mode or (one.reading.connection_mode if one.reading else None),
            }
            for one in views
        },
        "timestamp": view.now,
        "sources": _sources(view),
    }


def _member(value: JsonMapping | None) -> Encoded:
    return Encoded(value or {})


def _sources(view: SiteView) -> JsonObject:
    """Return which gateways are in the sums, the ages of their parts, and what is missing or was set aside, and why."""
    site = view.state
    missing = {name: list(site.watts[meter].missing) for name, meter in _POWERS[:4] if site.watts[meter].missing}
    if site.charge.raw.missing:
        missing["soe"] = list(site.charge.raw.missing)
    return {
        "contributors": [state.gateway.id for state in site.members],
        "left_out": dict(site.left_out),
        "missing": missing,
        "flags": dict(site.flags),
        "ages_seconds": {
            one.gateway.id: max(0.0, view.now - one.reading.timestamp)
            for one in view.gateways
            if one.reading is not None
        },
        "time_skew_seconds": time_skew([state.availability.read_at for state in site.members]),
    }
