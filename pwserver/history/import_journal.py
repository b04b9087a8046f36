"""Write an import beside the rings first, then into them, so that a kill at any moment leaves all of it or nothing.

The new content of every ring that changes is written to ``NAME.ring.import``. The file ``import.commit`` appears when
all of that is on the disk; from then on the import is finished by whoever opens the history next, however often that
is interrupted. Renamed to ``imported.json`` it is the memory of what was imported.
"""

from __future__ import annotations

import base64
import logging
import math
import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import ujson

from pwserver.history.archive import Archive
from pwserver.history.incoming import Series
from pwserver.history.mapped_file import sync_folder, write_new
from pwserver.history.ring_files import (
    SUFFIX,
    FileHeader,
    Rows,
    detached_ring,
    load_ring,
    read_header,
    rows_of,
    write_ring,
)
from pwserver.history.waiting_rows import ClockRecord
from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.regular_file import read_regular
from pwserver_ext.ring import Ring

log = logging.getLogger("pwserver.history")

COMMIT = "import.commit"
MEMORY = "imported.json"
_ENDING = ".import"
_MOST_BYTES = 1 << 24
_MOST_SOURCES = 32


@record(frozen=True, slots=True)
class MergedHistory:
    """Holds what the history of one gateway is to be: the rings that change, and what is open."""

    rings: Mapping[str, Rows]
    state: bytes
    series: tuple[Series, ...]


def imported(folder: Path) -> list[JsonObject]:
    """Return what has been imported into the folder of a gateway, the newest last."""
    try:
        body = ujson.loads(read_regular(folder / MEMORY, _MOST_BYTES))
        return [source for source in body["sources"] if isinstance(source, dict)]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def settle(archive: Archive, merged: MergedHistory | None, source: JsonObject, flush: Callable[[], object]) -> None:
    """Bring an import into the rings and remember it; ``merged`` is None for one that changes nothing.

    An empty ``source`` is not remembered, nor is any for a history in memory, which ends with the process.
    ``flush`` brings the rings to the disk.
    """
    if archive.folder is None:
        if merged is not None:
            _settle_in_memory(archive, merged)
    elif merged is not None:
        commit(archive, merged, source)
        finish(archive, flush)
    elif source:
        content = ujson.dumps({"sources": _sources(archive.folder, source)}).encode()
        write_new(archive.folder / MEMORY, content, b"", len(content))


def _settle_in_memory(archive: Archive, merged: MergedHistory) -> None:
    for name, (times, columns) in merged.rings.items():
        plan = archive.plans[name]
        ring = detached_ring(plan, bytearray(plan.rows_bytes))
        append_rows(ring, times, [columns[column] for column in plan.columns])
        archive.rings[name].take_over(_with_newer_rows(archive, name, ring))
    _take_notes_and_state(archive, merged.series, merged.state)


def _sources(folder: Path, source: JsonObject) -> list[JsonObject]:
    """Return all sources with a new one, which takes the place of what it was before; an empty one is none."""
    if not source:
        return imported(folder)
    known = ("path", "gateway")
    others = [one for one in imported(folder) if any(one.get(name) != source.get(name) for name in known)]
    return [*others, source][-_MOST_SOURCES:]


def commit(archive: Archive, merged: MergedHistory, source: JsonObject) -> None:
    """Write an import beside the rings. When this returns it can be finished, and will be."""
    folder = _folder(archive)
    for name, rows in merged.rings.items():
        if rows[0]:
            archive.rings[name].take_room()  # now, while nothing is promised
        write_ring(folder / f"{name}{SUFFIX}{_ENDING}", FileHeader(archive.gateway.id, archive.plans[name]), rows)
    body = {
        "rings": list(merged.rings),
        "state": base64.b64encode(merged.state).decode(),
        "series": merged.series,
        "sources": _sources(folder, source),
    }
    content = ujson.dumps(body, ensure_ascii=False).encode()
    write_new(folder / COMMIT, content, b"", len(content))


def finish(archive: Archive, flush: Callable[[], object]) -> bool:
    """Finish an import that was committed, if there is one. Nobody may record meanwhile; readers may read.

    ``flush`` brings the rings to the disk. Done again after a kill it comes to the same.
    """
    folder = _folder(archive)
    marker = folder / COMMIT
    if not marker.exists():
        _remove_leftovers(folder)
        return False
    try:
        body = ujson.loads(read_regular(marker, _MOST_BYTES))
        names = [name for name in body["rings"] if name in archive.rings]
        headers = {name: read_header(folder / f"{name}{SUFFIX}{_ENDING}") for name in names}
        state = base64.b64decode(body["state"])
        series = tuple((str(device), str(metric)) for device, metric in body["series"])
    except (OSError, ValueError, TypeError, KeyError) as problem:
        log.error("%s: an import cannot be finished (%s); it is made anew", archive.gateway.id, problem)
        marker.unlink()
        return False
    for name, header in headers.items():
        archive.rings[name].take_over(_merged_ring(archive, name, folder / f"{name}{SUFFIX}{_ENDING}", header))
    _take_notes_and_state(archive, series, state)
    flush()
    # One step ends it: what is recorded from now on must not be replaced by a second time.
    os.replace(marker, folder / MEMORY)
    sync_folder(folder)
    _remove_leftovers(folder)
    return True


def _folder(archive: Archive) -> Path:
    if archive.folder is None:
        raise ValueError("a history in memory takes no import")
    return archive.folder


def _remove_leftovers(folder: Path) -> None:
    for file in folder.glob(f"*{SUFFIX}{_ENDING}*"):
        file.unlink(missing_ok=True)


def _merged_ring(archive: Archive, name: str, path: Path, header: FileHeader) -> Ring:
    """Return the new content of a ring in the shape it has now, with the rows that were recorded since the import."""
    plan = archive.plans[name]
    ring, _ = load_ring(path, header.plan)
    ring.recover()
    if header.plan != plan:  # the settings were changed between the kill and this start
        times, columns = rows_of(ring, header.plan)
        ring = detached_ring(plan, bytearray(plan.rows_bytes))
        absent = array("d", [math.nan]) * len(times)
        append_rows(ring, times, [columns.get(column, absent) for column in plan.columns])
    return _with_newer_rows(archive, name, ring)


def _with_newer_rows(archive: Archive, name: str, ring: Ring) -> Ring:
    """Return ``ring`` with what was recorded after its newest row."""
    newest = ring.last_timestamp_or(-math.inf)
    own = archive.rings[name]
    own.clear_live()
    append_rows(ring, *own.select(math.nextafter(newest, math.inf), math.inf))
    return ring


def _take_notes_and_state(archive: Archive, series: Sequence[Series], state: bytes) -> None:
    if series:
        archive.notes.write(replace(archive.read_notes(), series=tuple(series)).to_bytes())
    archive.state.write(state)
    _begin_segment(archive)


def append_rows(ring: Ring, times: Sequence[float], columns: Sequence[Sequence[float]]) -> None:
    """Append rows, given by columns, to a ring."""
    for row, when in enumerate(times):
        ring.append(when, array("d", [column[row] for column in columns]))


def _begin_segment(archive: Archive) -> None:
    """Forget where the rows of the present clock began: if it is wrong, the imported rows must not be moved along."""
    record = ClockRecord.from_bytes(archive.clock.read()[1])
    if record.origin:
        record.origin, record.origin_at, record.withdrawing = array("d"), math.nan, False
        archive.clock.write(record.to_bytes())
