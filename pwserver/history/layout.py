"""Plan the rings of one gateway: which there are, and how much room they take."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from pwserver.config.gateway_settings import GatewaySettings
from pwserver.config.service_settings import RecordingSettings
from pwserver.config.setting import members_of
from pwserver.events.event_ring import RING_BYTES
from pwserver.records import record
from pwserver.state.operating_settings import MODES as OWNERS_MODES
from pwserver.tariff.value import AMOUNTS
from pwserver_ext.ring import Ring

ALIGNMENT = 64  # a cache line: a ring's atomic words must not straddle two of them
CORRECTION_BYTES = 8  # of what the poller knows about the clock: one number, always in memory
PAGE_BYTES = 4096
TARIFF_BYTES = 16 * PAGE_BYTES  # of one of the two copies of the tariffs that Tesla told
JUDGES_BYTES = 16 * PAGE_BYTES  # of one of the two copies of what a gateway's judges remember
DAY_SECONDS = 86400.0

POWERS = ("site", "solar", "battery", "load")  # W; positive: import, production, discharge, consumption
MOST_WATTS = 1e6  # no house has as much
MOST_DAY_WH = MOST_WATTS * 25.0  # in the longest day
# ``soe`` percent, app scale; ``grid`` 1 up, 0 down, -1 syncing; ``reserve`` percent, app scale; ``mode`` index of MODES
COLUMNS = (*POWERS, "soe", "grid", "reserve", "mode", "frequency", "voltage")
MODES = (*OWNERS_MODES, "scheduler", "site_ctrl", "island_mode")  # stored as their place in here
ENERGIES = ("solar", "home", "battery_charge", "battery_discharge", "grid_import", "grid_export")

LAST_COLUMNS = ("grid", "mode")  # a mean of states says nothing: coarser rows keep the last one
SPREAD_COLUMNS = ("site", "solar", "battery", "load", "soe", "grid", "frequency", "voltage")
SAMPLES = "samples"
SPREAD_NAMES = tuple(f"{column}_{end}" for column in SPREAD_COLUMNS for end in ("min", "max"))
ROLLED = (*COLUMNS, *SPREAD_NAMES, SAMPLES)
ENERGY_NAMES = tuple(f"{energy}_wh" for energy in ENERGIES)
SHARES = ("solar_to_home", "battery_to_home", "grid_to_home")  # of what the home used, by ``state.flows``
SHARE_NAMES = tuple(f"{share}_wh" for share in SHARES)
# Seconds of a row of which anything is known, seconds of gaps in which the gateway told nothing, and those of both that
# were filled from Tesla's own history. Files of version 1.0 have neither these columns nor the shares.
BOOK_NAMES = ("covered_seconds", "gap_seconds", "filled_seconds")
DAY_NAMES = ("date", "last_sample", "updated")  # proleptic ordinal of the local day; epoch seconds

BANK = 16  # device signals live in rings this wide; a ring that is never written to costs nothing
SIGNAL_RINGS = ("signals-", "signal-days-")  # how the names of these rings begin
SIGNAL_FIGURES = ("avg", "min", "max", "n")
DEVICES = "devices"  # the record beside the rings of ``DEVICE_DAYS``
# What the energy of each day was worth; what the battery's has cost at its end; of what it was worked out.
VALUES = "values"
VALUE_NAMES = ("date", *AMOUNTS, "store_cost", "store_percent", "source")
WAITING = "waiting"  # polls whose time is not known yet: see clock_witnesses.py

RING_COLUMNS = 64  # a ring has no more
DEVICES_BYTES = 4 * PAGE_BYTES  # of one of the two copies of which devices there are, and of their open day

# A straight line between two polls is a measurement only while polls come about as they did before.
SHORTEST_GAP_SECONDS = 300.0  # up to this it always is,
GAP_STEPS = 4.0  # and up to so many times the step before,
LONGEST_GAP_SECONDS = 3600.0  # but never over more than this

FOREVER_POLLS_SECONDS = 31 * DAY_SECONDS  # "for ever" cannot be kept in a ring: this much of every poll,
FOREVER_SIGNALS_SECONDS = 366 * DAY_SECONDS  # and of the device signals, instead
SHORTEST_POLLS_SECONDS = 3600.0


@record(frozen=True, slots=True)
class DeviceDaysPlan:
    """Describes what is kept per day of one kind of devices (``device_days``): figures, and rings side by side."""

    kind: str
    figures: tuple[str, ...]
    banks: int

    @property
    def slots(self) -> int:
        """Return for how many devices there is room, those that were replaced included."""
        return self.banks * self._in_bank

    @property
    def _in_bank(self) -> int:
        return RING_COLUMNS // len(self.figures)

    @property
    def columns(self) -> int:
        """Return how many columns each of the rings has."""
        return self._in_bank * len(self.figures)

    @property
    def rings(self) -> tuple[str, ...]:
        """Return the names of the rings."""
        return tuple(map(self.ring, range(self.banks)))

    def ring(self, bank: int) -> str:
        """Return the name of a ring."""
        return f"{self.kind}-days-{bank}"

    def place(self, slot: int) -> tuple[int, int]:
        """Return the bank of a slot, and its first column there."""
        bank, position = divmod(slot, self._in_bank)
        return bank, position * len(self.figures)

    def column_names(self, bank: int) -> tuple[str, ...]:
        """Return the names of a ring's columns: the figures of each slot; the record says whose slot it is."""
        first = bank * self._in_bank
        return tuple(f"{figure}_{first + slot}" for slot in range(self._in_bank) for figure in self.figures)


# ``source``: position in ``state.battery_health.SOURCES``; ``share``: of what its neighbours gave; ``weak``: 1 or 0
DEVICE_DAYS: Mapping[str, DeviceDaysPlan] = {
    "unit": DeviceDaysPlan("unit", ("full_wh", "source", "discharged_wh"), 1),
    "string": DeviceDaysPlan("string", ("energy_wh", "share", "weak"), 2),
}


DEVICE_RINGS = frozenset(ring for device in DEVICE_DAYS.values() for ring in device.rings)


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings(RecordingSettings):
    """Holds the settings about the history, and what follows from them for the rings."""

    poll_interval: float = float(GatewaySettings().poll_interval_seconds)

    @property
    def enabled(self) -> bool:
        """Say whether there is any history at all."""
        return self.poll_retention_seconds >= 0

    @property
    def signals_enabled(self) -> bool:
        """Say whether device signals are kept."""
        return self.enabled and self.signal_retention_seconds >= 0 and self.max_signals > 0

    @property
    def polls(self) -> float:
        """Return for how many seconds every poll is kept; negative when the history is switched off."""
        if self.poll_retention_seconds > 0:
            return max(self.poll_retention_seconds, SHORTEST_POLLS_SECONDS)
        return self.poll_retention_seconds or FOREVER_POLLS_SECONDS

    @property
    def days(self) -> float:
        """Return for how many seconds daily totals are kept."""
        return self.daily_retention_seconds if self.daily_retention_seconds > 0 else self.days_kept_seconds

    @property
    def signals(self) -> float:
        """Return for how many seconds device signals are kept; negative when they are not recorded."""
        return self.signal_retention_seconds or FOREVER_SIGNALS_SECONDS

    @classmethod
    def of(cls, recording: RecordingSettings, poll_interval: float) -> HistorySettings:
        """Join the settings about the history with the time between two polls in seconds."""
        return cls(**members_of(recording), poll_interval=poll_interval)


@record(frozen=True, slots=True)
class HistoryGateway:
    """Names the gateway whose history it is. ``virtual``: the sum of the others, left out where they are added up."""

    id: str
    name: str
    timezone: str = "UTC"
    virtual: bool = False
    timezone_set: bool = True  # by the owner; else the one that is noted with the history is in force


AGGREGATE = HistoryGateway("aggregate", "All gateways", "UTC", virtual=True)


@record(frozen=True, slots=True)
class RingPlan:
    """Describes one ring: name, columns, number of rows, seconds that a row stands for, bytes of a number (4 or 8)."""

    name: str
    columns: tuple[str, ...]
    rows: int
    step_seconds: float
    value_bytes: int = 4

    @property
    def control_bytes(self) -> int:
        """Return bytes of the control block, always in memory."""
        return int(Ring.control_size(len(self.columns), self.value_bytes))

    @property
    def takes_room_late(self) -> bool:
        """Return whether its file takes room with the first row: many houses never have one."""
        return self.name == WAITING or self.name in DEVICE_RINGS or self.name.startswith(SIGNAL_RINGS)

    @property
    def row_bytes(self) -> int:
        """Return bytes of one row."""
        return int(Ring.rows_size(len(self.columns), 1, self.value_bytes))

    @property
    def rows_bytes(self) -> int:
        """Return bytes of all rows, in memory or in a file."""
        return int(Ring.rows_size(len(self.columns), self.rows, self.value_bytes))


@record(frozen=True, slots=True)
class GatewayLayout:
    """Describes all that is kept of one gateway."""

    gateway: HistoryGateway
    settings: HistorySettings
    rings: tuple[RingPlan, ...]
    state_bytes: int  # of one of the two copies
    notes_bytes: int
    clock_bytes: int
    banks: int = field(default=0)
    devices_bytes: int = 0  # 0 for the sum of several gateways, which has no devices

    @property
    def size_bytes(self) -> int:
        """Return bytes in memory mode. Pages that were never written cost nothing."""
        parts = [aligned(plan.control_bytes) + aligned(plan.rows_bytes) for plan in self.rings]
        return sum(parts) + sum(2 * half for _, half in self.records) + ALIGNMENT

    @property
    def records(self) -> tuple[tuple[str, int], ...]:
        """Return the small records by name, with the bytes of one of their two copies."""
        records = [("state", self.state_bytes), ("notes", self.notes_bytes), ("clock", self.clock_bytes)]
        records.append(("tariff", TARIFF_BYTES if self.rings else 0))
        return (*records, *([(DEVICES, self.devices_bytes)] if self.devices_bytes else []))

    def has_shape_of(self, other: GatewayLayout) -> bool:
        """Say whether both can use the same files: a name, a time zone or how often is flushed are not in them."""
        return (self.gateway.id, self.rings, self.records) == (other.gateway.id, other.rings, other.records)

    @property
    def control_bytes(self) -> int:
        """Return bytes that stay in memory when the rows are in files."""
        return sum(aligned(plan.control_bytes) for plan in self.rings)

    @property
    def file_bytes(self) -> int:
        """Return bytes of the files when each has taken its room (``RingPlan.takes_room_late``)."""
        files = sum(PAGE_BYTES + plan.rows_bytes for plan in self.rings)
        events = 0 if self.gateway.virtual else RING_BYTES
        return files + sum(2 * half for _, half in self.records) + 2 * JUDGES_BYTES + events

    def carve(self, buffer: memoryview) -> Iterator[tuple[str, memoryview]]:
        """Cut one buffer of ``size_bytes`` into pieces: ``NAME.control``, ``NAME``, the records, ``correction``."""
        at = 0
        pieces: list[tuple[str, int]] = []
        for plan in self.rings:
            pieces += [(f"{plan.name}.control", plan.control_bytes), (plan.name, plan.rows_bytes)]
        pieces += [(name, 2 * half) for name, half in self.records]
        pieces.append(("correction", CORRECTION_BYTES))
        for name, size in pieces:
            yield name, buffer[at : at + size]
            at += aligned(size)


def longest_step(step_seconds: float) -> float:
    """Return the longest time between two polls that is no gap, where the two before were ``step_seconds`` apart."""
    return min(LONGEST_GAP_SECONDS, max(SHORTEST_GAP_SECONDS, GAP_STEPS * step_seconds))


def aligned(size: int) -> int:
    """Return the number of bytes rounded up to the next multiple of ALIGNMENT."""
    return (size + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT


def _pages(size: int) -> int:
    return (size + PAGE_BYTES - 1) // PAGE_BYTES * PAGE_BYTES


def signal_columns(bank: int) -> tuple[str, ...]:
    """Return column names of one bank of device signals: series numbers, the notes say what they are."""
    return tuple(f"s{bank * BANK + index}" for index in range(BANK))


def signal_day_columns(bank: int) -> tuple[str, ...]:
    """Return column names of the daily figures of one bank: all means, then smallest, largest, counts."""
    return tuple(f"{name}_{figure}" for figure in SIGNAL_FIGURES for name in signal_columns(bank))


@lru_cache(maxsize=8)  # a hundred gateways have the same rings
def _rings(settings: HistorySettings, virtual: bool) -> tuple[tuple[RingPlan, ...], int]:
    """Plan the rings of a gateway; return them, and how many banks of device signals are among them."""

    def rows(kept_seconds: float, step_seconds: float) -> int:
        # Polls may come early: a tenth more rows, so that they still reach back as far as was asked.
        spare = 1.1 if step_seconds < 60.0 else 1.0
        return max(16, math.ceil(kept_seconds / step_seconds * spare) + 2)

    with_energies, books = (*ROLLED, *ENERGY_NAMES), (*SHARE_NAMES, *BOOK_NAMES)
    rings = [
        RingPlan("polls", COLUMNS, rows(settings.polls, settings.poll_interval), settings.poll_interval),
        RingPlan("minutes", (*ROLLED, *BOOK_NAMES), rows(settings.minutes_kept_seconds, 60.0), 60.0),
        RingPlan("quarters", (*with_energies, *books), rows(settings.quarters_kept_seconds, 900.0), 900.0),
        RingPlan("days", (*with_energies, *DAY_NAMES, *books), rows(settings.days, DAY_SECONDS), DAY_SECONDS, 8),
    ]
    # A day of polls may wait for the right time; its rows have no width, because they are only copied.
    rings.append(RingPlan(WAITING, COLUMNS, min(rows(DAY_SECONDS, settings.poll_interval), rings[0].rows), 0.0))
    if not virtual:
        rings.append(RingPlan(VALUES, VALUE_NAMES, rows(settings.days, DAY_SECONDS), DAY_SECONDS, 8))
    banks = math.ceil(settings.max_signals / BANK) if settings.signals_enabled and not virtual else 0
    for bank in range(banks):
        kept = rows(settings.signals, settings.signal_interval_seconds)
        rings += [
            RingPlan(f"signals-{bank}", signal_columns(bank), kept, settings.signal_interval_seconds),
            RingPlan(f"signal-days-{bank}", signal_day_columns(bank), rows(settings.days, DAY_SECONDS), DAY_SECONDS),
        ]
    if not virtual:
        rings += [
            RingPlan(device.ring(bank), device.column_names(bank), rows(settings.days, DAY_SECONDS), DAY_SECONDS)
            for device in DEVICE_DAYS.values()
            for bank in range(device.banks)
        ]
    return tuple(rings), banks


def plan(settings: HistorySettings, gateway: HistoryGateway) -> GatewayLayout:
    """Plan the rings of one gateway; none when the history is switched off."""
    if not settings.enabled:
        return GatewayLayout(gateway, settings, (), 0, 0, 0)
    rings, banks = _rings(settings, gateway.virtual)
    state_bytes = _pages(64 + 8 * (400 + banks * (BANK * 5 + 1)))
    notes_bytes = _pages(2048 + 192 * banks * BANK)
    # A state as it was when the present clock began, and a page for what else is known of that clock.
    clock_bytes = state_bytes + PAGE_BYTES
    devices_bytes = 0 if gateway.virtual else DEVICES_BYTES
    return GatewayLayout(gateway, settings, rings, state_bytes, notes_bytes, clock_bytes, banks, devices_bytes)


def plan_all(settings: HistorySettings, gateways: Sequence[HistoryGateway]) -> tuple[GatewayLayout, ...]:
    """Plan the rings of all gateways, in their order."""
    return tuple(plan(settings, gateway) for gateway in gateways)
