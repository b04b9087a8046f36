"""A control is a row of ``state/controls.py``: HTTP, the API description, MQTT and Home Assistant follow from it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pwserver.mqtt.broker_settings import ControlRejected
from pwserver.mqtt.control_topics import read_command
from pwserver.mqtt.entities import entities_of_control
from pwserver.reading import GatewayIdentity, GatewayStatus, ServerFacts
from pwserver.state.controls import CHOICE, CONTROLS, GRID, NUMBER, PRESS, SWITCH, Control
from pwserver.state.view import View
from pwserver.web.api_operations_control import body_of_control
from pwserver.web.control_values import JSON_ACTIONS, Invalid, plain_value

NEW = {
    SWITCH: Control("storm_watch", "Storm watch", GRID, "storm_watch", kind=SWITCH, mqtt_bit=4),
    CHOICE: Control("tariff_plan", "Plan", GRID, "plan", kind=CHOICE, choices=("flat", "peak"), mqtt_bit=4),
    NUMBER: Control("export_limit", "Export limit", GRID, "limit", "watts", NUMBER, (0, 9000), "W", mqtt_bit=4),
    PRESS: Control("restart", "Restart", GRID, "restart", mqtt_bit=4),
}
GOOD: dict[str, list[Any]] = {SWITCH: [True, False], CHOICE: ["flat", "peak"], NUMBER: [0, 9000], PRESS: []}
BAD: dict[str, list[Any]] = {
    SWITCH: ["true", 1, None],
    CHOICE: ["FLAT", 1, None],
    NUMBER: [-1, 9001, 1.5, True, "1", None],
    PRESS: [True],
}
VIEW = View(GatewayIdentity("home", "Home"), GatewayStatus(), None, ServerFacts("1", "1", 0.0, None, 5.0, {}), 0.0)


@pytest.mark.parametrize("kind", NEW)
def test_a_row_says_what_http_takes_and_refuses(kind: str) -> None:
    control = NEW[kind]
    for value in GOOD[kind]:
        assert plain_value(control, {"value": value}) == {control.argument: value}
    for value in BAD[kind]:
        with pytest.raises(Invalid):
            plain_value(control, {"value": value})
    if kind == PRESS:
        assert plain_value(control, {}) == {}
    else:
        with pytest.raises(Invalid, match="missing"):
            plain_value(control, {})


@pytest.mark.parametrize("kind", NEW)
def test_a_row_is_described_in_the_api(kind: str) -> None:
    schema = body_of_control(NEW[kind])
    assert list(schema.get("properties", {})) == ([] if kind == PRESS else ["value"])
    assert schema["additionalProperties"] is False


def sent_by_home_assistant(control: Control) -> list[Any]:
    """What its entity of this control sends, for every value of GOOD."""
    (entity,) = entities_of_control(control)
    members = entity.members
    assert entity.control == control.name and entity.name == control.label
    if control.kind == SWITCH:
        return [json.loads(members["payload_on"]), json.loads(members["payload_off"])]
    if control.kind == PRESS:
        return [json.loads(members["payload_press"])]
    values = members["options"] if control.kind == CHOICE else [members["min"], members["max"]]
    template = members["command_template"]
    return [json.loads(template.replace("{{ value }}", str(v)).replace("{{ value | int }}", str(v))) for v in values]


@pytest.mark.parametrize("kind", NEW)
def test_what_home_assistant_sends_is_what_the_row_takes(kind: str) -> None:
    control = NEW[kind]
    found = [plain_value(control, body) for body in sent_by_home_assistant(control)]
    assert found == [{control.argument: value} for value in GOOD[kind]] or found == [{}]


@pytest.mark.parametrize("kind", NEW)
def test_what_home_assistant_sends_becomes_the_command_of_the_row(kind: str) -> None:
    """No other command: a button that holds the charge is not what every button does."""
    control = NEW[kind]
    found = [read_command(control, body, VIEW) for body in sent_by_home_assistant(control)]
    assert found == [(control.operation, {control.argument: value}) for value in GOOD[kind]] or found == [
        (control.operation, {})
    ]
    for value in BAD[kind]:
        with pytest.raises(ControlRejected):
            read_command(control, {"value": value}, VIEW)


def test_every_control_but_the_tariff_has_an_action_over_http() -> None:
    assert set(JSON_ACTIONS) == set(CONTROLS) - {"tariff"}
