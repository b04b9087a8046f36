"""Judge the grid: UP, DOWN, SYNCING or unknown, from every source's words, in one order of precedence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pwserver.reading import Reading
from pwserver.state.fact import UNKNOWN, Text
from pwserver.state.source import Source

UP: Final = "UP"
DOWN: Final = "DOWN"
SYNCING: Final = "SYNCING"
STATES: Final = (UP, DOWN, SYNCING)


@dataclass(frozen=True, slots=True)
class Grid:
    """Whether the public grid carries the house. ``state`` is one of STATES or unknown, never a default."""

    state: Text = UNKNOWN

    @property
    def connected(self) -> bool | None:
        """True when the grid is up, False when it is down or synchronising, None when nobody knows."""
        return None if self.state.value is None else self.state.value == UP


def judge_grid(reading: Reading) -> Grid:
    """Return the state of the grid; a word that nobody knows is unknown."""
    word = reading.grid_status if reading.grid_status in STATES else None
    return Grid(Source(reading, "grid").fact(word, "grid_status"))
