"""Withhold private data that a gateway or Tesla's servers include: passwords, tokens, names and addresses.

The raw dumps (configuration, cloud and FleetAPI answers, networks) are published as they are, so they are the place
where a firmware may leak something. What is blotted out here, where a reading is made, reaches no document, topic,
replica or log.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, Final

from pwserver.json_types import Json, JsonObject
from pwserver.reading import Reading

HIDDEN: Final = "**********"
_DEEPEST: Final = 40  # deeper than any real answer; anything below is withheld

# Ends of member names, without separators and in lower case: wifi_password, wifiPassword and WiFi-Password are one.
_PRIVATE: Final = re.compile(
    r"(password|passwd|passphrase|pwd|psk|presharedkey|secret|token|cookie|apikey|privatekey|credentials?|pincode"
    r"|email(address)?|phone(number)?|firstname|lastname|fullname|username|streetaddress|addressline\d?|latitude|longitude)$"
)
_SEPARATORS: Final = re.compile(r"[^a-z0-9]+")


def withheld(reading: Reading) -> Reading:
    """Return the reading with nothing private in its raw dumps. The given reading is not changed."""
    changes: JsonObject = {}
    for name in ("tedapi_config", "cloud", "fleet", "networks"):
        before = getattr(reading, name)
        after = blotted(before)
        if after is not before:
            changes[name] = after
    return replace(reading, **changes) if changes else reading


def blotted(value: object, depth: int = 0) -> Json:
    """Return ``value`` with ten stars for each private member at any depth; the same object if there is none."""
    if depth > _DEEPEST:
        return None if isinstance(value, (dict, list)) else value
    if isinstance(value, dict):
        made: dict[Any, Any] | None = None
        for name, item in value.items():
            new = HIDDEN if is_private(name) and _tells(item) else blotted(item, depth + 1)
            if new is not item:
                made = made if made is not None else dict(value)
                made[name] = new
        return value if made is None else made
    if isinstance(value, list):
        items = [blotted(item, depth + 1) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def is_private(name: object) -> bool:
    """Return whether a member of this name holds something private."""
    return isinstance(name, str) and _PRIVATE.search(_SEPARATORS.sub("", name.lower())) is not None


def _tells(value: object) -> bool:
    """Return whether there is anything to hide: nulls, booleans and empty values reveal nothing."""
    return not (value is None or isinstance(value, bool) or value == "" or value == [] or value == {})
