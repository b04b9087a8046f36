"""Carry the days of devices over in exports and imports: columns are called ``device|figure``, days known by date."""

from __future__ import annotations

import datetime
import math
from array import array
from collections.abc import Mapping, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.history.archive import Archive
from pwserver.history.days import DAY_MIDDLE_SECONDS, day_start, local_date, zone
from pwserver.history.device_days import DeviceDays, DeviceSeries, Figures, kept_devices, parse_devices, read_series
from pwserver.history.layout import DEVICE_DAYS
from pwserver.history.ring_files import Rows
from pwserver.history.ring_tables import RingTable

TABLES: Final[Mapping[str, str]] = {f"{kind}-days": kind for kind in DEVICE_DAYS}  # name of a table -> kind of devices
_Days = dict[int, dict[str, Figures]]  # by date (proleptic ordinal) and device


def tables_of(gateway: str, record: bytes, rings: Mapping[str, Rows]) -> list[RingTable]:
    """Return the days of devices as tables, from the payload of their record and the rows of their rings."""
    slots = parse_devices(record).slots
    found = []
    for name, kind in TABLES.items():
        plan = DEVICE_DAYS[kind]
        days: dict[float, dict[str, float]] = {}
        for device, slot in slots[kind].items():
            times, columns = rings.get(plan.ring(plan.place(slot)[0]), (array("d"), {}))
            for figure in plan.figures:
                for when, value in zip(times, columns.get(f"{figure}_{slot}", ()), strict=False):
                    if value == value:
                        days.setdefault(when, {})[f"{device}|{figure}"] = value
        table = RingTable(gateway, name)
        for when in sorted(days):
            table.add(when, days[when])
        if table.times:
            found.append(table)
    return found


def merge_device_days(archive: Archive, tables: Sequence[RingTable], latest: float = math.inf) -> dict[str, int]:
    """Add the days of devices that are not known here yet; returns how many rows of a device were added, by table.

    Nobody may record meanwhile. What is here already stays; done again after a kill it comes to the same.
    """
    added: dict[str, int] = {}
    given = [table for table in tables if table.ring in TABLES]
    if archive.devices is None or not given:
        return added
    days, where = DeviceDays(archive), zone(archive.timezone)
    open_date = local_date(days.open.start + DAY_MIDDLE_SECONDS, where).toordinal() if days.is_open else None
    for table in given:
        kind = TABLES[table.ring]
        own = _by_date(read_series(archive, kind, kept_devices(archive).slots[kind], -math.inf, math.inf), where)
        count = 0
        for date, devices in _told(table, kind, where, latest).items():
            for device, figures in devices.items():
                known = own.setdefault(date, {})
                if date != open_date and device not in known and days.give_slot(kind, device):
                    known[device] = figures
                    count += 1
        if count:
            days.keep()  # the names first: a slot without a name could not be read back
            own.pop(open_date or 0, None)
            days.replace(kind, {day_start(datetime.date.fromordinal(date), where): own[date] for date in sorted(own)})
            added[table.ring] = added.get(table.ring, 0) + count
    days.show()
    return added


def _by_date(series: Mapping[str, DeviceSeries], where: ZoneInfo) -> _Days:
    found: _Days = {}
    for device, one in series.items():
        for row, when in enumerate(one.days):
            known = {name: column[row] for name, column in one.figures.items() if column[row] == column[row]}
            if known:
                date = local_date(when + DAY_MIDDLE_SECONDS, where).toordinal()
                found.setdefault(date, {}).setdefault(device, {}).update(known)
    return found


def _told(table: RingTable, kind: str, where: ZoneInfo, latest: float) -> _Days:
    """Return what a table tells, without what lies in the future. ValueError names a column that is none."""
    found: _Days = {}
    for name, column in table.columns.items():
        device, _, figure = name.rpartition("|")
        if figure not in DEVICE_DAYS[kind].figures:
            raise ValueError(f"{name} is not a daily figure of a {kind}")
        for when, value in zip(table.times, column, strict=True):
            if math.isfinite(value) and 0.0 <= when <= latest:
                date = local_date(when + DAY_MIDDLE_SECONDS, where).toordinal()
                found.setdefault(date, {}).setdefault(device, {})[figure] = value
    return found
