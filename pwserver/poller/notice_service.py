"""Make notices from events and polls, and have them sent: a thread of its own, so that no poll waits for a disk.

It reads events from the rings by their numbers. What it decides is on the disk, in one piece, before the process that
sends is told of it (``notices/``).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pwserver.config.daily_hours import daily_hours
from pwserver.config.notice_settings import NoticeSettings
from pwserver.events.event_ring import EventRing
from pwserver.history.days import zone
from pwserver.json_types import JsonObject
from pwserver.notices.delivery import CAUSES, target_of
from pwserver.notices.dispatcher import FIRST_PAUSE_SECONDS, Dispatcher
from pwserver.notices.health_rule import judge_steps
from pwserver.notices.notice import Notice
from pwserver.notices.outbox_file import OutboxFile
from pwserver.notices.quiet_hours import held_back
from pwserver.notices.rules import Figures, Place, RuleMemory, judge_event, judge_figures, judge_silence
from pwserver.notices.target import Target, Trial
from pwserver.reading import GatewayIdentity
from pwserver.state.charge import app_percent
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings, HealthStep
from pwserver.state.gateway import FRESH
from pwserver.state.view import View

log = logging.getLogger("pwserver.notices")

LOOK_SECONDS: Final = 1.0
IDLE_LOOK_SECONDS: Final = 5.0  # while nothing is to be sent: only time tells that a gateway is silent for too long
MOST_EVENTS: Final = 256  # of one gateway at a time


class NoticeService:
    """Runs rules, outbox and dispatcher. Other threads call ``take``, ``wake`` and ``try_addresses`` only."""

    def __init__(
        self,
        settings: NoticeSettings,
        rings: Mapping[str, EventRing],
        identities: Mapping[str, GatewayIdentity],
        folder: Path | None,
        clock: Callable[[], float] = time.time,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self.settings = settings
        self._hours = daily_hours(settings.quiet_hours) if settings.quiet_hours else None
        self._rings = rings
        self._places = {name: Place(name, one.name, zone(one.timezone)) for name, one in identities.items()}
        self._figures: dict[str, Figures] = {}
        self._steps: dict[str, Mapping[str, tuple[HealthStep, ...]]] = {}
        self._file = OutboxFile(folder)
        self.outbox = self._file.load()
        self._woken = threading.Event()
        self._stopping = False
        self._clock = clock
        addresses = {target_of(address): address for address in settings.addresses or ()}
        self._dispatcher = Dispatcher(addresses, self.outbox, self._file.journal, self.wake, clock, first_pause_seconds)
        self._begin()

    def _begin(self) -> None:
        """Find the place in each ring: a gateway that is new here has nothing to be told of from before."""
        for name, ring in self._rings.items():
            memory = self.outbox.memories.get(name)
            if memory is None:
                self.outbox.memories[name] = RuleMemory(cursor=ring.head)
            elif memory.cursor > ring.head:  # the ring has begun anew, so everything in it is new
                memory.cursor = 0
        for memory in self.outbox.memories.values():
            memory.forget_unwanted(self.settings.rules)
        self._file.save(self.outbox)

    def start(self) -> None:
        """Make and send notices from now on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="notices", daemon=True).start()

    def stop(self) -> None:
        """Look after nothing any more, and let the sending process end with what is under way."""
        self._stopping = True
        self.wake()
        self._dispatcher.stop()

    @property
    def targets(self) -> Mapping[str, Target]:
        """Return how it stands with each address, by its name."""
        return self._dispatcher.targets

    @property
    def ready(self) -> bool:
        """Say whether messages can be handed over now."""
        return self._dispatcher.ready

    @property
    def sending_pid(self) -> int | None:
        """Return the id of the process that sends."""
        return self._dispatcher.sending_pid

    def take(self, view: View, daily: DailyFindings = NOTHING_FOUND) -> None:
        """Take a poll attempt, good or bad, and what the recorded days of the gateway's devices say."""
        name = view.gateway.id
        if name not in self._rings:
            return
        self._steps[name] = daily.steps
        self._places[name] = Place(name, view.gateway.name, zone(view.gateway.timezone))
        judged = view.state.judged
        if view.state.availability.phase == FRESH and view.reading is not None:
            hours = judged.charge.hours_left.value
            self._figures[name] = Figures(
                view.reading.timestamp,
                time.monotonic(),
                app_percent(judged.charge.raw_percent.value),
                None if hours is None else hours * 3600.0,
            )
            self.wake()

    def wake(self) -> None:
        """Have the thread look at once: there are new events, figures or outcomes."""
        self._woken.set()

    def try_addresses(self) -> Trial | None:
        """Send a test message to every address; None while another test is under way."""
        return self._dispatcher.try_addresses()

    def measured(self) -> Mapping[str, Any]:
        """Return the self metrics, and what /api/notices tells; no address is in either."""
        targets = list(self.targets.values())
        return {
            "pwserver_notices_sent_total": {(one.name,): one.sent for one in targets},
            "pwserver_notices_failed_total": {(one.name,): one.failed for one in targets},
            "pwserver_notices_given_up_total": {(one.name,): one.given_up for one in targets},
            "pwserver_notices_waiting": len(self.outbox.waiting),
            "notices": self.status(),
        }

    def status(self) -> JsonObject:
        """Return how it stands with the notices, as /api/notices tells it."""
        problem = CAUSES.get(self._dispatcher.problem or "")
        return {
            "enabled": True,
            "rules": list(self.settings.rules),
            "waiting": len(self.outbox.waiting),
            "undelivered": len(self.outbox.messages),
            "problem": problem.sentence if problem is not None else None,
            "remedy": problem.remedy if problem is not None else None,
            "addresses": [one.to_json() for one in list(self.targets.values())],
        }

    def _run(self) -> None:
        while not self._stopping:
            idle = self.ready and not self.outbox.messages and not self.outbox.waiting
            self._woken.wait(IDLE_LOOK_SECONDS if idle else LOOK_SECONDS)
            self._woken.clear()
            try:
                self.step()
            except Exception:
                log.exception("notices could not be looked after")

    def step(self) -> None:
        """Do all that is to be done now."""
        changed = self._dispatcher.take_outcomes()
        changed |= self.judge()
        if changed:
            self._file.save(self.outbox)  # before anything is sent
        if self.ready:
            self._dispatcher.send(changed)

    def judge(self) -> bool:
        """Judge what is new, and make messages of it; returns whether the outbox has changed."""
        now = self._clock()
        found: list[Notice] = []
        changed = False
        for name, ring in self._rings.items():
            memory, place = self.outbox.memories[name], self._places.get(name, Place(name, name))
            before, steps = memory.cursor, dict(memory.steps)
            if ring.head > before:
                for event in ring.after(before, MOST_EVENTS):
                    found += judge_event(event, place, memory, self.settings)
                memory.cursor = max(memory.cursor, min(ring.head, before + MOST_EVENTS))
            found += judge_steps(self._steps.pop(name, {}), place, memory, now, self.settings)
            changed |= memory.cursor != before or memory.steps != steps
            found += judge_silence(place, memory, now, self.settings)
            seen = self._figures.pop(name, None)
            if seen is not None:
                found += judge_figures(seen, place, memory, self.settings)
        if not self.ready:  # what the journal says is not known yet, so no number may be given
            self.outbox.wait(found)
            return changed or bool(found)
        zones = {name: place.zone for name, place in self._places.items()}
        quiet = held_back(self._hours, self.settings.urgent_rules, zones, now)
        made = self.outbox.take(found, now, quiet, list(self.targets), self.settings.max_per_hour)
        for number, target in self.outbox.give_up(now, self.targets):
            changed = True
            if target in self.targets:
                self.targets[target].given_up += 1
                log.error("notice %d could not be sent to %s within a day and is given up", number, target)
        return changed or bool(found or made)
