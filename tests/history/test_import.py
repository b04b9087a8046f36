"""Imports lose, double and shrink nothing: days made anew, days known by date, kills at any moment, damaged stores."""

from __future__ import annotations

import datetime
import io
import math
import os
import random
import signal
import sqlite3
import time
from array import array
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.day_merge import DayRow, Quarters, joined_day
from pwserver.history.days import day_start
from pwserver.history.import_journal import commit, finish
from pwserver.history.import_merge import ImportMerge
from pwserver.history.incoming import Incoming
from pwserver.history.layout import COLUMNS, ENERGY_NAMES, SAMPLES, HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of
from pwserver.history.store import HistoryStore
from pwserver.history.tool import run
from pwserver.poller.recording import Recording
from tests.history.predecessor import evenly, make_store
from tests.history.support import GATEWAY, SMALL, reading

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAY = datetime.date(2026, 11, 20)
MIDNIGHT = day_start(DAY, LOS_ANGELES)
SETTINGS = replace(
    SMALL,
    poll_retention_seconds=86400.0,
    poll_interval=60.0,
    quarters_kept_seconds=400 * 86400.0,
    days_kept_seconds=3e7,
)


def recorded(path: Path, start: float, count: int, watts: float, gateway: HistoryGateway = GATEWAY) -> None:
    """Record polls of the sun every minute."""
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    recorder = Recorder(store.archives[gateway.id])
    recorder.note_zone()
    for number in range(count):
        recorder.record(reading(start + 60.0 * number, 0.0, watts, 0.0, watts))
    recorder.checkpoint()
    store.close()


def imported(path: Path, *arguments: str, gateway: HistoryGateway = GATEWAY) -> str:
    said = io.StringIO()
    status = run(["import", *arguments], replace(SETTINGS, path=str(path)), [gateway], "", io.StringIO(), said)
    assert status == 0, said.getvalue()
    return said.getvalue()


def rows(path: Path, ring: str, *names: str, gateway: HistoryGateway = GATEWAY) -> list[tuple[float, ...]]:
    """Rows as a server that starts now has them, what is open too."""
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    archive = store.archives[gateway.id]
    Recorder(archive)
    times, columns = archive.rings[ring].select(-math.inf, math.inf, [archive.column(ring, name) for name in names])
    found = list(zip(times, *columns, strict=True))
    store.close()
    return found


def days(path: Path, name: str = "solar_wh", gateway: HistoryGateway = GATEWAY) -> dict[str, float]:
    found = rows(path, "days", "date", name, gateway=gateway)
    dates = [datetime.date.fromordinal(int(date)).isoformat() for _, date, _ in found]
    assert len(set(dates)) == len(dates), "one date twice"
    known = zip(dates, [value for *_, value in found], strict=True)
    return {date: value for date, value in known if not math.isnan(value)}


# --- B1: what a day came to ----------------------------------------------------------------------------------------


def test_the_open_day_is_made_anew_from_the_polls_of_both(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT + 45_288.0, 2, 1000.0)
    make_store(tmp_path / "old.db", evenly(MIDNIGHT, MIDNIGHT + 45_240.0, 60.0, 1000.0))
    imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(1000.0 * 45_348.0 / 3600.0)
    # It stays so when the day is over.
    recorded(tmp_path / "h", MIDNIGHT + 86_400.0 + 7200.0, 1, 0.0)
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(1000.0 * 45_348.0 / 3600.0)


def test_of_two_rows_of_a_closed_day_the_fuller_one_is_taken(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT + 43_200.0, 31, 1000.0)
    recorded(tmp_path / "h", MIDNIGHT + 90_000.0, 1, 0.0)
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(500.0)
    make_store(tmp_path / "old.db", days=[("2026-11-20", 10.01, MIDNIGHT + 86_395.0), ("2026-11-19", 7.0, None)])
    said = imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert "1 days that were known in part are complete now" in said
    assert "default/days: 1 rows added" in said
    assert days(tmp_path / "h") == {"2026-11-19": 7000.0, "2026-11-20": pytest.approx(10_010.0)}


def test_of_a_day_that_was_only_counted_nothing_of_its_measured_part_is_told(tmp_path: Path) -> None:
    """Else half an hour would say of a whole day how much of it is known, and whence its energy came."""
    recorded(tmp_path / "h", MIDNIGHT + 43_200.0, 31, 1000.0)
    recorded(tmp_path / "h", MIDNIGHT + 90_000.0, 1, 0.0)
    names = ("home_wh", "load", "solar_to_home_wh", "covered_seconds", "gap_seconds", "load_max")
    assert rows(tmp_path / "h", "days", *names)[0][1:5] == pytest.approx((500.0, 1000.0, 500.0, 1800.0))
    make_store(tmp_path / "old.db", days=[("2026-11-20", 10.0, MIDNIGHT + 86_395.0)])
    imported(tmp_path / "h", str(tmp_path / "old.db"))
    _, home, *beside, highest = rows(tmp_path / "h", "days", *names)[0]
    assert home == pytest.approx(10_000.0) and all(map(math.isnan, beside)) and highest == 1000.0


def test_a_fuller_day_of_our_own_stays_and_that_is_said(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT, 24 * 60 + 60, 1000.0)
    before = days(tmp_path / "h")
    make_store(tmp_path / "old.db", days=[("2026-11-20", 3.0, None)])
    said = imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert "1 days stay as they are" in said
    assert "nothing to add" in said
    assert days(tmp_path / "h") == before


def test_a_whole_day_of_our_own_does_not_give_way_to_a_coarser_count(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT, 24 * 60 + 60, 1000.0)
    make_store(tmp_path / "old.db", days=[("2026-11-20", 26.0, None)])
    imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(24_000.0)


@pytest.mark.parametrize("closed", [False, True])
def test_the_day_of_the_change_is_the_sum_of_both(tmp_path: Path, closed: bool) -> None:
    """The predecessor keeps its daily totals for ever, its samples perhaps for an hour."""
    noon = MIDNIGHT + 43_500.0  # within a quarter hour
    recorded(tmp_path / "h", noon + 60.0, 61, 2000.0)
    if closed:
        recorded(tmp_path / "h", MIDNIGHT + 90_000.0, 1, 0.0)
    make_store(tmp_path / "old.db", days=[("2026-11-20", 5.0, noon)])
    imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(5000.0 + 2000.0)
    before = days(tmp_path / "h")
    assert "nothing to add" in imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert days(tmp_path / "h") == before


def test_the_day_that_only_the_import_knows_goes_on(tmp_path: Path) -> None:
    make_store(tmp_path / "old.db", days=[("2026-11-19", 1.0, None), ("2026-11-20", 5.0, MIDNIGHT + 100.0)])
    imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert days(tmp_path / "h") == {"2026-11-19": 1000.0, "2026-11-20": 5000.0}
    assert "nothing to add" in imported(tmp_path / "h", str(tmp_path / "old.db"))
    recorded(tmp_path / "h", MIDNIGHT + 200.0, 61, 1000.0)
    recorded(tmp_path / "h", MIDNIGHT + 90_000.0, 1, 0.0)
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(6000.0)


def test_a_store_older_than_all_that_is_here_is_put_before_it(tmp_path: Path) -> None:
    recorded(tmp_path / "h", MIDNIGHT + 3600.0, 120, 1000.0)
    make_store(tmp_path / "old.db", evenly(MIDNIGHT - 40_000.0, MIDNIGHT - 20_000.0, 60.0, 500.0))
    said = imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert "default/polls: 333 rows added" in said
    polls = rows(tmp_path / "h", "polls", "solar")
    assert len(polls) == 333 + 120
    assert polls == sorted(polls)
    assert days(tmp_path / "h")["2026-11-20"] == pytest.approx(1000.0 * 119 / 60.0)
    assert days(tmp_path / "h")["2026-11-19"] == pytest.approx(500.0 * 332 / 60.0)


POWERS_OF_A_DAY = st.lists(st.floats(0.0, 5000.0), min_size=96, max_size=96)


@settings(max_examples=40, deadline=None)
@given(powers=POWERS_OF_A_DAY, change=st.integers(0, 96), overlap=st.integers(0, 20))
def test_no_day_is_ever_more_than_what_flowed(powers: list[float], change: int, overlap: int) -> None:
    """Two servers saw the parts of a day before and after a quarter hour, or a little more than that."""
    start, end = 0.0, 86_400.0
    mine, theirs = powers[max(0, change - overlap) :], powers[:change]
    times = array("d", [900.0 * number for number in range(96)][max(0, change - overlap) :])
    columns = {name: array("d", mine) for name in ENERGY_NAMES} | {SAMPLES: array("d", [1.0]) * len(mine)}
    quarters = Quarters((times, columns), (array("d"), {}))
    other = {name: math.fsum(theirs) for name in ENERGY_NAMES} | {"last_sample": 900.0 * change - 1.0}
    own = DayRow(start, {name: math.fsum(mine) for name in ENERGY_NAMES})
    found = joined_day(start, end, own, [other], quarters, quarters)
    flowed = math.fsum(powers)
    for energy in found.energies.values():
        assert energy <= flowed + 1e-6
        assert energy >= max(math.fsum(mine), math.fsum(theirs)) * 0.998 - 1.0
        if overlap == 0 and change < 96:
            assert energy == pytest.approx(flowed, rel=2e-3, abs=2.0)


# --- B2: a shell that does not see the service's settings -----------------------------------------------------------


def test_a_shell_without_the_settings_shrinks_and_doubles_nothing(tmp_path: Path) -> None:
    """Zone, retention and gateways are those of the files."""
    berlin = HistoryGateway("house", "House", "Europe/Berlin", timezone_set=True)
    midnight = day_start(DAY, ZoneInfo("Europe/Berlin"))
    recorded(tmp_path / "h", midnight, 1400, 1000.0, berlin)
    kept = rows(tmp_path / "h", "polls", "solar", gateway=berlin)
    closed = [((DAY - datetime.timedelta(days=ago)).isoformat(), 10.0 + ago, None) for ago in range(1, 300)]
    make_store(tmp_path / "old.db", days=closed, gateway="house")
    imported(tmp_path / "h", str(tmp_path / "old.db"), gateway=berlin)
    before = days(tmp_path / "h", gateway=berlin)
    assert len(before) == 300
    make_store(tmp_path / "old.db", [(midnight - 7200.0, 1.0)], [("2025-11-20", 1.0, None)], "house")
    said = io.StringIO()
    shell = HistorySettings(path=str(tmp_path / "h"), poll_retention_seconds=3600.0, max_signals=0)
    assert run(["import", str(tmp_path / "old.db")], shell, [], "", io.StringIO(), said) == 0
    used = f"house: history in {tmp_path}/h, days begin at midnight in Europe/Berlin, 1442 polls are kept"
    assert used in said.getvalue()
    after = days(tmp_path / "h", gateway=berlin)
    assert after == before | {"2025-11-20": 1000.0}
    assert rows(tmp_path / "h", "polls", "solar", gateway=berlin) == [(midnight - 7200.0, 1.0), *kept]


def test_a_shell_without_the_settings_makes_no_file(tmp_path: Path) -> None:
    """The sum of all gateways has no device signals, and gets none."""
    total = replace(GATEWAY, id="aggregate", virtual=True)
    recorded(tmp_path / "h", MIDNIGHT, 3, 1000.0)
    recorded(tmp_path / "h", MIDNIGHT, 3, 1000.0, total)
    before = {file: file.stat().st_size for file in (tmp_path / "h").rglob("*") if file.is_file()}
    make_store(tmp_path / "old.db", [(MIDNIGHT - 600.0, 5.0)])
    shell = HistorySettings(path=str(tmp_path / "h"))
    assert run(["import", str(tmp_path / "old.db")], shell, [], "", io.StringIO(), io.StringIO()) == 0
    after = {file: file.stat().st_size for file in (tmp_path / "h").rglob("*") if file.is_file()}
    memory = folder_of(tmp_path / "h", "default") / "imported.json"
    assert after.pop(memory)
    assert after == before


def test_days_are_known_by_their_date_in_any_zone(tmp_path: Path) -> None:
    """Also where the command is told a zone that is not that of the rows."""
    closed = [((DAY - datetime.timedelta(days=ago)).isoformat(), 10.0 + ago, None) for ago in range(300)]
    make_store(tmp_path / "old.db", days=closed)
    for name in ("Europe/Berlin", "America/Los_Angeles", "Pacific/Auckland", "UTC"):
        said = imported(tmp_path / "h", str(tmp_path / "old.db"), gateway=replace(GATEWAY, timezone=name))
        assert name in said
        assert len(days(tmp_path / "h", gateway=replace(GATEWAY, timezone=name))) == 300


# --- B3: gateways of other names ------------------------------------------------------------------------------------


def test_rows_of_unknown_gateways_are_counted_and_can_be_taken(tmp_path: Path) -> None:
    make_store(tmp_path / "old.db", [(MIDNIGHT, 5.0)], [("2026-11-19", 1.0, None)], "cabin")
    said = io.StringIO()
    arguments = ["import", str(tmp_path / "old.db")]
    here = replace(SETTINGS, path=str(tmp_path / "h"))
    assert run(arguments, here, [GATEWAY], "", io.StringIO(), said) == 1
    assert "cabin: 2 rows were not taken" in said.getvalue()
    assert "--as cabin=default" in said.getvalue()
    imported(tmp_path / "h", str(tmp_path / "old.db"), "--as", "cabin=default")
    assert days(tmp_path / "h")["2026-11-19"] == 1000.0
    for wrong in ("cabin", "cabin=nobody", "=default"):
        said = io.StringIO()
        assert run([*arguments, "--as", wrong], here, [GATEWAY], "", io.StringIO(), said) == 1
        assert "OLD=NEW" in said.getvalue()
    sum_of_all = replace(GATEWAY, id="aggregate", virtual=True)
    for names, words in (
        (["mill=default"], "there is no gateway mill in the file; it holds cabin"),
        (["cabin=aggregate"], "aggregate is the sum of all gateways"),
        (["cabin=default", "cabin=other"], "cabin is to be taken for default as well"),
    ):
        said = io.StringIO()
        asked = [part for name in names for part in ("--as", name)]
        known = [GATEWAY, replace(GATEWAY, id="other"), sum_of_all]
        assert run([*arguments, *asked], here, known, "", io.StringIO(), said) == 1
        assert words in said.getvalue()


# --- kills, and stores that are not as they should be ----------------------------------------------------------------


def one_poll() -> array[float]:
    return array("d", [0.0, 800.0, 0.0, 800.0, *[math.nan] * (len(COLUMNS) - 4)])


def polls_from(start: float, count: int) -> list[tuple[float, array[float]]]:
    """Polls of 800 W of sun every minute."""
    return [(start + 60.0 * number, one_poll()) for number in range(count)]


def files_of(path: Path) -> dict[str, list[tuple[float, ...]]]:
    return {
        ring: rows(path, ring, SAMPLES if ring != "polls" else "solar") for ring in ("polls", "minutes", "quarters")
    }


def test_a_kill_at_any_moment_leaves_all_or_nothing(tmp_path: Path) -> None:
    recorded(tmp_path / "whole", MIDNIGHT + 45_288.0, 30, 1000.0)
    recorded(tmp_path / "killed", MIDNIGHT + 45_288.0, 30, 1000.0)
    make_store(tmp_path / "old.db", evenly(MIDNIGHT, MIDNIGHT + 45_240.0, 60.0, 800.0), [("2026-11-18", 4.0, None)])
    nothing = files_of(tmp_path / "killed")
    begun = time.monotonic()
    imported(tmp_path / "whole", str(tmp_path / "old.db"))
    seconds = time.monotonic() - begun
    everything = files_of(tmp_path / "whole")
    seen = 0
    for _ in range(12):
        child = os.fork()
        if child == 0:
            try:
                imported(tmp_path / "killed", str(tmp_path / "old.db"))
            finally:
                os._exit(0)
        time.sleep(random.random() * seconds)  # the moment of the kill is what is tried
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        found = files_of(tmp_path / "killed")
        assert found in (nothing, everything)
        seen += found == everything
    imported(tmp_path / "killed", str(tmp_path / "old.db"))
    assert files_of(tmp_path / "killed") == everything
    assert days(tmp_path / "killed") == days(tmp_path / "whole")
    left = sorted(file.name for file in folder_of(tmp_path / "killed", "default").glob("*import*"))
    assert left == ["imported.json"]


@pytest.mark.parametrize("rings", [0, 1, 2, 9])
def test_a_committed_import_is_finished_by_whoever_opens_the_history(tmp_path: Path, rings: int) -> None:
    """Killed after so many rings were exchanged, by other settings as well; what was recorded meanwhile stays."""
    layouts = [plan(SETTINGS, GATEWAY)]
    recorded(tmp_path, MIDNIGHT + 45_288.0, 30, 1000.0)
    store = HistoryStore.open(tmp_path, layouts)
    archive = store.archives["default"]
    merging = ImportMerge(archive, Incoming(polls=polls_from(MIDNIGHT, 100)))
    merging.collect()
    merged = merging.merged(Recorder(archive))
    assert merged is not None
    commit(archive, merged, {"path": "x", "gateway": "default"})
    for name in list(merged.rings)[:rings]:
        archive.rings[name].truncate_after(-math.inf)  # killed in the middle of exchanging it
    store.close()
    wider = replace(SETTINGS, poll_retention_seconds=2 * 86400.0)
    store = HistoryStore.open(tmp_path, [plan(wider, GATEWAY)])
    assert len(store.archives["default"].polls.select(-math.inf, math.inf)[0]) == 130
    assert not finish(store.archives["default"], lambda: None)
    store.close()
    assert days(tmp_path)["2026-11-20"] >= 800.0 * 5940.0 / 3600.0


def test_the_poller_after_a_killed_one_finishes_its_import(tmp_path: Path) -> None:
    """Main lives on then, and with it the memory from which workers answer."""
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, GATEWAY)])
    archive = store.archives["default"]
    merging = ImportMerge(archive, Incoming(polls=polls_from(MIDNIGHT, 100)))
    merging.collect()
    merged = merging.merged(Recorder(archive))
    assert merged is not None
    commit(archive, merged, {"path": "x", "gateway": "default"})
    archive.rings["polls"].append(MIDNIGHT - 5.0, one_poll())  # half exchanged
    recording = Recording(store)
    assert len(archive.polls.select(-math.inf, math.inf)[0]) == 100
    assert recording.recorders["default"].last == MIDNIGHT + 60.0 * 99
    store.close()


def test_readings_wait_while_rings_are_exchanged(tmp_path: Path) -> None:
    now = time.time()
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, GATEWAY)])
    archive = store.archives["default"]
    recording = Recording(store)
    recording.record("default", reading(now - 3.0, 0.0, 1.0, 0.0, 1.0))
    merging = ImportMerge(archive, Incoming(polls=polls_from(now - 7200.0, 100)))
    merging.collect()
    with recording.held("default") as live:
        for age in (2.0, 1.0):
            recording.record("default", reading(now - age, 0.0, 1.0, 0.0, 1.0))
        assert archive.polls.last_timestamp_or(0.0) == pytest.approx(now - 3.0)
        merged = merging.merged(live)
        assert merged is not None
        commit(archive, merged, {})
        assert finish(archive, lambda: None)
    recording.record("default", reading(now, 0.0, 1.0, 0.0, 1.0))
    times = archive.polls.select(-math.inf, math.inf)[0]
    assert len(times) == 104
    assert list(times[-4:]) == pytest.approx([now - 3.0, now - 2.0, now - 1.0, now], abs=0.01)
    store.close()


def test_nothing_is_written_beside_the_store(tmp_path: Path) -> None:
    folder = tmp_path / "old"
    make_store(folder / "timeseries.db", [(MIDNIGHT, 5.0)], keep_log=True)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(before) == {"timeseries.db", "timeseries.db-wal"}
    folder.chmod(0o500)
    imported(tmp_path / "h", str(folder / "timeseries.db"))
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert len(rows(tmp_path / "h", "polls", "solar")) == 1
    assert not (tmp_path / "h" / "import.copy").exists()


def test_a_store_full_of_nonsense_does_no_harm(tmp_path: Path) -> None:
    make_store(tmp_path / "old.db", [(MIDNIGHT, 5.0), (MIDNIGHT + 60.0, 1e300), (-1e30, 1.0), (9e15, 1.0)])
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        database.execute("INSERT INTO samples VALUES ('default', 'soon', 'x', NULL, 0, 0, 0, 0, x'00')")
        database.execute("INSERT INTO samples VALUES ('default', 1795000000, 'x', NULL, 0, 0, 0, 0, x'00')")
        for day in ("yesterday", "9999-12-31", "0001-01-01", "2226-01-01", None):
            values = ("default", day, "many", -3.0, 1e300, None, 1.0, math.inf, "never", None)
            database.execute("INSERT INTO daily_energy VALUES (?,?,?,?,?,?,?,?,?,?)", values)
        database.execute("INSERT INTO device_series VALUES (1, 'default', NULL, 'x|y')")
        database.execute("INSERT INTO device_daily VALUES (1, '2026-11-19', 1, 2, 3, 0, 0)")
        database.execute("INSERT INTO device_daily VALUES (1, '2026-11-18', 1, 2, 'much', 2, 0)")
        database.commit()
    said = imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert "rows have a time that cannot be" in said
    assert [when for when, _ in rows(tmp_path / "h", "polls", "solar")] == [1795000000.0, MIDNIGHT, MIDNIGHT + 60.0]
    assert set(days(tmp_path / "h")) <= {"2026-11-18", "2026-11-20"}


def test_no_powers_energies_and_charges_are_taken_that_no_house_has(tmp_path: Path) -> None:
    """As of readings: a damaged row would be in the sums of its day for ever."""
    make_store(tmp_path / "old.db", evenly(MIDNIGHT, MIDNIGHT + 600.0, 60.0, 1000.0), [("2026-11-19", 3.0, None)])
    with closing(sqlite3.connect(tmp_path / "old.db")) as database:
        database.execute("UPDATE samples SET home_w = 5e6 WHERE ts = ?", (MIDNIGHT + 120.0,))
        database.execute("UPDATE samples SET soe = 150 WHERE ts = ?", (MIDNIGHT,))
        database.execute("UPDATE samples SET soe = -5.2 WHERE ts = ?", (MIDNIGHT + 60.0,))
        for day, kwh in (("2026-11-17", -5.0), ("2026-11-18", 9e5)):
            database.execute("INSERT INTO daily_energy VALUES ('default',?,?,1,1,1,1,1,0,0)", (day, kwh))
        database.commit()
    assert "3 rows hold powers or energies that no house has" in imported(tmp_path / "h", str(tmp_path / "old.db"))
    assert days(tmp_path / "h") == {"2026-11-19": 3000.0, "2026-11-20": pytest.approx(150.0)}
    assert [level for _, level in rows(tmp_path / "h", "polls", "soe")][:3] == [
        pytest.approx(math.nan, nan_ok=True),
        0.0,
        50.0,
    ]
