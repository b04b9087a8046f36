"""What the server costs while few ask: memory, start, and CPU of a poll; its predecessor beside it."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from benchmarks.peers import predecessor, predecessor_folder
from benchmarks.table import Table
from tests.support.programs import children, cpu_seconds, free_port, get, pss_kb, pwserver, simulator, wait_for
from tests.support.readers import TELEGRAF, json_of

SECTION = "footprint"
PASSWORD = "gatewaypass"
STARTS, QUICK_STARTS = 5, 2
LOOK_SECONDS, QUICK_LOOK_SECONDS = 30.0, 6.0
TELEGRAF_SECONDS = 5.0


def run(table: Table) -> None:
    """Two workers and a poller beside one simulated Powerwall 3 with two followers, polled every five seconds."""
    seconds = QUICK_LOOK_SECONDS if table.quick else LOOK_SECONDS
    with simulator("powerwall3", 1, "--hour", "12", "--password", PASSWORD) as (address,):
        up, first = starts(address, QUICK_STARTS if table.quick else STARTS)
        table.add(SECTION, "start to first answer, median", up * 1000, "ms")
        table.add(SECTION, "start to first data, median", first * 1000, "ms", aim="<= 1000")
        folder = predecessor_folder()
        with ExitStack() as stack:
            # One after the other would double the time; both are nearly idle.
            ours = stack.enter_context(started(address))
            theirs = stack.enter_context(other(address, folder)) if folder is not None else None
            time.sleep(3)
            costs = observed([ours, *([theirs] if theirs is not None else [])], seconds)
        mine = costs[0]
        for name, kilobytes in mine.memory.items():
            table.add(SECTION, f"PSS of {name}", kilobytes / 1024, "MB")
        total = sum(mine.memory.values()) / 1024
        table.add(SECTION, "PSS in all, two workers and the poller", total, "MB", aim="<= 85")
        everyone = sum(mine.cpu.values()) / seconds * 100
        readers = everyone - mine.cpu["poller"] / seconds * 100
        table.add(SECTION, "CPU at Telegraf's load: main and workers", readers, "% of 1")
        table.add(SECTION, "CPU at Telegraf's load: with the poller", everyone, "% of 1")
        if theirs is not None:
            memory, used = sum(costs[1].memory.values()) / 1024, sum(costs[1].cpu.values()) / seconds * 100
            table.add(SECTION, "PSS of pypowerwall-server", memory, "MB", memory / total, "pwserver")
            table.add(SECTION, "CPU of pypowerwall-server at that load", used, "% of 1", used / everyone, "pwserver")
            began = theirs.first_seconds
            table.add(
                SECTION, "start to first data of pypowerwall-server", began * 1000, "ms", began / first, "pwserver"
            )
        polls(table, address, seconds)


@dataclass(frozen=True, slots=True)
class Running:
    """A server to look at: its port, the pids of its processes by name, seconds from start to first data."""

    port: int
    pids: dict[str, int]
    first_seconds: float


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds and proportional memory (kB), by process."""

    cpu: dict[str, float]
    memory: dict[str, int]


@contextmanager
def started(address: str, interval: int = 5) -> Iterator[Running]:
    """Ours, with data."""
    port = free_port()
    begun = time.monotonic()
    with pwserver(port, **settings(address, interval)) as main:
        wait_for(lambda: has_data(port))
        yield Running(port, {"main": main.pid, **children(main.pid)}, time.monotonic() - begun)


@contextmanager
def other(address: str, folder: os.PathLike[str]) -> Iterator[Running]:
    """The predecessor, with data."""
    from pathlib import Path

    begun = time.monotonic()
    with predecessor(Path(folder), address, PASSWORD) as (port, pid):
        wait_for(lambda: has_data(port), 60)
        yield Running(port, {"server": pid}, time.monotonic() - begun)


def settings(address: str, interval: int = 5) -> dict[str, str]:
    return {"PW_HOST": address, "PW_GW_PWD": PASSWORD, "PW_CACHE_EXPIRE": str(interval), "PW_WORKERS": "2"}


def has_data(port: int) -> bool:
    status, body = get(port, "/aggregates")
    return status == 200 and b"instant_power" in body


def fresh(port: int) -> int:
    """How many gateways the server has read lately; 0 while it does not answer."""
    try:
        return int(json_of(port, "/api/site")["site"]["fresh"])
    except (OSError, ValueError, KeyError):
        return 0


def told(port: int, beginning: str) -> float:
    """The sum of all samples of /metrics that begin so, of any server."""
    lines = get(port, "/metrics")[1].decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(beginning))


def add_answers(table: Table, section: str, what: str, port: int, targets: Sequence[str]) -> None:
    """Add how long one answer of each takes, and its length."""
    for target in targets:
        begun = time.monotonic()
        size = len(get(port, target, 30.0)[1])
        table.add(section, f"{what}: {target}", (time.monotonic() - begun) * 1000, "ms", details={"bytes": size})


def starts(address: str, count: int) -> tuple[float, float]:
    """Medians of the seconds from starting the program to its first answer, and to the first answer with data."""
    up, first = [], []
    for _ in range(count):
        port = free_port()
        begun = time.monotonic()
        with pwserver(port, **settings(address)):
            wait_for(lambda port=port: get(port, "/aggregates")[0] == 200)
            up.append(time.monotonic() - begun)
            wait_for(lambda port=port: has_data(port))
            first.append(time.monotonic() - begun)
    return statistics.median(up), statistics.median(first)


def observed(servers: list[Running], seconds: float) -> list[Cost]:
    """What the servers use while each is asked for Telegraf's eight pages at once, every five seconds."""
    before = [{name: cpu_seconds(pid) for name, pid in server.pids.items()} for server in servers]
    connections = [
        [(http.client.HTTPConnection("127.0.0.1", server.port, timeout=10), target) for target in TELEGRAF]
        for server in servers
    ]
    end = time.monotonic() + seconds
    while True:
        for group in connections:
            for connection, target in group:
                connection.request("GET", target)
            for connection, target in group:
                try:
                    connection.getresponse().read()
                except (OSError, http.client.HTTPException):  # closed while it was idle
                    connection.close()
                    connection.request("GET", target)
                    connection.getresponse().read()
        left = end - time.monotonic()
        if left <= 0:
            break
        time.sleep(min(TELEGRAF_SECONDS, left))
    return [
        Cost(
            {name: cpu_seconds(pid) - start[name] for name, pid in server.pids.items()},
            {name: pss_kb(pid) for name, pid in server.pids.items()},
        )
        for server, start in zip(servers, before, strict=True)
    ]


def polls(table: Table, address: str, seconds: float) -> None:
    """CPU of one poll, and how much of it is the library that speaks to the gateway."""
    with started(address, 1) as server:
        time.sleep(2)
        poller = server.pids["poller"]
        before, done = cpu_seconds(poller), poll_count(server.port)
        time.sleep(seconds)
        spent = cpu_seconds(poller) - before
        done = poll_count(server.port) - done
    whole = spent / max(1, done) * 1000
    table.add(SECTION, "CPU of the poller per poll, Powerwall 3 x 3", whole, "ms", details={"polls": done})
    rendered = next((row.value for row in table.rows if row.section == "rendering"), None)
    if rendered is not None:
        table.add(SECTION, "  of it ours: rendering and publishing", rendered, "ms")
        table.add(SECTION, "  the rest: pypowerwall, TLS, our collecting", whole - rendered, "ms")


def poll_count(port: int) -> int:
    """Good polls so far."""
    return int(json.loads(get(port, "/health")[1])["connection_health"]["total_successes"])
