"""Define the settings of what runs beside the web: the history, the tariff, MQTT, and servers that share.

Every field is one row of the settings table: its variable, what it may be, its default, its section and its help.
"""

from __future__ import annotations

from dataclasses import dataclass

from pwserver.config.kinds import Bool, Choice, FilePath, Text, Word
from pwserver.config.number_kinds import Duration, Int, Mask
from pwserver.config.setting import DAY_SECONDS, HISTORY, MQTT, REPLICA, VALUE, setting
from pwserver.config.urls import broker_host, broker_url
from pwserver.config.word_rules import valid_topic_prefix

_RETENTION = Duration(minimum=60, zero="for ever", off="off")


def _signal_interval(number: float) -> float | None:
    if number <= 0:
        return 60.0
    return 30.0 if number < 30 else None


# fmt: off
@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingSettings:
    """Holds what the history records, for how long, and where."""

    path: str | None = setting(
        "PW_HISTORY_PATH", FilePath("folder"), None, HISTORY,
        "The folder of the history's files. `memory` keeps it in memory, where it ends with the server. Where no "
        "folder is named and none can be written, it is in memory too, and `/health` says why.",
        private=True, default_note="beside the file of PW_TIMESERIES_PATH if that is set, else PW_STATE_PATH")
    flush_seconds: float = setting(
        "PW_HISTORY_FLUSH_SECONDS", Duration(1, 3600), 60.0, HISTORY,
        "The history's files are written to the disk once in this time.")
    minutes_kept_seconds: float = setting(
        "PW_HISTORY_MINUTES", Duration(3600, 366 * DAY_SECONDS), 31 * DAY_SECONDS, HISTORY,
        "History in steps of a minute is kept for this time.")
    quarters_kept_seconds: float = setting(
        "PW_HISTORY_QUARTERS", Duration(DAY_SECONDS, 3660 * DAY_SECONDS), 730 * DAY_SECONDS, HISTORY,
        "History in steps of a quarter of an hour is kept for this time.")
    days_kept_seconds: float = setting(
        "PW_HISTORY_DAYS", Duration(7 * DAY_SECONDS, 36600 * DAY_SECONDS), 7305 * DAY_SECONDS, HISTORY,
        "History in steps of a day is kept for this time.")
    fill_seconds: float = setting(
        "PW_HISTORY_FILL", Duration(1, DAY_SECONDS, off="never"), 300.0, HISTORY,
        "In cloud and FleetAPI mode gaps are filled from Tesla's own history, with at most one question in this time "
        "for each gateway. With -1 that is left to `pwserver history fill`.")
    max_signals: int = setting(
        "PW_HISTORY_MAX_SIGNALS", Int(0, 4096), 128, HISTORY,
        "At most so many signals of a gateway's devices are recorded.")
    max_rows: int = setting(
        "PW_HISTORY_MAX_ROWS", Int(100, 10_000_000), 100_000, HISTORY, "One answer has at most so many rows.")
    poll_retention_seconds: float = setting(
        "PW_TIMESERIES_RETENTION", _RETENTION, DAY_SECONDS, HISTORY,
        "Every single poll is kept for this time. With -1 there is no history at all.", bad_value_is_default=True)
    daily_retention_seconds: float = setting(
        "PW_TIMESERIES_DAILY_RETENTION", _RETENTION, 0.0, HISTORY,
        "Daily totals are kept for this time; 0 means as long as PW_HISTORY_DAYS.", bad_value_is_default=True)
    signal_retention_seconds: float = setting(
        "PW_TIMESERIES_SIGNAL_RETENTION", _RETENTION, 30 * DAY_SECONDS, HISTORY,
        "Signals of devices are kept for this time. With -1 they are not recorded.", bad_value_is_default=True)
    signal_interval_seconds: float = setting(
        "PW_TIMESERIES_SIGNAL_INTERVAL", Duration(30, DAY_SECONDS), 60.0, HISTORY,
        "Signals of devices are recorded once in this time.", bad_value_is_default=True, repair=_signal_interval)
    timeseries_path: str | None = setting(
        "PW_TIMESERIES_PATH", FilePath(), None, HISTORY,
        "The SQLite file of pypowerwall-server, which is taken over once by itself and not changed. The history's own "
        "files lie beside it.", private=True,
        default_note="/data/timeseries.db if /data exists, else data/timeseries.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffSettings:
    """Holds where the owner's tariff is."""

    tariff_file: str | None = setting(
        "PW_TARIFF_FILE", FilePath(), None, VALUE,
        "The file with the owner's tariff, in YAML or JSON, as [value.md](value.md) describes it. It may also stand in "
        "the configuration file, as `tariff`.", private=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Holds the address of an MQTT broker, and what is published there."""

    host: str | None = setting(
        "MQTT_HOST", Word("host", broker_host), None, MQTT,
        "The address of an MQTT broker, without port. Setting it switches MQTT on.", bad_value_is_default=True)
    port: int = setting(
        "MQTT_PORT", Int(1, 65535), 1883, MQTT, "The port of the broker, with and without TLS.",
        bad_value_is_default=True)
    username: str | None = setting(
        "MQTT_USERNAME", Text(), None, MQTT, "The user name for the broker.", private=True)
    password: str | None = setting(
        "MQTT_PASSWORD", Text(), None, MQTT, "The password for the broker.", secret=True)
    tls: bool = setting("MQTT_TLS", Bool(), False, MQTT, "Speak TLS with the broker.")
    tls_ca_cert: str | None = setting(
        "MQTT_TLS_CA_CERT", FilePath(), None, MQTT,
        "The file with the certificates (PEM) that are trusted instead of the system's.", private=True)
    tls_insecure: bool = setting(
        "MQTT_TLS_INSECURE", Bool(), False, MQTT, "Trust every certificate of the broker. This is for tests only.",
        bad_value_is_default=True)
    topic_prefix: str = setting(
        "MQTT_TOPIC_PREFIX", Word("topic", valid_topic_prefix), "pypowerwall", MQTT, "All topics begin with this.",
        bad_value_is_default=True)
    retain: bool = setting(
        "MQTT_RETAIN", Bool(), True, MQTT, "Ask the broker to keep the last state for those who subscribe later.",
        bad_value_is_default=True)
    qos: int = setting(
        "MQTT_QOS", Int(0, 2), 1, MQTT,
        "How surely messages arrive: 0 at most once, 1 at least once, 2 exactly once.", bad_value_is_default=True)
    ha_discovery: bool = setting(
        "MQTT_HA_DISCOVERY", Bool(), True, MQTT, "Announce sensors and controls to Home Assistant.",
        bad_value_is_default=True)
    ha_prefix: str = setting(
        "MQTT_HA_PREFIX", Word("topic", valid_topic_prefix), "homeassistant", MQTT,
        "The topics on which Home Assistant looks for announcements begin with this.", bad_value_is_default=True)
    ha_form: str = setting(
        "MQTT_HA_DISCOVERY_FORM", Choice(("device", "entity")), "device", MQTT,
        "Announce whole devices, or each sensor by itself as older versions of Home Assistant want it.")
    client_id: str = setting(
        "MQTT_CLIENT_ID", Word("client id"), "pypowerwall-server", MQTT,
        "The name of this server at the broker. No other client may have the same.")
    keepalive_seconds: int = setting(
        "MQTT_KEEPALIVE", Int(0, 65535), 60, MQTT,
        "The broker hears from this server at least once in this time, or takes it for dead.", unit="s",
        bad_value_is_default=True)
    controls: int = setting(
        "MQTT_CONTROLS", Mask(31), 0, MQTT,
        "The sum of the commands that are allowed over MQTT: 1 reserve, 2 mode, 4 grid charging, 8 grid export, "
        "16 islanding.", bad_value_is_default=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharingSettings:
    """Holds how servers share snapshots over a broker."""

    source_url: str | None = setting(
        "PW_REPLICA", Word("URL", broker_url), None, REPLICA,
        "The broker on which other pwservers publish. Their data are served, and no gateway is polled.", secret=True)
    publish: bool = setting(
        "PW_REPLICA_PUBLISH", Bool(), False, REPLICA, "Publish snapshots for replicas on the broker of MQTT_HOST.")
    prefix: str = setting(
        "PW_REPLICA_PREFIX", Word("topic", valid_topic_prefix), "pwserver", REPLICA,
        "The topics of snapshots begin with this.")
    key: str | None = setting(
        "PW_REPLICA_KEY", Text(), None, REPLICA,
        "The key by which a replica knows that snapshots are genuine. Publisher and replica need the same one.",
        secret=True)
    max_gateways: int = setting(
        "PW_REPLICA_MAX_GATEWAYS", Int(1, 10_000), 64, REPLICA, "A replica serves at most so many gateways.")
    max_message_bytes: int = setting(
        "PW_REPLICA_MAX_BYTES", Int(65_536, 268_435_456), 4_194_304, REPLICA,
        "The message with a snapshot may have at most this length.", unit="bytes")
# fmt: on
