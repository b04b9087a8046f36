"""Read a tariff document of Tesla's: ``tariff_content`` (v1) and ``tariff_content_v2``, told apart by their shape.

Members may be left out, seasons may be empty and periods may overlap; what gives no certain price gives none. Hours are
those of the house's clock. Names are labels: one plan's "Summer" begins in October.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Final

from pwserver.json_types import Json, JsonMapping
from pwserver.tariff.tariff import LARGEST_PRICE, WEEK, Period, Season, TariffVersion, Window

ANY: Final = "ALL"  # in the place of a season or a period: the prices of those that are not named
MOST_SEASONS, MOST_PERIODS, MOST_WINDOWS = 24, 64, 256
LONGEST_NAME = 60
_LAST_DAY = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


class NotATariff(ValueError):
    """Says why a document is no tariff."""


def read_tesla_tariff(document: object, holds_from: datetime.date | None = None) -> tuple[TariffVersion, str | None]:
    """Return the prices of a document and its currency (None where it has none). Raises NotATariff."""
    if not isinstance(document, Mapping):
        raise NotATariff("it is not an object")
    if not isinstance(document.get("energy_charges"), Mapping):
        raise NotATariff("it has no energy_charges")
    notes: list[str] = []
    buy = _seasons(document, "", notes)
    sold = document.get("sell_tariff")
    sell = _seasons(sold, "sell_tariff: ", notes) if isinstance(sold, Mapping) else ()
    if _demand(document.get("demand_charges")):
        notes.append("demand charges are not counted")
    version = TariffVersion(
        holds_from,
        buy,
        sell,
        _charges(document.get("daily_charges")),
        _charges(document.get("monthly_charges")),
        _name(document.get("name")),
        tuple(notes),
    )
    currency = document.get("currency")
    if isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isalpha():
        return version, currency.upper()
    return version, None


def _seasons(tree: JsonMapping, where: str, notes: list[str]) -> tuple[Season, ...]:
    rates = {name: _rates(found) for name, found in _members(tree.get("energy_charges"))}
    found = []
    for name, season in _members(tree.get("seasons"))[:MOST_SEASONS]:
        dates = _dates(season) if isinstance(season, Mapping) else None
        if dates is None:
            continue
        periods = _periods(season, name, rates, where, notes)
        if periods:
            found.append(Season(_name(name), *dates, periods))
    if not found:
        # A plan without times of use: one price for all the year, which only ALL names.
        price = _price(rates, ANY, ANY)
        if price is not None:
            found.append(Season(ANY, (1, 1), (12, 31), (Period(ANY, price, (Window(WEEK, 0, 1440),)),)))
    return tuple(found)


def _periods(
    season: JsonMapping, name: str, rates: Mapping[str, JsonMapping], where: str, notes: list[str]
) -> tuple[Period, ...]:
    found = []
    for period, times in _members(season.get("tou_periods"))[:MOST_PERIODS]:
        listed = times.get("periods") if isinstance(times, Mapping) else times
        given = listed[:MOST_WINDOWS] if isinstance(listed, list) else []
        windows = [_window(each) for each in given]
        if None in windows:
            notes.append(f"{where}{_name(name)} {_name(period)}: hours that cannot be understood have no price")
        known = tuple(window for window in windows if window is not None)
        if known:
            found.append(Period(_name(period), _price(rates, name, period), known))
    return tuple(found)


def _price(rates: Mapping[str, JsonMapping], season: str, period: str) -> float | None:
    """Return the price of a period. One of ALL counts only when it is not 0, which is what fills an empty place."""
    own = rates.get(season, {})
    if season != ANY and period in own:
        return _number(own[period])
    for named, name in ((own, period), (own, ANY), (rates.get(ANY, {}), period), (rates.get(ANY, {}), ANY)):
        if name in named:
            return _number(named[name]) or None
    return None


def _rates(found: Json) -> JsonMapping:
    """Return the prices of a season by period: v2 has them in ``rates``, v1 has them directly."""
    if not isinstance(found, Mapping):
        return {}
    inner = found.get("rates")
    return inner if isinstance(inner, Mapping) else found


def _dates(season: JsonMapping) -> tuple[tuple[int, int], tuple[int, int]] | None:
    """Return the first and the last day of a season; None for an empty one, whose numbers are all 0 or missing."""
    numbers = [_whole(_given(season, name)) for name in ("fromMonth", "fromDay", "toMonth", "toDay")]
    first_month, first_day, last_month, last_day = numbers
    if first_month is None or first_day is None or last_month is None or last_day is None:
        return None
    for month, day in ((first_month, first_day), (last_month, last_day)):
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return None
    return (first_month, first_day), (last_month, min(last_day, _LAST_DAY[last_month - 1]))


def _window(given: Json) -> Window | None:
    """Read one period of a week. What is left out is 0, but the last day is Sunday, 6."""
    if not isinstance(given, Mapping):
        return None
    first, last = _whole(_given(given, "fromDayOfWeek")), _whole(_given(given, "toDayOfWeek", 6))
    start = _minute(_given(given, "fromHour"), _given(given, "fromMinute"))
    end = _minute(_given(given, "toHour"), _given(given, "toMinute"))
    if first is None or last is None or start is None or end is None or not (0 <= first <= 6 and 0 <= last <= 6):
        return None
    days = frozenset((first + number) % 7 for number in range((last - first) % 7 + 1))
    return Window.between(days, start, end)


def _minute(hour: Json, minute: Json) -> int | None:
    """Return the minute of the day; hour 24 and minute 60 occur."""
    hours, minutes = _whole(hour), _whole(minute)
    if hours is None or minutes is None or not (0 <= hours <= 24 and 0 <= minutes <= 60):
        return None
    total = hours * 60 + minutes
    return total if total <= 1440 else None


def _charges(found: Json) -> float:
    """Add up fixed charges: a number, or a list whose members may lack an amount."""
    if isinstance(found, list):
        amounts = [_number(each.get("amount")) for each in found[:MOST_PERIODS] if isinstance(each, Mapping)]
        return math.fsum(amount for amount in amounts if amount is not None)
    return _number(found) or 0.0


def _demand(found: Json, levels: int = 4) -> bool:
    """Say whether any demand charge is not 0: season, rates, period, price."""
    if isinstance(found, Mapping):
        return levels > 0 and any(_demand(each, levels - 1) for each in list(found.values())[:MOST_PERIODS])
    return bool(_number(found))


def _members(found: Json) -> list[tuple[str, Json]]:
    return [(str(name), value) for name, value in found.items()] if isinstance(found, Mapping) else []


def _given(found: JsonMapping, name: str, otherwise: int = 0) -> Json:
    value = found.get(name)
    return otherwise if value is None else value


def _number(found: Json) -> float | None:
    if isinstance(found, bool) or not isinstance(found, (int, float)) or not abs(found) <= LARGEST_PRICE:
        return None
    return float(found)


def _whole(found: Json) -> int | None:
    number = _number(found)
    return int(number) if number is not None and number == int(number) else None


def _name(found: Json) -> str:
    text = found if isinstance(found, str) else ""
    return "".join(character for character in text if character.isprintable())[:LONGEST_NAME]
