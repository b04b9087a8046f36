"""One writer at full speed, readers in other processes, and writers that die: nobody ever sees half a snapshot."""

from __future__ import annotations

import functools
import random
import struct
import time
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pwserver_ext.arena import Arena
from pwserver_ext.snapshot import SnapshotSlot
from tests.ext.processes import Child
from tests.support.small_process import run_in_small_process
from tests.support.waiting import wait_until

EXAMPLES = 20
READERS = 2
VERIFIED_READS = 10_000_000 // (EXAMPLES * READERS)
CHUNK = 50_000
DOCUMENT_READS = 10_000
KILLS = 300


def make(documents: int, capacity: int) -> SnapshotSlot:
    arena = Arena({"slot": SnapshotSlot.size(documents, capacity)})
    return SnapshotSlot(arena.region("slot"), documents, capacity)


def snapshot(number: int, sizes: Sequence[int]) -> list[tuple[int, bytes, bytes | None, bytes]]:
    """Documents of which every word tells the number of the snapshot; the sizes rotate with it."""
    return [document(number, tuple(sizes), index) for index in range(len(sizes))]


@functools.lru_cache(maxsize=4096)
def document(number: int, sizes: tuple[int, ...], index: int) -> tuple[int, bytes, bytes | None, bytes]:
    """Made up once: who checks millions of reads would otherwise spend its time on what they should have found."""
    word = struct.pack("<Q", number)
    words = sizes[(index + number) % len(sizes)]
    return 200 + number % 7, word * words, (word * (words // 2)) or None, word + bytes([index])


def write_for_ever(slot: SnapshotSlot, sizes: Sequence[int]) -> None:
    prepared = [(number, snapshot(number, sizes)) for number in range(1, 60)]
    while True:
        for number, documents in prepared:
            slot.publish(documents, float(number), number * 2.0)


def check(slot: SnapshotSlot, sizes: Sequence[int], index: int) -> int:
    """Read one document and hold it against what a whole snapshot of its timestamp has there."""
    read = slot.read(index)
    assert read is not None
    status, body, gzip, etag, timestamp, expires, generation = read
    assert (status, body, gzip, etag) == document(int(timestamp), tuple(sizes), index)
    assert expires == timestamp * 2
    return generation


def read_much(slot: SnapshotSlot, sizes: Sequence[int]) -> tuple[int, int, int]:
    last = 0
    for turn in range(DOCUMENT_READS):
        generation = check(slot, sizes, turn % len(sizes))
        assert generation >= last, "a reader went back in time"
        last = generation
    start = slot.generation()
    torn = refused = reads = 0
    while reads < VERIFIED_READS or slot.generation() < start + 3:  # on a busy machine the writer may have to wait
        found = slot.verify(CHUNK)
        torn += found[0]
        refused += found[1]
        reads += CHUNK
    return torn, refused, reads


def test_no_torn_snapshot_in_ten_million_reads() -> None:
    reads = refused = 0

    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(sizes=st.lists(st.integers(0, 40), min_size=1, max_size=8))
    def run(sizes: list[int]) -> None:
        nonlocal reads, refused
        slot = make(len(sizes), 16_384)
        slot.publish(snapshot(1, sizes), 1.0, 2.0)
        with Child(lambda: write_for_ever(slot, sizes)):
            readers = [Child(lambda: read_much(slot, sizes)) for _ in range(READERS)]
            for reader in readers:
                torn, overtaken, done = reader.result()
                assert torn == 0
                reads += done
                refused += overtaken

    run()
    assert reads >= 10_000_000
    assert refused > 0, "no reader was ever overtaken: the test did not meet what it is about"


def test_the_checksum_would_notice() -> None:
    """What the test above relies on: any changed byte of a snapshot counts as torn."""
    sizes = [3, 1]
    arena = Arena({"slot": SnapshotSlot.size(2, 500)})
    slot = SnapshotSlot(arena.region("slot"), 2, 500)
    slot.publish(snapshot(1, sizes), 1.0, 2.0)
    region = arena.region("slot")
    current = BUFFER + 64 + stride(region) * 1
    used = 64 + 2 * 32 + 8 * 8
    reserved = range(40, 64)
    for place in set(range(used)) - set(reserved) - set(range(24, 32)):  # 24: the size, which would send it elsewhere
        region[current + place] ^= 0x10
        assert slot.verify(1)[0] == 1, place
        region[current + place] ^= 0x10
    assert slot.verify(1)[0] == 0


def test_kill_9_of_the_writer_at_random_points() -> None:
    run_in_small_process(kill_writers)


def kill_writers() -> None:
    sizes = [400, 0, 3, 90, 250]
    slot = make(len(sizes), 65_536)
    slot.publish(snapshot(1, sizes), 1.0, 2.0)
    chance = random.Random(20_24)
    for _ in range(KILLS):
        before = slot.generation()
        with Child(lambda: write_for_ever(slot, sizes)):
            wait_until(lambda before=before: slot.generation() > before + 3, what="the new writer carries on")
            moment = time.perf_counter_ns() + chance.randrange(300_000)
            while time.perf_counter_ns() < moment:
                pass
        after = slot.generation()
        assert after > before
        assert {check(slot, sizes, index) for index in range(len(sizes))} == {after}
        assert slot.verify(3) == (0, 0, 1)


BUFFER = 128  # where the first buffer's sequence lies; the image is one cache line further
CURRENT = 64


def stride(region: memoryview) -> int:
    return (len(region) - BUFFER) // 2


def test_a_writer_that_died_after_any_of_its_stores() -> None:
    """Every state of the memory that a dead writer can leave, made by hand from before and after a publication."""
    sizes = [5, 2, 0]
    size = SnapshotSlot.size(3, 400)
    arena = Arena({"slot": size})
    region = arena.region("slot")
    slot = SnapshotSlot(region, 3, 400)
    for number in (1, 2, 3):
        slot.publish(snapshot(number, sizes), float(number), number * 2.0)
    before = bytes(region)
    slot.publish(snapshot(4, sizes), 4.0, 8.0)
    after = bytes(region)
    (current,) = struct.unpack_from("<Q", after, CURRENT)
    assert current >> 1 == 4
    sequence = BUFFER + (current & 1) * stride(region)
    image = range(sequence + 64, sequence + stride(region), 8)
    assert struct.unpack_from("<Q", after, sequence) == (8,)

    stores = [(sequence, struct.pack("<Q", 7))]
    stores += [(place, after[place : place + 8]) for place in image]
    stores += [(sequence, after[sequence : sequence + 8])]
    for died_after in range(len(stores) + 1):
        region[:] = before
        for place, word in stores[:died_after]:
            region[place : place + 8] = word
        assert {check(slot, sizes, index) for index in range(3)} == {3}
        assert slot.verify(2) == (0, 0, 1)
        heir = SnapshotSlot(region, 3, 400)
        generation, _ = heir.publish(snapshot(5, sizes), 5.0, 10.0)
        assert generation == (5 if died_after else 4), "a number that was begun is not used again"
        assert {check(slot, sizes, index) for index in range(3)} == {generation}
        assert heir.publish(snapshot(6, sizes), 6.0, 12.0)[0] == generation + 1
        assert slot.verify(2) == (0, 0, 1)


def test_a_stopped_writer_does_not_hold_readers_up() -> None:
    """The buffer being written is never the one that is read, so an odd sequence there is nobody's business."""
    arena = Arena({"slot": SnapshotSlot.size(1, 64)})
    region = arena.region("slot")
    slot = SnapshotSlot(region, 1, 64)
    slot.publish(snapshot(1, [2]), 1.0, 2.0)
    (current,) = struct.unpack_from("<Q", region, CURRENT)
    other = BUFFER + (1 - (current & 1)) * stride(region)
    struct.pack_into("<Q", region, other, 3)
    assert check(slot, [2], 0) == 1
    assert slot.verify(1000) == (0, 0, 1)
