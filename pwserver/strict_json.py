"""Read the JSON of commands strictly, with one reader for HTTP and MQTT, so that both refuse the same texts.

A command must have one meaning. What decoders read differently (a name given twice, NaN, a number that is too large
for a float, bytes that are no UTF-8, a byte order mark, half a surrogate pair) is refused, because the sender cannot
know which reading was taken. So is everything deeper, larger or longer than any command is (``bounds.py``).

Strangers may send bodies too, so judging one costs little more than decoding it: every check looks at the whole text at
once. Only for the name of what is wrong are values looked at one by one, and not more than ``LOOKED_AT`` of them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

from pwserver.bounds import JSON_CONTAINERS, JSON_DEPTH, JSON_DIGITS, JSON_TEXT_CHARACTERS, JSON_VALUES, shown

Path = tuple[str | int, ...]

LOOKED_AT: Final = 1000
TOO_DEEP: Final = f"must be nested {JSON_DEPTH} deep at most"
TOO_LONG: Final = f"must have {JSON_TEXT_CHARACTERS} characters at most"
TOO_MANY: Final = f"must hold {JSON_CONTAINERS} lists and objects at most"
TOO_MUCH: Final = f"must hold {JSON_VALUES} values at most"
NO_TEXT: Final = "must be text; half of a surrogate pair is none"
_FIRST_NAME: Final = re.compile(r'\s{0,9}\{\s{0,9}"([^"\\]{1,60})"')
_LONGEST_NUMBER: Final = 400  # characters; a longer one is refused unread
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")


def _kinds(**kinds: bytes) -> bytes:
    """Make a table for bytes.translate: each listed byte becomes the letter of its kind, all others a blank."""
    table = bytearray(b" " * 256)
    for letter, members in kinds.items():
        for member in members:
            table[member] = ord(letter)
    return bytes(table)


_NUMBERS: Final = _kinds(d=b"0123456789.", e=b"eE")
_INSIDE: Final = _kinds(x=bytes(set(range(256)) - set(b'"')))
_MANY_DIGITS: Final = b"d" * (JSON_DIGITS + 1)
_LONG_TEXT: Final = b"x" * (JSON_TEXT_CHARACTERS + 1)


class NotAnObject(Exception):
    """Says that a text is not one well-formed JSON object with one meaning."""


class OutOfBounds(NotAnObject):
    """Says what in an object is not allowed: ``path`` leads to it, the text says what would be allowed."""

    def __init__(self, path: Path, message: str) -> None:
        super().__init__(message)
        self.path = path


class _Refused:
    """Stands for a value that may not be there, until its path is known."""

    def __init__(self, message: str, name: str | None = None) -> None:
        self.message = message
        self.name = name


class _Reader:
    """Provides the hooks of one decoding. ``refused``: the result holds something that is not allowed."""

    def __init__(self) -> None:
        self.refused = False

    def refuse(self, message: str, name: str | None = None) -> Any:
        self.refused = True
        return _Refused(message, name)

    def no_constant(self, constant: str) -> Any:
        return self.refuse(f"must be a finite number, not {constant}")

    def finite(self, text: str) -> Any:
        """Return the number; 1e999 would silently become infinity."""
        number = float(text) if len(text) <= _LONGEST_NUMBER else math.inf
        return number if math.isfinite(number) else self.refuse(f"must be a finite number, not {shown(text)}")

    def whole(self, text: str) -> Any:
        if len(text.lstrip("-")) > JSON_DIGITS:
            return self.refuse(f"must have {JSON_DIGITS} digits at most, not {shown(text)}")
        return int(text)

    def each_name_once(self, pairs: list[tuple[str, Any]]) -> Any:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        names: set[str] = set()
        twice = next(name for name, _ in pairs if name in names or names.add(name))  # type: ignore[func-returns-value]
        return self.refuse("must be given once only", twice)


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object in ``body``. Raises NotAnObject for anything else, however it is nested."""
    reader = _Reader()
    text = ""
    try:
        text = body.decode("utf-8")
        if text.count(",") >= JSON_VALUES:
            raise OutOfBounds(_first_name(text), TOO_MUCH)
        if _brackets(body) > JSON_CONTAINERS and _brackets(_structure(_without_escapes(body))) > JSON_CONTAINERS:
            raise OutOfBounds(_first_name(text), TOO_MANY)
        numbers = body.translate(_NUMBERS)
        odd = b"de" in numbers or _MANY_DIGITS in numbers  # what looks like it in a text only costs a little
        found = json.loads(
            text,
            parse_constant=reader.no_constant,
            parse_int=reader.whole if odd else None,
            parse_float=reader.finite if odd else None,
            object_pairs_hook=reader.each_name_once,
        )
    except RecursionError:
        raise OutOfBounds(_first_name(text), TOO_DEEP) from None
    except ValueError:
        raise NotAnObject from None
    if not isinstance(found, (dict, _Refused)):
        raise NotAnObject
    problem = _whole_text_problem(body, found) if not reader.refused else ""
    if problem or not isinstance(found, dict):
        for path, message in _problems(found):
            raise OutOfBounds(path, message)
        raise OutOfBounds(_first_name(text), problem)
    if reader.refused:
        for path, message in _problems(found):
            raise OutOfBounds(path, message)
        raise OutOfBounds(_first_name(text), "must hold finite numbers, and each name once")
    return found


def _whole_text_problem(body: bytes, found: Any) -> str:
    """Say what is wrong with a well-formed body as a whole; empty for nothing. ``found``: what it means."""
    bare = _without_escapes(body)
    if _LONG_TEXT in bare.translate(_INSIDE):
        texts = bare.split(b'"')[1::2]
        if any(len(text.decode("utf-8", "replace")) > JSON_TEXT_CHARACTERS for text in texts):
            return TOO_LONG
    if _brackets(bare) > JSON_DEPTH:
        brackets = _structure(bare).translate(_SQUARE, _NOT_BRACKETS)
        # Every round takes the innermost pairs away: what is left after as many rounds is nested deeper.
        for _ in range(JSON_DEPTH):
            brackets = brackets.replace(b"[]", b"")
        if brackets:
            return TOO_DEEP
    if b"\\u" in body:
        try:
            json.dumps(found, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return NO_TEXT
    return ""


def _without_escapes(body: bytes) -> bytes:
    """Return ``body`` without escaped quotation marks, so that those left begin and end texts."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body


def _structure(bare: bytes) -> bytes:
    """Return what stands outside of texts."""
    return b"".join(bare.split(b'"')[::2])


def _brackets(body: bytes) -> int:
    return body.count(b"[") + body.count(b"{")


def _first_name(text: str) -> Path:
    match = _FIRST_NAME.match(text)
    return (match[1],) if match is not None else ()


def _problems(body: Any) -> Iterator[tuple[Path, str]]:
    """Yield path and message of what is not allowed, in the first LOOKED_AT values."""
    waiting: list[tuple[Path, Any]] = [((), body)]
    for _ in range(LOOKED_AT):
        if not waiting:
            return
        path, value = waiting.pop()
        if isinstance(value, _Refused):
            yield path if value.name is None else (*path, value.name), value.message
        elif isinstance(value, str):
            yield from ((path, message) for message in _text_problems(value))
        elif isinstance(value, (dict, list)):
            if len(path) >= JSON_DEPTH:
                yield path, TOO_DEEP
            named = value.items() if isinstance(value, dict) else enumerate(value)
            for place, item in named:
                if isinstance(place, str):
                    yield from (((*path, place), message) for message in _text_problems(place))
                if isinstance(item, (dict, list, str, _Refused)) and len(waiting) < LOOKED_AT:
                    waiting.append(((*path, place), item))


def _text_problems(text: str) -> Iterator[str]:
    if len(text) > JSON_TEXT_CHARACTERS:
        yield f"{TOO_LONG}, not {len(text)}"
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        yield NO_TEXT
