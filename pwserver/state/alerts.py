"""Judge the alerts: name, severity, meaning in a sentence, on which unit, since when, and when one ended.

A gateway reports which alerts are active, but not since when. So pwserver remembers the first answer that had one. An
alert goes on until an answer that includes the same device no longer has it. An answer that does not come, or one
without that device, neither ends an alert nor begins it again. Nor do Tesla's servers, which only report the grid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.alert_meanings import SERIOUS, SEVERITIES, UNKNOWN_SEVERITY, WARNING, meaning_of
from pwserver.state.alert_memory import MOST_ALERTS, AlertMemory, EndedAlert, short
from pwserver.state.device_signals import serial_of
from pwserver.state.fact import UNKNOWN, Fact, Number, member
from pwserver.state.grid import GRID_ALERTS
from pwserver.state.source import Source
from pwserver.state.units import Unit
from pwserver_ext.vitals import kind

PROBLEMS: Final = (SERIOUS, WARNING)
# Places of alerts that no device of the vitals reports.
GRID_WORD: Final = "grid"  # the state of the grid, which the library adds to the alerts
SOLAR_FLAGS: Final = "solar"  # flags of the solar inverter, from a gateway that lists no devices
ELSEWHERE: Final = "elsewhere"
_SOLAR_LISTS: Final = ("pvac_alerts", "pvs_alerts")
# Parts that exist once in a house. On a Powerwall 3 they have the serial number of the leading unit, and without this
# table their alerts would be shown as that unit's.
_SINGLE: Final[Mapping[str, str]] = {"STSTSM": "Gateway", "TESYNC": "Grid switch", "TEMSA": "Backup Switch"}
_KINDS: Final[Mapping[str, str]] = {
    "PVAC": "Solar inverter",
    "PVS": "Solar inverter",
    "TEINV": "Solar inverter",
    "TETHC": "Powerwall",
    "TEPOD": "Battery pack",
    "TEPINV": "Battery inverter",
    "NEURIO": "Meter",
}


@record(frozen=True, slots=True)
class Alert:
    """Describes one alert; ``severity`` is one of SEVERITIES, and ``meaning`` None where it is not published."""

    name: str
    severity: str = UNKNOWN_SEVERITY
    meaning: str | None = None
    since: Number = UNKNOWN  # epoch seconds of the first answer that had it
    exact: bool = False  # a recent answer did not have it yet, so ``since`` is when it began
    units: tuple[str, ...] = ()  # the labels of the units that report it, as far as they are known
    ended: Number = UNKNOWN  # for ended alerts: epoch seconds of the first answer without it


@record(frozen=True, slots=True)
class Alerts:
    """Holds the active alerts, worst first (None: not reported), and those that ended lately, newest first."""

    active: tuple[Alert, ...] | None = None
    ended: tuple[Alert, ...] = ()


def judge_alerts(reading: Reading, units: Sequence[Unit], memory: AlertMemory) -> Alerts:
    """Return the alerts of one reading, and note them in ``memory``."""
    active = None
    if isinstance(reading.alerts, list):
        devices = _devices(reading)
        told = _told(reading, devices)
        label_of = {unit.serial: unit.label for unit in units}
        telling = {place for places in told.values() for place in places}
        labels = {place: device_label(place, reading.vitals, label_of) for place in telling}
        vitals = Source(reading, "vitals")
        memory.note(told, _speaking(reading, devices), labels, vitals.at, vitals.answer)
        active = tuple(
            sorted((_active(reading, name, places, labels, memory) for name, places in told.items()), key=_worst_first)
        )
    return Alerts(active, tuple(_ended(one) for one in memory.ended))


def worst(alerts: Sequence[Alert]) -> str | None:
    """Return the worst severity among these alerts; None when there are none."""
    found = {alert.severity for alert in alerts}
    return next((severity for severity in SEVERITIES if severity in found), None)


def problems(alerts: Sequence[Alert]) -> int:
    """Return how many of these alerts are known to be problems, not mere states."""
    return sum(alert.severity in PROBLEMS for alert in alerts)


def device_label(place: str, vitals: object, units: Mapping[str, str]) -> str | None:
    """Return the label of the device that reported an alert; None when the place is no device.

    ``units``: serial number -> label of a unit.
    """
    device = vitals.get(place) if isinstance(vitals, Mapping) else None
    if not isinstance(device, Mapping):
        return None
    what = str(kind(place))
    if what in _SINGLE:
        return _SINGLE[what]
    serial = serial_of(place, device)
    label = units.get(serial) or units.get(str(device.get("componentParentDin")).rpartition("--")[2])
    if label is None and serial:
        label = f"{_KINDS.get(what, 'Device')} {serial}"
    return label


def _told(reading: Reading, devices: Mapping[str, Sequence[object]]) -> dict[str, Sequence[str]]:
    """Return the name of every active alert with the places that report it, sorted by name."""
    names = sorted(set(map(str, reading.alerts or [])))[:MOST_ALERTS]
    found: dict[str, list[str]] = {short(name): [] for name in names}
    for device, told in devices.items():
        for one in told:
            places = found.get(short(one)) if isinstance(one, str) else None
            if places is not None and device not in places:
                places.append(device)
    for name in _solar_flags(reading):
        if name in found:
            found[name].append(SOLAR_FLAGS)
    for name, places in found.items():
        # The state of the grid is one alert, whether a device, the library or Tesla's servers reported it: otherwise a
        # change of the connection would end it and begin it again.
        if name in GRID_ALERTS or reading.remote:
            places[:] = [GRID_WORD]
        elif not places:
            places.append(ELSEWHERE)
    return dict(found)


def _speaking(reading: Reading, devices: Mapping[str, Sequence[object]]) -> set[str]:
    """Return the places whose silence about an alert means that it is over."""
    found = {GRID_WORD} if reading.grid_status is not None else set()
    # Tesla's servers report no device alerts, so their silence does not end one that the gateway reported before.
    if not reading.remote:
        found.update(devices)
        found.add(ELSEWHERE)
        if any(_solar_flags(reading, active=False)):
            found.add(SOLAR_FLAGS)
    return found


def _devices(reading: Reading) -> dict[str, Sequence[object]]:
    """Return every device that answered, with its alerts; the local API leaves out the list of a device without any."""
    vitals = reading.vitals if isinstance(reading.vitals, dict) else {}
    found: dict[str, Sequence[object]] = {}
    for name, device in vitals.items():
        names = device.get("alerts", ()) if isinstance(device, dict) else None
        if isinstance(names, (list, tuple)):
            found[short(str(name))] = names
    return found


def _solar_flags(reading: Reading, active: bool = True) -> Iterator[str]:
    """Yield the names of the solar inverter's flags that are set; with ``active`` False, of all its flags."""
    for listed in _SOLAR_LISTS:
        flags = member(reading.solar_powerwall, listed)
        for name, value in flags.items() if isinstance(flags, Mapping) else ():
            if value is True or (value is False and not active):
                yield short(str(name))


def _origin(reading: Reading, place: str) -> tuple[Source, str]:
    if place == GRID_WORD:
        return Source(reading, "grid"), "grid_status"
    if place == SOLAR_FLAGS:
        return Source(reading, "solar_powerwall"), "pvac_alerts, pvs_alerts"
    if place == ELSEWHERE:
        return Source(reading, "alerts"), ""
    return Source(reading, "vitals"), f"{place}.alerts"


def _active(
    reading: Reading, name: str, places: Sequence[str], labels: Mapping[str, str | None], memory: AlertMemory
) -> Alert:
    seen = memory.active.get(name)
    since = UNKNOWN
    if seen is not None:
        source, place = _origin(reading, places[0])
        since = source.fact(seen.since, place, "first seen" if seen.exact else "there already")
    return Alert(
        name,
        *meaning_of(name),
        since,
        seen is not None and seen.exact,
        tuple(sorted({label for place in places if (label := labels[place]) is not None})),
    )


def _ended(one: EndedAlert) -> Alert:
    return Alert(
        one.name,
        *meaning_of(one.name),
        Fact(one.since, one.answer, "", "first seen" if one.exact else "there already", one.at),
        one.exact,
        one.units,
        Fact(one.at, one.answer, "", "no longer told", one.at),
    )


def _worst_first(alert: Alert) -> tuple[int, str]:
    return SEVERITIES.index(alert.severity), alert.name
