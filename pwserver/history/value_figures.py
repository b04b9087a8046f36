"""Sum up the value of a gateway's energy: of today, of this calendar month, of all days that are kept."""

from __future__ import annotations

import datetime
from bisect import bisect_left

from pwserver.history.archive import Archive
from pwserver.history.value_rows import read_days
from pwserver.tariff.figures import ValueFigures, figures_of
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.value import sums

_EARLIEST, _LATEST = datetime.date(1970, 1, 2), datetime.date(2100, 1, 1)


def value_figures(archive: Archive, lookup: PriceLookup, now: float) -> ValueFigures:
    """Return the figures at an instant, epoch seconds; a day without a row has none."""
    dates, columns, _ = read_days(archive, lookup, _EARLIEST, _LATEST)
    today = lookup.day(now)
    month, day = (bisect_left(dates, float(first.toordinal())) for first in (today.replace(day=1), today))
    spans = {
        name: figures_of(sums([column[begin:] for column in columns]) if begin < len(dates) else None)
        for name, begin in (("today", day), ("month", month), ("total", 0))
    }
    return ValueFigures(lookup.tariff.currency, lookup, spans)
