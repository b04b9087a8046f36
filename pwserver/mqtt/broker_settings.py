"""Define the settings of an MQTT connection as plain values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from pwserver.config.service_settings import BrokerSettings
from pwserver.config.setting import members_of
from pwserver.json_types import JsonObject


class ControlRejected(Exception):
    """Says why a command was not carried out; the text may be logged."""


# (gateway id, command of ``gateways/``, its arguments) -> the name of the connection that was used. Raises
# ControlRejected, or anything else.
SendCommand = Callable[[str, str, JsonObject], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MqttSettings(BrokerSettings):
    """Holds the settings about one broker, and what else a connection to it needs. Without ``host``, MQTT is off."""

    control_enabled: bool = False  # HTTP control has its secret
    version: str = "0"  # of this server, for Home Assistant's origin
    operation_timeout_seconds: float = 5.0
    backoff_first_seconds: float = 2.0
    backoff_last_seconds: float = 60.0
    handshake_pause_seconds: float = 1.0  # gives Home Assistant time to let go of an entity's old config
    birth_jitter_seconds: float = 2.0
    command_timeout_seconds: float = 10.0

    @classmethod
    def of(cls, broker: BrokerSettings, **more: Any) -> MqttSettings:
        """Join the settings about the broker with the rest."""
        return cls(**members_of(broker), **more)

    def with_client_id(self, client_id: str) -> MqttSettings:
        """Return the same broker for another connection; two clients with one id would disconnect each other."""
        return replace(self, client_id=client_id)

    def __repr__(self) -> str:  # the generated one would print the password
        return f"MqttSettings(host={self.host!r}, port={self.port}, topic_prefix={self.topic_prefix!r})"


def missing_for_controls(settings: MqttSettings) -> list[str]:
    """Name what controls still need; empty when they may run or were not asked for."""
    if settings.controls == 0:
        return []
    missing = []
    if not settings.control_enabled:
        missing.append("PW_CONTROL_SECRET")
    if not settings.username or not settings.password:
        missing.append("MQTT_USERNAME and MQTT_PASSWORD")
    return missing


def effective_controls(settings: MqttSettings) -> int:
    """Return the bit mask that really counts: 0 unless every precondition holds."""
    return 0 if missing_for_controls(settings) else settings.controls
