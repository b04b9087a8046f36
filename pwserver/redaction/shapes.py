"""Find what looks like a secret but is not configured: logins in flight, tokens, keys, e-mail addresses of people.

Found by a word that announces it; what follows is then looked at from there, never further than a bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from pwserver.redaction.spans import Span, end_of_run

LONGEST_LOCAL_PART: Final = 64  # characters before the @ of an e-mail address (RFC 5321 §4.5.3.1)
_LOCAL_PART: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._%+-"
_DOMAIN: Final = re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}")
_LOGIN_WORD: Final = re.compile(r"(?i)(?<![a-z0-9])(?:bearer|basic)(?=\s)")
_LOGIN: Final = re.compile(r"\s{1,8}([A-Za-z0-9+/=._~-]{8,4096})")
_SECRET_WORD: Final = re.compile(
    r"(?i)password|passwd|passphrase|pwd|token|secret|cookie|userrecord|api[_-]?key|private[_-]?key|replica[_-]?key|psk"
)
_ASSIGNED: Final = re.compile(r"[\\\"']{0,4}\s{0,8}[=:]\s{0,8}([\\\"']{0,4})")
_VALUE: Final = re.compile(r"[^\s\"',;&}\\]{1,4096}")
_SHORTEST_VALUE: Final = 4
_USER_INFO: Final = re.compile(r"://[^\s/:@\"']{0,256}:([^\s/@\"']{1,512})@")
_TOKEN_PART: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"
_TOKEN_FROM: Final = 12  # characters of the first part of a JSON Web Token
_KEY_BEGINS, _KEY_ENDS, _KEY_NAME = "-----BEGIN ", "-----END ", "PRIVATE KEY-----"


def find_shapes(text: str) -> Iterator[Span]:
    """Yield the spans of everything in ``text`` that looks like a secret."""
    yield from _logins(text)
    yield from _assignments(text)
    if "://" in text:
        yield from (match.span(1) for match in _USER_INFO.finditer(text))
    if "@" in text:
        yield from _addresses(text)
    if "eyJ" in text:  # base64 of {", with which the head of every JSON Web Token begins (RFC 7519)
        yield from _web_tokens(text)
    if _KEY_BEGINS in text:
        yield from _private_keys(text)


def _logins(text: str) -> Iterator[Span]:
    for word in _LOGIN_WORD.finditer(text):
        match = _LOGIN.match(text, word.end())
        if match is not None:
            yield match.span(1)


def _assignments(text: str) -> Iterator[Span]:
    done = 0
    closing = dict.fromkeys("\"'", -1)  # the next quotation mark of each kind, so that none is looked for twice
    for word in _SECRET_WORD.finditer(text):
        match = _ASSIGNED.match(text, word.end()) if word.start() >= done else None
        if match is None:
            continue
        start, quote = match.end(), match[1][-1:]
        if quote in closing:
            if closing[quote] < start:
                found = text.find(quote, start)
                closing[quote] = len(text) if found < 0 else found
            done = closing[quote]
        else:
            value = _VALUE.match(text, start)
            done = value.end() if value is not None else start
        if done - start >= _SHORTEST_VALUE:
            yield start, done


def _addresses(text: str) -> Iterator[Span]:
    done = 0
    at = text.find("@")
    while at >= 0:
        before = text[max(done, at - LONGEST_LOCAL_PART) : at]
        size = len(before) - len(before.rstrip(_LOCAL_PART))
        domain = _DOMAIN.match(text, at + 1) if size else None
        if domain is not None:
            done = domain.end()
            yield at - size, done
        at = text.find("@", max(done, at + 1))


def _web_tokens(text: str) -> Iterator[Span]:
    start = text.find("eyJ")
    while start >= 0:
        end = end_of_run(text, start, _TOKEN_PART)
        if end - start >= _TOKEN_FROM and text[end : end + 1] == ".":
            for _ in range(2):
                if text[end : end + 1] == ".":
                    end = end_of_run(text, end + 1, _TOKEN_PART)
            yield start, end
        start = text.find("eyJ", end)


def _private_keys(text: str) -> Iterator[Span]:
    start = text.find(_KEY_BEGINS)
    while start >= 0:
        name = text.find(_KEY_NAME, start, start + 80)
        if name < 0:
            start = text.find(_KEY_BEGINS, start + 1)
            continue
        end = text.find(_KEY_ENDS, name)
        end = len(text) if end < 0 else end
        yield name + len(_KEY_NAME), end
        start = text.find(_KEY_BEGINS, end)
