"""Totals of any window: exactly what its quarter hours and days say, its bars, and the windows it is compared with."""

from __future__ import annotations

import csv
import datetime
import io
import math
from array import array
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.archive import Archive
from pwserver.history.days import day_start
from pwserver.history.history_answer import Histories
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import AGGREGATE, HistorySettings
from tests.history.support import body, histories
from tests.history.test_calendar import at, house, span
from tests.history.test_calendar import day as a_day

BERLIN = ZoneInfo("Europe/Berlin")
QUARTERS_OF_A_DAY = 96


def with_quarters(
    dates: list[str],
    zone: str = "Europe/Berlin",
    until: float = math.inf,
    since: float = 0.0,
    gateway: str = "home",
    without: Sequence[float] = (),
    **more: float,
) -> Archive:
    """A house that uses 0.1 kWh in each quarter hour; its days say the same."""
    where = ZoneInfo(zone)
    rows, whole = [], {}
    for date in dates:
        first = datetime.date.fromisoformat(date)
        begin, end = (day_start(first + datetime.timedelta(days=days), where) for days in (0, 1))
        starts = [
            when
            for when in range(int(begin), int(end), 900)
            if since <= when < until and when // 3600 * 3600 not in without
        ]
        rows += starts
        figures = {"home_wh": 100.0 * len(starts), "grid_import_wh": 40.0 * len(starts)}
        whole[date] = figures | {"covered_seconds": 900.0 * len(starts), "gap_seconds": 0.0} | more
    store = house(whole, zone, gateway, virtual=gateway == AGGREGATE.id)
    columns = store.columns("quarters")
    for when in rows:
        row = array("d", [math.nan] * len(columns))
        for name, value in {"home_wh": 100.0, "grid_import_wh": 40.0, "covered_seconds": 900.0}.items():
            row[columns[name]] = value
        store.quarters.append(float(when), row)
    return store


def ask(asked: Histories | Archive, now: float, status: int = 200, **arguments: str) -> Any:
    known = histories(asked) if isinstance(asked, Archive) else asked
    given = {name.rstrip("_"): value for name, value in arguments.items()}
    answer = ROUTES["/api/history/totals"](known, given, now, None)
    assert answer.status == status, answer.body
    return body(answer) if answer.media_type == "application/json" else answer.body.decode()


@pytest.fixture(scope="module")
def week() -> Archive:
    return with_quarters(span("2026-11-01", "2026-11-26"), until=at("2026-11-26", "20:15"))


def test_24_hours_are_24_hours_and_not_the_two_days_that_they_touch(week: Archive) -> None:
    now = at("2026-11-26", "20:15")
    found = ask(week, now, from_="now-24h")
    assert (found["step"], found["to"] - found["from"]) == ("hour", 86400)
    assert found["total"]["home_kwh"] == pytest.approx(9.6)
    assert [row["home_kwh"] for row in found["rows"]] == pytest.approx([0.3, *[0.4] * 23, 0.1])
    assert found["rows"][0]["label"] == "2026-11-25T20:00+01:00" and found["rows"][0]["start"] == found["from"]
    before = found["previous"]
    assert (before["from"], before["to"]) == (found["from"] - 86400, found["from"])
    assert before["home_kwh"] == pytest.approx(9.6) and before["change"]["home_kwh"] == pytest.approx(0.0)
    assert found["year_before"] is None, "nothing is known of it"


def test_days_that_the_window_divides_count_as_far_as_they_are_in_it(week: Archive) -> None:
    now = at("2026-11-26", "20:15")
    found = ask(week, now, from_=str(at("2026-11-20", "18:00")), to=str(at("2026-11-23", "06:00")))
    assert found["step"] == "day"
    assert [row["label"] for row in found["rows"]] == span("2026-11-20", "2026-11-23")
    assert [row["home_kwh"] for row in found["rows"]] == pytest.approx([2.4, 9.6, 9.6, 2.4])
    assert found["total"]["home_kwh"] == pytest.approx(24.0)
    today = ask(week, now, from_=str(at("2026-11-26", "00:00")))
    assert today["total"]["home_kwh"] == pytest.approx(8.1), "the day that is not over counts up to now"


def test_whole_days_are_compared_with_as_many_days_before_also_where_clocks_change() -> None:
    store = with_quarters(span("2026-03-15", "2026-04-05"))
    start, end = at("2026-03-23", "00:00"), at("2026-03-30", "00:00")  # the 29th has 23 hours
    found = ask(store, at("2026-04-06"), from_=str(start), to=str(end))
    assert found["total"]["home_kwh"] == pytest.approx(9.6 * 7 - 0.4)
    assert found["previous"]["from"] == at("2026-03-16", "00:00")
    assert found["previous"]["change"]["home_kwh"] == pytest.approx(-0.4)


def test_an_hour_that_comes_twice_is_two_bars() -> None:
    store = with_quarters(["2026-10-25"])
    begin, end = at("2026-10-25", "00:00"), at("2026-10-26", "00:00")
    found = ask(store, end, from_=str(begin), to=str(end))
    labels = [row["label"] for row in found["rows"]]
    assert len(labels) == len(set(labels)) == 25
    assert labels[2:4] == ["2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"]


def test_long_windows_have_months_and_the_first_and_last_one_are_cut() -> None:
    store = house({date: a_day() for date in span("2024-01-01", "2026-11-25")})
    start, end = at("2026-01-21", "00:00"), at("2026-03-11", "00:00")
    found = ask(store, at("2026-11-26"), from_=str(start), to=str(end))
    assert [(row["label"], row["home_kwh"]) for row in found["rows"]] == [
        ("2026-01", 110.0), ("2026-02", 280.0), ("2026-03", 100.0)
    ]  # fmt: skip
    assert found["total"]["home_kwh"] == 490.0 and found["total"]["self_powered_percent"] == 60.0
    assert found["previous"]["home_kwh"] == 490.0 and found["year_before"]["home_kwh"] == 490.0
    assert found["year_before"]["from"] == at("2025-01-21", "00:00")


def test_a_window_of_which_too_little_is_known_is_not_compared() -> None:
    known = span("2026-11-01", "2026-11-20")
    store = house({date: a_day() for date in known if date != "2026-11-05"})
    now, end = at("2026-11-26"), str(at("2026-11-15", "00:00"))
    for first in ("2026-11-08", "2026-11-03"):  # before it, and in it
        assert ask(store, now, from_=str(at(first, "00:00")), to=end)["previous"] is None
    empty = ask(store, now, from_=str(at("2026-10-01")), to=str(at("2026-10-02")))
    assert empty["rows"] == [] and empty["total"] is None and empty["previous"] is None


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 20 * 96),
    st.integers(1, 12 * 96),
    st.sampled_from(["fit", "hour", "day", "month"]),
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]),
)
def test_a_window_has_what_its_quarter_hours_have(first: int, length: int, step: str, zone: str) -> None:
    store = STORES.setdefault(zone, with_quarters(span("2026-03-20", "2026-04-12"), zone))
    start = at("2026-03-20", "00:00", zone) + 900 * first
    end = start + 900 * length
    found = ask(store, at("2026-05-01"), from_=str(start), to=str(end), step=step)
    times, _ = store.quarters.select(start, math.nextafter(end, -math.inf), [0])
    if not times:
        assert found["total"] is None
        return
    assert found["total"]["home_kwh"] == pytest.approx(0.1 * len(times))
    assert math.fsum(row["home_kwh"] for row in found["rows"]) == pytest.approx(0.1 * len(times))
    assert all(one["end"] <= two["start"] for one, two in zip(found["rows"], found["rows"][1:], strict=False))


STORES: dict[str, Archive] = {}


@pytest.mark.parametrize("period", ["week", "month", "year"])
def test_a_calendar_period_has_the_same_totals_as_the_calendar_says(period: str) -> None:
    store = house(
        {date: a_day(home=9_000.0 + 10 * place) for place, date in enumerate(span("2025-12-01", "2026-11-30"))}
    )
    now = at("2026-12-31")
    (row,) = body(
        ROUTES["/api/history/calendar"](
            histories(store), {"period": period, "count": "1", "end": "2026-10-15"}, now, None
        )
    )["periods"]
    end = datetime.date.fromisoformat(row["end"]) + datetime.timedelta(days=1)
    found = ask(store, now, from_=str(at(row["start"], "00:00")), to=str(at(f"{end}", "00:00")))
    assert found["total"] == {name: row[name] for name in found["total"]}


@pytest.mark.parametrize(
    ("start", "end", "begun", "ended"),
    [
        ("2024-02-28T00:00", "2024-02-29T00:00", "2023-02-28T00:00", "2023-03-01T00:00"),
        ("2024-02-28T18:00", "2024-02-29T06:00", "2023-02-28T18:00", "2023-03-01T06:00"),
        ("2024-02-29T00:00", "2024-03-01T00:00", "2023-02-28T00:00", "2023-03-01T00:00"),
        ("2024-02-29T06:00", "2024-02-29T18:00", "2023-02-28T06:00", "2023-02-28T18:00"),
        ("2024-02-01T00:00", "2024-02-29T00:00", "2023-02-01T00:00", "2023-03-01T00:00"),
        ("2024-03-26T02:00", "2024-03-26T03:00", None, None),  # an hour that the clocks left out a year before
    ],
)
def test_a_window_of_a_leap_day_has_a_fellow_as_long(start: str, end: str, begun: str | None, ended: str) -> None:
    store = with_quarters([*span("2023-02-01", "2023-03-27"), *span("2024-02-01", "2024-03-27")])
    found = ask(store, at("2024-03-28"), from_=str(at(*start.split("T"))), to=str(at(*end.split("T"))))
    before = found["year_before"]
    if begun is None:
        assert before is None
    else:
        assert (before["from"], before["to"]) == (at(*begun.split("T")), at(*ended.split("T")))
        assert before["home_kwh"] == pytest.approx(found["total"]["home_kwh"])


@pytest.mark.parametrize("step", ["hour", "day"])
def test_a_day_on_which_a_second_house_came_is_the_same_by_hours_and_as_a_whole(step: str) -> None:
    """Before the sum was recorded its quarter hours are those of the houses; from then on they are its own."""
    noon, evening = at("2026-11-25", "12:00"), at("2026-11-25", "20:00")
    first = with_quarters(["2026-11-24", "2026-11-25"], until=evening)
    second = with_quarters(["2026-11-25"], until=evening, gateway="barn")
    both = with_quarters(["2026-11-25"], until=evening, since=noon, gateway=AGGREGATE.id)
    asked = histories(first, second, both)
    total = ask(asked, evening, from_=str(at("2026-11-25", "00:00")), step=step)["total"]
    assert (total["home_kwh"], total["covered_seconds"]) == (pytest.approx(9.6 + 3.2), 72_000.0)
    day_before = ask(asked, evening, from_="now-24h", step=step)["total"]
    assert day_before["home_kwh"] == pytest.approx(12.8 + 1.6), "the house of then, from 20:00 on"
    alone = with_quarters(["2026-11-25"], until=evening, since=noon, gateway="barn")
    total = ask(histories(first, alone, both), evening, from_=str(at("2026-11-25", "00:00")), step=step)["total"]
    assert total["home_kwh"] == pytest.approx(3.2), "a house that came at noon: the record"


@pytest.mark.parametrize("step", ["hour", "day"])
def test_a_day_on_which_houses_were_away_in_turn_stays_as_it_was_recorded(step: str) -> None:
    """Each house knows 23 hours, and both together 22. Houses that feed one another would count what they exchange."""
    ten, two, now = at("2026-11-25", "10:00"), at("2026-11-25", "14:00"), at("2026-11-26")
    first = with_quarters(["2026-11-25"], without=[ten])
    second = with_quarters(["2026-11-25"], without=[two], gateway="barn")
    both = with_quarters(["2026-11-25"], without=[ten, two], gateway=AGGREGATE.id)
    asked = histories(first, second, both)
    begin, end = (str(at(date, "00:00")) for date in ("2026-11-25", "2026-11-26"))
    total = ask(asked, now, from_=begin, to=end, step=step)["total"]
    assert (total["home_kwh"], total["covered_seconds"]) == (pytest.approx(8.8), 79_200.0)
    found = body(ROUTES["/api/timeseries/daily"](asked, {"start": "2026-11-25"}, now, None))
    assert found["sum"]["home_kwh"] == pytest.approx(8.8)


def test_a_period_can_be_compared_with_the_same_of_the_year_before() -> None:
    store = house({date: a_day() for date in span("2024-01-01", "2025-12-31")} |
                  {date: a_day(home=11_000.0) for date in span("2026-01-01", "2026-11-25")})  # fmt: skip

    def asked(**arguments: str) -> Any:
        answer = ROUTES["/api/history/calendar"](
            histories(store), {"compare": "year", **arguments}, at("2026-11-26"), None
        )
        assert answer.status == 200, answer.body
        return [(one["period"], (one["previous"] or {}).get("period")) for one in body(answer)["periods"]]

    assert asked(period="month", count="2") == [("2026-10", "2025-10"), ("2026-11", "2025-11")]
    assert asked(period="week", count="1") == [("2026-W48", "2025-W48")]
    assert asked(period="day", count="1", end="2024-02-29") == [("2024-02-29", None)]
    assert asked(period="day", count="1", end="2026-11-20") == [("2026-11-20", "2025-11-20")]
    assert asked(period="year", count="1") == [("2026", "2025")]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"from_": "yesterday"}, "from"),
        ({"from_": "now-1h", "to": "now-2h"}, "from"),
        ({"step": "minute"}, "step"),
        ({"from_": "now-40d", "step": "hour"}, "step"),
        ({"format": "xml"}, "format"),
    ],
)
def test_wrong_questions_are_refused(week: Archive, wrong: dict[str, str], named: str) -> None:
    (problem,) = ask(week, at("2026-11-26"), 422, **wrong)["detail"]
    assert problem["loc"] == ["query", named]


def test_who_and_whether_at_all(week: Archive) -> None:
    assert ask(week, 0.0, 404, gateway="barn")["detail"]
    off = HistorySettings(poll_retention_seconds=-1)
    assert ask(histories(settings=off), 0.0, 503)["detail"] == "history is switched off"


def test_the_rows_as_csv_are_those_of_the_answer(week: Archive) -> None:
    now = at("2026-11-26", "20:15")
    rows = list(csv.DictReader(io.StringIO(ask(week, now, from_="now-24h", format="csv"))))
    shown = ask(week, now, from_="now-24h")["rows"]
    assert [float(row["home_kwh"]) for row in rows] == [row["home_kwh"] for row in shown]
    assert rows[0]["start"] == "2026-11-25T19:15:00Z" and rows[0]["solar_kwh"] == ""
