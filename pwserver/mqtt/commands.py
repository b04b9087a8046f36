"""Control topics: what a message means and whether it may be carried out. The publisher waits and sends."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.mqtt.entities import ControlState
from pwserver.mqtt.settings import CONTROL_BITS, ControlRejected
from pwserver.state.operation import EXPORT_RULES, MODES
from pwserver.state.view import View
from pwserver.strict_json import NotAnObject, read_object

MAX_PAYLOAD_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Command:
    """A valid command: ``action`` and ``payload`` are what the injected control function gets."""

    gateway_id: str
    control: str
    action: str
    payload: dict[str, Any]


def command_filter(prefix: str) -> str:
    """The subscription that brings all commands."""
    return f"{prefix}/+/control/+/set"


def split_topic(prefix: str, topic: str) -> tuple[str, str] | None:
    """(gateway id, control) of a command topic, None when it has another shape."""
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
    control_state: Callable[[View], ControlState],
) -> Command:
    """The command in a message, or ControlRejected with the reason. Checks run from cheap to dear."""
    shape = split_topic(prefix, topic)
    if shape is None:
        raise ControlRejected("not a control topic")
    gateway_id, control = shape
    try:
        view = views[find_gateway(gateway_id, views)]
    except UnknownGateway as unknown:
        raise ControlRejected(str(unknown)) from None
    if control not in CONTROL_BITS:
        raise ControlRejected("unknown control")
    state = control_state(view)
    if not state.mask & CONTROL_BITS[control]:
        raise ControlRejected("not allowed by MQTT_CONTROLS")
    action, arguments = _value(control, _json_object(payload), view)
    if control == "islanding" and not state.v1r:
        raise ControlRejected("islanding needs a confirmed v1r connection")
    if control != "islanding" and not state.writable:
        raise ControlRejected("no connection of this gateway can write")
    return Command(gateway_id, control, action, arguments)


def _json_object(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ControlRejected(f"payload longer than {MAX_PAYLOAD_BYTES} bytes")
    try:
        return read_object(payload)
    except NotAnObject:
        raise ControlRejected("payload is not a JSON object in UTF-8 with each name once and finite numbers") from None


def _value(control: str, body: dict[str, Any], view: View) -> tuple[str, dict[str, Any]]:
    value = body.get("value")
    if control == "reserve":
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 100:
            raise ControlRejected("value has to be a whole number from 0 to 100")
        return "reserve", {"value": value}
    if control == "reserve_hold":
        return "reserve", {"value": _level_to_hold(body, view)}
    if control == "mode":
        return "mode", {"value": _one_of(value, MODES)}
    if control == "grid_export":
        return "grid_export", {"value": _one_of(value, EXPORT_RULES)}
    if control == "grid_charging":
        if not isinstance(value, bool):
            raise ControlRejected("value has to be true or false")
        return "grid_charging", {"value": value}
    action = _one_of(body.get("action"), ("off_grid", "on_grid"))
    if body.get("confirm") is not True:
        raise ControlRejected("confirm has to be true")
    return "islanding", {"action": action, "confirm": True}


def _one_of(value: Any, allowed: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in allowed:
        raise ControlRejected(f"expected one of {', '.join(allowed)}")
    return value


def _level_to_hold(body: dict[str, Any], view: View) -> int:
    if body:
        raise ControlRejected("payload has to be {}")
    if not view.status.online or view.reading is None:
        raise ControlRejected("the last poll failed, so the level is not known")
    level = view.state.judged.charge.app_percent.value
    if level is None:
        raise ControlRejected("the battery level is not known")
    return min(100, max(0, math.floor(level)))


def shortened(payload: bytes) -> str:
    """A payload for the log: at most 200 characters, nothing that could break a line or a terminal."""
    return payload[:MAX_PAYLOAD_BYTES].decode("utf-8", "replace")[:200].encode("unicode_escape").decode("ascii")
