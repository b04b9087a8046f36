"""Define the schemas of the site document (``documents.site_documents``), with units."""

from __future__ import annotations

from pwserver.causes import LIMIT_BY_ID
from pwserver.documents.json_schema import (
    ANY,
    BOOLEAN,
    CELSIUS,
    EPOCH,
    HOURS,
    INTEGER,
    PERCENT,
    SECONDS,
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
from pwserver.modes import Reach
from pwserver.state.alert_meanings import SEVERITIES
from pwserver.state.condition import CONDITIONS, NONE, REASONS
from pwserver.state.flows import FLOWS
from pwserver.state.unit_measurements import SHOWN_SIGNALS

_W, _WH, _PC, _S, _B = map(nullable, (WATTS, WATTHOURS, PERCENT, STRING, BOOLEAN))
_T = nullable(EPOCH)
_VOLTS, _AMPERES, _HERTZ, _RPM = (nullable(number(unit)) for unit in ("V", "A", "Hz", "rpm"))
_COUNTERS = {"imported_wh": _WH, "exported_wh": _WH}
_METER: dict[str, Schema] = {
    "watts": _W,
    "volts": _VOLTS,
    "amperes": _AMPERES,
    "hertz": _HERTZ,
    **_COUNTERS,
    "reactive_var": nullable(number("var")),
    "apparent_va": nullable(number("VA")),
    "a_amperes": _AMPERES,
    "b_amperes": _AMPERES,
    "c_amperes": _AMPERES,
}
_UNIT: dict[str, Schema] = {
    "capacity_wh": _WH,
    "remaining_wh": _WH,
    "charge_percent": _PC,
    "health_percent": nullable(number("%", "state of health, by the days of the history; may be more than 100")),
    "discharged_wh": nullable(number("Wh", "counted since the unit was made")),
    "watts": nullable(number("W", "discharging is positive")),
    "volts": _VOLTS,
    "hertz": _HERTZ,
    **{name: nullable(CELSIUS) for name in SHOWN_SIGNALS.values() if name.endswith("_celsius")},
    **{name: _RPM for name in SHOWN_SIGNALS.values() if name.endswith("_rpm")},
    "part": _S,
    "leader": nullable(string("the serial number of the unit that an expansion pack belongs to")),
    "age_seconds": nullable(number("s", "how much older than the reading its figures are")),
}
_STRING: dict[str, Schema] = {
    "watts": _W,
    "volts": _VOLTS,
    "amperes": _AMPERES,
    "weak": nullable({**BOOLEAN, "description": "against its neighbours, by the days of the history"}),
}
_VERSION = {"version": {"const": 1, "description": "changes only when a member is removed or changes its meaning"}}
_TIME = {"time": number("s", "when this was written, seconds since 1970; ages count up to then")}
_STATE = string(
    "waiting: nothing has been read yet; fresh: the last poll succeeded; stale: the last poll failed, and the figures "
    "are the last good ones; away: there are no figures that may be shown as current",
    values=("waiting", "fresh", "stale", "away"),
)
_SUMMARY = {
    "solar_watts": _W,
    "home_watts": _W,
    "battery_watts": nullable(number("W", "discharging is positive")),
    "grid_watts": nullable(number("W", "import is positive")),
    "charge_percent": nullable(number("%", "on the app's scale")),
}
_GRID = nullable(string("null: unknown", values=("UP", "DOWN", "SYNCING")))
_SEVERITY = string(
    "information is a state, not a problem; unknown: nothing is published about this name", values=SEVERITIES
)
_ALERTS = {
    "alerts": nullable(integer("how many are active, including mere states; null: unknown")),
    "problems": nullable(integer("how many of them are serious or a warning")),
    "alerts_worst": nullable(string("the severity of the worst active one; null: none", values=SEVERITIES)),
}
_ALERT = {
    "severity": _SEVERITY,
    "meaning": nullable(string("in a sentence; null: nothing is published about this name")),
    "since": nullable(number("s", "time of the first answer with it, seconds since 1970; all later ones had it, too")),
    "since_exact": {"type": "boolean", "description": "true: a recent answer lacked it; false: it may be older"},
    "units": {**array(STRING), "description": "labels of the units that report it; empty if they are not known"},
}
_ENDED = {"ended": number("s", "time of the first answer without it, seconds since 1970")}
_EQUIPMENT = {"has_solar": _B, "has_battery": _B, "units_percent": array(_PC)}
_CONDITION = (
    "whether all is well, or the worst of what is not; unrefuted: nothing is known to be wrong, but not everything "
    "that counts is told"
)
_ENTRY = {
    "id": STRING,
    "name": STRING,
    "state": _STATE,
    "since": nullable(number("s", "when this state began, seconds since 1970")),
    "read_at": nullable(number("s", "when the gateway was read last, seconds since 1970")),
    "age_seconds": nullable(SECONDS),
    "condition": string(_CONDITION, values=CONDITIONS),
    **_SUMMARY,
    "grid_state": _GRID,
    **_EQUIPMENT,
    **_ALERTS,
}
_TROUBLE = {
    "not_known": map_of(
        string(values=REASONS),
        "figure that tells how the house is, but is not known now -> why; absent: all are, or the gateway is away",
    ),
    "implausible": string("which of the figures cannot be right; absent: all can"),
    "worst_alert": obj({"name": STRING, "meaning": _S}, text="the worst problem among the active alerts; absent: none"),
    "weak_strings": {**array(STRING), "description": "names of the strings that are weak; absent: none is known to be"},
    "cause": nullable(string("why there are no new figures, from a closed list; only while not fresh")),
    "sentence": nullable(string("the cause in words; only while not fresh")),
    "advice": nullable(string("what the owner can do; only while not fresh")),
    "next_attempt": nullable(number("s", "time of the next attempt, seconds since 1970; only while not fresh")),
    "last_known": obj(
        {"read_at": EPOCH, **_SUMMARY, "grid_state": _GRID, **_EQUIPMENT},
        text="old figures, only while away; show them as old",
    ),
}
ABILITY = obj(
    {"able": BOOLEAN},
    {
        "limit": nullable(string("what prevents it, from a closed list", values=tuple(LIMIT_BY_ID))),
        "why_not": _S,
    },
)
ABILITIES = {
    "abilities": map_of(ABILITY, "what can be set over the present connection, or why not; absent: not known yet"),
    "help": map_of(STRING, "limit -> what the owner can do about it"),
}
LEFT_OUT: dict[str, Schema] = {
    "id": STRING,
    "reason": string(values=("no data", "stale", "implausible")),
    "sentence": STRING,
    "since": nullable(number("s", "when it stopped answering; null: it answers, or this is not known")),
    "age_seconds": nullable(number("s", "how old its last figures are; null: there are none")),
}
_FIGURES = {
    "flows": obj({f"{name}_watts": _W for name in FLOWS}, text="where the power goes; null while a power is not known"),
    "own_power_percent": nullable(number("%", "share of the home's consumption that comes from sun and battery")),
    "charge_raw_percent": nullable(number("%", "as the gateway counts it")),
    "capacity_wh": _WH,
    "remaining_wh": _WH,
    "hours_left": nullable(HOURS),
    "reserve_percent": nullable(number("%", "on the app's scale")),
    "mode": _S,
}

SITE_HOUSE = obj(
    {
        **_VERSION,
        **_TIME,
        **_ENTRY,
        **_FIGURES,
        "balance_watts": nullable(number("W", "by how much the meters disagree")),
        "grid_charging": _B,
        "grid_export": _S,
        "alerts_active": nullable(map_of(obj(_ALERT), "by name, the worst first; null: unknown")),
        "alerts_ended": map_of(obj({**_ALERT, **_ENDED}), "by name, the newest first: the last twenty of a week"),
        "meters": map_of(
            obj(optional=_METER), "solar, home, battery, grid, then every further meter that the gateway has"
        ),
        "units": map_of(
            obj({"label": STRING, "serial": STRING, "type": _S, "state": STRING}, _UNIT),
            "by number, which a unit keeps permanently",
        ),
        "strings": map_of(obj({"state": nullable(string("producing, asleep, unused or missing"))}, _STRING), "by name"),
        "control": obj(
            {
                "enabled": BOOLEAN,
                "pending": map_of(ANY, "commanded, but not read back yet"),
                **ABILITIES,
            }
        ),
        "cannot_read": map_of(
            obj({"why_not": STRING, "help": STRING}),
            "what the present connection does not report, why, and what would help",
        ),
        "connection": obj(
            {
                "type": STRING,
                "host": _S,
                "reach": nullable(
                    string("the kind of connection; null: none yet", values=tuple(reach.word for reach in Reach))
                ),
                "mode": _S,
                "firmware": _S,
                "commissioned": nullable(string("when the batteries were put into service, as the gateway tells it")),
                "uptime": nullable(string("since when the gateway runs, as it tells it: 127h34m16.2s")),
                "calls_per_minute": INTEGER,
                "poll_seconds": nullable(SECONDS),
                "missing": array(STRING),
            }
        ),
        "set_aside": map_of(STRING, "a value that the gateway reported but that is not believed -> why"),
    },
    _TROUBLE,
)
SITE_OVERVIEW = obj(
    {
        **_VERSION,
        **_TIME,
        "default": nullable(string("id of the default gateway")),
        "site": obj(
            {
                "name": _S,
                "state": string(
                    "that of all gateways; partial: they differ; none: no gateway is configured",
                    values=("waiting", "fresh", "stale", "away", "partial", "none"),
                ),
                "gateways": integer("how many are configured"),
                "fresh": integer("how many of them answer"),
                "condition": string("that of the worst house; none: no gateway", values=(*CONDITIONS, NONE)),
                "well": integer("at how many of them all is well, as far as is known"),
                "troubled": {**array(STRING), "description": "ids of those with which something is wrong, worst first"},
                "shortest_backup": nullable(
                    obj({"id": STRING, "hours_left": HOURS}, text="the house whose batteries would be empty first")
                ),
                **_SUMMARY,
                **_FIGURES,
                "charge_weighted": {"type": "boolean", "description": "the charge is weighted by capacity"},
                "grid": obj(
                    {
                        "state": nullable(
                            string("UP only if it is up at every house", values=("UP", "DOWN", "SYNCING", "MIXED"))
                        ),
                        "known": integer("at how many houses the state is known"),
                        "off": array(STRING),
                        "syncing": array(STRING),
                        "sentence": nullable(string("which houses are off the grid; null: none is known to be")),
                    }
                ),
                "has_solar": _B,
                "has_battery": _B,
                "units": INTEGER,
                "units_percent": {**array(_PC), "description": "of the first twelve units"},
                **_ALERTS,
                "left_out": array(obj(LEFT_OUT)),
                "meters": map_of(
                    obj(optional=_METER),
                    "counters of solar, home, battery, grid, null unless every house reports its own; then every "
                    "further meter, such as a generator's, with its watts",
                ),
                "missing": map_of(array(STRING), "quantity -> members of the sum that do not know theirs"),
            },
        ),
        "control": obj(
            {
                "enabled": BOOLEAN,
                "cannot": {
                    **array(STRING),
                    "description": "ids of gateways at which nothing can be set; their own documents say why",
                },
            }
        ),
        "gateways": array(obj(_ENTRY, _TROUBLE)),
    }
)
