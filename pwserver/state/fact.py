"""A judged value together with where it comes from, and the few tests of plain values that all judges share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeGuard, TypeVar

from pwserver_ext.aggregate import number as finite

__all__ = ["RULES", "UNKNOWN", "Fact", "Number", "Text", "finite", "is_object", "member", "objects", "text"]

T = TypeVar("T")

# How a value came about. The keys appear in /api/explain beside these sentences.
RULES: Final[Mapping[str, str]] = {
    "measured": "The value is shown as the gateway sent it.",
    "unknown": "No answer of the gateway holds this value.",
    "app scale": "The gateway's percent as the Tesla app shows it, which hides the lowest 5 %: (raw - 5) / 95 x 100.",
    "share of capacity": "The energy left in the unit, divided by what it holds when full.",
    "unit on the app scale": "The energy left in the unit by what it holds when full, on the app's scale.",
    "sum of units": "The values of all units together, because the gateway gives no sum.",
    "sum of gateways": "The values of all gateways that are in the sum, added.",
    "sum of counters": "The counters of all gateways, added; unknown while one of them is, as no counter may fall for a"
    " missing part. What a house that left the configuration had counted stays in it.",
    "weighted by capacity": "The mean of the gateways in the sum, each weighted by the capacity of its batteries.",
    "plain mean": "The plain mean of the gateways in the sum, because the capacity of one of them is not known.",
    "agreed": "What all gateways that know it agree on.",
    "where the power goes": "Sun serves first the home, then the battery, then the grid; the battery first the home.",
    "remaining energy by load": "The energy left in all batteries, divided by the present load of all houses.",
    "away": "There is no figure: the gateway gives none at present, and the reason is told beside it.",
    "last known": "The figure of the last good reading, which is old.",
    "repeated": "The same number as the one named among the parts.",
    "first seen": "When pwserver first saw the alert, which the answer before had not had; it goes on since.",
    "there already": "The alert was there when pwserver first looked, or looked again after a pause: it may be older.",
    "no longer told": "The first answer that did not have the alert any more.",
    "server": "pwserver counted, timed or was configured with this itself.",
    "sum of phases": "The values of the meter's phases, added.",
    "signed current": "The current of the phase, negative while power flows backward through it.",
    "power and var": "The root of power squared plus reactive power squared.",
    "held": "The counter is held at the highest value it has shown; see what was set aside.",
    "kept": "The gateway did not tell the counter this time; this is what it told last.",
    "negative solar": "The owner wants no negative solar power: what the inverter draws is counted to the load.",
    "dead band": "The owner wants a grid power close to zero shown as zero.",
    "balance": "Load less site, solar, battery and further sources; zero when the meters agree.",
}


class Fact(NamedTuple, Generic[T]):
    """One value and its origin. ``value`` is None when it is not known; it is never a default.

    A reading is judged into some hundred facts: a tuple is made in a third of the time of a frozen dataclass.
    """

    value: T | None = None
    answer: str = ""  # the answer of the gateway it was read from, as ``Reading.answers`` names it; empty for none
    member: str = ""  # its place in that answer
    rule: str = "unknown"  # a key of RULES
    at: float | None = None  # epoch seconds at which that answer arrived
    set_aside: str | None = None  # what the gateway said instead, and why it was not believed

    def derived(self, value: Any, rule: str) -> Fact[Any]:
        """Return another value that follows from this one by ``rule``, with the same origin."""
        return Fact(value, self.answer, self.member, rule, self.at, self.set_aside)


Number = Fact[float]
Text = Fact[str]
UNKNOWN: Final[Fact[Any]] = Fact()


def text(value: Any) -> str | None:
    """Return the value when it is a text with something in it, else None."""
    return value if isinstance(value, str) and value else None


def is_object(value: Any) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether it is a JSON object. Nearly all are plain dicts, and asking an abstract class is slow."""
    return type(value) is dict or isinstance(value, Mapping)


def objects(container: Any) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the members of a JSON object that are objects themselves, with their names; nothing for anything else."""
    if is_object(container):
        for name, body in container.items():
            if is_object(body):
                yield str(name), body


def member(container: Any, *path: str) -> Any:
    """Return a member deep in JSON objects, None where one of them is missing or is no object."""
    for name in path:
        if not is_object(container):
            return None
        container = container.get(name)
    return container
