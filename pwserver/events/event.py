"""Define one event: what happened to a gateway, when, and its place in the order of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import date
from functools import lru_cache
from typing import Final

from pwserver.events.kinds import KINDS
from pwserver.json_types import Json, JsonObject
from pwserver.records import record

EPOCH: Final = date(1970, 1, 1).toordinal()
EARLIEST, LATEST = -2_208_988_800.0, 253_402_300_800.0  # of the years 1900 to 9999


@record(frozen=True, slots=True)
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
    if not EARLIEST <= seconds < LATEST:
        return None
    day, second = divmod(int(seconds), 86400)
    minute, second = divmod(second, 60)
    return f"{_day(day)}T{_TWO_DIGITS[minute // 60]}:{_TWO_DIGITS[minute % 60]}:{_TWO_DIGITS[second]}Z"


# A page of events writes hundreds of times, which a table does in half the time of a format.
_TWO_DIGITS: Final = tuple(f"{number:02d}" for number in range(60))


@lru_cache(512)
def _day(number: int) -> str:
    """Return a day, counted from 1970; a page of events has many of one day."""
    return date.fromordinal(EPOCH + number).isoformat()
