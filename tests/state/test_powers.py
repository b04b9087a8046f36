"""The owner's corrections keep the balance, and a meter beside the main four is a meter."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.reading import Answered
from pwserver.state.judge import GatewayJudge
from pwserver.state.meter_powers import MAX_FURTHER, Corrections, correct_meters
from tests.state.readings import POWERS, START, reading

watts = st.integers(-20_000, 20_000) | st.floats(-20_000, 20_000)
CLAMPED = Corrections(keep_negative_solar=False)


def meters(site: object, battery: object, load: object, solar: object) -> dict[str, Any]:
    values = {"site": site, "battery": battery, "load": load, "solar": solar}
    return {name: {"instant_power": value, "kept": 1} for name, value in values.items()}


@given(watts, watts, watts)
def test_moving_negative_solar_to_the_load_keeps_the_balance(site: float, battery: float, solar: float) -> None:
    given_meters = meters(site, battery, site + battery + solar, solar)
    found = correct_meters(given_meters, CLAMPED)
    power = {name: meter["instant_power"] for name, meter in found.items()}
    assert power["solar"] >= 0
    assert math.isclose(power["site"] + power["battery"] + power["solar"], power["load"], abs_tol=1e-6)
    assert given_meters["solar"]["instant_power"] == solar  # the input stays as it was
    assert correct_meters(found, CLAMPED) == found  # applied twice is applied once


@given(st.none() | watts, st.floats(0, 500))
def test_the_dead_band_touches_the_site_only(site: float | None, threshold: float) -> None:
    found = correct_meters(meters(site, 1, 2, 3), Corrections(site_zero_threshold_watts=threshold))
    expected = 0 if site is not None and threshold > 0 and abs(site) <= threshold else site
    assert found["site"]["instant_power"] == expected
    assert [found[n]["instant_power"] for n in ("battery", "load", "solar")] == [1, 2, 3]


def test_negative_solar_without_a_load() -> None:
    found = correct_meters(meters(1, 2, None, -5), CLAMPED)
    assert found["load"]["instant_power"] is None and found["solar"]["instant_power"] == 0


def test_corrected_powers_are_facts_that_say_what_was_told() -> None:
    judge = GatewayJudge(corrections=Corrections(False, 300.0))
    judged = judge.take(reading(0.0, aggregates=meters(-222.0, 2100.0, 1838.0, -40.0)))
    found = {name: meter.watts.value for name, meter in judged.meters.items()}
    assert found == {"site": 0, "battery": 2100.0, "load": 1878.0, "solar": 0}
    assert judged.meters["solar"].watts.rule == "negative solar" and "-40.0 W" in str(judged.meters["solar"].watts)
    assert judged.meters["site"].watts.rule == "dead band" and judged.meters["battery"].watts.rule == "measured"
    assert judged.reading is not None
    assert {name: judged.reading.aggregates[name]["instant_power"] for name in POWERS} == found


def test_a_generator_is_a_meter_and_closes_the_balance() -> None:
    judge = GatewayJudge()
    four = meters(-222.0, 100.0, 6078.5, 2000.0)
    judged = judge.take(reading(0.0, aggregates=four, listed_meters={"generator": {"instant_power": 4200.5}}))
    assert judged.meters["generator"].watts.value == 4200.5 and list(judged.meters)[-1] == "generator"
    assert judged.balance_watts.value == 0.0
    assert judged.reading is not None and judged.reading.aggregates["generator"] == {"instant_power": 4200.5}
    assert judge.take(reading(5.0)).balance_watts.value == 0.0
    for name in ("conductor", "solar_rgm"):  # they measure once more what the main meters have measured
        again = GatewayJudge().take(reading(0.0, listed_meters={name: {"instant_power": 2000.0}}))
        assert again.meters[name].watts.value == 2000.0 and again.balance_watts.value == 0.0


def test_a_place_without_a_meter_is_none_until_it_shows_something() -> None:
    judge = GatewayJudge()
    nothing = judge.take(reading(0.0, listed_meters={"generator": {"instant_power": 0}}))
    assert "generator" not in nothing.meters
    assert nothing.reading is not None and "generator" not in nothing.reading.aggregates
    judge.take(reading(5.0, listed_meters={"generator": {"instant_power": 900.0}}))
    off = judge.take(reading(10.0, listed_meters={"generator": {"instant_power": 0}}))
    assert off.meters["generator"].watts.value == 0
    replica = GatewayJudge()
    assert off.reading is not None and "generator" in replica.take(off.reading).meters


def test_a_meter_of_the_local_answer_stays_there_as_it_is() -> None:
    old = {
        **meters(-222.0, 100.0, 1878.0, 2000.0),
        "busway": {"instant_power": 0, "frequency": 0},
        "frequency": {"instant_power": 0},
        "generator": {"instant_power": 0, "energy_exported": 0},
    }
    judged = GatewayJudge().take(reading(0.0, aggregates=old))
    assert list(judged.meters) == ["site", "battery", "load", "solar"]
    assert judged.reading is not None and judged.reading.aggregates["busway"] == old["busway"]


def test_further_meters_are_bounded_and_have_plain_names() -> None:
    listed = {f"place{number}": {"instant_power": 1.0} for number in range(100)}
    odd = {name: {"instant_power": 1.0} for name in ("", "A", "a b", "../x", "ü", "x" * 40)}
    judged = GatewayJudge().take(reading(0.0, listed_meters={**odd, **listed}))
    assert len(judged.meters) == 4 + MAX_FURTHER and not set(odd).intersection(judged.meters)


@pytest.mark.parametrize("missing", POWERS)
def test_the_balance_is_unknown_without_one_of_the_main_powers(missing: str) -> None:
    four = {name: {"instant_power": None if name == missing else power} for name, power in POWERS.items()}
    assert GatewayJudge().take(reading(0.0, aggregates=four)).balance_watts.value is None


def test_facts_name_the_answer_they_come_from() -> None:
    energy = Answered("GET /api/meters/aggregates", START - 9.0)
    answers = {"meters": Answered("TEDAPI status", START), "energy": energy}
    judged = GatewayJudge().take(reading(0.0, {"load.energy_imported": 5.0}, answers=answers))
    load = judged.meters["load"]
    assert (load.watts.answer, load.watts.member, load.watts.at) == ("TEDAPI status", "load.instant_power", START)
    assert (load.imported_wh.answer, load.imported_wh.at) == ("GET /api/meters/aggregates", START - 9.0)
    assert judged.reading is not None
    assert judged.reading.aggregates["load"].get("disclaimer") is None  # it goes with energy_exported
