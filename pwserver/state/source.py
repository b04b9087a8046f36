"""Make facts from one answer, which share its name and time."""

from __future__ import annotations

from typing import Any

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Fact


class Source:
    """Makes facts from one answer of a reading.

    ``families``: the narrowest first; the first one that the collector recorded counts, else the time of the reading.
    """

    __slots__ = ("answer", "at")

    def __init__(self, reading: Reading, *families: str) -> None:
        for family in families:
            found = reading.answers.get(family)
            if found is not None:
                self.answer, self.at = found.name, found.at
                return
        self.answer, self.at = families[0], reading.timestamp

    def fact(self, value: object, member: str, rule: str = "measured") -> Fact[Any]:
        """Return a value as a fact from this answer; None becomes unknown."""
        return UNKNOWN if value is None else Fact(value, self.answer, member, rule, self.at)
