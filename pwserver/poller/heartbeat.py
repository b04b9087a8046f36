"""Say when the poller's heart beats, and let other jobs that can wait a moment wake the process in the same instant."""

from __future__ import annotations

import asyncio
import math
from typing import Final

BEAT_SECONDS: Final = 2.0  # well below POLLER_SILENT_SECONDS, after which /livez says that the poller is silent


async def sleep_to_beat(seconds: float = 0.0, every_seconds: float = BEAT_SECONDS) -> None:
    """Sleep for at least ``seconds``, and from then until the next beat: a moment of one grid for all jobs."""
    now = asyncio.get_running_loop().time()
    await asyncio.sleep(beat_after(now + seconds, every_seconds) - now)


def beat_after(moment: float, every_seconds: float = BEAT_SECONDS) -> float:
    """Return the first beat later than a moment of the monotonic clock."""
    return (math.floor(moment / every_seconds) + 1) * every_seconds
