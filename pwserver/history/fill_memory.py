"""Remember of one gateway which days were asked of Tesla's history, and what came of it, in ``filled.json``.

A day of which Tesla has no more is not asked for again and again; what was filled last is told by the history's status.
"""

from __future__ import annotations

import datetime
from dataclasses import field
from pathlib import Path
from typing import Final

import ujson

from pwserver.history.archive import Archive
from pwserver.history.layout import DAY_SECONDS
from pwserver.history.mapped_file import write_new
from pwserver.json_types import Json, JsonObject
from pwserver.records import record
from pwserver.regular_file import read_regular
from pwserver.state.fact import finite

FILE: Final = "filled.json"
AGAIN_SECONDS: Final = DAY_SECONDS  # Tesla may have more of a day later, when the gateway has sent what it kept
MOST_TIMES: Final = 3
MOST_DAYS: Final = 400
_MOST_BYTES: Final = 1 << 17
_MOST_TEXT: Final = 300


@record(slots=True)
class AskedDay:
    """Holds when a day was last asked for, how often with the same gaps, and how many quarter hours were left."""

    at: float
    times: int
    left: int


@record(slots=True)
class FillMemory:
    """Holds what came of filling one gateway's gaps. Times are epoch seconds."""

    days: dict[str, AskedDay] = field(default_factory=dict)  # by ISO date
    filled_at: float | None = None  # when something was last filled
    quarter_hours: int = 0  # filled in all
    left_seconds: float | None = None  # of gaps that were found when it was last looked
    cause: str | None = None  # why the newest question brought nothing

    def wants(self, day: datetime.date, quarters: int, now: float) -> bool:
        """Say whether a day with so many unknown quarter hours is to be asked for."""
        known = self.days.get(day.isoformat())
        if known is None or known.left != quarters:
            return True
        return known.times < MOST_TIMES and not 0.0 <= now - known.at < AGAIN_SECONDS

    def note_asked(self, day: datetime.date, left: int, now: float) -> None:
        """Note that a day was asked for, and that so many quarter hours of it are still unknown."""
        name = day.isoformat()
        known = self.days.pop(name, None)
        if left:
            times = known.times + 1 if known is not None and known.left == left else 1
            self.days[name] = AskedDay(now, times, left)
        for oldest in sorted(self.days)[:-MOST_DAYS]:
            del self.days[oldest]

    def note_filled(self, quarters: int, now: float) -> None:
        """Note that so many quarter hours were filled."""
        self.filled_at, self.quarter_hours, self.cause = now, self.quarter_hours + quarters, None

    def told(self) -> JsonObject:
        """Return what the history's status says of it."""
        return {
            "last_filled": self.filled_at,
            "quarter_hours": self.quarter_hours,
            "gap_seconds_left": self.left_seconds,
            "cause": self.cause,
        }

    def write(self, folder: Path) -> None:
        """Replace the file in the folder of a gateway. Raises OSError."""
        days = {name: [day.at, day.times, day.left] for name, day in self.days.items()}
        content = ujson.dumps({**self.told(), "days": days}, ensure_ascii=False).encode()
        write_new(folder / FILE, content, b"", len(content))

    @classmethod
    def read(cls, folder: Path) -> FillMemory:
        """Read the file in the folder of a gateway; an empty memory where there is none, or one that is no use."""
        found = cls()
        try:
            body: Json = ujson.loads(read_regular(folder / FILE, _MOST_BYTES))
            found.filled_at = finite(body.get("last_filled"))
            found.quarter_hours = max(0, int(finite(body.get("quarter_hours")) or 0))
            found.left_seconds = finite(body.get("gap_seconds_left"))
            cause = body.get("cause")
            found.cause = cause[:_MOST_TEXT] if isinstance(cause, str) else None
            for name, (at, times, left) in list(body["days"].items())[-MOST_DAYS:]:
                found.days[datetime.date.fromisoformat(name).isoformat()] = AskedDay(float(at), int(times), int(left))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return found
        return found


def told_of_fill(archive: Archive) -> JsonObject | None:
    """Return what is told of filling a gateway's gaps; None where Tesla's history was never asked for."""
    if archive.folder is None or not (archive.folder / FILE).is_file():
        return None
    return FillMemory.read(archive.folder).told()
