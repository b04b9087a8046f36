"""Describe the rows of one gateway that an import brings, whatever file they come from."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from zoneinfo import ZoneInfo

from pwserver.history.days import DAY_MIDDLE_SECONDS, local_date
from pwserver.history.layout import COLUMNS, SIGNAL_FIGURES
from pwserver.history.ring_files import Rows
from pwserver.history.ring_tables import SIGNALS, RingTable
from pwserver.records import record

Series = tuple[str, str]  # device, metric


@record(slots=True)
class Incoming:
    """Holds what is to be added to the history of one gateway. Days are known by their date, a proleptic ordinal."""

    polls: Iterable[tuple[float, array[float]]] = ()  # in order of time, by COLUMNS
    intervals: Mapping[str, Rows] = field(default_factory=dict)  # of the rings "minutes" and "quarters"
    days: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    signals: Iterable[tuple[float, Mapping[Series, float]]] = ()  # in order of time
    # mean, smallest, largest and number of a day's values
    signal_days: Mapping[int, Mapping[Series, Sequence[float]]] = field(default_factory=dict)


def incoming_of(tables: Sequence[RingTable], where: ZoneInfo) -> Incoming:
    """Sort tables of one gateway by what they hold. ValueError names a column that cannot be."""
    found = Incoming()
    intervals: dict[str, Rows] = {}
    days: dict[int, dict[str, float]] = {}
    signal_days: dict[int, dict[Series, list[float]]] = {}
    for table in tables:
        if table.ring == "polls":
            found.polls = _polls(table)
        elif table.ring in ("minutes", "quarters"):
            intervals[table.ring] = (table.times, table.columns)
        elif table.ring == "days":
            for row, when in enumerate(table.times):
                values = _known(table, row)
                days.setdefault(_ordinal(when, values.get("date"), where), values)
        elif table.ring == SIGNALS:
            found.signals = _signals(table)
        else:
            for row, when in enumerate(table.times):
                day = signal_days.setdefault(_ordinal(when, None, where), {})
                for name, value in _known(table, row).items():
                    device, metric, figure = _daily_name(name)
                    day.setdefault((device, metric), [math.nan] * len(SIGNAL_FIGURES))[figure] = value
    found.intervals, found.days, found.signal_days = intervals, days, signal_days
    return found


def _ordinal(when: float, date: float | None, where: ZoneInfo) -> int:
    """Return the date of a day's row: as it says itself, else by its noon, which most zones agree on."""
    if date is not None and 1.0 <= date <= 3652059.0:  # the last day of the year 9999
        return int(date)
    return local_date(when + DAY_MIDDLE_SECONDS, where).toordinal()


def _known(table: RingTable, row: int) -> dict[str, float]:
    return {name: column[row] for name, column in table.columns.items() if math.isfinite(column[row])}


def _ordered(table: RingTable) -> list[int]:
    rows = [row for row, when in enumerate(table.times) if math.isfinite(when)]
    return sorted(rows, key=table.times.__getitem__)


def _polls(table: RingTable) -> Iterator[tuple[float, array[float]]]:
    absent = array("d", [math.nan]) * len(table.times)
    columns = [table.columns.get(name, absent) for name in COLUMNS]
    for row in _ordered(table):
        yield table.times[row], array("d", [column[row] for column in columns])


def _signals(table: RingTable) -> Iterator[tuple[float, Mapping[Series, float]]]:
    names: dict[str, Series] = {}
    for name in table.columns:
        device, _, metric = name.partition("|")
        names[name] = (device, metric)
    for row in _ordered(table):
        yield table.times[row], {names[name]: value for name, value in _known(table, row).items()}


def _daily_name(name: str) -> tuple[str, str, int]:
    device, metric, *figure = name.split("|")
    if len(figure) != 1 or figure[0] not in SIGNAL_FIGURES:
        raise ValueError(f"{name} is not a daily figure")
    return device, metric, SIGNAL_FIGURES.index(figure[0])
