"""Render the meters and inverters of the gateway's own web API.

Libraries made for a gateway know its meters by name and read the same members of each. So every meter here has these
members, null where unknown, and other places, such as the conductors of a Powerwall 3, are only in /aggregates.
"""

from __future__ import annotations

from typing import Final

from pwserver.documents.meters import meter
from pwserver.json_types import Json, JsonArray, JsonMapping, JsonObject
from pwserver.state.view import View

_PLACES: Final = ("site", "battery", "load", "solar", "generator", "busway")
_READINGS: Final = (
    "last_communication_time",
    "instant_power",
    "frequency",
    "energy_exported",
    "energy_imported",
    "instant_total_current",
    "instant_average_voltage",
)
_SOLAR: Final = ("brand", "model", "power_rating_watts")


def aggregates(view: View) -> JsonObject:
    """Write /api/meters/aggregates: the meters that a gateway has there."""
    meters = view.reading.aggregates if view.reading else {}
    return {name: _whole(body) for name, body in meters.items() if name in _PLACES and isinstance(body, dict)}


def meters(view: View) -> JsonArray:
    """Write /api/meters: the installed meters."""
    return (view.reading.meters or []) if view.reading else []


def meters_site(view: View) -> JsonArray:
    """Write /api/meters/site: the gateway's own list, else the site meters of its configuration, else the main meter.

    If there is only one site meter, its values are those of the main meter. Tesla's servers tell of no meter.
    """
    if view.reading is None:
        return []
    if view.reading.meters_site:
        return [_listed(entry, "site") for entry in view.reading.meters_site]
    main = meter(view, "site")
    site = [(number, entry) for number, entry in _configured(view, "meters") if entry.get("location") == "site"]
    if not site:
        known = main and not view.reading.remote
        return [_listed({"id": None, "location": "site", "Cached_readings": main}, "site")] if known else []
    return [
        {
            "id": number,
            **{name: entry.get(name) for name in ("location", "type", "cts", "inverted", "connection")},
            "Cached_readings": _whole(main if len(site) == 1 else {}),
        }
        for number, entry in site
    ]


def meters_solar(view: View) -> JsonArray:
    """Write /api/meters/solar: the gateway's own list, else the solar meter in both places where clients look."""
    if view.reading and view.reading.meters_solar:
        return [_listed(entry, "solar") for entry in view.reading.meters_solar]
    solar = meter(view, "solar")
    return [_listed({**solar, "Cached_readings": solar}, "solar")] if solar else []


def solars(view: View) -> JsonArray:
    """Write /api/solars: the gateway's own list of solar inverters, else that of its configuration."""
    if view.reading is None:
        return []
    if view.reading.solars:
        return view.reading.solars
    return [{name: entry.get(name) for name in _SOLAR} for _, entry in _configured(view, "solars")]


def _configured(view: View, name: str) -> list[tuple[int, JsonMapping]]:
    """Return the entries of one list of the gateway's configuration, with their places in it."""
    listed = ((view.reading.tedapi_config if view.reading else None) or {}).get(name)
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    return list(enumerate(entries))


def _listed(entry: Json, place: str) -> Json:
    if not isinstance(entry, dict):
        return entry
    cached = entry.get("Cached_readings")
    return {**entry, "location": entry.get("location") or place, "Cached_readings": _whole(cached or {})}


def _whole(body: Json) -> JsonObject:
    """Return a meter with all members that clients read."""
    known = body if isinstance(body, dict) else {}
    return {**known, **{name: None for name in _READINGS if name not in known}}
