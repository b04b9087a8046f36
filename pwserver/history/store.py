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
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pwserver.events.event_ring import RING_BYTES, EventRing
from pwserver.history.archive import Archive, StoredRecord, build
from pwserver.history.clock_witnesses import boot_identity
from pwserver.history.file_fitter import EVENTS_NAME, JUDGES, FileFitter, make_missing
from pwserver.history.import_journal import finish
from pwserver.history.layout import (
    CORRECTION_BYTES,
    JUDGES_BYTES,
    PAGE_BYTES,
    GatewayLayout,
    aligned,
)
from pwserver.history.mapped_file import (
    MappedFile,
    RecordFile,
    is_there,
)
from pwserver.history.ring_files import (
    SUFFIX,
    folder_of,
)
from pwserver.history.stop_reason import StopReason
from pwserver.regular_file import open_regular
from pwserver.two_copy_record import TwoCopyRecord

log = logging.getLogger(__name__)

LOCK_PAUSE_SECONDS = 0.05


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
            store._open_all(layouts, FileFitter(store._say, clock))
        except BaseException:
            store._release()
            raise
        return store

    def _open_all(self, layouts: Sequence[GatewayLayout], fitter: FileFitter) -> None:
        for layout in layouts:
            if layout.rings:
                self.archives[layout.gateway.id] = self._open_gateway(layout, fitter)
                self.judges[layout.gateway.id] = self._open_judges(layout.gateway.id, fitter)
                self._flush_seconds = layout.settings.flush_seconds
        for name in _with_events(layouts):
            self.events[name] = self._open_events(name, fitter)

    def extended(self, layouts: Sequence[GatewayLayout], clock: Callable[[], float] = time.time) -> HistoryStore:
        """Return the store of a reloaded configuration: archives of the same shape go on, new ones are opened.

        Another process may still write to this store, so a file cannot take another shape: HistoryLocked then. A store
        that has been given up is not used by any process any more, so all of its files are opened anew.
        """
        store = HistoryStore({}, self.path)
        fitter = FileFitter(store._say, clock)
        store._lock = self._lock
        if self.path is not None and self.stop_reason() is not None:
            store._open_all(layouts, fitter)
            return store
        store._files, store._flush_seconds = list(self._files), self._flush_seconds
        store._stop_reason = self._stop_reason
        for layout in layouts:
            name = layout.gateway.id
            known = self.archives.get(name)
            judges = self.judges.get(name)
            if judges is None:
                judges = _blank_record() if self.path is None else store._open_judges(name, fitter)
            store.judges[name] = judges
            if not layout.gateway.virtual:
                store.events[name] = self.events.get(name) or store._new_events(name, fitter)
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
                store.archives[name] = store._open_gateway(layout, fitter)
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
    def refusals(self) -> list[str]:
        """Return why the disk takes nothing for some files, once for each of them."""
        return [file.refused for file in self._files if file.refused]

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

    def _map(self, path: Path, room_later: bool = False, whole: bool = True) -> MappedFile:
        file = MappedFile(path, room_later, whole)
        self._files.append(file)
        self._mapped.clear()
        return file

    def _open_gateway(self, layout: GatewayLayout, fitter: FileFitter) -> Archive:
        assert self.path is not None
        folder = folder_of(self.path, layout.gateway.id)
        _make_folder(folder)
        controls = memoryview(mmap.mmap(-1, layout.control_bytes))
        pieces: dict[str, memoryview] = {}
        room: dict[str, Callable[[], None]] = {}
        at = 0
        fitter.set_nameless_aside(folder, {name: 2 * half for name, half in layout.records})
        found = [plan.name for plan in layout.rings if is_there(folder / (plan.name + SUFFIX))]
        make_missing(folder, layout)
        for plan in layout.rings:
            pieces[f"{plan.name}.control"] = controls[at : at + plan.control_bytes]
            at += aligned(plan.control_bytes)
            if plan.name in found:
                fitter.fit_ring(folder / (plan.name + SUFFIX), layout.gateway.id, plan)
            file = self._map(folder / (plan.name + SUFFIX), plan.takes_room_late)
            pieces[plan.name] = file.view[PAGE_BYTES:]
            if plan.takes_room_late:
                room[plan.name] = file.take_room
        pieces["correction"] = memoryview(mmap.mmap(-1, CORRECTION_BYTES))
        for name, half in layout.records:
            fitter.fit_record(folder / f"{name}.record", 2 * half)
            pieces[name] = self._map(folder / f"{name}.record", whole=False).view
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

    def _open_judges(self, gateway: str, fitter: FileFitter) -> TwoCopyRecord:
        assert self.path is not None
        folder = folder_of(self.path, gateway)
        _make_folder(folder)
        path = folder / f"{JUDGES}.record"
        fitter.fit_record(path, 2 * JUDGES_BYTES)
        file = RecordFile(path)
        self._files.append(file)
        return StoredRecord(file)

    def _new_events(self, gateway: str, fitter: FileFitter) -> EventRing:
        return _blank_events(gateway) if self.path is None else self._open_events(gateway, fitter)

    def _open_events(self, gateway: str, fitter: FileFitter) -> EventRing:
        """Open the file of a gateway's events. What another version wrote, or is damaged, is set aside."""
        assert self.path is not None
        folder = folder_of(self.path, gateway)
        _make_folder(folder)
        path = folder / EVENTS_NAME
        fitter.fit_events(path, gateway)
        file = RecordFile(path)
        self._files.append(file)
        ring = EventRing(gateway, memoryview(file.memory), file, boot_identity())
        found = ring.recover(file.used)
        if found:
            self._say(f"file of events {path} has a damaged record; {found} events of it were found")
        return ring


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
