"""Define one event: what happened to a gateway, when, and its place in the order of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pwserver.events.kinds import KINDS
from pwserver.json_types import Json, JsonObject


@dataclass(frozen=True, slots=True)
class Event:
    """Holds one event. ``sequence`` counts from 1 for each gateway, without gaps; 0 until it is recorded.

    ``kind`` is a key of KINDS, or one of a later version. ``details`` hold the members that the kind lists.
    """

    gateway: str
    kind: str
    at: float  # epoch seconds
    details: Mapping[str, Json] = field(default_factory=dict)
    sequence: int = 0
    steady: float = 0.0  # the steady clock then (history/clock_witnesses), by which a wrong time is put right

    @property
    def title(self) -> str:
        """Return what people call this kind of event."""
        known = KINDS.get(self.kind)
        return known.title if known is not None else self.kind

    def as_json(self) -> JsonObject:
        """Return the event as the API tells it."""
        return {
            "gateway": self.gateway,
            "sequence": self.sequence,
            "time": utc_time(self.at),
            "timestamp": round(self.at, 3),
            "kind": self.kind,
            "title": self.title,
            "details": dict(self.details),
        }


def utc_time(seconds: float) -> str | None:
    """Return epoch seconds as ISO 8601 in UTC; None where no calendar has them."""
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None
