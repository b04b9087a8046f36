"""Read, write and set aside the file of one ring: a page of header, then the rows, each with its own checksum."""

from __future__ import annotations

import math
import os
import struct
import time
import zlib
from array import array
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import ujson

from pwserver.history.layout import PAGE_BYTES, RingPlan
from pwserver.history.mapped_file import read_content, sync_folder, write_new
from pwserver.records import record
from pwserver_ext.ring import Ring

FORMAT_VERSION = 1
MAGIC = b"PWRING\r\n"  # with a line end, which a transfer in text mode would change
# magic, version, columns, rows, bytes of a value, bytes of a row, step in seconds, length of the text, CRC-32
_HEAD = struct.Struct("<8sIIQIIdII")
_TEXT_AT = 64
SUFFIX = ".ring"

Rows = tuple["array[float]", dict[str, "array[float]"]]  # timestamps, and values by the name of the column


@record(frozen=True, slots=True)
class FileHeader:
    """Holds what the first page of a ring file says: whose rows they are, and how they are laid out."""

    gateway: str
    plan: RingPlan

    def to_bytes(self) -> bytes:
        """Write the whole page."""
        plan = self.plan
        text = ujson.dumps({"gateway": self.gateway, "ring": plan.name, "columns": plan.columns}).encode()
        if _TEXT_AT + len(text) > PAGE_BYTES:
            raise ValueError("the column names do not fit into the header")
        fixed = (len(plan.columns), plan.rows, plan.value_bytes, plan.row_bytes, plan.step_seconds, len(text))
        crc = zlib.crc32(_HEAD.pack(MAGIC, FORMAT_VERSION, *fixed, 0) + text)
        return (_HEAD.pack(MAGIC, FORMAT_VERSION, *fixed, crc).ljust(_TEXT_AT, b"\0") + text).ljust(PAGE_BYTES, b"\0")

    @classmethod
    def from_bytes(cls, page: bytes, size: int) -> FileHeader:
        """Read a page. ValueError says when it is damaged, of another version, or of another size."""
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


def folder_of(path: Path, gateway_id: str) -> Path:
    """Return the folder of one gateway; an id can be any text."""
    return path / ("gateway-" + quote(gateway_id, safe="").replace(".", "%2E"))


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
    """Read the header of a ring file; ValueError says what is wrong with it."""
    page, unreadable = read_content(path, 0, PAGE_BYTES)
    if unreadable:
        raise ValueError("the page of its header cannot be read")
    return FileHeader.from_bytes(bytes(page), path.stat().st_size)


def load_ring(path: Path, plan: RingPlan) -> tuple[Ring, int]:
    """Read a file's rows into a ring of that plan, without looking at the header.

    Also returns how many pages the disk could not read.
    """
    content, unreadable = read_content(path, PAGE_BYTES, plan.rows_bytes)
    content.extend(bytes(plan.rows_bytes - len(content)))
    return detached_ring(plan, content), unreadable


def detached_ring(plan: RingPlan, content: bytearray | memoryview) -> Ring:
    """Make a ring of that plan over memory that no other process sees."""
    control = bytearray(plan.control_bytes)
    return Ring(content, len(plan.columns), plan.rows, plan.step_seconds, plan.value_bytes, control)


def whole_rows(path: Path, plan: RingPlan) -> Rows:
    """Read every whole row of a file of that plan: timestamps, and values by column name."""
    return rows_of(load_ring(path, plan)[0], plan)


def rows_of(ring: Ring, plan: RingPlan) -> Rows:
    """Return every whole row of a ring: timestamps, and values by column name."""
    ring.recover()
    times, columns = ring.select(-math.inf, math.inf)
    return times, dict(zip(plan.columns, columns, strict=True))


def read_rows(path: Path) -> tuple[FileHeader, Rows]:
    """Read all whole rows of a ring file. Raises ValueError when the header is not to be trusted."""
    header = read_header(path)
    return header, whole_rows(path, header.plan)


def write_ring(path: Path, header: FileHeader, rows: Rows) -> None:
    """Replace a ring file by one with these rows (by column name, the newest that fit), whole or not at all."""
    plan = header.plan
    content = bytearray(plan.rows_bytes)
    ring = detached_ring(plan, content)
    times, columns = rows
    absent = array("d", [math.nan]) * len(times)
    ordered = [columns.get(name, absent) for name in plan.columns]
    for row in range(max(0, len(times) - plan.rows), len(times)):
        ring.append(times[row], array("d", [column[row] for column in ordered]))
    used = len(content.rstrip(b"\0"))  # what was never written need not be written now
    write_new(path, header.to_bytes(), content[:used], PAGE_BYTES + len(content), plan.takes_room_late and not used)
