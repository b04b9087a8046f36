"""What is remembered of filling gaps, and how the server's own filling keeps its pace."""

from __future__ import annotations

import datetime
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.fill_memory import AGAIN_SECONDS, FILE, MOST_DAYS, MOST_TIMES, FillMemory
from pwserver.history.gap_questions import NotAnswered
from pwserver.history.layout import plan
from pwserver.history.store import HistoryStore
from pwserver.poller import history_fill
from pwserver.poller.history_fill import GatewayFill
from pwserver.poller.recording import Recording
from tests.history.support import reading
from tests.history.test_fill import DAY, HOUR, HOUSE, MIDNIGHT, SETTINGS, FakeSource, record
from tests.support.waiting import patient
from tests.tesla_history import TeslaHistory

TODAY = datetime.date(2026, 11, 20)


def test_a_day_of_which_tesla_has_no_more_is_asked_for_a_few_times_only() -> None:
    memory, now = FillMemory(), 1e9
    for times in range(MOST_TIMES):
        assert memory.wants(TODAY, 5, now), times
        memory.note_asked(TODAY, 5, now)
        assert not memory.wants(TODAY, 5, now + AGAIN_SECONDS - 1.0)
        now += AGAIN_SECONDS
    assert not memory.wants(TODAY, 5, now) and not memory.wants(TODAY, 5, now + 1e8)
    assert memory.wants(TODAY, 6, now), "there is a new gap"
    memory.note_asked(TODAY, 0, now)
    assert not memory.days


def test_it_outlives_a_restart_and_stays_small(tmp_path: Path) -> None:
    memory = FillMemory(left_seconds=900.0, cause="Tesla has no data of this day")
    for number in range(MOST_DAYS + 100):
        memory.note_asked(TODAY + datetime.timedelta(days=number), 3, 1e9)
    memory.note_filled(7, 1e9)
    memory.write(tmp_path)
    assert FillMemory.read(tmp_path) == memory and len(memory.days) == MOST_DAYS
    assert memory.told() == {"last_filled": 1e9, "quarter_hours": 7, "gap_seconds_left": 900.0, "cause": None}


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=80) | st.sampled_from([b"[]", b"1", b'{"days":1}', b'{"days":{"x":[1]}}']))
def test_a_file_that_is_no_use_is_an_empty_memory(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("memory")
    (folder / FILE).write_bytes(content)
    assert not FillMemory.read(folder).days


class ReadySource(FakeSource):
    """Tesla's servers, connected or not."""

    ready = True


class Clock:
    """Stands in for the pauses: how long the thread would have slept."""

    def __init__(self) -> None:
        self.slept = 0.0

    def sleep(self, seconds: float) -> None:
        self.slept += seconds

    def now(self) -> float:
        return 1000.0 + self.slept


def filler(tmp_path: Path, source: Any, clock: Clock) -> tuple[GatewayFill, HistoryStore]:
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, HOUSE)])
    return GatewayFill(Recording(store), HOUSE.id, source, 300.0, clock.sleep, clock.now), store


def test_questions_are_five_minutes_apart_and_each_gap_is_asked_for_once(tmp_path: Path) -> None:
    record(tmp_path, (-60 * HOUR, -50 * HOUR), (0, 6 * HOUR), (9 * HOUR, 30 * HOUR))
    source = ReadySource(TeslaHistory())
    clock = Clock()
    one, store = filler(tmp_path, source, clock)
    try:
        source.ready = False
        one.look()
        assert not source.asked, "nothing is asked while there is no connection"
        source.ready = True
        one.look()
        assert len(source.asked) == 8 and clock.slept == pytest.approx(7 * 300.0)
        assert source.asked[0]["start_date"][:10] == str(DAY), "the newest day comes first"
        assert one.memory.left_seconds == 0.0 and one.memory.quarter_hours > 200
        one.look()
        assert len(source.asked) == 8
        store.archives[HOUSE.id].correction_seconds = 3600.0
        one.memory.days.clear()
        one.look()
        assert len(source.asked) == 8
    finally:
        store.close()


def test_a_refusal_keeps_what_came_and_a_day_without_data_is_not_asked_again(tmp_path: Path) -> None:
    record(tmp_path, (-60 * HOUR, -50 * HOUR), (0, 6 * HOUR), (9 * HOUR, 30 * HOUR))
    source = ReadySource(TeslaHistory(), fail_at=4)
    one, store = filler(tmp_path, source, Clock())
    try:
        with pytest.raises(NotAnswered):
            one.look()
        assert one.memory.quarter_hours > 12, "two days had come"
        source.fail_at, source.history = None, lambda parameters: ""
        one.look()
        asked = len(source.asked)
        assert "Tesla has no data of this day" in (one.memory.cause or "") and one.memory.left_seconds
        one.look()
        assert len(source.asked) == asked
        assert FillMemory.read(store.archives[HOUSE.id].folder or tmp_path) == one.memory
    finally:
        store.close()


def test_a_gateway_is_asked_for_a_bounded_number_of_days_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, (-6 * 24 * HOUR, -6 * 24 * HOUR + HOUR), (0, HOUR))
    source = ReadySource(TeslaHistory())
    clock = Clock()
    one, store = filler(tmp_path, source, clock)
    monkeypatch.setattr(history_fill, "MOST_QUESTIONS_A_DAY", 4)
    try:
        one.look()
        assert clock.slept >= (len(source.asked) // 4 - 1) * 86400.0 and len(source.asked) == 12
    finally:
        store.close()


def test_an_import_and_a_filling_at_once_take_turns(tmp_path: Path) -> None:
    """Each keeps what is recorded until it is done; the second one must not end what the first one waits for."""
    record(tmp_path, (0, HOUR))
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, HOUSE)])
    recording, entered, seen = Recording(store), threading.Event(), list[str]()

    def second() -> None:
        entered.set()
        with recording.held(HOUSE.id):
            seen.append("second")

    thread = threading.Thread(target=second)
    try:
        with recording.held(HOUSE.id):
            thread.start()
            entered.wait(patient(10))
            recording.record(HOUSE.id, reading(MIDNIGHT + 2 * HOUR, 0.0, 1.0, 0.0, 1.0))
            seen.append("first")
        thread.join(patient(10))
        assert seen == ["first", "second"] and not thread.is_alive()
        assert recording.recorders[HOUSE.id].last == MIDNIGHT + 2 * HOUR
    finally:
        store.close()
