"""What a home pays: memory, processor time, wake-ups, bytes written, and the start; the predecessor beside it.

Both servers run as they are shipped (with two workers here), each with its history in a folder of its own, on the same
simulated gateway. Once with two Powerwall 2, once with three Powerwall 3.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.footprint import PASSWORD, Running, has_data, observed, settings
from benchmarks.peers import predecessor, predecessor_folder
from benchmarks.table import Table
from benchmarks.writes import written_bytes
from tests.support.programs import children, free_port, pwserver, simulator, wait_for

SECTION = "home"
HOUSES = (("powerwall2", "Powerwall 2 x 2"), ("powerwall3", "Powerwall 3 x 3"))
STARTS, QUICK_STARTS = 5, 2
SETTLE_SECONDS, QUICK_SETTLE_SECONDS = 20.0, 3.0  # what is written once, and the first garbage, are over
LOOK_SECONDS, QUICK_LOOK_SECONDS = 60.0, 10.0
HOUR_SECONDS = 3600.0
START_SECONDS = 60.0  # the longest a start may take


@dataclass(frozen=True, slots=True)
class Home:
    """What one server cost while it was looked at."""

    pss_mb: float
    cpu_percent: float
    wakeups_per_second: float
    written_kb_per_hour: float


def run(table: Table) -> None:
    """Measure both houses; about four minutes."""
    folder = predecessor_folder()
    for scenario, what in HOUSES:
        with simulator(scenario, 1, "--hour", "12", "--password", PASSWORD) as (address,):
            _house(table, what, address, folder)


def _house(table: Table, what: str, address: str, folder: Path | None) -> None:
    mine, theirs = _starts(table, address, folder)
    _row(table, f"{what}: start to first data, median", mine * 1000, theirs * 1000 if theirs else None, "ms", 0.7)
    with ExitStack() as stack:
        servers = [stack.enter_context(_ours(address))]
        if folder is not None:
            servers.append(stack.enter_context(_theirs(folder, address)))
        homes = _looked_at(servers, table.quick)
    other = homes[1] if len(homes) > 1 else None
    for text, unit, most, name in (
        ("PSS of all processes, two workers", "MB", 1.0, "pss_mb"),
        ("processor at Telegraf's load, with polling", "% of 1", 0.5, "cpu_percent"),
        ("wake-ups while nobody asks, with polling", "1/s", None, "wakeups_per_second"),
        ("written in an hour", "kB", None, "written_kb_per_hour"),
    ):
        _row(table, f"{what}: {text}", getattr(homes[0], name), getattr(other, name) if other else None, unit, most)


def _row(table: Table, what: str, mine: float, theirs: float | None, unit: str, most: float | None) -> None:
    if theirs is None:
        table.add(SECTION, what, mine, unit)
        return
    aim = "" if most is None else f"<= {most}"  # of the ratio
    table.add(SECTION, what, mine, unit, mine / theirs if theirs else None, "pypowerwall-server", aim=aim)
    table.add(SECTION, "  of pypowerwall-server", theirs, unit)


def _starts(table: Table, address: str, folder: Path | None) -> tuple[float, float | None]:
    """Medians of the seconds from starting the program to its first answer with data, in turn."""
    mine, theirs = [], []
    for _ in range(QUICK_STARTS if table.quick else STARTS):
        with _ours(address) as server:
            mine.append(server.first_seconds)
        if folder is not None:
            with _theirs(folder, address) as server:
                theirs.append(server.first_seconds)
    return statistics.median(mine), statistics.median(theirs) if theirs else None


@contextmanager
def _ours(address: str) -> Iterator[Running]:
    port = free_port()
    with tempfile.TemporaryDirectory(dir=".") as history:
        begun = time.monotonic()
        with pwserver(port, **settings(address) | {"PW_HISTORY_PATH": str(Path(history).resolve())}) as main:
            wait_for(lambda: has_data(port), START_SECONDS)
            first = time.monotonic() - begun
            yield Running(port, {"main": main.pid, **children(main.pid)}, first)


@contextmanager
def _theirs(folder: Path, address: str) -> Iterator[Running]:
    with tempfile.TemporaryDirectory(dir=".") as history:
        begun = time.monotonic()
        store = str(Path(history).resolve() / "history.db")
        recording = {"PW_TIMESERIES_RETENTION": "24h", "PW_TIMESERIES_PATH": store}
        with predecessor(folder, address, PASSWORD, more=recording) as (port, pid):
            wait_for(lambda: has_data(port), START_SECONDS)
            yield Running(port, {"server": pid}, time.monotonic() - begun)


def _looked_at(servers: list[Running], quick: bool) -> list[Home]:
    """Look at all servers for the same time: while they are asked, then while nobody asks."""
    seconds = QUICK_LOOK_SECONDS if quick else LOOK_SECONDS
    time.sleep(QUICK_SETTLE_SECONDS if quick else SETTLE_SECONDS)
    written = [_written(server) for server in servers]
    begun = time.monotonic()
    costs = observed(servers, seconds)
    woken = [_wakeups(server) for server in servers]
    idle_begun = time.monotonic()
    time.sleep(seconds)
    idle, whole = time.monotonic() - idle_begun, time.monotonic() - begun
    return [
        Home(
            sum(cost.memory.values()) / 1024,
            sum(cost.cpu.values()) / seconds * 100,
            (_wakeups(server) - woken[place]) / idle,
            (_written(server) - written[place]) / 1024 / whole * HOUR_SECONDS,
        )
        for place, (server, cost) in enumerate(zip(servers, costs, strict=True))
    ]


def _wakeups(server: Running) -> int:
    """How often the threads of a server's processes have waited for something, and so were woken."""
    return sum(
        int(line.split()[1])
        for pid in server.pids.values()
        for status in Path(f"/proc/{pid}/task").glob("*/status")
        for line in status.read_text().splitlines()
        if line.startswith("voluntary_ctxt_switches:")
    )


def _written(server: Running) -> int:
    """Bytes that a server's processes have made dirty for the disk."""
    return sum(written_bytes(pid) for pid in server.pids.values())
