"""What is believed of Tesla's own history, and what is not: empty answers, zeros, zones, clock changes, odd rows."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.gateways.cloud_history import day_parameters
from pwserver.history.cloud_points import (
    NO_DATA,
    NO_TIME,
    OTHER_DAY,
    OTHER_OFFSET,
    TOO_LONG,
    TWICE,
    ZERO,
    CloudDay,
    NotBelieved,
    add_charge,
    read_powers,
)
from pwserver.history.days import day_window
from tests.tesla_history import TeslaHistory, charge, steady

ZONES = ("Europe/Berlin", "America/Los_Angeles", "Australia/Adelaide", "America/St_Johns", "Australia/Lord_Howe", "UTC")
BERLIN = ZoneInfo("Europe/Berlin")
DAY = datetime.date(2026, 11, 20)
FORWARD, BACK = datetime.date(2026, 3, 29), datetime.date(2026, 10, 25)
Rows = list[dict[str, Any]]


def asked(history: TeslaHistory, day: datetime.date = DAY, where: ZoneInfo = BERLIN, kind: Any = "power") -> Any:
    return history(day_parameters(kind, *day_window(day, where), where))


def read(history: TeslaHistory, day: datetime.date = DAY, where: ZoneInfo = BERLIN) -> CloudDay:
    return read_powers(asked(history, day, where), day, where)


def edited(change: Callable[[Rows], Any]) -> TeslaHistory:
    history = TeslaHistory()
    history.edit = lambda rows, kind: change(rows)
    return history


@pytest.mark.parametrize("zone", ZONES)
@settings(max_examples=12, deadline=None)
@given(day=st.dates(datetime.date(2019, 1, 1), datetime.date(2027, 12, 31)))
def test_every_slot_of_every_day_is_one_point(zone: str, day: datetime.date) -> None:
    where = ZoneInfo(zone)
    start, end = day_window(day, where)
    parameters = day_parameters("power", start, end, where)
    assert parameters["end_date"][11:19] == "23:59:59" and parameters["time_zone"] == zone
    found = read(TeslaHistory(), day, where)
    assert sorted(found.powers) == list(range(int(start), int(end), 300)) and not found.refused.total()
    assert set(found.powers.values()) == {(100.0, 600.0, 300.0, 1000.0)}


@pytest.mark.parametrize(("day", "rows"), [(DAY, 288), (FORWARD, 276), (BACK, 300)])
def test_days_on_which_clocks_change_have_their_own_length(day: datetime.date, rows: int) -> None:
    assert len(read(TeslaHistory(), day).powers) == rows


@pytest.mark.parametrize(
    "answer",
    ["", None, {}, {"time_series": None}, {"time_series": ""}, {"time_series": []}, {"time_series": {}}, [], 0, "no"],
)
def test_no_data_is_not_zero(answer: object) -> None:
    with pytest.raises(NotBelieved, match=NO_DATA):
        read_powers(answer, DAY, BERLIN)


def zeroed(rows: Rows, first: int, last: int) -> dict[str, Any]:
    for row in rows[first:last]:
        row.update(solar_power=0, battery_power=0, grid_power=0)
    return {"time_series": rows}


def test_rows_that_are_all_zero_are_not_there_yet() -> None:
    found = read(edited(lambda rows: zeroed(rows, 240, 288)))
    assert len(found.powers) == 240 and found.refused[ZERO] == 48
    with pytest.raises(NotBelieved, match=NO_DATA):
        read(edited(lambda rows: zeroed(rows, 0, 288)))


def test_what_is_missing_is_unknown_and_home_needs_all_three() -> None:
    def without(rows: Rows) -> dict[str, Any]:
        del rows[0]["grid_power"]
        rows[1]["solar_power"] = None
        rows[2]["battery_power"] = "300"
        rows[3]["grid_power"] = True
        rows[4]["grid_power"] = 1e9
        rows[5] = {"timestamp": rows[5]["timestamp"]}
        rows[6]["generator_power"] = 50.0
        return {"time_series": rows}

    found = read(edited(without))
    start = int(day_window(DAY, BERLIN)[0])
    rows = [found.powers.get(start + 300 * number) for number in range(8)]
    assert rows[5] is None and rows[7] == (100.0, 600.0, 300.0, 1000.0) and rows[6] == (100.0, 600.0, 300.0, 1050.0)
    for number, unknown in enumerate((0, 1, 2, 0, 0)):
        row = rows[number]
        assert row is not None and math.isnan(row[unknown]) and math.isnan(row[3]), number
        assert sum(map(math.isnan, row)) == 2


@pytest.mark.parametrize("missing", [True, False])
def test_a_house_with_solar_only_knows_its_sun_only(missing: bool) -> None:
    def sun(when: float) -> dict[str, float]:
        watts = 500.0 if 8 <= datetime.datetime.fromtimestamp(when, BERLIN).hour < 16 else 0.0
        return {"solar_power": watts} if missing else {"solar_power": watts, "battery_power": 0.0, "grid_power": 0.0}

    found = read(TeslaHistory(sun, slot_seconds=900))
    assert found.slot_seconds == 900 and len(found.powers) == 64 and found.refused[ZERO] == 32  # until the last sun
    for grid, _, battery, home in found.powers.values():
        assert math.isnan(grid) and math.isnan(battery) and math.isnan(home)
    assert {solar for _, solar, _, _ in found.powers.values()} == {0.0, 500.0}


def test_an_answer_of_another_day_is_refused_as_a_whole() -> None:
    def moved(rows: Rows, seconds: float) -> dict[str, Any]:
        for row in rows:
            when = datetime.datetime.fromisoformat(row["timestamp"]) + datetime.timedelta(seconds=seconds)
            row["timestamp"] = when.isoformat()
        return {"time_series": rows}

    for seconds in (3600.0, -3600.0, 7 * 3600.0, 86400.0, -300.0, 600.0):
        with pytest.raises(NotBelieved, match=OTHER_DAY):
            read(edited(lambda rows, by=seconds: moved(rows, by)))  # type: ignore[misc]
    assert len(read(edited(lambda rows: moved(rows, 3.0))).powers) == 288  # a moment late is the same slot


@pytest.mark.parametrize("hours", [-8, 0, 1, 2, 9])
@pytest.mark.parametrize("day", [DAY, datetime.date(2026, 7, 1), FORWARD, BACK])
def test_true_times_with_another_offset_are_believed_for_a_whole_day(hours: int, day: datetime.date) -> None:
    history = TeslaHistory()
    history.offset = datetime.timezone(datetime.timedelta(hours=hours))
    start, end = day_window(day, BERLIN)
    assert sorted(read(history, day).powers) == list(range(int(start), int(end), 300))


@pytest.mark.parametrize("day", [datetime.date(2026, 7, 1), FORWARD, BACK, DAY])
def test_a_wall_clock_with_the_offset_of_today_is_refused(day: datetime.date) -> None:
    """In the other half of the year it is one hour off, and nothing says in which direction it was meant."""
    start = datetime.datetime.combine(day, datetime.time(), BERLIN)
    today = datetime.timezone(datetime.timedelta(hours=1 if start.utcoffset() != datetime.timedelta(hours=1) else 2))

    def walled(rows: Rows) -> dict[str, Any]:
        for row in rows:
            row["timestamp"] = datetime.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=today).isoformat()
        return {"time_series": rows}

    with pytest.raises(NotBelieved):
        read(edited(walled), day)
    # Also where the rows that would tell it are missing.
    with pytest.raises(NotBelieved, match=OTHER_OFFSET):
        read(edited(lambda rows: walled(rows[12:-12])), day)


def test_an_hour_that_clocks_repeat_is_taken_once_or_not_at_all() -> None:
    def folded(rows: Rows, differ: float) -> dict[str, Any]:
        # The second 02:00 written like the first one.
        for row in rows[36:48]:
            when = datetime.datetime.fromisoformat(row["timestamp"]).replace(tzinfo=None)
            row["timestamp"] = f"{when.isoformat()}+02:00"
            row["solar_power"] += differ
        return {"time_series": rows}

    start = int(day_window(BACK, BERLIN)[0])
    found = read(edited(lambda rows: folded(rows, 50.0)), BACK)
    assert len(found.powers) == 276 and found.refused[TWICE] == 24
    assert all(start + 24 * 300 > when or when >= start + 48 * 300 for when in found.powers)
    found = read(edited(lambda rows: folded(rows, 0.0)), BACK)
    assert len(found.powers) == 288 and not found.refused.total()  # two rows that say the same are one


@pytest.mark.parametrize("stamp", [None, "", 0, "2026-11-20T10:00:00", "20 November", "x" * 100, "9999-99-99"])
def test_a_row_without_a_time_is_left_out(stamp: object) -> None:
    def spoiled(rows: Rows) -> dict[str, Any]:
        rows[7]["timestamp"] = stamp
        return {"time_series": [*rows, None, "row"]}

    found = read(edited(spoiled))
    assert len(found.powers) == 287 and found.refused[NO_TIME] == 3


def test_an_endless_answer_is_refused() -> None:
    with pytest.raises(NotBelieved, match=TOO_LONG):
        read(edited(lambda rows: {"time_series": rows * 10}))


def test_charge_is_on_the_scale_of_the_app() -> None:
    found = read(TeslaHistory())
    answer = asked(TeslaHistory(), kind="soe")
    answer["time_series"][0]["soe"] = None
    answer["time_series"][1]["soe"] = 101
    answer["time_series"][2]["soe"] = -1
    add_charge(found, answer, DAY, BERLIN)
    start = int(day_window(DAY, BERLIN)[0])
    assert sorted(found.percent) == list(range(start + 3 * 900, start + 96 * 900, 900))
    assert all(percent == charge(when) for when, percent in found.percent.items())
    with pytest.raises(NotBelieved):
        add_charge(found, "", DAY, BERLIN)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
STAMPS = st.sampled_from(["2026-11-20T10:00:00+01:00", "2026-11-20T10:05:00+01:00", "2026-11-20T10:00:00Z", ""])
ROW = st.fixed_dictionaries({"timestamp": STAMPS | JSON}, optional=dict.fromkeys(steady(0.0), JSON))


@settings(max_examples=150, deadline=None)
@given(answer=JSON | st.fixed_dictionaries({"time_series": JSON | st.lists(ROW | JSON, max_size=6)}))
def test_no_answer_breaks_it(answer: object) -> None:
    try:
        found = read_powers(answer, DAY, BERLIN)
    except NotBelieved:
        return
    start, end = day_window(DAY, BERLIN)
    for when, row in found.powers.items():
        assert start <= when < end and len(row) == 4
        assert all(math.isnan(value) or abs(value) <= 4e6 for value in row)
        assert any(value for value in row if not math.isnan(value)) or found.slot_seconds == 900 or math.isnan(row[0])
