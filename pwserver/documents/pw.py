"""Render the /pw routes that are not merely another name of a document."""

from __future__ import annotations

from pwserver.documents.devices import alerts as sorted_alerts
from pwserver.documents.meters import METERS, charge, meter, power_watts
from pwserver.json_types import JsonObject
from pwserver.state.known_settings import settings
from pwserver.state.view import View
from pwserver_ext.vitals import version_number


def level(view: View) -> JsonObject:
    return {"level": charge(view).raw_percent.value}


def power(view: View) -> JsonObject:
    """Write /pw/power: the four powers in W; unknown is null, or 0 with PW_MISSING_AS_ZERO."""
    body: JsonObject = {name: power_watts(view, name) for name in ("site", "solar", "battery", "load")}
    if view.server.missing_as_zero:
        return {name: 0 if value is None else value for name, value in body.items()}
    return body


def site(view: View) -> JsonObject:
    return meter(view, METERS[0])


def battery(view: View) -> JsonObject:
    return meter(view, METERS[1])


def load(view: View) -> JsonObject:
    return meter(view, METERS[2])


def solar(view: View) -> JsonObject:
    return meter(view, METERS[3])


def din(view: View) -> JsonObject:
    return {"din": view.reading.din if view.reading else None}


def uptime(view: View) -> JsonObject:
    return {"uptime": view.reading.uptime if view.reading else None}


def version(view: View) -> JsonObject:
    """Write /pw/version: always a word and an integer; 0 means that there is no number."""
    known = view.reading.version if view.reading else None
    return {"version": "Unknown" if known is None else known, "vint": version_number(known) or 0}


def site_name(view: View) -> JsonObject:
    return {"site_name": view.reading.site_name if view.reading else None}


def alerts(view: View) -> JsonObject:
    return {"alerts": sorted_alerts(view)}


def is_connected(view: View) -> JsonObject:
    return {"is_connected": view.status.online}


def get_reserve(view: View) -> JsonObject:
    return {"reserve": settings(view).reserve_percent.value}


def get_mode(view: View) -> JsonObject:
    return {"mode": settings(view).mode.value}


def get_time_remaining(view: View) -> JsonObject:
    return {"time_remaining": charge(view).hours_left.value}
