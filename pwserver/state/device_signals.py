"""Judge the temperatures and fans of the devices: which there are, on which device, and how old."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from pwserver.json_types import JsonMapping
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.fact import finite, objects, text
from pwserver_ext.vitals import NO_SERIALS
from pwserver_ext.vitals import has_serial as has_serial  # gateways may ask for it here, not of what is compiled


@record(frozen=True, slots=True)
class Signal:
    """Describes a temperature or fan of one kind of device."""

    id: str
    member: str  # of the device
    prefix: str  # of the device's name
    unit: str  # °C, rpm or %
    sensor: str  # its name in metrics, unique within its device
    label: str  # its name for people


SIGNALS: Final[tuple[Signal, ...]] = (
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
SIGNAL_BY_ID: Final[Mapping[str, Signal]] = {signal.id: signal for signal in SIGNALS}
_BY_PREFIX: Final[Mapping[str, tuple[Signal, ...]]] = {
    prefix: tuple(signal for signal in SIGNALS if signal.prefix == prefix)
    for prefix in dict.fromkeys(signal.prefix for signal in SIGNALS)
}


@record(frozen=True, slots=True)
class Device:
    """Holds the signals of one device, whose name is the library's (``TEPOD--part--serial``)."""

    name: str
    serial: str
    signals: Mapping[str, float]  # signal id -> value
    age_seconds: float = 0.0  # how much older than the reading the signals are


def serial_of(name: str, body: JsonMapping) -> str:
    """Return the serial number of a device: its own member, else the end of its name; empty when it has none."""
    _, dashes, last = name.rpartition("--")
    serial = text(body.get("serialNumber")) or (last if dashes else "")
    return "" if serial in NO_SERIALS else serial


def judge_devices(reading: Reading) -> tuple[Device, ...]:
    """Return the devices that reported a signal, in the order of vitals.

    Vitals take precedence; the separate query for fans only fills gaps. A Powerwall 3 reports its one inverter twice,
    as PVAC and as TEPINV, so the PVAC is left out. A name without a serial number is no device.
    """
    named = [
        (name, serial_of(name, body), body, signals)
        for source in (reading.vitals, reading.fan_speeds)
        for name, body in objects(source)
        if (signals := _BY_PREFIX.get(name.partition("--")[0]))
    ]
    inverters = {serial for name, serial, _, _ in named if name.startswith("TEPINV")}
    ages = reading.device_ages_seconds
    found: dict[str, Device] = {}
    for name, serial, body, signals in named:
        if not serial or (serial in inverters and name.startswith("PVAC")):
            continue
        known = found.get(name)
        told = {signal.id: value for signal in signals if (value := finite(body.get(signal.member))) is not None}
        if known is not None:
            told |= known.signals
        if told:
            age = max(ages.get(name, 0.0), ages.get(serial, 0.0)) if ages else 0.0
            found[name] = Device(name, serial, told, age)
    return tuple(found.values())


def signals_by_serial(devices: Iterable[Device]) -> dict[str, dict[str, float]]:
    """Return serial -> signal id -> value; of two devices with one serial number, the first with a signal counts."""
    found: dict[str, dict[str, float]] = {}
    for device in devices:
        known = found.setdefault(device.serial, {})
        for signal, value in device.signals.items():
            known.setdefault(signal, value)
    return {serial: {name: told[name] for name in SIGNAL_BY_ID if name in told} for serial, told in found.items()}


def powerwall_serials(devices: Iterable[Device], units: Iterable[str]) -> frozenset[str]:
    """Return the serial numbers of Powerwalls: the gateway lists them (``units``), or a device tells of more than an
    inverter, as a Powerwall 3 tells of its pack (TEPOD) under the same number.
    """
    return frozenset((*units, *(one.serial for one in devices if not one.name.startswith(("PVAC", "TEPINV")))))


def inverter_serials(devices: Iterable[Device], units: Iterable[str]) -> frozenset[str]:
    """Return the serial numbers of inverters that are no Powerwall."""
    devices, listed = tuple(devices), tuple(units)
    powerwalls = powerwall_serials(devices, listed)
    # While no Powerwall is listed, a TEPINV is taken for part of one: most are, and the list may just be late.
    kinds = ("PVAC", "TEPINV") if listed else ("PVAC",)
    return frozenset(one.serial for one in devices if one.name.startswith(kinds) and one.serial not in powerwalls)


def ages_by_serial(reading: Reading | None) -> dict[str, float]:
    """Return serial number -> how many seconds older than the reading this device's oldest figures are."""
    found: dict[str, float] = {}
    for name, age in (reading.device_ages_seconds if reading is not None else {}).items():
        serial = serial_of(name, {}) or name
        found[serial] = max(age, found.get(serial, 0.0))
    return found
