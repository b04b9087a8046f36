"""Programs on loopback that tests and benchmarks start, ask, look at and end."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.waiting import patient

ROOT = Path(__file__).parents[2]
MOST_WORKERS = 64


def _own_ports() -> Iterator[int]:
    """Return the ports of this process, in any order: each of the processes that share the tests out has its own.

    They are below those that the kernel gives to connections and to whoever asks for any port. So nobody else gets one
    between its choice and its use, or while a server that is to come back on it is away.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    ports = [*range(10_000 + worker % MOST_WORKERS, 32_000, MOST_WORKERS)]
    random.SystemRandom().shuffle(ports)
    return itertools.cycle(ports)


_PORTS = _own_ports()


def free_port() -> int:
    """Return a loopback port that nobody listens on, and that nobody is given soon."""
    for port in itertools.islice(_PORTS, 32_000):
        if is_free(port):
            return port
    raise RuntimeError("no port is free")


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a loopback port."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
        return True
    return False


def clean_environment(**more: str) -> dict[str, str]:
    """Return what a program needs to run, what lets coverage count its lines, and ``more``.

    Its history is in memory unless ``more`` says otherwise: tests share no state folder, least of all the user's.
    """
    keep = {
        name: os.environ[name] for name in ("PATH", "HOME", "LANG", "COVERAGE_PROCESS_CONFIG") if name in os.environ
    }
    return keep | {"PYTHONPATH": str(ROOT), "PW_HISTORY_PATH": "memory"} | more


@contextlib.contextmanager
def process(command: list[str], environment: dict[str, str], log: str = os.devnull) -> Iterator[subprocess.Popen[str]]:
    """A program in a session of its own, ended with SIGTERM and, if it must be, SIGKILL."""
    with open(log, "w", encoding="utf-8") as out:
        started = subprocess.Popen(
            command,
            env=environment,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
    try:
        yield started
    finally:
        started.send_signal(signal.SIGTERM)
        try:
            started.wait(patient(8))
        except subprocess.TimeoutExpired:
            os.killpg(started.pid, signal.SIGKILL)
            started.wait()


def get(port: int, target: str, seconds: float = 5.0) -> tuple[int, bytes]:
    """One GET; status 0 when there was no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except OSError:
        return 0, b""
    finally:
        connection.close()


def wait_for(condition: Any, seconds: float = 30.0, every: float = 0.005) -> float:
    """Seconds until ``condition()`` held; RuntimeError when it did not within ``patient(seconds)``."""
    begin = time.monotonic()
    while not condition():
        if time.monotonic() - begin > patient(seconds):
            raise RuntimeError(f"waited {patient(seconds):g} s in vain")
        time.sleep(every)
    return time.monotonic() - begin


@contextlib.contextmanager
def pwserver(port: int, *arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Our server on loopback; not waited for."""
    command = [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", str(port), *arguments]
    with process(command, clean_environment(**environment), f"/tmp/pwserver-bench-{port}.log") as started:
        yield started


@contextlib.contextmanager
def simulator(scenario: str, count: int = 1, *arguments: str) -> Iterator[list[str]]:
    """Simulated gateways; yields their host:port."""
    log = f"/tmp/pwserver-simulator-{os.getpid()}-{scenario}.log"
    command = [sys.executable, "-m", "pwserver.simulator", "--scenario", scenario, "--port", "0", "--count", str(count)]
    command += arguments
    with process(command, clean_environment(), log):
        wait_for(lambda: "ready" in Path(log).read_text())
        yield re.findall(r"https://([0-9.:]+)", Path(log).read_text())


def alive(pid: int) -> bool:
    """Tell whether there is a process of this number that is more than an entry to be collected."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def pss_kb(pid: int) -> int:
    """Proportional memory of one process in kB."""
    for row in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if row.startswith("Pss:"):
            return int(row.split()[1])
    return 0


def cpu_seconds(pid: int) -> float:
    """User and system time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def children(pid: int) -> dict[str, int]:
    """Name -> pid of a process's children, by the names they gave themselves."""
    return {name.removeprefix("pw:"): child for name, child in _children(pid)}


def family(pid: int) -> list[tuple[str, int]]:
    """(name and command line, pid) of everything that descends from a process."""
    found = []
    for name, child in _children(pid):
        with contextlib.suppress(OSError):
            command = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found += [(name if name.startswith("pw:") else f"{name} {command}", child), *family(child)]
    return found


def _children(pid: int) -> list[tuple[str, int]]:
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = entry.read_text(errors="replace").partition("(")[2].rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == pid:
            found.append((name, int(entry.parent.name)))
    return found
