"""Import pypowerwall-server's SQLite store: by command, or by itself while a server records."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from pwserver.history.archive import Archive
from pwserver.history.import_journal import MEMORY, imported, settle
from pwserver.history.import_merge import ImportMerge
from pwserver.history.import_report import ImportReport, check_names
from pwserver.history.layout import GatewayLayout
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of
from pwserver.history.sqlite_store import SqliteStore, fingerprint, open_sqlite
from pwserver.history.store import HistoryStore
from pwserver.history.transfer import merge_gateway
from pwserver.json_types import JsonObject

ATTEMPTS = 3
MOST_REMEMBERED = 100  # ids of a store; more are no house, but nonsense


def import_store(
    file: Path, path: Path, layouts: Sequence[GatewayLayout], names: Mapping[str, str], latest: float
) -> tuple[dict[str, ImportReport], dict[str, int]]:
    """Import a store into the files below ``path``, which no server may have open.

    ``names``: ids of the store that have another one here. Returns what came of it by gateway, and the rows of those
    that are not known here.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open_sqlite(file, path) as store:
        rows = store.gateways()
        check_names(names, rows)
        known = {layout.gateway.id for layout in layouts if layout.rings}
        wanted = {old: names.get(old, old) for old in rows}
        wanted = {old: new for old, new in wanted.items() if new in known}
        reports: dict[str, ImportReport] = {}
        if wanted:
            history = HistoryStore.open(path, layouts)
            try:
                for old, new in wanted.items():
                    archive, source = history.archives[new], source_of(store, old)
                    report = merge_gateway(
                        archive, store.incoming(old), source, lambda: history.flush(force=True), latest, store.check
                    )
                    reports[new if new not in reports else f"{new} ({old})"] = report
            finally:
                history.close()
        return reports, {gateway: count for gateway, count in rows.items() if gateway not in wanted}


def source_of(store: SqliteStore, gateway: str) -> JsonObject:
    """Return what is remembered of an import: which store it was, and as which it would be known again."""
    rows = sorted(store.gateways().items(), key=lambda item: -item[1])[:MOST_REMEMBERED]
    where = str(store.path.absolute())
    return {"path": where, "gateway": gateway, "seen": store.seen, "at": time.time(), "rows": dict(rows)}


def rows_left(file: Path, path: Path, known: Collection[str]) -> dict[str, int]:
    """Return the rows of every id that the store, as it is now, holds and nothing below ``path`` has taken.

    ``known``: ids that are imported by themselves. The store is read only if no import has noted what it holds.
    """
    seen = [list(one) for one in fingerprint(file)]
    where = str(file.absolute())
    sources = [
        source
        for memory in sorted(path.glob(f"gateway-*/{MEMORY}"))
        for source in imported(memory.parent)
        if source.get("path") == where and source.get("seen") == seen
    ]
    rows = next((noted for source in sources if isinstance(noted := source.get("rows"), dict)), None)
    if rows is None:
        with open_sqlite(file, path) as store:
            rows = store.gateways()
    taken = {source.get("gateway") for source in sources} | set(known)
    return {str(gateway): int(count) for gateway, count in rows.items() if gateway not in taken}


def is_imported(file: Path, path: Path, gateway: str) -> bool:
    """Say whether the store, as it is now, has been imported into the files of a gateway below ``path``."""
    seen = [list(one) for one in fingerprint(file)]
    where = str(file.absolute())
    return any(
        source.get("path") == where and source.get("gateway") == gateway and source.get("seen") == seen
        for source in imported(folder_of(path, gateway))
    )


def import_beside_recording(
    store: SqliteStore,
    archive: Archive,
    held: Callable[[], AbstractContextManager[Recorder]],
    flush: Callable[[], object],
    latest: float,
    pause: Callable[[], None],
) -> ImportReport:
    """Import one gateway of the same id while a server records it.

    ``held``: gives the recorder, and keeps what is to be recorded until it is left. Nearly all of the time is spent
    before, so that what waits is little.
    """
    gateway = archive.gateway.id
    for _ in range(ATTEMPTS):
        merging = ImportMerge(archive, store.incoming(gateway), latest, believed=False, pause=pause)
        merging.collect()
        with held() as live:
            merged = merging.merged(live)
            if merged is None:
                continue
            store.check()
            source = source_of(store, gateway) if not merging.report.later_than_now else {}
            settle(archive, merged if merging.report.changes else None, source, flush)
            return merging.report
    raise ValueError("device signals with new names kept coming up; try again")
