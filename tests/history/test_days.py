"""Days on which clocks change: 23, 25, 23½ and 24½ hours, without midnight, with one that comes twice."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pwserver.history.archive import Archive
from pwserver.history.days import day_noon, day_span, day_start, local_date
from pwserver.history.history_route import history
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.recorder import Recorder
from pwserver.history.signal_routes import signal_trend
from pwserver.history.store import HistoryStore
from pwserver.history.timeseries import daily, today
from pwserver.state.judge import GatewayJudge
from tests.history.support import archive, body, histories, reading
from tests.history.world import JUDGED, NOON

ONE_DAY = datetime.timedelta(days=1)
CHANGES = [  # of years that are over: what comes is up to governments
    ("America/Los_Angeles", "2025-03-09", 23.0),
    ("America/Los_Angeles", "2025-11-02", 25.0),
    ("Europe/Berlin", "2025-03-30", 23.0),
    ("Europe/Berlin", "2025-10-26", 25.0),
    ("Australia/Lord_Howe", "2025-04-06", 24.5),
    ("Australia/Lord_Howe", "2025-10-05", 23.5),
    ("Africa/Cairo", "2025-04-25", 23.0),  # no midnight
    ("Africa/Cairo", "2024-10-31", 25.0),  # ends twice
    ("America/Santiago", "2024-09-08", 23.0),
    ("America/Santiago", "2024-04-06", 25.0),
    ("America/Sao_Paulo", "2018-11-04", 23.0),
    ("America/Sao_Paulo", "2018-02-17", 25.0),
    ("Asia/Beirut", "2024-03-31", 23.0),
    ("America/Havana", "2024-11-03", 25.0),  # midnight comes twice
    ("Atlantic/Azores", "2024-03-31", 23.0),
    ("Atlantic/Azores", "2024-10-27", 25.0),
    ("Asia/Kathmandu", "2025-06-01", 24.0),  # a quarter of an hour beside the others
    ("Pacific/Chatham", "2025-04-06", 25.0),
    ("Antarctica/Troll", "2025-03-30", 22.0),
    ("Antarctica/Casey", "2010-03-05", 27.0),
]
SETTINGS = HistorySettings(
    poll_interval=60.0, poll_retention_seconds=8 * 86400.0, signal_retention_seconds=8 * 86400.0, max_signals=16
)


@lru_cache(maxsize=len(CHANGES))
def three_days(name: str, text: str) -> tuple[Archive, list[datetime.date], float]:
    """A kilowatt from the grid for the day before, that day and the day after, a poll every ten minutes."""
    where, middle = ZoneInfo(name), datetime.date.fromisoformat(text)
    days = [middle - ONE_DAY, middle, middle + ONE_DAY]
    store = archive(SETTINGS, HistoryGateway("default", "Default Gateway", name))
    recorder = Recorder(store)
    start, end = day_start(days[0], where), day_start(days[-1] + ONE_DAY, where)
    one = reading(start, 1000.0, 0.0, 0.0, 1000.0, vitals={"TETHC--2012170-25-E--TG1": {"THC_AmbientTemp": 20.0}})
    judged = GatewayJudge().take(one)
    for number in range(round((end - start) / 600.0) + 1):
        recorder.record(one, start + number * 600.0, judged=judged)
    return store, days, end


@pytest.mark.parametrize(("name", "text", "hours"), CHANGES)
def test_a_day_has_the_energy_of_its_hours(name: str, text: str, hours: float) -> None:
    store, days, end = three_days(name, text)
    asked = {"start": days[0].isoformat(), "end": days[-1].isoformat()}
    rows = body(daily(histories(store), asked, end))["days"]
    assert [row["day"] for row in reversed(rows)] == [day.isoformat() for day in days]
    used = {row["day"]: row["gateways"]["default"]["home_kwh"] for row in rows}
    assert used[text] == pytest.approx(hours, abs=1e-6)
    where = ZoneInfo(name)
    for day in days:
        start, stop = day_start(day, where), day_start(day + ONE_DAY, where)
        assert used[day.isoformat()] == pytest.approx((stop - start) / 3600.0, abs=1e-6)
        column = store.column("quarters", "home_wh")
        times, (energies,) = store.quarters.select(start, math.nextafter(stop, 0.0), [column])
        assert math.fsum(energies) == pytest.approx((stop - start) / 3.6, rel=1e-6)
        assert len(times) == round((stop - start) / 900.0)


@pytest.mark.parametrize(("name", "text", "hours"), CHANGES)
def test_questions_by_day_know_that_day(name: str, text: str, hours: float) -> None:
    store, days, end = three_days(name, text)
    where = ZoneInfo(name)
    starts = [day_start(day, where) for day in days]
    asked = {"from": str(starts[0]), "to": str(end - 1.0), "step": "1d", "fields": "home_kwh,load", "format": "columns"}
    found = body(history(histories(store), asked, end))
    ends = [*starts[1:], end]
    lengths = [(stop - start) / 3600.0 for start, stop in zip(starts, ends, strict=True)]
    assert found["columns"]["home_kwh"][:3] == pytest.approx(lengths)
    assert found["columns"]["time"][:3] == starts
    for start, stop in zip(starts, ends, strict=True):
        for now in (start, start + 1.0, (start + stop) / 2.0, stop - 1.0):
            found = body(today(histories(store), {}, now))["gateways"]["default"]
            assert found["day"] == local_date(start, where).isoformat()
    asked = {"start": str(starts[0]), "end": str(end), "resolution": "daily"}
    (series,) = body(signal_trend(histories(store), asked, end + 86400.0))["series"]
    points = {point["day"]: point for point in series["points"]}
    assert set(points) >= {day.isoformat() for day in days}
    for day in days:
        assert points[day.isoformat()]["ts"] == day_noon(day, where)
        start, stop = day_span(day_noon(day, where), where)
        assert points[day.isoformat()]["n"] == round((stop - start) / 600.0)


@pytest.mark.parametrize(("name", "text", "hours"), CHANGES)
def test_the_hour_that_comes_twice_has_rows_of_its_own(name: str, text: str, hours: float) -> None:
    store, days, end = three_days(name, text)
    start, stop = day_span(day_noon(days[1], ZoneInfo(name)), ZoneInfo(name))
    asked = {"from": str(start), "to": str(stop - 1.0), "step": "600", "format": "columns", "fields": "load,samples"}
    found = body(history(histories(store), asked, end))
    assert len(set(found["columns"]["time"])) == len(found["columns"]["time"]) == round(hours * 6)
    assert set(found["columns"]["samples"]) == {1}


def test_days_follow_one_another_in_every_zone() -> None:
    """Around every change of every zone since 2012: no instant without a day, none with two."""
    first = datetime.datetime(2012, 1, 1, tzinfo=datetime.UTC)
    instants = [(first + datetime.timedelta(days=number)).timestamp() for number in range(15 * 365)]
    weeks = [instants[number : number + 8] for number in range(0, len(instants) - 7, 7)]
    checked = 0
    for name in sorted(zoneinfo.available_timezones()):
        where = ZoneInfo(name)
        offsets = [datetime.datetime.fromtimestamp(week[0], where).utcoffset() for week in weeks]
        pairs = zip(weeks, offsets, offsets[1:], strict=False)  # no zone has changed twice within a week
        changed = [(week, before) for week, before, after in pairs if before != after]
        changes = [
            next(day for day in week if datetime.datetime.fromtimestamp(day, where).utcoffset() != before)
            for week, before in changed
        ]
        for change in changes:
            for number in (-2, -1, 0, 1):
                day = local_date(change, where) + number * ONE_DAY
                start, stop = day_start(day, where), day_start(day + ONE_DAY, where)
                assert local_date(start, where) == day != local_date(start - 1.0, where), (name, day)
                assert 75_600.0 <= stop - start <= 97_200.0, (name, day)
                assert day_span(start, where) == day_span(stop - 1.0, where) == (start, stop), (name, day)
                checked += 1
    assert checked > 1000


@pytest.mark.parametrize("later", ["Pacific/Kiritimati", "America/Los_Angeles", "Asia/Kathmandu", "Pacific/Pago_Pago"])
@pytest.mark.parametrize("hours", [1.0, 11.0, 20.0])
def test_a_zone_that_becomes_known_later_loses_no_energy_and_repeats_no_day(later: str, hours: float) -> None:
    store = archive(SETTINGS, HistoryGateway("default", "Default Gateway", "UTC", timezone_set=False))
    recorder = Recorder(store)
    one = reading(NOON, 1000.0, 0.0, 0.0, 1000.0)
    start = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC).timestamp()
    end = start + 4 * 86400.0
    for number in range(round((end - start) / 600.0) + 1):
        when = start + number * 600.0
        if when >= start + hours * 3600.0:
            recorder.use_zone(later)
        recorder.record(one, when, judged=JUDGED)
    assert store.timezone == later and Recorder(store).zone == ZoneInfo(later)  # also for the next process
    dates, energies = store.days.select(
        -math.inf, math.inf, [store.column("days", "date"), store.column("days", "home_wh")]
    )[1]
    assert len(set(dates)) == len(dates) and list(dates) == sorted(dates)
    assert math.fsum(energies) == pytest.approx(96_000.0)
    times = store.days.select(-math.inf, math.inf)[0]
    for begun, date in list(zip(times, dates, strict=True))[1:]:  # every later day is one of the new zone
        day = datetime.date.fromordinal(round(date))
        assert begun == day_start(day, ZoneInfo(later))


@pytest.mark.parametrize(("before", "after"), [
    ("UTC", "America/Los_Angeles"), ("Europe/Berlin", "America/Los_Angeles"), ("America/Los_Angeles", "Asia/Kathmandu"),
    ("Pacific/Kiritimati", "Pacific/Pago_Pago"), ("Pacific/Pago_Pago", "Pacific/Kiritimati"),
])  # fmt: skip
def test_a_zone_that_the_owner_changes_repeats_no_day(tmp_path: Path, before: str, after: str) -> None:
    """As of a container that is told its zone later: the day that is open then has one row, under one date."""
    start = datetime.datetime(2025, 6, 1, tzinfo=datetime.UTC).timestamp()
    change, when = start + 40 * 3600.0, start
    one = reading(NOON, 1000.0, 0.0, 0.0, 1000.0)
    for zone, end in ((before, change), (after, start + 4 * 86400.0)):
        layout = plan(SETTINGS, HistoryGateway("default", "Default Gateway", zone))
        opened = HistoryStore.open(tmp_path, [layout])
        store = opened.archives["default"]
        recorder = Recorder(store)
        while when <= end:
            recorder.record(one, when, judged=JUDGED)
            when += 1200.0
        recorder.checkpoint()
        columns = [store.column("days", name) for name in ("date", "home_wh")]
        dates, energies = store.days.select(-math.inf, math.inf, columns)[1]
        asked = {"start": "2025-05-30", "end": "2025-06-07"}
        told = body(daily(histories(store), asked, when))
        opened.close()
    assert sorted(set(dates)) == list(dates)
    assert math.fsum(one for one in energies if one == one) == pytest.approx(96_000.0)
    assert told["sum"]["home_kwh"] == pytest.approx(96.0) and told["sum"]["days"] == len(told["days"])


def test_the_owners_zone_is_never_replaced() -> None:
    store = archive(SETTINGS, HistoryGateway("default", "Default Gateway", "Europe/Berlin"))
    Recorder(store).use_zone("Asia/Tokyo")
    assert store.timezone == "Europe/Berlin"
