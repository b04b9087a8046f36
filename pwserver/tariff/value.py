"""Work out what the energy of quarter hours cost, earned and saved: an estimate, by rules that docs/value.md states.

``NaN`` stands for what is not known, as in the history. Money is in the currency of the tariff, energy in kWh.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from pwserver.records import record
from pwserver.tariff.price_lookup import PriceLookup, Prices

# What is kept of a day, and added up to months and years.
MONEY = ("cost", "earnings", "fixed", "solar_savings", "battery_savings", "battery_carried")
UNPRICED = ("unpriced_import_kwh", "unpriced_export_kwh")
SECONDS = ("compared_seconds", "outage_seconds", "unpriced_seconds", "unknown_seconds")
AMOUNTS = (*MONEY, *UNPRICED, *SECONDS)
QUARTER_SECONDS = 900.0
RULE = (
    "An estimate; the bill of your utility is right. For each quarter hour: cost = bought x price to buy, earnings = "
    "sold x price to sell; bill = cost - earnings + fixed part. Sun saves what the home would have cost without sun "
    "and battery, less what it would have cost with the sun alone; the battery saves the rest. What charging cost is "
    "counted when the battery is discharged, over midnight, too. Outages and time without a price or a measurement "
    "are left out of the savings."
)


class QuarterHour(NamedTuple):
    """Holds what the history knows of one quarter hour. Energies in kWh, ``charge_percent`` at its end."""

    start: float  # epoch seconds
    bought: float
    sold: float
    home: float
    solar: float
    charged: float
    discharged: float
    charge_percent: float
    grid_lowest: float  # 1 while the grid was there all the time
    covered_seconds: float


@record(slots=True)
class Store:
    """Holds what the energy in the battery has cost, which goes over midnight with it."""

    cost: float = 0.0
    charge_percent: float = math.nan

    def carry(self, change: float, quarter: QuarterHour) -> float:
        """Return what of a change of the bill is carried: into the battery (+) while it charges, out of it (-).

        ``change``: how much less is paid than without a battery. What charging costs is no loss yet, and what a
        discharge saves has cost something: the share of the store that leaves with it.
        """
        before = self.charge_percent
        if quarter.charged > quarter.discharged:
            self.cost -= change
            return -change
        if quarter.discharged > quarter.charged and before > 0.0 and quarter.charge_percent < before:
            released = self.cost * (before - quarter.charge_percent) / before
            self.cost -= released
            return -released
        return 0.0


def priced(bought: float, sold: float, prices: Prices) -> tuple[float, float, float, float]:
    """Return what was bought and sold at these prices: cost, earnings, and how many kWh of each have no price."""
    buy, sell = _number(prices.buy.per_kwh), _number(prices.sell.per_kwh)
    unpriced_import = bought if bought > 0.0 and math.isnan(buy) else 0.0
    unpriced_export = sold if sold > 0.0 and math.isnan(sell) else 0.0
    return _times(bought, buy), _times(sold, sell), unpriced_import, unpriced_export


def value_quarter(quarter: QuarterHour, prices: Prices, store: Store) -> list[float]:
    """Return AMOUNTS of one quarter hour, apart from the fixed part, which is that of a day."""
    buy, sell = _number(prices.buy.per_kwh), _number(prices.sell.per_kwh)
    cost, earnings, unpriced_import, unpriced_export = priced(quarter.bought, quarter.sold, prices)
    # Rows of version 1.0 do not say how much of them is known, which is all of it.
    covered = QUARTER_SECONDS if math.isnan(quarter.covered_seconds) else max(0.0, quarter.covered_seconds)
    nothing = _times(quarter.home, buy)
    surplus = quarter.solar - quarter.home
    without_battery = _times(max(-surplus, 0.0), buy) - _times(max(surplus, 0.0), sell)
    change = without_battery - (cost - earnings)
    compared = outage = unpriced = unknown = 0.0
    solar_savings = battery_savings = carried = math.nan
    if quarter.grid_lowest < 1.0:
        outage = covered
    elif math.isnan(quarter.bought + quarter.sold + quarter.home + quarter.solar):
        unknown = covered
    elif math.isnan(nothing + change):
        unpriced = covered
    else:
        compared = covered
        solar_savings = nothing - without_battery
        carried = store.carry(change, quarter)
        battery_savings = change + carried
    if not math.isnan(quarter.charge_percent):
        store.charge_percent = quarter.charge_percent
    money = (cost, earnings, math.nan, solar_savings, battery_savings, carried)
    return [*money, unpriced_import, unpriced_export, compared, outage, unpriced, unknown]


def sums(columns: Sequence[Sequence[float]]) -> list[float]:
    """Add up each column; what no row knows is not known."""
    found = []
    for column in columns:
        total = math.fsum(column)
        if total != total:  # some are not known, and NaN is not itself
            known = [value for value in column if value == value]
            total = math.fsum(known) if known else math.nan
        found.append(total)
    return found


def add_up(rows: Sequence[Sequence[float]]) -> list[float]:
    """Add up rows of AMOUNTS."""
    return sums(list(zip(*rows, strict=True)))


def value_day(quarters: Sequence[QuarterHour], lookup: PriceLookup, store: Store, day_seconds: float) -> list[float]:
    """Return AMOUNTS of a day. ``store`` is that of its beginning, and afterwards that of its end.

    ``day_seconds``: how long the day has been until now; what no row covers of it is not known.
    """
    rows = [value_quarter(quarter, lookup.quarter(quarter.start), store) for quarter in quarters]
    sums = add_up(rows) if rows else [math.nan] * len(AMOUNTS)
    if quarters:
        version = lookup.version(quarters[0].start)
        if version is not None:
            sums[MONEY.index("fixed")] = version.fixed_part(lookup.day(quarters[0].start))
        covered = math.fsum(sums[-len(SECONDS) :])
        sums[-1] += max(0.0, day_seconds - covered)
    return sums


def _number(price: float | None) -> float:
    return math.nan if price is None else price


def _times(energy: float, price: float) -> float:
    """Multiply; no energy costs nothing, whatever its price."""
    return 0.0 if energy == 0.0 else energy * price
