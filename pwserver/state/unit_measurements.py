"""Judge what is measured inside each battery unit: power, voltage, frequency, temperatures, fans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.device_signals import SIGNAL_BY_ID, Device, serial_of, signals_by_serial
from pwserver.state.electrical import Electrical
from pwserver.state.fact import Fact, finite, objects
from pwserver.state.source import Source
from pwserver.state.units import Unit

# Signal of a device -> its name in the site document.
SHOWN_SIGNALS: Final[Mapping[str, str]] = {
    "pack_temp_max": "pack_max_celsius",
    "pack_temp_min": "pack_min_celsius",
    "inverter_ambient": "inverter_celsius",
    "controller_ambient": "controller_celsius",
    "fan_a_rpm": "fan_a_rpm",
    "fan_b_rpm": "fan_b_rpm",
    "fan_rpm": "fan_rpm",
}
_BLOCK_MEMBERS: Final = {"watts": "p_out", "volts": "v_out", "hertz": "f_out"}


def judge_measurements(
    reading: Reading | None, units: Iterable[Unit], devices: Iterable[Device], electrical: Electrical
) -> dict[str, dict[str, Fact[Any]]]:
    """Return serial -> name -> fact for all that is known. ``watts`` is positive while the unit discharges.

    The devices take precedence; the unit's entry in the gateway's list fills gaps.
    """
    if reading is None:
        return {}
    vitals, listed = Source(reading, "vitals"), Source(reading, "units", "system")
    signals = signals_by_serial(devices)
    kilowatts = {
        serial_of(name, body): (name, value)
        for name, body in objects(reading.vitals)
        if name.startswith("TEPINV--") and (value := finite(body.get("PINV_Pout"))) is not None
    }
    in_watts = reading.reach is Reach.LOCAL  # the unit of p_out; over TEDAPI the library gives kilowatts
    found: dict[str, dict[str, Fact[Any]]] = {}
    for unit in units:
        facts: dict[str, Fact[Any]] = {}
        if unit.serial in kilowatts:
            name, value = kilowatts[unit.serial]
            facts["watts"] = vitals.fact(value * 1000.0, f"{name}.PINV_Pout")
        for name, value in electrical.inverters.get((unit.serial, "battery"), {}).items():
            facts[name] = vitals.fact(value, f"{unit.serial}.{name}")
        for name, told in _BLOCK_MEMBERS.items():
            listed_value = finite(unit.block.get(told))
            if name not in facts and listed_value is not None and (name != "watts" or in_watts):
                facts[name] = listed.fact(listed_value, f"{unit.serial}.{told}")
        for signal, value in signals.get(unit.serial, {}).items():
            if signal in SHOWN_SIGNALS:
                facts[SHOWN_SIGNALS[signal]] = vitals.fact(value, f"{unit.serial}.{SIGNAL_BY_ID[signal].member}")
        found[unit.serial] = facts
    return found
