"""Finding and filling gaps against the plainest way to do it: any days, any zones, any holes on both sides."""

from __future__ import annotations

import datetime
import math
from array import array
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.gateways.cloud_history import day_parameters
from pwserver.history.archive import Archive
from pwserver.history.cloud_points import CloudDay, NotBelieved, read_powers
from pwserver.history.days import day_window, local_date
from pwserver.history.gap_filler import fill
from pwserver.history.gap_finder import DayGaps, find_gaps, window_of_gaps, without_newest
from pwserver.history.layout import COLUMNS, POWERS, HistoryGateway
from pwserver.history.recorder import Recorder
from tests.history.support import SMALL, archive
from tests.tesla_history import TeslaHistory

SETTINGS = replace(SMALL, poll_interval=300.0, poll_retention_seconds=3 * 86400.0, quarters_kept_seconds=1e6)
# Days around both changes of the clocks, in the north and in the south; half an hour at Lord Howe.
CASES = [
    ("Europe/Berlin", datetime.date(2026, 3, 28)),
    ("Europe/Berlin", datetime.date(2026, 10, 24)),
    ("America/Los_Angeles", datetime.date(2026, 10, 31)),
    ("Australia/Lord_Howe", datetime.date(2026, 4, 4)),
    ("Australia/Lord_Howe", datetime.date(2026, 10, 3)),
    ("America/St_Johns", datetime.date(2026, 3, 7)),
]


def house(when: float) -> dict[str, float]:
    """Powers that differ from slot to slot, of both signs."""
    number = int(when // 300)
    return {
        "solar_power": float(number % 7 * 500),
        "battery_power": float(number % 5 * 400 - 800),
        "grid_power": float(number % 11 * 300 - 1500),
    }


def recorded(zone: str, first: float, until: float, holes: list[tuple[int, int]]) -> tuple[Archive, Recorder]:
    """Polls every five minutes from ``first`` to ``until``, but for holes of quarter hours (first, count)."""
    found = archive(SETTINGS, HistoryGateway("house", "House", zone))
    recorder = Recorder(found)
    row = array("d", [math.nan] * len(COLUMNS))
    row[: len(POWERS)] = array("d", [0.0, 1000.0, 0.0, 1000.0])
    when = first
    while when <= until:
        quarter = (when - first) // 900
        if not any(begin <= quarter < begin + count for begin, count in holes):
            recorder.take_row(when, row)
        when += 300.0
    return found, recorder


HOLES = st.lists(st.tuples(st.integers(2, 180), st.integers(3, 60)), max_size=4)
MISSING = st.sets(st.integers(0, 600), max_size=60)


@pytest.mark.parametrize(("zone", "day"), CASES)
@settings(max_examples=4, deadline=None)
@given(holes=HOLES, missing=MISSING)
def test_filled_rows_are_those_of_the_plainest_way(
    zone: str, day: datetime.date, holes: list[tuple[int, int]], missing: set[int]
) -> None:
    where = ZoneInfo(zone)
    first = day_window(day, where)[0]
    until = first + 200 * 900.0
    store, recorder = recorded(zone, first, until, holes)
    now = until + 7200.0
    begin, end = window_of_gaps(store, recorder, first, now)
    assert begin == first and end <= min(recorder.intervals.quarter_start, now - 3600.0)

    times, (covered,) = store.quarters.select(-math.inf, math.inf, [store.column("quarters", "covered_seconds")])
    known = {when for when, seconds in zip(times, covered, strict=True) if seconds > 0.0}
    unknown = [first + 900.0 * number for number in range(int((end - first) // 900))]
    unknown = [when for when in unknown if when not in known]
    gaps = find_gaps(store, where, begin, end)
    assert [quarter for one in gaps for quarter in one.quarters] == unknown
    assert all(local_date(quarter, where) == one.day for one in gaps for quarter in one.quarters)
    assert [one.day for one in gaps] == sorted({one.day for one in gaps})
    assert not any(one.totals_known for one in gaps)

    history = TeslaHistory(house)
    history.edit = lambda rows, kind: {"time_series": [row for n, row in enumerate(rows) if n not in missing]}
    answers: list[tuple[DayGaps, CloudDay]] = []
    points: dict[int, dict[str, float]] = {}
    for one in gaps:
        answer: Any = history(day_parameters("power", *day_window(one.day, where), where))
        try:
            read = read_powers(answer, one.day, where)
        except NotBelieved:
            continue
        answers.append((one, read))
        points |= {when: house(when) for when in read.powers}

    own = {ring: rows_of(store, ring) for ring in ("quarters", "days")}
    merged, added = fill(store, recorder, answers)
    wanted = {
        quarter: have
        for quarter in unknown
        if (have := [points[slot] for slot in range(int(quarter), int(quarter) + 900, 300) if slot in points])
    }
    assert added["quarters"] == len(wanted)
    if merged is None:
        assert not wanted
        return
    quarters, days = (by_time(*merged.rings[ring]) if ring in merged.rings else {} for ring in ("quarters", "days"))
    for when, row in own["quarters"].items():
        if when < recorder.intervals.quarter_start:
            assert [value.hex() for value in quarters[when].values()] == [value.hex() for value in row.values()]
    assert quarters.keys() == {when for when in own["quarters"] if when < recorder.intervals.quarter_start} | set(
        wanted
    )
    gained: dict[datetime.date, float] = {}
    for quarter, have in wanted.items():
        row = quarters[quarter]
        hours = 300.0 / 3600.0
        assert row["solar_wh"] == pytest.approx(sum(one["solar_power"] for one in have) * hours)
        assert row["grid_export_wh"] == pytest.approx(sum(max(0.0, -one["grid_power"]) for one in have) * hours)
        assert row["battery_charge_wh"] == pytest.approx(sum(max(0.0, -one["battery_power"]) for one in have) * hours)
        assert row["home_wh"] == pytest.approx(sum(max(0.0, sum(one.values())) for one in have) * hours)
        assert row["covered_seconds"] == row["filled_seconds"] == 300.0 * len(have)
        for power, energies in (("site", ("grid_import_wh", "grid_export_wh")), ("battery", ("battery_discharge_wh",))):
            net = row[energies[0]] - row[energies[1] if len(energies) > 1 else "battery_charge_wh"]
            assert row[power] * row["covered_seconds"] / 3600.0 == pytest.approx(net, abs=1e-3)
        gained[local_date(quarter, where)] = gained.get(local_date(quarter, where), 0.0) + row["solar_wh"]
    open_day = recorder.intervals.day_start
    for start in {*days, open_day}:
        date = local_date(start + 1.0, where)
        before = own["days"].get(start, {}).get("solar_wh", 0.0)
        before = 0.0 if math.isnan(before) else before  # a day of a single poll has no energy yet
        after = recorder.intervals.day_energies()[0] if start == open_day else days[start]["solar_wh"]
        after = 0.0 if math.isnan(after) else after
        assert after == pytest.approx(before + gained.get(date, 0.0))
    assert find_gaps(store, where, begin, end) == gaps  # only the journal touches the rings


def rows_of(store: Archive, ring: str) -> dict[float, dict[str, float]]:
    times, columns = store.rings[ring].select(-math.inf, math.inf)
    return by_time(times, dict(zip(store.plans[ring].columns, columns, strict=True)))


def by_time(times: Any, columns: dict[str, Any]) -> dict[float, dict[str, float]]:
    return {when: {name: column[row] for name, column in columns.items()} for row, when in enumerate(times)}


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 6)), max_size=5), st.integers(0, 40))
def test_a_gap_that_reaches_up_to_the_present_waits(spans: list[tuple[int, int]], end: int) -> None:
    at, quarters = 0, list[float]()
    for space, count in spans:
        at += space
        quarters += [900.0 * (at + number) for number in range(count)]
        at += count
    quarters = [when for when in quarters if when < 900.0 * end]
    day = datetime.date(1970, 1, 1)
    tail = 900.0 * end
    while tail - 900.0 in quarters:
        tail -= 900.0
    kept = [when for when in quarters if when < tail]
    found = without_newest([DayGaps(day, list(quarters))], 900.0 * end)
    assert [one.quarters for one in found] == ([kept] if kept else [])
