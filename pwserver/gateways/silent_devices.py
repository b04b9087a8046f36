"""Find the devices whose last figures the gateway repeats because it does not hear from them any more."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pwserver.json_types import JsonMapping, JsonObject
from pwserver.state.fact import member, objects

Silent = Mapping[str, float | None]  # device of vitals -> for how many seconds it has not been heard, if that is known
NOBODY: Final[Silent] = {}

# A device that the gateway has not heard for so long is silent: even wireless meters report every few seconds.
_SILENT_SECONDS: Final = 120.0
_OWN_CLOCK: Final = ""  # stands for the gateway itself among the devices
_MEASURING: Final = frozenset({"TETHC", "TEPOD", "TEPINV", "PVAC", "PVS", "NEURIO", "TRM", "TESYNC", "TEMSA"})
# Where a Powerwall 2 marks a part of a unit that it has not heard from for a while: device, list of the bus, message.
# The serial numbers are those of the last list of each group, in the same order.
_MARKED: Final = (
    (
        ("TEPOD", "POD", "POD_EnergyStatus"),
        ("TEPINV", "PINV", "PINV_Status"),
        ("TETHC", "THC", "THC_InfoMsg"),
    ),
    (("PVS", "PVS", "PVS_Status"), ("PVAC", "PVAC", "PVAC_Logging")),
)
# Members of a battery block, and where the library takes them from: kind of device, member of it.
_BLOCK_MEMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "nominal_energy_remaining": ("TEPOD", "POD_nom_energy_remaining"),
    "nominal_full_pack_energy": ("TEPOD", "POD_nom_full_pack_energy"),
    "p_out": ("TEPINV", "PINV_Pout"),
    "v_out": ("TEPINV", "PINV_Vout"),
    "f_out": ("TEPINV", "PINV_Fout"),
    "pinv_state": ("TEPINV", "PINV_State"),
    "pinv_grid_state": ("TEPINV", "PINV_GridState"),
}


class HeardTimes:
    """Remembers when each device was heard last, as the gateway tells it, and for how long that has stood still.

    The times are compared with no clock: a wireless meter may write those of its own, which can be wrong.
    """

    def __init__(self) -> None:
        self._seen: dict[str, tuple[object, float]] = {}  # device -> its time, and since when that is the same

    def silent(self, vitals: JsonMapping | None, tick: float, status: object = None) -> dict[str, float | None]:
        """Return the devices whose time has stood still for too long, with the seconds. ``tick``: monotonic seconds.

        Nobody where all times stand still, that of the gateway's own ``status`` included: then it is the clock.
        """
        if vitals is None:
            return {}
        told = {name: body.get("lastCommunicationTime") for name, body in objects(vitals)}
        told[_OWN_CLOCK] = member(status, "system", "time")
        before, self._seen = self._seen, {}
        for name, time in told.items():
            if isinstance(time, (int, float, str)) and time:
                known = before.get(name)
                self._seen[name] = known if known is not None and known[0] == time else (time, tick)
        ages = {name: tick - since for name, (_, since) in self._seen.items()}
        still: dict[str, float | None] = {
            name: round(age, 3)
            for name, age in ages.items()
            if age > _SILENT_SECONDS and name.partition("--")[0] in _MEASURING
        }
        return still if any(age <= _SILENT_SECONDS for age in ages.values()) else {}


def marked_devices(status: object, vitals: JsonMapping | None) -> dict[str, float | None]:
    """Return the devices of vitals that the TEDAPI ``status`` of a Powerwall 2 marks as ``isMIA`` (missing in action).

    Not for a Powerwall 3, which marks its own units that way, although their figures come in answers of their own.
    """
    bus = member(status, "esCan", "bus")
    found: dict[str, float | None] = {}  # it does not tell for how long
    for group in _MARKED:
        lists = [entries if isinstance(entries := member(bus, name), list) else [] for _, name, _ in group]
        for index, numbered in enumerate(lists[-1]):
            serial = numbered.get("packageSerialNumber") if isinstance(numbered, Mapping) else None
            if not isinstance(serial, str) or not serial:
                continue
            for (device, _, message), entries in zip(group, lists, strict=True):
                if index < len(entries) and member(entries[index], message, "isMIA") is True:
                    start, end = f"{device}--", f"--{serial}"
                    names = (name for name in vitals or () if name.startswith(start) and name.endswith(end))
                    found |= dict.fromkeys(names)
    return found


def without_silent(status: JsonObject | None, vitals: JsonMapping | None, silent: Collection[str]) -> JsonObject | None:
    """Return the system status with nulls in the battery blocks where the ``vitals`` of silent devices have them."""
    blocks = status.get("battery_blocks") if status is not None and silent else None
    if status is None or not isinstance(blocks, list):
        return status
    gone: dict[object, set[str]] = {}  # serial number of a unit -> members of its block that are too old
    for name in silent:
        body = (vitals or {}).get(name) or {}
        kind, _, din = name.partition("--")
        too_old = {one for one, (of, signal) in _BLOCK_MEMBERS.items() if of == kind and body.get(signal) is None}
        # Over the local API, the parts of a unit have numbers of their own, and name the unit as their parent.
        for owner in (din, str(body.get("componentParentDin"))):
            gone.setdefault(owner.rpartition("--")[2], set()).update(too_old)
    told = [
        {**block, **{one: None for one in gone.get(block.get("PackageSerialNumber"), ()) if one in block}}
        if isinstance(block, dict)
        else block
        for block in blocks
    ]
    return {**status, "battery_blocks": told}


def strings_without_silent(strings: JsonObject | None, vitals: JsonMapping | None, silent: Silent) -> JsonObject | None:
    """Return the strings with nulls for those of silent solar inverters where the ``vitals`` have nulls, too.

    The names of strings have a number from the second inverter on.
    """
    if strings is None or not silent:
        return strings
    inverters = [(name, body) for name, body in objects(vitals) if name.startswith("PVAC--")]
    gone = {
        str(number) if number else ""
        for number, (name, body) in enumerate(inverters)
        if name in silent and all(value is None for member, value in body.items() if member.startswith("PVAC_PV"))
    }
    return {
        name: dict.fromkeys(body) if name[1:] in gone and isinstance(body, dict) else body
        for name, body in strings.items()
    }
