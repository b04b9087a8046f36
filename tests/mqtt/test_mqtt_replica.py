"""Readings from one pwserver to another through a real mosquitto."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.documents import influx, prometheus
from pwserver.documents.catalogue import CATALOGUE
from pwserver.documents.document import Scope
from pwserver.documents.encode import to_json
from pwserver.documents.error_answer import ErrorAnswer
from pwserver.mqtt.broker_settings import MqttSettings
from pwserver.mqtt.replica_messages import Envelope, ReplicaMessageError, decode, encode, read_word, sign_word
from pwserver.mqtt.replica_publisher import ReplicaPublisher
from pwserver.mqtt.replica_settings import ReplicaSettings, settings_from_url
from pwserver.mqtt.replica_subscriber import ReplicaSubscriber
from pwserver.mqtt.state_topics import topics
from pwserver.reading import Answered, Capability, GatewayIdentity, GatewayStatus, Reading
from pwserver.state.view import SiteView, View
from tests.support.waiting import patient

TOPIC = "pwserver/replica/1/a/gateway/home"
ROOT = Path(__file__).parents[2]


def settings_for(broker, name="a", key=None):
    return ReplicaSettings(
        MqttSettings(
            host="127.0.0.1",
            port=broker.port,
            client_id="",
            backoff_first_seconds=0.05,
            backoff_last_seconds=0.2,
            operation_timeout_seconds=patient(5.0),
        ),
        name,
        "pwserver",
        key,
    )


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, patient(60)))


@pytest.fixture
def envelope(powerwall3):
    status = GatewayStatus(
        state="degraded",
        online=True,
        last_updated=1.5,
        consecutive_failures=0,
        poll_seconds=0.25,
        capabilities={"vitals": Capability(1.7e9, 2, True), "fans": Capability()},
        fallback={"is_fallback_mode": False, "since": None},
    )
    identity = GatewayIdentity("home", "Home ☀", host="10.0.0.1", port=8443, rsa_key_configured=True)
    reading = replace(
        powerwall3,
        alerts=["a", "b"],
        uptime="1h",
        device_ages_seconds={"TEPOD--x": 3.5},
        flags={"soe": "why"},
        backup_events={"priority": 18446744073709551615, "float": 24.074074074074073, "whole": 1, "real": 1.0},
        answers={"meters": Answered("TEDAPI status", 1.7e9)},
        further_meters=["generator"],
        counter_resets={"load.energy_imported": 1.6e9},
    )
    return Envelope(identity, status, reading, time.time(), 7, 1, 20.0)


class TestWire:
    @pytest.mark.parametrize("key", [None, b"k" * 32])
    def test_round_trip_is_exact(self, envelope, key):
        back = decode(encode(envelope, TOPIC, key), TOPIC, key)
        assert back == envelope
        for part in ("reading", "status", "identity"):  # 1 and 1.0 are equal, but not the same text
            assert repr(getattr(back, part)) == repr(getattr(envelope, part))

    def test_without_a_reading(self, envelope):
        bare = replace(envelope, reading=None)
        assert decode(encode(bare, TOPIC, None), TOPIC, None) == bare

    def test_nan_becomes_unknown(self, envelope):
        odd = replace(envelope, reading=replace(envelope.reading, soe_raw=float("nan")))
        back = decode(encode(odd, TOPIC, None), TOPIC, None)
        assert back.reading is not None and back.reading.soe_raw is None

    def test_signature_covers_topic_and_every_byte(self, envelope):
        key = b"secret"
        message = encode(envelope, TOPIC, key)
        with pytest.raises(ReplicaMessageError, match="signature"):
            decode(message, TOPIC + "2", key)
        with pytest.raises(ReplicaMessageError, match="signature"):
            decode(message, TOPIC, b"other")
        for position in range(4, len(message), max(1, len(message) // 60)):
            broken = bytearray(message)
            broken[position] ^= 1
            with pytest.raises(ReplicaMessageError):
                decode(bytes(broken), TOPIC, key)
        with pytest.raises(ReplicaMessageError, match="not signed"):
            decode(encode(envelope, TOPIC, None), TOPIC, key)

    def test_a_newer_minor_publisher_may_add_members(self, envelope):
        head, body = self.body_of(encode(envelope, TOPIC, None))
        body["reading"]["invented_later"] = 1
        body["more"] = True
        assert decode(self.message(head, body), TOPIC, None) == envelope

    @pytest.mark.parametrize(
        ("part", "member", "value"),
        [
            ("reading", "timestamp", "now"),
            ("reading", "aggregates", []),
            ("status", "online", 1),
            ("identity", "id", None),
            ("status", "capabilities", {"vitals": 3}),
            ("reading", "alerts", [1]),
            ("identity", "port", True),
            (None, "run", 1.5),
            (None, "reading", []),
        ],
    )
    def test_wrong_types_are_refused(self, envelope, part, member, value):
        head, body = self.body_of(encode(envelope, TOPIC, None))
        (body if part is None else body[part])[member] = value
        with pytest.raises(ReplicaMessageError):
            decode(self.message(head, body), TOPIC, None)

    def test_version_bomb_and_cut(self, envelope):
        message = encode(envelope, TOPIC, None)
        with pytest.raises(ReplicaMessageError, match="version 2"):
            decode(message[:3] + b"\x02" + message[4:], TOPIC, None)
        with pytest.raises(ReplicaMessageError):
            decode(message[:-5], TOPIC, None)
        bomb = zlib.compress(b" " * (64 << 20), 9)
        assert len(bomb) < 100_000
        with pytest.raises(ReplicaMessageError, match="too long"):
            decode(b"PWR\x01\x00" + bomb, TOPIC, None)
        with pytest.raises(ReplicaMessageError):
            decode(self.message(b"PWR\x01\x00", json.loads("[" * 900 + "]" * 900)), TOPIC, None)

    @given(st.binary(max_size=300))
    def test_any_bytes_are_refused(self, payload):
        for prefix in (b"", b"PWR\x01\x00", b"PWR\x01\x01"):
            with pytest.raises(ReplicaMessageError):
                decode(prefix + payload, TOPIC, None)

    def test_words(self):
        assert read_word(sign_word("offline", "t", b"k"), "t", b"k") == "offline"
        with pytest.raises(ReplicaMessageError):
            read_word(b"offline", "t", b"k")
        with pytest.raises(ReplicaMessageError):
            read_word(sign_word("offline", "t", b"k"), "other", b"k")

    @staticmethod
    def body_of(message):
        return message[:5], json.loads(zlib.decompress(message[5:]))

    @staticmethod
    def message(head, body):
        return head + zlib.compress(json.dumps(body).encode())


def test_addresses():
    made = settings_from_url("mqtts://us%40er:p%3Aw@broker.example/site/a", "cabin", b"k", tls_ca_cert="/ca")
    assert (made.broker.host, made.broker.port, made.broker.tls) == ("broker.example", 8883, True)
    assert (made.broker.username, made.broker.password, made.broker.tls_ca_cert) == ("us@er", "p:w", "/ca")
    assert made.base == "site/a/replica/1" and "p:w" not in repr(made) and "b'k'" not in repr(made)
    assert settings_from_url("mqtt://[::1]:1884", "x").broker.port == 1884
    for bad in ("http://x", "mqtt://", "mqtt://h:99999", "mqtt://h/a//b", "mqtt://h/a+", "mqtt://u:secret@"):
        with pytest.raises(ValueError) as caught:
            settings_from_url(bad, "x")
        assert "secret" not in str(caught.value)


class Reader:
    """A subscriber and what it learned last about each gateway."""

    def __init__(self, settings):
        self.subscriber = ReplicaSubscriber(settings)
        self.last = {}
        self.log = []

    async def __aenter__(self):
        await self.subscriber.start()
        self.task = asyncio.create_task(self.follow())
        return self

    async def follow(self):
        async for update in self.subscriber.updates():
            self.last[update.identity.id] = update
            self.log.append(update)

    async def __aexit__(self, *error):
        self.task.cancel()
        await self.subscriber.stop()


def shown(view):
    """Every page of the gateway as bytes, and its MQTT topics."""
    site = SiteView((view,), view.server, view.now)
    pages: dict[str, str | bytes] = {}
    for document in CATALOGUE:
        if document.scope is Scope.GATEWAY:
            body = document.render(view)
            pages[document.target] = to_json([body.status, body.body] if isinstance(body, ErrorAnswer) else body)
    pages["/metrics"], pages["/influx"] = prometheus.render(site), influx.render(site)
    return pages | topics(view)


def as_view(update, server, now):
    return View(update.identity, update.status, update.reading, server, now)


@pytest.mark.parametrize("key", [None, b"shared secret"])
def test_documents_of_a_replica_are_the_originals(broker, until, powerwall3, view_of, key):
    async def main():
        publisher = ReplicaPublisher(settings_for(broker, "a", key))
        await publisher.start()
        original = view_of(powerwall3)
        publisher.publish(original)
        async with Reader(settings_for(broker, "reader", key)) as reader:
            await until(lambda: "home" in reader.last)
            update = reader.last["home"]
            assert (update.identity, update.status, update.reading) == (
                original.gateway,
                original.status,
                original.reading,
            )
            ours, theirs = shown(as_view(update, original.server, original.now)), shown(original)
            assert len(theirs) > 100 and {target for target in theirs if ours[target] != theirs[target]} == set()
            failed = view_of(powerwall3, online=False)
            publisher.publish(failed)
            await until(lambda: reader.last["home"].status.online is False)
            assert reader.last["home"].reading == powerwall3
        await publisher.stop()

    run(main())


PUBLISHER = """
import asyncio, sys, time
from pwserver.documents import influx, prometheus
from pwserver.documents.error_answer import ErrorAnswer
from pwserver.documents.catalogue import CATALOGUE
from pwserver.documents.document import Scope
from pwserver.documents.encode import to_json
from pwserver.mqtt.replica_publisher import ReplicaPublisher
from pwserver.mqtt.replica_settings import settings_from_url
from pwserver.reading import *
from pwserver.state.view import *
async def main():
    publisher = ReplicaPublisher(settings_from_url(f"mqtt://127.0.0.1:{sys.argv[1]}", sys.argv[2], b"key"))
    await publisher.start()
    server = ServerFacts("1", "1", 0.0, None, 5.0, {})
    while True:
        now = time.time()
        publisher.publish(View(GatewayIdentity(sys.argv[3], sys.argv[3]), GatewayStatus(state="ok", online=True),
                               Reading.partial(sys.argv[3], now, {"site": {"instant_power": 5.0}}), server, now))
        await asyncio.sleep(0.1)
asyncio.run(main())
"""


def start_publisher(broker, name, gateway):
    command = [sys.executable, "-c", PUBLISHER, str(broker.port), name, gateway]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_two_publishers_two_readers_and_any_of_them_dies(broker, until):
    async def main():
        children = {name: start_publisher(broker, name, f"gw-{name}") for name in ("a", "b")}
        try:
            async with Reader(settings_for(broker, "r2", b"key")) as second:
                async with Reader(settings_for(broker, "r1", b"key")) as first:
                    for reader in (first, second):
                        await until(lambda reader=reader: len(reader.last) == 2, "both gateways")
                    children["a"].send_signal(signal.SIGKILL)
                    for reader in (first, second):
                        await until(lambda reader=reader: not reader.last["gw-a"].status.online, "a is missed")
                        lost = reader.last["gw-a"]
                        assert lost.reading is not None and lost.status.stale
                        assert lost.status.error == "publisher a is offline"
                # The first reader is gone: neither the other reader nor publisher b notice.
                mark = len(second.log)
                await until(lambda: any(u.identity.id == "gw-b" for u in second.log[mark:]))
                assert second.last["gw-b"].status.online
                children["c"] = start_publisher(broker, "a", "gw-a")
                await until(lambda: second.last["gw-a"].status.online, "a is back")
        finally:
            for child in children.values():
                child.kill()
                child.wait()

    run(main())


def test_broker_restart(broker, until, powerwall3, view_of):
    async def main():
        publisher = ReplicaPublisher(settings_for(broker))
        await publisher.start()
        publisher.publish(view_of(powerwall3))
        async with Reader(settings_for(broker, "r")) as reader:
            await until(lambda: "home" in reader.last)
            broker.stop(signal.SIGKILL)  # a gentle stop would send the wills first
            await until(lambda: not reader.last["home"].status.online)
            assert "broker" in reader.last["home"].status.error
            broker.start()
            await until(lambda: reader.last["home"].status.online)
            assert reader.last["home"].reading == powerwall3
        await publisher.stop()

    run(main())


def test_clean_stop_says_offline(broker, watch, until, powerwall3, view_of):
    async def main():
        publisher = ReplicaPublisher(settings_for(broker))
        async with watch(broker.port) as seen:
            await publisher.start()
            publisher.publish(view_of(powerwall3))
            publisher.publish(view_of(powerwall3, identity={"id": "aggregate", "virtual": True}))
            await until(lambda: seen.last.get("pwserver/replica/1/a/state") == "online" and TOPIC in seen.last)
            await publisher.stop()
            await until(lambda: seen.last["pwserver/replica/1/a/state"] == "offline")
            assert set(seen.last) == {"pwserver/replica/1/a/state", TOPIC}

    run(main())


def test_messages_that_must_not_count(broker, watch, until, envelope):
    """Unsigned, replayed, from the future, under a wrong id, or a second owner: refused and counted, never believed."""
    key = b"key"

    async def main():
        async with Reader(settings_for(broker, "r", key)) as reader, watch(broker.port, "x") as sender:
            await until(lambda: reader.subscriber.connected)

            async def send(change, *, topic=TOPIC, with_key=key):
                await sender.send(topic, encode(replace(envelope, **change), topic, with_key))

            await send({"sequence": 5})
            await until(lambda: "home" in reader.last)
            refused = reader.subscriber.refused
            cases: list[tuple[dict[str, Any], dict[str, Any]]] = [
                ({"sequence": 6}, {"with_key": None}),
                ({"sequence": 6}, {"with_key": b"wrong"}),
                ({"sequence": 4}, {}),
                ({"run": 6, "sequence": 9}, {}),
                ({"sequence": 6, "sent": time.time() + 3600}, {}),
                ({"sequence": 6}, {"topic": TOPIC.replace("home", "barn")}),
                ({"sequence": 6}, {"topic": TOPIC.replace("/a/", "/b/")}),
            ]
            for number, (change, options) in enumerate(cases, 1):
                await send(change, **options)
                await until(lambda number=number: sum(refused.values()) == number)
            await sender.send("pwserver/replica/1/a/state", "offline")
            await until(lambda: sum(refused.values()) == 8)
            assert refused.keys() >= {"not signed", "signature does not fit", "older than what is known"}
            assert len(reader.log) == 1 and reader.last["home"].status.online
            # When the owner is lost the other one takes over.
            state = "pwserver/replica/1/a/state"
            await sender.send(state, sign_word("offline", state, key))
            await until(lambda: not reader.last["home"].status.online)
            await send({"sequence": 1}, topic=TOPIC.replace("/a/", "/b/"))
            await until(lambda: reader.last["home"].publisher == "b" and reader.last["home"].status.online)

    run(main())


def test_limits_of_a_reader(broker, watch, until, envelope):
    async def main():
        settings = replace(settings_for(broker, "r"), max_gateways=1, max_message_bytes=100_000)
        async with Reader(settings) as reader, watch(broker.port, "x") as sender:
            await until(lambda: reader.subscriber.connected)
            for name in ("home", "barn"):
                topic = TOPIC.replace("home", name)
                await sender.send(
                    topic, encode(replace(envelope, identity=replace(envelope.identity, id=name)), topic, None)
                )
            await sender.send(TOPIC, b"PWR\x01\x00" + b"x" * 100_000)
            await until(lambda: sum(reader.subscriber.refused.values()) == 2)
            assert set(reader.subscriber.refused) == {"more gateways than allowed", "message too long"}
            assert set(reader.last) == {"home"}

    run(main())


def test_a_message_beyond_the_limit_is_not_sent(broker, watch, until, powerwall3, view_of, caplog):
    async def main():
        publisher = ReplicaPublisher(replace(settings_for(broker), max_message_bytes=1000))
        async with watch(broker.port) as seen:
            await publisher.start()
            for _ in range(3):
                publisher.publish(view_of(powerwall3))
                await until(lambda: "too long" in caplog.text)
            publisher.publish(view_of(None, online=False))
            await until(lambda: TOPIC in seen.last)
        await publisher.stop()

    run(main())
    assert caplog.text.count("too long") == 1


def test_silence_is_a_failure(broker, watch, until, envelope):
    async def main():
        async with Reader(settings_for(broker, "r")) as reader, watch(broker.port, "x") as sender:
            await until(lambda: reader.subscriber.connected)
            await sender.send(TOPIC, encode(replace(envelope, expect_seconds=0.3), TOPIC, None))
            await until(lambda: "home" in reader.last and not reader.last["home"].status.online)
            assert "silent" in reader.last["home"].status.error
            await sender.send(TOPIC, encode(replace(envelope, sequence=2), TOPIC, None))
            await until(lambda: reader.last["home"].status.online)

    run(main())


def test_an_old_retained_message_is_no_fresh_news(broker, watch, until, envelope):
    async def main():
        async with watch(broker.port, "x") as sender:
            old = replace(envelope, sent=time.time() - 3600)
            await sender.send(TOPIC, encode(old, TOPIC, None), retain=True)
            async with Reader(settings_for(broker, "r")) as reader:
                await until(lambda: "home" in reader.last)
                assert reader.log[0].status.online is False

    run(main())


def test_a_slow_reader_misses_steps_but_not_the_last(broker, until, powerwall3, view_of):
    async def main():
        subscriber = ReplicaSubscriber(settings_for(broker, "r"))
        publisher = ReplicaPublisher(settings_for(broker))
        await subscriber.start()
        await publisher.start()
        await until(lambda: subscriber.connected and publisher.connected)
        got = []
        async for update in subscriber_after_burst(subscriber, publisher, powerwall3, view_of, until):
            got.append(update.reading.soe_raw)
            if got[-1] == 99.0:
                break
        assert len(got) < 20
        await publisher.stop()
        await subscriber.stop()

    async def subscriber_after_burst(subscriber, publisher, powerwall3, view_of, until):
        for value in range(100):
            publisher.publish(view_of(powerwall3, soe_raw=float(value)))
            await asyncio.sleep(0)
        known = subscriber._known
        await until(lambda: "home" in known and known["home"].envelope.reading.soe_raw == 99.0)
        async for update in subscriber.updates():
            yield update

    run(main())


def test_reading_is_never_pickled():
    source = "".join(path.read_text() for path in (ROOT / "pwserver/mqtt").glob("replica_*.py"))
    assert "import pickle" not in source and "eval(" not in source
    assert Reading.partial("x", 1.0, {}).gateway_id == "x"
