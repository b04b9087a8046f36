"""Render /api/houses: one short row for every configured house, for a list of many.

A thousand rows are as much as one page can be sent now and then, so a row has only what a list shows. While a house is
away its last known figures stand in its row, and ``old`` says so.
"""

from __future__ import annotations

from typing import Final

from pwserver.documents.json_schema import (
    EPOCH,
    HOURS,
    PERCENT,
    STRING,
    WATTHOURS,
    WATTS,
    Schema,
    array,
    integer,
    map_of,
    nullable,
    number,
    obj,
    string,
)
from pwserver.documents.site_documents import without_poller
from pwserver.json_types import JsonObject
from pwserver.state.condition import CONDITIONS
from pwserver.state.figures import METER_NAMES, meter_name, rounded
from pwserver.state.gateway import FRESH, State
from pwserver.state.site import Site
from pwserver.state.today import TodayEnergies
from pwserver.state.view import SiteView, View
from pwserver.state.week_checks import CHECKS, worst_check

VERSION: Final = 1
_TODAY: Final = ("solar_wh", "home_wh", "imported_wh", "exported_wh", "own_percent")


def houses(view: SiteView) -> JsonObject:
    """Write /api/houses: every configured house, in the order of the configuration."""
    site = view.state
    return {
        "version": VERSION,
        "time": rounded("time_seconds", view.now),
        "well": sum(one.well for one in site.conditions.values()),
        "houses": [_row(one, site) for one in view.gateways],
    }


def houses_without_poller(view: SiteView) -> JsonObject:
    """Write /api/houses for the time after the poller has stopped."""
    return houses(without_poller(view))


def _row(view: View, site: Site) -> JsonObject:
    state = view.state
    condition, known = site.conditions[state.gateway.id], state.availability
    old = state.last_known
    judged = old or state.judged
    body: JsonObject = {
        "id": state.gateway.id,
        "name": state.gateway.name,
        "condition": condition.word,
        "rank": CONDITIONS.index(condition.word),
    }
    for meter, name in METER_NAMES.items():
        watts = judged.meters[meter].watts.value
        body[f"{name}_watts"] = None if watts is None else round(watts)
    further = {
        meter_name(name): round(meter.watts.value)
        for name, meter in judged.meters.items()
        if name not in METER_NAMES and meter.watts.value
    }
    if further:
        body["further_watts"] = further
    body["charge_percent"] = _rounded(judged.charge.app_percent.value, 1)
    body["hours_left"] = _rounded(state.judged.charge.hours_left.value, 1)
    body["reserve_percent"] = _rounded(state.judged.operation.reserve_percent.value, 1)
    body["grid_state"] = judged.grid.state.value
    body["read_at"] = None if known.read_at is None else round(known.read_at)
    body["today"] = _today(view.today)
    if condition.alert is not None:
        body["worst_alert"] = {"name": condition.alert.name, "meaning": condition.alert.meaning}
    if (failed := worst_check(view.checks)) is not None:
        body["failed_check"] = failed.id
    if condition.weak_strings:
        body["weak_strings"] = list(condition.weak_strings)
    if known.phase != FRESH:
        body.update(_why(state, old is not None))
    return body


def _why(state: State, old: bool) -> JsonObject:
    known = state.availability
    moments = {"since": known.since, "next_attempt": known.next_attempt}
    found: JsonObject = {name: None if moment is None else round(moment) for name, moment in moments.items()}
    return {**found, "sentence": known.sentence, "advice": known.advice, "old": old or state.judged.reading is not None}


def _today(found: TodayEnergies | None) -> JsonObject | None:
    if found is None:
        return None
    return {name: _rounded(getattr(found, name), 1 if name == "own_percent" else 0) for name in _TODAY}


def _rounded(value: float | None, digits: int) -> float | int | None:
    if value is None:
        return None
    short = round(value, digits)
    return int(short) if float(short).is_integer() else short


_W, _WH, _T = nullable(WATTS), nullable(WATTHOURS), nullable(EPOCH)
_ROW: dict[str, Schema] = {
    "id": STRING,
    "name": STRING,
    "condition": string("as in /api/site", values=CONDITIONS),
    "rank": integer("by which those in trouble come first, the worst with 0"),
    "solar_watts": _W,
    "home_watts": _W,
    "battery_watts": nullable(number("W", "discharging is positive")),
    "grid_watts": nullable(number("W", "import is positive")),
    "charge_percent": nullable(number("%", "on the app's scale")),
    "hours_left": nullable(HOURS),
    "reserve_percent": nullable(number("%", "on the app's scale")),
    "grid_state": nullable(string("null: unknown", values=("UP", "DOWN", "SYNCING"))),
    "read_at": nullable(number("s", "when the gateway was read last, seconds since 1970")),
    "today": nullable(
        obj(
            {**dict.fromkeys(_TODAY[:-1], _WH), "own_percent": nullable(PERCENT)},
            text="energies since the house's midnight; null: nothing was recorded",
        )
    ),
}
_MORE: dict[str, Schema] = {
    "further_watts": map_of(WATTS, "the further meters that are not at rest, a generator's for instance, by name"),
    "worst_alert": obj({"name": STRING, "meaning": nullable(STRING)}),
    "failed_check": string("of the seven-day checks the failed one that matters most", values=CHECKS),
    "weak_strings": array(STRING),
    "since": _T,
    "next_attempt": _T,
    "sentence": nullable(string("why there are no new figures")),
    "advice": nullable(string("what the owner can do")),
    "old": {"type": "boolean", "description": "the figures are the last known ones"},
}
HOUSES = obj(
    {
        "version": {"const": 1},
        "time": number("s", "when this was written, seconds since 1970"),
        "well": integer("at how many houses all is well, as far as is known"),
        "houses": array(obj(_ROW, _MORE)),
    }
)
