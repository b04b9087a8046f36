from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from pwserver_ext.file_map import FileMap


def opened(path: Path, content: bytes) -> int:
    path.write_bytes(content)
    return os.open(path, os.O_RDWR)


def test_what_is_written_is_in_the_file_and_in_every_other_map(tmp_path: Path) -> None:
    descriptor = opened(tmp_path / "rows", bytes(8192))
    first, second = (memoryview(FileMap(descriptor, 8192)) for _ in range(2))
    os.close(descriptor)
    first[4096:4100] = b"rows"
    assert second[4096:4100] == b"rows"
    assert (tmp_path / "rows").read_bytes()[4096:4100] == b"rows"
    (tmp_path / "rows").unlink()
    assert (len(first), first.readonly, bytes(second[4096:4100])) == (8192, False, b"rows")


def test_it_keeps_no_file_open_and_goes_with_its_last_view(tmp_path: Path) -> None:
    descriptor = opened(tmp_path / "rows", b"abcd")
    before = len(os.listdir("/proc/self/fd"))
    view = memoryview(FileMap(descriptor, 4))[1:]
    assert len(os.listdir("/proc/self/fd")) == before
    os.close(descriptor)
    gc.collect()
    assert bytes(view) == b"bcd"
    assert str(tmp_path) in Path("/proc/self/maps").read_text()
    view.release()
    gc.collect()
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


def test_pages_that_are_given_back_are_still_in_the_file(tmp_path: Path) -> None:
    descriptor = opened(tmp_path / "rows", bytes(4096))
    mapped = FileMap(descriptor, 4096)
    memoryview(mapped)[:4] = b"rows"
    mapped.flush()
    mapped.read_nothing_ahead()
    mapped.forget()
    assert bytes(memoryview(mapped)[:4]) == b"rows"
    os.close(descriptor)


def test_what_cannot_be_mapped_is_refused(tmp_path: Path) -> None:
    descriptor = opened(tmp_path / "rows", b"abcd")
    for size in (0, -1):
        with pytest.raises(ValueError, match="at least one byte"):
            FileMap(descriptor, size)
    with pytest.raises(ValueError, match="a file of 4 bytes has no 5"):
        FileMap(descriptor, 5)
    os.close(descriptor)
    with pytest.raises(OSError, match="Bad file descriptor"):
        FileMap(descriptor, 4)
