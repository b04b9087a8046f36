"""Which source wins, and what is said about it."""

from __future__ import annotations

import json
import sys

import pytest

from pwserver.config import load
from pwserver.config.settings import BY_NAME, SETTINGS

GATEWAY = "gateways:\n  - {id: home, host: 10.0.0.1, gw_pwd: secret}\n"


def test_flag_beats_file_beats_environment_beats_default(write_file) -> None:
    path = write_file("server: {port: 3}\n" + GATEWAY)
    sources = [({"PW_PORT": "4"}, path, "2"), ({}, path, "2"), ({}, None, "2"), ({}, None, "")]
    expected = [(4, "flag --port"), (3, f"file {path}: server.port"), (2, "environment PW_PORT"), (8675, "default")]
    for (flags, file, variable), (port, origin) in zip(sources, expected, strict=True):
        environ = {"PW_PORT": variable, **({"PW_CONFIG": file} if file else {})}
        config = load(flags, environ)
        assert (config.settings.process.port, str(config.source("PW_PORT"))) == (port, origin)


def test_a_blank_value_lets_the_next_source_speak(write_file) -> None:
    path = write_file("server: {port: null, style: ''}\n" + GATEWAY)
    config = load({"PW_DEBUG": " "}, {"PW_CONFIG": path, "PW_PORT": "5", "PW_STYLE": "solar", "PW_DEBUG": "yes"})
    assert (config.settings.process.port, config.settings.web.style, config.settings.process.debug) == (
        5,
        "solar",
        True,
    )


def test_the_files_own_names_for_host_and_origins(write_file) -> None:
    path = write_file("server:\n  host: 127.0.0.1\n  cors_origins: ['http://a:1', 'http://b']\n" + GATEWAY)
    config = load({}, {"PW_CONFIG": path, "CORS_ORIGINS": "*"})
    assert config.settings.process.bind_address == "127.0.0.1"
    assert config.settings.web.cors_origins == ("http://a:1", "http://b")
    assert config.settings.definitions.host is None


def test_json_file(write_file) -> None:
    content = {"server": {"port": 81.0, "debug": True}, "gateways": [{"id": "a", "email": "a@b.c"}]}
    config = load({"PW_CONFIG": write_file(json.dumps(content), "c.json")}, {})
    assert (config.settings.process.port, config.settings.process.debug, config.gateways[0].id) == (81, True, "a")


def test_names_in_another_case_count_unless_the_exact_one_is_there() -> None:
    assert load({}, {"pw_port": "5"}).settings.process.port == 5
    assert load({}, {"pw_port": "5", "PW_PORT": "6"}).settings.process.port == 6


def test_the_older_name_of_the_auth_path() -> None:
    assert load({}, {"PW_AUTHPATH": "/a"}).settings.definitions.authpath == "/a"
    both = load({}, {"PW_AUTHPATH": "/a", "PW_AUTH_PATH": "/b"})
    assert both.settings.definitions.authpath == "/b"
    assert any("PW_AUTHPATH" in warning for warning in both.warnings)
    assert load({}, {"PW_AUTHPATH": "/a", "PW_AUTH_PATH": ""}).settings.definitions.authpath == "/a"


@pytest.mark.parametrize(
    ("environ", "enabled", "warned"),
    [
        ({}, False, False),
        ({"PW_CONTROL_SECRET": "long enough"}, True, False),
        ({"CONTROL_TOKEN": "long enough"}, True, False),
        ({"CONTROL_TOKEN": "long enough", "PW_CONTROL_SECRET": "long enough"}, True, False),
        ({"CONTROL_TOKEN": "long enough", "PW_CONTROL_SECRET": ""}, True, False),
        ({"CONTROL_TOKEN": "long enough", "CONTROL_ENABLED": "true"}, True, False),
        ({"CONTROL_TOKEN": "long enough", "CONTROL_ENABLED": "false"}, False, False),
        ({"CONTROL_ENABLED": "true"}, False, True),
        ({"PW_CONTROL_SECRET": "short"}, True, True),
    ],
)
def test_the_control_switch(environ, enabled, warned) -> None:
    config = load({}, environ)
    assert config.control_enabled is enabled
    assert (config.settings.control.token is not None) is enabled
    assert bool(config.warnings) is warned


def test_two_different_control_secrets_are_a_problem(problems_of) -> None:
    (problem,) = problems_of({"PW_CONTROL_SECRET": "canary-one", "CONTROL_TOKEN": "canary-two"})
    assert "PW_CONTROL_SECRET" in problem
    assert "CONTROL_TOKEN" in problem
    assert "canary" not in problem


def test_all_problems_at_once_each_with_name_value_and_what_is_allowed(problems_of, write_file) -> None:
    path = write_file("server: {workers: 0, gw_pwd: x}\ngateways: [{id: a b}, {id: c}]\n")
    problems = problems_of({"PW_CONFIG": path, "PW_MAX_FIELDS": "99999", "PW_RAW_ROUTES": "maybe"}, {"PW_TIMEOUT": "x"})
    text = "\n".join(problems)
    for part in ('"99999"', "10 to 1000", '"maybe"', "yes or no", "--timeout", '"x"', "server.workers", "1 to 64",
                 '"a b"', "gateways[1] (c)"):  # fmt: skip
        assert part in text
    assert len(problems) == 6


@pytest.mark.parametrize(
    ("text", "name", "part"),
    [
        ("{", "a.json", "line 1"),
        ("[" * 100_000, "a.json", "JSON"),
        ("a: [1", "a.yaml", "line 1"),
        ("a: &b [*b", "a.yaml", "line 1"),
        ("d: 2026-02-31", "a.yaml", "YAML"),
        ("- 1", "a.yaml", "mapping"),
        ("", "a.yaml", "mapping"),
        ("server: {}", "a.yaml", "gateways"),
        ("gateways: {}", "a.yaml", "list"),
        ("gateways: [1]", "a.yaml", "object"),
        ("server: []\ngateways: []", "a.yaml", "server"),
        ("server: {port: [1]}\ngateways: []", "a.yaml", "port"),
        ("server: {control_secret: 1}\ngateways: []", "a.yaml", "quotation marks"),
    ],
)
def test_a_broken_file_is_a_problem_and_nothing_else_takes_its_place(problems_of, write_file, text, name, part) -> None:
    problems = problems_of({"PW_CONFIG": write_file(text, name), "PW_HOST": "h", "PW_GW_PWD": "p"})
    assert any(part in problem for problem in problems)
    assert all(name in problem for problem in problems)


def test_a_file_that_cannot_be_read(problems_of, tmp_path) -> None:
    for path in (tmp_path / "absent.yaml", tmp_path):
        assert str(path) in problems_of({"PW_CONFIG": str(path)})[0]
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in problems_of({"PW_CONFIG": str(tmp_path / "binary.yaml")})[0]
    (tmp_path / "huge.yaml").write_bytes(b"# " + b"x" * 1_000_000)
    assert "longer" in problems_of({"PW_CONFIG": str(tmp_path / "huge.yaml")})[0]


@pytest.mark.parametrize(
    "key", ["host", "bind_address", "BIND_ADDRESS", "bind-address", "pw_bind_address", "PW_BIND_ADDRESS"]
)
def test_every_name_of_the_bind_address_decides_who_may_reach_the_server(write_file, key) -> None:
    config = load({"PW_CONFIG": write_file(f"server: {{{key}: 127.0.0.1}}\n" + GATEWAY)}, {})
    assert config.settings.process.bind_address == "127.0.0.1"
    assert config.warnings == ()


@pytest.mark.parametrize(
    "text",
    [
        "bind_address: 127.0.0.1\n",
        "PW_BIND_ADDRESS: 127.0.0.1\n",
        "server: {bind: 127.0.0.1}\n",
        "server: {bindaddress: 127.0.0.1}\n",
        "server: {listen-address: 127.0.0.1}\n",
        "server: {listenAddress: 127.0.0.1}\n",
        "server: {web.bind: 127.0.0.1}\n",
        "server: {address: 127.0.0.1}\n",
        "server: {web: [{listen: 127.0.0.1}]}\n",
        "Server: {host: 127.0.0.1}\n",
        "SERVER: {bind_address: 127.0.0.1}\n",
        "web: {http: &self {again: *self, listen: 127.0.0.1}}\n",
    ],
)
def test_who_may_reach_the_server_is_never_ignored(write_file, problems_of, text) -> None:
    (problem,) = problems_of({"PW_CONFIG": write_file(text + GATEWAY)})
    assert "bind_address in the block `server`" in problem


@pytest.mark.parametrize("name", ["PW_BIND", "pw_bind_adress", "PW_LISTEN", "PW_BINDADDRESS"])
def test_a_variable_that_says_who_may_reach_the_server_is_never_ignored(problems_of, name) -> None:
    (problem,) = problems_of({name: "127.0.0.1", "PW_HOST": "10.0.0.1", "PW_GW_PWD": "ABCDEFGHIJ"})
    assert name in problem and "PW_BIND_ADDRESS" in problem


def test_a_gateway_has_no_address_to_listen_on(problems_of) -> None:
    (problem,) = problems_of({"PW_GATEWAYS": '[{"id": "a", "host": "h", "gw_pwd": "g", "bind_address": "127.0.0.1"}]'})
    assert "bind_address" in problem and "PW_BIND_ADDRESS is the address to listen on" in problem


def test_a_name_that_only_holds_the_letters_of_bind_or_listen_is_warned_about(write_file) -> None:
    text = "enlisten: x\nserver: {rebinding: yes, cabinder: 1, PW_BLISTENING: 2}\n" + GATEWAY
    config = load({"PW_CONFIG": write_file(text)}, {"PW_REBINDING": "yes", "PW_UNBINDADDRESS": "x"})
    assert len(config.warnings) == 6, config.warnings


def test_every_variable_is_a_key_of_the_server_block(write_file) -> None:
    for setting in SETTINGS:
        if setting.file_key:
            path = write_file(f"server: {{{setting.name}: null}}\n" + GATEWAY)
            assert load({"PW_CONFIG": path}, {}).warnings == (), setting.name
    secret = write_file("server: {control_token: 'random-enough-token', CONTROL_ENABLED: no}\n" + GATEWAY)
    control = load({"PW_CONFIG": secret}, {}).settings.control
    assert (control.secret, control.token) == ("random-enough-token", None)


def test_two_names_of_one_setting_must_agree(write_file, problems_of) -> None:
    same = write_file("server: {host: 127.0.0.1, bind_address: 127.0.0.1}\n" + GATEWAY)
    assert load({"PW_CONFIG": same}, {}).settings.process.bind_address == "127.0.0.1"
    other = write_file("server: {host: 0.0.0.0, bind_address: 127.0.0.1}\n" + GATEWAY)
    (problem,) = problems_of({"PW_CONFIG": other})
    assert "host and bind_address" in problem
    secret = write_file("server: {control_secret: canary-one, control_token: canary-two}\n" + GATEWAY)
    (problem,) = problems_of({"PW_CONFIG": secret})
    assert "control_secret and control_token" in problem and "canary" not in problem


def test_what_stands_beside_server_and_gateways_is_named(write_file) -> None:
    path = write_file("timeout: 5\nserve: {port: 1}\nx-note: hello\n" + GATEWAY)
    stray, misspelt = load({"PW_CONFIG": path}, {}).warnings
    assert "timeout" in stray and "the block `server`" in stray
    assert "did you mean server?" in misspelt


def test_a_flag_that_is_no_number_stops_the_start(problems_of) -> None:
    (problem,) = problems_of({}, {"PW_PORT": "x"})
    assert "--port" in problem


def test_an_unknown_member_of_the_server_block_is_named(write_file) -> None:
    path = write_file("server: {prot: 80, colour: red}\ngateways: []\n")
    prot, colour = load({}, {"PW_CONFIG": path}).warnings
    assert "did you mean port?" in prot
    assert "colour" in colour
    assert "did you mean" not in colour


def test_unknown_variables_are_named_with_the_nearest_known_one() -> None:
    environ = {
        "PW_TIMOUT": "canary",
        "pw_prot": "1",
        "PW_ZZZZZZZZ": "1",
        "MQTT_USER_NAME": "x",
        "MQTT_VERSION_OF_BROKER": "5",
        "CONTROL_TOKENS": "x",
        "HOME": "/",
        "PATH": "/bin",
    }
    warnings = "\n".join(load({}, environ).warnings)
    for part in ("PW_TIMEOUT?", "PW_PORT?", "PW_ZZZZZZZZ", "MQTT_USERNAME?", "CONTROL_TOKEN?"):
        assert part in warnings
    assert warnings.count("\n") == 4
    assert "canary" not in warnings


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PW_CACHE_EXPIRE", "0", 5),
        ("PW_CACHE_EXPIRE", "-3", 5),
        ("PW_CACHE_EXPIRE", "0.5", 5),
        ("PW_CACHE_EXPIRE", ".25", 5),
        ("PW_CACHE_EXPIRE", "2.5 # seconds", 5),
        ("PW_CACHE_EXPIRE", "fast", 5),
        ("PW_CACHE_EXPIRE", "7200", 3600),
        ("PW_TIMEOUT", "2.5", 10),
        ("PW_TIMEOUT", "0", 10),
        ("PW_TIMEOUT", "600", 300),
        ("PW_TIMEOUT", "9" * 40, 10),
        ("PW_POOL_MAXSIZE", "200", 100),
        ("PW_CACHE_TTL", "1000000", 86400),
        ("PW_CACHE_TTL", "-1", 30),
        ("PW_PORT", "tcp://10.0.0.1:8675", 8675),
        ("PW_PORT", "99999", 8675),
        ("PW_DEBUG", "maybe", False),
        ("PW_FAILOVER", "please", True),
        ("PW_HTTPS", "perhaps", "no"),
        ("PW_AUTH_MODE", "basic", "cookie"),
        ("PW_TEDAPI_API_VERSION", "V9", "V2024_06"),
        ("PW_EMAIL", "nobody", None),
        ("PW_TEDAPI_PROBE_INTERVAL", "0.5", 5),
        ("PW_TEDAPI_PROBE_INTERVAL", "100000", 86400),
        ("PW_ISLANDING_COOLDOWN", "100000", 86400),
        ("PW_RATE_LIMIT_MAX_REQUESTS", "99999999999", 2147483647),
        ("MQTT_PORT", "mqtt", 1883),
        ("MQTT_RETAIN", "always", True),
        ("CORS_ORIGINS", "nonsense", ("*",)),
        ("PW_STYLE", "pink", "clear"),
        ("MQTT_QOS", "3", 1),
        ("MQTT_CONTROLS", "15 # all", 0),
        ("MQTT_CONTROLS", "32", 0),
        ("MQTT_TOPIC_PREFIX", "a/#", "pypowerwall"),
        ("MQTT_HA_PREFIX", "a//b", "homeassistant"),
        ("PW_SITE_ZERO_THRESHOLD", "ten", 0),
        ("PW_TEDAPI_PROBE_INTERVAL", "two", 30),
        ("PW_TEDAPI_PROBE_INTERVAL", "2", 5),
        ("PW_TIMESERIES_RETENTION", "soon", 86400.0),
        ("PW_TIMESERIES_DAILY_RETENTION", "-5", 0.0),
        ("PW_TIMESERIES_SIGNAL_INTERVAL", "5s", 30.0),
        ("PW_TIMESERIES_SIGNAL_INTERVAL", "0", 60.0),
        ("PW_TIMESERIES_SIGNAL_INTERVAL", "-1", 60.0),
        ("PW_TIMESERIES_SIGNAL_INTERVAL", "x", 60.0),
    ],
)
def test_what_never_stopped_a_start_warns_and_uses_the_default(name, text, value) -> None:
    config = load({}, {name: text})
    assert config.settings.value(BY_NAME[name]) == value
    (warning,) = config.warnings
    assert name in warning
    assert text in warning


def test_settings_that_contradict_each_other(problems_of, tmp_path) -> None:
    pem = tmp_path / "cert.pem"
    pem.write_text("x")
    assert "both" in problems_of({"PW_HTTPS": "yes", "PW_TLS_CERT": str(pem)})[0]
    assert "exists" in problems_of({"PW_TLS_CERT": str(pem), "PW_TLS_KEY": "/absent"})[0]
    assert "PW_MAX_HEAD" in problems_of({"PW_MAX_REQUEST_LINE": "20000"})[0]
    assert "PW_SNAPSHOT_BYTES" in problems_of({"PW_DOCUMENT_MAX_BYTES": "9000000"})[0]
    assert "PW_DEMO" in problems_of({"PW_DEMO": "x", "PW_REPLICA": "mqtt://b"})[0]
    assert "MQTT_HOST" in problems_of({"PW_REPLICA_PUBLISH": "yes"})[0]


@pytest.mark.parametrize("wanting", [{"MQTT_HOST": "broker"}, {"PW_REPLICA": "mqtt://broker"}])
def test_a_missing_mqtt_client_is_a_warning(wanting: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert load({}, wanting).warnings == ()
    monkeypatch.setitem(sys.modules, "aiomqtt", None)  # as if it were not installed
    (warning,) = load({}, wanting).warnings
    assert warning.startswith(next(iter(wanting))) and "aiomqtt" in warning
    assert load({}, {}).warnings == ()


def test_mqtt_commands_need_secret_and_login() -> None:
    (warning,) = load({}, {"MQTT_CONTROLS": "3", "MQTT_USERNAME": "u"}).warnings
    assert "PW_CONTROL_SECRET, MQTT_PASSWORD" in warning


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("pass ", "blank"),
        ('"pass"', "quotation"),
        ("pass   # on the sticker", "comment"),
        ("pass #", "comment"),
        ("pass\t# x", "comment"),
        ("\u201cpass\u201d", "quotation"),
        ("\u201epass\u201c", "quotation"),
        ("\ufeffpass", "cannot be seen"),
        ("pa\u200bss", "cannot be seen"),
    ],
)
def test_an_odd_secret_is_pointed_out_without_showing_it(text, part) -> None:
    (warning,) = load({}, {"PW_HOST": "h", "PW_GW_PWD": text}).warnings
    assert part in warning
    assert "PW_GW_PWD" in warning
    assert "pass" not in warning.replace("password", "")
    entries = [{"id": "attic", "host": "h", "gw_pwd": text}, {"id": "cellar", "host": "i", "password": "plain"}]
    (warning,) = load({}, {"PW_GATEWAYS": json.dumps(entries)}).warnings
    assert part in warning and warning.startswith("PW_GATEWAYS[0] (attic): gw_pwd: ")
    assert "pass" not in warning.replace("password", "")


def test_state_folder(tmp_path) -> None:
    assert load({}, {"PW_STATE_PATH": "/x"}).state_path == "/x"
    assert load({}, {"STATE_DIRECTORY": "/var/lib/pwserver:/other"}).state_path == "/var/lib/pwserver"


@pytest.mark.parametrize(
    ("given", "host"),
    [
        ("mqtt://homeassistant.local", "homeassistant.local"),
        ("MQTT://10.0.0.4/", "10.0.0.4"),
        ("tcp://broker", "broker"),
        ("core-mosquitto", "core-mosquitto"),
        ("my_broker", "my_broker"),
        ("bücher.local", "bücher.local"),
        ("fe80::1%eth0", "fe80::1%eth0"),
        ("[fd00::5]", "fd00::5"),
    ],
)
def test_a_brokers_host_is_understood_with_the_scheme_that_says_nothing_more(given: str, host: str) -> None:
    config = load({}, {"MQTT_HOST": given})
    assert config.settings.mqtt.host == host and not config.warnings


@pytest.mark.parametrize(
    "given",
    [
        "mqtt://broker:1883", "mqtts://broker", "http://broker", "broker:1883", "[fd00::5]:1883", "broker/home",
        "mqtt://broker/home", "joe@broker", "10.0.0", "300.1.1.1", "mqtt://", "://broker",
    ],
)  # fmt: skip
def test_a_brokers_url_is_refused_with_the_settings_that_say_it(given: str) -> None:
    """The predecessors started with it, and never reached a broker: a warning, and MQTT stays off."""
    config = load({}, {"MQTT_HOST": given})
    (warning,) = config.warnings
    assert config.settings.mqtt.host is None
    assert warning.startswith('MQTT_HOST (environment MQTT_HOST): "') and given[:40] in warning
    assert all(name in warning for name in ("MQTT_PORT", "MQTT_USERNAME", "MQTT_TLS"))


def test_a_login_in_a_brokers_url_is_not_repeated() -> None:
    (warning,) = load({}, {"MQTT_HOST": "mqtt://joe:hunter2@broker"}).warnings
    assert warning.startswith("MQTT_HOST (environment MQTT_HOST): (hidden) is not allowed") and "hunter2" not in warning
