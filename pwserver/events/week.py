"""Follow the diary of one gateway for what its last seven days were like: silences, outages, serious alerts.

The diary is read once; after that only what is new in it, as this is asked for every minute.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import ujson

from pwserver import causes
from pwserver.events import kinds
from pwserver.events.event_ring import KEPT, EventRing
from pwserver.events.event_slot import EventRow
from pwserver.events.outage_list import Outage, pair_outages
from pwserver.state.alert_meanings import SERIOUS
from pwserver.state.fact import finite
from pwserver.state.week_facts import WEEK_SECONDS, Span

_ASKED: Final = frozenset(
    kind.encode()
    for kind in (
        kinds.GRID_DOWN, kinds.GRID_UP, kinds.GATEWAY_AWAY, kinds.GATEWAY_BACK, kinds.ALERT_BEGUN, kinds.ALERT_ENDED,
    )
)  # fmt: skip
_OF_GRID: Final = (kinds.GRID_DOWN, kinds.GRID_UP)
_OF_LINK: Final = (kinds.GATEWAY_AWAY, kinds.GATEWAY_BACK)


class _Noted(NamedTuple):
    at: float
    kind: str
    details: Any


class WeekOfEvents:
    """Holds the events of one gateway that the checks ask for. For one thread."""

    def __init__(self, ring: EventRing) -> None:
        self._ring = ring
        self._head, self._corrected = 0, 0
        self._noted: deque[_Noted] = deque(maxlen=KEPT)

    def update(self, now: float) -> None:
        """Take what is new; everything anew where times were put right. What is older than seven days is forgotten."""
        head, corrected = self._ring.generation
        if corrected != self._corrected or head < self._head:
            self._noted.clear()
            self._head = 0
        self._noted.extend(_asked(self._ring.rows(after=self._head, before=head + 1)))
        self._head, self._corrected = head, corrected
        self._forget(now - WEEK_SECONDS)

    def _forget(self, start: float) -> None:
        """Forget what is older; the last of each kind of state stays, because it may go on."""
        older = [one for one in self._noted if one.at < start]
        if older:
            last = {one.kind in _OF_GRID: one for one in older if one.kind in (*_OF_GRID, *_OF_LINK)}
            kept = [one for one in self._noted if one.at >= start or one in last.values()]
            self._noted = deque(kept, maxlen=KEPT)

    def silences(self, now: float) -> tuple[Span, ...]:
        """Return when the gateway did not answer, within seven days."""
        found: list[Span] = []
        begun: _Noted | None = None
        for one in self._of(_OF_LINK):
            if one.kind == kinds.GATEWAY_AWAY:
                begun = one
            else:
                since = begun.at if begun is not None else finite(one.details.get("since"))
                found.append(Span(since, one.at, one.details.get("cause")))
                begun = None
        if begun is not None:
            found.append(Span(begun.at, None, begun.details.get("cause")))
        return _recent(found, now)

    def outages(self, now: float) -> tuple[Span, ...]:
        """Return when the grid was away, within seven days."""
        events = ((one.at, one.kind.encode(), one.details) for one in self._of(_OF_GRID))
        found = pair_outages(self._ring.gateway, events)
        return _recent((Span(one.begin, one.end, _likely_cause(one)) for one in found), now)

    def serious(self, now: float) -> tuple[Span, ...]:
        """Return the serious alerts of seven days by name; of those that go on, the begin."""
        told = self._of((kinds.ALERT_BEGUN, kinds.ALERT_ENDED))
        found = [
            Span(finite(one.details.get("since")), one.at, one.details.get("alert"))
            if one.kind == kinds.ALERT_ENDED
            else Span(one.at, one.at, one.details.get("alert"))
            for one in told
            if one.details.get("severity") == SERIOUS
        ]
        return _recent(found, now)

    def _of(self, asked: Sequence[str]) -> list[_Noted]:
        return [one for one in self._noted if one.kind in asked]


def _asked(rows: Iterable[EventRow]) -> list[_Noted]:
    return [_Noted(row.at, row.kind.decode(), ujson.loads(row.details)) for row in rows if row.kind in _ASKED]


def _recent(spans: Iterable[Span], now: float) -> tuple[Span, ...]:
    return tuple(one for one in spans if one.end is None or one.end > now - WEEK_SECONDS)


def _likely_cause(outage: Outage) -> str:
    purpose = outage.ended.get("purpose") or outage.begun.get("purpose")
    return causes.ON_PURPOSE if purpose == kinds.SCHEDULED else causes.UTILITY
