"""Write Home Assistant's discovery messages, and remember what was announced."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any

from pwserver.json_types import JsonObject
from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.entities import (
    CONTROL_ENTITIES,
    GATEWAY_ENTITIES,
    Entity,
    entities_of_unit,
    optional_entities,
    serial_slug,
)
from pwserver.mqtt.state_topics import compact, safe_in_topic
from pwserver.mqtt.value_sensors import value_availability, value_entities
from pwserver.records import record
from pwserver.state.abilities import PASSING
from pwserver.state.controls import MQTT_CONTROLS
from pwserver.state.device_signals import inverter_serials, powerwall_serials
from pwserver.state.fact import text
from pwserver.state.view import View

MAX_OPTIONAL = 1000  # far beyond any real site; garbled answers must not fill the memory with entities
MIGRATE = '{"migrate_discovery":true}'
KILO_TEMPLATE = "{{ (value | float) / 1000 }}"


@record(frozen=True, slots=True)
class Gateway:
    """Holds the facts of a gateway that every one of its discovery messages repeats."""

    id: str
    name: str
    version: str | None
    inverters: frozenset[str] = frozenset()  # serial numbers of the devices that are no Powerwall

    @property
    def topic_id(self) -> str:
        """Return the id as Home Assistant allows it in a discovery topic; ids elsewhere keep their dots."""
        return self.id.replace(".", "_")

    def device(self) -> JsonObject:
        """Return the gateway's own device."""
        return {
            "identifiers": [f"pypowerwall_{self.id}"],
            "name": self.name or self.id,
            "manufacturer": "Tesla",
            "model": "Powerwall",
            "sw_version": self.version or "unknown",
        }

    def unit_device(self, serial: str) -> JsonObject:
        """Return the device of one unit behind the gateway."""
        kind, model = ("Inverter", "Solar Inverter") if serial in self.inverters else ("Powerwall", "Powerwall")
        return {
            **self.device(),
            "identifiers": [f"pypowerwall_{self.id}_{serial_slug(serial)}"],
            "name": f"{kind} {serial}",
            "model": model,
            "serial_number": serial,
            "via_device": f"pypowerwall_{self.id}",
        }

    def device_of(self, entity: Entity) -> JsonObject:
        """Return the device an entity belongs to."""
        return self.device() if entity.serial is None else self.unit_device(entity.serial)


def availability(
    settings: MqttSettings, gateway: Gateway, *, gateway_too: bool = True, own: str | None = None
) -> list[dict[str, str]]:
    """Return the availability topics: the entity's own if it has one, the gateway's (unless told otherwise) and the
    server's.
    """
    base = f"{settings.topic_prefix}/{gateway.id}/"
    topics = [base + own] if own is not None else []
    topics += [f"{base}availability"] if gateway_too else []
    topics.append(f"{settings.topic_prefix}/availability")
    return [{"topic": t, "payload_available": "online", "payload_not_available": "offline"} for t in topics]


def entity_config(settings: MqttSettings, gateway: Gateway, entity: Entity) -> JsonObject:
    """Return the members of one entity without its device and availability."""
    base = f"{settings.topic_prefix}/{gateway.id}/"
    config: JsonObject = {"name": entity.name, "unique_id": f"pypowerwall_{gateway.id}_{entity.suffix}"}
    if entity.state is not None:
        config["state_topic"] = base + entity.state
    if entity.control is not None:
        config["command_topic"] = f"{base}control/{entity.control}/set"
    if entity.attributes is not None:
        config["json_attributes_topic"] = base + entity.attributes
    config.update(entity.members)
    return config


def entity_topic(settings: MqttSettings, gateway: Gateway, entity: Entity) -> str:
    """Return the topic on which a single entity is announced."""
    return f"{settings.ha_prefix}/{entity.component}/pypowerwall_{gateway.topic_id}_{entity.suffix}/config"


def entity_messages(settings: MqttSettings, gateway: Gateway, entities: Sequence[Entity]) -> dict[str, str]:
    """Write one message for each entity, exactly as pypowerwall-server does (energies in Wh, no origin)."""
    messages = {}
    for entity in entities:
        config = entity_config(settings, gateway, entity)
        config["device"] = gateway.device_of(entity)
        config["availability"] = availability(settings, gateway, gateway_too=not entity.away_too, own=entity.available)
        config["availability_mode"] = "all"
        messages[entity_topic(settings, gateway, entity)] = compact(config)
    return messages


def device_topic(settings: MqttSettings, gateway: Gateway, serial: str | None) -> str:
    """Return the topic on which a device is announced with all its entities."""
    unit = "" if serial is None else f"_{serial_slug(serial)}"
    return f"{settings.ha_prefix}/device/pypowerwall_{gateway.topic_id}{unit}/config"


def _component(settings: MqttSettings, gateway: Gateway, entity: Entity) -> JsonObject:
    config = {"platform": entity.component, **entity_config(settings, gateway, entity)}
    if config.get("unit_of_measurement") == "Wh":
        # The topics keep their watt-hours; the Energy dashboard wants kilowatt-hours.
        config |= {"unit_of_measurement": "kWh", "value_template": KILO_TEMPLATE, "suggested_display_precision": 2}
    if entity.away_too:
        config["availability"] = availability(settings, gateway, gateway_too=False)
    elif entity.available is not None:
        config |= {"availability": availability(settings, gateway, own=entity.available), "availability_mode": "all"}
    return config


def device_messages(
    settings: MqttSettings, gateway: Gateway, entities: Sequence[Entity], gone: Sequence[Entity] = ()
) -> dict[str, str]:
    """Write one message for each device and its entities; ``gone`` are removed from the gateway's device."""
    groups: dict[str | None, list[Entity]] = {None: []}
    for entity in entities:
        groups.setdefault(entity.serial, []).append(entity)
    messages = {}
    for serial, members in groups.items():
        components = {
            f"pypowerwall_{gateway.topic_id}_{entity.suffix}": _component(settings, gateway, entity)
            for entity in members
        }
        if serial is None:
            for entity in gone:
                components[f"pypowerwall_{gateway.topic_id}_{entity.suffix}"] = {"platform": entity.component}
        messages[device_topic(settings, gateway, serial)] = compact(
            {
                "device": gateway.device() if serial is None else gateway.unit_device(serial),
                "origin": {"name": "pwserver", "sw_version": settings.version},
                "availability": availability(settings, gateway),
                "availability_mode": "all",
                "qos": settings.qos,
                "components": components,
            }
        )
    return messages


def _value_entities(view: View) -> list[Entity]:
    """Return the entities of what energy was worth; none without a tariff."""
    if view.value is None:
        return []
    return [
        Entity("sensor", suffix, name, topic, members, available=value_availability(suffix))
        for suffix, name, topic, members in value_entities(view.value)
    ]


@record(slots=True)
class Announcement:
    """Says what to publish: ``first`` lets Home Assistant drop the other form, ``then`` announces, ``last`` clears."""

    first: dict[str, str] = field(default_factory=dict)
    then: dict[str, str] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    removed: dict[str, str] = field(default_factory=dict)  # topics of units that the configuration no longer has


class Announcer:
    """Decides for one gateway when its discovery has to be sent. Remembers the union of what was seen."""

    def __init__(self, settings: MqttSettings) -> None:
        self._settings = settings
        self._optional: dict[str, Entity] = {}
        self._serials: dict[int, str] = {}
        self._able: dict[str, bool] = {}  # control -> whether it could work, as far as that was ever known
        self._sent: tuple[Any, ...] | None = None
        self._migrated: set[str] = set()
        self._facts = Gateway("", "", None)
        self._removed: frozenset[str] = frozenset()

    def forget(self) -> None:
        """Forget what was announced: after a reconnect, or a restart of Home Assistant, all of it is needed again."""
        self._sent = None
        self._migrated.clear()
        self._removed = frozenset()

    def announce(self, view: View, mask: int) -> Announcement | None:
        """Return the messages to send before this view's state, None when everything is known already.

        ``mask``: the bits of the controls that the owner wants. Only those are announced that can work; the others'
        retained discovery is removed, also when another connection is reached later.
        """
        self._learn(view)
        for name, ability in view.state.abilities.write.items():
            # While a gateway does not answer nothing works; availability greys its controls out already.
            if ability.limit not in PASSING:
                self._able[name] = ability.able
        active = [entity for entity in CONTROL_ENTITIES if self._active(entity.control or "", mask)]
        entities = [*GATEWAY_ENTITIES, *self._optional.values(), *active]
        gone = [entity for entity in CONTROL_ENTITIES if entity not in active]
        removed = self._remove(view.state.judged.removed_units)
        entities = [entity for entity in entities if entity.serial not in self._removed]
        known = (self._facts, tuple((e.suffix, e.name, e.serial) for e in entities))
        if known == self._sent and not removed:
            return None
        moved = self._moved_devices(entities)
        self._sent = known
        announcement = self._messages(entities, gone, moved)
        announcement.removed.update(removed)
        return announcement

    def _active(self, control: str, mask: int) -> bool:
        return bool(mask & MQTT_CONTROLS[control].mqtt_bit) and self._able.get(control, False)

    def _learn(self, view: View) -> None:
        version = text(view.reading.version) if view.reading is not None else None
        inverters = self._facts.inverters
        if view.reading is not None and view.status.online:
            judged = view.state.judged
            inverters |= inverter_serials(judged.devices, judged.unit_labels)
            inverters -= powerwall_serials(judged.devices, judged.unit_labels)  # may only show later
        self._facts = Gateway(view.gateway.id, view.gateway.name, version or self._facts.version, inverters)
        if view.reading is None or not view.status.online:
            return
        judged = view.state.judged
        self._serials.update({unit.position: unit.serial for unit in judged.all_units if safe_in_topic(unit.serial)})
        for entity in (*optional_entities(judged, self._serials), *_value_entities(view)):
            if entity.suffix in self._optional or len(self._optional) < MAX_OPTIONAL:
                self._optional[entity.suffix] = entity

    def availabilities(self) -> list[str]:
        """Return the availability topics of parts that were announced and are still configured."""
        return list(dict.fromkeys(e.available for e in self._optional.values() if e.available is not None))

    def _remove(self, units: Mapping[str, int]) -> dict[str, str]:
        """Return empty messages for everything ever retained of units that have left, once per unit and connection."""
        settings, facts = self._settings, self._facts
        cleared: dict[str, str] = {}
        for serial, number in units.items():
            if serial in self._removed or not safe_in_topic(serial):
                continue
            self._optional = {suffix: e for suffix, e in self._optional.items() if e.serial != serial}
            self._serials.pop(number, None)
            entities = entities_of_unit(serial, number)
            topics = [entity_topic(settings, facts, entity) for entity in entities]
            topics.append(device_topic(settings, facts, serial))
            base = f"{settings.topic_prefix}/{facts.id}/"
            topics += [base + entity.state for entity in entities if entity.state is not None]
            topics += [base + entity.available for entity in entities if entity.available is not None]
            topics.append(f"{base}devices/{serial}")
            cleared.update(dict.fromkeys(topics, ""))
        self._removed = frozenset(units)
        return cleared

    def _moved_devices(self, entities: Sequence[Entity]) -> set[str]:
        """Return topics of devices that lose an entity to another device since the last announcement."""
        if self._sent is None:
            return set()
        before = {suffix: serial for suffix, _, serial in self._sent[1]}
        serials = {before[e.suffix] for e in entities if e.suffix in before and before[e.suffix] != e.serial}
        return {device_topic(self._settings, self._facts, serial) for serial in serials}

    def _messages(self, entities: list[Entity], gone: list[Entity], moved: set[str]) -> Announcement:
        settings, facts = self._settings, self._facts
        single = entity_messages(settings, facts, entities)
        for entity in gone:
            single[entity_topic(settings, facts, entity)] = ""
        whole = device_messages(settings, facts, entities, gone)
        if settings.ha_form != "device":
            other = [topic for topic in whole if topic not in self._migrated]
            self._migrated.update(other)
            return Announcement(dict.fromkeys(other, MIGRATE), single, dict.fromkeys(other, ""))
        other = [topic for topic in single if topic not in self._migrated]
        self._migrated.update(other)
        # An entity can have one device only: the old device must let go of it before the new one announces it.
        first = dict.fromkeys(other, MIGRATE) | dict.fromkeys(sorted(moved), MIGRATE)
        return Announcement(first, whole, dict.fromkeys(other, ""))
