"""Define a judged value together with its origin, and share a few tests of plain values among all judges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeGuard, TypeVar

from pwserver.json_types import Json, JsonMapping
from pwserver_ext.aggregate import number as finite

__all__ = ["RULES", "UNKNOWN", "Fact", "Number", "Text", "finite", "is_object", "member", "objects", "text"]

T = TypeVar("T")

# Sentences that say how a value came about. /api/explain shows them beside their keys.
RULES: Final[Mapping[str, str]] = {
    "measured": "The value is shown as the gateway sent it.",
    "unknown": "No answer of the gateway contains this value.",
    "app scale": "The gateway's percent as the Tesla app shows it, which hides the lowest 5 %: (raw - 5) / 95 x 100.",
    "share of capacity": "The energy left in the unit, divided by what it holds when full.",
    "unit on the app scale": "The energy left in the unit, divided by what it holds when full, on the app's scale.",
    "state of health": "The median of what the unit held when full on the last 30 days, divided by its nameplate.",
    "weak over days": "Whether the string gave less than 80 % of its own earlier share on each of the last five sunny"
    " days.",
    "sum of units": "The values of all units together, because the gateway gives no sum.",
    "sum of gateways": "The values of all gateways that are in the sum, added.",
    "sum of counters": "The counters of all gateways, added; unknown while one of them is unknown, because no counter"
    " may fall when a part is missing. A house that left the configuration stays in it with its last count.",
    "weighted by capacity": "The mean of the gateways in the sum, each weighted by the capacity of its batteries.",
    "plain mean": "The plain mean of the gateways in the sum, because the capacity of one of them is not known.",
    "agreed": "The value on which all gateways that know it agree.",
    "where the power goes": "Solar power goes first to the home, then to the battery, then to the grid; battery power"
    " goes first to the home.",
    "remaining energy by load": "The energy left in all batteries, divided by the present load of all houses.",
    "away": "There is no figure, because the gateway gives none at present; the reason is shown beside it.",
    "last known": "The figure of the last good reading, which is old.",
    "repeated": "The same number as the one named among the parts.",
    "first seen": "The time at which pwserver first saw the alert; the answer before did not have it yet.",
    "there already": "The alert was there when pwserver first looked, or looked again after a pause. It may be older.",
    "no longer told": "The time of the first answer that no longer had the alert.",
    "server": "pwserver counted or timed this itself, or was configured with it.",
    "sum of phases": "The values of the meter's phases, added.",
    "signed current": "The current of the phase, negative while power flows backward through it.",
    "power and var": "The square root of power squared plus reactive power squared.",
    "held": "The counter is held at the highest value it has shown; see what was set aside.",
    "kept": "The gateway did not report the counter this time; this is its last value.",
    "negative solar": "The owner wants no negative solar power, so what the inverter draws is added to the load.",
    "dead band": "The owner wants grid power close to zero to be shown as zero.",
    "balance": "Load minus site, solar, battery and further sources; zero when the meters agree.",
}


class Fact(NamedTuple, Generic[T]):
    """Holds one value and its origin; ``value`` is None when it is not known, never a default.

    A reading is judged into several hundred facts, and a tuple is made in a third of the time of a frozen dataclass.
    """

    value: T | None = None
    answer: str = ""  # the answer that it was read from, by its name in ``Reading.answers``; empty for none
    member: str = ""  # its place in that answer
    rule: str = "unknown"  # a key of RULES
    at: float | None = None  # epoch seconds at which that answer arrived
    set_aside: str | None = None  # what the gateway reported instead, and why it was not believed

    def derived(self, value: object, rule: str) -> Fact[Any]:
        """Return another value that follows from this one by ``rule``, with the same origin."""
        return Fact(value, self.answer, self.member, rule, self.at, self.set_aside)


Number = Fact[float]
Text = Fact[str]
UNKNOWN: Final[Fact[Any]] = Fact()


def text(value: object) -> str | None:
    """Return the value if it is a text that is not empty, else None."""
    return value if isinstance(value, str) and value else None


def is_object(value: object) -> TypeGuard[JsonMapping]:
    """Return whether a value is a JSON object."""
    # Nearly all are plain dicts, and ``isinstance`` with an abstract class is slow.
    return type(value) is dict or isinstance(value, Mapping)


def objects(container: object) -> Iterator[tuple[str, JsonMapping]]:
    """Yield the members of a JSON object that are objects themselves, with their names; nothing for other values."""
    if is_object(container):
        for name, body in container.items():
            if is_object(body):
                yield str(name), body


def member(container: object, *path: str) -> Json:
    """Return a member deep in JSON objects; None if one of them is missing or is not an object."""
    for name in path:
        if not is_object(container):
            return None
        container = container.get(name)
    return container
