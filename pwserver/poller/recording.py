"""Record readings in the history: one recorder per gateway, and a thread that brings files to the disk."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial

from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.import_journal import finish
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.timeline import Timeline
from pwserver.history.today_energies import today_energies
from pwserver.poller.heartbeat import sleep_to_beat
from pwserver.reading import Reading
from pwserver.state.daily_findings import NOTHING_FOUND, DailyFindings
from pwserver.state.judge import Judged
from pwserver.state.plausible import implausible
from pwserver.state.today import TodayEnergies
from pwserver.state.view import View

log = logging.getLogger("pwserver.history")

GIVEN_UP = (
    "history is neither recorded nor answered any more: {}. Live data are not affected. Look at the disk; a restart or "
    "SIGHUP opens the files anew and keeps every whole row"
)
MOST_HELD = 1000  # readings of one gateway that wait
# How often the flush looks whether its interval is over, and whether the history was given up.
LOOK_SECONDS, LEAST_LOOK_SECONDS = 5.0, 1.0
LOOKS_PER_FLUSH = 6

_Held = tuple[Reading, Judged | None, str | None]


class Recording:
    """Holds all recorders of this server. ``take`` may be called from any gateway's thread."""

    def __init__(self, store: HistoryStore) -> None:
        self.store = store
        # Told when rows get their true time: gateway, since which moment of the steady clock, offset, seconds added.
        self.after_move: Callable[[str, float, float, float], None] = lambda *move: None
        self._finish_imports(store)
        usable = store.archives if store.stop_reason() is None else {}
        self._witnesses = witnesses = ClockWitnesses()
        self.recorders = {gateway: Recorder(archive) for gateway, archive in usable.items()}
        for recorder in self.recorders.values():
            recorder.note_zone()
        self._timelines = {
            gateway: Timeline(recorder, store.archives[gateway], witnesses, moved=partial(self._moved, gateway))
            for gateway, recorder in self.recorders.items()
        }
        self._locks = {gateway: threading.Lock() for gateway in self.recorders}
        # What waits while a history is exchanged; under ``_holding``, so that nothing is added after it was taken.
        self._held: dict[str, deque[_Held]] = {}
        self._holding = threading.Lock()
        # An import and a filling of gaps may come at once: the second one waits until the first is in the rings.
        self._exchanging = {gateway: threading.Lock() for gateway in self.recorders}
        self._last: dict[str, float] = {}
        self.failures = 0  # flushes that did not reach the disk
        self._problem: str | None = None  # of the last flush
        self._told = False  # that the history has been given up

    @staticmethod
    def _finish_imports(store: HistoryStore) -> None:
        """Finish what the poller before this one was killed in the middle of."""
        try:
            for archive in store.archives.values():
                if archive.folder is not None and store.stop_reason() is None:
                    finish(archive, partial(store.flush, force=True))
        except OSError as problem:
            store.give_up(f"an import cannot be finished ({problem.strerror})")

    def findings(self, gateway: str) -> DailyFindings:
        """Return what the recorded days of a gateway's devices say."""
        recorder = self.recorders.get(gateway)
        return recorder.findings if recorder is not None else NOTHING_FOUND

    def today(self, gateway: str) -> TodayEnergies | None:
        """Return the energies of a gateway since its midnight; None where nothing was recorded or may be read."""
        archive = self.store.archives.get(gateway)
        if archive is None or self.store.stop_reason(gateway) is not None:
            return None
        return today_energies(archive, time.time())

    def take(self, view: View) -> None:
        """Record a fresh reading; one that is only still served, or was seen before, is left out.

        So is one whose powers cannot be true, as from every sum: the books then have a gap, which a counter can fill.
        """
        if view.reading is not None and view.status.online:
            if not view.gateway.virtual and implausible(view.state.judged):
                return
            self.record(view.gateway.id, view.reading, view.state.judged, view.gateway.timezone)

    def correction_seconds(self, gateway: str) -> float:
        """Return what must be added to this machine's clock for the time of a gateway's newest row."""
        archive = self.store.archives.get(gateway)
        return archive.correction_seconds if archive is not None else 0.0

    def clock_ahead(self, gateway: str) -> float | None:
        """Return what a gateway's clock is ahead of this machine's, in seconds; None where it tells no living time."""
        offset = self._witnesses.offset_of(gateway)
        return None if offset is None else offset - (time.time() - self._witnesses.steady())

    def _moved(self, gateway: str, since: float, offset: float, seconds: float) -> None:
        self.after_move(gateway, since, offset, seconds)

    def take_sum(self, view: View, left_out: Collection[str]) -> None:
        """Record the sum over several houses, unless one that has a history is left out.

        What that house takes would be read as sold. The rows of the sum then have a gap, as those of the house. A house
        of which nothing was ever recorded is not waited for.
        """
        archives = self.store.archives
        if not any(name in archives and archives[name].recorded for name in left_out):
            self.take(view)

    def record(self, gateway: str, reading: Reading, judged: Judged | None = None, timezone: str | None = None) -> None:
        """Record one reading of one gateway, whose days begin at midnight in ``timezone`` where that is given."""
        timeline = self._timelines.get(gateway)
        # A gateway publishes one reading several times: after a command, and when its status changes.
        if timeline is None or self._last.get(gateway) == reading.timestamp or self._in_trouble(gateway):
            return
        with self._holding:
            if gateway in self._held:
                self._last[gateway] = reading.timestamp
                self._held[gateway].append((reading, judged, timezone))
                return
        with self._locks[gateway]:
            self._take(gateway, reading, judged, timezone)

    def _take(self, gateway: str, reading: Reading, judged: Judged | None, timezone: str | None) -> None:
        self._last[gateway] = reading.timestamp
        if timezone is not None:
            self.recorders[gateway].use_zone(timezone)
        self._timelines[gateway].take(reading, judged)

    @contextmanager
    def held(self, gateway: str) -> Iterator[Recorder]:
        """Let nothing be recorded of a gateway while its history is exchanged; readings wait, polls do not.

        Afterwards recording goes on with what the rings and the kept state say then.
        """
        with self._exchanging[gateway], self._alone(gateway) as recorder:
            yield recorder

    @contextmanager
    def _alone(self, gateway: str) -> Iterator[Recorder]:
        archive = self.store.archives[gateway]
        with self._holding:
            self._held[gateway] = deque(maxlen=MOST_HELD)
        with self._locks[gateway]:
            try:
                self.recorders[gateway].checkpoint()
                yield self.recorders[gateway]
            finally:
                self.recorders[gateway] = recorder = Recorder(archive)
                recorder.note_zone()
                moved = partial(self._moved, gateway)
                self._timelines[gateway] = Timeline(recorder, archive, self._witnesses, moved=moved)
                while True:
                    with self._holding:
                        if not self._held[gateway]:
                            del self._held[gateway]
                            break
                        waiting = self._held[gateway].popleft()
                    self._take(gateway, *waiting)

    def _in_trouble(self, gateway: str | None = None) -> bool:
        """Say whether the rings must be left alone, and log it once. Asked every time before they are touched.

        ``gateway``: only the rings of that one are about to be touched.
        """
        trouble = self.store.stop_reason(gateway)
        if trouble is not None and not self._told:
            self._told = True
            log.error("%s", GIVEN_UP.format(trouble))
        return trouble is not None

    async def keep_flushed(self) -> None:
        """Flush files at most every PW_HISTORY_FLUSH_SECONDS, off the event loop, until cancelled."""
        interval = self.store.flush_seconds / LOOKS_PER_FLUSH
        while True:
            await sleep_to_beat(max(LEAST_LOOK_SECONDS, min(LOOK_SECONDS, interval or LOOK_SECONDS)))
            if self.store.flush_due or (self.store.given_up and not self._told):
                await asyncio.to_thread(self.flush)

    def flush(self, force: bool = False) -> None:
        """Bring files to the disk where that is due; a problem is logged when it begins and when it is over."""
        try:
            if self._in_trouble():
                self.failures += 1
                return
            if not self.store.flush(force):
                return
            problem = "its files have been removed; a restart makes new ones" if self.store.removed else None
        except OSError as fault:
            problem = fault.strerror
        self.failures += problem is not None
        if problem != self._problem:
            self._problem = problem
            if problem is not None:
                log.error("history does not reach the disk: %s", problem)
            else:
                log.info("history reaches the disk again")

    @property
    def not_stored(self) -> str | None:
        """Return what of the history the disk does not take, why, and what helps; None while it takes all."""
        if self._problem is not None:
            return f"the history does not reach the disk: {self._problem}"
        if refusals := self.store.refusals:
            return (
                f"the disk takes nothing for {len(refusals)} files of the history: {refusals[0]}; "
                "make room on it, and they are recorded in again by themselves"
            )
        return None

    def stop(self) -> None:
        """Keep the open intervals and write everything."""
        for gateway in self.recorders:
            if self._in_trouble(gateway):
                return
            with self._locks[gateway]:
                self.recorders[gateway].checkpoint()  # only now: an import has made another one perhaps
        self.flush(force=True)
