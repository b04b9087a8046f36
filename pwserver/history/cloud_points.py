"""Read what Tesla's ``calendar_history`` says of one local day, and believe only what is clear.

A point stands for the five minutes (a quarter hour where there is only solar) from its time on. Points are known by
UTC. Missing is not zero: an answer can be an empty text, and rows that Tesla has not filled yet are all zero.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.history.days import day_window
from pwserver.history.layout import MOST_WATTS, POWERS
from pwserver.records import record
from pwserver.state.fact import finite

SLOT_SECONDS: Final = 300
QUARTER_SLOT_SECONDS: Final = 900
MOST_ROWS: Final = 2000  # a day has at most 324 of them

# Why rows are not taken; each completes "NUMBER rows …".
NO_TIME, OUTSIDE, TWICE, ZERO, EMPTY = (
    "have no time with an offset",
    "are not of the day that was asked for",
    "contradict another of the same time",
    "are all zero, which is how Tesla shows what it does not have yet",
    "have no power",
)
# Why a whole answer is not taken; each is a sentence about Tesla's answer.
NO_DATA: Final = "Tesla has no data of this day"
TOO_LONG: Final = "the answer has more rows than a day"
OTHER_DAY: Final = "the answer is of another day, or of another time zone"
OTHER_OFFSET: Final = "the answer has another offset from UTC than the house, and does not cover the day"


class NotBelieved(Exception):
    """Raised for an answer that is not taken; its text is the reason."""


@record(slots=True)
class CloudDay:
    """Holds the points of one local day: epoch seconds -> watts by POWERS, NaN where Tesla said nothing."""

    slot_seconds: int = SLOT_SECONDS  # for how long a point stands
    powers: dict[int, tuple[float, ...]] = field(default_factory=dict)
    percent: dict[int, float] = field(default_factory=dict)  # charge on the app's scale, by quarter hour
    refused: Counter[str] = field(default_factory=Counter)  # rows by the reason


def read_powers(answer: object, day: datetime.date, where: ZoneInfo) -> CloudDay:
    """Return the points of an answer of the kind ``power``. Raises NotBelieved."""
    found = CloudDay()
    rows = _unique(_timed(answer, day, where, found.refused), found.refused)
    if not rows:
        raise NotBelieved(NO_DATA)
    if len(rows) > 1 and all(when % QUARTER_SLOT_SECONDS == 0 for when in rows):
        found.slot_seconds = QUARTER_SLOT_SECONDS
    measured = {when: _powers(row) for when, row in rows.items()}
    alone = all(not grid and not battery for grid, _, battery, _ in measured.values())
    last = max((when for when, row in measured.items() if any(row)), default=-math.inf)
    for when, (grid, solar, battery, generator) in sorted(measured.items()):
        # Where no battery is metered the sun may be the only thing that is, and at night it is zero: then zeros before
        # the last power are real.
        if not any((grid, solar, battery, generator)) and (not alone or when > last):
            found.refused[EMPTY if grid is solar is battery is None else ZERO] += 1
            continue
        found.powers[when] = _row(None if alone else grid, solar, None if alone else battery, generator)
    if not found.powers:
        raise NotBelieved(NO_DATA)
    return found


def add_charge(found: CloudDay, answer: object, day: datetime.date, where: ZoneInfo) -> None:
    """Add the charge that an answer of the kind ``soe`` has. Raises NotBelieved, and then adds nothing."""
    rows = _unique(_timed(answer, day, where, found.refused), found.refused)
    if not rows:
        raise NotBelieved(NO_DATA)
    for when, row in rows.items():
        percent = _number(row.get("soe"), 100.0)
        if percent is not None and percent >= 0.0 and when % QUARTER_SLOT_SECONDS == 0:
            found.percent[when] = percent


def _timed(
    answer: object, day: datetime.date, where: ZoneInfo, refused: Counter[str]
) -> list[tuple[int, Mapping[str, object]]]:
    """Return the rows of an answer with their times. Raises NotBelieved for one that is of another time."""
    series = answer.get("time_series") if isinstance(answer, Mapping) else None
    if not isinstance(series, list) or not series:
        raise NotBelieved(NO_DATA)
    if len(series) > MOST_ROWS:
        raise NotBelieved(TOO_LONG)
    start, end = day_window(day, where)
    found: list[tuple[int, Mapping[str, object]]] = []
    odd = False
    for row in series:
        moment = _moment(row.get("timestamp")) if isinstance(row, Mapping) else None
        if moment is None:
            refused[NO_TIME] += 1
            continue
        # Tesla's rows are cut to seconds, and may come a moment late.
        slot = int(moment.timestamp() // SLOT_SECONDS) * SLOT_SECONDS
        if slot == end:
            refused[OUTSIDE] += 1
        elif not start <= slot < end:
            # Not left out one by one: rows of another day lead up to rows that only seem to be of this one.
            raise NotBelieved(OTHER_DAY)
        else:
            odd = odd or moment.utcoffset() != moment.astimezone(where).utcoffset()
            found.append((slot, row))
    if odd and found:
        # The clock of the wall, written with an offset of today, looks like this as well, one hour off. Only a whole
        # day cannot be meant otherwise.
        first, last = min(slot for slot, _ in found), max(slot for slot, _ in found)
        if first >= start + SLOT_SECONDS or last < end - QUARTER_SLOT_SECONDS:
            raise NotBelieved(OTHER_OFFSET)
    return found


def _moment(text: object) -> datetime.datetime | None:
    """Return a time with its offset; None for what is none."""
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
        found.timestamp()
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo is not None else None


def _unique(rows: list[tuple[int, Mapping[str, object]]], refused: Counter[str]) -> dict[int, Mapping[str, object]]:
    """Return rows by time without those that contradict each other, as an hour that clocks repeat may."""
    found: dict[int, Mapping[str, object]] = {}
    torn: set[int] = set()
    for when, row in rows:
        other = found.setdefault(when, row)
        if other is not row and dict(_values(other)) != dict(_values(row)):
            torn.add(when)
    for when in torn:
        del found[when]
    refused[TWICE] += sum(when in torn for when, _ in rows)
    return found


def _values(row: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    return ((name, value) for name, value in row.items() if name != "timestamp")


def _number(value: object, most: float) -> float | None:
    found = finite(value)
    return None if found is None or abs(found) > most else found


def _powers(row: Mapping[str, object]) -> tuple[float | None, float | None, float | None, float | None]:
    """Return the watts of grid (+ bought), solar, battery (+ discharged) and generator."""
    names = ("grid_power", "solar_power", "battery_power", "generator_power")
    grid, solar, battery, generator = (_number(row.get(name), MOST_WATTS) for name in names)
    return grid, solar, battery, generator


def _row(grid: float | None, solar: float | None, battery: float | None, generator: float | None) -> tuple[float, ...]:
    """Return watts by POWERS; what the home used is the sum of all sources, where they are all known."""
    home = None
    if grid is not None and solar is not None and battery is not None:
        home = grid + solar + battery + (generator or 0.0)
    by_name = {"site": grid, "solar": solar, "battery": battery, "load": home}
    return tuple(math.nan if by_name[name] is None else float(by_name[name] or 0.0) for name in POWERS)
