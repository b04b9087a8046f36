"""docs/mqtt.md has every topic and control, and no other."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from pwserver.mqtt.entities import EVENT_DETAILS_TOPIC, EVENT_TOPIC, GATEWAY_ENTITIES, LAST_EVENT_TOPIC
from pwserver.mqtt.sensors import SENSORS
from pwserver.mqtt.state_topics import topics
from pwserver.state.controls import MQTT_CONTROLS
from tests.mqtt.test_value_topics import worth

PAGE = (Path(__file__).parents[2] / "docs/mqtt.md").read_text()


def cells(heading):
    section = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    return [row.strip("|").split(" | ") for row in section.splitlines() if row.startswith("| ")]


def test_every_topic_is_documented(powerwall3, view_of):
    documented = {name for row in cells("Topics") for name in re.findall(r"`([^`]+)`", row[0])}
    plain = {name for name in documented if "/" not in name and "{" not in name}
    families = {name.split("/")[0] for name in documented if "/" in name and not name.startswith(("{", "…"))}
    assert not {name for name in documented if re.fullmatch(r"\w+/availability", name)}  # told once, for all of them
    assert "{value}/availability" in documented
    view = replace(view_of(replace(powerwall3, alerts=[])), value=worth())
    real = {topic.removeprefix("pypowerwall/home/") for topic in topics(view)}
    assert {f"{sensor.topic}/availability" for sensor in SENSORS} <= real
    real -= {f"{sensor.topic}/availability" for sensor in SENSORS}
    real |= {EVENT_TOPIC, LAST_EVENT_TOPIC, EVENT_DETAILS_TOPIC}  # not of a view
    assert plain == {topic for topic in real if "/" not in topic}
    assert families == {topic.split("/")[0] for topic in real if "/" in topic}
    assert {entity.state for entity in GATEWAY_ENTITIES} <= plain


def test_every_control_is_documented():
    rows = [row for row in cells("Controls") if row[0].strip().isdigit()]
    assert {row[1].strip(" `").removesuffix("/set"): int(row[0]) for row in rows} == {
        name: control.mqtt_bit for name, control in MQTT_CONTROLS.items()
    }
