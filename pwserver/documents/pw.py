"""Render the /pw routes that are not merely another name of a document."""

from __future__ import annotations

from pwserver.documents.devices import alerts as sorted_alerts
from pwserver.documents.meters import METERS, charge, meter, power_watts
from pwserver.json_types import JsonObject
from pwserver.state.known_settings import settings
from pwserver.state.view import View
from pwserver_ext.vitals import version_number


def level(view: View) -> JsonObject:
    """Write /pw/level: the state of energy on the raw scale."""
    return {"level": charge(view).raw_percent.value}


def power(view: View) -> JsonObject:
    """Write /pw/power: the four powers in W; unknown is null, or 0 with PW_MISSING_AS_ZERO."""
    body: JsonObject = {name: power_watts(view, name) for name in ("site", "solar", "battery", "load")}
    if view.server.missing_as_zero:
        return {name: 0 if value is None else value for name, value in body.items()}
    return body


def site(view: View) -> JsonObject:
    """Write /pw/site: the site meter."""
    return meter(view, METERS[0])


def battery(view: View) -> JsonObject:
    """Write /pw/battery: the battery meter."""
    return meter(view, METERS[1])


def load(view: View) -> JsonObject:
    """Write /pw/load: the load meter."""
    return meter(view, METERS[2])


def solar(view: View) -> JsonObject:
    """Write /pw/solar: the solar meter."""
    return meter(view, METERS[3])


def din(view: View) -> JsonObject:
    """Write /pw/din: the device identification number."""
    return {"din": view.reading.din if view.reading else None}


def uptime(view: View) -> JsonObject:
    """Write /pw/uptime: the uptime of the gateway."""
    return {"uptime": view.reading.uptime if view.reading else None}


def version(view: View) -> JsonObject:
    """Write /pw/version: always a word and an integer; 0 means that there is no number."""
    known = view.reading.version if view.reading else None
    return {"version": "Unknown" if known is None else known, "vint": version_number(known) or 0}


def site_name(view: View) -> JsonObject:
    """Write /pw/site_name: the site name."""
    return {"site_name": view.reading.site_name if view.reading else None}


def alerts(view: View) -> JsonObject:
    """Write /pw/alerts: active alerts."""
    return {"alerts": sorted_alerts(view)}


def is_connected(view: View) -> JsonObject:
    """Write /pw/is_connected: whether the last poll succeeded."""
    return {"is_connected": view.status.online}


def get_reserve(view: View) -> JsonObject:
    """Write /pw/get_reserve: the backup reserve on the app's scale."""
    return {"reserve": settings(view).reserve_percent.value}


def get_mode(view: View) -> JsonObject:
    """Write /pw/get_mode: the operating mode."""
    return {"mode": settings(view).mode.value}


def get_time_remaining(view: View) -> JsonObject:
    """Write /pw/get_time_remaining: hours of backup left."""
    return {"time_remaining": charge(view).hours_left.value}
