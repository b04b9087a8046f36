"""The library of Home Assistant's own Tesla Powerwall integration, made for a gateway, on every simulated house."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from tesla_powerwall.const import DeviceType, GridStatus, MeterType, OperationMode
from tesla_powerwall.error import PowerwallError
from tesla_powerwall.powerwall import Powerwall

from pwserver.simulator.scenarios import SCENARIOS
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

GETTERS = sorted(
    name for name in vars(Powerwall) if name.startswith(("get_", "is_")) and name not in ("get_api", "is_authenticated")
)
LIMITS = {"get_instantaneous_max_charge_power", "get_instantaneous_max_discharge_power"}
NO_BATTERY = {
    "get_backup_reserve_percentage",
    "get_capacity",
    "get_charge",
    "get_energy",
    "get_operation_mode",
}
METERS_ONLY = {
    "get_backup_reserve_percentage",
    "get_batteries",
    "get_capacity",
    "get_energy",
    "get_gateway_din",
    "get_operation_mode",
    "get_serial_numbers",
    "get_version",
    "get_vin",
}
# What these houses do not tell, and what the library therefore says that it does not know.
UNKNOWN = {
    "powerwall3": LIMITS,
    "powerwall3-single": LIMITS,
    "v1r": LIMITS,
    "generator": LIMITS,
    "solar-only": LIMITS | NO_BATTERY,
    "basic-lan": LIMITS | METERS_ONLY,
}


# Over the wire (v1r) the gateway hears its own Powerwall only; of the others it has the serial numbers.
HEARD = {"v1r": 1}


async def _value(asked: Awaitable[Any]) -> Any:
    try:
        return await asked
    except PowerwallError as error:
        return error


async def _visit(port: int) -> dict[str, Any]:
    """Log in, call every getter, log out; an error that the library means to raise stands for the value."""
    async with Powerwall(f"https://127.0.0.1:{port}", timeout=int(patient(10))) as gateway:
        login = await gateway.login("whatever")
        assert login.login_time and gateway.is_authenticated()
        answers = {name: await _value(getattr(gateway, name)()) for name in GETTERS}
        await gateway.logout()
        assert not gateway.is_authenticated()
    return answers


def _unknown(answers: dict[str, Any]) -> set[str]:
    return {name for name, value in answers.items() if isinstance(value, PowerwallError)}


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_getter(name: str) -> None:
    house = SCENARIOS[name].make_family()
    packs = house.packs[: HEARD.get(name)]
    expected = UNKNOWN.get(name, set())
    answers: dict[str, Any] = {}

    def complete() -> bool:
        answers.update(asyncio.run(_visit(server.port)))
        batteries = answers["get_batteries"]
        # Units are heard one after another.
        heard = not isinstance(batteries, list) or len(batteries) == len(packs)
        return _unknown(answers) == expected and heard and bool(answers["get_meters"].meters)

    with Server([f"--demo={name}"], {"PW_WORKERS": "1", "PW_HTTPS": "yes"}) as server:
        wait_until(complete, 30, f"the answers of {name}")

    known = {getter: value for getter, value in answers.items() if getter not in expected}
    truth = {
        "get_gateway_din": house.din,
        "get_vin": house.din,
        "get_version": house.version.split(" ")[0],
        "get_serial_numbers": [pack.serial for pack in house.packs],
        "get_capacity": 13500 * len(house.packs),
        "get_operation_mode": OperationMode.SELF_CONSUMPTION,
        "get_backup_reserve_percentage": 24,
        "get_grid_status": GridStatus.CONNECTED,
        "get_device_type": DeviceType.GW2,
        "is_grid_services_active": False,
    }
    assert {getter: known[getter] for getter in truth if getter in known} == {
        getter: value for getter, value in truth.items() if getter in known
    }
    if "get_batteries" in known:
        assert [battery.serial_number for battery in known["get_batteries"]] == [pack.serial for pack in packs]
        assert all(battery.capacity == 13500 for battery in known["get_batteries"])
    if "get_energy" in known:
        assert 0 < known["get_energy"] < known["get_capacity"] and 0 < known["get_charge"] < 100
    meters = known["get_meters"].meters
    assert {MeterType.SITE, MeterType.BATTERY, MeterType.LOAD, MeterType.SOLAR} <= set(meters)
    produced = sum(meters[place].instant_power or 0 for place in meters if place != MeterType.LOAD)
    assert produced == pytest.approx(meters[MeterType.LOAD].instant_power, abs=2)
    for getter, place in ("get_meter_site", MeterType.SITE), ("get_meter_solar", MeterType.SOLAR):
        assert known[getter].location == place
    assert known["get_site_info"].site_name in ("Simulated House", None)
