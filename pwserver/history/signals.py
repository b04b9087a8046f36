"""Device signals: which there are, how to find them in a reading, and what the units are called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pwserver.quantities import SIGNALS, battery_blocks, number, text
from pwserver.reading import Reading
from pwserver.state.powers import power_watts


@dataclass(frozen=True, slots=True)
class Metric:
    """One kind of device signal. ``contract`` is False for those only pwserver has."""

    id: str
    label: str
    unit: str
    group: str
    order: int
    signals: tuple[str, ...]
    contract: bool = True


GROUP_OF_UNIT = {"°C": "temperature", "rpm": "fan_speed", "%": "fan_duty"}


def _metrics() -> dict[str, Metric]:
    found: dict[str, Metric] = {}
    for unit, group in GROUP_OF_UNIT.items():
        for place, signal in enumerate((signal for signal in SIGNALS if signal.unit == unit), 1):
            found[signal.id] = Metric(signal.id, signal.label, unit, group, place * 10, (signal.member,))
    found["unit_soe"] = Metric("unit_soe", "Charge", "%", "unit", 10, ("soe",), contract=False)
    found["unit_energy"] = Metric("unit_energy", "Energy", "Wh", "unit", 20, ("energy",), contract=False)
    found["meter_power"] = Metric("meter_power", "Power", "W", "meter", 10, ("power",), contract=False)
    return found


METRICS: Mapping[str, Metric] = _metrics()
GROUPS: Mapping[str, Mapping[str, Any]] = {
    "temperature": {"label": "Powerwall temperatures", "order": 10, "zero_based": False, "decimals": 1},
    "fan_speed": {"label": "Fan speed", "order": 20, "zero_based": True, "decimals": 0},
    "fan_duty": {"label": "Fan duty cycle", "order": 30, "zero_based": True, "decimals": 1},
    "unit": {"label": "Powerwall units", "order": 40, "zero_based": True, "decimals": 1},
    "meter": {"label": "Further meters", "order": 50, "zero_based": True, "decimals": 0},
}
CONTRACT_GROUPS = tuple(GROUP_OF_UNIT.values())
_MEMBERS: Mapping[str, Metric] = {
    member: metric for metric in METRICS.values() if metric.contract for member in metric.signals
}
LONGEST_NAME_BYTES = 120
METER_PREFIX = "METER--"  # of the devices that are meters beside the main ones


def serial_of(device: str) -> str:
    """The serial number at the end of a device name."""
    return device.rpartition("--")[2]


def device_signals(reading: Reading, oldest_seconds: float) -> Iterator[tuple[str, str, float]]:
    """(device, metric, value) of one reading; nothing that is carried over or older than ``oldest_seconds``.

    A PVAC block of a unit that also has a TEPINV block is the same machine seen twice and is left out. The separate
    fan query wins over vitals, as it is asked later.
    """
    if reading.vitals_carried:
        return
    ages = reading.device_ages_seconds

    def fresh(device: str, serial: str) -> bool:
        return max(ages.get(device, 0.0), ages.get(serial, 0.0)) <= oldest_seconds

    sources = [source for source in (reading.vitals, reading.fan_speeds) if isinstance(source, Mapping)]
    inverters = {
        serial
        for source in sources
        for device, body in source.items()
        if isinstance(body, Mapping) and str(device).startswith("TEPINV--")
        for serial in (serial_of(str(device)), body.get("serialNumber"))
        if serial
    }
    found: dict[tuple[str, str], float] = {}
    for source in sources:
        for device, body in source.items():
            name = str(device)
            if not isinstance(body, Mapping) or len(name.encode()) > LONGEST_NAME_BYTES:
                continue
            serials = (serial_of(name), text(body.get("serialNumber")) or serial_of(name))
            if name.startswith("PVAC--") and inverters.intersection(serials):
                continue
            if not fresh(name, serials[1]):
                continue
            for member, metric in _MEMBERS.items():
                value = number(body.get(member))
                if value is not None:
                    found[name, metric.id] = float(value)
    for battery in battery_blocks(reading):
        if battery.serial is None or battery.charge is None or not fresh(battery.serial, battery.serial):
            continue
        name = f"BATTERY--{text(battery.block.get('PackagePartNumber')) or 'unit'}--{battery.serial}"
        if len(name.encode()) > LONGEST_NAME_BYTES:
            continue
        found[name, "unit_energy"] = float(battery.charge)
        if battery.capacity:
            found[name, "unit_soe"] = battery.charge / battery.capacity * 100.0
    for name in reading.further_meters:
        watts = power_watts(reading.aggregates, name)
        if watts is not None:
            found[METER_PREFIX + name, "meter_power"] = float(watts)
    for (name, metric_id), figure in found.items():
        yield name, metric_id, figure


def unit_labels(reading: Reading) -> dict[str, tuple[str, int]]:
    """serial -> (``PW1``, 100), an expansion pack (``PW1 Exp 1``, 101): the numbers every page uses."""
    config = reading.tedapi_config if isinstance(reading.tedapi_config, Mapping) else {}
    listed = config.get("battery_blocks")
    blocks = [block for block in listed if isinstance(block, Mapping)] if isinstance(listed, list) else []
    leaders: dict[str, str] = {}  # serial of an expansion pack -> serial of its leader
    order: list[str] = []
    expansions: set[str] = set()
    for battery in battery_blocks(reading):
        if battery.serial is not None:
            order.append(battery.serial)
            if battery.block.get("Type") == "BatteryExpansion":
                expansions.add(battery.serial)
    for block in blocks:
        leader = serial_of(str(block.get("vin") or ""))
        if leader and leader not in order:
            order.append(leader)
        packs = block.get("battery_expansions")
        for pack in packs if isinstance(packs, list) else []:
            serial = serial_of(str(pack.get("din") or "")) if isinstance(pack, Mapping) else ""
            if serial and leader:
                leaders[serial] = leader
    labels: dict[str, tuple[str, int]] = {}
    positions = {serial: position for position, serial in enumerate(order, 1)}
    attached: dict[str, int] = {}
    for serial, position in positions.items():
        if serial not in leaders and serial not in expansions:
            labels[serial] = (f"PW{position}", position * 100)
        elif serial in expansions and serial not in leaders:
            labels[serial] = (f"PW{position} Exp", position * 100)
    for serial, leader in leaders.items():
        if leader in positions:
            attached[leader] = attached.get(leader, 0) + 1
            place = positions[leader]
            labels[serial] = (f"PW{place} Exp {attached[leader]}", place * 100 + attached[leader])
    return labels
