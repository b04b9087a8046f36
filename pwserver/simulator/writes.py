"""Record what was written to a simulated gateway, in order, for tests to count."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import field

from pwserver.json_types import JsonObject
from pwserver.records import record


@record(frozen=True, slots=True)
class Write:
    """Describes one accepted command."""

    kind: str  # config, operation, island, dispatch, resume, schedule_backup or cancel_backup
    value: JsonObject  # for config: dotted path -> new value
    time: float = field(default_factory=time.time)


class Writes:
    """Keeps the last thousand writes, oldest first."""

    def __init__(self) -> None:
        self._all: deque[Write] = deque(maxlen=1000)
        self.backup_event: dict[str, int] | None = None

    def add(self, write: Write) -> None:
        """Record one write."""
        self._all.append(write)

    def list(self) -> list[Write]:
        """Return the writes, oldest first."""
        return list(self._all)

    def clear(self) -> None:
        """Forget all writes."""
        self._all.clear()
