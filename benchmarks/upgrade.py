"""Try a change of name: pypowerwall-server 0.13.0 records a house and is killed, and pwserver takes its place.

It records across a midnight (``faketime``), so there are two days. ``python -m benchmarks.upgrade`` says what the
predecessor had and what is there afterwards. It ends with status 1 when a day or a sample is missing or the
predecessor's file was changed. It installs the predecessor once (``.bench/pws``).
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import re
import signal
import sqlite3
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from benchmarks.peers import PREDECESSOR, predecessor_folder
from pwserver.simulator import DEFAULT_PASSWORD
from tests.support.programs import clean_environment, free_port, get, process, simulator, wait_for

SECONDS = float(os.environ.get("PWSERVER_UPGRADE_SECONDS", "60"))
ZONE = "Europe/Berlin"


def settings(address: str, store: Path, port: int) -> dict[str, str]:
    """Return the one environment that both servers get."""
    found = clean_environment(
        PW_HOST=address,
        PW_GW_PWD=DEFAULT_PASSWORD,
        PW_PORT=str(port),
        PW_BIND_ADDRESS="127.0.0.1",
        PW_CACHE_EXPIRE="5",
        PW_TIMEZONE=ZONE,
        PW_TIMESERIES_PATH=str(store),
        HOME=str(store.parent),
    )
    del found["PW_HISTORY_PATH"]  # nobody who changes the name has set it
    return found


def begin() -> str:
    """Return half a minute before today's midnight, for faketime: so that two days are recorded."""
    now = datetime.datetime.now(ZoneInfo(ZONE))
    midnight = now.replace(hour=0, minute=0, second=0) - datetime.timedelta(seconds=SECONDS / 2)
    return f"@{midnight.astimezone():%Y-%m-%d %H:%M:%S}"


def answer(port: int, target: str) -> Any:
    """Return the JSON of a page that must answer."""
    status, body = get(port, target, 10.0)
    if status != 200:
        raise RuntimeError(f"{target}: {status}")
    return json.loads(body)


def checksums(folder: Path) -> dict[str, str]:
    """Return what the predecessor's files hold."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.glob("timeseries.db*"))}


def recorded(store: Path, copy: Path) -> tuple[list[float], dict[str, dict[str, float]]]:
    """Return the predecessor's samples and days, read from a copy of its file and log."""
    for file in store.parent.glob("timeseries.db*"):
        (copy / file.name).write_bytes(file.read_bytes())
    with contextlib.closing(sqlite3.connect(copy / store.name)) as database:
        database.row_factory = sqlite3.Row
        samples = [float(row["ts"]) for row in database.execute("SELECT ts FROM samples ORDER BY ts")]
        days = {
            str(row["day"]): {name: row[name] for name in row.keys() if name.endswith("_kwh")}  # noqa: SIM118
            for row in database.execute("SELECT * FROM daily_energy")
        }
    return samples, days


def run(program: Path) -> int:
    """Let one record and the other take over; returns the exit status."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home, simulator("powerwall2") as addresses:
        store = Path(home, "data", "timeseries.db")
        store.parent.mkdir()
        environment = settings(addresses[0], store, port)
        theirs = {name: value for name, value in environment.items() if name != "PYTHONPATH"}
        with process(["faketime", "-f", begin(), str(program)], theirs, f"{home}/predecessor.log") as started:
            wait_for(lambda: get(port, "/api/timeseries/samples")[0] == 200, 60.0)
            time.sleep(SECONDS)  # this long it records
            os.killpg(started.pid, signal.SIGKILL)  # faketime has started it as a child
            started.wait()
        before = checksums(store.parent)
        copy = Path(home, "copy")
        copy.mkdir()
        samples, days = recorded(store, copy)
        if not samples:
            raise RuntimeError(
                f"{PREDECESSOR} has recorded nothing:\n{Path(home, 'predecessor.log').read_text()[-2000:]}"
            )
        print(f"{PREDECESSOR}: {len(samples)} samples, {len(days)} days, killed; its files: {', '.join(before)}")
        log = Path(home, "pwserver.log")
        with process([sys.executable, "-m", "pwserver"], environment, str(log)):
            try:
                wait_for(lambda: "history was taken over" in log.read_text(), 20.0)
            except RuntimeError:
                print(log.read_text())
                raise
            print(
                *re.findall(r"\S+(?:: history was|/[\w-]+: \d+ rows|: \d+ (?:days|polls)).*", log.read_text()), sep="\n"
            )
            there = {float(one["ts"]) for one in answer(port, "/api/timeseries/samples?limit=10000")["samples"]}
            answered = answer(port, "/api/timeseries/daily?days=366")["days"]
        kept = {one["day"]: one["gateways"]["default"] for one in answered}
        missing = [when for when in samples if not any(abs(when - one) < 0.001 for one in there)]
        less = [
            (day, name)
            for day, energies in days.items()
            for name, kwh in energies.items()
            if (kept.get(day, {}).get(name) or 0.0) < kwh * 0.999 - 0.001
        ]
        print(f"pwserver: {len(samples) - len(missing)} of {len(samples)} samples, {len(days)} days, short: {less}")
        for day, energies in sorted(days.items()):
            home_kwh = kept.get(day, {}).get("home_kwh") or 0.0
            print(f"  {day}: home {energies['home_kwh']:.4f} kWh by the predecessor, {home_kwh:.4f} kWh now")
        unchanged = checksums(store.parent) == before
        print(f"the predecessor's files are {'as they were' if unchanged else 'CHANGED'}")
        return 0 if samples and not missing and not less and unchanged else 1


if __name__ == "__main__":
    there = predecessor_folder()
    sys.exit(run(there / "bin" / "pypowerwall-server") if there is not None else 2)
