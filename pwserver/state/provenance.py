"""List what the members of every answer are: measured, derived, a setting, or a constant of the library.

When pypowerwall does not know a value, it takes it from a template: a frequency of 0 Hz, limits of 0 W, a switch that
was last toggled in October 2023. The table was checked against the library's source member by member; members without
a row are what the gateway says. ``without_constants`` replaces every constant by null, and ``state/details.py`` then
fills in what other answers contain. tests/gateways/test_provenance.py compares the table with two houses that differ in
everything that can be measured; docs/provenance.md is generated from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from enum import StrEnum
from functools import lru_cache
from math import fsum
from types import MappingProxyType
from typing import Final

from pwserver.json_types import JsonMapping, JsonObject
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.fact import finite, member, objects

TEDAPI: Final = "tedapi"
CLOUD: Final = "cloud"
# Kind of connection -> whose templates fill the answers. A local API answers for itself, even if TEDAPI adds devices.
TEMPLATES: Final[Mapping[Reach, str]] = MappingProxyType(
    {Reach.TEDAPI: TEDAPI, Reach.V1R: TEDAPI, Reach.CLOUD: CLOUD, Reach.FLEETAPI: CLOUD}
)
# Member of a reading -> the document of the library that it holds.
ANSWERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aggregates": "/api/meters/aggregates",
        "system_status": "/api/system_status",
        "status": "/api/status",
        "site_info": "/api/site_info",
        "vitals": "/vitals",
    }
)


class Provenance(StrEnum):
    """Lists where a member comes from, if it is not measured."""

    DERIVED = "derived"
    SETTING = "setting"  # of the owner or the installer, or what a device is
    CONSTANT = "constant"  # made up by the library; served as null


@record(frozen=True, slots=True)
class Row:
    """Describes where some members of one answer come from.

    A member is a path such as ``site.frequency``; ``*`` stands for any text, including dots. ``template``: whose
    template fills it, empty for every connection. ``invented``: the values of a constant, any other value comes from
    the gateway; empty when the member is never what its name says.
    """

    template: str
    document: str
    members: tuple[str, ...]
    origin: Provenance
    why: str
    invented: tuple[object, ...] = ()


_METERS, _SYSTEM, _STATUS, _INFO, _VITALS = ANSWERS.values()
_BOTH: Final = (TEDAPI, CLOUD)
_UNFILLED: Final = "a template of the library that nothing fills in"
_SYSTEM_ZEROS: Final = (
    "battery_target_power",
    "battery_target_reactive_power",
    "max_power_energy_remaining",
    "max_power_energy_to_be_charged",
    "instantaneous_max_apparent_power",
    "hardware_capability_charge_power",
    "hardware_capability_discharge_power",
    "available_charger_blocks",
    "ffr_power_availability_high",
    "ffr_power_availability_low",
    "load_charge_constraint",
    "max_sustained_ramp_rate",
    "smart_inv_delta_p",
    "smart_inv_delta_q",
    "auxiliary_load",
    "inverter_nominal_usable_power",
    "expected_energy_remaining",
)
# Limits that are sums over the modules of a Powerwall 2, and the template's 0 if a module does not report its own.
_MODULE_SIGNALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "instantaneous_max_charge_power": "POD_available_charge_power",
        "instantaneous_max_discharge_power": "POD_available_dischg_power",
    }
)
LIMITS: Final = tuple(_MODULE_SIGNALS)
_BATTERY_LIMITS: Final = ("max_charge_power", "max_discharge_power", "max_apparent_power")
_MOST_MEMBERS: Final = 512  # how many members of one object are remembered


def _constant(template: str, document: str, members: tuple[str, ...], *invented: object, why: str = _UNFILLED) -> Row:
    return Row(template, document, members, Provenance.CONSTANT, why, invented)


CONSTANTS: Final[tuple[Row, ...]] = (
    *(
        row
        for template in _BOTH
        for row in (
            _constant(template, _METERS, ("*.instant_reactive_power", "*.instant_apparent_power", "*.frequency"), 0),
            _constant(template, _METERS, ("*.last_phase_*_communication_time",), "0001-01-01T00:00:00Z"),
            _constant(template, _METERS, ("*.timeout",), 1500000000, 1000000000),
            _constant(template, _SYSTEM, _SYSTEM_ZEROS, 0),
            _constant(template, _SYSTEM, ("command_source",), "Configuration"),
            _constant(template, _SYSTEM, ("last_toggle_timestamp",), "2023-10-13T04:08:05.957195-07:00"),
            _constant(template, _SYSTEM, ("score",), 10000),
            _constant(template, _SYSTEM, ("primary", "all_enable_lines_high"), True),
            _constant(template, _SYSTEM, ("can_reboot",), "Yes"),
            _constant(template, _STATUS, ("is_new", "cellular_disabled"), False),
            _constant(template, _STATUS, ("commission_count",), 0),
            _constant(template, _STATUS, ("can_reboot",), True),
            _constant(template, _STATUS, ("teg_type", "sync_type"), "unknown"),
        )
    ),
    _constant(TEDAPI, _METERS, ("*.i_?_current",), 0, why="0 where no transformer of the phase reported a current"),
    _constant(TEDAPI, _METERS, ("site.num_meters_aggregated", "load.num_meters_aggregated"), 1),
    _constant(TEDAPI, _SYSTEM, LIMITS, 0, why="0 unless every module of a Powerwall 2 reports its limit"),
    _constant(CLOUD, _METERS, ("*.i_?_current", "*.instant_average_*", "*.instant_total_current"), 0),
    _constant(CLOUD, _METERS, ("site.num_meters_aggregated",), 1),
    _constant(CLOUD, _SYSTEM, LIMITS, 0),
    _constant(CLOUD, _SYSTEM, ("solar_real_power_limit",), why="the present solar power under a wrong name"),
    _constant(CLOUD, _INFO, ("*_energy_kWh", "*_system_power_kW"), 0.0, why="0 where the servers report no nameplate"),
    _constant(CLOUD, _VITALS, ("*.lastCommunicationTime",), why="the library's own clock"),
    _constant(CLOUD, _VITALS, ("*.manufacturer", "*.STSTSM-Location"), "Simulated"),
    _constant(CLOUD, _VITALS, ("*.teslaEnergyEcuAttributes.ecuType",), 207),
)

_DERIVED, _SETTING = Provenance.DERIVED, Provenance.SETTING
_WORDS: Final = "pwserver's own words and counts for what it judged"
_STRINGS: Final = "from the string's state, or from whether it is connected, as the gateway reports only one of them"
_KIND: Final = "the library's words for what a device is and where it belongs"
_OWNERS: Final = "the owner's rule; Tesla's default if the configuration does not contain it"
_CONFIGURED: Final = "how pwserver is configured and connected"
_UNSET: Final = "the year 1 while it is unknown, as libraries made for a gateway need a time that can be parsed"
_SERVICES: Final = "false unless the gateway says that grid services run, as such libraries need yes or no"
_UNKNOWN_VERSION: Final = "a number or a word for the version, also while it is unknown, as old clients need one"

# Members that are not measured but served, because they are true; they may be the same in every house.
OTHERS: Final[tuple[Row, ...]] = (
    *(
        Row("", document, members, origin, why)
        for document, members, origin, why in (
            (_METERS, ("*.disclaimer",), _DERIVED, "the library's words for where voltages and currents come from"),
            (_METERS, ("battery.num_*", "solar.num_*"), _DERIVED, "how many units or inverters report themselves"),
            (_SYSTEM, ("available_blocks", "blocks_controlled"), _DERIVED, "the number of battery units"),
            (_SYSTEM, ("max_*_power",), _SETTING, "the nameplate; over TEDAPI no more than the inverters' limit"),
            (_INFO, ("timezone",), _SETTING, "the configured one unless the gateway reports it"),
            (_VITALS, ("*.manufacturer", "*.componentParentDin", "*.ecuType"), _SETTING, _KIND),
            (_VITALS, ("*.STSTSM-Location", "*.meterLocation.*", "VITALS.*"), _SETTING, _KIND),
            (_VITALS, ("*.PVAC_PvState_?", "*.PVS_String?_Connected"), _DERIVED, _STRINGS),
            ("/pw/strings", ("*.PVAC_PvState_?", "*Connected"), _DERIVED, _STRINGS),
            ("/strings", ("*.Connected", "*.State"), _DERIVED, _STRINGS),
            ("/influx", ("powerwall_string,* connected", "powerwall_string,* state"), _DERIVED, _STRINGS),
            ("/influx", ("powerwall_poll,*",), _DERIVED, "how the connection is"),
            ("/influx", ("powerwall,* alerts", "powerwall,* problems"), _DERIVED, _WORDS),
            ("/influx", ("powerwall,* grid_charging", "powerwall,* grid_export"), _SETTING, _OWNERS),
            ("/alerts/pw", ("*",), _DERIVED, "1 for every active alert"),
            ("/freq", ("*_name",), _SETTING, _KIND),
            ("/pod", ("*_name",), _SETTING, _KIND),
            (_STATUS, ("device_type",), _DERIVED, "the kind that the part number stands for, if it is not told"),
            (_STATUS, ("start_time",), _DERIVED, _UNSET),
            ("/api/system_status/grid_status", ("grid_services_active",), _DERIVED, _SERVICES),
            ("/version", ("version", "vint"), _DERIVED, _UNKNOWN_VERSION),
            ("/pw/is_connected", ("is_connected",), _DERIVED, "how the connection is"),
            ("/api/operation", ("grid_charging", "grid_export"), _SETTING, _OWNERS),
            ("/api/operation", ("stale",), _DERIVED, "how the connection is"),
            ("/api/sitemaster", ("running", "status"), _DERIVED, "a controller that has just measured is running"),
            ("/api/site_info/site_name", ("timezone",), _SETTING, "the configured one unless the gateway reports it"),
            ("/api/system/update/status", ("version",), _DERIVED, _UNKNOWN_VERSION),
            ("/api/meters/site", ("*.id",), _DERIVED, "the place in the configuration's list of meters"),
            ("/api/gateways/{id}", ("gateway.*", "online", "stale", "data.*_mode", "data.pw3"), _SETTING, _CONFIGURED),
            ("/api/gateways/{id}", ("data.grid_charging", "data.grid_export"), _SETTING, _OWNERS),
            ("/api/site/{id}", ("id", "name", "version"), _SETTING, _CONFIGURED),
            ("/api/site/{id}", ("connection.*", "control.*", "cannot_read.*"), _SETTING, _CONFIGURED),
            ("/api/site/{id}", ("state", "since", "time", "read_at", "age_seconds"), _DERIVED, "how the connection is"),
            ("/api/site/{id}", ("alert*", "problems", "units.*.label", "units.*.state"), _DERIVED, _WORDS),
            ("/api/site/{id}", ("condition", "not_known.*"), _DERIVED, _WORDS),
            ("/api/site/{id}", ("has_battery", "has_solar", "flows.*"), _DERIVED, "what follows from the powers"),
            ("/api/site/{id}", ("grid_charging", "grid_export"), _SETTING, _OWNERS),
            ("/api/checks/{id}", ("id", "name", "version"), _SETTING, _CONFIGURED),
            ("/api/checks/{id}", ("counts.*", "worst", "checks.*"), _DERIVED, _WORDS),
        )
    ),
)


def without_constants(reading: Reading) -> Reading:
    """Return the reading with null in place of the library's constants.

    A reading from a gateway's own web API is returned unchanged.
    """
    template = template_of(reading)
    if template is None:
        return reading
    changed: JsonObject = {}
    for name, document in ANSWERS.items():
        body = getattr(reading, name)
        if isinstance(body, Mapping) and _rules(template, document):
            changed[name] = _known(template, document, "", body)
    system = changed.get("system_status")
    if template == TEDAPI and system is not None:
        told = _told_limits(reading)
        system.update({name: told[name] for name in LIMITS if name in told and system.get(name) is None})
        # Without a battery, the library gives the nameplate of the solar inverter under these names.
        if not member(reading.tedapi_config, "battery_blocks"):
            system.update({name: None for name in _BATTERY_LIMITS if name in system})
    return replace(reading, **changed)


def template_of(reading: Reading) -> str | None:
    """Return whose templates fill the answers of a reading; None when the gateway's own web API answered."""
    return TEMPLATES.get(reading.reach) if reading.reach is not None else None


def _known(template: str, document: str, start: str, body: JsonMapping) -> JsonObject:
    rows = _rows_below(template, document, start)
    found: JsonObject = {}
    for name, value in body.items():
        if name in rows:
            row = rows[name]
        else:
            row = constant(template, document, f"{start}{name}")
            if len(rows) < _MOST_MEMBERS:
                rows[name] = row
        if row is not None and _is_invented(row, value):
            value = None
        elif type(value) is dict:
            value = _known(template, document, f"{start}{name}.", value)
        found[name] = value
    return found


@lru_cache(maxsize=512)
def _rows_below(template: str, document: str, start: str) -> dict[str, Row | None]:
    """Return the cache of rows for the members of one object, which the caller fills."""
    return {}


def _is_invented(row: Row, told: object) -> bool:
    """Return whether a value is one of the row's constants.

    The type counts: False is not 0, and 0.0 was computed, while the templates have 0.
    """
    for invented in row.invented:
        if type(told) is type(invented) and told == invented:
            return True
    return not row.invented


def constant(template: str, document: str, member: str) -> Row | None:
    """Return the row by which a member is a constant of the library; None if it is not one."""
    return next((row for row, members in _rules(template, document) if members.fullmatch(member)), None)


def explained(document: str, member: str) -> Row | None:
    """Return the row that says why a member of a document may be equal in all houses; None for a measurement."""
    for row in OTHERS:
        if row.document == document and any(re.fullmatch(expression(one), member) for one in row.members):
            return row
    return None


@lru_cache(maxsize=64)
def _rules(template: str, document: str) -> tuple[tuple[Row, re.Pattern[str]], ...]:
    rows = [row for row in CONSTANTS if row.template == template and row.document == document]
    return tuple((row, re.compile("|".join(expression(member) for member in row.members))) for row in rows)


def expression(member: str) -> str:
    """Return the regular expression for the members that a row's pattern stands for."""
    return re.escape(member).replace(r"\*", ".*").replace(r"\?", ".")


def _told_limits(reading: Reading) -> JsonObject:
    """Return the limits that every battery module of a Powerwall 2 has reported, even if their sum is 0 W."""
    told: JsonObject = {}
    for name, signal in _MODULE_SIGNALS.items():
        values = list(_module_values(reading, signal))
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            told[name] = fsum(known)
    return told


def _module_values(reading: Reading, signal: str) -> Iterator[float | None]:
    for name, body in objects(reading.vitals):
        if name.startswith("TEPOD--"):
            yield finite(body.get(signal))
