"""Tesla's own history of a house, as ``calendar_history`` tells it, with its known oddities."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

SLOT_SECONDS = 300

Powers = Callable[[float], dict[str, float]]  # epoch seconds -> watts by the names of Tesla


def steady(when: float) -> dict[str, float]:
    """A house that uses 1 kW: 0.6 kW of sun, 0.3 kW of the battery, 0.1 kW bought."""
    return {"solar_power": 600.0, "battery_power": 300.0, "grid_power": 100.0, "grid_services_power": 0.0}


def charge(when: float) -> float:
    """Percent on the app's scale."""
    return 40.0 + when // 900 % 50


class TeslaHistory:
    """Answers of one house. ``offset``: hours that all times are written with, whatever the season."""

    def __init__(self, powers: Powers = steady, slot_seconds: int = SLOT_SECONDS) -> None:
        self.powers = powers
        self.slot_seconds = slot_seconds
        self.edit: Callable[[list[dict[str, Any]], str], Any] = lambda rows, kind: {"time_series": rows}
        self.offset: datetime.timezone | None = None

    def __call__(self, parameters: dict[str, str]) -> Any:
        """Answer one question the way Tesla does: from start to end, both with offset, in the named zone."""
        start, end = (datetime.datetime.fromisoformat(parameters[name]) for name in ("start_date", "end_date"))
        assert start.tzinfo is not None and end.tzinfo is not None and parameters["period"] == "day"
        if (end.hour, end.minute, end.second) == (0, 0, 0):
            return ""
        where = self.offset or ZoneInfo(parameters["time_zone"])
        kind = parameters["kind"]
        step = self.slot_seconds if kind == "power" else 900
        return self.edit(list(self._rows(kind, start.timestamp(), end.timestamp(), step, where)), kind)

    def _rows(self, kind: str, start: float, end: float, step: int, where: datetime.tzinfo) -> Iterator[dict[str, Any]]:
        when = start
        while when <= end:
            stamp = datetime.datetime.fromtimestamp(when, where).isoformat()
            values = self.powers(when) if kind == "power" else {"soe": charge(when)}
            yield {"timestamp": stamp, **values}
            when += step
