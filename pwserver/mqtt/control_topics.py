"""Judge messages on control topics: what each means and whether it may be carried out. ``command_inbox`` does it."""

from __future__ import annotations

from collections.abc import Mapping

from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.json_types import JsonObject
from pwserver.mqtt.broker_settings import ControlRejected
from pwserver.records import record
from pwserver.state.abilities import PASSING
from pwserver.state.charge import reserve_to_hold
from pwserver.state.controls import MQTT_CONTROLS, NUMBER, PRESS, SWITCH, Control
from pwserver.state.view import View
from pwserver.strict_json import NotAnObject, read_object

MAX_PAYLOAD_BYTES = 1024  # a command has some dozens; a longer payload is refused before it is parsed


@record(frozen=True, slots=True)
class ControlMessage:
    """Holds a valid command: ``operation`` and ``arguments`` are what the injected control function gets."""

    gateway_id: str
    control: str
    operation: str
    arguments: JsonObject


def command_filter(prefix: str) -> str:
    """Return the subscription that brings all commands."""
    return f"{prefix}/+/control/+/set"


def split_topic(prefix: str, topic: str) -> tuple[str, str] | None:
    """Return (gateway id, control) of a command topic, None when the topic has another shape."""
    head = f"{prefix}/"
    parts = topic[len(head) :].split("/") if topic.startswith(head) else []
    if len(parts) != 4 or parts[1] != "control" or parts[3] != "set" or not parts[0]:
        return None
    return parts[0], parts[2]


def parse(
    prefix: str,
    topic: str,
    payload: bytes,
    views: Mapping[str, View],
    mask: int,
) -> ControlMessage:
    """Return the command in a message, or raise ControlRejected with the reason. Cheap checks come first."""
    shape = split_topic(prefix, topic)
    if shape is None:
        raise ControlRejected("not a control topic")
    gateway_id, control = shape
    try:
        view = views[find_gateway(gateway_id, views)]
    except UnknownGateway as unknown:
        raise ControlRejected(str(unknown)) from None
    known = MQTT_CONTROLS.get(control)
    if known is None:
        raise ControlRejected("unknown control")
    if not mask & known.mqtt_bit:
        raise ControlRejected("not allowed by MQTT_CONTROLS")
    operation, arguments = read_command(known, _json_object(payload), view)
    ability = view.state.abilities.write.get(control)
    if ability is None:
        raise ControlRejected("the gateway has not been reached yet")
    if not ability.able and ability.limit not in PASSING:  # the command itself will tell whether that has passed
        raise ControlRejected(ability.why_not or "no connection of this gateway can write")
    return ControlMessage(view.gateway.id, control, operation, arguments)


def _json_object(payload: bytes) -> JsonObject:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ControlRejected(f"payload longer than {MAX_PAYLOAD_BYTES} bytes")
    try:
        return read_object(payload)
    except NotAnObject:
        raise ControlRejected("payload is not a JSON object in UTF-8 with each name once and finite numbers") from None


def read_command(control: Control, body: JsonObject, view: View) -> tuple[str, JsonObject]:
    """Read the operation and its arguments from a payload."""
    value = body.get("value")
    if control.kind == PRESS:
        if body:
            raise ControlRejected("payload has to be {}")
        if control.name == "reserve_hold":
            return "operation", {"level": _reserve_to_hold(view)}
        return control.operation, {}
    if control.kind == NUMBER:
        low, high = control.range or (0, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ControlRejected(f"value has to be a whole number from {low} to {high}")
    elif control.kind == SWITCH:
        if not isinstance(value, bool):
            raise ControlRejected("value has to be true or false")
    elif control.name == "islanding":
        value = _one_of(body.get("action"), control.choices)
        # It takes the house off the grid, so a bare action, as a mistyped automation may send it, is not enough.
        if body.get("confirm") is not True:
            raise ControlRejected("confirm has to be true")
    else:
        value = _one_of(value, control.choices)
    return control.operation, {control.argument: value}


def _one_of(value: object, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ControlRejected(f"expected one of {', '.join(allowed)}")
    return value


def _reserve_to_hold(view: View) -> int:
    if not view.status.online or view.reading is None:
        raise ControlRejected("the last poll failed, so the level is not known")
    level = reserve_to_hold(view.reading, view.status.online)
    if level is None:
        raise ControlRejected("the battery level is not known")
    return level


def shortened(payload: bytes) -> str:
    """Shorten a payload for the log: at most 200 characters, none that could break a line or a terminal."""
    return payload[:MAX_PAYLOAD_BYTES].decode("utf-8", "replace")[:200].encode("unicode_escape").decode("ascii")
