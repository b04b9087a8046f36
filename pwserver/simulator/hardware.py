"""Names of simulated hardware and the fair split of a sum over units."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Hardware:
    """One piece of hardware; ``module_*`` is the battery module inside a Powerwall 2 package."""

    part: str
    serial: str
    module_part: str | None = None
    module_serial: str | None = None

    @property
    def din(self) -> str:
        return f"{self.part}--{self.serial}"


def even_split(total: float, count: int, quantum: float = 0.25) -> list[float]:
    """Split ``total`` (a multiple of ``quantum``) into ``count`` nearly equal multiples of it with an exact sum."""
    if count <= 0:
        return []
    pieces = round(total / quantum)
    base, rest = divmod(pieces, count)
    return [(base + (1 if index < rest else 0)) * quantum for index in range(count)]
