"""Carry out what is written to a gateway over TEDAPI: config.json, islanding, dispatch, backup events."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

from pwserver.json_types import Json, JsonObject

from . import envelope as env
from . import protobuf
from .simulated_device import SimulatedDevice
from .writes import Write

_NAME = "config.json"


def files(device: SimulatedDevice, fields: protobuf.Fields, text: str, *, signed: bool) -> bytes:
    """Read or update config.json, whose content is ``text``, and return the answer.

    Only a signed request may write, and only over the version that its sender has read: the request names its hash.
    """
    content = text.encode()
    digest = hashlib.sha256(content).digest()
    update = protobuf.message(fields, env.CONFIG, 5)
    if update is None:
        return env.file_answer(_NAME, content, digest)
    if not signed:
        return env.error_answer(7, "not allowed on this transport")
    if protobuf.raw(update, 3) != digest:
        return env.error_answer(9, "the file has changed")
    try:
        new = json.loads(protobuf.raw(update, 2, 100) or b"")
    except ValueError:
        return env.error_answer(3, "config.json is no JSON")
    if not isinstance(new, dict):
        return env.error_answer(3, "config.json is no object")
    device.writes.add(Write("config", difference(device.config, new)))
    device.config = new
    device.apply_config()
    content = json.dumps(new, separators=(",", ":")).encode()
    return env.update_answer(_NAME, b"", hashlib.sha256(content).digest())


def teg(device: SimulatedDevice, fields: protobuf.Fields) -> bytes:
    """Carry out a command to the energy gateway and return the answer."""
    command = protobuf.message(fields, env.TEG) or {}
    for number, handler in _HANDLERS.items():
        if number in command:
            answer = handler(device, protobuf.message(command, number) or {})
            return protobuf.blob(env.TEG, protobuf.blob(number + 1, answer))
    return env.error_answer(12, "unimplemented")


def _island(device: SimulatedDevice, request: protobuf.Fields) -> bytes:
    mode, force = protobuf.number(request, 1) or 0, bool(protobuf.number(request, 2))
    device.writes.add(Write("island", {"mode": mode, "force": force}))
    # Modes of the protocol: 6 leaves the grid, 1 joins it again (pypowerwall's go_off_grid and reconnect_grid).
    if mode == 6:
        device.house.command(off_grid=True)
    elif mode == 1:
        until = device.house.now() + device.scenario.reconnect_seconds
        device.house.command(off_grid=False, transition_until=until)
    return protobuf.integer(1, 1 if mode in (1, 6) else 2)


def _dispatch(device: SimulatedDevice, request: protobuf.Fields) -> bytes:
    command = protobuf.message(request, 2)
    if command is None:
        device.writes.add(Write("resume", {}))
        device.house.command(dispatch_watts=None, dispatch_until=0.0)
        return b""
    watts = protobuf.double_from_bits(protobuf.number(command, 1) or 0)
    seconds = protobuf.number(command, 2) or 0
    device.writes.add(Write("dispatch", {"power_watts": watts, "duration_seconds": seconds}))
    device.house.command(dispatch_watts=watts, dispatch_until=device.house.now() + seconds)
    return b""


def _schedule_backup(device: SimulatedDevice, request: protobuf.Fields) -> bytes:
    event = {
        "start_time": protobuf.number(request, 1, 1, 1) or 0,
        "duration_seconds": protobuf.number(request, 1, 2) or 0,
        "priority": protobuf.number(request, 1, 3) or 0,
    }
    device.writes.add(Write("schedule_backup", dict(event)))
    device.writes.backup_event = event
    device.house.command(backup_until=device.house.now() + event["duration_seconds"])
    return b""


def _cancel_backup(device: SimulatedDevice, request: protobuf.Fields) -> bytes:
    device.writes.add(Write("cancel_backup", {}))
    device.writes.backup_event = None
    device.house.command(backup_until=0.0)
    return b""


def _backup_events(device: SimulatedDevice, request: protobuf.Fields) -> bytes:
    event = device.writes.backup_event
    if event is None:
        return b""
    start = protobuf.blob(1, protobuf.integer(1, event["start_time"]))
    info = start + protobuf.integer(2, event["duration_seconds"]) + protobuf.integer(3, event["priority"])
    return protobuf.nested((1, 1), info)


# Field number of each request; that of its answer is one higher.
_HANDLERS: dict[int, Callable[[SimulatedDevice, protobuf.Fields], bytes]] = {
    3: _island,
    37: _dispatch,
    45: _schedule_backup,
    47: _cancel_backup,
    49: _backup_events,
}


def difference(old: Json, new: Json, path: str = "") -> JsonObject:
    """Return dotted path -> new value for all that differs between two JSON objects; None for removed members."""
    changes: JsonObject = {}
    for key in sorted({*old, *new}):
        where = f"{path}.{key}" if path else str(key)
        before, after = old.get(key), new.get(key)
        if isinstance(before, dict) and isinstance(after, dict):
            changes |= difference(before, after, where)
        elif before != after:
            changes[where] = after
    return changes
