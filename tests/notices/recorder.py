"""A process that records events and sends notices of them, to be killed: ``python -m tests.notices.recorder FOLDER``.

It is what the poller is for notices: a ring of events on the disk, and the service. Event n is at minute n, so that
every notice is known by its time. It goes on from where the process before was killed.
"""

from __future__ import annotations

import mmap
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from pwserver.config.notice_settings import NoticeSettings
from pwserver.events import kinds
from pwserver.events.event import Event
from pwserver.events.event_ring import RING_BYTES, EventRing, ring_header
from pwserver.poller.notice_service import NoticeService
from pwserver.reading import GatewayIdentity

FIRST = 1_800_000_000.0
MOST_WAITING = 5  # so that each gets a line in the message that sums them up


def open_ring(path: Path) -> EventRing:
    """The ring of this folder, shared with whoever opens it."""
    if not path.exists():
        path.write_bytes(ring_header("home").ljust(RING_BYTES, b"\0"))
    with path.open("r+b") as file:
        return EventRing("home", memoryview(mmap.mmap(file.fileno(), RING_BYTES)))


def service_of(folder: Path, ring: EventRing, addresses: Sequence[str], pause: float = 0.1) -> NoticeService:
    """The service over that ring."""
    settings = NoticeSettings(addresses=tuple(addresses), max_per_hour=100)
    identity = GatewayIdentity("home", "Home", "Local", timezone="UTC")
    return NoticeService(settings, {"home": ring}, {"home": identity}, folder, first_pause_seconds=pause)


def record(ring: EventRing) -> None:
    """Let the grid be lost, or come back."""
    number = ring.head + 1
    kind = kinds.GRID_DOWN if number % 2 else kinds.GRID_UP
    ring.commit([Event("home", kind, FIRST + 60.0 * number)], b"")


def main() -> None:
    folder, wanted, addresses = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    ring = open_ring(folder / "ring")
    service = service_of(folder, ring, addresses)
    service.start()
    while True:
        if ring.head < wanted and len(service.outbox.waiting) < MOST_WAITING:
            record(ring)
            service.wake()
        time.sleep(0.05)


if __name__ == "__main__":
    main()
