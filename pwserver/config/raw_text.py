"""Judge the raw text of a setting: what counts as blank, as a comment, as yes or no, and how a bad one is shown."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable

from pwserver.json_types import Json

TRUE_WORDS = frozenset({"yes", "y", "true", "t", "on", "1"})
FALSE_WORDS = frozenset({"no", "n", "false", "f", "off", "0"})
# Characters of one plain value; PW_GATEWAYS has its own limit. Every secret is searched in every log line, so its
# length has to be bounded.
MAX_TEXT = 8192
# As in a shell, and as word processors and pages write them.
_QUOTATION_MARKS = frozenset(
    {'""', "''", "\u201c\u201d", "\u2018\u2019", "\u201e\u201c", "\u201e\u201d", "\u201d\u201d", "\u00ab\u00bb"}
)
_COMMENT = re.compile(r"(?:^|\s)#.*\Z", re.DOTALL)

# A name's words stand apart as in bind_address and bind-address, or as in bindAddress.
_BETWEEN_WORDS = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")
_LISTENING = re.compile(
    r"(?:bind|binds|binding|listen|listens|listener|listeners|listening)(?:ad+r[a-z]*|host|ip|interface|port|on|to)?",
    re.IGNORECASE,
)


class BadValue(ValueError):
    """Says that a value is not allowed, and what is. ``number`` is set when the value was only out of range."""

    def __init__(self, expected: str, number: float | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.number = number


def without_comment(text: str) -> str:
    """Return ``text`` without surrounding blanks and without an inline `` # comment``."""
    return _COMMENT.sub("", text).strip()


def is_blank(text: str) -> bool:
    """Tell whether a free text counts as "not set": it is nothing, blanks, or blanks before a comment."""
    stripped = text.strip()
    return not stripped or (stripped.startswith("#") and text[0].isspace())


def is_utf8(text: str) -> bool:
    """Tell whether the text is UTF-8, and did not stand in the environment as other bytes, such as Latin-1."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def parse_json(text: str, expected: str) -> Json:
    """Parse ``text`` as JSON. Raises BadValue(expected) for anything else, however deeply nested."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadValue(expected) from None


def text_of(value: object) -> str | None:
    """Return what a YAML or JSON value is as the text of a setting; None when it can be none."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        try:
            return repr(value)
        except ValueError:  # an integer of thousands of digits
            return None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return json.dumps(value)
    return None


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known name most like ``word``, or None when none is clearly meant."""
    import difflib

    matches = difflib.get_close_matches(word, list(known), n=1, cutoff=0.75)
    return matches[0] if matches else None


def decides_who_may_reach_us(name: str) -> bool:
    """Return whether an unknown name must mean the address to listen on: ignored, everybody could reach the server."""
    words = _BETWEEN_WORDS.split(name)
    return any(_LISTENING.fullmatch(word) for word in words)


def quoted(value: object, limit: int = 60) -> str:
    """Write a value as it may stand in a message: quoted, escaped, shortened."""
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return json.dumps(text, ensure_ascii=True) if not text.isprintable() else f'"{text}"'


def odd_secret(text: str) -> str | None:
    """Say what in a secret its owner may not have meant as part of it; None when nothing looks odd."""
    if text != text.strip():
        return "begins or ends with a blank, which is taken as part of it"
    if without_comment(text) != text.strip():
        return (
            "what looks like a comment (a blank, # and what follows) is taken as part of it, "
            "because a password may hold it; give the comment a line of its own"
        )
    if len(text) > 2 and f"{text[0]}{text[-1]}" in _QUOTATION_MARKS:
        return "its quotation marks are taken as part of it"
    if any(unicodedata.category(character) in ("Cf", "Cc") for character in text):
        return "holds a character that cannot be seen, as text copied from a page may; it is taken as part of it"
    return None
