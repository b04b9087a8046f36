"""``python -m benchmarks.load``: ten times Telegraf's load through every fault, and what the gateway notices of it.

Telegraf asks for eight documents at once every five seconds; ten of them are eighty at once. Each fault lasts a while;
the times are those of every request, counted from the moment it was due.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.table import Table
from pwserver.simulator import SimulatedGateway
from tests.support.programs import clean_environment, free_port, pwserver, wait_for
from tests.support.readers import json_of, timestamp

SECTION = "faults"
BURST = 80  # ten times Telegraf's eight
EVERY_SECONDS = 5.0
FAULTS: dict[str, dict[str, Any]] = {
    "none": {"kind": "none"},
    "unplugged": {"kind": "unplugged"},
    "silent": {"kind": "silent"},
    "one byte a second": {"kind": "drip", "seconds": 1.0},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "404": {"kind": "status", "status": 404},
    "429": {"kind": "status", "status": 429, "retry_after_seconds": 5},
    "500": {"kind": "status", "status": 500},
    "503": {"kind": "status", "status": 503},
    "garbage protobuf": {"kind": "garbage-protobuf"},
    "garbage JSON": {"kind": "garbage-json"},
    "20 s answers": {"kind": "slow", "seconds": 20.0},
    "flapping": {"kind": "flapping", "fault": {"kind": "reset"}, "up_seconds": 4, "down_seconds": 3},
}
SETTINGS = {"PW_TIMEOUT": "5", "PW_CACHE_TTL": "10", "PW_BACKOFF_MAX": "5", "PW_AUTH_COOLDOWN": "60"}


@contextlib.contextmanager
def beside(gateway: SimulatedGateway, port: int, **settings: str) -> Iterator[None]:
    """A server that has read this gateway."""
    with pwserver(port, PW_HOST=gateway.address, PW_GW_PWD=gateway.password, **settings):
        wait_for(lambda: timestamp(port), 60)
        yield


def load(port: int, seconds: float, rate: float, burst: int) -> dict[str, Any]:
    """What a client process saw in that time."""
    command = [sys.executable, "-m", "benchmarks.steady", str(port), "--rate", str(rate), "--burst", str(burst),
               "--seconds", str(seconds), "--connections", str(burst)]  # fmt: skip
    done = subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=seconds + 60)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def through_faults(table: Table, seconds: float) -> None:
    """Each fault for a while, on a gateway of its own."""
    for name, fault in FAULTS.items():
        port = free_port()
        with SimulatedGateway("powerwall2") as gateway, beside(gateway, port, **SETTINGS):
            gateway.fault(**fault)
            found = load(port, seconds, BURST / EVERY_SECONDS, BURST)
            gateway.fault("none")
            bad = found["lost"] + found["refused"] + found["answers"] - found["statuses"].get("200", 0)
            table.add(SECTION, f"{name}: p99.9 of {found['answers']} reads", found["p999_ms"], "ms", aim="<= 10")
            table.add(SECTION, f"{name}: reads that failed", bad, "", aim="<= 0")


def gateway_calls(table: Table, seconds: float) -> None:
    """Calls a minute, as the gateway counts them: nobody reading, and as many as can."""
    port = free_port()
    with SimulatedGateway("powerwall2") as gateway, beside(gateway, port):
        alone = calls(gateway, lambda: time.sleep(seconds))
        found: dict[str, Any] = {}
        busy = calls(gateway, lambda: found.update(load(port, seconds, 5000, 10)))
        told = json_of(port, "/health")["gateway_details"][0]["calls_per_minute"]
    table.add(SECTION, "calls to the gateway, nobody reading", alone, "/min")
    table.add(SECTION, f"calls to the gateway, {found['per_second']:.0f} reads/s", busy, "/min")
    table.add(SECTION, "difference in calls to the gateway", abs(busy - alone), "/min", aim="<= 1")
    table.add(SECTION, "calls to the gateway, as /health tells them", told, "/min")


def calls(gateway: SimulatedGateway, work: Callable[[], object]) -> float:
    """Requests a minute while ``work`` lasts."""
    begin, before = time.monotonic(), gateway.requests.total
    work()
    return (gateway.requests.total - before) * 60.0 / (time.monotonic() - begin)


def run(table: Table, seconds: float = 30.0) -> None:
    """Both parts."""
    through_faults(table, seconds)
    gateway_calls(table, max(60.0, seconds))


def main() -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="for each fault (default %(default)s)")
    table = Table()
    run(table, parser.parse_args().seconds)
    print(f"\nas JSON: {table.save()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
