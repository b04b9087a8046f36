"""What one reading costs to become bytes in shared memory: flatten, render, encode, compress, tag, publish."""

from __future__ import annotations

import random
import time
from statistics import median

from benchmarks.reading import changed, read_once
from benchmarks.table import Table
from pwserver.poller.snapshot_publisher import SnapshotPublisher

SECTION = "rendering"
ROUNDS, QUICK_ROUNDS = 300, 60


def run(table: Table) -> None:
    """Every document changes in every round, so nothing is kept from the one before."""
    from pwserver.documents.render import pack, render_gateway
    from pwserver.state.view import View

    runtime, reading, status = read_once("powerwall3")
    publisher = SnapshotPublisher(runtime.shared, runtime.server, runtime.identities, runtime.merging)
    (identity,) = runtime.identities
    chance = random.Random(1)
    readings = [changed(reading, chance) for _ in range(QUICK_ROUNDS if table.quick else ROUNDS)]
    whole, rendered, packed = [], [], []
    for one in readings:
        begun = time.process_time()
        publisher.gateway(identity, status, one, 0.0)
        publisher.site()
        whole.append(time.process_time() - begun)
    for one in readings:
        begun = time.process_time()
        bodies = render_gateway(View(identity, status, one, runtime.server, time.time()))
        middle = time.process_time()
        pack(bodies)
        packed.append(time.process_time() - middle)
        rendered.append(middle - begun)
    documents = {body for _, body in bodies}
    table.add(
        SECTION,
        "one reading of a Powerwall 3 x 3, all documents",
        median(whole) * 1e3,
        "ms",
        aim="<= 10",
        details={"p99 ms": sorted(whole)[int(len(whole) * 0.99)] * 1e3},
    )
    table.add(SECTION, "  of it flatten and render", median(rendered) * 1e3, "ms")
    table.add(SECTION, "  of it compress and tag", median(packed) * 1e3, "ms")
    table.add(SECTION, "  different bodies", len(documents), "")
    table.add(SECTION, "  their bytes", sum(map(len, documents)) / 1024, "kB")
