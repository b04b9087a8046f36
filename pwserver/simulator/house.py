"""Simulate the physics of a house: sun, load and battery over the day, with exact balance and ever-growing meters.

Everything is a function of the seed, the clock and the commands given: two houses with the same three agree exactly,
regardless of how often they are read.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

from pwserver.records import record

# Powers are multiples of a quarter of a watt, whose sums are exact in binary, so that site + solar + battery = load.
_QUANTUM = 4.0
# A house that has not been read for long catches up in at most this many steps, which then become longer.
_MAX_STEPS = 50_000
_CHARGE_EFFICIENCY = 0.94


@record(frozen=True, slots=True)
class Plant:
    """Describes what is installed. Powers in watts, energies in watt-hours."""

    pack_wh: tuple[int, ...] = (13500, 13500)  # capacity of each battery unit; empty for a solar-only site
    pack_watts: float = 5000.0  # the highest power at which one unit charges or discharges
    solar_peak_watts: float = 7600.0
    night_draw_watts: float = 0.0  # the inverter's own use in the dark, which shows as negative solar
    load_scale: float = 1.0
    generator_watts: float | None = None  # power of a generator; None: there is none
    timezone: str = "America/Los_Angeles"
    start_percent: float = 55.0  # raw state of charge at the start
    lifetime_wh: tuple[float, float, float, float, float, float] = (
        8_337_073.0,  # solar produced
        11_679_089.0,  # load consumed
        4_902_666.25,  # site imported
        1_469_391.0,  # site exported
        4_803_385.0,  # battery charged
        4_712_126.0,  # battery discharged
    )


@record(frozen=True, slots=True)
class Flows:
    """Holds powers in watts; production, discharge and import are positive."""

    solar: float
    load: float
    battery: float
    site: float
    generator: float | None = None  # production is positive; None: there is none


@record(slots=True)
class Energy:
    """Holds the lifetime meters in watt-hours, none of which ever falls."""

    solar: float = 0.0
    load: float = 0.0
    site_imported: float = 0.0
    site_exported: float = 0.0
    battery_charged: float = 0.0
    battery_discharged: float = 0.0
    generated: float = 0.0
    solar_consumed: float = 0.0  # negative solar (night draw)


@record(slots=True)
class Controls:
    """Holds what an owner, an installer or a test may set. Percentages are on the gateway's own, raw scale."""

    reserve_percent: float = 20.0
    mode: str = "self_consumption"  # or autonomous, backup
    grid_charging: bool = True
    export_rule: str = "battery_ok"  # or pv_only, never
    off_grid: bool = False  # islanded on purpose
    grid_outage: bool = False  # the utility failed
    dispatch_watts: float | None = None
    dispatch_until: float = 0.0  # simulated epoch seconds
    backup_until: float = 0.0  # a manual backup event keeps the battery at 100 % until then
    transition_until: float = 0.0  # synchronising with the grid until then
    fixed_solar: float | None = None  # a value that a test pins; None: simulated
    fixed_load: float | None = None
    fixed_battery: float | None = None
    generator_watts: float | None = None


@record(frozen=True, slots=True)
class Snapshot:
    """Holds the house at one instant."""

    time: float  # simulated epoch seconds
    flows: Flows
    energy: Energy
    stored_wh: float
    capacity_wh: float
    grid: str  # up, down, syncing
    solar_share: float  # of the peak, 0..1
    load_shed: bool  # the battery is empty while islanded: part of the load is off
    controls: Controls

    @property
    def soe_percent(self) -> float | None:
        """Return the raw state of charge in percent; None without a battery."""
        return self.stored_wh / self.capacity_wh * 100.0 if self.capacity_wh else None


def _quantise(watts: float) -> float:
    return round(watts * _QUANTUM) / _QUANTUM


def _random(seed: int, index: int) -> float:
    """Return a fixed pseudo-random number in [0, 1) for each (seed, index).

    Python's ``random`` keeps a state, so that its numbers would depend on how often the house is read.
    """
    value = (index * 0x9E37_79B9_7F4A_7C15 + seed * 0xD1B5_4A32_D192_ED03) & 0xFFFF_FFFF_FFFF_FFFF
    value = (value ^ value >> 31) * 0xBF58_476D_1CE4_E5B9 & 0xFFFF_FFFF_FFFF_FFFF
    return ((value ^ value >> 29) & 0xFFFF_FFFF) / 4294967296.0


def _noise(seed: int, seconds: float, period_seconds: float) -> float:
    """Return smooth noise in [0, 1) that changes over ``period_seconds``."""
    position = seconds / period_seconds
    index = math.floor(position)
    part = position - index
    part = part * part * (3.0 - 2.0 * part)  # the polynomial "smoothstep", so that the curve has no corners
    return _random(seed, index) * (1.0 - part) + _random(seed, index + 1) * part


class House:
    """Simulates one house. Not safe for several threads: a gateway uses it from one thread at a time."""

    def __init__(
        self,
        plant: Plant | None = None,
        *,
        seed: int = 1,
        clock: Callable[[], float] = time.time,
        speed: float = 1.0,
        start: float | None = None,
        hour: float | None = None,
    ) -> None:
        """Begin a simulation.

        ``speed``: simulated seconds per second of ``clock``; 0 freezes the house. ``start``: the simulated epoch time
        at the beginning, by default that of the clock. ``hour`` shifts sun and household, but not the clock, so that
        the house begins at that hour of the day.
        """
        self.plant = plant or Plant()
        self.controls = Controls(generator_watts=self.plant.generator_watts)
        self.seed = seed
        self._clock = clock
        self._speed = float(speed)
        self._clock_zero = clock()
        self._start = self._clock_zero if start is None else float(start)
        self._zone = ZoneInfo(self.plant.timezone)
        self._offset_quarter = self._offset_seconds = 0.0
        self._hour_shift = 0.0
        if hour is not None:
            self._hour_shift = hour - self._hour(self._start)
        self._step = max(1.0, self._speed)
        self._capacity = float(sum(self.plant.pack_wh))
        self._stored = self._capacity * self.plant.start_percent / 100.0
        produced, consumed, imported, exported, charged, discharged = self.plant.lifetime_wh
        if not self._capacity:
            charged = discharged = 0.0
        self._energy = Energy(produced, consumed, imported, exported, charged, discharged)
        self._time = self._start
        self._next = self._boundary(self._start)
        self._shed = False
        self._share = 0.0
        self._flows = self._solve(self._time)

    # -- time ------------------------------------------------------------------------------------------------------

    def now(self) -> float:
        """Return the simulated time in epoch seconds."""
        return self._start + (self._clock() - self._clock_zero) * self._speed

    def local_time(self, seconds: float | None = None) -> datetime:
        """Return the simulated time in the zone of the house."""
        return datetime.fromtimestamp(self.now() if seconds is None else seconds, self._zone)

    def _boundary(self, seconds: float) -> float:
        return (math.floor(seconds / self._step) + 1) * self._step

    # -- looking and commanding ------------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return the house as it is now, without influence on what follows."""
        now = max(self.now(), self._time)
        self._advance(now)
        energy, stored = self._integrate(now - self._time)
        return Snapshot(
            time=now,
            flows=self._flows,
            energy=energy,
            stored_wh=stored,
            capacity_wh=self._capacity,
            grid=self._grid(now),
            solar_share=self._share,
            load_shed=self._shed,
            controls=replace(self.controls),
        )

    def command(self, **changes: object) -> None:
        """Change members of ``Controls`` now; the flows follow at once. Raises AttributeError for an unknown one."""
        now = max(self.now(), self._time)
        self._advance(now)
        self._energy, self._stored = self._integrate(now - self._time)
        self._time = now
        for name, value in changes.items():
            if not hasattr(self.controls, name):
                raise AttributeError(f"a house has no control {name!r}")
            setattr(self.controls, name, value)
        self._flows = self._solve(now)

    def set_stored_percent(self, percent: float) -> None:
        """Set the battery to a raw state of charge."""
        self.command()
        self._stored = self._capacity * min(max(percent, 0.0), 100.0) / 100.0
        self._flows = self._solve(self._time)

    # -- physics ---------------------------------------------------------------------------------------------------

    def _grid(self, now: float) -> str:
        if self.controls.off_grid or self.controls.grid_outage:
            return "down"
        return "syncing" if now < self.controls.transition_until else "up"

    def _advance(self, now: float) -> None:
        if self._next > now:
            return
        stride = self._step
        missing = (now - self._next) / stride
        if missing > _MAX_STEPS:
            stride *= math.ceil(missing / _MAX_STEPS)
        while self._next <= now:
            self._energy, self._stored = self._integrate(self._next - self._time)
            self._time = self._next
            self._next += stride
            self._flows = self._solve(self._time)
        if stride != self._step:
            self._next = self._boundary(self._time)

    def _integrate(self, seconds: float) -> tuple[Energy, float]:
        """Return the meters and the stored energy ``seconds`` after ``self._time``, if the present flows continue."""
        hours, flows, energy = seconds / 3600.0, self._flows, replace(self._energy)
        energy.solar += max(flows.solar, 0.0) * hours
        energy.solar_consumed += max(-flows.solar, 0.0) * hours
        energy.load += flows.load * hours
        energy.generated += (flows.generator or 0.0) * hours
        energy.site_imported += max(flows.site, 0.0) * hours
        energy.site_exported += max(-flows.site, 0.0) * hours
        energy.battery_charged += max(-flows.battery, 0.0) * hours
        energy.battery_discharged += max(flows.battery, 0.0) * hours
        taken = flows.battery if flows.battery > 0 else flows.battery * _CHARGE_EFFICIENCY
        return energy, min(max(self._stored - taken * hours, 0.0), self._capacity)

    def _hour(self, seconds: float) -> float:
        """Return the hour of the day, 0..24, that sun and household follow."""
        quarter = seconds // 900.0
        if quarter != self._offset_quarter:  # time zones change their offset only on full quarters of an hour
            offset = datetime.fromtimestamp(quarter * 900.0, self._zone).utcoffset()
            self._offset_quarter = quarter
            self._offset_seconds = offset.total_seconds() if offset is not None else 0.0
        return ((seconds + self._offset_seconds) / 3600.0 + self._hour_shift) % 24.0

    def sun(self, seconds: float) -> float:
        """Return the sunshine as a share of the peak, 0..1, including clouds."""
        hour = self._hour(seconds)
        day = seconds / 86400.0 % 365.2425  # days since new year, exact enough for the season
        season: float = math.cos((day - 172.0) / 365.0 * 2.0 * math.pi)
        sunrise, sunset = 6.4 - 0.9 * season, 18.4 + 1.4 * season
        if not sunrise < hour < sunset:
            return 0.0
        clear = math.pow(math.sin(math.pi * (hour - sunrise) / (sunset - sunrise)), 1.3) * (0.85 + 0.15 * season)
        cloud = _noise(self.seed, seconds, 1500.0)
        flicker = _noise(self.seed + 1, seconds, 12.0)
        return clear * (1.0 - 0.55 * max(0.0, cloud - 0.35) - 0.02 * flicker)

    def household(self, seconds: float) -> float:
        """Return what the house uses at a moment, in watts."""
        hour = self._hour(seconds)
        base = 320.0 + 60.0 * _noise(self.seed + 2, seconds, 45.0) + 15.0 * _noise(self.seed + 3, seconds, 4.0)
        morning = 900.0 * math.exp(-((hour - 7.5) ** 2) / 1.6)
        evening = 1900.0 * math.exp(-((hour - 18.8) ** 2) / 4.5)
        fridge = 140.0 if _random(self.seed + 4, math.floor(seconds / 900.0)) < 0.4 else 0.0
        kettle = 1900.0 if _random(self.seed + 5, math.floor(seconds / 180.0)) < 0.03 else 0.0
        wander = 0.7 + 0.6 * _noise(self.seed + 6, seconds, 700.0)
        return (base + (morning + evening) * wander + fridge + kettle) * self.plant.load_scale

    def _solve(self, seconds: float) -> Flows:
        """Return the flows from ``seconds`` on. A generator supplies part of the load."""
        generator = self.controls.generator_watts
        flows = self._share_out(seconds, _quantise(generator or 0.0))
        return flows if generator is None else replace(flows, generator=_quantise(generator))

    def _share_out(self, seconds: float, generator: float) -> Flows:
        controls = self.controls
        self._share = self.sun(seconds)
        solar = self._share * self.plant.solar_peak_watts or -self.plant.night_draw_watts
        if controls.fixed_solar is not None:
            solar = controls.fixed_solar
            peak = self.plant.solar_peak_watts
            self._share = min(max(solar / peak, 0.0), 1.0) if peak else 0.0
        load = self.household(seconds) if controls.fixed_load is None else controls.fixed_load
        solar, load = _quantise(solar), _quantise(load) - generator
        limit = self.plant.pack_watts * len(self.plant.pack_wh)
        # The powers at which the battery is neither over-full nor below empty after one step.
        hours = self._step / 3600.0
        can_charge = min(limit, max(0.0, self._capacity - self._stored) / hours / _CHARGE_EFFICIENCY)
        can_discharge = min(limit, self._stored / hours)
        can_charge = math.floor(can_charge * _QUANTUM) / _QUANTUM
        can_discharge = math.floor(can_discharge * _QUANTUM) / _QUANTUM
        self._shed = False
        if self._grid(seconds) != "up":
            if not self._capacity:
                return Flows(0.0, generator, 0.0, 0.0)  # without a battery, the house is dark
            battery = load - solar
            if battery < -can_charge:  # the surplus has no place to go, so the inverters curtail solar
                solar = load + can_charge
                battery = -can_charge
            elif battery > can_discharge:
                self._shed = True
                battery = can_discharge
                load = max(0.0, solar + battery)
                solar = load - battery
            return Flows(solar + 0.0, load + generator, battery + 0.0, 0.0)
        battery = self._wish(seconds, solar, load)
        battery = _quantise(min(max(battery, -can_charge), can_discharge))
        site = load - solar - battery
        if site < 0.0 and (controls.export_rule == "never" or (controls.export_rule == "pv_only" and battery > 0.0)):
            if battery > 0.0:
                battery = max(0.0, battery + site)
                site = load - solar - battery
            if site < 0.0 and controls.export_rule == "never":
                solar = load - battery
                site = 0.0
        return Flows(solar + 0.0, load + generator, battery + 0.0, site + 0.0)  # adding zero turns -0.0 into 0.0

    def _wish(self, seconds: float, solar: float, load: float) -> float:
        """Return the battery power that the operating mode asks for, before limits."""
        controls = self.controls
        if controls.fixed_battery is not None:
            return controls.fixed_battery
        if controls.dispatch_watts is not None and seconds < controls.dispatch_until:
            return controls.dispatch_watts
        surplus = solar - load
        percent = self._stored / self._capacity * 100.0 if self._capacity else 0.0
        backup = seconds < controls.backup_until or controls.mode == "backup"
        reserve = 100.0 if backup else controls.reserve_percent
        if percent < reserve - 0.5 and backup:
            return -max(surplus, 3000.0 if controls.grid_charging else 0.0, 0.0)
        if surplus >= 0.0:
            return -surplus
        if percent <= reserve:
            return 0.0
        if controls.mode == "autonomous":
            return -surplus if 15.0 <= self._hour(seconds) < 22.0 else 0.0
        return -surplus
