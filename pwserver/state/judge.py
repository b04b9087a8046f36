"""Judge one reading with the memory of the polls before: run all judges in the order of their dependencies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any, Final

from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.alerts import Alert, judge_alerts
from pwserver.state.charge import Charge, implausible_energies, judge_charge, with_charge
from pwserver.state.details import meter_details, with_details
from pwserver.state.device_signals import Device, judge_devices
from pwserver.state.electrical import Electrical, judge_electrical
from pwserver.state.energies import guard_energies
from pwserver.state.fact import UNKNOWN, Fact, Number
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.grid import Grid, judge_grid
from pwserver.state.meter_powers import (
    MAIN_METERS,
    UNCORRECTED,
    Corrections,
    Meter,
    all_meters,
    correct_meters,
    further_meters,
    judge_balance,
    judge_meters,
    with_judged_meters,
)
from pwserver.state.operating_settings import OperatingSettings, judge_operating_settings
from pwserver.state.provenance import without_constants
from pwserver.state.strings import String, judge_strings
from pwserver.state.time_zone import told_zone
from pwserver.state.unit_numbers import devices_in_order, expansion_packs, in_order
from pwserver.state.units import Unit, judge_units, with_silent_units


@record(frozen=True, slots=True)
class Judged:
    """Holds what one reading says.

    ``reading`` is the reading with invented values removed and judged values put in, for the legacy documents.
    """

    reading: Reading | None = None
    meters: Mapping[str, Meter] = field(default_factory=lambda: {name: Meter(name) for name in MAIN_METERS})
    balance_watts: Number = UNKNOWN  # by how much the meters disagree
    units: tuple[Unit, ...] = ()
    all_units: tuple[Unit, ...] = ()  # including those that only the gateway's configuration names
    removed_units: Mapping[str, int] = field(default_factory=dict)  # serial -> number of units no longer configured
    unit_labels: Mapping[str, tuple[str, int]] = field(default_factory=dict)  # serial -> label, order; silent ones too
    strings: Mapping[str, String] = field(default_factory=dict)
    devices: tuple[Device, ...] = ()  # those with temperatures or fans
    electrical: Electrical = field(default_factory=Electrical)
    charge: Charge = field(default_factory=Charge)
    grid: Grid = field(default_factory=Grid)
    alerts: tuple[Alert, ...] | None = None  # the active ones, worst first; None while they are not reported
    ended_alerts: tuple[Alert, ...] = ()  # newest first
    operation: OperatingSettings = field(default_factory=OperatingSettings)
    set_aside: Mapping[str, str] = field(default_factory=dict)  # value -> why it is not believed
    notes: Mapping[str, str] = field(default_factory=dict)  # value -> a note for the owner, such as a counter's reset
    # Filled by ``state.figures`` when first asked for: every fact by its path in the site document.
    figures: dict[str, Fact[Any]] = field(default_factory=dict, compare=False, repr=False)


METER_LISTS: Final = ("meters", "meters_site", "meters_solar")  # members with installed meters and their last values
NOTHING = Judged()


class GatewayJudge:
    """Judges the readings of one gateway in the order in which they come. Not safe for several threads."""

    def __init__(self, memory: GatewayMemory | None = None, corrections: Corrections = UNCORRECTED) -> None:
        self.memory = memory if memory is not None else GatewayMemory()
        self.corrections = corrections
        self._asked: Reading | None = None
        self._judged = NOTHING

    @property
    def last(self) -> Judged | None:
        """Return the last judgement, even after its reading has expired; None before the first reading."""
        return self._judged if self._judged.reading is not None else None

    def take(self, reading: Reading | None) -> Judged:
        """Judge a reading; given the same one again, return the same judgement without changing the memory."""
        if reading is None:
            return NOTHING
        if reading is not self._asked:
            self._asked, self._judged = reading, judge(reading, self.memory, self.corrections)
        return self._judged


def judge(reading: Reading, memory: GatewayMemory, corrections: Corrections = UNCORRECTED) -> Judged:
    """Judge one reading, and note it in ``memory``."""
    # The order matters: constants of the library must go before gaps are filled; counters are guarded before the
    # owner's corrections; units need their numbers, and alerts the units' labels.
    reading = without_constants(reading)
    memory.time_zone = told_zone(reading) or memory.time_zone
    details = meter_details(reading)
    if details:
        reading = replace(reading, aggregates=with_details(reading.aggregates, details))
    further = memory.further_meters = further_meters(reading, memory.further_meters)
    told = all_meters(reading, further)
    counted = guard_energies(reading, told, memory.counters)
    shown = correct_meters(counted.members["aggregates"], corrections)
    meters = judge_meters(reading, told, shown, counted.counts, further, details)
    set_aside = {**reading.flags, **counted.set_aside, **implausible_energies(reading)}
    numbers = memory.unit_numbers
    numbers.learn(reading)
    members = {
        **counted.members,
        "aggregates": shown,
        **{name: with_judged_meters(getattr(reading, name), shown) for name in METER_LISTS},
        "system_status": in_order(counted.members["system_status"], numbers.numbers),
        "temps": devices_in_order(reading.temps, numbers.numbers),
        "fan_speeds": devices_in_order(reading.fan_speeds, numbers.numbers),
        "unit_numbers": dict(numbers.numbers),
    }
    reading = replace(reading, **members, listed_meters={}, further_meters=list(further), flags=set_aside)
    labels = numbers.labels(expansion_packs(reading))
    units = judge_units(reading, labels, numbers.packs, memory.daily)
    charge = judge_charge(reading, units)
    reading = replace(
        reading, system_status=with_charge(reading.system_status, charge), time_remaining=charge.hours_left.value
    )
    alerts = judge_alerts(reading, units, memory.alerts)
    return Judged(
        reading=reading,
        meters=meters,
        balance_watts=judge_balance(meters),
        units=units,
        all_units=with_silent_units(reading, units, labels, numbers.packs),
        unit_labels=labels,
        removed_units=numbers.removed(reading),
        strings=judge_strings(reading, memory.strings, memory.daily),
        devices=judge_devices(reading),
        electrical=judge_electrical(reading),
        charge=charge,
        grid=judge_grid(reading),
        alerts=alerts.active,
        ended_alerts=alerts.ended,
        operation=judge_operating_settings(reading),
        set_aside=set_aside,
        notes=counted.notes,
    )
