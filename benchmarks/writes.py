"""Measure what the default settings take on the disk, and what they write to it in a day.

``python -m benchmarks.writes [MINUTES [FLUSH]]`` runs the real server beside a simulated house, skips the first two
minutes, counts what its poller makes dirty for the disk (``write_bytes`` of Linux) and scales it to a day. ``FLUSH`` is
PW_HISTORY_FLUSH_SECONDS. Where the command is run, the files lie: not in memory, please.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from pwserver.simulator import DEFAULT_PASSWORD
from tests.support.programs import children, free_port, get, pwserver, simulator, wait_for

SCENARIOS = ("powerwall2", "v1r")
SKIPPED_SECONDS = 120.0
DAY_SECONDS = 86_400.0


def written_bytes(pid: int) -> int:
    """Return how many bytes a process has made dirty for the disk, less what was thrown away before it got there."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    cells = {name: int(value) for name, _, value in (line.partition(":") for line in lines)}
    return cells["write_bytes"] - cells["cancelled_write_bytes"]


def measure(scenario: str, minutes: float, flush: str) -> None:
    """Measure one house and print its line."""
    port = free_port()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as home, simulator(scenario) as addresses:
        folder = Path(home, "history")
        settings = {"PW_HOST": addresses[0], "PW_GW_PWD": DEFAULT_PASSWORD, "PW_HISTORY_PATH": str(folder)}
        settings["PW_HISTORY_FLUSH_SECONDS"] = flush
        with pwserver(port, **settings) as main:
            wait_for(lambda: get(port, "/aggregates")[0] == 200 and children(main.pid).get("poller"))
            time.sleep(SKIPPED_SECONDS)
            poller = children(main.pid)["poller"]
            before, begun = written_bytes(poller), time.monotonic()
            time.sleep(minutes * 60.0)
            a_day = (written_bytes(poller) - before) / (time.monotonic() - begun) * DAY_SECONDS
            room = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
            series = get(port, "/api/timeseries/signals")[1].count(b'"device"')
        print(
            f"{scenario}: {series} device signals, {room / 1e6:.1f} MB on the disk, {a_day / 1e6:.1f} MB a day",
            flush=True,
        )


if __name__ == "__main__":
    for each in SCENARIOS:
        measure(each, float(sys.argv[1]) if len(sys.argv) > 1 else 10.0, sys.argv[2] if len(sys.argv) > 2 else "60")
