"""Blot secrets out of texts: log lines, tracebacks, and error bodies that repeat what a client sent.

``known.py`` finds the configured secrets in every encoding a request or a traceback can give them; ``shapes.py`` finds
what looks like a secret but is not configured: logins in flight, keys, addresses of people. Both return spans of the
text, and take time linear in its length: every pattern they use has bounded repetitions only, or starts where the last
match ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pwserver.redaction.known import KnownSecrets
from pwserver.redaction.shapes import find_shapes
from pwserver.redaction.spans import HIDDEN, Span, replace_spans

LINE_CHARACTERS: Final = 1000  # characters of one line; more of it tells nothing more
LINES: Final = 80  # lines of one record; the last ones tell most about a traceback
FIRST_LINES: Final = 20

__all__ = ["HIDDEN", "Redactor"]


class Redactor:
    """Blots the secrets of a configuration out of texts.

    ``public``: words that every reader may see (ids, names, logins). A short secret of the same text does not make them
    unreadable.
    """

    def __init__(self, secrets: Iterable[str], public: Iterable[str] = ()) -> None:
        self._known = KnownSecrets(secrets, public)

    def redact(self, text: str) -> str:
        """Return ``text`` without secrets and without what looks like one, its lines cut to a bearable length.

        Cut first, so that an endless line costs no time; but by so much more than is shown that a secret at the edge is
        found whole and does not leave its first half.
        """
        text = _first_and_last_lines(text, LINE_CHARACTERS + self._known.margin)
        found = [*self._known.find(text), *find_shapes(text)]
        return replace_spans(text, found, _cuts(text))

    def redact_known(self, text: str) -> str:
        """Return ``text`` without the configured secrets. JSON stays JSON."""
        return replace_spans(text, self._known.find(text))


def _first_and_last_lines(text: str, longest: int) -> str:
    """Return ``text`` with LINES lines of ``longest`` characters at most, and a remark where something is missing."""
    if len(text) <= LINE_CHARACTERS:
        return text
    lines = text.split("\n", 10_000)
    if len(lines) > LINES:
        left_out = f"  … ({len(lines) - LINES} lines left out) …"
        lines = [*lines[:FIRST_LINES], left_out, *lines[FIRST_LINES - LINES :]]
    return "\n".join(line[:longest] for line in lines)


def _cuts(text: str) -> list[Span]:
    """Return the spans of what is too long in each line."""
    cuts, start = [], 0
    for line in text.split("\n"):
        if len(line) > LINE_CHARACTERS:
            cuts.append((start + LINE_CHARACTERS, start + len(line)))
        start += len(line) + 1
    return cuts
