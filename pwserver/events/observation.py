"""Take from a judged poll what events follow from: plain values, None where the poll does not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Final

from pwserver.causes import CAUSE_BY_ID, Patience
from pwserver.events.kinds import SCHEDULED, UNSCHEDULED
from pwserver.json_types import Json
from pwserver.records import record
from pwserver.state.alert_memory import short
from pwserver.state.alerts import ELSEWHERE, GRID_WORD
from pwserver.state.charge import app_percent
from pwserver.state.gateway import AWAY, FRESH
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.grid import GRID_ALERTS
from pwserver.state.judge import Judged
from pwserver.state.source import Source
from pwserver.state.view import View

SURE_FAILURES: Final = 2  # failed polls in a row that make a gateway silent, where the cause may pass by itself
_CONTACTOR: Final[Mapping[str, str]] = {
    "UnscheduledIslandContactorOpen": UNSCHEDULED,
    "ScheduledIslandContactorOpen": SCHEDULED,
}


@record(frozen=True, slots=True)
class Observation:
    """Holds what one poll, or one failed attempt, shows of a gateway."""

    at: float  # epoch seconds
    steady: float  # the steady clock then
    fresh: bool = False  # a new reading; else only ``away`` and ``cause`` say anything
    away: bool = False  # the last figures are too old to be served
    sure: bool = False  # it is away not just for one failed attempt
    cause: str | None = None
    last_read: float | None = None
    grid: str | None = None  # UP, DOWN or SYNCING
    purpose: str | None = None  # one of PURPOSES, from the alert of the open contactor
    charge_percent: float | None = None
    home_watts: float | None = None
    home_counter_wh: float | None = None
    alerts: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)  # place -> alert -> its device's label
    settings: Mapping[str, Json] = field(default_factory=dict)  # those that are known
    firmware: str | None = None
    units: Mapping[str, str] = field(default_factory=dict)  # serial -> label
    removed_units: frozenset[str] = frozenset()
    resets: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)  # counter -> when, before, after


def observe(view: View, memory: GatewayMemory, at: float, steady: float) -> Observation:
    """Return what a view shows. ``memory``: of the judge that judged it; ``at``, ``steady``: when, by both clocks."""
    at = round(at, 3)  # as it is shown, so that ``since`` of one event is the time of another
    status, availability, judged = view.status, view.state.availability, view.state.judged
    if availability.phase != FRESH or judged.reading is None:
        cause = CAUSE_BY_ID.get(status.cause or "")
        lasting = cause is not None and cause.patience is not Patience.BACK_OFF
        return Observation(
            at,
            steady,
            away=availability.phase == AWAY,
            sure=lasting or status.consecutive_failures >= SURE_FAILURES,
            cause=status.cause,
            last_read=availability.read_at,
        )
    reading, load = judged.reading, judged.meters["load"]
    names = set(map(str, reading.alerts or ()))
    return Observation(
        at,
        steady,
        fresh=True,
        grid=judged.grid.state.value,
        purpose=next((purpose for name, purpose in _CONTACTOR.items() if name in names), None),
        charge_percent=_rounded(app_percent(judged.charge.raw_percent.value)),
        home_watts=load.watts.value,
        home_counter_wh=load.imported_wh.value,
        alerts=_alerts(judged, memory),
        settings=_settings(judged),
        firmware=(reading.version or "").partition(" ")[0] or None,
        units={short(unit.serial): short(unit.label) for unit in judged.all_units},
        removed_units=frozenset(map(short, judged.removed_units)),
        resets={
            name: (counter.reset_at, counter.reset_from, counter.reset_to)
            for name, counter in memory.counters.counters.items()
            if counter.reset_at and name in reading.counter_resets
        },
    )


def _alerts(judged: Judged, memory: GatewayMemory) -> dict[str, dict[str, str | None]]:
    """Return the alerts of every place that has told something with this reading, also of those without any.

    What the library and Tesla's servers say of the grid as if it were an alert is left out: ``grid`` says it.
    """
    if judged.alerts is None or judged.reading is None:
        return {}
    at = Source(judged.reading, "vitals").at  # by which the judge of the alerts notes who has been heard
    found: dict[str, dict[str, str | None]] = {
        place: {} for place, heard in memory.alerts.heard.items() if heard == at and place != GRID_WORD
    }
    for name, seen in memory.alerts.active.items():
        for place, label in seen.places.items():
            if place in found and name not in GRID_ALERTS:
                found[place][name] = label
    return found


def _settings(judged: Judged) -> dict[str, Json]:
    told = judged.operation
    values: dict[str, Json] = {
        "mode": told.mode.value,
        "reserve": _rounded(told.reserve_percent.value),
        "grid_export": told.grid_export.value,
        "grid_charging": told.grid_charging.value,
    }
    return {
        name: short(value) if isinstance(value, str) else value for name, value in values.items() if value is not None
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def device_of(place: str) -> str | None:
    """Return the device that an alert's place names; None where no device reports it."""
    return None if place == ELSEWHERE else place
