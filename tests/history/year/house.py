"""A simulated house that ages: its batteries hold less from year to year, and one of its solar strings fades."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from pwserver.simulator.house import Flows, House, Plant
from tests.history.year.plot import DAY, Plot

NAMEPLATE_WH: Final = 13_500.0
SERIALS: Final = ("TG121000001AAA", "TG121000002AAA")
NEW_SHARE: Final = 1.03  # of the nameplate
AGEING_PER_YEAR: Final = 0.03  # of the nameplate
STEP: Final = 0.94  # of what the second battery was thought to hold before the new firmware
FADING: Final = "C"
FADED: Final = 0.5
CLOUDY: Final = 0.3  # of a bright day


@dataclass(frozen=True)
class StringPlant:
    """How much of the sun a string gives, and how much more (or less) of it in the evening."""

    share: float
    evening: float


STRINGS: Final[Mapping[str, StringPlant]] = {
    "A": StringPlant(0.32, 0.0),
    "B": StringPlant(0.24, 0.4),
    "C": StringPlant(0.26, -0.4),
    "D": StringPlant(0.18, 0.0),
}


def true_full_wh(plot: Plot, at: float) -> float:
    """What each of the batteries holds."""
    return NAMEPLATE_WH * (NEW_SHARE - AGEING_PER_YEAR * (at - plot.begin) / (365.25 * DAY))


class AgeingHouse(House):
    """A house with two batteries and the strings of ``STRINGS``."""

    def __init__(self, plot: Plot, clock: Callable[[], float], speed: float) -> None:
        self.plot = plot
        # A load so large that it buys and sells on most days.
        plant = Plant(timezone=plot.zone.key, load_scale=1.5, pack_wh=(13_500,) * len(SERIALS))
        super().__init__(plant, clock=clock, speed=speed, start=plot.begin)

    def now(self) -> float:
        """The clock's time, to the bit; ``speed`` only says how long powers stay as they are."""
        return self._clock()

    def sun(self, seconds: float) -> float:
        """The sunshine that becomes power: some days are cloudy, and a string may fade."""
        light = super().sun(seconds)
        if not light:
            return light
        day = int((seconds - self.plot.begin + DAY / 2.0) // DAY)
        if day * 5 % 8 == 3:
            light *= CLOUDY
        return light * math.fsum(self.string_shares(seconds).values())

    def string_shares(self, seconds: float) -> dict[str, float]:
        """What each string gives of a house whose strings are all well."""
        evening = min(max((self._hour(seconds) - 12.4) / 6.0, -1.0), 1.0)
        sizes = {name: string.share * (1.0 + string.evening * evening) for name, string in STRINGS.items()}
        whole = sum(sizes.values())
        found = {name: size / whole for name, size in sizes.items()}
        found[FADING] *= self.fading(seconds)
        return found

    def fading(self, seconds: float) -> float:
        """What the fading string gives of what it gave when it was well."""
        begin, end = self.plot.fading
        if not begin < seconds < self.plot.mended:
            return 1.0
        return 1.0 - (1.0 - FADED) * min((seconds - begin) / (end - begin), 1.0)

    def told_full_wh(self, seconds: float) -> dict[str, float]:
        """What the management of each battery believes it holds: it breathes, and a firmware believes otherwise."""
        true, day = true_full_wh(self.plot, seconds), (seconds - self.plot.begin) / DAY
        found: dict[str, float] = {}
        for number, serial in enumerate(SERIALS):
            breath = 0.003 * math.sin(day * 2.3 + number) + 0.002 * math.sin(day * 0.71)
            step = STEP if number == 1 and seconds >= self.plot.firmware else 1.0
            found[serial] = round(true * step * (1.0 + breath))
        return found

    def _solve(self, seconds: float) -> Flows:
        self._capacity = len(SERIALS) * true_full_wh(self.plot, seconds)
        return super()._solve(seconds)
