"""The time zone of this machine, for a gateway for which neither its owner nor itself names one."""

from __future__ import annotations

import functools
import warnings

OWN_ZONE = "the gateway's own, else this machine's"


@functools.cache
def machine_zone() -> str:
    """Return the IANA name of this machine's zone; UTC where it has none, or two of its files disagree."""
    import zoneinfo  # reading the configuration shall stay cheap: these two only where they are needed

    import tzlocal

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TZ=… texts that are no IANA name: UTC then
            name = tzlocal.get_localzone_name()
            return zoneinfo.ZoneInfo(name).key if name else "UTC"
    except (ValueError, OSError, LookupError, zoneinfo.ZoneInfoNotFoundError):
        return "UTC"
