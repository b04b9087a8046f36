"""Keep rows that are taken out of the rings in a file, which is an export that ``history import`` can read."""

from __future__ import annotations

import math
import os
import time
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path

from pwserver.history.archive import Archive
from pwserver.history.layout import DEVICE_RINGS, VALUES, WAITING
from pwserver.history.mapped_file import sync_folder
from pwserver.history.ring_tables import SIGNAL_DAYS, SIGNALS, RingTable, named_signals, write_csv

MOST_FILES = 100  # a clock that jumps for ever must not fill the disk
_NAME = "set-aside-"


def rows_after(archive: Archive, timestamp: float) -> list[RingTable]:
    """Return all rows later than this moment, of all rings."""
    series = archive.read_notes().series
    tables = []
    for name, ring in archive.rings.items():
        if name == WAITING or name in DEVICE_RINGS:
            continue  # days of devices stay: they are not read before their time (``device_days``)
        if name == VALUES:
            continue  # they follow from the other rows
        times, values = ring.select(math.nextafter(timestamp, math.inf), math.inf)
        columns: Mapping[str, array[float]] = dict(zip(archive.plans[name].columns, values, strict=True))
        if name.startswith((SIGNAL_DAYS, SIGNALS)):
            columns = named_signals(columns, series)
            name = SIGNAL_DAYS if name.startswith(SIGNAL_DAYS) else SIGNALS
        if times:
            tables.append(RingTable(archive.gateway.id, name, times, dict(columns)))
    return tables


def set_aside(archive: Archive, tables: Iterable[RingTable], when: float) -> Path | None:
    """Write tables to a new file of the gateway's folder, durably; ``when`` (epoch seconds) names it.

    None when nothing could be kept: history in memory, too many such files already, or a disk that refuses.
    """
    folder = archive.folder
    if folder is None or len(list(folder.glob(f"{_NAME}*.csv"))) >= MOST_FILES:
        return None
    # 253402300799 is the last second of the year 9999; the clock that is told here may say anything.
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(max(0.0, min(when, 253402300799.0))))
    path = folder / f"{_NAME}{stamp}.csv"
    count = 1
    while path.exists():
        count += 1
        path = folder / f"{_NAME}{stamp}-{count}.csv"
    fresh = path.with_suffix(".new")
    try:
        with open(fresh, "w", encoding="utf-8", newline="") as file:
            for table in tables:
                write_csv(table, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
        sync_folder(folder)
    except OSError:
        fresh.unlink(missing_ok=True)
        return None
    return path
