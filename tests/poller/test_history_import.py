"""What the server says of a predecessor's file that it takes over only in part, or not; and when it says nothing."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pwserver.history.layout import HistoryGateway, HistorySettings, plan_all
from pwserver.history.sqlite_import import import_store
from pwserver.history.store import HistoryStore
from pwserver.poller import history_import
from pwserver.poller.history_import import HistoryImport
from pwserver.poller.recording import Recording
from tests.history.predecessor import make_store

HOME = HistoryGateway("home", "Home", "UTC")
SETTINGS = HistorySettings(signal_retention_seconds=-1.0, max_signals=0)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_import, "READING_SECONDS", 0.0)  # no gateway is there that could be waited for


def taken_over(file: Path, folder: Path | None, from_folder: bool = False) -> tuple[str, ...]:
    """Start a history, let it take over what it can of ``file``, and return what it says of the rest."""
    layouts = plan_all(SETTINGS, [HOME])
    store = HistoryStore.open(folder, layouts) if folder is not None else HistoryStore.in_memory(layouts)
    try:
        taking = HistoryImport(Recording(store), file, from_folder)
        asyncio.run(asyncio.wait_for(taking.run(), 60))
        assert taking.measured() == {"history_not_taken": taking.not_taken}
        return taking.not_taken
    finally:
        store.close()


def without_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")


@pytest.mark.parametrize("make", [Path.touch, without_tables])
def test_a_store_without_content_is_nothing_to_take(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, make: Callable[[Path], None]
) -> None:
    file = tmp_path / "timeseries.db"
    make(file)
    caplog.set_level(logging.INFO, "pwserver.history")
    assert taken_over(file, tmp_path / "history") == ()
    about = [record for record in caplog.records if str(file) in record.getMessage()]
    assert [record.levelno for record in about] == [logging.INFO]
    assert "nothing in it to take" in about[0].getMessage()


def test_no_file_is_not_worth_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pwserver.history")
    assert taken_over(tmp_path / "timeseries.db", tmp_path / "history") == ()
    assert not [record for record in caplog.records if "timeseries" in record.getMessage()]


def damaged(file: Path) -> None:
    make_store(file, [(1.0, 1.0)], gateway="home")
    content = bytearray(file.read_bytes())
    content[100:] = b"\xff" * (len(content) - 100)
    file.write_bytes(content)


def another_program(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE recipes (name TEXT)")


@pytest.mark.parametrize("make", [damaged, another_program, lambda file: file.write_text("no database")])
def test_a_file_that_cannot_be_read_is_told_at_each_start(tmp_path: Path, make: Callable[[Path], None]) -> None:
    file = tmp_path / "timeseries.db"
    make(file)
    for _ in range(2):
        (said,) = taken_over(file, tmp_path / "history")
        assert said.startswith(
            "history is not taken over: timeseries.db cannot be read as pypowerwall-server's history"
        )
        assert said.endswith("; put a whole copy in its place, or move it away, then restart this server")
        assert str(tmp_path) not in said  # clients read it


def test_a_history_in_memory_takes_nothing_and_says_what_helps(tmp_path: Path) -> None:
    make_store(tmp_path / "timeseries.db", [(1.0, 1.0)], gateway="home")
    (said,) = taken_over(tmp_path / "timeseries.db", None)
    assert said.startswith("history is not taken over from timeseries.db while history is in memory only")
    assert said.endswith("Set PW_HISTORY_PATH to a folder")


def test_a_disk_that_refuses_is_told_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test machine has a full disk on demand: what writes the import is made to say so."""
    from pwserver.history import import_journal

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", str(tmp_path / "history" / "polls.ring.import"))

    make_store(tmp_path / "timeseries.db", [(1.0, 1.0)], gateway="home")
    monkeypatch.setattr(import_journal, "write_ring", full)
    (said,) = taken_over(tmp_path / "timeseries.db", tmp_path / "history")
    assert said == (
        "history is not taken over: timeseries.db: No space left on device; mend that, then restart this server"
    )


def test_rows_of_other_gateways_are_named_until_they_are_taken(tmp_path: Path) -> None:
    file, folder = tmp_path / "timeseries.db", tmp_path / "history"
    now = time.time()
    make_store(file, [(now - 60.0, 1.0)], gateway="home")
    make_store(file, [(now - 60.0, 1.0), (now - 50.0, 1.0)], gateway="barn")
    for _ in range(2):
        (said,) = taken_over(file, folder)
        assert said.startswith("timeseries.db: barn: 2 rows were not taken") and "--as barn=home" in said
    import_store(file, folder, plan_all(SETTINGS, [HOME]), {"barn": "home"}, now)
    assert taken_over(file, folder) == ()
    make_store(file, [(now - 40.0, 1.0)], gateway="barn")  # the predecessor ran for another while
    (said,) = taken_over(file, folder)
    assert said.startswith("timeseries.db: barn: 3 rows were not taken")


def test_more_gateways_than_any_house_has_are_counted(tmp_path: Path) -> None:
    file = tmp_path / "timeseries.db"
    for number in range(13):
        make_store(file, [(1.0, 1.0)], gateway=f"unit-{number}")
    said = taken_over(file, tmp_path / "history")
    assert len(said) == 11 and said[-1] == "timeseries.db: 3 more gateways are not configured"


def test_a_file_from_the_future_waits_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, later = tmp_path / "timeseries.db", time.time() + 86400.0
    make_store(file, [(later, 1.0)], gateway="home")
    layouts = plan_all(SETTINGS, [HOME])
    store = HistoryStore.open(tmp_path / "history", layouts)
    taking = HistoryImport(Recording(store), file)
    assert taking._import(["home"]) is False
    assert taking.not_taken == ("timeseries.db goes beyond the present; it is taken over when the clock is right",)
    monkeypatch.setattr(history_import, "CLOCK_SECONDS", 0.0)  # waited for long enough
    assert taking._import(["home"]) is True
    (said,) = taking.not_taken
    assert said.startswith("timeseries.db: home: 1 rows lie in the future")
    store.close()


def test_the_file_in_a_folder_that_was_named_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pwserver.history")
    make_store(tmp_path / "timeseries.db", [(1.0, 1.0)], gateway="home")
    for _ in range(2):  # not only at the start that takes it over
        caplog.clear()
        taken_over(tmp_path / "timeseries.db", tmp_path / "history", from_folder=True)
        said = f"pypowerwall-server's history: {os.fspath(tmp_path / 'timeseries.db')}, as PW_TIMESERIES_PATH names"
        assert any(said in record.getMessage() for record in caplog.records)
