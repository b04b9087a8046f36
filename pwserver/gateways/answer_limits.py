"""Limit what an answer from outside can make pwserver do: wait, read, follow a redirect, repeat its words.

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
from typing import Final
from urllib.parse import SplitResult, urljoin, urlsplit

LARGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024  # many times the vitals of a big site; it only protects the memory
MOST_REDIRECTS: Final = 3  # enough for a host that has moved; more is a loop
# Only these are decoded with a bound. Named explicitly, as requests and httpx add br and zstd where they can.
ACCEPTED_ENCODINGS: Final = "gzip, deflate"

# RFC 9110 section 10.2.3 allows whole seconds only; servers send fractions all the same.
_SECONDS: Final = re.compile(r"[0-9]{1,64}(?:\.[0-9]{1,64})?\Z")
_TESLA_DOMAINS: Final = ("tesla.com", "teslamotors.com", "tesla.cn")

_LONGEST_SENTENCE: Final = 160
# Members with words for people, the most telling first: OAuth's error_description (RFC 6749 section 5.2), then Tesla's.
_SENTENCE_NAMES: Final = ("error_description", "message", "reason", "error", "detail", "response", "result")
_TITLE: Final = re.compile(r"<title[^>]*>(.{0,400}?)</title>", re.IGNORECASE | re.DOTALL)
_TAGS: Final = re.compile(r"<(?:script|style)\b.*?(?:</(?:script|style)>|\Z)|<[^<>]*>", re.IGNORECASE | re.DOTALL)
_PRIVATE: Final = (
    re.compile(r"[^\s@<>\"']{1,128}@[^\s@<>\"']{1,128}"),  # e-mail addresses
    re.compile(r"\b[a-z][a-z0-9+.-]{1,12}://\S+", re.IGNORECASE),  # URLs, whose query may hold a token
    re.compile(r"(?i)\b(?:bearer|basic)\s+\S+"),
    re.compile(r"(?i)\b\w*(?:token|secret|password|passwd|pwd|code_verifier|cookie|assertion)\w*[\"']?\s*[=:]\s*\S+"),
    re.compile(r"[A-Za-z0-9_+/=.~-]{24,}"),  # tokens, keys, hashes
    re.compile(r"\d{6,}"),  # numbers of sites and telephones
    re.compile(r"\b[A-HJ-NPR-Z0-9]{11,17}\b(?<=\d)"),  # serial and vehicle numbers
)


class Unbounded(Exception):
    """Raised when an answer is larger than any sensible one, or compressed in a way that pwserver does not unpack."""


def retry_after_seconds(value: str | None, longest_seconds: float = 300.0) -> float | None:
    """Return the seconds that a Retry-After header asks for, at most ``longest_seconds``.

    The header holds seconds or an HTTP date (RFC 9110 section 10.2.3). None when it names no time in the future:
    absent, garbage, not finite, negative, zero or past. The caller's own pauses apply then.
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

    A gateway in the house never redirects. Tesla's servers may, over HTTPS and among themselves. A request with a body
    is followed only for 307 and 308, which keep its method and body (RFC 9110 section 15.4): after a 301, 302 or 303 a
    command would turn into a GET that succeeds.
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


def _of_tesla(parts: SplitResult) -> bool:
    host = (parts.hostname or "").rstrip(".")  # a final dot names the root of DNS and changes nothing
    return any(host == domain or host.endswith("." + domain) for domain in _TESLA_DOMAINS)


def decoded(chunks: Iterable[bytes], encoding: str, largest: int = LARGEST_ANSWER_BYTES) -> Iterable[bytes]:
    """Yield the pieces of a body, uncompressed. Raises Unbounded when it exceeds ``largest``, compressed or not."""
    names = [name.strip().lower() for name in encoding.split(",") if name.strip().lower() not in ("", "identity")]
    if not names:
        yield from _at_most(chunks, largest)
        return
    if len(names) > 1 or names[0] not in ("gzip", "x-gzip", "deflate"):
        raise Unbounded("packed in a way that was not asked for")
    yield from _at_most(_inflated(_at_most(chunks, largest), largest), largest)


def _inflated(chunks: Iterable[bytes], largest: int) -> Iterable[bytes]:
    unpacker = zlib.decompressobj(32 + zlib.MAX_WBITS)  # 32: detect the header, of gzip or of zlib (zlib's manual)
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
    """Return the server's own words about a failure as one short line without secrets; empty when it gave none."""
    # A page about maintenance may be large; its title, and the words of a JSON answer, come early.
    text = body[:20_000].decode("utf-8", "replace").strip()
    try:
        found = _sentence_in(json.loads(text)) if text[:1] in '{["' and text else ""
    except (ValueError, RecursionError):
        found = ""
    if not found and text[:1] not in ("{", "["):
        title = _TITLE.search(text)
        found = unescape(title[1] if title else _TAGS.sub(" ", text))
    return tame(found)


def words_in(value: object) -> str:
    """Return the words in a decoded answer as one short line without secrets; empty when there are none."""
    return tame(_sentence_in(value))


def _sentence_in(value: object, depth: int = 0) -> str:
    """Return the words in a JSON answer; nested objects are searched a few levels deep."""
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
    """Return a foreign text as one printable line of at most 160 characters, with what may be private blotted out."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[:4000]).split())
    for pattern in _PRIVATE:
        line = pattern.sub("…", line)
    line = line.strip(" .")
    return line if len(line) <= _LONGEST_SENTENCE else line[: _LONGEST_SENTENCE - 1].rstrip() + "…"
