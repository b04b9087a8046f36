"""Read pypowerwall-server's SQLite store (as of its version 0.13.0) without touching it. The only user of sqlite3."""

from __future__ import annotations

import contextlib
import datetime
import math
import shutil
import sqlite3
from array import array
from collections.abc import Iterator
from pathlib import Path

from pwserver.history.days import FIRST_ZONE_SECONDS
from pwserver.history.incoming import Incoming, Series
from pwserver.history.layout import COLUMNS, ENERGIES
from pwserver.regular_file import check_regular

_POLL = "solar_w, home_w, battery_charge_w, battery_discharge_w, grid_import_w, grid_export_w, soe"
_TABLES = {"samples": "ts", "daily_energy": "day"}  # of each gateway, with what orders them
_LOGS = ("-wal", "-journal")  # what SQLite keeps beside a file that was not closed
_COPY = "import.copy"
NOT_OURS = "cannot be read as pypowerwall-server's history"
MEND = "put a whole copy in its place, or move it away"
_MOST_WATTS = 1e7  # more is no house, but a damaged file
_MOST_KWH = 1e6  # in a day
_HIDDEN_PERCENT = 5.5
_ROUNDING_PERCENT = 0.5
_IS_TIME = "typeof(ts) IN ('real', 'integer')"

Fingerprint = tuple[tuple[int, int], ...]


class EmptyStore(ValueError):
    """Says that a store has no content yet: there is nothing to take, and nothing to mend."""


def fingerprint(path: Path) -> Fingerprint:
    """Return what changes when the store does: size and time of the file and of the logs beside it."""
    found = []
    for file in (path, *_logs(path)):
        with contextlib.suppress(FileNotFoundError):
            there = file.stat()
            if there.st_size:
                found.append((there.st_size, there.st_mtime_ns))
    return tuple(found)


def _logs(path: Path) -> list[Path]:
    return [path.with_name(path.name + ending) for ending in _LOGS]


class SqliteStore:
    """Reads the tables of one store."""

    def __init__(self, path: Path, database: sqlite3.Connection, seen: Fingerprint) -> None:
        self.path = path
        self.seen = seen
        self._database = database
        names = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        self._tables = {str(name) for (name,) in names}
        self._rows: dict[str, int] | None = None
        if not self._tables:
            raise EmptyStore(f"{path} has no tables yet: there is nothing in it to take")
        if not self._tables & _TABLES.keys():
            raise ValueError(f"{path} {NOT_OURS}: it has none of its tables; {MEND}")

    def check(self) -> None:
        """Raise ValueError when the file has changed since it was opened: without a lock it was not read whole then."""
        if fingerprint(self.path) != self.seen:
            raise ValueError(f"{self.path} was changed while it was read; stop pypowerwall-server first")

    def gateways(self) -> dict[str, int]:
        """Return the number of rows of every gateway id that the store knows; counted once."""
        if self._rows is not None:
            return self._rows
        found: dict[str, int] = {}
        for table in (*_TABLES, "device_samples", "device_daily"):
            if table not in self._tables:
                continue
            source = f"{table} JOIN device_series USING (series_id)" if table.startswith("device") else table
            for gateway, rows in self._database.execute(f"SELECT gateway_id, COUNT(*) FROM {source} GROUP BY 1"):
                found[str(gateway)] = found.get(str(gateway), 0) + rows
        self._rows = found
        return found

    def newest(self, gateway: str) -> float:
        """Return when the newest sample was taken, or the newest day can have begun; minus infinity without any."""
        found = -math.inf
        for table, column in _TABLES.items():
            if table in self._tables:
                row = self._database.execute(f"SELECT MAX({column}) FROM {table} WHERE gateway_id = ?", (gateway,))
                (value,) = row.fetchone()
                when = _earliest(value) if column == "day" else _number(value)
                found = max(found, when if math.isfinite(when) else -math.inf)
        return found

    def incoming(self, gateway: str) -> Incoming:
        """Return all rows of one gateway; polls and signals are read while they are taken."""
        return Incoming(
            polls=self._polls(gateway) if "samples" in self._tables else (),
            days=self._days(gateway) if "daily_energy" in self._tables else {},
            signals=self._signals(gateway) if {"device_series", "device_samples"} <= self._tables else (),
            signal_days=self._signal_days(gateway) if {"device_series", "device_daily"} <= self._tables else {},
        )

    def _polls(self, gateway: str) -> Iterator[tuple[float, array[float]]]:
        at = {name: COLUMNS.index(name) for name in ("site", "solar", "battery", "load", "soe")}
        statement = f"SELECT ts, {_POLL} FROM samples WHERE gateway_id = ? AND {_IS_TIME} ORDER BY ts"
        for ts, *cells in self._database.execute(statement, (gateway,)):
            *powers, level = cells
            solar, home, charge, discharge, bought, sold = (_number(power, _MOST_WATTS) for power in powers)
            values = array("d", [math.nan]) * len(COLUMNS)
            values[at["site"]], values[at["solar"]] = bought - sold, solar
            values[at["battery"]], values[at["load"]], values[at["soe"]] = discharge - charge, home, _percent(level)
            yield float(ts), values

    def _days(self, gateway: str) -> dict[int, dict[str, float]]:
        names = ", ".join(f"{energy}_kwh" for energy in ENERGIES)
        statement = f"SELECT day, updated_at, last_sample_ts, {names} FROM daily_energy WHERE gateway_id = ?"
        found = {}
        for day, updated, last, *energies in self._database.execute(statement, (gateway,)):
            date = _date(day)
            if date is not None:
                row = {"date": float(date.toordinal()), "updated": _number(updated), "last_sample": _number(last)}
                row |= {
                    f"{name}_wh": _number(kwh, _MOST_KWH) * 1000.0 for name, kwh in zip(ENERGIES, energies, strict=True)
                }
                found[date.toordinal()] = {name: value for name, value in row.items() if math.isfinite(value)}
        return found

    def _series(self, gateway: str) -> dict[int, Series]:
        statement = "SELECT series_id, device, metric FROM device_series WHERE gateway_id = ?"
        rows = self._database.execute(statement, (gateway,))
        return {number: (str(device), str(metric)) for number, device, metric in rows}

    def _signals(self, gateway: str) -> Iterator[tuple[float, dict[Series, float]]]:
        series = self._series(gateway)
        statement = (
            "SELECT ts, series_id, value FROM device_samples"
            f" WHERE series_id IN (SELECT series_id FROM device_series WHERE gateway_id = ?) AND {_IS_TIME} ORDER BY ts"
        )
        moment, found = -math.inf, dict[Series, float]()
        for when, number, value in self._database.execute(statement, (gateway,)):
            if when != moment:
                if found:
                    yield moment, found
                moment, found = float(when), {}
            found[series[number]] = _number(value)
        if found:
            yield moment, found

    def _signal_days(self, gateway: str) -> dict[int, dict[Series, tuple[float, ...]]]:
        series = self._series(gateway)
        statement = (
            "SELECT day, series_id, sum_value, count, min_value, max_value FROM device_daily"
            " WHERE series_id IN (SELECT series_id FROM device_series WHERE gateway_id = ?)"
        )
        found: dict[int, dict[Series, tuple[float, ...]]] = {}
        for day, number, total, count, least, most in self._database.execute(statement, (gateway,)):
            date, values = _date(day), _number(count)
            if date is not None and values > 0:
                figures = (_number(total) / values, _number(least), _number(most), values)
                found.setdefault(date.toordinal(), {})[series[number]] = figures
        return found


def _number(value: object, most: float = 1e15) -> float:
    """Return a number of that size at most, else NaN; SQLite keeps anything in any column."""
    return float(value) if isinstance(value, (int, float)) and abs(value) <= most else math.nan


def _percent(value: object) -> float:
    """Return a charge on the app's scale, which hides the lowest five percent; NaN for what can be none."""
    percent = _number(value)
    return min(100.0, max(0.0, percent)) if -_HIDDEN_PERCENT <= percent <= 100.0 + _ROUNDING_PERCENT else math.nan


def _date(value: object) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(str(value))
    except ValueError:
        return None


def _earliest(value: object) -> float:
    """Return when a date begins in the zone where it begins first."""
    date = _date(value)
    if date is None:
        return -math.inf
    return datetime.datetime.combine(date, datetime.time(), datetime.UTC).timestamp() - FIRST_ZONE_SECONDS


@contextlib.contextmanager
def open_sqlite(path: Path, folder: Path) -> Iterator[SqliteStore]:
    """Open a store for reading. ValueError when it is none (EmptyStore: not yet), OSError when it is no file.

    Nothing is written beside it. What SQLite left in a log when it was not closed can only be read by writing: then
    file and log are copied into ``folder`` for as long as the store is open.
    """
    check_regular(path)
    copy = folder / _COPY
    shutil.rmtree(copy, ignore_errors=True)  # of a process that was killed
    seen = fingerprint(path)
    if not seen:
        raise EmptyStore(f"{path} is empty: there is nothing in it to take")
    try:
        logs = [log for log in _logs(path) if log.exists() and log.stat().st_size]
        address = f"{path.absolute().as_uri()}?immutable=1"
        if logs:
            copy.mkdir(mode=0o700)
            for file in (path, *logs):
                shutil.copyfile(file, copy / file.name)
            address = f"{(copy / path.name).absolute().as_uri()}?mode=rw"
        with contextlib.closing(sqlite3.connect(address, uri=True)) as database:
            yield SqliteStore(path, database, seen)
    except sqlite3.Error as problem:
        raise ValueError(f"{path} {NOT_OURS}: {problem}; {MEND}") from None
    finally:
        shutil.rmtree(copy, ignore_errors=True)
