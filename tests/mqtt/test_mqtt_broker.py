"""The publisher against a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pwserver.mqtt.broker_connection import REPEAT_SECONDS, Attempts, ConnectionLost, connected, end_all
from pwserver.mqtt.broker_settings import ControlRejected, MqttSettings
from pwserver.mqtt.publisher import MqttPublisher
from tests.mqtt.exceptions import sent_by_us_only
from tests.support.waiting import patient

FAST = {
    "backoff_first_seconds": 0.05,
    "backoff_last_seconds": 0.2,
    "operation_timeout_seconds": patient(5.0),  # a broker that is late is no broker that is gone
    "handshake_pause_seconds": 0.02,
    "birth_jitter_seconds": 0.05,
}


def settings_for(broker, **changes):
    return MqttSettings(**({"host": "127.0.0.1", "port": broker.port} | FAST | changes))


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, patient(60)))


def test_without_a_host_nothing_is_loaded(tmp_path):
    code = (
        "import asyncio, sys\n"
        "from pwserver.mqtt.publisher import MqttPublisher\n"
        "from pwserver.mqtt.broker_settings import MqttSettings\n"
        "async def main():\n"
        "    publisher = MqttPublisher(MqttSettings())\n"
        "    await publisher.start()\n"
        "    assert len(asyncio.all_tasks()) == 1\n"
        "    await publisher.stop()\n"
        "asyncio.run(main())\n"
        "assert not {'aiomqtt', 'paho', 'paho.mqtt'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=patient(30))


@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["silent", "closes", "http"])
def test_what_is_no_broker_is_named_with_what_to_look_at(answer):
    """A port that expects TLS closes, or keeps silent."""

    async def talk(reader, writer):
        await reader.read(1)
        writer.write(answer or b"")
        if answer is None:
            await told.wait()
        writer.close()
        await writer.wait_closed()
        closed.set()

    told, closed = asyncio.Event(), asyncio.Event()

    async def main():
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        settings = MqttSettings(host="127.0.0.1", port=port, operation_timeout_seconds=0.2)
        with pytest.raises(ConnectionLost, match=r"no MQTT answer within 0.2 s; check .*MQTT_PORT.*MQTT_TLS"):
            async with connected(settings, None):
                pass
        told.set()
        await closed.wait()
        server.close()
        await server.wait_closed()

    run(main())


def test_state_discovery_and_a_clean_stop(broker, watch, until, recorded, powerwall3, view_of):
    async def main():
        publisher = MqttPublisher(settings_for(broker))
        async with watch(broker.port) as seen:
            await publisher.start()
            publisher.publish(view_of(powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            await until(lambda: publisher.connected)
            for topic in recorded["powerwall3-second-poll"]:
                assert topic in seen.last, topic
            assert seen.last["pypowerwall/availability"] == "online"
            first = [topic for topic, _, _ in seen.log]
            assert first.index("homeassistant/device/pypowerwall_home/config") < first.index("pypowerwall/home/online")
            assert json.loads(seen.last["homeassistant/device/pypowerwall_home/config"])["origin"]
            # The second poll brings state, but no discovery; the hand-over left no old config behind.
            await until(lambda: not [t for t in seen.last if re.match("homeassistant/(?!device)", t)])
            mark = len(seen.log)
            publisher.publish(view_of(powerwall3))
            await until(lambda: ("pypowerwall/home/availability", "online", False) in seen.log[mark:])
            assert (
                sorted({t for t, _, _ in seen.log[mark:] if not sent_by_us_only(t)})
                == recorded["powerwall3-second-poll"]
            )
            # A failed poll says so and leaves the values.
            mark = len(seen.log)
            publisher.publish(view_of(powerwall3, online=False))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "offline")
            assert {t.rpartition("/")[2] for t, _, _ in seen.log[mark:]} == {"online", "name", "status", "availability"}
            publisher.publish(view_of(powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            await publisher.stop()
            await until(lambda: seen.last.get("pypowerwall/availability") == "offline")
            await until(lambda: seen.last["pypowerwall/home/availability"] == "offline")
        async with watch(broker.port) as late:  # all of it is retained
            await until(lambda: {*recorded["powerwall3-second-poll"], "pypowerwall/availability"} <= set(late.last))
            assert all(retained for _, _, retained in late.log)
            assert late.last["pypowerwall/availability"] == "offline"

    run(main())


def test_entity_form_on_the_wire_equals_the_recording(broker, watch, until, recorded, powerwall3, view_of):
    async def main():
        publisher = MqttPublisher(settings_for(broker, ha_form="entity"))
        wanted = {t for t, m in recorded["powerwall3"].items() if m["payload"] != ""}
        await publisher.start()
        publisher.publish(view_of(powerwall3))
        async with watch(broker.port) as seen:
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            await until(lambda: not [t for t in seen.last if t.startswith("homeassistant/device/")])
            await until(lambda: wanted <= set(seen.last))  # what the broker has retained comes in any order
        await publisher.stop()
        assert wanted == {t for t in seen.last if not sent_by_us_only(t)} - {"pypowerwall/availability"}

    run(main())


def test_retain_off_keeps_only_what_has_to_be_kept(broker, watch, until, powerwall3, view_of):
    async def main():
        publisher = MqttPublisher(settings_for(broker, retain=False))
        async with watch(broker.port) as seen:
            await publisher.start()
            publisher.publish(view_of(powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
        async with watch(broker.port) as late:
            kept = {"homeassistant/device/pypowerwall_home/config", "pypowerwall/availability"}
            await until(lambda: kept <= set(late.last))
            assert {t for t in late.last if t.startswith("pypowerwall/")} == {"pypowerwall/availability"}
        await publisher.stop()

    run(main())


PUBLISHER = """
import asyncio, json, sys
from pathlib import Path
from pwserver.mqtt.publisher import MqttPublisher
from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.reading import *
from pwserver.state.view import *
async def main():
    publisher = MqttPublisher(MqttSettings(host="127.0.0.1", port=int(sys.argv[1])))
    await publisher.start()
    server = ServerFacts("1", "1", 0.0, None, 5.0, {})
    while True:
        publisher.publish(View(GatewayIdentity("home", "Home"), GatewayStatus(online=True),
                               Reading.partial("home", 1.0, {"site": {"instant_power": 5.0}}), server, 1.0))
        await asyncio.sleep(0.2)
asyncio.run(main())
"""


def test_will_after_kill_9(broker, watch, until):
    async def main():
        async with watch(broker.port) as seen:
            root = Path(__file__).parents[2]
            environment = {**os.environ, "PYTHONPATH": str(root)}
            child = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(broker.port)], cwd=root, env=environment)
            try:
                wanted = {"pypowerwall/home/grid": "5.0", "pypowerwall/availability": "online"}
                await until(lambda: wanted.items() <= seen.last.items(), seconds=30)
                child.send_signal(signal.SIGKILL)
                await until(lambda: seen.last.get("pypowerwall/availability") == "offline")
            finally:
                child.kill()
                child.wait()

    run(main())


def test_broker_away_at_start_and_restarted_later(broker, watch, until, powerwall3, view_of):
    """Nothing is queued meanwhile: after the reconnect there is discovery, then the latest state."""

    async def main():
        broker.stop()
        publisher = MqttPublisher(settings_for(broker))
        await publisher.start()
        for _ in range(1000):
            publisher.publish(view_of(powerwall3))
        assert publisher.connected is False
        broker.start()
        async with watch(broker.port) as seen:
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            assert len([1 for t, _, _ in seen.log if t == "pypowerwall/home/grid"]) <= 2
        restarts = 0
        topics: list[str] = []
        # One who looks later than the publisher is back sees what is retained, in the broker's order: look once more.
        while not {"homeassistant/device/pypowerwall_home/config", "pypowerwall/home/grid"} <= set(topics):
            restarts += 1
            assert restarts < 10
            broker.stop(signal.SIGKILL)
            await until(lambda: not publisher.connected)
            broker.start()
            async with watch(broker.port) as seen:
                publisher.publish(view_of(powerwall3, soe_raw=50.0))
                await until(lambda: publisher.connected)
                await until(lambda: seen.last.get("pypowerwall/home/battery_raw") == "50.0")
                topics = [t for t, _, retained in seen.log if not retained]
        assert topics.index("homeassistant/device/pypowerwall_home/config") < topics.index("pypowerwall/home/grid")
        assert publisher.counters["connects"] == 1 + restarts
        await publisher.stop()

    run(main())


def test_a_broker_that_hangs_is_noticed_and_delays_nobody(broker, watch, until, powerwall3, view_of):
    async def main():
        publisher = MqttPublisher(settings_for(broker, operation_timeout_seconds=1.0))
        await publisher.start()
        publisher.publish(view_of(powerwall3))
        await until(lambda: publisher.connected and publisher.counters["published"] > 80)
        broker.freeze()
        for _ in range(200):
            publisher.publish(view_of(powerwall3))
        await until(lambda: not publisher.connected, "noticed")
        await asyncio.wait_for(publisher.stop(), patient(20))

    run(main())


def test_sentences_of_home_assistant(broker, watch, until, powerwall3, view_of):
    async def main():
        publisher = MqttPublisher(settings_for(broker))
        async with watch(broker.port) as seen:
            await publisher.start()
            publisher.publish(view_of(powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            await until(lambda: publisher.connected)
            mark = len(seen.log)
            await seen.send("homeassistant/status", "online")
            topic = "homeassistant/device/pypowerwall_home/config"
            await until(lambda: any(t == topic and p for t, p, _ in seen.log[mark:]))
            await until(lambda: any(t == "pypowerwall/home/availability" for t, _, _ in seen.log[mark:]))
        await publisher.stop()

    run(main())


def test_a_gateway_that_appears_later(broker, watch, until, powerwall3, view_of):
    async def main():
        publisher = MqttPublisher(settings_for(broker))
        async with watch(broker.port) as seen:
            await publisher.start()
            await until(lambda: publisher.connected)
            for name in ("one", "two", "three"):
                publisher.publish(view_of(powerwall3, identity={"id": name}))
                await until(lambda name=name: seen.last.get(f"pypowerwall/{name}/availability") == "online")
            publisher.publish(view_of(powerwall3, identity={"id": "aggregate", "virtual": True}))
            await publisher.stop()
            await until(lambda: seen.last.get("pypowerwall/availability") == "offline")
            assert not [t for t in seen.last if "/aggregate/availability" in t]

    run(main())


def test_half_a_character_of_one_house_does_not_end_the_connection_of_all(broker, watch, until, powerwall3, view_of):
    """JSON of a gateway may hold what is no text in UTF-8, as a value and as a name."""
    half = replace(powerwall3, aggregates={**powerwall3.aggregates, "note": "\ud800"})

    async def main():
        publisher = MqttPublisher(settings_for(broker))
        async with watch(broker.port) as seen:
            await publisher.start()
            publisher.publish(view_of(half, identity={"id": "odd"}))
            await until(lambda: seen.last.get("pypowerwall/odd/availability") == "online")
            assert json.loads(seen.last["pypowerwall/odd/aggregates"])["note"] == "?"
            assert publisher.counters["connects"] == 1
            await publisher.stop()

    run(main())


def test_a_task_that_misses_its_end_is_told_again():
    """asyncio.wait_for of Python 3.11 swallows a cancellation; the session must not wait for such a task for ever."""

    async def deaf():
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(3600)
        await asyncio.sleep(3600)

    async def failing():
        raise OSError("broken")

    async def main():
        tasks = [asyncio.create_task(one) for one in (deaf(), deaf(), failing())]
        await asyncio.sleep(0)
        await end_all(tasks)
        assert all(task.done() for task in tasks)

    run(main())


# Controls

SECURE = {"username": "server", "password": "s3cret", "controls": 31, "control_enabled": True}
ACL = """user server
topic readwrite pypowerwall/#
topic readwrite homeassistant/#
user trusted
topic readwrite #
user guest
topic read #
"""


@pytest.fixture
def secure_broker(make_broker):
    return make_broker(users={"server": "s3cret", "trusted": "t", "guest": "g"}, acl=ACL)


def cloud_view(view_of, powerwall3, name="home", **options):
    return view_of(powerwall3, identity={"id": name, "cloud_mode": True}, **options)


TRUSTED = {"username": "trusted", "password": "t"}


def test_one_control_round_trip_behind_an_acl(secure_broker, watch, until, powerwall3, view_of):
    calls = []

    async def main():
        async def control(gateway_id, action, payload):
            calls.append((gateway_id, action, payload))
            publisher.publish(cloud_view(view_of, powerwall3, reserve=float(payload["level"])))  # the fresh poll
            return "cloud"

        publisher = MqttPublisher(settings_for(secure_broker, **SECURE), control)
        async with watch(secure_broker.port, **TRUSTED) as seen:
            await publisher.start()
            publisher.publish(cloud_view(view_of, powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/reserve") == "20.0")
            device = json.loads(seen.last["homeassistant/device/pypowerwall_home/config"])
            entity = device["components"]["pypowerwall_home_reserve_control"]
            assert len(device["components"]["pypowerwall_home_go_off_grid"]) == 1  # no v1r: a removal
            async with watch(secure_broker.port, username="guest", password="g") as guest:
                await guest.send(entity["command_topic"], '{"value": 99}')
            await seen.send(entity["command_topic"], '{"value": 35}')
            await until(lambda: seen.last.get(entity["state_topic"]) == "35.0")
        await publisher.stop()

    run(main())
    assert calls == [("home", "operation", {"level": 35})]


def test_retained_command_is_cleared_and_not_executed(secure_broker, watch, until, powerwall3, view_of):
    calls = []

    async def main():
        async def control(*call):
            calls.append(call)

        topic = "pypowerwall/home/control/mode/set"
        async with watch(secure_broker.port, **TRUSTED) as seen:
            await seen.send(topic, '{"value":"backup"}', retain=True)
            publisher = MqttPublisher(settings_for(secure_broker, **SECURE), control)
            publisher.publish(cloud_view(view_of, powerwall3))
            await publisher.start()
            await until(lambda: (topic, "", False) in seen.log, "cleared")
            assert topic not in seen.last and calls == []
            # While subscribed, a client that sets the flag is served once, and again nothing stays.
            await seen.send(topic, '{"value":"backup"}', retain=True)
            await until(lambda: calls)
            await until(lambda: topic not in seen.last)
        async with watch(secure_broker.port, **TRUSTED) as late:
            await until(lambda: "pypowerwall/home/availability" in late.last)
            assert not [t for t in late.last if "/control/" in t]
        await publisher.stop()

    run(main())
    assert calls == [("home", "operation", {"mode": "backup"})]


@pytest.mark.parametrize("count", [50, 400])
def test_of_a_burst_only_the_last_word_counts(secure_broker, watch, until, powerwall3, view_of, count):
    calls = []

    async def main():
        sent = asyncio.Event()

        async def control(*call):
            calls.append(call)
            await sent.wait()

        publisher = MqttPublisher(settings_for(secure_broker, **SECURE), control)
        async with watch(secure_broker.port, "pypowerwall/home/availability", **TRUSTED) as seen:
            await publisher.start()
            publisher.publish(cloud_view(view_of, powerwall3))
            await until(lambda: publisher.connected and seen.last.get("pypowerwall/home/availability") == "online")
            sends = [
                seen.send("pypowerwall/home/control/reserve/set", json.dumps({"value": n % 101})) for n in range(count)
            ]
            await asyncio.gather(*sends)
            sent.set()
            await until(lambda: calls and calls[-1][2] == {"level": (count - 1) % 101})
        await publisher.stop()

    run(main())
    assert len(calls) < count / 4


def test_a_slow_gateway_does_not_hold_up_another(secure_broker, watch, until, powerwall3, view_of):
    done = []

    async def main():
        release = asyncio.Event()

        async def control(gateway_id, action, payload):
            if gateway_id == "slow":
                await release.wait()
            done.append(gateway_id)

        publisher = MqttPublisher(settings_for(secure_broker, **SECURE), control)
        async with watch(secure_broker.port, **TRUSTED) as seen:
            await publisher.start()
            for name in ("slow", "quick"):
                publisher.publish(cloud_view(view_of, powerwall3, name))
                await until(lambda name=name: seen.last.get(f"pypowerwall/{name}/availability") == "online")
            await seen.send("pypowerwall/slow/control/reserve/set", '{"value":1}')
            await seen.send("pypowerwall/quick/control/reserve/set", '{"value":2}')
            await until(lambda: done == ["quick"])
            release.set()
            await until(lambda: done == ["quick", "slow"])
        await publisher.stop()

    run(main())


def test_failures_are_logged_once_and_never_repeated(secure_broker, watch, until, powerwall3, view_of, caplog):
    calls = []

    async def main():
        async def control(gateway_id, action, payload):
            calls.append(payload["level"])
            if payload["level"] == 1:
                raise ControlRejected("cloud said no")
            if payload["level"] == 2:
                raise RuntimeError("token=abc")
            await asyncio.sleep(60)

        publisher = MqttPublisher(settings_for(secure_broker, **SECURE, command_timeout_seconds=0.2), control)
        async with watch(secure_broker.port, "pypowerwall/home/availability", **TRUSTED) as seen:
            await publisher.start()
            publisher.publish(cloud_view(view_of, powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            for value in (1, 2, 3):
                await seen.send("pypowerwall/home/control/reserve/set", json.dumps({"value": value}))
                await until(lambda value=value: publisher.counters["rejected"] == value)
            assert publisher.connected
        await publisher.stop()

    run(main())
    assert calls == [1, 2, 3]
    warnings = [r.getMessage() for r in caplog.records if "rejected" in r.getMessage()]
    assert len(warnings) == 3 and "cloud said no" in warnings[0]
    assert "abc" not in caplog.text and "s3cret" not in caplog.text


@pytest.mark.parametrize("lacking", [{"control_enabled": False}, {"controls": 0}])
def test_without_a_precondition_nobody_listens(secure_broker, watch, until, powerwall3, view_of, lacking, caplog):
    async def main():
        async def control(*call):
            raise AssertionError("must not be called")

        publisher = MqttPublisher(settings_for(secure_broker, **{**SECURE, **lacking}), control)
        async with watch(secure_broker.port, **TRUSTED) as seen:
            await publisher.start()
            publisher.publish(cloud_view(view_of, powerwall3))
            await until(lambda: seen.last.get("pypowerwall/home/availability") == "online")
            await seen.send("pypowerwall/home/control/reserve/set", '{"value":1}', retain=True)
            mark = len(seen.log)
            publisher.publish(cloud_view(view_of, powerwall3))
            await until(lambda: ("pypowerwall/home/availability", "online", False) in seen.log[mark:])
            assert seen.last["pypowerwall/home/control/reserve/set"]  # nobody took it away either
        await publisher.stop()

    run(main())
    assert ("PW_CONTROL_SECRET" in caplog.text) == ("control_enabled" in lacking)


class RefusingBroker:
    """Just enough of a broker to refuse a subscription; mosquitto's ACL file only hides the messages."""

    def __init__(self):
        self.published = []
        self.port = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error):
        self._server.close()

    async def _serve(self, reader, writer):
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind = (await reader.readexactly(1))[0]
                length = shift = 0
                while True:
                    byte = (await reader.readexactly(1))[0]
                    length |= (byte & 127) << shift
                    shift += 7
                    if byte < 128:
                        break
                body = await reader.readexactly(length)
                if kind >> 4 == 1:
                    writer.write(b"\x20\x02\x00\x00")
                elif kind >> 4 == 3:
                    end = 2 + int.from_bytes(body[:2])
                    self.published.append(body[2:end].decode())
                    if kind & 6:
                        writer.write(b"\x40\x02" + body[end : end + 2])
                elif kind >> 4 == 8:
                    writer.write(b"\x90\x03" + body[:2] + b"\x80")
                await writer.drain()
        writer.close()


def test_subscription_refused_by_the_broker_leaves_monitoring(until, powerwall3, view_of, caplog):
    async def main():
        async def control(*call):
            raise AssertionError("must not be called")

        async with RefusingBroker() as broker:
            publisher = MqttPublisher(settings_for(broker, **SECURE), control)
            await publisher.start()
            publisher.publish(cloud_view(view_of, powerwall3))
            await until(lambda: "pypowerwall/home/availability" in broker.published)
            await until(lambda: publisher.connected)
            await publisher.stop()

    run(main())
    assert len([r for r in caplog.records if "refused the subscription" in r.getMessage()]) == 1


def test_a_broker_that_throws_us_out_leaves_a_log_one_can_read(caplog):
    caplog.set_level(logging.INFO, "pwserver.mqtt")
    tick = 0.0
    attempts = Attempts(MqttSettings(host="broker", port=1883), lambda: tick)
    for _ in range(43200):  # a day
        attempts.success()
        assert attempts.lost("another one has our client id") == 2.0
        tick += 2.0
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0] == "MQTT connected to broker:1883"
    assert lines[1].endswith("our client id; next attempt in 2 s")
    assert lines[3].endswith("our client id (149 more times before); next attempt in 2 s")
    assert len(lines) == 1 + 2 * 86400 / REPEAT_SECONDS


def test_what_is_new_about_a_broker_is_told_at_once(caplog):
    caplog.set_level(logging.INFO, "pwserver.mqtt")
    attempts = Attempts(MqttSettings(host="broker", port=1883), lambda: 0.0)
    for reason in ("refused", "refused", "unreachable", "refused"):
        attempts.lost(reason)
    attempts.success()
    attempts.success()
    assert [record.getMessage().split("; ")[0] for record in caplog.records] == [
        "MQTT broker broker:1883: refused",
        "MQTT broker broker:1883: unreachable",
        "MQTT broker broker:1883: refused",
        "MQTT connected to broker:1883",
    ]


def test_wrong_password_is_told_without_it(secure_broker, until, caplog):
    async def main():
        publisher = MqttPublisher(settings_for(secure_broker, username="server", password="wr0ng"))
        await publisher.start()
        await until(lambda: "next attempt" in caplog.text)
        assert publisher.connected is False
        await publisher.stop()

    run(main())
    assert "wr0ng" not in caplog.text


def test_islanding_bit_is_announced_in_the_log(secure_broker, until, caplog):
    async def main():
        async def control(*call):
            return None

        publisher = MqttPublisher(settings_for(secure_broker, **SECURE), control)
        await publisher.start()
        await until(lambda: publisher.connected)
        await publisher.stop()

    run(main())
    assert "disconnect the house" in caplog.text
    assert replace(MqttSettings(), controls=1).controls == 1
