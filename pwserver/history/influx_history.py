"""Turn what Powerwall-Dashboard recorded into rows of the rings: minutes, quarter hours and days.

A minute of an export is a mean power, so its energy is that power times its minute. Rows further apart than a minute
(Tesla's own history has one in five) stand for the time to the next one, if that is no gap. Of a row, ``samples`` is
the part that is known, at most 1: every row that was measured here has at least one poll, and comes first.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from pathlib import Path
from typing import Final

from pwserver.history.days import DAY_MIDDLE_SECONDS, day_span, day_start, local_date, zone
from pwserver.history.incoming import Incoming
from pwserver.history.influx_export import DAYS, GRID_STATUS, PERCENTAGE, POWERS, LeftOut, Point
from pwserver.history.layout import SAMPLES, GatewayLayout
from pwserver.history.minute_columns import MinuteColumns
from pwserver.history.minute_sums import ENERGY_OF, MinuteSums, RowsBuilder, minute_row, told_columns, with_steps
from pwserver.records import record
from pwserver_ext.ring import EARLIEST_SECONDS

_COLUMNS: Final = (*POWERS, PERCENTAGE, GRID_STATUS)
_PLACES: Final = {name: place for place, name in enumerate(_COLUMNS)}
_QUARTER: Final = 15  # minutes
_HALF: Final = 0.5
_HOME: Final = "home_wh"
_BRIDGED: Final = 1.1  # what the sums of a day may have over its minutes for going straight on over gaps


@record(slots=True)
class InfluxSummary:
    """Counts what an export holds."""

    minutes: int = 0
    first_seconds: float = math.nan
    last_seconds: float = math.nan
    days: int = 0  # taken from the sums of days
    later_than_now: int = 0
    impossible_times: int = 0
    other_midnights: int = 0
    left_out: LeftOut = field(default_factory=LeftOut)

    def lines(self, zone_name: str) -> list[str]:
        """Return a line for each thing that is to be said of the export."""
        if math.isnan(self.first_seconds):
            found = ["no minutes"]
        else:
            first, last = (_text(moment, zone_name) for moment in (self.first_seconds, self.last_seconds))
            found = [f"{self.minutes} rows of powers, from {first} to {last}"]
        for count, what in (
            (self.days, "days without minutes, of which the sums are taken"),
            (self.other_midnights, f"sums of days that do not begin at midnight in {zone_name}; not taken"),
            (self.later_than_now, "points lie in the future; not taken. Is the clock of this machine right?"),
            (self.impossible_times, "points have a time that cannot be; not taken"),
            (self.left_out.impossible, f"values that cannot be; not taken: {self.left_out.first_impossible}"),
        ):
            if count:
                found.append(f"{count} {what}")
        names = sorted(self.left_out.names.items())
        if names:
            found.append("not taken: " + ", ".join(f"{name} ({count} values)" for name, count in names))
        return found


class InfluxHistory:
    """Collects the points of an export for one gateway, and makes rows of them."""

    def __init__(self, folder: Path, layout: GatewayLayout, now: float) -> None:
        self.summary = InfluxSummary()
        self._minutes = MinuteColumns(folder, len(_COLUMNS))
        self._days: dict[tuple[int, str], dict[bytes, float]] = {}  # date, power; kWh by series
        self._now = now
        self._rings = {ring.name: ring for ring in layout.rings}
        self._zone = zone(layout.gateway.timezone)

    def close(self) -> None:
        """Let go of what was collected."""
        self._minutes.close()

    def collect(self, points: Iterable[Point]) -> None:
        """Take all points; ValueError when there is none that could be taken."""
        summary = self.summary
        for point in points:
            if point.seconds < EARLIEST_SECONDS:
                summary.impossible_times += 1
            elif point.seconds > self._now:
                summary.later_than_now += 1
            elif point.kind == DAYS:
                self._take_day(point)
            else:
                minute, cloud = point.seconds // 60, point.is_from_cloud
                for name, value in point.values:
                    self._minutes.put(_PLACES[name], minute, value, over=not cloud)

    def _take_day(self, point: Point) -> None:
        date = local_date(point.seconds + DAY_MIDDLE_SECONDS, self._zone)
        if point.seconds != day_start(date, self._zone):
            self.summary.other_midnights += 1
            return
        for name, value in point.values:
            self._days.setdefault((date.toordinal(), name), {})[point.series] = value

    def incoming(self) -> Incoming:
        """Return the rows of all that was collected."""
        quarters, minutes = RowsBuilder(), RowsBuilder()
        days: dict[int, MinuteSums] = {}
        last = (self._minutes.last or 0) * 60.0
        oldest = {name: last - ring.rows * ring.step_seconds for name, ring in self._rings.items()}
        day, end_of_day = 0, -math.inf
        for quarter, sums in self._quarters(minutes, oldest["minutes"]):
            start = quarter * _QUARTER * 60.0
            if start >= end_of_day:
                _, end_of_day = day_span(start, self._zone)
                day = local_date(start, self._zone).toordinal()
            days.setdefault(day, MinuteSums()).join(sums)
            # What has not ended will be recorded here: a row of it would be in the way.
            if start >= oldest["quarters"] and start + _QUARTER * 60.0 <= self._now:
                quarters.add(start, sums.row(_QUARTER))
        return Incoming(intervals={"minutes": minutes.rows(), "quarters": quarters.rows()}, days=self._day_rows(days))

    def _day_rows(self, days: dict[int, MinuteSums]) -> dict[int, dict[str, float]]:
        found: dict[int, dict[str, float]] = {}
        for ordinal, sums in days.items():
            date = datetime.date.fromordinal(ordinal)
            start, end = (day_start(date + datetime.timedelta(days=more), self._zone) for more in (0, 1))
            found[ordinal] = sums.row((end - start) / 60.0)
            if sums.end:
                found[ordinal]["last_sample"] = sums.end * 60.0
        sums_of: dict[int, dict[str, float]] = {}
        for (ordinal, power), series in self._days.items():
            (energy,) = [name for name, of in ENERGY_OF.items() if of == power]
            sums_of.setdefault(ordinal, {})[energy] = 1000.0 * math.fsum(series.values())
        for ordinal, totals in sums_of.items():
            row = found.setdefault(ordinal, {})
            if not row or (row.get(SAMPLES, 0.0) < _HALF and _knows_more(totals, row)):
                row.update({name: total for name, total in totals.items() if total > row.get(name, -1.0)})
                self.summary.days += 1
        return found

    def _quarters(self, minutes: RowsBuilder, oldest: float) -> Iterator[tuple[int, MinuteSums]]:
        """Yield quarter hours since 1970 in order; ``minutes`` gets the rows of minutes from ``oldest`` on."""
        open_quarters: dict[int, MinuteSums] = {}
        summary = self.summary
        for minute, row, steps in with_steps(self._minutes.rows()):
            for quarter in [one for one in open_quarters if one < minute // _QUARTER]:
                yield quarter, open_quarters.pop(quarter)
            values = dict(zip(_COLUMNS, row, strict=True))
            known = {name: value for name, value in values.items() if not math.isnan(value)}
            told = told_columns(known)
            if steps:
                summary.minutes += 1
                if math.isnan(summary.first_seconds):
                    summary.first_seconds = minute * 60.0
                summary.last_seconds = (minute + steps) * 60.0
            for number in range(max(steps, 1)):
                sums = open_quarters.setdefault((minute + number) // _QUARTER, MinuteSums())
                sums.add_minute(known, told, first=number == 0, powers=steps > 0)
                sums.end = minute + number + 1 if steps else sums.end
            if minute * 60.0 >= oldest and (minute + 1) * 60.0 <= self._now:
                minutes.add(minute * 60.0, minute_row(told, steps > 0))
        for quarter in sorted(open_quarters):
            yield quarter, open_quarters[quarter]


def _knows_more(totals: Mapping[str, float], row: Mapping[str, float]) -> bool:
    """Say whether the sums of a day are of minutes that have been deleted since.

    They were made of the minutes and go straight on over gaps, so a little more is no sign of that. The house always
    uses something, and evenly; the other flows may be anything in a gap.
    """
    judged = [_HOME] if _HOME in totals else list(totals)
    return math.fsum(totals[name] for name in judged) > _BRIDGED * math.fsum(row.get(name, 0.0) for name in judged)


def _text(moment: float, zone_name: str) -> str:
    return datetime.datetime.fromtimestamp(moment, zone(zone_name)).isoformat(" ", "minutes")
