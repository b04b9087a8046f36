"""THE table of facts: what is true of a gateway, and every output that tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tests.agreement.moment import Moment
from tests.agreement.readers import (
    HOUSE_METERS,
    NOT_TOLD,
    Reader,
    at,
    below,
    chosen,
    csv,
    data,
    doc,
    entry,
    found,
    history,
    house,
    influx,
    inside,
    metric,
    row,
    sampled,
    topic,
    without,
)

Facts = Mapping[str, list[Reader]]

WATT_HOURS = 1 / 3600  # in a joule
GRID_NUMBER = {1: "UP", 0: "DOWN", -1: "SYNCING"}
GRID_WORDS = {
    "SystemGridConnected": "UP",
    "SystemIslandedActive": "DOWN",
    "SystemTransitionToGrid": "SYNCING",
    "SystemTransitionToIsland": "SYNCING",
}
METER_MEMBERS = {  # member of the gateway's shape -> of the site document, its digits
    "instant_average_voltage": ("volts", 1),
    "instant_average_current": ("amperes", 2),
    "i_a_current": ("a_amperes", 2),
    "i_b_current": ("b_amperes", 2),
    "i_c_current": ("c_amperes", 2),
    "frequency": ("hertz", 2),
    "instant_reactive_power": ("reactive_var", 2),
    "instant_apparent_power": ("apparent_va", 2),
    "energy_imported": ("imported_wh", 0),
    "energy_exported": ("exported_wh", 0),
}
ENERGIES = {  # meter and member -> its name in influx and MQTT, its name in metrics
    ("site", "energy_imported"): ("grid_energy_imported", "grid_imported"),
    ("site", "energy_exported"): ("grid_energy_exported", "grid_exported"),
    ("load", "energy_imported"): ("home_energy_imported", "home_consumed"),
    ("solar", "energy_exported"): ("solar_energy_exported", "solar_produced"),
    ("battery", "energy_imported"): ("battery_energy_imported", "battery_charged"),
    ("battery", "energy_exported"): ("battery_energy_exported", "battery_discharged"),
}
SHOWN = {meter: shown for shown, meter in HOUSE_METERS.items()}
CSV_FIELDS = {"site": 0, "load": 1, "solar": 2, "battery": 3}
TOPICS = {"site": "grid", "load": "home", "solar": "solar", "battery": "powerwall"}
SAMPLED = {
    "site": ("grid_import_w", "grid_export_w"),
    "load": ("home_w",),
    "solar": ("solar_w",),
    "battery": ("battery_discharge_w", "battery_charge_w"),
}
LINES = ("/csv", "/csv?headers", "/csv/v2", "/csv/v2?headers")
LONG_LINES = ("/csv/v2", "/csv/v2?headers")
METERS = ("/aggregates", "/api/meters/aggregates")


def everywhere(targets: Iterable[str], make: Callable[[str], list[Reader]]) -> list[Reader]:
    """The same value in several documents."""
    return [reader for target in targets for reader in make(target)]


def cached(meter: str, name: str) -> list[Reader]:
    """A member of a meter in the gateway's lists of installed meters, which not every gateway has."""

    def find(body: Any) -> Any:
        places = [one for one in body or () if one.get("location", meter) == meter]
        if len(places) != 1 or name not in (places[0].get("Cached_readings") or {}):
            return NOT_TOLD
        return places[0]["Cached_readings"][name]

    targets = ["/api/meters", *([f"/api/meters/{meter}"] if meter in ("site", "solar") else [])]
    return everywhere(targets, lambda target: found(target, find))


def power(meter: str) -> list[Reader]:
    shown = SHOWN[meter]
    return [
        *everywhere(METERS, lambda target: doc(target, meter, "instant_power")),
        *doc("/json", shown),
        *doc("/pw/power", meter),
        *doc(f"/pw/{meter}", "instant_power"),
        *(doc("/battery", "power") if meter == "battery" else ()),
        *cached(meter, "instant_power"),
        *data("aggregates", meter, "instant_power"),
        *everywhere(LINES, lambda target: csv(target, CSV_FIELDS[meter], 2)),
        *house(f"{shown}_watts", 1),
        *house(f"meters/{shown}/watts", 1),
        *entry(f"{shown}_watts", 1),
        *row(f"{shown}_watts", 0),
        *metric(f"{shown}_power_watts"),
        *influx("powerwall", f"{shown}_power_watts"),
        *topic(TOPICS[meter], 1),
        *inside("status", TOPICS[meter]),
        *inside("aggregates", meter, "instant_power"),
        *history(meter),
        *sampled(*SAMPLED[meter]),
    ]


def member(meter: str, name: str) -> list[Reader]:
    """A member of a main meter other than its power."""
    shown = SHOWN[meter]
    place, digits = METER_MEMBERS[name]
    readers = [
        *everywhere(METERS, lambda target: doc(target, meter, name)),
        *cached(meter, name),
        *doc(f"/pw/{meter}", name),
        *data("aggregates", meter, name),
        *inside("aggregates", meter, name),
        *house(f"meters/{shown}/{place}", digits),
    ]
    if (meter, name) in ENERGIES:
        common, counted = ENERGIES[meter, name]
        readers += metric(f"{counted}_joules_total", WATT_HOURS) + influx("powerwall", f"{common}_wh")
        readers += topic(common, 0)
    elif name == "instant_average_voltage":
        readers += metric("meter_voltage_volts", meter=shown)
    elif name == "instant_average_current":
        readers += metric("meter_current_amperes", meter=shown)
    if meter == "site" and place in ("volts", "amperes"):
        long = {"volts": "voltage", "amperes": "current"}[place]
        readers += influx("powerwall", f"grid_{long}_{place}") + topic(f"grid_{long}", 2)
        readers += inside("status", f"grid_{long}")
    return readers


def further(name: str) -> Facts:
    """A meter beside the main ones."""
    facts = {
        f"{name} {place}": [
            *everywhere(METERS, lambda target, told=told: doc(target, name, told)),  # type: ignore[misc]
            *data("aggregates", name, told),
            *inside("aggregates", name, told),
            *house(f"meters/{name}/{place}", digits),
        ]
        for told, (place, digits) in {"instant_power": ("watts", 1), **METER_MEMBERS}.items()
    }
    facts[f"{name} watts"] += metric("meter_power_watts", meter=name) + topic(f"meters/{name}/power", 1)
    facts[f"{name} watts"] += influx("powerwall_meter", "power_watts", meter=name)
    facts[f"{name} imported_wh"] += metric("meter_imported_joules_total", WATT_HOURS, meter=name)
    facts[f"{name} imported_wh"] += topic(f"meters/{name}/energy_imported", 0)
    facts[f"{name} imported_wh"] += influx("powerwall_meter", "energy_imported_wh", meter=name)
    facts[f"{name} exported_wh"] += metric("meter_exported_joules_total", WATT_HOURS, meter=name)
    facts[f"{name} exported_wh"] += topic(f"meters/{name}/energy_exported", 0)
    facts[f"{name} exported_wh"] += influx("powerwall_meter", "energy_exported_wh", meter=name)
    facts[f"{name} volts"] += metric("meter_voltage_volts", meter=name) + topic(f"meters/{name}/voltage", 2)
    facts[f"{name} volts"] += influx("powerwall_meter", "voltage_volts", meter=name)
    facts[f"{name} amperes"] += metric("meter_current_amperes", meter=name) + topic(f"meters/{name}/current", 2)
    facts[f"{name} amperes"] += influx("powerwall_meter", "current_amperes", meter=name)
    return facts


def charge() -> Facts:
    return {
        "charge, raw percent": [
            *doc("/soe", "percentage"),
            *doc("/soe", "raw_percentage"),
            *doc("/api/system_status/soe", "raw_percentage"),
            *doc("/json", "soe"),
            *doc("/json", "soe_raw"),
            *doc("/pw/level", "level"),
            *data("soe_raw"),
            *everywhere(LINES, lambda target: csv(target, 4, 2)),
            *house("charge_raw_percent", 2),
            *metric("battery_charge_raw_ratio", 100.0),
            *influx("powerwall", "battery_raw_percent"),
            *topic("battery_raw", 1),
            *inside("status", "soe_raw"),
        ],
        "charge, percent of the app": [
            *doc("/api/system_status/soe", "percentage"),
            *data("soe"),
            *house("charge_percent", 2),
            *entry("charge_percent", 2),
            *row("charge_percent", 1),
            *metric("battery_charge_ratio", 100.0),
            *influx("powerwall", "battery_percent"),
            *topic("battery", 1),
            *inside("status", "soe"),
            *history("soe"),
        ],
        "capacity, Wh": [
            *doc("/json", "full_pack_energy"),
            *doc("/pod", "nominal_full_pack_energy"),
            *doc("/api/system_status", "nominal_full_pack_energy"),
            *data("system_status", "nominal_full_pack_energy"),
            *house("capacity_wh", 0),
            *metric("battery_capacity_joules", WATT_HOURS),
            *influx("powerwall", "capacity_wh"),
            *topic("total_capacity", 0),
            *inside("status", "total_capacity"),
        ],
        "energy left, Wh": [
            *doc("/json", "energy_remaining"),
            *doc("/pod", "nominal_energy_remaining"),
            *doc("/api/system_status", "nominal_energy_remaining"),
            *data("system_status", "nominal_energy_remaining"),
            *house("remaining_wh", 0),
            *metric("battery_remaining_joules", WATT_HOURS),
            *influx("powerwall", "remaining_wh"),
            *topic("current_charge", 0),
            *inside("status", "current_charge"),
        ],
        "hours left": [
            *doc("/json", "time_remaining_hours"),
            *doc("/pod", "time_remaining_hours"),
            *doc("/pw/get_time_remaining", "time_remaining"),
            *data("time_remaining"),
            *house("hours_left", 2),
            *metric("backup_time_remaining_seconds", 1 / 3600),
            *influx("powerwall", "time_remaining_hours"),
            *topic("time_remaining", 2),
            *inside("status", "time_remaining"),
        ],
    }


def operation() -> Facts:
    return {
        "reserve, percent of the app": [
            *doc("/json", "reserve"),
            *doc("/pod", "backup_reserve_percent"),
            *doc("/pw/get_reserve", "reserve"),
            *doc("/control/reserve", "reserve"),
            *doc("/api/operation", "backup_reserve_percent_app"),
            *found("/api/operation", lambda body: app_scale(body, "backup_reserve_percent")),
            *data("reserve"),
            *everywhere(LONG_LINES, lambda target: csv(target, 6, 0)),
            *house("reserve_percent", 2),
            *metric("backup_reserve_ratio", 100.0),
            *influx("powerwall", "reserve_percent"),
            *topic("reserve", 1),
            *inside("status", "reserve"),
            *history("reserve"),
        ],
        "mode": [
            *doc("/pw/get_mode", "mode"),
            *without(doc("/control/mode", "mode"), "unknown"),
            *doc("/api/operation", "real_mode"),
            *data("mode"),
            *house("mode", None),
            *chosen("operation_mode", "mode"),
            *influx("powerwall", "mode"),
            *topic("mode", text=True),
            *inside("status", "mode"),
            *history("mode"),
        ],
        "charging from the grid": [
            *doc("/api/operation", "grid_charging"),
            *data("grid_charging"),
            *house("grid_charging", None),
            *metric("grid_charging_enabled"),
            *influx("powerwall", "grid_charging"),
            *topic("grid_charging"),
            *inside("status", "grid_charging"),
        ],
        "export rule": [
            *without(doc("/control/grid_export", "grid_export"), "unknown"),
            *doc("/api/operation", "grid_export"),
            *data("grid_export"),
            *house("grid_export", None),
            *chosen("grid_export_rule", "rule"),
            *influx("powerwall", "grid_export"),
            *topic("grid_export", text=True),
            *inside("status", "grid_export"),
        ],
    }


def grid() -> Facts:
    return {
        "grid": [
            *data("grid_status"),
            *doc("/freq", "grid_status", word=GRID_NUMBER),
            *doc("/api/system_status/grid_status", "grid_status", word=GRID_WORDS),
            *house("grid_state", None),
            *entry("grid_state", None),
            *row("grid_state", None),
            *chosen("grid_state", "state"),
            *influx("powerwall", "grid_status"),
            *topic("grid_status", text=True),
            *inside("status", "grid_status"),
            *history("grid", word=GRID_NUMBER),
        ],
        "the grid is connected": [
            *found("", lambda body: connected((((body or {}).get("data")) or {}).get("grid_status"))),
            *metric("grid_connected"),
            *influx("powerwall", "grid_connected"),
            *topic("grid_connected"),
            *inside("status", "grid_connected"),
        ],
        "the grid is up or down": [
            *found("/freq", lambda body: number if (number := (body or {}).get("grid_status")) in (0, 1) else None),
            *doc("/json", "grid_status"),
            *everywhere(LONG_LINES, lambda target: csv(target, 5, None)),
        ],
    }


def connected(word: str | None) -> bool | None:
    return None if word is None else word == "UP"


def app_scale(body: Any, name: str) -> float | None:
    value = (body or {}).get(name)
    return None if value is None else (value - 5) / 0.95


def identity() -> Facts:
    return {
        "firmware": [
            *without(doc("/pw/version", "version"), "Unknown"),
            *without(doc("/version", "version"), "SolarOnly"),
            *doc("/api/status", "version"),
            *data("version"),
            *house("connection/firmware", None)[:1],
            *influx("powerwall", "firmware"),
            *topic("version", text=True),
            *inside("status", "version"),
        ],
        "name of the site": [
            *doc("/pw/site_name", "site_name"),
            *doc("/api/site_info/site_name", "site_name"),
            *data("site_name"),
        ],
        "DIN": [*doc("/pw/din", "din"), *data("din")],
    }


def among(target: str, *path: str | int) -> Callable[[str], list[Reader]]:
    """Readers of a document that lists the gateways, by the member that is asked."""

    def make(name: str) -> list[Reader]:
        def read(moment: Moment, gateway: str) -> Any:
            listed = at(moment.json(target), path)
            if isinstance(listed, list):
                return next((one.get(name) for one in listed if one["id"] == gateway), None)
            return at(listed, (gateway, name))

        return [Reader(f"{target} {name}", read)]

    return make


HEALTH = among("/health", "gateway_details")
STATS = among("/stats", "gateway_statuses")
CONNECTIONS = among("/api/aggregate/status", "gateways")
STATUSES = among("/api/gateways/")


def connection() -> Facts:
    """How the connection is. These are known also when there are no figures."""
    return {
        "the last poll succeeded": [
            *without(doc("", "online"), None),
            *doc("/pw/is_connected", "is_connected"),
            *HEALTH("online"),
            *STATS("online"),
            *CONNECTIONS("online"),
            *STATUSES("online"),
            Reader("/ws/gateway", lambda m, g: m.stream(f"/ws/gateway/{g}")["online"]),
            Reader("/metrics up", lambda m, g: m.metrics.get(("powerwall_up", frozenset({("gateway", g)})))),
            *influx("powerwall_poll", "online"),
            Reader("MQTT online", lambda m, g: m.topics(g).get("online") == "true"),
            Reader("MQTT availability", lambda m, g: m.topics(g).get("availability") == "online"),
            Reader("/api/site/{id}", lambda m, g: m.json(f"/api/site/{g}")["state"] == "fresh"),
            Reader("/ws/site", lambda m, g: m.stream(f"/ws/site/{g}")["state"] == "fresh"),
        ],
        "phase": [*house("state", None)[:3], *entry("state", None)],
        "cause": [*HEALTH("cause"), *house("cause", None)[:3], *entry("cause", None)],
        "failures in a row": [
            *HEALTH("consecutive_failures"),
            *STATS("consecutive_failures"),
            *CONNECTIONS("consecutive_failures"),
            *metric("poll_consecutive_failures"),
            *influx("powerwall_poll", "consecutive_failures"),
        ],
    }


def moments() -> Facts:
    """When the figures were read, and when that poll ended. Pages about all gateways follow within a poll."""
    return {
        "moment of the reading": [
            *data("timestamp"),
            *(
                Reader(f"header of {target}", lambda m, g, target=target: m.read_at(below(target, g)))  # type: ignore[misc]
                for target in ("", "/aggregates", "/csv", "/pod", "/pw/power")
            ),
            Reader("header of /api/site/{id}", lambda m, g: m.read_at(f"/api/site/{g}")),
            *metric("reading_timestamp_seconds"),
            Reader("time of /influx", lambda m, g: m.point("powerwall", {"gateway": g})[1]),
            Reader("/api/site/{id}", lambda m, g: shown_reading(m.json(f"/api/site/{g}"))),
            Reader("/ws/site/{id}", lambda m, g: shown_reading(m.stream(f"/ws/site/{g}"))),
        ],
        "end of the last good poll": [
            *doc("", "last_updated"),
            *HEALTH("last_updated"),
            *STATS("last_updated"),
            *CONNECTIONS("last_updated"),
            *STATUSES("last_updated"),
            *metric("last_success_timestamp_seconds"),
        ],
    }


def shown_reading(body: Any) -> float | None:
    """When the figures of a house were read; of the figures there, not of those that were there last."""
    return body["read_at"] if body["state"] in ("fresh", "stale") else None


def alerts() -> Facts:
    def names(moment: Moment, gateway: str) -> Any:
        return [
            dict(labels)["alert"]
            for (name, labels) in moment.metrics
            if name == "powerwall_alert_active" and ("gateway", gateway) in labels
        ]

    def counted(moment: Moment, gateway: str) -> Any:
        value = moment.metrics.get(("powerwall_alerts", frozenset({("gateway", gateway)})))
        return None if value is None else value

    def shown(body: Any) -> Any:
        listed = (body or {}).get("alerts_active")
        return None if listed is None else sorted(listed)

    count = [
        *found("", lambda body: None if (listed := (body["data"] or {}).get("alerts")) is None else len(listed)),
        *entry("alerts", None),
        Reader("/metrics alerts", counted),
        *influx("powerwall", "alerts"),
    ]
    return {
        "names of the alerts": [
            Reader("/api/site/{id}", lambda m, g: shown(m.json(f"/api/site/{g}")) or None),
            *without(doc("/alerts"), []),
            *found("/alerts/pw", lambda body: sorted(body) or None),
            *without(doc("/pw/alerts", "alerts"), []),
            *without(data("alerts"), []),
            Reader("/api/aggregate/alerts", lambda m, g: at_gateway(m, "/api/aggregate/alerts", g) or None),
            Reader("/metrics alert_active", lambda m, g: sorted(names(m, g)) or None),
        ],
        "number of alerts": count,
    }


def at_gateway(moment: Moment, target: str, gateway: str) -> Any:
    return (moment.json(target) or {}).get(gateway)


def strings(name: str) -> Facts:
    facts: dict[str, list[Reader]] = {}
    for told, place, digits, shown, tail in (
        ("Power", "watts", 1, "power_watts", "power"),
        ("Voltage", "volts", 1, "voltage_volts", "voltage"),
        ("Current", "amperes", 2, "current_amperes", "current"),
    ):
        facts[f"string {name} {place}"] = [
            *doc("/strings", name, told),
            *doc("/json", "strings", name, told),
            *data("strings", name, told),
            Reader(
                "/api/aggregate/strings",
                lambda m, g, told=told: (
                    (at_gateway(m, "/api/aggregate/strings", g) or {})  # type: ignore[misc]
                    .get(name)
                    or {}
                ).get(told),
            ),
            *house(f"strings/{name}/{place}", digits),
            *metric(f"string_{shown}", string=name),
            *influx("powerwall_string", shown, string=name),
            *topic(f"strings/{name}/{tail}", 2),
            *inside(f"strings/{name}", told),
        ]
    return facts


def blocks(body: Any) -> list[dict[str, Any]]:
    return (body or {}).get("battery_blocks") or []


def unit(serial: str) -> Facts:
    """One battery unit; documents that number the units are asked for the number of this one."""

    def numbered(target: str, name: str) -> list[Reader]:
        def find(body: Any) -> Any:
            numbers = [
                key.partition("_")[0]
                for key, value in (body or {}).items()
                if key.endswith("_PackageSerialNumber") and value == serial
            ]
            return body.get(f"{numbers[0]}_{name}") if numbers else None

        return found(target, find)

    def block(name: str) -> list[Reader]:
        def of(system: Any) -> Any:
            return next((one.get(name) for one in blocks(system) if one.get("PackageSerialNumber") == serial), None)

        return [
            *found("/api/system_status", of),
            *found("", lambda body: of(((body or {}).get("data") or {}).get("system_status"))),
            *doc("/pw/battery_blocks", serial, name),
        ]

    def shown(name: str, digits: int) -> list[Reader]:
        def of(body: Any) -> Any:
            return next((one.get(name) for one in body["units"].values() if one["serial"] == serial), None)

        return [
            Reader(f"/api/site/{{id}} unit {name}", lambda m, g: of(m.json(f"/api/site/{g}")), digits),
            Reader(f"/ws/site/{{id}} unit {name}", lambda m, g: of(m.stream(f"/ws/site/{g}")), digits),
        ]

    def published(name: str) -> list[Reader]:
        def find(moment: Moment, gateway: str) -> Any:
            listed = json.loads(moment.topics(gateway).get("batteries", "[]"))
            return next((one[name] for one in listed if one["serial"] == serial), None)

        return [Reader(f"MQTT batteries {name}", find, fresh_only=True)]

    return {
        f"unit {serial} capacity, Wh": [
            *block("nominal_full_pack_energy"),
            *numbered("/pod", "POD_nom_full_pack_energy"),
            *shown("capacity_wh", 0),
            *metric("unit_capacity_joules", WATT_HOURS, device=serial),
            *influx("powerwall_unit", "capacity_wh", device=serial),
            *published("capacity"),
        ],
        f"unit {serial} energy left, Wh": [
            *block("nominal_energy_remaining"),
            *numbered("/pod", "POD_nom_energy_remaining"),
            *shown("remaining_wh", 0),
            *metric("unit_remaining_joules", WATT_HOURS, device=serial),
            *influx("powerwall_unit", "remaining_wh", device=serial),
            *published("charge"),
        ],
        **{
            f"unit {serial} {name}": [*block(name), *numbered("/pod", name), *numbered("/freq", name)]
            for name in ("p_out", "q_out", "v_out", "f_out", "i_out")
        },
    }


def device(moment: Moment, gateway: str, kind: str, serial: str) -> Mapping[str, Any]:
    """What the vitals tell of one device: the first of its kind with this serial number."""
    return first_device(moment.json(below("/vitals", gateway)) or {}, kind, serial)


def first_device(found: Mapping[str, Any], kind: str, serial: str) -> Mapping[str, Any]:
    """The first device of this kind with this serial number."""
    for name, body in found.items():
        if name.startswith(f"{kind}--") and serial in (name.rpartition("--")[2], body.get("serialNumber")):
            return body  # type: ignore[no-any-return]
    return {}


def vital(kind: str, serial: str, name: str) -> list[Reader]:
    """A member of a device in the vitals, of the gateway and of all."""

    def summed(moment: Moment, gateway: str) -> Any:
        return first_device(at_gateway(moment, "/api/aggregate/vitals", gateway) or {}, kind, serial).get(name)

    return [
        Reader(f"/vitals {kind} {name}", lambda m, g: device(m, g, kind, serial).get(name)),
        Reader(f"/api/aggregate/vitals {kind} {name}", summed),
    ]


def of_unit(serial: str, name: str, digits: int) -> list[Reader]:
    """A figure of a battery unit in the site document; of other devices it tells none."""

    def read(body: Any) -> Any:
        found = next((one for one in body["units"].values() if one["serial"] == serial), None)
        return NOT_TOLD if found is None else found.get(name)

    return [
        Reader(f"/api/site/{{id}} unit {name}", lambda m, g: read(m.json(f"/api/site/{g}")), digits),
        Reader(f"/ws/site/{{id}} unit {name}", lambda m, g: read(m.stream(f"/ws/site/{g}")), digits),
    ]


def temperature(name: str) -> Facts:
    """What /temps tells of a device, under its serial number elsewhere."""
    kind, serial = name.partition("--")[0], name.rpartition("--")[2]
    told, sensor, field, place, shown = {
        "TETHC": ("THC_AmbientTemp", *("controller_ambient",) * 2, "temperature/controller", "controller"),
        "TEPOD": ("HVP_PackTempMax", "pack_max", "pack_temp_max", "temperature/pack_max", "pack_max"),
    }[kind]

    def numbered(moment: Moment, gateway: str) -> Any:
        names = list(moment.json(below("/temps", gateway)) or {})
        values = moment.json(below("/temps/pw", gateway)) or {}
        return values.get(f"PW{names.index(name) + 1}_temp") if name in names else None

    return {
        f"temperature of {name}": [
            *doc("/temps", name),
            Reader("…/temps/pw", numbered),
            *data("temps", name),
            *vital(kind, serial, told),
            *metric("temperature_celsius", device=serial, sensor=sensor),
            *influx("powerwall_device", field, device=serial),
            *topic(f"devices/{serial}/{place}", 1),
            *of_unit(serial, f"{shown}_celsius", 1),
        ]
    }


FANS = {  # member of /fans -> metric and its label, field and topic elsewhere, its digits there, the end of its number
    "PVAC_Fan_Speed_Actual_RPM": ("fan_speed_rpm", "main", "fan_rpm", "fan/rpm", 0, "actual"),
    "PVAC_Fan_Speed_Target_RPM": ("fan_target_speed_rpm", "main", "fan_target_rpm", "fan/target_rpm", 0, "target"),
    "PCH_FanSpeed_A": ("fan_speed_rpm", "a", "fan_a_rpm", "fan/a/rpm", 0, "actual"),
    "PCH_FanSpeed_B": ("fan_speed_rpm", "b", "fan_b_rpm", "fan/b/rpm", 0, "actual"),
    "PCH_FanDuty_A": ("fan_duty_ratio", "a", "fan_a_duty", "fan/a/duty", 1, "duty"),
    "PCH_FanDuty_B": ("fan_duty_ratio", "b", "fan_b_duty", "fan/b/duty", 1, "duty"),
}


def fan(name: str) -> Facts:
    """What /fans tells of a device, under its serial number elsewhere."""
    kind, serial = name.partition("--")[0], name.rpartition("--")[2]

    def numbered(told: str, end: str) -> Reader:
        def read(moment: Moment, gateway: str) -> Any:
            names = moment.json(below("/fans", gateway)) or {}
            solar = sorted(one for one in names if not one.startswith("TEPINV"))
            units = [one for one in names if one.startswith("TEPINV")]
            if name in solar:
                number = solar.index(name) + 1
            elif name in units:
                number = len(solar) + 2 * units.index(name) + (2 if told.endswith("B") else 1)
            else:
                return None
            return moment.json(below("/fans/pw", gateway)).get(f"FAN{number}_{end}")

        return Reader("…/fans/pw", read)

    facts: Facts = {
        f"{told} of {name}": [
            *doc("/fans", name, told),
            numbered(told, end),
            *data("fan_speeds", name, told),
            *vital(kind, serial, told),
            *metric(counted, 100.0 if end == "duty" else 1.0, device=serial, fan=label),
            *influx("powerwall_device", field, device=serial),
            *topic(f"devices/{serial}/{place}", digits),
            *(of_unit(serial, field, digits) if end == "actual" else ()),
        ]
        for told, (counted, label, field, place, digits, end) in FANS.items()
        if told.startswith("PCH") == (kind == "TEPINV")
    }
    return facts


def output_of(serial: str) -> Facts:
    """The output of an inverter: volts and hertz."""
    facts: dict[str, list[Reader]] = {}
    for kind, prefix, label in (("TEPINV", "PINV", "battery"), ("PVAC", "PVAC", "solar")):
        for told, unit_name, counted in (("Vout", "volts", "voltage_volts"), ("Fout", "hertz", "frequency_hertz")):
            facts[f"{kind} {serial} {unit_name}"] = [
                *vital(kind, serial, f"{prefix}_{told}"),
                *metric(f"inverter_{counted}", device=serial, kind=label),
                *influx("powerwall_device", f"{label}_inverter_{unit_name}", device=serial),
            ]
    return facts


def wired(name: str) -> Facts:
    """A member of /freq that is a measurement of a line or of a current transformer."""
    line = re.fullmatch(r"ISLAND_(?:V(L[1-3])N|Freq(L[1-3]))_(Main|Load)", name)
    if line:
        counted, field = ("voltage_volts",) * 2 if line[1] else ("frequency_hertz",) * 2
        tags: dict[str, Any] = {"line": line[1] or line[2], "side": {"Main": "grid", "Load": "home"}[line[3]]}
        others = metric(f"line_{counted}", **tags) + influx("powerwall_line", field, **tags)
        return {name: [*doc("/freq", name), *others]}
    meter = re.fullmatch(r"METER_([A-Z])_(?:CT([A-C])_(InstRealPower|I)|VL([1-3])N)", name)
    if meter is None:
        return {}
    told = {"InstRealPower": "power_watts", "I": "current_amperes", None: "voltage_volts"}[meter[3]]
    tags = {"meter": meter[1], "ct": meter[2] or "ABC"[int(meter[4]) - 1]}
    return {name: [*doc("/freq", name), *metric(f"ct_{told}", **tags), *influx("powerwall_ct", told, **tags)]}


def discovered(moment: Moment, gateway: str) -> Facts:
    """The facts about what only some houses have. A thing that any output knows is asked for in all of them."""
    body = moment.json(f"/api/site/{gateway}") or {}
    system = moment.json(below("/api/system_status", gateway))
    series = [(name, dict(labels)) for name, labels in moment.metrics if ("gateway", gateway) in labels]
    topics = moment.topics(gateway)
    points = [(name, tags) for name, tags, _, _ in moment.points if tags.get("gateway") == gateway]

    meters = {*(moment.json(below("/aggregates", gateway)) or {}), *(body.get("meters") or {})}
    meters |= {labels["meter"] for name, labels in series if name == "powerwall_meter_power_watts"}
    meters |= {tags["meter"] for name, tags in points if name == "powerwall_meter"}
    meters -= {*HOUSE_METERS, *SHOWN}
    named = {*(moment.json(below("/strings", gateway)) or {}), *(body.get("strings") or {})}
    named |= {labels["string"] for name, labels in series if name == "powerwall_string_power_watts"}
    named |= {found[1] for name in topics if (found := re.fullmatch(r"strings/(\w+)", name))}
    units = {one["serial"] for one in (body.get("units") or {}).values()}
    units |= {one.get("PackageSerialNumber") for one in blocks(system)} - {None}
    units |= {labels["device"] for name, labels in series if name == "powerwall_unit_info"}
    units |= {one["serial"] for one in json.loads(topics.get("batteries", "[]"))}
    units |= {tags["device"] for name, tags in points if name == "powerwall_unit"}
    warm = set(moment.json(below("/temps", gateway)) or {})
    turning = set(moment.json(below("/fans", gateway)) or {})
    inverters = {labels["device"] for name, labels in series if name.startswith("powerwall_inverter_")}
    vitals = moment.json(below("/vitals", gateway)) or {}
    inverters |= {one.rpartition("--")[2] for one in vitals if one.startswith(("TEPINV--", "PVAC--"))}
    measured = set(moment.json(below("/freq", gateway)) or {})
    facts: dict[str, list[Reader]] = {}
    for make, names in (
        (further, meters),
        (strings, named),
        (unit, units),
        (temperature, warm),
        (fan, turning),
        (output_of, inverters),
        (wired, measured),
    ):
        for name in sorted(names):
            facts.update(make(name))
    return facts


def checks(member: str) -> list[Reader]:
    """The seven-day checks in every list of them."""

    def alone(moment: Moment, gateway: str) -> Any:
        body = moment.json(f"/api/checks/{gateway}")
        return body["worst"] if member == "worst" else {one["id"]: one["state"] for one in body["checks"]}

    def listed(target: str, name: str) -> Reader:
        def read(moment: Moment, gateway: str) -> Any:
            return next(one.get(name) for one in moment.json(target)["houses"] if one["id"] == gateway)

        return Reader(f"{target} {name}", read)

    shown = [listed("/api/houses", "failed_check")] if member == "worst" else []
    return [Reader("/api/checks/{id}", alone), listed("/api/checks", member), *shown]


FIXED: Facts = {
    **{f"{meter} watts": power(meter) for meter in SHOWN},
    **{f"{meter} {METER_MEMBERS[name][0]}": member(meter, name) for meter in SHOWN for name in METER_MEMBERS},
    **charge(),
    **operation(),
    **grid(),
    **identity(),
    **alerts(),
}
# What was in the last seven days is known while there are no figures, too.
CONNECTION: Facts = {
    **connection(),
    "seven-day checks": checks("states"),
    "the worst of them": checks("worst"),
}
MOMENTS: Facts = moments()


def facts_of(moment: Moment, gateway: str) -> Facts:
    """Every fact about one gateway."""
    return {**FIXED, **CONNECTION, **discovered(moment, gateway)}
