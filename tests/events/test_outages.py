"""Outages as the diary has them: whole ones, one that goes on, one whose begin nobody saw; windows and houses."""

from __future__ import annotations

import json
from typing import Any

import pytest
import ujson

from pwserver.events.event import Event
from pwserver.events.event_memory import EventMemory, Outage
from pwserver.history.history_answer import Histories
from pwserver.history.outage_route import outages
from pwserver.state.grid import DOWN
from tests.events.test_event_query import NAMES, NOW, world

HOUR = 3600.0


def diary(*happened: tuple[str, float, str, dict[str, Any]]) -> Histories:
    """What happened to which house, so many seconds before now, with which details."""
    found = world()
    for house, ago, kind, details in happened:
        found.events[house].commit([Event(house, kind, NOW - ago, details)], b"")
    return found


def ask(histories: Histories, status: int = 200, /, **arguments: str) -> Any:
    answer = outages(histories, {name.rstrip("_"): value for name, value in arguments.items()}, NOW)
    assert answer.status == status, answer
    return json.loads(answer.body)


ENDED = {
    "exact": True,
    "purpose": None,
    "since": NOW - 9 * HOUR,
    "duration_seconds": HOUR,
    "charge_begin_percent": 80.0,
    "charge_percent": 71.0,
    "home_wh": 900.0,
}
BOTH = diary(
    (NAMES[0], 9 * HOUR, "grid_down", {"exact": True, "purpose": "unscheduled", "charge_percent": 80.0}),
    (NAMES[0], 8 * HOUR, "grid_up", ENDED),
    (NAMES[1], 6 * HOUR, "grid_up", {"exact": False, "since": None, "duration_seconds": None, "home_wh": None}),
    (NAMES[1], 2 * HOUR, "grid_down", {"exact": True, "purpose": None, "charge_percent": 64.0}),
)


def test_an_outage_has_its_begin_its_length_both_charges_and_what_the_home_used() -> None:
    found = ask(BOTH, gateway=NAMES[0])
    assert found == {
        "outages": [
            {
                "gateway": NAMES[0],
                "begin": NOW - 9 * HOUR,
                "end": NOW - 8 * HOUR,
                "duration_seconds": HOUR,
                "charge_begin_percent": 80.0,
                "charge_end_percent": 71.0,
                "home_wh": 900.0,
                "purpose": "unscheduled",
                "exact": True,
            }
        ],
        "count": 1,
        "seconds": HOUR,
        "unknown_begins": 0,
    }


def test_one_that_goes_on_and_one_whose_begin_nobody_saw_say_so() -> None:
    going, unseen = ask(BOTH, gateway=NAMES[1])["outages"]
    assert (going["begin"], going["end"], going["duration_seconds"]) == (NOW - 2 * HOUR, None, 2 * HOUR)
    assert (going["charge_begin_percent"], going["charge_end_percent"], going["home_wh"]) == (64.0, None, None)
    assert (unseen["begin"], unseen["end"], unseen["duration_seconds"]) == (None, NOW - 6 * HOUR, None)
    assert ask(BOTH, gateway=NAMES[1])["unknown_begins"] == 1


def test_one_that_was_there_at_the_first_look_is_listed_while_it_goes_on() -> None:
    found = diary((NAMES[0], 9 * HOUR, "grid_up", ENDED))
    memory = EventMemory(grid=DOWN, outage=Outage(purpose="scheduled"))
    found.events[NAMES[0]].commit([], ujson.dumps(memory.to_json()).encode())
    newest = ask(found, gateway=NAMES[0])["outages"][0]
    assert (newest["begin"], newest["end"], newest["duration_seconds"]) == (None, None, None)
    assert newest["purpose"] == "scheduled"
    assert ask(found, from_="now-1h", to="now")["unknown_begins"] == 1
    assert ask(found, from_="now-3h", to="now-2h")["count"] == 0


@pytest.mark.parametrize(
    ("window", "count", "seconds"),
    [
        ({}, 3, 3 * HOUR),
        ({"from_": str(NOW - 8.5 * HOUR)}, 3, 2.5 * HOUR),  # begun before it
        ({"from_": str(NOW - 8.75 * HOUR), "to": str(NOW - 8.25 * HOUR)}, 1, 0.5 * HOUR),  # longer than it
        ({"from_": "now-1h"}, 1, HOUR),
        ({"from_": str(NOW - 7 * HOUR), "to": str(NOW - 6.5 * HOUR)}, 0, 0.0),
        ({"gateway": "aggregate", "to": str(NOW - 9 * HOUR)}, 0, 0.0),
    ],
)
def test_a_window_has_the_outages_of_which_any_is_in_it(window: dict[str, str], count: int, seconds: float) -> None:
    found = ask(BOTH, **window)
    assert (found["count"], len(found["outages"]), found["seconds"]) == (count, count, seconds)


def test_the_newest_come_first_and_no_more_than_asked_for() -> None:
    found = ask(BOTH, limit="1")
    assert [one["begin"] for one in found["outages"]] == [NOW - 2 * HOUR] and found["count"] == 3


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"gateway": "barn"}, 404),
        ({"from_": "soon"}, 422),
        ({"from_": "now", "to": "now-1h"}, 422),
        ({"limit": "0"}, 422),
    ],
)
def test_wrong_questions_are_refused(wrong: dict[str, str], status: int) -> None:
    assert ask(BOTH, status, **wrong)["detail"]
