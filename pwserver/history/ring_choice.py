"""Choose the ring that answers a question: the coarsest that is fine enough, among those that reach back far enough.

Every window is half-open: its start belongs to it, its end does not. Of a ring it has the rows whose interval overlaps
it, and no others.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence

from pwserver.history.archive import Archive
from pwserver.history.days import day_span, zone
from pwserver.history.layout import BOOK_NAMES, DAY_SECONDS, LAST_COLUMNS, SAMPLES, longest_step
from pwserver.records import record
from pwserver_ext import buckets
from pwserver_ext.buckets import LAST, MAXIMUM, MEAN, MINIMUM, SUM
from pwserver_ext.ring import Ring

FINE_TO_COARSE = ("polls", "minutes", "quarters", "days")
COVERED_SECONDS = BOOK_NAMES[0]  # by which the rows of an interval weigh in a mean
_ADDED = (SAMPLES, *BOOK_NAMES)
LONGEST_DAY_SECONDS = 27 * 3600.0  # a local day on which clocks are set back
_DAY_SLACK_SECONDS = 7200.0  # a local day is up to so much longer or shorter than 24 h


@record(frozen=True, slots=True)
class Chosen:
    """Names a ring, and the bucket width in seconds to use with it."""

    name: str
    ring: Ring
    step_seconds: float


def choose(archive: Archive, start: float, step_seconds: float, names: Sequence[str] = FINE_TO_COARSE) -> Chosen:
    """Choose the ring for a window that begins at ``start`` and wants a point every ``step_seconds``.

    A ring reaches far enough when no coarser one knows anything older. When only coarser rings reach that far, the
    step grows to a whole number of theirs: a stored row lies in one step and is never divided.
    """
    rings = [archive.rings[name] for name in names]
    bounds = [ring.bounds() for ring in rings]
    reaching: list[int] = []
    for index, found in enumerate(bounds):
        if found is None:
            continue
        older = [
            other
            for later, other in enumerate(bounds)
            if later > index and other is not None and other[0] + _width(rings[later]) <= found[0]
        ]
        if found[0] <= start or not older:
            reaching.append(index)
    if not reaching:
        known = [index for index, found in enumerate(bounds) if found is not None]
        best = known[-1] if known else 0
        return Chosen(names[best], rings[best], _whole(step_seconds, rings[best]))
    # The coarsest ring that fits reads the fewest rows for the same answer.
    fitting = [index for index in reaching if _fits(names[index], rings[index], step_seconds)]
    best = fitting[-1] if fitting else reaching[0]
    return Chosen(names[best], rings[best], step_seconds if fitting else _whole(step_seconds, rings[best]))


def _whole(step_seconds: float, ring: Ring) -> float:
    """Return the next whole number of the ring's rows that is as long."""
    return max(1.0, math.ceil(step_seconds / ring.step_seconds)) * ring.step_seconds


def before(end: float) -> float:
    """Return the last instant of a window that ends at ``end``, which is not a part of it."""
    return math.nextafter(end, -math.inf)


def first_step(archive: Archive, start: float, step_seconds: float) -> tuple[float, float]:
    """Return (where the step that holds ``start`` begins, where steps are counted from), epoch seconds.

    Steps that divide a day, or are whole days, are counted from the local midnight before, so that rows frame the day
    in every time zone; others from 1970.
    """
    origin = 0.0
    if DAY_SECONDS % step_seconds == 0.0 or step_seconds % DAY_SECONDS == 0.0:
        origin = day_span(start, zone(archive.timezone))[0] // 60.0 * 60.0
    return (start - origin) // step_seconds * step_seconds + origin, origin


def _width(ring: Ring) -> float:
    return ring.step_seconds + (_DAY_SLACK_SECONDS if ring.step_seconds >= 86400.0 else 0.0)


def _fits(name: str, ring: Ring, step_seconds: float) -> bool:
    if name == "polls":
        return True
    return step_seconds >= ring.step_seconds and step_seconds % ring.step_seconds == 0.0


def aggregate(
    archive: Archive, chosen: Chosen, start: float, end: float, fields: Sequence[str], origin: float = 0.0
) -> tuple[array[float], list[array[float]]]:
    """Sum up the chosen ring in buckets from ``start`` to before ``end``, for columns (``soe``, ``site_min`` …).

    A bucket begins at ``origin`` plus a whole number of steps; of days the first one is the day that holds ``start``.
    A mean is one over time. A column the ring does not have is NaN throughout; of the polls, ``site_min`` and
    ``site_max`` are found by looking at every poll.
    """
    positions = archive.columns(chosen.name)
    kinds: list[int] = []
    columns: list[int] = []
    places: list[int | None] = []
    counted = fields.index(SAMPLES) if SAMPLES in fields and SAMPLES not in positions else None
    for field in fields:
        base, _, end_name = field.rpartition("_")
        source = field if field in positions else base if end_name in ("min", "max") else ""
        if source not in positions:
            places.append(None)
            continue
        if end_name in ("min", "max"):
            kinds.append(MINIMUM if end_name == "min" else MAXIMUM)
        elif field in _ADDED or field.endswith("_wh"):
            kinds.append(SUM)
        else:
            kinds.append(LAST if field in LAST_COLUMNS else MEAN)
        places.append(len(columns))
        columns.append(positions[source])
    weight = positions.get(COVERED_SECONDS, -1)
    step = chosen.step_seconds
    if chosen.name == "polls":
        interval = archive.settings.poll_interval
        # A step no longer than that between two polls shows the polls themselves.
        bridged = longest_step(interval) if step > interval else 0.0
        times, polls, values = buckets.aggregate(
            chosen.ring, start, before(end), step, kinds, columns, origin, longest_gap=bridged
        )
        if counted is not None:
            places[counted] = len(values)
            values.append(polls)
    elif chosen.name == "days":
        times, values = _days(archive, chosen, start, end, kinds, columns, weight)
    else:
        begin = start // chosen.ring.step_seconds * chosen.ring.step_seconds
        times, _, values = buckets.aggregate(chosen.ring, begin, before(end), step, kinds, columns, origin, weight)
    nothing = array("d", [float("nan")]) * len(times)
    return times, [nothing if place is None else values[place] for place in places]


def _days(
    archive: Archive,
    chosen: Chosen,
    start: float,
    end: float,
    kinds: Sequence[int],
    columns: Sequence[int],
    weight: int,
) -> tuple[array[float], list[array[float]]]:
    """Read local days: one by one, or several in a bucket, counted from the day that holds ``start``."""
    ring, begin = chosen.ring, first_day(archive, start)
    if chosen.step_seconds == DAY_SECONDS:
        return ring.select(begin, before(end), columns)
    # Local midnights are not exactly 24 h apart: half a day of room on both sides keeps each in its bucket.
    origin = min(begin, day_span(start, zone(archive.timezone))[0]) - DAY_SECONDS / 2.0
    step = chosen.step_seconds
    times, _, values = buckets.aggregate(
        ring, begin, before(end), step, kinds, columns, origin, weight, first_rows=True
    )
    return times, values


def first_day(archive: Archive, start: float) -> float:
    """Return when the recorded day began that holds ``start``; where none does, ``start``."""
    days, where = archive.days, zone(archive.timezone)
    earlier = days.select(-math.inf, start, [], 1)[0]
    if not earlier:
        return start
    # The next row tells where a day ended that was counted in another time zone, before the house told its own.
    ends = day_span(earlier[0] + 1.0, where)[1]
    following = days.select(math.nextafter(start, math.inf), earlier[0] + LONGEST_DAY_SECONDS, [])[0]
    return earlier[0] if start < (following[0] if following else ends) else start
