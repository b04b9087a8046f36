"""Keeps ever-growing energy counters from ever shrinking on the broker.

Home Assistant takes any drop of a ``total_increasing`` sensor for a new meter and adds its whole lifetime again, so
one wrong low value ruins a day, a month and a year of totals.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

CONFIRM_SECONDS = 900.0
CONFIRM_READINGS = 20
MAX_COUNTERS = 1000


@dataclass(slots=True)
class _Counter:
    published: float
    candidate: float | None = None
    since: float = 0.0
    readings: int = 0
    last: float = 0.0  # timestamp of the newest reading that was counted


class EnergyGuard:
    """Remembers what was published of each counter; a drop is withheld until it has proved itself.

    A lower value is believed when it was seen in 20 readings over 15 minutes without falling again: the meter was
    really replaced or reset. Until then the topic is left out, so the broker keeps the last good value.
    """

    def __init__(self) -> None:
        self._counters: dict[str, _Counter] = {}

    def filter(self, payloads: Mapping[str, str], counters: frozenset[str], timestamp: float) -> dict[str, str]:
        """The payloads without counters that fell; ``timestamp`` is the reading's, in epoch seconds."""
        kept = dict(payloads)
        for topic in counters.intersection(payloads):
            if not self._believe(topic, float(payloads[topic]), timestamp):
                del kept[topic]
        return kept

    def _believe(self, topic: str, value: float, timestamp: float) -> bool:
        counter = self._counters.get(topic)
        if counter is None:
            if len(self._counters) < MAX_COUNTERS:
                self._counters[topic] = _Counter(value)
            return True
        if value >= counter.published:
            counter.published, counter.candidate = value, None
            return True
        if counter.candidate is None or value < counter.candidate:
            counter.since, counter.readings = timestamp, 0
        counter.candidate = value
        if timestamp > counter.last:
            counter.last = timestamp
            counter.readings += 1
        if counter.readings < CONFIRM_READINGS or timestamp - counter.since < CONFIRM_SECONDS:
            return False
        counter.published, counter.candidate = value, None
        return True
