"""What judging one gateway has to remember from poll to poll. It outlives connections and is handed on at a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class GatewayMemory:
    """The memories of all judges of one gateway, each in its own field, each bounded."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON, to be kept with the history."""
        return {}

    @classmethod
    def from_json(cls, kept: Any) -> GatewayMemory:
        """Take back what ``to_json`` gave; whatever cannot be understood is left out."""
        return cls()
