"""Define what MQTT tells of the value of a gateway's energy: topics, payloads, and Home Assistant's entities.

Only a gateway with a tariff has them. Amounts go up and down, so they are totals and not counters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.tariff.figures import FIGURES, SPANS, ValueFigures

_FOLDER: Final = "value"
_ICON: Final = "cash"
_DECIMALS: Final = 4
_NAMES: Final = {
    "cost": "Grid Cost",
    "earnings": "Grid Earnings",
    "fixed": "Fixed Charges",
    "bill": "Energy Bill",
    "solar_savings": "Solar Savings",
    "battery_savings": "Battery Savings",
}
_SPAN_NAMES: Final = {"today": "Today", "month": "This Month", "total": "Total"}
_PRICES: Final = {"buy_price": "Buy Price", "sell_price": "Sell Price"}
TOPICS: Final = (*_PRICES, *(f"{figure}_{span}" for span in SPANS for figure in FIGURES))


def value_payloads(value: ValueFigures, now: float) -> dict[str, str]:
    """Return the payloads of what is known, and for each topic whether it is."""
    prices = value.prices(now)
    known = {"buy_price": prices.buy.per_kwh, "sell_price": prices.sell.per_kwh}
    known |= {f"{figure}_{span}": value.spans[span][figure] for span in SPANS for figure in FIGURES}
    told: dict[str, str] = {}
    for name, number in known.items():
        if number is not None:
            rounded = round(number, _DECIMALS) + 0.0  # never a negative zero
            told[f"{_FOLDER}/{name}"] = f"{rounded:.{_DECIMALS}f}"
        told[value_availability(name)] = of_now(number is not None)
    return told


def of_now(known: bool) -> str:
    """Write the payload of a topic that says whether something is of now."""
    return "online" if known else "offline"


def value_availability(name: str) -> str:
    """Return the topic, below the gateway's, that says whether this value is known."""
    return f"{_FOLDER}/{name}/availability"


def value_entities(value: ValueFigures) -> Iterator[tuple[str, str, str, JsonObject]]:
    """Yield the entities: suffix, name, topic below the gateway's, members."""
    for name, label in _PRICES.items():
        price: JsonObject = {"icon": f"mdi:{_ICON}", "state_class": "measurement"}
        if value.currency is not None:
            price["unit_of_measurement"] = f"{value.currency}/kWh"
        yield name, label, f"{_FOLDER}/{name}", price
    for span in SPANS:
        for figure in FIGURES:
            name = f"{figure}_{span}"
            amount: JsonObject = {"icon": f"mdi:{_ICON}"}
            if value.currency is not None:  # Home Assistant wants a currency with ``monetary``
                amount |= {"unit_of_measurement": value.currency, "device_class": "monetary"}
            if span == "total":
                amount["state_class"] = "total"
            yield name, f"{_NAMES[figure]} {_SPAN_NAMES[span]}", f"{_FOLDER}/{name}", amount
