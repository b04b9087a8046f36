"""A judged value together with where it comes from, and the few tests of plain values that all judges share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, TypeVar

from pwserver_ext.aggregate import number as finite

__all__ = ["RULES", "UNKNOWN", "Fact", "Number", "Text", "finite", "member", "text"]

T = TypeVar("T")

# How a value came about. The keys appear in /api/explain beside these sentences.
RULES: Final[Mapping[str, str]] = {
    "measured": "The value is shown as the gateway sent it.",
    "unknown": "No answer of the gateway holds this value.",
}


@dataclass(frozen=True, slots=True)
class Fact(Generic[T]):
    """One value and its origin. ``value`` is None when it is not known; it is never a default."""

    value: T | None = None
    answer: str = ""  # the answer of the gateway it was read from, as ``Reading.answers`` names it; empty for none
    member: str = ""  # its place in that answer
    rule: str = "unknown"  # a key of RULES
    at: float | None = None  # epoch seconds at which that answer arrived
    set_aside: str | None = None  # what the gateway said instead, and why it was not believed

    def derived(self, value: Any, rule: str) -> Fact[Any]:
        """Return another value that follows from this one by ``rule``, with the same origin."""
        return replace(self, value=value, rule=rule)


Number = Fact[float]
Text = Fact[str]
UNKNOWN: Final[Fact[Any]] = Fact()


def text(value: Any) -> str | None:
    """Return the value when it is a text with something in it, else None."""
    return value if isinstance(value, str) and value else None


def member(container: Any, *path: str) -> Any:
    """Return a member deep in JSON objects, None where one of them is missing or is no object."""
    for name in path:
        if not isinstance(container, Mapping):
            return None
        container = container.get(name)
    return container
