"""Choose the ring that answers a question: the coarsest that is fine enough, among those that reach back far enough."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from pwserver.history.archive import Archive
from pwserver.history.layout import LAST_COLUMNS, SAMPLES
from pwserver_ext import buckets
from pwserver_ext.buckets import LAST, MAXIMUM, MEAN, MINIMUM, SUM
from pwserver_ext.ring import Ring

FINE_TO_COARSE = ("polls", "minutes", "quarters", "days")
_DAY_SLACK_SECONDS = 7200.0  # a local day is up to so much longer or shorter than 24 h


@dataclass(frozen=True, slots=True)
class Chosen:
    """Names a ring, and the bucket width in seconds to use with it."""

    name: str
    ring: Ring
    step_seconds: float


def choose(archive: Archive, start: float, step_seconds: float, names: Sequence[str] = FINE_TO_COARSE) -> Chosen:
    """Choose the ring for a window that begins at ``start`` and wants a point every ``step_seconds``.

    A ring reaches far enough when no coarser one knows anything older. When only coarser rings reach that far, the
    step grows to theirs.
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
        return Chosen(names[best], rings[best], max(step_seconds, rings[best].step_seconds))
    # The coarsest ring that fits reads the fewest rows for the same answer.
    fitting = [index for index in reaching if _fits(names[index], rings[index], step_seconds)]
    best = fitting[-1] if fitting else reaching[0]
    width = rings[best].step_seconds
    return Chosen(names[best], rings[best], step_seconds if fitting else max(step_seconds, width))


def _width(ring: Ring) -> float:
    return ring.step_seconds + (_DAY_SLACK_SECONDS if ring.step_seconds >= 86400.0 else 0.0)


def _fits(name: str, ring: Ring, step_seconds: float) -> bool:
    if name == "polls":
        return True
    return step_seconds >= ring.step_seconds and step_seconds % ring.step_seconds == 0.0


def aggregate(
    archive: Archive, chosen: Chosen, start: float, end: float, fields: Sequence[str]
) -> tuple[array[float], list[array[float]]]:
    """Sum up the chosen ring in buckets, for these columns (``soe``, ``site_min``, ``solar_wh`` …).

    A column the ring does not have is NaN throughout; of the polls, ``site_min`` and ``site_max`` are found by
    looking at every poll.
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
        elif field == SAMPLES or field.endswith("_wh"):
            kinds.append(SUM)
        else:
            kinds.append(LAST if field in LAST_COLUMNS else MEAN)
        places.append(len(columns))
        columns.append(positions[source])
    weight = positions.get(SAMPLES, -1)
    step = chosen.step_seconds
    if chosen.name == "polls":
        times, polls, values = buckets.aggregate(chosen.ring, start, end, step, kinds, columns)
        if counted is not None:
            places[counted] = len(values)
            values.append(polls)
    elif chosen.name == "days":
        times, values = _days(chosen, start, end, kinds, columns, weight)
    else:
        begin = start // chosen.ring.step_seconds * chosen.ring.step_seconds
        times, _, values = buckets.aggregate(chosen.ring, begin, end, step, kinds, columns, 0.0, weight)
    nothing = array("d", [float("nan")]) * len(times)
    return times, [nothing if place is None else values[place] for place in places]


def _days(
    chosen: Chosen, start: float, end: float, kinds: Sequence[int], columns: Sequence[int], weight: int
) -> tuple[array[float], list[array[float]]]:
    """Read local days: one by one, or several in a bucket, counted from the oldest day there is."""
    begin = start - 86400.0 + 1.0  # the day that holds the start began up to a day before it
    if chosen.step_seconds == 86400.0:
        return chosen.ring.select(begin, end, columns)
    bounds = chosen.ring.bounds()
    # Local midnights are not exactly 24 h apart: half a day of room on both sides keeps each in its bucket.
    origin = (bounds[0] if bounds is not None else 0.0) - 43200.0
    times, _, values = buckets.aggregate(chosen.ring, begin, end, chosen.step_seconds, kinds, columns, origin, weight)
    return array("d", [when + 43200.0 for when in times]), values
