"""Collect values by column and minute in a temporary file, in whatever order they come.

Years of minutes do not fit into the memory of a small computer. The lines of an export are ordered by field, and within
it by week, so a few days of a column in memory are enough to collect them.
"""

from __future__ import annotations

import math
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Final

DAY_MINUTES: Final = 1440
_MOST_OPEN: Final = 512  # days of one column in memory, 6 KB each
_EMPTY: Final = array("f", [math.nan]) * DAY_MINUTES


class MinuteColumns:
    """Holds numbers of four bytes by column and minute since 1970; NaN where there is none. Close it after use."""

    def __init__(self, folder: Path, columns: int) -> None:
        self._columns = columns
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by close()
        self._places: dict[tuple[int, int], int] = {}  # day and column -> place in the file
        self._open: dict[tuple[int, int], array[float]] = {}

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def put(self, column: int, minute: int, value: float, over: bool = True) -> None:
        """Store a value; ``over``: in the place of one that is there."""
        day, place = divmod(minute, DAY_MINUTES)
        values = self._open.get((day, column))
        if values is None:
            values = self._fetch((day, column))
        if over or math.isnan(values[place]):
            values[place] = value

    @property
    def last(self) -> int | None:
        """Return the first minute of the newest day that has values."""
        newest = max((day for day, _ in (*self._places, *self._open)), default=None)
        return None if newest is None else newest * DAY_MINUTES

    def rows(self) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Yield the minutes that have values, in order of time, with the values of all columns."""
        self._write_back()
        for day in sorted({day for day, _ in self._places}):
            columns = [self._read((day, column)) for column in range(self._columns)]
            for place, values in enumerate(zip(*columns, strict=True)):
                if any(value == value for value in values):
                    yield day * DAY_MINUTES + place, values

    def _fetch(self, key: tuple[int, int]) -> array[float]:
        if len(self._open) >= _MOST_OPEN:
            self._write_back()
        values = self._open[key] = self._read(key)
        return values

    def _read(self, key: tuple[int, int]) -> array[float]:
        if key not in self._places:
            return _EMPTY[:]
        self._file.seek(self._places[key] * len(_EMPTY) * _EMPTY.itemsize)
        values = array("f")
        values.frombytes(self._file.read(len(_EMPTY) * _EMPTY.itemsize))
        return values

    def _write_back(self) -> None:
        for key, values in self._open.items():
            place = self._places.setdefault(key, len(self._places))
            self._file.seek(place * len(_EMPTY) * _EMPTY.itemsize)
            self._file.write(values.tobytes())
        self._open.clear()
