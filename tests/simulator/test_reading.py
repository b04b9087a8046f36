"""The real pypowerwall reads every scenario, and reads the truth."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from pwserver.simulator import SCENARIOS
from tests.simulator.recorded_scenarios import ALL_SCENARIOS

# pypowerwall speaks to gateways without checking their certificates, which is what they need.
pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")

DYNAMIC = list(SCENARIOS)


@pytest.mark.parametrize("name", ALL_SCENARIOS)
def test_powers_and_charge_are_the_truth(name: str, gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway(name, frozen=True)
    powerwall = connect(gw)
    truth = gw.truth()
    power = powerwall.power()
    if not gw.device.family.packs:
        assert power.pop("battery") is None
    assert power == {key: truth[key] for key in power}
    generated = truth["generator"] or 0.0  # which the library drops
    assert power["site"] + power["solar"] + power.get("battery", 0) + generated == power["load"]
    if truth["soe"] is None:
        assert powerwall.level() is None
    else:
        assert powerwall.level() == pytest.approx(truth["soe"], abs=0.01)
    wanted = {"up": "UP", "down": "DOWN", "unknown": None}[truth["grid"]]
    assert powerwall.grid_status() == wanted
    meters = powerwall.poll("/api/meters/aggregates")
    for place in ("site", "load", "solar", "battery"):
        for way in ("imported", "exported"):
            expected = truth["energy_wh"].get(f"{place}_{way}", 0.0)
            assert meters[place][f"energy_{way}"] == pytest.approx(expected, abs=0.001)


@pytest.mark.parametrize("name", DYNAMIC)
def test_numbers_move_balance_and_meters_only_grow(
    name: str, gateway: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    now = [1_782_068_400.0]
    gw = gateway(name, clock=lambda: now[0], seed=7)
    powerwall = connect(gw)
    seen, meters = set(), None
    for _ in range(6):
        now[0] += 37.0
        body = powerwall.poll("/api/meters/aggregates")
        watts = {place: body[place]["instant_power"] or 0.0 for place in ("site", "load", "solar", "battery")}
        generated = gw.truth()["generator"] or 0.0  # which the library drops
        assert watts["site"] + watts["solar"] + watts["battery"] + generated == watts["load"]
        seen.add((watts["load"], watts["solar"]))
        energies = [body[place][f"energy_{way}"] for place in watts for way in ("imported", "exported")]
        if meters is not None:
            assert all(after >= before for before, after in zip(meters, energies, strict=True))
            assert energies != meters
        meters = energies
    assert len(seen) == 6


def test_powerwall2_vitals(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("powerwall2", frozen=True)
    gw.raise_alert("THC_w061_CAN_TX_FIFO_Overflow", "TG123456789DEF")
    powerwall = connect(gw)
    vitals = powerwall.vitals()
    for unit in gw.truth()["units"]:
        pinv, pod = vitals[f"TEPINV--{unit['din']}"], vitals[f"TEPOD--{unit['din']}"]
        assert pinv["PINV_Pout"] == unit["battery"] / 1000.0
        assert pinv["PINV_EnergyCharged"] > 1_000_000  # its module was paired with its package
        assert pod["POD_nom_energy_remaining"] == unit["stored_wh"]
        assert pod["POD_available_charge_power"] == 7000.0
        assert -40 < vitals[f"TETHC--{unit['din']}"]["THC_AmbientTemp"] < 80
    sync = next(block for name, block in vitals.items() if name.startswith("TESYNC--"))
    assert sync["ISLAND_GridConnected"] == "ISLAND_GridConnected_Connected"
    assert sync["METER_X_CTA_InstRealPower"] * 2 == gw.truth()["site"]
    assert sync["SYNC_Uptime"] > 0
    strings = powerwall.strings()
    assert list(strings) == ["A", "B", "C", "D"]
    assert not strings["B"]["Connected"]
    total = sum(strings[name]["Power"] for name in "ACD")
    assert total == pytest.approx(gw.truth()["solar"] / 0.97, rel=0.01)
    fans = powerwall.tedapi.get_fan_speeds()
    assert next(iter(fans.values()))["PVAC_Fan_Speed_Target_RPM"] > 0
    assert "THC_w061_CAN_TX_FIFO_Overflow" in powerwall.alerts()
    assert powerwall.uptime() is not None
    assert powerwall.version() == "26.18.3 8d2f5c1a"
    assert powerwall.get_reserve() == pytest.approx(20.0)
    assert powerwall.system_status()["instantaneous_max_charge_power"] == 14000.0


def test_powerwall2_vitals_have_the_keys_of_the_recording(
    gateway: Callable[..., Any], connect: Callable[..., Any], recorded: Callable[[str], Any]
) -> None:
    wanted = recorded("pypowerwall-server-0.13.0.json")["/vitals"]["body"]
    vitals = connect(gateway("powerwall2")).vitals()
    assert set(vitals) == set(wanted)
    for name, block in wanted.items():
        extra = {"PVAC_Fan_Speed_Actual_RPM", "PVAC_Fan_Speed_Target_RPM"} if name.startswith("PVAC--") else set()
        assert set(vitals[name]) == set(block) | extra


@pytest.mark.parametrize("name", ["powerwall3", "powerwall3-single", "v1r"])
def test_powerwall3_units(name: str, gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway(name, frozen=True)
    gw.raise_alert("PCH_a001_Something", "TG123456789LD1")
    powerwall = connect(gw, **({"wifi_host": gw.address} if name == "v1r" else {}))
    assert powerwall.tedapi.pw3
    vitals = powerwall.vitals()
    truth = gw.truth()
    packs = {din: vitals[f"TEPOD--{din}"]["POD_nom_energy_remaining"] for din in truth["packs_wh"]}
    assert packs == truth["packs_wh"]
    for unit in truth["units"]:
        inverter = vitals[f"TEPINV--{unit['din']}"]
        assert inverter["PINV_Pout"] == unit["battery"] / 1000.0
        assert inverter["PCH_AmbientTemp"] > 0
    assert len(powerwall.temps()) == len(truth["packs_wh"])
    assert all(value > 0 for value in powerwall.temps().values())
    fans = powerwall.tedapi.get_fan_speeds()
    assert list(fans) == [f"TEPINV--{unit['din']}" for unit in truth["units"]]
    assert all(fan["PCH_FanSpeed_A"] > 0 and fan["PCH_FanDuty_B"] > 0 for fan in fans.values())
    strings = powerwall.strings()
    assert [key for key in strings if len(key) == 1] == list("ABCDEF")
    assert len(strings) == 6 * len(truth["units"])
    assert sum(one["Power"] for one in strings.values()) == pytest.approx(truth["solar"], rel=0.01)
    assert "PCH_a001_Something" in powerwall.alerts()
    switch = vitals["TEMSA--1624171-00-E--TG123456789SW1"]
    assert switch["METER_Z_CTA_InstRealPower"] * 2 == truth["site"]


def test_solar_only(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("solar-only", frozen=True)
    powerwall = connect(gw)
    vitals = powerwall.vitals()
    assert not [name for name in vitals if name.startswith(("TEPOD", "TEPINV", "TETHC"))]
    neurio = vitals["NEURIO--V1234567890"]
    assert neurio["NEURIO_CT0_Location"] == "site"
    assert neurio["NEURIO_CT2_InstRealPower"] * 2 == gw.truth()["solar"]
    assert powerwall.get_reserve() is None
    assert powerwall.strings()["A"]["Power"] > 0


def test_local_api(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("local", frozen=True)
    powerwall = connect(gw)
    assert powerwall.is_connected()
    vitals = powerwall.vitals()
    truth = gw.truth()
    pods = [block for name, block in vitals.items() if name.startswith("TEPOD--")]
    assert [pod["POD_nom_energy_remaining"] for pod in pods] == [unit["stored_wh"] for unit in truth["units"]]
    assert vitals["STSTSM--" + gw.din]["alerts"] == truth["alerts"]["site"]
    blocks = powerwall.battery_blocks()
    assert [blocks[unit["din"].split("--")[1]]["p_out"] for unit in truth["units"]] == [
        unit["battery"] for unit in truth["units"]
    ]
    assert blocks["TG123456789DEF"]["temperature"] > 0
    for path in ("/api/powerwalls", "/api/networks", "/api/solars", "/api/meters/site", "/api/sitemaster"):
        assert powerwall.poll(path)
    assert powerwall.poll("/api/meters/solar")[0]["Cached_readings"]["instant_power"] == truth["solar"]
    assert powerwall.site_name() == "Simulated House"


def test_local_api_without_vitals(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    powerwall = connect(gateway("local-new"))
    assert powerwall.vitals() is None
    assert powerwall.strings()["C"]["Power"] > 0
    assert powerwall.alerts()


def test_basic_lan_has_meters_charge_and_grid_and_nothing_else(
    gateway: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    powerwall = connect(gateway("basic-lan"))
    assert not powerwall.is_connected()
    assert powerwall.grid_status() == "UP"
    assert powerwall.level() is not None
    assert powerwall.power()["load"] > 0
    assert powerwall.vitals() is None
    assert powerwall.system_status() is None
    assert powerwall.get_mode() is None


@pytest.mark.parametrize(
    ("name", "options"),
    [("powerwall2", {}), ("powerwall3", {}), ("solar-only", {"tedapi_auth_mode": "bearer"})],
)
def test_the_newer_query_set_and_bearer_login(
    name: str, options: dict[str, Any], gateway: Callable[..., Any], connect: Callable[..., Any]
) -> None:
    importlib.import_module("google.protobuf")
    gw = gateway(name, frozen=True)
    powerwall = connect(gw, tedapi_api_version="V2026_06", **options)
    assert powerwall.power()["load"] == gw.truth()["load"]
    assert powerwall.version()
    assert powerwall.vitals()


def test_outage_transition_and_return(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("local")
    powerwall = connect(gw)
    gw.set_house(grid_outage=True)
    assert powerwall.grid_status() == "DOWN"
    assert powerwall.power()["site"] == 0
    gw.set_house(grid_outage=False, transition_until=gw.truth()["time"] + 1000)
    assert powerwall.grid_status() == "SYNCING"
    gw.set_house(transition_until=0.0)
    assert powerwall.grid_status() == "UP"


def test_wrong_password(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    import base64

    gw = gateway("powerwall2")
    assert ask(gw, "/tedapi/din").status == 403
    wrong = base64.b64encode(b"Tesla_Energy_Device:nonsense").decode()
    assert ask(gw, "/tedapi/din", Authorization=f"Basic {wrong}").status == 403
    body = {"username": "customer", "password": "nonsense"}
    assert ask(gw, "/api/login/Basic", "POST", body).status == 401
    assert gw.truth()["failed_logins"] == 1
    assert ask(gw, "/api/meters/aggregates").status == 401


def test_calls_are_counted(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("powerwall3")
    powerwall = connect(gw, pwcacheexpire=60)
    gw.requests.clear()
    for _ in range(3):
        powerwall.vitals()
        powerwall.power()
    about = gw.requests.by_about
    assert about["status"] == about["controller"] == 1
    assert about["components:1707000-11-M--TG123456789FO2"] == 1
    assert gw.requests.total == sum(gw.requests.by_path.values())
    assert gw.requests.per_minute(60.0) == gw.requests.total
