"""The time zone in force for a gateway: the owner's, else the one the gateway tells, else the machine's."""

from __future__ import annotations

from dataclasses import replace

from pwserver.iana_zone import known_zone
from pwserver.reading import GatewayIdentity, Reading


def told_zone(reading: Reading) -> str | None:
    """Return the IANA name that the gateway, or Tesla's servers, tell in ``site_info``; None for anything else."""
    name = (reading.site_info or {}).get("timezone")
    return known_zone(name) if isinstance(name, str) else None


def in_force(gateway: GatewayIdentity, told: str | None) -> GatewayIdentity:
    """Return the identity with the zone in force; ``told`` is what the gateway said last, if it ever did."""
    if told is None or gateway.timezone_set or gateway.timezone == told:
        return gateway
    return replace(gateway, timezone=told)
