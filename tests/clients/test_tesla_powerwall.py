"""The library of Home Assistant's own Tesla Powerwall integration, made for a gateway, on every simulated house."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from tesla_powerwall.const import DeviceType, GridStatus, MeterType, OperationMode
from tesla_powerwall.error import PowerwallError
from tesla_powerwall.powerwall import Powerwall

from tests.clients.houses import HEARD, HOUSES, served
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
    "get_device_type",
    "get_energy",
    "get_gateway_din",
    "get_operation_mode",
    "get_serial_numbers",
    "get_status",
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


@pytest.mark.parametrize("name", HOUSES)
def test_every_getter(name: str) -> None:
    expected = UNKNOWN.get(name, set())
    answers: dict[str, Any] = {}
    with served(name) as (house, server):
        family, truth = house.device.family, house.truth()
        packs = family.packs[: HEARD.get(name)]

        def complete() -> bool:
            answers.update(asyncio.run(_visit(server.port)))
            batteries = answers["get_batteries"]
            # Units are heard one after another.
            heard = not isinstance(batteries, list) or len(batteries) == len(packs)
            return _unknown(answers) == expected and heard and bool(answers["get_meters"].meters)

        wait_until(complete, 30, f"the answers of {name}")

    known = {getter: value for getter, value in answers.items() if getter not in expected}
    told = {
        "get_gateway_din": truth["din"],
        "get_vin": truth["din"],
        "get_version": family.version.split(" ")[0],
        "get_serial_numbers": [pack.serial for pack in packs],
        "get_capacity": truth["capacity_wh"],
        "get_energy": pytest.approx(truth["stored_wh"], abs=len(family.packs)),
        "get_operation_mode": truth["mode"] and OperationMode(truth["mode"]),
        "get_backup_reserve_percentage": truth["reserve"],
        "get_grid_status": GridStatus.CONNECTED,
        "get_device_type": DeviceType.GW2,
        "is_grid_services_active": False,
    }
    assert {getter: known[getter] for getter in told if getter in known} == {
        getter: value for getter, value in told.items() if getter in known
    }
    if "get_charge" in known:
        assert known["get_charge"] == pytest.approx((truth["soe"] - 5) / 0.95, abs=0.1)
    if "get_batteries" in known:
        assert {battery.serial_number: battery.capacity for battery in known["get_batteries"]} == {
            pack.serial: truth["capacity_wh"] // len(family.packs) for pack in packs
        }
        stored = {pack.serial: truth["packs_wh"][pack.din] for pack in packs}
        assert {battery.serial_number: battery.energy_remaining for battery in known["get_batteries"]} == stored
    meters = known["get_meters"].meters
    for place in MeterType.SITE, MeterType.BATTERY, MeterType.LOAD, MeterType.SOLAR:
        watts = None if place == MeterType.BATTERY and not packs else pytest.approx(truth[place.value], abs=2)
        assert meters[place].instant_power == watts, place
    assert meters[MeterType.SITE].get_energy_imported(3) == pytest.approx(truth["energy_wh"]["site_imported"] / 1000)
    assert meters[MeterType.SOLAR].get_energy_exported(3) == pytest.approx(truth["energy_wh"]["solar_exported"] / 1000)
    for getter, place in ("get_meter_site", MeterType.SITE), ("get_meter_solar", MeterType.SOLAR):
        assert known[getter].location == place
        assert known[getter].readings.instant_power == meters[place].instant_power
