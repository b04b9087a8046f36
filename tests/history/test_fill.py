"""Gaps filled from Tesla's own history: found, believed, written beside measured rows that stay as they are."""

from __future__ import annotations

import datetime
import io
import math
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.days import day_start
from pwserver.history.gap_questions import Kind, NotAnswered
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.ring_files import folder_of
from pwserver.history.store import HistoryStore
from pwserver.history.tool import run
from tests.history.support import SMALL, reading
from tests.tesla_history import TeslaHistory, steady

ZONE = ZoneInfo("Africa/Lagos")  # an hour ahead all year, so that every day has as many quarter hours
HOUSE = HistoryGateway("house", "House", "Africa/Lagos")
SETTINGS = replace(
    SMALL,
    poll_retention_seconds=86400.0,
    poll_interval=60.0,
    minutes_kept_seconds=31 * 86400.0,
    quarters_kept_seconds=60 * 86400.0,
    days_kept_seconds=200 * 86400.0,
)
# Two days ago, so that nothing of it is among Tesla's newest rows.
DAY = datetime.datetime.now(ZONE).date() - datetime.timedelta(days=2)
MIDNIGHT = day_start(DAY, ZONE)


class FakeSource:
    """Tesla's servers without a network; ``fail_at``: the question that is not answered, counted from 0."""

    def __init__(self, history: Callable[[dict[str, str]], Any], fail_at: int | None = None) -> None:
        self.history = history
        self.fail_at = fail_at
        self.asked: list[dict[str, str]] = []

    def ask(self, kind: Kind, start: float, end: float, where: ZoneInfo) -> object:
        from pwserver.gateways.cloud_history import day_parameters

        if self.fail_at == len(self.asked):
            raise NotAnswered("Tesla asks for a pause", 90.0, limited=True)
        self.asked.append(day_parameters(kind, start, end, where))
        return self.history(self.asked[-1])

    def close(self) -> None:
        pass


def record(path: Path, *spans: tuple[float, float], watts: float = 2000.0, gateway: HistoryGateway = HOUSE) -> None:
    """Record polls of sun and home every five minutes, in spans of seconds after midnight."""
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    recorder = Recorder(store.archives[gateway.id])
    recorder.note_zone()
    for begin, end in spans:
        for second in range(int(begin), int(end), 300):
            recorder.record(reading(MIDNIGHT + second, 0.0, watts, 0.0, watts))
    recorder.checkpoint()
    store.close()


def rows(path: Path, ring: str, gateway: HistoryGateway = HOUSE) -> dict[float, dict[str, float]]:
    """All rows by time, as a server that starts now has them."""
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    archive = store.archives[gateway.id]
    Recorder(archive)
    times, columns = archive.rings[ring].select(-math.inf, math.inf)
    names = archive.plans[ring].columns
    found = {
        when: {name: column[row] for name, column in zip(names, columns, strict=True)} for row, when in enumerate(times)
    }
    store.close()
    return found


def same(one: dict[str, float], other: dict[str, float]) -> bool:
    """Are two rows the same to the bit, unknown values too?"""
    return {name: value.hex() for name, value in one.items()} == {name: value.hex() for name, value in other.items()}


def filled(path: Path, source: FakeSource, *arguments: str, status: int = 0) -> str:
    """Run the command without pauses, and return what it says."""
    said = io.StringIO()
    settings: HistorySettings = replace(SETTINGS, path=str(path))
    found = run(
        ["fill", "--pause", "0s", *arguments],
        settings,
        [HOUSE],
        "",
        io.StringIO(),
        said,
        sources={HOUSE.id: lambda: source},
    )
    assert found == status, said.getvalue()
    return said.getvalue()


HOUR = 3600.0


def test_a_gap_of_hours_is_filled_and_everything_measured_stays(tmp_path: Path) -> None:
    record(tmp_path, (0, 10 * HOUR + 420), (13 * HOUR + 120, 30 * HOUR))
    before = {ring: rows(tmp_path, ring) for ring in ("polls", "minutes", "quarters", "days")}
    source = FakeSource(TeslaHistory())
    said = filled(tmp_path, source)
    assert f"{DAY}: 11 of 11 quarter hours filled" in said
    after = {ring: rows(tmp_path, ring) for ring in before}
    assert after["polls"].keys() == before["polls"].keys()
    for ring in ("polls", "minutes", "quarters"):
        for when, row in before[ring].items():
            assert same(after[ring][when], row), (ring, when)
    new = sorted(after["quarters"].keys() - before["quarters"].keys())
    assert new == [MIDNIGHT + 10.25 * HOUR + 900 * number for number in range(11)]
    row = after["quarters"][new[0]]
    assert row["filled_seconds"] == row["covered_seconds"] == row["gap_seconds"] == 900.0 and row["samples"] == 0.0
    assert (row["solar"], row["battery"], row["site"], row["load"]) == (600.0, 300.0, 100.0, 1000.0)
    assert row["solar_wh"] == 150.0 and row["home_wh"] == 250.0 and row["grid_import_wh"] == 25.0
    assert row["battery_discharge_wh"] == 75.0 and row["battery_charge_wh"] == row["grid_export_wh"] == 0.0
    assert 40.0 <= row["soe"] < 90.0
    assert all(math.isnan(row[name]) for name in ("grid", "mode", "reserve", "solar_max", "solar_to_home_wh"))
    assert len(after["minutes"].keys() - before["minutes"].keys()) == 11 * 15
    day, old = after["days"][MIDNIGHT], before["days"][MIDNIGHT]
    assert day["solar_wh"] == pytest.approx(old["solar_wh"] + 11 * 150.0)
    assert day["filled_seconds"] == 11 * 900.0 and day["covered_seconds"] == old["covered_seconds"] + 11 * 900.0
    assert day["solar"] * day["covered_seconds"] / 3600.0 == pytest.approx(day["solar_wh"])
    assert [question["kind"] for question in source.asked] == ["power", "soe"]
    again = FakeSource(TeslaHistory())
    assert "no gaps" in filled(tmp_path, again) and not again.asked


def test_a_gap_of_the_open_day_grows_it_and_outlives_restarts(tmp_path: Path) -> None:
    """Also one without the kept state, which is made anew from the polls."""
    record(tmp_path, (0, 6 * HOUR), (9 * HOUR, 15 * HOUR))
    before = rows(tmp_path, "days")[MIDNIGHT]
    filled(tmp_path, FakeSource(TeslaHistory()))
    day = rows(tmp_path, "days")[MIDNIGHT]
    assert day["solar_wh"] == pytest.approx(before["solar_wh"] + 12 * 150.0)
    assert day["filled_seconds"] == 12 * 900.0
    assert day["covered_seconds"] == pytest.approx(before["covered_seconds"] + 12 * 900.0)
    assert day["solar"] * day["covered_seconds"] / 3600.0 == pytest.approx(day["solar_wh"])
    record(tmp_path, (15 * HOUR, 25 * HOUR))
    later = rows(tmp_path, "days")[MIDNIGHT]
    assert later["filled_seconds"] == 12 * 900.0
    assert later["solar_wh"] == pytest.approx(day["solar_wh"] + 2000.0 * (9 + 1 / 12), rel=1e-3)
    assert "no gaps" in filled(tmp_path, FakeSource(TeslaHistory()))


def test_an_open_day_that_is_summed_up_anew_keeps_what_was_filled(tmp_path: Path) -> None:
    record(tmp_path, (0, 6 * HOUR), (9 * HOUR, 15 * HOUR))
    filled(tmp_path, FakeSource(TeslaHistory()))
    day = rows(tmp_path, "days")[MIDNIGHT]
    (folder_of(tmp_path, HOUSE.id) / "state.record").unlink()
    anew = rows(tmp_path, "days")[MIDNIGHT]
    assert anew["solar_wh"] == pytest.approx(day["solar_wh"], rel=1e-3)
    assert anew["filled_seconds"] == day["filled_seconds"] == 12 * 900.0


def test_days_without_any_row_get_one(tmp_path: Path) -> None:
    record(tmp_path, (-30 * HOUR, -20 * HOUR), (26 * HOUR, 30 * HOUR))
    said = filled(tmp_path, FakeSource(TeslaHistory()))
    assert f"{DAY}: 96 of 96 quarter hours filled" in said and "days: 3 rows" in said
    day = rows(tmp_path, "days")[MIDNIGHT]
    assert day["solar_wh"] == 96 * 150.0 and day["date"] == DAY.toordinal() and day["load"] == 1000.0
    assert day["covered_seconds"] == day["filled_seconds"] == day["gap_seconds"] == 86400.0
    assert math.isnan(day["last_sample"])


def test_a_window_may_lie_before_the_first_row_and_nothing_outside_of_it_is_asked(tmp_path: Path) -> None:
    record(tmp_path, (0, 6 * HOUR), (9 * HOUR, 15 * HOUR))
    first = DAY - datetime.timedelta(days=3)
    source = FakeSource(TeslaHistory())
    said = filled(tmp_path, source, "--from", f"{first}T00:00:00+01:00", "--to", f"{DAY}T00:00:00Z")
    assert f"{first}: 9" in said and f"{DAY}:" not in said
    assert {question["start_date"][:10] for question in source.asked} <= {
        str(first + datetime.timedelta(days=number)) for number in range(-1, 3)
    }
    assert len([when for when in rows(tmp_path, "quarters") if when < MIDNIGHT]) > 2 * 96
    assert not [when for when in rows(tmp_path, "minutes") if when < MIDNIGHT]  # they are not kept that long


def test_what_a_counter_said_of_a_gap_stays(tmp_path: Path) -> None:
    """A house that was polled on its own network before: its counter is the truth for the sum over the gap."""
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, HOUSE)])
    recorder = Recorder(store.archives[HOUSE.id])
    recorder.note_zone()
    for second in (*range(0, 36000, 300), *range(50000, 90000, 300)):
        counters = {"solar": {"energy_exported": second / 3600.0 * 700.0}}
        recorder.record(reading(MIDNIGHT + second, 0.0, 2000.0, 0.0, 2000.0, counters=counters))
    recorder.checkpoint()
    store.close()
    before = {ring: rows(tmp_path, ring) for ring in ("minutes", "quarters", "days")}
    source = FakeSource(TeslaHistory())
    assert "no gaps" in filled(tmp_path, source) and not source.asked
    assert all(same(row, before[ring][when]) for ring in before for when, row in rows(tmp_path, ring).items())


def test_a_day_whose_totals_are_known_from_elsewhere_is_left_alone(tmp_path: Path) -> None:
    """An import brings days without their quarter hours; filled, they would be counted twice."""
    record(tmp_path, (0, 6 * HOUR), (9 * HOUR, 30 * HOUR))
    export = tmp_path / "days.csv"
    yesterday = DAY - datetime.timedelta(days=1)
    noon = day_start(yesterday, ZONE)
    export.write_text(f"gateway,ring,time,date,solar_wh\nhouse,days,{noon},{float(yesterday.toordinal())},9000.0\n")
    settings = replace(SETTINGS, path=str(tmp_path))
    assert run(["import", str(export)], settings, [HOUSE], "", io.StringIO(), io.StringIO()) == 0
    source = FakeSource(TeslaHistory())
    said = filled(tmp_path, source, "--from", f"{yesterday}T00:00:00Z")
    assert f"{yesterday}: not filled, the day's totals are known" in said and f"{DAY}: 12 of 12" in said
    assert rows(tmp_path, "days")[noon]["solar_wh"] == 9000.0
    assert {question["start_date"][:10] for question in source.asked} == {str(DAY)}


def test_no_answer_keeps_what_came_before_and_says_when_to_try_again(tmp_path: Path) -> None:
    record(tmp_path, (-30 * HOUR, -20 * HOUR), (26 * HOUR, 30 * HOUR))
    said = filled(tmp_path, FakeSource(TeslaHistory(), fail_at=2), status=1)
    assert "Tesla asks for a pause; try again in 90 s" in said
    day = DAY - datetime.timedelta(days=1)
    assert f"{day}: 80 of 80" in said or f"{day}: " in said
    assert any(row["filled_seconds"] == 900.0 for row in rows(tmp_path, "quarters").values())
    source = FakeSource(TeslaHistory())
    filled(tmp_path, source)
    assert str(DAY) in {question["start_date"][:10] for question in source.asked}
    assert source.asked[0]["start_date"][:10] != str(day - datetime.timedelta(days=1))


def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path: Path) -> None:
    record(tmp_path, (0, 6 * HOUR), (9 * HOUR, 30 * HOUR))
    before = {ring: rows(tmp_path, ring) for ring in ("minutes", "quarters", "days")}
    said = filled(tmp_path, FakeSource(TeslaHistory()), "--dry-run")
    assert f"{DAY}: 12 of 12 quarter hours would be filled (solar 1.80 kWh, home 3.00 kWh, grid import 0.30 kWh" in said
    for ring, found in before.items():
        after = rows(tmp_path, ring)
        assert after.keys() == found.keys() and all(same(after[when], row) for when, row in found.items())


def test_what_tesla_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    record(tmp_path, (-48 * HOUR, -46 * HOUR), (26 * HOUR, 30 * HOUR))
    history = TeslaHistory()

    def odd(rows: list[dict[str, Any]], kind: str) -> Any:
        if rows[0]["timestamp"] < str(DAY - datetime.timedelta(days=1)):
            return ""
        if rows[0]["timestamp"] < str(DAY):
            return {"time_series": [row | {"timestamp": "2024-01-01T00:00:00+01:00"} for row in rows]}
        return {
            "time_series": [
                row | dict.fromkeys(steady(0.0), 0.0) if number > 143 else row for number, row in enumerate(rows)
            ]
        }

    history.edit = odd
    said = filled(tmp_path, FakeSource(history))
    days = [DAY - datetime.timedelta(days=back) for back in (2, 1, 0)]
    assert f"{days[0]}: not filled, Tesla has no data of this day" in said
    assert f"{days[1]}: not filled, the answer is of another day, or of another time zone" in said
    assert f"{days[2]}: 48 of 96 quarter hours filled" in said
    assert (
        "rows of Tesla's are all zero, which is how Tesla shows what it does not have yet; they were not taken" in said
    )


def test_a_server_that_runs_is_not_disturbed(tmp_path: Path) -> None:
    record(tmp_path, (0, 6 * HOUR), (9 * HOUR, 30 * HOUR))
    store = HistoryStore.open(tmp_path, [plan(SETTINGS, HOUSE)])
    try:
        source = FakeSource(TeslaHistory())
        assert "another pwserver uses the history" in filled(tmp_path, source, status=1)
        assert not source.asked
    finally:
        store.close()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--gateway", "garage"], "of gateway garage can be read in cloud and FleetAPI mode only; it can of: house"),
        (["--pause", "never"], "--pause never: it takes a duration"),
        (["--pause", "2h"], "--pause 2h: it takes a duration"),
        (["--from", "soon"], "soon is not a time"),
    ],
)
def test_a_wrong_argument_is_named(arguments: list[str], words: str, tmp_path: Path) -> None:
    record(tmp_path, (0, HOUR))
    assert words in filled(tmp_path, FakeSource(TeslaHistory()), *arguments, status=1)


def test_a_kill_at_any_moment_leaves_all_or_nothing(tmp_path: Path) -> None:
    for name in ("whole", "killed"):
        record(tmp_path / name, (0, 6 * HOUR), (9 * HOUR, 27 * HOUR))
    nothing, begun = rows(tmp_path / "killed", "quarters"), time.monotonic()
    filled(tmp_path / "whole", FakeSource(TeslaHistory()))
    seconds = time.monotonic() - begun
    everything = rows(tmp_path / "whole", "quarters")
    for _ in range(4):
        child = os.fork()
        if child == 0:
            try:
                filled(tmp_path / "killed", FakeSource(TeslaHistory()))
            finally:
                os._exit(0)
        time.sleep(random.random() * seconds)  # the moment of the kill is what is tried
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert rows(tmp_path / "killed", "quarters").keys() in (nothing.keys(), everything.keys())
    filled(tmp_path / "killed", FakeSource(TeslaHistory()))
    for ring in ("minutes", "quarters", "days"):
        found, wanted = rows(tmp_path / "killed", ring), rows(tmp_path / "whole", ring)
        assert found.keys() == wanted.keys() and all(same(found[when], row) for when, row in wanted.items()), ring
    assert not [file.name for file in folder_of(tmp_path / "killed", HOUSE.id).glob("*.import*")]
