"""Render the answers of the gateway's own web API that say what the gateway is and what its batteries do.

Libraries made for a gateway, such as tesla_powerwall in Home Assistant, refuse a whole answer for one word that they do
not know. Where pwserver reads the gateway itself, a word that it does not report is therefore judged here from what is
known, and a time or a duration that is not known has the gateway's own form for it. Numbers are never filled in: an
unknown number is null. Tesla's servers tell too little for such a library, so that their answers stay as they are.

What such a library cannot do without has the member ``error`` beside the null. Without it, Home Assistant concludes
that the gateway's interface has changed, and gives up until it is restarted; with it, it asks again.
"""

from __future__ import annotations

import re
from typing import Final

from pwserver.json_types import Json, JsonMapping, JsonObject
from pwserver.reading import Reading
from pwserver.state.view import View

_STATUS_DEFAULTS: JsonObject = {
    "din": None,
    "start_time": None,
    "up_time_seconds": None,
    "is_new": None,
    "version": None,
    "git_hash": None,
    "commission_count": None,
    "device_type": None,
    "teg_type": None,
    "sync_type": None,
    "cellular_disabled": None,
    "can_reboot": None,
}
_POWERWALLS = (
    "enumerating",
    "updating",
    "checking_if_offgrid",
    "running_phase_detection",
    "phase_detection_last_error",
    "bubble_shedding",
    "on_grid_check_error",
    "grid_qualifying",
    "grid_code_validating",
    "phase_detection_not_available",
    "sync",
    "msa",
    "states",
)
_POWERWALL = (
    "type",
    "grid_state",
    "grid_reconnection_time_seconds",
    "under_phase_detection",
    "updating",
    "commissioning_diagnostic",
    "update_diagnostic",
    "bc_type",
    "in_config",
)
_BLOCK = (
    "PackagePartNumber",
    "PackageSerialNumber",
    "nominal_energy_remaining",
    "nominal_full_pack_energy",
    "energy_charged",
    "energy_discharged",
    "p_out",
    "q_out",
    "v_out",
    "f_out",
    "i_out",
    "wobble_detected",
)
# The gateway's words, for a reading that only has the judged state; SYNCING has several, so that none is chosen.
_WORDS = {"UP": "SystemGridConnected", "DOWN": "SystemIslandedActive"}
# What the inverter of a battery says of the grid, while its own word is not known.
_GRID_STATES: Final = {"UP": "Grid_Compliant", "DOWN": "Grid_Uncompliant", "SYNCING": "Grid_Qualifying"}
# The time that a gateway writes for "never". Clients parse it with the format of every other time.
NEVER: Final = "0001-01-01 00:00:00 +0000"
_START_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}")
_BACKUP_GATEWAY_1 = "1118431-"  # the part number of the first generation, which calls itself "hec"
NO_DATA: Final = "there are no data from the gateway at present"


def status(view: View) -> JsonObject:
    """Write /api/status: the gateway's status with every promised member; an unknown version is null."""
    reading = view.reading
    body = {**_STATUS_DEFAULTS, **((reading.status or {}) if reading else {})}
    body["version"] = body["version"] or None
    if reading is None:
        return {**body, "error": NO_DATA}
    body["din"] = body["din"] or reading.din
    body["device_type"] = _device_type(body["device_type"], body["din"])
    if reading.remote:
        return body
    if not body["device_type"]:
        return {**body, "error": "this connection does not report what the gateway is"}
    started = body["start_time"]
    if not isinstance(started, str) or not _START_TIME.fullmatch(started):
        body["start_time"] = NEVER
    if not isinstance(body["up_time_seconds"], str):
        body["up_time_seconds"] = ""
    return body


def _device_type(told: Json, din: Json) -> Json:
    """Return the kind of gateway in its own words: the told one, else the one that the part number stands for.

    Every gateway since the second generation, and a Powerwall 3 that is its own gateway, is a "teg".
    """
    if told or not isinstance(din, str) or not din:
        return told
    return "hec" if din.startswith(_BACKUP_GATEWAY_1) else "teg"


def config(view: View) -> JsonObject:
    """Write /api/config: the gateway's identification number, under the name that the gateway's file has for it."""
    return {"vin": view.reading.din if view.reading else None}


def grid_status(view: View) -> JsonObject:
    """Write /api/system_status/grid_status: the gateway's word, or null.

    Clients would take a made-up word for a change of the grid. Whether grid services run is false unless the gateway
    says that they do, as clients of a gateway accept only yes and no.
    """
    reading = view.reading
    if reading is None:
        return {"grid_status": None, "grid_services_active": None, "error": NO_DATA}
    told = reading.grid_status_detail or {"grid_status": _WORDS.get(reading.grid_status or "")}
    services = told.get("grid_services_active")
    body = {**told, "grid_services_active": services if reading.remote else services is True}
    return body if body.get("grid_status") else {**body, "error": "the state of the grid is not known at present"}


def system_status(view: View) -> JsonObject:
    """Write /api/system_status: batteries and limits."""
    if view.reading is None:
        return {"error": NO_DATA}
    body = view.reading.system_status or {}
    blocks = body.get("battery_blocks")
    if not isinstance(blocks, list):
        return {**body, "error": "this connection does not report the batteries"}
    state = _GRID_STATES.get(view.reading.grid_status or "", "")
    return {
        **body,
        "battery_blocks": [_block(block, state) if isinstance(block, dict) else block for block in blocks],
    }


def _block(block: JsonMapping, grid_state: str) -> JsonObject:
    """Return one battery with every member that clients read; ``grid_state`` if it does not say one itself."""
    told = block.get("pinv_grid_state")
    reasons = block.get("disabled_reasons")
    return {
        **dict.fromkeys(_BLOCK),
        **block,
        "disabled_reasons": reasons if isinstance(reasons, list) else [],
        "pinv_grid_state": told if isinstance(told, str) else grid_state,
    }


def powerwalls(view: View) -> JsonObject:
    """Write /api/powerwalls: the gateway's own list, else the units that are heard, with null for what is unknown."""
    reading = view.reading
    if reading is None:
        return {"error": NO_DATA}
    own = reading.powerwalls or {}
    listed = own.get("powerwalls")
    if not isinstance(listed, list) or not listed:
        listed = _heard_units(view, reading)
    if not own and not listed and (reading.remote or not reading.din):
        return {"error": "this connection does not report the batteries"}
    return {
        **dict.fromkeys(_POWERWALLS),
        **own,
        "powerwalls": listed,
        "gateway_din": own.get("gateway_din") or reading.din,
    }


def _heard_units(view: View, reading: Reading) -> list[JsonObject]:
    """Return the judged units; those of all gateways together are only in the list of batteries."""
    units = view.state.judged.units
    if units:
        told = [
            {"Type": unit.type, "PackagePartNumber": unit.part, "PackageSerialNumber": unit.serial} for unit in units
        ]
    else:
        names = ("Type", "PackagePartNumber", "PackageSerialNumber")
        blocks = (reading.system_status or {}).get("battery_blocks")
        told = [
            {name: block.get(name) for name in names}
            for block in (blocks if isinstance(blocks, list) else ())
            if isinstance(block, dict) and block.get("PackageSerialNumber")
        ]
    return [{**dict.fromkeys(_POWERWALL), **unit} for unit in told]
