r"""Find configured secrets in a text, in every way that a request or a traceback may have written them.

The text is searched as it is, and then decoded up to four times: percent-encoding (whole or in part, in any case),
escapes of JSON and of Python's repr, entities of HTML; each time also with UTF-8 that was read as Latin-1 put right.
Each decoding knows where its characters came from, so a find is blotted out where it stands. Base64, as in Basic
logins, is not decoded: a secret has three forms in it, depending on what precedes it, and these are looked for.

How short a secret may be: one of eight characters or more is blotted out wherever it stands, also inside a word. One of
four to seven is blotted out where it stands by itself; when it is an ordinary word (``home``, ``Solar``), only in
quotation marks or right after ``=`` or ``:``; and when it is also public, as the id or the name of a gateway, not at
all: stars in its place would tell every reader what the password is. Shorter ones would make the log unreadable;
``shapes.py`` still finds them after ``password=``.
"""

from __future__ import annotations

import base64
import html
import re
from array import array
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from pwserver.redaction.spans import Span, end_of_run

SHORTEST: Final = 4
ANYWHERE_FROM: Final = 8
BASE64_FROM: Final = 6
LONGEST: Final = 8192  # of a setting; PW_GATEWAYS as a whole is longer, its members are secrets by themselves
LAYERS: Final = 4  # of decoding: JSON in a repr, percent-encoded twice, and UTF-8 below
LARGEST_MARGIN: Final = 16_384
WIDEST_CHARACTER: Final = 12  # "\\U0001f600" and its like
SHORTEST_REST: Final = 6  # of a secret whose end was cut off
LONGEST_REST: Final = 512
MOST_ELLIPSES: Final = 32

_PERCENT: Final = r"%[0-9A-Fa-f]{2}"
_BACKSLASH: Final = r"\\(?:u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|x[0-9A-Fa-f]{2}|[\\'\"/bfnrt])"
_ENTITY: Final = r"&(?:amp|lt|gt|quot|apos|\#[0-9]{1,7}|\#[xX][0-9A-Fa-f]{1,6});"
_KINDS: Final = tuple(re.compile(kind) for kind in (_PERCENT, _BACKSLASH, _ENTITY))
_ANY_KIND: Final = re.compile("|".join((_PERCENT, _BACKSLASH, _ENTITY)))
_REST: Final = "[\x80-\xbf\udc80-\udcbf]"
# UTF-8 whose bytes stand as characters of Latin-1, or as surrogates, as headers are decoded; pairs of surrogates.
_BYTES: Final = re.compile(
    "[\ud800-\udbff][\udc00-\udfff]"
    f"|[\xc2-\xdf\udcc2-\udcdf]{_REST}|[\xe0-\xef\udce0-\udcef]{_REST}{{2}}|[\xf0-\xf4\udcf0-\udcf4]{_REST}{{3}}"
    "|[\udc80-\udcff]"
)
_SIMPLE: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_BASE64: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
_BLANKS: Final = str.maketrans("+", " ")  # the same in forms; compared as blanks on both sides


class KnownSecrets:
    """Finds these secrets. ``margin``: characters that the longest of them may take in its widest encoding."""

    def __init__(self, secrets: Iterable[str], public: Iterable[str]) -> None:
        words = set(public)
        known = {
            secret
            for secret in secrets
            if SHORTEST <= len(secret) <= LONGEST and not (len(secret) < ANYWHERE_FROM and secret in words)
        }
        ordered = sorted(known, key=lambda secret: (-len(secret), secret))
        self.margin = min(LARGEST_MARGIN, WIDEST_CHARACTER * max(map(len, ordered), default=0))
        self._long = [secret for secret in ordered if len(secret) >= ANYWHERE_FROM]
        self._plain = _any_of(_in_its_place(secret.translate(_BLANKS)) for secret in ordered)
        self._base64 = _any_of(re.escape(form) for secret in ordered for form in base64_forms(secret))

    def find(self, text: str) -> list[Span]:
        """Return the spans of all secrets in ``text``."""
        if self._plain is None:
            return []
        found: list[Span] = list(self._cut_off(text))
        found += self._in_layer(text, None)
        present = [kind for kind in _KINDS if kind.search(text) is not None]
        # One kind at a time, because a secret may itself look encoded in another; then all, for mixtures.
        for kind in present if len(present) < 2 else [*present, _ANY_KIND]:
            layer, origins = text, array("l", range(len(text) + 1))
            for _ in range(LAYERS):
                if kind.search(layer) is None:
                    break
                layer, origins = _decoded(kind, _meant, layer, origins)
                found += self._in_layer(layer, origins)
        return found

    def _in_layer(self, layer: str, origins: array[int] | None) -> Iterator[Span]:
        """Yield the spans of the original text for the secrets in ``layer``, and in it with its bytes read as UTF-8."""
        for start, end in self._search(layer):
            yield (start, end) if origins is None else (origins[start], origins[end])
        if _BYTES.search(layer) is not None:
            start_origins = array("l", range(len(layer) + 1)) if origins is None else origins
            layer, places = _decoded(_BYTES, _meant_by_bytes, layer, start_origins)
            for start, end in self._search(layer):
                yield places[start], places[end]

    def _search(self, text: str) -> Iterator[Span]:
        if self._plain is not None:
            yield from (match.span() for match in self._plain.finditer(text.translate(_BLANKS)))
        if self._base64 is None:
            return
        done = 0
        for match in self._base64.finditer(text):
            if match.end() > done:
                # The whole run of base64: what is beside the secret in it is the login's name.
                start = len(text[done : match.start()].rstrip(_BASE64.rstrip("="))) + done
                done = end_of_run(text, match.end(), _BASE64)
                yield start, done

    def _cut_off(self, text: str) -> Iterator[Span]:
        """Yield the beginnings of long secrets in texts that were shortened: they stand before an ellipsis."""
        at = text.find("…")
        for _ in range(MOST_ELLIPSES):
            if at < 0:
                return
            before = text[max(0, at - LONGEST_REST) : at]
            for secret in self._long:
                start = before.find(secret[:SHORTEST_REST])
                while start >= 0 and not secret.startswith(before[start:]):
                    start = before.find(secret[:SHORTEST_REST], start + 1)
                if start >= 0:
                    yield at - len(before) + start, at
            at = text.find("…", at + 1)


def _any_of(patterns: Iterable[str]) -> re.Pattern[str] | None:
    listed = list(patterns)
    return re.compile("|".join(listed)) if listed else None


def _in_its_place(secret: str) -> str:
    """Return the pattern of one secret, with what must stand beside it when it is short."""
    pattern = re.escape(secret)
    if len(secret) >= ANYWHERE_FROM:
        return pattern
    before = "(?<![A-Za-z0-9])" if secret[0].isalnum() else ""
    if secret.isascii() and secret.isalpha() and (secret.islower() or secret.istitle()):
        before = "(?<=[\"'=:])"
    return before + pattern + ("(?![A-Za-z0-9])" if secret[-1].isalnum() else "")


def base64_forms(secret: str) -> set[str]:
    """Return the base64 characters that depend on ``secret`` alone, after any number of bytes; none for a short one."""
    data = secret.encode("utf-8", "surrogatepass")
    forms: set[str] = set()
    if len(data) < BASE64_FROM:
        return forms
    # Base64 packs 3 bytes into 4 characters: after 1 or 2 bytes of something else, the first 2 or 3 characters depend
    # on those bytes as well and are left out.
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(bytes(before) + data).rstrip(b"=").decode()
        if (before + len(data)) % 3:
            encoded = encoded[:-1]  # half of the last character belongs to what follows
        forms |= {encoded[shared:], encoded[shared:].translate(str.maketrans("+/", "-_"))}
    return forms


def _decoded(
    escape: re.Pattern[str], meaning: Callable[[str], str], text: str, origins: array[int]
) -> tuple[str, array[int]]:
    """Return ``text`` with every such escape decoded once, and where each character (and the end) came from."""
    parts: list[str] = []
    places = array("l")
    done = 0
    for match in escape.finditer(text):
        start, end = match.span()
        parts += [text[done:start], meaning(match[0])]
        places.extend(origins[done:start])
        places.extend(array("l", [origins[start]]) * len(parts[-1]))
        done = end
    parts.append(text[done:])
    places.extend(origins[done:])
    return "".join(parts), places


def _meant(escape: str) -> str:
    if escape[0] == "%":
        return chr(int(escape[1:], 16))
    if escape[0] == "&":
        # It drops references to control and non-characters, as HTML wants; a password may hold one all the same.
        return html.unescape(escape) or _referred(escape)
    kind = escape[1]
    if kind in "uUx":
        return chr(min(int(escape[2:], 16), 0x10FFFF))
    return _SIMPLE.get(kind, kind)


def _referred(reference: str) -> str:
    """Return the character that a numeric reference such as ``&#127;`` or ``&#x7f;`` counts out."""
    number = reference.strip("&#;")
    return chr(int(number[1:], 16) if number[0] in "xX" else int(number))


def _meant_by_bytes(characters: str) -> str:
    if len(characters) == 2 and "\ud800" <= characters[0] <= "\udbff":
        return characters.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    data = bytes(ord(character) & 0xFF for character in characters)
    return data.decode("latin-1" if len(data) == 1 else "utf-8", "replace")
