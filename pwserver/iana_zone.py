"""Check whether a name is that of a time zone, for configuration, gateways and replicas alike."""

from __future__ import annotations

import re
from typing import Final

# Files beside the zones: of one machine, with leap seconds, a default, a place-holder. Browsers know none of them.
_NO_ZONE: Final = re.compile(r"(?:posix|right)/.*|localtime|posixrules|Factory")


def known_zone(name: str) -> str | None:
    """Return the IANA name of a zone that this machine knows; None for any other text."""
    import zoneinfo  # late, so that reading a configuration without a zone stays cheap

    if _NO_ZONE.fullmatch(name):
        return None
    try:
        return zoneinfo.ZoneInfo(name).key if len(name) <= 255 else None
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return None
