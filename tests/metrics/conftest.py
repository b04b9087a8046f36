"""Frozen views built from recorded answers, and the tools of the stacks this room feeds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from pwserver.modes import Reach
from pwserver.reading import Capability, GatewayIdentity, GatewayStatus, Reading, ServerFacts
from pwserver.state.daily_findings import DailyFindings
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge
from pwserver.state.view import SiteView, View
from pwserver.tariff.figures import ValueFigures
from pwserver.tariff.price_lookup import PriceLookup
from pwserver.tariff.tariff import Tariff
from pwserver.tariff.tesla_tariff import read_tesla_tariff

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
NOW = 1_700_000_002.5


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def powerwall3() -> Reading:
    data = json.loads((HERE / "data/powerwall3.json").read_text())
    return Reading.partial(gateway_id="home", **data)


@pytest.fixture(scope="session")
def simulated() -> Reading:
    """The simulated site of the recordings: two Powerwall 2 and a solar inverter."""
    data = json.loads((HERE / "data/simulated.json").read_text())
    known = {member.name for member in fields(Reading)}
    kept = {name: value for name, value in data.items() if name in known}
    return Reading.partial(gateway_id="cabin", reach=Reach.TEDAPI, **kept)


@pytest.fixture(scope="session")
def view_of() -> Callable[..., View]:
    server = ServerFacts("1.2.3", "0.22.2", 1_699_990_000.0, "home", 5.0, {})

    def make(
        reading: Reading | None,
        gateway: str = "home",
        name: str = "Home ☀",
        status: dict[str, Any] | None = None,
        **changes: Any,
    ) -> View:
        if reading is not None:
            reading = replace(reading, gateway_id=gateway, **changes)
        known: dict[str, Any] = {
            "state": "ok",
            "online": True,
            "total_successes": 7,
            "poll_seconds": 0.25,
            "last_updated": 1.7e9,
        }
        return View(GatewayIdentity(gateway, name), GatewayStatus(**(known | (status or {}))), reading, server, NOW)

    return make


@pytest.fixture(scope="session")
def site_of() -> Callable[..., SiteView]:
    return lambda *views: SiteView(views, views[0].server, NOW)


@pytest.fixture(scope="session")
def frozen_site(view_of, site_of, powerwall3, simulated) -> SiteView:
    """Three gateways: one with everything, one as recorded, one that is down; and the virtual sum, never shown."""
    generator = {
        "instant_power": 4200.5,
        "instant_average_voltage": 240.0,
        "instant_average_current": 17.5,
        "energy_imported": 12.5,
        "energy_exported": 98765,
    }
    rich = replace(
        powerwall3,
        aggregates={**powerwall3.aggregates, "generator": generator},
        vitals={**powerwall3.vitals, "TEMSA--x--y": {"METER_Z_CTA_I": 4.5, "METER_Z_VL1N": 121.0}},
        din="1707000-11-J--TG0000000000A1",
        alerts=["PodCommissionTime", "BackfeedLimited"],
        reserve=20.0,
        device_ages_seconds={"TEPOD--1707000-11-J--TG0000000000A1": 4.0},
        flags={"soe": "out of range"},
    )
    capabilities = {"vitals": Capability(1.7e9, 0, True), "fans": Capability(1.6e9, 3, False), "x": Capability()}
    first = view_of(
        rich,
        status={
            "capabilities": capabilities,
            "connection_mode": "TEDAPI v1r",
            "calls_total": 99,
            "tedapi_mode": "v1r",
            "state_since": 1_699_999_000.0,
        },
    )
    version, currency = read_tesla_tariff(
        {
            "energy_charges": {"ALL": {"ALL": 0.3}},
            "sell_tariff": {"energy_charges": {"ALL": {"ALL": 0.1}}},
            "currency": "USD",
        }
    )
    lookup = PriceLookup(Tariff(currency, (version,)), ZoneInfo("UTC"))
    day = {"cost": 1.5, "earnings": 0.25, "fixed": 0.5, "bill": 1.75, "solar_savings": 4.0, "battery_savings": -0.5}
    first = replace(first, value=ValueFigures(currency, lookup, {"today": day, "month": day, "total": day}))
    # What the history's days say of a unit and of its strings.
    serial = rich.system_status["battery_blocks"][0]["PackageSerialNumber"]
    daily = DailyFindings({serial: 101.25}, {name: name == "A" for name in rich.strings})
    judged = GatewayJudge(GatewayMemory(daily=daily)).take(rich)
    first = replace(first, reading=judged.reading, judged=judged)
    second = view_of(simulated, "cabin", "Cabin")
    down = view_of(None, "barn", "Barn \"north\"\n\\", {"state": "backing-off", "online": False, "total_failures": 4,
                   "consecutive_failures": 4, "backoff_seconds": 60, "last_updated": None, "poll_seconds": None,
                   "total_successes": 0})  # fmt: skip
    whole = replace(first, gateway=replace(first.gateway, id="aggregate", virtual=True))
    return site_of(first, second, down, whole)


SELF = {
    "powerwall_outages_total": {("home",): 3},
    "powerwall_last_outage_seconds": {("home",): 1800.5, ("cabin",): None},
    "powerwall_events_total": {("home", "grid_down"): 3, ("home", "grid_up"): 2},
    "pwserver_http_requests_total": {("1", "get"): 120, ("2", "get"): 80, ("1", "post"): 1},
    "pwserver_http_errors_total": {("1",): 2},
    "pwserver_http_no_data_total": {("1",): 1},
    "pwserver_http_not_modified_total": {("1",): 4},
    "pwserver_http_documents_total": {("/aggregates",): 150, ("/api/gateways/{id}",): 7},
    "pwserver_http_slow_path_total": {("1",): 3},
    "pwserver_http_rejected_total": {("1", "malformed"): 0, ("1", "rate"): 2},
    "pwserver_http_connections_total": {("1",): 9},
    "pwserver_websockets_total": {("1",): 1},
    "pwserver_faults_total": {("1",): 0},
    "pwserver_process_resident_memory_bytes": {("main",): 40e6, ("poller",): 80e6},
    "pwserver_process_cpu_seconds_total": {("poller",): 3.25},
    "pwserver_process_open_fds": {("poller",): 21},
    "pwserver_process_start_time_seconds": {("poller",): 1_699_990_001.0},
    "pwserver_process_restarts_total": {("worker-1",): 1},
    "pwserver_process_heartbeat_age_seconds": {("worker-1",): 0.5},
    "pwserver_snapshots_published_total": {("home",): 7},
    "pwserver_snapshot_overflows_total": {("home",): 0},
    "pwserver_render_duration_seconds": {("home",): 0.012},
    "pwserver_poll_lateness_seconds": {("home",): 0.001},
    "pwserver_history_write_failures_total": 0,
    "pwserver_notices_sent_total": {("ntfy-3f9a1c",): 4},
    "pwserver_notices_failed_total": {("ntfy-3f9a1c",): 1},
    "pwserver_notices_given_up_total": {("ntfy-3f9a1c",): 0},
    "pwserver_notices_waiting": 0,
    "pwserver_mqtt_connected": 1,
    "pwserver_mqtt_connects_total": 1,
    "pwserver_mqtt_published_total": 500,
    "pwserver_mqtt_commands_total": {("done",): 2, ("rejected",): 1},
    "pwserver_replica_connected": 1,
    "pwserver_replica_published_total": 7,
    "pwserver_replica_refused_total": 0,
}


@pytest.fixture(scope="session")
def self_metrics() -> dict[str, Any]:
    return dict(SELF)


@pytest.fixture(scope="session")
def tool() -> Callable[[str], str]:
    def find(name: str) -> str:
        for folder in (None, "/usr/sbin:/usr/bin:/sbin:/bin"):
            path = shutil.which(name, path=folder)
            if path:
                return path
        raise AssertionError(f"this test needs {name}; the Debian packages are listed in .ci/packages")

    return find
