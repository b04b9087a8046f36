"""Files: kept over restarts, opened whatever happened to them, never overwritten silently."""

from __future__ import annotations

import errno
import math
import mmap
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pwserver.events.event import Event
from pwserver.events.event_ring import RING_BYTES
from pwserver.events.kinds import GRID_DOWN
from pwserver.history.layout import PAGE_BYTES, HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of, read_header
from pwserver.history.store import HistoryLocked, HistoryStore
from pwserver.poller.recording import Recording
from pwserver.two_copy_record import TwoCopyRecord
from pwserver_ext.ring import Ring
from tests.history.support import GATEWAY, SMALL, Site, reading
from tests.support.programs import clean_environment

START = 1_795_336_470.0
SITE = Site()
Row = tuple[float, ...]


def open_store(path: Path, settings: HistorySettings = SMALL, gateway: HistoryGateway = GATEWAY) -> HistoryStore:
    return HistoryStore.open(path, [plan(settings, gateway)])


def feed(recorder: Recorder, first: int, last: int, step: float = 5.0) -> None:
    for number in range(first, last):
        when = START + number * step
        recorder.record(reading(when, *SITE.powers(when), soe_raw=50.0, grid_status="UP"))


def rows(store: HistoryStore, ring: str) -> dict[float, Row]:
    """timestamp -> values, NaN as None, the live row not counted."""
    found = store.archives["default"].rings[ring]
    found.clear_live()
    times, columns = found.select(-math.inf, math.inf)
    return {
        when: tuple(None if math.isnan(column[row]) else column[row] for column in columns)  # type: ignore[misc]
        for row, when in enumerate(times)
    }


def test_everything_is_there_after_a_clean_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    recorder = Recorder(store.archives["default"])
    feed(recorder, 0, 1500)
    recorder.checkpoint()
    before = {name: rows(store, name) for name in ("polls", "minutes", "quarters")}
    totals = recorder.energy()
    recorder = Recorder(store.archives["default"])  # the same process: shows the open day again
    day = store.archives["default"].days.select(0, math.inf)[1]
    store.close()
    again = open_store(tmp_path)
    assert again.messages == []
    assert {name: rows(again, name) for name in before} == before
    resumed = Recorder(again.archives["default"])
    assert resumed.energy() == totals
    assert [list(column) for column in again.archives["default"].days.select(0, math.inf)[1][:5]] == [
        list(column) for column in day[:5]
    ]
    again.close()


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """A folder on the disk of this checkout: a tmpfs, as /tmp often is, makes no difference of holes and room taken."""
    build = Path(__file__).parents[2] / "build"
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=build) as folder:
        yield Path(folder)


def test_files_are_private_and_take_their_room_at_once(on_disk: Path) -> None:
    store = open_store(on_disk, HistorySettings())
    folder = folder_of(on_disk, "default")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    layout = store.archives["default"].layout
    later = sum(plan.rows_bytes for plan in layout.rings if plan.takes_room_late)
    assert later > layout.file_bytes / 2
    assert sum(file.stat().st_size for file in folder.iterdir()) == layout.file_bytes
    taken = sum(file.stat().st_blocks * 512 for file in folder.iterdir())
    assert layout.file_bytes - later <= taken < layout.file_bytes - later + 4 * PAGE_BYTES * len(layout.rings)
    assert store.disk_bytes == taken
    store.close()


def test_what_a_house_does_not_have_takes_room_with_its_first_row(on_disk: Path) -> None:
    """Sixteen signals, the strings of a house without strings, polls without a time: most houses have few of these."""
    settings = HistorySettings()
    store = open_store(on_disk, settings)
    folder = folder_of(on_disk, "default")
    late = {plan.name: plan for plan in store.archives["default"].layout.rings if plan.takes_room_late}
    assert {"waiting", "signals-7", "signal-days-0", "unit-days-0", "string-days-1"} <= set(late)

    def taken(name: str) -> int:
        return (folder / f"{name}.ring").stat().st_blocks * 512

    assert all(taken(name) < late[name].rows_bytes for name in late)
    archive = store.archives["default"]
    assert archive.devices is not None
    archive.notes.write(b'{"series":[]}')  # rows without names for their columns would be set aside
    archive.devices.write(b'{"slots":{}}')
    for name in ("signals-1", "unit-days-0"):
        row = array("d", [1.0] * len(late[name].columns))
        assert store.archives["default"].rings[name].append(1e9, row)
    full = {name for name in late if taken(name) >= late[name].rows_bytes}
    assert full == {"signals-1", "unit-days-0"}
    store.close()
    path = folder / "signals-1.ring"
    content = path.read_bytes().rstrip(b"\0")
    with open(path, "wb") as file:  # as a copy without holes' room is, made by a program for backups
        file.write(content)
        file.truncate(PAGE_BYTES + late["signals-1"].rows_bytes)
    again = open_store(on_disk, settings)
    assert again.messages == [] and again.archives["default"].rings["signals-1"].count == 1
    assert {name for name in late if taken(name) >= late[name].rows_bytes} == full
    again.close()


def test_signals_are_left_out_where_the_disk_has_no_room_for_them_any_more(
    on_disk: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A write to a hole of a full disk would end the process (SIGBUS)."""
    store = open_store(on_disk, HistorySettings())
    archive = store.archives["default"]
    ring, row = archive.rings["signals-0"], array("d", [1.0] * 16)

    def refuse(descriptor: int, start: int, size: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", refuse)
        assert not ring.append(1e9, row) and not ring.append(2e9, row)
        assert archive.polls.append(1e9, array("d", [1.0] * len(archive.columns("polls"))))
        other = Ring(bytearray(Ring.size(16, ring.rows)), 16, ring.rows)
        ring.take_over(other)  # it has no row either
        other.append(1e9, row)
        with pytest.raises(OSError, match="No space"):
            ring.take_over(other)
    assert ring.count == 0
    assert [record.getMessage() for record in caplog.records] == [
        f"nothing is recorded in {folder_of(on_disk, 'default') / 'signals-0.ring'}: No space left on device"
    ]
    assert (recording := Recording(store)).not_stored == (
        "the disk takes nothing for 1 files of the history: No space left on device; "
        "make room on it, and they are recorded in again by themselves"
    )
    assert ring.append(3e9, row) and recording.not_stored is None
    store.close()


def test_a_page_of_the_judges_is_written_again_until_it_is_on_the_disk(tmp_path: Path) -> None:
    """Two pages in turn would cost a memory card twice as much."""
    store = open_store(tmp_path)
    path = folder_of(tmp_path, "default") / "judges.record"
    judges = store.judges["default"]

    def changed(*payloads: bytes) -> set[int]:
        before = path.read_bytes()
        for payload in payloads:
            judges.write(payload)
            assert judges.read()[1] == payload  # what another process finds, whatever happens next
            assert TwoCopyRecord(memoryview(bytearray(path.read_bytes()))).read()[1] == payload
        after = path.read_bytes()
        return {at // PAGE_BYTES for at in range(0, len(after), PAGE_BYTES) if before[at:][:4096] != after[at:][:4096]}

    first = changed(b"{1", b"{22", b"{3")
    store.flush(force=True)
    second = changed(b"{4", b"{5")
    assert len(first) == len(second) == 1 and first != second
    store.flush(force=True)
    assert changed(b"{6") == first
    # What does not fit into a page takes the copies in turn: a kill may leave the first page of it without the second.
    assert len(changed(b"{" + b"7" * 5000, b"{" + b"8" * 5000)) == 4
    store.close()
    again = open_store(tmp_path)
    assert again.judges["default"].read()[1] == b"{" + b"8" * 5000
    again.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells how much shared memory is in use")
def test_places_of_events_that_never_were_take_no_memory(tmp_path: Path) -> None:
    def in_use() -> int:
        told = Path("/proc/self/status").read_text().partition("RssShmem:")[2]
        return int(told.split()[0]) * 1024

    outage = Event("default", GRID_DOWN, START, {})
    # A new file, one without an event, and one with an event.
    for known, more in ((0, []), (0, [outage]), (1, [])):
        before = in_use()
        store = open_store(tmp_path)
        assert in_use() - before < RING_BYTES / 20
        assert len(store.events["default"].after(0)) == known
        store.events["default"].commit(more, b"{}")
        store.close()


def test_a_file_with_holes_gets_its_room_when_opened(on_disk: Path) -> None:
    open_store(on_disk).close()
    path = folder_of(on_disk, "default") / "polls.ring"
    size, head = path.stat().st_size, path.read_bytes()[:PAGE_BYTES]
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(size)
    assert path.stat().st_blocks * 512 < size
    store = open_store(on_disk)
    assert store.messages == []
    assert path.stat().st_blocks * 512 >= size
    store.close()


def test_a_disk_without_room_is_told_at_the_start_and_kills_nobody(tmp_path: Path) -> None:
    """A write through a mapping to a full disk would end the process without a word (SIGBUS)."""
    inside = ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    mount = f"mount -t tmpfs -o size=3m none {tmp_path}"
    command = f"{mount} && {sys.executable} -m pwserver --port 0 --host 127.0.0.1:9; echo ended $?; find {tmp_path}"
    done = subprocess.run(
        [*inside, "sh", "-c", command],
        env=clean_environment(PW_GW_PWD="0123456789", PW_HISTORY_PATH=f"{tmp_path}/history"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "PW_HISTORY_PATH: the folder cannot be used (No space left on device)" in done.stderr
    assert "ended 2" in done.stdout
    assert ".new" not in done.stdout


def test_files_that_are_removed_meanwhile_are_told_once(on_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = open_store(on_disk)
    recording = Recording(store)
    recording.flush(force=True)
    before = store.disk_bytes
    assert (recording.failures, store.removed) == (0, False)
    shutil.rmtree(folder_of(on_disk, "default"))
    recording.flush(force=True)
    recording.stop()
    assert (recording.failures, store.removed, store.disk_bytes) == (2, True, before)
    assert "its files have been removed" in (recording.not_stored or "")
    assert [record.getMessage() for record in caplog.records] == [
        "history does not reach the disk: its files have been removed; a restart makes new ones"
    ]
    store.close()


def test_a_second_server_is_kept_out(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    with pytest.raises(HistoryLocked, match="another pwserver"):
        open_store(tmp_path)
    store.close()
    open_store(tmp_path).close()


@pytest.mark.parametrize("gateway_id", ["..", "a/b", ".hidden", "haus ☀", "x" * 60])
def test_any_id_stays_inside_the_folder(tmp_path: Path, gateway_id: str) -> None:
    folder = folder_of(tmp_path, gateway_id)
    assert folder.parent == tmp_path
    assert folder.name not in (".", "..")
    store = open_store(tmp_path, SMALL, HistoryGateway(gateway_id, "x"))
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([folder.name, "lock"])
    store.close()


def filled(path: Path, count: int = 1000) -> dict[str, dict[float, Row]]:
    store = open_store(path)
    recorder = Recorder(store.archives["default"])
    feed(recorder, 0, count)
    recorder.checkpoint()
    found = {name: rows(store, name) for name in store.archives["default"].rings}
    store.close()
    return found


@pytest.mark.parametrize(
    ("at", "bytes_", "why"),
    [
        (0, b"garbage!", "does not begin like a history file"),
        (8, b"\x63\0\0\0", "format version 99"),
        (70, b"?", "checksum of its header"),
    ],
)
def test_a_damaged_header_sets_the_file_aside_and_saves_its_rows(
    tmp_path: Path, at: int, bytes_: bytes, why: str
) -> None:
    before = filled(tmp_path)
    path = folder_of(tmp_path, "default") / "polls.ring"
    content = bytearray(path.read_bytes())
    content[at : at + len(bytes_)] = bytes_
    path.write_bytes(content)
    store = open_store(tmp_path)
    assert any(why in message and "set aside as polls.ring.damaged-" in message for message in store.messages)
    aside = list(path.parent.glob("polls.ring.damaged-*"))
    assert [one.read_bytes() for one in aside] == [bytes(content)]
    assert rows(store, "polls") == before["polls"]
    store.close()
    assert open_store(tmp_path).messages == []


def test_a_file_cut_short_is_set_aside(tmp_path: Path) -> None:
    before = filled(tmp_path)
    path = folder_of(tmp_path, "default") / "minutes.ring"
    os.truncate(path, PAGE_BYTES + 4000)
    store = open_store(tmp_path)
    assert len(list(path.parent.glob("minutes.ring.damaged-*"))) == 1
    kept = rows(store, "minutes")
    assert kept
    assert kept.items() <= before["minutes"].items()
    store.close()


def test_a_file_with_much_rot_is_kept_for_its_owner(tmp_path: Path) -> None:
    before = filled(tmp_path)
    path = folder_of(tmp_path, "default") / "polls.ring"
    content = bytearray(path.read_bytes())
    for at in range(PAGE_BYTES + 100, PAGE_BYTES + 64 * 780, 128):
        content[at] ^= 0x40
    path.write_bytes(content)
    store = open_store(tmp_path)
    assert [one.read_bytes() for one in path.parent.glob("polls.ring.damaged-*")] == [bytes(content)]
    kept = rows(store, "polls")
    assert 100 < len(kept) < len(before["polls"])
    assert kept.items() <= before["polls"].items()
    store.close()


def test_two_damages_in_one_second_do_not_overwrite_each_other(tmp_path: Path) -> None:
    filled(tmp_path, 50)
    path = folder_of(tmp_path, "default") / "polls.ring"
    for _ in range(3):
        path.write_bytes(b"broken")
        HistoryStore.open(tmp_path, [plan(SMALL, GATEWAY)], clock=lambda: START).close()
    assert len(list(path.parent.glob("polls.ring.damaged-*"))) == 3


def test_a_longer_retention_keeps_what_there_is(tmp_path: Path) -> None:
    before = filled(tmp_path)
    store = open_store(tmp_path, replace(SMALL, poll_retention_seconds=7200.0, poll_interval=2.0))
    assert any("converted" in message for message in store.messages)
    assert rows(store, "polls") == before["polls"]
    assert read_header(folder_of(tmp_path, "default") / "polls.ring").plan.rows > 3600
    store.close()


def test_a_shorter_retention_keeps_the_newest(tmp_path: Path) -> None:
    before = filled(tmp_path, 700)
    store = open_store(tmp_path, replace(SMALL, poll_retention_seconds=3600.0, poll_interval=20.0))
    kept = rows(store, "polls")
    assert list(kept) == list(before["polls"])[-len(kept) :]
    assert 0 < len(kept) < len(before["polls"])
    store.close()


def test_torn_writes_anywhere_lose_only_what_they_hit(tmp_path: Path) -> None:
    """150 times: a piece of one file is left as it was before, zeroed, or full of noise. It always opens."""
    chance = random.Random(20261122)
    before = filled(tmp_path, 400)
    old = {file: file.read_bytes() for file in folder_of(tmp_path, "default").iterdir()}
    store = open_store(tmp_path)
    recorder = Recorder(store.archives["default"])
    feed(recorder, 400, 600)
    recorder.checkpoint()
    written = {name: rows(store, name) for name in before}
    store.close()
    new = {file: file.read_bytes() for file in old}
    changed = [file for file in old if old[file] != new[file]]
    assert len(changed) > 3
    for turn in range(150):
        for file in changed:
            file.write_bytes(new[file])
        file = changed[turn % len(changed)]
        lengths = [at for at in range(0, len(new[file]), 512) if any(new[file][at : at + 512])]
        at = chance.choice(lengths)
        size = chance.choice((512, 512, 1024, 4096))
        content = bytearray(new[file])
        piece = {
            0: old[file][at : at + size],
            1: bytes(len(content[at : at + size])),
            2: chance.randbytes(len(content[at : at + size])),
        }[turn % 3]
        content[at : at + size] = piece
        file.write_bytes(content)
        store = open_store(tmp_path)
        for name, whole in written.items():
            found = rows(store, name)
            assert found.items() <= whole.items(), f"an invented row in {name}"
            plan_ = store.archives["default"].plans[name]
            torn = min(size, at + size - PAGE_BYTES)  # of the rows: a piece may begin in the header and reach them
            hit = torn // plan_.row_bytes + 2 if name == file.stem and torn > 0 else 0
            assert len(whole) - len(found) <= hit, f"{name} lost more than was torn in {file.name}"
        resumed = Recorder(store.archives["default"])
        feed(resumed, 600, 602)
        assert max(rows(store, "polls")) == START + 601 * 5.0
        store.close()
        for aside in file.parent.glob("*.damaged-*"):
            aside.unlink()


def test_a_server_killed_while_recording_loses_nothing_it_had_recorded(tmp_path: Path) -> None:
    """kill -9 of a whole recorder over files, 60 times at random points; energies go on as if nothing had happened."""
    chance = random.Random(7)
    progress = mmap.mmap(-1, 8)
    done = 0
    for _ in range(60):
        child = os.fork()
        if child == 0:
            store = open_store(tmp_path)
            recorder = Recorder(store.archives["default"])
            for number in range(done, 100_000):
                feed(recorder, number, number + 1, 5.0)
                progress[:] = (number + 1).to_bytes(8, "little")
        goal = done + chance.randint(1, 60)
        while int.from_bytes(progress[:], "little") < goal:
            os.sched_yield()
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        acknowledged = int.from_bytes(progress[:], "little")
        store = open_store(tmp_path)
        polls = rows(store, "polls")
        newest = round((max(polls) - START) / 5.0) + 1
        assert acknowledged <= newest <= acknowledged + 1
        done = newest
        progress[:] = done.to_bytes(8, "little")
        store.close()
    store = open_store(tmp_path)
    killed = Recorder(store.archives["default"])
    fresh_store = open_store(tmp_path / "never-killed")
    fresh = Recorder(fresh_store.archives["default"])
    feed(fresh, 0, done)
    for energy, total in fresh.energy().items():
        assert killed.energy()[energy].watt_hours == pytest.approx(total.watt_hours, rel=1e-6), energy
    for name in ("minutes", "quarters"):
        mine, theirs = rows(store, name), rows(fresh_store, name)
        assert mine.keys() == theirs.keys()
        for when, row in mine.items():
            assert [one is None for one in row] == [one is None for one in theirs[when]]
            expected = [one or 0.0 for one in theirs[when]]
            assert [one or 0.0 for one in row] == pytest.approx(expected, rel=1e-5, abs=1e-3)
