"""Put the events of lost grids together as outages: when each began and ended, and how the house did."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import ujson

from pwserver.events.event_memory import EventMemory
from pwserver.events.event_query import OLDEST_FIRST, EventQuery, choose
from pwserver.events.event_ring import EventRing
from pwserver.json_types import JsonObject
from pwserver.records import record

DOWN, UP = b"grid_down", b"grid_up"
_EVERYTHING: Final = 1 << 30
_RECENT_SECONDS: Final = 60.0  # a window that ends so shortly before now was meant to reach until now


@record(frozen=True, slots=True)
class Outage:
    """Holds one outage of one gateway. What was not seen is None; an outage without an end goes on."""

    gateway: str
    begin: float | None  # epoch seconds; None: it was away when it was first looked at
    end: float | None
    begun: Mapping[str, Any]  # details of both events
    ended: Mapping[str, Any]
    reached: float | None = None  # how far one that goes on has come by the steady clock; None: only the calendar tells

    def _until(self, now: float) -> float:
        if self.end is not None:
            return self.end
        return now if self.reached is None else self.reached

    def seconds_in(self, start: float, end: float, now: float) -> float:
        """Return how long the grid was away within a window; of an unknown begin nothing is counted."""
        return 0.0 if self.begin is None else max(0.0, min(self._until(now), end) - max(self.begin, start))

    def overlaps(self, start: float, end: float, now: float) -> bool:
        """Say whether any of it is in a window, which is half-open; of an unknown begin, whether its end or now is."""
        known = [at for at in (self.begin, self.end, now - _RECENT_SECONDS) if at is not None]
        return known[0] < end and (self.end is None or self.end >= start)

    def as_json(self, now: float) -> JsonObject:
        """Return the outage as the API tells it; ``now`` (epoch seconds) is where one that goes on has come to."""
        duration = None if self.begin is None else round(max(0.0, self._until(now) - self.begin), 3)
        return {
            "gateway": self.gateway,
            "begin": self.begin,
            "end": self.end,
            "duration_seconds": self.ended.get("duration_seconds", duration),
            "charge_begin_percent": self.ended.get("charge_begin_percent", self.begun.get("charge_percent")),
            "charge_end_percent": self.ended.get("charge_percent"),
            "home_wh": self.ended.get("home_wh"),
            "purpose": self.ended.get("purpose") or self.begun.get("purpose"),
            "exact": (self.ended or self.begun).get("exact"),
        }


def find_outages(ring: EventRing, steady: float) -> list[Outage]:
    """Return all outages that the diary of a gateway knows, oldest first; ``steady`` is the steady clock now."""
    page = choose([ring], EventQuery(-math.inf, math.inf, (DOWN, UP), OLDEST_FIRST, _EVERYTHING))
    found = list(pair_outages(ring.gateway, ((row.at, row.kind, ujson.loads(row.details)) for _, row in page.rows)))
    # One that was there when the house was first looked at has no event before it ends: nobody saw it begin.
    memory = EventMemory.from_bytes(ring.kept_memory)
    memory.stay_in(ring.boot)
    last = found[-1] if found and found[-1].end is None else None
    if last is None and memory.outage is not None and memory.outage.at is None:
        found.append(Outage(ring.gateway, None, None, {"purpose": memory.outage.purpose}, {}))
    elif last is not None and last.begin is not None and last.begin in memory.noted:
        # A clock that was set meanwhile has not made it longer.
        found[-1] = replace(last, reached=last.begin + steady - memory.noted[last.begin])
    return found


def pair_outages(gateway: str, events: Iterable[tuple[float, bytes, Mapping[str, Any]]]) -> Iterable[Outage]:
    begun: tuple[float, Mapping[str, Any]] | None = None
    for at, kind, details in events:
        if kind == DOWN:
            begun = begun or (at, details)
            continue
        begin = begun[0] if begun else details.get("since")
        yield Outage(gateway, begin, at, begun[1] if begun else {}, details)
        begun = None
    if begun:
        yield Outage(gateway, begun[0], None, begun[1], {})
