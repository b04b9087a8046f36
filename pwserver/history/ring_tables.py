"""Turn the rows of a ring into a table, and a table into text and back: CSV and InfluxDB line protocol.

In a table, device signals are named ``device|metric`` (``device|metric|avg`` … for days), not by their column.
"""

from __future__ import annotations

import csv
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import TextIO

from pwserver.records import record

SIGNALS, SIGNAL_DAYS = "signals", "signal-days"
POWER_RINGS = ("polls", "minutes", "quarters", "days")
MEASUREMENT = "powerwall_"
_LINE_KEY = re.compile(r"([,= \\])")
_NANOSECONDS = 1_000_000_000
_ELSEWHERE = "; what Powerwall-Dashboard's InfluxDB exported is for history import-influx"


@record(slots=True)
class RingTable:
    """Rows of one ring: timestamps in order, one column of numbers a name, NaN where not measured."""

    gateway: str
    ring: str
    times: array[float] = field(default_factory=lambda: array("d"))
    columns: dict[str, array[float]] = field(default_factory=dict)

    def add(self, timestamp: float, values: Mapping[str, float]) -> None:
        """Add a row; a column that comes up later was not measured before."""
        for name in values:
            if name not in self.columns:
                self.columns[name] = array("d", [math.nan]) * len(self.times)
        self.times.append(timestamp)
        for name, column in self.columns.items():
            column.append(values.get(name, math.nan))

    def within(self, start: float, end: float) -> Iterator[int]:
        """Return the rows of a window, to which its end does not belong."""
        return (row for row, when in enumerate(self.times) if start <= when < end)


def named_signals(columns: Mapping[str, array[float]], series: Sequence[tuple[str, str]]) -> dict[str, array[float]]:
    """Name the columns of a bank of device signals by device and metric; those without a name are left out."""
    found = {}
    for name, values in columns.items():
        number, _, figure = name[1:].partition("_")
        if int(number) < len(series):
            found["|".join((*series[int(number)], *([figure] if figure else [])))] = values
    return found


# --- text ----------------------------------------------------------------------------------------------------------


def _text(value: float) -> str:
    return "" if math.isnan(value) else repr(value)


def write_csv(table: RingTable, out: TextIO, start: float = -math.inf, end: float = math.inf) -> int:
    """Write ``gateway,ring,time,COLUMNS…`` with times in epoch seconds; returns the number of rows."""
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["gateway", "ring", "time", *table.columns])
    rows = 0
    for row in table.within(start, end):
        cells = [_text(column[row]) for column in table.columns.values()]
        writer.writerow([table.gateway, table.ring, repr(table.times[row]), *cells])
        rows += 1
    return rows


def read_csv(source: Iterable[str]) -> list[RingTable]:
    """Read what ``write_csv`` wrote, several tables in a row as well. ValueError names the line."""
    tables: dict[tuple[str, str], RingTable] = {}
    names: list[str] = []
    for number, cells in enumerate(csv.reader(source), 1):
        if cells[:3] == ["gateway", "ring", "time"]:
            names = cells[3:]
        elif cells:
            if not names or len(cells) != len(names) + 3:
                raise ValueError(f"line {number}: not a row of a history export{_ELSEWHERE}")
            try:
                when = float(cells[2])
                values = {name: float(cell) for name, cell in zip(names, cells[3:], strict=True) if cell}
            except ValueError:
                raise ValueError(f"line {number}: not a number") from None
            key = (cells[0], cells[1])
            tables.setdefault(key, RingTable(*key)).add(when, values)
    return list(tables.values())


def _escaped(key: str) -> str:
    return _LINE_KEY.sub(r"\\\1", key)


def write_lines(table: RingTable, out: TextIO, start: float = -math.inf, end: float = math.inf) -> int:
    """Write line protocol, ``powerwall_RING,gateway=ID field=… nanoseconds``; returns the number of lines."""
    opening = f"{MEASUREMENT}{table.ring},gateway={_escaped(table.gateway)} "
    keys = {name: _escaped(name) for name in table.columns}
    rows = 0
    for row in table.within(start, end):
        fields = [
            f"{keys[name]}={column[row]!r}" for name, column in table.columns.items() if not math.isnan(column[row])
        ]
        if fields:
            # Whole microseconds: a float has no more.
            out.write(f"{opening}{','.join(fields)} {round(table.times[row] * 1e6) * 1000}\n")
            rows += 1
    return rows


_LINE = re.compile(r"powerwall_([a-z-]+),gateway=((?:\\.|[^\\, ])+) ((?:\\.|[^\\ ])+) (\d+)")
_FIELD = re.compile(r"((?:\\.|[^\\,= ])+)=([^,]+)")


def read_lines(source: Iterable[str]) -> list[RingTable]:
    """Read what ``write_lines`` wrote. ValueError names the line."""
    tables: dict[tuple[str, str], RingTable] = {}
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"line {number}: not a line of a history export{_ELSEWHERE}")
        try:
            values = {re.sub(r"\\(.)", r"\1", key): float(value) for key, value in _FIELD.findall(match[3])}
        except ValueError:
            raise ValueError(f"line {number}: not a number") from None
        key = (re.sub(r"\\(.)", r"\1", match[2]), match[1])
        tables.setdefault(key, RingTable(*key)).add(int(match[4]) / _NANOSECONDS, values)
    return list(tables.values())
