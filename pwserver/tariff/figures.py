"""Hold what documents, metrics and MQTT tell of one gateway's value: prices of now, today, this month, all days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.tariff.price_lookup import PriceLookup, Prices
from pwserver.tariff.value import AMOUNTS, MONEY

FIGURES: Final = ("cost", "earnings", "fixed", "bill", "solar_savings", "battery_savings")
SPANS: Final = ("today", "month", "total")

Figures = Mapping[str, float | None]


@record(frozen=True, slots=True)
class ValueFigures:
    """Holds FIGURES of each of SPANS. ``currency`` None: nobody knows it."""

    currency: str | None
    lookup: PriceLookup
    spans: Mapping[str, Figures]

    def prices(self, now: float) -> Prices:
        """Return what a kWh costs and earns at an instant, epoch seconds."""
        return self.lookup.at(now)

    def document(self, now: float) -> JsonObject:
        """Write all of it for a document; what is not known is null."""
        prices = self.prices(now)
        return {
            "currency": self.currency,
            "estimate": True,
            "price_now": {
                "buy": prices.buy.per_kwh,
                "sell": prices.sell.per_kwh,
                "buy_period": prices.buy.period,
                "sell_period": prices.sell.period,
            },
            **{span: dict(self.spans[span]) for span in SPANS},
        }


def figures_of(amounts: Sequence[float] | None) -> dict[str, float | None]:
    """Return FIGURES of a row of AMOUNTS; all of them unknown where there is none."""
    if amounts is None:
        return dict.fromkeys(FIGURES)
    found = dict(zip(AMOUNTS, amounts, strict=True))
    told = {name: round(found[name], 6) if found[name] == found[name] else None for name in MONEY}
    cost, earnings, fixed = told["cost"], told["earnings"], told["fixed"]
    told["bill"] = None if cost is None or earnings is None else round(cost - earnings + (fixed or 0.0), 6)
    return {name: told[name] for name in FIGURES}
