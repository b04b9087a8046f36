"""The four meters, the state of energy and their short forms: /aggregates, /soe, /battery, /json."""

from __future__ import annotations

from typing import Any

from pwserver.reading import JsonObject
from pwserver.state.view import View
from pwserver_ext.aggregate import app_percent, is_number
from pwserver_ext.vitals import grid_number

METERS = ("site", "battery", "load", "solar")


def meter(view: View, name: str) -> JsonObject:
    """One meter; empty when unknown."""
    if view.reading is None:
        return {}
    found = view.reading.aggregates.get(name)
    return found if isinstance(found, dict) else {}


def power_watts(view: View, name: str) -> Any:
    """Power of one meter in W, None when unknown."""
    value = meter(view, name).get("instant_power")
    return value if is_number(value) else None


def up_or_down(view: View) -> int | None:
    """1 up, 0 down, None for everything else: for shapes that know only these two."""
    status = grid_number(view.reading.grid_status) if view.reading else None
    return status if status in (0, 1) else None


def system_value(view: View, name: str) -> Any:
    """A member of the system status, None when unknown."""
    status = view.reading.system_status if view.reading else None
    return status.get(name) if isinstance(status, dict) else None


def aggregates(view: View) -> JsonObject:
    return view.reading.aggregates if view.reading else {}


def soe(view: View) -> JsonObject:
    """Raw percent twice: the second name is for clients that know both scales."""
    raw = view.reading.soe_raw if view.reading else None
    return {"percentage": raw, "raw_percentage": raw}


def soe_app(view: View) -> JsonObject:
    """/api/system_status/soe: the app's scale, an object also when unknown."""
    raw = view.reading.soe_raw if view.reading else None
    return {"percentage": app_percent(raw), "raw_percentage": raw}


def battery(view: View) -> JsonObject:
    return {"power": power_watts(view, "battery")}


def summary(view: View) -> JsonObject:
    """/json: everything a small script wants, in one object. Missing is null, or 0 with PW_MISSING_AS_ZERO."""
    reading = view.reading
    raw = reading.soe_raw if reading else None
    body: JsonObject = {
        "grid": power_watts(view, "site"),
        "home": power_watts(view, "load"),
        "solar": power_watts(view, "solar"),
        "battery": power_watts(view, "battery"),
        "soe": raw,
        "soe_raw": raw,
        "grid_status": up_or_down(view),
        "reserve": reading.reserve if reading else None,
        "time_remaining_hours": reading.time_remaining if reading else None,
        "full_pack_energy": system_value(view, "nominal_full_pack_energy"),
        "energy_remaining": system_value(view, "nominal_energy_remaining"),
    }
    if reading and view.server.missing_as_zero:
        body = {key: 0 if value is None else value for key, value in body.items()}
    body["strings"] = (reading.strings or {}) if reading else None
    return body
