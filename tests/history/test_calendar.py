"""Totals of days, weeks, months and years, compared with what every single day says."""

from __future__ import annotations

import csv
import datetime
import io
import itertools
import math
from array import array
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.archive import Archive
from pwserver.history.calendar_periods import PERIODS
from pwserver.history.days import day_start
from pwserver.history.history_answer import Histories
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import AGGREGATE, ENERGIES, SHARES, HistoryGateway, HistorySettings
from tests.history.support import archive, body, histories

SETTINGS = HistorySettings(max_signals=0, days_kept_seconds=1500 * 86400.0)
NAMES = [f"{name}_kwh" for name in (*ENERGIES, *SHARES)]
Day = Mapping[str, float]


def day(home: float = 10_000.0, bought: float = 4_000.0, **more: float) -> dict[str, float]:
    """A whole day: the home's energy comes from the grid and, for the rest, from the sun."""
    sun = home - bought
    known = {"solar_wh": sun + 1_000.0, "home_wh": home, "battery_charge_wh": 500.0, "battery_discharge_wh": 400.0,
             "grid_import_wh": bought, "grid_export_wh": 1_000.0, "solar_to_home_wh": sun, "battery_to_home_wh": 0.0,
             "grid_to_home_wh": bought, "covered_seconds": 86400.0, "gap_seconds": 0.0}  # fmt: skip
    return {**known, **more}


def house(
    days: Mapping[str, Day], zone: str = "Europe/Berlin", gateway: str = "home", virtual: bool = False
) -> Archive:
    """A house whose days are known."""
    store = archive(SETTINGS, HistoryGateway(gateway, gateway, zone, virtual=virtual))
    names = store.layout.rings[[plan.name for plan in store.layout.rings].index("days")].columns
    for date, figures in sorted(days.items()):
        when = datetime.date.fromisoformat(date)
        row = {"date": float(when.toordinal()), **figures}
        store.days.append(day_start(when, ZoneInfo(zone)), array("d", [row.get(name, math.nan) for name in names]))
    return store


def at(date: str, clock: str = "12:00", zone: str = "Europe/Berlin") -> float:
    return datetime.datetime.fromisoformat(f"{date}T{clock}").replace(tzinfo=ZoneInfo(zone)).timestamp()


def ask(asked: Histories, now: float, status: int = 200, **arguments: str) -> Any:
    answer = ROUTES["/api/history/calendar"](asked, arguments, now, None)
    assert answer.status == status, answer.body
    return body(answer) if answer.media_type == "application/json" else answer.body.decode()


def span(first: str, last: str) -> list[str]:
    start, end = datetime.date.fromisoformat(first), datetime.date.fromisoformat(last)
    return [(start + datetime.timedelta(days=days)).isoformat() for days in range((end - start).days + 1)]


# --- against brute force ------------------------------------------------------------------------------------------

energy = st.floats(0.0, 50_000.0, allow_nan=False)
LABELS: dict[str, Callable[[datetime.date], str]] = {
    "day": lambda date: f"{date}",
    "week": lambda date: f"{date:%G-W%V}",
    "month": lambda date: f"{date:%Y-%m}",
    "year": lambda date: f"{date:%Y}",
}


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.dates(datetime.date(2024, 1, 1), datetime.date(2026, 12, 30)), st.tuples(energy, energy), max_size=60
    ),
    st.sampled_from(sorted(PERIODS)),
    st.sampled_from(
        ["Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns", "UTC"]
    ),
)
def test_every_day_is_in_exactly_one_period(
    known: dict[datetime.date, tuple[float, float]], kind: str, zone: str
) -> None:
    days = {f"{date}": day(home, min(home, bought)) for date, (home, bought) in known.items()}
    found = ask(histories(house(days, zone)), at("2026-12-31", zone=zone), period=kind, count="400")["periods"]
    assert found[-1]["period"] == LABELS[kind](datetime.date(2026, 12, 31))
    for earlier, later in itertools.pairwise(found):
        ends, starts = (datetime.date.fromisoformat(one) for one in (earlier["end"], later["start"]))
        assert starts - ends == datetime.timedelta(days=1)
    for row in found:
        inside = [date for date in known if row["start"] <= f"{date}" <= row["end"]]
        assert {LABELS[kind](date) for date in inside} <= {row["period"]}
        assert row["days_covered"] == len(inside)
        assert row["days"] == len(span(row["start"], row["end"]))
        for name in NAMES:
            figures = [days[f"{date}"][name.replace("_kwh", "_wh")] / 1000.0 for date in inside]
            assert row[name] == (pytest.approx(math.fsum(figures), rel=1e-6) if inside else None)
        home, sun = (math.fsum(days[f"{date}"][name] for date in inside) for name in ("home_wh", "solar_to_home_wh"))
        if home > 1.0:
            assert row["self_powered_percent"] == pytest.approx(100.0 * sun / home, rel=1e-6, abs=1e-6)
    if kind != "day":
        listed = {date for date in known for row in found if row["start"] <= f"{date}" <= row["end"]}
        assert listed == set(known)


# --- comparison ---------------------------------------------------------------------------------------------------


def test_whole_periods_are_compared_as_wholes_also_where_they_differ_in_length() -> None:
    days = {date: day() for date in span("2026-01-01", "2026-03-31")}
    january, february, march = ask(histories(house(days)), at("2026-04-01"), end="2026-03-31", count="12")["periods"]
    assert (january["compared"], january["previous"], january["change"]) == (None, None, None)
    assert february["compared"] == march["compared"] == "whole periods"
    assert (february["days"], february["days_covered"], february["complete"]) == (28, 28, True)
    assert march["previous"] == {"period": "2026-02", "days": 28} | {name: february[name] for name in NAMES} | {
        "self_powered_percent": 60.0
    }
    assert march["change"]["home_kwh"] == 30.0 and march["change"]["self_powered_percent"] == 0.0


def test_a_running_period_is_compared_with_the_same_days_of_the_one_before() -> None:
    days = {date: day() for date in span("2026-09-01", "2026-11-09")}
    days |= {date: day(home=20_000.0) for date in span("2026-11-01", "2026-11-09")}
    row = ask(histories(house(days)), at("2026-11-10"))["periods"][-1]
    assert (row["period"], row["running"], row["complete"], row["days_covered"]) == ("2026-11", True, False, 9)
    assert row["compared"] == "same days" and row["previous"]["days"] == 9
    assert row["previous"]["home_kwh"] == 90.0 and row["change"]["home_kwh"] == 90.0


def test_a_period_with_missing_days_is_compared_by_the_days_that_both_know() -> None:
    days = {date: day() for date in span("2026-10-05", "2026-10-18")}
    del days["2026-10-13"]
    days["2026-10-07"] = day(covered_seconds=40_000.0, gap_seconds=3_600.0)
    first, second = ask(histories(house(days)), at("2026-11-10"), period="week", end="2026-10-18")["periods"]
    assert (first["period"], first["start"], first["end"]) == ("2026-W41", "2026-10-05", "2026-10-11")
    assert (first["days_covered"], first["complete"], first["gap_seconds"]) == (6, False, 3600.0)
    assert (second["days_covered"], second["home_kwh"]) == (6, 60.0)
    assert second["compared"] == "same days" and second["previous"]["days"] == 5


def test_the_present_day_is_compared_with_the_same_hours_of_yesterday() -> None:
    days = {"2026-11-09": day(home=96_000.0, bought=0.0), "2026-11-10": day(home=60_000.0, bought=0.0)}
    store = house(days)
    names = store.layout.rings[[plan.name for plan in store.layout.rings].index("quarters")].columns
    for date, last in (("2026-11-09", 96), ("2026-11-10", 51)):
        for quarter in range(last):
            row = {"home_wh": 1_000.0 if date.endswith("09") else 1_200.0}
            store.quarters.append(
                at(date, "00:00") + 900.0 * quarter, array("d", [row.get(name, math.nan) for name in names])
            )
    row = ask(histories(store), at("2026-11-10", "12:40"), period="day")["periods"][-1]
    assert row["running"] and row["home_kwh"] == 60.0
    assert row["previous"]["home_kwh"] == 50.0  # of 12:30, as quarters of an hour are not divided
    assert row["change"]["home_kwh"] == 10.0


def test_without_the_quarters_of_an_hour_the_present_day_is_not_compared() -> None:
    days = {"2026-11-09": day(), "2026-11-10": day()}
    row = ask(histories(house(days)), at("2026-11-10"), period="day")["periods"][-1]
    assert (row["compared"], row["previous"], row["change"]) == (None, None, None)


def test_the_29th_of_february_has_no_fellow() -> None:
    days = {date: day() for date in span("2027-01-01", "2028-02-29")}
    row = ask(histories(house(days)), at("2028-03-01"), period="year", end="2028-03-01")["periods"][-1]
    assert row["period"] == "2028" and row["days_covered"] == 60 and row["previous"]["days"] == 59


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"])
def test_days_of_23_and_25_hours_are_whole(zone: str) -> None:
    where = ZoneInfo(zone)
    dates = span("2026-01-01", "2026-12-31")
    ends = [day_start(datetime.date.fromisoformat(date) + datetime.timedelta(days=1), where) for date in dates]
    days = {date: day(covered_seconds=end - at(date, "00:00", zone)) for date, end in zip(dates, ends, strict=True)}
    assert {one["covered_seconds"] for one in days.values()} != {86400.0}
    found = ask(histories(house(days, zone)), at("2027-01-01", zone=zone), end="2026-12-31")["periods"]
    assert [row["complete"] for row in found] == [True] * 12


# --- how self-powered ---------------------------------------------------------------------------------------------


def test_a_day_without_parts_counts_with_what_it_was_at_least() -> None:
    none = dict.fromkeys(("solar_to_home_wh", "battery_to_home_wh", "grid_to_home_wh", "covered_seconds"), math.nan)
    days = {"2026-10-01": day(), "2026-10-02": day(home=30_000.0, bought=45_000.0, **none)}
    (row,) = ask(histories(house(days)), at("2026-11-01"), end="2026-10-31")["periods"]
    assert row["self_powered_percent"] == pytest.approx(15.0)  # 6 of 40 kWh
    assert row["self_powered_from"] == "totals" and row["days_covered"] == 2


def test_a_battery_that_trades_makes_the_house_no_less_self_powered() -> None:
    """B8: 10 kWh are bought into the battery and sold again while the house runs on sun."""
    traded = day(home=10_000.0, bought=10_000.0, solar_to_home_wh=10_000.0, grid_to_home_wh=0.0)
    (row,) = ask(histories(house({"2026-10-01": traded})), at("2026-10-02"), period="day", end="2026-10-01")["periods"]
    assert (row["self_powered_percent"], row["self_powered_from"], row["solar_to_home_kwh"]) == (100.0, "shares", 10.0)


# --- several houses -----------------------------------------------------------------------------------------------


def several(**days: Mapping[str, Day]) -> Histories:
    return histories(*(house(known, gateway=name, virtual=name == AGGREGATE.id) for name, known in days.items()))


def test_the_sum_is_what_was_recorded_as_one_house() -> None:
    home, barn = ({date: day() for date in span("2026-10-01", "2026-10-31")} for _ in range(2))
    both = {date: day(home=19_000.0, bought=1_000.0) for date in home}  # one feeds the other
    asked = several(home=home, barn=barn, aggregate=both)
    (row,) = ask(asked, at("2026-11-01"), end="2026-10-31")["periods"]
    assert row["home_kwh"] == 31 * 19.0 and row["self_powered_percent"] == pytest.approx(100.0 * 18.0 / 19.0)
    (alone,) = ask(asked, at("2026-11-01"), end="2026-10-31", gateway="barn")["periods"]
    assert alone["home_kwh"] == 310.0


def test_days_before_the_sum_was_recorded_are_those_of_the_houses_added_up() -> None:
    home, barn = ({date: day() for date in span("2026-10-01", "2026-10-31")} for _ in range(2))
    del barn["2026-10-01"]
    both = {"2026-10-31": day(home=2_000.0, bought=0.0, covered_seconds=7_200.0)}
    (row,) = ask(several(home=home, barn=barn, aggregate=both), at("2026-11-01"), end="2026-10-31")["periods"]
    assert row["home_kwh"] == 310.0 + 300.0 and row["days_covered"] == 31


def test_a_sum_with_a_gap_stays_as_it_was_recorded() -> None:
    """B9: a house was away for hours, so that there is no sum of them."""
    home, barn = {"2026-10-01": day()}, {"2026-10-01": day(covered_seconds=60_000.0)}
    both = {"2026-10-01": day(home=15_000.0, covered_seconds=60_000.0)}
    asked = several(home=home, barn=barn, aggregate=both)
    (row,) = ask(asked, at("2026-10-03"), period="day", end="2026-10-01")["periods"]
    assert (row["home_kwh"], row["days_covered"], row["covered_seconds"]) == (15.0, 0, 60_000.0)
    daily = body(ROUTES["/api/timeseries/daily"](asked, {}, at("2026-10-03"), None))
    assert daily["totals"][0]["home_kwh"] == 15.0 and daily["sum"]["home_kwh"] == 15.0
    assert daily["days"][0]["gateways"]["home"]["home_kwh"] == 10.0


def test_a_day_without_one_of_the_houses_has_no_sum() -> None:
    """B9: a house was away for whole days, so that neither it nor the record of the sum has rows of them."""
    home = {date: day() for date in span("2026-09-30", "2026-10-04")}
    barn = {date: day() for date in ("2026-10-01", "2026-10-02", "2026-10-04")}
    both = {date: day(home=18_000.0) for date in ("2026-10-02", "2026-10-04")}
    asked = several(home=home, barn=barn, aggregate=both)
    found = ask(asked, at("2026-10-05"), period="day", end="2026-10-04", count="5")["periods"]
    assert [row["home_kwh"] for row in found] == [10.0, 20.0, 18.0, None, 18.0]
    assert found[3]["days_covered"] == 0
    daily = body(ROUTES["/api/timeseries/daily"](asked, {}, at("2026-10-05"), None))
    assert "2026-10-03" not in [total["day"] for total in daily["totals"]] and daily["sum"]["home_kwh"] == 66.0
    assert [one["day"] for one in daily["days"]].count("2026-10-03") == 1
    assert body(ROUTES["/api/timeseries/today"](asked, {}, at("2026-10-03"), None))["total"] is None


def test_days_of_which_nobody_says_how_much_is_known_count_as_whole() -> None:
    """An import brought them to every house, on a day of which the record of the sum has an hour."""
    imported = {"2026-10-01": day(covered_seconds=math.nan)}
    both = {"2026-10-01": day(home=500.0, covered_seconds=3600.0)}
    (row,) = ask(several(home=imported, barn=imported, aggregate=both), at("2026-10-03"), end="2026-10-02")["periods"]
    assert row["home_kwh"] == 20.0 and row["days_covered"] == 1


# --- questions ----------------------------------------------------------------------------------------------------


def test_csv_has_the_same_figures() -> None:
    days = {date: day() for date in span("2026-09-01", "2026-11-09")}
    asked = histories(house(days))
    rows = ask(asked, at("2026-11-10"))["periods"]
    lines = list(csv.DictReader(io.StringIO(ask(asked, at("2026-11-10"), format="csv"))))
    assert len(lines) == len(rows) == 3
    for line, row in zip(lines, rows, strict=True):
        assert line["period"] == row["period"] and line["running"] == str(row["running"]).lower()
        for name in NAMES:
            assert float(line[name]) == row[name]
            assert line[f"change_{name}"] == ("" if row["change"] is None else str(row["change"][name]))


@pytest.mark.parametrize(
    ("given_arguments", "named"),
    [
        ({"period": "quarter"}, "period"), ({"period": "Month"}, "period"), ({"count": "0"}, "count"),
        ({"count": "401"}, "count"), ({"count": "x"}, "count"), ({"end": "2026-02-30"}, "end"),
        ({"end": "2026-11-11"}, "end"), ({"end": "1969-12-31"}, "end"), ({"end": "now"}, "end"),
        ({"format": "xml"}, "format"),
    ],
)  # fmt: skip
def test_a_bad_question_is_refused_by_name(given_arguments: dict[str, str], named: str) -> None:
    (problem,) = ask(histories(house({})), at("2026-11-10"), 422, **given_arguments)["detail"]
    assert problem["loc"] == ["query", named] and problem["input"] == given_arguments[named]


def test_an_unknown_gateway_and_no_history_are_said() -> None:
    assert "nope" in ask(histories(house({})), at("2026-11-10"), 404, gateway="nope")["detail"]
    off = HistorySettings(poll_retention_seconds=-1.0)
    assert ask(histories(settings=off), 0.0, 503)["detail"] == "history is switched off"


def test_a_house_without_days_has_the_present_period_and_knows_nothing_of_it() -> None:
    (row,) = ask(histories(house({})), at("2026-11-10"))["periods"]
    assert row["period"] == "2026-11" and row["days_covered"] == 0 and row["home_kwh"] is None
    assert row["self_powered_percent"] is None and row["previous"] is None


def test_the_same_content_is_not_sent_again() -> None:
    asked = histories(house({"2026-11-09": day()}))
    route = ROUTES["/api/history/calendar"]
    etag = route(asked, {}, at("2026-11-10"), None).etag
    assert route(asked, {}, at("2026-11-10"), etag).status == 304
    assert route(asked, {}, at("2026-11-11"), etag).status == 200
    assert route(asked, {"period": "week"}, at("2026-11-10"), etag).status == 200


# --- the same of every day, in /api/timeseries --------------------------------------------------------------------


def days_of(asked: Histories, now: float, **arguments: str) -> Any:
    return body(ROUTES["/api/timeseries/daily"](asked, arguments, now, None))


def test_the_days_have_the_parts_of_the_homes_energy_and_what_is_known_of_them() -> None:
    days = {"2026-10-01": day(covered_seconds=80_000.0, gap_seconds=6_400.0), "2026-10-02": day(home=20_000.0)}
    found = days_of(histories(house(days)), at("2026-10-03"))
    newest, oldest = (one["gateways"]["home"] for one in found["days"])
    assert (newest["solar_to_home_kwh"], newest["grid_to_home_kwh"]) == (16.0, 4.0)
    assert (newest["self_powered_percent"], newest["self_powered_from"]) == (80.0, "shares")
    assert (oldest["covered_seconds"], oldest["gap_seconds"]) == (80_000.0, 6_400.0)
    assert found["sum"]["days"] == 2 and found["sum"]["home_kwh"] == 30.0 and "totals" not in found
    assert found["sum"]["self_powered_percent"] == pytest.approx(100.0 * 22.0 / 30.0)
    one = days_of(histories(house(days)), at("2026-10-03"), days="1")
    assert len(one["days"]) == one["sum"]["days"] == 1 and one["sum"]["home_kwh"] == 20.0


def test_days_say_how_much_of_them_was_filled_and_nothing_where_it_is_not_known() -> None:
    days = {"2026-10-01": day(), "2026-10-02": day(filled_seconds=900.0), "2026-10-03": day(filled_seconds=0.0)}
    asked = histories(house(days))
    found = days_of(asked, at("2026-10-04"))
    assert [one["gateways"]["home"]["filled_seconds"] for one in found["days"]] == [0.0, 900.0, None]
    assert found["sum"]["filled_seconds"] == 900.0
    months = ask(asked, at("2026-10-04"), period="day", count="3")
    assert [one["filled_seconds"] for one in months["periods"]] == [900.0, 0.0, None]


def test_the_sum_of_houses_was_filled_as_long_as_the_one_that_was_filled_most() -> None:
    mine = {"2026-10-01": day(filled_seconds=900.0), "2026-10-02": day(filled_seconds=900.0), "2026-10-03": day()}
    theirs = {"2026-10-01": day(filled_seconds=1800.0), "2026-10-02": day(), "2026-10-03": day()}
    found = days_of(several(home=mine, barn=theirs, aggregate={}), at("2026-10-04"))
    assert [one["filled_seconds"] for one in found["totals"]] == [None, 900.0, 1800.0]


def test_a_single_house_among_several_is_not_their_sum() -> None:
    asked = several(home={"2026-10-01": day()}, barn={"2026-10-01": day()}, aggregate={"2026-10-01": day(home=7_000.0)})
    assert days_of(asked, at("2026-10-02"))["sum"]["home_kwh"] == 7.0
    alone = days_of(asked, at("2026-10-02"), gateway="barn")
    assert alone["sum"]["home_kwh"] == 10.0 and "totals" not in alone


def test_the_present_day_of_several_houses_has_the_servers_total() -> None:
    today = {"2026-10-02": day()}
    asked = several(home=today, barn=today, aggregate={"2026-10-02": day(home=7_000.0)})
    route = ROUTES["/api/timeseries/today"]
    found = body(route(asked, {}, at("2026-10-02"), None))
    assert found["total"]["home_kwh"] == 7.0 and found["gateways"]["barn"]["self_powered_percent"] == 60.0
    assert body(route(asked, {}, at("2026-10-03"), None))["total"] is None
    assert "total" not in body(route(histories(house(today)), {}, at("2026-10-02"), None))


def test_without_days_the_sum_knows_nothing() -> None:
    found = days_of(histories(house({})), at("2026-10-02"))
    assert found["sum"]["days"] == 0 and found["sum"]["home_kwh"] is None
    assert found["sum"]["self_powered_percent"] is None and found["sum"]["self_powered_from"] is None
