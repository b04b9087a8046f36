"""Judge the health of a battery once: the same days are asked for again and again."""

from __future__ import annotations

import hashlib
from array import array
from typing import Final

from pwserver.state.battery_health import Health, judge_health

MOST_JUDGEMENTS: Final = 64  # of one gateway; a day changes now and then, and with it those of its units


class HealthMemory:
    """Remembers what was judged of which days of one gateway."""

    def __init__(self) -> None:
        self._judged: dict[bytes, Health] = {}

    def judge(self, *columns: array[float]) -> Health:
        """Judge the days of one battery, given as for ``judge_health``, unless they have been judged before."""
        digest = hashlib.blake2b(b"".join(column.tobytes() for column in columns), digest_size=16).digest()
        found = self._judged.get(digest)
        if found is None:
            if len(self._judged) >= MOST_JUDGEMENTS:
                self._judged.clear()
            found = self._judged[digest] = judge_health(*columns)
        return found
