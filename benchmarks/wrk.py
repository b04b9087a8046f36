"""Load from wrk: one thread, closed loop. All servers are asked by the same program in the same way."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, CLIENT_CORE = 0, 1

SCRIPT = """
%s
done = function(summary, latency, requests)
    io.write(string.format(
        '\\n{"requests": %%d, "us": %%d, "p50": %%d, "p99": %%d, "p999": %%d, "errors": %%d}\\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency:percentile(99.9),
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
            + summary.errors.timeout))
end
"""

# Only when needed: wrk sends its one request without asking the script for it, which costs it less.
PIPELINE = """
local batch
init = function(args) batch = string.rep(wrk.format(nil, nil), %d) end
request = function() return batch end
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of one round. Latencies in milliseconds; ``errors``: no answer, or another status than 2xx and 3xx."""

    per_second: float
    p50: float
    p99: float
    p999: float
    errors: int
    requests: int


def is_measurable(section: str) -> bool:
    """Whether this machine has the programs that the comparison needs; says which it has not."""
    lacking = [name for name in ("wrk", "nginx") if shutil.which(name) is None]
    if lacking:
        print(f"{section}: not measured, {' and '.join(lacking)} not found (apt install wrk nginx-light)", flush=True)
    return not lacking


def pin(pid: int) -> None:
    """Keep a server on its core, so that it never shares one with the load; nothing on a machine with one core."""
    if (os.cpu_count() or 1) > 1 and hasattr(os, "sched_setaffinity"):
        for task in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {SERVER_CORE})


def load(
    port: int,
    target: str,
    connections: int,
    seconds: float,
    headers: Sequence[str] = (),
    pipeline: int = 1,
    tls: bool = False,
) -> Load:
    """One round of ``connections`` that ask as fast as they are answered."""
    pinned = ["taskset", "-c", str(CLIENT_CORE)] if (os.cpu_count() or 1) > 1 and shutil.which("taskset") else []
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT % (PIPELINE % pipeline if pipeline > 1 else ""))
        script.flush()
        command = [*pinned, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "-s", script.name]
        for header in headers:
            command += ["-H", header]
        command.append(f"{'https' if tls else 'http'}://127.0.0.1:{port}{target}")
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = json.loads(text.strip().splitlines()[-1])
    return Load(
        found["requests"] / found["us"] * 1e6,
        found["p50"] / 1e3,
        found["p99"] / 1e3,
        found["p999"] / 1e3,
        found["errors"],
        found["requests"],
    )
