"""Every operation from the HTTP request through the real library to the simulated gateway, and back in a GET."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.control.houses import SECRET, House
from tests.support.waiting import wait_until

RESERVE, MODE = "site_info.backup_reserve_percent", "default_real_mode"
EXPORT, CHARGING = (
    "site_info.customer_preferred_export_rule",
    "site_info.disallow_charge_from_grid_with_solar_installed",
)

# path, body, what the gateway noted (exactly), the document that shows it and how
OPERATIONS: list[tuple[str, Any, list[tuple[str, dict[str, Any]]], str, Any]] = [
    ("reserve", {"value": 40}, [("config", {RESERVE: 43.0})], "/control/reserve", {"reserve": 40.0}),
    ("reserve", {"value": 0}, [("config", {RESERVE: 5.0})], "/control/reserve", {"reserve": 0.0}),
    ("reserve", {"value": 100}, [("config", {RESERVE: 100.0})], "/control/reserve", {"reserve": 100.0}),
    ("mode", {"value": "backup"}, [("config", {MODE: "backup"})], "/control/mode", {"mode": "backup"}),
    ("reserve", {"value": 60, "mode": "autonomous"}, [("config", {RESERVE: 62.0, MODE: "autonomous"})],
     "/api/operation", {"real_mode": "autonomous", "backup_reserve_percent": 62.0}),
    ("mode", {"value": "self_consumption", "level": 20}, [("config", {RESERVE: 24.0, MODE: "self_consumption"})],
     "/control/mode", {"mode": "self_consumption"}),
    ("grid_charging", {"value": False}, [("config", {CHARGING: True})], "/control/grid_charging",
     {"grid_charging": False}),
    ("grid_charging", {"value": True}, [("config", {CHARGING: False})], "/control/grid_charging",
     {"grid_charging": True}),
    ("grid_export", {"value": "pv_only"}, [("config", {EXPORT: "pv_only"})], "/control/grid_export",
     {"grid_export": "pv_only"}),
    ("grid_export", {"value": "never"}, [("config", {EXPORT: "never"})], "/control/grid_export",
     {"grid_export": "never"}),
]  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "/api/gateways/default"])
@pytest.mark.parametrize(("action", "body", "noted", "target", "shown"), OPERATIONS)
def test_settings(v1r: House, prefix: str, action: str, body: Any, noted: list[Any], target: str, shown: Any) -> None:
    v1r.post("/api/gateways/default/control/grid_export", {"value": "battery_ok"})
    v1r.post("/control/mode", {"value": "self_consumption" if body.get("value") != "self_consumption" else "backup"})
    v1r.post("/control/reserve", {"value": 77})
    if action == "grid_charging":
        v1r.post("/control/grid_charging", {"value": not body["value"]})
    v1r.forget()
    answer = v1r.post(f"{prefix}/control/{action}", body)
    assert answer.status == 200, answer
    assert answer.headers["x-powerwall-via"] == "TEDAPI v1r"
    assert action.split("_hold")[0] in answer.headers["x-powerwall-pending"]
    assert v1r.writes() == noted
    v1r.shows(target, shown)
    assert v1r.writes() == noted, "nothing was sent a second time"


def test_the_answer_is_the_librarys(v1r: House) -> None:
    told = v1r.post("/control/reserve", {"value": 30, "mode": "backup"}).json()
    assert told["set_backup_reserve_percent"]["backup_reserve_percent"] == 33.5
    assert told["set_operation"]["real_mode"] == "backup"
    assert v1r.post("/control/grid_export", {"value": "never"}).json() is True
    assert v1r.post("/api/gateways/default/control/grid_charging", {"value": True}).json() is True


def test_the_form_of_old_scripts(v1r: House) -> None:
    assert "set_backup_reserve_percent" in v1r.form("/control/reserve", value="35").json()
    v1r.shows("/control/reserve", {"reserve": 35.0})
    assert v1r.form("/control/reserve", value="").json()["reserve"] == pytest.approx(35)
    assert "set_operation" in v1r.form("/control/mode", value="backup", level="15").json()
    assert v1r.form("/control/grid_charging", value="FALSE").json() == {"grid_charging": "Set Successfully"}
    assert v1r.form("/control/grid_export", value="PV_only").json() == {"grid_export": "Set Successfully"}
    assert [kind for kind, _ in v1r.writes()] == ["config"] * 4
    assert v1r.form("/control/dispatch", power_watts="-500.5", duration_seconds="60").json()["power_watts"] == -500.5
    assert v1r.form("/control/resume").status == 200
    v1r.shows("/control/mode", {"mode": "backup"})


def test_reserve_hold_takes_the_charge_of_now(v1r: House) -> None:
    level = v1r.server.json("/api/system_status/soe")["percentage"]
    answer = v1r.post("/control/reserve_hold", {})
    assert answer.status == 200
    ((kind, value),) = v1r.writes()
    held = (value[RESERVE] - 5) / 0.95
    assert kind == "config" and held == pytest.approx(int(level), abs=1.01) and held == pytest.approx(round(held))


def test_max_backup(v1r: House) -> None:
    assert v1r.post("/control/max_backup", {"value": 900}).json() == {"max_backup": "Scheduled for 900 seconds"}
    # The gateway wants an older event cancelled first, which the library does.
    assert [kind for kind, _ in v1r.writes()] == ["cancel_backup", "schedule_backup"]
    assert v1r.writes()[1][1]["duration_seconds"] == 900
    wait_until(lambda: v1r.server.json("/control/max_backup")["manual_backup"], 15, "no event shown")
    shown = v1r.server.json("/control/max_backup")["manual_backup"]
    assert shown["duration_seconds"] == 900 and shown["priority"] == 2**64 - 1
    v1r.forget()
    assert v1r.form("/control/max_backup", value="cancel").json() == {"max_backup": "Cancelled"}
    assert v1r.writes() == [("cancel_backup", {})]
    wait_until(lambda: v1r.server.json("/control/max_backup")["manual_backup"] is None, 15, "event still shown")


@pytest.mark.parametrize("word", ["CANCEL", "Cancel"])
def test_max_backup_is_cancelled_in_any_case_of_the_word(v1r: House, word: str) -> None:
    assert v1r.form("/control/max_backup", value=word).json() == {"max_backup": "Cancelled"}
    assert v1r.post("/control/max_backup", {"value": word}).json() == {"max_backup": "Cancelled"}
    assert v1r.writes() == [("cancel_backup", {})] * 2
    assert v1r.post("/control/max_backup", {"value": "CANCELLED"}).status == 400


def test_operation_is_no_action_of_control(v1r: House) -> None:
    for answer in (v1r.form("/control/operation", value="20"), v1r.post("/control/operation", {"value": 20})):
        assert answer.status >= 400
    assert v1r.writes() == []


def test_max_backup_read_with_the_token_clears_an_event_whose_time_is_over(v1r: House) -> None:
    v1r.gateway.device.writes.backup_event = {"start_time": 1000, "duration_seconds": 60, "priority": 1}
    answer = v1r.server.get("/control/max_backup", headers={"authorization": "Bearer a secret of the tests"})
    assert answer.json() == {"manual_backup": None, "backup_events": []}
    assert v1r.writes() == [("cancel_backup", {})]
    assert v1r.server.get("/control/max_backup?token=wrong").status == 401
    assert v1r.server.get("/control/max_backup?token=a%20secret%20of%20the%20tests").status == 200
    assert v1r.server.get("/api/gateways/default/control/max_backup?token=a+secret+of+the+tests").status == 200


def test_islanding(v1r: House) -> None:
    answer = v1r.post("/control/islanding", {"value": "off_grid", "confirm": True})
    assert answer.status == 200 and answer.json()["result"] == 1
    assert v1r.writes() == [("island", {"mode": 6, "force": True})]
    wait_until(lambda: v1r.server.json("/api/system_status/grid_status")["grid_status"] == "SystemIslandedActive")
    assert v1r.post("/control/islanding", {"value": "on_grid"}).status == 200
    assert v1r.writes()[1:] == [("island", {"mode": 1, "force": False})]
    wait_until(lambda: v1r.server.json("/api/system_status/grid_status")["grid_status"] == "SystemGridConnected")


def test_dispatch_and_resume(v1r: House) -> None:
    answer = v1r.post("/control/dispatch", {"power_watts": -1234.5, "duration_seconds": 600})
    assert answer.status == 200
    assert v1r.writes() == [("dispatch", {"power_watts": -1234.5, "duration_seconds": 600})]
    wait_until(lambda: v1r.server.json("/aggregates")["battery"]["instant_power"] == -1234.5, 15, "not dispatched")
    assert v1r.post("/control/resume", {}).status == 200
    assert v1r.writes()[1:] == [("resume", {})]
    wait_until(lambda: v1r.server.json("/aggregates")["battery"]["instant_power"] != -1234.5, 15, "not resumed")


def test_a_change_is_pending_until_a_poll_shows_it(houses: Callable[..., House]) -> None:
    house = houses("v1r", PW_CACHE_EXPIRE="60")
    house.gateway.fault("null", fields=["site_info.backup_reserve_percent"])  # reads do not show it, writes work
    try:
        assert house.post("/control/reserve", {"value": 44}).status == 200
        pending = wait_until(lambda: house.server.json("/control/status").get("pending"), 5)
        assert pending["reserve"]["value"] == 44
    finally:
        house.gateway.fault("none")
    house.post("/control/grid_export", {"value": "battery_ok"})  # polls at once, though the next tick is a minute away
    house.shows("/control/reserve", {"reserve": 44.0})


def test_a_dry_run_sends_nothing(v1r: House) -> None:
    answer = v1r.post("/control/reserve?dry_run=1", {"value": 55})
    assert answer.status == 200
    assert answer.json() == {"dry_run": True, "level": 55, "action": "reserve", "over": "TEDAPI v1r"}
    assert v1r.post("/control/islanding?dry_run=yes", {"value": "off_grid", "confirm": True}).json()["dry_run"]
    assert v1r.post("/control/reserve?dry_run=1", {"value": 155}).status == 400
    assert v1r.post("/control/reserve?dry_run", {"value": 55}).json()["dry_run"]
    assert v1r.post("/control/reserve?dry_run=perhaps", {"value": 55}).status == 400
    assert v1r.writes() == []


def test_no_command_goes_to_another_gateway_than_the_named_one(v1r: House) -> None:
    for path in ("/control/reserve", "/api/gateways/default/control/reserve", "/health/reset"):
        for name in ("gateway", "g%61teway"):
            answer = v1r.post(f"{path}?{name}=cabin", {"value": 55})
            assert answer.status == 400 and "/api/gateways/{id}/" in answer.json()["detail"]
    held = v1r.server.get("/control/max_backup?gateway=cabin", headers={"Authorization": f"Bearer {SECRET}"})
    assert held.status == 400
    assert v1r.writes() == []


def test_the_raw_path_passes_on_what_the_library_can_write(v1r: House) -> None:
    body = {"backup_reserve_percent": 25, "real_mode": "backup"}
    assert v1r.post("/api/gateways/default/api/operation", body).status == 200
    assert v1r.writes() == [("config", {MODE: "backup", RESERVE: 28.75})] or len(v1r.writes()) == 1


def test_reset(v1r: House) -> None:
    answer = v1r.post("/health/reset")
    assert answer.status == 200 and answer.json()["status"] == "ok"
    assert v1r.server.get("/health/reset").status == 405


@pytest.mark.parametrize("scenario", ["local", "local-new"])
def test_a_local_gateway_gets_mode_and_reserve_together(houses: Callable[..., House], scenario: str) -> None:
    house = houses(scenario)
    before = house.server.json("/api/operation")
    assert house.post("/control/reserve", {"value": 40}).status == 200
    assert house.writes() == [
        ("operation", {"backup_reserve_percent": 43.0, "real_mode": before["real_mode"]}),
    ]
    house.shows("/control/reserve", {"reserve": 40.0})
    house.forget()
    assert house.post("/control/mode", {"value": "backup"}).status == 200
    assert house.writes() == [("operation", {"backup_reserve_percent": 43.0, "real_mode": "backup"})]
    house.shows("/control/mode", {"mode": "backup"})
    for action, body in (("grid_export", {"value": "never"}), ("max_backup", {"value": 60})):
        assert house.post(f"/control/{action}", body).status == 503


@pytest.mark.parametrize("scenario", ["powerwall2", "basic-lan"])
def test_what_cannot_write_says_so(houses: Callable[..., House], scenario: str) -> None:
    house = houses(scenario)
    for action, body in (
        ("reserve", {"value": 40}),
        ("mode", {"value": "backup"}),
        ("grid_charging", {"value": True}),
        ("grid_export", {"value": "never"}),
        ("max_backup", {"value": 600}),
        ("dispatch", {"power_watts": 1, "duration_seconds": 1}),
        ("resume", {}),
        ("islanding", {"value": "on_grid"}),
        ("islanding", {"value": "on_grid"}),  # still 503: no cool-down for what was never sent
    ):
        answer = house.post(f"/control/{action}", body)
        assert answer.status == 503 and isinstance(answer.json()["detail"], str), (action, answer)
    assert house.form("/control/reserve", value="40").status == 400
    assert house.writes() == []
