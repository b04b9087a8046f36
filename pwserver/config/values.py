"""Turning text into values: one small class per type of setting.

Every ``parse`` takes text, gives a value or raises :class:`BadValue`, and nothing else. The exception says what would
have been allowed and never repeats the text, which may be a secret. ``format`` gives text that parses to the value.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pwserver.origins import canonical_origin

TRUE_WORDS = frozenset({"yes", "y", "true", "t", "on", "1"})
FALSE_WORDS = frozenset({"no", "n", "false", "f", "off", "0"})

MAX_TEXT = 8192  # characters of one plain value; PW_GATEWAYS has its own limit
MAX_LIST = 256  # members of one list value
_COMMENT = re.compile(r"(?:^|\s)#.*\Z", re.DOTALL)
_INTEGER = re.compile(r"([+-]?[0-9]{1,18})(?:\.0*)?\Z")
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,6})?)\s*([smhdw]?)\Z")
_UNIT_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LABEL = r"[0-9A-Za-z_](?:[0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"  # container names have underscores
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?\Z")
_DOTTED_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+)*\.?\Z")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+\Z")
_ORIGIN = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@,\"'\\]+\Z")
_BASE_PATH = re.compile(r"(?:/[A-Za-z0-9_.~!$&'()*+,;=:@-]+)*\Z")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


class BadValue(ValueError):
    """A value that is not allowed; the text says what is. ``number`` is set when it only was out of range."""

    def __init__(self, expected: str, number: float | None = None) -> None:
        super().__init__(expected)
        self.expected = expected
        self.number = number


def without_comment(text: str) -> str:
    """``text`` without surrounding blanks and without an inline `` # comment``."""
    return _COMMENT.sub("", text).strip()


def is_blank(text: str) -> bool:
    """True for what counts as "not set" in a free text: nothing, blanks, or blanks before a comment."""
    stripped = text.strip()
    return not stripped or (stripped.startswith("#") and text[0].isspace())


def is_utf8(text: str) -> bool:
    """False for what stood in the environment as other bytes, as from a file in Latin-1."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


class Kind:
    """A type of value. ``word`` names it in the documentation."""

    word = "text"

    def parse(self, text: str) -> Any:
        """The value of ``text``; None when it is blank and so counts as not set. Raises BadValue."""
        raise NotImplementedError

    def format(self, value: Any) -> str:
        """Text that parses to ``value``."""
        return str(value)

    @property
    def expected(self) -> str:
        """What is allowed, to complete "give ..."."""
        return self.word

    @property
    def allowed(self) -> str:
        """The same in short, for tables; empty where ``word`` says it all."""
        return ""


@dataclass(frozen=True)
class Text(Kind):
    """Taken as given: no trimming, no comments, because a password may contain ``#``."""

    word: str = "text"

    def parse(self, text: str) -> str | None:
        if is_blank(text):
            return None
        if len(text) > MAX_TEXT or "\x00" in text:
            raise BadValue(f"a text of at most {MAX_TEXT} characters without NUL")
        return text


@dataclass(frozen=True)
class Path(Kind):
    """A file or folder; ``~`` is the home folder."""

    word: str = "path"

    def parse(self, text: str) -> str | None:
        if is_blank(text):
            return None
        if len(text) > MAX_TEXT or "\x00" in text:
            raise BadValue("a path")
        return os.path.expanduser(text)


@dataclass(frozen=True)
class Word(Kind):
    """A short text without blanks or control characters; comments are dropped."""

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

    def format(self, value: Any) -> str:
        return str(value) or self.empty


@dataclass(frozen=True)
class TimeZone(Kind):
    """An IANA zone; comments are dropped. Blanks are looked at, so that the right name can be suggested."""

    word: str = "time zone"

    def parse(self, text: str) -> str | None:
        text = without_comment(text)
        return timezone_name(text) if text else None


@dataclass(frozen=True)
class Bool(Kind):
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

    def format(self, value: Any) -> str:
        return "yes" if value else "no"

    @property
    def expected(self) -> str:
        return "yes or no (also true/false, on/off, y/n, t/f, 1/0)"


@dataclass(frozen=True)
class Int(Kind):
    """A whole number; ``8675.0`` is one too."""

    minimum: int = 0
    maximum: int = 2**31 - 1
    word: str = "integer"

    def parse(self, text: str) -> int | None:
        text = without_comment(text)
        if not text:
            return None
        match = _INTEGER.match(text)
        if match is None:
            raise BadValue(self.expected)
        number = int(match[1])
        if not self.minimum <= number <= self.maximum:
            raise BadValue(self.expected, number)
        return number

    @property
    def expected(self) -> str:
        return f"a whole number from {self.allowed}"

    @property
    def allowed(self) -> str:
        return f"{self.minimum} to {self.maximum}"


@dataclass(frozen=True)
class Duration(Kind):
    """Seconds as a float, written ``90s 15m 24h 7d 2w`` or as a plain number of seconds."""

    minimum: float = 0.0
    maximum: float = 366 * 86400.0 * 100
    zero: str = ""  # what 0 means when it is allowed below the minimum
    off: str = ""  # what -1 means when it is allowed
    word: str = "duration"

    def parse(self, text: str) -> float | None:
        text = without_comment(text).lower()
        if not text:
            return None
        if text in ("-1", "-1.0"):
            if self.off:
                return -1.0
            raise BadValue(self.expected, -1.0)
        negative = text.startswith("-")
        match = _DURATION.match(text.lstrip("+-") if text[0] in "+-" else text)
        if match is None:
            raise BadValue(self.expected)
        seconds = float(match[1]) * _UNIT_SECONDS[match[2]]
        if negative and seconds:
            raise BadValue(self.expected, -seconds)
        if seconds == 0 and self.zero:
            return 0.0
        if not self.minimum <= seconds <= self.maximum:
            raise BadValue(self.expected, seconds)
        return seconds

    def format(self, value: Any) -> str:
        seconds = float(value)
        if seconds <= 0 or not seconds.is_integer():
            return f"{seconds:.6f}".rstrip("0").rstrip(".")
        for unit in "dhm":  # 7d and 24h read better than 1w and 1d
            count = seconds / _UNIT_SECONDS[unit]
            if count.is_integer() and count > 1:
                return f"{int(count)}{unit}"
        return f"{int(seconds)}s"

    @property
    def expected(self) -> str:
        return f"a time such as 90s, 15m, 24h, 7d, from {self.allowed}"

    @property
    def allowed(self) -> str:
        text = f"{self.format(self.minimum)} to {self.format(self.maximum)}"
        if self.zero:
            text += f", or 0 ({self.zero})"
        if self.off:
            text += f", or -1 ({self.off})"
        return text


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few words, in any case."""

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


@dataclass(frozen=True)
class Https(Kind):
    """``no``, ``yes`` or ``http`` (plain HTTP behind someone else's TLS)."""

    word: str = "no/yes/http"

    def parse(self, text: str) -> str | None:
        if without_comment(text).lower() == "http":
            return "http"
        try:
            value = Bool().parse(text)
        except BadValue:
            raise BadValue(self.expected) from None
        return None if value is None else Bool().format(value)

    @property
    def expected(self) -> str:
        return "no, yes or http"


@dataclass(frozen=True)
class Mask(Kind):
    """Digits only: no sign, no comment, no other base, so that a slip can never allow more than was meant."""

    maximum: int = 31
    word: str = "bit mask"

    def parse(self, text: str) -> int | None:
        text = text.strip()
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 9 or int(text) > self.maximum:
            raise BadValue(self.expected)
        return int(text)

    @property
    def expected(self) -> str:
        return f"a whole number from {self.allowed}, digits only"

    @property
    def allowed(self) -> str:
        return f"0 to {self.maximum}"


@dataclass(frozen=True)
class Items(Kind):
    """A list of words: ``a, b``, ``a b`` or a JSON array of texts. Each goes through ``rule``."""

    rule: Callable[[str], str] = str
    word: str = "list"
    what: str = "words"

    def parse(self, text: str) -> tuple[str, ...] | None:
        text = without_comment(text)
        if not text:
            return None
        if len(text) > MAX_TEXT:
            raise BadValue(self.expected)
        if text.startswith("["):
            items = parse_json(text, self.expected)
            if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
                raise BadValue(self.expected)
            words = [item.strip() for item in items]
        else:
            words = [word for word in re.split(r"[,\s]+", text) if word]
        if len(words) > MAX_LIST:
            raise BadValue(f"at most {MAX_LIST} {self.what}")
        return tuple(dict.fromkeys(self.rule(word) for word in words))

    def format(self, value: Any) -> str:
        return json.dumps(list(value), ensure_ascii=False)

    @property
    def expected(self) -> str:
        return f"{self.what}, as a JSON array or separated by commas"


@dataclass(frozen=True)
class GatewaysJson(Kind):
    """The text of ``PW_GATEWAYS``; its members are checked elsewhere."""

    word: str = "JSON"
    maximum: int = 1_000_000

    def parse(self, text: str) -> str | None:
        if not text.strip():
            return None
        if len(text) > self.maximum:
            raise BadValue(f"a JSON array of at most {self.maximum} characters")
        return text


def parse_json(text: str, expected: str) -> Any:
    """``text`` as JSON. Raises BadValue(expected) for anything else, however deeply nested."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise BadValue(expected) from None


def text_of(value: Any) -> str | None:
    """What a YAML or JSON value is as the text of a setting; None when it can be none."""
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


# Rules for words: text in, normalised text out, BadValue otherwise.


def host_name(text: str) -> str:
    """``host``, ``host:port``, ``[address]`` or ``[address]:port`` as the library takes it into its URLs.

    An IPv6 address without brackets gets them. Container names may have ``_``.
    """
    expected = (
        "a host name, an IPv4 address or an IPv6 address in brackets, each optionally with :port (1-65535), such as "
        "powerwall.lan, 192.168.91.1 or [fd00::5]:8443"
    )
    name, port = split_host(text)
    if port is not None and not (port.isascii() and port.isdigit() and len(port) <= 5 and 1 <= int(port) <= 65535):
        raise BadValue(expected)
    if name.startswith("["):
        if not _is_ipv6(name[1:-1]):
            raise BadValue(expected)
        return name if port is None else f"{name}:{port}"
    if not _HOST.match(name):
        raise BadValue(expected)
    if _DOTTED_NUMBERS.match(name) and not _is_ipv4(name):
        raise BadValue(expected)
    return text


def split_host(text: str) -> tuple[str, str | None]:
    """Split off the port, None where there is none. An IPv6 address comes out in brackets, whichever way it went in."""
    if text.startswith("["):
        inner, bracket, rest = text.partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            return text, ""  # no port that could be allowed
        return inner + bracket, rest[1:] if rest else None
    if text.count(":") > 1:
        return f"[{text}]", None
    name, colon, port = text.partition(":")
    return name, port if colon else None


def _is_ipv6(text: str) -> bool:
    """Is this an IPv6 address, perhaps with a zone such as ``%eth0``?"""
    import ipaddress

    address, percent, zone = text.partition("%")
    if percent and not re.fullmatch(r"[0-9A-Za-z_.-]{1,32}", zone):
        return False
    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


def _is_ipv4(text: str) -> bool:
    parts = text.split(".")
    return len(parts) == 4 and all(len(p) <= 3 and int(p or "256") <= 255 and str(int(p)) == p for p in parts)


def bind_address(text: str) -> str:
    """An address to listen on; brackets around IPv6 are dropped."""
    import ipaddress

    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        if _HOST.match(bare) and not _DOTTED_NUMBERS.match(bare):
            return bare
    raise BadValue("an IP address such as 0.0.0.0, 127.0.0.1 or ::, or a host name")


def email_address(text: str) -> str:
    if not _EMAIL.match(text):
        raise BadValue("an e-mail address")
    return text


def timezone_name(text: str) -> str:
    """Return an IANA zone as it is written. Taken on trust where the machine has no zone data at all."""
    import zoneinfo

    expected = "an IANA time zone such as America/Los_Angeles"
    try:
        if len(text) <= 255:
            zoneinfo.ZoneInfo(text)
            return text
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        pass
    known = _known_timezones()
    if text in known or (not known and re.fullmatch(r"[A-Za-z0-9_+/-]{1,64}", text)):
        return text
    meant = _meant_timezones(text[:100], known)
    raise BadValue(expected + (f" (did you mean {' or '.join(meant)}?)" if meant else ""))


def _meant_timezones(text: str, known: frozenset[str]) -> list[str]:
    """The zones somebody may have meant: another case, blanks for underscores, only the city, or a slip."""
    wanted = re.sub(r"[\s_]+", "_", text.strip()).casefold()
    names = sorted(known)
    same = [name for name in names if name.casefold() == wanted]
    city = [name for name in names if "/" in name and name.rpartition("/")[2].casefold() == wanted.rpartition("/")[2]]
    near = nearest(text.strip().replace(" ", "_"), known)
    return (same or city or ([near] if near else []))[:3]


@functools.cache
def _known_timezones() -> frozenset[str]:
    """Every zone of this machine; slow the first time, so only asked for after a miss."""
    import zoneinfo

    return frozenset(zoneinfo.available_timezones())


def origin(text: str) -> str:
    """``*`` or ``scheme://host[:port]``, written as browsers do; a trailing slash, which never matches, is dropped."""
    text = text.rstrip("/")
    if text == "*" or _ORIGIN.match(text):
        return canonical_origin(text) or text
    raise BadValue("origins such as http://localhost:3000, or *")


def allowed_host(text: str) -> str:
    """A host name, or ``*.domain`` for everything below a domain. Never a bare ``*``."""
    name = text.lower().rstrip(".")
    if name.startswith("."):
        name = "*" + name
    if not _HOST.match(name.removeprefix("*.")):
        raise BadValue("host names without port, *.example.org for a whole domain; to allow all set PW_HOST_CHECK=no")
    return name


def network(text: str) -> str:
    """An address or network in CIDR form, normalised."""
    import ipaddress

    try:
        return str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise BadValue("addresses or networks such as 172.16.0.0/12") from None


def base_path(text: str) -> str:
    """A sub-path without trailing slash; empty for none. A missing leading slash is added."""
    path = "/" + text.strip("/") if text.strip("/") else ""
    if not _BASE_PATH.match(path) or any(part in (".", "..") for part in path.split("/")):
        raise BadValue("a path such as /pypowerwall, without ?, #, % or blanks")
    return path


def topic_prefix(text: str) -> str:
    """MQTT topic levels without wildcards; a trailing slash is dropped."""
    topic = text.rstrip("/")
    if not topic or any(not level for level in topic.split("/")) or "+" in topic or "#" in topic:
        raise BadValue("a topic without +, # and empty levels, such as home/powerwall")
    return topic


def name_prefix(text: str) -> str:
    """``yes``, ``no`` or a pattern with ``{id}`` or ``{name}``; the value is the pattern, empty for none."""
    word = text.lower()
    if word in TRUE_WORDS:
        return "{id}_"
    if word in FALSE_WORDS:
        return ""
    rest = text.replace("{id}", "").replace("{name}", "")
    if rest == text or "{" in rest or "}" in rest or len(text) > 40:
        raise BadValue("yes, no, or a pattern with {id} or {name} such as {id}:")
    return text


def broker_url(text: str) -> str:
    """``mqtt://[user:password@]host[:port][/topic/prefix]``, or ``mqtts://`` for TLS."""
    from urllib.parse import urlsplit

    expected = "a broker such as mqtt://user:password@broker:1883/pwserver, or mqtts:// for TLS"
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("mqtt", "mqtts") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.query or "#" in text:
        raise BadValue(expected)
    if parts.path.strip("/"):
        try:
            topic_prefix(parts.path.strip("/"))
        except BadValue:
            raise BadValue(expected) from None
    return text


def url_secrets(text: str) -> set[str]:
    """The password in a broker's URL, as it stands there and as it is meant."""
    from urllib.parse import unquote, urlsplit

    try:
        password = urlsplit(text).password
    except ValueError:
        return set()
    return {password, unquote(password)} if password else set()


def nearest(word: str, known: Any) -> str | None:
    """The known name most like ``word``, or None when none is clearly meant."""
    import difflib

    candidates = list(known) if not isinstance(known, Mapping) else list(known.keys())
    matches = difflib.get_close_matches(word, candidates, n=1, cutoff=0.75)
    return matches[0] if matches else None


def shown(value: object, limit: int = 60) -> str:
    """A value as it may stand in a message: quoted, escaped, shortened."""
    text = value if isinstance(value, str) else repr(value)
    text = text if len(text) <= limit else text[: limit - 1] + "…"
    return json.dumps(text, ensure_ascii=True) if not text.isprintable() else f'"{text}"'
