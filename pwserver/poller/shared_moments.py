"""Keep times of gateways in shared memory, so that the next poller process knows them, too."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable


class SharedMoments:
    """Holds one monotonic time for each gateway, 0 until it is set. Only one process may write."""

    def __init__(self, region: memoryview, gateways: Iterable[str]) -> None:
        self._region = region
        self._at = {gateway: 8 * number for number, gateway in enumerate(gateways)}

    @staticmethod
    def size(gateways: int) -> int:
        """Return how many bytes this many gateways take."""
        return 8 * max(1, gateways)

    def get(self, gateway: str) -> float:
        """Return the time last set; minus infinity when none was."""
        found: float = struct.unpack_from("d", self._region, self._at[gateway])[0]
        return found or -math.inf

    def set(self, gateway: str, moment: float) -> None:
        """Store this time."""
        struct.pack_into("d", self._region, self._at[gateway], moment)
