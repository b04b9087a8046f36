"""Replace spans of a text, and find where a run of characters ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

HIDDEN: Final = "**********"  # always of one length, which says nothing about the secret's
CUT: Final = " …"

Span = tuple[int, int]  # first character, and the one after the last


def replace_spans(text: str, hidden: Iterable[Span], cut: Iterable[Span] = ()) -> str:
    """Return ``text`` with stars for each hidden span (those that touch become one) and without the cut ones.

    A hidden span that reaches into a cut one is hidden whole.
    """
    marked = sorted([(start, end, HIDDEN) for start, end in hidden] + [(start, end, CUT) for start, end in cut])
    if not marked:
        return text
    parts: list[str] = []
    done = 0
    last = ""
    for start, end, sign in marked:
        if end <= done:
            continue
        if start > done or last != sign:
            parts += [text[done : max(start, done)], sign]
            last = sign
        done = end
    parts.append(text[done:])
    return "".join(parts)


def end_of_run(text: str, start: int, characters: str) -> int:
    """Return where the run of these characters that begins at ``start`` ends."""
    end = start
    while True:
        chunk = text[end : end + 256]
        rest = chunk.lstrip(characters)
        end += len(chunk) - len(rest)
        if rest or not chunk:
            return end
