"""What the site document, the sums and the streams say of several houses, some of them in trouble."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pwserver.simulator import SimulatedGateway
from tests.compat.situations import NOBODY
from tests.e2e.conftest import many
from tests.streams.client import Client
from tests.support.server import Server
from tests.support.waiting import wait_until

HOUSES = ("home", "cabin", "barn")
METERS = {"solar": "solar", "home": "load", "battery": "battery", "grid": "site"}


@pytest.fixture(scope="module")
def houses() -> Iterator[dict[str, SimulatedGateway]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(SimulatedGateway("powerwall2", speed=0.0, hour=12, seed=number))
            for number, name in enumerate(HOUSES)
        }


@pytest.fixture(scope="module")
def server(houses: dict[str, SimulatedGateway], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Three houses that answer, one that nobody hears, one whose password is wrong."""
    environment = many(houses, tmp_path_factory.mktemp("logins"))
    entries = json.loads(environment["PW_GATEWAYS"])
    entries.append({"id": "mill", "name": "Mill", "host": NOBODY, "gw_pwd": "ABCDEFGHIJ"})
    entries.append({"id": "shed", "name": "Shed", "host": houses["barn"].address, "gw_pwd": "WRONGWRONG"})
    with Server(environment={**environment, "PW_GATEWAYS": json.dumps(entries)}) as made:
        wait_until(lambda: made.json("/api/site")["site"]["fresh"] == 3, 30, made.output())
        yield made


def of(body: dict[str, Any], gateway: str) -> dict[str, Any]:
    return next(one for one in body["gateways"] if one["id"] == gateway)


def left_out(server: Server) -> dict[str, str]:
    return {one["id"]: one["reason"] for one in server.json("/api/site")["site"]["left_out"]}


def all_agree(server: Server) -> bool:
    """The site document, its stream, the sums of old and the merged gateway tell the same powers of the same houses."""
    with Client(server.port or 0, "/ws/site") as client:
        streamed = client.message()["site"]
    body = server.json("/api/site")["site"]
    power = server.json("/api/aggregate/power")
    merged = server.json("/api/gateways/aggregate/aggregates")
    return all(
        abs(told - body[f"{shown}_watts"]) < 0.06
        for shown, meter in METERS.items()
        for told in (power[meter], merged[meter]["instant_power"], streamed[f"{shown}_watts"])
    ) and power["sources"]["left_out"] == {one["id"]: one["reason"] for one in body["left_out"]}


def test_every_configured_house_is_listed_and_says_what_is_wrong_with_it(server: Server) -> None:
    wait_until(lambda: of(server.json("/api/site"), "shed")["state"] == "away", 30)
    wait_until(lambda: of(server.json("/api/site"), "mill")["state"] == "away", 30)
    body = server.json("/api/site")
    assert [one["id"] for one in body["gateways"]] == [*HOUSES, "mill", "shed"]
    assert (body["site"]["gateways"], body["site"]["fresh"], body["site"]["state"]) == (5, 3, "partial")
    causes = set()
    for name in ("mill", "shed"):
        for told in (of(body, name), server.json(f"/api/site/{name}")):
            assert told["state"] == "away" and told["solar_watts"] is None
            assert told["cause"] and told["sentence"] and told["since"] > 1e9 and told["next_attempt"] > 1e9
            causes.add(told["cause"])
    assert len(causes) == 2, causes
    assert left_out(server) == {"mill": "no data", "shed": "no data"}
    wait_until(lambda: all_agree(server), 20)


def test_one_house_off_grid_is_named_and_the_others_stay_on_it(
    server: Server, houses: dict[str, SimulatedGateway]
) -> None:
    houses["cabin"].set_house(grid_outage=True)
    try:
        wait_until(lambda: server.json("/api/site")["site"]["grid"]["off"] == ["cabin"], 20)
        grid = server.json("/api/site")["site"]["grid"]
        assert grid["state"] == "MIXED"
        assert grid["sentence"] == "1 of 3 off grid: House cabin"
        assert server.json("/api/aggregate/")["grid_status"] is None
        assert server.json("/api/gateways/aggregate/freq")["grid_status"] is None
    finally:
        houses["cabin"].set_house(grid_outage=False)
    wait_until(lambda: server.json("/api/site")["site"]["grid"]["state"] == "UP", 30)


@pytest.mark.parametrize("pinned", [{"fixed_load": 4.0e6}, {"fixed_solar": 4.0e6}])
def test_a_house_with_impossible_power_is_left_out_everywhere(
    server: Server, houses: dict[str, SimulatedGateway], pinned: dict[str, float]
) -> None:
    houses["cabin"].set_house(**pinned)
    try:
        wait_until(lambda: left_out(server).get("cabin") == "implausible", 20)
        wait_until(lambda: all_agree(server), 20)
        told = next(one for one in server.json("/api/site")["site"]["left_out"] if one["id"] == "cabin")
        assert "is beyond" in told["sentence"]
        assert abs(server.json("/api/site")["site"]["home_watts"]) < 1e5
    finally:
        houses["cabin"].set_house(**dict.fromkeys(pinned))
    wait_until(lambda: "cabin" not in left_out(server), 20)


def test_a_house_that_dies_keeps_its_place_and_its_last_figures(
    server: Server, houses: dict[str, SimulatedGateway]
) -> None:
    before = server.json("/api/site/cabin")
    houses["cabin"].fault("unplugged")
    try:
        wait_until(lambda: left_out(server).get("cabin") in ("stale", "no data"), 20)
        wait_until(lambda: all_agree(server), 20)
        wait_until(lambda: server.json("/api/site/cabin")["state"] == "away", 20)
        told = server.json("/api/site/cabin")
        assert told["solar_watts"] is None and told["units"] == {}
        assert told["last_known"]["solar_watts"] == before["solar_watts"]
        assert told["last_known"]["read_at"] >= before["read_at"]
        assert [one["id"] for one in server.json("/api/site")["gateways"]][:3] == list(HOUSES)
    finally:
        houses["cabin"].fault()
    wait_until(lambda: "cabin" not in left_out(server), 30)
    assert "last_known" not in server.json("/api/site/cabin")


def test_a_page_about_one_house_receives_little(server: Server) -> None:
    """At the shortest time between two polls; the first message comes before the pace begins."""
    with Client(server.port or 0, "/ws/site/home") as client:
        client.message()
        begun, received = time.monotonic(), 0
        while (lasted := time.monotonic() - begun) < 8.0:  # that long is what is measured
            received += len(client.frame()[1])
    assert received / lasted <= 2000, f"{received / lasted:.0f} bytes a second"


def test_without_the_poller_the_site_document_says_so(server: Server) -> None:
    poller = server.children()["poller"]
    with Client(server.port or 0, "/ws/site/home") as client:
        os.kill(poller, signal.SIGSTOP)
        try:
            wait_until(lambda: server.json("/api/site/home")["state"] == "away", 20)
            wait_until(lambda: of(server.json("/api/site"), "cabin").get("cause") == "poller", 5)
            for told in (server.json("/api/site/home"), of(server.json("/api/site"), "cabin")):
                assert (told["state"], told["cause"]) == ("away", "poller")
                assert told["sentence"] and told["solar_watts"] is None
            wait_until(lambda: client.message().get("cause") == "poller", 20, "the stream tells it as well")
        finally:
            os.kill(poller, signal.SIGCONT)
        wait_until(lambda: client.message().get("state") == "fresh", 30)
    assert Path(f"/proc/{poller}").exists(), "it was not replaced meanwhile"
