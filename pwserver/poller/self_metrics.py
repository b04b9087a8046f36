"""Gather the server's metrics about itself: what all processes count in shared memory, as the families of /metrics.

The poller gathers them when it renders the page, so no request pays for it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from operator import add
from typing import Any

from pwserver.documents.catalogue import GATEWAY_DOCUMENTS, SITE_DOCUMENTS
from pwserver.runtime import Runtime
from pwserver.shared import FIRST_WORKER_ROW, POLLER_ROW, SITE
from pwserver_ext.http_gate import EVENTS

PROCESS_SECONDS = 1.0  # /proc is read this often at most
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")

Measured = dict[str, Any]
Source = Callable[[], Mapping[str, Any]]

# Why a request or a connection was ended by a rule -> the gate's event.
REASONS = {
    "malformed": "rejected",
    "rate": "limited",
    "connections": "refused",
    "slow": "timed_out",
    "stalled": "stalled",
}


class SelfMetrics:
    """Gathers the self metrics of this moment; ``sources`` add what other parts of the poller count."""

    def __init__(self, runtime: Runtime) -> None:
        self.sources: list[Source] = []
        self._runtime = runtime
        self._shared = runtime.shared
        self._booted = _boot_time()
        self._processes: Measured = {}
        self._looked = 0.0

    def gather(self) -> Measured:
        """Return family -> a number, or {label values: number}; see documents.prometheus.SELF_FAMILIES."""
        found: Measured = {**self._http(), **self._documents(), **self._snapshots(), **self._children()}
        for source in self.sources:
            found.update(source())
        return found

    def _http(self) -> Measured:
        counters, hits = self._shared.counters, self._shared.hits
        measured: Measured = {
            f"pwserver_{name}": {}
            for name in (
                "http_requests_total",
                "http_errors_total",
                "http_no_data_total",
                "http_not_modified_total",
                "http_slow_path_total",
                "http_rejected_total",
                "http_connections_total",
                "websockets_total",
                "faults_total",
            )
        }
        for number in range(self._shared.workers):
            worker = str(number)
            slow = dict(zip(counters.names, counters.row(number), strict=True))
            gate = {name: hits.get(number, hits.index(name)) for name in EVENTS}
            requests = measured["pwserver_http_requests_total"]
            requests[worker, "get"] = slow["gets"] + gate["served"] + gate["not_modified"]
            requests[worker, "post"] = slow["posts"]
            measured["pwserver_http_errors_total"][(worker,)] = slow["errors"] + gate["rejected"] + gate["limited"]
            measured["pwserver_http_no_data_total"][(worker,)] = slow["timeouts"]
            measured["pwserver_http_not_modified_total"][(worker,)] = gate["not_modified"]
            measured["pwserver_http_slow_path_total"][(worker,)] = gate["passed"]
            measured["pwserver_http_connections_total"][(worker,)] = gate["connections"]
            measured["pwserver_websockets_total"][(worker,)] = slow["websockets"]
            measured["pwserver_faults_total"][(worker,)] = slow["faults"]
            for reason, event in REASONS.items():
                measured["pwserver_http_rejected_total"][worker, reason] = gate[event]
        return measured

    def _documents(self) -> Measured:
        """Count answers by canonical target; a gateway label as well would make thousands of series."""
        hits, starts = self._shared.hits, self._shared.hit_start
        cells = hits.row(0)
        for number in range(1, self._shared.workers):
            cells = list(map(add, cells, hits.row(number)))
        served: dict[tuple[str, ...], int] = {}
        for slot, start in starts.items():
            for index, row in enumerate(SITE_DOCUMENTS if slot == SITE else GATEWAY_DOCUMENTS):
                count = cells[start + index]
                if count:
                    target = (row.target.partition("#")[0] or "/api/gateways/{id}",)
                    served[target] = served.get(target, 0) + count
        return {"pwserver_http_documents_total": served}

    def _snapshots(self) -> Measured:
        slots = {gateway: self._shared.slots[gateway] for gateway in self._shared.gateways}
        return {
            "pwserver_snapshots_published_total": {(name,): slot.generation() for name, slot in slots.items()},
            "pwserver_snapshot_overflows_total": {(name,): slot.overflows for name, slot in slots.items()},
        }

    def _children(self) -> Measured:
        beats = self._shared.beats
        rows = {"poller": POLLER_ROW}
        rows |= {f"worker-{number}": FIRST_WORKER_ROW + number for number in range(self._shared.workers)}
        ages = {(name,): age for name, row in rows.items() if (age := beats.age(row)) is not None}
        if time.monotonic() - self._looked >= PROCESS_SECONDS:
            self._looked = time.monotonic()
            pids = {"main": self._runtime.main_pid} | {name: beats.pid(row) for name, row in rows.items()}
            self._processes = self._look({name: pid for name, pid in pids.items() if pid})
        return {
            **self._processes,
            "pwserver_process_heartbeat_age_seconds": ages,
            "pwserver_process_restarts_total": {(name,): beats.restarts(row) for name, row in rows.items()},
        }

    def _look(self, pids: Mapping[str, int]) -> Measured:
        """Measure memory, time and files of each process, where the system tells them (Linux)."""
        memory: dict[tuple[str, ...], float] = {}
        seconds, files, started = memory.copy(), memory.copy(), memory.copy()
        for name, pid in pids.items():
            with suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
                    # The second field is the program's name in parentheses, which may hold blanks: skip it first.
                    fields = file.read().rpartition(")")[2].split()
                memory[(name,)] = int(fields[21]) * PAGE_BYTES
                seconds[(name,)] = (int(fields[11]) + int(fields[12])) / TICKS
                if self._booted is not None:
                    started[(name,)] = self._booted + int(fields[19]) / TICKS
                # Since Linux 6.2 the size is their number. A hundred histories have thousands, which take long to list.
                folder = f"/proc/{pid}/fd"
                files[(name,)] = os.stat(folder).st_size or len(os.listdir(folder))
        return {
            "pwserver_process_resident_memory_bytes": memory,
            "pwserver_process_cpu_seconds_total": seconds,
            "pwserver_process_open_fds": files,
            "pwserver_process_start_time_seconds": started,
        }


def _boot_time() -> float | None:
    """Return when the system was started, in epoch seconds; None where it does not say."""
    with suppress(OSError, ValueError, IndexError), open("/proc/stat", encoding="ascii") as file:
        return next((float(line.split()[1]) for line in file if line.startswith("btime ")), None)
    return None
