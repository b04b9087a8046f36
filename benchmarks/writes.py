"""Measure what the history takes on the disk, and what is written to it in a day: for one gateway and for twelve.

``python -m benchmarks.writes [MINUTES]`` runs the real servers beside simulated houses, all at once; skips the first
two minutes, counts what each poller makes dirty for the disk (``write_bytes`` of Linux), scales it to a day, and prints
the table of docs/operations.md. With the default of 6 minutes it takes 9. It wants a quiet machine, and a current
folder that is on a disk: there the files lie meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pwserver.simulator import DEFAULT_PASSWORD
from tests.support.programs import children, free_port, get, pwserver, simulator, wait_for

MINUTES = 6.0
SKIPPED_SECONDS = 120.0
STARTED_SECONDS = 120.0  # twelve gateways beside two other servers
DAY_SECONDS = 86_400.0
FASTEST = {"PW_CACHE_EXPIRE": "1", "PW_HISTORY_FLUSH_SECONDS": "1"}
HEAD = "| Gateways | Settings | Device signals | On the disk | Written a day |"


@dataclass(slots=True)
class Site:
    """Holds one running server, and what its poller had written when the measurement began."""

    what: str
    settings: str
    port: int
    main_pid: int
    folder: Path
    poller: int = 0
    before: int = 0
    begun: float = 0.0

    def wait(self, gateways: int) -> None:
        """Wait until every gateway has answered."""
        wait_for(lambda: _online(self.port) == gateways, STARTED_SECONDS)

    def begin(self) -> None:
        """Begin to count."""
        self.poller = children(self.main_pid)["poller"]
        self.before, self.begun = written_bytes(self.poller), time.monotonic()

    def row(self) -> str:
        """Return the line of the table."""
        a_day = (written_bytes(self.poller) - self.before) / (time.monotonic() - self.begun) * DAY_SECONDS
        room = sum(file.stat().st_blocks * 512 for file in self.folder.rglob("*") if file.is_file())
        series = get(self.port, "/api/timeseries/signals")[1].count(b'"device"')
        return f"| {self.what} | {self.settings} | {series} | {room / 1e6:.0f} MB | {a_day / 1e6:.0f} MB |"


def _online(port: int) -> int:
    status, body = get(port, "/health")
    return json.loads(body)["gateways_online"] if status == 200 else 0


def written_bytes(pid: int) -> int:
    """Return how many bytes a process has made dirty for the disk, less what was thrown away before it got there."""
    lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    cells = {name: int(value) for name, _, value in (line.partition(":") for line in lines)}
    return cells["write_bytes"] - cells["cancelled_write_bytes"]


def start(
    stack: contextlib.ExitStack, what: str, settings: str, addresses: Sequence[str], home: Path, **more: str
) -> Site:
    """Start one server over these gateways."""
    port, folder = free_port(), home / f"history-{what}-{settings}".replace(" ", "-").replace(",", "")
    entries = [{"id": f"house-{number}", "host": address} for number, address in enumerate(addresses)]
    gateways = json.dumps([{"gw_pwd": DEFAULT_PASSWORD, **entry} for entry in entries])
    environment = {"PW_GATEWAYS": gateways, "PW_HISTORY_PATH": str(folder), **more}
    main = stack.enter_context(pwserver(port, **environment))
    site = Site(what, settings, port, main.pid, folder)
    site.wait(len(addresses))
    return site


def measure(minutes: float) -> None:
    """Measure all of them at once, and print the table."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as home, contextlib.ExitStack() as stack:
        (older,) = stack.enter_context(simulator("powerwall2"))
        one, fast, *twelve = stack.enter_context(simulator("v1r", 14))
        place = Path(home)
        sites = [
            start(stack, "one Powerwall 2", "default", [older], place),
            start(stack, "one Powerwall 3", "default", [one], place),
            start(stack, "one Powerwall 3", "polled and flushed every second", [fast], place, **FASTEST),
            start(stack, "twelve Powerwall 3", "default", twelve, place),
        ]
        time.sleep(SKIPPED_SECONDS)
        for site in sites:
            site.begin()
        time.sleep(minutes * 60.0)
        rows = [site.row() for site in sites]
    print("\n".join((HEAD, "|---|---|---|---|---|", *rows)), flush=True)


if __name__ == "__main__":
    measure(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES)
