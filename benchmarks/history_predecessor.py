"""Asks pypowerwall-server's SQLite store the questions of ``benchmarks.history``; runs under its Python, alone."""

from __future__ import annotations

import asyncio
import datetime
import json
import math
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from zoneinfo import ZoneInfo

ZONE = "America/Los_Angeles"
DAYS_OF_POLLS = 31
YEARS = 20


def powers(when: float) -> tuple[float, float, float, float]:
    """site, solar, battery, load in watts: the same for both stores."""
    solar = max(0.0, 6500.0 * math.sin(2 * math.pi * (when - 50_000.0) / 86400.0))
    battery = 2500.0 * math.sin(2 * math.pi * when / 43200.0)
    load = 1200.0 + 600.0 * math.sin(2 * math.pi * when / 7000.0)
    return load - solar - battery, solar, battery, load


def ask_predecessor(path: str, now: float) -> None:
    """Runs under the predecessor's Python: fill its store through its own schema, ask through its own functions."""
    from app.core.timeseries import TimeSeriesStore  # type: ignore[import-not-found]

    store = TimeSeriesStore(path, retention=40 * 86400, daily_retention=0)
    store._ensure_conn()
    with sqlite3.connect(path) as database:
        start = now - DAYS_OF_POLLS * 86400.0

        def samples() -> Iterator[tuple[str | float, ...]]:
            for number in range(int(DAYS_OF_POLLS * 86400 / 5)):
                when = start + 5.0 * number
                site, solar, battery, load = powers(when)
                yield (
                    "default",
                    when,
                    solar,
                    load,
                    max(0.0, -battery),
                    max(0.0, battery),
                    max(0.0, site),
                    max(0.0, -site),
                    50.0,
                )

        database.executemany("INSERT INTO samples VALUES (?,?,?,?,?,?,?,?,?)", samples())
        today = datetime.datetime.fromtimestamp(now, ZoneInfo(ZONE)).date()
        days = [(today - datetime.timedelta(days=number)).isoformat() for number in range(YEARS * 365)]
        database.executemany(
            "INSERT INTO daily_energy VALUES ('default', ?, 1, 2, 3, 4, 5, 6, ?, ?)", [(day, now, now) for day in days]
        )
    time.time = lambda: now  # type: ignore[assignment]

    def timed(ask: Callable[[], object]) -> float:
        ask()
        times = []
        for _ in range(7):
            begun = time.perf_counter()
            # What its route adds: the answer as JSON.
            json.dumps(ask()).encode()
            times.append(time.perf_counter() - begun)
        return statistics.median(times) * 1000.0

    found = {
        "trend, 24 h": timed(lambda: store._get_trend_sync(24, None)),
        "trend, 31 days": timed(lambda: store._get_trend_sync(24, None, now - 31 * 86400.0)),
        "daily, 20 years": timed(lambda: store._get_daily_energy_sync(7, None, "2000-01-01")),
        "daily, 7 days": timed(lambda: store._get_daily_energy_sync(7, None)),
        "samples, 500": timed(lambda: store._get_samples_sync(None, None, None, 500)),
    }
    asyncio.run(store.stop())
    print(json.dumps(found))


if __name__ == "__main__":
    ask_predecessor(sys.argv[1], float(sys.argv[2]))
