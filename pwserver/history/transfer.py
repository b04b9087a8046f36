"""Read tables out of the history files, and merge tables into them."""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pwserver.history.archive import Archive, Notes, TwoCopyRecord, bank_of, build
from pwserver.history.days import local_date, zone
from pwserver.history.layout import BANK, COLUMNS, SIGNAL_FIGURES, WAITING, GatewayLayout, HistoryGateway, RingPlan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import SUFFIX, FileHeader, Rows, folder_of, read_rows, write_ring
from pwserver.history.ring_tables import POWER_RINGS, SIGNAL_DAYS, SIGNALS, RingTable, named_signals
from pwserver.history.store import HistoryStore

# --- reading the files ---------------------------------------------------------------------------------------------


def read_gateway(path: Path, layout: GatewayLayout) -> list[RingTable]:
    """Read the files of one gateway; works beside a running server. ValueError for a damaged file."""
    folder = folder_of(path, layout.gateway.id)
    notes = _read_notes(folder)
    tables = []
    for file in sorted(folder.glob("*" + SUFFIX)):
        header, (times, columns) = read_rows(file)
        name = header.plan.name
        if name == WAITING:
            continue  # the time of these rows is not known yet
        if name.startswith((SIGNAL_DAYS, SIGNALS)):
            columns = named_signals(columns, notes.series)
            name = SIGNAL_DAYS if name.startswith(SIGNAL_DAYS) else SIGNALS
        if times:
            tables.append(RingTable(layout.gateway.id, name, times, columns))
    return tables


def with_noted_zone(path: Path, gateway: HistoryGateway) -> HistoryGateway:
    """Return the gateway with the time zone in which its files below ``path`` count days."""
    if gateway.timezone_set:
        return gateway
    return replace(gateway, timezone=_read_notes(folder_of(path, gateway.id)).timezone or gateway.timezone)


def _read_notes(folder: Path) -> Notes:
    file = folder / "notes.record"
    return (
        Notes.from_bytes(TwoCopyRecord(memoryview(bytearray(file.read_bytes()))).read()[1])
        if file.exists()
        else Notes()
    )


# --- merging -------------------------------------------------------------------------------------------------------


def merge(
    path: Path, layouts: Sequence[GatewayLayout], tables: Sequence[RingTable], now: float = math.inf
) -> dict[str, int]:
    """Put tables into the files below ``path``; what is there already wins. Not beside a running server.

    Polls are also summed up to minutes, quarter hours and days where none are known. A day that has not ended by
    the newest poll, or without polls by ``now``, is left to the server. Returns rows added by ``gateway/ring``.
    Raises HistoryLocked when a server has the files, ValueError for a gateway or ring that does not exist.
    """
    by_gateway = {layout.gateway.id: layout for layout in layouts}
    for table in tables:
        if table.gateway not in by_gateway:
            raise ValueError(f"gateway {table.gateway} is not configured")
        if table.ring not in (*POWER_RINGS, SIGNALS, SIGNAL_DAYS):
            raise ValueError(f"there is no ring {table.ring}")
    store = HistoryStore.open(path, layouts)
    try:
        wanted = [id for id in by_gateway if any(table.gateway == id for table in tables)]
        plans = {id: _merged(store.archives[id], [one for one in tables if one.gateway == id], now) for id in wanted}
        added: dict[str, int] = {}
        for id, rings in plans.items():
            for name, (rows, count) in rings.items():
                header = FileHeader(id, store.archives[id].plans[name])
                write_ring(folder_of(path, id) / (name + SUFFIX), header, rows)
                added[f"{id}/{name}"] = count
    finally:
        store.close()
    return added


def _merged(archive: Archive, tables: Sequence[RingTable], now: float) -> dict[str, tuple[Rows, int]]:
    """Return the new content of the rings that change, and how many rows each gained."""
    incoming: dict[str, list[Rows]] = {}
    newest = max((table.times[-1] for table in tables if table.ring == "polls" and table.times), default=-math.inf)
    known = archive.polls.bounds()
    newest = max(newest, known[1] if known is not None else -math.inf)
    if not math.isfinite(newest):
        # No day that is known can be later than now, unless it is the clock that is wrong.
        known = archive.days.bounds()
        latest = [table.times[-1] for table in tables if table.ring == "days" and table.times]
        newest = max(now, *latest, known[1] if known is not None else now)
    for table in tables:
        if table.ring in POWER_RINGS:
            incoming.setdefault(table.ring, []).append((table.times, table.columns))
        else:
            for name, rows in _numbered(archive, table).items():
                incoming.setdefault(name, []).append(rows)
    # Before the polls' own rows are cut to what the ring holds: coarser rings reach back much further.
    for rows in incoming.get("polls", [])[:1]:
        for name, summed in _roll_up(archive.layout, rows).items():
            incoming.setdefault(name, []).append(summed)
    result = {}
    for name, parts in incoming.items():
        existing_times, existing = archive.rings[name].select(-math.inf, math.inf)
        columns = archive.plans[name].columns
        ended = [_ended(archive, name, rows, newest) for rows in parts]
        rows, count = _union((existing_times, dict(zip(columns, existing, strict=True))), ended, archive.plans[name])
        if count:
            result[name] = (rows, count)
    return result


def _ended(archive: Archive, name: str, rows: Rows, newest: float) -> Rows:
    """Leave out the day that is still open: the server sums it up from the polls."""
    if (name != "days" and not name.startswith(SIGNAL_DAYS)) or not math.isfinite(newest):
        return rows
    where = zone(archive.timezone)
    today = local_date(newest, where)
    # A second into the interval: a row's time is the midnight itself, which a rounded number may miss by a little.
    keep = [row for row, when in enumerate(rows[0]) if local_date(when + 1.0, where) < today]
    return array("d", [rows[0][row] for row in keep]), {
        name: array("d", [column[row] for row in keep]) for name, column in rows[1].items()
    }


def _union(existing: Rows, parts: Sequence[Rows], plan: RingPlan) -> tuple[Rows, int]:
    """Return the newest rows of all parts that fit, and how many are new; of equal times the earlier part wins."""
    chosen: dict[float, tuple[int, int]] = {}
    sources = [existing, *parts]
    for index, (times, _) in enumerate(sources):
        for row, when in enumerate(times):
            chosen.setdefault(when, (index, row))
    times = array("d", sorted(when for when in chosen if math.isfinite(when))[-plan.rows :])
    merged = {}
    for name in plan.columns:
        values = [source[1].get(name) for source in sources]
        column = array("d")
        for when in times:
            index, row = chosen[when]
            found = values[index]
            column.append(math.nan if found is None else found[row])
        merged[name] = column
    return (times, merged), sum(1 for when in times if chosen[when][0] > 0)


def _numbered(archive: Archive, table: RingTable) -> dict[str, Rows]:
    """Sort device signals by ring and column, and note series that are new."""
    notes = archive.read_notes()
    series = {pair: number for number, pair in enumerate(notes.series)}
    found: dict[str, Rows] = {}
    room = archive.layout.banks * BANK
    for name, values in table.columns.items():
        device, metric, *figure = name.split("|")
        if table.ring == SIGNAL_DAYS and (len(figure) != 1 or figure[0] not in SIGNAL_FIGURES):
            raise ValueError(f"{name} is not a daily figure")
        if (device, metric) not in series and len(series) >= room:
            continue
        number = series.setdefault((device, metric), len(series))
        column = f"s{number}" + (f"_{figure[0]}" if figure else "")
        found.setdefault(f"{table.ring}-{bank_of(number)[0]}", (table.times, {}))[1][column] = values
    archive.notes.write(Notes(tuple(series), notes.units, notes.timezone).to_bytes())
    return found


def _roll_up(layout: GatewayLayout, polls: Rows) -> dict[str, Rows]:
    """Sum up polls to minutes, quarter hours and days, as the recorder would have done."""
    memory = memoryview(bytearray(layout.size_bytes))
    archive = build(layout, dict(layout.carve(memory)))
    recorder = Recorder(archive)
    times, columns = polls
    absent = array("d", [math.nan]) * len(times)
    ordered = [columns.get(name, absent) for name in COLUMNS]
    for row in sorted(range(len(times)), key=times.__getitem__):
        recorder.take_row(times[row], array("d", [column[row] for column in ordered]))
    found = {}
    for name in POWER_RINGS[1:]:
        archive.rings[name].clear_live()
        when, values = archive.rings[name].select(-math.inf, math.inf)
        found[name] = (when, dict(zip(archive.plans[name].columns, values, strict=True)))
    return found
