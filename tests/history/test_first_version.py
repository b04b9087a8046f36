"""Files that version 1.0 has written are opened with everything that is in them, and recording goes on."""

from __future__ import annotations

import math
from array import array
from dataclasses import replace
from pathlib import Path

import pytest

from pwserver.history.layout import (
    BOOK_NAMES,
    COLUMNS,
    DAY_NAMES,
    ENERGIES,
    ENERGY_NAMES,
    ROLLED,
    SHARE_NAMES,
    GatewayLayout,
    HistorySettings,
    plan,
)
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of
from pwserver.history.store import HistoryStore
from pwserver.two_copy_record import TwoCopyRecord
from tests.history.support import GATEWAY, reading

NOON = 1_795_377_600.0  # 2026-11-22, noon in Los Angeles
DAY_START = NOON - 12 * 3600.0
SETTINGS = HistorySettings(
    poll_interval=60.0, poll_retention_seconds=86400.0, days_kept_seconds=40 * 86400.0, max_signals=0
)
COLUMNS_1 = {"minutes": ROLLED, "quarters": (*ROLLED, *ENERGY_NAMES), "days": (*ROLLED, *ENERGY_NAMES, *DAY_NAMES)}


def first_version() -> GatewayLayout:
    """The rings as version 1.0 planned them."""
    layout = plan(SETTINGS, GATEWAY)
    rings = [replace(one, columns=COLUMNS_1.get(one.name, one.columns)) for one in layout.rings]
    return replace(layout, rings=tuple(rings), state_bytes=4096)


def written(path: Path) -> None:
    """An hour of 1 kW from the grid, a poll a minute, as version 1.0 kept it, and three days before."""
    store = HistoryStore.open(path, [first_version()])
    archive = store.archives[GATEWAY.id]
    for number in range(61):
        archive.polls.append(
            NOON + 60.0 * number, array("d", [1000.0, 0.0, 0.0, 1000.0] + [math.nan] * (len(COLUMNS) - 4))
        )
    for name, begin, count, step in (
        ("minutes", NOON, 60, 60.0),
        ("quarters", NOON, 4, 900.0),
        ("days", DAY_START - 3 * 86400.0, 3, 86400.0),
    ):
        ring, columns = archive.rings[name], archive.columns(name)
        for number in range(count):
            row = array("d", [math.nan]) * ring.columns
            row[columns["load"]], row[columns["samples"]] = 1000.0, step / 60.0
            if name != "minutes":
                row[columns["home_wh"]] = step / 3.6
            if name == "days":
                row[columns["date"]] = float(739_942 + number)
            ring.append(begin + number * step, row)
    archive.state.write(state().tobytes())
    store.close()


def state() -> array[float]:
    """What version 1.0 kept at the last poll: times, integrator, three intervals, counters."""
    last = NOON + 3600.0
    found = array("d", [1.0, last, last, last, DAY_START, last, -math.inf, -math.inf])
    for watts in (1000.0, 0.0, 0.0, 1000.0):
        found.extend([last, last, watts, 0.0])
    for total in (math.nan, 1000.0, 4000.0):  # this quarter hour, this day, since recording began
        found.extend(total if energy in ("home", "grid_import") else math.nan for energy in ENERGIES)
    for samples in (1, 1, 61):
        for column in range(len(COLUMNS)):
            watts = 1000.0 if column in (0, 3) else 0.0 if column < 4 else math.nan
            known = samples if column < 4 else 0
            found.extend(
                [watts * samples, known, watts, watts, watts] if known else [0.0, 0.0, math.inf, -math.inf, math.nan]
            )
        found.append(samples)
    for energy in ENERGIES:
        counted = energy in ("home", "grid_import")
        found.extend(
            [50_000.0, 4000.0, math.nan, 1000.0, 1000.0, 0.0]
            if counted
            else [math.nan, math.nan, math.nan, 0.0, 0.0, 0.0]
        )
    return found


def test_every_row_is_kept_and_recording_goes_on(tmp_path: Path) -> None:
    written(tmp_path)
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, GATEWAY)])
    archive = store.archives[GATEWAY.id]
    assert not [message for message in store.messages if "set aside" in message or "damaged" in message]
    for name, count in (("polls", 61), ("minutes", 60), ("quarters", 4), ("days", 3)):
        assert len(archive.rings[name].select(-math.inf, math.inf, [])[0]) == count
        for column in (*BOOK_NAMES, *SHARE_NAMES):
            if column in archive.columns(name):
                _, (values,) = archive.rings[name].select(-math.inf, math.inf, [archive.column(name, column)])
                assert all(map(math.isnan, values)), (name, column)
    recorder = Recorder(archive)
    assert recorder.last == NOON + 3600.0
    assert recorder.energy()["home"].watt_hours == 4000.0
    told = {"site": {"energy_imported": 50_016.0}, "load": {"energy_imported": 50_016.0}}
    recorder.record(reading(NOON + 3660.0, 1000.0, 0.0, 0.0, 1000.0, counters=told))
    assert recorder.energy()["home"].watt_hours == pytest.approx(4016.0)  # by the counter that was kept
    _, (energies, means) = archive.days.select(
        DAY_START, DAY_START, [archive.column("days", name) for name in ("home_wh", "load")]
    )
    assert list(energies) == pytest.approx([1016.0])
    assert list(means) == pytest.approx([1016.0 * 3600.0 / (NOON + 3660.0 - DAY_START)])
    store.close()


def test_a_torn_state_of_the_first_version_is_no_state(tmp_path: Path) -> None:
    written(tmp_path)
    file = folder_of(tmp_path, GATEWAY.id) / "state.record"
    memory = memoryview(bytearray(file.read_bytes()))
    TwoCopyRecord(memory).write(state()[:-1].tobytes())
    file.write_bytes(memory)
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, GATEWAY)])
    recorder = Recorder(store.archives[GATEWAY.id])
    assert recorder.last == NOON + 3600.0  # summed up again from the polls
    store.close()
