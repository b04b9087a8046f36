"""Limit what an answer from outside may make us do: wait, read, follow a redirect, repeat its words.

A gateway, a captive portal or a broken proxy can send any number and any address. Each has its bound here.
"""

from __future__ import annotations

import email.utils
import json
import re
import time
import zlib
from collections.abc import Iterable
from html import unescape
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

LARGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024
MOST_REDIRECTS: Final = 3
ACCEPTED_ENCODINGS: Final = "gzip, deflate"  # the ones decoded with a bound, whatever else is installed

_SECONDS: Final = re.compile(r"[0-9]{1,64}(?:\.[0-9]{1,64})?\Z")
_TESLA_DOMAINS: Final = ("tesla.com", "teslamotors.com", "tesla.cn")

_LONGEST_SENTENCE: Final = 160
_SENTENCE_NAMES: Final = ("error_description", "message", "reason", "error", "detail", "response", "result")
_TITLE: Final = re.compile(r"<title[^>]*>(.{0,400}?)</title>", re.IGNORECASE | re.DOTALL)
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?(?:</(?:script|style)>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_PRIVATE: Final = (
    re.compile(r"[^\s@<>\"']{1,128}@[^\s@<>\"']{1,128}"),  # e-mail addresses
    re.compile(r"\b[a-z][a-z0-9+.-]{1,12}://\S+", re.IGNORECASE),  # addresses, whose query may hold a token
    re.compile(r"(?i)\b(?:bearer|basic)\s+\S+"),
    re.compile(r"(?i)\b\w*(?:token|secret|password|passwd|pwd|code_verifier|cookie|assertion)\w*[\"']?\s*[=:]\s*\S+"),
    re.compile(r"[A-Za-z0-9_+/=.~-]{24,}"),  # tokens, keys, hashes
    re.compile(r"\d{6,}"),  # sites, telephones
    re.compile(r"\b[A-HJ-NPR-Z0-9]{11,17}\b(?<=\d)"),  # serial and vehicle numbers
)


class Unbounded(Exception):
    """Tell that an answer is larger than any sensible one, or packed in a way we do not unpack."""


def retry_after_seconds(value: str | None, longest_seconds: float = 300.0) -> float | None:
    """Return the seconds a Retry-After header asks for (a number or an HTTP date), at most ``longest_seconds``.

    None when it names no time to come: absent, garbage, not finite, negative, zero or in the past. Our own pauses hold
    then.
    """
    if not value:
        return None
    text = value.strip()
    if _SECONDS.match(text):
        seconds = float(text)
    else:
        try:
            seconds = email.utils.parsedate_to_datetime(text[:64]).timestamp() - time.time()
        except (TypeError, ValueError, OverflowError, IndexError):
            return None
    return min(seconds, longest_seconds) if seconds > 0 else None


def redirect_target(url: str, location: str | None, method: str, status: int, *, remote: bool) -> str | None:
    """Return the address a redirect leads to if it may be followed, else None.

    A gateway in the house never redirects. Tesla's servers may, over HTTPS and among themselves; a request with a body
    only in the two ways that keep it what it is, or a command would turn into a read that succeeds.
    """
    if not remote or not location:
        return None
    try:
        target = urljoin(url, location)
        before, after = urlsplit(url), urlsplit(target)
        if after.username or after.password or not after.hostname:
            return None
        same = (before.scheme, before.netloc) == (after.scheme, after.netloc)
        among_tesla = after.scheme == "https" and after.port in (None, 443) and _of_tesla(before) and _of_tesla(after)
    except ValueError:
        return None
    if status not in (301, 302, 303, 307, 308) or not (same or among_tesla):
        return None
    return target if method in ("GET", "HEAD") or status in (307, 308) else None


def _of_tesla(parts: Any) -> bool:
    host = (parts.hostname or "").rstrip(".")
    return any(host == domain or host.endswith("." + domain) for domain in _TESLA_DOMAINS)


def decoded(chunks: Iterable[bytes], encoding: str, largest: int = LARGEST_ANSWER_BYTES) -> Iterable[bytes]:
    """Unpack a body piece by piece. Raises Unbounded when it grows beyond ``largest``, packed or not."""
    names = [name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in ("", "identity")]
    if not names:
        yield from _at_most(chunks, largest)
        return
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise Unbounded("packed in a way that was not asked for")
    yield from _at_most(_inflated(_at_most(chunks, largest), largest), largest)


def _inflated(chunks: Iterable[bytes], largest: int) -> Iterable[bytes]:
    unpacker = zlib.decompressobj(32 + zlib.MAX_WBITS)
    for chunk in chunks:
        yield unpacker.decompress(chunk, largest + 1)
        if unpacker.unconsumed_tail:
            raise Unbounded("the answer is too large")


def _at_most(chunks: Iterable[bytes], largest: int) -> Iterable[bytes]:
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if size > largest:
            raise Unbounded("the answer is too large")
        yield chunk


def own_sentence(body: bytes) -> str:
    """Return the server's own words about a failure: one short line without secrets, empty where there are none."""
    text = body[:20_000].decode("utf-8", "replace").strip()
    try:
        found = _sentence_in(json.loads(text)) if text[:1] in '{["' and text else ""
    except (ValueError, RecursionError):
        found = ""
    if not found and text[:1] not in ("{", "["):
        title = _TITLE.search(text)
        found = unescape(title[1] if title else _TAGS.sub(" ", text))
    return tame(found)


def words_in(value: Any) -> str:
    """Return the words in a decoded answer as one short line without secrets, empty where there are none."""
    return tame(_sentence_in(value))


def _sentence_in(value: Any, depth: int = 0) -> str:
    """Find the words in a JSON answer; nested objects are searched a few levels down."""
    if isinstance(value, str):
        return value
    if depth > 3:
        return ""
    if isinstance(value, list):
        return next(filter(None, (_sentence_in(item, depth + 1) for item in value[:3])), "")
    if not isinstance(value, dict):
        return ""
    members = {str(name).lower(): member for name, member in list(value.items())[:50]}
    words: list[str] = []
    for name in _SENTENCE_NAMES:
        found = _sentence_in(members.get(name), depth + 1)
        if found and not any(found in earlier for earlier in words):
            words.append(found)
    return ": ".join(words[:2])


def tame(text: str) -> str:
    """Make one printable line of at most 160 characters out of a foreign text, and blot out what may be private."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:4000]).split())
    for pattern in _PRIVATE:
        line = pattern.sub("…", line)
    line = line.strip(" .")
    return line if len(line) <= _LONGEST_SENTENCE else line[: _LONGEST_SENTENCE - 1].rstrip() + "…"
