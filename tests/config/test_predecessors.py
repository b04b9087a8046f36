"""Every variable of both predecessors and of the seed is accepted, with the defaults of the contract's tables."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pwserver.config import SETTINGS, load
from pwserver.config.settings import ENVIRONMENT_NAMES

TABLES = (Path(__file__).parent / "data" / "variables.md").read_text("utf-8")
VARIABLES = sorted(set(re.findall(r"`((?:PW|MQTT|CONTROL|CORS|PROXY)_[A-Z_]*[A-Z])`", TABLES)))
SAMPLES = {
    "PW_GATEWAYS": "[]", "PW_CONFIG": "", "PW_HOST": "10.0.0.1", "PW_GW_PWD": "secret", "PW_EMAIL": "me@example.com",
    "MQTT_TLS_CA_CERT": "", "CORS_ORIGINS": '["http://a"]', "PW_WIFI_HOST": "192.168.91.1", "PW_RSA_KEY_PATH": "",
    "PW_TEDAPI_API_VERSION": "V2026_06", "PW_FLEETAPI_HTTP": "1.1", "PW_SITEID": "1",
    "PW_TLS_CERT": __file__, "PW_TLS_KEY": __file__, "PW_WORKERS": "3", "CONTROL_ENABLED": "no",
    "PW_REPLICA": "mqtt://broker", "PW_BACKOFF_MAX": "30s",
    "PW_POWERS_URL": "http://monitor.lan/powers",
    "PW_NOTICE_URLS": "json://localhost/hook", "PW_NOTICE_QUIET_HOURS": "22:00-07:00", "PW_NOTICE_CHARGE_BELOW": "20",
    "PW_NOTICE_CHARGE_ABOVE": "90", "PW_NOTICE_BACKUP_BELOW": "4h",
    "PW_TARIFF_FILE": str(Path(__file__).parent / "data" / "tariff.yaml"),
}  # fmt: skip


def sample(name: str) -> str:
    setting = ENVIRONMENT_NAMES[name]
    return SAMPLES.get(name, "text-of-16-letters" if setting.default is None else setting.kind.format(setting.default))


def test_the_tables_were_found() -> None:
    assert len(VARIABLES) > 65


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_known(name: str) -> None:
    assert name in ENVIRONMENT_NAMES
    companions = {"PW_GW_PWD": "secret"} if name == "PW_HOST" else {}
    config = load({}, {name: sample(name), **companions})
    setting = ENVIRONMENT_NAMES[name]
    assert not [warning for warning in config.warnings if "not a setting" in warning]
    if sample(name):
        assert str(config.source(setting.name)) == f"environment {name}"


@pytest.mark.parametrize(
    ("name", "default"),
    [
        ("PW_TIMEZONE", None), ("PW_FAILOVER", True), ("PW_TIMEOUT", 10), ("PW_POOL_MAXSIZE", 15),
        ("PW_TEDAPI_API_VERSION", "V2024_06"), ("PW_TEDAPI_AUTH_MODE", "basic"),
        ("PW_CLOUD_HYBRID", False), ("PW_BIND_ADDRESS", "0.0.0.0"),
        ("PW_PORT", 8675), ("PW_DEBUG", False), ("PW_CACHE_EXPIRE", 5), ("PW_BROWSER_CACHE", 0), ("PW_HTTPS", "no"),
        ("PW_STYLE", "clear"), ("PROXY_BASE_URL", ""), ("CORS_ORIGINS", ("*",)), ("PW_CONTROL_SECRET", None),
        ("PW_ISLANDING_COOLDOWN", 30), ("PW_LOCAL_FIRST", False), ("PW_NEG_SOLAR", True), ("PW_SITE_ZERO_THRESHOLD", 0),
        ("PW_RATE_LIMIT_ENABLED", False), ("PW_RATE_LIMIT_MAX_REQUESTS", 1000), ("PW_RATE_LIMIT_WINDOW_SECONDS", 60),
        ("PW_RATE_LIMIT_MAX_BUCKETS", 10000), ("PW_GRACEFUL_DEGRADATION", True), ("PW_CACHE_TTL", 30),
        ("PW_TEDAPI_RECOVERY", True), ("PW_TEDAPI_PROBE_INTERVAL", 30), ("PW_FAIL_FAST", False),
        ("PW_HEALTH_CHECK", True), ("PW_SUPPRESS_NETWORK_ERRORS", False), ("PW_NETWORK_ERROR_RATE_LIMIT", 5),
        ("PW_TIMESERIES_RETENTION", 86400.0), ("PW_TIMESERIES_DAILY_RETENTION", 0.0),
        ("PW_TIMESERIES_SIGNAL_RETENTION", 30 * 86400.0), ("PW_TIMESERIES_SIGNAL_INTERVAL", 60.0), ("MQTT_HOST", None),
        ("MQTT_PORT", 1883), ("MQTT_TLS", False), ("MQTT_TLS_INSECURE", False), ("MQTT_TOPIC_PREFIX", "pypowerwall"),
        ("MQTT_RETAIN", True), ("MQTT_QOS", 1), ("MQTT_HA_DISCOVERY", True), ("MQTT_HA_PREFIX", "homeassistant"),
        ("MQTT_CLIENT_ID", "pypowerwall-server"), ("MQTT_KEEPALIVE", 60), ("MQTT_CONTROLS", 0),
    ],
)  # fmt: skip
def test_defaults_of_the_contract(name, default) -> None:
    value = load({}, {}).settings.value(ENVIRONMENT_NAMES[name])
    assert value == default
    assert type(value) is type(default)


DASHBOARD = """
# Powerwall-Dashboard's compose environment, passed through by a tool that keeps comments
PW_EMAIL=
PW_PASSWORD=
PW_HOST=192.168.91.1
PW_TIMEZONE=America/Los_Angeles   # see the list of zones
TZ=America/Los_Angeles
PW_GW_PWD=ABCDEFGHIJ
PW_DEBUG=no                       # yes/no
PW_STYLE=grafana-dark             # clear, black, white
PW_NEG_SOLAR=yes                  # yes/no
PW_AUTH_PATH=.auth
PW_RSA_KEY_PATH=
PW_WIFI_HOST=
PW_CACHE_EXPIRE=5                 # seconds
PW_TIMEOUT=10
PW_POOL_MAXSIZE=                  # default 15
PW_SUPPRESS_NETWORK_ERRORS=no # yes/no
PW_NETWORK_ERROR_RATE_LIMIT=5
PW_FAIL_FAST=no
PW_GRACEFUL_DEGRADATION=yes
PW_HEALTH_CHECK=yes
PW_CACHE_TTL=30
"""


def test_the_dashboards_environment_with_comments_and_blanks() -> None:
    lines = [line for line in DASHBOARD.splitlines() if line and not line.startswith("#")]
    config = load({}, dict(line.split("=", 1) for line in lines))
    assert config.warnings == ()
    (gateway,) = config.gateways
    assert (gateway.mode.word, gateway.host, gateway.gw_pwd) == ("tedapi", "192.168.91.1", "ABCDEFGHIJ")
    assert (gateway.timezone, gateway.authpath, gateway.email) == ("America/Los_Angeles", ".auth", None)
    assert (config.settings.process.debug, config.settings.web.style, config.settings.gateways.pool_maxsize) == (
        False,
        "grafana-dark",
        15,
    )
    assert config.gateway_options(gateway).cachefile == ".auth/.powerwall"


SEED_FILE = """
server:
  host: 0.0.0.0
  port: 8675
  cors_origins:
    - http://localhost:3000
gateways:
  - id: home
    name: Home System
    host: 192.168.91.1
    gw_pwd: gw_pwd_1
    email: tesla@email.com
    authpath: /auth
    timezone: America/Los_Angeles
  - id: cabin
    host: 192.168.91.2
    gw_pwd: gw_pwd_2
  - id: cloud-site
    name: Cloud Mode Site
    email: user@example.com
    authpath: /auth
    cloud_mode: true
"""


def test_the_seeds_file(write_file) -> None:
    config = load(
        {"PW_CONFIG": write_file(SEED_FILE)}, {"CONTROL_ENABLED": "true", "CONTROL_TOKEN": "random-enough-token"}
    )
    assert config.warnings == ()
    assert [(gateway.id, gateway.mode.word) for gateway in config.gateways] == [
        ("home", "tedapi"),
        ("cabin", "tedapi"),
        ("cloud-site", "cloud"),
    ]
    assert config.control_enabled


def test_every_setting_can_come_from_each_source(write_file) -> None:
    for setting in SETTINGS:
        if setting.name in ("PW_CONFIG", "PW_GATEWAYS"):
            continue
        both = {"PW_TLS_CERT": __file__, "PW_TLS_KEY": __file__} if "TLS_" in setting.name else {}
        both |= {"PW_GW_PWD": "x"} if setting.name == "PW_HOST" else {}
        text = sample(setting.name) or __file__
        assert load({**both, setting.name: text}, {}).source(setting.name).kind == "flag"
        assert load({}, {**both, setting.name: text}).source(setting.name).kind == "environment"
        if setting.file_key:
            path = write_file(f"server:\n  {setting.file_key}: '{text}'\ngateways: []\n")
            assert load({"PW_CONFIG": path}, both).source(setting.name).kind == "file"
