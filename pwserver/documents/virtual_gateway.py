"""Merge the readings of all gateways into one virtual gateway, so that every legacy URL can show the whole site.

What must outlive an outage (which units exist, so that ``PW3`` stays ``PW3``) is returned as ``MergeMemory`` and passed
in again with the next call. The sums of energy counters have a memory of their own, which outlives processes.

With a ``name_prefix`` (default ``{id}.``), devices, strings and alerts of gateway ``home`` are called ``home.A`` and so
on. With an empty prefix, the names are those that dashboards know: strings of the second gateway continue the numbering
(``A``, ``A1``), and devices keep their names, which contain serial numbers. Only names that would collide, and the grid
meters of every gateway but the first, get the prefix ``{id}.`` all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pwserver.documents.aggregate_documents import grid_status
from pwserver.documents.meters import METERS
from pwserver.json_types import JsonArray, JsonObject
from pwserver.modes import Reach
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading
from pwserver.records import record
from pwserver.state.counter_sums import Part, SumMemory, energy_totals
from pwserver.state.merged_units import Combined, Names, names_of, unit_blocks
from pwserver.state.meter_powers import COUNTERS
from pwserver.state.site import Site, SiteCharge, Total, agreed
from pwserver.state.time_zone import is_known
from pwserver.state.view import SiteView, View
from pwserver_ext import aggregate

VIRTUAL_ID = "aggregate"
_STATUS_SUMS = (
    "max_power_energy_remaining",
    "max_power_energy_to_be_charged",
    "max_charge_power",
    "max_discharge_power",
    "max_apparent_power",
    "instantaneous_max_discharge_power",
    "instantaneous_max_charge_power",
    "instantaneous_max_apparent_power",
    "hardware_capability_charge_power",
    "hardware_capability_discharge_power",
    "grid_services_power",
    "battery_target_power",
    "battery_target_reactive_power",
    "available_blocks",
    "available_charger_blocks",
    "blocks_controlled",
    "solar_real_power_limit",
    "inverter_nominal_usable_power",
    "expected_energy_remaining",
    "auxiliary_load",
)
_SITE_SUMS = (
    "max_system_energy_kWh",
    "max_system_power_kW",
    "nominal_system_energy_kWh",
    "nominal_system_power_kW",
)


@record(frozen=True, slots=True)
class MergeOptions:
    """Holds the owner's settings for merging."""

    name_prefix: str = "{id}."  # ``{id}`` stands for the gateway's id; may be empty
    name: str = "All gateways"


@record(frozen=True, slots=True)
class Remembered:
    """Remembers what one gateway last contributed: its units and names."""

    names: Names


MergeMemory = Mapping[str, Remembered]


@record(frozen=True, slots=True)
class Merged:
    """Holds the virtual gateway as a View, and the memory for the next merge."""

    view: View
    memory: MergeMemory


def merge(
    site: SiteView, memory: MergeMemory, options: MergeOptions | None = None, sums: SumMemory | None = None
) -> Merged:
    """Merge all gateways into one View, from which every document can be rendered for the whole site.

    Powers and currents are added, charge is weighted by capacity. Counters are only known while every gateway
    contributes, and are noted in ``sums``. The reading's timestamp is that of its oldest part; its ``flags`` name the
    gateways that are left out and the values that were set aside.
    """
    options = options or MergeOptions()
    sums = sums if sums is not None else SumMemory()
    views, total = site.gateways, site.state
    # Only configured gateways are remembered, so that the memory is no longer than their list.
    known: dict[str, Remembered] = {}
    flags: dict[str, str] = {name: f"left out: {reason}" for name, reason in total.left_out.items()}
    flags.update(total.flags)
    taking_part = [view for view in views if view.gateway.id not in total.left_out]
    for view in views:
        before = memory.get(view.gateway.id) or Remembered(Names())
        if view.gateway.id not in total.left_out and view.reading is not None:
            before = Remembered(names_of(view.reading))
        elif view.reading is not None and not before.names.known:
            before = replace(before, names=names_of(view.reading))
        known[view.gateway.id] = before
    sums.take([view.gateway.id for view in views], [_part(view) for view in taking_part])
    for house in sums.former:
        flags[f"{house.id or 'others'} energies"] = "left the configuration; its last counts stay in the sums"
    reading = _merged_reading(site, taking_part, known, flags, options, sums) if taking_part else None
    identity = _identity(site, views, options)
    return Merged(View(identity, _status(total, taking_part, views), reading, site.server, site.now), known)


def _part(view: View) -> Part:
    """Return the counters of one house, by ``meter.counter``."""
    counters = {
        f"{name}.{told}": value
        for name, meter in view.state.judged.meters.items()
        for told, fact in COUNTERS.items()
        if (value := getattr(meter, fact).value) is not None
    }
    return Part(view.gateway.id, view.reading.din if view.reading is not None else None, counters)


def _merged_reading(
    site: SiteView,
    taking_part: Sequence[View],
    known: Mapping[str, Remembered],
    flags: Mapping[str, str],
    options: MergeOptions,
    sums: SumMemory,
) -> Reading:
    total = site.state
    readings = [view.reading for view in taking_part if view.reading is not None]
    main = site.main(taking_part)
    main_reading = main.reading if main is not None and main.reading is not None else readings[0]
    fresh = {reading.gateway_id: reading for reading in readings}
    order = [(view.gateway.id, fresh.get(view.gateway.id), known[view.gateway.id].names) for view in site.gateways]
    combined = unit_blocks(order, options.name_prefix)
    mode, reserve = total.mode, total.reserve_percent.value
    told = mode or reserve
    return Reading(
        gateway_id=VIRTUAL_ID,
        timestamp=min(reading.timestamp for reading in readings),
        aggregates=_aggregates(readings, energy_totals(total, sums), total.complete),
        further_meters=_further(readings),
        counter_resets=_resets(readings),
        soe_raw=total.charge.raw.value,
        site_info=_site_info(main_reading, readings),
        mode=mode,
        reserve=reserve,
        operation={"real_mode": mode, "backup_reserve_percent": aggregate.raw_percent(reserve)} if told else None,
        time_remaining=total.hours_left.value,
        grid_charging=total.grid_charging,
        grid_export=total.grid_export,
        system_status=_system_status(readings, combined.blocks, total.charge),
        solar_powerwall=None,
        tedapi_status=None,
        tedapi_components=None,
        tedapi_battery=None,
        tedapi_controller=None,
        cloud=None,
        fleet=None,
        tariff=None,
        backup_events=None,
        flags=flags,
        **_of_main(main_reading, grid_status(site)),
        **_of_units(combined),
        **_of_all(readings),
    )


def _of_main(main: Reading, grid: str | None) -> JsonObject:
    """Return the members that are taken from the main gateway."""
    body = {name: getattr(main, name) for name in ("status", "version", "din", "uptime", "site_name")}
    detail = main.grid_status_detail if main.grid_status == grid else None
    return {**body, "grid_status": grid, "grid_status_detail": detail}


def _of_units(combined: Combined) -> JsonObject:
    """Return the members with the devices of all gateways, under unique names."""
    return {
        "vitals": combined.vitals or None,
        "strings": combined.strings or None,
        "alerts": combined.alerts,
        "temps": combined.temps or None,
        "fan_speeds": combined.fans,
        "tedapi_config": {"battery_blocks": combined.configs} if combined.configs else None,
        "device_ages_seconds": combined.ages,
    }


def _of_all(readings: Sequence[Reading]) -> JsonObject:
    """Return the lists of all gateways joined, and the values on which all of them agree."""
    lists = ("networks", "meters", "meters_site", "meters_solar", "solars")
    powerwalls = _joined([(reading.powerwalls or {}).get("powerwalls") for reading in readings])
    return {
        **{name: _joined([getattr(reading, name) for reading in readings]) for name in lists},
        "powerwalls": {"powerwalls": powerwalls or []},
        "device_type": agreed([reading.device_type for reading in readings]),
        "pw3": True if any(reading.pw3 for reading in readings) else agreed([reading.pw3 for reading in readings]),
        "tedapi_mode": agreed([reading.tedapi_mode for reading in readings]),
        "reach": agreed([reading.reach for reading in readings]) or Reach.MIXED,
    }


def _aggregates(readings: Sequence[Reading], energies: Mapping[str, Total], all_here: bool) -> JsonObject:
    names = ", ".join(sorted(reading.gateway_id for reading in readings))
    oldest = sorted(readings, key=lambda reading: (reading.timestamp, reading.gateway_id))
    further = _further(readings)
    body: JsonObject = {}
    for name in (*METERS, *further):
        found = [reading.aggregates[name] for reading in oldest if isinstance(reading.aggregates.get(name), dict)]
        if not found:
            continue
        # A gateway without a main meter has no counters for it either, so that their sum would lack a part.
        complete = all_here and (name in further or len(found) == len(readings))
        meter = aggregate.sum_meters(found, complete, f"{name}: sum of {names}")
        for counter in COUNTERS:
            meter[counter] = energies[f"{name}.{counter}"].value
        body[name] = meter
    return body


def _further(readings: Sequence[Reading]) -> list[str]:
    """Return the names of the further meters that any gateway has."""
    return list(dict.fromkeys(name for reading in readings for name in reading.further_meters))


def _resets(readings: Sequence[Reading]) -> dict[str, float]:
    """Return the time of each counter's last reset at any gateway, which is also a reset of the sum."""
    found: dict[str, float] = {}
    for reading in readings:
        for name, when in reading.counter_resets.items():
            found[name] = max(when, found.get(name, 0.0))
    return found


def _system_status(readings: Sequence[Reading], blocks: list[JsonObject], charge: SiteCharge) -> JsonObject | None:
    found = [reading.system_status for reading in readings if reading.system_status]
    if not found and not blocks:
        return None
    body: JsonObject = {}
    for key in dict.fromkeys(key for entry in found for key in entry):
        values = [entry.get(key) for entry in found]
        if key in _STATUS_SUMS:
            body[key] = aggregate.total(values)
        elif key == "grid_faults":
            body[key] = _joined(values) or []
        elif key != "battery_blocks":
            body[key] = values[0] if all(value == values[0] for value in values) else None
    body["nominal_full_pack_energy"] = charge.capacity_wh.value
    body["nominal_energy_remaining"] = charge.remaining_wh.value
    body["battery_blocks"] = blocks
    return body


def _site_info(main: Reading, readings: Sequence[Reading]) -> JsonObject | None:
    if not main.site_info:
        return None
    body = dict(main.site_info)
    for key in _SITE_SUMS:
        if key in body:
            body[key] = aggregate.complete_total([(reading.site_info or {}).get(key) for reading in readings])
    return body


def _joined(lists: Sequence[Any]) -> JsonArray | None:
    found = [entry for entry in lists if isinstance(entry, list)]
    return [item for entry in found for item in entry] if found else None


def _identity(site: SiteView, views: Sequence[View], options: MergeOptions) -> GatewayIdentity:
    # A default gateway that has never answered has this machine's zone, often UTC; the others' days begin elsewhere.
    main = site.main([view for view in views if is_known(view.gateway)] or views)
    if main is None:
        return GatewayIdentity(id=VIRTUAL_ID, name=options.name, virtual=True)
    return GatewayIdentity(id=VIRTUAL_ID, name=options.name, timezone=main.gateway.timezone, virtual=True)


def _status(total: Site, taking_part: Sequence[View], views: Sequence[View]) -> GatewayStatus:
    readings = [view.reading for view in taking_part if view.reading is not None]
    error = ", ".join(f"{name} left out: {reason}" for name, reason in total.left_out.items()) or None
    if readings:
        updated: float | None = min(reading.timestamp for reading in readings)
    else:
        updated = max((view.status.last_updated for view in views if view.status.last_updated), default=None)
    return GatewayStatus(
        state="ok" if readings and not error else "degraded",
        online=bool(readings),
        last_updated=updated,
        error=error,
        connection_mode=agreed([reading.connection_mode for reading in readings]),
        mode=agreed([view.status.mode for view in taking_part]),
        tedapi_mode=None,
    )
