"""Work out the value of days of which only the totals are known: imported ones, and those older than quarter hours.

What such a day bought and sold has a value where one price held all day. What sun and battery saved follows from when
energy flowed, which nobody knows of such a day.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Collection
from typing import Final

from pwserver.history.archive import Archive
from pwserver.history.days import day_span, day_start
from pwserver.tariff.price_lookup import PriceLookup, Prices
from pwserver.tariff.value import AMOUNTS, priced

_UNKNOWN_SECONDS: Final = AMOUNTS.index("unknown_seconds")


def value_totals(
    archive: Archive, lookup: PriceLookup, first: datetime.date, last: datetime.date, known: Collection[float]
) -> tuple[dict[float, list[float]], int]:
    """Return AMOUNTS of days that have totals only, by date (ordinal), and of how many such days there are none.

    ``known``: dates that have a value already.
    """
    quarters = archive.quarters.bounds()
    end = day_start(lookup.day(quarters[0]), lookup.where) if quarters is not None else math.inf
    end = min(end, day_start(min(last, _LATEST) + _DAY, lookup.where))
    start = day_start(max(first, _EARLIEST), lookup.where)
    if start >= end:
        return {}, 0
    columns = [archive.column("days", name) for name in ("date", "grid_import_wh", "grid_export_wh")]
    _, (dates, bought, sold) = archive.days.select(start, math.nextafter(end, -math.inf), columns)
    found: dict[float, list[float]] = {}
    unpriced = 0
    for date, bought_wh, sold_wh in zip(dates, bought, sold, strict=True):
        if date != date or date in known or (bought_wh != bought_wh and sold_wh != sold_wh):
            continue
        day = datetime.date.fromordinal(int(date))
        prices = lookup.all_day(day)
        if prices is None:
            unpriced += 1
        else:
            found[date] = _row(day, bought_wh / 1000.0, sold_wh / 1000.0, prices, lookup)
    return found, unpriced


_DAY: Final = datetime.timedelta(days=1)
_EARLIEST, _LATEST = datetime.date(1970, 1, 2), datetime.date(2100, 1, 1)


def _row(day: datetime.date, bought: float, sold: float, prices: Prices, lookup: PriceLookup) -> list[float]:
    version = lookup.tariff.version(day)
    cost, earnings, unpriced_import, unpriced_export = priced(bought, sold, prices)
    fixed = math.nan if version is None else version.fixed_part(day)
    row = [cost, earnings, fixed, math.nan, math.nan, math.nan, unpriced_import, unpriced_export, 0.0, 0.0, 0.0, 0.0]
    begin, end = day_span(day_start(day, lookup.where), lookup.where)
    row[_UNKNOWN_SECONDS] = end - begin
    return row
