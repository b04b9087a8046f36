"""Fill gaps of the history from Tesla's own by itself, beside the polls, in cloud and FleetAPI modes.

One thread for each gateway, which nearly always waits: one question in PW_HISTORY_FILL, a pause after every refusal. No
client causes a question. The answers of several days are brought into the rings together, because rings are written
whole.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from pwserver.history.cloud_points import CloudDay, NotBelieved
from pwserver.history.fill_memory import FillMemory
from pwserver.history.gap_filler import fill, filled_rows
from pwserver.history.gap_finder import DayGaps, find_gaps, window_of_gaps, without_newest
from pwserver.history.gap_questions import CloudSource, NotAnswered, ask_day
from pwserver.history.import_journal import settle
from pwserver.history.layout import DAY_SECONDS
from pwserver.poller.recording import Recording

log = logging.getLogger("pwserver.history")

LOOK_BACK_SECONDS: Final = 30 * DAY_SECONDS
LOOK_SECONDS: Final = 60.0  # how often it is looked for gaps; never more often than questions are asked
DAYS_AT_ONCE: Final = 7
MOST_QUESTIONS_A_DAY: Final = 100  # of each gateway: all days of the look-back, and some again
REFUSED_SECONDS: Final = 3600.0  # the pause after an answer that says that there were too many requests
FAILED_SECONDS: Final = 900.0


class ReadySource(CloudSource, Protocol):
    """Asks over a connection that may be away."""

    @property
    def ready(self) -> bool:
        """Say whether there is a connection to Tesla's servers that works."""
        ...


class HistoryFill:
    """Fills the gaps of all gateways that are polled over Tesla's servers, while readings are recorded."""

    def __init__(self, recording: Recording, sources: Mapping[str, ReadySource], interval_seconds: float) -> None:
        store = recording.store
        self._fills = [
            GatewayFill(recording, name, source, interval_seconds)
            for name, source in sources.items()
            if name in recording.recorders and store.archives[name].folder is not None
        ]

    def start(self) -> None:
        """Start the threads, which end with the process."""
        for one in self._fills:
            threading.Thread(target=one.run, name=f"fill-{one.gateway}", daemon=True).start()


class GatewayFill:
    """Fills the gaps of one gateway. ``sleep`` and ``clock`` (monotonic) are those of the machine, but in tests."""

    def __init__(
        self,
        recording: Recording,
        gateway: str,
        source: ReadySource,
        interval_seconds: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.gateway = gateway
        self._sleep, self._clock = sleep, clock
        self._recording, self._source, self._interval_seconds = recording, source, interval_seconds
        self._archive = recording.store.archives[gateway]
        folder = self._archive.folder
        assert folder is not None
        self._folder = folder
        self.memory = FillMemory.read(folder)
        self._asked: list[float] = []  # when the questions of the last day were asked, monotonic
        self._told: str | None = None  # the last failure that was logged

    def run(self) -> None:
        """Look for gaps and fill them, for ever; whatever goes wrong is logged once and tried again later."""
        while True:
            self._sleep(min(LOOK_SECONDS, self._interval_seconds))
            try:
                self.look()
            except NotAnswered as problem:
                self._fail(str(problem))
                self._sleep(max(problem.wait_seconds, REFUSED_SECONDS if problem.limited else FAILED_SECONDS))
            except OSError as problem:
                self._fail(f"nothing can be written ({problem.strerror})")
                self._sleep(FAILED_SECONDS)
            except Exception as fault:  # of any kind: live data and recording must not end with it
                log.exception("%s: gaps are not filled from Tesla's history", self.gateway)
                self.memory.cause = f"it broke ({type(fault).__name__}); the log has more"
                self._sleep(REFUSED_SECONDS)

    def look(self) -> None:
        """Fill the gaps that there are now, the newest days first. Raises NotAnswered."""
        if not self._source.ready or not self._clock_is_right or self._recording.store.stop_reason() is not None:
            return
        gaps = self._gaps()
        wanted = [day for day in reversed(gaps) if self.memory.wants(day.day, len(day.quarters), time.time())]
        pending: list[tuple[DayGaps, CloudDay]] = []
        try:
            for day in wanted:
                found = self._ask(day)
                if found is not None:
                    pending.append((day, found))
                if len(pending) >= DAYS_AT_ONCE:
                    self._bring_in(pending)
                    pending = []
        finally:
            self._bring_in(pending)
        left = sum(day.seconds for day in (self._gaps() if wanted else gaps))
        if wanted or left != self.memory.left_seconds:
            self.memory.left_seconds = left
            self._remember()

    @property
    def _clock_is_right(self) -> bool:
        return self._archive.correction_seconds == 0.0 and self._archive.waiting.bounds() is None

    def _gaps(self) -> list[DayGaps]:
        """Return the gaps between the first row and the newest that Tesla can know by now."""
        archive, recorder, now = self._archive, self._recording.recorders[self.gateway], time.time()
        first = [found[0] for name in ("polls", "quarters") if (found := archive.rings[name].bounds()) is not None]
        start = max(now - LOOK_BACK_SECONDS, min(first, default=now))
        begin, end = window_of_gaps(archive, recorder, start, now)
        gaps = without_newest(find_gaps(archive, recorder.zone, begin, end), end)
        return [day for day in gaps if not day.totals_known]

    def _ask(self, day: DayGaps) -> CloudDay | None:
        """Return what Tesla has of a day, None for nothing that can be used. Raises NotAnswered."""
        recorder = self._recording.recorders[self.gateway]
        left, found = len(day.quarters), None
        try:
            found = ask_day(self._source, day, recorder.zone, self._pause)
        except NotBelieved as problem:
            self.memory.cause = f"{day.day}: {problem}"
        else:
            filled = len(filled_rows(self._archive, recorder, day, found).rows["quarters"])
            left -= filled
            self.memory.cause = None if filled else f"{day.day}: Tesla has nothing of the gaps of this day"
            found = found if filled else None
        self.memory.note_asked(day.day, left, time.time())
        return found

    def _pause(self) -> None:
        """Wait until the next question may be asked."""
        now = self._clock()
        self._asked = [moment for moment in self._asked if now - moment < DAY_SECONDS]
        due = self._asked[-1] + self._interval_seconds if self._asked else now
        if len(self._asked) >= MOST_QUESTIONS_A_DAY:
            due = max(due, self._asked[-MOST_QUESTIONS_A_DAY] + DAY_SECONDS)
        self._sleep(max(0.0, due - now))
        self._asked.append(self._clock())

    def _bring_in(self, pending: list[tuple[DayGaps, CloudDay]]) -> None:
        """Bring answers into the rings, while what is recorded waits."""
        if not pending or self._recording.store.stop_reason() is not None:
            return
        flush = partial(self._recording.store.flush, force=True)
        with self._recording.held(self.gateway) as live:
            merged, added = fill(self._archive, live, pending)
            if merged is not None:
                settle(self._archive, merged, {}, flush)
        if merged is not None:
            self.memory.note_filled(added["quarters"], time.time())
            days = ", ".join(str(day.day) for day, _ in sorted(pending, key=lambda one: one[0].day))
            log.info("%s: %d quarter hours filled from Tesla's history (%s)", self.gateway, added["quarters"], days)
            self._told = None
        self._remember()

    def _fail(self, problem: str) -> None:
        self.memory.cause = problem
        if problem != self._told:
            self._told = problem
            log.warning("%s: gaps are not filled from Tesla's history: %s", self.gateway, problem)
        self._remember()

    def _remember(self) -> None:
        """Write what is known of the filling; a disk that does not take it costs a few questions after a restart."""
        with suppress(OSError):
            self.memory.write(self._folder)
