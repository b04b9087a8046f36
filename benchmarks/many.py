"""Many gateways: what each of ten and of a hundred costs, and what readers notice of a hundred.

Their history is on the disk. All are simulated: one process answers for all of them, and is not counted.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.footprint import PASSWORD, Running, add_answers, fresh, has_data, told
from benchmarks.load import load
from benchmarks.table import Table
from tests.support.programs import children, cpu_seconds, free_port, pss_kb, pwserver, simulator, wait_for

SECTION = "many"
HUNDRED, TEN = 100, 10
SLOW_SECONDS, FAST_SECONDS = 30, 5  # between two polls of a gateway
LOOK_SECONDS, QUICK_LOOK_SECONDS = 120.0, 30.0
READS_PER_SECOND = 200.0
POLLS = "powerwall_polls_total{"


def run(table: Table) -> None:
    """Measure one, ten and a hundred gateways of three Powerwall 3 each; about nine minutes."""
    seconds = QUICK_LOOK_SECONDS if table.quick else LOOK_SECONDS
    with simulator("powerwall3", 4, "--hour", "12", "--password", PASSWORD) as addresses:
        _hundred(table, addresses, seconds)


def _entries(addresses: Sequence[str], count: int) -> str:
    return json.dumps(
        [
            {"id": f"house{number}", "name": f"House {number}", "host": host, "gw_pwd": PASSWORD}
            for number, host in ((number, addresses[number % len(addresses)]) for number in range(1, count + 1))
        ]
    )


@contextmanager
def _polling(addresses: Sequence[str], count: int, interval: int) -> Iterator[Running]:
    """A server that has read so many gateways."""
    port, begun = free_port(), time.monotonic()
    settings = {"PW_GATEWAYS": _entries(addresses, count), "PW_CACHE_EXPIRE": str(interval), "PW_WORKERS": "2"}
    with tempfile.TemporaryDirectory() as folder, pwserver(port, PW_HISTORY_PATH=folder, **settings) as main:
        wait_for(lambda: has_data(port) and fresh(port) == count, 300, 0.5)
        yield Running(port, {"main": main.pid, **children(main.pid)}, time.monotonic() - begun)


def _poll_ms(server: Running, seconds: float) -> float:
    """Processor time of the poller for each poll. /metrics has been read, so that all that is about all is made."""
    before, polls = cpu_seconds(server.pids["poller"]), told(server.port, POLLS)
    time.sleep(seconds)
    spent = cpu_seconds(server.pids["poller"]) - before
    return spent / (told(server.port, POLLS) - polls) * 1000


def _memory_mb(server: Running) -> float:
    return sum(pss_kb(pid) for pid in server.pids.values()) / 1024


def _hundred(table: Table, addresses: Sequence[str], seconds: float) -> None:
    with _polling(addresses, 1, SLOW_SECONDS) as server:
        time.sleep(SLOW_SECONDS)
        alone_mb = _memory_mb(server)
        alone = load(server.port, seconds / 2, READS_PER_SECOND, 1)
    with _polling(addresses, TEN, FAST_SECONDS) as server:
        time.sleep(FAST_SECONDS * 2)
        poll_ms = _poll_ms(server, seconds)
        table.add(SECTION, "ten gateways at 5 s: processor for a poll", poll_ms, "ms", aim="<= 25")
    with _polling(addresses, HUNDRED, SLOW_SECONDS) as server:
        table.add(SECTION, "a hundred gateways: start to the first data of all", server.first_seconds, "s")
        time.sleep(SLOW_SECONDS * 2)
        poll_ms = _poll_ms(server, seconds)
        table.add(SECTION, "a hundred gateways at 30 s: processor for a poll", poll_ms, "ms", aim="<= 25")
        each = (_memory_mb(server) - alone_mb) / (HUNDRED - 1)
        table.add(SECTION, "a hundred gateways: memory (PSS) of each", each, "MB", aim="<= 1.2")
        beside = load(server.port, seconds / 2, READS_PER_SECOND, 1)
        ratio = beside["p99_ms"] / alone["p99_ms"]
        table.add(
            SECTION, "p99 of 200 reads a second beside them", beside["p99_ms"], "ms", ratio, "one gateway", "<= 2"
        )
        add_answers(table, SECTION, "a hundred gateways", server.port, ("/health", "/metrics", "/api/site"))
