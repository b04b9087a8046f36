"""List the gateways that a replica knows: its poller learns of them, and main makes room for them."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace

from pwserver.iana_zone import known_zone
from pwserver.reading import GatewayIdentity
from pwserver_ext.snapshot import SnapshotSlot

log = logging.getLogger("pwserver.replica")

REGION = "directory"  # of the arena
IDENTITY_BYTES = 2048  # room for one gateway


class Directory:
    """Holds the list in one slot of the arena, which has one writer and is read whole or not at all."""

    def __init__(self, region: memoryview, gateways: int) -> None:
        self._slot = SnapshotSlot(region, 1, gateways * IDENTITY_BYTES)

    @staticmethod
    def size(gateways: int) -> int:
        """Return how many bytes the list takes for this many gateways."""
        return int(SnapshotSlot.size(1, gateways * IDENTITY_BYTES))

    @property
    def generation(self) -> int:
        """Return a number that grows with every change; 0 before the first."""
        return self._slot.generation()

    def write(self, identities: Iterable[GatewayIdentity]) -> None:
        """Replace the list; a gateway whose public facts are absurdly long is left out."""
        kept = []
        for identity in identities:
            entry = json.dumps(asdict(identity), separators=(",", ":")).encode()
            if len(entry) < IDENTITY_BYTES - 2:
                kept.append(entry)
            else:
                log.error("gateway %r is left out: its name and addresses are too long", identity.id[:50])
        self._slot.publish([(200, b"[" + b",".join(kept) + b"]", None, b"")], time.time())

    def read(self) -> tuple[GatewayIdentity, ...]:
        """Return the list as last written; empty before."""
        found = self._slot.read(0)
        return () if found is None else tuple(GatewayIdentity(**entry) for entry in json.loads(found[1]))


def joined(
    heard: Sequence[GatewayIdentity], known: Sequence[GatewayIdentity], wanted: str | None
) -> tuple[GatewayIdentity, ...]:
    """Return the gateways of a replica: those it has heard of, those it knew before, and its configured default.

    The default is there even when it has not been heard of.

    What others say about them is made safe to build on: never virtual, a time zone that exists.
    """
    by_id = {identity.id: identity for identity in heard}
    for identity in known:
        by_id.setdefault(identity.id, identity)
    if wanted is not None:
        by_id.setdefault(wanted, GatewayIdentity(wanted, wanted))
    return tuple(
        replace(identity, virtual=False, timezone=known_zone(identity.timezone) or "UTC") for identity in by_id.values()
    )


def default_of(identities: Sequence[GatewayIdentity]) -> str | None:
    """Return the gateway of the unprefixed URLs when no setting says: ``default`` if there is one, else the first."""
    ids = [identity.id for identity in identities]
    return "default" if "default" in ids else next(iter(ids), None)
