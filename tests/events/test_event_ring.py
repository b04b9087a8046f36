"""The ring of events: what was committed is read again, whole or not at all, whenever its writer was killed."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.events import keepsakes
from pwserver.events.event import Event
from pwserver.events.event_ring import (
    KEPT,
    MOST_CORRECTIONS,
    PAGE_BYTES,
    RECORD_BYTES,
    RING_BYTES,
    SHORT_BYTES,
    SLOTS,
    SPARE,
    EventRing,
    ring_header,
)
from pwserver.history.file_fitter import EVENTS_NAME
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.store import HistoryStore

GATEWAY = HistoryGateway("home", "Home")


def event(number: int, **details: object) -> Event:
    """An event that can be told from others."""
    return Event("home", "mode_changed", 1_790_000_000.0 + number, {"before": number, **details}, steady=float(number))


def numbers(ring: EventRing, since: int = 0) -> list[tuple[int, object]]:
    """What the events hold, with their sequence numbers."""
    return [(one.sequence, one.details["before"]) for one in ring.after(since)]


class Killed(BaseException):
    """The process ends here."""


class FileOf:
    """A file that outlives its process. It counts down to the moment at which the process is killed."""

    def __init__(self) -> None:
        self.content = bytearray(RING_BYTES)
        self.left = 1 << 30

    def _step(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def write(self, start: int, content: memoryview) -> None:
        self._step()
        self.content[start : start + len(content)] = content
        self._step()

    def flush(self) -> None:
        self._step()


class Server:
    """A ring as a server has it: shared memory, which outlives the poller, over a file, which outlives the server."""

    def __init__(self) -> None:
        self.file = FileOf()
        self.start()

    def start(self) -> None:
        self.memory = bytearray(self.file.content)
        self.ring = EventRing("home", memoryview(self.memory), self.file, boot=1.0)


def test_events_are_numbered_and_read_in_order() -> None:
    ring = Server().ring
    assert ring.head == 0 and ring.after(0) == []
    told = ring.commit([event(7), event(8)], b"memory")
    assert [one.sequence for one in told] == [1, 2]
    ring.commit([event(9)], b"later")
    assert numbers(ring) == [(1, 7), (2, 8), (3, 9)]
    assert [row.sequence for row in ring.rows(newest_first=True)] == [3, 2, 1]
    assert [row.sequence for row in ring.rows(before=3, newest_first=True)] == [2, 1]
    assert [row.sequence for row in ring.rows(after=1, before=3)] == [2]
    assert numbers(ring, since=2) == [(3, 9)] and ring.kept_memory == b"later"


def test_the_oldest_events_give_way() -> None:
    ring = Server().ring
    for batch in range(SLOTS * 2 // SPARE):
        ring.commit([event(batch * SPARE + place) for place in range(1, SPARE + 1)], b"")
    kept = numbers(ring)
    assert len(kept) == KEPT
    assert kept[0] == (ring.head - KEPT + 1, ring.head - KEPT + 1) and kept[-1] == (ring.head, ring.head)


def flood(ring: EventRing, count: int = SLOTS + SPARE) -> None:
    """Let an alert come and go so often."""
    for _ in range(count // SPARE):
        ring.commit([Event("home", "alert_begun", 1.8e9, {"before": 0}) for _ in range(SPARE)], ring.kept_memory)


def outage(number: int) -> Event:
    return replace(event(number), kind=("grid_up", "grid_down")[number % 2])


def outages(ring: EventRing, newest_first: bool = False, **asked: int) -> list[object]:
    rows = ring.rows(newest_first=newest_first, **asked)
    return [ring.event(row).details["before"] for row in rows if row.kind.startswith(b"grid_")]


def test_frequent_events_push_no_outage_out() -> None:
    server = Server()
    for number in range(1, 6):
        server.ring.commit([outage(number), event(100 + number)], b"")
        flood(server.ring, SPARE)
    flood(server.ring)
    assert outages(server.ring) == [1, 2, 3, 4, 5] and outages(server.ring, newest_first=True) == [5, 4, 3, 2, 1]
    everything = [row.sequence for row in server.ring.rows()]
    assert everything == sorted(set(everything)) and len(everything) == KEPT + 5
    assert [row.sequence for row in server.ring.rows(newest_first=True)] == everything[::-1]
    third = everything[2]
    assert outages(server.ring, after=third) == [4, 5] and outages(server.ring, before=third) == [1, 2]
    server.start()
    server.ring.commit([outage(6)], b"")
    flood(server.ring)
    assert outages(server.ring) == [1, 2, 3, 4, 5, 6]


def test_the_oldest_outages_give_way_to_others_only() -> None:
    ring = Server().ring
    for first in range(0, keepsakes.SLOTS + 2 * SPARE, SPARE):
        ring.commit([outage(first + place) for place in range(SPARE)], b"")
    flood(ring)
    newest = keepsakes.SLOTS + 2 * SPARE
    assert outages(ring) == list(range(newest - keepsakes.KEPT, newest))


def test_an_outage_that_was_written_but_never_counted_does_not_appear_later() -> None:
    """Whatever the step at which the writer is killed: the second copies are those of events that count."""
    for step in range(12):
        server = Server()
        server.ring.commit([outage(1)], b"1")
        server.file.left = step
        with suppress(Killed):
            server.ring.commit([outage(3)], b"3")
        server.file.left = 1 << 30
        server.start()
        counted = [found for _, found in numbers(server.ring)]
        server.ring.commit([event(7)], b"7")
        server.ring.commit([outage(4)], b"4")
        copies = keepsakes.Keepsakes(memoryview(server.memory), SHORT_BYTES, lambda start, content: None)
        kept = [server.ring.event(row).details["before"] for row in copies.rows(0, server.ring.head, ())]
        assert kept == [*counted, 4] and len(counted) < 3


def test_the_right_time_stays_when_the_ring_no_longer_has_the_outage() -> None:
    ring = Server().ring
    ring.commit([outage(1), outage(2)], b"")
    assert ring.put_right(since=1.5, offset=1_790_001_000.0) == 1
    flood(ring)
    for number in range(MOST_CORRECTIONS + 1):
        ring.commit([event(1000 + number)], b"")
        ring.put_right(since=999.5 + number, offset=1_790_000_000.0)
    assert [row.at - 1_790_000_000.0 for row in ring.rows() if row.kind.startswith(b"grid_")] == [1.0, 1002.0]


def test_a_lost_record_leaves_the_outages_there() -> None:
    server = Server()
    server.ring.commit([outage(1), outage(2)], b"")
    flood(server.ring)
    server.file.content[PAGE_BYTES : PAGE_BYTES + 2 * RECORD_BYTES] = bytes(2 * RECORD_BYTES)
    server.start()
    assert server.ring.recover() == SLOTS + 2 and outages(server.ring) == [1, 2]


@pytest.mark.parametrize("server_dies", [False, True], ids=("the poller dies", "the server dies"))
def test_no_event_is_lost_or_told_twice_wherever_the_writer_is_killed(server_dies: bool) -> None:
    """Each step of a commit is the last one in turn; the next process detects again what was not committed."""
    step = 0
    whole = False
    while not whole:
        server = Server()
        server.ring.commit([event(1)], b"1")
        server.file.left = step
        try:
            server.ring.commit([event(2), event(3)], b"3")
            whole = True
        except Killed:
            pass
        server.file.left = 1 << 30
        shown = numbers(server.ring)
        if server_dies:
            server.start()
        else:
            server.ring = EventRing("home", memoryview(server.memory), server.file, boot=1.0)
        assert numbers(server.ring)[: len(shown)] == shown, "what a client has seen stays"
        # The memory says which events it knows of already: as a detector, which starts from it.
        remembered = int(server.ring.kept_memory)
        server.ring.commit([event(number) for number in range(remembered + 1, 5)], b"4")
        assert numbers(server.ring) == [(1, 1), (2, 2), (3, 3), (4, 4)]
        server.start()
        assert numbers(server.ring) == [(1, 1), (2, 2), (3, 3), (4, 4)]
        step += 1
    assert step > 6


@settings(max_examples=60, deadline=None)
@given(st.integers(PAGE_BYTES, PAGE_BYTES + 70_000), st.integers(1, 300), st.integers(0, 255))
def test_a_damaged_file_shows_whole_events_only(at: int, length: int, value: int) -> None:
    server = Server()
    for number in range(1, 5):
        server.ring.commit([event(number)], b"memory")
    server.file.content[at : at + length] = bytes([value]) * length
    server.start()
    server.ring.recover()
    assert set(numbers(server.ring)) <= {(1, 1), (2, 2), (3, 3), (4, 4)}
    assert server.ring.head in (0, 1, 2, 3, 4)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=2000), st.text(st.characters(categories=("Cs", "Cc", "So")), max_size=300))
def test_any_text_fits_into_a_slot(alert: str, device: str) -> None:
    ring = Server().ring
    clean = device.encode("utf-8", "replace").decode()
    ring.commit([event(1, alert=alert, device=clean)], b"")
    assert ring.after(0)[0].details["before"] == 1


def test_times_are_put_right_without_touching_what_was_written() -> None:
    server = Server()
    earlier = EventRing("home", memoryview(server.memory), server.file, boot=9.0)
    earlier.commit([event(1)], b"")
    server.ring.commit([event(2), event(3)], b"memory")
    assert server.ring.put_right(since=2.0, offset=1_790_001_000.0) == 1
    server.start()
    assert [one.at - 1_790_000_000.0 for one in server.ring.after(0)] == [1.0, 2.0, 1003.0]
    assert server.ring.kept_memory == b"memory"
    server.ring.commit([event(4)], b"")
    assert server.ring.after(3)[0].at == 1_790_000_004.0, "it was recorded by the right clock"


def open_store(folder: Path) -> HistoryStore:
    return HistoryStore.open(folder, [plan(HistorySettings(poll_retention_seconds=3600.0), GATEWAY)])


def diary(folder: Path) -> Path:
    return folder / "gateway-home" / EVENTS_NAME


def test_events_lie_beside_the_history_and_outlive_the_server(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.events["home"].commit([event(1)], b"memory")
    store.close()
    assert diary(tmp_path).stat().st_size == RING_BYTES
    store = open_store(tmp_path)
    assert numbers(store.events["home"]) == [(1, 1)] and store.events["home"].kept_memory == b"memory"
    store.close()


def test_a_file_of_before_is_made_longer_and_keeps_its_events(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.events["home"].commit([outage(1)], b"memory")
    store.close()
    os.truncate(diary(tmp_path), SHORT_BYTES)
    store = open_store(tmp_path)
    assert diary(tmp_path).stat().st_size == RING_BYTES and not store.messages
    ring = store.events["home"]
    assert numbers(ring) == [(1, 1)] and ring.kept_memory == b"memory"
    ring.commit([outage(2)], b"")
    flood(ring)
    assert outages(ring) == [2]
    store.close()


def _other_version(content: bytearray) -> None:
    content[8] = 99


def _cut(content: bytearray) -> None:
    del content[RING_BYTES // 2 :]


def _another_gateway(content: bytearray) -> None:
    content[:PAGE_BYTES] = ring_header("elsewhere")


@pytest.mark.parametrize("damage", [_other_version, _cut, _another_gateway])
def test_a_file_that_is_not_understood_is_set_aside(tmp_path: Path, damage: Callable[[bytearray], None]) -> None:
    store = open_store(tmp_path)
    store.events["home"].commit([event(1)], b"memory")
    store.close()
    content = bytearray(diary(tmp_path).read_bytes())
    damage(content)
    diary(tmp_path).write_bytes(content)
    store = open_store(tmp_path)
    assert numbers(store.events["home"]) == [] and any("set aside" in message for message in store.messages)
    aside = next(diary(tmp_path).parent.glob(f"{EVENTS_NAME}.damaged-*"))
    assert aside.read_bytes() == bytes(content), "nothing is deleted"
    store.close()


def test_a_file_that_is_cut_while_it_is_open_is_written_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    ring = store.events["home"]
    ring.commit([event(1)], b"1")
    with diary(tmp_path).open("r+b") as file:
        file.truncate(100)
    ring.commit([event(2)], b"2")
    assert store.stop_reason() is None
    store.close()
    store = open_store(tmp_path)
    assert numbers(store.events["home"]) == [(1, 1), (2, 2)]
    store.close()


def test_a_ring_in_memory_needs_no_file() -> None:
    store = HistoryStore.in_memory([plan(HistorySettings(), GATEWAY)])
    store.events["home"].commit([event(1)], b"")
    assert numbers(store.events["home"]) == [(1, 1)]
