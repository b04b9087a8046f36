"""Every recorded command has its recorded outcome; what may not get through does not."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.mqtt import control_topics
from pwserver.mqtt.broker_settings import (
    ControlRejected,
    MqttSettings,
    effective_controls,
    missing_for_controls,
)
from pwserver.strict_json import read_object


def parse(views, topic, payload, mask=31):
    return control_topics.parse("pypowerwall", topic, payload, views, mask)


def situation(view_of, powerwall3, condition):
    """(view, mask) of a recorded condition."""
    mask = int(m[1]) if (m := re.search(r"MQTT_CONTROLS=(\d+)", condition)) else 31
    if condition.startswith("cloud"):
        return view_of(powerwall3, identity={"cloud_mode": True}, tedapi_mode=None), mask
    if condition.startswith("TEDAPI full"):
        return view_of(powerwall3, tedapi_mode="full"), mask
    key = {"rsa_key_configured": True}
    if condition == "gateway offline, no data":
        return view_of(None, online=False, identity=key), mask
    return view_of(powerwall3, online="offline" not in condition, identity=key), mask


CALLS = {
    "set_reserve": lambda row: ("operation", {"level": row["args"][0]}),
    "set_mode": lambda row: ("operation", {"mode": row["args"][0]}),
    "set_grid_charging": lambda row: ("grid_charging", {"value": row["args"][0]}),
    "set_grid_export": lambda row: ("grid_export", {"value": row["args"][0]}),
    "go_off_grid": lambda row: ("islanding", {"value": "off_grid"}),
    "reconnect_grid": lambda row: ("islanding", {"value": "on_grid"}),
}


def test_recorded_commands(command_table, powerwall3, view_of):
    outcomes = []
    for row in command_table:
        view, mask = situation(view_of, powerwall3, row["condition"])
        payload = row["payload"].encode()
        if row["payload"].startswith("<1121 bytes"):
            payload = json.dumps({"value": 20, "extra": "x" * 1095}).encode()
            assert len(payload) == 1121
        try:
            command = parse({"home": view}, row["topic"], payload, mask)
        except ControlRejected:
            outcomes.append("rejected")
        else:
            outcomes.append("accepted")
            assert (command.operation, command.arguments) == CALLS[row["call"]](row), row
        assert outcomes[-1] == row["outcome"], row
    assert set(outcomes) == {"accepted", "rejected"} and len(outcomes) == len(command_table) > 40


@pytest.mark.parametrize(
    "topic",
    [
        "pypowerwall/home/control/reserve",
        "pypowerwall/control/reserve/set",
        "other/home/control/reserve/set",
        "pypowerwall/home/x/control/reserve/set",
        "pypowerwall//control/reserve/set",
        "pypowerwall",
    ],
)
def test_other_topics_are_no_commands(topic, powerwall3, view_of):
    with pytest.raises(ControlRejected, match="topic"):
        parse({"home": view_of(powerwall3, identity={"rsa_key_configured": True})}, topic, b'{"value":20}')


@given(st.binary(max_size=2000))
def test_any_bytes_are_rejected_or_a_command(payload):
    from pwserver.modes import Reach
    from pwserver.reading import GatewayIdentity, GatewayStatus, Reading, ServerFacts
    from pwserver.state.view import View

    view = View(
        GatewayIdentity("home", "Home", cloud_mode=True),
        GatewayStatus(online=True),
        Reading.partial("home", 1.0, {}, soe_raw=50.0, reach=Reach.CLOUD),
        ServerFacts("1", "1", 0.0, None, 5.0, {}, control_enabled=True),
        1.0,
    )
    for control in ("reserve", "mode", "islanding"):
        try:
            command = parse({"home": view}, f"pypowerwall/home/control/{control}/set", payload)
        except ControlRejected:
            continue
        assert command.control == control and len(payload) <= control_topics.MAX_PAYLOAD_BYTES


def test_deeply_nested_payload_is_only_rejected(powerwall3, view_of):
    view = view_of(powerwall3, identity={"cloud_mode": True})
    with pytest.raises(ControlRejected):
        parse({"home": view}, "pypowerwall/home/control/reserve/set", b"[" * 1024)


AMBIGUOUS = [
    b'{"value":20,"value":90}',
    b'{"value":20,"value":20}',
    b'{"value":20,"\\u0076alue":90}',
    b'{"value":20,"x":{"a":1,"a":2}}',
    b'{"value":20,"x":[{"a":1,"a":1}]}',
    b'{"value":20,"x":NaN}',
    b'{"value":20,"x":-Infinity}',
    b'{"value":20,"x":1e999}',
    b'{"value":20,"x":-1e999}',
    b'{"value":NaN}',
    b'{"value":1e999}',
    b'{"value":20}x',
    b'{"value":20}{"value":90}',
    b'{"value":20}\x00',
    b'\xef\xbb\xbf{"value":20}',
    b'{"value":20,"x":"\xff"}',
    b'{"value":20,"x":"\xed\xa0\x80"}',
    '{"value":20}'.encode("utf-16"),
    b"",
    b" ",
    b"null",
    b"20",
    b'"20"',
    b"[20]",
    b'{"value":20,}',
    b"{'value':20}",
    b'{"value":20,"x":' + b"[" * 400 + b"]" * 400 + b"",
    b'{"value":2' + b"0" * 900 + b"}",
    b'{"value":20.0}',
    b'{"value":2e1}',
    b'{"value":true}',
    b'{"value":null}',
    b'{"Value":20}',
    b'{"value":[20]}',
    b'{"value":{"value":20}}',
]


@pytest.mark.parametrize("payload", AMBIGUOUS)
def test_a_command_with_more_than_one_meaning_is_refused(payload, powerwall3, view_of):
    """MQTT refuses what HTTP refuses: a name given twice, other encodings, and whatever follows the object."""
    view = view_of(powerwall3, identity={"cloud_mode": True})
    assert parse({"home": view}, "pypowerwall/home/control/reserve/set", b'{"value":20}').arguments == {"level": 20}
    with pytest.raises(ControlRejected):
        parse({"home": view}, "pypowerwall/home/control/reserve/set", payload)


VALUES = st.integers() | st.text(max_size=8) | st.booleans() | st.none()


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_every_plain_object_is_read_as_it_was_written(given_object):
    assert read_object(json.dumps(given_object).encode()) == given_object


def test_hold_rounds_down_to_the_app_level(powerwall3, view_of):
    view = view_of(powerwall3, identity={"cloud_mode": True}, soe_raw=100.0)
    assert parse({"home": view}, "pypowerwall/home/control/reserve_hold/set", b"{}").arguments == {"level": 100}
    view = view_of(powerwall3, identity={"cloud_mode": True}, soe_raw=None)
    with pytest.raises(ControlRejected, match="level"):
        parse({"home": view}, "pypowerwall/home/control/reserve_hold/set", b"{}")


def test_log_text_is_short_and_tame():
    written = control_topics.shortened(b"\x1b[31m\r\nroot: ok \xff" + b"x" * 900)
    assert written.isascii() and written.isprintable() and len(written) < 1300


def test_preconditions_are_all_needed_and_named():
    whole = MqttSettings(host="b", controls=31, control_enabled=True, username="u", password="p")
    assert effective_controls(whole) == 31 and missing_for_controls(whole) == []
    for change, name in (
        ({"control_enabled": False}, "SECRET"),
        ({"password": None}, "MQTT_PASSWORD"),
        ({"username": ""}, "MQTT_USERNAME"),
    ):
        from dataclasses import replace

        part = replace(whole, **change)
        assert effective_controls(part) == 0 and name in " ".join(missing_for_controls(part))
    assert missing_for_controls(MqttSettings(host="b")) == []


def test_the_repr_keeps_secrets():
    settings = MqttSettings(host="broker", username="carol", password="hunter2", tls=True)
    assert "hunter2" not in repr(settings) and "carol" not in repr(settings)
