"""Where our MQTT messages differ on purpose from what pypowerwall-server was recorded to send.

One row: which topic, how it differs, in which recordings, and why. A row that no recording needs is an error, and so is
a difference without a row (see test_mqtt_recorded.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pytest

EXTRA, MISSING, CHANGED = "extra", "missing", "changed"
STATE, ENTITY = "state", "entity"
SERVER_ONLY = [{"topic": "pypowerwall/availability", "payload_available": "online", "payload_not_available": "offline"}]


@dataclass(frozen=True, slots=True)
class Deviation:
    """``name``: a topic below the gateway's, or the end of an entity's id; both are the same for a sensor."""

    name: str
    reason: str
    kind: str = EXTRA
    of: str = "*"  # STATE or ENTITY; both unless told otherwise
    recordings: str = "*"
    ours: Callable[[Any], Any] | None = None  # for CHANGED: from their payload to ours


def own_availability(config: dict[str, Any]) -> dict[str, Any]:
    """Add what every entity of one unit has first: the availability of that unit."""
    if not config or "serial_number" not in config["device"]:
        return config
    own = "/".join(config["state_topic"].split("/")[:4]) + "/availability"
    return {**config, "availability": [SERVER_ONLY[0] | {"topic": own}, *config["availability"]]}


def own_availability_of_value(config: dict[str, Any]) -> dict[str, Any]:
    """Add what an entity has first: the availability of its value, or of the string or wireless meter it is about."""
    if not config or "command_topic" in config:
        return config
    topic = config["state_topic"]
    part = topic.rpartition("/")[0] if "/strings/" in topic or "/meters/" in topic else topic
    return {**config, "availability": [SERVER_ONLY[0] | {"topic": f"{part}/availability"}, *config["availability"]]}


def named_inverter(config: dict[str, Any]) -> dict[str, Any]:
    """Call the device by its kind."""
    device = {**config["device"], "name": "Inverter CN000000000PV", "model": "Solar Inverter"}
    return {**config, "device": device}


_OF_ITS_OWN = "each value, string and wireless meter says whether it is of now: the broker retains what was told before"
_FROM_THE_START = "what can appear later is announced from the start, and is unavailable until then"
_OF_NOW = "each battery unit and each device says whether its figures are of now"
_EMPTY = "an empty firmware version is unknown"

OF_ITS_OWN = (
    "battery", "battery_raw", "solar", "grid", "home", "powerwall", "reserve", "total_capacity", "current_charge",
    "grid_status", "mode", "grid_export", "version", "time_remaining", "grid_connected", "grid_charging",
    "grid_voltage", "grid_current", "[!r]*_energy_imported", "[!r]*_energy_exported",
)  # fmt: skip

DEVIATIONS: tuple[Deviation, ...] = (
    Deviation("batteries/*/availability", _OF_NOW),
    Deviation("devices/*/availability", _OF_NOW),
    Deviation("battery_[0-9]_*", _OF_NOW, CHANGED, ENTITY, ours=own_availability),
    Deviation("device_*", _OF_NOW, CHANGED, ENTITY, ours=own_availability),
    Deviation(
        "online",
        "the gateway's own availability would turn this entity grey instead of off, in the very case it is there for",
        CHANGED,
        ENTITY,
        ours=lambda config: {**config, "availability": SERVER_ONLY},
    ),
    Deviation(
        "device_cn000000000pv_*",
        "an inverter that is no part of a Powerwall is not called one",
        CHANGED,
        ENTITY,
        ours=named_inverter,
    ),
    *(Deviation(name, _OF_ITS_OWN, CHANGED, ENTITY, ours=own_availability_of_value) for name in OF_ITS_OWN),
    *(Deviation(f"{name}/availability", _OF_ITS_OWN, of=STATE) for name in OF_ITS_OWN),
    Deviation("string_*", _OF_ITS_OWN, CHANGED, ENTITY, ours=own_availability_of_value),
    Deviation("strings/*/availability", _OF_ITS_OWN, of=STATE),
    Deviation("remote_meter_*", _OF_ITS_OWN, CHANGED, ENTITY, ours=own_availability_of_value),
    Deviation("meters/remote/*/availability", _OF_ITS_OWN, of=STATE),
    Deviation("grid_voltage", _FROM_THE_START, EXTRA, ENTITY, "never-online"),
    Deviation("grid_current", _FROM_THE_START, EXTRA, ENTITY, "never-online"),
    Deviation("battery_2_*", _FROM_THE_START, EXTRA, ENTITY),
    Deviation("battery_3_charge", _FROM_THE_START, EXTRA, ENTITY),
    Deviation("status", "after a failed poll the summary says that nothing is known", EXTRA, STATE, "never-online"),
    Deviation("status", "after a failed poll the summary says that nothing is known", EXTRA, STATE, "*-offline"),
    Deviation("version", _EMPTY, MISSING, STATE, "simulator"),
    Deviation("status", _EMPTY, CHANGED, STATE, "simulator", lambda body: {**body, "version": None}),
    Deviation("strings/B/power", "there is no negative zero", CHANGED, STATE, "simulator", lambda _: "0.00"),
    Deviation(
        "status",
        "the level in the recording was made up and does not follow exactly from its raw level",
        CHANGED,
        STATE,
        "powerwall3",
        lambda body: {**body, "soe": pytest.approx(body["soe"], abs=0.01)},
    ),
    # Sensors that pypowerwall-server does not have:
    Deviation("alerts*", "a sensor that pypowerwall-server does not have"),
    Deviation("worst_alert*", "a sensor that pypowerwall-server does not have"),
    Deviation("event", "an entity that pypowerwall-server does not have", of=ENTITY),
    Deviation("last_event", "a sensor that pypowerwall-server does not have", of=ENTITY),
)


def name_of(topic: str) -> tuple[str, str]:
    """Return (STATE or ENTITY, name) of a topic."""
    entity = re.fullmatch(r"homeassistant/\w+/pypowerwall_[a-z]+_(.+)/config", topic)
    return (ENTITY, entity[1]) if entity else (STATE, topic.split("/", 2)[-1])


def rows_for(recording: str, topic: str) -> list[Deviation]:
    """Return the rows about a topic of a recording."""
    of, name = name_of(topic)
    return [
        row
        for row in DEVIATIONS
        if fnmatchcase(name, row.name) and fnmatchcase(of, row.of) and fnmatchcase(recording, row.recordings)
    ]


def sent_by_us_only(topic: str) -> bool:
    """Say whether pypowerwall-server does not send a topic after a good poll."""
    return any(row.kind == EXTRA for row in rows_for("powerwall3", topic))


def compare(
    recording: str, ours: Mapping[str, Any], theirs: Mapping[str, Any]
) -> tuple[dict[str, Any], set[Deviation]]:
    """Return the differences that no row explains, and the rows that explain one."""
    unexplained: dict[str, Any] = {}
    used: set[Deviation] = set()
    for topic in {**theirs, **ours}:
        rows = rows_for(recording, topic)
        if topic in ours and topic in theirs:
            expected = theirs[topic]
            for row in rows if not same(ours[topic], expected) else ():
                if row.kind == CHANGED and row.ours is not None and (changed := row.ours(expected)) is not expected:
                    used.add(row)
                    expected = changed
            if not same(ours[topic], expected):
                unexplained[topic] = (ours[topic], expected)
        else:
            allowed = {row for row in rows if row.kind == (EXTRA if topic in ours else MISSING)}
            used |= allowed
            if not allowed:
                unexplained[topic] = "only we send it" if topic in ours else "only they send it"
    return unexplained, used


def same(ours: Any, theirs: Any) -> bool:
    """Compare payloads; 1 is not true, though Python takes them for equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(same(value, theirs[key]) for key, value in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(same(a, b) for a, b in zip(ours, theirs, strict=True))
    return bool(ours == theirs) and isinstance(ours, bool) == isinstance(theirs, bool)
