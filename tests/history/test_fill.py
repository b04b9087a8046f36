"""Gaps filled from Tesla's own history: found, believed, written beside measured rows that stay as they are."""

from __future__ import annotations

import datetime
import io
import math
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
from pwserver.history.store import HistoryStore
from pwserver.history.tool import run
from tests.history.support import SMALL, reading
from tests.tesla_history import TeslaHistory

ZONE = ZoneInfo("Europe/Berlin")
HOUSE = HistoryGateway("house", "House", "Europe/Berlin")
SETTINGS = replace(
    SMALL,
    poll_retention_seconds=86400.0,
    poll_interval=60.0,
    minutes_kept_seconds=31 * 86400.0,
    quarters_kept_seconds=730 * 86400.0,
    days_kept_seconds=900 * 86400.0,
)
# Yesterday, so that nothing of it is among Tesla's newest rows.
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
    """Record polls of sun and home every minute, in spans of seconds after midnight."""
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    recorder = Recorder(store.archives[gateway.id])
    recorder.note_zone()
    for begin, end in spans:
        for second in range(int(begin), int(end), 60):
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
