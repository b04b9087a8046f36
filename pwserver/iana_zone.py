"""Check whether a name is that of a time zone, for configuration, gateways and replicas alike."""

from __future__ import annotations


def known_zone(name: str) -> str | None:
    """Return the IANA name of a zone that this machine knows; None for any other text."""
    import zoneinfo  # late, so that reading a configuration without a zone stays cheap

    try:
        return zoneinfo.ZoneInfo(name).key if len(name) <= 255 else None
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None
