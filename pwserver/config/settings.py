"""The settings table: environment, file, command line, ``check-config`` and docs/configuration.md come from here."""

from __future__ import annotations

import os

from pwserver.config.host_names import allowed_host, bind_address, host_name, network
from pwserver.config.kinds import Bool, Choice, FilePath, GatewaysJson, Https, Items, Text, TimeZone, Word
from pwserver.config.machine_time_zone import OWN_ZONE
from pwserver.config.number_kinds import Duration, Int, Mask
from pwserver.config.setting import Setting
from pwserver.config.urls import base_path, broker_url, origin, powers_url
from pwserver.config.word_rules import email_address, name_prefix, topic_prefix

STYLES = ("clear", "black", "white", "grafana", "grafana-dark", "solar", "dakboard")

# Sections, in the order of --help and the documentation.
GATEWAY, POLLING, DATA, SERVER = "Gateway", "Polling and robustness", "Data", "Server"
CONTROL, LIMITS, HISTORY, MQTT, REPLICA = "Control", "Limits", "History", "MQTT", "Replicas"
SECTIONS = (GATEWAY, POLLING, DATA, SERVER, CONTROL, LIMITS, HISTORY, MQTT, REPLICA)

_DAY = 86400.0
_RETENTION = Duration(minimum=60, zero="for ever", off="off")


def default_workers() -> int:
    """Two, so that one may die unnoticed; one where there is only one core to run on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 2 if cores > 1 else 1


def _poll_interval(number: float) -> int | None:
    return 5 if number < 1 else None


def _probe_interval(number: float) -> int | None:
    return 5 if number < 5 else None


def _signal_interval(number: float) -> float | None:
    if number <= 0:
        return 60.0
    return 30.0 if number < 30 else None


# fmt: off
SETTINGS: tuple[Setting, ...] = (
    # --- which gateway, and how to log in
    Setting("PW_CONFIG", FilePath(), None, GATEWAY, "Configuration file, YAML or JSON.", in_file=False),
    Setting("PW_GATEWAYS", GatewaysJson(), None, GATEWAY, "Several gateways as a JSON array.", secret=True,
            in_file=False),
    Setting("PW_HOST", Word("host", host_name), None, GATEWAY,
            "Address of the one gateway, host or host:port. Empty: Tesla's cloud.", in_file=False),
    Setting("PW_GW_PWD", Text(), None, GATEWAY, "Full gateway (WiFi) password, for TEDAPI.", secret=True,
            in_file=False),
    Setting("PW_PASSWORD", Text(), None, GATEWAY,
            "Customer password of the one gateway, for the local API.", secret=True, in_file=False),
    Setting("PW_EMAIL", Word("e-mail", email_address), None, GATEWAY,
            "Tesla account; also the customer e-mail of a local login.", private=True, in_file=False),
    Setting("PW_AUTH_PATH", FilePath("folder"), None, GATEWAY,
            "Folder of .pypowerwall.auth, .pypowerwall.site and .pypowerwall.fleetapi.", aliases=("PW_AUTHPATH",),
            private=True, default_note="the working folder", flag_names=("--authpath", "--auth-path")),
    Setting("PW_TIMEZONE", TimeZone(), None, GATEWAY,
            "The gateway's IANA time zone: days begin at its midnight.", bad_value_is_default=True,
            default_note=OWN_ZONE),
    Setting("PW_SITEID", Word("site id"), None, GATEWAY, "Tesla energy site, where an account has several.",
            private=True),
    Setting("PW_RSA_KEY_PATH", FilePath(), None, GATEWAY,
            "RSA-4096 private key (PEM) for TEDAPI v1r.", private=True, in_file=False),
    Setting("PW_WIFI_HOST", Word("host", host_name), None, GATEWAY,
            "The gateway's WiFi address for v1r: followers and fallback.", in_file=False),
    Setting("PW_POWERS_URL", Word("URL", powers_url), None, GATEWAY,
            "Instead of a gateway: a JSON with site, battery, load, solar (watts) and percentage.", secret=True,
            in_file=False),
    Setting("PW_DEFAULT_GATEWAY", Word("gateway id"), None, GATEWAY,
            "Gateway of the unprefixed URLs; `aggregate` is the sum of all.",
            default_note="`default` if there is one, else the first"),
    Setting("PW_FAILOVER", Bool(), True, GATEWAY, "Let the library change its transport when the chosen one fails."),
    Setting("PW_CLOUD_HYBRID", Bool(), False, GATEWAY,
            "Open a cloud connection beside a local gateway with an e-mail, even without control."),
    Setting("PW_TIMEOUT", Int(1, 300), 10, GATEWAY, "Limit of one HTTP call to a local gateway.", unit="s"),
    Setting("PW_POOL_MAXSIZE", Int(1, 100), 15, GATEWAY, "HTTP connections kept per gateway."),
    Setting("PW_CACHE_FILE", FilePath(), None, GATEWAY, "Login cache of local mode; each further gateway adds its id.",
            private=True, default_note=".powerwall in PW_AUTH_PATH, else in the temporary folder"),
    Setting("PW_AUTH_MODE", Choice(("cookie", "token")), "cookie", GATEWAY, "Style of the local login."),
    Setting("PW_TEDAPI_API_VERSION", Choice(("V2024_06", "V2026_06")), "V2024_06", GATEWAY, "TEDAPI query set."),
    Setting("PW_FLEETAPI_HTTP", Word(), None, GATEWAY, "1.1 forces HTTP/1.1 for FleetAPI."),
    Setting("PW_DEMO", Word("scenario"), None, GATEWAY,
            "Run a simulated gateway of this scenario instead of real ones.", flag_constant="default", in_file=False),

    # --- how often, and what when it fails
    Setting("PW_CACHE_EXPIRE", Int(1, 3600), 5, POLLING, "Poll interval; below 1 means 5.", unit="s",
            repair=_poll_interval),
    Setting("PW_SLOW_INTERVAL", Duration(30, _DAY), 300.0, POLLING,
            "Interval of what seldom changes: configuration, firmware, site, tariff."),
    Setting("PW_CALLS_PER_MINUTE", Int(6, 6000), 240, POLLING, "Hard ceiling of calls to one gateway."),
    Setting("PW_BACKOFF_MAX", Duration(1, 3600), None, POLLING, "Longest pause between attempts at a failing gateway.",
            default_note="two poll intervals"),
    Setting("PW_AUTH_COOLDOWN", Duration(60, _DAY), 1800.0, POLLING,
            "Pause after a refused login; gateways lock accounts."),
    Setting("PW_GRACEFUL_DEGRADATION", Bool(), True, POLLING, "Serve the last good data while a gateway is away."),
    Setting("PW_CACHE_TTL", Int(0, 86400), 30, POLLING, "For how long.", unit="s"),
    Setting("PW_TEDAPI_RECOVERY", Bool(), True, POLLING, "Probe and rebuild TEDAPI connections that fell back."),
    Setting("PW_TEDAPI_PROBE_INTERVAL", Int(5, 86400), 30, POLLING, "Interval of the probe; below 5 means 5.", unit="s",
            repair=_probe_interval, bad_value_is_default=True),
    Setting("PW_SUPPRESS_NETWORK_ERRORS", Bool(), False, POLLING,
            "Log a summary every five minutes instead of each network error."),
    Setting("PW_NETWORK_ERROR_RATE_LIMIT", Int(0, 10000), 5, POLLING, "Network errors logged per minute."),
    Setting("PW_FAIL_FAST", Bool(), False, POLLING, "Accepted, no effect: answers never wait for a gateway."),
    Setting("PW_HEALTH_CHECK", Bool(), True, POLLING, "Accepted, no effect: failures are always counted."),

    # --- truth rules
    Setting("PW_NEG_SOLAR", Bool(), True, DATA, "Keep negative solar power; no: clamp it and move it to the load."),
    Setting("PW_SITE_ZERO_THRESHOLD", Int(0, 100_000), 0, DATA, "Grid power up to this counts as 0.", unit="W",
            bad_value_is_default=True),
    Setting("PW_MISSING_AS_ZERO", Bool(), False, DATA, "Print 0 for missing numbers in /csv*, /json and /pw/power."),
    Setting("PW_AGGREGATE_PREFIX", Word("yes/no/pattern", name_prefix, empty="no"), "{id}_", DATA,
            "Prefix of device, string and alert names in sums: yes, no, or a pattern with {id} or {name}."),

    # --- the server
    Setting("PW_BIND_ADDRESS", Word("address", bind_address), "0.0.0.0", SERVER, "Address to listen on.",
            file_name="host"),
    Setting("PW_PORT", Int(0, 65535), 8675, SERVER, "Port to listen on; 0 takes a free one."),
    Setting("PW_WORKERS", Int(1, 64), None, SERVER, "Worker processes.", default_note="2, or 1 on a single core"),
    Setting("PW_DEBUG", Bool(), False, SERVER, "Debug and access log."),
    Setting("PW_RAW_ROUTES", Bool(), True, SERVER, "Serve the raw dumps of /tedapi, /cloud and /fleetapi."),
    Setting("PW_STYLE", Choice(STYLES), "clear", SERVER, "Style of the power flow page.", bad_value_is_default=True),
    Setting("PROXY_BASE_URL", Word("path", base_path, empty="/"), "", SERVER,
            "Sub-path when behind a reverse proxy."),
    Setting("CORS_ORIGINS", Items(origin, what="origins such as http://localhost:3000, or *"), ("*",), SERVER,
            "Web origins that may read the API.", bad_value_is_default=True),
    Setting("PW_BROWSER_CACHE", Int(0, 31_536_000), 0, SERVER, "max-age of styles, scripts and images; 0: no caching.",
            unit="s"),
    Setting("PW_HTTPS", Https(), "no", SERVER,
            "yes: TLS, self-signed unless PW_TLS_CERT is set; http: cookies for someone else's TLS."),
    Setting("PW_TLS_CERT", FilePath(), None, SERVER, "Certificate chain (PEM).", private=True),
    Setting("PW_TLS_KEY", FilePath(), None, SERVER, "Its private key (PEM).", private=True),
    Setting("PW_STATE_PATH", FilePath("folder"), None, SERVER, "Folder for what must survive a restart.", private=True,
            default_note="/data if it exists, else pwserver in the user's state folder"),
    Setting("PW_HOST_CHECK", Bool(), True, SERVER, "Refuse unknown Host headers (DNS rebinding)."),
    Setting("PW_ALLOWED_HOSTS", Items(allowed_host, what="host names"), (), SERVER,
            "Host names allowed besides IP addresses, localhost, single labels, *.local and the machine's own."),
    Setting("PW_TRUSTED_PROXIES", Items(network, what="addresses or networks"), (), SERVER,
            "Proxies whose X-Forwarded-For is believed."),
    Setting("PW_HEARTBEAT_TIMEOUT", Duration(2, 600), 10.0, SERVER, "A child silent for this long is replaced."),
    Setting("PW_STOP_TIMEOUT", Duration(0.1, 60), 2.0, SERVER, "Time for requests in flight when stopping."),

    # --- writes
    Setting("PW_CONTROL_SECRET", Text(), None, CONTROL, "Token of the control API; without one the server only reads.",
            aliases=("CONTROL_TOKEN",), secret=True),
    Setting("CONTROL_ENABLED", Bool(), None, CONTROL, "no switches control off even with a secret.",
            default_note="yes exactly when a secret is set"),
    Setting("PW_LOCAL_FIRST", Bool(), False, CONTROL, "Try a confirmed local v1r connection before the cloud."),
    Setting("PW_ISLANDING_COOLDOWN", Int(0, 86400), 30, CONTROL, "Least time between islanding commands; 0: off.",
            unit="s"),
    Setting("PW_CONTROL_ATTEMPTS", Int(1, 1000), 5, CONTROL, "Wrong tokens of one address before it has to wait."),
    Setting("PW_CONTROL_LOCKOUT", Duration(1, _DAY), 300.0, CONTROL, "Longest such wait; it grows up to this."),

    # --- bounds
    Setting("PW_HEAD_TIMEOUT", Duration(0.1, 600), 10.0, LIMITS, "A request must be complete within this."),
    Setting("PW_IDLE_TIMEOUT", Duration(0.1, 3600), 75.0, LIMITS, "An idle connection is closed after this."),
    Setting("PW_WRITE_TIMEOUT", Duration(0.1, 600), 30.0, LIMITS, "A client that does not read is dropped after this."),
    Setting("PW_MAX_WRITE_BUFFER", Int(16_384, 2**30), 65_536, LIMITS,
            "Unread answers of one connection before it has to wait.", unit="bytes"),
    Setting("PW_MAX_REQUEST_LINE", Int(256, 65_536), 8192, LIMITS, "Longest request line.", unit="bytes"),
    Setting("PW_MAX_HEAD", Int(1024, 262_144), 16_384, LIMITS, "Longest request head.", unit="bytes"),
    Setting("PW_MAX_FIELDS", Int(10, 1000), 100, LIMITS, "Most header fields."),
    Setting("PW_MAX_CONTROL_BODY", Int(256, 1_048_576), 4096, LIMITS, "Longest body of a control request.",
            unit="bytes"),
    Setting("PW_MAX_CONNECTIONS", Int(10, 1_000_000), 10_000, LIMITS, "Most connections in all."),
    Setting("PW_MAX_CONNECTIONS_PER_ADDRESS", Int(1, 1_000_000), 2000, LIMITS, "Most connections of one address."),
    Setting("PW_MAX_STREAMS", Int(0, 100_000), 2000, LIMITS, "Most WebSockets and event streams in all."),
    Setting("PW_MAX_STREAMS_PER_ADDRESS", Int(0, 100_000), 1000, LIMITS, "Most of them of one address."),
    Setting("PW_WEBSOCKET_MAX_FRAME", Int(125, 1_048_576), 4096, LIMITS, "Longest WebSocket message from a client.",
            unit="bytes"),
    Setting("PW_WEBSOCKET_DEFLATE", Bool(), False, LIMITS, "Compress WebSocket messages, at a cost per client."),
    Setting("PW_DOCUMENT_MAX_BYTES", Int(16_384, 67_108_864), 1_048_576, LIMITS, "Longest document.", unit="bytes"),
    Setting("PW_SNAPSHOT_BYTES", Int(262_144, 268_435_456), 8_388_608, LIMITS,
            "Shared memory for the documents of one gateway.", unit="bytes"),
    Setting("PW_RATE_LIMIT_ENABLED", Bool(), False, LIMITS, "Limit the requests of each address.",
            flag_names=("--rate-limit",)),
    Setting("PW_RATE_LIMIT_MAX_REQUESTS", Int(1), 1000, LIMITS, "Requests of one address per window."),
    Setting("PW_RATE_LIMIT_WINDOW_SECONDS", Int(1, 86400), 60, LIMITS, "The window.", unit="s",
            flag_names=("--rate-limit-window",)),
    Setting("PW_RATE_LIMIT_MAX_BUCKETS", Int(1, 1_000_000), 10_000, LIMITS, "Addresses remembered."),

    # --- history
    Setting("PW_HISTORY_PATH", FilePath("folder"), None, HISTORY, "Folder of the history files.", private=True,
            default_note="in memory only"),
    Setting("PW_HISTORY_FLUSH_SECONDS", Duration(1, 3600), 60.0, HISTORY, "History files reach the disk this often."),
    Setting("PW_HISTORY_MINUTES", Duration(3600, 366 * _DAY), 31 * _DAY, HISTORY, "Kept in steps of a minute."),
    Setting("PW_HISTORY_QUARTERS", Duration(_DAY, 3660 * _DAY), 730 * _DAY, HISTORY,
            "Kept in steps of a quarter hour."),
    Setting("PW_HISTORY_DAYS", Duration(7 * _DAY, 36600 * _DAY), 7305 * _DAY, HISTORY, "Kept in days."),
    Setting("PW_HISTORY_MAX_SIGNALS", Int(0, 4096), 96, HISTORY, "Device signals recorded per gateway."),
    Setting("PW_HISTORY_MAX_ROWS", Int(100, 10_000_000), 100_000, HISTORY, "Most rows in one answer."),
    Setting("PW_TIMESERIES_RETENTION", _RETENTION, _DAY, HISTORY,
            "Every poll is kept this long; -1 switches the history off.", bad_value_is_default=True),
    Setting("PW_TIMESERIES_DAILY_RETENTION", _RETENTION, 0.0, HISTORY,
            "Daily totals are kept this long; 0: as long as PW_HISTORY_DAYS.", bad_value_is_default=True),
    Setting("PW_TIMESERIES_SIGNAL_RETENTION", _RETENTION, 30 * _DAY, HISTORY,
            "Device signals are kept this long; -1: not recorded.", bad_value_is_default=True),
    Setting("PW_TIMESERIES_SIGNAL_INTERVAL", Duration(30, _DAY), 60.0, HISTORY,
            "Between two samples of a device signal.",
            bad_value_is_default=True, repair=_signal_interval),
    Setting("PW_TIMESERIES_PATH", FilePath(), None, HISTORY,
            "SQLite file of pypowerwall-server that `history import` takes when no file is named.",
            private=True, default_note="/data/timeseries.db if /data exists, else data/timeseries.db"),

    # --- MQTT
    Setting("MQTT_HOST", Word("host"), None, MQTT, "Broker; setting it switches MQTT on."),
    Setting("MQTT_PORT", Int(1, 65535), 1883, MQTT, "Port of the broker, also with TLS."),
    Setting("MQTT_USERNAME", Text(), None, MQTT, "Broker login.", private=True),
    Setting("MQTT_PASSWORD", Text(), None, MQTT, "Broker password.", secret=True),
    Setting("MQTT_TLS", Bool(), False, MQTT, "Use TLS."),
    Setting("MQTT_TLS_CA_CERT", FilePath(), None, MQTT, "CA bundle to trust instead of the system's.", private=True),
    Setting("MQTT_TLS_INSECURE", Bool(), False, MQTT, "Skip all certificate checks; for tests only."),
    Setting("MQTT_TOPIC_PREFIX", Word("topic", topic_prefix), "pypowerwall", MQTT, "Root of the topics.",
            bad_value_is_default=True),
    Setting("MQTT_RETAIN", Bool(), True, MQTT, "Retain state topics."),
    Setting("MQTT_QOS", Int(0, 2), 1, MQTT, "Quality of service.", bad_value_is_default=True),
    Setting("MQTT_HA_DISCOVERY", Bool(), True, MQTT, "Announce entities to Home Assistant."),
    Setting("MQTT_HA_PREFIX", Word("topic", topic_prefix), "homeassistant", MQTT, "Root of the announcements.",
            bad_value_is_default=True),
    Setting("MQTT_HA_DISCOVERY_FORM", Choice(("device", "entity")), "device", MQTT,
            "One announcement per device, or the older one per entity."),
    Setting("MQTT_CLIENT_ID", Word("client id"), "pypowerwall-server", MQTT, "Must be unique on the broker."),
    Setting("MQTT_KEEPALIVE", Int(0, 65535), 60, MQTT, "Keep-alive.", unit="s"),
    Setting("MQTT_CONTROLS", Mask(31), 0, MQTT,
            "Allowed commands: 1 reserve, 2 mode, 4 grid charging, 8 grid export, 16 islanding.",
            bad_value_is_default=True),

    # --- replicas
    Setting("PW_REPLICA", Word("URL", broker_url), None, REPLICA,
            "Serve what other pwservers publish on this broker instead of polling.", secret=True),
    Setting("PW_REPLICA_PUBLISH", Bool(), False, REPLICA, "Publish snapshots to MQTT_HOST for replicas."),
    Setting("PW_REPLICA_PREFIX", Word("topic", topic_prefix), "pwserver", REPLICA, "Root of the snapshot topics."),
    Setting("PW_REPLICA_KEY", Text(), None, REPLICA, "Shared key that authenticates snapshots.", secret=True),
    Setting("PW_REPLICA_MAX_GATEWAYS", Int(1, 10_000), 64, REPLICA, "Most gateways a replica takes on."),
    Setting("PW_REPLICA_MAX_BYTES", Int(65_536, 268_435_456), 4_194_304, REPLICA, "Longest snapshot message.",
            unit="bytes"),
)
# fmt: on

BY_NAME: dict[str, Setting] = {setting.name: setting for setting in SETTINGS}
BY_FILE_KEY: dict[str, Setting] = {setting.file_key: setting for setting in SETTINGS if setting.file_key}
ENVIRONMENT_NAMES: dict[str, Setting] = {name: s for s in SETTINGS for name in (s.name, *s.aliases)}
