"""Tesla's servers, played over TLS: cloud, FleetAPI, and the hybrid link next to a local gateway."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways import library_internals
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from pwserver.state.judge import GatewayJudge
from tests.gateways.conftest import Open, definition_of
from tests.support.waiting import WaitUntil
from tests.tesla import ROOT, SITE, Tesla


@pytest.fixture
def tesla(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tesla]:
    """The server, trusted through the environment only, and login files for both remote modes."""
    folder = tmp_path / "tesla"
    folder.mkdir()
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PW_FLEETAPI_HTTP", "1.1")
    # The authorities of the machine have not signed this server's certificate, and each client would read all of them.
    (folder / "authorities.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authorities.pem"))
    library_internals.load()
    with Tesla(folder) as found:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(found.bundle))
        monkeypatch.setattr("pypowerwall.cloud.teslapy.BASE_URL", found.url + "/")
        found.cloud_login(folder)
        yield found


def cloud(tesla: Tesla, tmp_path: Path, **changes: Any) -> GatewayConnection:
    definition = GatewayDefinition(
        "cloud",
        "Cloud",
        **{"email": "owner@example.com", "authpath": str(tmp_path / "tesla"), "cloud_mode": True, **changes},
    )
    return GatewayConnection(definition, GatewayOptions(timeout_seconds=2))


def fleet(tesla: Tesla, tmp_path: Path) -> GatewayConnection:
    tesla.fleet_login(tmp_path / "tesla")
    return cloud(tesla, tmp_path, fleetapi=True, email=None)


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_a_reading_from_the_servers(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    try:
        for _ in range(2):
            reading = connection.poll()
        powers = {name: meter["instant_power"] for name, meter in reading.aggregates.items()}
        assert powers == {"site": 0, "battery": -220, "load": 1070, "solar": 1290}
        assert reading.soe_raw == pytest.approx(81.0) and reading.grid_status == "UP" and reading.mode == "autonomous"
        assert reading.reserve == 20 and reading.time_remaining == 7.5 and reading.version == "26.2.1 abc"
        assert reading.connection_mode == mode == connection.status().mode
        assert all(meter["energy_imported"] is None for meter in reading.aggregates.values())
        assert (reading.cloud is not None) is (mode == "Cloud") and (reading.fleet is not None) is (mode == "FleetAPI")
        answers = {name: (answer.name.split()[0], answer.at) for name, answer in reading.answers.items()}
        names = {"operation": "site_info", "remaining": "backup_time_remaining"}
        names |= {"meters": "live_status", "level": "site_status"}
        assert {name: answers[name][0] for name in names} == names
        moments = [answers[name][1] for name in names]
        assert moments == sorted(moments) and len(set(moments)) == 4, "each answer has a time of its own"
        assert (reading.tariff or {}).get("code") == ("SCE" if mode == "Cloud" else "T")
        assert tesla.asked[f"api/1/energy_sites/{SITE}/live_status"] == 2  # every poll is fresh
        assert tesla.asked[f"api/1/energy_sites/{SITE}/site_info"] == 1  # and slow facts are not
        assert connection.status().state == "ok" and connection.limiter.calls_total >= 5
    finally:
        connection.close()


def test_silence_of_the_servers_is_not_an_outage(tesla: Tesla, tmp_path: Path) -> None:
    live = tesla.answers[f"api/1/energy_sites/{SITE}/live_status"]
    for name in ("grid_status", "island_status", "percentage_charged"):
        del live[name]
    del tesla.answers[f"api/1/energy_sites/{SITE}/site_status"]["percentage_charged"]
    del tesla.answers[f"api/1/energy_sites/{SITE}/site_info"]["backup_reserve_percent"]
    connection = cloud(tesla, tmp_path)
    try:
        reading = connection.poll()
        assert reading.grid_status is None and reading.grid_status_detail is None
        assert reading.soe_raw is None and reading.reserve is None
        assert (reading.operation or {})["backup_reserve_percent"] is None
    finally:
        connection.close()


OFF_GRID = ("off_grid", "off_grid_intentional", "off_grid_unintentional")


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_a_charge_that_one_answer_lacks_is_not_five_percent(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    """Two answers have it, and the library takes a missing one for an empty battery."""
    live, status = (tesla.answers[f"{ROOT}/{name}"] for name in ("live_status", "site_status"))
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    try:
        for in_live, in_status, level in (
            (None, 60.0, 62.0),
            (60.0, None, 62.0),
            ("60", None, None),
            (-3, 105, None),
            (None, None, None),
            (0, 0, 5.0),
        ):
            live["percentage_charged"], status["percentage_charged"] = in_live, in_status
            assert connection.poll().soe_raw == (level and pytest.approx(level))
    finally:
        connection.close()


@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_two_words_about_the_grid_have_one_meaning_everywhere(mode: str, tesla: Tesla, tmp_path: Path) -> None:
    connection = cloud(tesla, tmp_path) if mode == "Cloud" else fleet(tesla, tmp_path)
    live = tesla.answers[f"api/1/energy_sites/{SITE}/live_status"]
    try:
        for island in (*OFF_GRID, "on_grid", "island_status_unknown", "brand new word", "", None):
            for grid in ("Active", "Inactive", "Unknown", "brand new word", "", None):
                live["island_status"], live["grid_status"] = island, grid
                for name in ("island_status", "grid_status"):
                    if live[name] is None:
                        del live[name]
                if island in OFF_GRID or grid == "Inactive":
                    expected, word = "DOWN", "SystemIslandedActive"
                elif island == "on_grid" or grid == "Active":
                    expected, word = "UP", "SystemGridConnected"
                else:
                    expected, word = None, None
                reading = connection.poll()
                told = (mode, island, grid, reading.alerts)
                assert reading.grid_status == expected, told
                assert (reading.grid_status_detail or {}).get("grid_status") == word, told
                assert (reading.system_status or {})["system_island_state"] == word, told
                devices = [device["alerts"] for device in (reading.vitals or {}).values() if "alerts" in device]
                alerts = {*(reading.alerts or ()), *(name for names in devices for name in names)}
                assert ("SystemConnectedToGrid" in alerts) is (expected == "UP"), told
                assert ("SystemIslandedActive" in alerts) is (expected == "DOWN"), told
                assert expected == "DOWN" or not any("ContactorOpen" in name for name in alerts), told
    finally:
        connection.close()


def test_a_rate_limit_of_the_servers(tesla: Tesla, tmp_path: Path) -> None:
    connection = cloud(tesla, tmp_path)
    try:
        connection.poll()
        tesla.status, tesla.headers = 429, {"Retry-After": "90"}
        with pytest.raises(GatewayFailure) as raised:
            connection.poll()
        assert raised.value.cause == "rate-limit" and raised.value.retry_after_seconds == 90
        tesla.status, asked = 200, sum(tesla.asked.values())
        with pytest.raises(GatewayFailure):
            connection.poll()
        assert sum(tesla.asked.values()) == asked
        assert "CANARY" not in repr(connection.status())
    finally:
        connection.close()


def test_no_login_file_is_told_at_once(tesla: Tesla, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    connection = cloud(tesla, tmp_path, authpath=str(tmp_path / "empty"))
    try:
        with pytest.raises(GatewayFailure) as raised:
            connection.poll()
        assert raised.value.cause == "login-missing" and "--setup" in raised.value.message
    finally:
        connection.close()


def test_the_hybrid_link_fills_what_the_local_side_lacks(
    tesla: Tesla, tmp_path: Path, open_gateway: Open, wait_until: WaitUntil
) -> None:
    gateway, local = open_gateway("basic-lan")
    definition = definition_of("basic-lan", gateway, email="owner@example.com", authpath=str(tmp_path / "tesla"))
    options = replace(local.options, hybrid_cloud_link=True)
    connection = GatewayConnection(definition, options)
    try:
        assert connection.poll().mode is None  # the link connects in the background
        link = connection.link
        assert link is not None
        wait_until(lambda: link.last_success and not link.busy)
        reading = connection.poll()
        assert reading.mode == "autonomous" and reading.grid_export == "battery_ok" and reading.grid_charging is True
        assert reading.reserve == pytest.approx(20.0) and reading.connection_mode == "Basic LAN"
        settings = GatewayJudge().take(reading).operation
        assert settings.mode.answer == settings.reserve_percent.answer == "site_info of Tesla's servers"
        assert settings.mode.at is not None
        assert settings.mode.at == link.last_success and settings.mode.at < reading.timestamp + 1.0
        told = connection.status().cloud_control
        assert told is not None and told["state"] == "healthy" and told["last_known_mode"] == "autonomous"
        assert local.status().cloud_control is None
    finally:
        connection.close()


@pytest.mark.parametrize("scenario", ["basic-lan", "local", "powerwall3"])
@pytest.mark.parametrize("mode", ["Cloud", "FleetAPI"])
def test_the_hybrid_link_reads_the_tariff_slowly(
    mode: str, scenario: str, tesla: Tesla, tmp_path: Path, open_gateway: Open, wait_until: WaitUntil
) -> None:
    gateway, local = open_gateway(scenario)
    if mode == "FleetAPI":
        (tmp_path / "tesla" / ".pypowerwall.auth").unlink()
        tesla.fleet_login(tmp_path / "tesla")
    definition = definition_of(scenario, gateway, email="owner@example.com", authpath=str(tmp_path / "tesla"))
    connection = GatewayConnection(definition, replace(local.options, hybrid_cloud_link=True))
    expected, path = ("SCE", f"{ROOT}/tariff_rate") if mode == "Cloud" else ("T", f"{ROOT}/site_info")
    try:
        connection.poll()
        link = connection.link
        assert link is not None
        wait_until(lambda: connection.poll().tariff is not None)
        reading = connection.poll()
        assert reading.tariff is not None and reading.tariff["code"] == expected
        asked = tesla.asked[path]
        link._due = 0.0  # the minute of the other settings is over
        refreshed = link.last_success
        wait_until(lambda: connection.poll() and link.last_success != refreshed and not link.busy)
        assert tesla.asked[path] == asked + (mode == "FleetAPI")  # there, the settings come in the same answer
        assert connection.poll().tariff == reading.tariff
        link.refresh_soon()  # as after a command, which may have changed the tariff
        wait_until(lambda: connection.poll() and tesla.asked[path] > asked)
        assert link.tariff(1e12) is None  # an old tariff is no tariff
        wait_until(lambda: not link.busy)  # a connection that is being opened would be left half open
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (403, b"{}", "Tesla denies this login access (HTTP 403 at "),
        (200, b'{"response":{}}', "Tesla has no tariff for this site"),
    ],
)
def test_a_tariff_that_tesla_does_not_tell_is_unknown_says_why_and_costs_nothing(
    status: int, body: bytes, words: str, tesla: Tesla, tmp_path: Path, open_gateway: Open, wait_until: WaitUntil
) -> None:
    gateway, local = open_gateway("local")
    tesla.said[f"{ROOT}/tariff_rate"] = (status, body, {})
    definition = definition_of("local", gateway, email="owner@example.com", authpath=str(tmp_path / "tesla"))
    connection = GatewayConnection(definition, replace(local.options, hybrid_cloud_link=True))
    try:
        connection.poll()
        link = connection.link
        assert link is not None
        wait_until(lambda: link.status()["healthy"] and tesla.asked[f"{ROOT}/tariff_rate"])
        reading = connection.poll()
        assert reading.tariff is None
        assert reading.grid_export == "battery_ok"
        assert link.status()["healthy"]
        told = wait_until(lambda: link.status().get("tariff_problem"))
        assert told.startswith(words)
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("status", "headers", "cause", "words"),
    [
        (403, {}, "access-denied", "not for you"),
        (421, {}, "wrong-region", "not for you"),
        (412, {}, "not-registered", "not for you"),
        (429, {"Retry-After": "900"}, "rate-limit", "HTTP 429"),
        (503, {}, "tesla-fault", "HTTP 503"),
    ],
)
def test_a_link_that_worked_says_why_it_does_not_any_more(
    status: int,
    headers: dict[str, str],
    cause: str,
    words: str,
    tesla: Tesla,
    tmp_path: Path,
    open_gateway: Open,
    wait_until: WaitUntil,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway, local = open_gateway("basic-lan")
    definition = definition_of("basic-lan", gateway, email="owner@example.com", authpath=str(tmp_path / "tesla"))
    connection = GatewayConnection(definition, replace(local.options, hybrid_cloud_link=True))
    try:
        connection.poll()
        link = connection.link
        assert link is not None
        wait_until(lambda: link.status()["healthy"] and not link.busy)
        assert link.cause is None
        tesla.said["*"] = (status, b'{"error": "not for you"}', headers)
        link._due = 0.0
        wait_until(lambda: connection.poll() and link.failures and not link.busy)
        assert link.cause == cause and words in caplog.text
        pause = link._due - time.monotonic()
        assert pause == pytest.approx(900.0 if headers else 60.0, abs=30.0)
        assert (link.limiter.hold_until > time.monotonic()) is (cause == "rate-limit")
        tesla.said.clear()
        link._due = link.limiter.hold_until = 0.0
        wait_until(lambda: connection.poll() and link.status()["healthy"] and not link.busy)
        assert link.cause is None
    finally:
        connection.close()


def test_a_dead_link_costs_the_gateway_nothing(tmp_path: Path, open_gateway: Open, wait_until: WaitUntil) -> None:
    gateway, _ = open_gateway("local")
    definition = definition_of("local", gateway, email="owner@example.com", authpath=str(tmp_path))
    connection = GatewayConnection(
        definition, GatewayOptions(hybrid_cloud_link=True, cachefile=str(tmp_path / "login"))
    )
    try:
        assert connection.poll().mode == "self_consumption"
        wait_until(lambda: connection.status().cloud_control["consecutive_failures"])  # type: ignore[index]
        told = connection.status().cloud_control
        assert told is not None and told["state"] == "unavailable" and not told["connected"]
        assert connection.status().state == "ok"
    finally:
        connection.close()


def test_failover_and_the_way_back(tesla: Tesla, tmp_path: Path, open_gateway: Open) -> None:
    gateway, _ = open_gateway("powerwall2")
    definition = definition_of("powerwall2", gateway, email="owner@example.com", authpath=str(tmp_path / "tesla"))
    gateway.fault("reset")
    strict = GatewayConnection(definition, GatewayOptions(timeout_seconds=2, failover=False))
    loose = GatewayConnection(definition, GatewayOptions(timeout_seconds=2, failover=True))
    try:
        with pytest.raises(GatewayFailure):
            strict.poll()
        assert not tesla.asked
        assert loose.poll().connection_mode == "Cloud"
        status = loose.status()
        assert status.state == "fallback" and status.mode == "Cloud"
        assert status.fallback is not None and status.fallback["is_fallback_mode"]
        loose.watch._due = 0.0
        assert loose.poll().connection_mode == "Cloud"  # still away
        assert (loose.status().fallback or {})["recovery_attempts"] == 1
        gateway.fault("none")
        loose.watch._due = 0.0
        assert loose.poll().connection_mode == "TEDAPI"
        assert loose.status().state == "ok" and not (loose.status().fallback or {})["is_fallback_mode"]
    finally:
        strict.close()
        loose.close()
