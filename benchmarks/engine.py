"""What /metrics of a house costs in VictoriaMetrics: samples, memory and disk, for plans of many houses.

Twenty houses whose figures all move at every scrape, which is the worst case for what it compresses, sixty scrapes a
minute apart.
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
import urllib.request
from dataclasses import replace

from benchmarks.footprint import told
from benchmarks.reading import changed, read_once
from benchmarks.table import Table
from pwserver.documents.catalogue import SITE_DOCUMENTS
from pwserver.documents.render import render_site
from pwserver.reading import GatewayIdentity
from pwserver.state.view import SiteView, View
from tests.support.programs import clean_environment, cpu_seconds, free_port, get, process, pss_kb, wait_for

SECTION = "engine"
HOUSES, SCRAPES = 20, 60


def run(table: Table) -> None:
    """A few seconds; needs Debian's victoria-metrics."""
    program = shutil.which("victoria-metrics")
    if program is None:
        raise RuntimeError("this section needs the Debian package victoria-metrics")
    pages = [page.encode() for page in _pages()]
    samples = sum(1 for line in pages[-1].splitlines() if line and not line.startswith(b"#"))
    table.add(SECTION, "samples of a house in a scrape, two Powerwall 2", samples / HOUSES, "")
    table.add(SECTION, "text of a house in a scrape", len(pages[-1]) / HOUSES / 1000, "kB")
    with tempfile.TemporaryDirectory() as folder:
        port = free_port()
        arguments = [f"-storageDataPath={folder}/data", f"-httpListenAddr=127.0.0.1:{port}", "-retentionPeriod=10y"]
        with process([program, *arguments], clean_environment(), f"{folder}/log") as started:
            wait_for(lambda: get(port, "/health")[0] == 200)
            _feed(table, port, started.pid, pages, samples)


def _pages() -> list[str]:
    """Return what /metrics says at each scrape."""
    runtime, reading, status = read_once("powerwall2")
    index = next(index for index, row in enumerate(SITE_DOCUMENTS) if row.target == "/metrics")
    chance, now, pages = random.Random(1), time.time(), []
    readings = [reading] * HOUSES
    for scrape in range(SCRAPES):
        readings = [replace(changed(one, chance), timestamp=now + 60.0 * scrape) for one in readings]
        views = [
            View(GatewayIdentity(id=f"house{number}", name=f"House {number}"), status, one, runtime.server, now)
            for number, one in enumerate(readings)
        ]
        pages.append(render_site(SiteView(views, runtime.server, now, {}))[index][1].decode())
    return pages


def _feed(table: Table, port: int, pid: int, pages: list[bytes], samples: int) -> None:
    before, begun = cpu_seconds(pid), time.time() - 60.0 * SCRAPES
    for number, page in enumerate(pages):
        moment = round((begun + 60.0 * number) * 1000)
        address = f"http://127.0.0.1:{port}/api/v1/import/prometheus?timestamp={moment}"
        urllib.request.urlopen(urllib.request.Request(address, data=page), timeout=30).close()
    get(port, "/internal/force_flush", 30.0)
    get(port, "/internal/force_merge", 60.0)
    wait_for(lambda: told(port, "vm_rows{") >= samples * len(pages), 60.0, 0.5)
    rows = told(port, "vm_rows{")
    table.add(SECTION, "VictoriaMetrics: processor for a sample", (cpu_seconds(pid) - before) / rows * 1e6, "us")
    disk = told(port, 'vm_data_size_bytes{type="storage/')
    table.add(SECTION, "VictoriaMetrics: disk for a sample", disk / rows, "B")
    table.add(SECTION, "VictoriaMetrics: memory (PSS)", pss_kb(pid) / 1024, "MB", details={"series": samples})
