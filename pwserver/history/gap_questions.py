"""Ask for what Tesla has of the gaps of a day, wherever the connection to Tesla's servers comes from."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, Protocol
from zoneinfo import ZoneInfo

from pwserver.history.cloud_points import CloudDay, NotBelieved, add_charge, read_powers
from pwserver.history.days import day_window
from pwserver.history.gap_finder import DayGaps

Kind = Literal["power", "soe"]


class NotAnswered(Exception):
    """Raised when Tesla's servers gave no answer; its text says why and may be published."""

    def __init__(self, message: str, wait_seconds: float = 0.0, limited: bool = False) -> None:
        super().__init__(message)
        self.wait_seconds = wait_seconds
        self.limited = limited  # too many requests


class CloudSource(Protocol):
    """Asks Tesla's servers about one site."""

    def ask(self, kind: Kind, start: float, end: float, where: ZoneInfo) -> object:
        """Return the answer about one local day, given by its ends in epoch seconds. Raises NotAnswered."""
        ...


def ask_day(source: CloudSource, gaps: DayGaps, where: ZoneInfo, pause: Callable[[], None]) -> CloudDay:
    """Return what Tesla has of a day: powers, and charge where that is there. Raises NotAnswered and NotBelieved.

    ``pause`` is called before each question.
    """
    start, end = day_window(gaps.day, where)
    pause()
    found = read_powers(source.ask("power", start, end, where), gaps.day, where)
    if not any(fills(gaps, when) for when in found.powers):
        return found
    pause()
    try:
        add_charge(found, source.ask("soe", start, end, where), gaps.day, where)
    except NotBelieved:
        pass  # powers are worth having without the charge
    return found


def fills(gaps: DayGaps, when: float) -> bool:
    """Say whether a moment lies in one of the gaps."""
    return math.floor(when / 900.0) * 900.0 in gaps.quarters
