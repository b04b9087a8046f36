"""What lies in the place of a history file, and what happens to one in use: nothing hangs, nothing is lost."""

from __future__ import annotations

import errno
import faulthandler
import itertools
import math
import os
import signal
import socket
import subprocess
import sys
import tempfile
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import ujson
from hypothesis import given
from hypothesis import strategies as st

from pwserver.history.archive import Notes
from pwserver.history.file_fitter import JSON_RECORDS, holds
from pwserver.history.layout import PAGE_BYTES, HistoryGateway, plan
from pwserver.history.mapped_file import read_content
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import FileHeader, folder_of, read_rows, write_ring
from pwserver.history.stop_reason import StopReason
from pwserver.history.store import HistoryLocked, HistoryStore
from pwserver.history.takeover import take_over
from pwserver.poller.recording import Recording
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.two_copy_record import TwoCopyRecord
from tests.history.support import GATEWAY, SMALL, reading
from tests.history.test_store import START, feed, filled, open_store, rows
from tests.support.programs import clean_environment

OTHER = HistoryGateway("other", "Other", GATEWAY.timezone)


def make_fifo(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(path.parent, os.O_RDONLY)
        made.bind(f"/proc/self/fd/{here}/{path.name}")  # a path of its own would be too long for a socket
        os.close(here)


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def make_link_to_nothing(path: Path) -> None:
    path.symlink_to(path.parent / "disk-that-is-not-mounted" / path.name)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


STRANGERS: dict[str, tuple[Callable[[Path], None], str]] = {
    "FIFO": (make_fifo, "it is a FIFO, not a file"),
    "socket": (make_socket, "it is a socket, not a file"),
    "folder": (Path.mkdir, "it is a folder, not a file"),
    "device": (make_device, "it is a device, not a file"),
    "loop": (make_loop, "symbolic link"),
    "nowhere": (make_link_to_nothing, "it is a symbolic link to nothing"),
}
PLACES = (
    "gateway-default/polls.ring",
    "gateway-default/state.record",
    "gateway-default/notes.record",
    "gateway-default/judges.record",
    "lock",
)


def _as_written(path: Path) -> tuple[int, ...]:
    """Return what a change of the thing at ``path`` itself would change; when a link was read is not among it."""
    status = os.lstat(path)
    return status.st_mode, status.st_ino, status.st_uid, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("stranger", STRANGERS)
def test_what_is_no_file_is_refused_and_left_as_it_is(tmp_path: Path, place: str, stranger: str) -> None:
    if place == "lock" and stranger == "nowhere":
        place = "gateway-default/days.ring"  # a lock is made wherever its link leads
    make, words = STRANGERS[stranger]
    open_store(tmp_path).close()
    path = tmp_path / place
    path.unlink()
    make(path)
    before = _as_written(path)
    with pytest.raises(OSError, match=words) as refused:
        open_store(tmp_path)
    assert refused.value.filename is not None and Path(os.fspath(refused.value.filename)).name == path.name
    assert _as_written(path) == before
    path.rmdir() if stranger == "folder" else path.unlink()
    open_store(tmp_path).close()  # the refusal has let go of the lock


@pytest.mark.parametrize("stranger", ["FIFO", "socket", "device"])
@pytest.mark.parametrize("place", [".", "gateway-default"])
def test_what_is_no_folder_is_refused(tmp_path: Path, place: str, stranger: str) -> None:
    path = tmp_path / "history" / place
    path.parent.mkdir(exist_ok=True)
    STRANGERS[stranger][0](path)
    with pytest.raises(OSError, match="it is no folder"):
        open_store(tmp_path / "history")


def test_a_file_nobody_may_read_is_refused() -> None:
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are closed to everybody else
        folder = Path(place)
        open_store(folder).close()
        for path in (folder, folder_of(folder, "default")):
            path.chmod(0o777)
        (folder / "lock").chmod(0o666)
        for path in folder_of(folder, "default").glob("*.ring"):
            path.chmod(0)
        if os.geteuid() == 0:  # root may read everything
            os.seteuid(65534)
        try:
            with pytest.raises(PermissionError) as refused:
                open_store(folder)
        finally:
            if os.getuid() == 0:
                os.seteuid(0)
    assert Path(os.fspath(refused.value.filename)).suffix in (".ring", ".record")


def start(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A server that must end by itself, with what it says."""
    return subprocess.run(
        [sys.executable, "-m", "pwserver", "--port", "0", "--bind-address", "127.0.0.1"],
        env=clean_environment(PW_HOST="127.0.0.1:9", PW_GW_PWD="x" * 10) | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["polls.ring", "days.ring", "state.record", "judges.record"])
def test_a_server_says_which_fifo_it_will_not_read(tmp_path: Path, name: str) -> None:
    open_store(tmp_path).close()
    path = folder_of(tmp_path, "default") / name
    path.unlink()
    os.mkfifo(path)
    ended = start({"PW_HISTORY_PATH": str(tmp_path)})
    assert ended.returncode == 2
    expected = f"PW_HISTORY_PATH: {path} cannot be used (it is a FIFO, not a file); move it away"
    assert expected in ended.stderr


@pytest.mark.parametrize("name", ["PW_CONFIG", "PW_TLS_CERT", "PW_TLS_KEY", "MQTT_TLS_CA_CERT", "PW_AUTH_PATH"])
def test_a_server_waits_for_no_fifo_that_it_is_configured_to_read(tmp_path: Path, name: str) -> None:
    fifo, file = tmp_path / ".pypowerwall.auth", tmp_path / "file.pem"
    os.mkfifo(fifo)
    file.write_text("x")
    given = {"PW_HTTPS": "yes", "PW_TLS_CERT": str(file), "PW_TLS_KEY": str(file)}
    if name == "PW_AUTH_PATH":  # the first account of the login file is looked for
        ended = start({**given, name: str(tmp_path), "PW_HOST": "", "PW_GW_PWD": ""})
        assert f"{fifo} is not a login file of pypowerwall and is ignored" in ended.stderr + ended.stdout or (
            "PW_TLS_CERT" in ended.stderr
        )
    else:
        ended = start({**given, name: str(fifo)})
        assert "it is a FIFO, not a file" in ended.stderr
        assert str(fifo) in ended.stderr
    assert ended.returncode == 2


# --- files of another ring ---------------------------------------------------------------------------------------


def exchange(folder: Path, name: str, other: Path) -> bytes:
    """Put ``other`` in the place of a ring; what was put there."""
    path = folder / f"{name}.ring"
    path.write_bytes(other.read_bytes())
    return path.read_bytes()


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("polls", "minutes"),
        ("minutes", "polls"),
        ("days", "quarters"),
        ("quarters", "days"),
        ("signals-0", "signal-days-0"),
    ],
)
def test_a_file_of_another_ring_is_set_aside_whole(tmp_path: Path, name: str, other: str) -> None:
    filled(tmp_path)
    folder = folder_of(tmp_path, "default")
    content = exchange(folder, name, folder / f"{other}.ring")
    store = open_store(tmp_path)
    (message,) = store.messages
    assert f"holds {other} of gateway default, not {name} of default" in message
    assert [one.read_bytes() for one in folder.glob(f"{name}.ring.damaged-*")] == [content]
    assert rows(store, name) == {}
    store.close()
    assert open_store(tmp_path).messages == []


def test_a_file_of_another_gateway_is_set_aside_whole(tmp_path: Path) -> None:
    filled(tmp_path)
    HistoryStore.open(tmp_path, [plan(SMALL, OTHER)]).close()
    folder = folder_of(tmp_path, "default")
    content = exchange(folder_of(tmp_path, "other"), "polls", folder / "polls.ring")
    store = HistoryStore.open(tmp_path, [plan(SMALL, OTHER)])
    assert "holds polls of gateway default, not polls of other" in store.messages[0]
    assert [one.read_bytes() for one in folder_of(tmp_path, "other").glob("polls.ring.damaged-*")] == [content]
    assert store.archives["other"].polls.count == 0
    store.close()


def test_columns_that_are_not_kept_any_more_stay_in_the_old_file(tmp_path: Path) -> None:
    """A newer version had more columns; this one must not throw them away."""
    before = filled(tmp_path)
    path = folder_of(tmp_path, "default") / "polls.ring"
    known = next(one for one in plan(SMALL, GATEWAY).rings if one.name == "polls")
    newer = replace(known, columns=(*known.columns, "generator"))
    header, (times, columns) = read_rows(path)
    assert header.plan == known
    write_ring(path, FileHeader("default", newer), (times, {**columns, "generator": columns["load"]}))
    content = path.read_bytes()
    opened = open_store(tmp_path)
    assert "columns that this version does not keep (generator)" in opened.messages[0]
    assert [one.read_bytes() for one in path.parent.glob("polls.ring.damaged-*")] == [content]
    assert rows(opened, "polls") == before["polls"]
    opened.close()


@pytest.mark.parametrize(("name", "other"), [("notes", "state"), ("state", "notes")])
def test_a_record_of_the_other_kind_is_set_aside(tmp_path: Path, name: str, other: str) -> None:
    store = open_store(tmp_path)
    recorder = Recorder(store.archives["default"])
    recorder.record(reading(START, 1.0, 2.0, 3.0, 4.0))
    recorder.checkpoint()
    store.archives["default"].notes.write(Notes((("TEPINV--1--2", "frequency"),)).to_bytes())
    store.close()
    folder = folder_of(tmp_path, "default")
    content = (folder / f"{other}.record").read_bytes()
    (folder / f"{name}.record").write_bytes(content)
    opened = open_store(tmp_path)
    assert "holds something else; it was set aside" in opened.messages[0]
    assert [one.read_bytes() for one in folder.glob(f"{name}.record.damaged-*")] == [content]
    opened.close()


@pytest.mark.parametrize(("name", "other"), list(itertools.permutations(JSON_RECORDS, 2)))
def test_a_record_of_another_kind_is_told_by_what_it_always_has(name: str, other: str) -> None:
    written = {
        "notes": Notes((("TEPINV--1--2", "frequency"),)).to_bytes(),
        "tariff": b'{"copies":[]}',
        "devices": b'{"slots":{"unit":[]}}',
        "judges": ujson.dumps(GatewayMemory().to_json()).encode(),
    }
    assert holds(name, written[name]) and not holds(name, written[other]) and not holds("state", written[name])


# --- a disk that cannot read everything --------------------------------------------------------------------------


@pytest.fixture
def bad_pages(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[int]]:
    """File name -> pages that give an input/output error, as a bad sector does; no test machine has one."""
    bad: dict[str, set[int]] = {}
    real = os.pread

    def pread(descriptor: int, size: int, at: int) -> bytes:
        name = Path(os.readlink(f"/proc/self/fd/{descriptor}")).name
        if bad.get(name, set()) & set(range(at // PAGE_BYTES, (at + size - 1) // PAGE_BYTES + 1)):
            raise OSError(errno.EIO, "Input/output error")
        return real(descriptor, size, at)

    monkeypatch.setattr(os, "pread", pread)
    return bad


def test_a_file_with_a_bad_sector_is_set_aside_and_saves_its_whole_rows(
    tmp_path: Path, bad_pages: dict[str, set[int]]
) -> None:
    before = filled(tmp_path)
    bad_pages["polls.ring"] = {3}
    store = open_store(tmp_path)
    assert "1 of its pages cannot be read" in store.messages[0]
    bad_pages.clear()
    kept = rows(store, "polls")
    assert kept.items() <= before["polls"].items()
    assert len(before["polls"]) - len(kept) <= PAGE_BYTES // 64 + 2
    store.close()


@pytest.mark.parametrize("name", ["polls.ring", "state.record", "notes.record"])
def test_a_first_page_that_cannot_be_read_is_damage_too(
    tmp_path: Path, bad_pages: dict[str, set[int]], name: str
) -> None:
    before = filled(tmp_path)
    bad_pages[name] = {0}
    store = open_store(tmp_path)
    assert len(list(folder_of(tmp_path, "default").glob(f"{name}.damaged-*"))) == 1
    bad_pages.clear()
    assert rows(store, "minutes") == before["minutes"]
    store.close()


@pytest.mark.parametrize(("name", "ring"), [("notes", "signals-0"), ("devices", "unit-days-0")])
def test_rows_whose_columns_nobody_names_any_more_become_nobody_elses(tmp_path: Path, name: str, ring: str) -> None:
    """What comes first after such a loss would get the first column, with all the rows of another device."""
    store = open_store(tmp_path)
    kept = store.archives["default"].rings[ring]
    assert kept.append(START, array("d", [1.0] * kept.columns))
    store.close()
    record = folder_of(tmp_path, "default") / f"{name}.record"
    content = bytearray(record.stat().st_size)
    TwoCopyRecord(memoryview(content)).write(f'{{"{JSON_RECORDS[name]}":[]}}'.encode())
    record.write_bytes(content)
    again = open_store(tmp_path)
    assert again.messages == [] and again.archives["default"].rings[ring].count == 1
    again.close()
    record.write_bytes(b"")
    lost = open_store(tmp_path)
    assert any(f"{name}.record does not name its columns" in said for said in lost.messages)
    assert lost.archives["default"].rings[ring].count == 0
    assert len(list(record.parent.glob(f"{ring}.ring.damaged-*"))) == 1
    lost.close()


@given(
    size=st.integers(0, 40_000),
    start=st.integers(0, 50_000),
    most=st.integers(0, 60_000),
    bad=st.sets(st.integers(0, 9), max_size=4),
)
def test_content_is_exact_but_for_unreadable_pages(size: int, start: int, most: int, bad: set[int]) -> None:
    whole = bytes(1 + number % 255 for number in range(size))
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "content"
        path.write_bytes(whole)
        real = os.pread

        def pread(descriptor: int, wanted: int, at: int) -> bytes:
            if bad & set(range(at // PAGE_BYTES, (at + wanted - 1) // PAGE_BYTES + 1)):
                raise OSError(errno.EIO, "Input/output error")
            return real(descriptor, wanted, at)

        patch.setattr(os, "pread", pread)
        content, unreadable = read_content(path, start, most)
    expected = bytearray(whole[start : start + most])
    lost = set()
    for at in range(len(expected)):
        if (start + at) // PAGE_BYTES in bad:
            lost.add((start + at) // PAGE_BYTES)
            expected[at] = 0
    assert content == expected
    assert unreadable == len(lost)


# --- files that change while they are in use ---------------------------------------------------------------------


@pytest.mark.parametrize("written", [0, 3])
@pytest.mark.parametrize("step", ["posix_fallocate", "fsync"])
def test_a_new_house_has_all_of_its_files_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, written: int
) -> None:
    real, calls = getattr(os, step), iter(range(1000))

    def full(*given: int) -> None:
        if next(calls) >= written:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(*given)

    with monkeypatch.context() as patched:
        patched.setattr(os, step, full)
        with pytest.raises(OSError, match="No space left"):
            open_store(tmp_path)
    assert list(folder_of(tmp_path, GATEWAY.id).iterdir()) == []
    open_store(tmp_path).close()
    assert not list(folder_of(tmp_path, GATEWAY.id).glob("*.new"))


@pytest.mark.parametrize("name", ["polls.ring", "minutes.ring", "days.ring", "state.record", "notes.record"])
def test_a_file_that_is_cut_is_noticed_before_it_is_touched(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    store = open_store(tmp_path)
    recording = Recording(store)
    recording.record("default", reading(START, 1.0, 2.0, 3.0, 4.0))
    assert store.stop_reason() is None
    os.truncate(folder_of(tmp_path, "default") / name, 0)
    for number in range(1, 4):
        recording.record("default", reading(START + number, 1.0, 2.0, 3.0, 4.0))
    recording.flush(force=True)
    recording.stop()
    assert store.stop_reason() == f"gateway-default/{name} was cut short while it was in use"
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1 and name in told[0] and "Live data are not affected" in told[0]
    assert recording.failures >= 1
    store.close()
    again = open_store(tmp_path)
    assert again.stop_reason() is None
    Recording(again).record("default", reading(START + 9, 1.0, 2.0, 3.0, 4.0))
    again.close()


def test_whoever_touches_one_house_looks_at_its_files_only(tmp_path: Path) -> None:
    """With a hundred houses, the files of all of them would be thousands of system calls at each poll of one."""
    cabin = replace(GATEWAY, id="cabin")
    store = HistoryStore.open(tmp_path, [plan(SMALL, GATEWAY), plan(SMALL, cabin)])
    os.truncate(folder_of(tmp_path, "cabin") / "polls.ring", 0)
    assert store.stop_reason("default") is None
    found = store.stop_reason("cabin")
    assert found is not None and "gateway-cabin/polls.ring" in found
    assert store.stop_reason("default") == store.stop_reason() == found
    store.close()


def test_a_child_hears_what_another_one_has_found(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    child = os.fork()
    if child == 0:
        store.give_up("the disk cannot read it")
        os._exit(0)
    os.waitpid(child, 0)
    assert store.stop_reason() == "the disk cannot read it"
    assert Recording(store).recorders == {}
    store.close()


def test_a_reload_opens_files_in_trouble_anew(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    feed(Recorder(store.archives["default"]), 0, 50)
    minutes = rows(store, "minutes")
    os.truncate(folder_of(tmp_path, "default") / "polls.ring", 0)
    assert store.stop_reason() is not None
    after = store.extended([plan(SMALL, GATEWAY)])
    assert after.stop_reason() is None and store.stop_reason() is not None
    assert rows(after, "minutes") == minutes
    after.give_up("of the new store only")
    with pytest.raises(HistoryLocked):
        open_store(tmp_path)
    after.close()


@pytest.mark.parametrize("in_memory", [False, True])
def test_a_reload_with_another_name_or_zone_keeps_the_rows(tmp_path: Path, in_memory: bool) -> None:
    store = HistoryStore.in_memory([plan(SMALL, GATEWAY)]) if in_memory else open_store(tmp_path)
    feed(Recorder(store.archives["default"]), 0, 50)
    kept = rows(store, "minutes")
    renamed = HistoryGateway("default", "Lake Cabin", "Europe/Berlin")
    after = store.extended([plan(replace(SMALL, flush_seconds=7.0), renamed)])
    assert rows(after, "minutes") == kept and not store.leaves_rows_behind(after)
    assert after.archives["default"].gateway == renamed and store.archives["default"].gateway == GATEWAY
    assert after.flush_seconds == (0.0 if in_memory else 7.0)
    feed(Recorder(after.archives["default"]), 50, 100)
    assert len(rows(after, "polls")) == 100
    after.close()


def test_what_is_in_memory_goes_into_rings_of_another_shape() -> None:
    store = HistoryStore.in_memory([plan(SMALL, GATEWAY)])
    feed(Recorder(store.archives["default"]), 0, 50)
    after = store.extended([plan(replace(SMALL, poll_interval=2.0), GATEWAY)])
    assert store.leaves_rows_behind(after) and not rows(after, "polls")
    take_over(store, after)
    assert rows(after, "polls") == rows(store, "polls")
    assert after.events["default"] is store.events["default"]


def test_the_first_reason_stays() -> None:
    trouble = StopReason()
    assert trouble.reason is None
    trouble.tell("é" * 5000)
    trouble.tell("another")
    assert trouble.reason is not None and trouble.reason.startswith("ééé")


def test_what_live_data_need_outlives_a_file_that_is_cut(tmp_path: Path) -> None:
    """The memory of the judges is written on every reading, also when the history has been given up."""
    store = open_store(tmp_path)
    path = folder_of(tmp_path, "default") / "judges.record"
    store.judges["default"].write(b'{"known":1}')
    os.truncate(path, 0)
    assert store.stop_reason() is None
    for number in range(4):
        store.judges["default"].write(b'{"known":%d}' % number)
        assert store.judges["default"].read()[1] == b'{"known":%d}' % number
    store.close()
    again = open_store(tmp_path)
    assert again.messages == [] and again.judges["default"].read()[1] == b'{"known":3}'
    again.close()


def test_a_file_that_is_too_long_is_used_as_it_is(tmp_path: Path) -> None:
    before = filled(tmp_path)
    path = folder_of(tmp_path, "default") / "polls.ring"
    with open(path, "ab") as file:
        file.write(b"\xff" * 5000)
    store = open_store(tmp_path)
    assert store.messages == [] and rows(store, "polls") == before["polls"]
    store.close()


def test_a_mapping_beyond_the_end_of_a_file_is_what_ends_processes(tmp_path: Path) -> None:
    """Why all this is needed: without asking first, a read dies by SIGBUS."""
    store = open_store(tmp_path)
    feed(Recorder(store.archives["default"]), 0, 5)
    child = os.fork()
    if child == 0:
        faulthandler.disable()  # pytest's would print a report
        os.truncate(folder_of(tmp_path, "default") / "polls.ring", 0)
        store.archives["default"].polls.select(-math.inf, math.inf)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGBUS
