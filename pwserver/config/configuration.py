"""The configuration in force: checked values, where each came from, and the gateways."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.config.setting import MASK
from pwserver.config.settings import SETTINGS
from pwserver.config.urls import url_secrets

_PUBLIC_SETTINGS = (
    "PW_HOST", "PW_WIFI_HOST", "PW_DEFAULT_GATEWAY", "PW_EMAIL", "MQTT_HOST", "MQTT_USERNAME", "MQTT_TOPIC_PREFIX",
    "MQTT_CLIENT_ID", "MQTT_HA_PREFIX", "PW_REPLICA_PREFIX",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ValueSource:
    """Where a value came from: ``kind`` is flag, file, environment or default."""

    kind: str
    place: str = ""  # the flag, the file and key, the variable

    def __str__(self) -> str:
        return f"{self.kind} {self.place}".rstrip()


@dataclass(frozen=True)
class Config:
    """Everything the server was told. Its printed form holds no values: some are secret."""

    settings: Mapping[str, Any] = field(repr=False)  # setting name -> checked value
    gateways: tuple[GatewayDefinition, ...] = field(default=(), repr=False)
    gateway_source: str = ""
    warnings: tuple[str, ...] = ()
    sources: Mapping[str, ValueSource] = field(default_factory=dict, repr=False)
    state_home: str = field(default=".", repr=False)

    def __getitem__(self, name: str) -> Any:
        """The value of a setting by its environment name."""
        return self.settings[name]

    def source(self, name: str) -> ValueSource:
        """Where the value of the setting ``name`` came from."""
        return self.sources.get(name, ValueSource("default"))

    def masked(self) -> dict[str, Any]:
        """All settings as clients may see them: secret and private ones, when set, are ten stars."""
        return {
            setting.name: MASK
            if (setting.secret or setting.private) and self.settings[setting.name]
            else self.settings[setting.name]
            for setting in SETTINGS
        }

    def secrets(self) -> set[str]:
        """Every text that may appear in no answer and no log line: what the settings table calls secret, and what each
        gateway logs in with. Private values (logins, folders, files) may stand in the owner's own log.
        """
        found = {self.settings[setting.name] for setting in SETTINGS if setting.secret}
        for gateway in self.gateways:
            found |= gateway.secrets
        if self.settings["PW_REPLICA"]:
            found |= url_secrets(self.settings["PW_REPLICA"])
        return {text for text in found if isinstance(text, str) and text}

    def public_words(self) -> set[str]:
        """Every text that clients or the log name anyway; a short secret of the same text does not hide it."""
        found = {self.settings[name] for name in _PUBLIC_SETTINGS}
        for gateway in self.gateways:
            found |= {gateway.id, gateway.name, gateway.host, gateway.wifi_host, gateway.email}
        return {text for text in found if isinstance(text, str) and text}

    @property
    def control_secret(self) -> str | None:
        """The control token, or None when control is off."""
        return None if self.settings["CONTROL_ENABLED"] is False else self.settings["PW_CONTROL_SECRET"]

    @property
    def control_enabled(self) -> bool:
        return bool(self.control_secret)

    @property
    def default_gateway(self) -> str | None:
        """The id behind the unprefixed URLs, possibly ``aggregate``; None without any gateway."""
        if self.settings["PW_DEFAULT_GATEWAY"]:
            return str(self.settings["PW_DEFAULT_GATEWAY"])
        ids = [gateway.id for gateway in self.gateways]
        return "default" if "default" in ids else next(iter(ids), None)

    @property
    def state_path(self) -> str:
        """The folder for what must survive a restart. It need not exist yet."""
        return str(self.settings["PW_STATE_PATH"] or self.state_home)

    @property
    def timeseries_path(self) -> str:
        """pypowerwall-server's SQLite file, which ``history import`` takes when no other is named."""
        path = self.settings["PW_TIMESERIES_PATH"]
        if path is None:
            return "/data/timeseries.db" if os.path.isdir("/data") else "data/timeseries.db"
        return os.path.join(path, "timeseries.db") if os.path.isdir(path) or path.endswith("/") else str(path)

    def replace_gateways(self, gateways: Sequence[GatewayDefinition], source: str) -> Config:
        """The same configuration with other gateways, as the demo needs."""
        return dataclasses.replace(self, gateways=tuple(gateways), gateway_source=source)

    def gateway_options(self, gateway: GatewayDefinition) -> GatewayOptions:
        """The plain values a connection to ``gateway`` needs."""
        get = self.settings
        base = get["PW_CACHE_FILE"] or os.path.join(get["PW_AUTH_PATH"] or temporary_folder(), ".powerwall")
        suffix = "" if gateway.id == "default" else f".{gateway.id}"
        siteid = gateway.siteid
        return GatewayOptions(
            poll_interval_seconds=float(get["PW_CACHE_EXPIRE"]),
            slow_interval_seconds=get["PW_SLOW_INTERVAL"],
            timeout_seconds=get["PW_TIMEOUT"],
            pool_maxsize=get["PW_POOL_MAXSIZE"],
            failover=get["PW_FAILOVER"],
            auth_mode=get["PW_AUTH_MODE"],
            tedapi_api_version=get["PW_TEDAPI_API_VERSION"],
            site_id=int(siteid) if siteid and siteid.isascii() and siteid.isdigit() else siteid,
            authpath=gateway.authpath or "",
            cachefile=base + suffix,
            cloud_cachefile=os.path.join(temporary_folder(), ".powerwall.cloud"),
            hybrid_cloud_link=not gateway.mode.remote
            and bool(gateway.email)
            and (self.control_enabled or get["PW_CLOUD_HYBRID"]),
            alone=len(self.gateways) == 1,
            local_first=get["PW_LOCAL_FIRST"],
            control_enabled=self.control_enabled,
            neg_solar=get["PW_NEG_SOLAR"],
            site_zero_threshold_watts=get["PW_SITE_ZERO_THRESHOLD"],
            graceful_degradation=get["PW_GRACEFUL_DEGRADATION"],
            cache_ttl_seconds=get["PW_CACHE_TTL"],
            tedapi_recovery=get["PW_TEDAPI_RECOVERY"],
            tedapi_probe_interval_seconds=get["PW_TEDAPI_PROBE_INTERVAL"],
            calls_per_minute=get["PW_CALLS_PER_MINUTE"],
            backoff_max_seconds=get["PW_BACKOFF_MAX"] or 2.0 * get["PW_CACHE_EXPIRE"],
            auth_cooldown_seconds=get["PW_AUTH_COOLDOWN"],
            suppress_network_errors=get["PW_SUPPRESS_NETWORK_ERRORS"],
            network_error_rate_limit=get["PW_NETWORK_ERROR_RATE_LIMIT"],
        )


def temporary_folder() -> str:
    """Where temporary files belong. On a read-only system, shared memory is often the only folder to write to."""
    try:
        return tempfile.gettempdir()
    except FileNotFoundError:
        return next((folder for folder in ("/dev/shm", "/run") if os.access(folder, os.W_OK)), "/tmp")
