"""Judge which time zone is in force for a gateway: the owner's, else the gateway's, else this machine's."""

from __future__ import annotations

from dataclasses import replace

from pwserver.iana_zone import known_zone
from pwserver.reading import GatewayIdentity, Reading


def told_zone(reading: Reading) -> str | None:
    """Return the IANA name of the zone that ``site_info`` contains; None for anything else."""
    name = (reading.site_info or {}).get("timezone")
    return known_zone(name) if isinstance(name, str) else None


def in_force(gateway: GatewayIdentity, told: str | None) -> GatewayIdentity:
    """Return the identity with the zone in force; ``told`` is the zone that the gateway reported last, if any."""
    if told is None or gateway.timezone_set or (gateway.timezone_told and gateway.timezone == told):
        return gateway
    return replace(gateway, timezone=told, timezone_told=True)


def is_known(gateway: GatewayIdentity) -> bool:
    """Return whether the owner or the gateway has named its zone; else it is only this machine's."""
    return gateway.timezone_set or gateway.timezone_told
