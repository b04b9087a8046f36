"""List every number of the site document under its path; the document and its explanation are made from this table.

A path names the place in the document: ``solar_watts``, ``units.1.charge_percent``, ``meters.grid.volts``. Its last
word is the unit, which decides to how many digits the document rounds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from functools import lru_cache
from typing import Any, Final, Protocol

from pwserver.json_types import Json, JsonObject
from pwserver.state.counter_sums import SumMemory, energy_totals
from pwserver.state.fact import UNKNOWN, Fact
from pwserver.state.flows import FLOWS, flows, has_battery, own_percent
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import COUNTERS, Meter
from pwserver.state.site import Site, Total
from pwserver.state.strings import String
from pwserver.state.unit_measurements import judge_measurements
from pwserver.state.units import Unit
from pwserver_ext.aggregate import app_percent

# Gateway's name of a meter -> the name for people. Gateways call the house "load" and the grid "site".
METER_NAMES: Final[Mapping[str, str]] = {"solar": "solar", "load": "home", "battery": "battery", "site": "grid"}
FLOW: Final = "where the power goes"
DIGITS: Final[Mapping[str, int]] = {
    "watts": 1, "percent": 2, "wh": 0, "volts": 1, "amperes": 2, "hertz": 2, "celsius": 1, "rpm": 0, "left": 2,
    "seconds": 1, "since": 0, "ended": 0,
}  # fmt: skip


class Valued(Protocol):
    """Describes what a ``Fact`` and a ``Total`` have in common."""

    @property
    def value(self) -> Json:
        """Return the value; None when it is not known."""


def nested(facts: Mapping[str, Valued]) -> JsonObject:
    """Return the values as a document, each rounded and at the place that its path names."""
    body: JsonObject = {}
    for path, fact in facts.items():
        group, name, member, digits = _layout(path)
        inner = body
        if group:
            inner = body.setdefault(group, {})
            if name is not None:
                inner = inner.setdefault(name, {})
        value = fact.value
        inner[member] = _short(value, digits) if value.__class__ is float else value
    return body


def rounded(path: str, value: object) -> Json:
    """Return the value rounded to the digits of its unit; a whole number becomes an int."""
    return _short(value, _layout(path)[3]) if value.__class__ is float else value


def _short(value: float, digits: int) -> float | int:
    short = round(value, digits)
    return int(short) if short.is_integer() else short


@lru_cache(maxsize=4096)
def _layout(path: str) -> tuple[str, str | None, str, int]:
    """Return the group of a path, the name in that group (which may contain dots), the member, and its digits."""
    group, _, rest = path.partition(".")
    if not rest:
        return "", None, path, _digits(path)
    name, dot, last = rest.rpartition(".")
    return group, name if dot else None, last, _digits(last)


def _digits(member: str) -> int:
    return DIGITS.get(member.rpartition("_")[2], 2)


def summary_figures(judged: Judged) -> dict[str, Fact[Any]]:
    """Return the facts that an overview of several houses shows."""
    facts: dict[str, Fact[Any]] = {f"{shown}_watts": judged.meters[name].watts for name, shown in METER_NAMES.items()}
    facts["charge_percent"] = judged.charge.app_percent
    facts["grid_state"] = judged.grid.state
    return facts


def house_figures(judged: Judged) -> dict[str, Fact[Any]]:
    """Return every fact of one gateway by its path; they are made once per reading."""
    known = judged.figures
    if not known:
        known.update(_house_figures(judged))
    return known


def _house_figures(judged: Judged) -> dict[str, Fact[Any]]:
    charge, operation = judged.charge, judged.operation
    facts = summary_figures(judged)
    facts.update(_flow_facts(judged))
    facts["balance_watts"] = judged.balance_watts
    facts["charge_raw_percent"] = charge.raw_percent
    facts["capacity_wh"] = charge.capacity_wh
    facts["remaining_wh"] = charge.remaining_wh
    facts["hours_left"] = charge.hours_left
    facts["reserve_percent"] = operation.reserve_percent
    facts["mode"] = operation.mode
    facts["grid_charging"] = operation.grid_charging
    facts["grid_export"] = operation.grid_export
    for name, meter in judged.meters.items():
        for path, attribute in _paths(f"meters.{meter_name(name)}", Meter):
            facts[path] = getattr(meter, attribute)
    measured = judge_measurements(judged.reading, judged.units, judged.devices, judged.electrical)
    for unit in judged.all_units:
        if unit.serial in measured:  # a silent unit only has its charge listed, as null
            for path, attribute in _paths(f"units.{unit.position}", Unit):
                facts[path] = getattr(unit, attribute)
        facts[unit_level_path(unit)] = unit_level(unit)
        for name, fact in measured.get(unit.serial, {}).items():
            facts[f"units.{unit.position}.{name}"] = fact
    for string in judged.strings.values():
        for path, attribute in _paths(f"strings.{string.name}", String):
            facts[path] = getattr(string, attribute)
    for alert in judged.alerts or ():
        facts[f"alerts_active.{alert.name}.since"] = alert.since
    for alert in judged.ended_alerts:
        facts[f"alerts_ended.{alert.name}.since"] = alert.since
        facts[f"alerts_ended.{alert.name}.ended"] = alert.ended
    return facts


def meter_name(name: str) -> str:
    """Return what people read for the gateway's name of a meter."""
    shown = METER_NAMES.get(name)
    if shown is None:  # a further meter; if the gateway itself calls it "grid", it must not hide the main one
        shown = f"other {name}" if name in METER_NAMES.values() else name
    return shown


def _flow_facts(judged: Judged) -> dict[str, Fact[Any]]:
    solar, home, battery, grid = (judged.meters[name].watts for name in METER_NAMES)
    # A house without a battery has no battery power, which must not make all its flows unknown.
    discharge = 0.0 if battery.value is None and has_battery(judged) is False else battery.value
    found = flows(solar.value, home.value, discharge, grid.value)
    share = own_percent(found, home.value)
    facts = {
        f"flows.{name}_watts": UNKNOWN if found is None else home._replace(value=found[name], member="", rule=FLOW)
        for name in FLOWS
    }
    facts["own_power_percent"] = UNKNOWN if share is None else home._replace(value=share, member="", rule=FLOW)
    return facts


def _flow_totals(site: Site) -> dict[str, Total]:
    solar, home, battery, grid = (site.watts[name] for name in METER_NAMES)
    lacking = home.missing or battery.missing or grid.missing  # the flows of a house that lacks a power are not known
    without = battery.value is None and not any(has_battery(state.judged) for state in site.members)
    found = flows(solar.value, home.value, 0.0 if without else battery.value, grid.value)
    found = None if lacking and not without else found
    totals = {f"flows.{name}_watts": Total(None if found is None else found[name], FLOW) for name in FLOWS}
    totals["own_power_percent"] = Total(own_percent(found, home.value), FLOW)
    return totals


def unit_level_path(unit: Unit) -> str:
    """Return the path of a unit's charge in the site document."""
    return f"units.{unit.position}.charge_percent"


def unit_level(unit: Unit) -> Fact[Any]:
    """Return the charge of a unit on the app's scale, so that a page shows it on the same scale as the house's."""
    level = app_percent(unit.percent.value)
    return unit.percent if level is None else unit.percent.derived(level, "unit on the app scale")


def site_figures(site: Site, sums: SumMemory | None = None) -> dict[str, Total]:
    """Return every number of the sum by its path below ``site``; ``sums`` remembers the houses that have left."""
    totals = {f"{shown}_watts": site.watts[name] for name, shown in METER_NAMES.items()}
    totals.update(_flow_totals(site))
    totals["charge_percent"] = site.charge.app
    totals["charge_raw_percent"] = site.charge.raw
    totals["capacity_wh"] = site.charge.capacity_wh
    totals["remaining_wh"] = site.charge.remaining_wh
    totals["hours_left"] = site.hours_left
    totals["reserve_percent"] = site.reserve_percent
    for name, total in site.watts.items():
        if name not in METER_NAMES:
            totals[f"meters.{meter_name(name)}.watts"] = total
    for name, total in energy_totals(site, sums if sums is not None else SumMemory()).items():
        meter, _, counter = name.rpartition(".")
        totals[f"meters.{meter_name(meter)}.{COUNTERS[counter]}"] = total
    return totals


def parts_of(path: str, rule: str, names: Collection[str]) -> list[str]:
    """Return those of ``names`` from which the number at ``path`` was made by ``rule``."""
    group, _, name = path.rpartition(".")
    if path == "charge_percent" and rule == "app scale":
        made_of = ["charge_raw_percent"]
    elif rule == "unit on the app scale":
        made_of = [f"{group}.remaining_wh", f"{group}.capacity_wh"]
    elif group == "units_percent":  # a list of the units' charges alone, in their order
        levels = [other for other in names if other.startswith("units.") and other.endswith(".charge_percent")]
        made_of = levels[int(name) : int(name) + 1]
    elif rule == FLOW:
        prefix = "site." if path.startswith("site.") else ""
        made_of = [f"{prefix}{shown}_watts" for shown in METER_NAMES.values()]
    elif rule == "sum of units":
        made_of = [other for other in names if other.startswith("units.") and other.endswith(f".{path}")]
    elif rule == "remaining energy by load":
        made_of = [f"{group}.remaining_wh", f"{group}.home_watts"] if group else ["remaining_wh", "home_watts"]
    else:
        made_of = []
    return [other for other in made_of if other in names]


@lru_cache(maxsize=4096)
def _paths(prefix: str, kind: type) -> tuple[tuple[str, str], ...]:
    """Return (path, attribute) of every fact of a meter, a unit or a string, so that a new fact appears by itself."""
    names = [field.name for field in fields(kind) if isinstance(field.default, Fact)]
    return tuple((f"{prefix}.{name}", name) for name in names if name != "percent")
