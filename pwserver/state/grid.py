"""Judge whether the grid is UP, DOWN, SYNCING or unknown, from the words of all sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pwserver.json_types import JsonArray, JsonMapping
from pwserver.reading import Reading
from pwserver.records import record
from pwserver.state.fact import UNKNOWN, Text
from pwserver.state.source import Source

UP: Final = "UP"
DOWN: Final = "DOWN"
SYNCING: Final = "SYNCING"
STATES: Final = (UP, DOWN, SYNCING)

CONNECTED_WORD: Final = "SystemGridConnected"  # the gateway's own words, which the cloud modes take over
ISLANDED_WORD: Final = "SystemIslandedActive"
# Words of the gateway -> what they mean.
GRID_WORDS: Final[Mapping[str, str]] = {
    CONNECTED_WORD: UP,
    ISLANDED_WORD: DOWN,
    "SystemMicroGridFaulted": DOWN,
    "SystemWaitForUser": DOWN,
    "SystemTransitionToGrid": SYNCING,
    "SystemTransitionToIsland": SYNCING,
    "SystemIslandedReady": SYNCING,
}
_OFF_GRID: Final = frozenset({"off_grid", "off_grid_intentional", "off_grid_unintentional"})
_CONNECTED_ALERTS: Final = frozenset({"SystemConnectedToGrid", CONNECTED_WORD})
_ISLANDED_ALERTS: Final = frozenset({ISLANDED_WORD, "ScheduledIslandContactorOpen", "UnscheduledIslandContactorOpen"})
GRID_ALERTS: Final = _CONNECTED_ALERTS | _ISLANDED_ALERTS | {"GridServicesActive"}  # alerts about the state of the grid


def grid_word(detail: JsonMapping | None) -> str | None:
    """Return UP, DOWN or SYNCING for the gateway's word; None for an unknown word and for silence."""
    word = detail.get("grid_status") if detail else None
    return GRID_WORDS.get(word) if isinstance(word, str) else None


def cloud_word(island_status: object, grid_status: object) -> str | None:
    """Return the gateway's word for what Tesla's servers report in two members; None when neither says anything.

    An ``island_status`` of off grid takes precedence: ``grid_status`` is about the utility, and stays ``Active`` while
    the owner runs the house on its own. An inactive utility is next, then ``on_grid``. ``Active`` alone counts as
    connected; ``Unknown``, an empty text, a missing member and unknown words do not.
    """
    island, grid = (word.strip().lower() if isinstance(word, str) else "" for word in (island_status, grid_status))
    if island in _OFF_GRID or grid == "inactive":
        return ISLANDED_WORD
    if island == "on_grid" or grid == "active":
        return CONNECTED_WORD
    return None


def contactor_known(word: object) -> bool:
    """Return whether TEDAPI's word for the contactor to the grid says that it is closed, or open.

    The library takes every other word for open, also that a value is not available, which is no outage.
    """
    return isinstance(word, str) and word.startswith("ISLAND_GridConnected_") and word.endswith("onnected")


def agreeing_alerts(names: Iterable[Any], word: str | None) -> JsonArray:
    """Return the alerts without those that contradict ``word``, as the library derives these by weaker rules."""
    wrong = _ISLANDED_ALERTS if word == CONNECTED_WORD else _CONNECTED_ALERTS
    if word is None:  # nothing confirms any of them
        wrong = _ISLANDED_ALERTS | _CONNECTED_ALERTS
    return [name for name in names if name not in wrong]


@record(frozen=True, slots=True)
class Grid:
    """Says whether the public grid supplies the house; ``state`` is one of STATES or unknown, never a default."""

    state: Text = UNKNOWN

    @property
    def connected(self) -> bool | None:
        """Return True when the grid is up, False when it is down or synchronising, None when it is not known."""
        return None if self.state.value is None else self.state.value == UP


def judge_grid(reading: Reading) -> Grid:
    """Return the state of the grid; a word that is not in the table counts as unknown."""
    word = reading.grid_status if reading.grid_status in STATES else None
    return Grid(Source(reading, "grid").fact(word, "grid_status"))
