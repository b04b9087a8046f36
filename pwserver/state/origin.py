"""Tell measurements from constants of the library, and replace a constant by what is known elsewhere, or by null.

Where pypowerwall does not know a value it fills it from a template: a frequency of 0 Hz, limits of 0 W, a switch that
was last toggled in October 2023. ``CONSTANTS`` is the table of them, gone through against the library's source member
by member. A member counts as a constant only while it holds the template's value, so that a library which begins to
fill it is passed on. tests/gateways/test_origin.py compares the table with the library on two different houses.

Served as answers of the gateway are, in these modes, only what the table leaves. Not in the table, as the library
really reads or derives them: powers (status, live_status), voltages and the mean currents (from the voltage sources
that the member ``disclaimer`` names), nominal energies, ``max_*_power`` (the owner's nameplate setting, capped by the
inverters), ``available_blocks`` and ``blocks_controlled`` (the number of units). Lists stay lists: ``grid_faults`` is
empty in these modes because nobody asks for faults.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from math import fsum, hypot
from types import MappingProxyType
from typing import Any, Final

from pwserver.reading import JsonObject, Reading
from pwserver.state.fact import finite, member

TEDAPI: Final = "tedapi"
CLOUD: Final = "cloud"
# Connection mode -> who fills the templates. A local web API (hybrid connections too) gives its own answers.
TEMPLATES: Final[Mapping[str, str]] = MappingProxyType(
    {"TEDAPI": TEDAPI, "TEDAPI v1r": TEDAPI, "Cloud": CLOUD, "FleetAPI": CLOUD}
)

ANYTHING: Final = ("*",)  # whatever it is: the member says something else than its name
_NEVER: Final = "0001-01-01T00:00:00Z"
_METER: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "instant_reactive_power": (0,),
        "instant_apparent_power": (0,),
        "frequency": (0,),
        "last_phase_voltage_communication_time": (_NEVER,),
        "last_phase_power_communication_time": (_NEVER,),
        "last_phase_energy_communication_time": (_NEVER,),
        "timeout": (1500000000, 1000000000),
    }
)
_CLOUD_METER: Final = ("instant_average_voltage", "instant_average_current", "instant_total_current")
_PHASE_CURRENTS: Final = ("i_a_current", "i_b_current", "i_c_current")
_SYSTEM: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {
        "command_source": ("Configuration",),
        "can_reboot": ("Yes",),
        "last_toggle_timestamp": ("2023-10-13T04:08:05.957195-07:00",),
        "score": (10000,),
        "primary": (True,),
        "all_enable_lines_high": (True,),
        **dict.fromkeys(
            (
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
            ),
            (0,),
        ),
    }
)
# Limits that are sums over the modules of a Powerwall 2, and the template's 0 where not every module tells its own.
_MODULE_SIGNALS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "instantaneous_max_charge_power": "POD_available_charge_power",
        "instantaneous_max_discharge_power": "POD_available_dischg_power",
    }
)
LIMITS: Final = tuple(_MODULE_SIGNALS)
_NAMEPLATES: Final = (
    "max_system_energy_kWh",
    "max_system_power_kW",
    "nominal_system_energy_kWh",
    "nominal_system_power_kW",
)
_STATUS: Final[Mapping[str, tuple[Any, ...]]] = MappingProxyType(
    {"is_new": (False,), "commission_count": (0,), "cellular_disabled": (False,), "can_reboot": (True,)}
)

# (who fills it, member of the reading) -> member in it, in every meter for the aggregates -> the template's values.
# ``solar_real_power_limit`` of the cloud modes is the present solar power under a wrong name.
CONSTANTS: Final[Mapping[tuple[str, str], Mapping[str, tuple[Any, ...]]]] = MappingProxyType(
    {
        (TEDAPI, "aggregates"): _METER,
        (CLOUD, "aggregates"): {**_METER, **dict.fromkeys((*_CLOUD_METER, *_PHASE_CURRENTS), (0,))},
        (TEDAPI, "system_status"): _SYSTEM,
        (CLOUD, "system_status"): {**_SYSTEM, **dict.fromkeys(LIMITS, (0,)), "solar_real_power_limit": ANYTHING},
        (TEDAPI, "status"): _STATUS,
        (CLOUD, "status"): _STATUS,
        (CLOUD, "site_info"): dict.fromkeys(_NAMEPLATES, (0.0,)),
    }
)
# Members that one template fills although the meters do not say so; only of these meters.
_ONE_METER: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({TEDAPI: ("site", "load"), CLOUD: ("site",)})


def without_constants(reading: Reading) -> Reading:
    """Return the reading with the library's constants replaced by what is known elsewhere, else by null.

    A reading that came over a gateway's own web API is returned as it is.
    """
    template = TEMPLATES.get(reading.connection_mode or "")
    if template is None:
        return reading
    changed: dict[str, Any] = {}
    for (filled_by, document), constants in CONSTANTS.items():
        body = getattr(reading, document)
        if filled_by == template and document != "aggregates" and isinstance(body, Mapping):
            changed[document] = _nulled(body, constants)
    system = changed.get("system_status")
    if template == TEDAPI and system is not None:
        told = _told_limits(reading)
        system.update({name: told.get(name) for name in LIMITS if system.get(name) == 0})
    meters = {
        name: _meter(reading, template, name, body) if isinstance(body, Mapping) else body
        for name, body in reading.aggregates.items()
    }
    return replace(reading, aggregates=meters, **changed)


def _nulled(body: Mapping[str, Any], constants: Mapping[str, tuple[Any, ...]]) -> JsonObject:
    """Return a copy whose members are null where they hold the template's value."""
    found = dict(body)
    for name, values in constants.items():
        if name in found and (values is ANYTHING or any(_same(found[name], value) for value in values)):
            found[name] = None
    return found


def _same(told: Any, constant: Any) -> bool:
    """Are they the same JSON value? False is not 0, and 0.0 is a number that somebody computed."""
    return type(told) is type(constant) and bool(told == constant)


def _told_limits(reading: Reading) -> JsonObject:
    """Return the limits that every battery module of a Powerwall 2 has told, also where their sum is 0 W."""
    told: JsonObject = {}
    modules = list(_devices(reading, "TEPOD--"))
    for name, signal in _MODULE_SIGNALS.items():
        values = [finite(body.get(signal)) for body in modules]
        known = [value for value in values if value is not None]
        if known and len(known) == len(values):
            told[name] = fsum(known)
    return told


def _meter(reading: Reading, template: str, name: str, told: Mapping[str, Any]) -> JsonObject:
    found = _nulled(told, CONSTANTS[template, "aggregates"])
    if name in _ONE_METER[template] and found.get("num_meters_aggregated") == 1:
        found["num_meters_aggregated"] = None
    if template == TEDAPI:
        if not any(finite(found.get(phase)) for phase in _PHASE_CURRENTS):
            found.update(_phase_currents(reading, name, found))
        for member_name, value in _known_elsewhere(reading, name, found):
            if found.get(member_name) is None and value is not None:
                found[member_name] = value
    return found


def _phase_currents(reading: Reading, name: str, found: Mapping[str, Any]) -> JsonObject:
    """Return the currents of a meter all of whose phases read 0: the clamps that told 0 A, null for the others."""
    clamps = _clamps(reading, name, found)
    return {
        phase: finite(clamps.get(f"CT{letter}_I"))
        for phase, letter in zip(_PHASE_CURRENTS, "ABC", strict=True)
        if phase in found
    }


def _known_elsewhere(reading: Reading, name: str, found: Mapping[str, Any]) -> Iterator[tuple[str, float | None]]:
    """Yield what other answers tell of a meter: its frequency; its reactive power, added over the phases' clamps or
    over the inverters of all batteries; and the apparent power that follows from both powers.
    """
    yield "frequency", _hertz(reading, name)
    clamps = _clamps(reading, name, found)
    told = [finite(clamps.get(f"CT{letter}_InstReactivePower")) for letter in "ABC"]
    known = [value for value in told if value is not None]
    if name == "battery":
        kilovar = [finite(body.get("PINV_Qout")) for body in _devices(reading, "TEPINV--")]
        known = [value * 1000.0 for value in kilovar if value is not None]
        known = known if len(known) == len(kilovar) else []
    reactive = fsum(known) if known else None
    yield "instant_reactive_power", reactive
    watts = finite(found.get("instant_power"))
    yield "instant_apparent_power", hypot(watts, reactive) if watts is not None and reactive is not None else None


def _clamps(reading: Reading, name: str, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what the wired meter of this place measures, by the names of its clamps: ``CTA_I`` and so on.

    Site: meter X of the synchroniser or meter Z, whichever the library says that it took; solar: meter Y.
    """
    letter = _letter(found)
    if not letter:
        return {}
    board, prefix = "MSA" if letter == "Z" else "SYNC", f"METER_{letter}_"
    told = member(reading.tedapi_status, "esCan", "bus", board, f"{prefix}AcMeasurements")
    if not isinstance(told, Mapping):
        told = next(iter(_devices(reading, f"TE{board}--")), {})
    return {key.removeprefix(prefix): value for key, value in told.items() if str(key).startswith(prefix)}


def _letter(found: Mapping[str, Any]) -> str:
    """Return the letter of the meter that the library names as the source of the currents; empty for none."""
    said = found.get("disclaimer")
    words = said.split(";")[0] if isinstance(said, str) else ""
    return next((letter for letter in "XYZ" if f"current from Meter {letter}" in words), "")


def _hertz(reading: Reading, name: str) -> float | None:
    """Return the frequency where a meter sits, None when nobody tells it.

    Site: on the utility's side of the grid switch; load: on the house's side; battery and solar: what their inverters
    feed, the first that tells it. Inverters of one house run at one frequency.
    """
    if name in ("site", "load"):
        side = "Main" if name == "site" else "Load"
        switch = member(reading.tedapi_status, "esCan", "bus", "ISLANDER", "ISLAND_AcMeasurements")
        for body in (switch, *_devices(reading, "TESYNC--")):
            hertz: float | None = finite(body.get(f"ISLAND_FreqL1_{side}")) if isinstance(body, Mapping) else None
            if hertz:
                return hertz
        return None
    prefix, told = {"battery": ("TEPINV--", "PINV_Fout"), "solar": ("PVAC--", "PVAC_Fout")}.get(name, ("", ""))
    for body in _devices(reading, prefix) if prefix else ():
        fed: float | None = finite(body.get(told))
        if fed:
            return fed
    return None


def _devices(reading: Reading, prefix: str) -> Iterable[Mapping[str, Any]]:
    devices = reading.vitals
    for name, body in devices.items() if isinstance(devices, Mapping) else ():
        if str(name).startswith(prefix) and isinstance(body, Mapping):
            yield body
