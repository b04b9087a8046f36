"""Hold what the descriptions of the history's operations have in common."""

from __future__ import annotations

from pwserver.documents.json_schema import BOOLEAN, STRING, Schema, nullable, number, string
from pwserver.web.api_operations import Parameter

TAG = "history"
KWH = nullable(number("kWh"))
ENABLED: dict[str, Schema] = {"enabled": BOOLEAN}
SPLIT = ("solar", "home", "battery_charge", "battery_discharge", "grid_import", "grid_export")
BOOKS: dict[str, Schema] = {
    "solar_to_home_kwh": KWH,
    "battery_to_home_kwh": KWH,
    "grid_to_home_kwh": KWH,
    "self_powered_percent": nullable(number("%", "of the home's energy, what came from sun and battery")),
    "self_powered_from": nullable(
        string("`shares`: from the three parts of the home's energy; `totals`: at least 1 - bought / home")
    ),
    "covered_seconds": nullable(number("s", "of which anything is known")),
    "gap_seconds": nullable(number("s", "of which only the counters are known")),
    "filled_seconds": nullable(number("s", "that were filled from Tesla's own history")),
}
ENERGIES: dict[str, Schema] = {f"{name}_kwh": KWH for name in SPLIT}

GATEWAY = Parameter("gateway", STRING, "id of a gateway; without it, all of them")
UNKNOWN = {404: "there is no such gateway"}
DAY: Schema = {"type": "string", "format": "date"}
DAMAGED = "the files of the history were damaged while the server was running; live data are not affected"
UNAVAILABLE = {503: DAMAGED}
INSTANT = "an instant: seconds or milliseconds since 1970, an ISO time, or `now-6h`"


def whole(limits: tuple[int, int], default: int) -> Schema:
    """Return the schema of a whole number."""
    return {"type": "integer", "minimum": limits[0], "maximum": limits[1], "default": default}
