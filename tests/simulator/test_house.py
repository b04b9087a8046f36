"""The physics: balance, meters that never fall, limits, and the same house for the same seed and clock."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.simulator.house import House, Plant

NOON = 1_782_068_400.0  # 2026-06-21 12:00 in Los Angeles


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def balance(house: House) -> float:
    flows = house.snapshot().flows
    return flows.site + flows.solar + flows.battery - flows.load


commands = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["self_consumption", "autonomous", "backup"]),
        "reserve_percent": st.floats(0, 100),
        "grid_charging": st.booleans(),
        "export_rule": st.sampled_from(["battery_ok", "pv_only", "never"]),
        "off_grid": st.booleans(),
        "grid_outage": st.booleans(),
        "dispatch_watts": st.none() | st.floats(-12000, 12000),
        "dispatch_until": st.floats(NOON, NOON + 1e6),
        "backup_until": st.floats(NOON, NOON + 1e6),
        "fixed_solar": st.none() | st.floats(-50, 9000),
        "fixed_load": st.none() | st.floats(0, 15000),
    },
)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from([(13500, 13500), (13500,), ()]),
    st.lists(st.tuples(st.floats(0, 120), commands), min_size=1, max_size=12),
    st.floats(0, 40),
)
def test_balance_limits_and_meters_whatever_is_commanded(
    seed: int, packs: tuple[int, ...], story: list[tuple[float, dict[str, object]]], night_draw: float
) -> None:
    clock = Clock()
    plant = Plant(pack_wh=packs, night_draw_watts=night_draw)
    house = House(plant, seed=seed, clock=clock, speed=60.0)
    meters = astuple(house.snapshot().energy)
    for seconds, changes in story:
        clock.now += seconds
        house.command(**changes)
        snapshot = house.snapshot()
        flows = snapshot.flows
        assert flows.site + flows.solar + flows.battery == flows.load  # exactly
        assert abs(flows.battery) <= plant.pack_watts * len(packs)
        assert 0 <= snapshot.stored_wh <= snapshot.capacity_wh
        assert flows.load >= 0
        if snapshot.grid != "up":
            assert flows.site == 0
        now = astuple(snapshot.energy)
        assert all(after >= before for before, after in zip(meters, now, strict=True))
        meters = now


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.lists(st.floats(0, 200), max_size=20))
def test_looking_changes_nothing(seed: int, looks: list[float]) -> None:
    watched_clock, clock = Clock(), Clock()
    watched = House(seed=seed, clock=watched_clock, speed=7.0)
    alone = House(seed=seed, clock=clock, speed=7.0)
    for seconds in looks:
        watched_clock.now += seconds
        watched.snapshot()
    clock.now = watched_clock.now
    assert watched.snapshot() == alone.snapshot()


def test_energy_is_the_integral_of_power() -> None:
    clock = Clock()
    house = House(clock=clock)
    house.command(fixed_solar=6000.0, fixed_load=1000.0)
    before = house.snapshot()
    clock.now += 1800.0
    after = house.snapshot()
    assert after.energy.solar - before.energy.solar == pytest.approx(3000.0)
    assert after.energy.load - before.energy.load == pytest.approx(500.0)
    assert after.energy.battery_charged - before.energy.battery_charged == pytest.approx(2500.0)
    assert after.stored_wh - before.stored_wh == pytest.approx(2500.0 * 0.94)


def test_a_day_has_a_dark_night_and_a_bright_noon() -> None:
    clock = Clock(NOON - 12 * 3600.0)
    house = House(clock=clock, speed=1.0)
    by_hour = []
    for _ in range(24):
        by_hour.append(house.snapshot().flows.solar)
        clock.now += 3600.0
    assert by_hour[0] == by_hour[2] == by_hour[23] == 0
    assert max(by_hour) > 3000
    assert by_hour.index(max(by_hour)) in range(9, 17)


def test_the_battery_follows_mode_and_reserve() -> None:
    clock = Clock()
    house = House(clock=clock)
    house.command(fixed_solar=0.0, fixed_load=1000.0, reserve_percent=20.0)
    assert house.snapshot().flows.battery == 1000.0
    house.set_stored_percent(19.0)
    assert house.snapshot().flows.battery == 0.0
    assert house.snapshot().flows.site == 1000.0
    house.command(mode="backup", grid_charging=True)
    assert house.snapshot().flows.battery == -3000.0
    house.command(grid_charging=False)
    assert house.snapshot().flows.battery == 0.0


def test_export_rules() -> None:
    clock = Clock()
    house = House(clock=clock)
    house.set_stored_percent(100.0)
    house.command(fixed_solar=5000.0, fixed_load=1000.0)
    assert house.snapshot().flows.site == -4000.0
    house.command(export_rule="never")
    assert house.snapshot().flows.site == 0.0
    assert house.snapshot().flows.solar == 1000.0  # curtailed
    house.command(export_rule="battery_ok", dispatch_watts=3000.0, dispatch_until=clock.now + 60.0)
    assert house.snapshot().flows.site == -7000.0
    house.command(export_rule="pv_only")
    assert house.snapshot().flows.battery == 0.0
    clock.now += 61.0
    house.command(export_rule="battery_ok")
    assert house.snapshot().flows.battery == 0.0  # the dispatch is over


def test_an_empty_island_sheds_load_and_a_full_one_curtails_the_sun() -> None:
    clock = Clock()
    house = House(clock=clock)
    house.command(off_grid=True, fixed_solar=500.0, fixed_load=2000.0)
    assert (house.snapshot().grid, house.snapshot().flows.battery) == ("down", 1500.0)
    house.set_stored_percent(0.0)
    snapshot = house.snapshot()
    assert snapshot.load_shed
    assert snapshot.flows.load == 500.0
    house.set_stored_percent(100.0)
    house.command(fixed_solar=9000.0)
    assert house.snapshot().flows.solar == 2000.0


def test_hour_moves_the_sun_but_not_the_clock() -> None:
    clock = Clock(NOON - 12 * 3600.0)
    assert House(clock=clock).snapshot().flows.solar == 0.0
    moved = House(clock=clock, hour=12.0).snapshot()
    assert moved.flows.solar > 1000.0
    assert moved.time == clock.now


def test_a_long_gap_is_caught_up_in_bounded_work() -> None:
    clock = Clock()
    house = House(clock=clock)
    before = house.snapshot().energy
    clock.now += 90 * 86400.0
    after = house.snapshot().energy
    assert 90 * 4_000 < after.load - before.load < 90 * 60_000  # watt-hours
    assert balance(house) == 0


def test_speed_and_standstill() -> None:
    clock = Clock()
    fast, still = House(clock=clock, speed=600.0), House(clock=clock, speed=0.0)
    first = still.snapshot()
    clock.now += 10.0
    assert fast.snapshot().time == NOON + 6000.0
    assert still.snapshot() == first


def test_an_unknown_control_is_refused() -> None:
    with pytest.raises(AttributeError):
        House(clock=Clock()).command(warp=9)
