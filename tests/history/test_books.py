"""The books of a house: counters are the truth, gaps are marked, means are over time, shares are of every poll."""

from __future__ import annotations

import math
import random
from array import array
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pwserver.history.archive import Archive
from pwserver.history.history_route import ROUTES
from pwserver.history.layout import COLUMNS, HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.state.judge import GatewayJudge
from tests.history.support import archive, body, histories, reading

NOON = 1_795_377_600.0  # 2026-11-22T20:00:00Z, noon in Los Angeles
SETTINGS = HistorySettings(poll_interval=5.0, poll_retention_seconds=86400.0, max_signals=0)


class House:
    """A house with a gateway that counts, polled when a test says so. Powers are those of the grid and the home."""

    def __init__(self, counts: bool = True, store: Archive | None = None) -> None:
        self.store = store or archive(SETTINGS)
        self.recorder = Recorder(self.store)
        self.judge = GatewayJudge()
        self.counts = counts
        self.counter = 50_000.0  # Wh
        self.used = 0.0  # Wh in truth
        self.now = NOON
        self.watts = 2000.0

    def flow(self, seconds: float, watts: float | None = None) -> None:
        """Let time pass."""
        self.watts = self.watts if watts is None else watts
        self.now += seconds
        self.used += self.watts * seconds / 3600.0
        self.counter += self.watts * seconds / 3600.0

    def poll(self) -> None:
        """Take one poll."""
        told = {"energy_imported": self.counter} if self.counts else {}
        one = reading(self.now, self.watts, 0.0, 0.0, self.watts, counters={"site": told, "load": told})
        self.recorder.record(one, judged=self.judge.take(one))

    def polls(self, seconds: float, step: float = 5.0) -> None:
        """Poll every ``step`` seconds for so long."""
        for _ in range(round(seconds / step)):
            self.flow(step)
            self.poll()

    def row(self, ring: str, *names: str) -> list[float]:
        """The sums of some columns over all rows of a ring."""
        _, columns = self.store.rings[ring].select(
            -math.inf, math.inf, [self.store.column(ring, name) for name in names]
        )
        return [math.fsum(value for value in column if not math.isnan(value)) for column in columns]


def ask(store: Archive, **arguments: str) -> Any:
    """Ask /api/history for columns from noon on."""
    asked = {"from": repr(NOON), "to": repr(NOON + 86400.0), "format": "columns", **arguments}
    answer = ROUTES["/api/history"](histories(store), asked, NOON + 86400.0, None)
    assert answer.status == 200, answer.body
    return body(answer)["columns"]


# --- gaps ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", [600.0, 3600.0, 3601.0, 7200.0, 100_000.0, 8 * 86_400.0])
def test_over_a_gap_the_gateways_counter_counts_and_the_gap_is_marked(gap: float) -> None:
    house = House()
    house.poll()
    house.polls(600.0)
    house.flow(gap, 3000.0)
    house.poll()
    house.polls(600.0)
    for ring in ("days",) if gap > 7 * 86_400.0 else ("quarters", "days"):
        energy, gaps, covered = house.row(ring, "grid_import_wh", "gap_seconds", "covered_seconds")
        assert energy == pytest.approx(house.used, rel=1e-6), ring
        assert gaps == pytest.approx(gap), ring
        assert covered == pytest.approx(1200.0 + gap), ring
    assert house.recorder.energy()["home"].watt_hours == pytest.approx(house.used)


@pytest.mark.parametrize("gap", [600.0, 3600.0, 3601.0, 7200.0, 100_000.0])
def test_without_a_counter_a_gap_is_a_gap(gap: float) -> None:
    house = House(counts=False)
    house.poll()
    house.polls(600.0)
    house.flow(gap)
    house.poll()
    house.polls(600.0)
    for ring in ("quarters", "days"):
        energy, covered = house.row(ring, "home_wh", "covered_seconds")
        assert energy == pytest.approx(2000.0 * 1200.0 / 3600.0, rel=1e-6), ring
        assert covered == pytest.approx(1200.0), ring
    assert house.row("days", "gap_seconds")[0] > 0.0


@pytest.mark.parametrize("restarts", [(), (0,), (1,), (0, 1)])
def test_a_gap_behind_a_gap_is_one_too(restarts: tuple[int, ...]) -> None:
    """A house that answers once in between: powers of two moments say nothing of the 50 minutes between them."""
    house = House(counts=False)
    house.poll()
    house.polls(600.0)
    for number, seconds in enumerate((9000.0, 3000.0)):
        house.flow(seconds, 100.0)
        house.watts = 4000.0
        if number in restarts:
            house.recorder.checkpoint()
            house.recorder = Recorder(house.store)
        house.poll()
    house.polls(600.0)
    energy, gaps, covered = house.row("days", "home_wh", "gap_seconds", "covered_seconds")
    assert (energy, gaps, covered) == pytest.approx((2000.0 / 6.0 + 4000.0 / 6.0, 12_000.0, 1200.0))


def test_a_poll_of_its_own_between_rare_ones_makes_no_gap() -> None:
    """As after a command."""
    house = House(counts=False)
    house.poll()
    house.polls(10 * 600.0, 600.0)
    for step in (10.0, 590.0, 600.0, 600.0):
        house.polls(step, step)
    assert house.row("days", "gap_seconds")[0] == 0.0


def test_polls_that_become_rare_are_no_gaps_for_long() -> None:
    house = House(counts=False)
    house.poll()
    house.polls(600.0)
    house.polls(10 * 1200.0, 1200.0)
    assert house.row("days", "gap_seconds")[0] == pytest.approx(3 * 1200.0)


def test_a_gap_over_midnight_is_divided_there() -> None:
    house = House()
    house.now = NOON + 11 * 3600.0
    house.poll()
    house.polls(600.0)
    house.flow(4 * 3600.0)
    house.poll()
    _, (energies, gaps) = house.store.days.select(
        -math.inf, math.inf, [house.store.column("days", name) for name in ("home_wh", "gap_seconds")]
    )
    assert list(energies) == pytest.approx([2000.0, 2000.0 * (3.0 + 1.0 / 6.0)])
    assert list(gaps) == pytest.approx([3000.0, 4 * 3600.0 - 3000.0])


@pytest.mark.parametrize("counts", [True, False])
def test_a_restart_in_a_gap_changes_nothing(counts: bool) -> None:
    house = House(counts)
    house.poll()
    house.polls(600.0)
    house.recorder.checkpoint()
    house.flow(5400.0)
    house.recorder = Recorder(house.store)
    house.poll()
    expected = house.used if counts else 2000.0 / 6.0
    assert house.row("days", "home_wh")[0] == pytest.approx(expected)


def test_a_short_outage_is_bridged_without_a_mark() -> None:
    house = House(counts=False)
    house.poll()
    house.polls(60.0)
    house.flow(70.0)
    house.poll()
    assert house.row("days", "home_wh", "gap_seconds") == pytest.approx([house.used, 0.0])


# --- counters ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [1.0, 5.0, 30.0])
def test_steps_of_power_between_polls_are_counted(step: float) -> None:
    house, chance = House(), random.Random(1)
    house.poll()
    changed = 0.0
    while house.now < NOON + 3600.0:
        rest = step
        while rest > 0.0:
            if changed <= 0.0:
                changed, house.watts = chance.uniform(20.0, 30.0), chance.choice([0.0, 300.0, 6000.0])
            part = min(rest, changed)
            house.flow(part)
            rest, changed = rest - part, changed - part
        house.poll()
    for ring in ("quarters", "days"):
        assert house.row(ring, "home_wh")[0] == pytest.approx(house.used, rel=1e-6)
    _, (energies, means, covered) = house.store.quarters.select(
        -math.inf, math.inf, [house.store.column("quarters", name) for name in ("home_wh", "load", "covered_seconds")]
    )
    for energy, mean, seconds in zip(energies, means, covered, strict=True):
        if seconds:
            assert mean * seconds / 3600.0 == pytest.approx(energy, rel=1e-5)


def test_counters_told_less_often_than_powers_are_the_truth_all_the_same() -> None:
    house = House()
    house.poll()
    told, counter = 0, house.counter
    for number in range(720):
        house.flow(5.0, 6000.0 if number % 5 == 0 else 200.0)
        truth = house.counter
        if number % 12 == 11:  # once a minute
            counter, told = truth, told + 1
        house.counter = counter
        house.poll()
        house.counter = truth
    assert told == 60
    assert house.row("days", "home_wh")[0] == pytest.approx(house.used, rel=1e-3)


@pytest.mark.parametrize("change", [-49_999.0, -200.0, 70_000.0, 900_000.0])
def test_a_counter_that_resets_dips_or_jumps_makes_and_destroys_no_energy(change: float) -> None:
    house = House()
    house.poll()
    house.polls(600.0)
    house.counter += change
    house.polls(1200.0)
    assert house.row("days", "home_wh")[0] == pytest.approx(house.used, rel=0.01)
    house.polls(900.0)
    assert house.row("quarters", "home_wh")[0] == pytest.approx(house.used, rel=0.01)


def test_a_house_that_joins_a_sum_is_no_flow() -> None:
    house = House()
    house.poll()
    house.polls(600.0)
    house.judge = GatewayJudge()  # sums are judged without a memory
    house.counter += 30_000_000.0
    house.polls(600.0)
    assert house.row("days", "home_wh")[0] == pytest.approx(house.used, rel=0.01)


def test_a_reset_in_a_gap_leaves_the_gap_unknown() -> None:
    house = House()
    house.poll()
    house.polls(600.0)
    before = house.used
    house.flow(7200.0)
    house.counter = 12.0
    house.poll()
    after = house.used
    house.polls(900.0)
    assert house.row("days", "home_wh")[0] == pytest.approx(before + house.used - after, rel=0.01)


def test_a_counter_that_stands_still_does_not_count() -> None:
    house = House()
    house.poll()
    for _ in range(1440):
        house.flow(5.0)
        house.counter = 50_000.0
        house.poll()
    assert house.row("days", "home_wh")[0] == pytest.approx(house.used, rel=0.02)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 5000.0), st.floats(0.0, 8000.0)), min_size=2, max_size=25))
def test_whatever_the_polls_the_books_are_the_counters(steps: list[tuple[float, float]]) -> None:
    house = House()
    house.poll()
    for seconds, watts in steps:
        house.flow(seconds, watts)
        house.poll()
    total = house.recorder.energy()["home"].watt_hours or 0.0
    assert total == pytest.approx(house.used, rel=1e-9, abs=0.01)
    for ring in ("quarters", "days"):
        assert house.row(ring, "home_wh")[0] == pytest.approx(house.used, rel=1e-5, abs=0.05)


# --- means over time -----------------------------------------------------------------------------------------------


def uneven() -> Archive:
    """30 polls of 0 W a second apart, then three of 6 kW ten seconds apart, again and again; no counters."""
    store = archive(SETTINGS)
    recorder = Recorder(store)
    for minute in range(60):
        for offset in [*range(30), 30, 40, 50]:
            watts = 6000.0 if offset >= 30 else 0.0
            values = [watts, 0.0, 0.0, watts] + [watts / 60.0] + [math.nan] * (len(COLUMNS) - 5)
            recorder.take_row(NOON + 60.0 * minute + offset, array("d", values))
    return store


@pytest.mark.parametrize("step", ["10s", "1m", "15m", "1h"])
def test_means_are_over_time(step: str) -> None:
    found = ask(uneven(), step=step, fields="load,soe", to=repr(NOON + 3540.0))
    if step == "10s":
        # From the last 0 W to the first 6 kW it takes a second, and ten back.
        assert found["load"][6:12] == pytest.approx(
            [3000.0, 0.0, 0.0 + 300.0, 6000.0, 6000.0, 3000.0], rel=0.2, abs=3000.0
        )
        return
    # 19 s at 6 kW, 10 s down and 1 s up.
    truth = (6000.0 * 20.0 + 3000.0 * 10.0 + 3000.0 * 1.0) / 60.0
    assert found["load"][1:-1] == pytest.approx([truth] * (len(found["load"]) - 2), rel=0.02)
    assert found["soe"] == pytest.approx([load / 60.0 for load in found["load"]], rel=1e-6)


def test_mean_and_energy_of_one_row_agree() -> None:
    for store in (uneven(), _counted()):
        for step in ("15m", "30m", "1h"):
            found = ask(store, step=step, fields="load,home_kwh,site,grid_import_kwh,covered_seconds")
            rows = zip(found["load"], found["home_kwh"], found["covered_seconds"], strict=True)
            for mean, energy, seconds in rows:
                assert mean * seconds / 3.6e6 == pytest.approx(energy, rel=1e-5, abs=1e-9)


def _counted() -> Archive:
    house = House()
    house.poll()
    for number in range(60):
        house.flow(37.0 if number % 3 else 5.0, 150.0 * (number % 11))
        house.poll()
    house.flow(2000.0, 500.0)
    house.poll()
    house.polls(300.0)
    return house.store


def test_rows_of_version_one_weigh_by_the_time_they_stand_for() -> None:
    store = uneven()
    _, (covered,) = store.quarters.select(-math.inf, math.inf, [store.column("quarters", "covered_seconds")])
    assert list(covered)[:3] == pytest.approx([900.0] * 3)
    old = archive(SETTINGS)
    for number in range(4):
        values = array("d", [math.nan]) * old.quarters.columns
        values[old.column("quarters", "load")] = 1000.0 * number
        values[old.column("quarters", "samples")] = 10.0**number
        old.quarters.append(NOON + 900.0 * number, values)
    assert ask(old, step="1h", fields="load")["load"] == [1500.0]


# --- shares of the home --------------------------------------------------------------------------------------------


def shares_of(store: Archive) -> tuple[float, float, float, float]:
    """kWh of the home: from sun, battery and grid, and in all."""
    names = ("solar_to_home_wh", "battery_to_home_wh", "grid_to_home_wh", "home_wh")
    _, columns = store.days.select(-math.inf, math.inf, [store.column("days", name) for name in names])
    return tuple(math.fsum(column) / 1000.0 for column in columns)  # type: ignore[return-value]


def test_what_is_bought_into_the_battery_and_sold_again_is_not_the_homes() -> None:
    store = archive(SETTINGS)
    recorder = Recorder(store)
    for number in range(721):
        # Half an hour buying 20 kW for the battery, half an hour selling it; the house runs on sun.
        sign = 1.0 if number < 360 else -1.0
        recorder.record(reading(NOON + 5.0 * number, sign * 20_000.0, 10_000.0, -sign * 20_000.0, 10_000.0))
    sun, battery, grid, home = shares_of(store)
    assert (sun, home) == (pytest.approx(10.0, rel=1e-3), pytest.approx(10.0))
    assert (battery, grid) == (pytest.approx(0.0, abs=0.01), pytest.approx(0.0, abs=0.01))


def test_a_house_without_a_battery_has_all_shares_and_one_that_hides_it_none() -> None:
    """All is known of 5 kW of sun at a home of 4; where powers do not add up, a battery does what nobody told."""
    for sold, told in ((-1_000.0, True), (-980.0, True), (-500.0, False)):
        store = archive(SETTINGS)
        recorder = Recorder(store)
        for number in range(721):
            recorder.record(reading(NOON + 5.0 * number, sold, 5_000.0, None, 4_000.0))
        sun, battery, grid, home = shares_of(store)
        assert home == pytest.approx(4.0)
        if told:
            assert (sun, battery, grid) == (pytest.approx(4.0, rel=1e-3), 0.0, 0.0)
        else:
            assert math.isnan(sun) and math.isnan(battery) and math.isnan(grid)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(0.0, 9000.0), st.floats(-5000.0, 5000.0), st.floats(0.0, 9000.0)), min_size=3, max_size=20
    )
)
@example([(0.0, 0.0, 0.0), (0.0, 0.0, 2.2e-309), (0.0, 0.0, 1.0)])
def test_the_shares_add_up_to_what_the_home_used(flows: list[tuple[float, float, float]]) -> None:
    store = archive(SETTINGS)
    recorder = Recorder(store)
    counter = 1000.0
    for number, (solar, battery, load) in enumerate(flows):
        counter += 11.0
        counters = {"load": {"energy_imported": counter}}
        one = reading(NOON + 5.0 * number, load - solar - battery, solar, battery, load, counters=counters)
        recorder.record(one)
    sun, battery_share, grid, home = shares_of(store)
    if math.isnan(sun):
        return
    assert sun + battery_share + grid <= home + 1e-6
    powered = all(load > 1.0 for _, _, load in flows)
    if powered:
        assert sun + battery_share + grid == pytest.approx(home, rel=1e-4, abs=1e-6)


# --- counters that come late after a gap ---------------------------------------------------------------------------


def quarters_of(house: House) -> list[tuple[float, float]]:
    """Energy and mean power of the home in the quarters, as energies."""
    names = ("home_wh", "load", "covered_seconds")
    _, columns = house.store.quarters.select(
        -math.inf, math.inf, [house.store.column("quarters", one) for one in names]
    )
    return [(energy, mean * seconds / 3600.0) for energy, mean, seconds in zip(*columns, strict=True) if seconds]


def after_gap(seconds: float, late_polls: int, late: str, restart: bool = False) -> House:
    """A house at 2 kW, a gap at 3 kW, and polls after it that lack the counters or repeat those from before."""
    house = House()
    house.poll()
    house.polls(600.0)
    before = house.counter
    house.flow(seconds, 3000.0)
    if restart:
        house.recorder.checkpoint()
        house.recorder = Recorder(house.store)
    for _ in range(late_polls):
        truth, house.counter = house.counter, before
        house.counts = late != "absent"
        house.poll()
        house.counter, house.counts = truth, True
        house.flow(5.0)
    house.poll()
    house.polls(1200.0)
    return house


@pytest.mark.parametrize("late", ["absent", "repeated"])
@pytest.mark.parametrize("polls", [1, 2, 6])
@pytest.mark.parametrize("gap", [600.0, 3600.0, 20_000.0])
def test_what_counters_that_come_late_tell_of_a_gap_is_the_gaps(gap: float, polls: int, late: str) -> None:
    house = after_gap(gap, polls, late)
    for ring in ("quarters", "days"):
        energy, gaps, covered = house.row(ring, "grid_import_wh", "gap_seconds", "covered_seconds")
        assert energy == pytest.approx(house.used, rel=1e-3), ring
        assert (gaps, covered) == pytest.approx((gap, house.now - NOON)), ring
    for energy, by_power in quarters_of(house)[:-1]:
        assert energy == pytest.approx(by_power, rel=1e-3)
        assert energy <= 3000.0 / 4.0 + 1.0


def test_polls_that_wait_for_counters_are_in_the_history_at_once_and_outlive_a_restart() -> None:
    house = after_gap(3600.0, 1, "absent")
    times, _ = house.store.polls.select(-math.inf, math.inf, [0])
    assert NOON + 600.0 + 3600.0 in times
    house = House()
    house.poll()
    house.polls(600.0)
    house.flow(3600.0, 3000.0)
    house.counts = False
    house.poll()
    assert house.recorder.last == house.now
    assert house.store.polls.select(-math.inf, math.inf, [0])[0][-1] == house.now
    house.recorder.checkpoint()
    house.recorder = Recorder(house.store)
    house.counts = True
    house.flow(5.0)
    house.poll()
    house.polls(600.0)
    assert house.row("days", "home_wh", "gap_seconds") == pytest.approx([house.used, 3600.0])


def test_counters_that_never_come_are_not_waited_for_long() -> None:
    house = House()
    house.poll()
    house.polls(600.0)
    house.counts = False
    house.flow(3600.0, 3000.0)
    house.poll()
    before = house.used
    house.polls(600.0)
    energy, gaps, covered = house.row("days", "home_wh", "gap_seconds", "covered_seconds")
    assert energy == pytest.approx(2000.0 / 6.0 + house.used - before)
    assert (gaps, covered) == pytest.approx((3600.0, 1200.0))


def test_of_two_gaps_in_a_row_with_one_count_each_has_its_share() -> None:
    house = House()
    house.poll()
    house.polls(600.0)
    house.flow(4000.0, 1000.0)
    house.counts = False
    house.poll()
    house.counts = True
    house.flow(9000.0)
    house.poll()
    house.polls(600.0)
    assert house.row("days", "home_wh", "gap_seconds") == pytest.approx([house.used, 13_000.0])
    assert all(energy <= 251.0 for energy, _ in quarters_of(house)[1:-2])
