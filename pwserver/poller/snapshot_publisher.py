"""Turn readings into snapshots: render, compress and tag all documents of a gateway, and publish them at once."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.documents.document import Document
from pwserver.documents.render import (
    Packed,
    Rendered,
    pack,
    render_expired,
    render_gateway,
    render_no_gateways,
    render_site,
    twins_by_tag,
)
from pwserver.documents.virtual_gateway import MergeMemory, MergeOptions, merge
from pwserver.poller.judge_memories import JudgeMemories
from pwserver.poller.site_pace import SitePace, matters
from pwserver.poller.takers import SlotReaders, Takers
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.shared import ABOUT_ALL, AGGREGATE, SITE, Shared
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge
from pwserver.state.meter_powers import UNCORRECTED, Corrections
from pwserver.state.time_zone import in_force
from pwserver.state.today import TodayEnergies
from pwserver.state.view import SiteView, View
from pwserver.state.week_facts import WeekFacts
from pwserver.tariff.figures import ValueFigures

log = logging.getLogger("pwserver.publish")

# Documents for workers only, of a gateway and (True) of the site.
INTERNAL = {
    about_all: frozenset(index for index, row in enumerate(rows) if row.internal and row.chosen_by is None)
    for about_all, rows in ((False, GATEWAY_DOCUMENTS), (True, SITE_DOCUMENTS))
}
FIRST_ROUND_SECONDS = 10.0  # a new poller's first sum waits this long for the slowest gateway
# How much longer than its oldest house the site is served. It is made anew when that house expires; without a little
# time for this, the site would say for a moment that no gateway is being read.
SITE_GRACE_SECONDS = 1.0
# Documents about all gateways that take no longer are made in the loop itself: a thread costs more wake-ups than that.
SHORT_SECONDS = 0.02
# While nobody reads them, they are made this often only (three polls of five seconds), or as often as a gateway is
# polled where that is rarer; at once for urgent news.
UNREAD_SECONDS = 14.0
# The documents of the sum of a few houses are made with each sum, whoever reads them: they cost no more than this.
CHEAP_SUM_SECONDS = 0.05


class SnapshotPublisher:
    """Writes all slots, as the only one. ``gateway`` may be called from any thread, one call per gateway at a time.

    ``measure`` gives the self metrics of /metrics; without it (in main) there are none yet. ``kept_memories`` has what
    the judges remember of former processes, ``corrections`` what the owners of the gateways want corrected.
    """

    def __init__(
        self,
        shared: Shared,
        server: ServerFacts,
        identities: Sequence[GatewayIdentity],
        options: MergeOptions,
        measure: Callable[[], Mapping[str, Any]] | None = None,
        kept_memories: JudgeMemories | None = None,
        corrections: Mapping[str, Corrections] | None = None,
    ) -> None:
        self.shared = shared
        self.server = server
        self.options = options
        self.measure = measure
        self.render_seconds: dict[str, float] = {}  # gateway -> how long its last snapshot took
        now = time.time()
        self._lock = threading.Lock()
        self._memories_kept = kept_memories or JudgeMemories({})
        wanted = corrections or {}
        self._judges = {
            identity.id: GatewayJudge(self._memories_kept.gateway(identity.id), wanted.get(identity.id, UNCORRECTED))
            for identity in identities
        }
        self._views = {
            identity.id: View(self._zoned(identity), GatewayStatus(state_since=now), None, server, now)
            for identity in identities
        }
        self._expires = dict.fromkeys(self._views, 0.0)
        self._taken: dict[str, tuple[float, float]] = {}  # gateway -> timestamp of its reading by both clocks
        self._untold = set(self._views)  # gateways this process has published nothing of
        self._twins: dict[str, dict[bytes, bytes]] = {}  # slot -> the compressed bodies published last, by entity tag
        self._memory: MergeMemory = {}
        self._sums = self._memories_kept.sums()
        self._faults: set[str] = set()
        # Told of every new view of a gateway, in the thread that published it, before the site is made with it.
        self.after_gateway: Callable[[View], None] | None = None
        # Told of every new sum of several gateways, with those that are left out of it.
        self.after_site: Callable[[View, Collection[str]], None] | None = None
        self.value: Callable[[str], ValueFigures | None] = lambda gateway: None  # what its energy was worth
        self.today: Callable[[str], TodayEnergies | None] = lambda gateway: None  # its energies since midnight
        self.week: Callable[[str], WeekFacts | None] = lambda gateway: None  # what its last seven days were like
        # What the recorded days of a gateway's devices say.
        self.daily: Callable[[str], DailyFindings] = lambda _: NOTHING_FOUND
        self._takers = Takers(shared)
        self._readers = {slot: SlotReaders(shared, slot) for slot in ABOUT_ALL if slot in shared.slots}
        # When a slot about all gateways was written last, and when the first gateway's figures in it expire (0: never);
        # monotonic.
        self._written = dict.fromkeys(self._readers, (-math.inf, 0.0))
        self._sum_seconds = 0.0  # of processor time, for the documents of the sum
        self._unread_seconds = max(UNREAD_SECONDS, float(server.poll_interval_seconds))
        self._pace = SitePace(float(server.poll_interval_seconds))

    def gateway(
        self, identity: GatewayIdentity, status: GatewayStatus, reading: Reading | None, expires: float
    ) -> View:
        """Render and publish one gateway; ``expires`` on the monotonic clock, 0 for never."""
        begun = time.perf_counter()
        judge = self._judges[identity.id]
        judge.memory.daily = self.daily(identity.id)
        judged = judge.take(reading)
        self._memories_kept.keep(identity.id, judge.memory.to_json)  # before the values are published
        zoned, value, today = self._zoned(identity), self.value(identity.id), self.today(identity.id)
        week = self.week(identity.id)
        view = View(zoned, status, judged.reading, self.server, time.time(), judged, judge.last, value, today, week)
        timestamp, taken = self._note_taken(identity.id, reading)
        self._write(identity.id, render_gateway(view, self._fault), timestamp, expires, taken)
        with self._lock:
            self.render_seconds[identity.id] = time.perf_counter() - begun
            urgent = matters(self._views[identity.id]) != matters(view)
            self._views[identity.id] = view
            self._expires[identity.id] = expires
            self._untold.discard(identity.id)
        if self.after_gateway is not None:
            self.after_gateway(view)
        self._pace.note(urgent)  # last: the loop and this thread would have to share the time
        return view

    def memory(self, gateway: str) -> GatewayMemory:
        """Return what the judge of a gateway remembers, for the thread that publishes that gateway."""
        return self._judges[gateway].memory

    def _zoned(self, identity: GatewayIdentity) -> GatewayIdentity:
        """Return the identity with the time zone in force, which the gateway itself may have told."""
        return in_force(identity, self._judges[identity.id].memory.time_zone)

    def _note_taken(self, gateway: str, reading: Reading | None) -> tuple[float, float]:
        """Return when a reading was taken by both clocks: epoch seconds, and monotonic seconds."""
        if reading is None:
            return 0.0, 0.0
        known = self._taken.get(gateway)
        if known is None or known[0] != reading.timestamp:
            known = (reading.timestamp, max(0.001, time.monotonic() - max(0.0, time.time() - reading.timestamp)))
            self._taken[gateway] = known
        return known

    def changed(self) -> None:
        """Note that the site's documents have to tell something new at once. From any thread."""
        self._pace.note(urgent=True)

    def site(self, slots: Collection[str] = ABOUT_ALL) -> SiteView:
        """Make the sum of all gateways, and publish the documents of those slots about all of them."""
        with self._lock:
            views = list(self._views.values())
            first = min((self._expires[view.gateway.id] for view in views if view.reading), default=0.0)
        measured = self.measure() if SITE in slots and self.measure is not None else None
        site = SiteView(views, self.server, time.time(), measured, self._sums)
        if not views:
            self._write(AGGREGATE, render_no_gateways(self.server, site.now), 0.0, 0.0)
        elif AGGREGATE in self.shared.slots:
            merged = merge(site, self._memory, self.options, self._sums)
            self._memory = merged.memory
            self._memories_kept.keep(AGGREGATE, self._sums.to_json)
            if AGGREGATE in slots:
                begun = time.thread_time()
                self._write_about_all(AGGREGATE, render_gateway(merged.view, self._fault), views, first)
                self._sum_seconds = time.thread_time() - begun
            if self.after_site is not None:
                self.after_site(merged.view, site.state.left_out)
        if SITE in slots:
            self._write_about_all(SITE, render_site(site, self._fault), views, first)
        return site

    def _write_about_all(self, slot: str, rendered: Sequence[Rendered], views: Sequence[View], first: float) -> None:
        """Publish documents about all gateways, whose figures begin to expire at ``first`` (0: never)."""
        oldest = min((view.reading.timestamp for view in views if view.reading), default=0.0)
        taken = min((self._taken[view.gateway.id][1] for view in views if view.reading), default=0.0)
        self._written[slot] = time.monotonic(), first
        self._write(slot, rendered, oldest, first + SITE_GRACE_SECONDS if first else 0.0, taken)

    def everything(self) -> None:
        """Publish all gateways as they are known; main fills the slots by this before anything else starts."""
        for view in list(self._views.values()):
            self.gateway(view.gateway, view.status, view.reading, 0.0)
        self.site()

    def fallbacks(self) -> Mapping[str, Sequence[Packed]]:
        """Return slot -> what is served when its snapshot has expired.

        That is what was published last, or the form of now where a document has words of its own for expired data.
        """
        site = SiteView(list(self._views.values()), self.server, time.time(), sums=self._sums)
        subjects: dict[str, View | SiteView] = {**self._views, SITE: site}
        same: dict[Packed, Packed] = {}  # a hundred gateways without data have few bodies
        kept: dict[str, Sequence[Packed]] = {}
        for slot, snapshot in self.shared.slots.items():
            rows = SITE_DOCUMENTS if slot == SITE else GATEWAY_DOCUMENTS
            published = [snapshot.read(index) for index in range(len(rows))]
            known = [(document[0], document[1]) for document in published if document is not None]
            subject = subjects.get(slot)
            packed = pack(render_expired(rows, subject, known) if subject is not None else known, self._twins[slot])
            kept[slot] = [same.setdefault(entry, entry) for entry in packed]
        return kept

    async def keep_site(self) -> None:
        """Publish the site after changes of gateways, and now and then without one, until cancelled."""
        self._pace.start()
        if self._views:
            await self._first_round()
        took, summed = math.inf, AGGREGATE in self.shared.slots
        while True:
            slots = self._wanted(self._pace.begin())
            if summed or (slots and took > SHORT_SECONDS):  # a sum is recorded, too, and may wait for that
                took = await asyncio.to_thread(self._timed_site, slots)  # the loop has brokers to feed meanwhile
            elif slots:
                took = self._timed_site(slots)
            expiries = [first for _, first in self._written.values() if first]
            await self._pace.rest(took, min(expiries, default=0.0))

    def _wanted(self, urgent: bool) -> frozenset[str]:
        """Return the slots about all gateways whose documents are to be made now."""
        now = time.monotonic()
        wanted = {slot for slot, readers in self._readers.items() if readers.any_lately()}
        if AGGREGATE in self._readers and self._sum_seconds < CHEAP_SUM_SECONDS:
            wanted.add(AGGREGATE)
        for slot, (made, first) in self._written.items():
            if urgent or now >= made + self._unread_seconds or 0.0 < first <= now:
                wanted.add(slot)
        return frozenset(wanted)

    def _timed_site(self, slots: Collection[str]) -> float:
        """Publish the site, and return the processor time that it took, in seconds."""
        begun = time.thread_time()
        self.site(slots)
        return time.thread_time() - begun

    async def _first_round(self) -> None:
        """Wait for the first gateway, or for all of them where a poller before this one has left a sum.

        A sum of those that happened to answer first would be a dip in every chart.
        """
        await self._pace.change()
        summed = self.shared.slots[SITE].read(0)
        deadline = time.monotonic() + FIRST_ROUND_SECONDS
        while summed is not None and summed[4] and self._untold and time.monotonic() < deadline:
            self._pace.begin()
            await self._pace.change(deadline)

    def _write(
        self, slot: str, rendered: Sequence[Rendered], timestamp: float, expires: float, taken: float = 0.0
    ) -> None:
        plain = INTERNAL[slot == SITE] | self._takers.untaken(slot, len(rendered))
        packed = pack(rendered, self._twins.get(slot), plain)
        self._twins[slot] = twins_by_tag(packed)
        _, overflowed = self.shared.slots[slot].publish(packed, timestamp, expires, taken)
        self.shared.bell.ring()
        if overflowed:
            rows = SITE_DOCUMENTS if slot == SITE else GATEWAY_DOCUMENTS
            self._once(f"{slot}: too large for the snapshot: {', '.join(rows[index].target for index in overflowed)}")

    def _fault(self, row: Document, fault: Exception) -> None:
        self._once(f"{row.target or 'the gateway document'} could not be rendered: {fault!r}")

    def _once(self, message: str) -> None:
        """Log a message the first time it comes up; the documents themselves say what happened each time."""
        # Bounded: a fault's text may hold values that differ every time.
        if message not in self._faults and len(self._faults) < 1000:
            self._faults.add(message)
            log.error("%s", message)
