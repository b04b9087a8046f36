"""What the bodies of control requests may hold. Every error states the allowed range."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

MODES = ("self_consumption", "backup", "autonomous")
EXPORT_RULES = ("battery_ok", "pv_only", "never")
BACKUP_SECONDS = (60, 4294967295)
DISPATCH_SECONDS = (1, 86400)
FORM_FIELDS_MAX = 16

Arguments = dict[str, Any]


class Invalid(Exception):
    """A value that is not allowed; the text says what is."""


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def whole_number(value: Any) -> bool:
    """An integer, and not a boolean, which Python takes for one."""
    return isinstance(value, int) and not isinstance(value, bool)


def _mode(value: Any, sentence: str) -> str:
    if not isinstance(value, str) or value not in MODES:
        raise Invalid(f"{sentence}{', '.join(MODES)}")
    return value


def _level(value: Any) -> int:
    if not whole_number(value):
        raise Invalid("'value' must be an integer reserve level (0-100)")
    if not 0 <= value <= 100:
        raise Invalid("'value' must be between 0 and 100")
    return int(value)


BAD_MODE = "'value' must be a valid mode: "
BAD_COMPANION_MODE = "Invalid 'mode' companion value. Must be one of: "
BAD_COMPANION_LEVEL = "Invalid 'level' companion value. Must be an integer."
BAD_EXPORT = f"'value' must be a valid grid export mode: {', '.join(EXPORT_RULES)}"
BAD_DISPATCH = "power_watts must be finite and duration_seconds must be an integer from 1 to 86400"


def _reserve(body: Mapping[str, Any]) -> Arguments:
    arguments: Arguments = {"level": _level(body.get("value"))}
    if "mode" in body:
        arguments["mode"] = _mode(body["mode"], BAD_COMPANION_MODE)
    return arguments


def _operating_mode(body: Mapping[str, Any]) -> Arguments:
    arguments: Arguments = {"mode": _mode(body.get("value"), BAD_MODE)}
    if "level" in body:
        if not whole_number(body["level"]):
            raise Invalid(BAD_COMPANION_LEVEL)
        if not 0 <= body["level"] <= 100:
            raise Invalid("Invalid 'level' companion value. Must be between 0 and 100.")
        arguments["level"] = body["level"]
    return arguments


def _reserve_hold(body: Mapping[str, Any]) -> Arguments:
    if body:
        raise Invalid("reserve_hold requires an empty JSON object")
    return {}


def _grid_charging(body: Mapping[str, Any]) -> Arguments:
    if not isinstance(body.get("value"), bool):
        raise Invalid("'value' must be a boolean (true or false)")
    return {"value": body["value"]}


def _grid_export(body: Mapping[str, Any]) -> Arguments:
    if body.get("value") not in EXPORT_RULES:
        raise Invalid(BAD_EXPORT)
    return {"value": body["value"]}


def _max_backup(body: Mapping[str, Any]) -> Arguments:
    value = body.get("value")
    if value != "cancel" and not (whole_number(value) and BACKUP_SECONDS[0] <= value <= BACKUP_SECONDS[1]):  # type: ignore[operator]
        raise Invalid("'value' must be 'cancel' or a duration of 60 to 4294967295 seconds")
    return {"value": value}


def _islanding(body: Mapping[str, Any]) -> Arguments:
    value, confirm = body.get("value"), body.get("confirm", False)
    if value not in ("off_grid", "on_grid"):
        raise Invalid("'value' must be 'off_grid' or 'on_grid'")
    if not isinstance(confirm, bool):
        raise Invalid("'confirm' must be a boolean")
    if value == "off_grid" and not confirm:
        raise Invalid("Off-grid requires 'confirm': true")
    return {"value": value}


def dispatch(body: Mapping[str, Any]) -> Arguments:
    """Finite watts, whole seconds within a day."""
    watts, seconds = body.get("power_watts"), body.get("duration_seconds")
    known = isinstance(watts, (int, float)) and not isinstance(watts, bool)
    try:
        finite = known and math.isfinite(watts)  # type: ignore[arg-type]
    except OverflowError:
        finite = False
    if not finite or not whole_number(seconds) or not DISPATCH_SECONDS[0] <= seconds <= DISPATCH_SECONDS[1]:  # type: ignore[operator]
        raise Invalid(BAD_DISPATCH)
    return {"power_watts": watts, "duration_seconds": seconds}


def _resume(body: Mapping[str, Any]) -> Arguments:
    if body:
        raise Invalid("resume requires an empty JSON object")
    return {}


# action of the URL -> (action of the gateway room, the arguments in a JSON body)
JSON_ACTIONS: Mapping[str, tuple[str, Callable[[Mapping[str, Any]], Arguments]]] = {
    "reserve": ("operation", _reserve),
    "mode": ("operation", _operating_mode),
    "reserve_hold": ("reserve_hold", _reserve_hold),
    "grid_charging": ("grid_charging", _grid_charging),
    "grid_export": ("grid_export", _grid_export),
    "max_backup": ("max_backup", _max_backup),
    "islanding": ("islanding", _islanding),
    "dispatch": ("dispatch", dispatch),
    "resume": ("resume", _resume),
}


def tariff(body: Mapping[str, Any]) -> Arguments:
    """The body of time_of_use_settings."""
    found = body.get("tou_settings")
    if not isinstance(found, dict) or not found:
        raise Invalid("'tou_settings' must be a non-empty object")
    if not isinstance(found.get("tariff_content_v2"), dict):
        raise Invalid("'tariff_content_v2' must be an object")
    return {"tou_settings": found}


def raw_operation(body: Mapping[str, Any]) -> Arguments:
    """The body of a gateway's own /api/operation, of which only these two members are passed on."""
    allowed = "must hold 'backup_reserve_percent' (0 to 100, app scale), 'real_mode' or both, and nothing else"
    if not body or set(body) - {"backup_reserve_percent", "real_mode"}:
        raise Invalid(f"the body {allowed}")
    arguments: Arguments = {}
    if "backup_reserve_percent" in body:
        level = body["backup_reserve_percent"]
        number = isinstance(level, (int, float)) and not isinstance(level, bool)
        if not number or not 0 <= level <= 100:
            raise Invalid("'backup_reserve_percent' must be a number between 0 and 100")
        arguments["level"] = level
    if "real_mode" in body:
        arguments["mode"] = _mode(body["real_mode"], "'real_mode' must be one of: ")
    return arguments


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def form_fields(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises Invalid for what is no form, and for a field that comes twice."""
    try:
        pairs = parse_qsl(
            body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS_MAX, errors="strict"
        )
    except ValueError:
        raise Invalid("Control Command Error: Invalid Request") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Invalid("Control Command Error: Invalid Request")
    return found


def _digits(text: str, sentence: str, longest: int = 10) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= longest):
        raise Invalid(sentence)
    return int(text)


def _form_reserve(fields: Mapping[str, str]) -> Arguments:
    arguments: Arguments = {"level": _level(_digits(fields["value"], "Control Command Value Invalid"))}
    if fields.get("mode"):
        arguments["mode"] = _mode(fields["mode"], BAD_COMPANION_MODE)
    return arguments


def _form_mode(fields: Mapping[str, str]) -> Arguments:
    arguments: Arguments = {"mode": _mode(fields["value"], BAD_MODE)}
    if fields.get("level"):
        level = _digits(fields["level"], "Control Command Level Invalid")
        if level > 100:
            raise Invalid("Control Command Level Invalid")
        arguments["level"] = level
    return arguments


def _form_grid_charging(fields: Mapping[str, str]) -> Arguments:
    value = fields["value"].lower()
    if value not in ("true", "false"):
        raise Invalid("Control Command Value Invalid")
    return {"value": value == "true"}


def _form_grid_export(fields: Mapping[str, str]) -> Arguments:
    return _grid_export({"value": fields["value"].lower()})


def _form_max_backup(fields: Mapping[str, str]) -> Arguments:
    value = fields["value"]
    if value == "cancel":
        return {"value": value}
    return _max_backup({"value": _digits(value, "Control Command Value Invalid - use seconds or cancel")})


def _form_dispatch(fields: Mapping[str, str]) -> Arguments:
    bad = "Invalid battery dispatch parameters"
    try:
        watts = float(fields.get("power_watts", "")[:32])
        return dispatch({"power_watts": watts, "duration_seconds": _digits(fields.get("duration_seconds", ""), bad)})
    except (ValueError, Invalid):
        raise Invalid(bad) from None


FORM_ACTIONS: Mapping[str, tuple[str, Callable[[Mapping[str, str]], Arguments]]] = {
    "reserve": ("operation", _form_reserve),
    "mode": ("operation", _form_mode),
    "grid_charging": ("grid_charging", _form_grid_charging),
    "grid_export": ("grid_export", _form_grid_export),
    "max_backup": ("max_backup", _form_max_backup),
    "dispatch": ("dispatch", _form_dispatch),
    "resume": ("resume", lambda _: {}),
}
READABLE = frozenset({"reserve", "mode", "grid_charging", "grid_export", "max_backup"})  # with an empty value
