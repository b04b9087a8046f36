"""Hold the rings of all gateways: in memory, or in files that are mapped into memory.

A folder of files holds one folder per gateway and in it one file per ring: a page of header (format version, columns,
rows, checksum), then the rows, each with its own checksum. Control blocks stay in memory, so nothing but new rows ever
dirties a page. The mapping is made before any fork, like the arena.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import mmap
import os
import time
from array import array
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pwserver.events.event_ring import RING_BYTES, EventRing, header_problem, ring_header
from pwserver.history.archive import Archive, StoredRecord, build
from pwserver.history.clock_witnesses import boot_identity
from pwserver.history.import_journal import finish
from pwserver.history.layout import (
    CORRECTION_BYTES,
    DEVICES,
    JUDGES_BYTES,
    PAGE_BYTES,
    GatewayLayout,
    RingPlan,
    aligned,
)
from pwserver.history.mapped_file import (
    MOST_RECORD_BYTES,
    MappedFile,
    NewFiles,
    RecordFile,
    is_there,
    read_content,
    write_new,
)
from pwserver.history.ring_files import (
    SUFFIX,
    FileHeader,
    Rows,
    folder_of,
    load_ring,
    read_header,
    rows_of,
    set_aside,
    whole_rows,
    write_ring,
)
from pwserver.history.stop_reason import StopReason
from pwserver.regular_file import open_regular
from pwserver.two_copy_record import TwoCopyRecord

log = logging.getLogger(__name__)

JUDGES = "judges"
EVENTS_NAME = "events.diary"
# The records that are JSON, each with a member that it always has and no other has; what the others hold are doubles.
JSON_RECORDS = {"notes": "series", "tariff": "copies", DEVICES: "slots", JUDGES: "counters"}
LOCK_PAUSE_SECONDS = 0.05
TORN_PAGES = 4  # a crash tears the pages being written; more than that is damage


class HistoryLocked(RuntimeError):
    """Says that another process has the history folder open."""


class HistoryStore:
    """Holds the archives of all gateways, by id, in the order of the layouts.

    Make one before forking. Only the poller writes and flushes.
    """

    def __init__(self, archives: Mapping[str, Archive], path: Path | None = None) -> None:
        self.archives = dict(archives)
        # gateway id -> what its judges remember; there is one also without rings
        self.judges: dict[str, TwoCopyRecord] = {}
        self.events: dict[str, EventRing] = {}  # gateway id -> its events; there is one also without rings
        self.path = path
        self.messages: list[str] = []  # what was found and done while opening
        self._files: list[MappedFile | RecordFile] = []
        self._mapped: dict[str, Sequence[MappedFile | RecordFile]] = {}  # gateway id -> its files, once asked for
        self._stop_reason = StopReason()
        self._lock: int | None = None
        self._flush_seconds = 0.0
        self._flushed = time.monotonic()

    @classmethod
    def in_memory(
        cls, layouts: Sequence[GatewayLayout], buffers: Mapping[str, memoryview] | None = None
    ) -> HistoryStore:
        """Make rings in ``buffers`` (gateway id -> writable bytes of ``size_bytes``), or in shared memory."""
        archives = {}
        for layout in layouts:
            if layout.rings:
                given = (buffers or {}).get(layout.gateway.id)
                memory = given if given is not None else memoryview(mmap.mmap(-1, layout.size_bytes))
                archives[layout.gateway.id] = build(layout, dict(layout.carve(memory)))
        store = cls(archives)
        store.judges = {layout.gateway.id: _blank_record() for layout in layouts}
        store.events = {name: _blank_events(name) for name in _with_events(layouts)}
        return store

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        layouts: Sequence[GatewayLayout],
        clock: Callable[[], float] = time.time,
        lock_seconds: float = 0.0,
    ) -> HistoryStore:
        """Open rings in files below ``path`` (made when missing, mode 0700).

        ``lock_seconds``: how long to wait for a server that has the folder, which may just be ending.

        A file that cannot be trusted is renamed to ``NAME.damaged-TIME`` and what it holds of whole rows goes into a
        new one; a file made for other settings is converted. Every such step is in ``messages`` and in the log.
        Raises HistoryLocked when another server has the folder, OSError when it cannot be used.
        """
        folder = Path(path)
        _make_folder(folder, parents=True)
        store = cls({}, folder)
        store._take_lock(lock_seconds)
        try:
            store._open_all(layouts, clock)
        except BaseException:
            store._release()
            raise
        return store

    def _open_all(self, layouts: Sequence[GatewayLayout], clock: Callable[[], float]) -> None:
        for layout in layouts:
            if layout.rings:
                self.archives[layout.gateway.id] = self._open_gateway(layout, clock)
                self.judges[layout.gateway.id] = self._open_judges(layout.gateway.id, clock)
                self._flush_seconds = layout.settings.flush_seconds
        for name in _with_events(layouts):
            self.events[name] = self._open_events(name, clock)

    def extended(self, layouts: Sequence[GatewayLayout], clock: Callable[[], float] = time.time) -> HistoryStore:
        """Return the store of a reloaded configuration: archives of the same shape go on, new ones are opened.

        Another process may still write to this store, so a file cannot take another shape: HistoryLocked then. A store
        that has been given up is not used by any process any more, so all of its files are opened anew.
        """
        store = HistoryStore({}, self.path)
        store._lock = self._lock
        if self.path is not None and self.stop_reason() is not None:
            store._open_all(layouts, clock)
            return store
        store._files, store._flush_seconds = list(self._files), self._flush_seconds
        store._stop_reason = self._stop_reason
        for layout in layouts:
            name = layout.gateway.id
            known = self.archives.get(name)
            judges = self.judges.get(name)
            if judges is None:
                judges = _blank_record() if self.path is None else store._open_judges(name, clock)
            store.judges[name] = judges
            if not layout.gateway.virtual:
                store.events[name] = self.events.get(name) or store._new_events(name, clock)
            if not layout.rings:
                continue
            if known is not None and known.layout.has_shape_of(layout):
                store.archives[name] = known if known.layout == layout else known.renamed(layout)
                if self.path is not None:
                    store._flush_seconds = layout.settings.flush_seconds
            elif self.path is None:
                store.archives |= HistoryStore.in_memory([layout]).archives
            elif known is not None:
                raise HistoryLocked(f"the history files of {name} change their shape only with a restart")
            else:
                store.archives[name] = store._open_gateway(layout, clock)
        return store

    def leaves_rows_behind(self, new: HistoryStore) -> bool:
        """Say whether rows that are in memory only are not those of the store that follows."""
        shared = self.archives.keys() & new.archives.keys()
        return self.path is None and any(self.archives[one].polls is not new.archives[one].polls for one in shared)

    @property
    def flush_seconds(self) -> float:
        """Return the least time between two flushes; 0 where nothing is on a disk."""
        return self._flush_seconds

    @property
    def flush_due(self) -> bool:
        """Say whether ``flush`` would bring new rows to the disk now."""
        return bool(self._files) and time.monotonic() - self._flushed >= self._flush_seconds

    def flush(self, force: bool = False) -> bool:
        """Bring new rows to the disk when that was last done longer ago than the setting says. May block: a thread."""
        if not self._files or not (force or self.flush_due):
            return False
        self._flushed = time.monotonic()
        problem: OSError | None = None
        for file in self._files:  # every one of them: a file that fails must not keep the others from the disk
            try:
                file.flush()
            except OSError as fault:
                problem = fault
        if problem is not None:
            raise problem
        return True

    def close(self) -> None:
        """Flush and let go of files and lock. Archives must not be used any more."""
        try:
            self.flush(force=True)
        finally:
            self._release()

    def _release(self) -> None:
        for file in self._files:
            file.close()
        self._files = []
        self._mapped = {}
        self.archives = {}
        self.judges = {}
        self.events = {}
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def stop_reason(self, gateway: str | None = None) -> str | None:
        """Return why the rings must not be touched any more, in this process or any other; None while they may be.

        To be asked every time before a ring is read or written: it costs a system call for each file, and a page that
        is not there any more would end the process. ``gateway``: only its own rings are about to be touched, so only
        their files are looked at.
        """
        if self._stop_reason.reason is None:
            for file in self._files if gateway is None else self._files_of(gateway):
                if file.cut:
                    self.give_up(f"{file.path.relative_to(self.path or '/')} was cut short while it was in use")
                    break
        return self._stop_reason.reason

    def _files_of(self, gateway: str) -> Sequence[MappedFile | RecordFile]:
        """Return the mapped files of one gateway."""
        if self.path is None:
            return ()
        known = self._mapped.get(gateway)
        if known is None:
            folder = folder_of(self.path, gateway)
            mapped = [file for file in self._files if file.path.parent == folder and isinstance(file, MappedFile)]
            known = self._mapped[gateway] = mapped
        return known

    def give_up(self, reason: str) -> None:
        """Stop the history: all processes that share this store go on without it."""
        self._stop_reason.tell(reason)

    @property
    def given_up(self) -> bool:
        """Say whether any process has stopped the history; looks at no file."""
        return self._stop_reason.reason is not None

    @property
    def removed(self) -> bool:
        """Return whether files have been removed while open; what is recorded in them ends with the process."""
        return any(file.removed for file in self._files)

    @property
    def disk_bytes(self) -> int:
        """Return bytes the files take on the disk, 0 in memory mode."""
        return sum(file.disk_bytes for file in self._files)

    # --- files ---------------------------------------------------------------------------------------------------

    def _say(self, message: str) -> None:
        self.messages.append(message)
        log.warning("%s", message)

    def _take_lock(self, seconds: float) -> None:
        assert self.path is not None
        self._lock = open_regular(self.path / "lock", os.O_RDWR | os.O_CREAT)
        until = time.monotonic() + seconds
        # flock belongs to the open file, which children inherit: the folder stays locked until the last of them ends.
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() < until:
                    time.sleep(LOCK_PAUSE_SECONDS)
                    continue
                os.close(self._lock)
                self._lock = None
                raise HistoryLocked(f"another pwserver uses the history folder {self.path}") from None

    def _map(self, path: Path, room_later: bool = False) -> MappedFile:
        file = MappedFile(path, room_later)
        self._files.append(file)
        self._mapped.clear()
        return file

    def _open_gateway(self, layout: GatewayLayout, clock: Callable[[], float]) -> Archive:
        assert self.path is not None
        folder = folder_of(self.path, layout.gateway.id)
        _make_folder(folder)
        controls = memoryview(mmap.mmap(-1, layout.control_bytes))
        pieces: dict[str, memoryview] = {}
        room: dict[str, Callable[[], None]] = {}
        at = 0
        found = [plan.name for plan in layout.rings if is_there(folder / (plan.name + SUFFIX))]
        _make_missing(folder, layout)
        for plan in layout.rings:
            pieces[f"{plan.name}.control"] = controls[at : at + plan.control_bytes]
            at += aligned(plan.control_bytes)
            if plan.name in found:
                self._check_ring(folder, layout.gateway.id, plan, clock)
            file = self._map(folder / (plan.name + SUFFIX), plan.takes_room_late)
            pieces[plan.name] = file.view[PAGE_BYTES:]
            if plan.takes_room_late:
                room[plan.name] = file.take_room
        pieces["correction"] = memoryview(mmap.mmap(-1, CORRECTION_BYTES))
        for name, half in layout.records:
            pieces[name] = self._open_record(folder / f"{name}.record", 2 * half, clock)
        archive = build(layout, pieces, folder, room)
        for name in found:  # a new file has no rows to look for
            ring = archive.rings[name]
            kept, torn = ring.recover()
            if kept:
                ring.take_room()
            if torn:
                self._say(f"history of {layout.gateway.id}: {torn} torn rows of {name} left out, {kept} kept")
        if finish(archive, lambda: self.flush(force=True)):
            self._say(f"history of {layout.gateway.id}: an import that was interrupted is finished")
        # The search for torn rows has touched every page; main would keep them for ever and never read them again.
        for opened in self._files:
            opened.forget()
        return archive

    def _open_judges(self, gateway: str, clock: Callable[[], float]) -> TwoCopyRecord:
        assert self.path is not None
        folder = folder_of(self.path, gateway)
        _make_folder(folder)
        path = folder / f"{JUDGES}.record"
        self._prepare_record(path, 2 * JUDGES_BYTES, clock)
        file = RecordFile(path)
        self._files.append(file)
        return StoredRecord(file)

    def _new_events(self, gateway: str, clock: Callable[[], float]) -> EventRing:
        return _blank_events(gateway) if self.path is None else self._open_events(gateway, clock)

    def _open_events(self, gateway: str, clock: Callable[[], float]) -> EventRing:
        """Open the file of a gateway's events. What another version wrote, or is damaged, is set aside."""
        assert self.path is not None
        folder = folder_of(self.path, gateway)
        _make_folder(folder)
        path = folder / EVENTS_NAME
        if is_there(path):
            page, unreadable = read_content(path, 0, PAGE_BYTES)
            problem = header_problem(bytes(page), path.stat().st_size, gateway)
            if unreadable:
                problem = "has a header that the disk cannot read"
            if problem is not None:
                self._say(f"file of events {path} {problem}; it was set aside as {set_aside(path, clock).name}")
        if not is_there(path):
            write_new(path, ring_header(gateway), b"", RING_BYTES)
        elif path.stat().st_size < RING_BYTES:
            os.truncate(path, RING_BYTES)  # of an earlier version: what is new is empty
        file = RecordFile(path)
        self._files.append(file)
        ring = EventRing(gateway, memoryview(file.memory), file, boot_identity())
        found = ring.recover(file.used)
        if found:
            self._say(f"file of events {path} has a damaged record; {found} events of it were found")
        return ring

    def _check_ring(self, folder: Path, gateway: str, plan: RingPlan, clock: Callable[[], float]) -> None:
        """Make the file of a ring one of that plan, with all of its rows that can be taken over."""
        path = folder / (plan.name + SUFFIX)
        wanted = FileHeader(gateway, plan)
        try:
            found = read_header(path)
        except (ValueError, KeyError, TypeError) as problem:
            self._replace(path, plan, wanted.to_bytes(), f"is damaged ({problem})", plan, clock)
        else:
            self._fit(path, found, wanted, clock)

    def _fit(self, path: Path, found: FileHeader, wanted: FileHeader, clock: Callable[[], float]) -> None:
        """Make a file with a whole header the one that is wanted. What would lose more than old rows is set aside."""
        head, plan = wanted.to_bytes(), wanted.plan
        lost = [name for name in found.plan.columns if name not in plan.columns]
        ring, unreadable = load_ring(path, found.plan)
        torn = ring.check()[1]
        if found.gateway != wanted.gateway or found.plan.name != plan.name:
            what = f"holds {found.plan.name} of gateway {found.gateway}, not {plan.name} of {wanted.gateway}"
            self._replace(path, plan, head, what, None, clock)
        elif unreadable:
            self._replace(path, plan, head, f"is damaged ({unreadable} of its pages cannot be read)", found.plan, clock)
        elif torn > TORN_PAGES * PAGE_BYTES // found.plan.row_bytes:
            self._replace(path, plan, head, f"is damaged ({torn} of its rows are torn)", found.plan, clock)
        elif lost or found.plan.value_bytes > plan.value_bytes:
            what = f"has columns that this version does not keep ({', '.join(lost) or 'of more digits'})"
            self._replace(path, plan, head, what, found.plan, clock)
        elif found.plan != plan:
            rows = rows_of(ring, found.plan)
            write_ring(path, wanted, rows)
            self._say(
                f"history file {path} had {found.plan.rows} rows of {len(found.plan.columns)} columns; "
                f"converted to {plan.rows} rows of {len(plan.columns)}, {len(rows[0])} rows kept"
            )

    def _replace(
        self, path: Path, plan: RingPlan, head: bytes, what: str, holds: RingPlan | None, clock: Callable[[], float]
    ) -> None:
        """Put a file aside and begin a new one.

        ``holds``: the plan of the old file, whose whole rows are taken over; None when they belong to another ring.
        """
        aside = set_aside(path, clock)
        write_new(path, head, b"", PAGE_BYTES + plan.rows_bytes, plan.takes_room_late)
        rows: Rows = whole_rows(aside, holds) if holds is not None else (array("d"), {})
        if rows[0]:
            write_ring(path, FileHeader.from_bytes(head, PAGE_BYTES + plan.rows_bytes), rows)
        self._say(
            f"history file {path} {what}; it was set aside as {aside.name}, "
            f"{len(rows[0])} whole rows of it were taken over"
        )

    def _open_record(self, path: Path, size: int, clock: Callable[[], float]) -> memoryview:
        self._prepare_record(path, size, clock)
        return self._map(path).view

    def _prepare_record(self, path: Path, size: int, clock: Callable[[], float]) -> None:
        """Make a record's file, or the one that is there, one of that size; what cannot be taken over is set aside."""
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
                self._say(f"history file {path} {problem}; it was set aside as {set_aside(path, clock).name}")
            elif content and len(content) != size:
                if payload:
                    record.write(payload)
                write_new(path, b"", fresh, size)
        if not is_there(path) or path.stat().st_size != size:
            write_new(path, b"", b"", size)


def _make_missing(folder: Path, layout: GatewayLayout) -> None:
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


def _blank_record() -> TwoCopyRecord:
    return TwoCopyRecord(memoryview(mmap.mmap(-1, 2 * JUDGES_BYTES)))


def _blank_events(gateway: str) -> EventRing:
    return EventRing(gateway, memoryview(mmap.mmap(-1, RING_BYTES)), boot=boot_identity())


def _with_events(layouts: Sequence[GatewayLayout]) -> list[str]:
    """Return the gateways that have events of their own: the sum of all has none."""
    return [layout.gateway.id for layout in layouts if not layout.gateway.virtual]


def _make_folder(folder: Path, parents: bool = False) -> None:
    """Make a folder for the history unless it is there. OSError says what is there instead."""
    try:
        folder.mkdir(mode=0o700, parents=parents, exist_ok=True)
    except FileExistsError:
        raise NotADirectoryError(errno.ENOTDIR, "it is no folder", str(folder)) from None


def holds(name: str, payload: bytes) -> bool:
    """Return whether this may be what the record of that name holds, and not what another one does."""
    if payload.startswith(b"{") != (name in JSON_RECORDS):
        return False
    members = {one for one, member in JSON_RECORDS.items() if f'"{member}":'.encode() in payload}
    return not members or name in members
