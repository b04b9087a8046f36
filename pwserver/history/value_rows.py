"""Read rows of what energy was worth: days from their ring, months and years of them, quarter hours worked out."""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pwserver.history.archive import Archive
from pwserver.history.layout import VALUES
from pwserver.history.quarter_hours import days_of_quarters
from pwserver.history.total_days import value_totals
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.value import AMOUNTS, Store, add_up, value_quarter

QUARTER, DAY, MONTH, YEAR = STEPS = ("15m", "day", "month", "year")


class ValueRows(NamedTuple):
    """Holds rows of AMOUNTS: when each begins (epoch seconds), its label, and one column for each amount.

    ``labels`` None: the rows are days, and their dates (ordinals) are in ``dates``.
    """

    times: array[float]
    labels: Sequence[str] | None
    columns: Sequence[Sequence[float]]
    dates: array[float] = array("d")


NO_ROWS = ValueRows(array("d"), (), [array("d") for _ in AMOUNTS])


class ValueOfDays(NamedTuple):
    """Holds days: their dates (ordinals), AMOUNTS column by column, and how many more days have no value."""

    dates: array[float]
    columns: list[array[float]]
    unpriced: int = 0


def read_days(archive: Archive, lookup: PriceLookup, first: datetime.date, last: datetime.date) -> ValueOfDays:
    """Read the rows of days, with those that are worked out from the totals of a day."""
    dates, columns = _kept_days(archive, first, last)
    more, unpriced = value_totals(archive, lookup, first, last, set(dates))
    if more:
        rows = dict(zip(dates, zip(*columns, strict=True), strict=True)) | more
        dates = array("d", sorted(rows))
        columns = [array("d", column) for column in zip(*(rows[date] for date in dates), strict=True)]
    return ValueOfDays(dates, columns, unpriced)


def _kept_days(archive: Archive, first: datetime.date, last: datetime.date) -> tuple[array[float], list[array[float]]]:
    # A local day begins at most a day from its UTC day.
    start = (first.toordinal() - 1 - _EPOCH_ORDINAL) * 86400.0
    end = (last.toordinal() + 1 - _EPOCH_ORDINAL) * 86400.0
    wanted = [archive.column(VALUES, name) for name in ("date", *AMOUNTS)]
    _, (dates, *columns) = archive.rings[VALUES].select(start, end, wanted)
    begin, until = 0, len(dates)
    while begin < until and dates[begin] < first.toordinal():
        begin += 1
    while begin < until and dates[until - 1] > last.toordinal():
        until -= 1
    return dates[begin:until], [column[begin:until] for column in columns]


_EPOCH_ORDINAL = datetime.date(1970, 1, 1).toordinal()


def grouped(dates: array[float], columns: list[array[float]], step: str) -> ValueRows:
    """Add days up to months or years; days stay as they are."""
    starts = array("d", [(date - _EPOCH_ORDINAL) * 86400.0 for date in dates])
    if step == DAY:
        return ValueRows(starts, None, columns, dates)
    length = {MONTH: 7, YEAR: 4}[step]
    labels = [datetime.date.fromordinal(int(date)).isoformat()[:length] for date in dates]
    groups: dict[str, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    added = [add_up([[column[row] for column in columns] for row in rows]) for rows in groups.values()]
    times = array("d", [starts[rows[0]] for rows in groups.values()])
    return ValueRows(times, list(groups), list(zip(*added, strict=True)) or columns)


def read_quarters(archive: Archive, lookup: PriceLookup, start: float, end: float) -> ValueRows:
    """Work out quarter hours; the store of the battery is that of the day before."""
    kept = [archive.column(VALUES, name) for name in ("store_cost", "store_percent")]
    _, (costs, charges) = archive.rings[VALUES].select(-math.inf, math.nextafter(start, -math.inf), kept, 1)
    store = Store(costs[-1], charges[-1]) if costs else Store()
    times, rows = array("d"), []
    for day in days_of_quarters(archive, lookup.where, start, end):
        for quarter in day.quarter_hours():
            times.append(quarter.start)
            rows.append(value_quarter(quarter, lookup.quarter(quarter.start), store))
    return ValueRows(times, quarter_labels(times), list(zip(*rows, strict=True)) or NO_ROWS.columns)


def quarter_labels(times: Iterable[float]) -> list[str]:
    """Write when quarter hours begin."""
    return [datetime.datetime.fromtimestamp(when, datetime.UTC).isoformat().replace("+00:00", "Z") for when in times]
