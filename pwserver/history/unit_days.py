"""Note the full energy of every battery unit per day, and of all units of a gateway together."""

from __future__ import annotations

from typing import Final

from pwserver.history.device_days import DeviceDays
from pwserver.state.battery_health import SOURCES, SUM_OF_UNITS, believable, source_of
from pwserver.state.fact import UNKNOWN, Number
from pwserver.state.judge import Judged

UNIT: Final = "unit"
WHOLE: Final = ""  # the name of all units together; a unit has a serial number


def note_units(days: DeviceDays, judged: Judged, oldest_seconds: float) -> None:
    """Note what one reading tells, but nothing older than ``oldest_seconds``.

    The day has the value that was told last. Where it was told by two sources, the first of them counts for this day.
    """
    for unit in judged.units:
        if (unit.age_seconds or 0.0) <= oldest_seconds:
            _note(days, unit.serial, unit.capacity_wh, unit.discharged_wh.value)
            days.describe(UNIT, unit.serial, {"label": unit.label, "part": unit.part, "type": unit.type})
    # A sum in which a silent pack is missing would be read as a loss.
    silent = any(believable(unit.capacity_wh.value) is None for unit in judged.units)
    whole = UNKNOWN if silent else judged.charge.capacity_wh
    _note(days, WHOLE, whole, judged.meters["battery"].exported_wh.value)
    if judged.all_units:
        days.describe(UNIT, WHOLE, {"units": [[unit.part, unit.type] for unit in judged.all_units]})


def _note(days: DeviceDays, name: str, capacity: Number, discharged_wh: float | None) -> None:
    full = believable(capacity.value)
    counted = discharged_wh if discharged_wh is not None and discharged_wh >= 0.0 else None
    figures = days.figures(UNIT, name) if full is not None or counted is not None else None
    if figures is None:
        return
    if counted is not None:
        figures["discharged_wh"] = counted
    if full is not None:
        summed = capacity.rule == "sum of units"
        source = float(SOURCES.index(SUM_OF_UNITS) if summed else source_of(capacity.answer))
        if figures.setdefault("source", source) == source:
            figures["full_wh"] = full
