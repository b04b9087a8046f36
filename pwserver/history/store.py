"""Where the rings live: in memory, or in files that are mapped into memory.

A folder of files holds one folder per gateway and in it one file per ring: a page of header (format version, columns,
rows, checksum), then the rows, each with its own checksum. Control blocks stay in memory, so nothing but new rows ever
dirties a page. The mapping is made before any fork, like the arena.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import math
import mmap
import os
import struct
import time
import zlib
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import ujson

from pwserver.history.archive import Archive, Blob, build
from pwserver.history.layout import CORRECTION_BYTES, JUDGES_BYTES, PAGE_BYTES, GatewayLayout, RingPlan, aligned
from pwserver_ext.ring import Ring

log = logging.getLogger(__name__)

FORMAT_VERSION = 1
MAGIC = b"PWRING\r\n"
# magic, version, columns, rows, bytes of a value, bytes of a row, step in seconds, length of the text, CRC-32
_HEAD = struct.Struct("<8sIIQIIdII")
_TEXT_AT = 64
SUFFIX = ".ring"
TORN_PAGES = 4  # a crash tears the pages being written; more than that is damage


class HistoryLocked(RuntimeError):
    """Another process has the history folder open."""


@dataclass(frozen=True, slots=True)
class FileHeader:
    """What the first page of a ring file says."""

    gateway: str
    plan: RingPlan

    def to_bytes(self) -> bytes:
        """The whole page."""
        plan = self.plan
        text = ujson.dumps({"gateway": self.gateway, "ring": plan.name, "columns": plan.columns}).encode()
        if _TEXT_AT + len(text) > PAGE_BYTES:
            raise ValueError("the column names do not fit into the header")
        fixed = (len(plan.columns), plan.rows, plan.value_bytes, plan.row_bytes, plan.step_seconds, len(text))
        crc = zlib.crc32(_HEAD.pack(MAGIC, FORMAT_VERSION, *fixed, 0) + text)
        return (_HEAD.pack(MAGIC, FORMAT_VERSION, *fixed, crc).ljust(_TEXT_AT, b"\0") + text).ljust(PAGE_BYTES, b"\0")

    @classmethod
    def from_bytes(cls, page: bytes, size: int) -> FileHeader:
        """Raises ValueError, with the reason, for a page that is damaged, of another version, or of another size."""
        if len(page) < PAGE_BYTES:
            raise ValueError("the header is cut off")
        magic, version, columns, rows, value_bytes, row_bytes, step, length, crc = _HEAD.unpack_from(page)
        if magic != MAGIC:
            raise ValueError("it does not begin like a history file")
        if version != FORMAT_VERSION:
            raise ValueError(f"it has format version {version}, this program reads {FORMAT_VERSION}")
        text = page[_TEXT_AT : _TEXT_AT + length]
        if zlib.crc32(page[: _HEAD.size - 4] + b"\0\0\0\0" + text) != crc:
            raise ValueError("the checksum of its header is wrong")
        body = ujson.loads(text)
        plan = RingPlan(body["ring"], tuple(body["columns"]), rows, step, value_bytes)
        if len(plan.columns) != columns or plan.row_bytes != row_bytes:
            raise ValueError("its header contradicts itself")
        if size < PAGE_BYTES + plan.rows_bytes:
            raise ValueError(f"it has {size} bytes, {PAGE_BYTES + plan.rows_bytes} were written")
        return cls(body["gateway"], plan)


class _File:
    """One mapped file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self.size = os.fstat(self._descriptor).st_size
        try:
            _take_room(self._descriptor, self.size)
        except OSError:
            os.close(self._descriptor)
            raise
        self._map = mmap.mmap(self._descriptor, self.size, flags=mmap.MAP_SHARED)
        self.view = memoryview(self._map)

    def flush(self) -> None:
        """Bring the written pages to the disk. On Linux fdatasync covers a mapping's pages and lets threads run."""
        if not hasattr(os, "fdatasync"):
            self._map.flush()
        else:
            os.fdatasync(self._descriptor)

    @property
    def removed(self) -> bool:
        """Has the file no name any more?"""
        return not os.fstat(self._descriptor).st_nlink

    @property
    def disk_bytes(self) -> int:
        """Bytes the file takes on the disk, whether it still has a name or not."""
        return os.fstat(self._descriptor).st_blocks * 512

    def forget(self) -> None:
        """Looking for torn rows touched every page; this process need not keep them."""
        if hasattr(self._map, "madvise") and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def close(self) -> None:
        """Let go; the mapping itself goes with the last ring over it."""
        os.close(self._descriptor)


def _take_room(descriptor: int, size: int) -> None:
    """Have the disk keep room for a whole file. OSError when there is none.

    Writing through a mapping to a hole of a full disk is no error one could catch: it ends the process (SIGBUS).
    """
    if not hasattr(os, "posix_fallocate") or os.fstat(descriptor).st_blocks * 512 >= size:
        return
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as problem:
        if problem.errno not in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):  # a file system that cannot
            raise


def _write_new(path: Path, head: bytes, rest: bytes | bytearray, size: int) -> None:
    """Make or replace a file of that size that begins with ``head`` and ``rest``, whole or not at all."""
    fresh = path.with_name(path.name + ".new")
    try:
        with open(fresh, "wb") as file:
            file.write(head)
            file.write(rest)
            file.truncate(size)
            file.flush()
            _take_room(file.fileno(), size)
            os.fsync(file.fileno())
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
    os.replace(fresh, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder_of(path: Path, gateway_id: str) -> Path:
    """The folder of one gateway; an id can be any text."""
    return path / ("gateway-" + quote(gateway_id, safe="").replace(".", "%2E"))


class HistoryStore:
    """The archives of all gateways, by id, in the order of the layouts.

    Make one before forking. Only the poller writes and flushes.
    """

    def __init__(self, archives: Mapping[str, Archive], path: Path | None = None) -> None:
        self.archives = dict(archives)
        self.judges: dict[str, Blob] = {}  # gateway id -> what its judges remember; there is one also without rings
        self.path = path
        self.messages: list[str] = []  # what was found and done while opening
        self._files: list[_File] = []
        self._lock: int | None = None
        self._flush_seconds = 0.0
        self._flushed = time.monotonic()

    @classmethod
    def in_memory(
        cls, layouts: Sequence[GatewayLayout], buffers: Mapping[str, memoryview] | None = None
    ) -> HistoryStore:
        """Rings in ``buffers`` (gateway id -> writable bytes of ``size_bytes``), or in shared memory of its own."""
        archives = {}
        for layout in layouts:
            if layout.rings:
                given = (buffers or {}).get(layout.gateway.id)
                memory = given if given is not None else memoryview(mmap.mmap(-1, layout.size_bytes))
                archives[layout.gateway.id] = build(layout, dict(layout.carve(memory)))
        store = cls(archives)
        store.judges = {layout.gateway.id: _blank_record() for layout in layouts}
        return store

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        layouts: Sequence[GatewayLayout],
        clock: Callable[[], float] = time.time,
    ) -> HistoryStore:
        """Rings in files below ``path`` (made when missing, mode 0700).

        A file that cannot be trusted is renamed to ``NAME.damaged-TIME`` and what it holds of whole rows goes into a
        new one; a file made for other settings is converted. Every such step is in ``messages`` and in the log.
        Raises HistoryLocked when another server has the folder, OSError when it cannot be used.
        """
        folder = Path(path)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        store = cls({}, folder)
        store._take_lock()
        for layout in layouts:
            if layout.rings:
                store.archives[layout.gateway.id] = store._open_gateway(layout, clock)
                store.judges[layout.gateway.id] = store._open_judges(layout.gateway.id, clock)
                store._flush_seconds = layout.settings.flush_seconds
        return store

    def extended(self, layouts: Sequence[GatewayLayout], clock: Callable[[], float] = time.time) -> HistoryStore:
        """The store of a reloaded configuration: archives whose layout did not change go on, new ones are opened.

        Another process may still write to this store, so a file cannot take another shape: HistoryLocked then.
        """
        store = HistoryStore({}, self.path)
        store._lock, store._files, store._flush_seconds = self._lock, list(self._files), self._flush_seconds
        for layout in layouts:
            name = layout.gateway.id
            known = self.archives.get(name)
            judges = self.judges.get(name)
            if judges is None:
                judges = _blank_record() if self.path is None else store._open_judges(name, clock)
            store.judges[name] = judges
            if not layout.rings:
                continue
            if known is not None and known.layout == layout:
                store.archives[name] = known
            elif self.path is None:
                store.archives |= HistoryStore.in_memory([layout]).archives
            elif known is not None:
                raise HistoryLocked(f"the history files of {name} change their shape only with a restart")
            else:
                store.archives[name] = store._open_gateway(layout, clock)
        return store

    def flush(self, force: bool = False) -> bool:
        """Bring new rows to the disk when that was last done longer ago than the setting says. May block: a thread."""
        if not self._files or (not force and time.monotonic() - self._flushed < self._flush_seconds):
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
            for file in self._files:
                file.close()
            self._files = []
            self.archives = {}
            self.judges = {}
            if self._lock is not None:
                os.close(self._lock)
                self._lock = None

    @property
    def removed(self) -> bool:
        """Have files been removed while they are open? What is recorded in them goes with this process."""
        return any(file.removed for file in self._files)

    @property
    def disk_bytes(self) -> int:
        """Bytes the files take on the disk, 0 in memory mode."""
        return sum(file.disk_bytes for file in self._files)

    # --- files ---------------------------------------------------------------------------------------------------

    def _say(self, message: str) -> None:
        self.messages.append(message)
        log.warning("%s", message)

    def _take_lock(self) -> None:
        assert self.path is not None
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise HistoryLocked(f"another pwserver uses the history folder {self.path}") from None

    def _map(self, path: Path) -> memoryview:
        file = _File(path)
        self._files.append(file)
        return file.view

    def _open_gateway(self, layout: GatewayLayout, clock: Callable[[], float]) -> Archive:
        assert self.path is not None
        folder = folder_of(self.path, layout.gateway.id)
        folder.mkdir(mode=0o700, exist_ok=True)
        controls = memoryview(mmap.mmap(-1, layout.control_bytes))
        pieces: dict[str, memoryview] = {}
        at = 0
        for plan in layout.rings:
            pieces[f"{plan.name}.control"] = controls[at : at + plan.control_bytes]
            at += aligned(plan.control_bytes)
            pieces[plan.name] = self._open_ring(folder, layout.gateway.id, plan, clock)
        pieces["correction"] = memoryview(mmap.mmap(-1, CORRECTION_BYTES))
        for name, half in layout.records:
            pieces[name] = self._open_record(folder / f"{name}.record", 2 * half, clock)
        archive = build(layout, pieces, folder)
        for name, ring in archive.rings.items():
            kept, torn = ring.recover()
            if torn:
                self._say(f"history of {layout.gateway.id}: {torn} torn rows of {name} left out, {kept} kept")
        for file in self._files:
            file.forget()
        return archive

    def _open_judges(self, gateway: str, clock: Callable[[], float]) -> Blob:
        assert self.path is not None
        folder = folder_of(self.path, gateway)
        folder.mkdir(mode=0o700, exist_ok=True)
        return Blob(self._open_record(folder / "judges.record", 2 * JUDGES_BYTES, clock))

    def _open_ring(self, folder: Path, gateway: str, plan: RingPlan, clock: Callable[[], float]) -> memoryview:
        path = folder / (plan.name + SUFFIX)
        size = PAGE_BYTES + plan.rows_bytes
        head = FileHeader(gateway, plan).to_bytes()
        if not path.exists():
            _write_new(path, head, b"", size)
        else:
            try:
                found = read_header(path)
            except (ValueError, KeyError, TypeError) as problem:
                self._replace_damaged(path, plan, head, str(problem), clock)
            else:
                if found.plan != plan:
                    rows = _salvage(path, found.plan)
                    write_ring(path, FileHeader(gateway, plan), rows)
                    self._say(f"history file {path} had {found.plan.rows} rows of {len(found.plan.columns)} columns; "
                              f"converted to {plan.rows} rows of {len(plan.columns)}, {len(rows[0])} rows kept")
                elif (torn := _torn_rows(path, plan)) > TORN_PAGES * PAGE_BYTES // plan.row_bytes:
                    self._replace_damaged(path, plan, head, f"{torn} of its rows are torn", clock)
        return self._map(path)[PAGE_BYTES:]

    def _replace_damaged(
        self, path: Path, plan: RingPlan, head: bytes, problem: str, clock: Callable[[], float]
    ) -> None:
        """Put a file aside that cannot be trusted and begin a new one with its whole rows."""
        aside = set_aside(path, clock)
        _write_new(path, head, b"", PAGE_BYTES + plan.rows_bytes)
        rows = _salvage(aside, plan)
        if rows[0]:
            write_ring(path, FileHeader.from_bytes(head, PAGE_BYTES + plan.rows_bytes), rows)
        self._say(f"history file {path} is damaged ({problem}); it was set aside as {aside.name}, "
                  f"{len(rows[0])} whole rows of it were taken over")

    def _open_record(self, path: Path, size: int, clock: Callable[[], float]) -> memoryview:
        if path.exists() and path.stat().st_size:
            with open(path, "rb") as file:
                content = bytearray(file.read())
            old = Blob(memoryview(content))
            payload = old.read()[1]
            if not payload and not old.blank:
                self._say(f"history file {path} is damaged; it was set aside as {set_aside(path, clock).name}")
            elif len(content) != size:
                fresh = bytearray(size)
                record = Blob(memoryview(fresh))
                if payload and len(payload) <= record.room:
                    record.write(payload)
                _write_new(path, b"", fresh, size)
        if not path.exists() or path.stat().st_size != size:
            _write_new(path, b"", b"", size)
        return self._map(path)


def _blank_record() -> Blob:
    return Blob(memoryview(mmap.mmap(-1, 2 * JUDGES_BYTES)))


def set_aside(path: Path, clock: Callable[[], float] = time.time) -> Path:
    """Rename a file to ``NAME.damaged-TIME``; never over another one. Returns the new name."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(clock()))
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    count = 1
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{count}")
    os.rename(path, aside)
    sync_folder(path.parent)
    return aside


def read_header(path: Path) -> FileHeader:
    """The header of a ring file; ValueError says what is wrong with it."""
    with open(path, "rb") as file:
        return FileHeader.from_bytes(file.read(PAGE_BYTES), path.stat().st_size)


Rows = tuple["array[float]", dict[str, "array[float]"]]


def _load(path: Path, plan: RingPlan) -> Ring:
    """A ring over a private view of the file's rows, whatever its header says; not yet recovered."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size >= PAGE_BYTES + plan.rows_bytes:
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
            return _detached(plan, memoryview(whole)[PAGE_BYTES : PAGE_BYTES + plan.rows_bytes])
        file.seek(PAGE_BYTES)
        return _detached(plan, bytearray(file.read()).ljust(plan.rows_bytes, b"\0"))


def _detached(plan: RingPlan, content: bytearray | memoryview) -> Ring:
    control = bytearray(plan.control_bytes)
    return Ring(content, len(plan.columns), plan.rows, plan.step_seconds, plan.value_bytes, control)


def _torn_rows(path: Path, plan: RingPlan) -> int:
    return _load(path, plan).check()[1]


def _salvage(path: Path, plan: RingPlan) -> Rows:
    """Every whole row of a file of that plan: timestamps, and values by column name."""
    ring = _load(path, plan)
    ring.recover()
    times, columns = ring.select(-math.inf, math.inf)
    return times, dict(zip(plan.columns, columns, strict=True))


def read_rows(path: Path) -> tuple[FileHeader, Rows]:
    """All whole rows of a ring file. Raises ValueError when the header is not to be trusted."""
    header = read_header(path)
    return header, _salvage(path, header.plan)


def write_ring(path: Path, header: FileHeader, rows: Rows) -> None:
    """Replace a ring file by one with these rows (by column name, the newest that fit), whole or not at all."""
    plan = header.plan
    content = bytearray(plan.rows_bytes)
    ring = _detached(plan, content)
    times, columns = rows
    absent = array("d", [math.nan]) * len(times)
    ordered = [columns.get(name, absent) for name in plan.columns]
    for row in range(max(0, len(times) - plan.rows), len(times)):
        ring.append(times[row], array("d", [column[row] for column in ordered]))
    used = len(content.rstrip(b"\0"))  # what was never written need not be written now
    _write_new(path, header.to_bytes(), content[:used], PAGE_BYTES + len(content))
