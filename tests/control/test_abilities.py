"""What a real server says can be set is what a command meets: every control, over every kind of connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from pwserver.state.controls import CONTROLS
from tests.compat.situations import NOBODY
from tests.control.houses import SECRET, House, house, settings_for
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.tesla import Tesla

COMMANDS: dict[str, Any] = {
    "reserve": {"value": 40},
    "reserve_hold": {},
    "mode": {"value": "backup"},
    "grid_charging": {"value": True},
    "grid_export": {"value": "never"},
    "max_backup": {"value": 600},
    "islanding": {"value": "on_grid"},
    "dispatch": {"power_watts": 1, "duration_seconds": 1},
    "resume": {},
    "tariff": {"tou_settings": {"tariff_content_v2": {"code": "NEW"}}},
}
SETTINGS = {"reserve", "reserve_hold", "mode"}
GRID = {"grid_charging", "grid_export"}
SIGNED = {"max_backup", "islanding", "dispatch", "resume"}


def server_only(server: Server) -> House:
    found = House.__new__(House)
    found.server = server
    return found


def able(server: Server, gateway: str) -> set[str]:
    """What all documents say can be set; they agree, once each has been written after the last change."""
    found: set[str] = set()

    def agree() -> bool:
        told = server.json(f"/api/site/{gateway}")["control"]
        status = server.json(f"/api/gateways/{gateway}/control/status")
        assert set(status["controls"]) == set(CONTROLS) == set(COMMANDS)
        found.clear()
        found.update(name for name, one in told["abilities"].items() if one["able"])
        same = (told["abilities"], told["help"]) == (status["abilities"], status["help"])
        return same and (gateway in server.json("/api/site")["control"]["cannot"]) == (not found)

    wait_until(agree, 15, f"the documents about {gateway} do not agree")
    return found


def obeys(house: House, gateway: str = "default") -> set[str]:
    """Try every command dry: what is said to work passes, all else is refused with the document's own sentence."""
    wait_until(lambda: "link-down" not in house.server.json(f"/api/site/{gateway}")["control"]["help"], 20)
    names = able(house.server, gateway)
    told = house.server.json(f"/api/site/{gateway}")["control"]
    for name, body in COMMANDS.items():
        prefix = f"/api/gateways/{gateway}"
        path = "/api/tesla/time_of_use_settings" if name == "tariff" else f"/control/{name}"
        answer = house.post(f"{prefix}{path}?dry_run=1", body)
        if name in names:
            assert answer.status == 200, (name, answer)
        else:
            one = told["abilities"][name]
            assert answer.status == 503 and one["why_not"] in answer.json()["detail"], (name, answer)
            assert told["help"][one["limit"]]
    return names


@pytest.mark.parametrize(
    ("scenario", "reach", "wanted"),
    [
        ("powerwall2", "tedapi", set()),
        ("powerwall3", "tedapi", set()),
        ("basic-lan", "basic-lan", set()),
        ("local", "local", SETTINGS),
        ("local-new", "local", SETTINGS),
        ("v1r", "v1r", SETTINGS | GRID | SIGNED),
    ],
)
def test_each_kind_of_connection(houses: Callable[..., House], scenario: str, reach: str, wanted: set[str]) -> None:
    more = {"PW_ISLANDING_COOLDOWN": "0"} if scenario == "v1r" else {}
    found = houses(scenario, **more)
    assert found.server.json("/api/site/default")["connection"]["reach"] == reach
    assert obeys(found) == wanted
    assert found.writes() == []


def test_what_cannot_be_set_is_refused_before_the_gateway_is_asked(houses: Callable[..., House]) -> None:
    """Also what the local API has no way for: the library is not even called."""
    found = houses("local")
    told = found.server.json("/api/site/default")["control"]["abilities"]["grid_export"]
    assert told["limit"] == "local-api"
    answer = found.post("/control/grid_export", {"value": "never"})
    assert answer.status == 503 and "the gateway's local API cannot set grid_export" in answer.json()["detail"]
    assert found.form("/control/grid_export", value="never").status == 400
    assert found.writes() == []


def test_fleetapi(tmp_path: Path) -> None:
    with Tesla() as tesla:
        environment = {
            "PW_AUTH_PATH": str(tesla.fleet_login(tmp_path)),
            "PW_CONTROL_SECRET": SECRET,
            "PW_CACHE_EXPIRE": "2",
            "PW_TIMEOUT": "2",
            "PW_GATEWAYS": '[{"id":"default","name":"F","fleetapi":true}]',
        }
        with Server(environment=environment) as server:
            wait_until(lambda: server.json("/health")["gateways_online"] == 1, 20, server.output())
            assert obeys(server_only(server)) == SETTINGS | GRID | {"tariff"}
            body = server.json("/api/site/default")
            assert body["connection"]["reach"] == "fleetapi"
            unread = {name for name, one in body["cannot_read"].items() if one["why_not"] and one["help"]}
            assert {"energies", "strings", "temperatures"} <= unread
            assert tesla.posts == []


def test_a_tesla_login_beside_the_gateway_helps(tmp_path: Path) -> None:
    """What the page advises works: TEDAPI over WiFi with a Tesla login can be written to."""
    with Tesla() as tesla:
        more = {"PW_EMAIL": "owner@example.com", "PW_AUTH_PATH": str(tesla.fleet_login(tmp_path))}
        with house("powerwall2", **more) as found:
            wait_until(lambda: able(found.server, "default") != set(), 20, found.server.output())
            assert obeys(found) == SETTINGS | GRID | {"tariff"}


@pytest.fixture(scope="module")
def several() -> Iterator[Server]:
    """One house that can be written to, one that cannot, one that nobody hears, one whose password is wrong."""
    with SimulatedGateway("v1r", hour=11.5) as wired, SimulatedGateway("powerwall2", hour=11.5) as wifi:
        key = settings_for(wired)["PW_RSA_KEY_PATH"]
        entries = [
            {"id": "wired", "name": "Wired", "host": wired.address, "gw_pwd": wired.password, "rsa_key_path": key},
            {"id": "wifi", "name": "WiFi", "host": wifi.address, "gw_pwd": wifi.password},
            {"id": "dead", "name": "Dead", "host": NOBODY, "password": "ABCDE", "email": "owner@example.com"},
            {"id": "locked", "name": "Locked", "host": wired.address, "gw_pwd": "WRONGWRONG", "rsa_key_path": key},
        ]
        settings = {
            "PW_GATEWAYS": json.dumps(entries),
            "PW_CONTROL_SECRET": SECRET,
            "PW_TIMEOUT": "2",
            "PW_CACHE_EXPIRE": "2",
            "PW_CLOUD_HYBRID": "no",
        }
        with Server(environment=settings) as server:
            wait_until(lambda: server.json("/health")["gateways_online"] == 2, 30, server.output())
            wait_until(
                lambda: all(server.json(f"/api/site/{name}")["state"] == "away" for name in ("dead", "locked")), 30
            )
            yield server


def test_several_houses_each_tell_their_own(several: Server) -> None:
    everything = server_only(several)
    assert obeys(everything, "wired") == SETTINGS | GRID | SIGNED
    assert obeys(everything, "wifi") == obeys(everything, "locked") == set()
    assert able(several, "dead") == set()
    assert several.json("/api/site")["control"] == {"enabled": True, "cannot": ["wifi", "dead", "locked"]}
    wifi = several.json("/api/site/wifi")["control"]["abilities"]
    assert wifi["reserve"]["limit"] == "tedapi-read-only"
    locked = several.json("/api/site/locked")["control"]
    assert locked["abilities"]["reserve"]["limit"] == "not-connected"
    assert "PW_GW_PWD" in locked["help"]["not-connected"], "what helps against a refused password"
    assert locked["abilities"]["tariff"]["limit"] == "needs-tesla"
