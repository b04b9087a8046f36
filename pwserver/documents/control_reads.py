"""Render GET /control/*: the known settings. Reading needs no token, but control must be enabled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.state.abilities import Ability
from pwserver.state.controls import CONTROLS
from pwserver.state.known_settings import known_settings
from pwserver.state.view import View

# The words of pypowerwall-server, which its clients may match.
DISABLED = "Control Commands Disabled - Set PW_CONTROL_SECRET to enable"
NOT_V1R = "max_backup requires v1r LAN transport"
NO_EVENTS = "Failed to get backup events"


# What a page needs to know to offer a control.
CONTROL_TABLE: Final[JsonObject] = {
    name: {
        "label": control.label,
        "kind": control.kind,
        "range": list(control.range) if control.range is not None else None,
        "unit": control.unit,
        "choices": list(control.choices),
        "reads_back": control.reads_back,
    }
    for name, control in CONTROLS.items()
}


def ability_members(abilities: Mapping[str, Ability]) -> JsonObject:
    """Return the abilities by name, and the advice by limit, as many abilities share a limit."""
    return {
        "abilities": {name: _ability(one) for name, one in abilities.items()},
        "help": {one.limit: one.help for one in abilities.values() if one.limit is not None},
    }


def _ability(one: Ability) -> JsonObject:
    return {"able": True} if one.able else {"able": False, "limit": one.limit, "why_not": one.why_not}


def is_signed(view: View) -> bool:
    """Return whether the gateway accepts signed commands at this moment."""
    dispatch = view.state.abilities.write.get("dispatch")
    return dispatch is not None and dispatch.able


def status(view: View) -> JsonObject:
    """Write /control/status: what can be commanded, or why not."""
    enabled = view.server.control_enabled
    body: JsonObject = {"enabled": enabled, "battery_dispatch": is_signed(view)}
    body.update(ability_members(view.state.abilities.write))
    body["controls"] = CONTROL_TABLE
    if view.status.pending:  # acknowledged by the gateway, not yet confirmed by a reading
        body["pending"] = dict(view.status.pending)
    return body


def reserve(view: View) -> JsonObject:
    """Write /control/reserve: the reserve in app percent; null while it is unknown."""
    return _guarded(view, {"reserve": known_settings(view).reserve_app})


def mode(view: View) -> JsonObject:
    # "unknown" and, below, False instead of null: the predecessor's clients expect a word and a boolean here.
    """Write /control/mode: the operating mode."""
    return _guarded(view, {"mode": known_settings(view).mode or "unknown"})


def grid_charging(view: View) -> JsonObject:
    """Write /control/grid_charging: whether the batteries may charge from the grid."""
    return _guarded(view, {"grid_charging": bool(known_settings(view).grid_charging)})


def grid_export(view: View) -> JsonObject:
    """Write /control/grid_export: the rule for exporting to the grid."""
    return _guarded(view, {"grid_export": known_settings(view).grid_export or "unknown"})


def max_backup(view: View) -> JsonObject:
    """Write /control/max_backup: the backup events that were read last."""
    if view.reading and view.reading.backup_events is not None:
        return _guarded(view, view.reading.backup_events)
    return _guarded(view, {"error": NO_EVENTS if is_signed(view) else NOT_V1R})


def _guarded(view: View, body: JsonObject) -> JsonObject:
    return body if view.server.control_enabled else {"error": DISABLED}
