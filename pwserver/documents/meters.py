"""Render the four meters, the state of energy and their short forms: /aggregates, /soe, /battery, /json."""

from __future__ import annotations

from pwserver.json_types import Json, JsonObject
from pwserver.state.charge import Charge, judge_charge
from pwserver.state.known_settings import settings
from pwserver.state.view import View
from pwserver_ext.aggregate import number
from pwserver_ext.vitals import grid_number

METERS = ("site", "battery", "load", "solar")


def meter(view: View, name: str) -> JsonObject:
    """Return one meter in the library's shape; empty when it is unknown."""
    if view.reading is None:
        return {}
    found = view.reading.aggregates.get(name)
    return found if isinstance(found, dict) else {}


def power_watts(view: View, name: str) -> Json:
    """Return the power of one meter in W, None while it is unknown."""
    return number(meter(view, name).get("instant_power"))


def up_or_down(view: View) -> int | None:
    """Return 1 for up, 0 for down and None for everything else, for documents that only have these two."""
    status = grid_number(view.reading.grid_status) if view.reading else None
    return status if status in (0, 1) else None


def aggregates(view: View) -> JsonObject:
    """Write /aggregates: the meters."""
    return view.reading.aggregates if view.reading else {}


def charge(view: View) -> Charge:
    """Return the charge as it was judged; the sums of the virtual gateway are already in its reading."""
    if view.reading is None:
        return Charge()
    return judge_charge(view.reading, ()) if view.gateway.virtual else view.state.judged.charge


def soe(view: View) -> JsonObject:
    """Write /soe: the raw percent under both names, as clients that know both scales use the second one."""
    raw = charge(view).raw_percent.value
    return {"percentage": raw, "raw_percentage": raw}


def soe_app(view: View) -> JsonObject:
    """Write /api/system_status/soe: both scales, with null for unknown, and then an error as in ``tesla_status``."""
    judged = charge(view)
    body: JsonObject = {"percentage": judged.app_percent.value, "raw_percentage": judged.raw_percent.value}
    return body if body["percentage"] is not None else {**body, "error": "the charge is not known at present"}


def battery(view: View) -> JsonObject:
    """Write /battery: the battery power."""
    return {"power": power_watts(view, "battery")}


def summary(view: View) -> JsonObject:
    """Write /json: the numbers that a small script needs; unknown is null, or 0 with PW_MISSING_AS_ZERO."""
    reading = view.reading
    judged = charge(view)
    raw = judged.raw_percent.value
    body: JsonObject = {
        "grid": power_watts(view, "site"),
        "home": power_watts(view, "load"),
        "solar": power_watts(view, "solar"),
        "battery": power_watts(view, "battery"),
        "soe": raw,
        "soe_raw": raw,
        "grid_status": up_or_down(view),
        "reserve": settings(view).reserve_percent.value,
        "time_remaining_hours": judged.hours_left.value,
        "full_pack_energy": judged.capacity_wh.value,
        "energy_remaining": judged.remaining_wh.value,
    }
    if reading and view.server.missing_as_zero:
        body = {key: 0 if value is None else value for key, value in body.items()}
    body["strings"] = (reading.strings or {}) if reading else None
    return body
