"""Describe the operations of ``/api/timeseries``: days, powers and device signals."""

from __future__ import annotations

from pwserver.bounds import DAYS, EPOCH_SECONDS, SAMPLES, SIGNAL_HOURS, TREND_HOURS
from pwserver.documents import schemas
from pwserver.documents.json_schema import (
    BOOLEAN,
    INTEGER,
    STRING,
    Schema,
    array,
    map_of,
    nullable,
    number,
    obj,
    string,
)
from pwserver.web.api_history_parts import (
    BOOKS,
    DAY,
    ENABLED,
    ENERGIES,
    GATEWAY,
    SPLIT,
    TAG,
    UNAVAILABLE,
    UNKNOWN,
    whole,
)
from pwserver.web.api_operations import INVALID, ApiOperation, Parameter

_WATTS, _T, _N = nullable(number("W")), schemas.T, schemas.N
_ROW = obj({"gateway_id": STRING, "day": STRING, **ENERGIES}, BOOKS)
_TOTAL = obj({"day": STRING, **ENERGIES, **BOOKS})
_SUM = obj({"days": INTEGER, **ENERGIES, **BOOKS})
_SAMPLE = obj({"gateway_id": STRING, "ts": number("s"), **{f"{name}_w": _WATTS for name in SPLIT}})
_KW = nullable(number("kW"))
_POINT = obj(
    {"ts": number("s"), "solar_kw": _KW, "home_kw": _KW, "battery_kw": _KW, "grid_kw": _KW},
    {"battery_level": nullable(number("%", "the Tesla app's scale"))},
)
_SERIES = {
    "gateway": STRING,
    "device": STRING,
    "metric": STRING,
    "unit": STRING,
    "label": STRING,
    "powerwall": nullable(string("the unit that the device belongs to, as people call it")),
    "powerwall_order": nullable(INTEGER),
}
_METRIC = obj({"label": STRING, "unit": STRING, "group": STRING, "order": INTEGER})
_GROUP = obj(
    {
        "label": STRING,
        "order": INTEGER,
        "zero_based": {"type": "boolean", "description": "its charts show the zero"},
        "decimals": INTEGER,
    }
)
_SIGNAL_POINT = obj({"ts": number("s"), "avg": _N, "min": _N, "max": _N})

_FILL = obj(
    {
        "last_filled": _T,
        "quarter_hours": INTEGER,
        "gap_seconds_left": nullable(number("s", "of gaps of the last 30 days; null: not looked for yet")),
        "cause": nullable(string("why the newest question brought nothing")),
    }
)
_EPOCH: Schema = {"type": "number", "minimum": EPOCH_SECONDS[0], "maximum": EPOCH_SECONDS[1]}
_FROM_EPOCH = Parameter("start", _EPOCH, "seconds since 1970")
_TO_EPOCH = Parameter("end", _EPOCH, "seconds since 1970; not a part of the window")

OPERATIONS = (
    ApiOperation(
        "/api/timeseries/daily", "Energies of each day and gateway, newest day first", TAG,
        obj({**ENABLED, "days": array(obj({"day": STRING, "gateways": map_of(_ROW)})), "last_updated": _T},
            {"sum": _SUM, "totals": array(_TOTAL)}),
        text="`sum` is over all these days, `totals` day by day where several gateways are asked for.",
        parameters=(
            Parameter("days", whole(DAYS, 7), "how many days back"), GATEWAY,
            Parameter("start", DAY, "first day; replaces `days`"), Parameter("end", DAY, "last day, inclusive"),
        ),
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/today", "Energies of the present day, in the time zone of each gateway", TAG,
        obj({**ENABLED, "gateways": map_of(_ROW)},
            {"server_time": number("s"), "total": nullable(_TOTAL), "value": map_of(schemas.WORTH)}),
        text="`total` is the day of all gateways together, where there are several.",
        statuses=INVALID, errors=UNAVAILABLE,
    ),
    ApiOperation(
        "/api/timeseries/trend", "Mean powers of all gateways together", TAG,
        obj({**ENABLED, "points": array(_POINT), "count": INTEGER}, {"bucket_seconds": number("s")}),
        parameters=(
            Parameter("hours", whole(TREND_HOURS, 24), "how many hours back"), GATEWAY, _FROM_EPOCH, _TO_EPOCH,
            Parameter("fit", BOOLEAN, "the window from the oldest to the newest sample"),
        ),
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/samples", "The newest samples, oldest of them first", TAG,
        obj({**ENABLED, "samples": array(_SAMPLE), "count": INTEGER}),
        parameters=(
            GATEWAY, _FROM_EPOCH, _TO_EPOCH, Parameter("limit", whole(SAMPLES, 500), "the largest number of samples"),
        ),
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/status", "What is recorded, and for how long", TAG,
        obj({**ENABLED, "retention_seconds": number("s"), "samples": INTEGER, "gateways": array(STRING)},
            {"gateway_names": map_of(STRING, "id -> name of every configured gateway"),
             "timezones": map_of(STRING, "in which each gateway's days are; of all together as `aggregate`"),
             "first_days": map_of(STRING, "the first recorded day of each gateway, and of all together"),
             "fill": map_of(_FILL, "of each gateway whose gaps were filled from Tesla's own history")}),
        errors=UNAVAILABLE,
    ),
    ApiOperation(
        "/api/timeseries/signals", "Device signals that are recorded", TAG,
        obj({**ENABLED, "signals_enabled": BOOLEAN, "interval_seconds": INTEGER, "metrics": map_of(_METRIC),
             "groups": map_of(_GROUP), "series": array(obj(_SERIES))}),
        parameters=(GATEWAY, Parameter("units", BOOLEAN, "include charge and energy of every unit")),
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/signal_trend", "Minimum, mean and maximum of device signals", TAG,
        obj({**ENABLED, "resolution": nullable(string(values=("raw", "daily"))),
             "series": array(obj({**_SERIES, "points": array(_SIGNAL_POINT)}))}),
        parameters=(
            Parameter("metrics", STRING, "ids of metrics, separated by commas"),
            Parameter("devices", STRING, "names of devices, separated by commas"),
            GATEWAY, _FROM_EPOCH, _TO_EPOCH, Parameter("hours", whole(SIGNAL_HOURS, 24), "how many hours back"),
            Parameter("resolution", string(values=("auto", "raw", "daily")),
                      "`auto` takes samples for short windows and days for long ones"),
        ),
        errors=UNKNOWN | UNAVAILABLE, statuses=INVALID,
    ),
)  # fmt: skip
