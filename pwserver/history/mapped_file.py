"""Open the history's files: make them whole or not at all, read them without a mapping, then map them.

Touching a mapped page that the file no longer has, or that the disk cannot read, is no error one could catch: it ends
the process (SIGBUS). So a file is read with ordinary calls while it is examined, and every later use of its mapping
asks first whether the file has been cut.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import mmap
import os
from pathlib import Path
from typing import IO

from pwserver.history.layout import PAGE_BYTES
from pwserver.regular_file import open_regular
from pwserver_ext.file_map import FileMap

log = logging.getLogger(__name__)

READ_BYTES = 1 << 20  # read at a time; a bad sector fails the whole piece, which is then read page by page
MOST_RECORD_BYTES = 1 << 24
FRESH = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
_EMPTY_PAGE = bytes(PAGE_BYTES)


class _HistoryFile:
    """Holds one open file of the history."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.refused: str | None = None  # why the disk takes nothing for it
        self._descriptor = open_regular(path, os.O_RDWR)

    @property
    def removed(self) -> bool:
        """Say whether the file has lost its name."""
        return not os.fstat(self._descriptor).st_nlink

    @property
    def disk_bytes(self) -> int:
        """Return bytes the file takes on the disk, whether it still has a name or not."""
        return os.fstat(self._descriptor).st_blocks * 512

    def close(self) -> None:
        """Let go of the file; a mapping of it goes with the last ring over that."""
        os.close(self._descriptor)


class MappedFile(_HistoryFile):
    """Maps one file into memory, shared by all processes forked later.

    ``room_later``: ``take_room`` is called before anything is written to it. ``whole``: False for a file of which
    little is ever read, so that the system keeps and reads ahead no pages of it, each of which would take memory.
    """

    def __init__(self, path: Path, room_later: bool = False, whole: bool = True) -> None:
        super().__init__(path)
        self.size = os.fstat(self._descriptor).st_size
        try:
            if not room_later:
                take_room(self._descriptor, self.size)
        except OSError:
            os.close(self._descriptor)
            raise
        if not whole and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(self._descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # it has just been examined
        self._map = FileMap(self._descriptor, self.size)
        if not whole:
            self._map.read_nothing_ahead()
        self.view = memoryview(self._map)

    def take_room(self) -> None:
        """Have the disk keep room for the file. OSError when there is none, which is told once."""
        try:
            take_room(self._descriptor, self.size)
        except OSError as fault:
            if not self.refused:
                log.error("nothing is recorded in %s: %s", self.path, fault.strerror)
            self.refused = fault.strerror
            raise
        if self.refused:
            log.info("%s has room now and is recorded in", self.path)
        self.refused = None

    def flush(self) -> None:
        """Bring the written pages to the disk. On Linux fdatasync covers a mapping's pages and lets threads run."""
        if not hasattr(os, "fdatasync"):
            self._map.flush()
        else:
            os.fdatasync(self._descriptor)

    @property
    def cut(self) -> bool:
        """Say whether it has become shorter than its mapping; touching that would end the process (SIGBUS)."""
        return os.fstat(self._descriptor).st_size < self.size

    def forget(self) -> None:
        """Give the pages back that the search for torn rows has read; they stay in the file."""
        self._map.forget()


class RecordFile(_HistoryFile):
    """Writes a small file as it changes; it was read once, into ``memory`` that all processes share."""

    cut = False  # no process touches a page of it

    def __init__(self, path: Path) -> None:
        content, _ = read_content(path, 0, MOST_RECORD_BYTES)
        super().__init__(path)
        self.memory = mmap.mmap(-1, len(content))
        self.used = 0  # bytes up to the end of the last page that is not empty
        for start in range(0, len(content), PAGE_BYTES):
            page = content[start : start + PAGE_BYTES]
            if page != _EMPTY_PAGE[: len(page)]:  # one that is neither written nor read costs no memory
                self.used = start + len(page)
                self.memory[start : self.used] = page
        self.flushes = 0  # how often what was written has been brought to the disk

    def write(self, start: int, content: memoryview) -> None:
        """Write to the file from ``start`` on. A disk that refuses is told once; ``memory`` has it all the same."""
        try:
            if os.fstat(self._descriptor).st_size < len(self.memory):  # it has been cut: write all of it again
                os.pwrite(self._descriptor, self.memory, 0)
            os.pwrite(self._descriptor, content, start)
        except OSError as fault:
            if not self.refused:
                log.error("%s cannot be written: %s", self.path, fault.strerror)
            self.refused = fault.strerror
        else:
            self.refused = None

    def flush(self) -> None:
        """Bring what was written to the disk."""
        (os.fdatasync if hasattr(os, "fdatasync") else os.fsync)(self._descriptor)
        self.flushes += 1

    def read(self) -> bytearray:
        """Return what is in the file, which keeps its place also when it has lost its name; ``memory`` if it cannot."""
        try:
            return bytearray(os.pread(self._descriptor, len(self.memory), 0).ljust(len(self.memory), b"\0"))
        except OSError:
            return bytearray(self.memory)

    def forget(self) -> None:
        """Do nothing: no page of the file is in this process's memory."""


def take_room(descriptor: int, size: int) -> None:
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


class NewFiles:
    """Makes or replaces files together, each of them whole or not at all.

    The disk is waited for about as long as for one: what commits the first commits what was written for the others.
    """

    def __init__(self) -> None:
        self._begun: list[tuple[Path, IO[bytes]]] = []

    def add(self, path: Path, head: bytes, rest: bytes | bytearray, size: int, room_later: bool = False) -> None:
        """Write a file of that size that begins with ``head`` and ``rest``; it has its name only when all are finished.

        ``room_later``: the disk need not keep room for what is not written now. After an OSError there is none of them.
        """
        try:
            file = open(open_regular(_unfinished(path), FRESH), "wb")  # noqa: SIM115 - closed with all others
            self._begun.append((path, file))
            file.write(head)
            file.write(rest)
            file.truncate(size)
            file.flush()
            if not room_later:
                take_room(file.fileno(), size)
        except OSError:
            self._give_up()
            raise

    def finish(self) -> None:
        """Give all of them their names, once they are on the disk."""
        try:
            for _, file in self._begun:
                os.fsync(file.fileno())
        except OSError:
            self._give_up()
            raise
        # The content is on the disk by now, so no name ever leads to half a file, not even after a power cut.
        for path, file in self._begun:
            file.close()
            os.replace(_unfinished(path), path)
        for folder in {path.parent for path, _ in self._begun}:
            sync_folder(folder)
        self._begun.clear()

    def _give_up(self) -> None:
        for path, file in self._begun:
            with contextlib.suppress(OSError):  # what a full disk did not take is still waiting to be written
                file.close()
            _unfinished(path).unlink(missing_ok=True)
        self._begun.clear()


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def write_new(path: Path, head: bytes, rest: bytes | bytearray, size: int, room_later: bool = False) -> None:
    """Make or replace one file, as ``NewFiles`` does."""
    files = NewFiles()
    files.add(path, head, rest, size, room_later)
    files.finish()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder as durable as the files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_there(path: Path) -> bool:
    """Say whether something has this name. A dangling link is an OSError: its target may come back."""
    try:
        os.stat(path)
    except FileNotFoundError:
        if path.is_symlink():
            raise FileNotFoundError(errno.ENOENT, "it is a symbolic link to nothing", str(path)) from None
        return False
    return True


def read_content(path: Path, start: int, most_bytes: int) -> tuple[bytearray, int]:
    """Read a file from ``start`` on; also returns how many of its pages the disk cannot read. They are left zero."""
    content = bytearray()
    unreadable = 0
    descriptor = open_regular(path)
    try:
        most_bytes = max(0, min(most_bytes, os.fstat(descriptor).st_size - start))
        size = READ_BYTES
        while len(content) < most_bytes:
            at = start + len(content)
            wanted = min(size - at % size, most_bytes - len(content))  # pieces end where pages do
            try:
                piece = os.pread(descriptor, wanted, at)
            except OSError as problem:
                if problem.errno != errno.EIO:
                    raise
                if size > PAGE_BYTES:  # page by page, to lose no more than the disk has lost
                    size = PAGE_BYTES
                    continue
                unreadable += 1
                piece = bytes(wanted)
            if not piece:  # it has become shorter meanwhile
                break
            content += piece
            if at % READ_BYTES + len(piece) == READ_BYTES:
                size = READ_BYTES
    finally:
        os.close(descriptor)
    return content, unreadable
