"""Who takes part in a sum over gateways, and who is left out and why. One place, so that every sum agrees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pwserver.documents.meters import METERS, power_watts
from pwserver.reading import Reading
from pwserver.state.view import SiteView, View
from pwserver_ext import aggregate

# A real unit may exceed its rating for seconds; twice the rating is a fault of the message, not of the house.
PEAK_FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Contributors:
    """``views`` take part, in configuration order. ``left_out`` and ``flags``: gateway id -> reason."""

    views: Sequence[View]
    left_out: Mapping[str, str]
    flags: Mapping[str, str] = field(default_factory=dict)

    def readings(self) -> list[Reading]:
        return [view.reading for view in self.views if view.reading is not None]


def real_gateways(site: SiteView) -> list[View]:
    """Every configured gateway without the virtual one."""
    return [view for view in site.views if not view.gateway.virtual]


def contributors(site: SiteView) -> Contributors:
    """The gateways with fresh data. Stale ones are left out, and so is one whose power is beyond its nameplate.

    The four meters of a reading stand or fall together: the sum of whole gateways balances, a sum of parts does not.
    """
    taking_part: list[View] = []
    left_out: dict[str, str] = {}
    flags: dict[str, str] = {}
    for view in real_gateways(site):
        name = view.gateway.id
        if view.reading is None:
            left_out[name] = "no data"
        elif view.status.stale or not view.status.online:
            left_out[name] = "stale"
        else:
            reason = beyond_nameplate(view, nameplate(view.reading))
            if reason:
                left_out[name] = "implausible"
                flags[name] = reason
            else:
                taking_part.append(view)
    return Contributors(taking_part, left_out, flags)


def beyond_nameplate(view: View, limits: Mapping[str, float]) -> str | None:
    """The first meter whose power is further from 0 than its limit, in words; None when all are plausible."""
    for name in METERS:
        watts = power_watts(view, name)
        limit = limits.get(name)
        if aggregate.beyond(watts, limit):
            return f"{name} power {watts} W is beyond {limit} W"
    return None


def nameplate(reading: Reading) -> dict[str, float]:
    """Limits in W that follow from what the gateway says about itself; meters without a rating have none."""
    status = reading.system_status or {}
    limits: dict[str, float] = {}
    ratings = [status.get("max_charge_power"), status.get("max_discharge_power"), status.get("max_apparent_power")]
    battery = max([value for value in ratings if aggregate.is_number(value)], default=0)
    if battery > 0:
        limits["battery"] = battery * PEAK_FACTOR
    return limits


def capacity_wh(reading: Reading) -> Any:
    """Full energy of the batteries in Wh: the gateway's sum, else that of its blocks; None when unknown."""
    status = reading.system_status or {}
    whole = status.get("nominal_full_pack_energy")
    if aggregate.is_number(whole) and whole > 0:
        return whole
    blocks = status.get("battery_blocks")
    if not isinstance(blocks, list) or not blocks:
        return None
    parts = [block.get("nominal_full_pack_energy") for block in blocks if isinstance(block, dict)]
    summed = aggregate.complete_total(parts)
    return summed if summed else None


@dataclass(frozen=True, slots=True)
class Charge:
    """State of energy of several batteries, percent. ``weighted`` says whether by capacity; ``missing`` names who
    lacks it.
    """

    raw: float | None
    app: float | None
    raw_mean: float | None
    app_mean: float | None
    weighted: bool
    capacity_wh: float | None
    missing: Sequence[str]


def charge(part: Contributors) -> Charge:
    """Weighted by capacity where every contributor's capacity is known, else the plain mean."""
    levels: list[Any] = []
    capacities: list[Any] = []
    missing: list[str] = []
    all_capacities: list[Any] = []
    for view in part.views:
        reading = view.reading
        if reading is None:
            continue
        size = capacity_wh(reading)
        all_capacities.append(size)
        if aggregate.is_number(reading.soe_raw):
            levels.append(reading.soe_raw)
            capacities.append(size)
        elif view.gateway.type != "inverter":
            missing.append(view.gateway.id)
    apps = [aggregate.app_percent(level) for level in levels]
    raw = aggregate.weighted_mean(levels, capacities)
    weighted = raw is not None
    raw_mean = aggregate.mean(levels)
    app_mean = aggregate.mean(apps)
    capacity = aggregate.total(all_capacities)
    return Charge(
        raw=raw if weighted else raw_mean,
        app=aggregate.weighted_mean(apps, capacities) if weighted else app_mean,
        raw_mean=raw_mean,
        app_mean=app_mean,
        weighted=weighted,
        capacity_wh=None if capacity is None else float(capacity),
        missing=missing,
    )


def power_sum(part: Contributors, name: str) -> tuple[float | None, list[str]]:
    """Sum of one meter's power in W, and the contributors that do not know theirs."""
    missing = [view.gateway.id for view in part.views if power_watts(view, name) is None]
    summed = aggregate.total([power_watts(view, name) for view in part.views])
    return (None if summed is None else float(summed)), missing


def meters_of(readings: Sequence[Reading], name: str) -> list[Any]:
    """One meter of every reading that has it, the oldest reading first."""
    ordered = sorted(readings, key=lambda reading: (reading.timestamp, reading.gateway_id))
    return [reading.aggregates[name] for reading in ordered if isinstance(reading.aggregates.get(name), dict)]


def default_view(views: Sequence[View], wanted: str | None) -> View | None:
    """The default gateway among the views, else the first."""
    for view in views:
        if view.gateway.id == wanted:
            return view
    return views[0] if views else None


def grid_status(site: SiteView, part: Contributors) -> str | None:
    """That of the default gateway; when it is left out, what all the others agree on, else None."""
    main = default_view(real_gateways(site), site.server.default_gateway)
    for view in part.views:
        if main is not None and view.gateway.id == main.gateway.id and view.reading is not None:
            return view.reading.grid_status
    common: str | None = agreed([reading.grid_status for reading in part.readings()])
    return common


def agreed(values: Sequence[Any]) -> Any:
    """The one value they all have, else None."""
    known = [value for value in values if value is not None]
    if not known or any(value != known[0] for value in known):
        return None
    return known[0]
