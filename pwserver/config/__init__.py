"""Read settings and gateway definitions: flags win over the file, the file over the environment, then defaults."""

from __future__ import annotations

from pwserver.config.configuration import Config, ValueSource
from pwserver.config.gateway_definition import AGGREGATE_ID, GatewayDefinition, GatewayOptions
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
    "Setting",
    "ValueSource",
    "load",
]
