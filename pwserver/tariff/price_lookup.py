"""Find the price of an instant: the version and the season of its local date, the period of its local clock.

A window that crosses midnight belongs to the weekday on which it begins; the season is that of the date itself, so that
a season begins and ends at midnight. Local time is looked up for each instant, so a day on which clocks are changed has
23 or 25 hours of prices.
"""

from __future__ import annotations

import datetime
import math
from bisect import bisect_right
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from pwserver.records import record
from pwserver.tariff.tariff import MINUTES_OF_DAY, MonthDay, Period, Season, Tariff, TariffVersion

MOST_PLANS = 4096  # kept days of prices; beyond that they are made anew
_MINUTE_SECONDS = 60.0


@record(frozen=True, slots=True)
class Price:
    """Holds a price per kWh and the name of its period. ``per_kwh`` None: no price is known."""

    per_kwh: float | None
    period: str | None


@record(frozen=True, slots=True)
class Prices:
    """Holds what is paid and earned for a kWh at one time."""

    buy: Price
    sell: Price


NO_PRICE = Price(None, None)
NO_PRICES = Prices(NO_PRICE, NO_PRICE)


class DayPlan:
    """Holds the prices of one local day by the minutes of its clock."""

    def __init__(self, seasons: Sequence[Season], weekday: int) -> None:
        parts = [
            (start, end, period)
            for season in seasons
            for period in season.periods
            for window in period.windows
            for start, end in window.parts_of(weekday)
        ]
        self.starts = sorted({0, *(minute for start, end, _ in parts for minute in (start, end))} - {MINUTES_OF_DAY})
        others = [season.otherwise for season in seasons if season.otherwise is not None]
        self.prices = [
            _agreed([period for begin, end, period in parts if begin <= start < end] or others) for start in self.starts
        ]

    def at(self, minute: int) -> Price:
        """Return the price at a minute of the local clock."""
        return self.prices[bisect_right(self.starts, minute) - 1]

    def changes_between(self, minute: int, end_minute: int) -> bool:
        """Say whether a period begins or ends after ``minute`` and before ``end_minute``."""
        return bisect_right(self.starts, minute) != bisect_right(self.starts, end_minute - 1)


def _agreed(periods: Sequence[Period]) -> Price:
    """Return the price of periods that run at the same time; none where they do not agree on it."""
    if not periods:
        return NO_PRICE
    prices = {period.price for period in periods}
    name = periods[0].name
    return Price(periods[0].price if len(prices) == 1 else None, name)


class PriceLookup:
    """Finds prices of one tariff in the time zone of one house."""

    def __init__(self, tariff: Tariff, where: ZoneInfo) -> None:
        self.tariff = tariff
        self.where = where
        self._plans: dict[tuple[datetime.date | None, bool, tuple[int, ...], int], DayPlan] = {}

    def at(self, instant: float) -> Prices:
        """Return the prices at an instant, epoch seconds."""
        local = datetime.datetime.fromtimestamp(instant, self.where)
        version = self.tariff.version(local.date())
        if version is None:
            return NO_PRICES
        minute = local.hour * 60 + local.minute
        return Prices(self._plan(version, False, local).at(minute), self._plan(version, True, local).at(minute))

    def quarter(self, start: float) -> Prices:
        """Return the prices of the quarter hour that begins at ``start``.

        Where a period begins or ends inside, the price is the mean over the minutes; there is none if one has none.
        """
        local = datetime.datetime.fromtimestamp(start, self.where)
        version = self.tariff.version(local.date())
        minute = local.hour * 60 + local.minute
        whole = local.minute % 15 == 0 and local.second == 0
        if version is not None and whole:
            plans = [self._plan(version, sell, local) for sell in (False, True)]
            if not any(plan.changes_between(minute, minute + 15) for plan in plans):
                return Prices(plans[0].at(minute), plans[1].at(minute))
        elif whole:
            return NO_PRICES
        minutes = [self.at(start + number * _MINUTE_SECONDS) for number in range(15)]
        return Prices(_mean([each.buy for each in minutes]), _mean([each.sell for each in minutes]))

    def all_day(self, date: datetime.date) -> Prices | None:
        """Return the prices of a day on which they do not change; None where one does, or where neither is known."""
        version = self.tariff.version(date)
        if version is None:
            return None
        noon = datetime.datetime.combine(date, datetime.time(12))
        plans = [self._plan(version, sell, noon) for sell in (False, True)]
        if any(len({price.per_kwh for price in plan.prices}) > 1 for plan in plans):
            return None
        found = Prices(plans[0].prices[0], plans[1].prices[0])
        return None if found.buy.per_kwh is None and found.sell.per_kwh is None else found

    def day(self, instant: float) -> datetime.date:
        """Return the date of an instant at the house."""
        return datetime.datetime.fromtimestamp(instant, self.where).date()

    def version(self, instant: float) -> TariffVersion | None:
        """Return the version that holds at an instant."""
        return self.tariff.version(self.day(instant))

    def _plan(self, version: TariffVersion, sell: bool, local: datetime.datetime) -> DayPlan:
        seasons = version.sell if sell else version.buy
        day: MonthDay = (local.month, local.day)
        running = tuple(index for index, season in enumerate(seasons) if season.holds(day))
        key = (version.holds_from, sell, running, local.weekday())
        plan = self._plans.get(key)
        if plan is None:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = DayPlan([seasons[index] for index in running], local.weekday())
        return plan


def _mean(prices: Sequence[Price]) -> Price:
    names = dict.fromkeys(price.period for price in prices if price.period is not None)
    known = [price.per_kwh for price in prices if price.per_kwh is not None]
    name = "/".join(names) or None
    return Price(math.fsum(known) / len(known) if len(known) == len(prices) else None, name)
