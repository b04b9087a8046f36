"""Render the documents about devices: vitals, strings, inverters, packs, temperatures, fans, alerts."""

from __future__ import annotations

from pwserver.documents.meters import charge
from pwserver.json_types import JsonObject
from pwserver.state.known_settings import settings
from pwserver.state.view import View
from pwserver_ext import vitals as flat


def vitals(view: View) -> JsonObject:
    """Write /vitals: all devices."""
    return (view.reading.vitals or {}) if view.reading else {}


def strings(view: View) -> JsonObject:
    """Write /strings: solar strings."""
    return (view.reading.strings or {}) if view.reading else {}


def freq(view: View) -> JsonObject:
    """Write /freq: a flat object, numbered by unit, which always has ``grid_status``."""
    reading = view.reading
    if reading is None:
        return {"grid_status": None}
    numbers = reading.unit_numbers
    return flat.frequency(reading.vitals, reading.system_status, reading.tedapi_config, reading.grid_status, numbers)


def pod(view: View) -> JsonObject:
    """Write /pod: a flat object, numbered by unit, which always has the four members of the whole site."""
    reading = view.reading
    body: JsonObject = {}
    if reading is not None:
        body = flat.pods(reading.vitals, reading.system_status, reading.tedapi_config, reading.unit_numbers)
    judged = charge(view)
    body["nominal_full_pack_energy"] = judged.capacity_wh.value
    body["nominal_energy_remaining"] = judged.remaining_wh.value
    body["time_remaining_hours"] = judged.hours_left.value
    body["backup_reserve_percent"] = settings(view).reserve_percent.value
    return body


def temps(view: View) -> JsonObject:
    """Write /temps: temperatures by device."""
    return (view.reading.temps or {}) if view.reading else {}


def temps_numbered(view: View) -> JsonObject:
    """Write /temps/pw: temperatures by unit number."""
    return flat.numbered_temperatures(temps(view))


def alerts(view: View) -> list[str]:
    """Write /alerts: active alerts, sorted."""
    return flat.sorted_alerts(view.reading.alerts) if view.reading else []


def alerts_numbered(view: View) -> dict[str, int]:
    """Write /alerts/pw: a 1 for each active alert, as recorders only keep numbers."""
    return dict.fromkeys(alerts(view), 1)


def fans(view: View) -> JsonObject:
    """Write /fans: fans by device."""
    return (view.reading.fan_speeds or {}) if view.reading else {}


def fans_numbered(view: View) -> JsonObject:
    """Write /fans/pw: fans by number."""
    return flat.numbered_fans(fans(view))


def battery_blocks(view: View) -> JsonObject:
    """Write /pw/battery_blocks: battery blocks by serial number."""
    reading = view.reading
    return flat.battery_blocks(reading.system_status, reading.vitals) if reading else {}


def string_details(view: View) -> JsonObject:
    """Write /pw/strings: the verbose form, or without vitals the simple one."""
    reading = view.reading
    if reading is None:
        return {}
    return flat.string_details(reading.vitals) if reading.vitals else (reading.strings or {})
