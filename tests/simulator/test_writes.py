"""Writing: the real pypowerwall commands, the gateway notes each command once and does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator.signed import make_key

pytestmark = pytest.mark.filterwarnings(
    "ignore:Unverified HTTPS request", "ignore:v1r RSA key", "ignore:v1r key authentication"
)


def noted(gw: Any) -> list[tuple[str, dict[str, Any]]]:
    return [(write.kind, write.value) for write in gw.writes]


@pytest.fixture
def site(gateway: Callable[..., Any], connect: Callable[..., Any]) -> tuple[Any, Any]:
    gw = gateway("v1r")
    return gw, connect(gw)


def test_reserve(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    assert powerwall.set_reserve(40)
    assert noted(gw) == [("config", {"site_info.backup_reserve_percent": 43.0})]
    assert gw.truth()["reserve"] == 43.0
    assert powerwall.get_reserve(force=True) == pytest.approx(40.0)


def test_mode_changes_what_the_house_does(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    gw.set_house(fixed_solar=0.0, fixed_load=500.0)
    assert powerwall.power()["battery"] == 500.0
    assert powerwall.set_mode("backup")
    assert noted(gw) == [("config", {"default_real_mode": "backup"})]
    assert powerwall.get_mode(force=True) == "backup"
    assert powerwall.power()["battery"] < 0


def test_grid_export_and_charging(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    assert powerwall.set_grid_export("pv_only")
    assert powerwall.set_grid_charging(False)
    assert noted(gw) == [
        ("config", {"site_info.customer_preferred_export_rule": "pv_only"}),
        ("config", {"site_info.disallow_charge_from_grid_with_solar_installed": True}),
    ]
    assert powerwall.get_grid_export() == "pv_only"
    assert powerwall.get_grid_charging() is False


def test_islanding(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    assert powerwall.go_off_grid(confirm=True)["result"] == 1
    assert powerwall.grid_status() == "DOWN"
    assert powerwall.power()["site"] == 0
    assert powerwall.reconnect_grid()["result"] == 1
    assert powerwall.grid_status() == "UP"
    assert noted(gw) == [("island", {"mode": 6, "force": True}), ("island", {"mode": 1, "force": False})]


def test_dispatch_and_resume(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    assert powerwall.dispatch_battery_power(-1234.5, 600)
    assert powerwall.power()["battery"] == -1234.5
    assert powerwall.resume_battery_operation()
    assert powerwall.power()["battery"] != -1234.5
    assert noted(gw) == [("dispatch", {"power_watts": -1234.5, "duration_seconds": 600}), ("resume", {})]


def test_max_backup(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    assert powerwall.get_backup_events() == {"manual_backup": None, "backup_events": []}
    assert powerwall.schedule_max_backup(900)
    assert [kind for kind, _ in noted(gw)] == ["cancel_backup", "schedule_backup"]  # the library cancels first
    event = powerwall.get_backup_events()["manual_backup"]
    assert event["active"]
    assert event["duration_seconds"] == 900
    assert event["priority"] == 2**64 - 1
    assert gw.truth()["backup_event"]["start_time"] == event["start_time"]
    assert powerwall.cancel_max_backup()
    assert powerwall.get_backup_events()["manual_backup"] is None


def test_every_request_is_signed_once(site: tuple[Any, Any]) -> None:
    gw, powerwall = site
    powerwall.set_reserve(30)
    assert set(gw.device.signed.seen.values()) == {1}


def test_a_stale_file_is_not_overwritten(site: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    gw, powerwall = site
    transport = powerwall.tedapi.v1r_transport
    post = transport.post_v1r

    def meddle(envelope: bytes, din: str) -> bytes | None:
        answer: bytes | None = post(envelope, din)
        gw.device.config["site_info"]["site_name"] += "!"  # somebody else writes in between
        return answer

    monkeypatch.setattr(transport, "post_v1r", meddle)
    assert powerwall.set_reserve(50) == {"error": "Failed to write config"}
    assert noted(gw) == []


def test_a_key_that_is_not_registered(gateway: Callable[..., Any], connect: Callable[..., Any], tmp_path: Path) -> None:
    gw = gateway("v1r")
    path = tmp_path / "other.pem"
    path.write_bytes(make_key()[0])
    powerwall = connect(gw, rsa_key_path=str(path))
    assert powerwall.tedapi.get_status() is None
    assert powerwall.tedapi.v1r_transport.key_unknown
    assert powerwall.set_reserve(50) == {"error": "Failed to write config"}
    assert noted(gw) == []


def test_a_key_that_waits_for_the_owner(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("v1r")
    keys = gw.device.signed.keys
    keys.update(dict.fromkeys(keys, False))
    powerwall = connect(gw)
    assert powerwall.tedapi.v1r_transport.pending_verification
    keys.update(dict.fromkeys(keys, True))
    assert powerwall.tedapi.get_status(force=True)


def test_followers_need_the_other_door(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("v1r")
    wifi = gateway(same_house_as=gw)
    _, first, _ = (unit["din"] for unit in gw.truth()["units"])
    assert f"TEPOD--{first}" not in connect(gw).vitals()
    powerwall = connect(gw, wifi_host=wifi.address)
    assert f"TEPOD--{first}" in powerwall.vitals()
    assert wifi.requests.by_about[f"components:{first}"] == 1
    assert wifi.truth()["din"] == gw.truth()["din"]


def test_a_lost_answer_still_acts_once(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("v1r")
    powerwall = connect(gw, timeout=0.5)
    gw.fault("mute", path="/tedapi/v1r")
    assert powerwall.go_off_grid(confirm=True) is None
    assert noted(gw) == [("island", {"mode": 6, "force": True})]
    assert gw.truth()["grid"] == "down"


def test_the_plain_transport_cannot_write(gateway: Callable[..., Any], ask: Callable[..., Any]) -> None:
    import base64

    from pwserver.simulator import protobuf

    gw = gateway("powerwall2")
    login = base64.b64encode(f"Tesla_Energy_Device:{gw.password}".encode()).decode()
    update = protobuf.integer(1, 1) + protobuf.blob(2, protobuf.blob(1, "config.json") + protobuf.blob(100, b"{}"))
    body = protobuf.blob(1, protobuf.nested((15, 5), update)) + protobuf.blob(2, protobuf.integer(1, 1))
    assert ask(gw, "/tedapi/v1", "POST", body, Authorization=f"Basic {login}").status == 200
    assert noted(gw) == []
    assert gw.truth()["mode"] == "self_consumption"


def test_local_operation(gateway: Callable[..., Any], connect: Callable[..., Any]) -> None:
    gw = gateway("local")
    powerwall = connect(gw)
    assert powerwall.set_operation(level=60, mode="autonomous")
    assert noted(gw) == [("operation", {"real_mode": "autonomous", "backup_reserve_percent": 60.0})]
    assert powerwall.get_mode(force=True) == "autonomous"
    assert powerwall.get_reserve(scale=False, force=True) == 60.0
    assert (gw.truth()["mode"], gw.truth()["reserve"]) == ("autonomous", 60.0)
