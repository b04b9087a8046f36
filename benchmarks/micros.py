"""The ratio of every compiled function to its uncompiled twin, from pytest-benchmark.

``python -m benchmarks.micros`` compares what they return, untimed.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import tempfile
from math import exp, log
from pathlib import Path

from benchmarks.reading import read_once
from benchmarks.table import Table
from tests.support.programs import ROOT

SECTION = "compiled"
AIM = 1.3


def compare(*arguments: str) -> None:
    """Run each function and its twin on one reading, with these arguments of pytest.

    CalledProcessError: they differ, or a function is missing.
    """
    _, reading, _ = read_once("powerwall3")
    with tempfile.TemporaryDirectory() as home:
        Path(home, "reading").write_bytes(pickle.dumps(reading))
        subprocess.run(
            [
                sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "benchmarks/micro",
                *arguments,
            ],
            cwd=ROOT, env={**os.environ, "PWSERVER_READING": f"{home}/reading"}, check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip


def run(table: Table) -> None:
    """One row a function, and one a module: what is not faster compiled shall not be compiled."""
    if subprocess.run([sys.executable, "-c", "import pytest_benchmark"], capture_output=True, check=False).returncode:
        print(f"{SECTION}: not measured, pytest-benchmark is not installed (make setup)", flush=True)
        return
    limits = ["--benchmark-max-time=0.03", "--benchmark-min-rounds=3", "--benchmark-warmup-iterations=200"]
    if not table.quick:
        limits = ["--benchmark-max-time=0.5"]
    with tempfile.TemporaryDirectory() as home:
        compare("--benchmark-disable-gc", "--benchmark-warmup=on", f"--benchmark-json={home}/found", *limits)
        found = json.loads(Path(home, "found").read_text())["benchmarks"]
    times = {(each["params"]["function"], each["params"]["kind"]): each["stats"]["median"] for each in found}
    modules: dict[str, list[float]] = {}
    for function in dict.fromkeys(name for name, _ in times):
        compiled, plain = times[function, "compiled"], times[function, "plain"]
        ratio = plain / compiled
        modules.setdefault(function.partition(".")[0], []).append(ratio)
        table.add(
            SECTION,
            function,
            compiled * 1e6,
            "us",
            ratio,
            "faster than its twin",
            f">= {AIM}",
            {"twin us": plain * 1e6},
        )
    for module, ratios in modules.items():
        middle = exp(sum(map(log, ratios)) / len(ratios))
        table.add(SECTION, f"{module}: geometric mean", middle, "x", details={"least": min(ratios)})


if __name__ == "__main__":
    compare("--benchmark-disable")
