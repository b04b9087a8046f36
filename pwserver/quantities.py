"""What a reading says, as plain numbers: the one place that knows where a quantity hides in the library's shapes.

Pure functions over a Reading. Units: watts, watt-hours, volts, amperes, percent, degrees Celsius, rpm, as the
gateway gives them; a number that is missing, not finite, a boolean or a text is None or absent, never zero.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pwserver.reading import Reading

UNSAFE_IN_TOPIC = re.compile(r"[/+#\x00-\x1f]")
STRING_PAIRS = ("AB", "CD", "EF")
TRM_MEMBER = re.compile(r"TRM_CT(\d{1,3})_(.+)")


def number(value: Any) -> float | int | None:
    """The value when it is a finite number, else None. Booleans and texts are not numbers."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return value


def text(value: Any) -> str | None:
    """The value when it is a text with something in it."""
    return value if isinstance(value, str) and value else None


def app_level(raw_percent: float | None) -> float | None:
    """Percent as the Tesla app shows it (it hides the lowest five), 0 to 100."""
    raw = number(raw_percent)
    return None if raw is None else min(100.0, max(0.0, (raw - 5.0) / 95.0 * 100.0))


@dataclass(frozen=True, slots=True)
class Battery:
    """One unit of ``system_status.battery_blocks``; ``index`` is its 1-based position there."""

    index: int
    capacity: float | int | None  # watt-hours
    charge: float | int | None  # watt-hours
    serial: str | None
    block: Mapping[str, Any]


def battery_blocks(reading: Reading) -> list[Battery]:
    """All units in the gateway's order, also those without any value."""
    blocks = (reading.system_status or {}).get("battery_blocks")
    if not isinstance(blocks, list):
        return []
    return [
        Battery(
            index,
            number(block.get("nominal_full_pack_energy")),
            number(block.get("nominal_energy_remaining")),
            text(block.get("PackageSerialNumber")),
            block,
        )
        for index, block in enumerate(blocks, 1)
        if isinstance(block, Mapping)
    ]


def _site_energy(reading: Reading, member: str, parts: Iterable[float | int | None]) -> float | int | None:
    whole = number((reading.system_status or {}).get(member))
    if whole is not None:
        return whole
    known = [part for part in parts if part is not None]
    return sum(known) if known else None


def total_capacity(reading: Reading) -> float | int | None:
    """Watt-hours all units together hold when full."""
    parts = [battery.capacity for battery in battery_blocks(reading)]
    return _site_energy(reading, "nominal_full_pack_energy", parts)


def current_charge(reading: Reading) -> float | int | None:
    """Watt-hours all units together hold now."""
    parts = [battery.charge for battery in battery_blocks(reading)]
    return _site_energy(reading, "nominal_energy_remaining", parts)


def strings(reading: Reading) -> dict[str, Mapping[str, Any]]:
    """Solar strings by id (``A`` … ``F``, with several inverters ``A1`` …), members as the library gives them."""
    found = reading.strings if isinstance(reading.strings, Mapping) else {}
    return {str(name): body for name, body in found.items() if isinstance(body, Mapping) and safe_in_topic(str(name))}


def string_pairs(reading: Reading) -> dict[str, dict[str, float | int]]:
    """Pairs of strings on one tracker: ``AB1`` -> ``voltage`` of the first, ``current`` and ``power`` of both."""
    single = strings(reading)
    suffixes = dict.fromkeys(name[1:] for name in single if name)
    pairs: dict[str, dict[str, float | int]] = {}
    for suffix in suffixes:
        for pair in STRING_PAIRS:
            first, second = single.get(pair[0] + suffix), single.get(pair[1] + suffix)
            if first is None or second is None:
                continue
            values: dict[str, float | int] = {}
            voltage = number(first.get("Voltage"))
            if voltage is not None:
                values["voltage"] = voltage
            for member in ("Current", "Power"):
                both = [number(body.get(member)) for body in (first, second)]
                known = [value for value in both if value is not None]
                if known:
                    values[member.lower()] = sum(known)
            pairs[pair + suffix] = values
    return pairs


@dataclass(frozen=True, slots=True)
class Signal:
    """A temperature or fan of one unit: its id, where it is found, what it is."""

    id: str
    member: str
    prefix: str  # of the device block's key in vitals
    unit: str  # °C, rpm or %
    sensor: str  # its name among those of its unit, in metrics
    label: str  # its name for people


SIGNALS: tuple[Signal, ...] = (
    Signal("pack_temp_max", "HVP_PackTempMax", "TEPOD", "°C", "pack_max", "Pack temp (max)"),
    Signal("pack_temp_min", "HVP_PackTempMin", "TEPOD", "°C", "pack_min", "Pack temp (min)"),
    Signal("shunt_temp", "HVP_ShuntTemperature", "TEPOD", "°C", "shunt", "Shunt temp"),
    Signal("inverter_ambient", "PCH_AmbientTemp", "TEPINV", "°C", "inverter_ambient", "Inverter ambient"),
    Signal("controller_ambient", "THC_AmbientTemp", "TETHC", "°C", "controller_ambient", "Thermal controller ambient"),
    Signal("fan_a_rpm", "PCH_FanSpeed_A", "TEPINV", "rpm", "a", "Fan A speed"),
    Signal("fan_a_duty", "PCH_FanDuty_A", "TEPINV", "%", "a", "Fan A duty"),
    Signal("fan_b_rpm", "PCH_FanSpeed_B", "TEPINV", "rpm", "b", "Fan B speed"),
    Signal("fan_b_duty", "PCH_FanDuty_B", "TEPINV", "%", "b", "Fan B duty"),
    Signal("fan_rpm", "PVAC_Fan_Speed_Actual_RPM", "PVAC", "rpm", "main", "Fan speed"),
    Signal("fan_target_rpm", "PVAC_Fan_Speed_Target_RPM", "PVAC", "rpm", "main", "Fan target speed"),
)


def safe_in_topic(name: str) -> bool:
    """Whether a name from the gateway can be one level of an MQTT topic."""
    return bool(name) and UNSAFE_IN_TOPIC.search(name) is None


def devices(reading: Reading) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Vitals as (key, serial, members) in vitals order; the serial may be empty."""
    found = reading.vitals if isinstance(reading.vitals, Mapping) else {}
    return [(str(key), _serial(str(key), body), body) for key, body in found.items() if isinstance(body, Mapping)]


def _serial(key: str, body: Mapping[str, Any]) -> str:
    return text(body.get("serialNumber")) or key.rpartition("--")[2]


def unit_signals(reading: Reading) -> dict[str, dict[str, float | int]]:
    """Temperatures and fans: serial -> signal id -> value, serials in order of appearance.

    The first number found for a unit and signal wins; the separate fan query only fills gaps. A PVAC block of a unit
    that also has a TEPINV block is the same machine seen twice and is left out.
    """
    blocks = devices(reading)
    fans = reading.fan_speeds if isinstance(reading.fan_speeds, Mapping) else {}
    blocks += [
        (str(key), str(key).rpartition("--")[2], body) for key, body in fans.items() if isinstance(body, Mapping)
    ]
    inverters = {serial for key, serial, _ in blocks if key.startswith("TEPINV")}
    found: dict[str, dict[str, float | int]] = {}
    for key, serial, body in blocks:
        if not safe_in_topic(serial) or (key.startswith("PVAC") and serial in inverters):
            continue
        for signal in SIGNALS:
            if key.startswith(signal.prefix):
                value = number(body.get(signal.member))
                if value is not None:
                    found.setdefault(serial, {}).setdefault(signal.id, value)
    order = {signal.id: position for position, signal in enumerate(SIGNALS)}
    return {serial: dict(sorted(values.items(), key=lambda item: order[item[0]])) for serial, values in found.items()}


def remote_meters(reading: Reading) -> dict[str, dict[int, dict[str, Any]]]:
    """Wireless remote meters: din -> CT number -> fields as the gateway names them."""
    meters: dict[str, dict[int, dict[str, Any]]] = {}
    for key, _, body in devices(reading):
        din = key.removeprefix("TRM--")
        if din == key or not safe_in_topic(din):
            continue
        for member, value in body.items():
            match = TRM_MEMBER.fullmatch(str(member))
            if match:
                meters.setdefault(din, {}).setdefault(int(match[1]), {})[match[2]] = value
    return {din: dict(sorted(channels.items())) for din, channels in meters.items()}


def watt_seconds_to_watt_hours(value: Any) -> float | None:
    """Remote meters count in watt-seconds."""
    counted = number(value)
    return None if counted is None else counted / 3600.0


LINE_MEMBER = re.compile(r"ISLAND_(?:V(L[123])N|Freq(L[123]))_(Main|Load)")
METER_MEMBER = re.compile(r"METER_([XYZ])_(?:CT([ABC])_(InstRealPower|I)|VL([123])N)")
NEURIO_MEMBER = re.compile(r"NEURIO_CT(\d{1,3})_(InstRealPower|InstVoltage|InstCurrent)")
SIDES = {"Main": "grid", "Load": "home"}


def lines(reading: Reading) -> dict[tuple[str, str], dict[str, float | int]]:
    """Phases at the grid switch: (``L1``, ``grid`` or ``home``) -> ``volts`` to neutral and ``hertz``."""
    found: dict[tuple[str, str], dict[str, float | int]] = {}
    for key, _, body in devices(reading):
        if not key.startswith(("TESYNC", "TEMSA")):
            continue
        for member, raw in body.items():
            match, value = LINE_MEMBER.fullmatch(str(member)), number(raw)
            if match and value is not None:
                quantity = "volts" if match[1] else "hertz"
                found.setdefault((match[1] or match[2], SIDES[match[3]]), {}).setdefault(quantity, value)
    return found


def current_transformers(reading: Reading) -> dict[tuple[str, str], dict[str, float | int]]:
    """Wired meters: (meter, ct) -> ``watts``, ``amperes``, ``volts``. Meters are ``X``, ``Y``, ``Z`` or a serial."""
    found: dict[tuple[str, str], dict[str, float | int]] = {}
    names = {"InstRealPower": "watts", "I": "amperes", "InstVoltage": "volts", "InstCurrent": "amperes"}
    for key, serial, body in devices(reading):
        for member, raw in body.items():
            value = number(raw)
            if value is None:
                continue
            if key.startswith(("TESYNC", "TEMSA")) and (match := METER_MEMBER.fullmatch(str(member))):
                ct = match[2] or "ABC"[int(match[4]) - 1]
                found.setdefault((match[1], ct), {}).setdefault(names.get(match[3] or "", "volts"), value)
            elif key.startswith("NEURIO") and serial and (match := NEURIO_MEMBER.fullmatch(str(member))):
                found.setdefault((serial, match[1]), {}).setdefault(names[match[2]], value)
    return found


INVERTER_MEMBERS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "TEPINV": ("battery", {"PINV_Fout": "hertz", "PINV_Vout": "volts"}),
    "PVAC": ("solar", {"PVAC_Fout": "hertz", "PVAC_Vout": "volts"}),
}


def inverters(reading: Reading) -> dict[tuple[str, str], dict[str, float | int]]:
    """Inverters: (serial, ``battery`` or ``solar``) -> ``volts`` and ``hertz`` of their output."""
    found: dict[tuple[str, str], dict[str, float | int]] = {}
    for key, serial, body in devices(reading):
        kind, members = INVERTER_MEMBERS.get(key.partition("--")[0], ("", {}))
        for member, quantity in members.items():
            value = number(body.get(member))
            if value is not None and serial:
                found.setdefault((serial, kind), {}).setdefault(quantity, value)
    return found
