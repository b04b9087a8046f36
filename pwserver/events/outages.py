"""Judge when the grid was lost and when it came back, and what the house did meanwhile."""

from __future__ import annotations

from typing import Final

from pwserver.events import kinds
from pwserver.events.event_memory import EventMemory, Outage
from pwserver.events.observation import Observation
from pwserver.events.tell import Tell
from pwserver.json_types import JsonObject
from pwserver.state.grid import DOWN, UP

RECENT_SECONDS: Final = 600.0  # an answer so recent shows that the other state has begun since
CLOCK_SET_SECONDS: Final = 1.0  # two clocks that are so far apart by now: one of them was set
LONGEST_STEP_SECONDS: Final = 300.0  # between two powers that are added up; longer is a hole


def judge_grid_events(seen: Observation, memory: EventMemory, tell: Tell, sender: str | None) -> None:
    """Tell of a lost grid or one that is back; ``sender``: who has commanded to leave or join it a moment ago."""
    if memory.outage is not None:
        _add_up(memory.outage, seen)
    if seen.grid is None:
        return
    last, memory.seen_grid_at = memory.seen_grid_at, seen.steady
    exact = last is not None and 0.0 <= seen.steady - last <= RECENT_SECONDS
    if memory.grid is None:
        _learn(memory, seen)
    elif seen.grid == memory.grid:
        memory.grid_doubt = None
        if memory.outage is not None:
            memory.outage.purpose = memory.outage.purpose or seen.purpose
    elif memory.grid == UP:
        _doubt_up(memory, seen, tell, sender, exact)
    elif seen.grid == UP:  # synchronising is not back yet
        _doubt_down(memory, seen, tell, exact)


def _learn(memory: EventMemory, seen: Observation) -> None:
    """Take the first known state for what it is; an outage that was there before has no beginning that we know."""
    if seen.grid == UP:
        memory.grid = UP
    elif seen.grid == DOWN:
        memory.grid, memory.outage = DOWN, Outage()


def _doubt_up(memory: EventMemory, seen: Observation, tell: Tell, sender: str | None, exact: bool) -> None:
    """Tell of a lost grid when a second poll, or the gateway's own reason, confirms it."""
    if memory.grid_doubt is not None:  # synchronising confirms, too: the house is not joined to the grid
        _add_up(memory.grid_doubt, seen)
    elif seen.grid == DOWN:
        memory.grid_doubt = _now(seen, exact, 0.0)
        if seen.purpose is None:
            return
    else:
        return
    outage = memory.grid_doubt
    outage.purpose = seen.purpose or outage.purpose or (kinds.SCHEDULED if sender is not None else None)
    memory.grid, memory.outage, memory.grid_doubt = DOWN, outage, None
    tell(
        kinds.GRID_DOWN,
        outage.at,
        exact=outage.exact,
        purpose=outage.purpose,
        by=sender,
        charge_percent=outage.charge_percent,
    )


def _doubt_down(memory: EventMemory, seen: Observation, tell: Tell, exact: bool) -> None:
    """Tell that the grid is back when a second poll confirms it."""
    outage = memory.outage or Outage()
    if memory.grid_doubt is None:
        memory.grid_doubt = _now(seen, exact, outage.home_wh)
        return
    back = memory.grid_doubt
    memory.grid, memory.outage, memory.grid_doubt = UP, None, None
    tell(
        kinds.GRID_UP,
        back.at,
        exact=back.exact,
        purpose=outage.purpose,
        **span(memory, outage.at, back.at),
        charge_begin_percent=outage.charge_percent,
        charge_percent=back.charge_percent,
        home_wh=_home_wh(outage, back),
    )


def _now(seen: Observation, exact: bool, home_wh: float | None) -> Outage:
    return Outage(
        seen.at,
        exact,
        seen.purpose,
        seen.charge_percent,
        seen.home_counter_wh,
        home_wh,
        seen.steady,
        seen.home_watts,
    )


def _add_up(outage: Outage, seen: Observation) -> None:
    """Add the energy since the power before. A hole makes it unknown: the gateway's counter may still know it."""
    since, before = outage.integrated_at, outage.watts
    outage.integrated_at, outage.watts = seen.steady, seen.home_watts
    if (
        outage.home_wh is None
        or since is None
        or before is None
        or seen.home_watts is None
        or not 0.0 <= seen.steady - since <= LONGEST_STEP_SECONDS
    ):
        outage.home_wh = None
    else:
        outage.home_wh += (before + seen.home_watts) / 2.0 * (seen.steady - since) / 3600.0


def _home_wh(outage: Outage, back: Outage) -> float | None:
    """Return what the house used: by the gateway's counter where it counts at both ends, else by its powers."""
    if outage.counter_wh is not None and back.counter_wh is not None and back.counter_wh >= outage.counter_wh:
        return round(back.counter_wh - outage.counter_wh, 1)
    return None if back.home_wh is None else round(back.home_wh, 1)


def span(memory: EventMemory, begin: float | None, end: float | None) -> JsonObject:
    """Return since when something lasted until ``end``, and how long; null where its beginning is not known.

    ``since`` is told by the clock that ``end`` was told by: one that was set meanwhile may be put right for both.
    """
    seconds = memory.lasted(begin, end)
    if begin is None or end is None or seconds is None:
        return {"since": begin, "duration_seconds": None}
    since = begin if abs(end - seconds - begin) <= CLOCK_SET_SECONDS else round(end - seconds, 3)
    return {"since": since, "duration_seconds": round(seconds, 1)}
