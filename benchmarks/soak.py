"""``make soak ARGS="--minutes 30 --rate 2000"``: run for long beside gateways that come and go; nothing may grow.

Memory, descriptors, threads and restarts of every process over time, as one table and a small SVG plot. Linux only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.plot import Line, plot
from benchmarks.table import RESULTS
from pwserver.simulator import SimulatedGateway
from tests.support.programs import ROOT, children, clean_environment, free_port, process, pwserver, wait_for
from tests.support.readers import TELEGRAF, json_of, timestamp

SAMPLE_SECONDS = 5.0
WARM_UP_SHARE = 0.25  # of the whole time
ROWS = 12  # of the printed table
GROWTH_MB = 1.0  # more than this, or more than three percent, between the parts after the warm-up is growth
GROWTH_SHARE = 0.03


# What Telegraf asks for twice, and everything that is answered in another way once.
TARGETS = (
    *TELEGRAF,
    *TELEGRAF,
    "/vitals",
    "/csv/v2",
    "/metrics",
    "/stats",
    "/health",
    "/api/aggregate/",
    "/api/gateways/flapping",
    "/api/gateways/flapping/aggregates",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment. Sizes in MB; ``private`` is memory that no other process shares."""

    minutes: float
    resident: float
    private: float
    descriptors: int
    threads: int


def sample(pid: int, begin: float) -> Sample | None:
    """How a process is now; None when it has gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except OSError:
        return None
    return Sample(
        (time.monotonic() - begin) / 60,
        kilobytes(status, "VmRSS:") / 1024,
        (kilobytes(rollup, "Private_Clean:") + kilobytes(rollup, "Private_Dirty:")) / 1024,
        descriptors,
        int(next(line.split()[1] for line in status.splitlines() if line.startswith("Threads:"))),
    )


def kilobytes(text: str, name: str) -> int:
    """The number behind a name in one of the kernel's tables."""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)


@dataclass
class Run:
    """Everything a soak saw."""

    minutes: float
    samples: dict[str, list[Sample]]
    restarts: dict[str, int]
    load: dict[str, Any]
    health: dict[str, Any]
    log_lines: int

    def growth(self, name: str) -> tuple[float, float]:
        """MB of resident memory after the warm-up and at the end (medians of a fifth of the rest each)."""
        warm = [item for item in self.samples[name] if item.minutes >= self.minutes * WARM_UP_SHARE]
        part = max(1, len(warm) // 5)
        first, last = warm[:part], warm[-part:]
        return (
            statistics.median(item.resident for item in first),
            statistics.median(item.resident for item in last),
        )

    def grown(self) -> list[str]:
        """Names of processes whose memory grew."""
        found = []
        for name in self.samples:
            before, after = self.growth(name)
            if after - before > max(GROWTH_MB, before * GROWTH_SHARE):
                found.append(name)
        return found


def soak(minutes: float, rate: float, settings: dict[str, str] | None = None) -> Run:
    """Two gateways, one flapping and one well, and a steady stream of requests."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        SimulatedGateway("powerwall3", hour=8) as flapping,
        SimulatedGateway("powerwall2", hour=8) as well,
    ):
        flapping.fault("flapping", fault={"kind": "reset"}, up_seconds=20, down_seconds=8)
        entries = [
            {"id": "flapping", "host": flapping.address, "gw_pwd": flapping.password},
            {"id": "well", "host": well.address, "gw_pwd": well.password},
        ]
        more = {
            "PW_GATEWAYS": json.dumps(entries),
            "PW_CACHE_EXPIRE": "1",
            "PW_TIMEOUT": "2",
            "PW_CACHE_TTL": "5",
            "PW_BACKOFF_MAX": "5",
            "PW_CALLS_PER_MINUTE": "600",
            "PW_CACHE_FILE": f"{folder}/login",
            "PW_WORKERS": "2",
            "PW_DEFAULT_GATEWAY": "well",
            **(settings or {}),
        }
        with pwserver(port, **more) as main:
            wait_for(lambda: timestamp(port), 60)
            command = [sys.executable, "-m", "benchmarks.steady", str(port), "--rate", str(rate)]
            command += ["--seconds", str(minutes * 60)]
            command += [word for target in TARGETS for word in ("--target", target)]
            output = f"{folder}/load.json"
            with process(command, clean_environment(), output) as load:
                samples = watch(main, load, minutes)
            family = json_of(port, "/stats")["processes"]
            health = json_of(port, "/health")
            lines = len(Path(f"/tmp/pwserver-bench-{port}.log").read_text().splitlines())
            said = Path(output).read_text().strip()
            return Run(
                minutes,
                samples,
                {entry["name"]: entry["restarts"] for entry in family},
                json.loads(said) if said else {},
                health,
                lines,
            )


def watch(main: subprocess.Popen[str], load: subprocess.Popen[str], minutes: float) -> dict[str, list[Sample]]:
    """Samples of every process while the load lasts."""
    begin = time.monotonic()
    samples: dict[str, list[Sample]] = {}
    moment = begin
    while load.poll() is None and time.monotonic() < begin + minutes * 60 + 30:
        moment += SAMPLE_SECONDS
        time.sleep(max(0.0, moment - time.monotonic()))
        for name, pid in {"main": main.pid, **children(main.pid)}.items():
            now = sample(pid, begin)
            if now is not None:
                samples.setdefault(name, []).append(now)
    return samples


def table(run: Run) -> str:
    """The samples as text, about a dozen rows."""
    names = sorted(run.samples)
    lines = ["minutes" + "".join(f"  {name:>10}: MB  own  fd  thr" for name in names)]
    longest = max(len(samples) for samples in run.samples.values())
    for row in sorted({round(step * (longest - 1) / (ROWS - 1)) for step in range(ROWS)}):
        shown = [run.samples[name][min(row, len(run.samples[name]) - 1)] for name in names]
        cells = "".join(
            f"  {item.resident:14.1f}{item.private:5.1f}{item.descriptors:4d}{item.threads:5d}" for item in shown
        )
        lines.append(f"{shown[0].minutes:7.1f}{cells}")
    lines.append("")
    for name in names:
        before, after = run.growth(name)
        lines.append(
            f"{name:10} after warm-up {before:6.1f} MB, at the end {after:6.1f} MB ({after - before:+.2f} MB), "
            f"restarts {run.restarts.get(name, 0)}"
        )
    load = run.load
    if load:
        lines.append(
            f"{load['answers']} answers ({load['per_second']:.0f}/s), {load['statuses']}, lost {load['lost']}, "
            f"p50 {load['p50_ms']:.2f} ms, p99 {load['p99_ms']:.2f} ms, p99.9 {load['p999_ms']:.2f} ms"
        )
    known = run.health["connection_health"]
    good, failed = known["total_successes"], known["total_failures"]
    lines.append(f"polls: {good} good, {failed} failed; log lines: {run.log_lines}")
    return "\n".join(lines)


def picture(run: Run) -> str:
    """Resident memory above, descriptors below, by process."""
    memory = [
        Line(name, [(item.minutes, item.resident) for item in samples]) for name, samples in sorted(run.samples.items())
    ]
    open_files = [
        Line(name, [(item.minutes, float(item.descriptors)) for item in samples])
        for name, samples in sorted(run.samples.items())
    ]
    return plot([("resident memory, MB", memory), ("descriptors", open_files)], "minutes")


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; status 1 when something grew or was restarted."""
    parser = argparse.ArgumentParser(prog="make soak ARGS=…", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="how long (default %(default)s)")
    parser.add_argument("--rate", type=float, default=2000, help="requests a second (default %(default)s)")
    given = parser.parse_args(arguments)
    run = soak(given.minutes, given.rate)
    print(table(run))
    RESULTS.mkdir(exist_ok=True)
    svg = RESULTS / "soak.svg"
    svg.write_text(picture(run), encoding="utf-8")
    (RESULTS / "soak.txt").write_text(table(run) + "\n", encoding="utf-8")
    print(f"\nplot: {svg.relative_to(ROOT)}")
    grown, restarted = run.grown(), [name for name, count in run.restarts.items() if count]
    for name in grown:
        print(f"GREW: {name}")
    for name in restarted:
        print(f"RESTARTED: {name}")
    return 1 if grown or restarted else 0


if __name__ == "__main__":
    sys.exit(main())
