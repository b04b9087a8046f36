"""Keep the value of each day of a gateway beside its other rings. Only the poller does so, in one thread.

A day is worked out from its quarter hours. Over as long as these are kept it follows whatever they and the tariff are:
a day whose quarter hours, tariff or beginning store have changed is worked out again, and so are the days after it.
Older days stay as they are. All days are looked at once, and whenever quarter hours have been withdrawn or replaced;
else those that a new quarter hour can have changed.
"""

from __future__ import annotations

import datetime
import math
import zlib
from array import array

from pwserver.history.archive import Archive
from pwserver.history.days import zone
from pwserver.history.layout import VALUE_NAMES, VALUES
from pwserver.history.quarter_hours import DayOfQuarters, days_of_quarters
from pwserver.history.ring_choice import before
from pwserver.history.value_figures import value_figures
from pwserver.tariff.figures import ValueFigures
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.value import AMOUNTS, QUARTER_SECONDS, Store, value_day

_STORE_COST, _STORE_PERCENT, _SOURCE = (VALUE_NAMES.index(name) for name in ("store_cost", "store_percent", "source"))


class ValueDays:
    """Writes the values of one gateway's days. Not for two threads at once.

    ``since``: days before this one stay as they are, whatever there is of them.
    """

    def __init__(self, archive: Archive, tariff: Tariff, since: datetime.date | None = None) -> None:
        self._archive = archive
        self._ring = archive.rings[VALUES]
        self._ring.repair()
        self._tariff = tariff
        self._since = since or datetime.date.min
        self._digest = float(zlib.crc32(repr(tariff).encode()))
        self._lookup = PriceLookup(tariff, zone(archive.timezone))
        self._checked_from = -math.inf  # days before this one are known to be right
        self._generation: tuple[object, ...] = ()
        self._known = (-1, -1)  # how often quarter hours had been withdrawn or replaced when all days were looked at

    def update(self) -> bool:
        """Bring the values up to date; says whether anything was to be done."""
        quarters = self._archive.quarters
        generation = (quarters.identity, quarters.generation, self._archive.timezone)
        if generation == self._generation:
            return False
        if self._lookup.where.key != zone(self._archive.timezone).key:
            self._lookup = PriceLookup(self._tariff, zone(self._archive.timezone))
            self._checked_from = -math.inf
        if (quarters.identity, quarters.rewrites) != self._known:
            # An import, or a clock put right, may have changed any day.
            self._known, self._checked_from = (quarters.identity, quarters.rewrites), -math.inf
        found = days_of_quarters(self._archive, self._lookup.where, self._checked_from)
        days = [day for day in found if day.date >= self._since]
        if days and self._is_cut(days[0]):
            del days[0]
        if days:
            self._write(days)
        self._generation = generation
        return True

    def figures(self, now: float) -> ValueFigures:
        """Return what is known of today, of this month and of all days at an instant of this machine's clock."""
        return value_figures(self._archive, self._lookup, now + self._archive.correction_seconds)

    def _is_cut(self, day: DayOfQuarters) -> bool:
        """Say whether the ring does not have the beginning of its oldest day any more."""
        quarters, begin = self._archive.quarters, day.times[0]
        oldest = quarters.bounds()
        if oldest is None or begin > oldest[0] or begin < day.start + QUARTER_SECONDS:
            return False
        return quarters.count >= self._archive.plans["quarters"].rows - 1

    def _write(self, days: list[DayOfQuarters]) -> None:
        ring = self._ring
        times, columns = ring.select(days[0].start, math.inf)
        kept = {when: row for row, when in enumerate(times)}
        earlier = ring.select(-math.inf, before(days[0].start), [_STORE_COST, _STORE_PERCENT], 1)[1]
        store = Store(*(column[0] for column in earlier)) if earlier[0] else Store()
        closed_until = ring.last_timestamp_or(-math.inf)
        rewriting = False
        for day in days[:-1]:
            source = day.checksum(self._digest, store.cost, store.charge_percent)
            place = kept.get(day.start)
            same = place is not None and day.start <= closed_until and columns[_SOURCE][place] == source
            if same and not rewriting:
                store = Store(columns[_STORE_COST][place or 0], columns[_STORE_PERCENT][place or 0])
                continue
            if not rewriting:
                ring.truncate_after(math.nextafter(day.start, -math.inf))
                rewriting = True
            ring.append(day.start, self._row(day, source, store, day.end))
        last = days[-1]
        if ring.last_timestamp_or(-math.inf) >= last.start:
            ring.truncate_after(math.nextafter(last.start, -math.inf))  # its later rows were withdrawn
        ring.set_live(last.start, self._row(last, math.nan, store, last.last_second))
        self._checked_from = days[-2].start if len(days) > 1 else last.start

    def _row(self, day: DayOfQuarters, source: float, store: Store, until: float) -> array[float]:
        """Return a row of VALUE_NAMES; ``store`` goes on to be that of the day's end."""
        amounts = value_day(day.quarter_hours(), self._lookup, store, until - day.start)
        assert len(amounts) == len(AMOUNTS)
        return array("d", [day.date.toordinal(), *amounts, store.cost, store.charge_percent, source])
