"""Make the files of a gateway fit its layout, before they are opened for good.

What is missing is made; what was made for other settings is converted; what cannot be trusted is set aside under a name
of its own, and what it holds of whole rows goes into a new file. Every such step is told.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Mapping
from pathlib import Path

from pwserver.events.event_ring import RING_BYTES, header_problem, ring_header
from pwserver.history.layout import (
    DEVICE_RINGS,
    DEVICES,
    JUDGES_BYTES,
    PAGE_BYTES,
    SIGNAL_RINGS,
    GatewayLayout,
    RingPlan,
)
from pwserver.history.mapped_file import MOST_RECORD_BYTES, NewFiles, is_there, read_content, write_new
from pwserver.history.ring_files import (
    SUFFIX,
    FileHeader,
    Rows,
    load_ring,
    read_header,
    rows_of,
    set_aside,
    whole_rows,
    write_ring,
)
from pwserver.two_copy_record import TwoCopyRecord

JUDGES = "judges"
EVENTS_NAME = "events.diary"
# The records that are JSON, each with a member that it always has and no other has; what the others hold are doubles.
JSON_RECORDS = {"notes": "series", "tariff": "copies", DEVICES: "slots", JUDGES: "counters"}
# The records that say whose the columns of other rings are, and how the names of those rings begin.
NAMED_BY = {"notes": SIGNAL_RINGS, DEVICES: tuple(sorted(DEVICE_RINGS))}
TORN_PAGES = 4  # a crash tears the pages being written; more than that is damage


class FileFitter:
    """Fits files that are there. ``say`` is told in words what was done to one; ``clock`` names what is set aside."""

    def __init__(self, say: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._say = say
        self._clock = clock

    def fit_ring(self, path: Path, gateway: str, plan: RingPlan) -> None:
        """Make the file of a ring one of that plan, with all of its rows that can be taken over."""
        wanted = FileHeader(gateway, plan)
        try:
            found = read_header(path)
        except (ValueError, KeyError, TypeError) as problem:
            self._replace(path, plan, wanted.to_bytes(), f"is damaged ({problem})", plan)
        else:
            self._fit(path, found, wanted)

    def _fit(self, path: Path, found: FileHeader, wanted: FileHeader) -> None:
        """Make a file with a whole header the one that is wanted. What would lose more than old rows is set aside."""
        head, plan = wanted.to_bytes(), wanted.plan
        lost = [name for name in found.plan.columns if name not in plan.columns]
        ring, unreadable = load_ring(path, found.plan)
        torn = ring.check()[1]
        if found.gateway != wanted.gateway or found.plan.name != plan.name:
            what = f"holds {found.plan.name} of gateway {found.gateway}, not {plan.name} of {wanted.gateway}"
            self._replace(path, plan, head, what, None)
        elif unreadable:
            self._replace(path, plan, head, f"is damaged ({unreadable} of its pages cannot be read)", found.plan)
        elif torn > TORN_PAGES * PAGE_BYTES // found.plan.row_bytes:
            self._replace(path, plan, head, f"is damaged ({torn} of its rows are torn)", found.plan)
        elif lost or found.plan.value_bytes > plan.value_bytes:
            what = f"has columns that this version does not keep ({', '.join(lost) or 'of more digits'})"
            self._replace(path, plan, head, what, found.plan)
        elif found.plan != plan:
            rows = rows_of(ring, found.plan)
            write_ring(path, wanted, rows)
            self._say(
                f"history file {path} had {found.plan.rows} rows of {len(found.plan.columns)} columns; "
                f"converted to {plan.rows} rows of {len(plan.columns)}, {len(rows[0])} rows kept"
            )

    def _replace(self, path: Path, plan: RingPlan, head: bytes, what: str, holds: RingPlan | None) -> None:
        """Put a file aside and begin a new one.

        ``holds``: the plan of the old file, whose whole rows are taken over; None when they belong to another ring.
        """
        aside = set_aside(path, self._clock)
        write_new(path, head, b"", PAGE_BYTES + plan.rows_bytes, plan.takes_room_late)
        rows: Rows = whole_rows(aside, holds) if holds is not None else (array("d"), {})
        if rows[0]:
            write_ring(path, FileHeader.from_bytes(head, PAGE_BYTES + plan.rows_bytes), rows)
        self._say(
            f"history file {path} {what}; it was set aside as {aside.name}, "
            f"{len(rows[0])} whole rows of it were taken over"
        )

    def set_nameless_aside(self, folder: Path, sizes: Mapping[str, int]) -> None:
        """Set aside rings with rows whose columns no record names any more: their values would become those of others.

        ``sizes``: of the files of records, by name; what does not fit into its file is lost as well.
        """
        for name, rings in NAMED_BY.items():
            record = folder / f"{name}.record"
            if name not in sizes or _names_columns(record, sizes[name]):
                continue
            for path in sorted(folder.glob(f"*{SUFFIX}")):
                if path.name.startswith(rings) and _has_rows(path):
                    aside = set_aside(path, self._clock).name
                    self._say(f"history file {path} was set aside as {aside}: {record.name} does not name its columns")

    def fit_record(self, path: Path, size: int) -> None:
        """Make the file of a record one of that size; what cannot be taken over is set aside."""
        if is_there(path):
            content, unreadable = read_content(path, 0, MOST_RECORD_BYTES)
            old = TwoCopyRecord(memoryview(content))
            payload = old.read()[1]
            fresh = bytearray(size)
            record = TwoCopyRecord(memoryview(fresh))
            problem = None
            if unreadable or (not payload and not old.blank):
                problem = "is damaged"
            elif payload and not holds(path.stem, payload):
                problem = "holds something else"
            elif len(payload) > record.room:
                problem = f"holds {len(payload)} bytes, {record.room} have room"
            if problem is not None:
                self._say(f"history file {path} {problem}; it was set aside as {set_aside(path, self._clock).name}")
            elif content and len(content) != size:
                if payload:
                    record.write(payload)
                write_new(path, b"", fresh, size)
        if not is_there(path) or path.stat().st_size != size:
            write_new(path, b"", b"", size)

    def fit_events(self, path: Path, gateway: str) -> None:
        """Make the file of a gateway's events. What another version wrote, or is damaged, is set aside."""
        if is_there(path):
            page, unreadable = read_content(path, 0, PAGE_BYTES)
            problem = header_problem(bytes(page), path.stat().st_size, gateway)
            if unreadable:
                problem = "has a header that the disk cannot read"
            if problem is not None:
                self._say(f"file of events {path} {problem}; it was set aside as {set_aside(path, self._clock).name}")
        if not is_there(path):
            write_new(path, ring_header(gateway), b"", RING_BYTES)
        elif path.stat().st_size < RING_BYTES:
            os.truncate(path, RING_BYTES)  # of an earlier version: what is new is empty


def _names_columns(path: Path, size: int) -> bool:
    """Return whether a record can be taken over, as ``fit_record`` would."""
    if not is_there(path):
        return False
    content, unreadable = read_content(path, 0, MOST_RECORD_BYTES)
    payload = TwoCopyRecord(memoryview(content)).read()[1]
    room = TwoCopyRecord(memoryview(bytearray(size))).room
    return not unreadable and bool(payload) and holds(path.stem, payload) and len(payload) <= room


def _has_rows(path: Path) -> bool:
    try:
        return load_ring(path, read_header(path).plan)[0].check()[0] > 0
    except (ValueError, KeyError, TypeError):  # a damaged one, which is set aside for that
        return False


def make_missing(folder: Path, layout: GatewayLayout) -> None:
    """Make the files that a gateway does not have yet, which a new one has none of, in one go."""
    files = NewFiles()
    for plan in layout.rings:
        path = folder / (plan.name + SUFFIX)
        if not is_there(path):
            head = FileHeader(layout.gateway.id, plan).to_bytes()
            files.add(path, head, b"", PAGE_BYTES + plan.rows_bytes, plan.takes_room_late)
    for name, half in (*layout.records, (JUDGES, JUDGES_BYTES)):
        path = folder / f"{name}.record"
        if not is_there(path):
            files.add(path, b"", b"", 2 * half)
    path = folder / EVENTS_NAME
    if not layout.gateway.virtual and not is_there(path):
        files.add(path, ring_header(layout.gateway.id), b"", RING_BYTES)
    files.finish()


def holds(name: str, payload: bytes) -> bool:
    """Return whether this may be what the record of that name holds, and not what another one does."""
    if payload.startswith(b"{") != (name in JSON_RECORDS):
        return False
    members = {one for one, member in JSON_RECORDS.items() if f'"{member}":'.encode() in payload}
    return not members or name in members
