"""Detect alerts that begin and end, device by device, and keep one that comes and goes from filling the diary.

docs/events.md has the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pwserver.events import kinds
from pwserver.events.event_memory import MOST_ALERTS, MOST_PLACES, MOST_REPEATS, EventMemory, Repeats
from pwserver.events.observation import Observation, device_of
from pwserver.events.outages import RECENT_SECONDS, span
from pwserver.events.tell import Tell
from pwserver.json_types import JsonObject
from pwserver.state.alert_meanings import MEANINGS, UNPUBLISHED

WINDOW_SECONDS: Final = 86_400.0
MOST_TOLD: Final = 10  # begins of one alert of one device in a window that are told one by one
LASTING_SECONDS: Final = 600.0  # an alert that stays for so long is told in any case


def judge_alerts(
    seen: Observation, memory: EventMemory, tell: Tell, place: str, told: Mapping[str, str | None], most: int
) -> None:
    """Compare the alerts of one device with those of its last answer; at most so many events."""
    known = memory.alerts.get(place)
    if known is None:
        if len(memory.alerts) < MOST_PLACES:
            memory.alerts[place] = dict.fromkeys(list(told)[:MOST_ALERTS])
            memory.labels[place] = next(iter(told.values()), None)
            memory.seen_places[place] = seen.steady
        return
    last, memory.seen_places[place] = memory.seen_places.get(place), seen.steady
    exact = last is not None and 0.0 <= seen.steady - last <= RECENT_SECONDS
    ended = [name for name in known if name not in told][:most]
    for name in ended:
        since = known.pop(name)
        repeats = memory.repeats.get((place, name))
        if repeats is not None and repeats.untold_since is not None:
            repeats.untold_since = None
            repeats.untold += 1
            continue
        tell(kinds.ALERT_ENDED, **_named(memory, place, name), **span(memory, since, seen.at))
    for name in [name for name in told if name not in known][: min(most - len(ended), MOST_ALERTS - len(known))]:
        known[name] = seen.at
        memory.labels[place] = told[name] or memory.labels.get(place)
        if _is_told(memory, place, name, seen.at, exact):
            tell(kinds.ALERT_BEGUN, **_named(memory, place, name) | {"unit": told[name]}, exact=exact)


def judge_repeats(seen: Observation, memory: EventMemory, tell: Tell, most: int) -> None:
    """Tell what was not told at once: alerts that have stayed, and how often one came and went. At most so many."""
    for (place, name), repeats in list(memory.repeats.items()):
        if most <= 0:
            return
        began = repeats.untold_since
        if began is not None and not 0.0 <= seen.at - began < LASTING_SECONDS:
            repeats.untold_since = None
            tell(kinds.ALERT_BEGUN, began, **_named(memory, place, name), exact=repeats.exact)
            most -= 1
        elif began is None and not 0.0 <= seen.at - repeats.since < WINDOW_SECONDS:
            del memory.repeats[place, name]
            if repeats.untold:
                told = _named(memory, place, name)
                tell(kinds.ALERT_REPEATED, **told, since=repeats.since, times=repeats.untold)
                most -= 1


def _is_told(memory: EventMemory, place: str, name: str, at: float, exact: bool) -> bool:
    """Say whether the begin of an alert is told now, and count it."""
    repeats = memory.repeats.get((place, name))
    if repeats is None:
        if len(memory.repeats) < MOST_REPEATS:
            memory.repeats[place, name] = Repeats(at, 1)
        return True
    if repeats.told < MOST_TOLD:
        repeats.told += 1
        return True
    repeats.untold_since, repeats.exact = at, exact
    return False


def _named(memory: EventMemory, place: str, name: str) -> JsonObject:
    severity = MEANINGS.get(name, UNPUBLISHED).severity
    return {"alert": name, "device": device_of(place), "unit": memory.labels.get(place), "severity": severity}
