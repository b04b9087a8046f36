"""One strict reader for the JSON of commands, whichever way they come: HTTP and MQTT refuse the same texts.

A command must have one meaning. What decoders read differently (a name given twice, NaN, a number that is too large
for a float, bytes that are no UTF-8, a byte order mark) is refused: the sender cannot know which reading we took.
"""

from __future__ import annotations

import json
import math
from typing import Any


class NotAnObject(Exception):
    """A text that is not one well-formed JSON object with one meaning."""


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``. Raises NotAnObject for anything else, however it is nested."""
    try:
        found = json.loads(
            body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_each_name_once
        )
    except (ValueError, RecursionError):
        raise NotAnObject from None
    if not isinstance(found, dict):
        raise NotAnObject
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _finite(text: str) -> float:
    """Return the number; 1e999 would silently become infinity."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found
