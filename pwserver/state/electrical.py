"""Judge what is measured inside the installation: inverters, phases at the grid switch, wired and wireless meters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Final

from pwserver.json_types import JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.device_signals import serial_of
from pwserver.state.fact import finite, objects, text

_LINE: Final = re.compile(r"ISLAND_(?:V(L[123])N|Freq(L[123]))_(Main|Load)")
_WIRED: Final = re.compile(r"METER_([XYZ])_(?:CT([ABC])_(InstRealPower|I)|VL([123])N)")
_NEURIO: Final = re.compile(r"NEURIO_CT(\d{1,3})_(InstRealPower|InstVoltage|InstCurrent)")
_REMOTE: Final = re.compile(r"TRM_CT(\d{1,3})_(.+)")
_SIDES: Final = {"Main": "grid", "Load": "home"}
_WIRED_UNITS: Final = {"InstRealPower": "watts", "I": "amperes", "InstVoltage": "volts", "InstCurrent": "amperes"}
_INVERTERS: Final[Mapping[str, tuple[str, Mapping[str, str]]]] = {
    "TEPINV": ("battery", {"PINV_Fout": "hertz", "PINV_Vout": "volts"}),
    "PVAC": ("solar", {"PVAC_Fout": "hertz", "PVAC_Vout": "volts"}),
}
_JOULES_PER_WATT_HOUR: Final = 3600.0  # wireless meters count in joules, which Tesla calls Ws

Values = dict[str, float]  # unit (watts, volts, amperes, hertz) -> value


@record(frozen=True, slots=True)
class RemoteMeter:
    """Holds one current transformer of a wireless meter. Its counters have passed the guard."""

    din: str
    channel: int
    location: str | None = None
    watts: float | None = None
    amperes: float | None = None
    volts: float | None = None
    imported_joules: float | None = None
    exported_joules: float | None = None
    body: JsonMapping = field(default_factory=dict)  # as the gateway gave it, for the legacy shapes

    @property
    def imported_wh(self) -> float | None:
        """Return the energy counted forward, in watt-hours; None when it is not known."""
        return None if self.imported_joules is None else self.imported_joules / _JOULES_PER_WATT_HOUR

    @property
    def exported_wh(self) -> float | None:
        """Return the energy counted backward, in watt-hours; None when it is not known."""
        return None if self.exported_joules is None else self.exported_joules / _JOULES_PER_WATT_HOUR


@record(frozen=True, slots=True)
class Electrical:
    """Holds everything measured inside the installation; what is not known is absent."""

    inverters: Mapping[tuple[str, str], Values] = field(default_factory=dict)  # (serial, "battery" or "solar")
    lines: Mapping[tuple[str, str], Values] = field(default_factory=dict)  # ("L1" …, "grid" or "home")
    transformers: Mapping[tuple[str, str], Values] = field(default_factory=dict)  # (X, Y, Z or a serial, CT)
    remote_meters: tuple[RemoteMeter, ...] = ()


def judge_electrical(reading: Reading) -> Electrical:
    """Return what the vitals report; when two devices report the same thing, the first counts."""
    inverters: dict[tuple[str, str], Values] = {}
    lines: dict[tuple[str, str], Values] = {}
    transformers: dict[tuple[str, str], Values] = {}
    remote: list[RemoteMeter] = []
    for name, body in objects(reading.vitals):
        kind = name.partition("--")[0]
        if kind in _INVERTERS:
            _inverter(kind, serial_of(name, body), body, inverters)
        elif kind.startswith(("TESYNC", "TEMSA")):
            _switch(body, lines, transformers)
        elif kind.startswith("NEURIO"):
            _neurio(serial_of(name, body), body, transformers)
        elif kind == "TRM":
            remote += _remote(name.removeprefix("TRM--"), body)
    return Electrical(inverters, lines, transformers, tuple(remote))


def _inverter(kind: str, serial: str, body: JsonMapping, found: dict[tuple[str, str], Values]) -> None:
    side, members = _INVERTERS[kind]
    for member, unit in members.items():
        value = finite(body.get(member))
        if value is not None and serial:
            found.setdefault((serial, side), {}).setdefault(unit, value)


def _switch(
    body: JsonMapping, lines: dict[tuple[str, str], Values], transformers: dict[tuple[str, str], Values]
) -> None:
    for member, raw in body.items():
        place = _switch_place(member) if isinstance(member, str) else None
        value = finite(raw) if place is not None else None
        if place is not None and value is not None:
            wired, name, unit = place
            (transformers if wired else lines).setdefault(name, {}).setdefault(unit, value)


@lru_cache(maxsize=1024)  # the same hundred names in each poll; two regular expressions for each are slow
def _switch_place(member: str) -> tuple[bool, tuple[str, str], str] | None:
    """Return (whether it is a wired meter, its name, the unit) for a member of the grid switch; None for others."""
    found = _LINE.fullmatch(member)
    if found:
        return False, (found[1] or found[2], _SIDES[found[3]]), "volts" if found[1] else "hertz"
    found = _WIRED.fullmatch(member)
    if found:
        ct = found[2] or "ABC"[int(found[4]) - 1]
        return True, (found[1], ct), _WIRED_UNITS.get(found[3] or "", "volts")
    return None


def _neurio(serial: str, body: JsonMapping, transformers: dict[tuple[str, str], Values]) -> None:
    for member, raw in body.items():
        match, value = _NEURIO.fullmatch(str(member)), finite(raw)
        if match and serial and value is not None:
            transformers.setdefault((serial, match[1]), {}).setdefault(_WIRED_UNITS[match[2]], value)


def _remote(din: str, body: JsonMapping) -> list[RemoteMeter]:
    channels: dict[int, JsonObject] = {}
    for member, value in body.items():
        match = _REMOTE.fullmatch(str(member))
        if match and din:
            channels.setdefault(int(match[1]), {})[match[2]] = value
    return [
        RemoteMeter(
            din,
            channel,
            text(told.get("Location")),
            finite(told.get("InstRealPower")),
            finite(told.get("InstCurrent")),
            finite(told.get("InstVoltage")),
            finite(told.get("EnergyImportedWs")),
            finite(told.get("EnergyExportedWs")),
            told,
        )
        for channel, told in sorted(channels.items())
    ]


def house_hertz(meter_hertz: float | None, electrical: Electrical) -> float | None:
    """Return the frequency of the house in hertz; None when it is not known.

    It is the first that is known: the grid meter's, a battery inverter's, the grid's, a solar inverter's. Gateways
    report 0 for a frequency that they do not measure.
    """
    inverters = electrical.inverters.items()
    batteries = [values.get("hertz") for (_, side), values in inverters if side == "battery"]
    solar = [values.get("hertz") for (_, side), values in inverters if side == "solar"]
    grid = electrical.lines.get(("L1", "grid"), {}).get("hertz")
    return next((hertz for hertz in (meter_hertz, *batteries, grid, *solar) if hertz is not None and hertz > 0), None)
