"""Days of devices: every figure is kept with its day, over kills, restarts, wrong clocks and replaced devices."""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.history.archive import Archive
from pwserver.history.device_days import MOST_NAME_BYTES, DeviceDays, kept_devices, put, read_series
from pwserver.history.layout import AGGREGATE, DEVICE_DAYS, plan
from pwserver.history.ring_files import SUFFIX, folder_of
from pwserver.history.store import HistoryStore
from tests.history.support import GATEWAY, SMALL, archive

DAY = 86400.0
START = 1_790_000_000.0


def rows(kept: Archive, kind: str = "unit", end: float = math.inf) -> dict[str, dict[float, dict[str, float]]]:
    """What can be read: device -> day -> figures."""
    series = read_series(kept, kind, kept_devices(kept).slots[kind], -math.inf, end)
    return {
        device: {
            day: known
            for row, day in enumerate(one.days)
            if (known := {name: column[row] for name, column in one.figures.items() if not math.isnan(column[row])})
        }
        for device, one in series.items()
    }


def note(days: DeviceDays, device: str, kind: str = "unit", **figures: float) -> None:
    found = days.figures(kind, device)
    assert found is not None
    found.update(figures)


def test_the_open_day_can_be_read_and_is_a_row_when_it_is_over() -> None:
    kept = archive(SMALL)
    days = DeviceDays(kept)
    days.begin(START)
    note(days, "A", full_wh=13_000.0, source=0.0)
    note(days, "S1", "string", energy_wh=5_000.0)
    days.keep()
    days.show()
    assert rows(kept) == {"A": {START: {"full_wh": 13_000.0, "source": 0.0}}}
    days.begin(START + DAY)
    note(days, "B", full_wh=14_000.0)
    days.keep()
    days.show()
    assert rows(kept) == {
        "A": {START: {"full_wh": 13_000.0, "source": 0.0}},
        "B": {START + DAY: {"full_wh": 14_000.0}},
    }
    assert rows(kept, "string") == {"S1": {START: {"energy_wh": 5_000.0}}}


def test_a_device_without_room_is_refused_and_the_others_stay() -> None:
    kept = archive(SMALL)
    days = DeviceDays(kept)
    days.begin(START)
    room = DEVICE_DAYS["unit"].slots
    for number in range(room):
        note(days, f"unit {number}", full_wh=float(number))
    assert days.figures("unit", "one more") is None and days.refused == {"one more"}
    assert days.figures("string", "x" * (MOST_NAME_BYTES + 1)) is None
    days.keep()
    days.begin(START + DAY)
    assert {device: found[START]["full_wh"] for device, found in rows(kept).items()} == {
        f"unit {number}": float(number) for number in range(room)
    }


@pytest.mark.parametrize("kind", DEVICE_DAYS)
def test_every_slot_of_every_ring_holds_its_own_figures(kind: str) -> None:
    kept, shape = archive(SMALL), DEVICE_DAYS[kind]
    days = DeviceDays(kept)
    days.begin(START)
    expected = {}
    for number in range(shape.slots):
        expected[f"d{number}"] = {START: {name: float(100 * number + at) for at, name in enumerate(shape.figures)}}
        note(days, f"d{number}", kind, **expected[f"d{number}"][START])
    days.begin(START + DAY)
    assert rows(kept, kind) == expected


def test_a_sum_of_gateways_has_no_devices() -> None:
    layout = plan(SMALL, AGGREGATE)
    assert not {ring.name for ring in layout.rings} & {name for one in DEVICE_DAYS.values() for name in one.rings}
    kept = HistoryStore.in_memory([layout]).archives[AGGREGATE.id]
    assert kept.devices is None and kept_devices(kept).slots["unit"] == {}


figures = st.dictionaries(st.sampled_from(["full_wh", "source", "discharged_wh"]), st.floats(0, 1e6, width=32))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("day"), st.integers(0, 12)),  # a day, also an earlier one: the clock was put right
        st.tuples(st.just("note"), st.sampled_from("ABC"), figures),
        st.tuples(st.just("keep")),
        st.tuples(st.just("kill")),
    ),
    max_size=40,
)


@given(steps)
def test_whatever_happens_the_rows_are_those_of_a_plain_table(told: list[tuple[Any, ...]]) -> None:
    kept = archive(SMALL)
    days = DeviceDays(kept)
    days.begin(START)
    day = START
    table: dict[str, dict[float, dict[str, float]]] = {}
    for what, *more in told:
        if what == "day":
            day = START + DAY * more[0]
            days.begin(day)
        elif what == "note":
            device, given = more
            note(days, device, **given)
            table.setdefault(device, {}).setdefault(day, {}).update(given)
        else:
            days.keep()  # as every minute; what comes after it is told again by the next poll
            days = days if what == "keep" else DeviceDays(kept)
    days.keep()
    days.show()
    expected = {device: {when: row for when, row in found.items() if row} for device, found in table.items()}
    found = rows(kept)
    assert {device: row for device, row in found.items() if row} == {d: r for d, r in expected.items() if r}


def test_days_of_a_wrong_clock_stay_in_the_future_until_their_time_has_come() -> None:
    kept = archive(SMALL)
    days = DeviceDays(kept)
    for number, full in ((0, 1.0), (30, 2.0), (1, 3.0), (2, 4.0)):  # a month ahead for a while
        days.begin(START + number * DAY)
        note(days, "A", full_wh=full)
        days.keep()
        days.show()
    assert {when: row["full_wh"] for when, row in rows(kept)["A"].items()} == {
        START: 1.0,
        START + DAY: 3.0,
        START + 2 * DAY: 4.0,
        START + 30 * DAY: 2.0,
    }
    assert START + 30 * DAY not in rows(kept, end=START + 3 * DAY)["A"]
    days.begin(START + 30 * DAY)
    note(days, "A", full_wh=9.0)
    days.begin(START + 31 * DAY)
    assert rows(kept)["A"][START + 30 * DAY] == {"full_wh": 9.0}


def test_a_killed_server_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    layouts = [plan(SMALL, GATEWAY)]
    store = HistoryStore.open(tmp_path, layouts)
    days = DeviceDays(store.archives[GATEWAY.id])
    days.begin(START)
    note(days, "A", full_wh=13_000.0)
    days.describe("unit", "A", {"label": "PW1"})
    days.begin(START + DAY)
    note(days, "A", full_wh=12_990.0)
    days.keep()
    store.close()  # what is in the files; nobody has said good-bye to the day
    store = HistoryStore.open(tmp_path, layouts)
    kept = store.archives[GATEWAY.id]
    days = DeviceDays(kept)
    assert rows(kept)["A"] == {START: {"full_wh": 13_000.0}, START + DAY: {"full_wh": 12_990.0}}
    assert kept_devices(kept).about["unit"] == {"A": {"label": "PW1"}}
    days.begin(START + 2 * DAY)
    assert rows(kept)["A"][START + DAY] == {"full_wh": 12_990.0}
    store.close()


@given(st.binary(max_size=200) | st.sampled_from([b"{", b"[]", b'{"day": "x"}', b'{"slots": {"unit": 3}}']))
def test_a_record_that_cannot_be_understood_is_an_empty_one(payload: bytes) -> None:
    kept = archive(SMALL)
    assert kept.devices is not None
    kept.devices.write(payload or b" ")
    days = DeviceDays(kept)
    days.begin(START)
    note(days, "A", full_wh=1.0)
    days.keep()
    days.show()
    assert rows(kept)["A"][START] == {"full_wh": 1.0}


def test_a_damaged_file_is_set_aside_and_recording_goes_on(tmp_path: Path) -> None:
    layouts = [plan(SMALL, GATEWAY)]
    HistoryStore.open(tmp_path, layouts).close()
    folder = folder_of(tmp_path, GATEWAY.id)
    for name in ("unit-days-0" + SUFFIX, "devices.record"):
        (folder / name).write_bytes(b"\xff" * 20_000)
    store = HistoryStore.open(tmp_path, layouts)
    assert sum("set aside" in message for message in store.messages) == 2
    days = DeviceDays(store.archives[GATEWAY.id])
    days.begin(START)
    note(days, "A", full_wh=1.0)
    days.begin(START + DAY)
    assert rows(store.archives[GATEWAY.id])["A"] == {START: {"full_wh": 1.0}}
    store.close()


def test_a_day_in_the_middle_takes_its_place_and_later_days_stay() -> None:
    kept = archive(SMALL)
    ring, width = kept.rings["unit-days-0"], DEVICE_DAYS["unit"].columns
    for number in (1, 5, 3, 5, 2):
        put(ring, START + number * DAY, array("d", [float(number)] * width))
    times, columns = ring.select(-math.inf, math.inf, [0])
    assert [round((when - START) / DAY) for when in times] == [1, 2, 3, 5]
    assert list(columns[0]) == [1.0, 2.0, 3.0, 5.0]
