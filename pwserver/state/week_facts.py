"""Hold what the last seven days of a house were like, as far as the history and the diary know it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from pwserver.records import record

DAY_SECONDS: Final = 86400.0
WEEK_SECONDS: Final = 7 * DAY_SECONDS


@record(frozen=True, slots=True)
class Span:
    """Holds one time of trouble. ``begin`` None: nobody saw it begin; ``end`` None: it goes on. Epoch seconds."""

    begin: float | None
    end: float | None
    why: str | None = None  # the cause of a silence or an outage; the name of an alert

    def seconds_in(self, start: float, end: float) -> float:
        """Return how much of it is in a window; of an unknown begin nothing is counted."""
        until = end if self.end is None else min(self.end, end)
        return 0.0 if self.begin is None else max(0.0, until - max(self.begin, start))


@record(frozen=True, slots=True)
class WeekFacts:
    """Holds what is known of the seven days before ``at``; all times in epoch seconds."""

    at: float
    recording: bool = True  # False: the history is switched off, or is not recorded any more
    begin: float | None = None  # since when the house is known, within the seven days; None: nothing was recorded
    covered_seconds: float = 0.0  # of which anything is known
    silences: tuple[Span, ...] = ()  # oldest first, as the others
    outages: tuple[Span, ...] = ()
    serious: tuple[Span, ...] = ()  # alerts
    weak: Mapping[str, bool] = field(default_factory=dict)  # of the strings that could be judged
    weak_since: Mapping[str, float] = field(default_factory=dict)
    clock_seconds: float | None = None  # what the gateway's clock is ahead of this machine's
    clock_kept: bool = False  # something sets this machine's clock by the network
    told_zone: str | None = None  # the zone that the gateway reports
    zone_agrees: bool | None = None  # it is the one in force; None: none is reported

    @property
    def seconds(self) -> float:
        """Return of how long something could be known."""
        return 0.0 if self.begin is None else max(0.0, self.at - self.begin)
