"""Export and import: nothing is lost on the way, what is there already wins, the predecessor's history comes over."""

from __future__ import annotations

import datetime
import io
import math
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.days import day_start
from pwserver.history.history_answer import Histories
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_tables import read_csv
from pwserver.history.store import HistoryStore
from pwserver.history.tool import run
from pwserver.history.transfer import merge
from tests.history.predecessor import SCHEMA
from tests.history.support import GATEWAY, SMALL, Site, body, reading

SITE = Site()
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
START = day_start(datetime.date(2026, 11, 20), LOS_ANGELES) + 80_000.0
POD = "TEPOD--1707000-11-J--TG0000000000A1"


def settings_for(path: Path) -> HistorySettings:
    return replace(
        SMALL,
        path=str(path),
        poll_retention_seconds=86400.0,
        poll_interval=60.0,
        minutes_kept_seconds=86400.0,
        signal_retention_seconds=86400.0,
    )


def fill(path: Path, count: int, gateway: HistoryGateway = GATEWAY) -> None:
    store = HistoryStore.open(path, [plan(settings_for(path), gateway)])
    recorder = Recorder(store.archives[gateway.id])
    for step in range(count):
        when = START + 60.0 * step + 0.25
        recorder.record(
            reading(
                when,
                *SITE.powers(when),
                soe_raw=61.5,
                grid_status="UP",
                mode="backup",
                vitals={POD: {"HVP_PackTempMax": 20.0 + step % 7}},
            )
        )
    recorder.checkpoint()
    store.close()


def content(path: Path, gateway: HistoryGateway = GATEWAY) -> dict[str, dict[float, tuple[float | None, ...]]]:
    store = HistoryStore.open(path, [plan(settings_for(path), gateway)])
    assert store.messages == []
    found = {}
    for name, ring in store.archives[gateway.id].rings.items():
        times, columns = ring.select(-math.inf, math.inf)
        found[name] = {
            when: tuple(None if math.isnan(column[row]) else column[row] for column in columns)
            for row, when in enumerate(times)
        }
    store.close()
    return found


def recorded_days(path: Path, gateway: HistoryGateway = GATEWAY) -> dict[str, float]:
    """Solar energy by date, as the history shows it to a server that starts now."""
    store = HistoryStore.open(path, [plan(settings_for(path), gateway)])
    archive = store.archives[gateway.id]
    Recorder(archive)
    columns = [archive.column("days", name) for name in ("date", "solar_wh")]
    dates, energies = archive.days.select(-math.inf, math.inf, columns)[1]
    found = {}
    for date, energy in zip(dates, energies, strict=True):
        day = datetime.date.fromordinal(int(date)).isoformat()
        assert day not in found, "one date twice"
        found[day] = energy
    store.close()
    return found


def command(path: Path, *arguments: str) -> tuple[int, str, str]:
    out, errors = io.StringIO(), io.StringIO()
    status = run(arguments, settings_for(path), [GATEWAY], str(path.parent / "timeseries.db"), out, errors)
    return status, out.getvalue(), errors.getvalue()


@pytest.mark.parametrize("kind", ["csv", "lines"])
def test_an_export_can_be_imported_elsewhere(tmp_path: Path, kind: str) -> None:
    fill(tmp_path / "here", 1000)
    status, text, said = command(tmp_path / "here", "export", "--format", kind)
    assert status == 0
    assert said.endswith("rows\n")
    file = tmp_path / f"export.{'csv' if kind == 'csv' else 'lp'}"
    file.write_text(text)
    assert command(tmp_path / "there", "import", str(file))[0] == 0
    here, there = content(tmp_path / "here"), content(tmp_path / "there")
    assert len(here["polls"]) == 1000
    assert here["signals-0"]
    for ring in ("polls", "quarters", "days", "signals-0"):
        assert there[ring] == here[ring]
    # The minute, the quarter hour that were still open are in no file; the polls give them again.
    assert here["minutes"].items() <= there["minutes"].items()
    before = there
    assert "nothing to add" in command(tmp_path / "there", "import", str(file))[2]
    assert content(tmp_path / "there") == before


def test_a_part_can_be_exported(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    status, text, _ = command(
        tmp_path, "export", "--ring", "polls", "--from", str(START + 600.0), "--to", str(START + 1200.0)
    )
    lines = text.splitlines()
    assert status == 0
    assert lines[0].startswith("gateway,ring,time,site,solar,battery,load,soe")
    assert len(lines) == 11
    assert lines[1].startswith(f"default,polls,{START + 600.25},")


def test_line_protocol_is_what_influx_expects(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    _, text, _ = command(tmp_path, "export", "--format", "lines", "--ring", "polls")
    first = text.splitlines()[0]
    assert first.startswith("powerwall_polls,gateway=default site=")
    assert first.endswith(f" {int((START + 0.25) * 1e6) * 1000}")
    assert "nan" not in text


def test_import_does_not_touch_what_is_there(tmp_path: Path) -> None:
    fill(tmp_path, 300)
    before = content(tmp_path)
    rows = ["gateway,ring,time,site,solar,battery,load"]
    rows += [f"default,polls,{START - 3600.0 + 60.0 * step},1,2,3,4" for step in range(50)]
    rows += [f"default,polls,{START + 0.25},9,9,9,9"]
    file = tmp_path / "more.csv"
    file.write_text("\n".join(rows))
    status, _, said = command(tmp_path, "import", str(file))
    assert status == 0
    assert "default/polls: 50 rows added" in said
    after = content(tmp_path)
    assert before["polls"].items() <= after["polls"].items()
    assert before["minutes"].items() <= after["minutes"].items()
    assert len(after["minutes"]) >= len(before["minutes"]) + 49
    store = HistoryStore.open(tmp_path, [plan(settings_for(tmp_path), GATEWAY)])
    recorder = Recorder(store.archives["default"])
    assert recorder.record(reading(START + 60.0 * 300 + 0.25, 0.0, 0.0, 0.0, 0.0))
    store.close()


def test_a_clock_that_is_behind_keeps_no_day_out(tmp_path: Path) -> None:
    """Days are not taken for damaged because the machine's clock is years behind them."""
    rows = ["gateway,ring,time,home_wh,date"]
    days = [datetime.date(2026, 11, 1) + datetime.timedelta(days=number) for number in range(10)]
    rows += [f"default,days,{day_start(day, LOS_ANGELES)},1000,{day.toordinal()}" for day in days]
    table = read_csv(rows)
    layouts = [plan(settings_for(tmp_path), GATEWAY)]
    report = merge(tmp_path, layouts, table, day_start(days[0], LOS_ANGELES) - 400 * 86400.0)["default"]
    assert (report.added["days"], report.later_than_now) == (10, 0)
    report = merge(tmp_path, layouts, table, day_start(days[-1], LOS_ANGELES) + 86400.0)["default"]
    assert not report.changes
    assert len(recorded_days(tmp_path)) == 10


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gateway,ring,time,site\ndefault,polls,abc,1\n", "line 2: not a number"),
        ("hello\n", "line 1: not a row"),
        ("gateway,ring,time,site\nnobody,polls,1,1\n", "nobody: 1 rows were not taken"),
        ("gateway,ring,time,site\ndefault,hours,1,1\n", "no ring hours"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "wrong.csv"
    file.write_text(text)
    status, _, said = command(tmp_path / "history", "import", str(file))
    assert (status, why in said) == (1, True), said


def test_import_keeps_out_of_a_running_server(tmp_path: Path) -> None:
    fill(tmp_path, 10)
    file = tmp_path / "x.csv"
    file.write_text("gateway,ring,time,site\ndefault,polls,1,1\n")
    store = HistoryStore.open(tmp_path, [plan(settings_for(tmp_path), GATEWAY)])
    status, _, said = command(tmp_path, "import", str(file))
    assert (status, "another pwserver" in said) == (1, True)
    assert command(tmp_path, "export")[0] == 0
    store.close()


def test_history_in_memory_has_no_tool() -> None:
    errors = io.StringIO()
    assert run(["export"], HistorySettings(), [GATEWAY], "", io.StringIO(), errors) == 2
    assert "PW_HISTORY_PATH" in errors.getvalue()


def sqlite_store(path: Path) -> None:
    """The predecessor's tables, as its schema describes them, with a day and a half in them."""
    with closing(sqlite3.connect(path)) as database:
        database.executescript(SCHEMA)
        database.execute("INSERT INTO device_series VALUES (7, 'default', ?, 'pack_temp_max')", (POD,))
        for step in range(600):
            when = START + 60.0 * step
            row = ("default", when, 2000.0, 900.0, 1100.0, 0.0, 0.0, 0.0, 55.5 if step % 2 else None)
            database.execute("INSERT INTO samples VALUES (?,?,?,?,?,?,?,?,?)", row)
            database.execute("INSERT INTO device_samples VALUES (7, ?, ?)", (int(when), 20.0 + step % 3))
        for day in range(1, 21):
            energies = (float(day), 2.0, 3.0, 4.0, 5.0, 6.0)
            day_row = ("default", f"2026-11-{day:02d}", *energies, START, START)
            database.execute("INSERT INTO daily_energy VALUES (?,?,?,?,?,?,?,?,?,?)", day_row)
            database.execute("INSERT INTO device_daily VALUES (7, ?, 10, 30, 200, 10, 0)", (f"2026-11-{day:02d}",))
        database.execute("INSERT INTO daily_energy VALUES ('default', '2026-11-21', 9, 9, 9, 9, 9, 9, NULL, 0)")
        database.commit()


@pytest.mark.parametrize("named", [True, False])
def test_the_predecessors_history_comes_over(tmp_path: Path, named: bool) -> None:
    database = tmp_path / "timeseries.db"
    sqlite_store(database)
    path = tmp_path / "history"
    status, _, said = command(path, "import", *([str(database)] if named else []))
    assert (status, "default/polls: 600 rows added" in said) == (0, True), said
    assert "default/days: 21 rows added" in said
    store = HistoryStore.open(path, [plan(settings_for(path), GATEWAY)])
    recorder = Recorder(store.archives["default"])
    now = START + 60.0 * 600
    recorder.record(reading(now, 0.0, 2000.0, -1100.0, 900.0))
    asked = Histories(settings_for(path), [GATEWAY], store.archives, "default")
    found = body(ROUTES["/api/timeseries/daily"](asked, {"days": "30"}, now, None))["days"]
    assert [one["day"] for one in found[:2]] == ["2026-11-21", "2026-11-20"]
    assert len(found) == 21
    # The day the predecessor had not finished is summed up from its samples and goes on here.
    midnight = day_start(datetime.date(2026, 11, 21), LOS_ANGELES)
    assert found[0]["gateways"]["default"]["solar_kwh"] == pytest.approx(2.0 * (now - midnight) / 3600.0, rel=1e-3)
    assert found[1]["gateways"]["default"]["solar_kwh"] == 20.0
    samples = body(ROUTES["/api/timeseries/samples"](asked, {"limit": "3"}, now, None))["samples"]
    assert (samples[0]["battery_charge_w"], samples[0]["soe"]) == (1100, None)
    signals = body(ROUTES["/api/timeseries/signals"](asked, {}, now, None))["series"]
    expected = [(POD, "pack_temp_max", "2026-11-01")]
    assert [(one["device"], one["metric"], one["first_day"]) for one in signals] == expected
    window = {"start": str(START - 20 * 86400.0), "end": str(START), "resolution": "daily"}
    daily = body(ROUTES["/api/timeseries/signal_trend"](asked, window, now, None))["series"][0]["points"]
    assert (daily[0]["avg"], daily[0]["min"], daily[0]["max"], daily[0]["n"]) == (20, 10, 30, 10)
    lifetime = sum(range(1, 21)) * 1000.0 + 2000.0 * (now - midnight) / 3600.0
    assert recorder.energy()["solar"].watt_hours == pytest.approx(lifetime)
    store.close()


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "timeseries.db"
    file.write_bytes(b"not a database at all, but long enough to look like one" * 20)
    status, _, said = command(tmp_path / "history", "import", str(file))
    assert (status, "cannot be read" in said) == (1, True)
