"""Name simulated hardware, and split sums evenly over units."""

from __future__ import annotations

from pwserver.records import record


@record(frozen=True, slots=True)
class Hardware:
    """Names one piece of hardware; ``module_*`` is the battery module inside a Powerwall 2 package."""

    part: str
    serial: str
    module_part: str | None = None
    module_serial: str | None = None

    @property
    def din(self) -> str:
        """Return the DIN (device identification number), made of part and serial number."""
        return f"{self.part}--{self.serial}"


def even_split(total: float, count: int, quantum: float = 0.25) -> list[float]:
    """Return ``count`` nearly equal multiples of ``quantum`` that add up to ``total``, which must be a multiple."""
    if count <= 0:
        return []
    pieces = round(total / quantum)
    base, rest = divmod(pieces, count)
    return [(base + (1 if index < rest else 0)) * quantum for index in range(count)]
