"""Is the installed pwserver whole? Run by the Python it is installed in, outside the checkout; needs nothing else.

    python tests/packaging/smoke.py

The modules are compiled, the demo starts, and the eight pages Telegraf asks for have numbers.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import pwserver
import pwserver_ext

TELEGRAF = ("/aggregates", "/soe", "/strings", "/temps/pw", "/freq", "/pod", "/fans/pw", "/alerts/pw")
PAGES = ("/", "/console", "/docs", "/openapi.json")
START_SECONDS = 120  # what a badly loaded machine may take
LISTENING = re.compile(r"http://localhost:(\d+)/|http://127\.0\.0\.1:(\d+)/")


def get(port: int, target: str) -> tuple[int, bytes]:
    """Status and body of one answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()


def numbers(found: Any) -> int:
    """How many numbers are in a JSON value."""
    if isinstance(found, dict):
        return sum(map(numbers, found.values()))
    if isinstance(found, list):
        return sum(map(numbers, found))
    return int(isinstance(found, int | float) and not isinstance(found, bool))


def wait_for(condition: Any, process: subprocess.Popen[bytes], log: Path) -> Any:
    """The first truthy answer of ``condition``, as long as the server lives."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if value := condition():
                return value
        time.sleep(0.1)
    raise SystemExit(f"smoke test: no answer in time, or the server ended:\n{log.read_text()}")


def balance(port: int) -> tuple[float, ...] | None:
    """Grid, solar, battery and home in watts once there is data."""
    status, body = get(port, "/aggregates")
    meters = json.loads(body) if status == 200 else None
    if not meters:
        return None
    return tuple(meters[name]["instant_power"] for name in ("site", "solar", "battery", "load"))


def main() -> None:
    checkout = Path(__file__).resolve().parents[2]
    assert not Path(pwserver.__file__).is_relative_to(checkout), f"{pwserver} is in the checkout, not installed"
    assert all(pwserver_ext.compiled().values()), pwserver_ext.compiled()

    program = Path(sysconfig.get_path("scripts"), "pypowerwall-server")
    log = Path.cwd() / "smoke.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "--demo=powerwall3", "--bind-address", "127.0.0.1", "--port", "0"],
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(Path.cwd())},
        )
    try:
        port = int(next(filter(None, wait_for(lambda: LISTENING.search(log.read_text()), process, log).groups())))
        grid, solar, battery, home = wait_for(lambda: balance(port), process, log)
        assert abs(grid + solar + battery - home) < 50, (grid, solar, battery, home)
        for target in TELEGRAF:
            status, body = get(port, target)
            assert status == 200, (target, status)
            count = numbers(json.loads(body))
            assert count or target == "/alerts/pw", (target, body)
            print(f"{target}: {count} numbers")
        for target in PAGES:
            status, body = get(port, target)
            assert status == 200 and len(body) > 500, (target, status, len(body))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    assert process.returncode == 0, log.read_text()
    log.unlink()
    print(f"pwserver {pwserver.__version__} on {sys.implementation.cache_tag}: whole")


if __name__ == "__main__":
    main()
