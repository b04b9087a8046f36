"""What the tests of the history share: readings, archives, a site whose energies are known exactly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from pwserver.history.archive import Archive
from pwserver.history.history_answer import Histories, HistoryAnswer
from pwserver.history.layout import HistoryGateway, HistorySettings, plan
from pwserver.history.store import HistoryStore
from pwserver.reading import Reading

GATEWAY = HistoryGateway("default", "Default Gateway", "America/Los_Angeles")
SMALL = HistorySettings(
    poll_retention_seconds=3600.0,
    poll_interval=5.0,
    minutes_kept_seconds=7200.0,
    quarters_kept_seconds=86400.0,
    days_kept_seconds=40 * 86400.0,
    signal_retention_seconds=3600.0,
    max_signals=16,
)


def archive(settings: HistorySettings | None = None, gateway: HistoryGateway = GATEWAY) -> Archive:
    """An empty archive in memory."""
    layout = plan(settings or HistorySettings(), gateway)
    return HistoryStore.in_memory([layout]).archives[gateway.id]


def reading(timestamp: float, site: float, solar: float, battery: float | None, load: float, **more: Any) -> Reading:
    """A reading with four powers; ``counters`` adds energies to the meters."""
    counters: Mapping[str, Mapping[str, float]] = more.pop("counters", {})
    powers = {"site": site, "solar": solar, "battery": battery, "load": load}
    meters = {name: {"instant_power": power, **counters.get(name, {})} for name, power in powers.items()}
    return Reading.partial(more.pop("gateway_id", "default"), timestamp, meters, **more)


def histories(*archives: Archive, settings: HistorySettings | None = None) -> Histories:
    """What the queries ask, over these archives."""
    found = {one.gateway.id: one for one in archives}
    gateways = [one.gateway for one in archives]
    chosen = settings or (archives[0].settings if archives else HistorySettings())
    return Histories(chosen, gateways, found, gateways[0].id if gateways else None)


def body(answer: HistoryAnswer) -> Any:
    """The JSON of an answer, read strictly: no NaN."""

    def refuse(word: str) -> None:
        raise AssertionError(f"{word} in the answer")

    return json.loads(answer.body, parse_constant=refuse)


class Site:
    """A house whose powers are sines, so that every energy but the direction of the grid has a closed form.

    ``battery`` swings twice a day, ``solar`` is the upper half of a sine, ``site`` closes the balance.
    """

    solar_peak, battery_peak, load_mean, load_swing = 6000.0, 3000.0, 1500.0, 700.0
    day, half, third = 86400.0, 43200.0, 28800.0

    def powers(self, when: float) -> tuple[float, float, float, float]:
        """site, solar, battery, load in watts."""
        solar = max(0.0, self.solar_peak * math.sin(2 * math.pi * when / self.day))
        battery = self.battery_peak * math.sin(2 * math.pi * when / self.half)
        load = self.load_mean + self.load_swing * math.sin(2 * math.pi * when / self.third)
        return load - solar - battery, solar, battery, load

    def solar(self, start: float, end: float) -> float:
        """Watt-hours between two instants."""
        return self.solar_peak * (_above(end, self.day) - _above(start, self.day)) / 3600.0

    def discharge(self, start: float, end: float) -> float:
        """Watt-hours out of the battery."""
        return self.battery_peak * (_above(end, self.half) - _above(start, self.half)) / 3600.0

    def charge(self, start: float, end: float) -> float:
        """Watt-hours into the battery."""
        shift = self.half / 2.0
        return self.battery_peak * (_above(end + shift, self.half) - _above(start + shift, self.half)) / 3600.0

    def load(self, start: float, end: float) -> float:
        """Watt-hours used in the house."""
        swing = self.third / (2 * math.pi) * self.load_swing
        turn = 2 * math.pi / self.third
        return (self.load_mean * (end - start) - swing * (math.cos(turn * end) - math.cos(turn * start))) / 3600.0


def _above(when: float, period: float) -> float:
    """Integral of max(0, sin) from 0 to ``when``."""
    whole, rest = divmod(when, period)
    half = min(rest, period / 2.0)
    return period / math.pi * whole + period / (2 * math.pi) * (1.0 - math.cos(2 * math.pi * half / period))
