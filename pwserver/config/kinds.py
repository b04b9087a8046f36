"""Turn text into values: one small class for each kind of setting.

Every ``parse`` takes text, gives a value or raises :class:`BadValue`, and nothing else. The exception says what would
have been allowed and never repeats the text, which may be a secret. ``format`` gives text that parses to the value.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from typing import Generic, TypeVar

from pwserver.config.raw_text import FALSE_WORDS, MAX_TEXT, TRUE_WORDS, BadValue, is_blank, parse_json, without_comment
from pwserver.config.time_zone_names import timezone_name
from pwserver.records import record

MAX_LIST = 256  # members of one list value; every request looks through some of these lists
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")

Value = TypeVar("Value")


class Kind(Generic[Value]):
    """Describes a type of value. ``word`` names it in the documentation."""

    word = "text"

    def parse(self, text: str) -> Value | None:
        """Return the value of ``text``; None when it is blank and so counts as not set. Raises BadValue."""
        raise NotImplementedError

    def format(self, value: Value) -> str:
        """Return a text that parses to ``value``."""
        return str(value)

    @property
    def expected(self) -> str:
        """Return what is allowed, to complete "give ..."."""
        return self.word

    @property
    def allowed(self) -> str:
        """Return the same in short, for tables; empty where ``word`` says it all."""
        return ""


@record(frozen=True)
class Text(Kind[str]):
    """Takes a text as given: without trimming or comments, because a password may contain ``#``."""

    word: str = "text"

    def parse(self, text: str) -> str | None:
        if is_blank(text):
            return None
        if len(text) > MAX_TEXT or "\x00" in text:
            raise BadValue(f"a text of at most {MAX_TEXT} characters without NUL")
        return text


@record(frozen=True)
class FilePath(Kind[str]):
    """Takes a file or folder; ``~`` is the home folder."""

    word: str = "path"

    def parse(self, text: str) -> str | None:
        if is_blank(text):
            return None
        if len(text) > MAX_TEXT or "\x00" in text:
            raise BadValue("a path")
        return os.path.expanduser(text)


@record(frozen=True)
class Word(Kind[str]):
    """Takes a short text without blanks or control characters; comments are dropped."""

    word: str = "word"
    rule: Callable[[str], str] | None = None
    empty: str = ""  # how the empty value is written

    def parse(self, text: str) -> str | None:
        text = without_comment(text)
        if not text:
            return None
        if len(text) > 255 or any(c.isspace() for c in text) or _CONTROL_CHARACTER.search(text):
            raise BadValue(f"{self.word}: at most 255 characters without blanks")
        return self.rule(text) if self.rule else text

    def format(self, value: str) -> str:
        return str(value) or self.empty


@record(frozen=True)
class TimeZone(Kind[str]):
    """Takes an IANA zone; comments are dropped. Blanks are looked at, so that the right name can be suggested."""

    word: str = "time zone"

    def parse(self, text: str) -> str | None:
        text = without_comment(text)
        return timezone_name(text) if text else None


@record(frozen=True)
class Bool(Kind[bool]):
    word: str = "yes/no"

    def parse(self, text: str) -> bool | None:
        word = without_comment(text).lower()
        if not word:
            return None
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
        raise BadValue(self.expected)

    def format(self, value: bool) -> str:
        return "yes" if value else "no"

    @property
    def expected(self) -> str:
        return "yes or no (also true/false, on/off, y/n, t/f, 1/0)"


@record(frozen=True)
class Choice(Kind[str]):
    """Takes one of a few words, in any case."""

    choices: tuple[str, ...] = ()
    word: str = "choice"

    def parse(self, text: str) -> str | None:
        text = without_comment(text)
        if not text:
            return None
        for choice in self.choices:
            if choice.lower() == text.lower():
                return choice
        raise BadValue(self.expected)

    @property
    def expected(self) -> str:
        return "one of " + self.allowed

    @property
    def allowed(self) -> str:
        return ", ".join(self.choices)


@record(frozen=True)
class BoolOr(Kind[str]):
    """Takes ``yes``, ``no``, or one ``other`` word."""

    word: str = "yes/no"
    other: str = ""

    def parse(self, text: str) -> str | None:
        if without_comment(text).lower() == self.other:
            return self.other
        try:
            value = Bool().parse(text)
        except BadValue:
            raise BadValue(self.expected) from None
        return None if value is None else Bool().format(value)

    @property
    def expected(self) -> str:
        return f"no, yes or {self.other}"


def listed_texts(text: str, expected: str, split: Callable[[str], list[str]]) -> list[str] | None:
    """Return the texts of a list: of a JSON array, else what ``split`` makes of it; None where nothing is given.

    Raises BadValue with ``expected``.
    """
    text = without_comment(text)
    if not text:
        return None
    if len(text) > MAX_TEXT:
        raise BadValue(expected)
    if not text.startswith("["):
        return split(text)
    items = parse_json(text, expected)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise BadValue(expected)
    return [item.strip() for item in items]


@record(frozen=True)
class Items(Kind[tuple[str, ...]]):
    """Takes a list of words: ``a, b``, ``a b`` or a JSON array of texts. Each goes through ``rule``."""

    rule: Callable[[str], str] = str
    word: str = "list"
    what: str = "words"

    def parse(self, text: str) -> tuple[str, ...] | None:
        words = listed_texts(text, self.expected, lambda plain: [word for word in re.split(r"[,\s]+", plain) if word])
        if words is None:
            return None
        if len(words) > MAX_LIST:
            raise BadValue(f"at most {MAX_LIST} {self.what}")
        # Each once, in the order given: the settings in force are printed as they were written.
        return tuple(dict.fromkeys(self.rule(word) for word in words))

    def format(self, value: tuple[str, ...]) -> str:
        return json.dumps(list(value), ensure_ascii=False)

    @property
    def expected(self) -> str:
        return f"{self.what}, as a JSON array or separated by commas"


@record(frozen=True)
class GatewaysJson(Kind[str]):
    """Takes the text of ``PW_GATEWAYS``; ``gateway_entries`` checks its members."""

    word: str = "JSON"
    maximum: int = 1_000_000

    def parse(self, text: str) -> str | None:
        if not text.strip():
            return None
        if len(text) > self.maximum:
            raise BadValue(f"a JSON array of at most {self.maximum} characters")
        return text
