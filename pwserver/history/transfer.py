"""Read tables out of the history files, and merge tables into them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from pwserver.history.archive import Archive, Notes
from pwserver.history.days import zone
from pwserver.history.device_transfer import TABLES, merge_device_days, tables_of
from pwserver.history.import_journal import settle
from pwserver.history.import_merge import ImportMerge
from pwserver.history.import_report import ImportReport
from pwserver.history.incoming import Incoming, incoming_of
from pwserver.history.layout import (
    BANK,
    DEVICE_DAYS,
    DEVICE_RINGS,
    DEVICES,
    WAITING,
    GatewayLayout,
    HistoryGateway,
    HistorySettings,
    plan,
)
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import SUFFIX, Rows, folder_of, read_header, read_rows
from pwserver.history.ring_tables import POWER_RINGS, SIGNAL_DAYS, SIGNALS, RingTable, named_signals
from pwserver.history.store import HistoryStore
from pwserver.json_types import JsonObject
from pwserver.two_copy_record import TwoCopyRecord

# --- reading the files ---------------------------------------------------------------------------------------------


def read_gateway(path: Path, layout: GatewayLayout) -> list[RingTable]:
    """Read the files of one gateway; works beside a running server. ValueError for a damaged file."""
    folder = folder_of(path, layout.gateway.id)
    headed = (read_rows(file) for file in sorted(folder.glob("*" + SUFFIX)))
    rings = [(header.plan.name, rows) for header, rows in headed]
    return _tables(layout.gateway.id, _read_notes(folder), _read_record(folder, DEVICES), rings)


def tables_in(archive: Archive) -> list[RingTable]:
    """Read the rings of one gateway that this process has open and nobody writes to."""
    rings = [
        (plan.name, (times, dict(zip(plan.columns, columns, strict=True))))
        for plan in archive.layout.rings
        for times, columns in [archive.rings[plan.name].select(-math.inf, math.inf)]
    ]
    record = archive.devices.read()[1] if archive.devices is not None else b""
    return _tables(archive.layout.gateway.id, archive.read_notes(), record, rings)


def _tables(gateway: str, notes: Notes, record: bytes, rings: Iterable[tuple[str, Rows]]) -> list[RingTable]:
    tables = []
    devices: dict[str, Rows] = {}
    for name, (times, columns) in rings:
        if name == WAITING:
            continue  # the time of these rows is not known yet
        if name in DEVICE_RINGS:
            devices[name] = (times, columns)
            continue
        if name.startswith((SIGNAL_DAYS, SIGNALS)):
            columns = named_signals(columns, notes.series)
            name = SIGNAL_DAYS if name.startswith(SIGNAL_DAYS) else SIGNALS
        if times:
            tables.append(RingTable(gateway, name, times, columns))
    return [*tables, *tables_of(gateway, record, devices)]


def with_noted_zone(path: Path, gateway: HistoryGateway) -> HistoryGateway:
    """Return the gateway with the time zone in which its files below ``path`` count days."""
    if gateway.timezone_set:
        return gateway
    notes = _read_notes(folder_of(path, gateway.id))
    return replace(gateway, timezone=notes.timezone or notes.days_zone or gateway.timezone)


def recorded_gateways(path: Path) -> list[HistoryGateway]:
    """Return all gateways that have files below ``path``; those without device signals are sums."""
    found = []
    for file in sorted(path.glob(f"gateway-*/polls{SUFFIX}")):
        try:
            header = read_header(file)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if folder_of(path, header.gateway) == file.parent:
            own = (f"{SIGNALS}-0", *(plan.ring(0) for plan in DEVICE_DAYS.values()))
            is_sum = not any(file.with_name(name + SUFFIX).exists() for name in own)
            found.append(HistoryGateway(header.gateway, header.gateway, virtual=is_sum, timezone_set=False))
    return found


def as_recorded(path: Path, settings: HistorySettings, gateway: HistoryGateway) -> GatewayLayout:
    """Plan the rings of a gateway as its files below ``path`` have them: what is there is not to be cut to size."""
    folder = folder_of(path, gateway.id)
    plans = {}
    for file in folder.glob("*" + SUFFIX):
        try:
            found = read_header(file).plan
        except (OSError, ValueError, KeyError, TypeError):
            continue  # opening it says what is wrong with it
        plans[found.name] = found
    if not plans:
        return plan(settings, gateway)
    banks = sum(1 for name in plans if name.startswith(f"{SIGNALS}-"))
    if banks:
        retention = max(settings.signal_retention_seconds, 0.0)
        settings = replace(settings, max_signals=banks * BANK, signal_retention_seconds=retention)
    wanted = plan(replace(settings, poll_retention_seconds=max(settings.poll_retention_seconds, 0.0)), gateway)
    rings = [
        replace(ring, rows=plans[ring.name].rows, step_seconds=plans[ring.name].step_seconds)
        if ring.name in plans
        else ring
        for ring in wanted.rings
    ]
    return replace(wanted, rings=tuple(rings))


def _read_notes(folder: Path) -> Notes:
    return Notes.from_bytes(_read_record(folder, "notes"))


def _read_record(folder: Path, name: str) -> bytes:
    """Return what a record holds; nothing where there is none."""
    file = folder / f"{name}.record"
    return TwoCopyRecord(memoryview(bytearray(file.read_bytes()))).read()[1] if file.exists() else b""


# --- merging -------------------------------------------------------------------------------------------------------


def merge(
    path: Path, layouts: Sequence[GatewayLayout], tables: Sequence[RingTable], latest: float = math.inf
) -> dict[str, ImportReport]:
    """Put tables into the files below ``path``. Not beside a running server. Returns what came of it by gateway.

    Raises HistoryLocked when a server has the files, ValueError for a gateway or ring that does not exist.
    """
    by_gateway = {layout.gateway.id: layout for layout in layouts}
    for table in tables:
        if table.gateway not in by_gateway:
            raise ValueError(f"gateway {table.gateway} is not configured")
        if table.ring not in (*POWER_RINGS, SIGNALS, SIGNAL_DAYS, *TABLES):
            raise ValueError(f"there is no ring {table.ring}")
    own = {id: [table for table in tables if table.gateway == id] for id in by_gateway}
    # Before a file is touched: a table may have a column that cannot be.
    incoming = {id: rows_among(own[id], layout.gateway.timezone) for id, layout in by_gateway.items() if own[id]}
    store = HistoryStore.open(path, layouts)
    try:
        return {id: merge_tables(store, id, rows, own[id], latest) for id, rows in incoming.items()}
    finally:
        store.close()


def rows_among(tables: Sequence[RingTable], timezone: str | None) -> Incoming:
    """Return what tables of one gateway hold besides days of devices. ValueError names a column that cannot be."""
    return incoming_of([table for table in tables if table.ring not in TABLES], zone(timezone))


def merge_tables(
    store: HistoryStore, gateway: str, rows: Incoming, tables: Sequence[RingTable], latest: float = math.inf
) -> ImportReport:
    """Put rows, and the days of devices among ``tables``, into the rings of one gateway that nobody records."""
    archive = store.archives[gateway]
    report = merge_gateway(archive, rows, {}, lambda: store.flush(force=True), latest)
    report.added.update(merge_device_days(archive, tables, latest))
    return report


def merge_gateway(
    archive: Archive,
    incoming: Incoming,
    source: JsonObject,
    flush: Callable[[], object],
    latest: float = math.inf,
    check: Callable[[], None] = lambda: None,
) -> ImportReport:
    """Put rows into the rings of one gateway that nobody records.

    ``source`` is remembered, unless it is empty. ``check`` raises when what was read cannot be relied on.
    """
    merging = ImportMerge(archive, incoming, latest)
    merging.collect()
    merged = merging.merged(Recorder(archive))
    if merged is None:
        raise RuntimeError("the history was recorded meanwhile")
    check()
    settle(archive, merged if merging.report.changes else None, source, flush)
    return merging.report
