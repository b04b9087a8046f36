"""The simulated house's own books: what flowed by its own meters, and what that was worth. Nothing here is pwserver's.

The rules of money are those of docs/value.md and the rule of strings that of docs/health.md, both worked out anew.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from statistics import median
from typing import Final, NamedTuple

from pwserver.simulator.house import Snapshot
from tests.history.year.house import AgeingHouse
from tests.history.year.plot import Plot
from tests.history.year.prices import Prices

PARTS: Final = ("solar", "home", "grid_import", "grid_export", "battery_charge", "battery_discharge")
QUARTER: Final = 900.0
MONEY: Final = ("cost", "earnings", "fixed", "solar_savings", "battery_savings", "battery_carried")
SECONDS: Final = ("outage_seconds", "compared_seconds")
JUDGED_DAYS, EARLIER_DAYS, WEAK = 5, 10, 0.8


class Quarter(NamedTuple):
    """What flowed in a quarter hour, in Wh, and how full the battery was at its end."""

    start: float
    flowed: Mapping[str, float]
    charge_percent: float  # at its end, as the app shows it


@dataclass
class Books:
    """What the house knows of itself."""

    house: AgeingHouse
    quarters: list[Quarter] = field(default_factory=list)
    strings: dict[date, dict[str, float]] = field(default_factory=dict)  # Wh
    full: dict[date, Mapping[str, float]] = field(default_factory=dict)  # what the batteries told last of each day, Wh

    def __post_init__(self) -> None:
        now = self.house.snapshot()
        self._time, self._solar = now.time, now.energy.solar
        self._start, self._meters = now.time, _meters(now)
        self.today = self.day(now.time)
        self._charge_begin = _app_percent(now)

    @property
    def plot(self) -> Plot:
        """What happens to the house."""
        return self.house.plot

    def day(self, seconds: float) -> date:
        """Return the date of an instant at the house."""
        return datetime.fromtimestamp(seconds, self.plot.zone).date()

    def keep(self, now: Snapshot, full: Mapping[str, float]) -> bool:
        """Write down what has flowed since the last time, and what the batteries tell; says whether a quarter is over.

        To be called at every full quarter hour.
        """
        gave = now.energy.solar - self._solar
        if gave > 0.0:
            shares = self.house.string_shares((self._time + now.time) / 2.0)
            whole = sum(shares.values())
            strings = self.strings.setdefault(self.today, dict.fromkeys(shares, 0.0))
            for name, share in shares.items():
                strings[name] += gave * share / whole
            self._solar = now.energy.solar
        self._time = now.time
        over = now.time >= self._start + QUARTER
        if over:
            self._close(now)
        self.full[self.today] = full
        return over

    def _close(self, now: Snapshot) -> None:
        assert now.time == self._start + QUARTER
        meters = _meters(now)
        flowed = {name: count - self._meters[name] for name, count in meters.items()}
        self.quarters.append(Quarter(self._start, flowed, _app_percent(now)))
        self._start, self._meters, self.today = now.time, meters, self.day(now.time)

    # --- energy ------------------------------------------------------------------------------------------------------

    def energies(self) -> dict[date, dict[str, float]]:
        """Wh of each part by day."""
        found: dict[date, dict[str, float]] = {}
        for quarter in self.quarters:
            day = found.setdefault(self.day(quarter.start), dict.fromkeys(PARTS, 0.0))
            for part, watt_hours in quarter.flowed.items():
                day[part] += watt_hours
        return found

    # --- money -------------------------------------------------------------------------------------------------------

    def worth(self, prices: Prices) -> dict[date, dict[str, float]]:
        """What each day cost, earned and saved."""
        found: dict[date, dict[str, float]] = {}
        store, before = 0.0, self._charge_begin
        for quarter in self.quarters:
            day = self.day(quarter.start)
            if day not in found:
                found[day] = dict.fromkeys((*MONEY, *SECONDS), 0.0) | {"fixed": prices.fixed(day)}
            sums, kwh = found[day], {part: flowed / 1000.0 for part, flowed in quarter.flowed.items()}
            buy, sell = self._mean_prices(prices, quarter.start)
            paid = kwh["grid_import"] * buy - kwh["grid_export"] * sell
            sums["cost"] += kwh["grid_import"] * buy
            sums["earnings"] += kwh["grid_export"] * sell
            if any(begin < quarter.start + QUARTER and end > quarter.start for begin, end in self.plot.outages):
                sums["outage_seconds"] += QUARTER
            else:
                sums["compared_seconds"] += QUARTER
                missing = kwh["home"] - kwh["solar"]
                with_sun = max(missing, 0.0) * buy - max(-missing, 0.0) * sell
                sums["solar_savings"] += kwh["home"] * buy - with_sun
                less = with_sun - paid
                carried = 0.0
                if kwh["battery_charge"] > kwh["battery_discharge"]:
                    carried = -less
                elif kwh["battery_discharge"] > kwh["battery_charge"] and quarter.charge_percent < before:
                    carried = -store * (1.0 - quarter.charge_percent / before)
                store += carried
                sums["battery_carried"] += carried
                sums["battery_savings"] += less + carried
            before = quarter.charge_percent
        return found

    def _mean_prices(self, prices: Prices, start: float) -> tuple[float, float]:
        zone = self.plot.zone
        minutes = [prices.at(datetime.fromtimestamp(start + 60.0 * minute, zone)) for minute in range(15)]
        return math.fsum(buy for buy, _ in minutes) / 15.0, math.fsum(sell for _, sell in minutes) / 15.0

    # --- strings -----------------------------------------------------------------------------------------------------

    def weak_days(self) -> dict[date, set[str]]:
        """Return which strings are weak on each day that can be judged: sunny, and read for all but an hour."""
        unread = {self.day(at) for at in self.plot.wrong_clock}
        totals = {day: math.fsum(strings.values()) for day, strings in self.strings.items()}
        found: dict[date, set[str]] = {}
        shares: dict[date, dict[str, float]] = {}
        for day, strings in self.strings.items():
            month = [whole for other, whole in totals.items() if 0 < (day - other).days <= 30]
            if day in unread or totals[day] < 0.5 * max(month, default=0.0):
                continue
            shares[day] = {
                name: gave / median(other for neighbour, other in strings.items() if neighbour != name)
                for name, gave in strings.items()
            }
            found[day] = {name for name in strings if self._is_weak(name, list(shares), shares, found)}
        return found

    @staticmethod
    def _is_weak(
        name: str, days: Sequence[date], shares: Mapping[date, Mapping[str, float]], found: Mapping[date, set[str]]
    ) -> bool:
        newest = [shares[day][name] for day in days[-JUDGED_DAYS:]]
        others = found[days[-2]] - {name} if len(days) > 1 else set()
        earlier = [day for day in days[:-JUDGED_DAYS] if name not in found[day]]
        alike = [day for day in earlier if found[day] - {name} == others]
        days_of_use = alike if len(alike) >= EARLIER_DAYS else [day for day in earlier if not found[day]]
        sound = [shares[day][name] for day in days_of_use]
        if len(sound) < EARLIER_DAYS:
            return False
        limit = WEAK * median(sound)
        if max(newest) < limit:
            return True
        return median(newest) < limit and name in found[days[-2]]


def _meters(now: Snapshot) -> dict[str, float]:
    energy = now.energy
    counted = (
        energy.solar,
        energy.load,
        energy.site_imported,
        energy.site_exported,
        energy.battery_charged,
        energy.battery_discharged,
    )
    return dict(zip(PARTS, counted, strict=True))


def _app_percent(now: Snapshot) -> float:
    """Return the charge on the app's scale, which hides the lowest five percent."""
    percent = now.soe_percent or 0.0
    return max(0.0, (percent - 5.0) / 0.95)
