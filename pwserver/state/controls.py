"""List what can be commanded: names, ranges, choices, what a connection needs for it, and what shows the result.

HTTP, MQTT, the API description and the pages follow from this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.bounds import BACKUP_SECONDS, DISPATCH_WATTS, RESERVE_PERCENT
from pwserver.records import record
from pwserver.state.operating_settings import EXPORT_RULES, MODES

# What a connection must be able to do for a control.
OPERATION: Final = "operation"  # change mode and reserve
GRID: Final = "grid"  # change the rules for charging from the grid and for export
SIGNED: Final = "signed"  # sign its messages with a registered key: v1r
TARIFF: Final = "tariff"  # change the tariff, which Tesla keeps
NEEDS: Final = (OPERATION, GRID, SIGNED, TARIFF)

GRID_CONNECTION: Final = ("off_grid", "on_grid")

# Kinds of values.
NUMBER: Final = "number"  # a whole number, except for the watts of a dispatch
CHOICE: Final = "choice"
SWITCH: Final = "switch"  # true or false
PRESS: Final = "press"  # no value


@record(frozen=True, slots=True)
class Control:
    """Describes one thing that can be commanded."""

    name: str  # in URLs, MQTT topics and documents
    label: str  # for people
    needs: str  # one of NEEDS
    operation: str  # the command of ``gateways/`` that it becomes
    argument: str = "value"  # the member of that command that takes the value
    kind: str = PRESS
    range: tuple[int, int] | None = None
    unit: str | None = None
    choices: tuple[str, ...] = ()
    mqtt_bit: int = 0  # the bit of MQTT_CONTROLS that allows it over MQTT; 0: not over MQTT
    reads_back: str | None = None  # the member of a house in the site document that shows the result
    refused_as: str = ""  # its name in a refusal, if the predecessors used another one


CONTROLS: Final[Mapping[str, Control]] = {
    control.name: control
    for control in (
        Control(
            "reserve", "Backup reserve", OPERATION, "operation", "level", NUMBER, RESERVE_PERCENT, "%",
            mqtt_bit=1, reads_back="reserve_percent",
        ),
        Control("reserve_hold", "Hold charge", OPERATION, "reserve_hold", mqtt_bit=1, reads_back="reserve_percent"),
        Control("mode", "Mode", OPERATION, "operation", "mode", CHOICE, choices=MODES, mqtt_bit=2, reads_back="mode"),
        Control(
            "grid_charging", "Charging from the grid", GRID, "grid_charging", kind=SWITCH, mqtt_bit=4,
            reads_back="grid_charging",
        ),
        Control(
            "grid_export", "Export", GRID, "grid_export", kind=CHOICE, choices=EXPORT_RULES, mqtt_bit=8,
            reads_back="grid_export",
        ),
        Control("max_backup", "Full backup", SIGNED, "max_backup", kind=NUMBER, range=BACKUP_SECONDS, unit="s"),
        Control(
            "islanding", "Grid connection", SIGNED, "islanding", kind=CHOICE, choices=GRID_CONNECTION, mqtt_bit=16,
            reads_back="grid_state",
        ),
        Control(
            "dispatch", "Battery dispatch", SIGNED, "dispatch", "power_watts", NUMBER, DISPATCH_WATTS, "W",
            reads_back="battery_watts", refused_as="Battery dispatch",
        ),
        Control("resume", "Resume", SIGNED, "resume", refused_as="Battery dispatch"),
        Control("tariff", "Tariff", TARIFF, "tariff", "tou_settings"),
    )
}  # fmt: skip

MQTT_CONTROLS: Final[Mapping[str, Control]] = {name: one for name, one in CONTROLS.items() if one.mqtt_bit}

# Commands of ``gateways/`` -> what they need. Even reading the backup events takes a signed request.
NEEDS_OF: Final[Mapping[str, str]] = {
    **{control.operation: control.needs for control in CONTROLS.values()},
    "backup_events": SIGNED,
}
_REFUSED_AS: Final[Mapping[str, str]] = {
    **{control.operation: control.refused_as or control.operation for control in CONTROLS.values()},
    "backup_events": "max_backup",
}


def refused_as(operation: str) -> str:
    """Return the name of a command for the sentence that refuses it."""
    return _REFUSED_AS.get(operation, operation)
