"""Guard the energy counters: decide whether one has fallen, begun anew, or was told wrongly. This is decided only here.

A lifetime counter that falls is taken for a new meter by Prometheus, Home Assistant and everything that adds up
differences: they count its whole lifetime once more. So each counter passes here once per reading, and every output
(documents, metrics, line protocol, MQTT, history, replicas, sums) takes what comes out. The rules:

* **Told.** A counter is a finite number from 0 to ``MOST_WH``. Anything else is no count: it is set aside, and what
  was last known stands for ``KEPT_SECONDS``, after that nothing. All counters of the main meters being exactly 0 means
  that the firmware does not report energies: nothing is told then.
* **A dip** is held at the highest value until that is passed. Falls up to ``JITTER_WH`` are rounding, and not worth a
  word.
* **A reset** is a fall to near zero that then grows: at most ``NEAR_ZERO_SHARE`` of the counter (and what a house can
  have counted since the counter was last told), never falling, seen in ``RESET_READINGS`` answers over at least
  ``RESET_SECONDS``, the last above the first. A gateway that restarts shows unsettled counters for some answers;
  believing a reset late costs nothing, as the new meter's count is taken over whole; believing one wrongly costs the
  lifetime of the old meter in all totals.
* **A leap** upwards that no house can make (more than ``LEAP_WH`` and ``LEAP_WATTS`` since it was last told) waits for
  the same confirmation, so that a single absurd value does not hold the counter for ever.
* **An absurd height** that was believed all the same is given up when the counter has stayed far below it for
  ``SETTLED_SECONDS`` without falling and would, at its pace, not reach it within fifty times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pwserver.state.fact import finite

MOST_WH: Final = 1e12  # a site of a megawatt counts a quarter of this in thirty years
KEPT_SECONDS: Final = 3600.0
JITTER_WH: Final = 5.0
ROUNDING_WH: Final = 0.5  # what a new level may fall by while it waits for being believed
NEAR_ZERO_SHARE: Final = 0.01
HOUSE_WATTS: Final = 10_000.0  # what a new meter may have counted unseen while nothing was told
RESET_READINGS: Final = 3
RESET_SECONDS: Final = 30.0
LEAP_WH: Final = 1_000.0
LEAP_WATTS: Final = 250_000.0
SETTLED_SECONDS: Final = 7 * 86_400.0
SETTLED_PATIENCE: Final = 50.0
RESET_NAMED_SECONDS: Final = 86_400.0  # a believed reset is named in /health for so long
MAX_COUNTERS: Final = 256
PER_WATT_HOUR: Final[Mapping[str, float]] = {"Wh": 1.0, "Ws": 3600.0}  # the units in which gateways count


@dataclass(slots=True)
class Trial:
    """Values at another level than the counter's, which wait for being believed. They never fall."""

    first: float
    last: float
    since: float  # epoch seconds of the first
    seen: float  # and of the last
    unseen: float = 0.0  # what a new meter may have counted before the first
    readings: int = 1


@dataclass(slots=True)
class Counter:
    """What is remembered of one counter: the value that all outputs were told, and when the gateway last told it."""

    held: float
    at: float
    trial: Trial | None = None
    reset_at: float = 0.0  # epoch seconds at which the last reset was believed; 0 for never
    reset_from: float = 0.0
    reset_to: float = 0.0
    told: float | None = None  # what the gateway said last, believed or not; None when that is not kept

    def to_json(self) -> list[float]:
        """Return everything as one list of numbers."""
        row = [self.held, self.at, self.reset_at, self.reset_from, self.reset_to]
        row.append(self.held if self.told is None else self.told)
        if self.trial is not None:
            trial = self.trial
            row += [trial.first, trial.last, trial.since, trial.seen, trial.unseen, trial.readings]
        return row

    @classmethod
    def from_json(cls, row: Any) -> Counter | None:
        """Take back what ``to_json`` gave; None when it cannot be that."""
        if isinstance(row, list) and len(row) in (5, 11):  # of a version that did not keep what was told
            row = [*row[:5], row[0], *row[5:]]
        if not isinstance(row, list) or len(row) not in (6, 12) or any(finite(cell) is None for cell in row):
            return None
        if not 0 <= row[0] <= MOST_WH:
            return None
        return cls(row[0], row[1], Trial(*row[6:]) if len(row) == 12 else None, *row[2:6])


@dataclass(frozen=True, slots=True)
class Count:
    """What all outputs are told of one counter. ``rule`` is a key of ``fact.RULES``."""

    value: float | None
    rule: str = "measured"
    at: float | None = None  # epoch seconds at which the gateway told it
    set_aside: str | None = None  # what the gateway said instead, and why that is not believed


@dataclass(slots=True)
class CounterGuard:
    """The counters of one gateway by name, ``load.energy_imported`` for instance. Bounded."""

    counters: dict[str, Counter] = field(default_factory=dict)

    def take(self, name: str, told: object, at: float, unit: str = "Wh", announced: float | None = None) -> Count:
        """Judge what the gateway told of one counter at the time ``at``; None when it told nothing.

        ``unit`` is a key of PER_WATT_HOUR, always the same for one counter. ``announced`` is when somebody who judged
        the counter before us believed a reset of it: a replica believes it at the same moment.
        """
        counter, value, scale = self.counters.get(name), finite(told), PER_WATT_HOUR[unit]
        if value is None or not 0 <= value <= MOST_WH * scale:
            return self._kept(counter, at, None if told is None else refusal(told, unit), unit)
        if counter is None:
            counter = self._begin(name, value, at)
            if counter is None:
                return Count(None, set_aside=f"there are more than {MAX_COUNTERS} counters")
            counter.reset_at = announced or 0.0
        elif announced is not None and announced > counter.reset_at:
            self._believe(counter, value, announced)
            counter.reset_at = announced
        else:
            self._judge(counter, value, at, scale)
        counter.at = at
        counter.told = value
        if counter.held == value:
            return Count(value, at=at)
        return Count(counter.held, "held", at, dispute(value, counter.held, unit))

    def resets(self) -> dict[str, float]:
        """Return when a reset was last believed, by counter."""
        return {name: counter.reset_at for name, counter in self.counters.items() if counter.reset_at}

    def _kept(self, counter: Counter | None, at: float, refused: str | None, unit: str) -> Count:
        """Return what was last known, for a while; what was not believed of it then is said as long."""
        if counter is None or at - counter.at > KEPT_SECONDS:
            return Count(None, set_aside=refused)
        if refused is None and counter.told not in (None, counter.held):
            refused = dispute(counter.told, counter.held, unit)
        return Count(counter.held, "kept", counter.at, refused)

    def _begin(self, name: str, value: float, at: float) -> Counter | None:
        """Begin to remember a counter; where there is no room, one that was not told for long makes some."""
        if len(self.counters) >= MAX_COUNTERS:
            oldest = min(self.counters, key=lambda known: self.counters[known].at)
            if self.counters[oldest].at >= at - KEPT_SECONDS:
                return None
            del self.counters[oldest]
        counter = self.counters[name] = Counter(value, at)
        return counter

    def _judge(self, counter: Counter, value: float, at: float, scale: float) -> None:
        """Follow a counter that grows; try a value at another level."""
        gained_wh = (value - counter.held) / scale
        if 0.0 <= gained_wh <= leap_wh(at - counter.at):
            counter.held, counter.trial = value, None
            return
        if -JITTER_WH <= gained_wh < 0.0:
            counter.trial = None
            return
        trial = counter.trial
        if trial is None or interrupted(trial, counter.held, value, at, scale):
            unseen = scale * HOUSE_WATTS * max(0.0, at - counter.at) / 3600.0
            counter.trial = Trial(value, value, at, at, unseen)
            return
        if at > trial.seen:
            trial.readings, trial.seen, trial.last = trial.readings + 1, at, max(trial.last, value)
        if confirmed(trial, counter.held, at):
            self._believe(counter, value, at)

    def _believe(self, counter: Counter, value: float, at: float) -> None:
        if value < counter.held:
            counter.reset_at, counter.reset_from, counter.reset_to = at, counter.held, value
        counter.held, counter.trial = value, None

    def to_json(self) -> dict[str, Any]:
        """Return all counters as plain JSON."""
        return {name: counter.to_json() for name, counter in self.counters.items()}

    @classmethod
    def from_json(cls, kept: Any) -> CounterGuard:
        """Take back what ``to_json`` gave; whatever cannot be understood is left out."""
        guard = cls()
        for name, row in list(kept.items())[:MAX_COUNTERS] if isinstance(kept, Mapping) else ():
            counter = Counter.from_json(row)
            if counter is not None:
                guard.counters[str(name)] = counter
        return guard


def leap_wh(seconds: float) -> float:
    """Return the most watt-hours that a counter can gain in so many seconds."""
    return LEAP_WH + LEAP_WATTS * max(0.0, seconds) / 3600.0


def interrupted(trial: Trial, held: float, value: float, at: float, scale: float) -> bool:
    """Tell whether a value does not continue what is on trial: other side, falling, leaping, or an older answer."""
    gained_wh = (value - trial.last) / scale
    below = value < held
    return (
        at < trial.seen
        or below != (trial.last < held)
        or gained_wh < -ROUNDING_WH
        or (below and gained_wh > leap_wh(at - trial.seen))
    )


def confirmed(trial: Trial, held: float, at: float) -> bool:
    """Tell whether the values at another level have proved to be the counter's."""
    seconds = at - trial.since
    if trial.readings < RESET_READINGS or seconds < RESET_SECONDS:
        return False
    if trial.first > held:
        return True
    grown = trial.last - trial.first
    if grown <= 0.0:
        return False
    if trial.first <= min(NEAR_ZERO_SHARE * held + trial.unseen, 0.5 * held):
        return True
    return seconds >= SETTLED_SECONDS and held - trial.last > grown * SETTLED_PATIENCE


def refusal(told: object, unit: str) -> str:
    """Say why a value is no count."""
    number = finite(told)
    if number is None:
        return f"{str(told)[:40]} is no number"
    return f"{number} {unit} is below 0: no count" if -MOST_WH < number < 0 else "a number that no house can count"


def dispute(value: float, held: float, unit: str) -> str | None:
    """Say why a told value is not believed; None where it only differs by rounding."""
    if value > held:
        return f"{value} {unit} is far above {held} {unit}: withheld until confirmed"
    if held - value <= JITTER_WH * PER_WATT_HOUR[unit]:
        return None
    return f"{value} {unit} is below {held} {unit}: held until passed, or until it grows from near zero"


def all_zero(values: Iterable[object]) -> bool:
    """Tell whether every known counter is exactly 0, as firmware writes that does not report energies."""
    known = [number for number in map(finite, values) if number is not None]
    return bool(known) and not any(known)
