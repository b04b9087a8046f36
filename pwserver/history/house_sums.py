"""Add up the rows of several houses. A sum without one of them is none: what that house takes would be read as sold."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from typing import TypeAlias

from pwserver.history.archive import Archive
from pwserver.history.layout import longest_step
from pwserver_ext.aggregate import mean, weighted_mean

HouseRows: TypeAlias = "tuple[array[float], list[array[float]]]"  # times, and the columns: powers, the charge last


def add_up(archives: Sequence[Archive], parts: Sequence[HouseRows], bucket_seconds: float) -> HouseRows:
    """Add the powers of the houses by bucket, and weigh their charge by capacity.

    A house is known from its oldest row on. While one of them is missing, the bucket has no sum. Where it is missing
    for no longer than what may lie between two of its polls, its own rows are bridged by a straight line.
    """
    width = max((len(values) for _, values in parts), default=0)
    houses = [
        (since, _Rows(times, values, longest_step(archive.settings.poll_interval) + bucket_seconds))
        for archive, (times, values) in zip(archives, parts, strict=True)
        if (since := _known_since(archive)) is not None
    ]
    capacities = [archive.read_notes().capacity_wh for archive in archives if _known_since(archive) is not None]
    ordered = sorted({when for times, _ in parts for when in times})
    columns = [array("d") for _ in range(width)]
    for when in ordered:
        expected = [
            (rows.get(when), capacity)
            for (since, rows), capacity in zip(houses, capacities, strict=True)
            if since < when + bucket_seconds
        ]
        found = [(row, capacity) for row, capacity in expected if row is not None]
        complete = len(found) == len(expected)
        for index, column in enumerate(columns):
            known = [(row[index], size) for row, size in found if not math.isnan(row[index])]
            if not complete or not known:
                column.append(math.nan)
            elif index < width - 1:
                column.append(math.fsum(value for value, _ in known))
            else:
                levels, sizes = zip(*known, strict=True)
                weighted = weighted_mean(levels, sizes)
                column.append(mean(levels) if weighted is None else weighted)
    return array("d", ordered), columns


def _known_since(archive: Archive) -> float | None:
    """Return the oldest time of which a house knows its powers."""
    found = [bounds[0] for ring in (archive.polls, archive.minutes, archive.quarters) if (bounds := ring.bounds())]
    return min(found, default=None)


class _Rows:
    """Finds the row of one house at a time, or what lies on the line between the two beside it."""

    def __init__(self, times: array[float], values: Sequence[array[float]], longest_seconds: float) -> None:
        self._times, self._values, self._longest = times, values, longest_seconds
        self._at = 0  # times are asked for in their order

    def get(self, when: float) -> list[float] | None:
        """Return the values at a time; None where the house has none."""
        times, at = self._times, self._at
        while at < len(times) and times[at] < when:
            at += 1
        self._at = at
        if at < len(times) and times[at] == when:
            return [column[at] for column in self._values]
        if not 0 < at < len(times) or times[at] - times[at - 1] > self._longest:
            return None
        share = (when - times[at - 1]) / (times[at] - times[at - 1])
        return [column[at - 1] + (column[at] - column[at - 1]) * share for column in self._values]
