"""Keep what the last seven days of each house were like up to date, for its checks, in a thread of its own."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from pwserver.events.event_ring import EventRing
from pwserver.events.week import WeekOfEvents
from pwserver.history.clock_witnesses import kernel_synchronised
from pwserver.history.week import ClockFacts, week_facts
from pwserver.poller.recording import Recording
from pwserver.reading import GatewayIdentity
from pwserver.state.time_zone import in_force
from pwserver.state.week_facts import WeekFacts

log = logging.getLogger("pwserver.checks")

FIRST_SECONDS: Final = 5.0  # by then most gateways have been read
EVERY_SECONDS: Final = 60.0


class WeekWatch:
    """Holds the facts of all houses. ``told_zone`` returns the time zone that a gateway reports."""

    def __init__(
        self,
        recording: Recording,
        events: Mapping[str, EventRing],
        identities: Sequence[GatewayIdentity],
        told_zone: Callable[[str], str | None],
    ) -> None:
        self._recording = recording
        self._events = {name: WeekOfEvents(ring) for name, ring in events.items()}
        self._identities = [one for one in identities if not one.virtual]
        self._told_zone = told_zone
        self._facts: dict[str, WeekFacts] = {}
        self._failed: set[str] = set()

    async def run(self) -> None:
        """Look anew every minute, and sooner after the start, until cancelled."""
        seconds = FIRST_SECONDS
        while True:
            await asyncio.sleep(seconds)
            await asyncio.to_thread(self.look)
            seconds = min(2.0 * seconds, EVERY_SECONDS)  # a new house, or a demo that gets its past, is known soon

    def facts(self, gateway: str) -> WeekFacts | None:
        """Return what was found last; None before the first look."""
        return self._facts.get(gateway)

    def look(self) -> None:
        """Look at every house."""
        kept = kernel_synchronised()
        for identity in self._identities:
            try:
                self._facts[identity.id] = self._of(identity, kept)
            except Exception:
                # A check must not take the polls with it. It is told once.
                self._facts.pop(identity.id, None)
                if identity.id not in self._failed:
                    log.exception("%s: the last seven days cannot be looked at", identity.id)
                self._failed.add(identity.id)

    def _of(self, identity: GatewayIdentity, kept: bool) -> WeekFacts:
        name, store = identity.id, self._recording.store
        told = self._told_zone(name)
        archive = store.archives.get(name) if store.stop_reason(name) is None else None
        if archive is not None and not archive.settings.enabled:
            archive = None
        clock = ClockFacts(self._recording.clock_ahead(name), kept, in_force(identity, told).timezone, told)
        now = time.time() + self._recording.correction_seconds(name)
        return week_facts(archive, self._events.get(name), self._recording.findings(name), clock, now)
