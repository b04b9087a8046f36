"""Invent the past of a demo house's device signals from its sun and charge: temperatures, fans, units and strings."""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive, bank_of
from pwserver.history.days import day_start, local_date, zone
from pwserver.history.layout import BANK, DAY_SECONDS
from pwserver.history.signal_recorder import day_figures
from pwserver.history.signal_series import METRICS
from pwserver_ext.ring import Ring
from pwserver_ext.rollup import Rollup

DAYS: Final = 60  # that are made up
FULL_DAYS: Final = 7  # of which each quarter hour is kept; of those before only what a day came to
WARMEST_HOUR: Final = 15.0
LIT: Final = 0.01  # of the present sun: below this a string has no voltage


class Moment(NamedTuple):
    """Describes a quarter hour of the past: the sun as a share of the present one, the charge, how warm it was."""

    at: float
    sun: float
    charge: float  # percent
    warmth: float  # 0 to 1


def write_signals(archive: Archive, pause: Callable[[], None]) -> None:
    """Put made up signals before those that are recorded. Nothing may be recorded meanwhile."""
    moments = _moments(archive)
    series = archive.read_notes().series
    if not moments:
        return
    where = zone(archive.timezone)
    today = local_date(moments[-1].at, where)
    for bank, (ring, days) in enumerate(zip(archive.signals, archive.signal_days, strict=True)):
        times, columns = ring.select(-math.inf, math.inf)
        if not times:
            continue
        metrics = {bank_of(number)[1]: name for number, (_, name) in enumerate(series) if bank_of(number)[0] == bank}
        present = [column[-1] for column in columns]
        rows = [(one, _row(metrics, present, one, moments[-1].charge)) for one in moments if one.at < times[0]]
        kept = [(when, array("d", [column[row] for column in columns])) for row, when in enumerate(times)]
        ring.truncate_after(-math.inf)
        oldest = moments[-1].at - FULL_DAYS * DAY_SECONDS
        for when, values in [*((one.at, row) for one, row in rows if one.at >= oldest), *kept]:
            ring.append(when, values)
        pause()
        _write_days(days, rows, today, where)
        pause()


def _moments(archive: Archive) -> list[Moment]:
    """Return the quarter hours that are known, the newest last; its sun is that with which the others are compared."""
    quarters = archive.quarters
    newest = quarters.last_timestamp_or(-math.inf)
    columns = archive.places("quarters", ("solar", "soe"))
    times, (suns, charges) = quarters.select(newest - DAYS * DAY_SECONDS, newest, columns)
    polls = archive.polls.select(-math.inf, math.inf, archive.places("polls", ("solar",)), 1)[1][0]
    sun = polls[-1] if polls and polls[-1] > 0.0 else math.nan
    where = zone(archive.timezone)
    found = []
    for at, solar, charge in zip(times, suns, charges, strict=True):
        clock = datetime.datetime.fromtimestamp(at, where)
        hours = clock.hour + clock.minute / 60.0 - WARMEST_HOUR
        found.append(Moment(at, solar / sun, charge, 0.5 + 0.5 * math.cos(hours / 12.0 * math.pi)))
    return found


def _row(metrics: dict[int, str], present: Sequence[float], moment: Moment, charge: float) -> array[float]:
    row = array("d", [math.nan] * BANK)
    for column, metric in metrics.items():
        row[column] = _value(metric, present[column], moment, charge)
    return row


def _value(metric: str, present: float, moment: Moment, charge: float) -> float:
    """Return what a signal was that is ``present`` now, when the charge is ``charge``."""
    group = METRICS[metric].group if metric in METRICS else ""
    if group in ("string_power", "string_current"):
        return present * moment.sun
    if group == "string_voltage":
        return present if moment.sun > LIT else 0.0
    if metric == "unit_soe":
        return moment.charge
    if metric == "unit_energy":
        return present * moment.charge / charge if charge > 0.0 else math.nan
    if group == "temperature":
        return present - 4.0 + 6.0 * moment.warmth
    return present * (0.6 + 0.5 * moment.warmth) if group in ("fan_speed", "fan_duty") else math.nan


def _write_days(ring: Ring, rows: Sequence[tuple[Moment, array[float]]], today: datetime.date, where: ZoneInfo) -> None:
    times, columns = ring.select(-math.inf, math.inf)
    ring.truncate_after(-math.inf)
    for day, group in groupby(rows, key=lambda one: local_date(one[0].at, where)):
        if day >= today:
            break
        figures = Rollup(BANK)
        for _, values in group:
            figures.add(values)
        ring.append(day_start(day, where), day_figures(figures))
    if times:  # the day that is open
        ring.set_live(times[-1], array("d", [column[-1] for column in columns]))
