"""Read the quarter hours of a gateway as the value of energy needs them, day by day of the house."""

from __future__ import annotations

import datetime
import math
import zlib
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.days import day_start, local_date
from pwserver.tariff.value import QUARTER_SECONDS, QuarterHour

_ENERGIES = ("grid_import", "grid_export", "home", "solar", "battery_charge", "battery_discharge")
_COLUMNS = (*(f"{energy}_wh" for energy in _ENERGIES), "soe", "soe_min", "soe_max", "grid_min", "covered_seconds")
_KILO = len(_ENERGIES)


class DayOfQuarters(NamedTuple):
    """Holds the quarter hours of one day. ``end`` is its midnight, also while the day is not over."""

    date: datetime.date
    start: float
    end: float
    times: array[float]
    values: list[array[float]]

    def quarter_hours(self) -> list[QuarterHour]:
        """Return the rows, oldest first."""
        found = []
        for start, *row in zip(self.times, *self.values, strict=True):
            flowed = [watt_hours / 1000.0 for watt_hours in row[:_KILO]]
            mean, lowest, highest, grid_lowest, covered = row[_KILO:]
            charged, discharged = flowed[-2:]
            charge = _charge_at_end(charged, discharged, mean, lowest, highest)
            found.append(QuarterHour(*(start, *flowed, charge, grid_lowest, covered)))
        return found

    def checksum(self, *more: float) -> float:
        """Return a number that another content, or another of ``more``, would have changed."""
        found = zlib.crc32(array("d", more).tobytes())
        for column in (self.times, *self.values):
            found = zlib.crc32(column.tobytes(), found)
        return float(found)

    @property
    def last_second(self) -> float:
        """Return until when the day is known, epoch seconds."""
        covered = self.values[-1][-1]
        return min(self.end, self.times[-1] + (QUARTER_SECONDS if math.isnan(covered) else covered))


def _charge_at_end(charged: float, discharged: float, mean: float, lowest: float, highest: float) -> float:
    """Return how full the battery is at the end of a quarter hour: fullest after charging, emptiest after a discharge.

    Rows that were filled have their mean only.
    """
    end = highest if charged > discharged else lowest if discharged > charged else mean
    return mean if math.isnan(end) else end


def days_of_quarters(
    archive: Archive, where: ZoneInfo, start: float = -math.inf, end: float = math.inf
) -> Iterator[DayOfQuarters]:
    """Yield the days that have quarter hours from ``start`` to before ``end``, oldest first."""
    columns = [archive.column("quarters", name) for name in _COLUMNS]
    times, values = archive.quarters.select(start, math.nextafter(end, -math.inf), columns)
    at = 0
    while at < len(times):
        date = local_date(times[at], where)
        midnight = day_start(date + datetime.timedelta(days=1), where)
        until = max(bisect_left(times, midnight, at), at + 1)
        yield DayOfQuarters(
            date, day_start(date, where), midnight, times[at:until], [each[at:until] for each in values]
        )
        at = until
