"""The tariff of the accelerated year, twice: as its owner writes it down, and as a person would read it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from pwserver.config.gateway_entries import Findings
from pwserver.config.tariff_entries import read_tariffs
from pwserver.tariff.tariff import Tariff
from tests.history.year.plot import Plot

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri"]


class Prices:
    """Three versions: one price; seasons, weekdays and nights; hours that cross midnight and divide a quarter hour."""

    def __init__(self, plot: Plot) -> None:
        self.second, self.third = plot.day(0.3), plot.day(0.65)
        self.high_from, self.high_to = plot.day(0.2), plot.day(0.45)

    def written(self) -> dict[str, Any]:
        """Return the tariff as the owner writes it."""
        every_night = {"name": "night", "from": "22:00", "to": "06:00", "buy": 0.19}
        peak = {"name": "peak", "days": WEEKDAYS, "from": "16:00", "to": "21:00", "buy": 0.52, "sell": 0.2}
        weekend = {"name": "weekend", "days": ["sat", "sun"], "buy": 0.24}
        low_from, low_to = self.high_to + timedelta(days=1), self.high_from - timedelta(days=1)
        third = [
            {"name": "morning", "days": "mon-fri", "from": "06:10", "to": "08:40", "buy": 0.35},
            {"name": "evening", "days": WEEKDAYS, "from": "17:00", "to": "20:00", "buy": 0.61, "sell": 0.24},
            {"name": "out late", "days": ["fri"], "from": "22:00", "to": "02:00", "buy": 0.4, "sell": 0.0},
            {"name": "rest", "buy": 0.27},
        ]
        high = {"name": "high", "from": _text(self.high_from), "to": _text(self.high_to)}
        low = {"name": "low", "from": _text(low_from), "to": _text(low_to)}
        seasons = [
            {**high, "periods": [peak, every_night, {"name": "rest", "buy": 0.3}]},
            {**low, "periods": [weekend, {"name": "rest", "buy": 0.33}]},
        ]
        return {
            "currency": "EUR",
            "versions": [
                {"buy": 0.31, "sell": 0.08, "fixed_per_day": 0.45},
                {"from": self.second.isoformat(), "sell": 0.05, "fixed_per_month": 21, "seasons": seasons},
                {"from": self.third.isoformat(), "sell": 0.06, "fixed_per_day": 0.5, "periods": third},
            ],
        }

    def tariff(self) -> Tariff:
        """Return the tariff as pwserver reads it."""
        findings = Findings()
        tariff = read_tariffs(self.written(), "tariff", ["home"], findings).get("home")
        assert tariff is not None, findings
        return tariff

    def at(self, moment: datetime) -> tuple[float, float]:
        """Return what a kWh costs and earns at a moment of the house's clock."""
        day, hour, weekday = moment.date(), moment.hour + moment.minute / 60.0, moment.weekday()
        if day < self.second:
            return 0.31, 0.08
        if day < self.third:
            if not self.high_from <= day <= self.high_to:
                return (0.24 if weekday >= 5 else 0.33), 0.05
            if hour >= 22.0 or hour < 6.0:
                return 0.19, 0.05
            return (0.52, 0.2) if weekday < 5 and 16.0 <= hour < 21.0 else (0.3, 0.05)
        if (weekday == 4 and hour >= 22.0) or (weekday == 5 and hour < 2.0):
            return 0.4, 0.0
        if weekday < 5 and 17.0 <= hour < 20.0:
            return 0.61, 0.24
        if weekday < 5 and 6.0 + 10.0 / 60.0 <= hour < 8.0 + 40.0 / 60.0:
            return 0.35, 0.06
        return 0.27, 0.06

    def fixed(self, day: date) -> float:
        """Return the fixed part of a day."""
        if day < self.second:
            return 0.45
        if day < self.third:
            begin = day.replace(day=1)
            return 21.0 / ((begin + timedelta(days=32)).replace(day=1) - begin).days
        return 0.5


def _text(day: date) -> str:
    return f"{day.month:02}-{day.day:02}"
