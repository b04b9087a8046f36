"""Write what ``pwserver check-config`` prints."""

from __future__ import annotations

from pwserver.config.configuration import Config
from pwserver.config.gateway_definition import GatewayDefinition
from pwserver.config.machine_time_zone import OWN_ZONE
from pwserver.config.setting import SECTIONS
from pwserver.config.settings import SETTINGS

_GIVEN = (
    ("gw_pwd", "gateway password"),
    ("password", "password"),
    ("rsa_key_path", "RSA key"),
    ("email", "e-mail"),
    ("siteid", "site id"),
)


def report(config: Config) -> str:
    """Write the configuration in force: gateways, every setting with its origin, warnings. No secrets."""
    lines = [f"Gateways: {len(config.gateways)}, from {config.gateway_source}"]
    lines += [_gateway_line(config, gateway) for gateway in config.gateways]
    if config.gateway_source in ("demo", "replica"):
        lines.append(f"  known only when running: this is a {config.gateway_source}")
    elif not config.gateways:
        lines.append("  none: the server starts, but has no data to serve")
    for section in SECTIONS:
        lines += ["", section]
        for setting in SETTINGS:
            if setting.section == section:
                value = config.settings.value(setting)
                text = setting.default_text if value is None else setting.text(value)
                unit = f" {setting.unit}" if setting.unit and value is not None else ""
                lines.append(
                    f"  {setting.name} = {_printable(text)}{unit}  ({_printable(str(config.source(setting.name)))})"
                )
    if config.warnings:
        lines += ["", "Warnings"]
        lines += [f"  - {_printable(warning)}" for warning in config.warnings]
    return "\n".join(lines) + "\n"


def _gateway_line(config: Config, gateway: GatewayDefinition) -> str:
    given = [text for member, text in _GIVEN if getattr(gateway, member)]
    parts = [
        f"  {gateway.id} ({gateway.name})",
        f"{gateway.mode.label} [{gateway.mode.word}]",
        gateway.address or "Tesla's servers",
        gateway.timezone or f"time zone: {OWN_ZONE}",
        f"given: {', '.join(given) or 'login files'}",
    ]
    if config.gateway_options(gateway).hybrid_cloud_link:
        parts.append("with a hybrid cloud link")
    if gateway.id == config.default_gateway:
        parts.append("default")
    return "; ".join(parts)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
