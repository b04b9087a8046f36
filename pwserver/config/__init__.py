"""Settings and gateway definitions: flags > file > environment > defaults."""

from __future__ import annotations

from pwserver.config.effective import Config, Origin
from pwserver.config.gateways import AGGREGATE_ID, GatewayDefinition, GatewayOptions
from pwserver.config.load import load
from pwserver.config.problems import ConfigError
from pwserver.config.setting import MASK, Setting
from pwserver.config.settings import SETTINGS
from pwserver.modes import ConnectionMode

__all__ = [
    "AGGREGATE_ID",
    "MASK",
    "SETTINGS",
    "Config",
    "ConfigError",
    "ConnectionMode",
    "GatewayDefinition",
    "GatewayOptions",
    "Origin",
    "Setting",
    "load",
]
