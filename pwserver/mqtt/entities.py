"""Make Home Assistant's view of a gateway: the entities that follow from the tables of sensors and controls.

Ids, names, units and icons are a public interface: existing installations keep their history only while these stay.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from typing import Final

from pwserver.events.kinds import KINDS
from pwserver.json_types import JsonObject
from pwserver.mqtt.sensors import METER_METRICS, SENSORS, SIGNAL_TOPICS, STRING_METRICS, Sensor
from pwserver.mqtt.state_topics import (
    availability_of,
    battery_availability,
    compact,
    device_availability,
    remote_meter_topic,
    safe_in_topic,
)
from pwserver.records import record
from pwserver.state.controls import CHOICE, MQTT_CONTROLS, NUMBER, PRESS, SWITCH, Control
from pwserver.state.device_signals import SIGNAL_BY_ID, SIGNALS, Signal, signals_by_serial
from pwserver.state.electrical import RemoteMeter
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS, Meters
from pwserver.state.strings import string_pairs
from pwserver.state.units import Unit

STATE_CLASSES = {"energy": "total_increasing"}


@record(frozen=True, slots=True)
class Entity:
    """Describes one entity of a gateway. ``serial``: the unit it belongs to, None for the gateway's own device."""

    component: str
    suffix: str
    name: str
    state: str | None  # topic below the gateway's, None for buttons
    members: JsonObject = field(default_factory=dict)
    serial: str | None = None
    control: str | None = None
    available: str | None = None  # topic below the gateway's that says whether the value is of now
    attributes: str | None = None  # topic below the gateway's with JSON whose members are its attributes
    away_too: bool = False  # it is also there while the gateway is away


def _sensor(
    suffix: str,
    name: str,
    unit: str | None,
    device_class: str | None,
    icon: str | None,
    *,
    state: str | None = None,
    diagnostic: bool = False,
    serial: str | None = None,
    available: str | None = None,
) -> Entity:
    members: JsonObject = {}
    if unit:
        members["unit_of_measurement"] = unit
        members["state_class"] = STATE_CLASSES.get(device_class or "", "measurement")
    if device_class:
        members["device_class"] = device_class
    if icon:
        members["icon"] = f"mdi:{icon}"
    if diagnostic:
        members["entity_category"] = "diagnostic"
    return Entity("sensor", suffix, name, state or suffix, members, serial, available=available)


def entity_of(sensor: Sensor) -> Entity:
    """Return the entity of a gateway's sensor."""
    available = availability_of(sensor.topic)
    if not sensor.yes_or_no:
        return _sensor(
            sensor.topic,
            sensor.name,
            sensor.unit,
            sensor.device_class,
            sensor.icon,
            diagnostic=sensor.diagnostic,
            available=available,
        )
    members: JsonObject = {"icon": f"mdi:{sensor.icon}", "payload_on": "true", "payload_off": "false"}
    if sensor.device_class:
        members["device_class"] = sensor.device_class
    return Entity("binary_sensor", sensor.topic, sensor.name, sensor.topic, members, available=available)


# That the last poll succeeded is no value of a reading, and is told also when it failed.
ONLINE = Sensor(
    "online", "Gateway Online", lambda _: None, device_class="connectivity", icon="lan-connect", yes_or_no=True
)
# What happened to the gateway is no value of a reading either, and that it is away is one of these events.
EVENT_TOPIC: Final = "event"
LAST_EVENT_TOPIC: Final = "last_event"
EVENT_DETAILS_TOPIC: Final = "last_event/details"
EVENT_ENTITIES: Final = (
    Entity(
        "event",
        "event",
        "Event",
        EVENT_TOPIC,
        {"icon": "mdi:timeline-alert", "event_types": list(KINDS)},
        away_too=True,
    ),
    Entity(
        "sensor",
        "last_event",
        "Last Event",
        LAST_EVENT_TOPIC,
        {"icon": "mdi:timeline-text"},
        attributes=EVENT_DETAILS_TOPIC,
        away_too=True,
    ),
)
GATEWAY_ENTITIES: tuple[Entity, ...] = (
    *(entity_of(sensor) for sensor in SENSORS),
    # Its own gateway's availability would turn this one grey instead of "off" in the very case it is there for.
    replace(entity_of(ONLINE), away_too=True, available=None),
    *EVENT_ENTITIES,
)


# Name and icon of a control's entity, where these are not its label; two buttons command the connection to the grid.
_CONTROL_LOOKS: Final[Mapping[str, tuple[str, str]]] = {
    "reserve": ("Backup Reserve Control", "battery-lock"),
    "reserve_hold": ("Hold Battery", "battery-lock"),
    "mode": ("Operation Mode Control", "cog"),
    "grid_charging": ("Grid Charging Control", "battery-charging-outline"),
    "grid_export": ("Grid Export Control", "transmission-tower-export"),
}
_ISLANDING_BUTTONS: Final = (
    ("go_off_grid", "Go Off Grid", "transmission-tower-off", "off_grid"),
    ("reconnect_grid", "Reconnect Grid", "transmission-tower", "on_grid"),
)


def entities_of_control(control: Control) -> list[Entity]:
    """Return the entities that command a control; their payloads are what ``control_topics`` reads."""
    if control.name == "islanding":
        return [
            Entity(
                "button",
                suffix,
                name,
                None,
                {"icon": f"mdi:{icon}", "payload_press": compact({"action": action, "confirm": True})},
                control=control.name,
            )
            for suffix, name, icon, action in _ISLANDING_BUTTONS
        ]
    name, icon = _CONTROL_LOOKS.get(control.name, (control.label, "cog"))
    members: JsonObject = {"icon": f"mdi:{icon}"}
    if control.kind == PRESS:
        return [Entity("button", control.name, name, None, {**members, "payload_press": "{}"}, control=control.name)]
    if control.kind == NUMBER:
        low, high = control.range or (0, 0)
        members |= {"command_template": '{"value": {{ value | int }}}', "min": low, "max": high, "step": 1}
        if control.unit is not None:
            members["unit_of_measurement"] = control.unit
    elif control.kind == CHOICE:
        members |= {"command_template": '{"value": "{{ value }}"}', "options": list(control.choices)}
    else:
        members |= {"payload_on": '{"value": true}', "payload_off": '{"value": false}'}
    state = control.name if any(sensor.topic == control.name for sensor in SENSORS) else None
    if control.kind == SWITCH and state is not None:
        members |= {"state_on": "true", "state_off": "false"}
    suffix = f"{control.name}_control"
    return [Entity(COMPONENT_OF_KIND[control.kind], suffix, name, state, members, control=control.name)]


COMPONENT_OF_KIND: Final = {NUMBER: "number", CHOICE: "select", SWITCH: "switch"}
CONTROL_ENTITIES: tuple[Entity, ...] = tuple(
    entity for control in MQTT_CONTROLS.values() for entity in entities_of_control(control)
)


def serial_slug(serial: str) -> str:
    """Return a unit's serial as part of an id; unusual serials get a piece of their hash so that two never meet."""
    if re.fullmatch(r"[A-Z0-9]+", serial):
        return serial.lower()
    digest = hashlib.sha1(serial.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{_underscored(serial)}_{digest}"


def _underscored(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def optional_entities(judged: Judged, serials: dict[int, str]) -> list[Entity]:
    """Return the entities of the parts that a reading shows a gateway to have; ``serials``: the unit at each battery
    position. A part is announced with all it can tell, also with what it does not tell at this moment.
    """
    found = _further_meter_entities(judged.meters)
    strings = {name: string for name, string in judged.strings.items() if safe_in_topic(name)}
    for name in (*strings, *string_pairs(strings)):
        for metric, shown in STRING_METRICS.items():
            found.append(
                _sensor(
                    f"string_{name.lower()}_{metric}",
                    f"String {name} {shown.label}",
                    shown.unit,
                    shown.device_class,
                    shown.icon,
                    state=f"strings/{name}/{metric}",
                    diagnostic=True,
                    available=availability_of(f"strings/{name}"),
                )
            )
    found += [_weak_entity(name) for name, string in strings.items() if string.weak.value is not None]
    found += [_health_entity(one, serials) for one in judged.units if one.health_percent.value is not None]
    found += _remote_meter_entities(judged.electrical.remote_meters) + _battery_entities(judged.all_units, serials)
    for serial, values in signals_by_serial(judged.devices).items():
        if safe_in_topic(serial):
            kinds = {SIGNAL_BY_ID[name].prefix for name in values}
            found += [_signal_entity(serial, signal) for signal in SIGNALS if signal.prefix in kinds]
    return found


def _weak_entity(name: str) -> Entity:
    members: JsonObject = {"device_class": "problem", "icon": "mdi:solar-power-variant-outline"}
    members |= {"payload_on": "true", "payload_off": "false", "entity_category": "diagnostic"}
    return Entity(
        "binary_sensor", f"string_{name.lower()}_weak", f"String {name} Weak", f"strings/{name}/weak", members
    )


def _health_entity(unit: Unit, serials: Mapping[int, str]) -> Entity:
    serial = serials.get(unit.position)
    return _sensor(
        f"battery_{unit.position}_health",
        "State of Health" if serial else f"Battery {unit.position} State of Health",
        "%",
        None,
        "battery-heart-variant",
        state=f"batteries/{unit.position}/health",
        diagnostic=True,
        serial=serial,
    )


def _signal_entity(serial: str, signal: Signal) -> Entity:
    topic, icon = SIGNAL_TOPICS[signal.id]
    return _sensor(
        f"device_{serial_slug(serial)}_{signal.id}",
        signal.label,
        signal.unit,
        "temperature" if signal.unit == "°C" else None,
        icon,
        state=f"devices/{serial}/{topic}",
        diagnostic=True,
        serial=serial,
        available=device_availability(serial),
    )


def entities_of_unit(serial: str, number: int) -> list[Entity]:
    """Return every entity that a battery unit may have, whichever of them it has shown."""
    units = (Unit(serial, number, ""),)
    health = _health_entity(units[0], {number: serial})
    return [*_battery_entities(units, {number: serial}), health, *(_signal_entity(serial, one) for one in SIGNALS)]


def _further_meter_entities(meters: Meters) -> list[Entity]:
    found = []
    for name in meters:
        if name in MAIN_METERS:
            continue
        for metric in METER_METRICS:
            shown = metric.shown
            title = f"{name.replace('_', ' ').title()} {shown.label}"
            topic = f"meters/{name}/{metric.name}"
            available = availability_of(topic)
            suffix = f"meter_{name}_{metric.name}"
            found.append(
                _sensor(suffix, title, shown.unit, shown.device_class, shown.icon, state=topic, available=available)
            )
    return found


def _remote_meter_entities(meters: Iterable[RemoteMeter]) -> list[Entity]:
    found = []
    for meter in meters:
        if not safe_in_topic(meter.din):
            continue
        title = f"Remote Meter {meter.din.rpartition('--')[2]} CT{meter.channel}"
        title += f" ({meter.location})" if meter.location else ""
        topic = remote_meter_topic(meter)
        for metric in METER_METRICS:
            if metric.told_as in meter.body and getattr(meter, metric.attribute) is None:
                continue  # told, but no count or no number: it will not come
            shown = metric.shown
            found.append(
                _sensor(
                    f"remote_meter_{_underscored(meter.din)}_ct{meter.channel}_{metric.name}",
                    f"{title} {shown.label}",
                    shown.unit,
                    shown.device_class,
                    shown.icon,
                    state=f"{topic}/{metric.name}",
                    diagnostic=True,
                    available=availability_of(topic),
                )
            )
    return found


def _battery_entities(units: Iterable[Unit], serials: dict[int, str]) -> list[Entity]:
    found = []
    for unit in units:
        serial = serials.get(unit.position)
        prefix = "" if serial else f"Battery {unit.position} "
        for metric, icon in (
            ("capacity", "battery-high"),
            ("charge", "battery-medium"),
        ):
            found.append(
                _sensor(
                    f"battery_{unit.position}_{metric}",
                    f"{prefix}{metric.capitalize()}",
                    "Wh",
                    "energy_storage",
                    icon,
                    state=f"batteries/{unit.position}/{metric}",
                    serial=serial,
                    available=battery_availability(unit.position),
                )
            )
    return found
