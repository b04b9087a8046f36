"""Define a gateway's sensors over MQTT in one table: topic, entity, value, format. Topics and entities follow from it.

Topics, ids, names, units and icons are a public interface: existing installations keep their history only while these
stay.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pwserver.records import record
from pwserver.state.alerts import worst
from pwserver.state.fact import text
from pwserver.state.judge import Judged

Value = float | str | bool | None  # the value of a sensor; None: not known, so nothing is sent


@record(frozen=True, slots=True)
class Sensor:
    """Describes one value of a gateway that has a topic and an entity of its own."""

    topic: str  # below the gateway's; also the end of the entity's id
    name: str  # of the entity
    read: Callable[[Judged], Value]
    unit: str | None = None
    device_class: str | None = None  # of Home Assistant
    icon: str | None = None  # of Material Design Icons
    decimals: int = 0  # of a number
    status: str | None = None  # its member of the topic ``status``
    yes_or_no: bool = False
    diagnostic: bool = False


SENSORS: Final[tuple[Sensor, ...]] = (
    Sensor("battery", "Battery", lambda one: one.charge.app_percent.value, "%", "battery", decimals=1, status="soe"),
    Sensor(
        "battery_raw", "Battery Raw", lambda one: one.charge.raw_percent.value,
        "%", icon="battery-medium", decimals=1, status="soe_raw", diagnostic=True,
    ),
    Sensor(
        "solar", "Solar Power", lambda one: one.meters["solar"].watts.value,
        "W", "power", "solar-power", decimals=1, status="solar",
    ),
    Sensor(
        "grid", "Grid Power", lambda one: one.meters["site"].watts.value,
        "W", "power", "transmission-tower", decimals=1, status="grid",
    ),
    Sensor(
        "home", "Home Load", lambda one: one.meters["load"].watts.value,
        "W", "power", "home-lightning-bolt", decimals=1, status="home",
    ),
    Sensor(
        "powerwall", "Powerwall Power", lambda one: one.meters["battery"].watts.value,
        "W", "power", "battery-charging", decimals=1, status="powerwall",
    ),
    Sensor(
        "reserve", "Backup Reserve", lambda one: one.operation.reserve_percent.value,
        "%", icon="battery-lock", decimals=1, status="reserve",
    ),
    Sensor(
        "total_capacity", "Total Battery Capacity", lambda one: one.charge.capacity_wh.value,
        "Wh", "energy_storage", "battery-high", status="total_capacity",
    ),
    Sensor(
        "current_charge", "Current Battery Charge", lambda one: one.charge.remaining_wh.value,
        "Wh", "energy_storage", "battery-medium", status="current_charge",
    ),
    Sensor(
        "grid_status", "Grid Status", lambda one: one.grid.state.value,
        icon="transmission-tower", status="grid_status",
    ),
    Sensor("mode", "Operation Mode", lambda one: one.operation.mode.value, icon="cog", status="mode"),
    Sensor(
        "grid_export", "Grid Export", lambda one: one.operation.grid_export.value,
        icon="transmission-tower-export", status="grid_export",
    ),
    Sensor(
        "version", "Firmware Version", lambda one: text(one.reading.version) if one.reading is not None else None,
        icon="information", status="version", diagnostic=True,
    ),
    Sensor(
        "time_remaining", "Time Remaining", lambda one: one.charge.hours_left.value,
        "h", "duration", "timer-outline", decimals=2, status="time_remaining",
    ),
    Sensor(
        "grid_connected", "Grid Connected", lambda one: one.grid.connected,
        device_class="connectivity", icon="transmission-tower", status="grid_connected", yes_or_no=True,
    ),
    Sensor(
        "grid_charging", "Grid Charging", lambda one: one.operation.grid_charging.value,
        icon="battery-charging-outline", status="grid_charging", yes_or_no=True,
    ),
    Sensor(
        "grid_energy_imported", "Grid Energy Imported", lambda one: one.meters["site"].imported_wh.value,
        "Wh", "energy", "transmission-tower-import",
    ),
    Sensor(
        "grid_energy_exported", "Grid Energy Exported", lambda one: one.meters["site"].exported_wh.value,
        "Wh", "energy", "transmission-tower-export",
    ),
    Sensor(
        "home_energy_imported", "Home Energy Consumption", lambda one: one.meters["load"].imported_wh.value,
        "Wh", "energy", "home-lightning-bolt",
    ),
    Sensor(
        "solar_energy_exported", "Solar Energy Production", lambda one: one.meters["solar"].exported_wh.value,
        "Wh", "energy", "solar-power",
    ),
    Sensor(
        "battery_energy_imported", "Battery Energy Charged", lambda one: one.meters["battery"].imported_wh.value,
        "Wh", "energy", "battery-charging",
    ),
    Sensor(
        "battery_energy_exported", "Battery Energy Discharged", lambda one: one.meters["battery"].exported_wh.value,
        "Wh", "energy", "battery-minus",
    ),
    Sensor(
        "grid_voltage", "Grid Voltage", lambda one: one.meters["site"].volts.value,
        "V", "voltage", "sine-wave", decimals=2, status="grid_voltage",
    ),
    Sensor(
        "grid_current", "Grid Current", lambda one: one.meters["site"].amperes.value,
        "A", "current", "current-ac", decimals=2, status="grid_current",
    ),
    Sensor(
        "alerts", "Alerts", lambda one: None if one.alerts is None else len(one.alerts),
        icon="alert-circle-outline", diagnostic=True,
    ),
    Sensor(
        "worst_alert", "Worst Alert", lambda one: None if one.alerts is None else worst(one.alerts) or "none",
        icon="alert", diagnostic=True,
    ),
)  # fmt: skip


@record(frozen=True, slots=True)
class Metric:
    """Describes a value of something that a gateway has several of, and how Home Assistant shows it."""

    label: str
    unit: str
    device_class: str
    icon: str


@record(frozen=True, slots=True)
class MeterMetric:
    """Describes one value of the meters beside the main ones."""

    name: str  # the last level of its topic
    attribute: str  # of Meter and of RemoteMeter
    decimals: int
    told_as: str  # the member of a wireless meter that tells it
    shown: Metric


METER_METRICS: Final[tuple[MeterMetric, ...]] = (
    MeterMetric("voltage", "volts", 2, "InstVoltage", Metric("Voltage", "V", "voltage", "lightning-bolt")),
    MeterMetric("current", "amperes", 2, "InstCurrent", Metric("Current", "A", "current", "current-ac")),
    MeterMetric("power", "watts", 1, "InstRealPower", Metric("Power", "W", "power", "flash")),
    MeterMetric(
        "energy_imported",
        "imported_wh",
        0,
        "EnergyImportedWs",
        Metric("Energy Imported", "Wh", "energy", "transmission-tower-import"),
    ),
    MeterMetric(
        "energy_exported",
        "exported_wh",
        0,
        "EnergyExportedWs",
        Metric("Energy Exported", "Wh", "energy", "transmission-tower-export"),
    ),
)

# Of a string of solar modules, by the last level of its topic.
STRING_METRICS: Final[dict[str, Metric]] = {
    "voltage": Metric("Voltage", "V", "voltage", "lightning-bolt"),
    "current": Metric("Current", "A", "current", "current-ac"),
    "power": Metric("Power", "W", "power", "solar-power-variant"),
}

# Of a device: its signal (``state.device_signals``) -> (topic below the device's, icon).
SIGNAL_TOPICS: Final[dict[str, tuple[str, str]]] = {
    "pack_temp_max": ("temperature/pack_max", "thermometer-high"),
    "pack_temp_min": ("temperature/pack_min", "thermometer-low"),
    "shunt_temp": ("temperature/shunt", "thermometer"),
    "inverter_ambient": ("temperature/ambient", "thermometer"),
    "controller_ambient": ("temperature/controller", "thermometer"),
    "fan_a_rpm": ("fan/a/rpm", "fan"),
    "fan_a_duty": ("fan/a/duty", "percent"),
    "fan_b_rpm": ("fan/b/rpm", "fan"),
    "fan_b_duty": ("fan/b/duty", "percent"),
    "fan_rpm": ("fan/rpm", "fan"),
    "fan_target_rpm": ("fan/target_rpm", "speedometer"),
}
SIGNAL_DECIMALS: Final = {"°C": 1, "rpm": 0, "%": 1}
