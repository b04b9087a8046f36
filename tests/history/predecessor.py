"""Makes pypowerwall-server's SQLite store as its version 0.13.0 does, with the rows that a test wants."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

SCHEMA = """
CREATE TABLE samples (gateway_id TEXT, ts REAL, solar_w REAL, home_w REAL, battery_charge_w REAL,
    battery_discharge_w REAL, grid_import_w REAL, grid_export_w REAL, soe REAL, PRIMARY KEY (gateway_id, ts));
CREATE TABLE daily_energy (gateway_id TEXT, day TEXT, solar_kwh REAL, home_kwh REAL,
    battery_charge_kwh REAL, battery_discharge_kwh REAL, grid_import_kwh REAL, grid_export_kwh REAL,
    last_sample_ts REAL, updated_at REAL, PRIMARY KEY (gateway_id, day));
CREATE TABLE device_series (series_id INTEGER PRIMARY KEY, gateway_id TEXT, device TEXT, metric TEXT);
CREATE TABLE device_samples (series_id INTEGER, ts INTEGER, value REAL, PRIMARY KEY (series_id, ts));
CREATE TABLE device_daily (series_id INTEGER, day TEXT, min_value REAL, max_value REAL, sum_value REAL,
    count INTEGER, last_ts INTEGER, PRIMARY KEY (series_id, day));
"""
Day = tuple[str, float, float | None]  # date, kWh of every energy, time of the last sample


def make_store(
    path: Path,
    samples: Iterable[tuple[float, float]] = (),
    days: Iterable[Day] = (),
    gateway: str = "default",
    keep_log: bool = False,
) -> None:
    """Write a store, or add to it. ``samples``: time and watts of sun, which the house uses.

    ``keep_log``: leave the rows in the write-ahead log, as a killed server does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        if not database.execute("SELECT 1 FROM sqlite_master").fetchone():
            database.executescript(SCHEMA)
        database.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, 0, 0, 0, 0, 50)",
            [(gateway, when, watts, watts) for when, watts in samples],
        )
        database.executemany(
            "INSERT INTO daily_energy VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)",
            [(gateway, day, *[kwh] * 6, last) for day, kwh, last in days],
        )
        database.commit()
        if keep_log:
            left = [(path.with_name(path.name + ending), b"") for ending in ("", "-wal")]
            left = [(file, file.read_bytes()) for file, _ in left]
    if keep_log:  # closing has moved the log into the file
        for file, content in left:
            file.write_bytes(content)


def evenly(start: float, end: float, step: float, watts: float) -> Sequence[tuple[float, float]]:
    """Samples of one power at even distances."""
    return [(start + step * number, watts) for number in range(int((end - start) / step))]
