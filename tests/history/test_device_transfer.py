"""Days of devices come along in an export and an import, by date and by name; what is here stays."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pytest

from pwserver.history.device_days import DeviceDays, kept_devices, read_series
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.ring_tables import RingTable, read_csv, read_lines, write_csv, write_lines
from pwserver.history.store import HistoryStore
from pwserver.history.transfer import merge, read_gateway

DAY = 86400.0
SETTINGS = HistorySettings(
    poll_retention_seconds=3600.0, poll_interval=60.0, minutes_kept_seconds=7200.0, quarters_kept_seconds=86400.0,
    days_kept_seconds=60 * DAY, max_signals=0,
)  # fmt: skip
HOME = HistoryGateway("home", "Home", "America/Los_Angeles")
BERLIN = HistoryGateway("home", "Home", "Europe/Berlin")
MIDNIGHT = 1_795_377_600.0 - 12 * 3600.0  # 2026-11-22 in Los Angeles
BERLIN_EARLIER = 9 * 3600.0


def written(path: Path, gateway: HistoryGateway, first: float, rows: dict[int, dict[str, float]]) -> None:
    """Record days; ``rows``: number of the day -> full energy by serial. The last day stays open."""
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    days = DeviceDays(store.archives["home"])
    for number, devices in rows.items():
        days.begin(first + number * DAY)
        for serial, full in devices.items():
            figures = days.figures("unit", serial)
            assert figures is not None
            figures.update(full_wh=full, source=1.0)
    days.keep()
    store.close()


def full_energies(path: Path, gateway: HistoryGateway) -> dict[str, dict[int, float]]:
    store = HistoryStore.open(path, [plan(SETTINGS, gateway)])
    kept = store.archives["home"]
    DeviceDays(kept)  # shows the open day
    series = read_series(kept, "unit", kept_devices(kept).slots["unit"], -math.inf, math.inf)
    found = {
        serial: {
            round((day - one.days[0]) / DAY): value
            for day, value in zip(one.days, one.figures["full_wh"], strict=True)
            if value == value
        }
        for serial, one in series.items()
    }
    store.close()
    return found


@pytest.mark.parametrize("form", ["csv", "lines"])
def test_days_come_along_by_their_date_and_own_ones_stay(tmp_path: Path, form: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    written(there, BERLIN, MIDNIGHT - BERLIN_EARLIER, {0: {"A": 1.0}, 1: {"A": 2.0, "X": 9.0}, 2: {"A": 3.0}, 3: {}})
    tables = read_gateway(there, plan(SETTINGS, BERLIN))
    text = io.StringIO()
    for table in tables:
        (write_csv if form == "csv" else write_lines)(table, text)
    read = (read_csv if form == "csv" else read_lines)(io.StringIO(text.getvalue()))
    assert [table.ring for table in read] == ["unit-days"]
    written(here, HOME, MIDNIGHT, {1: {"A": 20.0}, 2: {"B": 5.0}, 4: {"A": 50.0}})
    report = merge(here, [plan(SETTINGS, HOME)], read)["home"]
    assert report.added["unit-days"] == 3
    merged = {"A": {0: 1.0, 1: 20.0, 2: 3.0, 4: 50.0}, "B": {2: 5.0}, "X": {1: 9.0}}
    assert full_energies(here, HOME) == merged
    again = merge(here, [plan(SETTINGS, HOME)], read)["home"]
    assert not again.added.get("unit-days") and full_energies(here, HOME) == merged


def test_the_future_stays_away_and_what_is_no_figure_is_named(tmp_path: Path) -> None:
    table = RingTable("home", "unit-days")
    table.add(MIDNIGHT, {"A|full_wh": 1.0})
    table.add(MIDNIGHT + 90 * DAY, {"A|full_wh": 2.0})
    merge(tmp_path, [plan(SETTINGS, HOME)], [table], latest=MIDNIGHT + DAY)
    assert full_energies(tmp_path, HOME) == {"A": {0: 1.0}}
    odd = RingTable("home", "string-days")
    odd.add(MIDNIGHT, {"A|colour": 1.0})
    with pytest.raises(ValueError, match=r"A\|colour is not a daily figure of a string"):
        merge(tmp_path, [plan(SETTINGS, HOME)], [odd])
