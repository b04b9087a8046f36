"""Which connection a write takes: FleetAPI, the owner API, the hybrid link, or the gateway in the house first."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways import library_internals
from pwserver.gateways.command_execution import CommandRefused, OutcomeUnknown, perform
from pwserver.gateways.command_routes import CommandNotSent
from pwserver.gateways.connection import GatewayConnection
from pwserver.simulator import SimulatedGateway
from tests.control.houses import SECRET, House, house
from tests.support.server import Server
from tests.support.waiting import wait_until
from tests.tesla import DIN, SITE, Tesla

TOU: dict[str, Any] = {"tou_settings": {"tariff_content_v2": {"code": "NEW"}}}

# action, body, what Tesla was sent, what shows it
WRITES: list[tuple[str, Any, list[tuple[str, Any]], str, Any]] = [
    ("reserve", {"value": 45}, [("backup", {"backup_reserve_percent": 45})], "/control/reserve", {"reserve": 45}),
    ("mode", {"value": "backup"}, [("operation", {"default_real_mode": "backup"})], "/control/mode",
     {"mode": "backup"}),
    ("grid_charging", {"value": False},
     [("grid_import_export", {"disallow_charge_from_grid_with_solar_installed": True})], "/control/grid_charging",
     {"grid_charging": False}),
    ("grid_export", {"value": "never"}, [("grid_import_export", {"customer_preferred_export_rule": "never"})],
     "/control/grid_export", {"grid_export": "never"}),
]  # fmt: skip


@pytest.fixture
def tesla() -> Iterator[Tesla]:
    with Tesla() as found:
        yield found


def test_fleetapi_from_end_to_end(tesla: Tesla, tmp_path: Path) -> None:
    environment = {
        "PW_AUTH_PATH": str(tesla.fleet_login(tmp_path)),
        "PW_GATEWAYS": '[{"id":"default","name":"F","fleetapi":true}]',
        "PW_CONTROL_SECRET": SECRET,
        "PW_CACHE_EXPIRE": "2",
        "PW_TIMEOUT": "2",
    }
    with Server(environment=environment) as server:
        wait_until(lambda: server.json("/health")["gateways_online"] == 1, 20, server.output())
        only = House.__new__(House)
        only.server = server
        for action, body, sent, target, shown in WRITES:
            tesla.posts.clear()
            answer = only.post(f"/control/{action}", body)
            assert answer.status == 200 and answer.headers["x-powerwall-via"] == "FleetAPI", answer
            assert tesla.posts == sent
            only.shows(target, shown)
            assert tesla.posts == sent
        tesla.posts.clear()
        assert only.post("/api/tesla/time_of_use_settings", TOU).status == 200
        assert tesla.posts == [("time_of_use_settings", TOU)]
        wait_until(lambda: server.json("/api/tesla/tariff_rate") == {"code": "NEW"}, 15, "tariff not shown")
        for action, body in (("islanding", {"value": "on_grid"}), ("max_backup", {"value": 60}), ("resume", {})):
            assert only.post(f"/control/{action}", body).status == 503
        tesla.posts.clear()
        tesla.deny = 500
        answer = only.post("/control/reserve", {"value": 45})
        assert answer.status == 503 and "CANARY" not in answer.body.decode()
        assert "CANARY" not in server.output() and SECRET not in server.output()


@pytest.mark.parametrize(("local_first", "via"), [("no", "Cloud link"), ("yes", "TEDAPI v1r")])
def test_the_hybrid_link_or_the_house_first(tesla: Tesla, tmp_path: Path, local_first: str, via: str) -> None:
    settings = {"PW_EMAIL": "owner@example.com", "PW_AUTH_PATH": str(tesla.fleet_login(tmp_path))}
    with house("v1r", PW_LOCAL_FIRST=local_first, **settings) as both:
        wait_until(lambda: both.server.json("/stats")["cloud_control"]["connected"], 20, "no link")
        answer = both.post("/control/reserve", {"value": 45})
        assert answer.status == 200 and answer.headers["x-powerwall-via"] == via, answer
        # One write, over one connection.
        assert (len(tesla.posts), len(both.writes())) == ((1, 0) if via == "Cloud link" else (0, 1))
        # Islanding never takes the cloud.
        assert both.post("/control/islanding", {"value": "on_grid"}).headers["x-powerwall-via"] == "TEDAPI v1r"
        # The tariff always does.
        assert both.post("/api/tesla/time_of_use_settings", TOU).headers["x-powerwall-via"] == "Cloud link"


def test_tedapi_over_wifi_writes_over_the_link(tesla: Tesla, tmp_path: Path) -> None:
    settings = {"PW_EMAIL": "owner@example.com", "PW_AUTH_PATH": str(tesla.fleet_login(tmp_path))}
    with house("powerwall2", **settings) as both:
        wait_until(lambda: both.server.json("/stats")["cloud_control"]["connected"], 20, "no link")
        assert both.post("/control/mode", {"value": "backup"}).headers["x-powerwall-via"] == "Cloud link"
        assert tesla.posts == [("operation", {"default_real_mode": "backup"})] and both.writes() == []


# ── the owner API, whose address only the library's own module knows ─────────────────────────────────────────────────


@pytest.fixture
def cloud(tesla: Tesla, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayConnection]:
    library_internals.load()
    monkeypatch.setattr("pypowerwall.cloud.teslapy.BASE_URL", tesla.url + "/")
    definition = GatewayDefinition(
        "cloud", "Cloud", email="owner@example.com", authpath=str(tesla.cloud_login(tmp_path)), cloud_mode=True
    )
    connection = GatewayConnection(definition, GatewayOptions(timeout_seconds=1, site_id=SITE))
    connection.poll()
    yield connection
    connection.close()


def command(connection: GatewayConnection, action: str, limit_seconds: float = 5.0, **arguments: Any) -> Any:
    start_by = time.monotonic() + 5
    return perform(connection, action, arguments, start_by=start_by, limit_seconds=limit_seconds, started=lambda: True)


def test_the_owner_api(tesla: Tesla, cloud: GatewayConnection) -> None:
    done = command(cloud, "operation", level=45, mode="backup")
    assert done.via == "Cloud" and done.result["set_backup_reserve_percent"]["din"] == DIN
    assert tesla.posts == [("backup", {"backup_reserve_percent": 45}), ("operation", {"default_real_mode": "backup"})]
    reading = cloud.poll()
    assert reading.mode == "backup" and reading.reserve == 45
    tesla.posts.clear()
    command(cloud, "grid_charging", value=False)
    command(cloud, "grid_export", value="pv_only")
    assert [path for path, _ in tesla.posts] == ["grid_import_export"] * 2
    assert command(cloud, "tariff", **TOU).result
    reading = cloud.poll()
    assert reading.grid_charging is False and reading.grid_export == "pv_only"


def test_a_lost_answer_is_an_unknown_outcome_and_never_a_second_write(tesla: Tesla, cloud: GatewayConnection) -> None:
    tesla.mute.set()
    with pytest.raises(OutcomeUnknown):
        command(cloud, "operation", level=50)
    with pytest.raises(OutcomeUnknown):
        command(cloud, "grid_export", value="never")
    assert tesla.posts == [
        ("backup", {"backup_reserve_percent": 50}),
        ("grid_import_export", {"customer_preferred_export_rule": "never"}),
    ]


def test_a_refusal_is_told(tesla: Tesla, cloud: GatewayConnection) -> None:
    tesla.deny = 400
    with pytest.raises(CommandRefused):
        command(cloud, "operation", level=50)
    with pytest.raises(CommandRefused):
        command(cloud, "grid_charging", value=True)
    with pytest.raises(CommandNotSent, match="requires v1r"):
        command(cloud, "islanding", value="on_grid")
    assert tesla.posts == []


def test_a_gateway_that_cannot_be_reached_was_sent_nothing(tesla: Tesla, cloud: GatewayConnection) -> None:
    tesla.server.shutdown()
    tesla.server.socket.close()
    with pytest.raises((CommandNotSent, CommandRefused)):
        command(cloud, "operation", level=50)
    assert tesla.posts == []


def test_with_several_gateways_a_link_must_be_certain(tesla: Tesla, tmp_path: Path) -> None:
    library_internals.load()
    with SimulatedGateway("powerwall2") as gateway:
        definition = GatewayDefinition(
            "one",
            "One",
            host=gateway.address,
            gw_pwd=gateway.password,
            email="owner@example.com",
            authpath=str(tesla.fleet_login(tmp_path)),
        )
        connection = GatewayConnection(definition, GatewayOptions(hybrid_cloud_link=True, timeout_seconds=2))
        try:
            connection.poll()
            assert connection.link is not None
            wait_until(lambda: connection.link is not None and connection.link.powerwall is not None)
            start_by = time.monotonic() + 20  # the link's own first refresh goes before
            perform(connection, "operation", {"level": 10}, start_by=start_by, limit_seconds=5, started=lambda: True)
            assert tesla.posts == [("backup", {"backup_reserve_percent": 10})]
        finally:
            connection.close()
