"""Lay out the arena of this server: which slot, counter and heartbeat lies where. Made by main before any fork."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from pwserver.bell import Bell
from pwserver_ext.arena import Arena
from pwserver_ext.counters import Counters, Heartbeats
from pwserver_ext.http_gate import EVENTS
from pwserver_ext.snapshot import SnapshotSlot

AGGREGATE = "aggregate"  # the virtual gateway: the sum of all, or the answers of a server without gateways
SITE = "#site"  # documents about all gateways together; no gateway can have this id
ABOUT_ALL = (AGGREGATE, SITE)
POLLER_ROW = 0
FIRST_WORKER_ROW = 1
SPARE_ROWS = 3  # heartbeats of services beside poller and workers (the demo's simulator)
MAIN_GONE_STATUS = 3  # how a child ends itself when it finds that main has died
COUNTERS = ("gets", "posts", "errors", "timeouts", "websockets", "faults")  # of what Sanic answers
# A slot about all gateways, and the longest document in it, is as large as those of so many gateways at most: of eight,
# or of every sixteenth where there are many. What nobody writes to takes no memory.
SITE_SHARE, SITE_SHARE_LIMIT = 8, 128


class Shared:
    """Holds everything that the processes share, by name.

    ``gateways``: ids in the order of the configuration. ``documents`` and ``site_documents``: documents of one gateway
    and of the site. ``slot_bytes`` and ``document_bytes``: room for one gateway's snapshot, longest document.
    ``extra``: further regions, name -> bytes.
    """

    def __init__(
        self,
        gateways: Sequence[str],
        documents: int,
        site_documents: int,
        slot_bytes: int,
        document_bytes: int,
        workers: int,
        extra: Mapping[str, int] | None = None,
    ) -> None:
        self.gateways = tuple(gateways)
        self.workers = workers
        count = len(self.gateways)
        share = max(1, min(count, max(SITE_SHARE, min(count // 16, SITE_SHARE_LIMIT))))
        shapes = dict.fromkeys(self.gateways, (documents, slot_bytes, document_bytes))
        if len(self.gateways) != 1:  # the sum of one gateway is that gateway
            shapes[AGGREGATE] = (documents, slot_bytes * share, document_bytes * share)
        shapes[SITE] = (site_documents, slot_bytes * share, document_bytes * share)
        hits = [*EVENTS, *(f"{slot}:{index}" for slot, shape in shapes.items() for index in range(shape[0]))]
        layout = {f"slot:{slot}": SnapshotSlot.size(shape[0], shape[1]) for slot, shape in shapes.items()}
        layout["counters"] = Counters.size(workers, COUNTERS)
        layout["hits"] = Counters.size(workers, hits)
        layout["reads"] = 8 * len(ABOUT_ALL)
        layout["beats"] = Heartbeats.size(FIRST_WORKER_ROW + workers + SPARE_ROWS)
        layout.update(extra or {})
        self.arena = Arena(layout)
        self.slots = {slot: SnapshotSlot(self.arena.region(f"slot:{slot}"), *shape) for slot, shape in shapes.items()}
        self.counters = Counters(self.arena.region("counters"), workers, COUNTERS)
        self.hits = Counters(self.arena.region("hits"), workers, hits)  # the gate's events, then every document
        self.beats = Heartbeats(self.arena.region("beats"), FIRST_WORKER_ROW + workers + SPARE_ROWS)
        # When a worker's Python code last read a document about all gateways, monotonic, by slot; what the gate served
        # is in ``hits``.
        reads = self.arena.region("reads").cast("d")
        self.last_read = {slot: reads[index : index + 1] for index, slot in enumerate(ABOUT_ALL)}
        self.bell = Bell(workers)  # rung after every publication
        starts: dict[str, int] = {}
        position = len(EVENTS)
        for slot, shape in shapes.items():
            starts[slot] = position
            position += shape[0]
        self.hit_start = starts  # slot -> column of its document 0 in ``hits``

    def note_read(self, slot: str) -> None:
        """Note that a worker's Python code reads documents of this slot now, if they are about all gateways."""
        last_read = self.last_read.get(slot)
        if last_read is not None:
            last_read[0] = time.monotonic()
