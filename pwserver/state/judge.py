"""From one reading to everything that is judged about it, with the memory of the polls before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pwserver.reading import Reading
from pwserver.state.alerts import Alert, judge_alerts
from pwserver.state.charge import Charge, judge_charge
from pwserver.state.fact import Fact
from pwserver.state.grid import Grid, judge_grid
from pwserver.state.memory import GatewayMemory
from pwserver.state.operation import Operation, judge_operation
from pwserver.state.powers import MAIN_METERS, Meter, judge_meters
from pwserver.state.strings import String, judge_strings
from pwserver.state.units import Unit, judge_units


@dataclass(frozen=True, slots=True)
class Judged:
    """What one reading says. ``reading`` is the reading with every invented value removed, for the legacy shapes."""

    reading: Reading | None = None
    meters: Mapping[str, Meter] = field(default_factory=lambda: {name: Meter(name) for name in MAIN_METERS})
    units: tuple[Unit, ...] = ()
    strings: Mapping[str, String] = field(default_factory=dict)
    charge: Charge = field(default_factory=Charge)
    grid: Grid = field(default_factory=Grid)
    alerts: tuple[Alert, ...] | None = None
    operation: Operation = field(default_factory=Operation)
    set_aside: Mapping[str, str] = field(default_factory=dict)  # value -> why it is not believed
    # Kept by ``state.figures``: every fact by its path in the site document.
    figures: dict[str, Fact[Any]] = field(default_factory=dict, compare=False, repr=False)


NOTHING = Judged()


class GatewayJudge:
    """Judges the readings of one gateway in the order in which they come. Not for two threads at once."""

    def __init__(self, memory: GatewayMemory | None = None) -> None:
        self.memory = memory if memory is not None else GatewayMemory()
        self._asked: Reading | None = None
        self._judged = NOTHING

    @property
    def last(self) -> Judged | None:
        """What was judged last, also after its reading has expired; None before the first reading."""
        return self._judged if self._judged.reading is not None else None

    def take(self, reading: Reading | None) -> Judged:
        """Judge a reading once; the same reading given again gives the same answer and changes no memory."""
        if reading is None:
            return NOTHING
        if reading is not self._asked:
            self._asked, self._judged = reading, judge(reading, self.memory)
        return self._judged


def judge(reading: Reading, memory: GatewayMemory) -> Judged:
    """Judge one reading. ``memory`` takes note of it."""
    units = judge_units(reading)
    return Judged(
        reading=reading,
        meters=judge_meters(reading),
        units=units,
        strings=judge_strings(reading),
        charge=judge_charge(reading, units),
        grid=judge_grid(reading),
        alerts=judge_alerts(reading),
        operation=judge_operation(reading),
        set_aside=dict(reading.flags),
    )
