"""Find the time zone of this machine, for gateways whose zone neither the owner nor the gateway names."""

from __future__ import annotations

import functools
import warnings

from pwserver.iana_zone import known_zone

OWN_ZONE = "the gateway's own, else this machine's"


@functools.cache
def machine_zone() -> str:
    """Return the IANA name of this machine's zone; UTC where it has none, or two of its files disagree."""
    import tzlocal  # late, so that reading a configuration that names its zones stays cheap

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about TZ=… texts that are no IANA name: UTC then
            return known_zone(tzlocal.get_localzone_name() or "") or "UTC"
    except (ValueError, OSError, LookupError):
        return "UTC"
