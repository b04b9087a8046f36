"""Lay out what the workers share in the arena beside snapshots and counters.

Main makes the arena before it loads the web server, so nothing here may import that.
"""

from __future__ import annotations

from typing import Final

from pwserver.config.server_settings import WebSettings
from pwserver.web.address_table import GUESSES, STREAMS, AddressTable
from pwserver_ext.limits import WindowLimiter

LIMITS: Final = "limits"  # the region of the rate limiter
NAMES: Final = "names"  # the region of the refused names that the log has told
TOLD_NAMES: Final = 32  # names that the log tells while the server runs; anybody can make up more
NAME_BYTES: Final = 8
NAMES_BYTES: Final = TOLD_NAMES * NAME_BYTES


def shared_bytes(web: WebSettings, workers: int) -> dict[str, int]:
    """Return the regions that the web needs in the arena: name -> bytes."""
    regions = dict.fromkeys((GUESSES, STREAMS), AddressTable.size(workers))
    regions[NAMES] = NAMES_BYTES
    if web.rate_limit_enabled:
        regions[LIMITS] = WindowLimiter.size(web.rate_limit_addresses)
    return regions
