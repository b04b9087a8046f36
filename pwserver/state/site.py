"""Sum all gateways into the site, once, from their states. Every output that shows sums takes them from here.

The four powers of a gateway belong together: a sum of whole gateways balances, a sum of parts does not. So a gateway is
either a member of every sum or left out of every sum, with a reason. A member that does not know one quantity is named
beside that quantity.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from pwserver.json_types import Json
from pwserver.records import record
from pwserver.state.alerts import problems, worst
from pwserver.state.charge import Charge
from pwserver.state.condition import Condition, condition_of
from pwserver.state.flows import has_battery
from pwserver.state.gateway import FRESH, State
from pwserver.state.grid import DOWN, SYNCING
from pwserver.state.meter_powers import MAIN_METERS
from pwserver.state.operating_settings import OperatingSettings
from pwserver.state.plausible import implausible
from pwserver_ext import aggregate

T = TypeVar("T")

MIXED: Final = "MIXED"  # some houses are on the grid and some are not
# Reasons for leaving a gateway out of the sums.
NO_DATA, OLD, IMPLAUSIBLE = "no data", "stale", "implausible"


@record(frozen=True, slots=True)
class Total:
    """Holds one number of the site: its rule, the members' values it was made of, and the members that lack one."""

    value: float | None = None
    rule: str = "unknown"
    parts: Mapping[str, float] | None = None
    missing: tuple[str, ...] = ()


@record(frozen=True, slots=True)
class SiteCharge:
    """Holds the charge of all batteries, in percent; a mean that is ``weighted`` by capacity, else plain."""

    raw: Total
    app: Total
    raw_mean: float | None
    app_mean: float | None
    weighted: bool
    capacity_wh: Total
    remaining_wh: Total


@record(frozen=True, slots=True)
class SiteGrid:
    """Holds the state of the grid at all members; it is UP only if all that know are, and a single other is MIXED."""

    state: str | None = None  # UP, DOWN, SYNCING, MIXED; None while unknown
    known: int = 0  # how many members know
    off: tuple[State, ...] = ()
    syncing: tuple[State, ...] = ()

    @property
    def sentence(self) -> str | None:
        """Return a sentence that names the houses off the grid; None when no house is known to be."""
        parts = [
            f"{len(those)} of {self.known} {words}: {', '.join(state.gateway.name for state in those)}"
            for those, words in ((self.off, "off grid"), (self.syncing, "reconnecting"))
            if those
        ]
        return "; ".join(parts) or None


@record(frozen=True, slots=True)
class Site:
    """Holds all configured gateways, in the order of the configuration, and their sums."""

    states: tuple[State, ...]
    members: tuple[State, ...]
    left_out: Mapping[str, str]  # gateway id -> NO_DATA, OLD or IMPLAUSIBLE
    flags: Mapping[str, str]  # gateway id -> which of its figures is implausible
    watts: Mapping[str, Total]  # by meter: the four main ones, then every further one that a member has
    charge: SiteCharge
    grid: SiteGrid
    reserve_percent: Total
    hours_left: Total
    mode: str | None  # the mode on which all members agree
    grid_charging: bool | None
    grid_export: str | None
    alerts: int | None  # how many are active; None while no member reports them
    problems: int | None  # how many of them are known to be problems
    worst_alert: str | None  # the worst severity among them
    conditions: Mapping[str, Condition]  # of every gateway by id, in the order of the configuration

    @property
    def shortest_backup(self) -> State | None:
        """Return the house whose batteries would be empty first at present use; None where no house tells."""
        telling = [state for state in self.members if state.judged.charge.hours_left.value is not None]
        return min(telling, key=lambda state: state.judged.charge.hours_left.value or 0.0, default=None)

    @property
    def complete(self) -> bool:
        """Return whether no house is left out. Only then do counters have a sum, as one that loses a part falls."""
        return not self.left_out


def site_of(states: Sequence[State]) -> Site:
    """Sum the states of all real gateways."""
    members, left_out, flags = _who_takes_part(states)
    # An inverter without a battery is complete; any other house whose battery reports nothing lacks a part of the sum.
    batteries = [state for state in members if state.gateway.type != "inverter" or has_battery(state.judged)]
    watts = _powers(members, batteries)
    charge = _charge(batteries)
    alerts = [state.judged.alerts for state in members if state.judged.alerts is not None]
    return Site(
        states=tuple(states),
        members=tuple(members),
        left_out=left_out,
        flags=flags,
        watts=watts,
        charge=charge,
        grid=_grid(members),
        reserve_percent=_reserve(batteries),
        hours_left=_hours_left(charge.remaining_wh, watts["load"]),
        mode=_agreed(members, lambda operation: operation.mode.value),
        grid_charging=_agreed(members, lambda operation: operation.grid_charging.value),
        grid_export=_agreed(members, lambda operation: operation.grid_export.value),
        alerts=sum(map(len, alerts)) if alerts else None,
        problems=sum(map(problems, alerts)) if alerts else None,
        worst_alert=worst([alert for listed in alerts for alert in listed]),
        conditions={state.gateway.id: condition_of(state) for state in states},
    )


def _who_takes_part(states: Sequence[State]) -> tuple[list[State], dict[str, str], dict[str, str]]:
    """Return the members of the sums, the reasons why other gateways are none, and their implausible figures."""
    members: list[State] = []
    left_out: dict[str, str] = {}
    flags: dict[str, str] = {}
    for state in states:
        name, phase = state.gateway.id, state.availability.phase
        if state.judged.reading is None:
            left_out[name] = NO_DATA
        elif phase != FRESH:
            left_out[name] = OLD
        elif reason := implausible(state.judged):
            left_out[name] = IMPLAUSIBLE
            flags[name] = reason
        else:
            members.append(state)
    return members, left_out, flags


def _powers(members: Sequence[State], batteries: Sequence[State]) -> dict[str, Total]:
    """Return the sum of each meter's power; only houses that have a further meter, such as a generator's, count."""
    watts = {name: _sum(batteries if name == "battery" else members, _watts_of(name)) for name in MAIN_METERS}
    for name in dict.fromkeys(name for state in members for name in state.judged.meters):
        if name not in watts:
            watts[name] = _sum([state for state in members if name in state.judged.meters], _watts_of(name))
    return watts


def agreed(values: Sequence[T | None]) -> T | None:
    """Return the value on which all that are not None agree; None if they differ or all are None."""
    known = [value for value in values if value is not None]
    return known[0] if known and all(value == known[0] for value in known) else None


def _sum(members: Sequence[State], value_of: Callable[[State], float | None], complete: bool = False) -> Total:
    """Return the sum of the members' known values. ``complete``: unknown unless every member knows its value."""
    parts: dict[str, float] = {}
    missing: list[str] = []
    for state in members:
        value = value_of(state)
        if value is None:
            missing.append(state.gateway.id)
        else:
            parts[state.gateway.id] = value
    summed = None if complete and missing else aggregate.total(list(parts.values()))
    return Total(None if summed is None else float(summed), "sum of gateways", parts, tuple(missing))


def _watts_of(meter: str) -> Callable[[State], float | None]:
    return lambda state: state.judged.meters[meter].watts.value


def _charge(members: Sequence[State]) -> SiteCharge:
    raw: dict[str, float] = {}
    app: dict[str, float] = {}
    sizes: list[float | None] = []
    missing: list[str] = []
    for state in members:
        charge = state.judged.charge
        if charge.raw_percent.value is not None and charge.app_percent.value is not None:
            raw[state.gateway.id], app[state.gateway.id] = charge.raw_percent.value, charge.app_percent.value
            sizes.append(_capacity(charge))
        else:
            missing.append(state.gateway.id)
    # Without the capacity of even one house, weights would be a guess, and the plain mean is shown instead.
    weighted_raw = aggregate.weighted_mean(list(raw.values()), sizes)
    weighted = weighted_raw is not None
    raw_mean, app_mean = aggregate.mean(list(raw.values())), aggregate.mean(list(app.values()))
    rule = "weighted by capacity" if weighted else "plain mean"
    app_weighted = aggregate.weighted_mean(list(app.values()), sizes)
    return SiteCharge(
        raw=Total(weighted_raw if weighted else raw_mean, rule, raw, tuple(missing)),
        app=Total(app_weighted if weighted else app_mean, rule, app, tuple(missing)),
        raw_mean=raw_mean,
        app_mean=app_mean,
        weighted=weighted,
        capacity_wh=_sum(members, lambda state: _capacity(state.judged.charge)),
        remaining_wh=_sum(members, lambda state: state.judged.charge.remaining_wh.value, complete=True),
    )


def _capacity(charge: Charge) -> float | None:
    size = charge.capacity_wh.value
    return size if size is not None and size > 0 else None


def _grid(members: Sequence[State]) -> SiteGrid:
    words = [(state, state.judged.grid.state.value) for state in members]
    found = {word for _, word in words if word is not None}
    return SiteGrid(
        state=next(iter(found)) if len(found) == 1 else MIXED if found else None,
        known=sum(word is not None for _, word in words),
        off=tuple(state for state, word in words if word == DOWN),
        syncing=tuple(state for state, word in words if word == SYNCING),
    )


def _reserve(members: Sequence[State]) -> Total:
    """Return the reserve in app percent: the one that all agree on, else the mean weighted by capacity."""
    parts: dict[str, float] = {}
    sizes: list[float | None] = []
    missing: list[str] = []
    for state in members:
        reserve = state.judged.operation.reserve_percent.value
        if reserve is None:
            missing.append(state.gateway.id)
        else:
            parts[state.gateway.id] = reserve
            sizes.append(_capacity(state.judged.charge))
    same = agreed(list(parts.values()))
    if same is not None or not parts:
        return Total(same, "agreed", parts, tuple(missing))
    return Total(aggregate.weighted_mean(list(parts.values()), sizes), "weighted by capacity", parts, tuple(missing))


def _hours_left(remaining: Total, load: Total) -> Total:
    """Return how many hours the remaining energy lasts at the present load; unknown unless all members know both."""
    if remaining.value is None or load.value is None or load.missing or load.value <= 0:
        return Total(rule="remaining energy by load")
    return Total(remaining.value / load.value, "remaining energy by load")


def _agreed(members: Sequence[State], value_of: Callable[[OperatingSettings], Any]) -> Json:
    return agreed([value_of(state.judged.operation) for state in members])


def phase_of(site: Site) -> str:
    """Return the phase that all gateways share, else "partial"; "none" when no gateway is configured."""
    phases = {state.availability.phase for state in site.states}
    if not phases:
        return "none"
    return phases.pop() if len(phases) == 1 else "partial"
