from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver_ext.arena import Arena
from pwserver_ext.snapshot import SnapshotSlot


def make(documents: int, capacity: int, max_document: int = 0) -> SnapshotSlot:
    arena = Arena({"slot": SnapshotSlot.size(documents, capacity)})
    return SnapshotSlot(arena.region("slot"), documents, capacity, max_document)


def test_nothing_is_there_before_the_first_publication() -> None:
    slot = make(2, 100)
    assert slot.generation() == 0
    assert slot.read(0) is None
    assert slot.head() is None
    with pytest.raises(ValueError, match="nothing was published"):
        slot.verify(1)


def test_what_is_published_is_read() -> None:
    slot = make(3, 1000)
    assert slot.publish([(200, b"{}", b"zip", b'"e"'), None, (404, b"", None, b"", 5)], 1.25, 9.5) == (1, [])
    assert slot.read(0) == (200, b"{}", b"zip", b'"e"', 1.25, 9.5, 1)
    assert slot.read(1) is None
    assert slot.read(2) == (404, b"", None, b"", 1.25, 9.5, 1)
    assert slot.head() == (1.25, 9.5, 1)
    document = slot.document(2)
    assert document is not None
    assert document.flags == 5
    assert slot.publish([None, (200, b"new", None, b""), None], 2.0) == (2, [])
    assert slot.read(0) is None
    assert slot.read(1) == (200, b"new", None, b"", 2.0, 0.0, 2)
    assert slot.verify(10) == (0, 0, 1)


def test_another_view_carries_on() -> None:
    arena = Arena({"slot": SnapshotSlot.size(1, 64)})
    first = SnapshotSlot(arena.region("slot"), 1, 64)
    first.publish([(200, b"one", None, b"")], 1.0)
    second = SnapshotSlot(arena.region("slot"), 1, 64)
    assert second.read(0) == (200, b"one", None, b"", 1.0, 0.0, 1)
    assert second.publish([(200, b"two", None, b"")], 2.0)[0] == 2
    assert first.publish([(200, b"three", None, b"")], 3.0)[0] == 3
    assert second.generation() == 3


def test_equal_bodies_are_stored_once() -> None:
    slot = make(3, 1024)
    body = b"x" * 1000
    assert slot.publish([(200, body, None, b"tag"), (200, bytes(bytearray(body)), None, b"tag"), None], 1.0) == (1, [])
    assert [slot.read(index) for index in range(2)] == [(200, body, None, b"tag", 1.0, 0.0, 1)] * 2
    assert slot.publish([(200, body, None, b"tag"), (200, b"y" * 1000, None, b"tag"), None], 1.0) == (2, [1])


def test_a_document_over_the_limit_leaves_its_siblings_alone() -> None:
    slot = make(3, 10_000, max_document=100)
    documents = [(200, b"a" * 100, b"z", b"1"), (200, b"b" * 101, b"z" * 50, b"2"), (200, b"c", None, b"3")]
    assert slot.publish(documents, 1.0, 2.0) == (1, [1])
    assert slot.read(0) == (*documents[0], 1.0, 2.0, 1)
    assert slot.read(2) == (*documents[2], 1.0, 2.0, 1)
    refused = slot.document(1)
    assert refused is not None
    assert (refused.status, refused.gzip, refused.etag) == (503, None, b"")
    assert json.loads(refused.body) == {"error": "document too large", "bytes": 101, "limit": 100}
    assert slot.overflows == 1
    slot.publish(documents, 1.0)
    assert slot.overflows == 2


def test_without_room_the_largest_gives_way_not_the_last() -> None:
    slot = make(4, 400)
    large, small = b"L" * 390, b"s" * 100
    documents = [(200, large, None, b""), (200, small, None, b""), (200, small + b"2", None, b""), None]
    assert slot.publish(documents, 1.0) == (1, [0])
    assert slot.read(1) == (200, small, None, b"", 1.0, 0.0, 1)
    assert slot.read(2) == (200, small + b"2", None, b"", 1.0, 0.0, 1)
    refused = slot.document(0)
    assert refused is not None
    assert json.loads(refused.body)["bytes"] == 390


def test_a_twin_never_displaces_a_body() -> None:
    slot = make(2, 200)
    documents = [(200, b"a" * 80, b"z" * 79, b""), (200, b"b" * 80, b"y" * 8, b"")]
    assert slot.publish(documents, 1.0) == (1, [])
    assert slot.read(0) == (200, b"a" * 80, None, b"", 1.0, 0.0, 1)
    assert slot.read(1) == (200, b"b" * 80, b"y" * 8, b"", 1.0, 0.0, 1)
    assert (slot.overflows, slot.dropped_twins) == (0, 1)


def test_a_real_503_is_not_taken_for_an_overflow() -> None:
    slot = make(1, 200)
    assert slot.publish([(503, b"no data", b"zipped", b"tag")], 1.0) == (1, [])
    assert slot.read(0) == (503, b"no data", b"zipped", b"tag", 1.0, 0.0, 1)
    assert slot.overflows == 0


# A few common blobs, so that bodies, twins and ETags are often equal to each other.
blobs = st.binary(max_size=60) | st.sampled_from([b"", b"x" * 9, b"y" * 16, b"z" * 59])
documents = st.none() | st.tuples(st.integers(100, 599), blobs, st.none() | blobs, blobs, st.integers(0, 2**32 - 1))


def room_for(snapshot: list[Any]) -> int:
    present = [document for document in snapshot if document is not None]
    unique = {blob for _, body, gzip, etag, _ in present for blob in (body, gzip or b"", etag)}
    return sum((len(blob) + 7) // 8 * 8 for blob in unique)


@settings(max_examples=400, deadline=None)
@given(
    snapshots=st.lists(st.lists(documents, min_size=5, max_size=5), min_size=1, max_size=4),
    capacity=st.integers(1, 500),
    slack=st.sampled_from([None, 0, 7, -1]),  # or just enough for the last snapshot, or just too little
    max_document=st.integers(0, 60),
    stamp=st.floats(allow_nan=False),
)
def test_every_document_is_exact_or_a_clear_503(
    snapshots: list[list[Any]], capacity: int, slack: int | None, max_document: int, stamp: float
) -> None:
    if slack is not None:
        capacity = max(1, room_for(snapshots[-1]) + slack)
    slot = make(5, capacity, max_document)
    for number, snapshot in enumerate(snapshots, 1):
        generation, overflowed = slot.publish(snapshot, stamp, float(number))
        assert generation == number
        fits = room_for(snapshot) <= capacity
        for index, wanted in enumerate(snapshot):
            got = slot.document(index)
            if wanted is None:
                assert got is None
                continue
            assert got is not None
            assert (got.timestamp, got.expires, got.generation) == (stamp, number, number)
            status, body, gzip, etag, flags = wanted
            assert got.flags == flags
            if index in overflowed:
                assert (got.status, got.gzip, got.etag) == (503, None, b"")
                answer = json.loads(got.body)
                assert answer["bytes"] == len(body)
                too_long = 0 < max_document < len(body)
                assert too_long or not fits
                assert not too_long or answer["limit"] == max_document
            else:
                assert (got.status, got.body, got.etag) == (status, body, etag)
                assert got.gzip == gzip or (got.gzip is None and not fits)
        assert slot.verify(1) == (0, 0, 1)


@pytest.mark.parametrize(
    ("bad", "error", "says"),
    [
        ((200, b"", None), TypeError, "document 1 must be"),
        ("text", TypeError, "document 1 must be"),
        ((200, "text", None, b""), TypeError, "document 1: body"),
        ((200, bytearray(3), None, b""), TypeError, "document 1: body"),
        ((200, b"", "zip", b""), TypeError, "document 1: body, gzip"),
        ((200, b"", None, None), TypeError, "document 1: body, gzip and etag"),
        (("200", b"", None, b""), TypeError, "document 1: status"),
        ((0, b"", None, b""), ValueError, "document 1: 0 is not an HTTP status"),
        ((200, b"", None, b"", -1), ValueError, "document 1: flags"),
    ],
)
def test_a_bad_document_is_refused_before_anything_changes(bad: object, error: type, says: str) -> None:
    slot = make(2, 100)
    slot.publish([(200, b"kept", None, b""), None], 1.0)
    with pytest.raises(error, match=says):
        slot.publish([None, bad], 2.0)  # type: ignore[list-item]
    with pytest.raises(ValueError, match="holds 2 documents, got 1"):
        slot.publish([None], 2.0)
    assert slot.read(0) == (200, b"kept", None, b"", 1.0, 0.0, 1)
    assert slot.overflows == 0


def test_an_index_that_is_not_there() -> None:
    slot = make(2, 100)
    for index in (-1, 2, 2**40, 2**70, -(2**70)):
        with pytest.raises(IndexError, match="documents 0 to 1"):
            slot.read(index)


def test_bad_buffers_are_refused() -> None:
    size = SnapshotSlot.size(2, 100)
    with pytest.raises(ValueError, match=f"2 documents and 100 bytes needs {size} bytes, the buffer has {size - 1}"):
        SnapshotSlot(bytearray(size - 1), 2, 100)
    with pytest.raises(ValueError, match="aligned to 8"):
        SnapshotSlot(memoryview(bytearray(size + 1))[1:], 2, 100)
    with pytest.raises(BufferError):
        SnapshotSlot(bytes(size), 2, 100)
    with pytest.raises(TypeError):
        SnapshotSlot("text", 2, 100)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not a snapshot slot"):
        SnapshotSlot(bytearray(b"x" * size), 2, 100)
    with pytest.raises(ValueError, match="max_document"):
        SnapshotSlot(bytearray(size), 2, 100, -1)


@pytest.mark.parametrize("shape", [(0, 100), (-1, 100), (65536, 100), (1, 0), (1, -5), (1, 2**31), (1, 2**70)])
def test_shapes_that_cannot_be(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="a slot"):
        SnapshotSlot.size(*shape)
    with pytest.raises(ValueError, match="a slot"):
        SnapshotSlot(bytearray(1000), *shape)


def test_a_slot_of_another_shape_is_not_taken_over() -> None:
    arena = Arena({"slot": SnapshotSlot.size(4, 1000)})
    SnapshotSlot(arena.region("slot"), 4, 500)
    with pytest.raises(ValueError, match="a slot for 4 documents and 500 bytes, not for 4 and 400"):
        SnapshotSlot(arena.region("slot"), 4, 400)
