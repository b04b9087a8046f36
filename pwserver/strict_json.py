"""One strict reader for the JSON of commands, whichever way they come: HTTP and MQTT refuse the same texts.

A command must have one meaning. What decoders read differently (a name given twice, NaN, a number that is too large
for a float, bytes that are no UTF-8, a byte order mark, half a surrogate pair) is refused: the sender cannot know which
reading we took. So is what is too deep, too much or too long for anything that is meant (``bounds.py``).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from pwserver.bounds import JSON_DEPTH, JSON_DIGITS, JSON_TEXT_CHARACTERS, JSON_VALUES, shown

Path = tuple[str | int, ...]

TOO_DEEP: Final = f"must be nested {JSON_DEPTH} deep at most"
_STRINGS_AND_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', re.DOTALL)
_LONGEST_NUMBER: Final = 400  # characters; a longer one is refused unread


class NotAnObject(Exception):
    """A text that is not one well-formed JSON object with one meaning."""


class OutOfBounds(NotAnObject):
    """An object with something in it that is not allowed: ``path`` leads to it, the text says what would be."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class _Refused:
    """Stands for a value that may not be there; found, with its path, when everything has been read."""

    def __init__(self, message: str, name: str | None = None) -> None:
        self.message = message
        self.name = name


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``. Raises NotAnObject for anything else, however it is nested."""
    try:
        text = body.decode("utf-8")
        _check_depth(text)
        found = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_each_name_once,
        )
    except ValueError:
        raise NotAnObject from None
    if not isinstance(found, (dict, _Refused)):
        raise NotAnObject
    _check(found)
    assert isinstance(found, dict)
    return found


def _check_depth(text: str) -> None:
    """Raise OutOfBounds where brackets open too deep: before the decoder, which would recurse into them."""
    names: list[str] = []  # of the members that have led here; empty within lists
    last = ""
    for match in _STRINGS_AND_BRACKETS.finditer(text):
        token = match[0]
        if token in "}]":
            if names:
                names.pop()
        elif token not in "{[":
            last = token[1:-1]
        elif len(names) < JSON_DEPTH:
            names.append(last)
            last = ""
        else:
            raise OutOfBounds(tuple(name for name in names if name), TOO_DEEP)


def _check(body: Any) -> None:
    """Raise OutOfBounds for the first thing that is not allowed."""
    waiting: list[tuple[Path, Any]] = [((), body)]
    seen = 0
    while waiting:
        path, value = waiting.pop()
        seen += 1
        if isinstance(value, _Refused):
            raise OutOfBounds(path if value.name is None else (*path, value.name), value.message)
        if isinstance(value, str):
            _check_text(path, value)
        elif isinstance(value, (dict, list)):
            if seen + len(waiting) + len(value) > JSON_VALUES:
                raise OutOfBounds(path, f"must hold {JSON_VALUES} values at most, with all that is in it")
            waiting += _members(path, value)


def _members(path: Path, value: dict[str, Any] | list[Any]) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, list):
        return (((*path, place), item) for place, item in enumerate(value))
    for name in value:
        _check_text((*path, name), name)
    return (((*path, name), item) for name, item in value.items())


def _check_text(path: Path, text: str) -> None:
    if len(text) > JSON_TEXT_CHARACTERS:
        raise OutOfBounds(path, f"must have {JSON_TEXT_CHARACTERS} characters at most, not {len(text)}")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise OutOfBounds(path, "must be text; half of a surrogate pair is none")


def _no_constant(constant: str) -> _Refused:
    return _Refused(f"must be a finite number, not {constant}")


def _finite(text: str) -> float | _Refused:
    """Return the number; 1e999 would silently become infinity."""
    number = float(text) if len(text) <= _LONGEST_NUMBER else math.inf
    return number if math.isfinite(number) else _Refused(f"must be a finite number, not {shown(text)}")


def _whole(text: str) -> int | _Refused:
    if len(text.lstrip("-")) > JSON_DIGITS:
        return _Refused(f"must have {JSON_DIGITS} digits at most, not {shown(text)}")
    return int(text)


def _each_name_once(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Refused:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    names: set[str] = set()
    for name, _ in pairs:
        if name in names:
            return _Refused("must be given once only", name)
        names.add(name)
    raise AssertionError("some name was there twice")
