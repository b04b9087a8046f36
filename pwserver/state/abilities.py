"""Judge what the connection that was reached can read and write, why it cannot do the rest, and what would help."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Ability:
    """Whether one thing can be done over the present connection; ``why_not`` and ``help`` are sentences."""

    able: bool
    why_not: str | None = None
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Abilities:
    """What can be done, by name: names of reads and of the controls in ``state.controls``."""

    reach: str | None = None  # value of ``reading.Reach``; None while nothing was reached
    read: Mapping[str, Ability] = field(default_factory=dict)
    write: Mapping[str, Ability] = field(default_factory=dict)
