"""What the detector remembers is compared by what is kept of it, after every poll."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import fields

import pytest

from pwserver.events.event_memory import EventMemory, Outage, Repeats
from pwserver.state.grid import DOWN

NOT_KEPT = {"silent_at", "firmware_doubt", "units_at", "units_doubt", "seen_grid_at", "seen_places", "boot", "noted"}
NOT_KEPT_OF_OUTAGE = {"home_wh", "integrated_at", "watts"}
OTHER = {
    "heard": True,
    "grid_doubt": Outage(1.0),
    "outage": Outage(2.0),
    "alerts": {"PVS": {"alert": 3.0}},
    "labels": {"PVS": "Inverter"},
    "repeats": {("PVS", "alert"): Repeats(3.0, 1)},
    "settings": {"reserve": 20.0},
    "commands": {"reserve": (20.0, "api", 4.0)},
    "units": {"TG1": "PW1"},
    "units_doubt": ["TG1"],
    "resets": {"solar": 5.0},
    "counts": {"grid_down": 1},
    "seen_places": {"PVS": 6.0},
    "grid": "UP",
    "away_cause": "timeout",
    "firmware": "24.4.0",
    "firmware_doubt": "24.5.0",
    "noted": {8.0: 9.0},
}


@pytest.mark.parametrize("name", [field.name for field in fields(EventMemory)])
def test_memories_are_equal_when_what_is_kept_of_them_is(name: str) -> None:
    memory, changed = EventMemory(), EventMemory()
    setattr(changed, name, OTHER.get(name, 7.0))
    assert (memory == changed) == (memory.to_json() == changed.to_json()) == (name in NOT_KEPT)
    assert deepcopy(changed) == changed


@pytest.mark.parametrize("name", [field.name for field in fields(Outage)])
def test_outages_are_equal_when_what_is_kept_of_them_is(name: str) -> None:
    memory, changed = EventMemory(outage=Outage()), EventMemory(outage=Outage())
    setattr(changed.outage, name, {"exact": True, "purpose": "scheduled"}.get(name, 7.0))
    assert (memory == changed) == (memory.to_json() == changed.to_json()) == (name in NOT_KEPT_OF_OUTAGE)


def test_a_grid_that_is_away_has_an_outage_whatever_was_kept_of_that() -> None:
    found = EventMemory.from_json({"grid": DOWN, "outage": "damaged"})
    assert found.outage == Outage()
