"""Energy against closed forms: over months, over daylight saving, gaps, restarts and counters that begin anew."""

from __future__ import annotations

import datetime
import math
import random
from array import array
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.history.archive import Archive
from pwserver.history.days import day_span, day_start
from pwserver.history.layout import ENERGIES, LONGEST_GAP_SECONDS, HistoryGateway, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.state.judge import GatewayJudge
from pwserver_ext.rollup import Integrator
from tests.history.support import SMALL, Site, archive, reading

SITE = Site()
LOS_ANGELES = ZoneInfo("America/Los_Angeles")


def days_of(store: Archive) -> dict[datetime.date, dict[str, float]]:
    """date -> energies in watt-hours."""
    names = [*(f"{energy}_wh" for energy in ENERGIES), "date"]
    columns = [store.column("days", name) for name in names]
    _, values = store.days.select(-math.inf, math.inf, columns)
    return {
        datetime.date.fromordinal(int(values[-1][row])): {
            energy: values[index][row] for index, energy in enumerate(ENERGIES)
        }
        for row in range(len(values[-1]))
    }


Months = tuple[Archive, Recorder, int, dict[str, float]]
# Clocks in Morocco are an hour behind in Ramadan: here are both changes, the turn of the year and a leap day.
CASABLANCA = ZoneInfo("Africa/Casablanca")
CASABLANCA_GATEWAY = HistoryGateway("default", "Default Gateway", "Africa/Casablanca")
FIRST, END = datetime.date(2023, 12, 20), datetime.date(2024, 4, 25)


@pytest.fixture(scope="module", name="months")
def _months() -> Months:
    """Polls every 15 minutes, with outages, restarts and a gateway that begins to count anew."""
    chance = random.Random(2025)
    store = archive(HistorySettings(poll_interval=900.0, max_signals=0), CASABLANCA_GATEWAY)
    recorder = Recorder(store)
    start, end = (day_start(day, CASABLANCA) for day in (FIRST, END))
    counters, judge = dict.fromkeys(ENERGIES, 1000.0), GatewayJudge()
    resets, when = 0, start
    last: tuple[float, tuple[float, float, float, float]] | None = None
    while when <= end:
        powers = SITE.powers(when)
        if last is not None:
            _count(counters, last, (when, powers))
        meters = {
            "site": {"energy_imported": counters["grid_import"], "energy_exported": counters["grid_export"]},
            "load": {"energy_imported": counters["home"]},
            "solar": {"energy_exported": counters["solar"]},
            "battery": {
                "energy_imported": counters["battery_charge"],
                "energy_exported": counters["battery_discharge"],
            },
        }
        one = reading(when, *powers, soe_raw=60.0, counters=meters)
        recorder.record(one, judged=judge.take(one))
        last = (when, powers)
        dice = chance.random()
        step = 900.0
        if dice < 0.0015:  # an outage of an hour to two days
            step = 900.0 * chance.randint(4, 192)
        elif dice < 0.0045:  # a short one
            step = 900.0 * chance.randint(2, 3)
        elif dice < 0.007:  # a restart, clean or not
            if chance.random() < 0.5:
                recorder.checkpoint()
            recorder = Recorder(store)
        elif dice < 0.0076:
            counters = dict.fromkeys(ENERGIES, 0.5)
            resets += 1
        when += step
    return store, recorder, resets, counters


def _count(
    counters: dict[str, float],
    last: tuple[float, tuple[float, float, float, float]],
    now: tuple[float, tuple[float, float, float, float]],
) -> None:
    """What an ideal gateway counts between two polls: here the closed forms, and the trapezoid for the grid."""
    begin, end = last[0], now[0]
    counters["solar"] += SITE.solar(begin, end)
    counters["home"] += SITE.load(begin, end)
    counters["battery_charge"] += SITE.charge(begin, end)
    counters["battery_discharge"] += SITE.discharge(begin, end)
    hours = (end - begin) / 3600.0
    counters["grid_import"] += (max(0.0, last[1][0]) + max(0.0, now[1][0])) / 2.0 * hours
    counters["grid_export"] += (max(0.0, -last[1][0]) + max(0.0, -now[1][0])) / 2.0 * hours


def without_gaps(store: Archive) -> set[datetime.date]:
    """The days on which the gateway was never away."""
    columns = [store.column("days", name) for name in ("date", "gap_seconds", "covered_seconds")]
    _, (dates, gaps, covered) = store.days.select(-math.inf, math.inf, columns)
    rows = zip(dates, gaps, covered, strict=True)
    return {datetime.date.fromordinal(int(date)) for date, gap, seconds in rows if gap == 0.0 and seconds > 80_000.0}


def test_every_day_of_the_months_is_right_within_a_thousandth(months: Months) -> None:
    store, _, _, _ = months
    found = days_of(store)
    # The very last poll begins a day of which nothing is known yet: no energy, not zero.
    assert all(math.isnan(energy) for energy in found.pop(END, {}).values())
    every = [FIRST + datetime.timedelta(number) for number in range((END - FIRST).days)]
    assert list(found) == every  # the gateway counted over every outage
    whole = without_gaps(store)
    assert 60 < len(whole) < len(every)
    for day in whole:
        begin, end = day_span(day_start(day, CASABLANCA) + 1.0, CASABLANCA)
        truth = {
            "solar": SITE.solar(begin, end),
            "home": SITE.load(begin, end),
            "battery_charge": SITE.charge(begin, end),
            "battery_discharge": SITE.discharge(begin, end),
        }
        for energy, expected in truth.items():
            assert found[day][energy] == pytest.approx(expected, rel=1e-3, abs=1.0), f"{day} {energy}"
    hours = {
        day: (day_start(day + datetime.timedelta(1), CASABLANCA) - day_start(day, CASABLANCA)) / 3600 for day in whole
    }
    assert {23.0, 24.0, 25.0} == set(hours.values())


def test_the_months_have_what_the_house_used_outages_included(months: Months) -> None:
    found = days_of(months[0])
    begin, end = (day_start(day, CASABLANCA) for day in (FIRST, END))
    truth = {"solar": SITE.solar(begin, end), "home": SITE.load(begin, end), "battery_charge": SITE.charge(begin, end)}
    for energy, expected in truth.items():
        total = math.fsum(row[energy] for row in found.values() if not math.isnan(row[energy]))
        # An outage before a reset is believed stays unknown; nothing is ever made up.
        assert 0.99 * expected < total < 1.001 * expected, energy


def test_the_energies_of_every_day_balance(months: Months) -> None:
    found, whole = days_of(months[0]), without_gaps(months[0])
    for day in whole:
        energies = found[day]
        into = energies["solar"] + energies["grid_import"] + energies["battery_discharge"]
        out = energies["home"] + energies["grid_export"] + energies["battery_charge"]
        assert into == pytest.approx(out, rel=1e-3, abs=0.1), day


def test_quarter_hours_add_up_to_the_days(months: Months) -> None:
    store = months[0]
    columns = [store.column("quarters", f"{energy}_wh") for energy in ENERGIES]
    times, values = store.quarters.select(-math.inf, math.inf, columns)
    sums: dict[datetime.date, list[float]] = {}
    for row, when in enumerate(times):
        day = datetime.datetime.fromtimestamp(when, CASABLANCA).date()
        cells = sums.setdefault(day, [0.0] * len(ENERGIES))
        for index, column in enumerate(values):
            cells[index] += 0.0 if math.isnan(column[row]) else column[row]
    found = days_of(store)
    assert sums.keys() == found.keys()
    for day, cells in sums.items():
        for energy, cell in zip(ENERGIES, cells, strict=True):
            expected = found[day][energy]
            assert cell == pytest.approx(0.0 if math.isnan(expected) else expected, rel=1e-5, abs=1e-2), (day, energy)


def test_lifetime_totals_grow_with_the_days_and_agree_with_the_gateway(months: Months) -> None:
    store, recorder, resets, counters = months
    totals = recorder.energy()
    assert resets > 3
    for energy in ENERGIES:
        days = [row[energy] for row in days_of(store).values()]
        assert totals[energy].watt_hours == pytest.approx(sum(day for day in days if not math.isnan(day)), rel=1e-4)
        assert totals[energy].gateway_watt_hours == pytest.approx(counters[energy])
        assert totals[energy].resets == resets


# --- single questions ----------------------------------------------------------------------------------------------


def constant(store: Archive, moments: list[float], power: float = 1000.0) -> Recorder:
    recorder = Recorder(store)
    for when in moments:
        recorder.record(reading(when, power, 0.0, 0.0, power))
    return recorder


def test_nothing_is_integrated_over_a_gap_of_more_than_an_hour() -> None:
    start = day_start(datetime.date(2026, 5, 5), LOS_ANGELES)
    store = archive(SMALL)
    constant(store, [start, start + 3600.0, start + 7200.5, start + 10800.0])
    assert days_of(store)[datetime.date(2026, 5, 5)]["home"] == pytest.approx(1000.0 * (1.0 + 3599.5 / 3600.0))


def test_an_interval_over_midnight_is_split_there() -> None:
    midnight = day_start(datetime.date(2026, 5, 6), LOS_ANGELES)
    store = archive(SMALL)
    constant(store, [midnight - 1800.0, midnight + 600.0])
    found = days_of(store)
    assert found[datetime.date(2026, 5, 5)]["home"] == pytest.approx(500.0)
    assert found[datetime.date(2026, 5, 6)]["home"] == pytest.approx(1000.0 / 6.0)


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [  # of a year that is over: what comes is up to governments (Cuba stopped changing its clocks in 2026)
        ("America/Los_Angeles", datetime.date(2024, 3, 10), 23),
        ("America/Los_Angeles", datetime.date(2024, 11, 3), 25),
        ("Australia/Lord_Howe", datetime.date(2024, 4, 7), 24.5),  # half an hour
        ("America/Havana", datetime.date(2024, 3, 10), 23),  # midnight does not exist
        ("America/Havana", datetime.date(2024, 11, 3), 25),  # midnight comes twice
        ("Asia/Kathmandu", datetime.date(2024, 7, 7), 24),  # a quarter hour off
        ("Nowhere/Atall", datetime.date(2024, 7, 7), 24),  # unknown: UTC
    ],
)
def test_local_days_have_their_true_length(zone: str, day: datetime.date, hours: float) -> None:
    where = ZoneInfo(zone) if zone != "Nowhere/Atall" else ZoneInfo("UTC")
    begin = day_start(day, where)
    store = archive(SMALL, HistoryGateway("default", "x", zone))
    constant(store, [begin - 7200.0 + 400.0 * step for step in range(int(30 * 3600 / 400))])
    assert days_of(store)[day]["home"] == pytest.approx(1000.0 * hours)


def test_a_power_that_is_not_known_is_not_integrated_and_not_zero() -> None:
    store = archive(SMALL)
    recorder = Recorder(store)
    start = day_start(datetime.date(2026, 5, 5), LOS_ANGELES)
    for step in range(10):
        one = reading(start + step * 60.0, 1000.0, 0.0, 0.0, 1000.0)
        del one.aggregates["solar"]["instant_power"]
        recorder.record(one)
    energies = days_of(store)[datetime.date(2026, 5, 5)]
    assert math.isnan(energies["solar"])
    assert energies["home"] == pytest.approx(150.0)
    assert recorder.energy()["solar"].watt_hours is None


def test_a_single_dropped_meter_is_bridged() -> None:
    store = archive(SMALL)
    recorder = Recorder(store)
    start = day_start(datetime.date(2026, 5, 5), LOS_ANGELES)
    for step in range(13):
        one = reading(start + step * 300.0, 1000.0, 0.0, 0.0, 1000.0)
        if step in (4, 5, 6):
            one.aggregates["load"]["instant_power"] = None
        recorder.record(one)
    energies = days_of(store)[datetime.date(2026, 5, 5)]
    assert energies["home"] == pytest.approx(energies["grid_import"]) == pytest.approx(1000.0)


def test_polls_out_of_order_are_left_out_and_counted() -> None:
    store = archive(SMALL)
    recorder = constant(store, [1.8e9, 1.8e9 + 5.0])
    assert not recorder.record(reading(1.8e9 + 5.0, 1.0, 1.0, 1.0, 1.0))
    assert not recorder.record(reading(1.8e9 - 60.0, 1.0, 1.0, 1.0, 1.0))
    assert not recorder.record(reading(math.nan, 1.0, 1.0, 1.0, 1.0))
    assert (recorder.refused, store.polls.count) == (3, 2)


def replace_polls(interval: float) -> HistorySettings:
    return HistorySettings(poll_interval=interval, max_signals=0)


def test_without_a_kept_state_today_is_summed_up_from_the_polls() -> None:
    store = archive(replace_polls(5.0))
    start = day_start(datetime.date(2026, 5, 5), LOS_ANGELES) + 3000.0
    recorder = constant(store, [start + step * 60.0 for step in range(1500)])
    expected, total = days_of(store), recorder.energy()["home"].watt_hours
    store.state.write(b"nonsense")
    for ring in store.rings.values():
        ring.clear_live()
    again = Recorder(store)
    assert days_of(store).keys() == expected.keys()
    for day, energies in expected.items():
        assert days_of(store)[day]["home"] == pytest.approx(energies["home"], rel=1e-3)
    assert again.energy()["home"].watt_hours == pytest.approx(total, rel=1e-3)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.1, 5000.0), st.floats(-1e4, 1e4)), min_size=2, max_size=30),
    st.lists(st.floats(0.0, 60_000.0), max_size=5),
)
def test_splitting_an_interval_changes_no_energy(steps: list[tuple[float, float]], cuts: list[float]) -> None:
    whole, pieces = (Integrator([0], [1], 2, LONGEST_GAP_SECONDS) for _ in range(2))
    when = 0.0
    last: tuple[float, float] | None = None
    expected = [0.0, 0.0]
    for step, power in steps:
        when += step
        values = array("d", [power])
        whole.advance(when, when, values)
        whole.take(when, values)
        for cut in sorted(cuts):
            if cut <= when:
                pieces.advance(cut, when, values)
        pieces.advance(when, when, values)
        pieces.take(when, values)
        if last is not None and step <= LONGEST_GAP_SECONDS and when - last[0] <= LONGEST_GAP_SECONDS:
            hours = (when - last[0]) / 3600.0
            expected[0] += (max(0.0, power) + max(0.0, last[1])) / 2.0 * hours
            expected[1] += (max(0.0, -power) + max(0.0, -last[1])) / 2.0 * hours
        last = (when, power)
    for one in (whole, pieces):
        found = [0.0 if math.isnan(total) else total for total in one.totals(2)]
        assert found == pytest.approx(expected, rel=1e-9, abs=1e-6)
