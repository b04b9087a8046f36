"""Rules of single documents that the recordings do not exercise: clouds, tariffs, control reads, live numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from pwserver.documents import control_reads, csv_lines, meters, status, tedapi, tesla
from pwserver.documents.error_answer import ErrorAnswer
from pwserver.modes import Reach
from pwserver.reading import Capability
from pwserver.state.view import View
from tests.documents.factory import NOW, powerwall3_view, recorded_view, site_of, stale, without_reading

CLOUD = {"mode": "Cloud"}


def with_status(view: View, **changes: Any) -> View:
    return replace(view, status=replace(view.status, **changes))


def with_reading(view: View, **changes: Any) -> View:
    assert view.reading is not None
    return replace(view, reading=replace(view.reading, **changes))


@pytest.mark.parametrize(
    ("word", "json_value", "csv_field"), [("UP", 1, "1"), ("DOWN", 0, "0"), ("SYNCING", None, ""), (None, None, "")]
)
def test_grid_status_where_only_up_and_down_exist(word: str | None, json_value: int | None, csv_field: str) -> None:
    view = powerwall3_view(grid_status=word)
    assert meters.summary(view)["grid_status"] == json_value
    assert csv_lines.csv_v2(view).split(",")[5] == csv_field


def test_operation_keeps_both_scales_apart() -> None:
    body = tesla.operation(powerwall3_view())
    assert body["backup_reserve_percent"] == 24.0
    assert body["backup_reserve_percent_app"] == 20.0
    derived = tesla.operation(powerwall3_view(operation=None))
    assert derived["backup_reserve_percent"] == pytest.approx(24.0)
    other = tesla.operation(powerwall3_view(reserve=None))
    assert other["backup_reserve_percent_app"] == pytest.approx(20.0)


def test_operation_remembers_a_broken_cloud_link_and_says_so() -> None:
    view = powerwall3_view(operation=None, mode=None, reserve=None, grid_charging=None, grid_export=None)
    nothing = tesla.operation(view)
    assert (nothing["real_mode"], nothing["stale"], nothing["last_updated"]) == (None, False, None)
    link = {
        "last_known_mode": "backup",
        "last_known_mode_time": NOW - 60,
        "last_known_reserve": 50,
        "last_known_reserve_time": NOW - 90,
    }
    body = tesla.operation(with_status(view, cloud_control=link))
    assert body["real_mode"] == "backup"
    assert body["backup_reserve_percent_app"] == 50
    assert body["backup_reserve_percent"] == 52.5
    assert body["stale"] is True
    assert body["last_updated"] == NOW - 90
    fallback = tesla.operation(with_reading(view, system_status={"default_real_mode": "autonomous"}))
    assert fallback["real_mode"] == "autonomous"


def test_control_reads() -> None:
    view = powerwall3_view()
    told = control_reads.status(view)
    assert (told["enabled"], told["battery_dispatch"]) == (True, True) and told["abilities"]["dispatch"]["able"]
    assert control_reads.reserve(view) == {"reserve": 20.0}
    assert control_reads.max_backup(view)["manual_backup"]["priority"] == 2**64 - 1
    assert control_reads.max_backup(with_reading(view, backup_events=None)) == {"error": control_reads.NO_EVENTS}
    assert control_reads.max_backup(recorded_view()) == {"error": control_reads.NOT_V1R}
    assert control_reads.status(stale(view))["battery_dispatch"] is False
    off = replace(view, server=replace(view.server, control_enabled=False))
    for read in (control_reads.reserve, control_reads.mode, control_reads.grid_charging, control_reads.max_backup):
        assert read(off) == {"error": control_reads.DISABLED}
    told = control_reads.status(off)
    assert (told["enabled"], told["battery_dispatch"]) == (False, False)
    assert told["abilities"]["dispatch"]["limit"] == "control-off"


def test_clouds() -> None:
    local = powerwall3_view()
    assert tedapi.cloud_battery(local) == {"error": tedapi.NO_CLOUD}
    assert tedapi.fleet_usage(local) == {"error": tedapi.NO_FLEET}
    cloud = with_reading(with_status(local, mode="Cloud"), cloud={"battery": {"response": 1}})
    assert tedapi.cloud_usage(cloud) == {"error": tedapi.CLOUD_USAGE}
    assert tedapi.cloud_battery(cloud) == {"response": 1}
    assert tedapi.cloud_power(cloud) == {"error": tedapi.NO_ANSWER}
    fleet = with_reading(with_status(local, mode="FleetAPI"), fleet={"info": {"id": 5}})
    assert tedapi.fleet_info(fleet) == {"id": 5}
    assert tedapi.cloud_battery(fleet) == {"error": tedapi.NO_CLOUD}
    off = replace(local, server=replace(local.server, raw_routes=False))
    assert tedapi.config(off) == {"error": tedapi.SWITCHED_OFF}


def test_tariff() -> None:
    assert tesla.tariff_rate(powerwall3_view()) == {"name": "TOU", "currency": "EUR", "version": 1}
    none = powerwall3_view(tariff=None)
    assert tesla.tariff_rate(none) == ErrorAnswer(503, {"detail": tesla.NO_CLOUD})
    waiting = tesla.tariff_rate(replace(none, gateway=replace(none.gateway, cloud_mode=True)))
    assert isinstance(waiting, ErrorAnswer)
    assert waiting.status == 503
    link = {"connected": True, "tariff_problem": "Tesla denies this login access"}
    told = tesla.tariff_rate(replace(none, status=replace(none.status, cloud_control=link)))
    assert told == ErrorAnswer(503, {"detail": "No tariff received from Tesla: Tesla denies this login access"})
    refused = tesla.tariff_rate(powerwall3_view(tariff={"ERROR": "no access"}))
    assert refused == ErrorAnswer(502, {"detail": "no access"})


def test_version() -> None:
    assert status.version(powerwall3_view()) == {"version": "25.10.1 abcdef12", "vint": 251001}
    assert status.version(powerwall3_view(version=None)) == {"version": "SolarOnly", "vint": 0}
    assert status.version(powerwall3_view(version="")) == {"version": "", "vint": None}


def test_live_numbers_reach_stats_and_health() -> None:
    facts = json.loads(json.dumps(status.site_facts(site_of(powerwall3_view()))))
    live: status.LiveNumbers = {
        "now": facts["started"] + 86400 + 7384,
        "gets": 10,
        "posts": 2,
        "errors": 1,
        "timeout": 3,
        "uri": {"/soe": 5},
        "clear": facts["started"] + 5,
        "mem_kb": 4321,
    }
    body = status.stats(facts, live)
    assert body["uptime"] == "1 day, 2:03:04"
    assert (body["gets"], body["posts"], body["errors"], body["timeout"], body["mem"]) == (10, 2, 1, 3, 4321)
    assert body["clear"] == body["start"] + 5
    health = status.health(facts, live)
    assert health["proxy_stats"] == {"total_gets": 10, "total_posts": 2, "total_errors": 1, "total_timeouts": 3}
    assert health["status"] == "healthy"
    assert health["connection_health"]["last_success_age_seconds"] == pytest.approx(live["now"] - (NOW - 1))
    assert facts["connection_health"]["last_success_time"] == NOW - 1  # the facts are not changed by reading them
    assert health["gateway_details"][0]["capabilities"]["vitals"]["available"] is True
    assert status.health(facts, {**live, "extra": {"workers": 2}})["workers"] == 2


def test_health_never_calls_frozen_readings_healthy() -> None:
    facts = status.site_facts(site_of(powerwall3_view()))
    health = status.health(facts, {"now": NOW, "poller_alive": False})
    assert health["status"] == "unhealthy"
    assert health["gateways_online"] == 0
    assert health["gateway_details"][0]["online"] is False
    assert health["gateway_details"][0]["error"]
    assert health["connection_health"]["is_degraded"] is True
    assert status.stats(facts, {"now": NOW, "poller_alive": False})["gateways"]["offline"] == 1


def test_health_says_why_from_the_first_second() -> None:
    view = with_status(without_reading(powerwall3_view(), "No route to host"), cause="unreachable", state="backing-off")
    details = status.health(status.site_facts(site_of(view)), {"now": NOW})["gateway_details"][0]
    assert details["error"] == "No route to host"
    assert details["cause"] == "unreachable"
    assert details["state"] == "backing-off"


def test_uri_statistics_are_bounded() -> None:
    counts = {f"/path/{number}": number for number in range(500)}
    shown = status.limited(counts)
    assert len(shown) == status.URI_LIMIT
    assert sum(shown.values()) == sum(counts.values())
    assert shown["/path/499"] == 499
    assert status.limited({"/soe": 1}) == {"/soe": 1}


def test_private_settings_are_masked_whatever_the_caller_did() -> None:
    shown = status.masked_settings({"PW_EMAIL": "me@example.com", "PW_PASSWORD": None, "PW_HTTPS": False, "PW_PORT": 1})
    assert shown == {"PW_EMAIL": status.STARS, "PW_PASSWORD": None, "PW_HTTPS": "no", "PW_PORT": 1}


def test_mqtt_status() -> None:
    assert status.mqtt_status({})["enabled"] is False
    body = status.mqtt_status({"host": "broker", "connected": True, "username": "secret", "password": "secret"})
    assert body["connected"] is True
    assert "secret" not in json.dumps(body)


def test_capabilities_are_optional() -> None:
    view = with_status(powerwall3_view(), capabilities={"fans": Capability(None, 3, False)})
    details = status.site_facts(site_of(view))["gateway_details"][0]
    assert details["capabilities"] == {"fans": {"available": False, "last_success": None, "failures": 3}}


@pytest.mark.parametrize(
    ("view", "runs"),
    [
        (powerwall3_view(), True),
        (stale(powerwall3_view()), None),
        (without_reading(powerwall3_view()), None),
        (powerwall3_view(reach=Reach.CLOUD), None),
        (powerwall3_view(reach=Reach.FLEETAPI), None),
    ],
)
def test_a_controller_runs_where_it_has_just_measured(view: View, runs: bool | None) -> None:
    body = tesla.sitemaster(view)
    assert (body["running"], body["status"]) == (runs, "StatusUp" if runs else None)
    assert [body[name] for name in ("connected_to_tesla", "power_supply_mode", "can_reboot")] == [None] * 3


def test_no_update_is_claimed_that_nobody_told_of() -> None:
    body = tesla.update_status(powerwall3_view())
    assert body["state"] is None and body["offline_updating"] is None and body["info"] == {"status": []}
    assert body["version"] and body["current_time"] == int(NOW * 1000)
