"""Define the schemas of the documents, with units. Members that may be unknown are nullable, never 0."""

from __future__ import annotations

from pwserver.documents.json_schema import (
    ANY,
    BOOLEAN,
    CELSIUS,
    EPOCH,
    ERROR,
    FLAG,
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
    one_of,
    patterns,
    string,
)
from pwserver.documents.site_schemas import ABILITIES
from pwserver.state.controls import CHOICE, NUMBER, PRESS, SWITCH

AMPERES = number("A")
VOLTS = number("V")
HERTZ = number("Hz")
RPM = number("rpm")
PLAIN_NUMBER = number()
W = nullable(WATTS)
WH = nullable(WATTHOURS)
PC = nullable(PERCENT)
H = nullable(HOURS)
S = nullable(STRING)
N = nullable(PLAIN_NUMBER)
T = nullable(EPOCH)
OBJECT = obj()
OBJECTS = array(OBJECT)
GRID_STATUS = nullable(string("up, down or in transition; null unknown", values=("UP", "DOWN", "SYNCING")))
ERROR_OR_OBJECT = one_of(ERROR, OBJECT)
ERROR_OR_LIST = one_of(ERROR, array(ANY))

METER = obj(
    optional={
        "instant_power": W,
        "instant_reactive_power": nullable(number("var")),
        "instant_apparent_power": nullable(number("VA")),
        "frequency": nullable(HERTZ),
        "energy_exported": WH,
        "energy_imported": WH,
        "instant_average_voltage": nullable(VOLTS),
        "instant_average_current": nullable(AMPERES),
        "instant_total_current": nullable(AMPERES),
        "i_a_current": nullable(AMPERES),
        "i_b_current": nullable(AMPERES),
        "i_c_current": nullable(AMPERES),
        "num_meters_aggregated": nullable(INTEGER),
        "last_communication_time": nullable(string("the gateway's clock")),
        "timeout": nullable(INTEGER),
        "disclaimer": S,
    },
    text="site: + import, - export; battery: + discharge, - charge; solar: + production; load: + consumption",
)
AGGREGATES = obj(optional={"site": METER, "battery": METER, "load": METER, "solar": METER}, text="empty without data")
SOE = obj(
    {
        "percentage": nullable(number("%", "raw scale, as the gateway counts")),
        "raw_percentage": nullable(number("%", "raw scale")),
    }
)
_UNKNOWN: dict[str, Schema] = {"error": string("why, when a member that clients cannot do without is null or absent")}
SOE_APP = obj(
    {
        "percentage": nullable(number("%", "the Tesla app's scale")),
        "raw_percentage": nullable(number("%", "raw scale")),
    },
    _UNKNOWN,
)
BATTERY = obj({"power": W})
DEVICE = obj(
    optional={"serialNumber": S, "partNumber": S, "manufacturer": S, "firmwareVersion": S, "alerts": array(STRING)}
)
VITALS = map_of(DEVICE, "by device name TYPE--PART--SERIAL")
STRING_STATE = obj(
    optional={
        "Connected": nullable(BOOLEAN),
        "Current": nullable(AMPERES),
        "Power": W,
        "Voltage": nullable(VOLTS),
        "State": S,
    }
)
STRINGS = map_of(STRING_STATE, "by string name: A-F, with a digit for further inverters")
_UNIT = {
    r"^PW\d+_(name|PackagePartNumber|PackageSerialNumber)$": S,
    r"^PW\d+_p_out$": nullable(number("W", "kW on some firmware")),
    r"^PW\d+_q_out$": nullable(number("var")),
    r"^PW\d+_v_out$": nullable(VOLTS),
    r"^PW\d+_f_out$": nullable(HERTZ),
    r"^PW\d+_i_out$": nullable(AMPERES),
}
FREQ = patterns(
    {
        **_UNIT,
        r"^PW\d+_PINV_Fout$": nullable(HERTZ),
        r"^PW\d+_PINV_VSplit[12]$": nullable(VOLTS),
    },
    {"grid_status": {"type": ["integer", "null"], "enum": [1, 0, -1, None], "description": "1 up, 0 down, -1 syncing"}},
)
POD = patterns(
    {
        **_UNIT,
        r"^PW\d+_POD_(ActiveHeating|\w+Complete|ChargeRequest|\w+Faulted|enable_line)$": nullable(FLAG),
        r"^PW\d+_POD_available_\w+_power$": W,
        r"^PW\d+_POD_nom_\w+$": WH,
        r"^PW\d+_energy_(charged|discharged)$": WH,
        r"^PW\d+_(off_grid|vf_mode|wobble_detected|charge_power_clamped|backup_ready)$": nullable(FLAG),
        r"^PW\d+_attached_to$": STRING,
    },
    {
        "nominal_full_pack_energy": WH,
        "nominal_energy_remaining": WH,
        "time_remaining_hours": H,
        "backup_reserve_percent": nullable(number("%", "the Tesla app's scale")),
    },
)
SUMMARY = obj(
    {
        "grid": W,
        "home": W,
        "solar": W,
        "battery": W,
        "soe": nullable(number("%", "raw scale")),
        "soe_raw": nullable(number("%", "raw scale")),
        "grid_status": {"type": ["integer", "null"], "enum": [1, 0, None], "description": "1 up, 0 down, null unknown"},
        "reserve": nullable(number("%", "the Tesla app's scale")),
        "time_remaining_hours": H,
        "full_pack_energy": WH,
        "energy_remaining": WH,
        "strings": nullable(STRINGS),
    }
)
TEMPS = map_of(nullable(CELSIUS), "by device name")
TEMPS_NUMBERED = patterns({r"^PW\d+_temp$": nullable(CELSIUS)}, more=False)
ALERTS = array(STRING)
ALERTS_NUMBERED = map_of({"type": "integer", "enum": [1]}, "1 for every active alert")
FANS = map_of(OBJECT, "by device name")
BLOCKS = map_of(OBJECT, "battery blocks by serial number")
STRING_DETAILS = map_of(OBJECT, "by device name, or by string name without vitals")
BY_GATEWAY = map_of(OBJECT, "by gateway id")
ALERTS_BY_GATEWAY = map_of(array(STRING), "by gateway id")
FANS_NUMBERED = patterns({r"^FAN\d+_(actual|target)$": nullable(RPM), r"^FAN\d+_duty$": nullable(PERCENT)}, more=False)
CSV = string("one line; an empty field is unknown")
USAGE = ERROR
GRID_STATUS_DETAIL = obj(
    {
        "grid_status": nullable(string("SystemGridConnected, SystemIslandedActive ...")),
        "grid_services_active": nullable({"type": "boolean", "description": "false unless it is said that they run"}),
    },
    _UNKNOWN,
)
SYSTEM_STATUS = obj(
    optional={
        "nominal_full_pack_energy": WH,
        "nominal_energy_remaining": WH,
        "battery_blocks": OBJECTS,
        "grid_faults": array(ANY),
        **_UNKNOWN,
    }
)
OPERATION = obj(
    {
        "real_mode": S,
        "backup_reserve_percent": nullable(number("%", "raw scale")),
        "backup_reserve_percent_app": nullable(number("%", "the Tesla app's scale")),
        "grid_charging": nullable(BOOLEAN),
        "grid_export": S,
        "stale": {"type": "boolean", "description": "a value is the last one seen over a broken cloud link"},
        "last_updated": T,
    }
)
STATUS = obj(
    {
        "din": S,
        "start_time": nullable(string("like 2026-01-02 03:04:05 -0800; that of the year 1 while it is unknown")),
        "up_time_seconds": nullable(string("like 127h34m16.27s; empty while it is unknown")),
        "is_new": nullable(BOOLEAN),
        "version": S,
        "git_hash": S,
        "commission_count": nullable(INTEGER),
        "device_type": nullable(string("hec, teg or smc; from the part number where the gateway does not say it")),
        "teg_type": S,
        "sync_type": S,
        "cellular_disabled": nullable(BOOLEAN),
        "can_reboot": nullable(BOOLEAN),
    },
    _UNKNOWN,
)
POWERWALLS = obj(optional={"powerwalls": OBJECTS, "gateway_din": S, **_UNKNOWN})
CONFIG_VIN = obj({"vin": S})
SITE_INFO = obj(
    {"site_name": S, "timezone": S},
    {
        "max_system_energy_kWh": nullable(number("kWh")),
        "max_system_power_kW": nullable(number("kW")),
        "max_site_meter_power_kW": nullable(number("kW")),
        "min_site_meter_power_kW": nullable(number("kW")),
        "nominal_system_energy_kWh": nullable(number("kWh")),
        "nominal_system_power_kW": nullable(number("kW")),
        "panel_max_current": nullable(AMPERES),
        "grid_code": nullable(OBJECT),
    },
)
SITE_NAME_ZONE = obj({"site_name": S, "timezone": S})
SITEMASTER = obj(
    {
        "status": nullable(string(values=("StatusUp", "StatusDown"))),
        "running": nullable(BOOLEAN),
        "connected_to_tesla": nullable(BOOLEAN),
        "power_supply_mode": nullable(BOOLEAN),
        "can_reboot": S,
    }
)
UPDATE_STATUS = obj(
    {
        "state": S,
        "info": OBJECT,
        "current_time": integer("milliseconds since 1970"),
        "last_status_time": integer("milliseconds since 1970"),
        "version": STRING,
        "offline_updating": nullable(BOOLEAN),
        "offline_update_error": S,
        "estimated_bytes_per_second": N,
    }
)
CUSTOMER = obj({"registered": BOOLEAN})
REGISTRATION = obj({"status": STRING})
CT_REFERENCES = obj({"ct1": STRING, "ct2": STRING, "ct3": STRING})
PROBLEMS = obj({"problems": array(ANY)})
TOGGLE_AUTH = obj({"toggle_auth_supported": BOOLEAN})
INSTALLER = obj({"company": STRING, "installation_types": array(STRING)})
LEVEL = obj({"level": nullable(number("%", "raw scale"))})
POWER = obj({"site": W, "solar": W, "battery": W, "load": W})
DIN = obj({"din": S})
UPTIME = obj({"uptime": S})
VERSION_WORD = obj({"version": STRING, "vint": integer("two digits a field; 0 unknown")})
VERSION = obj({"version": STRING, "vint": nullable(integer("two digits a field"))})
SITE_NAME = obj({"site_name": S})
ALERT_LIST = obj({"alerts": ALERTS})
IS_CONNECTED = obj({"is_connected": BOOLEAN})
RESERVE = obj({"reserve": nullable(number("%", "the Tesla app's scale"))})
MODE = obj({"mode": S})
TIME_REMAINING = obj({"time_remaining": H})
CONTROL_STATUS = obj(
    {
        "enabled": BOOLEAN,
        "battery_dispatch": BOOLEAN,
        **ABILITIES,
        "controls": map_of(
            obj(
                {
                    "label": STRING,
                    "kind": string(values=(NUMBER, CHOICE, SWITCH, PRESS)),
                    "range": nullable(array(INTEGER)),
                    "unit": S,
                    "choices": array(STRING),
                    "reads_back": nullable(string("the member of /api/site/{id} that shows it")),
                }
            ),
            "what can be commanded, regardless of the connection",
        ),
    },
    {"pending": map_of(obj({"value": ANY, "acknowledged": EPOCH}), "acknowledged by the gateway, not yet read back")},
)
CONTROL_RESERVE = one_of(RESERVE, ERROR)
CONTROL_MODE = one_of(obj({"mode": STRING}), ERROR)
CONTROL_CHARGING = one_of(obj({"grid_charging": BOOLEAN}), ERROR)
CONTROL_EXPORT = one_of(obj({"grid_export": STRING}), ERROR)
_MANUAL_BACKUP = obj(optional={"end_time": EPOCH})
# Named, because openapi-python-client loses an object without a name that is one of several and holds objects itself.
BACKUP_EVENTS = obj({"manual_backup": nullable(_MANUAL_BACKUP), "backup_events": OBJECTS})
MAX_BACKUP = one_of(BACKUP_EVENTS, ERROR)

_AMOUNT = nullable(number(text="in the currency"))
WORTH_PRICES: dict[str, Schema] = {
    "buy": nullable(number(text="in the currency per kWh")),
    "sell": nullable(number(text="in the currency per kWh")),
    "buy_period": S,
    "sell_period": S,
}
_PARTS = obj(dict.fromkeys(("cost", "earnings", "fixed", "bill", "solar_savings", "battery_savings"), _AMOUNT))
WORTH = obj(
    {
        "currency": S,
        "estimate": BOOLEAN,
        "price_now": obj(WORTH_PRICES),
        "today": _PARTS,
        "month": _PARTS,
        "total": _PARTS,
    },
    text="what energy was worth, an estimate; only with a tariff",
)
GATEWAY = obj(
    {
        "gateway": obj(
            {
                "id": STRING,
                "name": STRING,
                "host": S,
                "port": nullable(INTEGER),
                "rsa_key_configured": BOOLEAN,
                "wifi_host": S,
                "site_id": S,
                "timezone": STRING,
                "basic_lan": BOOLEAN,
                "tedapi_expected": BOOLEAN,
                "cloud_mode": BOOLEAN,
                "fleetapi": BOOLEAN,
                "type": string(values=("powerwall", "inverter")),
                "online": BOOLEAN,
                "last_error": S,
            }
        ),
        "data": nullable(
            obj({"aggregates": AGGREGATES, "timestamp": EPOCH, "soe": PC, "soe_raw": PC, "grid_status": GRID_STATUS})
        ),
        "online": BOOLEAN,
        "last_updated": T,
        "error": S,
        "stale": BOOLEAN,
    },
    {"virtual": BOOLEAN, "value": WORTH},
)
GATEWAYS = map_of(GATEWAY, "by gateway id, in the order of the configuration")
_SOURCES = {
    "sources": obj(
        {
            "contributors": array(STRING),
            "left_out": map_of(STRING, "gateway id -> why its data are not in the sums"),
            "missing": map_of(array(STRING), "quantity -> contributors that do not know theirs"),
            "flags": map_of(STRING, "gateway id -> implausible value that was set aside"),
            "ages_seconds": map_of(SECONDS, "gateway id -> age of its data"),
            "time_skew_seconds": nullable(number("s", "between the oldest and the newest contribution")),
        }
    )
}
_WEIGHT = {
    "percentage_mean": nullable(number("%", "plain mean of the gateways, app scale")),
    "weighted": {"type": "boolean", "description": "the percentages are weighted by capacity"},
}
AGGREGATE = obj(
    {
        "total_battery_percent_raw": PC,
        "total_battery_percent": PC,
        "total_battery_capacity": WH,
        "total_site_power": W,
        "total_battery_power": W,
        "total_load_power": W,
        "total_solar_power": W,
        "total_grid_power": W,
        "grid_status": GRID_STATUS,
        "num_gateways": INTEGER,
        "num_online": INTEGER,
        "num_degraded": INTEGER,
        "gateways": GATEWAYS,
        "timestamp": EPOCH,
        **_WEIGHT,
        **_SOURCES,
    }
)
AGGREGATE_POWER = obj({"site": W, "battery": W, "load": W, "solar": W, "grid": W, "timestamp": EPOCH, **_SOURCES})
AGGREGATE_SOE = obj(
    {
        "percentage": PC,
        "raw_percentage": PC,
        "num_gateways": INTEGER,
        "timestamp": EPOCH,
        "raw_percentage_mean": PC,
        **_WEIGHT,
        **_SOURCES,
    }
)
AGGREGATE_BATTERY = obj(
    {
        "total_capacity": WH,
        "battery_percent": PC,
        "battery_percent_raw": PC,
        "battery_power": W,
        "num_gateways": INTEGER,
        "num_online": INTEGER,
        "timestamp": EPOCH,
        **_WEIGHT,
        **_SOURCES,
    }
)
STATE_WORD = string(values=("healthy", "degraded", "unhealthy", "no_gateways"))
AGGREGATE_STATUS = obj(
    {
        "status": STATE_WORD,
        "num_gateways": INTEGER,
        "num_online": INTEGER,
        "num_degraded": INTEGER,
        "gateways": map_of(
            obj(
                {
                    "name": STRING,
                    "online": BOOLEAN,
                    "stale": BOOLEAN,
                    "last_updated": T,
                    "error": S,
                    "consecutive_failures": INTEGER,
                    "backoff_seconds": INTEGER,
                    "connection_mode": S,
                }
            )
        ),
        "timestamp": EPOCH,
        **_SOURCES,
    }
)
_TEDAPI_MODE = nullable(string(values=("full", "v1r", "hybrid", "off")))
_CONNECTION_HEALTH = obj(
    {
        "consecutive_failures": INTEGER,
        "total_failures": INTEGER,
        "total_successes": INTEGER,
        "is_degraded": BOOLEAN,
        "last_success_time": nullable(EPOCH),
    }
)
_FALLBACKS = map_of(obj({"is_fallback_mode": BOOLEAN, "recovery_attempts": INTEGER, "recovery_enabled": BOOLEAN}))
STATS = obj(
    {
        "pypowerwall": STRING,
        "pypowerwall_version": STRING,
        "server_version": STRING,
        "mode": STRING,
        "gets": INTEGER,
        "posts": INTEGER,
        "errors": INTEGER,
        "timeout": INTEGER,
        "uri": map_of(INTEGER),
        "ts": INTEGER,
        "start": INTEGER,
        "clear": INTEGER,
        "uptime": STRING,
        "mem": integer("memory of all processes in kB, pages that they share counted once (PSS), at most 5 s ago"),
        "site_name": S,
        "cloudmode": BOOLEAN,
        "fleetapi": BOOLEAN,
        "tedapi": BOOLEAN,
        "pw3": nullable(BOOLEAN),
        "tedapi_mode": _TEDAPI_MODE,
        "siteid": S,
        "counter": INTEGER,
        "cf": S,
        "config": OBJECT,
        "connection_health": _CONNECTION_HEALTH,
        "gateways": obj({"total": INTEGER, "online": INTEGER, "offline": INTEGER}),
        "gateway_statuses": OBJECTS,
        "fallback_mode": _FALLBACKS,
    },
    {
        "processes": array(
            obj(
                {"name": STRING, "pid": INTEGER, "beat_age_seconds": nullable(SECONDS), "restarts": INTEGER},
                {"counters": map_of(INTEGER, "of a worker")},
            )
        )
    },
)
HEALTH = obj(
    {
        "status": STATE_WORD,
        "version": STRING,
        "gateways": INTEGER,
        "gateways_online": INTEGER,
        "gateways_offline": INTEGER,
        "gateway_ids": array(STRING),
        "gateway_details": array(obj({"id": STRING, "online": BOOLEAN, "error": S})),
        "left_out": map_of(STRING, "gateway id -> why its data are not in the sums"),
        "fallback_mode": _FALLBACKS,
        "pypowerwall": STRING,
        "mode": STRING,
        "tedapi_mode": _TEDAPI_MODE,
        "connection_health": _CONNECTION_HEALTH,
        "proxy_stats": map_of(INTEGER),
        "startup_time": STRING,
        "current_time": STRING,
        "history_problem": S,
        "history_in_memory": S,
        "history_not_stored": S,
        "history_not_taken": array(STRING),
    }
)
MQTT_STATUS = obj(
    {
        "enabled": BOOLEAN,
        "host": S,
        "port": INTEGER,
        "connected": BOOLEAN,
        "reason": S,
        "topic_prefix": STRING,
        "ha_discovery": BOOLEAN,
        "qos": INTEGER,
        "retain": BOOLEAN,
        "tls": BOOLEAN,
    }
)
TARIFF: Schema = OBJECT
