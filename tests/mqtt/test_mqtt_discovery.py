"""Discovery: when it is sent, and Home Assistant's published rules in both forms."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.discovery import Announcement, Announcer
from pwserver.mqtt.entities import CONTROL_ENTITIES, serial_slug
from pwserver.mqtt.sensors import METER_METRICS, SENSORS
from pwserver.mqtt.state_topics import topics
from pwserver.state.judge import GatewayJudge
from pwserver.state.view import View
from tests.mqtt.exceptions import SERVER_ONLY

ENTITY = MqttSettings(host="broker", ha_form="entity", version="1.2.3")
DEVICE = replace(ENTITY, ha_form="device")


def announced_by(announcer: Announcer, view: View, mask: int) -> Announcement:
    """What is announced now; there must be something."""
    found = announcer.announce(view, mask)
    assert found is not None
    return found


def configs(scenario):
    return {t: m["payload"] for t, m in scenario.items() if t.endswith("/config")}


def loaded(messages):
    return {topic: json.loads(payload) if payload else "" for topic, payload in messages.items()}


@pytest.fixture
def recorded_copy(recorded):
    return json.loads(json.dumps(recorded))


def test_what_can_appear_later_is_announced_from_the_start(powerwall3, view_of):
    """Each has a topic of its own that says whether its value is of now; nothing new is announced when it comes."""
    counters = {"energy_imported": -5, "energy_exported": -5}
    full = {**powerwall3.aggregates, "generator": {"instant_power": 4200.5, "energy_exported": 9}}
    bare = {name: {"instant_power": body.get("instant_power"), **counters} for name, body in full.items()}
    announcer = Announcer(ENTITY)
    got = loaded(announced_by(announcer, view_of(replace(powerwall3, aggregates=bare)), 0).then)
    entities = {config["state_topic"]: config for config in got.values() if config and "state_topic" in config}
    base = "pypowerwall/home/"
    late = {f"{base}{sensor.topic}" for sensor in SENSORS}
    late |= {f"{base}meters/generator/{metric.name}" for metric in METER_METRICS}
    assert {f"{base}grid_voltage", f"{base}grid_current", f"{base}home_energy_imported"} < late <= set(entities)
    told = topics(view_of(replace(powerwall3, aggregates=bare)))
    for topic in late:
        assert entities[topic]["availability"][0]["topic"] == f"{topic}/availability"
        assert told[f"{topic}/availability"] == ("online" if topic in told else "offline")
    assert told[f"{base}meters/generator/power"] == "4200.5" and f"{base}grid_voltage" not in told
    assert announcer.announce(view_of(replace(powerwall3, aggregates=full)), 0) is None
    assert f"{base}grid_voltage" in topics(view_of(replace(powerwall3, aggregates=full)))


def test_a_unit_and_a_device_are_announced_with_all_they_can_tell(powerwall3, view_of):
    """A unit that is silent at the start, and a fan that stands still then, bring no new entity later."""
    rows = powerwall3.system_status["battery_blocks"]
    silent = [{"PackageSerialNumber": row["PackageSerialNumber"]} for row in rows if row.get("PackageSerialNumber")]
    fans = {name: {**body, "PVAC_Fan_Speed_Actual_RPM": 900} for name, body in powerwall3.vitals.items()}
    announcer = Announcer(ENTITY)
    bare = replace(powerwall3, system_status={**powerwall3.system_status, "battery_blocks": silent})
    assert silent and announcer.announce(view_of(bare), 0)
    assert announcer.announce(view_of(replace(powerwall3, vitals=fans)), 0) is None


@pytest.mark.parametrize(
    ("vitals", "expected"),
    [
        ({"PVAC--1--CN1": {"PVAC_Fan_Speed_Actual_RPM": 900}}, ("Inverter", "Solar Inverter")),
        ({"TEPINV--1--CN1": {"PCH_FanSpeed_A": 900}}, ("Inverter", "Solar Inverter")),
        (
            {"TEPINV--1--CN1": {"PCH_FanSpeed_A": 900}, "TEPOD--1--CN1": {"HVP_PackTempMax": 20.0}},
            ("Powerwall", "Powerwall"),
        ),
        ({"TETHC--1--CN1": {"THC_AmbientTemp": 20.0}}, ("Powerwall", "Powerwall")),
    ],
    ids=["solar", "battery", "pack", "controller"],
)
@pytest.mark.parametrize("settings", [ENTITY, DEVICE], ids=["entity", "device"])
def test_a_device_is_named_what_it_is(settings, vitals, expected, powerwall3, view_of):
    reading = replace(powerwall3, vitals=vitals, fan_speeds=None)
    found = loaded(announced_by(Announcer(settings), view_of(reading), 0).then).values()
    devices = [one["device"] for one in found if one and one["device"].get("serial_number") == "CN1"]
    kind, model = expected
    assert devices and {(one["name"], one["model"]) for one in devices} == {(f"{kind} CN1", model)}
    assert {tuple(one["identifiers"]) for one in devices} == {("pypowerwall_home_cn1",)}


def test_a_powerwall_that_shows_its_pack_late_gets_its_name(powerwall3, view_of):
    announcer = Announcer(DEVICE)
    alone = {"TEPINV--1--CN1": {"PCH_FanSpeed_A": 900}}
    whole = {**alone, "TEPOD--1--CN1": {"HVP_PackTempMax": 20.0}}
    for vitals, name in ((alone, "Inverter CN1"), (whole, "Powerwall CN1")):
        view = view_of(replace(powerwall3, vitals=vitals, fan_speeds=None))
        message = announced_by(announcer, view, 0).then["homeassistant/device/pypowerwall_home_cn1/config"]
        assert json.loads(message)["device"]["name"] == name


def test_a_remote_meters_counter_below_zero_is_not_announced(powerwall3, view_of):
    vitals = {"TRM--a--B": {"TRM_CT1_EnergyImportedWs": -5, "TRM_CT1_EnergyExportedWs": 7200}}
    view = view_of(GatewayJudge().take(replace(powerwall3, vitals=vitals)).reading)
    got, told = announced_by(Announcer(ENTITY), view, 0), topics(view)
    announced = {json.loads(payload)["state_topic"] for payload in got.then.values() if "state_topic" in payload}
    base = "pypowerwall/home/meters/remote/a--B/ct1"
    assert f"{base}/energy_imported" not in announced | set(told)
    assert f"{base}/energy_exported" in announced and told[f"{base}/energy_exported"] == "2"


def test_a_dot_in_the_id_stays_out_of_the_discovery_topic_only(powerwall3, view_of):
    got = announced_by(Announcer(ENTITY), view_of(powerwall3, identity={"id": "my.home"}), 0)
    topic = "homeassistant/sensor/pypowerwall_my_home_battery/config"
    config = json.loads(got.then[topic])
    assert config["unique_id"] == "pypowerwall_my.home_battery"
    assert config["state_topic"] == "pypowerwall/my.home/battery"


@pytest.mark.parametrize(
    ("scenario", "identity", "mask"),
    [
        ("controls-31-v1r", {"rsa_key_configured": True}, 31),
        ("controls-16-v1r", {"rsa_key_configured": True}, 16),
        ("controls-31-cloud", {"cloud_mode": True}, 31),
        ("controls-31-readonly", {}, 31),
    ],
)
def test_controls_as_recorded(recorded_copy, powerwall3, view_of, scenario, identity, mask):
    reading = powerwall3 if "v1r" in scenario else replace(powerwall3, tedapi_mode="full")
    view = view_of(reading, identity=identity)
    got = announced_by(Announcer(ENTITY), view, mask)
    theirs = recorded_copy[scenario]
    ours = {topic: payload for topic, payload in loaded(got.then).items() if topic in theirs}
    for payload in ours.values():
        if payload:
            payload["device"]["sw_version"] = "any"
    for message in theirs.values():
        if message["payload"]:
            message["payload"]["device"]["sw_version"] = "any"
    assert ours == configs(theirs)


def test_slugs():
    assert serial_slug("tg-c.3") == "tg_c_3_e1b8d7f7"
    assert serial_slug("TG0000000000A1") == "tg0000000000a1"


# When it is sent

READ_ONLY = 0


def test_sent_once_and_again_after_a_reconnect(powerwall3, view_of):
    announcer = Announcer(DEVICE)
    assert announcer.announce(view_of(powerwall3), READ_ONLY)
    assert announcer.announce(view_of(powerwall3), READ_ONLY) is None
    announcer.forget()
    assert announcer.announce(view_of(powerwall3), READ_ONLY)


def test_less_data_sends_nothing_and_removes_nothing(powerwall3, view_of):
    announcer = Announcer(ENTITY)
    first = announced_by(announcer, view_of(powerwall3), READ_ONLY)
    poor = replace(powerwall3, vitals=None, strings=None, system_status=None, fan_speeds=None, aggregates={})
    assert announcer.announce(view_of(poor), READ_ONLY) is None
    assert announcer.announce(view_of(None, online=False), READ_ONLY) is None
    announcer.forget()
    assert announced_by(announcer, view_of(None, online=False), READ_ONLY).then == first.then


def test_something_new_sends_the_whole_set(powerwall3, view_of):
    announcer = Announcer(ENTITY)
    first = announced_by(announcer, view_of(replace(powerwall3, strings=None)), READ_ONLY)
    more = announced_by(announcer, view_of(powerwall3), READ_ONLY)
    assert set(first.then) < set(more.then)
    assert "homeassistant/sensor/pypowerwall_home_string_ab_power/config" in more.then


def test_name_and_firmware_changes_are_told(powerwall3, view_of):
    announcer = Announcer(ENTITY)
    announcer.announce(view_of(None, online=False), READ_ONLY)
    newer = announced_by(announcer, view_of(replace(powerwall3, version="25.1")), READ_ONLY)
    assert '"sw_version":"25.1"' in newer.then["homeassistant/sensor/pypowerwall_home_battery/config"]
    renamed = announced_by(announcer, view_of(powerwall3, version="25.1", identity={"name": "Barn"}), READ_ONLY)
    assert '"name":"Barn"' in renamed.then["homeassistant/sensor/pypowerwall_home_battery/config"]


def test_serials_are_remembered_and_follow_a_swap(powerwall3, view_of):
    def blocks(*serials):
        rows = [{"PackageSerialNumber": s, "nominal_full_pack_energy": 1.0} for s in serials]
        return replace(powerwall3, system_status={"battery_blocks": rows}, vitals=None, fan_speeds=None)

    def device_of(messages, position):
        topic = f"homeassistant/sensor/pypowerwall_home_battery_{position}_capacity/config"
        return json.loads(messages[topic])["device"].get("serial_number")

    announcer = Announcer(ENTITY)
    announcer.announce(view_of(blocks("A1", "B2")), READ_ONLY)
    assert announcer.announce(view_of(blocks(None, None)), READ_ONLY) is None
    swapped = announced_by(announcer, view_of(blocks("B2", "A1")), READ_ONLY).then
    assert (device_of(swapped, 1), device_of(swapped, 2)) == ("B2", "A1")


def test_confirmed_controls_stay_announced_through_an_outage(powerwall3, view_of):
    announcer = Announcer(ENTITY)
    first = announced_by(announcer, view_of(powerwall3), 31)
    assert first.then["homeassistant/button/pypowerwall_home_go_off_grid/config"]
    assert announcer.announce(view_of(None, online=False), 31) is None


def test_a_bit_taken_away_removes_the_entity(powerwall3, view_of):
    for settings, topic in (
        (ENTITY, "homeassistant/select/pypowerwall_home_mode_control/config"),
        (DEVICE, "homeassistant/device/pypowerwall_home/config"),
    ):
        got = announced_by(Announcer(settings), view_of(powerwall3), 1).then[topic]
        if settings is DEVICE:
            component = json.loads(got)["components"]["pypowerwall_home_mode_control"]
            assert component == {"platform": "select"}
        else:
            assert got == ""


# The hand-over between the forms

MIGRATE = {"migrate_discovery": True}


def test_migration_to_devices(powerwall3, view_of):
    single = announced_by(Announcer(ENTITY), view_of(powerwall3), 0).then
    got = announced_by(Announcer(DEVICE), view_of(powerwall3), 0)
    assert set(got.first) == set(got.last) == set(single)
    assert all(json.loads(payload) == MIGRATE for payload in got.first.values())
    assert set(got.last.values()) == {""}
    assert not set(got.then) & set(single)


def test_migration_back_to_entities(powerwall3, view_of):
    whole = announced_by(Announcer(DEVICE), view_of(powerwall3), 0).then
    got = announced_by(Announcer(ENTITY), view_of(powerwall3), 0)
    assert set(got.first) == set(got.last) == set(whole)
    assert all(json.loads(payload) == MIGRATE for payload in got.first.values())


def test_both_forms_have_the_same_unique_ids_and_state_topics(powerwall3, view_of):
    view, state = view_of(powerwall3), 31
    single = [c for c in loaded(announced_by(Announcer(ENTITY), view, state).then).values() if c]
    whole = loaded(announced_by(Announcer(DEVICE), view, state).then).values()
    parts = [c for device in whole for c in device["components"].values() if len(c) > 1]
    keys = ("unique_id", "name", "state_topic", "command_topic", "device_class", "state_class", "icon")
    assert sorted(map(str, [[c.get(k) for k in keys] for c in single])) == sorted(
        map(str, [[c.get(k) for k in keys] for c in parts])
    )


def test_an_entity_that_changes_its_device_is_handed_over(powerwall3, view_of):
    rows = [{"nominal_full_pack_energy": 1.0, "PackageSerialNumber": "A/1"}]  # no topic can hold this one
    bare = replace(powerwall3, system_status={"battery_blocks": rows}, vitals=None, fan_speeds=None)
    announcer = Announcer(DEVICE)
    announcer.announce(view_of(bare), 0)
    named = replace(bare, system_status={"battery_blocks": [{**rows[0], "PackageSerialNumber": "A1"}]})
    got = announced_by(announcer, view_of(named), 0)
    assert json.loads(got.first["homeassistant/device/pypowerwall_home/config"]) == MIGRATE
    assert set(got.then) == {
        "homeassistant/device/pypowerwall_home/config",
        "homeassistant/device/pypowerwall_home_a1/config",
    }


# Home Assistant's published rules for MQTT discovery

ENERGY = {"Wh", "kWh", "MWh", "J", "kJ", "MJ", "GJ"}
UNITS = {
    "battery": {"%"},
    "power": {"W", "kW", "MW"},
    "voltage": {"V", "mV"},
    "current": {"A", "mA"},
    "energy": ENERGY,
    "energy_storage": ENERGY,
    "duration": {"h", "min", "s", "d", "ms"},
    "temperature": {"°C", "°F", "K"},
}
STATE_CLASSES = {
    "battery": {"measurement"},
    "power": {"measurement"},
    "voltage": {"measurement"},
    "current": {"measurement"},
    "energy": {"total", "total_increasing"},
    "energy_storage": {"measurement"},
    "duration": {"measurement", "total", "total_increasing"},
    "temperature": {"measurement"},
}
COMMON = {"name", "unique_id", "icon", "entity_category", "device", "origin", "availability", "availability_mode",
          "qos", "platform"}  # fmt: skip
ALLOWED = {
    "sensor": COMMON
    | {
        "state_topic",
        "unit_of_measurement",
        "device_class",
        "state_class",
        "value_template",
        "suggested_display_precision",
        "json_attributes_topic",
    },
    "event": COMMON | {"state_topic", "event_types"},
    "binary_sensor": COMMON | {"state_topic", "device_class", "payload_on", "payload_off"},
    "number": COMMON
    | {"state_topic", "command_topic", "command_template", "min", "max", "step", "unit_of_measurement"},
    "select": COMMON | {"state_topic", "command_topic", "command_template", "options"},
    "switch": COMMON | {"state_topic", "command_topic", "payload_on", "payload_off", "state_on", "state_off"},
    "button": COMMON | {"command_topic", "payload_press"},
}
REQUIRED = {
    "sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "binary_sensor": {"state_topic"},
    "number": {"command_topic"},
    "select": {"command_topic", "options"},
    "switch": {"command_topic"},
    "button": {"command_topic"},
}
TOPIC = re.compile(r"homeassistant/(?P<component>\w+)/(?:(?P<node>[a-zA-Z0-9_-]+)/)?(?P<object>[a-zA-Z0-9_-]+)/config")


def check_device(device):
    assert device["identifiers"] and all(isinstance(item, str) for item in device["identifiers"])
    assert set(device) <= {"identifiers", "name", "manufacturer", "model", "sw_version", "serial_number", "via_device"}
    assert all(isinstance(value, str) for key, value in device.items() if key != "identifiers")


def check_availability(config):
    assert config["availability_mode"] in {"all", "any", "latest"}
    for entry in config["availability"]:
        assert set(entry) == {"topic", "payload_available", "payload_not_available"}
        assert not set("+#") & set(entry["topic"])


def check_entity(component, config):
    assert REQUIRED[component] <= set(config) <= ALLOWED[component], config
    assert config["name"] and config["unique_id"]
    for key in ("state_topic", "command_topic"):
        if key in config:
            assert config[key] and not set("+#") & set(config[key])
    assert config.get("entity_category") in {None, "diagnostic"}  # a sensor must not be "config"
    assert re.fullmatch(r"mdi:[a-z0-9-]+", config.get("icon", "mdi:x"))
    if component == "sensor":
        keys = ("device_class", "unit_of_measurement", "state_class")
        device_class, unit, state_class = (config.get(key) for key in keys)
        if device_class is not None:
            assert unit in UNITS[device_class] and state_class in STATE_CLASSES[device_class]
        assert state_class in {None, "measurement", "total", "total_increasing"}
        assert (state_class is None) == (unit is None)  # a text has neither
    if component == "event":
        assert all(isinstance(kind, str) and kind for kind in config["event_types"])
    if component == "binary_sensor":
        assert config.get("device_class") in {None, "connectivity"}
    if component == "number":
        assert config["min"] < config["max"] and config["step"] > 0
    if component == "button":
        json.loads(config["payload_press"])
    if component == "switch":
        assert json.loads(config["payload_on"]) == {"value": True}


@pytest.mark.parametrize("settings", [ENTITY, DEVICE], ids=["entity", "device"])
def test_home_assistants_rules(settings, powerwall3, view_of):
    seen = set()
    for gateway_id in ("home", "cabin.2"):
        view = view_of(powerwall3, identity={"id": gateway_id})
        for topic, config in loaded(announced_by(Announcer(settings), view, 31).then).items():
            match = TOPIC.fullmatch(topic)
            assert match, topic
            check_device(config["device"])
            check_availability(config)
            if match["component"] == "device":
                assert config["origin"]["name"] == "pwserver" and config["origin"]["sw_version"] == "1.2.3"
                assert set(config) <= {"device", "origin", "components", "availability", "availability_mode", "qos"}
                parts = [(part["platform"], part) for part in config["components"].values()]
                assert parts
                if "via_device" in config["device"]:
                    assert config["device"]["via_device"] == f"pypowerwall_{gateway_id}"
            else:
                parts = [(match["component"], config)]
            for component, part in parts:
                check_entity(component, part)
                assert part["unique_id"] not in seen
                seen.add(part["unique_id"])
    assert len(seen) >= 2 * 77 and len(CONTROL_ENTITIES) >= 7


def test_the_energy_dashboard_gets_kilowatt_hours(powerwall3, view_of):
    """The device form converts from the Wh topics, which stay as they are."""
    device = json.loads(
        announced_by(Announcer(DEVICE), view_of(powerwall3), 0).then["homeassistant/device/pypowerwall_home/config"]
    )
    energies = [c for c in device["components"].values() if c.get("device_class") == "energy"]
    assert len(energies) == 6 + 4
    for config in energies:
        assert config["unit_of_measurement"] == "kWh" and config["state_class"] == "total_increasing"
        assert config["value_template"] == "{{ (value | float) / 1000 }}"
        assert "energy_" in config["state_topic"]
    assert not [c for c in device["components"].values() if c.get("unit_of_measurement") == "Wh"]


def test_kilo_template_divides():
    import jinja2

    from pwserver.mqtt.discovery import KILO_TEMPLATE

    assert float(jinja2.Template(KILO_TEMPLATE).render(value="1234567")) == 1234.567


def test_the_online_entity_can_say_off(powerwall3, view_of):
    device = announced_by(Announcer(DEVICE), view_of(powerwall3), 0).then
    config = json.loads(device["homeassistant/device/pypowerwall_home/config"])
    assert config["components"]["pypowerwall_home_online"]["availability"] == SERVER_ONLY
    assert len(config["availability"]) == 2
