"""Windows are half-open, and rows frame the days of the house: in every time zone, on days on which clocks change."""

from __future__ import annotations

import datetime
import io
import itertools
import math
import zoneinfo
from array import array
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pwserver.history.archive import Archive
from pwserver.history.days import day_start, local_date
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import COLUMNS, HistoryGateway, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.history.ring_tables import RingTable, write_csv, write_lines
from pwserver.web.history_routes import response
from tests.history.support import archive, body, histories
from tests.history.test_days import three_days

ONE_DAY = datetime.timedelta(days=1)
SETTINGS = HistorySettings(poll_interval=300.0, poll_retention_seconds=8 * 86400.0, max_signals=0)
NOON = 1_795_377_600.0  # 2026-11-22T20:00:00Z
ROW = array("d", [2000.0, 0.0, 0.0, 2000.0] + [math.nan] * (len(COLUMNS) - 4))


def house(zone: str, start: float, end: float, step: float = 300.0) -> Archive:
    """Two kilowatts from the grid all the time."""
    store = archive(SETTINGS, HistoryGateway("default", "House", zone))
    recorder = Recorder(store)
    for number in range(round((end - start) / step) + 1):
        recorder.take_row(start + number * step, ROW)
    return store


@lru_cache(maxsize=8)
def whole_days(zone: str, day: datetime.date) -> Archive:
    """The day before, that day and the day after."""
    where = ZoneInfo(zone)
    return house(zone, day_start(day - ONE_DAY, where), day_start(day + 2 * ONE_DAY, where))


def ask(store: Archive, start: float, end: float, step: str, fields: str, **more: str) -> Any:
    """Ask for a window; the rows as columns."""
    arguments = {"from": repr(start), "to": repr(end), "step": step, "fields": fields, "format": "columns", **more}
    answer = ROUTES["/api/history"](histories(store), arguments, NOON + 40 * 86400.0, None)
    assert answer.status == 200, answer.body
    found = body(answer)
    assert found["step"] == answer.step_seconds
    return found


# --- steps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "used"),
    [("20m", 1800), ("1m", 900), ("15m", 900), ("16m", 1800), ("50m", 3600), ("100m", 6300), ("1h", 3600)],
)
def test_a_step_that_divides_stored_rows_grows_to_whole_ones_and_says_so(step: str, used: int) -> None:
    store = house("UTC", NOON, NOON + 6 * 3600.0 + 1800.0)
    found = ask(store, NOON, NOON + 6 * 3600.0 + 1800.0, step, "grid_import_kwh")
    assert found["step"] == used
    times, energies = found["columns"]["time"], found["columns"]["grid_import_kwh"]
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {used}
    whole = [energy for when, energy in zip(times, energies, strict=True) if when + used <= NOON + 6 * 3600.0]
    assert whole[1:] == pytest.approx([2.0 * used / 3600.0] * (len(whole) - 1))


@pytest.mark.parametrize("step", ["90s", "7m", "45s"])
def test_a_step_of_powers_from_minutes_is_whole_minutes(step: str) -> None:
    settings = HistorySettings(poll_interval=5.0, poll_retention_seconds=3600.0, max_signals=0)
    store = archive(settings, HistoryGateway("default", "House", "UTC"))
    recorder = Recorder(store)
    for number in range(4 * 720):
        recorder.take_row(NOON + 5.0 * number, ROW)
    found = ask(store, NOON, NOON + 7200.0, step, "load,samples")
    assert (found["ring"], found["step"] % 60.0) == ("minutes", 0.0)
    assert set(found["columns"]["samples"][1:-1]) == {found["step"] / 5.0}


def test_the_step_that_was_used_is_a_header_of_the_answer() -> None:
    store = house("UTC", NOON, NOON + 7200.0)
    asked = {"from": repr(NOON), "to": repr(NOON + 7200.0), "step": "20m", "fields": "home_kwh"}
    answer = ROUTES["/api/history"](histories(store), asked, NOON + 7200.0, None)
    assert response(answer).headers["x-step-seconds"] == "1800"


# --- windows -------------------------------------------------------------------------------------------------------


def test_the_end_is_not_a_part_of_a_window() -> None:
    store = house("UTC", NOON, NOON + 3600.0)
    found = ask(store, NOON, NOON + 900.0, "15m", "grid_import_kwh,samples")
    assert found["columns"]["time"] == [NOON]
    assert found["columns"]["grid_import_kwh"] == pytest.approx([0.5])
    for step, count in (("5m", 3), ("300", 3), ("1m", 3), ("450s", 2)):
        found = ask(store, NOON, NOON + 900.0, step, "load,samples")
        assert len(found["columns"]["time"]) == count
        assert sum(found["columns"]["samples"]) == 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 24), st.integers(0, 24), st.sampled_from(["samples", "trend", "history", "csv"]))
def test_windows_that_meet_share_no_poll_and_lose_none(first: int, second: int, kind: str) -> None:
    store = _two_hours()
    low, high = sorted((first, second))
    cuts = [NOON, NOON + 300.0 * low, NOON + 300.0 * high, NOON + 7501.0]
    found: list[float] = []
    for start, end in itertools.pairwise(cuts):
        if end > start:
            found += _polls(store, kind, start, end)
    assert sorted(found) == [NOON + 300.0 * number for number in range(25)]


@lru_cache(maxsize=1)
def _two_hours() -> Archive:
    return house("UTC", NOON, NOON + 7200.0)


def _polls(store: Archive, kind: str, start: float, end: float) -> list[float]:
    """The polls that an answer shows, each in a row of its own."""
    asked = histories(store)
    if kind == "samples":
        answer = ROUTES["/api/timeseries/samples"](asked, {"start": repr(start), "end": repr(end)}, NOON, None)
        return [one["ts"] for one in body(answer)["samples"]]
    if kind == "trend":
        answer = ROUTES["/api/timeseries/trend"](asked, {"start": repr(start), "end": repr(end)}, NOON, None)
        return [one["ts"] for one in body(answer)["points"]]
    if kind == "history":
        return list(ask(store, start, end, "5m", "load")["columns"]["time"])
    times, (loads,) = store.polls.select(-math.inf, math.inf, [3])
    out = io.StringIO()
    write_csv(RingTable("default", "polls", times, {"load": loads}), out, start, end)
    table = RingTable("default", "polls", times, {"load": loads})
    assert write_lines(table, io.StringIO(), start, end) == out.getvalue().count("\n") - 1
    return [float(line.split(",")[2]) for line in out.getvalue().splitlines()[1:]]


# --- days ----------------------------------------------------------------------------------------------------------

ZONES = sorted(zone for zone in zoneinfo.available_timezones() if not zone.startswith(("right/", "posix/")))
DAYS = st.dates(datetime.date(2012, 1, 2), datetime.date(2025, 12, 30))


@st.composite
def days_and_zones(draw: st.DrawFn) -> tuple[str, datetime.date]:
    """A zone and a day; half of the days are those on which its clocks change, or beside one."""
    zone, day = draw(st.sampled_from(ZONES)), draw(DAYS)
    if draw(st.booleans()):
        where = ZoneInfo(zone)
        first = datetime.datetime(day.year, 1, 1, 12, tzinfo=datetime.UTC)
        noons = [first + number * ONE_DAY for number in range(366)]
        offsets = [noon.astimezone(where).utcoffset() for noon in noons]
        changes = [noon for noon, one, next_ in zip(noons, offsets, offsets[1:], strict=False) if one != next_]
        if changes:
            day = draw(st.sampled_from(changes)).astimezone(where).date() + draw(st.integers(-1, 2)) * ONE_DAY
    return zone, day


@settings(max_examples=60, deadline=None)
@given(days_and_zones())
@example(("Asia/Kolkata", datetime.date(2025, 6, 1)))
@example(("Asia/Kathmandu", datetime.date(2025, 6, 1)))
@example(("Australia/Lord_Howe", datetime.date(2025, 4, 6)))
@example(("Australia/Lord_Howe", datetime.date(2025, 10, 5)))
@example(("America/Havana", datetime.date(2024, 11, 3)))
@example(("Africa/Cairo", datetime.date(2024, 10, 31)))
@example(("America/Los_Angeles", datetime.date(2025, 3, 9)))
def test_a_day_is_framed_by_its_rows_and_has_no_others(chosen: tuple[str, datetime.date]) -> None:
    zone, day = chosen
    where = ZoneInfo(zone)
    start, end = day_start(day, where), day_start(day + ONE_DAY, where)
    if end <= start or local_date(start, where) != day:
        return  # a day that this zone has left out
    store = whole_days(zone, day)
    for step, seconds in (("1d", 86400.0), ("2d", 172_800.0), ("7d", 604_800.0)):
        found = ask(store, start, end, step, "home_kwh")
        assert found["columns"]["time"] == [start], step
        assert found["columns"]["home_kwh"] == pytest.approx([2.0 * (end - start) / 3600.0]), seconds
    for step in ("1h", "15m", "6h", "12h"):
        found = ask(store, start, end, step, "home_kwh,load")
        times = found["columns"]["time"]
        assert times[0] == start, step
        assert all(start <= when < end for when in times)
        assert math.fsum(found["columns"]["home_kwh"]) == pytest.approx(2.0 * (end - start) / 3600.0), step
    inside = ask(store, start + 1.0, end - 1.0, "1d", "home_kwh")
    assert inside["columns"]["time"] == [start]
    over = ask(store, start - 1.0, end + 1.0, "1d", "home_kwh")
    assert len(over["columns"]["time"]) == 3


def test_several_days_in_a_row_begin_with_the_day_of_the_window() -> None:
    zone = ZoneInfo("Europe/Berlin")
    first = datetime.date(2025, 3, 24)  # a Monday; clocks change on the Sunday after
    start, end = day_start(first, zone), day_start(first + 14 * ONE_DAY, zone)
    store = house("Europe/Berlin", start - 86_400.0, end + 86_400.0, 900.0)
    found = ask(store, start, end, "7d", "home_kwh")
    assert found["columns"]["time"] == [start, day_start(first + 7 * ONE_DAY, zone)]
    assert found["columns"]["home_kwh"] == pytest.approx([2.0 * 167, 2.0 * 168])


def test_days_counted_in_a_zone_that_was_not_known_yet_are_found() -> None:
    store = archive(SETTINGS, HistoryGateway("default", "House", "UTC", timezone_set=False))
    recorder = Recorder(store)
    start = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC).timestamp()
    for number in range(4 * 288):
        if number == 2 * 288 + 12:
            recorder.use_zone("America/Los_Angeles")
        recorder.take_row(start + 300.0 * number, ROW)
    noon = start + 12 * 3600.0
    found = ask(store, noon, noon + 60.0, "1d", "home_kwh")
    assert found["columns"]["time"] == [start]


def test_a_daily_trend_of_signals_ends_before_its_end() -> None:
    store, days, end = three_days("Asia/Kolkata", "2025-06-02")
    where = ZoneInfo("Asia/Kolkata")
    start, stop = day_start(days[1], where), day_start(days[2], where)
    asked = {"start": repr(start), "end": repr(stop), "resolution": "daily"}
    (series,) = body(ROUTES["/api/timeseries/signal_trend"](histories(store), asked, end + 86400.0, None))["series"]
    assert [point["day"] for point in series["points"]] == [days[1].isoformat()]
    asked["resolution"] = "raw"
    asked["end"] = repr(start + 600.0)
    (series,) = body(ROUTES["/api/timeseries/signal_trend"](histories(store), asked, end + 86400.0, None))["series"]
    assert [point["n"] for point in series["points"]] == [1]
