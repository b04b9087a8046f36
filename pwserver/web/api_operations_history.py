"""Describe the operations of the history."""

from __future__ import annotations

from pwserver.bounds import CALENDAR_PERIODS, DAYS, EPOCH_SECONDS, POINTS, SAMPLES, SIGNAL_HOURS, TREND_HOURS
from pwserver.documents import schemas
from pwserver.documents.json_schema import (
    ANY,
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
from pwserver.state.battery_health import SOURCES
from pwserver.state.string_weakness import EARLIER_DAYS, YEAR_BEFORE
from pwserver.web.api_operations import INVALID, ApiOperation, Parameter

TAG = "history"
_KWH, _WATTS, _T, _N = nullable(number("kWh")), nullable(number("W")), schemas.T, schemas.N
_ENABLED: dict[str, Schema] = {"enabled": BOOLEAN}
_SPLIT = ("solar", "home", "battery_charge", "battery_discharge", "grid_import", "grid_export")
_BOOKS: dict[str, Schema] = {
    "solar_to_home_kwh": _KWH,
    "battery_to_home_kwh": _KWH,
    "grid_to_home_kwh": _KWH,
    "self_powered_percent": nullable(number("%", "of the home's energy, what came from sun and battery")),
    "self_powered_from": nullable(
        string("`shares`: from the three parts of the home's energy; `totals`: at least 1 - bought / home")
    ),
    "covered_seconds": nullable(number("s", "of which anything is known")),
    "gap_seconds": nullable(number("s", "of which only the counters are known")),
    "filled_seconds": nullable(number("s", "that were filled from Tesla's own history")),
}
_ENERGIES: dict[str, Schema] = {f"{name}_kwh": _KWH for name in _SPLIT}
_ROW = obj({"gateway_id": STRING, "day": STRING, **_ENERGIES}, _BOOKS)
_TOTAL = obj({"day": STRING, **_ENERGIES, **_BOOKS})
_SUM = obj({"days": INTEGER, **_ENERGIES, **_BOOKS})
_COMPARED = {name: schema for name, schema in (_ENERGIES | _BOOKS).items() if not name.endswith(("_from", "_seconds"))}
_PERIOD = obj(
    {
        "period": string("2026-11-26, 2026-W48, 2026-11 or 2026"),
        "start": STRING,
        "end": string("the last day"),
        "days": INTEGER,
        "days_covered": {"type": "integer", "description": "days that are known as good as wholly"},
        "running": {"type": "boolean", "description": "the present day is in it"},
        "complete": {"type": "boolean", "description": "every day is known"},
        **_ENERGIES,
        **_BOOKS,
        "compared": nullable(string("with what of the period before", values=("whole periods", "same days"))),
        "previous": nullable(obj({"period": STRING, "days": INTEGER, **_COMPARED})),
        "change": nullable(obj(dict(_COMPARED))),
    }
)
_BAR = obj(
    {
        "label": string("2026-11-26T14:00+01:00, 2026-11-26 or 2026-11"),
        "start": number("s"),
        "end": number("s"),
        **_ENERGIES,
        **_BOOKS,
    }
)
_WINDOW_BEFORE = nullable(obj({"from": number("s"), "to": number("s"), **_COMPARED, "change": obj(dict(_COMPARED))}))
_SAMPLE = obj({"gateway_id": STRING, "ts": number("s"), **{f"{name}_w": _WATTS for name in _SPLIT}})
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

_FULL = nullable(number("Wh", "energy when full, as the battery's own management estimates it"))
_BATTERY: dict[str, Schema] = {
    "full_wh": nullable(number("Wh", "energy when full, on the newest day that has one")),
    "median_full_wh": nullable(number("Wh", "median of the newest 30 days")),
    "nominal_wh": nullable(number("Wh", "the nameplate")),
    "health_percent": nullable(number("%", "state of health: the median of 30 days in percent of the nameplate")),
    "trend_percent_per_year": nullable(number("%", "of the nameplate, by the days since compared_since")),
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
_FILL = obj(
    {
        "last_filled": _T,
        "quarter_hours": INTEGER,
        "gap_seconds_left": nullable(number("s", "of gaps of the last 30 days; null: not looked for yet")),
        "cause": nullable(string("why the newest question brought nothing")),
    }
)

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

_GATEWAY = Parameter("gateway", STRING, "id of a gateway; without it, all of them")
_UNKNOWN = {404: "there is no such gateway"}
_EPOCH: Schema = {"type": "number", "minimum": EPOCH_SECONDS[0], "maximum": EPOCH_SECONDS[1]}
_FROM_EPOCH = Parameter("start", _EPOCH, "seconds since 1970")
_TO_EPOCH = Parameter("end", _EPOCH, "seconds since 1970; not a part of the window")
_DAY: Schema = {"type": "string", "format": "date"}
_DAMAGED = "the files of the history were damaged while the server was running; live data are not affected"
_UNAVAILABLE = {503: _DAMAGED}
_INSTANT = "an instant: seconds or milliseconds since 1970, an ISO time, or `now-6h`"
_DAYS_OF_DEVICES = (  # what ``history.day_window`` reads
    _GATEWAY,
    Parameter("from", STRING, f"{_INSTANT}, days begin from then on; without it, a year", example="now-90d"),
    Parameter("to", STRING, f"{_INSTANT}; not a part of the window", example="now"),
    Parameter("format", string(values=("json", "csv")), "the format of the answer"),
)


def _whole(limits: tuple[int, int], default: int) -> Schema:
    return {"type": "integer", "minimum": limits[0], "maximum": limits[1], "default": default}


_MONEY, _KWH_LEFT = nullable(number(text="in the currency")), nullable(number("kWh"))
_VALUE: dict[str, Schema] = {
    "cost": _MONEY,
    "earnings": _MONEY,
    "fixed": _MONEY,
    "bill": nullable(number(text="in the currency: cost less earnings, and the fixed part")),
    "solar_savings": _MONEY,
    "battery_savings": _MONEY,
    "battery_carried": nullable(
        number(
            text="in the currency: the part of `battery_savings` that went into the "
            "battery's store (above 0) or came out of it"
        )
    ),
    "unpriced_import_kwh": _KWH_LEFT,
    "unpriced_export_kwh": _KWH_LEFT,
    "compared_seconds": nullable(number("s", "of which the savings are known")),
    "outage_seconds": nullable(number("s", "of quarter hours in which the grid was away; left out of the savings")),
    "unpriced_seconds": nullable(number("s", "without a price that was needed; left out of the savings")),
    "unknown_seconds": nullable(number("s", "that were not measured; left out of the savings")),
}
_LABELS: dict[str, Schema] = dict.fromkeys(("time", "day", "month", "year"), STRING)

OPERATIONS = (
    ApiOperation(
        "/api/timeseries/daily", "Energies of each day and gateway, newest day first", TAG,
        obj({**_ENABLED, "days": array(obj({"day": STRING, "gateways": map_of(_ROW)})), "last_updated": _T},
            {"sum": _SUM, "totals": array(_TOTAL)}),
        text="`sum` is over all these days, `totals` day by day where several gateways are asked for.",
        parameters=(
            Parameter("days", _whole(DAYS, 7), "how many days back"), _GATEWAY,
            Parameter("start", _DAY, "first day; replaces `days`"), Parameter("end", _DAY, "last day, inclusive"),
        ),
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/today", "Energies of the present day, in the time zone of each gateway", TAG,
        obj({**_ENABLED, "gateways": map_of(_ROW)},
            {"server_time": number("s"), "total": nullable(_TOTAL), "value": map_of(schemas.WORTH)}),
        text="`total` is the day of all gateways together, where there are several.",
        statuses=INVALID, errors=_UNAVAILABLE,
    ),
    ApiOperation(
        "/api/timeseries/trend", "Mean powers of all gateways together", TAG,
        obj({**_ENABLED, "points": array(_POINT), "count": INTEGER}, {"bucket_seconds": number("s")}),
        parameters=(
            Parameter("hours", _whole(TREND_HOURS, 24), "how many hours back"), _GATEWAY, _FROM_EPOCH, _TO_EPOCH,
            Parameter("fit", BOOLEAN, "the window from the oldest to the newest sample"),
        ),
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/samples", "The newest samples, oldest of them first", TAG,
        obj({**_ENABLED, "samples": array(_SAMPLE), "count": INTEGER}),
        parameters=(
            _GATEWAY, _FROM_EPOCH, _TO_EPOCH, Parameter("limit", _whole(SAMPLES, 500), "the largest number of samples"),
        ),
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/status", "What is recorded, and for how long", TAG,
        obj({**_ENABLED, "retention_seconds": number("s"), "samples": INTEGER, "gateways": array(STRING)},
            {"gateway_names": map_of(STRING, "id -> name of every configured gateway"),
             "timezones": map_of(STRING, "in which each gateway's days are; of all together as `aggregate`"),
             "first_days": map_of(STRING, "the first recorded day of each gateway, and of all together"),
             "fill": map_of(_FILL, "of each gateway whose gaps were filled from Tesla's own history")}),
        errors=_UNAVAILABLE,
    ),
    ApiOperation(
        "/api/timeseries/signals", "Device signals that are recorded", TAG,
        obj({**_ENABLED, "signals_enabled": BOOLEAN, "interval_seconds": INTEGER, "metrics": map_of(_METRIC),
             "groups": map_of(_GROUP), "series": array(obj(_SERIES))}),
        parameters=(_GATEWAY, Parameter("units", BOOLEAN, "include charge and energy of every unit")),
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/timeseries/signal_trend", "Minimum, mean and maximum of device signals", TAG,
        obj({**_ENABLED, "resolution": nullable(string(values=("raw", "daily"))),
             "series": array(obj({**_SERIES, "points": array(_SIGNAL_POINT)}))}),
        parameters=(
            Parameter("metrics", STRING, "ids of metrics, separated by commas"),
            Parameter("devices", STRING, "names of devices, separated by commas"),
            _GATEWAY, _FROM_EPOCH, _TO_EPOCH, Parameter("hours", _whole(SIGNAL_HOURS, 24), "how many hours back"),
            Parameter("resolution", string(values=("auto", "raw", "daily")),
                      "`auto` takes samples for short windows and days for long ones"),
        ),
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/battery/health", "State of health of every battery unit, its trend, its cycles, and its days", TAG,
        obj({**_ENABLED, "meaning": STRING,
             "gateways": map_of(obj({"timezone": STRING, "whole": obj(_BATTERY), "units": map_of(obj(_UNIT))}))}),
        text="Units are known by their serial number; `whole` is all of a gateway's units together. What is not known "
             "is null, and `unknown` says why. Only `daily` depends on the window.",
        other_media_type="text/csv; charset=utf-8",
        parameters=_DAYS_OF_DEVICES,
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/solar/strings", "Energy of every solar string by day, and whether it is weak against its neighbours", TAG,
        obj({**_ENABLED, "rule": STRING,
             "gateways": map_of(obj({"timezone": STRING, "strings": map_of(obj(_STRING))}))}),
        text="Strings that never gave anything are not listed. Only `daily` depends on the window.",
        other_media_type="text/csv; charset=utf-8",
        parameters=_DAYS_OF_DEVICES,
        errors=_UNKNOWN | _UNAVAILABLE, statuses=INVALID,
    ),
    ApiOperation(
        "/api/history/calendar", "Totals of days, weeks, months or years, beside the period before", TAG,
        obj({"gateway": STRING, "timezone": STRING, "period": STRING, "periods": array(_PERIOD)}),
        text="Days are those of the house, weeks begin on Monday. Whole periods are compared as wholes; one that is "
             "still running, or of which days are missing, with the same days of the period before, and the present "
             "day with the same hours. `change` is what was more, `previous` what it was.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("period", string(values=("day", "week", "month", "year")), "what a row is; without it, `month`"),
            Parameter("count", _whole(CALENDAR_PERIODS, 12), "the largest number of rows"),
            Parameter("end", _DAY, "a day of the last period; without it, the present one"),
            Parameter("compare", string(values=("before", "year")),
                      "with what: the period `before` it, or the same one of the `year` before"),
            Parameter("gateway", STRING, "id of a gateway, or `aggregate`; without it, all of them"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors={
            404: "there is no such gateway",
            503: f"the history is switched off, no gateway is configured, or {_DAMAGED}",
        },
        statuses=INVALID,
    ),
    ApiOperation(
        "/api/history/totals", "Energies of exactly one window, its bars, and the same window before", TAG,
        obj({"gateway": STRING, "timezone": STRING, "from": number("s"), "to": number("s"),
             "step": string(values=("hour", "day", "month")), "rows": array(_BAR),
             "total": nullable(obj({**_ENERGIES, **_BOOKS})), "previous": _WINDOW_BEFORE,
             "year_before": _WINDOW_BEFORE}),
        text="The window begins and ends with a quarter hour; a day or month that it divides counts as far as it is in "
             "it. `total` is the sum of `rows`. `previous` and `year_before` are null where less than 95 % of either "
             "window is known.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("from", STRING, f"{_INSTANT}; without it, 24 hours before `to`", example="now-7d"),
            Parameter("to", STRING, f"{_INSTANT}; not a part of the window", example="now"),
            Parameter("step", string(values=("fit", "hour", "day", "month")),
                      "what a row is; `fit`, and without it: hours up to 2 days, days up to 35, else months"),
            Parameter("gateway", STRING, "id of a gateway, or `aggregate`; without it, all of them"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors={
            404: "there is no such gateway",
            503: f"the history is switched off, no gateway is configured, or {_DAMAGED}",
        },
        statuses=INVALID,
    ),
    ApiOperation(
        "/api/history", "Any columns at any resolution, for charts", TAG, ANY,
        text="`format=json` gives flat rows, `columns` one list for each column, `csv` a header line and one line for "
             "each step. Rows frame the day of the house. A stored row is never divided: the step grows to a whole "
             "number of what is stored (quarter hours for energies); the header `X-Step-Seconds` says which it is.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("gateway", STRING, "id of a gateway, or `aggregate`; without it, the default gateway"),
            Parameter("from", STRING, f"{_INSTANT}; without it, the last 24 hours", example="now-6h"),
            Parameter("to", STRING, f"{_INSTANT}; not a part of the window", example="now"),
            Parameter("step", STRING, "a duration such as `5m`", example="15m"),
            Parameter("points", _whole(POINTS, 360), "the approximate number of points, where no step is given"),
            Parameter("fields", STRING, "names of columns, separated by commas", example="site,solar,battery,load,soe"),
            Parameter("method", string(values=("mean", "lttb")),
                      "`mean` averages each step, `lttb` keeps the shape of the curve"),
            Parameter("format", string(values=("json", "csv", "columns")), "the format of the answer"),
        ),
        errors={
            404: "there is no such gateway",
            503: f"the history is switched off, no gateway is configured, or {_DAMAGED}",
        },
        statuses=INVALID,
    ),
    ApiOperation(
        "/api/value", "What energy cost, earned and saved: an estimate", TAG,
        obj({"gateway": STRING, "timezone": STRING, "step": STRING,
             "currency": nullable(string("ISO 4217; null where it is not known")), "estimate": BOOLEAN,
             "rule": string("how the amounts were worked out"), "notes": array(STRING),
             "cause": nullable(string("why there are no amounts")), "remedy": nullable(string("what helps")),
             "price_now": obj(schemas.WORTH_PRICES), "rows": array(obj(_VALUE, _LABELS)),
             "total": nullable(obj(_VALUE))}),
        text="docs/value.md has the rule. Without a tariff there are no rows, and `cause` says so. Each row has one of "
             "`time`, `day`, `month` and `year`.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("gateway", STRING, "id, or `aggregate`: all that pay in one currency; without it, the default"),
            Parameter("step", string(values=("15m", "day", "month", "year")), "what a row stands for"),
            Parameter("start", _DAY, "first day; without it as far back as the step suggests"),
            Parameter("end", _DAY, "last day, inclusive; without it, today"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors={
            404: "there is no such gateway",
            503: f"the history is switched off, no gateway is configured, or {_DAMAGED}",
        },
        statuses=INVALID,
    ),
)  # fmt: skip
