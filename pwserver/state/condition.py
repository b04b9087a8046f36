"""Judge in one word whether all is well with a house, or what is not, for the sentence on top of every page.

A house that answers, is on the grid, and has neither a problem among its alerts nor a weak string is well. What cannot
be known is never taken for well: ``unrefuted`` means that nothing is known to be wrong, but not everything is told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pwserver.records import record
from pwserver.state.alert_meanings import SERIOUS
from pwserver.state.alerts import PROBLEMS, Alert
from pwserver.state.flows import has_battery
from pwserver.state.gateway import AWAY, FRESH, STALE, WAITING, State
from pwserver.state.grid import DOWN, SYNCING
from pwserver.state.judge import Judged
from pwserver.state.plausible import implausible

OFF_GRID: Final = "off-grid"
SERIOUS_ALERT: Final = "serious-alert"
IMPLAUSIBLE: Final = "implausible"
WARNING_ALERT: Final = "warning-alert"
WEAK_STRING: Final = "weak-string"
SYNCING_GRID: Final = "syncing"
UNREFUTED: Final = "unrefuted"  # nothing is known to be wrong, but not everything that counts is told
WELL: Final = "well"
# The worst first; the words are part of the API.
CONDITIONS: Final = (
    AWAY, OFF_GRID, SERIOUS_ALERT, IMPLAUSIBLE, STALE, WARNING_ALERT, WEAK_STRING, SYNCING_GRID, WAITING, UNREFUTED,
    WELL,
)  # fmt: skip
NONE: Final = "none"  # of all houses together: none is configured
NO_TROUBLE: Final = (WAITING, UNREFUTED, WELL)
ALL_WELL: Final = (UNREFUTED, WELL)

# Why a figure of the sentence is not there; a closed list, too.
NO_BATTERY: Final = "no-battery"
NO_USE: Final = "no-use"  # the home uses nothing now, and at that the batteries would last for ever
NOT_TOLD: Final = "not-told"
REASONS: Final = (NO_BATTERY, NO_USE, NOT_TOLD)


@record(frozen=True, slots=True)
class Condition:
    """Holds whether all is well with a house: one word of ``CONDITIONS``, and what belongs to that word."""

    word: str
    alert: Alert | None = None  # the worst problem among the alerts
    weak_strings: tuple[str, ...] = ()
    implausible: str | None = None  # which of the figures cannot be true

    @property
    def well(self) -> bool:
        """Return whether nothing is known to be wrong, and the house answers."""
        return self.word in ALL_WELL

    @property
    def troubled(self) -> bool:
        """Return whether something is wrong. A house that has not been asked yet is in no trouble."""
        return self.word not in NO_TROUBLE


def condition_of(state: State) -> Condition:
    """Judge one house."""
    phase, judged = state.availability.phase, state.judged
    if phase in (AWAY, WAITING):
        return Condition(phase)
    alert = next((one for one in judged.alerts or () if one.severity in PROBLEMS), None)  # the worst stands first
    weak = tuple(name for name, string in judged.strings.items() if string.weak.value is True)
    false = implausible(judged)
    return Condition(_word(phase, judged, alert, weak, false is not None), alert, weak, false)


def _word(phase: str, judged: Judged, alert: Alert | None, weak: Sequence[str], false: bool) -> str:
    grid = judged.grid.state.value
    rules = (
        (grid == DOWN and phase == FRESH, OFF_GRID),
        (alert is not None and alert.severity == SERIOUS and phase == FRESH, SERIOUS_ALERT),
        (false, IMPLAUSIBLE),
        (phase == STALE, STALE),
        (alert is not None, WARNING_ALERT),
        (bool(weak), WEAK_STRING),
        (grid == SYNCING, SYNCING_GRID),
        (grid is None or judged.alerts is None, UNREFUTED),
    )
    return next((word for holds, word in rules if holds), WELL)


def not_known(state: State) -> dict[str, str]:
    """Return which figures of the sentence about a house are not known -> why. A house that is away has none at all."""
    judged = state.judged
    if judged.reading is None:
        return {}
    battery, home = has_battery(judged) is not False, judged.meters["load"].watts.value
    of_battery = {
        "hours_left": judged.charge.hours_left.value,
        "charge_percent": judged.charge.app_percent.value,
        "reserve_percent": judged.operation.reserve_percent.value,
    }
    told = {"home_watts": home, "grid_state": judged.grid.state.value, "alerts": judged.alerts}
    missing = {name: NOT_TOLD for name, value in told.items() if value is None}
    missing |= {name: NOT_TOLD if battery else NO_BATTERY for name, value in of_battery.items() if value is None}
    if missing.get("hours_left") == NOT_TOLD and home is not None and home <= 0:
        missing["hours_left"] = NO_USE
    return missing


def worst_first(words: Mapping[str, Condition]) -> list[str]:
    """Return the names of the houses that are in trouble, the worst first, else in their order."""
    troubled = [name for name, one in words.items() if one.troubled]
    return sorted(troubled, key=lambda name: CONDITIONS.index(words[name].word))


def worst_word(conditions: Sequence[Condition]) -> str:
    """Return the word for several houses together: that of the worst; ``NONE`` where there is no house."""
    return min((one.word for one in conditions), key=CONDITIONS.index, default=NONE)
