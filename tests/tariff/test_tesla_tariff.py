"""Tesla's tariff documents: both forms, and each of their odd habits."""

from __future__ import annotations

import datetime
from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import NotATariff, read_tesla_tariff
from tests.tariff.strategies import documents

YEAR = {"fromMonth": 1, "fromDay": 1, "toMonth": 12, "toDay": 31}
ALWAYS: list[dict[str, int]] = [{}]


def price(document: dict[str, Any], when: str, sell: bool = False) -> float | None:
    """Return the price at a local time."""
    version, currency = read_tesla_tariff(document)
    instant = datetime.datetime.fromisoformat(when).replace(tzinfo=ZoneInfo("America/New_York")).timestamp()
    found = PriceLookup(Tariff(currency, (version,)), ZoneInfo("America/New_York")).at(instant)
    return (found.sell if sell else found.buy).per_kwh


def plan(periods: dict[str, Any], rates: dict[str, Any], **season: int) -> dict[str, Any]:
    """Make a document of version 2 with one season."""
    return {
        "energy_charges": {"ALL": {"rates": {"ALL": 0}}, "Summer": {"rates": rates}},
        "seasons": {
            "Summer": {**YEAR, **season, "tou_periods": {name: {"periods": each} for name, each in periods.items()}},
            "Winter": {"fromMonth": 0, "fromDay": 0, "toMonth": 0, "toDay": 0, "tou_periods": {}},
        },
    }


def test_both_forms_say_the_same():
    second = plan({"ON_PEAK": [{"fromHour": 16, "toHour": 21}], "OFF_PEAK": [{"fromHour": 21, "toHour": 16}]},
                  {"ON_PEAK": 0.45, "OFF_PEAK": 0.2})  # fmt: skip
    first = {
        "energy_charges": {"ALL": {"ALL": 0}, "Summer": {"ON_PEAK": 0.45, "OFF_PEAK": 0.2}},
        "seasons": {
            "Summer": {
                **YEAR,
                "tou_periods": {
                    "ON_PEAK": [{"fromHour": 16, "toHour": 21}],
                    "OFF_PEAK": [{"fromHour": 21, "toHour": 16}],
                },
            },
            "Winter": {},
        },
    }  # fmt: skip
    assert read_tesla_tariff(first)[0] == read_tesla_tariff(second)[0]


@pytest.mark.parametrize(
    ("window", "at", "inside"),
    [
        ({"fromHour": 16, "toHour": 21}, "2026-06-07T20:59:59", True),  # toDayOfWeek left out is Sunday
        ({"fromHour": 16, "toHour": 21}, "2026-06-07T21:00", False),
        ({"toDayOfWeek": 4, "toHour": 21}, "2026-06-07T12:00", False),
        ({"toDayOfWeek": 0, "toHour": 24}, "2026-06-08T00:00", True),  # 0 is Monday, also for toDayOfWeek
        ({"toDayOfWeek": 0, "toHour": 24}, "2026-06-07T12:00", False),
        ({"fromDayOfWeek": 5, "toDayOfWeek": 0, "toHour": 24}, "2026-06-08T12:00", True),  # Saturday to Monday
        ({"fromDayOfWeek": 5, "toDayOfWeek": 0, "toHour": 24}, "2026-06-09T12:00", False),
        ({"fromDayOfWeek": 6, "fromHour": 22, "toHour": 6}, "2026-06-08T05:59", True),  # Sunday's night ends on Monday
        ({"fromDayOfWeek": 6, "fromHour": 22, "toHour": 6}, "2026-06-07T05:59", False),
        ({"fromHour": 20, "fromMinute": 60, "toHour": 22}, "2026-06-08T21:00", True),  # minute 60 is the next hour
        ({"fromHour": 20, "fromMinute": 60, "toHour": 22}, "2026-06-08T20:59", False),
        ({"toHour": 23, "toMinute": 60}, "2026-06-08T23:59:59", True),
        ({"fromHour": 24, "toHour": 1}, "2026-06-08T00:30", True),
        ({}, "2026-06-08T12:00", True),
    ],
)
def test_hours_and_days_of_a_period(window: dict[str, int], at: str, inside: bool):
    assert price(plan({"ON_PEAK": [window]}, {"ON_PEAK": 0.45}), at) == (0.45 if inside else None)


@pytest.mark.parametrize(
    ("season", "at", "inside"),
    [
        ({"fromMonth": 10, "toMonth": 5}, "2026-12-31T12:00", True),  # a "Summer" over New Year
        ({"fromMonth": 10, "toMonth": 5}, "2026-05-31T23:59", True),  # the last day belongs to it
        ({"fromMonth": 10, "toMonth": 5}, "2026-06-01T00:00", False),
        ({"toMonth": 2, "toDay": 31}, "2028-02-29T12:00", True),
    ],
)
def test_a_season_has_its_last_day_and_may_go_over_new_year(season: dict[str, int], at: str, inside: bool):
    assert price(plan({"ALL": ALWAYS}, {"ALL": 0.3}, **season), at) == (0.3 if inside else None)


NOON = "2026-06-08T12:00"


@pytest.mark.parametrize(
    ("rates", "all_rates", "found"),
    [
        ({"ON_PEAK": 0}, {"ALL": 0.5}, 0.0),  # a price of 0 is one
        ({"ALL": 0.2}, {"ON_PEAK": 0.5}, 0.2),  # first the season's own ALL
        ({}, {"ON_PEAK": 0.5, "ALL": 0.4}, 0.5),
        ({}, {"ALL": 0.4}, 0.4),
        ({}, {"ALL": 0}, None),  # what fills an empty place says nothing of free power
        ({"ALL": 0}, {"ALL": 0.4}, None),
        ({"ON_PEAK": None}, {"ALL": 0.4}, None),
        ({"ON_PEAK": "0.3"}, {"ALL": 0.4}, None),
        ({"ON_PEAK": True}, {"ALL": 0.4}, None),
        ({"ON_PEAK": -0.1}, {}, -0.1),
    ],
)
def test_the_price_of_a_period(rates: dict[str, Any], all_rates: dict[str, Any], found: float | None):
    document = plan({"ON_PEAK": ALWAYS}, rates)
    document["energy_charges"]["ALL"] = {"rates": all_rates}
    assert price(document, NOON) == found


def test_a_plan_without_seasons_has_the_price_of_all():
    assert price({"energy_charges": {"ALL": {"rates": {"ALL": 0.28}}}, "seasons": {"Summer": {}}}, NOON) == 0.28
    assert price({"energy_charges": {"ALL": {"rates": {"ALL": 0}}}, "seasons": {}}, NOON) is None


def test_hours_that_two_periods_have_are_priced_only_where_they_agree():
    overlapping = {"ON_PEAK": [{"toHour": 12}], "OFF_PEAK": [{"fromHour": 11, "toHour": 24}]}
    different = plan(overlapping, {"ON_PEAK": 0.4, "OFF_PEAK": 0.2})
    assert [price(different, f"2026-06-08T{hour}:30") for hour in (10, 11, 12)] == [0.4, None, 0.2]
    assert price(plan(overlapping, {"ON_PEAK": 0.2, "OFF_PEAK": 0.2}), "2026-06-08T11:30") == 0.2


def test_what_is_sold_has_seasons_of_its_own():
    document = plan({"ALL": ALWAYS}, {"ALL": 0.3})
    document["sell_tariff"] = plan({"ALL": ALWAYS}, {"ALL": 0.1}, fromMonth=7)
    assert price(document, "2026-06-08T12:00", sell=True) is None
    assert price(document, "2026-07-08T12:00", sell=True) == 0.1
    assert price(plan({"ALL": ALWAYS}, {"ALL": 0.3}), NOON, sell=True) is None


def test_fixed_charges_may_lack_an_amount_and_demand_charges_are_said():
    document = plan({"ALL": ALWAYS}, {"ALL": 0.3})
    document |= {
        "currency": "usd",
        "daily_charges": [{"name": "Charge"}, {"name": "Grid", "amount": 0.4}, {"amount": 0.1}],
        "demand_charges": {"ALL": {"rates": {"ALL": 0}}, "Summer": {"rates": {"ALL": 9.5}}},
    }
    version, currency = read_tesla_tariff(document)
    assert currency == "USD"
    assert version.fixed_part(datetime.date(2026, 6, 8)) == 0.5
    assert version.notes == ("demand charges are not counted",)


def test_a_document_without_a_bottom_is_read() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"ALL": deep}
    version, _ = read_tesla_tariff({"energy_charges": {"ALL": {"ALL": 0.3}}, "demand_charges": deep})
    assert version.notes == ()


def test_hours_that_cannot_be_understood_have_no_price_and_are_named():
    for window in ({"fromHour": 25}, {"toDayOfWeek": 7}, {"fromMinute": 61}, {"fromHour": "x"}, {"fromHour": 1.5}, 7):
        document = plan({"ON_PEAK": [window, {"fromHour": 10, "toHour": 12}]}, {"ON_PEAK": 0.3})
        version, _ = read_tesla_tariff(document)
        assert version.notes == ("Summer ON_PEAK: hours that cannot be understood have no price",)
        assert price(document, "2026-06-08T11:00") == 0.3


@pytest.mark.parametrize("document", [None, [], "x", {}, {"energy_charges": []}])
def test_what_is_no_tariff_is_refused(document: object):
    with pytest.raises(NotATariff):
        read_tesla_tariff(document)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(documents(), st.data())
def test_a_document_with_anything_in_any_place_is_read_or_refused(document: dict[str, Any], data: st.DataObject):
    at: Any = document
    while True:
        keys = list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        if data.draw(st.booleans()):
            at[key] = data.draw(json_values)
            break
        at = at[key]
    with suppress(NotATariff):
        version, _ = read_tesla_tariff(document)
        PriceLookup(Tariff(None, (version,)), ZoneInfo("UTC")).quarter(0.0)
        assert version.fixed_part(datetime.date(2026, 1, 1)) < float("inf")
