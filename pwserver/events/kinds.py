"""List the kinds of events: the one table from which API, CSV, metrics, MQTT and the documentation follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.records import record

# Names are part of the API: automations compare them, so one never changes its meaning.
GRID_DOWN: Final = "grid_down"
GRID_UP: Final = "grid_up"
GATEWAY_AWAY: Final = "gateway_away"
GATEWAY_BACK: Final = "gateway_back"
ALERT_BEGUN: Final = "alert_begun"
ALERT_ENDED: Final = "alert_ended"
ALERT_REPEATED: Final = "alert_repeated"
MODE_CHANGED: Final = "mode_changed"
RESERVE_CHANGED: Final = "reserve_changed"
GRID_EXPORT_CHANGED: Final = "grid_export_changed"
GRID_CHARGING_CHANGED: Final = "grid_charging_changed"
FIRMWARE_CHANGED: Final = "firmware_changed"
UNIT_APPEARED: Final = "unit_appeared"
UNIT_GONE: Final = "unit_gone"
COUNTER_RESET: Final = "counter_reset"

API: Final = "api"
MQTT: Final = "mqtt"
ELSEWHERE: Final = "elsewhere"
SENDERS: Final = (API, MQTT, ELSEWHERE)
SCHEDULED: Final = "scheduled"
UNSCHEDULED: Final = "unscheduled"
PURPOSES: Final = (SCHEDULED, UNSCHEDULED)

TEXT, NUMBER, FLAG, ANY_VALUE = "text", "number", "flag", "any"


@record(frozen=True, slots=True)
class Member:
    """Describes one member of an event's details; every member is null where it is not known."""

    name: str
    type: str  # TEXT, NUMBER, FLAG or ANY_VALUE
    sentence: str
    unit: str | None = None
    words: tuple[str, ...] = ()  # the closed list of a text's values, where there is one


_MEMBERS: Final = (
    Member("since", NUMBER, "when it began: epoch seconds", "s"),
    Member("duration_seconds", NUMBER, "how long it lasted", "s"),
    Member(
        "exact",
        FLAG,
        "true: a poll shortly before showed the state before; false: it may have happened earlier, while nothing was "
        "read",
    ),
    Member("purpose", TEXT, "whether the house left the grid on purpose, as far as the gateway tells", None, PURPOSES),
    Member("charge_percent", NUMBER, "charge of the batteries, on the Tesla app's scale", "%"),
    Member("charge_begin_percent", NUMBER, "charge when it began, on the same scale", "%"),
    Member("home_wh", NUMBER, "energy that the house used meanwhile", "Wh"),
    Member("cause", TEXT, "why the gateway gave no data: an id of the list of causes"),
    Member("last_read", NUMBER, "when the gateway was last read: epoch seconds", "s"),
    Member("alert", TEXT, "name of the alert, as the gateway gives it"),
    Member("device", TEXT, "the device that reports it, as the gateway names it"),
    Member("unit", TEXT, "what people call that device or unit"),
    Member("severity", TEXT, "serious, warning, information, or unknown where the name is not known"),
    Member("times", NUMBER, "how often it came and went without an event of its own"),
    Member("before", ANY_VALUE, "the value before: a reserve in percent of the app's scale, an energy in Wh"),
    Member("after", ANY_VALUE, "the value after, in the same unit"),
    Member("by", TEXT, "who changed it: a command over HTTP, one over MQTT, or somebody elsewhere", None, SENDERS),
    Member("serial", TEXT, "serial number of the unit"),
    Member("counter", TEXT, "which energy counter, such as load.energy_imported"),
)
MEMBERS: Final[Mapping[str, Member]] = {member.name: member for member in _MEMBERS}


@record(frozen=True, slots=True)
class Kind:
    """Describes one kind of event: its name, what people call it, its rule in a sentence, its members."""

    name: str
    title: str
    rule: str
    members: tuple[str, ...]


_CHANGED: Final = ("before", "after", "by")
KINDS: Final[Mapping[str, Kind]] = {
    kind.name: kind
    for kind in (
        Kind(
            GRID_DOWN,
            "Grid lost",
            "The gateway says in two polls that the house is off the grid, or once together with the alert of the "
            "open contactor.",
            ("exact", "purpose", "by", "charge_percent"),
        ),
        Kind(
            GRID_UP,
            "Grid back",
            "The gateway says in two polls that the house is on the grid again.",
            ("exact", "purpose", "since", "duration_seconds", "charge_begin_percent", "charge_percent", "home_wh"),
        ),
        Kind(
            GATEWAY_AWAY,
            "Gateway silent",
            "A gateway that was read before has failed twice, or for a cause that does not pass by itself, and its "
            "last figures are too old to be served.",
            ("cause", "last_read"),
        ),
        Kind(
            GATEWAY_BACK,
            "Gateway answers again",
            "A gateway that was away has been read.",
            ("cause", "since", "duration_seconds"),
        ),
        Kind(
            ALERT_BEGUN,
            "Alert begun",
            "A device reports an alert that its last answer did not have.",
            ("alert", "device", "unit", "severity", "exact"),
        ),
        Kind(
            ALERT_ENDED,
            "Alert ended",
            "A device no longer reports an alert that its last answer had.",
            ("alert", "device", "unit", "severity", "since", "duration_seconds"),
        ),
        Kind(
            ALERT_REPEATED,
            "Alert repeated",
            "An alert that had already begun ten times within a day has come and gone more often; that day is over.",
            ("alert", "device", "unit", "severity", "since", "times"),
        ),
        Kind(MODE_CHANGED, "Mode changed", "The operating mode is another one than before.", _CHANGED),
        Kind(RESERVE_CHANGED, "Reserve changed", "The backup reserve differs by more than one percent.", _CHANGED),
        Kind(GRID_EXPORT_CHANGED, "Export rule changed", "The rule for exports is another one than before.", _CHANGED),
        Kind(
            GRID_CHARGING_CHANGED,
            "Charging from the grid changed",
            "Charging from the grid was allowed or forbidden.",
            _CHANGED,
        ),
        Kind(
            FIRMWARE_CHANGED,
            "Firmware changed",
            "Two polls show the same other version of the firmware.",
            ("before", "after"),
        ),
        Kind(
            UNIT_APPEARED,
            "Unit appeared",
            "The gateway tells of a battery unit for the first time.",
            ("serial", "unit"),
        ),
        Kind(
            UNIT_GONE,
            "Unit gone",
            "Two polls show that the gateway's configuration no longer names a battery unit.",
            ("serial", "unit"),
        ),
        Kind(
            COUNTER_RESET,
            "Energy counter began again",
            "The guard of the counters believed that an energy counter was reset.",
            ("counter", "before", "after"),
        ),
    )
}
