"""Define the device signals that are recorded, and find them in a reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pwserver.json_types import JsonMapping
from pwserver.records import record
from pwserver.state.device_signals import SIGNALS
from pwserver.state.judge import Judged
from pwserver.state.meter_powers import MAIN_METERS
from pwserver.state.strings import UNUSED


@record(frozen=True, slots=True)
class SignalMetric:
    """Describes one kind of device signal. ``contract`` is False for those that only pwserver has."""

    id: str
    label: str
    unit: str
    group: str
    order: int
    signals: tuple[str, ...]
    contract: bool = True


_STRING_FIGURES = (("watts", "Power", "W"), ("volts", "Voltage", "V"), ("amperes", "Current", "A"))  # of ``String``
GROUP_OF_UNIT = {"°C": "temperature", "rpm": "fan_speed", "%": "fan_duty"}


def _metrics() -> dict[str, SignalMetric]:
    found: dict[str, SignalMetric] = {}
    for unit, group in GROUP_OF_UNIT.items():
        for place, signal in enumerate((signal for signal in SIGNALS if signal.unit == unit), 1):
            found[signal.id] = SignalMetric(signal.id, signal.label, unit, group, place * 10, (signal.member,))
    found["unit_soe"] = SignalMetric("unit_soe", "Charge", "%", "unit", 10, ("soe",), contract=False)
    found["unit_energy"] = SignalMetric("unit_energy", "Energy", "Wh", "unit", 20, ("energy",), contract=False)
    for place, (_, label, unit) in enumerate(_STRING_FIGURES, 1):
        name = f"string_{label.lower()}"
        found[name] = SignalMetric(name, label, unit, name, place * 10, (label,), contract=False)
    found["meter_power"] = SignalMetric("meter_power", "Power", "W", "meter", 10, ("power",), contract=False)
    return found


METRICS: Mapping[str, SignalMetric] = _metrics()
GROUPS: Mapping[str, JsonMapping] = {
    "temperature": {"label": "Powerwall temperatures", "order": 10, "zero_based": False, "decimals": 1},
    "fan_speed": {"label": "Fan speed", "order": 20, "zero_based": True, "decimals": 0},
    "fan_duty": {"label": "Fan duty cycle", "order": 30, "zero_based": True, "decimals": 1},
    "unit": {"label": "Powerwall units", "order": 40, "zero_based": True, "decimals": 1},
    "string_power": {"label": "Power of solar strings", "order": 60, "zero_based": True, "decimals": 0},
    "string_voltage": {"label": "Voltage of solar strings", "order": 70, "zero_based": True, "decimals": 0},
    "string_current": {"label": "Current of solar strings", "order": 80, "zero_based": True, "decimals": 2},
    "meter": {"label": "Further meters", "order": 50, "zero_based": True, "decimals": 0},
}
CONTRACT_GROUPS = tuple(GROUP_OF_UNIT.values())
LONGEST_NAME_BYTES = 120
METER_PREFIX = "METER--"  # of the devices that are meters beside the main ones
STRING_PREFIX = "STRING--"  # of the devices that are solar strings
NO_UNITS = (METER_PREFIX, STRING_PREFIX)


def serial_of(device: str) -> str:
    """Return the serial number at the end of a device name."""
    return device.rpartition("--")[2]


def device_signals(judged: Judged, oldest_seconds: float) -> Iterator[tuple[str, str, float]]:
    """Yield (device, metric, value) of a reading, without what is carried over or older than ``oldest_seconds``."""
    if judged.reading is None or judged.reading.vitals_carried:
        return
    for device in judged.devices:
        if device.age_seconds <= oldest_seconds and _fits(device.name):
            for metric, value in device.signals.items():
                yield device.name, metric, float(value)
    for unit in judged.units:
        name = f"BATTERY--{unit.part or 'unit'}--{unit.serial}"
        if unit.remaining_wh.value is None or (unit.age_seconds or 0.0) > oldest_seconds or not _fits(name):
            continue
        yield name, "unit_energy", float(unit.remaining_wh.value)
        if unit.percent.value is not None:
            yield name, "unit_soe", unit.percent.value
    for string in judged.strings.values():
        # An input to which nothing is wired would take room from those that have something to say.
        if string.state != UNUSED and _fits(STRING_PREFIX + string.name):
            for attribute, label, _ in _STRING_FIGURES:
                value = getattr(string, attribute).value
                if value is not None:
                    yield STRING_PREFIX + string.name, f"string_{label.lower()}", float(value)
    for meter in judged.meters.values():
        if meter.name not in MAIN_METERS and meter.watts.value is not None:
            yield METER_PREFIX + meter.name, "meter_power", float(meter.watts.value)


def _fits(name: str) -> bool:
    return len(name.encode()) <= LONGEST_NAME_BYTES
