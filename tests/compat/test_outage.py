"""Two gateways, one unplugged and plugged in again: at every moment everything that is said agrees and is true."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.support.server import Answer, Server
from tests.support.waiting import wait_until

TTL_SECONDS = 5
POWERS = {
    "total_site_power": "site",
    "total_battery_power": "battery",
    "total_load_power": "load",
    "total_solar_power": "solar",
}


@dataclass(frozen=True)
class House:
    """The server and the gateway that goes away; the other one stays."""

    server: Server
    leaving: SimulatedGateway


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    with SimulatedGateway("powerwall2", hour=12) as staying, SimulatedGateway("powerwall3", hour=12, seed=2) as leaving:
        gateways = [
            {"id": "staying", "name": "Staying", "host": staying.address, "gw_pwd": staying.password},
            {"id": "leaving", "name": "Leaving", "host": leaving.address, "gw_pwd": leaving.password},
        ]
        environment = {
            "PW_GATEWAYS": json.dumps(gateways),
            "PW_CACHE_EXPIRE": "1",
            "PW_CACHE_TTL": str(TTL_SECONDS),
            "PW_BACKOFF_MAX": "5",
            "PW_FAILOVER": "no",
        }
        with Server(environment=environment) as server:
            yield House(server, leaving)


class Watch:
    """Looks at everything again and again; each look checks what must hold always and tells the gateway's state."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.states: list[str] = []
        self.newest = 0.0

    def state(self) -> str:
        """online, stale or none, as the gateway's own document has it."""
        found = self.server.json("/api/gateways/leaving")
        state = "online" if found["online"] else "stale" if found["data"] else "none"
        assert found["stale"] == (state == "stale")
        assert (found["error"] is None) == found["online"]
        self.check_documents()
        self.check_sum()
        self.check_health()
        if not self.states or self.states[-1] != state:
            self.states.append(state)
        return state

    def check_documents(self) -> None:
        soe = self.server.get("/api/gateways/leaving/soe")
        assert soe.status == 200
        known = soe.json()["percentage"] is not None
        self.check_age(soe, known)
        aggregates = self.server.get("/api/gateways/leaving/aggregates")
        assert aggregates.status == 200
        self.check_age(aggregates, bool(aggregates.json()))
        staying = self.server.get("/soe")  # the first gateway answers the unprefixed paths
        assert staying.json()["percentage"] is not None
        self.check_age(staying, True)

    def check_age(self, answer: Answer, known: bool) -> None:
        assert ("age" in answer.headers) == ("x-powerwall-timestamp" in answer.headers) == known
        if known:
            assert 0 <= int(answer.headers["age"]) <= TTL_SECONDS + 1

    def check_sum(self) -> None:
        body = self.server.json("/api/aggregate/")
        sources, gateways = body["sources"], body["gateways"]
        contributors = set(sources["contributors"])
        assert contributors | set(sources["left_out"]) == {"staying", "leaving"}
        assert contributors.isdisjoint(sources["left_out"])
        assert contributors == {name for name, found in gateways.items() if found["online"]}
        assert body["num_gateways"] == 2
        assert body["num_online"] == len(contributors)
        assert body["num_degraded"] == sum(found["stale"] for found in gateways.values())
        for total, meter in POWERS.items():
            parts = [gateways[name]["data"]["aggregates"][meter]["instant_power"] for name in contributors]
            assert body[total] == pytest.approx(sum(parts)), total
        capacity = [gateways[name]["data"]["system_status"]["nominal_full_pack_energy"] for name in contributors]
        assert body["total_battery_capacity"] == pytest.approx(sum(capacity))
        assert set(sources["ages_seconds"]) >= contributors
        assert all(sources["ages_seconds"][name] <= TTL_SECONDS + 1 for name in contributors)

    def check_health(self) -> None:
        body = self.server.json("/health")
        details = {entry["id"]: entry for entry in body["gateway_details"]}
        online = [name for name, entry in details.items() if entry["online"]]
        assert (body["gateways"], body["gateways_online"]) == (2, len(online))
        assert body["status"] == ("healthy" if len(online) == 2 else "degraded")
        assert body["connection_health"]["is_degraded"] == (len(online) < 2)
        leaving = details["leaving"]
        assert (leaving["error"] is None) == leaving["online"]
        if leaving["last_updated"] is not None:  # the last good poll, whatever came after
            assert leaving["last_updated"] >= self.newest
            assert leaving["age_seconds"] >= 0
            self.newest = leaving["last_updated"]
        if not leaving["online"] and leaving["state"] != "connecting":
            assert leaving["cause"] == "unreachable"

    def until(self, condition: Callable[[], Any]) -> None:
        wait_until(condition, 40)


def test_outage_and_recovery(house: House) -> None:
    server, watch = house.server, Watch(house.server)
    wait_until(lambda: server.json("/health")["gateways_online"] == 2, 30)
    watch.until(lambda: watch.state() == "online")
    whole = server.json("/api/aggregate/power")["sources"]["contributors"]

    house.leaving.fault("unplugged")
    watch.until(lambda: watch.state() == "stale")
    stale = server.get("/api/gateways/leaving/aggregates")
    before = stale.headers["x-powerwall-timestamp"]
    later = server.get("/api/gateways/leaving/vitals")
    if later.json():  # still within its time: the very same poll
        assert later.headers["x-powerwall-timestamp"] == before
    watch.until(lambda: watch.state() == "none")
    assert server.json("/api/gateways/leaving/aggregates") == {}
    assert server.json("/api/gateways/leaving/freq") == {"grid_status": None}
    raw = server.get("/api/gateways/leaving/api/status")
    assert (raw.status, set(raw.json())) == (503, {"detail"})
    assert server.json("/health")["gateway_details"][1]["last_updated"] == watch.newest > 0

    house.leaving.fault("none")
    watch.until(lambda: watch.state() == "online")
    watch.until(lambda: server.json("/api/aggregate/power")["sources"]["contributors"] == whole)
    assert watch.states == ["online", "stale", "none", "online"]
    assert server.json("/health")["status"] == "healthy"


def test_ages_grow_between_polls_and_start_anew(house: House) -> None:
    """Age is of the moment of the request, not of the rendering."""
    server = house.server
    wait_until(lambda: server.json("/health")["gateways_online"] == 2, 30)
    seen: set[str] = set()

    def looked() -> bool:
        seen.add(server.get("/soe").headers["x-powerwall-timestamp"])
        return len(seen) >= 3

    wait_until(looked, 20)
    stamps = sorted(float(stamp) for stamp in seen)
    assert stamps[-1] - stamps[0] >= 1.0  # three polls, one a second


def test_the_virtual_gateway_answers_every_unprefixed_document(house: House) -> None:
    """Selected by its id, as any other gateway."""
    server = house.server
    wait_until(lambda: server.json("/health")["gateways_online"] == 2, 30)
    merged = server.json("/api/gateways/aggregate/aggregates")
    parts = server.json("/api/gateways/")
    assert set(merged) == {"site", "battery", "load", "solar"}
    assert set(parts) == {"staying", "leaving"}
    devices = server.json("/api/gateways/aggregate/vitals")
    assert any(name.startswith("staying_") or "staying" in name for name in devices)
    assert any("leaving" in name for name in devices)
    assert server.get("/api/gateways/aggregate/csv/v2").headers["content-type"].startswith("text/plain")
