"""Every instant has exactly the price that the rules say: a second, plain reading of the document is the judge."""

from __future__ import annotations

import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import read_tesla_tariff
from tests.tariff.strategies import CHANGES, ZONES, documents, instants, quarters


def lookup_of(document: dict[str, Any], zone: str) -> PriceLookup:
    version, currency = read_tesla_tariff(document)
    return PriceLookup(Tariff(currency, (version,)), ZoneInfo(zone))


def expected_price(tree: dict[str, Any], local: datetime.datetime) -> float | None:
    """Read a tree of prices by the rules, minute by minute, without any of the code under test."""
    charges = {name: found.get("rates", found) for name, found in tree["energy_charges"].items()}

    def price(season: str, period: str) -> float | None:
        if period in charges.get(season, {}):
            return float(charges[season][period])
        for each in (season, "ALL"):
            for name in (period, "ALL"):
                if name in charges.get(each, {}):
                    return charges[each][name] or None
        return None

    found: set[float | None] = set()
    usable = 0
    for name, season in tree["seasons"].items():
        if not season.get("fromMonth") or not any(
            listed if isinstance(listed, list) else listed["periods"] for listed in season["tou_periods"].values()
        ):
            continue
        usable += 1
        first, last = (season["fromMonth"], season["fromDay"]), (season["toMonth"], season["toDay"])
        today = (local.month, local.day)
        inside = first <= today <= last if first <= last else today >= first or today <= last
        if not inside:
            continue
        for period, listed in season["tou_periods"].items():
            for window in listed if isinstance(listed, list) else listed["periods"]:
                start_hour = window.get("fromHour", 0) % 24
                start = datetime.timedelta(hours=start_hour, minutes=window.get("fromMinute", 0))
                end = datetime.timedelta(hours=window.get("toHour", 0), minutes=window.get("toMinute", 0))
                if end <= start:
                    end += datetime.timedelta(days=1)
                day = window.get("fromDayOfWeek", 0)
                days = [day]
                while day != window.get("toDayOfWeek", 6):
                    day = (day + 1) % 7
                    days.append(day)
                clock = datetime.timedelta(hours=local.hour, minutes=local.minute, seconds=local.second)
                for back in (0, 1):
                    begun = (local.weekday() - back) % 7
                    if begun in days and start <= clock + datetime.timedelta(days=back) < end:
                        found.add(price(name, period))
    if not usable:
        return charges.get("ALL", {}).get("ALL") or None
    return found.pop() if len(found) == 1 else None


@given(documents(), st.sampled_from(ZONES), st.lists(instants, min_size=1, max_size=20))
def test_each_instant_has_the_price_that_the_document_says(document: dict[str, Any], zone: str, when: list[float]):
    lookup = lookup_of(document, zone)
    for instant in when:
        local = datetime.datetime.fromtimestamp(instant, ZoneInfo(zone))
        found = lookup.at(instant)
        assert found.buy.per_kwh == expected_price(document, local)
        sold = document.get("sell_tariff")
        assert found.sell.per_kwh == (expected_price(sold, local) if sold else None)


@settings(max_examples=40)
@given(documents(), st.sampled_from(ZONES), st.lists(quarters, min_size=1, max_size=5))
def test_a_quarter_hour_has_the_mean_price_of_its_minutes(document: dict[str, Any], zone: str, when: list[float]):
    lookup = lookup_of(document, zone)
    for start in when:
        minutes = [
            expected_price(document, datetime.datetime.fromtimestamp(start + 60 * number, ZoneInfo(zone)))
            for number in range(15)
        ]
        wanted = None if None in minutes else sum(minute for minute in minutes if minute is not None) / 15
        found = lookup.quarter(start).buy.per_kwh
        assert (found is None) == (wanted is None)
        assert wanted is None or found == pytest.approx(wanted)


NIGHT = {
    "energy_charges": {"S": {"rates": {"DAY": 0.3, "NIGHT": 0.1}}},
    "seasons": {
        "S": {
            "fromMonth": 1, "fromDay": 1, "toMonth": 12, "toDay": 31,
            "tou_periods": {
                "DAY": {"periods": [{"fromHour": 6, "toHour": 22}]},
                "NIGHT": {"periods": [{"fromHour": 22, "toHour": 2}, {"fromHour": 2, "toHour": 6}]},
            },
        }
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("day", "quarters_of_night"), [("2026-03-29", 28), ("2026-10-25", 36), ("2026-10-26", 32)], ids=lambda value: value
)
def test_a_day_on_which_clocks_change_has_an_hour_less_or_more(day: str, quarters_of_night: int):
    zone = ZoneInfo("Europe/Berlin")
    lookup = lookup_of(NIGHT, "Europe/Berlin")
    start = datetime.datetime.fromisoformat(day).replace(tzinfo=zone)
    end = (start + datetime.timedelta(days=1)).timestamp()
    names = []
    instant = start.timestamp()
    while instant < end:
        names.append(lookup.quarter(instant).buy.period)
        instant += 900
    assert names.count("NIGHT") == quarters_of_night
    assert names.count("DAY") == 64
    assert min(abs(change - start.timestamp()) for change in CHANGES) < 90000 * 2


def test_prices_of_versions_begin_at_the_midnight_of_the_house():
    old, _ = read_tesla_tariff({"energy_charges": {"ALL": {"ALL": 0.2}}}, datetime.date(2025, 1, 1))
    new, _ = read_tesla_tariff({"energy_charges": {"ALL": {"ALL": 0.3}}}, datetime.date(2026, 7, 1))
    lookup = PriceLookup(Tariff("AUD", (old, new)), ZoneInfo("Australia/Sydney"))
    midnight = datetime.datetime(2026, 7, 1, tzinfo=ZoneInfo("Australia/Sydney")).timestamp()
    assert [lookup.at(midnight + seconds).buy.per_kwh for seconds in (-1, 0)] == [0.2, 0.3]
    first = datetime.datetime(2025, 1, 1, tzinfo=ZoneInfo("Australia/Sydney")).timestamp()
    assert [lookup.at(first + seconds).buy.per_kwh for seconds in (-1, 0)] == [None, 0.2]
