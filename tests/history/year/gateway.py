"""What the simulated house's gateway tells at one poll."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pwserver.reading import Answered, Reading
from pwserver.simulator.house import Snapshot
from tests.history.year.house import SERIALS, AgeingHouse

INVERTER: Final = "PVAC--1538100-00-F--CN000000000001"
HOT: Final = "PVAC_a019_ambient_overtemperature"
FIRMWARES: Final = ("25.10.1", "25.18.4")
RESERVES: Final = (20.0, 35.0)
PART: Final = "3012170-05-B"


def answer(house: AgeingHouse, now: Snapshot, full: Mapping[str, float], computer_seconds: float) -> Reading:
    """What the gateway tells, read by a computer whose clock shows ``computer_seconds``.

    ``full``: what each battery believes it holds, in Wh by serial number.
    """
    plot, flows, energy, seconds = house.plot, now.flows, now.energy, now.time
    moment = datetime.fromtimestamp(seconds, UTC).isoformat()
    counted = {
        "solar": (flows.solar, energy.solar_consumed, energy.solar),
        "load": (flows.load, energy.load, 0.0),
        "site": (flows.site, energy.site_imported, energy.site_exported),
        "battery": (flows.battery, energy.battery_charged, energy.battery_discharged),
    }
    meters = {
        name: {
            "instant_power": watts,
            "energy_imported": imported,
            "energy_exported": exported,
            "last_communication_time": moment,
        }
        for name, (watts, imported, exported) in counted.items()
    }
    down = now.grid != "up"
    hot = any(begin <= seconds < end for begin, end in plot.hot)
    told = Answered("GET /api/system_status", computer_seconds)
    return Reading.partial(
        "home",
        computer_seconds,
        meters,
        soe_raw=now.soe_percent,
        grid_status="DOWN" if down else "UP",
        version=FIRMWARES[seconds >= plot.firmware],
        alerts=[HOT] * hot + ["UnscheduledIslandContactorOpen" if down else "SystemConnectedToGrid"],
        vitals={INVERTER: {"alerts": [HOT] if hot else []}},
        strings=_strings(house, now),
        system_status=_system(now, full),
        mode="self_consumption",
        reserve=RESERVES[seconds >= plot.reserve],
        answers={"units": told, "system": told},
    )


def _strings(house: AgeingHouse, now: Snapshot) -> dict[str, Any]:
    shares = house.string_shares(now.time)
    whole, bright = sum(shares.values()), now.flows.solar > 0.0
    return {
        name: {
            "Power": now.flows.solar * share / whole,
            "Voltage": 320.0 if bright else 1.0,
            "Current": now.flows.solar * share / whole / 320.0,
            "Connected": bright,
        }
        for name, share in shares.items()
    }


def _system(now: Snapshot, full: Mapping[str, float]) -> dict[str, Any]:
    level = now.stored_wh / now.capacity_wh
    blocks = [
        {
            "PackagePartNumber": PART,
            "PackageSerialNumber": serial,
            "nominal_full_pack_energy": full[serial],
            "nominal_energy_remaining": round(full[serial] * level),
            "energy_discharged": now.energy.battery_discharged / len(SERIALS),
            "p_out": round(now.flows.battery / len(SERIALS)),
        }
        for serial in SERIALS
    ]
    whole = sum(full.values())
    return {
        "battery_blocks": blocks,
        "nominal_full_pack_energy": whole,
        "nominal_energy_remaining": round(whole * level),
    }
