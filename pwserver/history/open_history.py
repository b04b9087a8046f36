"""Open the history of a configuration in main before any fork, and carry it over a reload."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pwserver.history.history_answer import Histories
from pwserver.history.layout import AGGREGATE, HistoryGateway, HistorySettings, plan_all
from pwserver.history.store import HistoryStore
from pwserver.reading import GatewayIdentity

# The children of a server that was killed hold its folder until the kernel has ended the last of them.
LOCK_SECONDS = 5.0


def history_gateways(identities: Sequence[GatewayIdentity], default: str | None) -> list[HistoryGateway]:
    """Return every gateway, and the sum of all where there are several, with the days of the default gateway."""
    gateways = [HistoryGateway(one.id, one.name, one.timezone, timezone_set=one.timezone_set) for one in identities]
    if len(gateways) > 1:
        main = next((gateway for gateway in gateways if gateway.id == default), gateways[0])
        gateways.append(replace(main, id=AGGREGATE.id, name=AGGREGATE.name, virtual=True))
    return gateways


def open_history(
    wanted: HistorySettings,
    identities: Sequence[GatewayIdentity],
    default: str | None,
    before: tuple[HistoryStore, Histories] | None = None,
) -> tuple[HistoryStore, Histories]:
    """Open the store. HistoryLocked or OSError when its folder cannot be used.

    ``before``: the store of the configuration that is being replaced; gateways that stay keep their rings.
    """
    gateways = history_gateways(identities, default)
    layouts = plan_all(wanted, gateways)
    old = before[0] if before is not None else None
    if old is not None and (None if old.path is None else str(old.path)) == wanted.path:
        store = old.extended(layouts)
    elif wanted.path is not None and wanted.enabled:
        store = HistoryStore.open(wanted.path, layouts, lock_seconds=LOCK_SECONDS)
    else:
        store = HistoryStore.in_memory(layouts)
    disk = (lambda: store.disk_bytes) if store.path is not None else None
    return store, Histories(wanted, gateways, store.archives, default, disk, store.stop_reason, events=store.events)
