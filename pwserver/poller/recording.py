"""Record readings in the history: one recorder per gateway, and a thread that brings files to the disk."""

from __future__ import annotations

import asyncio
import logging
import threading

from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.timeline import Timeline
from pwserver.reading import Reading
from pwserver.state.judge import Judged
from pwserver.state.view import View

log = logging.getLogger("pwserver.history")

GIVEN_UP = (
    "history is neither recorded nor answered any more: {}. Live data are not affected. Look at the disk; a restart or "
    "SIGHUP opens the files anew and keeps every whole row"
)
LOOK_SECONDS = 1.0  # how often the flush looks whether its interval is over, and whether the history was given up


class Recording:
    """Holds all recorders of this server. ``take`` may be called from any gateway's thread."""

    def __init__(self, store: HistoryStore) -> None:
        self.store = store
        usable = store.archives if store.stop_reason() is None else {}
        witnesses = ClockWitnesses()
        self.recorders = {gateway: Recorder(archive) for gateway, archive in usable.items()}
        self._timelines = {
            gateway: Timeline(recorder, store.archives[gateway], witnesses)
            for gateway, recorder in self.recorders.items()
        }
        self._locks = {gateway: threading.Lock() for gateway in self.recorders}
        self._last: dict[str, float] = {}
        self.failures = 0  # flushes that did not reach the disk
        self._problem: str | None = None  # of the last flush
        self._told = False  # that the history has been given up

    def take(self, view: View) -> None:
        """Record a fresh reading; one that is only still served, or was seen before, is left out."""
        if view.reading is not None and view.status.online:
            self.record(view.gateway.id, view.reading, view.state.judged, view.gateway.timezone)

    def record(self, gateway: str, reading: Reading, judged: Judged | None = None, timezone: str | None = None) -> None:
        """Record one reading of one gateway, whose days begin at midnight in ``timezone`` where that is given."""
        timeline = self._timelines.get(gateway)
        # A gateway publishes one reading several times: after a command, and when its status changes.
        if timeline is None or self._last.get(gateway) == reading.timestamp or self._in_trouble():
            return
        with self._locks[gateway]:
            self._last[gateway] = reading.timestamp
            if timezone is not None:
                self.recorders[gateway].use_zone(timezone)
            timeline.take(reading, judged)

    def _in_trouble(self) -> bool:
        """Say whether the rings must be left alone, and log it once. Asked every time before they are touched."""
        trouble = self.store.stop_reason()
        if trouble is not None and not self._told:
            self._told = True
            log.error("%s", GIVEN_UP.format(trouble))
        return trouble is not None

    async def keep_flushed(self) -> None:
        """Flush files at most every PW_HISTORY_FLUSH_SECONDS, off the event loop, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
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

    def stop(self) -> None:
        """Keep the open intervals and write everything."""
        for gateway, recorder in self.recorders.items():
            if self._in_trouble():
                return
            with self._locks[gateway]:
                recorder.checkpoint()
        self.flush(force=True)
