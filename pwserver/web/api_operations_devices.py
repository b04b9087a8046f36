"""Describe the operations about the days of battery units and solar strings."""

from __future__ import annotations

from pwserver.documents.json_schema import BOOLEAN, STRING, Schema, array, map_of, nullable, number, obj, string
from pwserver.state.battery_health import SOURCES
from pwserver.state.string_weakness import EARLIER_DAYS, YEAR_BEFORE
from pwserver.web.api_history_parts import ENABLED, GATEWAY, INSTANT, TAG, UNAVAILABLE, UNKNOWN
from pwserver.web.api_operations import INVALID, ApiOperation, Parameter

_FULL = nullable(number("Wh", "energy when full, as the battery's own management estimates it"))
_BATTERY: dict[str, Schema] = {
    "full_wh": nullable(number("Wh", "energy when full, on the newest day that has one")),
    "median_full_wh": nullable(number("Wh", "median of the newest 30 days")),
    "nominal_wh": nullable(number("Wh", "the nameplate")),
    "health_percent": nullable(number("%", "state of health: the median of 30 days in percent of the nameplate")),
    "trend_percent_per_year": nullable(number("%", "of the nameplate, by the days since compared_since")),
    "trend_range_percent_per_year": nullable(
        {**array(number("%")), "description": "lowest and highest trend that the scatter of the days allows (95 %)"}
    ),
    "discharged_wh": nullable(number("Wh", "counted in all, resets of the counter bridged")),
    "cycles": nullable(number("", "discharged_wh divided by nominal_wh")),
    "unknown": map_of(string("why"), "for each figure that is null"),
    "source": nullable(string("where the full energy was read", values=SOURCES)),
    "days": {"type": "integer", "description": "with a full energy"},
    "first_day": nullable(STRING),
    "last_day": nullable(STRING),
    "compared_since": nullable(string("days before that are not compared: the last step, or another source")),
    "steps": {
        **array(obj({"day": STRING, "percent": number("%")})),
        "description": "changes of more than 2 % that came too fast for ageing, in the last year",
    },
    "daily": array(
        obj(
            {
                "day": STRING,
                "full_wh": _FULL,
                "health_percent": nullable(number("%", "of this day alone")),
                "source": nullable(string(values=SOURCES)),
                "discharged_wh": nullable(number("Wh", "the counter at the end of the day")),
            }
        )
    ),
}
_UNIT = {"label": nullable(STRING), "part": nullable(STRING), "type": nullable(STRING), **_BATTERY}
_STRING: dict[str, Schema] = {
    "weak": nullable({**BOOLEAN, "description": "against its neighbours, by the rule; null: not known"}),
    "since": nullable(string("the first day of those by which it was found weak")),
    "share": nullable(number("", "its energy divided by the median of the other strings', on the newest judged days")),
    "earlier_share": nullable(number("", "what that was before")),
    "compared_with": nullable(string("which days that were", values=(YEAR_BEFORE, EARLIER_DAYS))),
    "reason": nullable(string("why nothing is known")),
    "last_judged_day": nullable(STRING),
    "daily": array(
        obj(
            {
                "day": STRING,
                "energy_wh": number("Wh"),
                "share": nullable(number("", "null on a day that was cloudy or incomplete")),
                "weak": nullable(string("what was found on this day", values=("no", "yes"))),
            }
        )
    ),
}

_DAYS_OF_DEVICES = (  # what ``history.day_window`` reads
    GATEWAY,
    Parameter("from", STRING, f"{INSTANT}, days begin from then on; without it, a year", example="now-90d"),
    Parameter("to", STRING, f"{INSTANT}; not a part of the window", example="now"),
    Parameter("format", string(values=("json", "csv")), "the format of the answer"),
)

OPERATIONS = (
    ApiOperation(
        "/api/battery/health", "State of health of every battery unit, its trend, its cycles, and its days", TAG,
        obj({**ENABLED, "meaning": STRING,
             "gateways": map_of(obj({"timezone": STRING, "whole": obj(_BATTERY), "units": map_of(obj(_UNIT))}))}),
        text="Units are known by their serial number; `whole` is all of a gateway's units together. What is not known "
             "is null, and `unknown` says why. Only `daily` depends on the window.",
        other_media_type="text/csv; charset=utf-8",
        parameters=_DAYS_OF_DEVICES,
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/solar/strings", "Energy of every solar string by day, and whether it is weak against its neighbours", TAG,
        obj({**ENABLED, "rule": STRING,
             "gateways": map_of(obj({"timezone": STRING, "strings": map_of(obj(_STRING))}))}),
        text="Strings that never gave anything are not listed. Only `daily` depends on the window.",
        other_media_type="text/csv; charset=utf-8",
        parameters=_DAYS_OF_DEVICES,
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
)  # fmt: skip
