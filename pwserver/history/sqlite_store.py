"""Read pypowerwall-server's SQLite store as tables (as of its version 0.13.0). The only user of sqlite3."""

from __future__ import annotations

import datetime
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from pwserver.history.days import day_start, zone
from pwserver.history.layout import ENERGIES, GatewayLayout
from pwserver.history.ring_tables import SIGNAL_DAYS, SIGNALS, RingTable
from pwserver.regular_file import check_regular


def read_sqlite(path: Path, layouts: dict[str, GatewayLayout]) -> list[RingTable]:
    """Read all tables of the store, for the configured gateways.

    ValueError when it is not such a store, OSError when it is no file. The file is opened read-only; the
    predecessor may be running.
    """
    tables: list[RingTable] = []
    check_regular(path)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            database.row_factory = sqlite3.Row
            for gateway, layout in layouts.items():
                tables += _gateway(database, gateway, layout)
    except sqlite3.Error as problem:
        raise ValueError(f"{path} cannot be read as pypowerwall-server's history: {problem}") from None
    return [table for table in tables if table.times]


def _gateway(database: sqlite3.Connection, gateway: str, layout: GatewayLayout) -> list[RingTable]:
    where = zone(layout.gateway.timezone)

    def rows(statement: str) -> Any:
        return database.execute(statement, (gateway,))

    polls = RingTable(gateway, "polls")
    for row in rows("SELECT * FROM samples WHERE gateway_id = ? ORDER BY ts"):
        values = {
            "site": row["grid_import_w"] - row["grid_export_w"],
            "solar": row["solar_w"],
            "battery": row["battery_discharge_w"] - row["battery_charge_w"],
            "load": row["home_w"],
        }
        if row["soe"] is not None:
            values["soe"] = row["soe"]
        polls.add(row["ts"], values)
    days = RingTable(gateway, "days")
    for row in rows("SELECT * FROM daily_energy WHERE gateway_id = ? ORDER BY day"):
        day = datetime.date.fromisoformat(row["day"])
        figures = {f"{energy}_wh": row[f"{energy}_kwh"] * 1000.0 for energy in ENERGIES}
        figures |= {"date": float(day.toordinal()), "updated": row["updated_at"]}
        if row["last_sample_ts"] is not None:
            figures["last_sample"] = row["last_sample_ts"]
        days.add(day_start(day, where), figures)
    signals = RingTable(gateway, SIGNALS)
    moments: dict[int, dict[str, float]] = {}
    for row in rows(
        "SELECT s.ts, s.value, d.device, d.metric FROM device_samples s JOIN device_series d USING (series_id)"
        " WHERE d.gateway_id = ? ORDER BY s.ts"
    ):
        moments.setdefault(row["ts"], {})[f"{row['device']}|{row['metric']}"] = row["value"]
    for moment, found in moments.items():
        signals.add(float(moment), found)
    signal_days = RingTable(gateway, SIGNAL_DAYS)
    dates: dict[str, dict[str, float]] = {}
    for row in rows(
        "SELECT s.*, d.device, d.metric FROM device_daily s JOIN device_series d USING (series_id)"
        " WHERE d.gateway_id = ? ORDER BY s.day"
    ):
        name = f"{row['device']}|{row['metric']}"
        dates.setdefault(row["day"], {}).update(
            {
                f"{name}|avg": row["sum_value"] / row["count"],
                f"{name}|min": row["min_value"],
                f"{name}|max": row["max_value"],
                f"{name}|n": float(row["count"]),
            }
        )
    for date, found in dates.items():
        signal_days.add(day_start(datetime.date.fromisoformat(date), where), found)
    return [polls, days, signals, signal_days]
