"""Questions of the history: 24 h, 31 days, 20 years; memory, disk and what reaches the disk in a day.

With ``PWSERVER_BENCH_PREDECESSOR`` naming a Python that has pypowerwall-server 0.13.0 installed (``python -m venv x;
x/bin/pip install pypowerwall-server==0.13.0``), its SQLite store is filled with the same data and asked the same
questions in the same run, without any HTTP on either side.
"""

from __future__ import annotations

import datetime
import json
import math
import os
import statistics
import subprocess
import tempfile
import time
from array import array
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from benchmarks.history_predecessor import DAYS_OF_POLLS, YEARS, ZONE, powers
from benchmarks.table import Table
from pwserver.events.event import Event
from pwserver.history.archive import Archive
from pwserver.history.days import day_start
from pwserver.history.event_route import events
from pwserver.history.history_answer import Histories, HistoryAnswer
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import ENERGIES, VALUE_NAMES, VALUES, HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.store import HistoryStore
from pwserver.history.value_days import ValueDays
from pwserver.reading import Reading
from pwserver.tariff.tariff import Period, Season, Tariff, TariffVersion

SECTION = "history"
PREDECESSOR = "PWSERVER_BENCH_PREDECESSOR"
GATEWAY = HistoryGateway("default", "Default Gateway", ZONE)
ROUNDS = 200
EVENTS_OF_A_YEAR = 500
EIGHT = "site,solar,battery,load,soe,grid,reserve,voltage"


def row(when: float) -> array[float]:
    """One row of the polls."""
    return array("d", [*powers(when), 50.0 + 40.0 * math.sin(when / 20_000.0), 1.0, 20.0, 0.0, 60.0, 240.5])


def filled(now: float) -> tuple[Archive, float]:
    """31 days of polls through the recorder, 20 years of days; and the microseconds one poll takes."""
    archive = HistoryStore.in_memory([plan(HistorySettings(), GATEWAY)]).archives["default"]
    where = ZoneInfo(ZONE)
    first = datetime.datetime.fromtimestamp(now, where).date() - datetime.timedelta(days=DAYS_OF_POLLS)
    names = archive.columns("days")
    for number in range(YEARS * 365 - DAYS_OF_POLLS, 0, -1):
        day = first - datetime.timedelta(days=number)
        values = array("d", [1000.0 + number % 50] * len(names))
        values[names["date"]] = float(day.toordinal())
        values[names["last_sample"]] = day_start(day, where) + 86_000.0
        archive.days.append(day_start(day, where), values)
        worth = array("d", [float(day.toordinal()), *(1.0 + number % 50 / 7.0 for _ in VALUE_NAMES[1:])])
        archive.rings[VALUES].append(day_start(day, where), worth)
    recorder = Recorder(archive)
    start = day_start(first, where)
    polls = int((now - start) / 5.0)
    begun = time.perf_counter()
    for number in range(polls):
        recorder.take_row(start + 5.0 * number, row(start + 5.0 * number))
    return archive, (time.perf_counter() - begun) / polls * 1e6


def milliseconds(ask: Callable[[], object]) -> float:
    """Median of many."""
    ask()
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        ask()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1000.0


def run(table: Table) -> None:
    """Fill, ask, compare."""
    now = math.floor(time.time() / 86400.0) * 86400.0 + 43_200.0
    archive, poll_microseconds = filled(now)
    buy, sell = ((Season("", (1, 1), (12, 31), (), Period("all", price, ())),) for price in (0.3, 0.1))
    tariff = Tariff("USD", (TariffVersion(None, buy, sell, 0.5),))
    ValueDays(archive, tariff).update()
    asked = Histories(archive.settings, [GATEWAY], {"default": archive}, "default", tariffs={"default": tariff})

    def ask(path: str, arguments: Mapping[str, str]) -> Callable[[], HistoryAnswer]:
        answer = ROUTES[path](asked, arguments, now, None)
        if answer.status != 200 or len(answer.body) < 500:  # an empty answer
            raise RuntimeError(f"{path} {arguments}: {answer.status} {answer.body[:200]!r}")
        return lambda: ROUTES[path](asked, arguments, now, None)

    history, month = "/api/history", str(now - 31 * 86400.0)
    for what, arguments, aim in (
        ("24 h, 360 points x 8 fields", {"from": "now-24h", "step": "240s", "fields": EIGHT}, "<= 1"),
        (
            "24 h, 360 points x 8 fields, columns",
            {"from": "now-24h", "step": "240s", "fields": EIGHT, "format": "columns"},
            "<= 1",
        ),
        (
            "24 h, LTTB of 2880 to 360 rows",
            {"from": "now-24h", "step": "30s", "fields": EIGHT, "method": "lttb", "points": "360"},
            "",
        ),
        ("31 days, 372 points x 8 fields", {"from": month, "step": "2h", "fields": EIGHT}, "<= 2"),
        (
            "20 years, 7300 days x 6 energies",
            {"from": "now-7300d", "step": "1d", "fields": ",".join(f"{energy}_kwh" for energy in ENERGIES)},
            "",
        ),
        ("20 years, 348 points x 8 fields", {"from": "now-7300d", "step": "21d", "fields": EIGHT}, "<= 2"),
        (
            "20 years of days x solar, columns",
            {"from": "now-7300d", "step": "1d", "fields": "solar_kwh", "format": "columns"},
            "<= 2",
        ),
    ):
        table.add(SECTION, f"/api/history {what}", milliseconds(ask(history, arguments)), "ms", aim=aim)
    calendar = "/api/history/calendar"
    for what, arguments, aim in (
        ("a year by months", {"period": "month", "count": "12"}, "<= 1"),
        ("a year by weeks", {"period": "week", "count": "53"}, "<= 1"),
        ("a year and the one before", {"period": "year", "count": "1"}, "<= 1"),
        ("a year of days", {"period": "day", "count": "366"}, ""),
    ):
        table.add(SECTION, f"{calendar} {what}", milliseconds(ask(calendar, arguments)), "ms", aim=aim)

    first = datetime.date.fromtimestamp(now) - datetime.timedelta(days=365)
    year = {"start": first.isoformat()}
    table.add(SECTION, "/api/value a year of days", milliseconds(ask("/api/value", year)), "ms", aim="<= 1")

    same = {
        "trend, 24 h": ("/api/timeseries/trend", {}),
        "trend, 31 days": ("/api/timeseries/trend", {"start": month}),
        "daily, 20 years": ("/api/timeseries/daily", {"start": "2000-01-01"}),
        "daily, 7 days": ("/api/timeseries/daily", {}),
        "samples, 500": ("/api/timeseries/samples", {}),
    }
    table.add(SECTION, "/api/battery/health, a year of a unit", health_milliseconds(now), "ms", aim="<= 1")
    table.add(SECTION, f"/api/events, a year ({EVENTS_OF_A_YEAR} events)", events_milliseconds(now), "ms", aim="<= 2")
    theirs = predecessor(now)
    for what, (path, arguments) in same.items():
        mine = milliseconds(ask(path, arguments))
        if what in theirs:
            against = "faster than the predecessor's SQLite, same data"
            table.add(SECTION, what, mine, "ms", theirs[what] / mine, against, ">= 10 x")
        else:
            table.add(SECTION, what, mine, "ms")
    table.add(SECTION, "one poll into the rings", poll_microseconds, "us")
    layout = archive.layout
    rings = {one.name: one.rows_bytes for one in layout.rings}
    power = sum(size for name, size in rings.items() if not name.startswith("signal"))
    table.add(SECTION, "memory of one gateway, power rings full (after 20 years)", power / 1e6, "MB")
    bank = rings["signals-0"] + rings["signal-days-0"]
    table.add(SECTION, "memory of one gateway, every 16 device signals, full", bank / 1e6, "MB")
    disk(table)


def health_milliseconds(now: float) -> float:
    """A year of one battery unit and of the whole, as the query answers it."""
    archive = HistoryStore.in_memory([plan(HistorySettings(), GATEWAY)]).archives["default"]
    recorder = Recorder(archive)
    powered = {name: {"instant_power": 0.0} for name in ("site", "solar", "battery", "load")}
    for number in range(366):
        unit = {
            "PackageSerialNumber": "TG0",
            "PackagePartNumber": "1707000-11-J",
            "nominal_full_pack_energy": 13_600.0 - number % 40,
            "energy_discharged": 9000.0 * number,
        }
        when = now - (366 - number) * 86400.0
        recorder.record(Reading.partial("default", when, powered, system_status={"battery_blocks": [unit]}))
    asked = Histories(archive.settings, [GATEWAY], {"default": archive}, "default")
    return milliseconds(lambda: ROUTES["/api/battery/health"](asked, {}, now, None))


def events_milliseconds(now: float) -> float:
    """A year of a lively house: ten events a week, most of them alerts."""
    ring = HistoryStore.in_memory([plan(HistorySettings(), GATEWAY)]).events["default"]
    for number in range(EVENTS_OF_A_YEAR):
        alert = {
            "alert": f"PVS_a0{number % 60}_OfSomeLength",
            "device": "PVS--1538100-00-F--C123456789JKL",
            "unit": "PW1",
        }
        details = {**alert, "severity": "information", "since": now - 1e6, "duration_seconds": 61.5}
        at = now - (EVENTS_OF_A_YEAR - number) * 365 * 86400.0 / EVENTS_OF_A_YEAR
        ring.commit([Event("default", "alert_ended", at, details)], b"")
    asked = Histories(HistorySettings(), [GATEWAY], {}, "default", events={"default": ring})
    arguments = {"from": "now-365d", "limit": str(EVENTS_OF_A_YEAR)}
    return milliseconds(lambda: events(asked, arguments, now, None))


def predecessor(now: float) -> dict[str, float]:
    """Milliseconds of the same questions by pypowerwall-server's own store; empty without it."""
    python = os.environ.get(PREDECESSOR)
    if not python:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        words = [python, str(Path(__file__).with_name("history_predecessor.py")), str(Path(folder) / "ts.db"), str(now)]
        done = subprocess.run(words, capture_output=True, text=True, check=True, env={"PATH": os.environ["PATH"]})
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def disk(table: Table) -> None:
    """A simulated day into files: what a day adds, and the bytes sent to the disk with the kernel's usual 30 s."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        settings = replace(HistorySettings(), path=folder, flush_seconds=60.0)
        store = HistoryStore.open(folder, [plan(settings, GATEWAY)])
        recorder = Recorder(store.archives["default"])
        before, start = written_bytes(), 1.8e9
        if before is not None:
            for number in range(17_280):
                when = start + number * 5.0
                site, solar, battery, load = powers(when)
                meters = {
                    "site": {"instant_power": site, "instant_average_voltage": 240.5},
                    "solar": {"instant_power": solar},
                    "battery": {"instant_power": battery},
                    "load": {"instant_power": load},
                }
                vitals = {f"TETHC--PART--{unit}": {"THC_AmbientTemp": 20.0 + unit} for unit in range(3)}
                recorder.record(Reading.partial("default", when, meters, soe_raw=50.0, grid_status="UP", vitals=vitals))
                if number % 6 == 5:
                    store.flush(force=True)
            after = written_bytes() or 0
            table.add(SECTION, "written to disk in a day, flushed every 30 s", (after - before) / 1e6, "MB")
        table.add(SECTION, "files of one gateway", store.archives["default"].layout.file_bytes / 1e6, "MB")
        store.close()


def written_bytes() -> int | None:
    """Bytes this process made dirty for a disk, as Linux counts them."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return int(next(line for line in lines if line.startswith("write_bytes")).split()[1])
