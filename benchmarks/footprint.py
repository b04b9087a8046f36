"""What the server costs while nobody asks: memory, start, and CPU of a poll."""

from __future__ import annotations

import json
import statistics
import time

from benchmarks.started import children, cpu_seconds, free_port, get, pss_kb, pwserver, simulator, wait_for
from benchmarks.table import Table

SECTION = "footprint"
PASSWORD = "simulated-gateway"
ROUNDS = 5


def run(table: Table) -> None:
    """Two workers and a poller beside one simulated Powerwall 3 with two followers."""
    with simulator("powerwall3", 1, "--hour", "12") as (address,):
        up, first = zip(*(start_times(address) for _ in range(ROUNDS)), strict=True)
        table.add(SECTION, "start to first answer, median of 5", statistics.median(up) * 1000, "ms")
        table.add(SECTION, "start to first data, median of 5", statistics.median(first) * 1000, "ms", aim="<= 1000")
        memory_and_polls(table, address)


def settings(address: str, interval: int = 5) -> dict[str, str]:
    return {"PW_HOST": address, "PW_GW_PWD": from_simulator(), "PW_CACHE_EXPIRE": str(interval), "PW_WORKERS": "2"}


def from_simulator() -> str:
    """The password simulated gateways have unless told otherwise."""
    from pwserver.simulator import DEFAULT_PASSWORD

    return DEFAULT_PASSWORD


def has_data(port: int) -> bool:
    status, body = get(port, "/aggregates")
    return status == 200 and b"instant_power" in body


def start_times(address: str) -> tuple[float, float]:
    """Seconds from starting the program to its first answer, and to the first answer with data."""
    port = free_port()
    begin = time.monotonic()
    with pwserver(port, **settings(address)):
        wait_for(lambda: get(port, "/aggregates")[0] == 200)
        answered = time.monotonic() - begin
        wait_for(lambda: has_data(port))
        return answered, time.monotonic() - begin


def memory_and_polls(table: Table, address: str, seconds: float = 20.0) -> None:
    port = free_port()
    with pwserver(port, **settings(address, 1)) as main:
        wait_for(lambda: has_data(port))
        time.sleep(3)
        family = {"main": main.pid, **children(main.pid)}
        before = {name: cpu_seconds(pid) for name, pid in family.items()}
        polls = poll_count(port)
        time.sleep(seconds)
        polls = poll_count(port) - polls
        spent = {name: cpu_seconds(pid) - before[name] for name, pid in family.items()}
        memory = {name: pss_kb(pid) / 1024 for name, pid in family.items()}
    for name, megabytes in memory.items():
        table.add(SECTION, f"PSS of {name}", megabytes, "MB")
    table.add(SECTION, "PSS in all, two workers and the poller", sum(memory.values()), "MB", aim="<= 85")
    table.add(SECTION, "CPU of the poller per poll, Powerwall 3 x 3", spent["poller"] / max(1, polls) * 1000, "ms")
    idle = sum(seconds_used for name, seconds_used in spent.items() if name != "poller") / seconds
    table.add(SECTION, "CPU of main and workers while nobody asks", idle * 100, "% of 1")


def poll_count(port: int) -> int:
    """Good polls so far."""
    return int(json.loads(get(port, "/health")[1])["connection_health"]["total_successes"])
