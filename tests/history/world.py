"""A house, its gateway and a computer whose clock can be wrong; time passes as a test of the history says."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pwserver.history.archive import Archive
from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.layout import COLUMNS, POWERS, HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of
from pwserver.history.store import HistoryStore
from pwserver.history.timeline import Timeline
from pwserver.reading import Reading
from pwserver.state.judge import GatewayJudge
from tests.history.support import GATEWAY, reading

DAY = 86400.0
NOON = 1_795_377_600.0  # 2026-11-22 20:00 UTC, noon in Los Angeles
# Days for years, as a house has them. The rings that nothing here fills are short: each start reads them all.
SETTINGS = HistorySettings(
    poll_retention_seconds=DAY,
    poll_interval=5.0,
    minutes_kept_seconds=3 * DAY,
    quarters_kept_seconds=60 * DAY,
    days_kept_seconds=800 * DAY,
    max_signals=0,
)
# What is judged of every reading of a world: they differ in their times only. To judge each was a third of the work.
JUDGED = GatewayJudge().take(reading(NOON, 1000.0, 0.0, 0.0, 1000.0))


class World:
    """A house that takes 1000 W from the grid all the time.

    ``wrong``: seconds the computer's clock is ahead of the truth. ``gateway_wrong``: the same of the gateway's clock,
    None: it tells no time. ``synchronised``: what the kernel says.
    """

    def __init__(
        self,
        path: Path,
        now: float = NOON,
        gateway_wrong: float | None = None,
        settings: HistorySettings = SETTINGS,
        gateway: HistoryGateway = GATEWAY,
    ) -> None:
        self.path = path
        self.now = now
        self.wrong = 0.0
        self.gateway_wrong = gateway_wrong
        self.gateway_stands_at: float | None = None
        self.synchronised = False
        self.settings = settings
        self.gateway = gateway
        self.boot = 1.0
        self.started = now - 100.0
        self.polled: list[float] = []  # the true times of all polls that were taken
        self._store: HistoryStore | None = None

    # --- the computer ---------------------------------------------------------------------------------------------

    def start(self) -> World:
        """Open the history and get ready to record."""
        self._store = HistoryStore.open(self.path, [plan(self.settings, self.gateway)], clock=self.clock)
        self.recorder = Recorder(self.archive)
        witnesses = ClockWitnesses(self.steady, lambda: self.synchronised)
        self.timeline = Timeline(self.recorder, self.archive, witnesses, self.clock, self.boot)
        return self

    def stop(self, kill: bool = False, seconds: float = 0.0) -> None:
        """Stop recording, with or without a good-bye; ``seconds``: how long it stays so."""
        assert self._store is not None
        if not kill:
            self.recorder.checkpoint()
        self._store.close()
        self._store = None
        self.now += seconds

    def restart(self, kill: bool = False, seconds: float = 5.0, reboot: bool = False) -> None:
        """Stop and start again; after a reboot the steady clock begins at 0."""
        self.stop(kill, seconds)
        if reboot:
            self.boot += 1.0
            self.started = self.now - 20.0
        self.start()

    def clock(self) -> float:
        """What the computer's clock says."""
        return self.now + self.wrong

    def steady(self) -> float:
        """Seconds since the computer was started."""
        return self.now - self.started

    # --- time passes -----------------------------------------------------------------------------------------------

    def reading(self) -> Reading:
        """What the gateway says now."""
        one = reading(self.clock(), 1000.0, 0.0, 0.0, 1000.0)
        if self.gateway_wrong is None and self.gateway_stands_at is None:
            return one
        says = self.gateway_stands_at if self.gateway_wrong is None else self.now + self.gateway_wrong
        moment = datetime.fromtimestamp(says or 0.0, UTC).isoformat()
        meters = {name: {**meter, "last_communication_time": moment} for name, meter in one.aggregates.items()}
        return replace(one, aggregates=meters)

    def poll(self, seconds: float, step: float = 5.0) -> None:
        """Poll every ``step`` seconds for so long."""
        for _ in range(round(seconds / step)):
            self.now += step
            if self.timeline.take(self.reading(), JUDGED):
                self.polled.append(self.now)

    # --- what the history says -------------------------------------------------------------------------------------

    @property
    def archive(self) -> Archive:
        """The gateway's archive."""
        assert self._store is not None
        return self._store.archives[self.gateway.id]

    def times(self, ring: str = "polls") -> list[float]:
        """Timestamps of all rows that are complete."""
        found = self.archive.rings[ring]
        times, _ = found.select(-math.inf, math.inf, [0])
        return list(times)

    def misplaced(self) -> list[float]:
        """Polls that were taken and are not in the history at their true time (within a second)."""
        times = self.times()
        oldest = times[0] if times else math.inf
        known = {round(when) for when in times}
        due = [when for when in self.polled if when >= oldest - 1.0]
        return [when for when in due if not known & {round(when) - 1, round(when), round(when) + 1}]

    def kilowatt_hours(self) -> float:
        """Energy used in the house, over all days."""
        column = self.archive.column("days", "home_wh")
        _, (values,) = self.archive.days.select(-math.inf, math.inf, [column])
        return math.fsum(value for value in values if not math.isnan(value)) / 1000.0

    def lifetime(self) -> float:
        """The lifetime total of the same energy."""
        return (self.recorder.energy()["home"].watt_hours or 0.0) / 1000.0

    def set_aside(self) -> list[Path]:
        """Files of rows that were taken out of the history."""
        return sorted(folder_of(self.path, self.gateway.id).glob("set-aside-*.csv"))

    def fill(self, days: int) -> list[float]:
        """Record so many whole days up to the present, a poll every half an hour; returns when their rows begin."""
        start = self.now - days * DAY
        recorder = Recorder(self.archive)
        row = array("d", [1000.0, 0.0, 0.0, 1000.0, *[math.nan] * (len(COLUMNS) - len(POWERS))])
        for number in range((days - 1) * 48):  # as rows, which need not be judged: that is most of the work
            recorder.take_row(start + number * 1800.0, row)
        for number in range((days - 1) * 48, days * 48):
            recorder.record(reading(start + number * 1800.0, 1000.0, 0.0, 0.0, 1000.0))
        recorder.checkpoint()
        return self.times("days")
