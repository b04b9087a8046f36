"""The origin that all facts read from one answer share."""

from __future__ import annotations

from typing import Any

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Fact


class Source:
    """One family of answers of a reading: its name and the time at which it came.

    ``families``: the narrowest first; the first that the collector has named is taken.
    """

    __slots__ = ("answer", "at")

    def __init__(self, reading: Reading, *families: str) -> None:
        for family in families:
            found = reading.answers.get(family)
            if found is not None:
                self.answer, self.at = found.name, found.at
                return
        self.answer, self.at = families[0], reading.timestamp

    def fact(self, value: Any, member: str, rule: str = "measured") -> Fact[Any]:
        """Return a value as a fact read from this answer; None is unknown."""
        return UNKNOWN if value is None else Fact(value, self.answer, member, rule, self.at)
