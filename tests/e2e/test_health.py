"""What the server says about itself, to people, containers and recorders."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.conftest import one
from tests.support.programs import clean_environment
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

# Members of the predecessors' /stats and /health; clients and scripts read them by name.
STATS = {
    "pypowerwall", "mode", "gets", "posts", "errors", "timeout", "uri", "ts", "start", "clear", "uptime", "mem",
    "site_name", "cloudmode", "fleetapi", "tedapi", "pw3", "tedapi_mode", "siteid", "counter", "cf", "config",
    "connection_health", "gateways", "gateway_statuses", "fallback_mode",
}  # fmt: skip
HEALTH = {
    "status", "version", "gateways", "gateways_online", "gateways_offline", "gateway_ids", "gateway_details",
    "fallback_mode", "pypowerwall", "mode", "tedapi_mode", "connection_health", "proxy_stats",
    "pypowerwall_cache_expire", "degradation_cache_ttl_seconds", "graceful_degradation", "fail_fast_mode",
    "health_check_enabled", "startup_time", "current_time", "history_problem", "history_in_memory",
    "history_not_stored", "history_not_taken",
}  # fmt: skip
SECRET = "only-the-owner-knows"


def healthcheck(port: int | None, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pwserver", "--bind-address", "127.0.0.1", "--port", str(port), "healthcheck"]
    return subprocess.run(command, env=clean_environment(**more), capture_output=True, text=True, timeout=60)


def test_the_members_clients_read_are_there(serve: Callable[..., Server]) -> None:
    server = serve()
    stats, health = server.json("/stats"), server.json("/health")
    assert not STATS - stats.keys() and not HEALTH - health.keys()
    assert stats["mem"] > 10_000  # kB of all processes together
    assert health["status"] == "healthy" and health["connection_health"]["last_success_age_seconds"] < 30
    detail = health["gateway_details"][0]
    assert detail["state"] == "ok" and detail["capabilities"]["vitals"]["available"] is True
    assert 0 < detail["calls_per_minute"] <= detail["calls_total"]


def test_counters_are_kept_per_worker_and_add_up(serve: Callable[..., Server]) -> None:
    server = serve()
    server.get("/stats/clear")
    for _ in range(20):
        assert server.get("/aggregates").status == 200
        assert server.get("/no/such/page").status == 404
    stats = server.json("/stats")
    # The answer to /stats/clear itself may be counted just after it has cleared.
    assert stats["gets"] in (40, 41) and stats["errors"] == 20 and stats["uri"]["/aggregates"] == 20
    workers = [entry for entry in stats["processes"] if entry["name"].startswith("worker-")]
    assert len(workers) == 2 and {entry["pid"] for entry in workers} <= set(server.children().values())
    assert sum(entry["counters"]["errors"] for entry in workers) >= 20
    assert all(entry["beat_age_seconds"] is not None for entry in stats["processes"])


def test_ready_means_fresh_data(gateway: SimulatedGateway) -> None:
    gateway.fault("unplugged")
    with Server(environment=one(gateway)) as server:
        assert server.get("/livez").status == 200
        answer = server.get("/readyz")
        assert answer.status == 503 and answer.json()["gateways_online"] == 0
        assert server.get("/health").status == 200
        assert healthcheck(server.port).returncode == 0
        gateway.fault("none")
        wait_until(lambda: server.get("/readyz").status == 200, 40)
        gateway.fault("silent")
        wait_until(lambda: server.get("/readyz").status == 503, 40)
        assert server.get("/livez").status == 200


def test_healthcheck_needs_no_curl_and_tells_by_its_status(serve: Callable[..., Server]) -> None:
    server = serve()
    good = healthcheck(server.port)
    assert (good.returncode, good.stdout) == (0, "alive\n")
    server.process.terminate()
    server.process.wait(patient(20))
    gone = healthcheck(server.port)
    assert gone.returncode == 1 and "pwserver healthcheck:" in gone.stderr
    wrong = healthcheck(server.port, MQTT_TLS="perhaps")
    assert wrong.returncode == 2


def test_health_reset_needs_the_token_and_makes_the_next_attempt_come_at_once(
    gateway: SimulatedGateway, serve: Callable[..., Server]
) -> None:
    server = serve(PW_CONTROL_SECRET=SECRET, PW_BACKOFF_MAX="3600")
    gateway.fault("status", status=401)
    # A login that has worked is tried again after pauses that grow from 5 s; this is the first of half a minute.
    due = wait_until(lambda: _pause_of(server, 20.0), 60, "a pause that is long enough to be cut short")
    assert server.get("/health/reset", "POST").status in (401, 403)
    gateway.fault("none")
    reset = server.get("/health/reset", "POST", {"Authorization": f"Bearer {SECRET}"})
    assert reset.status == 200, reset
    wait_until(lambda: server.state()["state"] == "ok", 30)
    assert time.time() < due


def _pause_of(server: Server, seconds: float) -> float | None:
    """Return when the next attempt is due, if that is at least so far away."""
    due: float | None = server.state()["next_attempt"]
    return due if due is not None and due > time.time() + seconds else None


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_container_probes_may_use_either_method(serve: Callable[..., Server], method: str) -> None:
    server = serve()
    wait_until(lambda: server.get("/readyz").status == 200, 20)
    answers: dict[str, Any] = {target: server.get(target, method) for target in ("/health", "/livez", "/readyz")}
    assert {answer.status for answer in answers.values()} == {200}
    assert {answer.headers["cache-control"] for answer in answers.values()} == {"no-store"}
