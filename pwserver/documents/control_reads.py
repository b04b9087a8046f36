"""What GET /control/* tells: the settings as they are known. Reading needs no token, only that control is on."""

from __future__ import annotations

from typing import Any

from pwserver.documents.operation import operation
from pwserver.reading import JsonObject
from pwserver.state.view import View

DISABLED = "Control Commands Disabled - Set PW_CONTROL_SECRET to enable"
NOT_V1R = "max_backup requires v1r LAN transport"
NO_EVENTS = "Failed to get backup events"


def is_v1r(view: View) -> bool:
    """The gateway is reached over the signed LAN transport right now."""
    mode = view.status.tedapi_mode or (view.reading.tedapi_mode if view.reading else None)
    return view.status.online and mode == "v1r"


def status(view: View) -> JsonObject:
    enabled = view.server.control_enabled
    body: JsonObject = {"enabled": enabled, "battery_dispatch": enabled and is_v1r(view)}
    if view.status.pending:  # acknowledged by the gateway, not yet confirmed by a reading
        body["pending"] = dict(view.status.pending)
    return body


def reserve(view: View) -> JsonObject:
    """App percent; unknown is null."""
    return _guarded(view, {"reserve": operation(view).reserve_app})


def mode(view: View) -> JsonObject:
    return _guarded(view, {"mode": operation(view).mode or "unknown"})


def grid_charging(view: View) -> JsonObject:
    return _guarded(view, {"grid_charging": bool(operation(view).grid_charging)})


def grid_export(view: View) -> JsonObject:
    return _guarded(view, {"grid_export": operation(view).grid_export or "unknown"})


def max_backup(view: View) -> JsonObject:
    """The backup events of the last slow tick."""
    if view.reading and view.reading.backup_events is not None:
        return _guarded(view, view.reading.backup_events)
    return _guarded(view, {"error": NO_EVENTS if is_v1r(view) else NOT_V1R})


def _guarded(view: View, body: dict[str, Any]) -> JsonObject:
    return body if view.server.control_enabled else {"error": DISABLED}
