"""Guard the energy counters: judge whether one has dipped, was reset, or was reported wrongly. Only this module does.

Prometheus, Home Assistant and everything else that adds up differences take a counter that falls for a new meter, and
count its whole lifetime once more. So each counter passes through here once per reading, and every output (documents,
metrics, line protocol, MQTT, history, replicas, sums) takes the result. The rules:

* **A count** is a finite number from 0 to ``MOST_WH``. Any other value is set aside; the last known count stands for
  ``KEPT_SECONDS``, after that the counter is unknown. If all counters of the main meters are exactly 0, the firmware
  does not report energies, and all are unknown.
* **A dip**: the counter is held at its highest value until the gateway passes that. Falls of up to ``JITTER_WH`` are
  rounding, and not reported.
* **A reset** is a fall to near zero that then grows: to at most ``NEAR_ZERO_SHARE`` of the counter (plus what a house
  can have counted since the last report), never falling, seen in ``RESET_READINGS`` answers over at least
  ``RESET_SECONDS``, the last above the first. A restarting gateway shows unsettled counters in some answers. To believe
  a reset late costs nothing, as the new meter's count is then taken over whole; to believe one wrongly costs the
  lifetime of the old meter in all totals.
* **A leap** upwards that no house can make (more than ``LEAP_WH`` and ``LEAP_WATTS`` since the last report) needs the
  same confirmation, so that a single absurd value does not hold the counter for ever.
* **A thousandth** of the counter (within ``SAME_SHARE``) that grows at less than ``CRAWLING_WATTS`` is no new meter but
  the same one in kilowatt-hours.
* **An absurd height** that was believed all the same is given up when the counter has stayed far below it for
  ``SETTLED_SECONDS`` without falling and would, at its pace, not reach it within fifty times as long.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.state.fact import finite

MOST_WH: Final = 1e12  # a site of a megawatt counts a quarter of this in thirty years
KEPT_SECONDS: Final = 3600.0
JITTER_WH: Final = 5.0
ROUNDING_WH: Final = 0.5  # a new level may fall by this much while it waits for confirmation
NEAR_ZERO_SHARE: Final = 0.01
HOUSE_WATTS: Final = 10_000.0  # a new meter may have counted at this power before its first report
RESET_READINGS: Final = 3
RESET_SECONDS: Final = 30.0
LEAP_WH: Final = 1_000.0  # allowed regardless of time, as gateways count in steps and report late
LEAP_WATTS: Final = 250_000.0  # more than the breakers of the largest home pass
SETTLED_SECONDS: Final = 7 * 86_400.0
SETTLED_PATIENCE: Final = 50.0
SAME_SHARE: Final = 0.01
CRAWLING_WATTS: Final = 20.0  # a counter in kWh grows by one "Wh" an hour for each kilowatt
RESET_NAMED_SECONDS: Final = 86_400.0  # how long /health mentions a reset
MAX_COUNTERS: Final = 256  # names of wireless meters and units come from outside
PER_WATT_HOUR: Final[Mapping[str, float]] = {"Wh": 1.0, "Ws": 3600.0}  # the units in which gateways count


@record(slots=True)
class Trial:
    """Holds values at another level than the counter's, which wait for confirmation. They never fall."""

    first: float
    last: float
    since: float  # epoch seconds of the first value
    seen: float  # epoch seconds of the last value
    unseen: float = 0.0  # how much a new meter may have counted before the first value
    readings: int = 1


@record(slots=True)
class Counter:
    """Remembers one counter: the value that all outputs show, and when the gateway last reported it."""

    held: float  # the value that all outputs show
    at: float  # epoch seconds of the gateway's last report
    trial: Trial | None = None
    reset_at: float = 0.0  # epoch seconds at which the last reset was believed; 0 for never
    reset_from: float = 0.0
    reset_to: float = 0.0
    told: float | None = None  # the last value that the gateway reported, believed or not; None when it was not kept

    def to_json(self) -> list[float]:
        """Return everything as one list of numbers."""
        row = [self.held, self.at, self.reset_at, self.reset_from, self.reset_to]
        row.append(self.held if self.told is None else self.told)
        if self.trial is not None:
            trial = self.trial
            row += [trial.first, trial.last, trial.since, trial.seen, trial.unseen, trial.readings]
        return row

    @classmethod
    def from_json(cls, row: object) -> Counter | None:
        """Return the counter that ``to_json`` wrote; None when the row is not one."""
        if isinstance(row, list) and len(row) in (5, 11):  # written by a version that did not keep ``told``
            row = [*row[:5], row[0], *row[5:]]
        if not isinstance(row, list) or len(row) not in (6, 12) or any(finite(cell) is None for cell in row):
            return None
        if not 0 <= row[0] <= MOST_WH:
            return None
        return cls(row[0], row[1], Trial(*row[6:]) if len(row) == 12 else None, *row[2:6])


@record(frozen=True, slots=True)
class Count:
    """Holds the judged value of one counter, which all outputs show."""

    value: float | None
    rule: str = "measured"  # a key of ``fact.RULES``
    at: float | None = None  # epoch seconds at which the gateway reported it
    set_aside: str | None = None  # what the gateway reported instead, and why that is not believed


@record(slots=True)
class CounterGuard:
    """Judges the counters of one gateway, by names such as ``load.energy_imported``. Bounded."""

    counters: dict[str, Counter] = field(default_factory=dict)

    def take(self, name: str, told: object, at: float, unit: str = "Wh", announced: float | None = None) -> Count:
        """Judge the value ``told`` that the gateway reported at the time ``at``; None when it reported none.

        ``unit`` is a key of PER_WATT_HOUR, always the same for one counter. ``announced`` is the time at which the
        server that a replica follows believed a reset, so that the replica believes it at the same moment.
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

    def _kept(self, counter: Counter | None, at: float, refused: str | None, unit: str) -> Count:
        """Return the last known count for a while, together with the report that was not believed, if any."""
        if counter is None or at - counter.at > KEPT_SECONDS:
            return Count(None, set_aside=refused)
        if refused is None and counter.told not in (None, counter.held):
            refused = dispute(counter.told, counter.held, unit)
        return Count(counter.held, "kept", counter.at, refused)

    def _begin(self, name: str, value: float, at: float) -> Counter | None:
        """Begin to remember a counter; None when there is no room and no other has been silent for long."""
        if len(self.counters) >= MAX_COUNTERS:
            oldest = min(self.counters, key=lambda known: self.counters[known].at)
            if self.counters[oldest].at >= at - KEPT_SECONDS:
                return None
            del self.counters[oldest]
        counter = self.counters[name] = Counter(value, at)
        return counter

    def _judge(self, counter: Counter, value: float, at: float, scale: float) -> None:
        """Follow a counter that grows; put a value at another level on trial."""
        gained_wh = (value - counter.held) / scale
        if 0.0 <= gained_wh <= leap_wh(at - counter.at):
            counter.held, counter.trial = value, None
            return
        if -JITTER_WH <= gained_wh < 0.0:
            counter.trial = None  # the counter is back at its level, so the other one was a disturbance
            return
        trial = counter.trial
        if trial is None or interrupted(trial, counter.held, value, at, scale):
            unseen = scale * HOUSE_WATTS * max(0.0, at - counter.at) / 3600.0
            counter.trial = Trial(value, value, at, at, unseen)
            return
        if at > trial.seen:
            trial.readings, trial.seen, trial.last = trial.readings + 1, at, max(trial.last, value)
        if confirmed(trial, counter.held, at, scale):
            self._believe(counter, value, at)

    def _believe(self, counter: Counter, value: float, at: float) -> None:
        if value < counter.held:
            counter.reset_at, counter.reset_from, counter.reset_to = at, counter.held, value
        counter.held, counter.trial = value, None

    def to_json(self) -> JsonObject:
        """Return all counters as plain JSON."""
        return {name: counter.to_json() for name, counter in self.counters.items()}

    @classmethod
    def from_json(cls, kept: object) -> CounterGuard:
        """Return the counters that ``to_json`` wrote; parts that cannot be understood are left out."""
        guard = cls()
        for name, row in list(kept.items())[:MAX_COUNTERS] if isinstance(kept, Mapping) else ():
            counter = Counter.from_json(row)
            if counter is not None:
                guard.counters[str(name)] = counter
        return guard


def leap_wh(seconds: float) -> float:
    """Return the highest number of watt-hours that a counter can gain in so many seconds."""
    return LEAP_WH + LEAP_WATTS * max(0.0, seconds) / 3600.0


def interrupted(trial: Trial, held: float, value: float, at: float, scale: float) -> bool:
    """Return whether a value does not continue a trial: on the other side, falling, leaping, or an older answer."""
    gained_wh = (value - trial.last) / scale
    below = value < held
    return (
        at < trial.seen
        or below != (trial.last < held)
        or gained_wh < -ROUNDING_WH
        or (below and gained_wh > leap_wh(at - trial.seen))
    )


def confirmed(trial: Trial, held: float, at: float, scale: float = 1.0) -> bool:
    """Return whether the values on trial have proved to be the counter's."""
    seconds = at - trial.since
    if trial.readings < RESET_READINGS or seconds < RESET_SECONDS:
        return False
    if trial.first > held:
        return True  # a leap only has to be repeated; a fall also has to grow
    grown = trial.last - trial.first
    if grown <= 0.0:
        return False
    crawls = grown / scale < CRAWLING_WATTS * seconds / 3600.0
    if crawls and abs(trial.first * 1000.0 - held) <= SAME_SHARE * held:
        return False
    # At most half of the counter: after days without a report, ``unseen`` alone would make any fall a reset.
    if trial.first <= min(NEAR_ZERO_SHARE * held + trial.unseen, 0.5 * held):
        return True
    return seconds >= SETTLED_SECONDS and held - trial.last > grown * SETTLED_PATIENCE


def refusal(told: object, unit: str) -> str:
    """Return a sentence that says why a value is not a count."""
    number = finite(told)
    if number is None:
        return f"{str(told)[:40]} is no number"
    return f"{number} {unit} is below 0: no count" if -MOST_WH < number < 0 else "a number that no house can count"


def dispute(value: float, held: float, unit: str) -> str | None:
    """Return a sentence that says why a reported value is not believed; None if it only differs by rounding."""
    if value > held:
        return f"{value} {unit} is far above {held} {unit}: withheld until confirmed"
    if held - value <= JITTER_WH * PER_WATT_HOUR[unit]:
        return None
    return f"{value} {unit} is below {held} {unit}: held until passed, or until it grows from near zero"


def all_zero(values: Iterable[object]) -> bool:
    """Return whether every known counter is exactly 0, as with firmware that does not report energies."""
    known = [number for number in map(finite, values) if number is not None]
    return bool(known) and not any(known)
