"""Judge the values in the bodies of control requests. Every error states the allowed range."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final
from urllib.parse import parse_qsl

from pwserver.bounds import (
    BACKUP_SECONDS,
    DISPATCH_SECONDS,
    DISPATCH_WATTS,
    FORM_FIELDS,
    NUMBER_CHARACTERS,
    RESERVE_PERCENT,
    TARIFF_BYTES,
    WHOLE_DIGITS,
    allowed,
    shown,
)
from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.state.controls import CHOICE, CONTROLS, GRID_CONNECTION, NUMBER, PRESS, Control
from pwserver.state.operating_settings import MODES

Arguments = JsonObject

_MISSING: Final = object()
_WHOLE: Final = re.compile(rf"[0-9]{{1,{WHOLE_DIGITS}}}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")


class Invalid(Exception):
    """Refuses a value; the text names the field, says what would be allowed, and repeats the value."""


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def wrong(field: str, sentence: str, value: object = _MISSING) -> Invalid:
    """Make the refusal of a field whose value is not as ``sentence`` says."""
    return Invalid(f"'{field}' must be {sentence}, {'and is missing' if value is _MISSING else f'not {shown(value)}'}")


def whole_number(value: object) -> bool:
    """Tell whether a value is an integer, and not a boolean, which Python takes for one."""
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _within(field: str, value: Json, limits: tuple[int, int], unit: str) -> int:
    if not whole_number(value) or not limits[0] <= value <= limits[1]:
        raise wrong(field, f"a whole number {allowed(limits, unit)}", value)
    return int(value)


def _one_of(field: str, value: object, words: tuple[str, ...]) -> str:
    if not isinstance(value, str) or value not in words:
        raise wrong(field, f"one of {', '.join(words)}", value)
    return value


def _reserve(body: JsonMapping) -> Arguments:
    arguments: Arguments = {"level": _within("value", body.get("value", _MISSING), RESERVE_PERCENT, "%")}
    if "mode" in body:
        arguments["mode"] = _one_of("mode", body["mode"], MODES)
    return arguments


def _operating_mode(body: JsonMapping) -> Arguments:
    arguments: Arguments = {"mode": _one_of("value", body.get("value", _MISSING), MODES)}
    if "level" in body:
        arguments["level"] = _within("level", body["level"], RESERVE_PERCENT, "%")
    return arguments


def plain_value(control: Control, body: JsonMapping) -> Arguments:
    """Read the body of a control that takes its value, and nothing else, as the table of controls says."""
    if control.kind == PRESS:
        if body:
            raise Invalid(f"{control.name} requires an empty JSON object, not one with {shown(next(iter(body)))}")
        return {}
    value = body.get("value", _MISSING)
    if control.kind == NUMBER:
        value = _within("value", value, control.range or (0, 0), control.unit or "")
    elif control.kind == CHOICE:
        value = _one_of("value", value, control.choices)
    elif not isinstance(value, bool):
        raise wrong("value", "true or false", value)
    return {control.argument: value}


def _max_backup(body: JsonMapping) -> Arguments:
    value = body.get("value", _MISSING)
    if isinstance(value, str):
        value = value.lower()  # the predecessors took the word in any case
    if value != "cancel" and not (whole_number(value) and BACKUP_SECONDS[0] <= value <= BACKUP_SECONDS[1]):
        raise wrong("value", f"'cancel' or a whole number {allowed(BACKUP_SECONDS, 'seconds')}", value)
    return {"value": value}


def _islanding(body: JsonMapping) -> Arguments:
    value, confirm = _one_of("value", body.get("value", _MISSING), GRID_CONNECTION), body.get("confirm", False)
    if not isinstance(confirm, bool):
        raise wrong("confirm", "true or false", confirm)
    if value == "off_grid" and not confirm:
        raise wrong("confirm", "true to leave the grid", confirm)
    return {"value": value}


def dispatch(body: JsonMapping) -> Arguments:
    """Read a dispatch: watts that a house can have, and whole seconds within a day."""
    watts = body.get("power_watts", _MISSING)
    if not _number(watts) or not DISPATCH_WATTS[0] <= watts <= DISPATCH_WATTS[1] or not math.isfinite(watts):
        raise wrong("power_watts", f"a number {allowed(DISPATCH_WATTS, 'W')}", watts)
    seconds = _within("duration_seconds", body.get("duration_seconds", _MISSING), DISPATCH_SECONDS, "seconds")
    return {"power_watts": watts, "duration_seconds": seconds}


# Controls whose body has more, or other, members than a value.
_OTHER_BODIES: Final[Mapping[str, Callable[[JsonMapping], Arguments]]] = {
    "reserve": _reserve,
    "mode": _operating_mode,
    "max_backup": _max_backup,
    "islanding": _islanding,
    "dispatch": dispatch,
}
# name of a control -> the arguments of its command in a JSON body; the tariff has a path of its own
JSON_ACTIONS: Final[Mapping[str, Callable[[JsonMapping], Arguments]]] = {
    name: _OTHER_BODIES.get(name) or partial(plain_value, control)
    for name, control in CONTROLS.items()
    if name != "tariff"
}


def tariff(body: JsonMapping) -> Arguments:
    """Read the body of time_of_use_settings."""
    found = body.get("tou_settings", _MISSING)
    if not isinstance(found, dict) or not found:
        raise wrong("tou_settings", "an object with members", found)
    if not isinstance(found.get("tariff_content_v2"), dict):
        raise wrong("tariff_content_v2", "an object", found.get("tariff_content_v2", _MISSING))
    # A body of multi-byte letters grows when it is passed on, so the limit is checked on what Tesla will receive.
    size = len(json.dumps(found, separators=(",", ":")))  # Tesla is sent ASCII, in which a letter may take six bytes
    if size > TARIFF_BYTES:
        raise Invalid(f"'tou_settings' must have {TARIFF_BYTES} bytes at most as JSON in ASCII, not {size}")
    return {"tou_settings": found}


def raw_operation(body: JsonMapping) -> Arguments:
    """Read the body of a gateway's own /api/operation, of which only two members are passed on."""
    members = ("backup_reserve_percent", "real_mode")
    further = sorted(set(body) - set(members))
    if not body or further:
        about = f", not {shown(further[0])}" if further else ""
        raise Invalid(f"the body must hold 'backup_reserve_percent', 'real_mode' or both, and nothing else{about}")
    arguments: Arguments = {}
    if "backup_reserve_percent" in body:
        level = body["backup_reserve_percent"]
        if not _number(level) or not RESERVE_PERCENT[0] <= level <= RESERVE_PERCENT[1]:
            raise wrong("backup_reserve_percent", f"a number {allowed(RESERVE_PERCENT, '% (app scale)')}", level)
        arguments["level"] = level
    if "real_mode" in body:
        arguments["mode"] = _one_of("real_mode", body["real_mode"], MODES)
    return arguments


# ── forms ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def form_fields(body: bytes) -> dict[str, str]:
    """Read the fields of a form. Raises Invalid for what is no form, and for a field that comes twice."""
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=FORM_FIELDS, errors="strict")
    except ValueError:
        raise Invalid(f"Invalid Request: the body must be a form in UTF-8 of {FORM_FIELDS} fields at most") from None
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise Invalid(f"Invalid Request: {shown(name)} must be given once only")
        found[name] = value
    return found


def _whole(fields: Mapping[str, str], field: str, limits: tuple[int, int], unit: str) -> int:
    """Read a field of digits alone, so that a slip of the keyboard can never mean a larger number."""
    text = fields.get(field, "")
    if _WHOLE.fullmatch(text) is None:
        raise wrong(field, f"a whole number {allowed(limits, unit)}", text)
    return _within(field, int(text), limits, unit)


def _form_reserve(fields: Mapping[str, str]) -> Arguments:
    arguments: Arguments = {"level": _whole(fields, "value", RESERVE_PERCENT, "%")}
    if fields.get("mode"):
        arguments["mode"] = _one_of("mode", fields["mode"], MODES)
    return arguments


def _form_mode(fields: Mapping[str, str]) -> Arguments:
    arguments: Arguments = {"mode": _one_of("value", fields["value"], MODES)}
    if fields.get("level"):
        arguments["level"] = _whole(fields, "level", RESERVE_PERCENT, "%")
    return arguments


def _form_grid_charging(fields: Mapping[str, str]) -> Arguments:
    return {"value": _one_of("value", fields["value"].lower(), ("true", "false")) == "true"}


def _form_grid_export(fields: Mapping[str, str]) -> Arguments:
    return plain_value(CONTROLS["grid_export"], {"value": fields["value"].lower()})


def _form_max_backup(fields: Mapping[str, str]) -> Arguments:
    value = fields["value"]
    return _max_backup({"value": int(value) if _WHOLE.fullmatch(value) else value})


def _form_dispatch(fields: Mapping[str, str]) -> Arguments:
    text = fields.get("power_watts", "")
    watts: Json = float(text) if len(text) <= NUMBER_CHARACTERS and _NUMBER.fullmatch(text) else text
    return dispatch(
        {"power_watts": watts, "duration_seconds": _whole(fields, "duration_seconds", DISPATCH_SECONDS, "seconds")}
    )


FORM_ACTIONS: Mapping[str, Callable[[Mapping[str, str]], Arguments]] = {
    "reserve": _form_reserve,
    "mode": _form_mode,
    "grid_charging": _form_grid_charging,
    "grid_export": _form_grid_export,
    "max_backup": _form_max_backup,
    "dispatch": _form_dispatch,
    "resume": lambda _: {},
}
READABLE = frozenset({"reserve", "mode", "grid_charging", "grid_export", "max_backup"})  # with an empty value
