"""Wait, after a gap, for counters that the first answers lack: what they say belongs to the gap, not to one step.

A gateway that comes back may answer with powers before it tells its counters, or repeat the counters from before.
Taken as they come, such polls would put the energy of hours into the five seconds in which the counter is told at last,
or, as no house takes so much at once, lose it. So polls after a gap wait until the counters are there, for
``LATE_SECONDS`` at most. Then the first of them is given what its counters must have been: what they say now, less what
the power says has flowed since.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

from pwserver.history.counter_truth import Counted, CounterTruth
from pwserver.history.layout import ENERGIES, POWERS
from pwserver.records import record

LATE_SECONDS: Final = 60.0
FLOWING_WATTS: Final = 50.0  # with so much in the house a gap has counted something
# Energy -> the column of its power, and the sign of its direction.
DIRECTIONS: Final = {
    "solar": (POWERS.index("solar"), 1.0),
    "home": (POWERS.index("load"), 1.0),
    "battery_charge": (POWERS.index("battery"), -1.0),
    "battery_discharge": (POWERS.index("battery"), 1.0),
    "grid_import": (POWERS.index("site"), 1.0),
    "grid_export": (POWERS.index("site"), -1.0),
}


@record(frozen=True, slots=True)
class Poll:
    """Holds one poll as ``OpenIntervals.take`` is given it."""

    timestamp: float
    values: array[float]
    elapsed: float | None
    found: Counted


def is_late(truth: CounterTruth, polls: Sequence[Poll]) -> bool:
    """Return whether these polls after a gap, the first of which ends it, still lack a counter that will come."""
    first, newest = polls[0], polls[-1]
    if newest.timestamp - first.timestamp >= LATE_SECONDS:
        return False
    if _repeats(truth, first):
        return not (_is_anew(truth, newest) and first.found.told.keys() <= newest.found.told.keys())
    told = {energy for poll in polls for energy in poll.found.told}
    disputed = {energy for poll in polls for energy in poll.found.disputed}
    return any(truth.counts(energy) for energy in set(ENERGIES) - told - disputed)


def completed(truth: CounterTruth, polls: Sequence[Poll], gap_seconds: float, longest_step: float) -> list[Poll]:
    """Return the polls, the first of them with the counters that it lacked, as far as a later one tells them.

    ``gap_seconds``: how long the gap was that the first one ends. ``longest_step``: a longer one is a gap as well.
    """
    first, *later = polls
    repeats = _repeats(truth, first)
    told = {} if repeats else dict(first.found.told)
    for number, poll in enumerate(later, 1):
        if repeats and not _is_anew(truth, poll):
            later[number - 1] = replace(poll, found=Counted({}, poll.found.disputed))
            continue
        for energy, value in poll.found.told.items():
            before = truth.last_told(energy)
            if energy not in told and truth.counts(energy) and value >= before:
                flowed = _flowed(energy, polls[: number + 1], longest_step)
                # Of two gaps in a row only the sum is known, and is spread evenly over both.
                share = gap_seconds / (gap_seconds + poll.timestamp - first.timestamp)
                told[energy] = before + (value - before) * share if flowed is None else max(before, value - flowed)
    if repeats and not told:  # nothing was told anew: the gateway says that nothing flowed
        return list(polls)
    return [replace(first, found=Counted(told, first.found.disputed)), *later]


def _repeats(truth: CounterTruth, poll: Poll) -> bool:
    """Return whether a poll tells counters, all as they were before the gap, while energy flows in the house."""
    known = any(truth.counts(energy) for energy in poll.found.told)
    flowing = any(abs(poll.values[column]) >= FLOWING_WATTS for column in range(len(POWERS)))
    return known and flowing and not _is_anew(truth, poll)


def _is_anew(truth: CounterTruth, poll: Poll) -> bool:
    """Return whether a poll tells a counter that is not as it was before the gap."""
    told = poll.found.told.items()
    return any(truth.counts(energy) and value != truth.last_told(energy) for energy, value in told)


def _flowed(energy: str, polls: Sequence[Poll], longest_step: float) -> float | None:
    """Return what the powers of consecutive polls say of one energy, in Wh; None where there is a gap between them."""
    column, sign = DIRECTIONS[energy]
    total = 0.0
    for before, after in pairwise(polls):
        seconds = after.timestamp - before.timestamp if after.elapsed is None else after.elapsed
        if seconds > longest_step:
            return None
        watts = (max(0.0, sign * before.values[column]) + max(0.0, sign * after.values[column])) / 2.0
        total += watts * seconds / 3600.0  # max() takes NaN for 0: what is not known has not flowed
    return total
