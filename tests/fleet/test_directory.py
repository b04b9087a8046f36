"""What a replica's poller tells main about gateways, and what main makes of it."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.config import ConfigError
from pwserver.config.load import load
from pwserver.directory import IDENTITY_BYTES, Directory, default_of, joined
from pwserver.mqtt.replica_messages import Envelope, decode, encode
from pwserver.poller.brokers import publishing_settings
from pwserver.poller.replica_feed import replica_settings
from pwserver.reading import GatewayIdentity, GatewayStatus
from pwserver_ext.arena import Arena

HOUSE = GatewayIdentity("house", "House ☀", host="10.0.0.1", timezone="Europe/Berlin")
CABIN = GatewayIdentity("cabin", "Cabin", fleetapi=True)


def directory(gateways: int = 4) -> Directory:
    return Directory(Arena({"directory": Directory.size(gateways)}).region("directory"), gateways)


def test_it_is_read_as_it_was_written() -> None:
    known = directory()
    assert (known.generation, known.read()) == (0, ())
    known.write([HOUSE, CABIN])
    assert known.read() == (HOUSE, CABIN)
    assert known.generation == 1
    known.write([])
    assert (known.generation, known.read()) == (2, ())


def test_what_is_too_long_is_left_out_and_the_rest_fits(caplog: pytest.LogCaptureFixture) -> None:
    known = directory(3)
    fits = replace(HOUSE, name="x" * (IDENTITY_BYTES - 400))
    known.write([fits, replace(CABIN, name="y" * IDENTITY_BYTES), replace(fits, id="b"), replace(fits, id="c")])
    assert [identity.id for identity in known.read()] == ["house", "b", "c"]
    assert "cabin" in caplog.text and "yyy" not in caplog.text


def test_nothing_known_is_forgotten_and_what_is_heard_comes_first() -> None:
    assert joined([CABIN], [HOUSE], None) == (CABIN, HOUSE)
    renamed = replace(HOUSE, name="New")
    assert joined([renamed], [HOUSE, CABIN], None) == (renamed, CABIN)
    assert [identity.id for identity in joined([HOUSE], (), "barn")] == ["house", "barn"]
    assert joined([HOUSE], (), "house") == (HOUSE,)


@given(st.text(max_size=80) | st.sampled_from(["../../etc/passwd", "/etc/localtime", "Mars/Olympus", ""]))
def test_what_others_say_is_safe_to_build_on(zone: str) -> None:
    (found,) = joined([replace(HOUSE, timezone=zone, virtual=True)], (), None)
    assert found.virtual is False
    assert found.timezone == zone or found.timezone == GatewayIdentity("", "").timezone


def test_the_default_gateway() -> None:
    assert default_of(()) is None
    assert default_of([HOUSE, CABIN]) == "house"
    assert default_of([HOUSE, replace(CABIN, id="default")]) == "default"


def test_the_place_in_the_list_travels_and_may_be_missing() -> None:
    envelope = Envelope(HOUSE, GatewayStatus(), None, 1.5, 1, 2, 20.0, position=3)
    message = encode(envelope, "t", None)
    assert decode(message, "t", None).position == 3
    body = json.loads(zlib.decompress(message[5:]))
    del body["position"]  # a publisher of an older version
    assert decode(message[:5] + zlib.compress(json.dumps(body).encode()), "t", None).position == 0


def test_settings_of_a_replica() -> None:
    given_url = "mqtts://reader:p%40ss@broker.example:9999/energy/snapshots"
    settings = replica_settings(load({}, {"PW_REPLICA": given_url, "PW_REPLICA_KEY": "k", "PW_REPLICA_PREFIX": "x"}))
    assert settings.where == "broker.example:9999/energy/snapshots"
    assert (settings.broker.tls, settings.broker.password, settings.key) == (True, "p@ss", b"k")
    assert replica_settings(load({}, {"PW_REPLICA": "mqtt://b", "PW_REPLICA_PREFIX": "x"})).prefix == "x"
    assert replica_settings(load({}, {"PW_REPLICA": "mqtt://b", "PW_REPLICA_MAX_GATEWAYS": "7"})).max_gateways == 7
    with pytest.raises(ConfigError) as refused:
        load({}, {"PW_REPLICA": "mqtt://user:hush@b:1/a+b"})
    assert "hush" not in str(refused.value)


def test_settings_of_a_publisher() -> None:
    values = {"MQTT_HOST": "b", "MQTT_CLIENT_ID": "house/1", "PW_REPLICA_PUBLISH": "yes", "PW_REPLICA_KEY": "k"}
    settings = publishing_settings(load({}, values))
    assert settings is not None
    assert (settings.name, settings.broker.client_id, settings.key) == ("house_1", "house/1-snapshots", b"k")
    assert publishing_settings(load({}, values | {"PW_REPLICA_PUBLISH": "no"})) is None
    assert publishing_settings(load({}, values | {"PW_REPLICA": "mqtt://c"})) is None


def test_every_control_becomes_a_command_of_the_gateways() -> None:
    from pwserver.gateways.command_execution import LIBRARY_CALLS
    from pwserver.state.controls import CONTROLS, NEEDS, NEEDS_OF

    commanded = {control.operation for control in CONTROLS.values()}
    assert commanded - {"reserve_hold"} == set(LIBRARY_CALLS) - {"backup_events"}
    assert set(NEEDS_OF) - {"reserve_hold"} == set(LIBRARY_CALLS) and set(NEEDS_OF.values()) <= set(NEEDS)
