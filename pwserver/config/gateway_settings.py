"""Define the settings about gateways: which there are, how they are asked, and what is told of them.

Every field is one row of the settings table: its variable, what it may be, its default, its section and its help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pwserver.config.host_names import host_name
from pwserver.config.kinds import Bool, Choice, FilePath, GatewaysJson, Text, TimeZone, Word
from pwserver.config.machine_time_zone import OWN_ZONE
from pwserver.config.number_kinds import Duration, Int
from pwserver.config.setting import CONTROL, DATA, DAY_SECONDS, GATEWAY, LIMITS, POLLING, SERVER, setting
from pwserver.config.urls import json_url
from pwserver.config.word_rules import email_address, name_prefix

TEDAPI_API_VERSION: Final = Choice(("V2024_06", "V2026_06"))
TEDAPI_AUTH_MODE: Final = Choice(("basic", "bearer"))


def _poll_interval(number: float) -> int | None:
    return 5 if number < 1 else None


def _probe_interval(number: float) -> int | None:
    return 5 if number < 5 else None


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class DefinitionSettings:
    """Holds which gateways there are and how to log in, of which the gateway definitions are made."""

    config_file: str | None = setting(
        "PW_CONFIG", FilePath(), None, GATEWAY, "The configuration file, in YAML or JSON.", in_file=False)
    gateways_json: str | None = setting(
        "PW_GATEWAYS", GatewaysJson(), None, GATEWAY, "Several gateways, written as a JSON array.", secret=True,
        in_file=False)
    host: str | None = setting(
        "PW_HOST", Word("host", host_name), None, GATEWAY,
        "The address of the one gateway, written host or host:port. Without it, Tesla's cloud is asked.", in_file=False)
    gw_pwd: str | None = setting(
        "PW_GW_PWD", Text(), None, GATEWAY,
        "The full gateway (WiFi) password, as printed on the sticker. It opens TEDAPI, which tells the most.",
        secret=True, in_file=False)
    password: str | None = setting(
        "PW_PASSWORD", Text(), None, GATEWAY,
        "The customer password of the one gateway. It opens the gateway's local API.", secret=True, in_file=False)
    email: str | None = setting(
        "PW_EMAIL", Word("e-mail", email_address), None, GATEWAY,
        "The e-mail address of the Tesla account. A local login uses it as the customer's e-mail address, too.",
        private=True, in_file=False, bad_value_is_default=True)
    authpath: str | None = setting(
        "PW_AUTH_PATH", FilePath("folder"), None, GATEWAY,
        "The folder with the Tesla logins .pypowerwall.auth, .pypowerwall.site and .pypowerwall.fleetapi.",
        aliases=("PW_AUTHPATH",), private=True, default_note="the working folder",
        flag_names=("--authpath", "--auth-path"))
    timezone: str | None = setting(
        "PW_TIMEZONE", TimeZone(), None, GATEWAY,
        "The IANA time zone of the gateway. Days begin at midnight there.", bad_value_is_default=True,
        default_note=OWN_ZONE)
    siteid: str | None = setting(
        "PW_SITEID", Word("site id"), None, GATEWAY,
        "The number of the Tesla energy site, for an account that has several.", private=True)
    rsa_key_path: str | None = setting(
        "PW_RSA_KEY_PATH", FilePath(), None, GATEWAY,
        "The file with the RSA-4096 private key (PEM) that is registered for TEDAPI v1r.", private=True, in_file=False)
    wifi_host: str | None = setting(
        "PW_WIFI_HOST", Word("host", host_name), None, GATEWAY,
        "The gateway's WiFi address. TEDAPI v1r reaches following Powerwalls there, and falls back to it.",
        in_file=False)
    powers_url: str | None = setting(
        "PW_POWERS_URL", Word("URL", json_url), None, GATEWAY,
        "The address of a JSON with site, battery, load and solar (in watts) and percentage, which is read instead of "
        "a gateway.", secret=True, in_file=False)
    default_gateway: str | None = setting(
        "PW_DEFAULT_GATEWAY", Word("gateway id"), None, GATEWAY,
        "The gateway that URLs without a gateway's name mean. `aggregate` is the sum of all gateways.",
        default_note="`default` if there is one, else the first")
    demo_scenario: str | None = setting(
        "PW_DEMO", Word("scenario"), None, GATEWAY,
        "The scenario of a simulated gateway that is served instead of real ones, or `houses`: twelve of them.",
        flag_constant="default", in_file=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Holds how the gateways are asked, and how their answers are corrected."""

    failover: bool = setting(
        "PW_FAILOVER", Bool(), True, GATEWAY,
        "Let the library try another way to the gateway when the chosen one fails.", bad_value_is_default=True)
    cloud_hybrid: bool = setting(
        "PW_CLOUD_HYBRID", Bool(), False, GATEWAY,
        "Open a cloud connection beside a local gateway that has an e-mail address, even without control.",
        bad_value_is_default=True)
    timeout_seconds: int = setting(
        "PW_TIMEOUT", Int(1, 300), 10, GATEWAY, "A local gateway must answer a call within this time.", unit="s",
        bad_value_is_default=True, above_is_maximum=True)
    pool_maxsize: int = setting(
        "PW_POOL_MAXSIZE", Int(1, 100), 15, GATEWAY, "So many HTTP connections to each gateway are kept open.",
        bad_value_is_default=True, above_is_maximum=True)
    login_cache_file: str | None = setting(
        "PW_CACHE_FILE", FilePath(), None, GATEWAY,
        "The file in which a local login is kept. Each further gateway adds its id to the name.", private=True,
        default_note=".powerwall in PW_AUTH_PATH, else in the temporary folder")
    auth_mode: str = setting(
        "PW_AUTH_MODE", Choice(("cookie", "token")), "cookie", GATEWAY,
        "How a local login is shown to the gateway with every call.", bad_value_is_default=True)
    tedapi_api_version: str = setting(
        "PW_TEDAPI_API_VERSION", TEDAPI_API_VERSION, "V2024_06", GATEWAY,
        "The set of TEDAPI queries that gateways are asked with.", bad_value_is_default=True)
    tedapi_auth_mode: str = setting(
        "PW_TEDAPI_AUTH_MODE", TEDAPI_AUTH_MODE, "basic", GATEWAY,
        "How TEDAPI logs in without a key. A solar inverter without a battery needs bearer on the wired network.",
        bad_value_is_default=True)
    fleetapi_http: str | None = setting(
        "PW_FLEETAPI_HTTP", Word(), None, GATEWAY, "Set this to 1.1 to speak HTTP/1.1 with Tesla's FleetAPI.")
    poll_interval_seconds: int = setting(
        "PW_CACHE_EXPIRE", Int(1, 3600), 5, POLLING,
        "Each gateway is polled once in this time. A number below 1 means 5.", unit="s", repair=_poll_interval,
        bad_value_is_default=True, above_is_maximum=True)
    slow_interval_seconds: float = setting(
        "PW_SLOW_INTERVAL", Duration(30, DAY_SECONDS), 300.0, POLLING,
        "What seldom changes (configuration, firmware, site, tariff) is asked for once in this time.")
    calls_per_minute: int = setting(
        "PW_CALLS_PER_MINUTE", Int(6, 6000), 240, POLLING, "One gateway is never called more often in a minute.")
    backoff_max_seconds: float | None = setting(
        "PW_BACKOFF_MAX", Duration(1, 3600), None, POLLING,
        "A gateway that fails is tried again after a pause, which grows up to this.",
        default_note="two poll intervals")
    auth_cooldown_seconds: float = setting(
        "PW_AUTH_COOLDOWN", Duration(60, DAY_SECONDS), 1800.0, POLLING,
        "After a refused login the gateway is left alone for this time, because gateways lock accounts.")
    graceful_degradation: bool = setting(
        "PW_GRACEFUL_DEGRADATION", Bool(), True, POLLING, "Serve the last good data while a gateway does not answer.",
        bad_value_is_default=True)
    cache_ttl_seconds: int = setting(
        "PW_CACHE_TTL", Int(0, 86400), 30, POLLING,
        "The last good data of a gateway that does not answer are served for this time.", unit="s",
        bad_value_is_default=True, above_is_maximum=True)
    tedapi_recovery: bool = setting(
        "PW_TEDAPI_RECOVERY", Bool(), True, POLLING,
        "Try again and again to restore a TEDAPI connection in whose place a lesser one is used.",
        bad_value_is_default=True)
    tedapi_probe_interval_seconds: int = setting(
        "PW_TEDAPI_PROBE_INTERVAL", Int(5, 86400), 30, POLLING,
        "A lost TEDAPI connection is tried again once in this time. A number below 5 means 5.", unit="s",
        repair=_probe_interval, bad_value_is_default=True, above_is_maximum=True)
    suppress_network_errors: bool = setting(
        "PW_SUPPRESS_NETWORK_ERRORS", Bool(), False, POLLING,
        "Log a summary every five minutes instead of each network error.", bad_value_is_default=True)
    network_error_rate_limit: int = setting(
        "PW_NETWORK_ERROR_RATE_LIMIT", Int(0, 10000), 5, POLLING,
        "At most so many network errors are logged in a minute.", bad_value_is_default=True, above_is_maximum=True)
    neg_solar: bool = setting(
        "PW_NEG_SOLAR", Bool(), True, DATA,
        "Keep negative solar power. With no, it becomes 0 and is counted as part of the load.",
        bad_value_is_default=True)
    site_zero_threshold_watts: int = setting(
        "PW_SITE_ZERO_THRESHOLD", Int(0, 100_000), 0, DATA,
        "Grid power up to this, in either direction, counts as 0.", unit="W", bad_value_is_default=True)
    local_first: bool = setting(
        "PW_LOCAL_FIRST", Bool(), False, CONTROL,
        "Send commands over a proven local TEDAPI v1r connection before trying the cloud.", bad_value_is_default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentSettings:
    """Holds what the documents say and how large they may be."""

    fail_fast: bool = setting(
        "PW_FAIL_FAST", Bool(), False, POLLING,
        "This is accepted for old configurations and has no effect: answers never wait for a gateway.",
        bad_value_is_default=True)
    health_check: bool = setting(
        "PW_HEALTH_CHECK", Bool(), True, POLLING,
        "This is accepted for old configurations and has no effect: failures are always counted.",
        bad_value_is_default=True)
    missing_as_zero: bool = setting(
        "PW_MISSING_AS_ZERO", Bool(), False, DATA,
        "Write 0 for numbers that are not known in /csv, /csv/v2, /json and /pw/power.")
    aggregate_name_prefix: str = setting(
        "PW_AGGREGATE_PREFIX", Word("yes/no/pattern", name_prefix, empty="no"), "{id}_", DATA,
        "What the names of devices, strings and alerts begin with in the sum of all gateways: yes, no, or a pattern "
        "with {id} or {name}.")
    raw_routes: bool = setting(
        "PW_RAW_ROUTES", Bool(), True, SERVER,
        "Serve what gateways and Tesla's servers answered, as it came, below /tedapi, /cloud and /fleetapi.")
    document_max_bytes: int = setting(
        "PW_DOCUMENT_MAX_BYTES", Int(16_384, 67_108_864), 1_048_576, LIMITS,
        "A document may have at most this length.", unit="bytes")
    snapshot_bytes: int = setting(
        "PW_SNAPSHOT_BYTES", Int(262_144, 268_435_456), 8_388_608, LIMITS,
        "So much shared memory holds all documents of one gateway.", unit="bytes")
# fmt: on
