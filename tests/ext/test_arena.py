from __future__ import annotations

import ctypes
import gc
import os
import re
from pathlib import Path

import pytest

from pwserver_ext.arena import Arena
from tests.ext.processes import Child


def address(view: memoryview) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(view))


def test_regions_are_aligned_zeroed_and_apart() -> None:
    arena = Arena({"first": 1, "second": 65, "third": 4096})
    assert arena.regions == {"first": 1, "second": 65, "third": 4096}
    assert arena.size == 64 + 128 + 4096
    for name, size in arena.regions.items():
        region = arena.region(name)
        assert len(region) == size
        assert address(region) % 64 == 0
        assert bytes(region) == bytes(size)
        region[:] = name[:1].encode() * size
    assert [bytes(arena.region(name)[:1]) for name in arena.regions] == [b"f", b"s", b"t"]
    assert bytes(arena.region("second")) == b"s" * 65


def test_a_child_and_its_parent_see_each_other() -> None:
    arena = Arena({"mail": 64})

    def answer() -> bytes:
        arena.region("mail")[0] += 1
        return bytes(arena.region("mail")[:1])

    arena.region("mail")[0] = 41
    assert Child(answer).result() == b"*"
    assert arena.region("mail")[0] == 42


def test_a_region_outlives_the_arena_object() -> None:
    region = Arena({"only": 100_000}).region("only")
    gc.collect()
    region[-1] = 7
    assert region[-1] == 7


def test_it_is_anonymous() -> None:
    before = set(os.listdir("/proc/self/fd"))
    arena = Arena({"large": 12_345_678})
    assert set(os.listdir("/proc/self/fd")) == before
    start = address(arena.region("large"))
    maps = Path("/proc/self/maps").read_text().splitlines()
    line = next(line for line in maps if line.startswith(f"{start:x}-"))
    assert re.search(r" rw-s .*/dev/zero \(deleted\)$", line)  # how Linux shows shared memory without a name


@pytest.mark.parametrize(
    ("layout", "says"),
    [
        ({}, "at least one region"),
        ({"": 1}, "needs a name"),
        ({"a": 0}, "'a' needs a positive size"),
        ({"a": -64}, "'a' needs a positive size"),
        ({"a": 1.5}, "'a' needs a positive size"),
        ({"a": True}, "'a' needs a positive size"),
    ],
)
def test_a_bad_layout_says_what_is_wrong(layout: dict[str, int], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Arena(layout)


def test_an_unknown_region_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no region 'c', only a, b"):
        Arena({"a": 1, "b": 1}).region("c")


def test_more_room_than_the_computer_has_memory_as_long_as_little_of_it_is_used() -> None:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    swap = sum(int(line.split()[2]) for line in Path("/proc/swaps").read_text().splitlines()[1:]) * 1024
    arena = Arena({"first": memory + swap, "last": 4096})
    arena.region("last")[0] = arena.region("first")[0] = 1
    assert (arena.region("first")[0], arena.region("last")[0]) == (1, 1)


def test_memory_that_the_system_does_not_have() -> None:
    for size in (1 << 60, 1 << 80):  # too much to have, and more than can be said
        with pytest.raises(OSError):
            Arena({"a": size})
