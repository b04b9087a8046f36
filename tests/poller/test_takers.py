"""Which documents nobody takes, and what becomes of their compressed form."""

from __future__ import annotations

import zlib

from pwserver.documents.encode import GZIP_MINIMUM_BYTES
from pwserver.documents.render import pack, twins_by_tag
from pwserver.poller.takers import KEPT_SECONDS, READ_SECONDS, SlotReaders, Takers
from pwserver.shared import AGGREGATE, SITE, Shared

LONG = b"1234" * GZIP_MINIMUM_BYTES


def test_a_document_counts_as_taken_for_an_hour_after_each_request_at_any_worker() -> None:
    shared = Shared(["home"], 3, 2, 1 << 16, 1 << 14, workers=2)
    clock = [100.0]
    takers = Takers(shared, lambda: clock[0])

    def untaken_after(seconds: float, slot: str = "home", documents: int = 3) -> set[int]:
        clock[0] += seconds
        return set(takers.untaken(slot, documents))

    shared.hits.add(0, shared.hit_start["home"])  # served before this poller was there
    assert untaken_after(0) == untaken_after(KEPT_SECONDS) == {1, 2}
    shared.hits.add(1, shared.hit_start["home"] + 1)
    assert untaken_after(1) == {0, 2}
    shared.hits.add(0, shared.hit_start["home"] + 2)
    assert untaken_after(KEPT_SECONDS - 1) == {0}
    assert untaken_after(2) == {0, 1}
    assert untaken_after(0, SITE, 2) == {0, 1}  # which nobody has ever taken
    shared.hits.clear()  # as the predecessor's /stats/clear does
    assert untaken_after(KEPT_SECONDS) == set()
    assert untaken_after(KEPT_SECONDS + 1) == {0, 1, 2}


def test_only_what_is_taken_is_compressed_and_at_once_when_it_is() -> None:
    rendered = [(200, LONG), (200, LONG), (200, LONG + b"5")]
    first = pack(rendered, plain={0, 1, 2})
    assert [entry[2] for entry in first] == [None, None, None]
    second = pack(rendered, twins_by_tag(first), plain={0, 2})
    # The first two are one body, which is taken under one of its names.
    twin = second[1][2]
    assert twin is not None and zlib.decompress(twin, 31) == LONG
    assert second[2][2] is None
    assert [entry[1:4:2] for entry in second] == [entry[1:4:2] for entry in first]


def test_the_site_counts_as_read_for_minutes_after_any_worker_served_or_read_it() -> None:
    shared = Shared(["home"], 3, 2, 1 << 16, 1 << 14, workers=2)
    shared.hits.add(0, shared.hit_start[SITE])  # served before this poller was there
    clock = [100.0]
    readers = SlotReaders(shared, SITE, lambda: clock[0])

    def read_after(seconds: float) -> bool:
        clock[0] += seconds
        return readers.any_lately()

    assert not read_after(0)
    shared.hits.add(0, shared.hit_start["home"])
    assert not read_after(1)
    shared.hits.add(1, shared.hit_start[SITE] + 1)
    assert read_after(1)
    assert read_after(READ_SECONDS - 1)
    assert not read_after(1)
    shared.last_read[SITE][0] = clock[0]
    assert read_after(READ_SECONDS - 1)
    assert not read_after(1)


def test_each_slot_about_all_gateways_has_readers_of_its_own() -> None:
    shared = Shared(["home", "barn"], 3, 2, 1 << 16, 1 << 14, workers=2)
    readers = [SlotReaders(shared, slot, lambda: 100.0) for slot in (AGGREGATE, SITE)]
    shared.hits.add(0, shared.hit_start["barn"])
    assert [one.any_lately() for one in readers] == [False, False]
    shared.hits.add(1, shared.hit_start[AGGREGATE] + 2)
    assert [one.any_lately() for one in readers] == [True, False]
    shared.last_read[SITE][0] = 99.0
    assert [one.any_lately() for one in readers] == [True, True]
