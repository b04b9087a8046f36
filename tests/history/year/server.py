"""What runs of pwserver in an accelerated year: everything between a reading and the disk, killed every hour.

The judge, the rings, the timeline that judges the clock, the days of devices, the ring of events and the value of days
are real. The network and the library are left out, and the clocks are the year's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.history_answer import Histories
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.timeline import Timeline
from pwserver.history.value_days import ValueDays
from pwserver.poller.event_recording import EventRecording
from pwserver.poller.judge_memories import JudgeMemories
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.judge import GatewayJudge, Judged
from pwserver.state.view import View
from pwserver.tariff.tariff import Tariff
from tests.history.year.plot import DAY, Plot

GATEWAY: Final = "home"


class Computer:
    """The computer it runs on: the time that passes, and the clocks that show it."""

    def __init__(self, now: float) -> None:
        self.now = now
        self.wrong = 0.0  # its clock, ahead of the truth
        self.boot, self.started = 1.0, now - 100.0

    def true_time(self) -> float:
        """Epoch seconds as they are."""
        return self.now

    def clock(self) -> float:
        """Epoch seconds as it believes them to be."""
        return self.now + self.wrong

    def steady(self) -> float:
        """Seconds since it was switched on."""
        return self.now - self.started

    def switch_on(self) -> None:
        """Begin again after a power cut."""
        self.boot, self.started = self.boot + 1.0, self.now - 20.0


class YearServer:
    """The parts of pwserver that record one gateway."""

    def __init__(self, path: Path, plot: Plot, computer: Computer, step: float, tariff: Tariff) -> None:
        self.path, self.computer, self.tariff = path, computer, tariff
        zone = plot.zone.key
        self._gateway = HistoryGateway(GATEWAY, "Home", zone, timezone_set=True)
        self.settings = HistorySettings(
            poll_interval=step, poll_retention_seconds=DAY, days_kept_seconds=800 * DAY, max_signals=0
        )
        self._identity = GatewayIdentity(GATEWAY, "Home", timezone=zone, timezone_set=True)
        self._facts = ServerFacts("1", "1", computer.now, GATEWAY, step, {})
        self._status = GatewayStatus(state="ok", online=True, error=None, total_successes=1)
        self.kills = self.polls = 0
        self.start()

    def start(self) -> None:
        """Start over what the disk has."""
        computer = self.computer
        self.store = HistoryStore.open(self.path, [plan(self.settings, self._gateway)], clock=computer.clock)
        witnesses = ClockWitnesses(computer.steady, lambda: False)
        self.recorder = Recorder(self.archive)
        moved: list[tuple[float, float, float]] = []  # times that are put right before there are events
        self.timeline = Timeline(
            self.recorder, self.archive, witnesses, computer.clock, computer.boot, lambda *move: moved.append(move)
        )
        self.memories = JudgeMemories(self.store.judges)
        self.judge = GatewayJudge(self.memories.gateway(GATEWAY))
        self.events = EventRecording(
            self.store.events, lambda gateway: self.archive.correction_seconds, computer.clock, computer.steady
        )
        self._moves = moved
        self.store.events[GATEWAY].boot = computer.boot
        self.values = ValueDays(self.archive, self.tariff)

    def kill(self) -> None:
        """End it without a good-bye, and start it again."""
        self.store.close()
        self.kills += 1
        self.start()

    @property
    def archive(self) -> Archive:
        """The gateway's archive."""
        return self.store.archives[GATEWAY]

    def poll(self, reading: Reading) -> Judged:
        """Judge and record one reading."""
        self.polls += 1
        self.judge.memory.daily = self.recorder.findings
        judged = self.judge.take(reading)
        self.memories.keep(GATEWAY, self.judge.memory.to_json)
        view = View(self._identity, self._status, judged.reading, self._facts, self.computer.clock(), judged, judged)
        self.timeline.take(reading, judged)
        while self._moves:
            self.events.put_right(GATEWAY, *self._moves.pop(0))
        self.events.take(view, self.judge.memory)
        self.events.settle()
        return judged

    def histories(self) -> Histories:
        """What the questions of clients are asked of."""
        return Histories(self.settings, [self._gateway], self.store.archives, GATEWAY, tariffs={GATEWAY: self.tariff})
