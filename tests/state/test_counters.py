"""One guard for every counter: dips are held, a reset is believed once, absurd values hold nothing for ever."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pwserver.state.counter_guard import (
    KEPT_SECONDS,
    MAX_COUNTERS,
    MOST_WH,
    RESET_READINGS,
    SETTLED_SECONDS,
    CounterGuard,
)
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge
from pwserver.state.meter_powers import energies_wh
from pwserver_ext.vitals import frequency
from tests.state.readings import POWERS, START, follow, reading, shown

LOAD = "load.energy_imported"


def test_a_dip_is_held_until_it_is_passed() -> None:
    judge = GatewayJudge()
    told = [9_000_000, 8_999_950, 8_999_955, 9_000_005]
    assert follow(judge, LOAD, told) == [9_000_000, 9_000_000, 9_000_000, 9_000_005]
    long = GatewayJudge()
    hours = [9_000_000] + [8_999_950 + number % 40 for number in range(500)]
    assert set(follow(long, LOAD, hours, 600.0)) == {9_000_000}


def test_what_is_held_is_said_with_its_reason() -> None:
    judge = GatewayJudge()
    judge.take(reading(0.0, {LOAD: 9_000_000}))
    judged = judge.take(reading(5.0, {LOAD: 8_999_950}))
    assert "8999950" in judged.set_aside[LOAD] and "9000000" in judged.set_aside[LOAD]
    fact = judged.meters["load"].imported_wh
    assert fact.rule == "held" and fact.set_aside == judged.set_aside[LOAD]
    assert judged.reading is not None and judged.reading.flags[LOAD] == judged.set_aside[LOAD]
    rounding = judge.take(reading(10.0, {LOAD: 8_999_999.7}))
    assert LOAD not in rounding.set_aside and shown(rounding, LOAD) == 9_000_000


def test_a_dispute_is_named_also_while_the_counter_is_not_told() -> None:
    """Over TEDAPI counters come in every third poll or so."""
    judge = GatewayJudge()
    judge.take(reading(0.0, {LOAD: 9_000_000}))
    said = judge.take(reading(5.0, {LOAD: 8_999_950})).set_aside[LOAD]
    assert judge.take(reading(10.0, {LOAD: None})).set_aside[LOAD] == said
    again = GatewayJudge(GatewayMemory.from_json(judge.memory.to_json()))
    assert again.take(reading(20.0, {LOAD: None})).set_aside[LOAD] == said
    assert LOAD not in again.take(reading(25.0, {LOAD: 9_000_001})).set_aside


def test_a_reset_is_believed_after_three_answers_and_thirty_seconds_and_named() -> None:
    judge = GatewayJudge()
    told = [9_000_000, 10, 12, 20, 31, 40]
    assert follow(judge, LOAD, told) == [9_000_000, 9_000_000, 9_000_000, 20, 31, 40]
    judged = judge.take(reading(90.0, {LOAD: 41}))
    assert "9000000 before" in judged.notes[LOAD] and LOAD not in judged.set_aside
    assert judged.reading is not None and judged.reading.counter_resets == {LOAD: START + 45.0}
    quick = GatewayJudge()  # many answers in a short time are not enough, nor is a long time with two of them
    assert set(follow(quick, LOAD, [9_000_000, *range(10, 30)], 1.0)) == {9_000_000}
    assert follow(GatewayJudge(), LOAD, [9_000_000, 10, 12], 60.0)[-1] == 9_000_000


def test_a_fall_to_near_zero_that_does_not_grow_is_no_reset() -> None:
    assert set(follow(GatewayJudge(), LOAD, [9_000_000] + [0.0] * 100)) == {9_000_000}
    unsteady = [9_000_000] + [10, 40, 20, 12] * 30
    assert set(follow(GatewayJudge(), LOAD, unsteady)) == {9_000_000}
    halves = [9_000_000, *range(4_500_000, 4_500_400, 10)]  # not near zero
    assert set(follow(GatewayJudge(), LOAD, halves)) == {9_000_000}


def test_the_same_counter_in_kilowatt_hours_is_no_new_meter() -> None:
    """9,000 kWh told as 9000: near zero, and growing, for ever."""
    for watts in (300.0, 5_000.0):
        minutes = [9_000_000, *(9_000.0 + watts / 1000.0 * number / 60.0 for number in range(1, 400))]
        assert set(follow(GatewayJudge(), LOAD, minutes, 60.0)) == {9_000_000}
        hours = [9_000_000, *(9_000.0 + watts / 1000.0 * number for number in range(1, 24 * 10))]
        assert set(follow(GatewayJudge(), LOAD, hours, 3600.0)) == {9_000_000}
    # A new meter that happens to have counted as much grows like one.
    assert follow(GatewayJudge(), LOAD, [9_000_000, 9_000, 9_004, 9_010, 9_015], 60.0)[-1] == 9_015


def test_a_new_meter_may_have_counted_while_nobody_asked() -> None:
    judge = GatewayJudge()
    follow(judge, LOAD, [9_000_000])
    day = 86_400.0
    told = [200_000, 200_010, 200_020]  # 200 kWh in a day: more than a hundredth of the old counter
    assert follow(judge, LOAD, told, begin=day) == [9_000_000, 9_000_000, 200_020]
    told_soon = GatewayJudge()
    assert set(follow(told_soon, LOAD, [9_000_000, *told, 200_030])) == {9_000_000}


def test_a_single_absurd_value_does_not_hold_the_counter() -> None:
    told = [9_000_000, 9_000_000_000, 9_000_010, 9_000_020]
    assert follow(GatewayJudge(), LOAD, told) == [9_000_000, 9_000_000, 9_000_010, 9_000_020]
    for absurd in (1e15, math.inf, math.nan, 10**400, "9", True, [1]):
        judge = GatewayJudge()
        assert follow(judge, LOAD, [9_000_000, absurd, 9_000_010]) == [9_000_000, 9_000_000, 9_000_010], absurd


def test_a_leap_is_believed_when_it_lasts() -> None:
    told = [9_000_000, 9_500_000, 9_500_001, 9_500_002]
    assert follow(GatewayJudge(), LOAD, told) == [9_000_000, 9_000_000, 9_000_000, 9_500_002]
    judge = GatewayJudge()
    follow(judge, LOAD, [9_000_000])
    assert follow(judge, LOAD, [9_500_000], begin=10 * 86_400.0) == [9_500_000]  # ten days: a house can do that


def test_an_absurd_height_that_was_believed_is_given_up_in_the_end() -> None:
    judge = GatewayJudge()
    follow(judge, LOAD, [900_000_000_000] * 2)
    hour = 3600.0
    count = int(SETTLED_SECONDS / hour) + 2
    told = [500_000_000_000 + 500 * number for number in range(count)]
    found = follow(judge, LOAD, told, hour, begin=hour)
    assert found[0] == 900_000_000_000 and found[-1] == told[-1]
    restored = GatewayJudge()  # an old state that is put back is not absurd: it will be passed
    follow(restored, LOAD, [9_000_000])
    older = [8_500_000 + 1500 * number for number in range(count)]
    assert min(follow(restored, LOAD, older, hour, begin=hour)) == 9_000_000


def test_counters_that_come_and_go_stay_for_an_hour() -> None:
    judge = GatewayJudge()
    assert shown(judge.take(reading(0.0, {LOAD: 500.0})), LOAD) == 500.0
    judged = judge.take(reading(30.0, {LOAD: None}))
    assert shown(judged, LOAD) == 500.0 and judged.meters["load"].imported_wh.at == START
    assert judged.meters["load"].imported_wh.rule == "kept" and "energy" not in judged.set_aside
    assert "90 s old" in judge.take(reading(90.0, {LOAD: None})).set_aside["energy"]
    assert shown(judge.take(reading(KEPT_SECONDS + 1.0, {LOAD: None})), LOAD) is None
    back = judge.take(reading(KEPT_SECONDS + 2.0, {LOAD: 400.0}))
    assert shown(back, LOAD) == 500.0  # forgotten is nothing: it is only not shown any more


def test_all_zero_means_that_energies_are_not_reported() -> None:
    names = [f"{meter}.{way}" for meter in POWERS for way in ("energy_imported", "energy_exported")]
    judge = GatewayJudge()
    judged = judge.take(reading(0.0, dict.fromkeys(names, 0)))
    assert [shown(judged, name) for name in names] == [None] * 8 and energies_wh(judged.meters) == {}
    judged = judge.take(reading(5.0, {**dict.fromkeys(names, 0), LOAD: 12.0}))
    assert shown(judged, LOAD) == 12.0 and shown(judged, "solar.energy_exported") == 0
    judged = judge.take(reading(10.0, dict.fromkeys(names, 0)))
    assert shown(judged, LOAD) == 12.0


def test_a_negative_counter_is_no_count_and_says_so() -> None:
    judge = GatewayJudge()
    judged = judge.take(reading(0.0, {LOAD: -50.0, "site.energy_imported": 7.0}))
    assert shown(judged, LOAD) is None and "below 0" in judged.set_aside[LOAD]
    assert "home_energy_imported" not in energies_wh(judged.meters)
    assert follow(judge, LOAD, [3.0, -2.0, 4.0], begin=15.0) == [3.0, 3.0, 4.0]


def test_remote_meters_and_units_pass_the_same_guard() -> None:
    def one(after: float, watt_seconds: Any, charged: Any) -> Any:
        vitals = {"TRM--a--B": {"TRM_CT1_EnergyImportedWs": watt_seconds, "TRM_CT1_InstRealPower": 5.0}}
        block = {"PackageSerialNumber": "TG1", "energy_charged": charged}
        judged = judge.take(reading(after, vitals=vitals, system_status={"battery_blocks": [block]}))
        found = judged.reading
        assert found is not None and found.vitals is not None and found.system_status is not None
        assert vitals["TRM--a--B"]["TRM_CT1_EnergyImportedWs"] == watt_seconds  # the gateway's own answer stays
        return (
            found.vitals["TRM--a--B"]["TRM_CT1_EnergyImportedWs"],
            found.system_status["battery_blocks"][0]["energy_charged"],
        )

    judge = GatewayJudge()
    assert one(0.0, 9_000_000_123.25, 5000) == (9_000_000_123.25, 5000)
    assert one(5.0, 8_999_000_000, 4000) == (9_000_000_123.25, 5000)
    assert one(10.0, 9_000_000_200, 5001) == (9_000_000_200, 5001)


@pytest.mark.parametrize(
    ("device", "member"),
    [
        ("TESYNC--1493315-01-F--JBL1", "METER_X_LifetimeEnergyImport"),
        ("TEMSA--1707000-11-L--TG1", "METER_Z_LifetimeEnergyExport"),
        ("TEPINV--1081100-10-U--TG1", "PINV_LifetimeEnergyDischarged"),
        ("PVAC--1538100-00-F--CN1", "PVAC_LifetimeEnergyPV_Total"),
    ],
)
def test_what_devices_count_in_watt_hours_passes_the_same_guard(device: str, member: str) -> None:
    judge = GatewayJudge()

    def one(after: float, told: Any) -> Any:
        found = judge.take(reading(after, vitals={device: {member: told, "alerts": []}})).reading
        assert found is not None and found.vitals is not None
        in_freq = frequency(found.vitals, None, None, None).get(member, found.vitals[device][member])
        assert in_freq == found.vitals[device][member]
        return in_freq

    told = [9_000_000, 8_999_950, None, -1.0, 9_000_005, 10, 12, 20]
    shown_ = [9_000_000, 9_000_000, None, 9_000_000, 9_000_005, 9_000_005, 9_000_005, 20]
    assert [one(15.0 * number, value) for number, value in enumerate(told)] == shown_


def test_the_number_of_counters_is_bounded() -> None:
    guard = CounterGuard()
    for number in range(MAX_COUNTERS):
        assert guard.take(f"c{number}", 5, START).value == 5
    refused = guard.take("one more", 5, START)
    assert refused.value is None and refused.set_aside and len(guard.counters) == MAX_COUNTERS
    later = guard.take("one more", 5, START + 2 * KEPT_SECONDS)  # in the place of one that was not told for long
    assert later.value == 5 and len(guard.counters) == MAX_COUNTERS


def test_a_replica_believes_a_reset_at_the_same_moment() -> None:
    publisher, replica = GatewayJudge(), GatewayJudge()
    for number, value in enumerate([9_000_000, 10, 12, 20, 31]):
        first = publisher.take(reading(15.0 * number, {LOAD: value}))
        assert first.reading is not None
        second = replica.take(replace(first.reading))
        assert shown(first, LOAD) == shown(second, LOAD)


told_values = st.one_of(
    st.none(),
    st.integers(-10, 10),
    st.integers(8_999_000, 9_001_000),
    st.floats(0, 2e7),
    st.sampled_from([0, 0.0, -1.0, math.nan, math.inf, 1e13, MOST_WH, "x"]),
)
steps = st.lists(st.tuples(st.sampled_from([1.0, 5.0, 15.0, 60.0, 4000.0]), told_values), max_size=60)


@settings(max_examples=300, deadline=None)
@given(steps)
@example([(1.0, 8_999_000), (1.0, 1), (1.0, "x"), (60.0, 1), (1.0, 2)])  # a word is passed over, like no answer
def test_what_is_shown_falls_only_at_a_believed_reset(polls: list[tuple[float, Any]]) -> None:
    judge, at, last, resets = GatewayJudge(), 0.0, None, {}
    heard: list[Any] = []
    for seconds, value in polls:
        at += seconds
        heard.append(value)
        judged = judge.take(reading(at, {LOAD: value}))
        now = shown(judged, LOAD)
        assert judged.reading is not None
        if last is not None and now is not None and now < last:
            assert judged.reading.counter_resets.get(LOAD) == START + at != resets.get(LOAD)
            counts = [told for told in heard if isinstance(told, (int, float)) and 0 <= told <= MOST_WH]
            assert len(counts) > RESET_READINGS and max(counts[-RESET_READINGS:]) < last
        assert now is None or now in heard  # never invented
        resets = dict(judged.reading.counter_resets)
        last = now if now is not None else last


@settings(max_examples=150, deadline=None)
@given(steps, st.integers(0, 60))
def test_a_memory_that_was_kept_judges_the_same(polls: list[tuple[float, Any]], cut: int) -> None:
    whole, judge, at = GatewayJudge(), GatewayJudge(), 0.0
    for number, (seconds, value) in enumerate(polls):
        at += seconds
        if number == cut:
            judge = GatewayJudge(GatewayMemory.from_json(json.loads(json.dumps(judge.memory.to_json()))))
        one = reading(at, {LOAD: value})
        first, second = whole.take(one), judge.take(one)
        assert first == second


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        "x",
        {"counters": [1]},
        {"counters": {"a": [1]}},
        {"counters": {"a": [-1, 0, 0, 0, 0]}},
        {"counters": {"a": ["1", 0, 0, 0, 0]}},
        {"counters": {"a": [1, 0, 0, 0, math.nan]}, "further_meters": 5},
    ],
)
def test_a_memory_that_cannot_be_understood_is_left_out(kept: Any) -> None:
    memory = GatewayMemory.from_json(kept)
    assert memory.counters.counters == {} and memory.further_meters == ()
