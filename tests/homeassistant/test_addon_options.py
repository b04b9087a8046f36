"""The add-on's options become the server's settings, its broker is Home Assistant's, and its secrets stay secret."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import settings as limited
from hypothesis import strategies as some

from pwserver.config import load
from pwserver.config.settings import ENVIRONMENT_NAMES
from pwserver.simulator import SimulatedGateway
from tests.mqtt.broker import Broker, Watcher
from tests.support.addon import FOLDER, TOKEN, Supervisor, addon, answering
from tests.support.waiting import wait_until, wait_until_async

DATA, CONFIG = Path("/data"), Path("/config")
OFFERED: dict[str, Any] = {
    "host": "core-mosquitto",
    "port": 1884,
    "username": "addons",
    "password": "of the broker",
    "ssl": False,
}


def _script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("addon_run", FOLDER / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = _script()


def settings(options: dict[str, Any]) -> dict[str, str]:
    """What the options add to what every add-on has."""
    found: dict[str, str] = script.environment_of(options, DATA, CONFIG)
    always = script.environment_of({}, DATA, CONFIG)
    return {name: value for name, value in found.items() if always.get(name) != value}


def test_options_as_home_assistant_writes_them_first() -> None:
    defaults = yaml.safe_load((FOLDER / "config.yaml").read_text())["options"]
    assert settings(defaults) == {}
    assert load({}, script.environment_of(defaults, DATA, CONFIG)).warnings == ()


def test_every_option_reaches_the_server() -> None:
    options = {
        "host": "192.168.91.1",
        "gateway_password": "ABCDEFGHIJ",
        "customer_password": "FGHIJ",
        "email": "me@example.com",
        "key_file": "key.pem",
        "timezone": "Europe/Berlin",
        "control_secret": "0123456789abcdef",
        "allowed_hosts": ["me.duckdns.org", "", "x.ui.nabu.casa"],
        "notice_urls": ["ntfy://ntfy.sh/a-topic", "", "mailto://me:it%2C%20is@example.com"],
        "mqtt_controls": 3,
        "environment": [{"name": "PW_CACHE_EXPIRE", "value": 10}],
    }
    assert settings(options) == {
        "PW_HOST": "192.168.91.1",
        "PW_GW_PWD": "ABCDEFGHIJ",
        "PW_PASSWORD": "FGHIJ",
        "PW_EMAIL": "me@example.com",
        "PW_RSA_KEY_PATH": "/config/key.pem",
        "PW_TIMEZONE": "Europe/Berlin",
        "PW_CONTROL_SECRET": "0123456789abcdef",
        "PW_ALLOWED_HOSTS": "me.duckdns.org,x.ui.nabu.casa",
        "PW_NOTICE_URLS": '["ntfy://ntfy.sh/a-topic", "mailto://me:it%2C%20is@example.com"]',
        "MQTT_CONTROLS": "3",
        "PW_CACHE_EXPIRE": "10",
    }


def test_several_gateways_reach_the_server() -> None:
    both = [
        {"id": "home", "name": "Home", "host": "10.0.0.1", "gateway_password": "ABCDEFGHIJ", "timezone": "Europe/Rome"},
        {"id": "cabin", "email": "me@example.com", "site_id": "123", "customer_password": ""},
    ]
    found = load({}, script.environment_of({"gateways": both}, DATA, CONFIG))
    assert [(one.id, one.name, one.mode.name) for one in found.gateways] == [
        ("home", "Home", "TEDAPI"),
        ("cabin", "cabin", "CLOUD"),
    ]
    assert found.warnings == ()
    one = script.gateway_of({"id": "x", "key_file": "k", "customer_password": "p"}, CONFIG)
    assert one == {"id": "x", "rsa_key_path": "/config/k", "password": "p"}


def test_what_is_kept_lies_in_data_and_what_is_given_in_config() -> None:
    """Logins that the server makes by itself are not where the owner's share shows them."""
    always = script.environment_of({}, DATA, CONFIG)
    own = {name for name, value in always.items() if value.startswith("/data")}
    assert own == {"PW_STATE_PATH", "PW_HISTORY_PATH", "PW_CACHE_FILE"}
    assert {name for name, value in always.items() if value.startswith("/config")} == {"PW_AUTH_PATH"}


def test_every_setting_that_the_script_writes_exists() -> None:
    named = set(re.findall(r'"((?:PW|MQTT|PROXY|CONTROL|CORS)_[A-Z_]+[A-Z])"', (FOLDER / "run.py").read_text()))
    assert len(named) > 15 and named <= set(ENVIRONMENT_NAMES)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"environment": [{"name": "PW_PORT", "value": "1"}]}, "PW_PORT"),
        ({"environment": [{"name": "PATH", "value": "/x"}]}, "name"),
        ({"environment": [{"value": "1"}]}, "name"),
        ({"environment": ["PW_HOST=1"]}, "environment"),
        ({"gateways": "home"}, "gateways"),
        ({"gateways": [["home"]]}, "gateways"),
        ({"gateway_password": "a\0b"}, "gateway_password"),
        ({"allowed_hosts": ["a\nb"]}, "allowed_hosts"),
        ({"notice_urls": ["ntfy://a\0b"]}, "notice_urls"),
        ({"notice_urls": "ntfy://ntfy.sh/one"}, "notice_urls"),
        ({"host": {"a": 1}}, "host"),
    ],
)
def test_what_cannot_be_used_is_named_and_not_shown(options: dict[str, Any], words: str) -> None:
    with pytest.raises(script.WrongOption, match=words) as caught:
        script.environment_of(options, DATA, CONFIG)
    assert "a\0b" not in str(caught.value)


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
known = some.sampled_from(
    sorted({*script.SETTINGS, *script.BROKER, "gateways", "environment", "allowed_hosts", "notice_urls", "key_file"})
)


@limited(max_examples=60)
@given(some.dictionaries(known, json_values, max_size=6))
def test_any_options_end_as_an_environment_or_as_a_named_fault(options: dict[str, Any]) -> None:
    fault = ""
    found: dict[str, str] = {}
    try:
        found = script.environment_of(options, DATA, CONFIG)
    except script.WrongOption as wrong:
        fault = str(wrong).partition(":")[0]
    assert fault in {"", *options, *script.MEMBERS, "name", "value"}
    assert all(value.encode() is not None and "\0" not in value for value in found.values())


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(script, "PAUSE_SECONDS", 0.0)
    monkeypatch.setenv("SUPERVISOR_TOKEN", TOKEN)


def test_the_broker_that_home_assistant_offers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering(Supervisor.offering(**OFFERED)) as supervisor:
        monkeypatch.setenv("SUPERVISOR_API", supervisor.address)
        assert script.broker_of({}) == {
            "MQTT_HOST": "core-mosquitto",
            "MQTT_PORT": "1884",
            "MQTT_USERNAME": "addons",
            "MQTT_PASSWORD": "of the broker",
            "MQTT_TLS": "no",
        }
        assert supervisor.asked == [("/services/mqtt", f"Bearer {TOKEN}")]
        supervisor.body = supervisor.body.replace(b"false", b"true")
        assert script.broker_of({})["MQTT_TLS"] == "yes"
        told = capsys.readouterr().out
        assert "core-mosquitto" in told and OFFERED["password"] not in told and TOKEN not in told
        # A broker that the owner names is the one, and nobody is asked; without MQTT nobody is either.
        before = len(supervisor.asked)
        assert script.broker_of({"mqtt_host": "nas", "mqtt_port": 8883}) == {"MQTT_HOST": "nas", "MQTT_PORT": "8883"}
        assert script.broker_of({"mqtt": False, "mqtt_host": "nas"}) == {}
        assert len(supervisor.asked) == before


@pytest.mark.parametrize(
    ("status", "body", "asked"),
    [
        (400, b'{"result": "error", "message": "Service not enabled"}', 1),
        (403, b"", 1),
        (502, b"", 3),
        (200, b"not json", 3),
        (200, b'{"result": "ok", "data": {}}', 1),
        (200, b'["data"]', 1),
        (200, b'{"data": {"host": ""}}', 1),
    ],
)
def test_without_a_broker_mqtt_stays_off_and_the_log_says_what_helps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, body: bytes, asked: int
) -> None:
    with answering(Supervisor(status, body)) as supervisor:
        monkeypatch.setenv("SUPERVISOR_API", supervisor.address)
        assert script.broker_of({}) == {}
    assert len(supervisor.asked) == asked
    assert "Mosquitto broker" in capsys.readouterr().out


def test_a_supervisor_that_is_away(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with answering(Supervisor()) as supervisor:
        monkeypatch.setenv("SUPERVISOR_API", supervisor.address)
    assert script.broker_of({}) == {}
    assert "Mosquitto broker" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_options_that_cannot_be_read_end_the_start(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "options.json").write_text(text, "latin-1")
    with pytest.raises(SystemExit) as ended:
        script.main(tmp_path, tmp_path)
    assert ended.value.code == 2
    assert "options.json" in capsys.readouterr().out


def test_from_the_options_to_entities(tmp_path: Path) -> None:
    """The whole way: options, the Supervisor's broker, live data, discovery, history in the add-on's folder."""
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker", users={"addons": "of the broker"})
    broker.start()
    offered = OFFERED | {"host": "127.0.0.1", "port": broker.port}
    try:
        with SimulatedGateway("powerwall3") as gateway, answering(Supervisor.offering(**offered)) as supervisor:
            options = {"host": gateway.address, "gateway_password": gateway.password, "mqtt": True}
            with addon(tmp_path, options, supervisor) as running:
                running.wait_for_data()
                asyncio.run(_announced(broker.port))
                wait_until(lambda: [*running.data.glob("**/*.ring")], 30, "history in the add-on's folder")
                environment = Path(f"/proc/{running.pid}/environ").read_bytes()
                assert b"run.py" not in Path(f"/proc/{running.pid}/cmdline").read_bytes(), (
                    "the script became the server"
                )
                assert TOKEN.encode() not in environment
                assert running.json("/api/mqtt/status")["connected"] is True
                secrets = (gateway.password, "of the broker", TOKEN)
                assert not [secret for secret in secrets if secret in running.output()]
    finally:
        broker.stop()


async def _announced(port: int) -> None:
    async with Watcher(port, "homeassistant/#", username="addons", password="of the broker") as seen:
        await wait_until_async(lambda: "homeassistant/device/pypowerwall_default/config" in seen.last, 30)
        assert json.loads(seen.last["homeassistant/device/pypowerwall_default/config"])["components"]
