"""Define a notice, which a rule makes, and a message, which is what is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Final

from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.fact import finite

LONGEST_TITLE: Final = 120  # characters
LONGEST_TEXT: Final = 300
LONGEST_BODY: Final = 4000
LARGEST: Final = 2**53  # number that is believed


@record(frozen=True, slots=True)
class Notice:
    """Tells that something began (or, as ``recovery``, that it is over), in words for the owner."""

    gateway: str
    rule: str
    title: str
    text: str
    at: float  # epoch seconds
    recovery: bool = False

    def to_json(self) -> JsonObject:
        """Return it as plain JSON, to be kept."""
        return {
            "gateway": self.gateway,
            "rule": self.rule,
            "title": self.title,
            "text": self.text,
            "at": self.at,
            "recovery": self.recovery,
        }

    @classmethod
    def from_json(cls, kept: object) -> Notice | None:
        """Return the notice that ``to_json`` wrote; None where that cannot be understood."""
        match kept:
            case {
                "gateway": str(gateway),
                "rule": str(rule),
                "title": str(title),
                "text": str(text),
                "at": at,
                "recovery": bool(recovery),
            } if (moment := finite(at)) is not None:
                return cls(gateway, rule, title[:LONGEST_TITLE], text[:LONGEST_TEXT], moment, recovery)
        return None


@record(slots=True)
class Message:
    """Holds what is to be sent, and to which targets it has not gone yet. ``number`` is never used twice.

    ``targets`` says of each whether an attempt ended so that nobody knows whether the message arrived.
    """

    number: int
    title: str
    body: str
    created: float  # epoch seconds
    targets: dict[str, bool] = field(default_factory=dict)

    def to_json(self) -> JsonObject:
        """Return it as plain JSON, to be kept."""
        return {
            "number": self.number,
            "title": self.title,
            "body": self.body,
            "created": self.created,
            "targets": dict(self.targets),
        }

    @classmethod
    def from_json(cls, kept: object) -> Message | None:
        """Return the message that ``to_json`` wrote; None where that cannot be understood."""
        match kept:
            case {"number": int(number), "title": str(title), "body": str(body), "created": at, "targets": dict(told)}:
                moment = finite(at)
                if moment is not None and 0 < number < LARGEST:
                    return cls(number, title[:LONGEST_TITLE], body[:LONGEST_BODY], moment, _targets(told))
        return None


def trial_message(number: int) -> Message:
    """Return a message that tries an address. Its number is negative: nothing of it is kept."""
    return Message(-number, "Test of pwserver's notices", "This is a test: notices arrive here.", 0.0)


def _targets(told: Mapping[Any, Any]) -> dict[str, bool]:
    return {name: value is True for name, value in told.items() if isinstance(name, str)}
