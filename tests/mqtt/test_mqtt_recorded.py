"""Every recorded message of pypowerwall-server against ours; what differs is in exceptions.py, with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.discovery import Announcer
from pwserver.mqtt.state_topics import topics
from pwserver.reading import Reading
from pwserver.state.view import View
from tests.mqtt.exceptions import DEVIATIONS, compare

Messages = dict[str, Any]
ENTITY_FORM = MqttSettings(host="broker", ha_form="entity", version="1.2.3")


def parsed(payload: Any) -> Any:
    """A payload as JSON where it is an object or a list, else as the text it is."""
    try:
        value = json.loads(payload) if isinstance(payload, str) else payload
    except ValueError:
        return payload
    return value if isinstance(value, (dict, list)) else payload


def ours(view: View, discovery: bool = True) -> Messages:
    announced = Announcer(ENTITY_FORM).announce(view, 0)
    assert announced is not None
    found = {**topics(view), **(announced.then if discovery else {})}
    return {topic: parsed(payload) for topic, payload in found.items()}


def simulated(theirs: Mapping[str, Any]) -> Reading:
    """The reading that the recorded server had of its own simulator, put together from what it told."""
    status = theirs["pypowerwall/default/status"]
    return Reading.partial(
        "default", 1.7e9, theirs["pypowerwall/default/aggregates"],
        strings={k.rpartition("/")[2]: v for k, v in theirs.items() if "/strings/" in k and isinstance(v, dict)},
        soe_raw=status["soe_raw"], mode=status["mode"], version="", grid_charging=status["grid_charging"],
        grid_export=status["grid_export"], time_remaining=status["time_remaining"],
        system_status={
            "nominal_full_pack_energy": 27000, "nominal_energy_remaining": 6500,
            "battery_blocks": [
                {"PackageSerialNumber": b["serial"], "nominal_full_pack_energy": b["capacity"],
                 "nominal_energy_remaining": b["charge"]}
                for b in theirs["pypowerwall/default/batteries"]
            ],
        },
    )  # fmt: skip


@pytest.fixture
def compared(
    recorded: dict[str, Any], powerwall3: Reading, view_of: Callable[..., View]
) -> Callable[[str], tuple[dict[str, Any], Any]]:
    def scenario(name: str) -> tuple[Messages, Messages]:
        theirs = {topic: message["payload"] for topic, message in recorded[name].items()}
        states = {topic: payload for topic, payload in theirs.items() if not topic.endswith("/config")}
        if name == "powerwall3":
            return ours(view_of(powerwall3)), theirs
        if name == "never-online":
            return ours(view_of(None, online=False)), theirs
        if name == "powerwall3-offline":
            return ours(view_of(powerwall3, online=False), discovery=False), states
        if name == "all-null":
            return ours(view_of(Reading.partial("home", 1.0, {})), discovery=False), states
        view = view_of(simulated(theirs), identity={"id": "default", "name": "Default Gateway"})
        return ours(view, discovery=False), states

    return lambda name: compare(name, *scenario(name))


RECORDINGS = ("powerwall3", "never-online", "powerwall3-offline", "all-null", "simulator")


@pytest.mark.parametrize("name", RECORDINGS)
def test_all_messages_are_as_recorded_or_in_the_table(
    compared: Callable[[str], tuple[dict[str, Any], Any]], name: str
) -> None:
    assert compared(name)[0] == {}


def test_every_row_of_the_table_is_needed(compared: Callable[[str], tuple[dict[str, Any], Any]]) -> None:
    used = set().union(*(compared(name)[1] for name in RECORDINGS))
    assert [row for row in DEVIATIONS if row not in used] == []
