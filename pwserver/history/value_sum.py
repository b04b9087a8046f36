"""Find whose value is asked for, one house or all of them, and add the houses up.

A sum without one of its houses would say that less was paid. So a day, or a quarter hour, of which one of them has no
value has none in the sum. A house is expected from its first day on.
"""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.days import day_start, local_date, zone
from pwserver.history.history_answer import Histories
from pwserver.history.layout import VALUES
from pwserver.history.value_rows import (
    NO_ROWS,
    QUARTER,
    ValueRows,
    grouped,
    quarter_labels,
    read_days,
    read_quarters,
)
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff

NO_TARIFF: Final = "No tariff is known, so nothing has a price."
REMEDY: Final = "Give the tariff in a file that PW_TARIFF_FILE names; docs/value.md has examples."
SUM_REMEDY: Final = "Choose one of the houses (gateway=ID)."
MOST_NAMED: Final = 3
NO_TARIFF_OF: Final = "The sum needs a tariff of every house; none is known of {names}."
NO_CURRENCY_OF: Final = "It is not known in which currency {names} pays, so nothing can be added up."
CURRENCIES: Final = "The houses pay in different currencies: {names}."
TOTALS_ONLY: Final = (
    "Days without a value: {count}. Only their totals are known, and no single price held on them all day."
)
DAYS_LEFT_OUT: Final = "Days left out of the sum, because one of the houses has no value: {count}."
QUARTERS_LEFT_OUT: Final = "Quarter hours left out of the sum, because one of the houses has no value: {count}."
NEVER_RECORDED: Final = "The sum is without {names}, of which nothing was ever recorded."


_Part: TypeAlias = "tuple[array[float], Sequence[Sequence[float]]]"  # moments, and the columns of AMOUNTS


class PricedHouse(NamedTuple):
    """Names a house and its tariff."""

    archive: Archive
    tariff: Tariff


class Houses(NamedTuple):
    """Holds the houses whose value is added up; none, and why, where that cannot be. ``notes``: whom the sum lacks."""

    priced: list[PricedHouse]
    cause: str | None = None
    remedy: str | None = None
    notes: tuple[str, ...] = ()


def priced_houses(histories: Histories, archive: Archive) -> Houses:
    """Return the house that is asked for, or all houses that have a history, if their amounts can be added up."""
    if not archive.gateway.virtual:
        tariff = histories.tariff(archive.gateway.id)
        if tariff is None or VALUES not in archive.rings:
            return Houses([], NO_TARIFF, REMEDY)
        return Houses([PricedHouse(archive, tariff)])
    every = histories.real()
    known = [one for one in every if one.recorded and VALUES in one.rings]
    told = [(one, histories.tariff(one.gateway.id)) for one in known]
    priced = [PricedHouse(one, tariff) for one, tariff in told if tariff is not None]
    if not priced:
        return Houses([], NO_TARIFF, REMEDY)
    unpriced = [one.gateway.id for one, tariff in told if tariff is None]
    if unpriced:
        return Houses([], NO_TARIFF_OF.format(names=_listed(unpriced)), REMEDY)
    currencies = {house.tariff.currency for house in priced}
    if len(priced) > 1 and None in currencies:
        named = _listed([house.archive.gateway.id for house in priced if house.tariff.currency is None])
        return Houses([], NO_CURRENCY_OF.format(names=named), SUM_REMEDY)
    if len(currencies) > 1:
        named = _listed([f"{house.archive.gateway.id} {house.tariff.currency}" for house in priced])
        return Houses([], CURRENCIES.format(names=named), SUM_REMEDY)
    unknown = [one.gateway.id for one in every if one not in known]
    return Houses(priced, notes=(NEVER_RECORDED.format(names=_listed(unknown)),) if unknown else ())


def _listed(names: Sequence[str]) -> str:
    more = [f"{len(names) - MOST_NAMED} more"] if len(names) > MOST_NAMED else []
    return ", ".join([*names[:MOST_NAMED], *more])


def rows_of(
    houses: Sequence[PricedHouse], step: str, first: datetime.date, last: datetime.date, where: ZoneInfo
) -> tuple[ValueRows, list[str]]:
    """Return the rows of the houses together, and what is to be said about them. ``where``: whose midnights count."""
    if step == QUARTER:
        start, end = day_start(first, where), day_start(last + datetime.timedelta(days=1), where)
        parts = [read_quarters(house.archive, _lookup(house), start, end) for house in houses]
        if len(parts) == 1:
            return parts[0], []
        times, columns, missing = _added(
            [(part.times, part.columns) for part in parts], [_since(one) for one in houses]
        )
        return ValueRows(times, quarter_labels(times), columns), _notes(QUARTERS_LEFT_OUT, missing)
    days = [read_days(house.archive, _lookup(house), first, last) for house in houses]
    unpriced = sum(found.unpriced for found in days)
    notes = _notes(TOTALS_ONLY, unpriced)
    if len(days) == 1:
        return grouped(days[0].dates, days[0].columns, step), notes
    dates, columns, missing = _added(
        [(found.dates, found.columns) for found in days], [_since(house, dates=True) for house in houses]
    )
    return grouped(dates, columns, step), notes + _notes(DAYS_LEFT_OUT, missing)


def _lookup(house: PricedHouse) -> PriceLookup:
    return PriceLookup(house.tariff, zone(house.archive.timezone))


def _notes(words: str, count: int) -> list[str]:
    return [words.format(count=count)] if count else []


def _since(house: PricedHouse, dates: bool = False) -> float:
    """Return since when a house has a history: the date of its first day (ordinal), or when that begins."""
    archive = house.archive
    found = [known[0] for ring in (archive.days, archive.quarters) if (known := ring.bounds()) is not None]
    if not found:
        return math.inf
    return local_date(min(found), zone(archive.timezone)).toordinal() if dates else min(found)


def _added(parts: Sequence[_Part], since: Sequence[float]) -> tuple[array[float], list[array[float]], int]:
    """Add rows of AMOUNTS of the same moment; returns the moments, the sums, and how many of them lack a house."""
    moments = parts[0][0]
    if all(times == moments for times, _ in parts):  # as good as always
        each = zip(*(columns for _, columns in parts), strict=True)
        return moments, [array("d", map(math.fsum, zip(*columns, strict=True))) for columns in each], 0
    return _added_with_gaps(parts, since)


def _added_with_gaps(parts: Sequence[_Part], since: Sequence[float]) -> tuple[array[float], list[array[float]], int]:
    places = [{when: row for row, when in enumerate(times)} for times, _ in parts]
    moments = array("d", sorted({when for times, _ in parts for when in times}))
    sums = [array("d") for _ in NO_ROWS.columns]
    missing = 0
    for when in moments:
        expected = [place for place in range(len(parts)) if since[place] <= when]
        rows = [places[place].get(when) for place in expected]
        complete = None not in rows
        missing += not complete
        for index, column in enumerate(sums):
            values = [parts[place][1][index][row] for place, row in zip(expected, rows, strict=True) if row is not None]
            column.append(math.fsum(values) if complete else math.nan)
    return moments, sums, missing
