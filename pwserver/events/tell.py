"""Declare how the parts of the detector report an event."""

from __future__ import annotations

from typing import Protocol

from pwserver.json_types import Json


class Tell(Protocol):
    """Reports an event of this kind; ``at`` where it did not happen at the time of the poll (epoch seconds)."""

    def __call__(self, kind: str, at: float | None = None, /, **details: Json) -> None: ...
