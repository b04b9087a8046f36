"""What quarter hours cost, earned and saved: the rule, and that quarters make days."""

from __future__ import annotations

import datetime
import math
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import read_tesla_tariff
from pwserver.tariff.value import AMOUNTS, QuarterHour, Store, add_up, value_day, value_quarter
from tests.tariff.strategies import ZONES, documents

DAYS = ("2026-03-29", "2026-10-25", "2026-03-08", "2026-11-01", "2026-04-05", "2026-10-04", "2026-06-01")
FLAT = {"energy_charges": {"ALL": {"ALL": 0.3}}, "sell_tariff": {"energy_charges": {"ALL": {"ALL": 0.1}}}}


def lookup(document: dict[str, object], zone: str = "Europe/Berlin") -> PriceLookup:
    version, _ = read_tesla_tariff(document)
    return PriceLookup(Tariff("EUR", (version,)), ZoneInfo(zone))


NOTHING = QuarterHour(1_780_000_200.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 50.0, 1.0, 900.0)


def quarter(**known: float) -> QuarterHour:
    """A quarter hour in which nothing flows but what is said."""
    return NOTHING._replace(**known)


def amounts(one: QuarterHour, document: dict[str, object] = FLAT, store: Store | None = None) -> dict[str, float]:
    """Value one quarter hour."""
    prices = lookup(document).quarter(one.start)
    return dict(zip(AMOUNTS, value_quarter(one, prices, store or Store()), strict=True))


def test_the_rule_of_a_quarter_hour():
    found = amounts(quarter(bought=0.5, home=2.0, solar=1.0, discharged=0.5))
    assert found["cost"] == pytest.approx(0.15)
    assert found["solar_savings"] == pytest.approx(1.0 * 0.3)
    assert found["battery_savings"] == pytest.approx(0.5 * 0.3)
    assert found["compared_seconds"] == 900.0
    surplus = amounts(quarter(sold=2.0, home=1.0, solar=3.0))
    assert surplus["earnings"] == pytest.approx(0.2)
    assert surplus["solar_savings"] == pytest.approx(0.3 + 0.2)
    assert surplus["battery_savings"] == pytest.approx(0.0)


def test_what_charging_cost_goes_with_the_charge_to_the_next_day():
    store = Store()
    charging = amounts(quarter(home=1.0, solar=3.0, charged=2.0, charge_percent=60.0), store=store)
    assert charging["battery_savings"] == pytest.approx(0.0)
    assert charging["battery_carried"] == pytest.approx(0.2)  # two kWh that were not sold
    assert store.cost == pytest.approx(0.2)
    half = amounts(quarter(home=1.0, discharged=1.0, charge_percent=30.0), store=store)
    assert half["battery_savings"] == pytest.approx(0.3 - 0.1)
    rest = amounts(quarter(home=1.0, discharged=1.0, charge_percent=0.0), store=store)
    assert rest["battery_savings"] == pytest.approx(0.3 - 0.1)
    assert store.cost == pytest.approx(0.0)


def test_a_quarter_hour_without_the_grid_saves_nothing():
    found = amounts(quarter(home=1.0, discharged=1.0, grid_lowest=0.0))
    assert math.isnan(found["solar_savings"])
    assert (found["outage_seconds"], found["compared_seconds"]) == (900.0, 0.0)
    assert math.isnan(amounts(quarter(home=1.0, grid_lowest=-1.0))["battery_savings"])
    assert amounts(quarter(home=1.0, bought=1.0, grid_lowest=math.nan))["compared_seconds"] == 900.0


def test_energy_without_a_price_is_named_and_never_free():
    bought = amounts(quarter(bought=1.0, home=1.0), {"energy_charges": {}})
    assert math.isnan(bought["cost"])
    assert (bought["unpriced_import_kwh"], bought["unpriced_seconds"]) == (1.0, 900.0)
    sold = amounts(quarter(sold=1.0, solar=1.0), {"energy_charges": {"ALL": {"ALL": 0.3}}})
    assert (sold["cost"], sold["unpriced_export_kwh"], sold["unpriced_seconds"]) == (0.0, 1.0, 900.0)
    year = {"fromMonth": 1, "fromDay": 1, "toMonth": 12, "toDay": 31, "tou_periods": {"P": [{}]}}
    free = {"energy_charges": {"S": {"P": 0}}, "seasons": {"S": year}}
    assert amounts(quarter(bought=1.0, home=1.0), free)["cost"] == 0.0


def test_what_was_not_measured_is_said():
    found = amounts(quarter(bought=1.0, home=math.nan))
    assert found["cost"] == pytest.approx(0.3)
    assert found["unknown_seconds"] == 900.0
    assert math.isnan(found["solar_savings"])


energies = st.floats(0, 5)


@st.composite
def days(draw: st.DrawFn, zone: str) -> tuple[list[QuarterHour], float]:
    """Make the quarter hours of a whole day of this zone, and its length."""
    start = datetime.datetime.fromisoformat(draw(st.sampled_from(DAYS))).replace(tzinfo=ZoneInfo(zone))
    first, end = start.timestamp(), (start + datetime.timedelta(days=1)).timestamp()
    pattern = draw(st.lists(st.tuples(*[energies] * 6), min_size=1, max_size=3))
    charges = draw(st.lists(st.floats(0, 100) | st.just(math.nan), min_size=1, max_size=3))
    grid = draw(st.lists(st.sampled_from([1.0, 1.0, 0.0, math.nan]), min_size=1, max_size=3))
    quarters = [
        QuarterHour._make(
            (
                first + 900.0 * number,
                *pattern[number % len(pattern)],
                charges[number % len(charges)],
                grid[number % len(grid)],
                900.0,
            )
        )
        for number in range(int((end - first) // 900))
    ]
    return quarters, end - first


@settings(max_examples=40)
@given(documents(), st.sampled_from(ZONES), st.data())
def test_quarter_hours_make_their_day(document: dict[str, object], zone: str, data: st.DataObject):
    quarters, length = data.draw(days(zone))
    prices = lookup(document, zone)
    store, again = Store(), Store()
    whole = dict(zip(AMOUNTS, value_day(quarters, prices, store, length), strict=True))
    rows = [value_quarter(each, prices.quarter(each.start), again) for each in quarters]
    parts = dict(zip(AMOUNTS, add_up(rows), strict=True))
    assert whole["fixed"] == prices.tariff.versions[0].fixed_part(prices.day(quarters[0].start))
    for name in set(AMOUNTS) - {"fixed"}:
        assert whole[name] == pytest.approx(parts[name], nan_ok=True)
    assert math.fsum(whole[name] for name in AMOUNTS if name.endswith("_seconds")) == length
    # What is carried is nowhere lost: it is the difference between the stores of the two midnights.
    carried = whole["battery_carried"]
    assert store.cost == pytest.approx(0.0 if math.isnan(carried) else carried, abs=1e-9)
    # The bill and the savings are those of the plain formulas, price by price.
    known = [(each, prices.quarter(each.start)) for each in quarters]
    cost = [each.bought * (price.buy.per_kwh or 0.0) for each, price in known if price.buy.per_kwh is not None]
    if any(each.bought for each in quarters) and cost:
        assert whole["cost"] == pytest.approx(math.fsum(cost))
    compared = math.fsum(
        (each.home - max(each.home - each.solar, 0)) * price.buy.per_kwh
        + max(each.solar - each.home, 0) * (price.sell.per_kwh or 0.0)
        for (each, price), row in zip(known, rows, strict=True)
        if row[AMOUNTS.index("compared_seconds")] and price.buy.per_kwh is not None
    )
    if not math.isnan(whole["solar_savings"]) and all(price.buy.per_kwh is not None for _, price in known):
        assert whole["solar_savings"] == pytest.approx(compared, abs=1e-9)
