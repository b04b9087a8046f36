"""Hand the messages of the outbox to the process that sends, keep that alive, and take what became of them."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from pwserver.notices.courier import Courier, Line
from pwserver.notices.delivery import ENDED, SENT, UNKNOWN
from pwserver.notices.notice import trial_message
from pwserver.notices.outbox import Outbox
from pwserver.notices.target import LONGEST_PAUSE_SECONDS, Target, Trial

log = logging.getLogger("pwserver.notices")

FIRST_PAUSE_SECONDS: Final = 10.0  # after a failed attempt; doubled each time
LOST_SECONDS: Final = 60.0  # an attempt without an outcome is over after so long
MOST_LINES: Final = 10_000  # outcomes that wait to be taken


class Dispatcher:
    """Sends to some addresses. Only one thread uses it, apart from ``try_addresses``.

    ``wake`` is called from other threads when there is something to do; ``journal`` is where what has gone is noted.
    """

    def __init__(
        self,
        addresses: Mapping[str, str],
        outbox: Outbox,
        journal: Path | None,
        wake: Callable[[], None],
        clock: Callable[[], float] = time.time,
        first_pause_seconds: float = FIRST_PAUSE_SECONDS,
    ) -> None:
        self.targets = {name: Target(name) for name in addresses}
        self.ready = False  # can messages be handed over now?
        self.problem: str | None = None  # why nothing can be sent at all: an id of CAUSES
        self._outbox = outbox
        self._wake = wake
        self._courier = Courier(addresses, journal, self._told)
        self._lines: deque[Line | None] = deque(maxlen=MOST_LINES)
        self._trials: deque[Trial] = deque(maxlen=16)
        self._running_trials: dict[int, Trial] = {}
        self._next_trial = 1
        self._start_at: float | None = 0.0  # when the courier is to be started, monotonic
        self._start_pause = FIRST_PAUSE_SECONDS
        self._first_pause = first_pause_seconds
        self._clock = clock

    @property
    def sending_pid(self) -> int | None:
        """Return the id of the process that sends."""
        return self._courier.pid

    def stop(self) -> None:
        """Let the sending process end with what is under way."""
        self._courier.stop()

    def try_addresses(self) -> Trial | None:
        """Send a test message to every address; None while another test is under way."""
        if self._trials or self._running_trials:
            return None
        run = Trial(set(self.targets))
        self._trials.append(run)
        self._wake()
        return run

    def take_outcomes(self) -> bool:
        """Keep the process alive, and take what it has told; returns whether the outbox has changed."""
        self._keep_courier()
        return self._take_lines()

    def send(self, changed: bool) -> None:
        """Hand over what can be sent now. ``changed``: the outbox has changed since, and is on the disk as it is."""
        if changed:
            self._courier.settle(self._outbox.settled)
        now = time.monotonic()
        while self._trials:
            run, number = self._trials.popleft(), self._next_trial
            self._next_trial += 1
            self._running_trials[number] = run
            for name in self.targets:
                self._courier.send(trial_message(number), name)
        for name, target in self.targets.items():
            if target.busy is not None and now > target.busy[1]:
                target.busy = None
            message = self._outbox.next_for(name)
            if message is not None and target.busy is None and now >= target.again_at:
                target.busy = (message.number, now + LOST_SECONDS)
                self._courier.send(message, name)

    def _told(self, line: Line | None) -> None:
        self._lines.append(line)
        self._wake()

    def _keep_courier(self) -> None:
        if self._start_at is None or time.monotonic() < self._start_at:
            return
        self._start_at = None
        try:
            self._courier.start()
        except OSError as refused:
            log.error("the process that sends notices cannot be started: %s", refused.strerror)
            self._ended()

    def _ended(self) -> None:
        """Note that the process has ended; it is started again after a pause."""
        if self.ready:
            self._start_pause = self._first_pause
        self.ready = False
        self.problem = ENDED
        self._start_at = time.monotonic() + self._start_pause
        self._start_pause = min(2.0 * self._start_pause, LONGEST_PAUSE_SECONDS)
        for run in self._running_trials.values():
            run.outcomes.update(dict.fromkeys(run.waiting, ENDED))
            run.done.set()
        self._running_trials.clear()

    def _take_lines(self) -> bool:
        """Take what the sending process has told; returns whether the outbox has changed."""
        changed = False
        while self._lines:
            line = self._lines.popleft()
            if line is None:
                log.warning("the process that sends notices has ended; it is started again")
                self._ended()
            elif "ready" in line:
                self._take_ready(line["ready"])
                changed = True
            elif line["number"] < 0:
                self._trial_outcome(line)
            else:
                self._outcome(line["number"], line["target"], line["outcome"], line["cause"])
                changed = True
        return changed

    def _take_ready(self, told: Mapping[str, Any]) -> None:
        for number, target in told["sent"]:
            self._outbox.done(number, target)
        for number, target in told["doubtful"]:
            self._outbox.doubt(number, target)
        known = [number for number, _ in (*told["sent"], *told["doubtful"])]
        self._outbox.next_number = max([self._outbox.next_number, *(number + 1 for number in known)])
        for target in self.targets.values():
            target.busy = None
        self.ready, self.problem = True, None

    def _outcome(self, number: int, name: str, outcome: str, cause: str) -> None:
        target = self.targets.get(name)
        if target is None:
            return
        if target.busy is not None and target.busy[0] == number:
            target.busy = None
        if outcome == SENT:
            target.succeeded(self._clock())
            self._outbox.done(number, name)
            return
        if outcome == UNKNOWN:
            self._outbox.doubt(number, name)
        target.failed_for(cause, self._clock())
        target.pause(self._first_pause, time.monotonic())

    def _trial_outcome(self, line: Line) -> None:
        run, name = self._running_trials.get(-line["number"]), line["target"]
        if run is None or name not in self.targets:
            return
        if line["outcome"] == SENT:
            self.targets[name].succeeded(self._clock())
        else:
            self.targets[name].failed_for(line["cause"], self._clock())
        run.outcomes[name] = line["cause"] or None
        if set(run.outcomes) >= run.waiting:
            run.done.set()
            del self._running_trials[-line["number"]]
