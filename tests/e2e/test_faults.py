"""Fifteen gateways, each ill in its own way, on one server: all reads answer, what is said is true, all recover."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.e2e.catalogue import statuses
from tests.e2e.conftest import IMPATIENT, many
from tests.support.readers import Readers
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

TTL_SECONDS = float(IMPATIENT["PW_CACHE_TTL"])
# Its limit is twice PW_TIMEOUT and two seconds; the rest is for a busy machine.
LONGEST_POLL_SECONDS = patient(2.0 * float(IMPATIENT["PW_TIMEOUT"]) + 2.0)
WELL = "well"
RETRY_AFTER_SECONDS = 7
ROUNDED_SECONDS = 0.05  # by which a recorded time may be off
# gateway id -> (scenario, what is wrong, the cause /health must name)
ILL: dict[str, tuple[str, dict[str, Any], str]] = {
    "unplugged": ("powerwall2", {"kind": "unplugged"}, "unreachable"),
    "reset": ("powerwall2", {"kind": "reset"}, "unreachable"),
    "deaf": ("powerwall2", {"kind": "deaf"}, "timeout"),
    "silent": ("powerwall3", {"kind": "silent"}, "timeout"),
    "drip": ("powerwall2", {"kind": "drip", "seconds": 1.0}, "timeout"),
    "slow": ("local", {"kind": "slow", "seconds": 20.0}, "timeout"),
    "401": ("powerwall2", {"kind": "status", "status": 401}, "auth"),
    "403": ("powerwall2", {"kind": "status", "status": 403}, "auth"),
    "404": ("powerwall2", {"kind": "status", "status": 404}, "http-error"),
    "429": ("powerwall2", {"kind": "status", "status": 429, "retry_after_seconds": RETRY_AFTER_SECONDS}, "rate-limit"),
    "500": ("powerwall2", {"kind": "status", "status": 500}, "http-error"),
    "503": ("local", {"kind": "status", "status": 503}, "http-error"),
    "garbage-protobuf": ("powerwall2", {"kind": "garbage-protobuf"}, "garbage"),
    "garbage-json": ("local", {"kind": "garbage-json"}, "garbage"),
}


@dataclass
class House:
    """The server, its gateways, and the readers that never stop asking."""

    server: Server
    gateways: dict[str, SimulatedGateway]
    readers: Readers
    allowed: dict[str, frozenset[int]]

    def details(self) -> dict[str, dict[str, Any]]:
        return {entry["id"]: entry for entry in self.server.json("/health")["gateway_details"]}

    def timestamps(self) -> dict[str, float]:
        return {name: self.server.timestamp(f"/api/gateways/{name}/aggregates") for name in self.gateways}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        scenarios = {WELL: "powerwall2", **{name: ill[0] for name, ill in ILL.items()}}
        gateways = {
            name: stack.enter_context(SimulatedGateway(scenario, hour=11.5)) for name, scenario in scenarios.items()
        }
        environment = many(gateways, tmp_path_factory.mktemp("logins"), PW_DEFAULT_GATEWAY=WELL)
        server = stack.enter_context(Server(environment=environment))
        for name in gateways:
            server.wait_for_data(f"/api/gateways/{name}/aggregates")
        allowed = statuses(gateways, WELL)
        readers = stack.enter_context(Readers(server.port, list(allowed), allowed=allowed, count=2))
        yield House(server, gateways, readers, allowed)


def polls(gateway: SimulatedGateway, since: float, until: float) -> int:
    """How often its meters were asked for between these moments (monotonic)."""
    meters = {"status", "/api/meters/aggregates"}
    return sum(
        since < seen.time <= until and bool({seen.about, seen.path} & meters) for seen in list(gateway.requests.recent)
    )


def test_every_fault_at_once(house: House) -> None:
    """One course of events: all well, all ill, expired, all well again."""
    server, gateways = house.server, house.gateways
    wait_until(lambda: {entry["state"] for entry in house.details().values()} == {"ok"}, 20, "all are well")

    # --- they all fall ill but one
    broken = time.time()
    for name, (_, fault, _) in ILL.items():
        gateways[name].fault(**fault)
    found: dict[str, dict[str, Any]] = {}

    def all_noticed() -> bool:
        for name, entry in house.details().items():
            if name not in found and not entry["online"] and entry["cause"] is not None:
                found[name] = entry  # as it was told first
        return set(found) == set(ILL)

    wait_until(all_noticed, 40, f"every fault is told: {sorted(set(ILL) - set(found))}")
    for name, entry in found.items():
        assert entry["cause"] == ILL[name][2], entry
        assert entry["state"] in ("backing-off", "auth-failed") and entry["state_since"] >= broken, entry
        # A poll under way may still have been a good one, and have taken as long as a poll may.
        assert entry["error"] and entry["last_updated"] < broken + LONGEST_POLL_SECONDS, entry
        assert entry["next_attempt"] is None or entry["next_attempt"] > broken, entry
    wait_until(lambda: server.json("/health")["gateways_online"] == 1, 20, "all are ill but one")
    assert server.json("/health")["status"] == "degraded"
    assert server.get("/livez").status == server.get("/readyz").status == 200

    # --- what they said last is served with its true age, and not for longer than promised
    def all_expired() -> bool:
        now, stamps = time.time(), house.timestamps()
        for name in ILL:
            assert stamps[name] < broken + LONGEST_POLL_SECONDS, name
            assert stamps[name] == 0 or now - stamps[name] < TTL_SECONDS + 2 * LONGEST_POLL_SECONDS, name
        assert stamps[WELL] > 0
        return not any(stamps[name] for name in ILL)

    wait_until(all_expired, 40, "data older than PW_CACHE_TTL are no longer served")
    for name in ILL:
        answer = server.get(f"/api/gateways/{name}/aggregates")
        assert answer.status == 200 and "age" not in answer.headers and 'instant_power":0' not in answer.body.decode()
        state = server.json(f"/api/gateways/{name}")
        assert state["data"] is None and not state["online"] and state["gateway"]["last_error"]

    def well() -> bool:
        seen = house.details()[WELL]
        return bool(seen["state"] == "ok" and seen["age_seconds"] < 10)

    wait_until(well, 20, "the one that is well is not")
    summed = server.json("/api/aggregate/power")
    assert summed["site"] == pytest.approx(server.json("/aggregates")["site"]["instant_power"], abs=2000)

    # --- after a 429 no request before its time
    refused = [item.time for item in list(gateways["429"].requests.recent) if item.status == 429]
    pauses = [later - earlier for earlier, later in pairwise(refused)]
    assert refused and all(pause >= RETRY_AFTER_SECONDS for pause in pauses), pauses

    # --- they are mended: fresh again within two polls each
    mended: dict[str, float] = {}
    moment: dict[str, float] = {}
    for name in ILL:
        gateways[name].fault("none")
        mended[name], moment[name] = time.time(), time.monotonic()
    polls_needed: dict[str, int] = {}

    def all_back() -> bool:
        for name in set(ILL) - set(polls_needed):
            recorded = server.json(f"/api/timeseries/samples?gateway={name}&limit=1000")["samples"]
            # A reading has the time at which its meters arrived, so the poll that brought it had asked for them before.
            first = next((one["ts"] for one in recorded if one["ts"] > mended[name]), None)
            if first is not None and server.timestamp(f"/api/gateways/{name}/aggregates") > mended[name]:
                until = moment[name] + first - mended[name] + ROUNDED_SECONDS
                polls_needed[name] = polls(gateways[name], moment[name], until)
        return set(polls_needed) >= recovering

    # A refused login is paid with a pause of PW_AUTH_COOLDOWN, a minute at least: not waited for here.
    recovering = {name for name in ILL if house.details()[name]["state"] != "auth-failed"}
    assert set(ILL) - recovering <= {"401", "403"}
    wait_until(all_back, 40, f"all are back: {sorted(recovering - set(polls_needed))}")
    assert max(polls_needed.values()) <= 2, polls_needed
    wait_until(
        lambda: all(house.details()[name]["online"] for name in recovering), 20, "/health says that they are back"
    )

    # --- nobody who read meanwhile ever noticed
    assert house.readers.failures == []
    assert house.readers.answers > 300


def test_a_flapping_gateway_is_told_as_it_is(house: House) -> None:
    gateway, server = house.gateways[WELL], house.server
    before = server.json("/health")["connection_health"]
    gateway.fault("flapping", fault={"kind": "reset"}, up_seconds=3.0, down_seconds=1.5)
    try:
        states: list[str] = []

        def twice_up_and_down() -> bool:
            state = house.details()[WELL]["state"]
            if not states or states[-1] != state:
                states.append(state)
            return min(states.count("ok"), states.count("backing-off")) >= 2

        wait_until(twice_up_and_down, 60, "up and down twice")
    finally:
        gateway.fault("none")
    # A poll that is under way when it goes down, as on a slow machine, has a part of the answers, or gets it elsewhere.
    assert set(states) <= {"ok", "backing-off", "degraded", "fallback"}
    wait_until(lambda: house.details()[WELL]["state"] == "ok", 20)
    after = server.json("/health")["connection_health"]
    assert after["total_failures"] > before["total_failures"]
    assert after["total_successes"] > before["total_successes"]
    assert house.readers.failures == []


def test_every_address_answers_and_is_whole(house: House) -> None:
    """All rows of the catalogue, one by one, GET and HEAD."""
    for target, allowed in house.allowed.items():
        answer = house.server.get(target)
        assert answer.status in allowed, (target, answer)
        if answer.headers["content-type"] == "application/json":
            json.loads(answer.body)
    for target in ("/aggregates", "/csv", "/health", "/api/gateways/"):
        head = house.server.get(target, "HEAD")
        assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 0


def test_the_log_tells_changes_and_not_every_failure(house: House) -> None:
    lines = [line for line in house.server.output().splitlines() if "pwserver.gateways" in line]
    for name in ILL:
        about = [line for line in lines if f"gateway {name}:" in line]
        assert 2 <= len(about) <= 12, about
    assert not [line for line in house.server.output().splitlines() if "Traceback" in line or " C " in line]
