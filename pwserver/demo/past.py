"""Invent a plausible past for a demo house: powers, outages, ageing batteries, one string that fades, events.

Sun and household are those of the simulated house; battery and grid are worked out in steps of five minutes, and of a
quarter of an hour where no finer history is kept, as a year in the simulator's own steps would take minutes.
"""

from __future__ import annotations

import math
import random
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from pwserver.events import kinds
from pwserver.events.event import Event
from pwserver.history.days import day_start
from pwserver.history.layout import COLUMNS, MODES
from pwserver.json_types import JsonObject
from pwserver.records import record
from pwserver.simulator.house import House, Plant
from pwserver.state.alert_meanings import meaning_of

STEP_SECONDS: Final = 300.0
LONG_STEP_SECONDS: Final = 900.0
FINE_DAYS: Final = 31  # the last ones
FINE_AROUND_OUTAGES_SECONDS: Final = 3600.0
DAY_SECONDS: Final = 86400.0
RESERVE_PERCENT: Final = 20.0
FULL_PERCENT: Final = 99.5
CHARGE_EFFICIENCY: Final = 0.94
FADE_PER_YEAR: Final = 0.035  # of the full energy of a unit
UNIT_SPREAD: Final = 0.002  # from day to day
STRING_SPREAD: Final = 0.02
SETTLING_DAYS: Final = 3
FADING_DAYS: Final = 40.0  # since when the odd string gives less,
FADED: Final = 0.55  # and how much of its share it gives in the end
FIRMWARE: Final = ("25.42.1", "26.2.0")
FIRMWARE_DAYS_AGO: Final = 118
ALERT: Final = "PVStringOut"
ALERT_DAYS_AGO: Final = 3
ALERT_SECONDS: Final = 4200.0


@record(frozen=True, slots=True)
class Outage:
    """Describes one outage of the past."""

    days_ago: int
    hour: float  # of the day in the house's time zone
    minutes: float


OUTAGES: Final = (Outage(231, 14.2, 164.0), Outage(64, 3.1, 17.0), Outage(9, 18.6, 52.0))


class Past:
    """Holds the past of one house until ``end`` (epoch seconds), whose days begin at midnight in ``where``.

    ``weak_string``: its last string has been fading.
    """

    def __init__(
        self, plant: Plant, seed: int, days: int, end: float, where: ZoneInfo, weak_string: bool = False
    ) -> None:
        self.days = days
        self._plant = plant
        self._weak_string = weak_string
        self._where = where
        self._house = House(replace(plant, timezone=where.key), seed=seed, clock=lambda: end)
        self._random = random.Random(seed)
        self._cloudy = (-1, 1.0)  # a day, and how much of its sun it lets through
        self._today = datetime.fromtimestamp(end, where).date()
        self._begin, self._end = self._midnight(days), end
        outages = [(self._midnight(one.days_ago) + one.hour * 3600.0, one.minutes * 60.0) for one in OUTAGES]
        # In steps, so that rows and events agree to the second.
        steps = [(_step(began), _step(began + seconds)) for began, seconds in outages]
        self._outages = [(began, ended) for began, ended in steps if self._begin < began and ended < end]
        # The charge is known at these midnights, so that what an outage came to can be found without a whole year.
        self._known_charges = {self._midnight(one.days_ago + SETTLING_DAYS) for one in OUTAGES}

    @property
    def has_battery(self) -> bool:
        """Return whether the house has batteries."""
        return bool(self._plant.pack_wh)

    def date_ago(self, days: int) -> date:
        """Return the date so many days before the last one."""
        return self._today - timedelta(days=days)

    def _midnight(self, days_ago: int) -> float:
        return day_start(self.date_ago(days_ago), self._where)

    def polls(self) -> Iterator[tuple[float, array[float]]]:
        """Yield the polls in order of time: epoch seconds, and values by ``layout.COLUMNS``."""
        return self._polls(self._begin, self._end)

    def _polls(self, begin: float, end: float) -> Iterator[tuple[float, array[float]]]:
        plant = self._plant
        capacity, most = float(sum(plant.pack_wh)), plant.pack_watts * len(plant.pack_wh)
        percent = plant.start_percent
        mode = float(MODES.index("self_consumption"))
        at = begin
        while at < end:
            if at in self._known_charges:
                percent = plant.start_percent
            solar = self._house.sun(at) * plant.solar_peak_watts * self._cloudiness(at)
            load = self._house.household(at)
            off_grid = any(began <= at < ended for began, ended in self._outages)
            if off_grid and not capacity:
                solar = load = 0.0  # without a battery the house is dark, and its inverter stands still
            battery = _battery_watts(solar - load, percent, most, 0.0 if off_grid else RESERVE_PERCENT)
            if off_grid:
                solar = min(solar, load - battery)  # what neither house nor battery takes is not produced
            row = [load - solar - battery, solar, battery if capacity else math.nan, load]
            row += [percent if capacity else math.nan, 0.0 if off_grid else 1.0]
            row += [RESERVE_PERCENT if capacity else math.nan, mode, 60.0, 240.0]
            yield at, array("d", row)
            step = self._step_after(at)
            used = battery if battery > 0.0 else battery * CHARGE_EFFICIENCY
            if capacity:
                percent = min(100.0, max(0.0, percent - used * step / 3600.0 / capacity * 100.0))
            at += step

    def _step_after(self, at: float) -> float:
        """Return the seconds from one poll to the next; the long ones end at full quarters of an hour of the day."""
        around = FINE_AROUND_OUTAGES_SECONDS
        fine = at - self._begin < around or self._end - at < FINE_DAYS * DAY_SECONDS
        if fine or any(began - around <= at <= ended + around for began, ended in self._outages):
            return STEP_SECONDS
        return LONG_STEP_SECONDS - (at - self._begin) % LONG_STEP_SECONDS

    def _cloudiness(self, at: float) -> float:
        """Return how much of the sun a whole day lets through: weather lasts for days, too."""
        day = int(at // DAY_SECONDS)
        if day != self._cloudy[0]:
            self._cloudy = day, 0.35 + 0.65 * math.sqrt(random.Random(f"{self._house.seed} {day}").random())
        return self._cloudy[1]

    def events(self, gateway: str) -> list[Event]:
        """Return what happened, in order of time."""
        found = [event for began, ended in self._outages for event in self._outage(gateway, began, ended)]
        updated = self._midnight(FIRMWARE_DAYS_AGO) + 3.4 * 3600.0
        if updated >= self._begin:
            changed = {"before": FIRMWARE[0], "after": FIRMWARE[1]}
            found.append(Event(gateway, kinds.FIRMWARE_CHANGED, updated, changed))
        began = self._midnight(ALERT_DAYS_AGO) + 11.6 * 3600.0
        alert: JsonObject = {"alert": ALERT, "severity": meaning_of(ALERT).severity, "exact": True}
        over = {**alert, "since": began, "duration_seconds": ALERT_SECONDS}
        found.append(Event(gateway, kinds.ALERT_BEGUN, began, alert))
        found.append(Event(gateway, kinds.ALERT_ENDED, began + ALERT_SECONDS, over))
        return sorted(found, key=lambda event: event.at)

    def _outage(self, gateway: str, began: float, ended: float) -> list[Event]:
        settled = max((midnight for midnight in self._known_charges if midnight < began), default=self._begin)
        rows = [row for at, row in self._polls(settled, ended + STEP_SECONDS) if at >= began]
        charge, load = COLUMNS.index("soe"), COLUMNS.index("load")
        first, last = _known(rows[0][charge]), _known(rows[-1][charge])
        lost: JsonObject = {"exact": True, "purpose": kinds.UNSCHEDULED}
        back: JsonObject = {
            **lost,
            "since": began,
            "duration_seconds": ended - began,
            "charge_begin_percent": first,
            "charge_percent": last,
            "home_wh": _known(math.fsum(row[load] for row in rows[:-1]) * STEP_SECONDS / 3600.0),
        }
        return [
            Event(gateway, kinds.GRID_DOWN, began, {**lost, "charge_percent": first}),
            Event(gateway, kinds.GRID_UP, ended, back),
        ]

    def full_wh(self, present_wh: float, days_ago: int) -> float:
        """Return the full energy of a unit so many days ago that has ``present_wh`` now."""
        age = 1.0 + FADE_PER_YEAR * days_ago / 365.25
        return present_wh * age * (1.0 + self._random.gauss(0.0, UNIT_SPREAD))

    def string_energies(self, strings: Sequence[str], energy_wh: float, days_ago: int) -> dict[str, float]:
        """Divide a day's solar energy among the strings."""
        parts = {name: 1.0 + self._random.gauss(0.0, STRING_SPREAD) for name in strings}
        if self._weak_string and len(strings) > 1:
            lately = max(0.0, 1.0 - days_ago / FADING_DAYS)
            parts[strings[-1]] *= 1.0 - (1.0 - FADED) * min(1.0, 1.5 * lately)
        whole = sum(parts.values())
        return {name: energy_wh * part / whole for name, part in parts.items()}


def _battery_watts(surplus: float, percent: float, most: float, reserve: float) -> float:
    """Return what the batteries give (positive) or take: the house's surplus or need, within what they can."""
    if surplus > 0.0:
        return -min(surplus, most) if percent < FULL_PERCENT else 0.0
    return min(-surplus, most) if percent > reserve + 0.5 else 0.0


def _step(moment: float) -> float:
    return moment // STEP_SECONDS * STEP_SECONDS


def _known(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None
