"""An accelerated year of one house: the simulator's own books beside what the poller's own parts record of it.

Everything between a reading and the disk is real: the judge, the rings, the timeline that judges the clock, and the
ring of events. The network and the library are left out, and the clocks are the year's. ``Books`` are kept by the
simulated house alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from pwserver.events import kinds
from pwserver.events.event import Event
from pwserver.history.archive import Archive
from pwserver.history.clock_witnesses import ClockWitnesses
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.timeline import Timeline
from pwserver.poller.event_recording import EventRecording
from pwserver.poller.judge_memories import JudgeMemories
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.simulator.house import House, Plant
from pwserver.state.judge import GatewayJudge
from pwserver.state.view import View

ZONE: Final = ZoneInfo("America/Los_Angeles")
HOUR, DAY = 3600.0, 86_400.0
PARTS: Final = ("solar", "home", "grid_import", "grid_export", "battery_charge", "battery_discharge")
INVERTER: Final = "PVAC--1538100-00-F--CN000000000001"
HOT: Final = "PVAC_a019_ambient_overtemperature"
TOLERANCE: Final = 0.005  # of an energy
# A power that begins just before a poll counts for half the step, and is taken off again when the counter moves next,
# perhaps on another day (docs/energy.md): so much a day may be wrong for each second between polls.
WATTS_AT_ONCE: Final = 2500.0


@dataclass(frozen=True)
class Plot:
    """What happens in the year, each at epoch seconds."""

    begin: float
    end: float
    outages: Sequence[tuple[float, float]]
    hot: Sequence[tuple[float, float]]  # the inverter's alert
    firmware: float
    reserve: float  # somebody moves the reserve in Tesla's app
    wrong_clock: tuple[float, float]  # a power cut, after which the computer believes it is 400 days earlier


def local(year: int, month: int, day: int, hour: float = 0.0) -> float:
    """Return epoch seconds of a wall clock's time in the house."""
    whole = datetime(year, month, day, int(hour), round(hour % 1 * 60), tzinfo=ZONE)
    return whole.timestamp()


def plot(begin: date, days: int, outages: int) -> Plot:
    """Spread the happenings over so many days from ``begin`` on."""
    start, end = (local(one.year, one.month, one.day) for one in (begin, begin + timedelta(days=days)))
    cut = start + (end - start) * 0.52 // HOUR * HOUR

    def at(share: float, hour: float) -> float:
        one = begin + timedelta(days=int(days * share))
        return local(one.year, one.month, one.day, hour)

    gone = [at((number + 0.5) / outages, (number * 7) % 24) for number in range(outages)]
    return Plot(
        begin=start,
        end=end,
        outages=[(one, one + 600.0 + 2400.0 * number) for number, one in enumerate(gone)],
        hot=[(at(share, 13.25), at(share, 16.5)) for share in (0.1, 0.45, 0.8)],
        firmware=cut + 1500.0,  # told by a computer whose clock is wrong
        reserve=at(0.3, 20.25),
        wrong_clock=(cut, cut + HOUR),
    )


@dataclass
class Books:
    """What flowed, by the house's own meters: Wh of each part by local day."""

    days: dict[str, dict[str, float]] = field(default_factory=dict)

    def add(self, day: str, part: str, watt_hours: float) -> None:
        """Add energy to a day."""
        self.days.setdefault(day, dict.fromkeys(PARTS, 0.0))[part] += watt_hours

    def total(self, part: str) -> float:
        """Wh of the whole year."""
        return math.fsum(day[part] for day in self.days.values())


class Year:
    """Lives through a plot, polled every ``step`` seconds, and keeps the books beside it."""

    def __init__(self, path: Path, story: Plot, step: float, physics: float | None = None) -> None:
        self.path, self.plot, self.step = path, story, step
        self.now = story.begin
        self.wrong = 0.0  # the computer's clock, ahead of the truth
        self.boot, self.started = 1.0, story.begin - 100.0
        physics = min(step, 5.0) if physics is None else physics
        self.house = House(
            Plant(timezone=ZONE.key, load_scale=1.5),  # so that it buys and sells on most days
            clock=lambda: self.now / physics,
            speed=physics,
            start=story.begin,
        )
        self.books = Books()
        self.kills = self.polls = 0
        self._meters = self._counters()
        self._gateway = HistoryGateway("home", "Home", ZONE.key, timezone_set=True)
        self._settings = HistorySettings(
            poll_interval=step, poll_retention_seconds=DAY, days_kept_seconds=800 * DAY, max_signals=0
        )
        self._identity = GatewayIdentity("home", "Home", timezone=ZONE.key, timezone_set=True)
        self._server = ServerFacts("1", "1", story.begin, "home", step, {})
        self._status = GatewayStatus(state="ok", online=True, error=None, total_successes=1)
        self._start()

    # --- the server ------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self.store = HistoryStore.open(self.path, [plan(self._settings, self._gateway)], clock=self._clock)
        witnesses = ClockWitnesses(self._steady, lambda: False)
        self.recorder = Recorder(self.archive)
        moved: list[tuple[float, float, float]] = []  # times that are put right before there are events
        self.timeline = Timeline(
            self.recorder, self.archive, witnesses, self._clock, self.boot, lambda *move: moved.append(move)
        )
        self.memories = JudgeMemories(self.store.judges)
        self.judge = GatewayJudge(self.memories.gateway("home"))
        self.events = EventRecording(
            self.store.events, lambda gateway: self.archive.correction_seconds, self._clock, self._steady
        )
        self._moves = moved
        self.store.events["home"].boot = self.boot

    def kill(self, reboot: bool = False) -> None:
        """End the server without a good-bye, and start it again."""
        self.store.close()
        self.kills += 1
        if reboot:
            self.boot, self.started = self.boot + 1.0, self.now - 20.0
        self._start()

    @property
    def archive(self) -> Archive:
        """The gateway's archive."""
        return self.store.archives["home"]

    def _clock(self) -> float:
        return self.now + self.wrong

    def _steady(self) -> float:
        return self.now - self.started

    # --- the gateway -----------------------------------------------------------------------------------------------

    def _counters(self) -> dict[str, float]:
        energy = self.house.snapshot().energy
        counted = (
            energy.solar,
            energy.load,
            energy.site_imported,
            energy.site_exported,
            energy.battery_charged,
            energy.battery_discharged,
        )
        return dict(zip(PARTS, counted, strict=True))

    def _keep_books(self) -> None:
        """Charge what flowed since the poll before to the day (no step crosses a midnight)."""
        day = datetime.fromtimestamp(self.now - self.step / 2.0, ZONE).date().isoformat()
        counters = self._counters()
        for part, watt_hours in counters.items():
            self.books.add(day, part, watt_hours - self._meters[part])
        self._meters = counters

    def _reading(self) -> Reading:
        now = self.house.snapshot()
        flows, energy = now.flows, now.energy
        moment = datetime.fromtimestamp(self.now, UTC).isoformat()
        counted = {
            "solar": (flows.solar, energy.solar_consumed, energy.solar),
            "load": (flows.load, energy.load, 0.0),
            "site": (flows.site, energy.site_imported, energy.site_exported),
            "battery": (flows.battery, energy.battery_charged, energy.battery_discharged),
        }
        meters = {
            name: {
                "instant_power": watts,
                "energy_imported": imported,
                "energy_exported": exported,
                "last_communication_time": moment,
            }
            for name, (watts, imported, exported) in counted.items()
        }
        down = now.grid != "up"
        hot = any(begin <= self.now < end for begin, end in self.plot.hot)
        names = [HOT] * hot + ["UnscheduledIslandContactorOpen" if down else "SystemConnectedToGrid"]
        return Reading.partial(
            "home",
            self._clock(),
            meters,
            soe_raw=now.soe_percent,
            grid_status="DOWN" if down else "UP",
            version="25.10.1" if self.now < self.plot.firmware else "25.18.4",
            alerts=names,
            vitals={INVERTER: {"alerts": [HOT] if hot else []}},
            mode="self_consumption",
            reserve=20.0 if self.now < self.plot.reserve else 35.0,
        )

    # --- time passes -----------------------------------------------------------------------------------------------

    def poll(self) -> None:
        """Read the gateway once, judge and record it."""
        self.polls += 1
        reading = self._reading()
        judged = self.judge.take(reading)
        self.memories.keep("home", self.judge.memory.to_json)
        view = View(self._identity, self._status, judged.reading, self._server, self._clock(), judged, judged)
        self.timeline.take(reading, judged)
        while self._moves:
            self.events.put_right("home", *self._moves.pop(0))
        self.events.take(view, self.judge.memory)
        self.events.settle()

    def live(self, kill_every_seconds: float = HOUR) -> Year:
        """Live through the whole plot."""
        turns = sorted(
            [(begin, True) for begin, _ in self.plot.outages] + [(end, False) for _, end in self.plot.outages]
        )
        cut, right = self.plot.wrong_clock
        next_kill = self.now + kill_every_seconds
        while self.now < self.plot.end:
            self.now += self.step
            while turns and turns[0][0] < self.now:
                self.house.command(grid_outage=turns.pop(0)[1])
            self._keep_books()
            if cut <= self.now < cut + self.step:
                self.wrong = -400 * DAY
                self.kill(reboot=True)
            elif right <= self.now < right + self.step:
                self.wrong = 0.0
            elif self.now >= next_kill:
                self.kill()
                next_kill += kill_every_seconds
            self.poll()
        return self

    # --- what is kept ----------------------------------------------------------------------------------------------

    def told(self) -> list[Event]:
        """All events, by their order on the disk."""
        return self.store.events["home"].after(0)

    def recorded(self, part: str) -> dict[str, float]:
        """Wh of each local day, from the rows of days."""
        times, (column,) = self.archive.days.select(-math.inf, math.inf, [self.archive.column("days", f"{part}_wh")])
        return {
            datetime.fromtimestamp(when, ZONE).date().isoformat(): value
            for when, value in zip(times, column, strict=True)
            if not math.isnan(value)  # of the day after the last, which has just begun
        }

    def happened(self) -> list[tuple[str, float, dict[str, Any]]]:
        """What there was to tell, in its order: kind, when, and what the details must say."""
        found: list[tuple[str, float, dict[str, Any]]] = [
            (kinds.FIRMWARE_CHANGED, self.plot.firmware, {"before": "25.10.1", "after": "25.18.4"}),
            (kinds.RESERVE_CHANGED, self.plot.reserve, {"before": 20.0, "after": 35.0, "by": kinds.ELSEWHERE}),
        ]
        for begin, end in self.plot.outages:
            found.append((kinds.GRID_DOWN, begin, {"purpose": kinds.UNSCHEDULED}))
            found.append((kinds.GRID_UP, end, {"purpose": kinds.UNSCHEDULED}))
        for begin, end in self.plot.hot:
            found += [(kinds.ALERT_BEGUN, begin, {"alert": HOT}), (kinds.ALERT_ENDED, end, {"alert": HOT})]
        return sorted(found, key=lambda one: one[1])

    def faults(self) -> list[str]:
        """What the recorded year says otherwise than the house: events, and the energies of each day; none is right."""
        told, happened = self.told(), self.happened()
        found = [
            f"{kind} of {_clock(at)}: told is {event.kind} at {_clock(event.at)} with {dict(event.details)}"
            for event, (kind, at, details) in zip(told, happened, strict=False)
            if event.kind != kind
            or not at <= event.at <= at + 3.0 * self.step
            or any(event.details.get(name) != value for name, value in details.items())
        ]
        if len(told) != len(happened):
            found.append(f"{len(told)} events are told, {len(happened)} happened: {[one.kind for one in told]}")
        step_wh = WATTS_AT_ONCE / 2.0 * self.step / HOUR
        for part in PARTS:
            days = self.recorded(part)
            truths = {day: parts[part] for day, parts in self.books.days.items()}
            truths["all days"], days["all days"] = math.fsum(truths.values()), math.fsum(days.values())
            for day, truth in truths.items():
                energy = days.get(day, math.nan)
                if not abs(energy - truth) <= TOLERANCE * truth + step_wh:
                    found.append(f"{part} of {day}: {energy:.1f} Wh, the house counted {truth:.1f}")
        return found


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, ZONE).isoformat(sep=" ", timespec="seconds")
