"""Record events: judge what each poll has changed, bring it to the disk, and only then tell others.

The disk has a thread of its own, so that no poll and no document waits for it. Most polls change nothing: they are
judged where they are, and that thread sleeps.
"""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import field
from typing import Any, Final

import ujson

from pwserver.events.detector import detect, note_command
from pwserver.events.event import Event
from pwserver.events.event_memory import EventMemory
from pwserver.events.event_ring import EventRing, memory_room
from pwserver.events.kinds import API, GRID_DOWN, KINDS, MQTT
from pwserver.events.observation import Observation, observe
from pwserver.events.outage_list import UP
from pwserver.history.clock_witnesses import steady_seconds
from pwserver.json_types import JsonMapping
from pwserver.poller.pending_settings import expected_settings
from pwserver.records import record
from pwserver.state.fact import finite
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.view import View

log = logging.getLogger("pwserver.events")

MOST_WAITING: Final = 1000  # polls that wait for a slow disk; a state that is missed shows in the next poll
LONGEST_POLL_SECONDS: Final = 120.0  # from the meters' arrival; what seems older has met a clock that was set
MQTT_SENDER: Final = "MQTT"  # as ``poller.brokers`` signs its commands

Listener = Callable[[Sequence[Event]], None]


@record(slots=True)
class _Gateway:
    """Holds what is known of one gateway.

    While work waits for the thread of the events, only that changes it, apart from ``last`` and ``waiting``; else
    whoever has the lock.
    """

    ring: EventRing
    memory: EventMemory
    kept: EventMemory  # the memory as it was committed last
    last: float = math.nan  # timestamp of the newest reading that was taken
    counts: Mapping[str, int] = field(default_factory=dict)  # of the events that were told
    last_outage_seconds: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)  # held for moments only, never while a disk is written
    waiting: int = 0  # pieces of work


class EventRecording:
    """Records the events of all gateways. ``take`` and ``commanded`` may be called from any thread.

    ``correction`` returns what must be added to this machine's clock for a gateway. ``listeners`` are told of events
    that are on the disk, in the thread of the events; they must not block.
    """

    def __init__(
        self,
        rings: Mapping[str, EventRing],
        correction: Callable[[str], float] = lambda gateway: 0.0,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = steady_seconds,
    ) -> None:
        self.listeners: list[Listener] = []
        self.dropped = 0  # polls that nobody could judge in time
        self._gateways = {
            name: _Gateway(ring, EventMemory.from_bytes(ring.kept_memory), EventMemory.from_bytes(ring.kept_memory))
            for name, ring in rings.items()
        }
        for known in self._gateways.values():
            known.memory.stay_in(known.ring.boot)
            _show(known)
        self._correction = correction
        self._clock = clock
        self._steady = steady
        # Room is asked for before a poll is judged: as many again as threads of gateways may have asked at once.
        self._work: queue.Queue[tuple[_Gateway, Callable[[], None]]] = queue.Queue(maxsize=2 * MOST_WAITING)

    def start(self) -> None:
        """Judge from now on, in a thread that ends with the process."""
        threading.Thread(target=self._run, name="events", daemon=True).start()

    def take(self, view: View, judge_memory: GatewayMemory) -> None:
        """Take a poll attempt, good or bad. ``judge_memory``: of the judge of this gateway."""
        known = self._gateways.get(view.gateway.id)
        if known is None:
            return
        reading = view.reading if view.status.online else None
        # A gateway publishes one reading several times: after a command, and when its status changes.
        if reading is not None and reading.timestamp == known.last:
            return
        steady, wall = self._steady(), self._clock()
        if reading is not None:
            known.last = reading.timestamp
            age = wall - reading.timestamp
            steady -= age if -1.0 <= age <= LONGEST_POLL_SECONDS else 0.0
            wall = reading.timestamp
        seen = observe(view, judge_memory, wall + self._correction(view.gateway.id), steady)
        if seen.fresh or seen.away:
            with known.lock:
                if known.waiting:
                    self._do(known, lambda: self._judge(known, seen))
                elif self._has_room():
                    self._judge_here(known, seen)

    def commanded(self, gateway: str, action: str, arguments: JsonMapping, who: str) -> None:
        """Note that a command is about to be sent; ``who`` sent it, of which only the kind is kept."""
        known = self._gateways.get(gateway)
        settings = expected_settings(action, arguments)
        if known is None or not settings:
            return
        sender, steady = (MQTT if who == MQTT_SENDER else API), self._steady()

        def note() -> None:
            note_command(known.memory, settings, sender, steady)
            self._commit(known, [])

        with known.lock:
            self._do(known, note)

    def put_right(self, gateway: str, since: float, offset: float, seconds: float) -> None:
        """Give all events since a moment of the steady clock their true time: this machine's clock was wrong.

        ``offset``: what the right clock is ahead of the steady one; ``seconds``: how much that adds.
        """
        known = self._gateways.get(gateway)
        if known is not None:
            now = self._steady()
            with known.lock:
                self._do(known, lambda: self._put_right(known, since, now, offset, seconds))

    def measured(self) -> Mapping[str, Any]:
        """Return the metrics of the events that were told, for documents.prometheus.DATA_FAMILIES."""
        gateways = list(self._gateways.items())
        return {
            "powerwall_outages_total": {(name,): known.counts.get(GRID_DOWN, 0) for name, known in gateways},
            "powerwall_last_outage_seconds": {(name,): known.last_outage_seconds for name, known in gateways},
            "powerwall_events_total": {
                (name, kind): known.counts.get(kind, 0) for name, known in gateways for kind in KINDS
            },
        }

    def settle(self) -> None:
        """Do what waits, in the calling thread; for tests, and before the process ends."""
        while True:
            try:
                known, work = self._work.get_nowait()
            except queue.Empty:
                return
            self._try(known, work)

    def _do(self, known: _Gateway, work: Callable[[], None]) -> None:
        if self._has_room():
            self._put(known, work)

    def _has_room(self) -> bool:
        """Say whether another piece of work may wait; count it if not."""
        if self._work.qsize() < MOST_WAITING:
            return True
        self.dropped += 1
        if self.dropped == 1:
            log.error("events are not judged in time: the disk is too slow, or does not answer")
        return False

    def _put(self, known: _Gateway, work: Callable[[], None]) -> None:
        self._work.put_nowait((known, work))
        known.waiting += 1

    def _run(self) -> None:
        while True:
            self._try(*self._work.get())

    @staticmethod
    def _try(known: _Gateway, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:
            log.exception("an event could not be recorded")
        with known.lock:
            known.waiting -= 1

    def _judge_here(self, known: _Gateway, seen: Observation) -> None:
        """Judge a poll in the calling thread; only what it has changed is work for another."""
        try:
            events = detect(known.ring.gateway, seen, known.memory)
        except Exception:
            log.exception("a poll could not be judged for events")
            return
        if events or known.memory != known.kept:
            self._put(known, lambda: self._commit(known, events))

    def _judge(self, known: _Gateway, seen: Observation) -> None:
        self._commit(known, detect(known.ring.gateway, seen, known.memory))

    def _commit(self, known: _Gateway, events: Sequence[Event]) -> None:
        if not events and known.memory == known.kept:
            return
        told = known.ring.commit(events, _packed(known.memory))
        known.kept = deepcopy(known.memory)
        if told:
            _show(known)
            for listener in self.listeners:
                listener(told)

    def _put_right(self, known: _Gateway, since: float, now: float, offset: float, seconds: float) -> None:
        wrong = offset - seconds
        known.memory.shift(since + wrong, now + wrong, seconds)
        if known.ring.put_right(since, offset):
            newest = next((row for row in known.ring.rows(newest_first=True) if row.kind == UP), None)
            if newest is not None:
                known.memory.last_outage_seconds = finite(ujson.loads(newest.details).get("duration_seconds"))
            self._commit(known, [])
            _show(known)


def _show(known: _Gateway) -> None:
    """Let the metrics follow the events that are on the disk."""
    known.counts, known.last_outage_seconds = dict(known.memory.counts), known.memory.last_outage_seconds


def _packed(memory: EventMemory) -> bytes:
    packed = ujson.dumps(memory.to_json(), ensure_ascii=False).encode("utf-8", "replace")
    if len(packed) > memory_room():
        # Alerts are by far the longest part. Those that are forgotten are learned again as what is seen first.
        memory.alerts.clear()
        memory.labels.clear()
        memory.repeats.clear()
        packed = ujson.dumps(memory.to_json(), ensure_ascii=False).encode("utf-8", "replace")
    return packed
