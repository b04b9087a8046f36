"""Describe the operations of the history: any columns, the calendar, and what energy was worth."""

from __future__ import annotations

from pwserver.bounds import CALENDAR_PERIODS, POINTS
from pwserver.documents import schemas
from pwserver.documents.json_schema import ANY, BOOLEAN, INTEGER, STRING, Schema, array, nullable, number, obj, string
from pwserver.web.api_history_parts import BOOKS, DAMAGED, DAY, ENERGIES, INSTANT, TAG, whole
from pwserver.web.api_operations import INVALID, ApiOperation, Parameter

_COMPARED = {name: schema for name, schema in (ENERGIES | BOOKS).items() if not name.endswith(("_from", "_seconds"))}
_PERIOD = obj(
    {
        "period": string("2026-11-26, 2026-W48, 2026-11 or 2026"),
        "start": STRING,
        "end": string("the last day"),
        "days": INTEGER,
        "days_covered": {"type": "integer", "description": "days that are known as good as wholly"},
        "running": {"type": "boolean", "description": "the present day is in it"},
        "complete": {"type": "boolean", "description": "every day is known"},
        **ENERGIES,
        **BOOKS,
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
        **ENERGIES,
        **BOOKS,
    }
)
_WINDOW_BEFORE = nullable(obj({"from": number("s"), "to": number("s"), **_COMPARED, "change": obj(dict(_COMPARED))}))
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

_ERRORS = {
    404: "there is no such gateway",
    503: f"the history is switched off, no gateway is configured, or {DAMAGED}",
}
OPERATIONS = (
    ApiOperation(
        "/api/history/calendar", "Totals of days, weeks, months or years, beside the period before", TAG,
        obj({"gateway": STRING, "timezone": STRING, "period": STRING, "periods": array(_PERIOD)}),
        text="Days are those of the house, weeks begin on Monday. Whole periods are compared as wholes; one that is "
             "still running, or of which days are missing, with the same days of the period before, and the present "
             "day with the same hours. `change` is what was more, `previous` what it was.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("period", string(values=("day", "week", "month", "year")), "what a row is; without it, `month`"),
            Parameter("count", whole(CALENDAR_PERIODS, 12), "the largest number of rows"),
            Parameter("end", DAY, "a day of the last period; without it, the present one"),
            Parameter("compare", string(values=("before", "year")),
                      "with what: the period `before` it, or the same one of the `year` before"),
            Parameter("gateway", STRING, "id of a gateway, or `aggregate`; without it, all of them"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors=_ERRORS,
        statuses=INVALID,
    ),
    ApiOperation(
        "/api/history/totals", "Energies of exactly one window, its bars, and the same window before", TAG,
        obj({"gateway": STRING, "timezone": STRING, "from": number("s"), "to": number("s"),
             "step": string(values=("hour", "day", "month")), "rows": array(_BAR),
             "total": nullable(obj({**ENERGIES, **BOOKS})), "previous": _WINDOW_BEFORE,
             "year_before": _WINDOW_BEFORE}),
        text="The window begins and ends with a quarter hour; a day or month that it divides counts as far as it is in "
             "it. `total` is the sum of `rows`. `previous` and `year_before` are null where less than 95 % of either "
             "window is known.",
        other_media_type="text/csv; charset=utf-8",
        parameters=(
            Parameter("from", STRING, f"{INSTANT}; without it, 24 hours before `to`", example="now-7d"),
            Parameter("to", STRING, f"{INSTANT}; not a part of the window", example="now"),
            Parameter("step", string(values=("fit", "hour", "day", "month")),
                      "what a row is; `fit`, and without it: hours up to 2 days, days up to 35, else months"),
            Parameter("gateway", STRING, "id of a gateway, or `aggregate`; without it, all of them"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors=_ERRORS,
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
            Parameter("from", STRING, f"{INSTANT}; without it, the last 24 hours", example="now-6h"),
            Parameter("to", STRING, f"{INSTANT}; not a part of the window", example="now"),
            Parameter("step", STRING, "a duration such as `5m`", example="15m"),
            Parameter("points", whole(POINTS, 360), "the approximate number of points, where no step is given"),
            Parameter("fields", STRING, "names of columns, separated by commas", example="site,solar,battery,load,soe"),
            Parameter("method", string(values=("mean", "lttb")),
                      "`mean` averages each step, `lttb` keeps the shape of the curve"),
            Parameter("format", string(values=("json", "csv", "columns")), "the format of the answer"),
        ),
        errors=_ERRORS,
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
            Parameter("start", DAY, "first day; without it as far back as the step suggests"),
            Parameter("end", DAY, "last day, inclusive; without it, today"),
            Parameter("format", string(values=("json", "csv")), "the format of the answer"),
        ),
        errors=_ERRORS,
        statuses=INVALID,
    ),
)  # fmt: skip
