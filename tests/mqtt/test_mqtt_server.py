"""MQTT of the running server: a simulated gateway, a real mosquitto, the real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from pwserver.mqtt.broker_connection import NOT_INSTALLED
from pwserver.mqtt.entities import serial_slug
from pwserver.simulator import SCENARIOS, SimulatedGateway
from pwserver.simulator.families import Powerwall2
from pwserver.simulator.powerwall2 import UNITS
from tests.e2e.conftest import one
from tests.mqtt.broker import Broker
from tests.support.server import Server
from tests.support.waiting import patient, wait_until

SECRET = "a-long-control-secret"
ACL = """user server
topic readwrite pypowerwall/#
topic readwrite homeassistant/#
user home
topic read pypowerwall/#
topic readwrite homeassistant/#
topic write pypowerwall/+/control/#
user guest
topic read pypowerwall/#
"""


@pytest.fixture(scope="module")
def house():
    with SimulatedGateway("local", hour=11.5) as simulated:
        yield simulated


def environment(house: SimulatedGateway, broker: Broker, **more: str) -> dict[str, str]:
    values = one(house, MQTT_HOST="127.0.0.1", MQTT_PORT=str(broker.port), PW_WORKERS="1", **more)
    del values["PW_GW_PWD"]
    return values | {"PW_PASSWORD": house.customer_password}


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, patient(90)))


async def aside(function, *arguments, **more):
    return await asyncio.to_thread(function, *arguments, **more)


def test_a_day_of_the_broker(house, broker, watch, until):
    """Topics, the will of a killed poller, a broker's restart, Home Assistant's birth, a clean stop."""

    async def main(server: Server) -> None:
        async with watch(broker.port) as seen:
            # What the broker has retained comes in any order.
            wanted = {"pypowerwall/default/availability": "online", "pypowerwall/availability": "online"}
            wanted["pypowerwall/default/grid_status"] = "UP"
            await until(lambda: wanted.items() <= seen.last.items())
            more = {"pypowerwall/default/total_capacity", "pypowerwall/default/aggregates"}
            more.add("homeassistant/device/pypowerwall_default/config")
            await until(lambda: more <= seen.last.keys())
            truth = house.truth()
            assert float(seen.last["pypowerwall/default/total_capacity"]) == truth["capacity_wh"]
            served = await aside(server.json, "/aggregates")
            assert set(json.loads(seen.last["pypowerwall/default/aggregates"])) == set(served)
            status = await aside(server.json, "/api/mqtt/status")
            assert status == {
                "enabled": True,
                "host": "127.0.0.1",
                "port": broker.port,
                "connected": True,
                "reason": None,
                "topic_prefix": "pypowerwall",
                "ha_discovery": True,
                "qos": 1,
                "retain": True,
                "tls": False,
            }

            # An outage is an event, never retained; the last one stays as a value.
            def grid_events() -> list[str]:
                told = [(json.loads(payload), kept) for topic, payload, kept in seen.log if topic == f"{base}/event"]
                assert not any(kept for _, kept in told)
                return [event["event_type"] for event, _ in told if event["event_type"].startswith("grid_")]

            base = "pypowerwall/default"
            house.set_house(grid_outage=True)
            await until(lambda: grid_events() == ["grid_down"], "the grid is lost")
            house.set_house(grid_outage=False)
            await until(lambda: grid_events() == ["grid_down", "grid_up"], "the grid is back")
            await until(lambda: {f"{base}/last_event", f"{base}/last_event/details"} <= seen.last.keys())
            assert json.loads(seen.last[f"{base}/last_event/details"])["sequence"] >= 2

            mark = len(seen.log)
            await seen.send("homeassistant/status", "online")
            config = "homeassistant/device/pypowerwall_default/config"
            await until(lambda: any(topic == config and payload for topic, payload, _ in seen.log[mark:]))

            mark = len(seen.log)
            os.kill((await aside(server.children))["poller"], signal.SIGKILL)
            await until(lambda: ("pypowerwall/availability", "offline", False) in seen.log[mark:], "the will")
            await until(lambda: seen.last.get("pypowerwall/availability") == "online", "a new poller")
            await until(lambda: ("pypowerwall/default/availability", "online", False) in seen.log[mark:])
            # HTTP went on meanwhile, from the last snapshot.
            assert (await aside(server.get, "/aggregates")).status == 200

            # A gateway that goes away is a failed poll: said at once, values left alone.
            house.fault("unplugged")
            await until(lambda: seen.last["pypowerwall/default/availability"] == "offline")
            await until(lambda: seen.last["pypowerwall/default/online"] == "false")
            assert "pypowerwall/default/grid" in seen.last
            house.fault("none")
            await until(lambda: seen.last["pypowerwall/default/availability"] == "online", seconds=30)

        await aside(broker.stop)
        await until(lambda: "refused" in (server.json("/api/mqtt/status")["reason"] or ""), "the reason")
        assert server.json("/api/mqtt/status")["connected"] is False
        before = server.timestamp()
        await aside(server.wait_for_data, newer_than=before)  # a broker that is away delays nobody
        await aside(broker.start)
        async with watch(broker.port) as seen:
            await until(lambda: seen.last.get("pypowerwall/default/availability") == "online", "back", 30)
            await until(lambda: server.json("/api/mqtt/status")["connected"])
            metrics = (await aside(server.get, "/metrics")).body.decode()
            assert "pwserver_mqtt_connected 1.0" in metrics
            server.process.send_signal(signal.SIGTERM)
            await until(lambda: seen.last.get("pypowerwall/availability") == "offline")
            await until(lambda: seen.last["pypowerwall/default/availability"] == "offline")
        assert await aside(server.process.wait, patient(10)) == 0

    with Server(environment=environment(house, broker)) as server:
        server.wait_for_data()
        run(main(server))


def test_a_control_round_trip_behind_an_access_list(house, make_broker, watch, until):
    """Home Assistant sets the reserve: the gateway gets it once, the next poll shows it; a guest gets nowhere."""
    users = {"server": "s3rver-pass", "home": "h0me-pass", "guest": "gu3st-pass"}
    broker = make_broker(users=users, acl=ACL)
    more = {
        "MQTT_USERNAME": "server",
        "MQTT_PASSWORD": users["server"],
        "MQTT_CONTROLS": "15",
        "PW_CONTROL_SECRET": SECRET,
        "MQTT_HA_DISCOVERY": "no",
    }
    topic = "pypowerwall/default/control/reserve/set"

    async def main(server: Server) -> None:
        async with watch(broker.port, "pypowerwall/#", username="home", password=users["home"]) as seen:
            await until(lambda: seen.last.get("pypowerwall/default/availability") == "online")
            written = len(house.writes)
            async with watch(broker.port, "pypowerwall/#", username="guest", password=users["guest"]) as guest:
                await guest.send(topic, '{"value": 77}')
            await seen.send(topic, '{"value": "all"}')
            await until(lambda: "rejected" in server.output())
            assert len(house.writes) == written
            await seen.send(topic, '{"value": 35}')
            await until(lambda: len(house.writes) > written)
            await until(lambda: seen.last.get("pypowerwall/default/reserve") == "35.0")
            assert len(house.writes) == written + 1
            assert (await aside(server.json, "/control/reserve"))["reserve"] == pytest.approx(35)
            counted = b'pwserver_mqtt_commands_total{outcome="rejected"} 1.0'
            await until(lambda: counted in server.get("/metrics").body)  # the page follows with the next publication
        text = server.output()
        assert "over Local" in text
        assert not [secret for secret in (*users.values(), SECRET, house.customer_password) if secret in text]

    with Server(environment=environment(house, broker, **more)) as server:
        server.wait_for_data()
        run(main(server))


def test_a_unit_that_goes_missing_and_then_leaves(broker, watch, until, tmp_path):
    """Its frozen charge is not repeated as if it were of now; what the broker retained of it goes with it, also when
    the server was down at that moment.
    """
    leaving = UNITS[1]
    state = "pypowerwall/default/batteries/2/availability"
    config = f"homeassistant/device/pypowerwall_default_{serial_slug(leaving.serial)}/config"
    settings = {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(broker.port), "PW_WORKERS": "1"}
    settings["PW_HISTORY_PATH"] = str(tmp_path / "history")

    async def goes_missing(house: SimulatedGateway) -> None:
        async with watch(broker.port) as seen:
            await until(lambda: seen.last.get(state) == "online" and config in seen.last)
            charge = json.loads(seen.last[config])["components"]["pypowerwall_default_battery_2_charge"]
            assert state in [entry["topic"] for entry in charge["availability"]]
            house.fault("unit-missing", unit=1)
            of_device = f"pypowerwall/default/devices/{leaving.serial}/availability"
            # On a machine at its limits the whole gateway may be late for a moment, and its other unit with it.
            wanted = {state: "offline", of_device: "offline", "pypowerwall/default/batteries/1/availability": "online"}
            wanted["pypowerwall/default/availability"] = "online"
            await until(lambda: wanted.items() <= seen.last.items(), "unavailable after its stated age", 30)

    async def has_left(single: SimulatedGateway) -> None:
        async with watch(broker.port) as seen:
            await until(lambda: seen.last.get(config), "what the broker retained")
            server = await aside(Server, environment=one(single, **settings))
            try:
                await aside(server.__enter__)
                await is_forgotten(seen)
            finally:
                await aside(server.__exit__, None, None, None)

    async def is_forgotten(seen) -> None:
        # An empty message takes a retained one away; they are the last of a round.
        await until(lambda: config not in seen.last, "its discovery is removed", 30)
        await until(lambda: state not in seen.last)
        await until(
            lambda: not any(leaving.serial in topic for topic in seen.last), "every topic of the unit is removed"
        )
        assert not seen.last.get("pypowerwall/default/batteries/2/charge")
        first = "pypowerwall/default/batteries/1"
        await until(lambda: seen.last.get(f"{first}/charge") and seen.last.get(f"{first}/availability") == "online")

    with SimulatedGateway("powerwall2", hour=11.5) as both, Server(environment=one(both, **settings)) as server:
        server.wait_for_data()
        run(goes_missing(both))
    alone = replace(SCENARIOS["powerwall2"], make_family=lambda: Powerwall2(UNITS[:1]))
    with SimulatedGateway(alone, hour=11.5) as single:
        run(has_left(single))


def test_a_gateway_that_was_never_reached(broker, watch, until):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: refused at once
        house = {"PW_HOST": f"127.0.0.1:{nobody.getsockname()[1]}", "PW_GW_PWD": "x" * 10, "PW_TIMEOUT": "1"}
        house |= {"MQTT_HOST": "127.0.0.1", "MQTT_PORT": str(broker.port), "PW_WORKERS": "1", "PW_FAILOVER": "no"}

        async def main() -> None:
            async with watch(broker.port, "pypowerwall/#") as seen:
                await until(lambda: seen.last.get("pypowerwall/default/availability") == "offline", seconds=30)
                # What the broker has retained comes in any order.
                wanted = {"online", "name", "status", "availability"}
                await until(lambda: {topic.rpartition("/")[2] for topic in seen.last if "/default/" in topic} == wanted)
                assert seen.last["pypowerwall/default/online"] == "false"

        with Server(environment=house):
            run(main())


def test_without_the_client_library_the_server_stays_up(house, broker, tmp_path):
    (tmp_path / "aiomqtt.py").write_text("raise ImportError('not installed')\n")
    values = environment(house, broker)
    values["PYTHONPATH"] = os.pathsep.join((str(tmp_path), str(Path(__file__).parents[2])))
    with Server(environment=values) as server:
        server.wait_for_data()
        begun = time.time()
        server.wait_for_data(newer_than=begun)
        wait_until(lambda: server.json("/api/mqtt/status")["reason"] == NOT_INSTALLED, 20, server.output())
        status = server.json("/api/mqtt/status")
        assert (status["enabled"], status["connected"]) == (True, False)
        wait_until(lambda: NOT_INSTALLED in server.output(), 10)
        assert server.output().count("pip install aiomqtt") == 1


def test_a_refused_login_is_the_reason_that_the_status_gives(house, tmp_path):
    """It is the broker's own word, without the login."""
    strict = Broker(tmp_path, users={"pwserver": "right-password"})
    strict.start()
    with contextlib.ExitStack() as stack:
        stack.callback(strict.stop)
        values = environment(house, strict) | {"MQTT_USERNAME": "pwserver", "MQTT_PASSWORD": "wrong-password"}
        with Server(environment=values) as server:

            def reason():
                return server.json("/api/mqtt/status")["reason"] or ""

            wait_until(lambda: "authori" in reason().lower() or "password" in reason().lower(), 30)
            assert "wrong-password" not in reason()


def test_mqtt_is_part_of_every_installation():
    """The extra of old instructions stays, with nothing in it."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert [one for one in project["dependencies"] if one.startswith("aiomqtt")]
    assert project["optional-dependencies"]["mqtt"] == []
