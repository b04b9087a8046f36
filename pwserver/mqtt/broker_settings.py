"""What the MQTT room has to be told, as plain values, and what it says about itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any


class ControlRejected(Exception):
    """A command that was not carried out; the text says why and may be logged."""


# (gateway id, command of ``gateways/``, its arguments) -> the name of the connection that was used. Raises
# ControlRejected, or anything else.
SendCommand = Callable[[str, str, dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """One broker. An empty ``host`` switches the whole room off."""

    host: str = ""
    port: int = 1883
    username: str | None = None
    password: str | None = None
    tls: bool = False
    tls_ca_cert: str | None = None
    tls_insecure: bool = False
    topic_prefix: str = "pypowerwall"
    retain: bool = True
    qos: int = 1
    ha_discovery: bool = True
    ha_prefix: str = "homeassistant"
    ha_form: str = "device"  # or "entity": one config topic an entity, as pypowerwall-server sends them
    client_id: str = "pypowerwall-server"
    keepalive_seconds: int = 60
    controls: int = 0  # bit mask, 0 to 31
    control_enabled: bool = False  # HTTP control has its secret
    version: str = "0"  # of this server, for Home Assistant's origin
    operation_timeout_seconds: float = 5.0
    backoff_first_seconds: float = 2.0
    backoff_last_seconds: float = 60.0
    handshake_pause_seconds: float = 1.0  # gives Home Assistant time to let go of an entity's old config
    birth_jitter_seconds: float = 2.0
    command_timeout_seconds: float = 10.0

    def with_client_id(self, client_id: str) -> MqttSettings:
        """The same broker for one more connection; two with the same name would end each other."""
        return replace(self, client_id=client_id)

    def __repr__(self) -> str:  # the generated one would print the password
        return f"MqttSettings(host={self.host!r}, port={self.port}, topic_prefix={self.topic_prefix!r})"


def missing_for_controls(settings: MqttSettings) -> list[str]:
    """What controls still need, in words; empty when they may run or were not asked for."""
    if settings.controls == 0:
        return []
    missing = []
    if not settings.control_enabled:
        missing.append("PW_CONTROL_SECRET")
    if not settings.username or not settings.password:
        missing.append("MQTT_USERNAME and MQTT_PASSWORD")
    return missing


def effective_controls(settings: MqttSettings) -> int:
    """The bit mask that really counts: 0 unless every precondition holds."""
    return 0 if missing_for_controls(settings) else settings.controls


def status_body(settings: MqttSettings, connected: bool) -> dict[str, Any]:
    """The body of ``GET /api/mqtt/status``; never the user name or password."""
    return {
        "enabled": bool(settings.host),
        "host": settings.host or None,
        "port": settings.port,
        "connected": bool(settings.host) and connected,
        "topic_prefix": settings.topic_prefix,
        "ha_discovery": settings.ha_discovery,
        "qos": settings.qos,
        "retain": settings.retain,
        "tls": settings.tls,
    }
