"""Home Assistant's view of a gateway: the entities that follow from the tables of sensors and controls.

Ids, names, units and icons are a public interface: existing installations keep their history only while these stay.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pwserver.mqtt.sensors import METER_METRICS, SENSORS, SIGNAL_TOPICS, STRING_METRICS, Sensor
from pwserver.mqtt.state_topics import battery_availability, device_availability, safe_in_topic
from pwserver.state.controls import CONTROLS
from pwserver.state.device_signals import SIGNAL_BY_ID, SIGNALS, Signal, signals_by_serial
from pwserver.state.electrical import RemoteMeter
from pwserver.state.fact import Fact
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS, Meters
from pwserver.state.strings import string_pairs
from pwserver.state.units import Unit

STATE_CLASSES = {"energy": "total_increasing"}


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity of a gateway. ``serial`` is the unit it belongs to, None for the gateway's own device."""

    component: str
    suffix: str
    name: str
    state: str | None  # topic below the gateway's, None for buttons
    members: dict[str, Any] = field(default_factory=dict)
    serial: str | None = None
    control: str | None = None
    available: str | None = None  # topic below the gateway's that says whether the value is of now


def _sensor(
    suffix: str, name: str, unit: str | None, device_class: str | None, icon: str | None, *,
    state: str | None = None, diagnostic: bool = False, serial: str | None = None, available: str | None = None,
) -> Entity:  # fmt: skip
    members: dict[str, Any] = {}
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
    if not sensor.yes_or_no:
        return _sensor(
            sensor.topic, sensor.name, sensor.unit, sensor.device_class, sensor.icon, diagnostic=sensor.diagnostic
        )
    members: dict[str, Any] = {"icon": f"mdi:{sensor.icon}", "payload_on": "true", "payload_off": "false"}
    if sensor.device_class:
        members["device_class"] = sensor.device_class
    return Entity("binary_sensor", sensor.topic, sensor.name, sensor.topic, members)


# That the last poll succeeded is no value of a reading, and is told also when it failed.
ONLINE = Sensor(
    "online", "Gateway Online", lambda _: None, device_class="connectivity", icon="lan-connect", yes_or_no=True
)
GATEWAY_ENTITIES: tuple[Entity, ...] = tuple(entity_of(sensor) for sensor in (*SENSORS, ONLINE) if not sensor.once_told)


def _control(
    component: str, suffix: str, name: str, control: str, icon: str, state: str | None = None, **members: Any
) -> Entity:
    return Entity(component, suffix, name, state, {"icon": f"mdi:{icon}", **members}, control=control)


_RESERVE = CONTROLS["reserve"].range or (0, 100)

CONTROL_ENTITIES: tuple[Entity, ...] = (
    _control(
        "number", "reserve_control", "Backup Reserve Control", "reserve", "battery-lock", "reserve",
        command_template='{"value": {{ value | int }}}', min=_RESERVE[0], max=_RESERVE[1], step=1,
        unit_of_measurement=CONTROLS["reserve"].unit,
    ),
    _control("button", "reserve_hold", "Hold Battery", "reserve_hold", "battery-lock", payload_press="{}"),
    _control(
        "select", "mode_control", "Operation Mode Control", "mode", "cog", "mode",
        command_template='{"value": "{{ value }}"}', options=list(CONTROLS["mode"].choices),
    ),
    _control(
        "switch", "grid_charging_control", "Grid Charging Control", "grid_charging", "battery-charging-outline",
        "grid_charging", payload_on='{"value": true}', payload_off='{"value": false}', state_on="true",
        state_off="false",
    ),
    _control(
        "select", "grid_export_control", "Grid Export Control", "grid_export", "transmission-tower-export",
        "grid_export", command_template='{"value": "{{ value }}"}', options=list(CONTROLS["grid_export"].choices),
    ),
    _control(
        "button", "go_off_grid", "Go Off Grid", "islanding", "transmission-tower-off",
        payload_press='{"action":"off_grid","confirm":true}',
    ),
    _control(
        "button", "reconnect_grid", "Reconnect Grid", "islanding", "transmission-tower",
        payload_press='{"action":"on_grid","confirm":true}',
    ),
)  # fmt: skip


def serial_slug(serial: str) -> str:
    """A unit's serial as part of an id; unusual serials get a piece of their hash so that two never meet."""
    if re.fullmatch(r"[A-Z0-9]+", serial):
        return serial.lower()
    digest = hashlib.sha1(serial.encode(), usedforsecurity=False).hexdigest()[:8]
    return f"{_underscored(serial)}_{digest}"


def _underscored(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def optional_entities(judged: Judged, serials: dict[int, str]) -> list[Entity]:
    """Entities a gateway has only when a reading shows them; ``serials`` names the unit at each battery position."""
    found = [entity_of(sensor) for sensor in SENSORS if sensor.once_told and sensor.read(judged) is not None]
    found += _further_meter_entities(judged.meters)
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
                )
            )
    found += _remote_meter_entities(judged.electrical.remote_meters) + _battery_entities(judged.units, serials)
    for serial, values in signals_by_serial(judged.devices).items():
        if safe_in_topic(serial):
            found += [_signal_entity(serial, SIGNAL_BY_ID[name]) for name in values]
    return found


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
    """Every entity that a battery unit may have, whichever of them it has shown."""
    unit = Unit(serial, number, "", capacity_wh=Fact(0.0), remaining_wh=Fact(0.0))
    return [*_battery_entities((unit,), {number: serial}), *(_signal_entity(serial, one) for one in SIGNALS)]


def _further_meter_entities(meters: Meters) -> list[Entity]:
    found = []
    for name, meter in meters.items():
        if name in MAIN_METERS:
            continue
        for metric in METER_METRICS:
            if getattr(meter, metric.attribute).value is not None:
                shown = metric.shown
                title = f"{name.replace('_', ' ').title()} {shown.label}"
                topic = f"meters/{name}/{metric.name}"
                suffix = f"meter_{name}_{metric.name}"
                found.append(_sensor(suffix, title, shown.unit, shown.device_class, shown.icon, state=topic))
    return found


def _remote_meter_entities(meters: Iterable[RemoteMeter]) -> list[Entity]:
    found = []
    for meter in meters:
        if not safe_in_topic(meter.din):
            continue
        title = f"Remote Meter {meter.din.rpartition('--')[2]} CT{meter.channel}"
        title += f" ({meter.location})" if meter.location else ""
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
                    state=f"meters/remote/{meter.din}/ct{meter.channel}/{metric.name}",
                    diagnostic=True,
                )
            )
    return found


def _battery_entities(units: Iterable[Unit], serials: dict[int, str]) -> list[Entity]:
    found = []
    for unit in units:
        serial = serials.get(unit.position)
        prefix = "" if serial else f"Battery {unit.position} "
        for metric, value, icon in (
            ("capacity", unit.capacity_wh.value, "battery-high"),
            ("charge", unit.remaining_wh.value, "battery-medium"),
        ):
            if value is not None:
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
