"""The time zone in force for a gateway: the owner's, else the one the gateway tells, else the machine's."""

from __future__ import annotations

import zoneinfo
from dataclasses import replace

from pwserver.reading import GatewayIdentity, Reading


def told_zone(reading: Reading) -> str | None:
    """Return the IANA name that the gateway, or Tesla's servers, tell in ``site_info``; None for anything else."""
    name = (reading.site_info or {}).get("timezone")
    return known_zone(name) if isinstance(name, str) else None


def known_zone(name: str) -> str | None:
    """Return the name of a zone that exists; None for any other text."""
    try:
        return zoneinfo.ZoneInfo(name).key
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None


def in_force(gateway: GatewayIdentity, told: str | None) -> GatewayIdentity:
    """Return the identity with the zone in force; ``told`` is what the gateway said last, if it ever did."""
    if told is None or gateway.timezone_set or gateway.timezone == told:
        return gateway
    return replace(gateway, timezone=told)
