"""The detector: which events follow from what polls show, and which do not."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pwserver.events import kinds
from pwserver.events.detector import detect, note_command
from pwserver.events.event import Event
from pwserver.events.event_memory import EventMemory
from pwserver.events.kinds import KINDS, MEMBERS
from pwserver.events.observation import Observation

BEGIN = 1_790_000_000.0
STEP = 5.0


class Diary:
    """One gateway that is polled every five seconds; the events so far."""

    def __init__(self) -> None:
        self.memory = EventMemory()
        self.events: list[Event] = []
        self.polls = 0
        self.told: dict[str, Any] = {"grid": "UP", "charge_percent": 80.0, "home_watts": 1000.0}

    def poll(self, count: int = 1, **told: Any) -> list[Event]:
        """Poll the gateway, which tells this from now on. Returns the new events."""
        self.told |= told
        found: list[Event] = []
        for _ in range(count):
            self.polls += 1
            found += detect("home", Observation(*self.now, fresh=True, **self.told), self.memory)
        self.events += found
        return found

    @property
    def now(self) -> tuple[float, float]:
        return BEGIN + STEP * self.polls, 100.0 + STEP * self.polls

    def fail(self, count: int = 1, **told: Any) -> list[Event]:
        """Fail to poll it."""
        found: list[Event] = []
        for _ in range(count):
            self.polls += 1
            shown: dict[str, Any] = {"away": True, "sure": True, "cause": "timeout"} | told
            found += detect("home", Observation(*self.now, **shown), self.memory)
        self.events += found
        return found

    def restart(self, seconds: float = 0.0) -> None:
        """Let a new process go on from what was kept."""
        self.memory = EventMemory.from_json(json.loads(json.dumps(self.memory.to_json())))
        self.polls += int(seconds / STEP)


def told(events: Iterable[Event]) -> list[str]:
    return [event.kind for event in events]


def test_what_is_seen_first_is_a_state() -> None:
    diary = Diary()
    assert not diary.poll(
        5,
        grid="DOWN",
        alerts={"TEPOD--1": {"POD_w110_SW_EOC": "PW1"}},
        settings={"mode": "backup", "reserve": 20.0},
        firmware="25.1.0",
        units={"A": "PW1"},
        resets={"load.energy_imported": (BEGIN, 5.0, 1.0)},
    )


def test_an_outage_has_a_beginning_and_an_end() -> None:
    diary = Diary()
    diary.poll(3)
    assert not diary.poll(grid="DOWN", charge_percent=79.0)
    first = BEGIN + STEP * diary.polls
    (down,) = diary.poll()
    assert (down.kind, down.at) == (kinds.GRID_DOWN, first)
    assert down.details == {"exact": True, "purpose": None, "by": None, "charge_percent": 79.0}
    diary.poll(8)
    assert not diary.poll(grid="UP", charge_percent=70.0)
    (up,) = diary.poll()
    assert up.at == first + 10 * STEP
    assert up.details["since"] == first and up.details["duration_seconds"] == up.at - first
    assert (up.details["charge_begin_percent"], up.details["charge_percent"]) == (79.0, 70.0)
    assert up.details["home_wh"] == round(1000.0 * (up.at - first) / 3600.0, 1)


def test_the_gateways_counter_tells_the_energy_of_an_outage() -> None:
    diary = Diary()
    diary.poll(2, home_counter_wh=5000.0)
    diary.poll(4, grid="DOWN", home_counter_wh=5010.0)
    diary.restart(7200.0)
    diary.poll(1, grid="UP", home_counter_wh=9010.0)
    (up,) = diary.poll(home_counter_wh=9020.0)
    assert up.details["home_wh"] == 4000.0


@pytest.mark.parametrize("break_", ["restart", "gap", "counter"])
def test_an_energy_that_is_not_known_is_null(break_: str) -> None:
    diary = Diary()
    diary.poll(2, home_counter_wh=5000.0 if break_ == "counter" else None)
    diary.poll(4, grid="DOWN")
    if break_ == "restart":
        diary.restart()
    elif break_ == "gap":
        diary.polls += 200
    diary.poll(home_counter_wh=3.0 if break_ == "counter" else None, home_watts=None)
    (up,) = diary.poll(2, grid="UP")
    assert up.details["home_wh"] is None


@pytest.mark.parametrize("odd", ["DOWN", "SYNCING", None])
def test_a_single_odd_answer_is_no_event(odd: str | None) -> None:
    diary = Diary()
    diary.poll(2)
    diary.poll(grid=odd)
    diary.poll(3, grid="UP")
    assert diary.events == []


def test_the_open_contactor_confirms_at_once() -> None:
    diary = Diary()
    diary.poll(2)
    (down,) = diary.poll(grid="DOWN", purpose="unscheduled")
    assert down.details["purpose"] == "unscheduled"


def test_what_is_unknown_neither_begins_nor_ends_an_outage() -> None:
    diary = Diary()
    diary.poll(2)
    diary.poll(2, grid="DOWN")
    diary.poll(5, grid=None)
    diary.fail(5)
    diary.poll(grid=None)
    diary.poll(2, grid="DOWN")
    diary.poll(5, grid="SYNCING")
    diary.poll(1, grid="UP")
    diary.poll(1, grid="DOWN")
    diary.poll(2, grid="UP")
    assert told(diary.events) == ["grid_down", "gateway_away", "gateway_back", "grid_up"]


def test_an_outage_goes_on_over_a_restart_and_one_that_was_there_before_has_no_beginning() -> None:
    diary = Diary()
    diary.poll(2, grid="DOWN")
    (up,) = diary.poll(2, grid="UP")
    assert (up.details["since"], up.details["duration_seconds"], up.details["home_wh"]) == (None, None, None)
    (down,) = diary.poll(2, grid="DOWN")
    diary.restart(86_400.0)
    diary.poll(3)
    (up,) = diary.poll(2, grid="UP")
    assert up.details["since"] == down.at and told(diary.events) == ["grid_up", "grid_down", "grid_up"]
    diary.restart(3600.0)
    (down,) = diary.poll(2, grid="DOWN")
    assert down.details["exact"] is False, "it may have begun while the server was off"


def test_a_gateway_is_away_once_that_is_sure_with_its_cause() -> None:
    diary = Diary()
    diary.fail(5, cause="auth")
    assert diary.events == [], "it was never heard"
    diary.poll(2)
    assert not diary.fail(away=False)
    assert not diary.fail(sure=False)
    first = BEGIN + STEP * diary.polls
    (away,) = diary.fail(3, cause="unreachable", last_read=12.0)
    assert away.details == {"cause": "unreachable", "last_read": 12.0} and away.at == first
    diary.restart()
    diary.fail(3, cause="auth")
    (back,) = diary.poll(2)
    assert back.details == {"cause": "unreachable", "since": first, "duration_seconds": back.at - first}


def test_alerts_begin_and_end_by_device() -> None:
    diary = Diary()
    diary.poll(2, alerts={"A": {"HighCPU": "PW1"}, "B": {}})
    (begun,) = diary.poll(2, alerts={"A": {"HighCPU": "PW1"}, "B": {"HighCPU": "PW2"}})
    assert begun.details == {"alert": "HighCPU", "device": "B", "unit": "PW2", "severity": "warning", "exact": True}
    assert not diary.poll(alerts={"B": {"HighCPU": "PW2"}}), "a device that says nothing ends nothing"
    diary.restart()
    ended = diary.poll(alerts={"A": {}, "B": {}})
    assert [(event.details["device"], event.details["since"]) for event in ended] == [("A", None), ("B", begun.at)]
    assert ended[1].details["duration_seconds"] == ended[1].at - begun.at and ended[1].details["unit"] == "PW2"
    (unknown,) = diary.poll(alerts={"A": {"NobodyKnows": None}})
    assert unknown.details["severity"] == "unknown"


def test_many_alerts_at_once_are_told_over_several_polls_each_once() -> None:
    diary = Diary()
    places = [f"D{number}" for number in range(30)]
    diary.poll(alerts={place: {} for place in places})
    counts = [len(diary.poll(alerts={place: {f"a{n}": None for n in range(8)} for place in places})) for _ in range(8)]
    assert max(counts) <= 64 and sum(counts) == 240 and counts[-1] == 0
    assert len({(event.details["device"], event.details["alert"]) for event in diary.events}) == 240


def test_settings_change_by_whom() -> None:
    diary = Diary()
    diary.poll(2, settings={"mode": "backup", "reserve": 20.0, "grid_export": "pv_only", "grid_charging": True})
    assert not diary.poll(settings={"reserve": 20.6}), "gateways round"
    note_command(diary.memory, {"reserve": 50}, "mqtt", diary.now[1])
    diary.restart()
    (ours,) = diary.poll(settings={"reserve": 49.5})
    assert ours.kind == "reserve_changed"
    assert ours.details == {"before": 20.0, "after": 49.5, "by": "mqtt"}
    (theirs,) = diary.poll(settings={"reserve": 70.0})
    assert theirs.details["by"] == "elsewhere"
    note_command(diary.memory, {"mode": "autonomous"}, "api", diary.now[1])
    diary.polls += 100
    late = diary.poll(settings={"mode": "autonomous", "grid_export": "never", "grid_charging": False})
    assert [(event.kind, event.details["by"]) for event in late] == [
        ("mode_changed", "elsewhere"),
        ("grid_export_changed", "elsewhere"),
        ("grid_charging_changed", "elsewhere"),
    ]


def test_an_outage_that_was_commanded_is_on_purpose() -> None:
    diary = Diary()
    diary.poll(2)
    note_command(diary.memory, {"islanding": "off_grid"}, "api", diary.now[1])
    (down,) = diary.poll(2, grid="DOWN")
    assert (down.details["purpose"], down.details["by"]) == ("scheduled", "api")


def test_firmware_needs_two_polls() -> None:
    diary = Diary()
    diary.poll(2, firmware="25.1.0")
    diary.poll(firmware="0.0.0")
    diary.poll(2, firmware=None)
    diary.poll(firmware="25.1.0")
    (changed,) = diary.poll(3, firmware="25.2.0")
    assert changed.details == {"before": "25.1.0", "after": "25.2.0"}


def test_units_appear_and_go() -> None:
    diary = Diary()
    diary.poll(units={"A": "PW1"})
    assert not diary.poll(units={"A": "PW1", "B": "PW2"}), "a gateway that is new tells of its units little by little"
    diary.restart()
    (appeared,) = diary.poll(units={"A": "PW1", "B": "PW2", "C": "PW3"})
    assert appeared.details == {"serial": "C", "unit": "PW3"}
    assert not diary.poll(3, units={"A": "PW1"}), "a unit that does not answer is missing, not gone"
    diary.poll(removed_units=frozenset({"B"}))
    (gone,) = diary.poll(2)
    assert (gone.kind, gone.details) == ("unit_gone", {"serial": "B", "unit": "PW2"})


def test_a_counter_that_began_again_is_told_once() -> None:
    diary = Diary()
    diary.poll(2)
    (reset,) = diary.poll(2, resets={"load.energy_imported": (BEGIN, 5e6, 12.0)})
    assert reset.details == {"counter": "load.energy_imported", "before": 5e6, "after": 12.0}
    diary.restart()
    assert not diary.poll()


WORDS = st.sampled_from(["UP", "UP", "DOWN", "DOWN", "SYNCING", None])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WORDS, st.booleans(), st.booleans(), st.booleans()), max_size=60))
def test_outages_alternate_whatever_the_polls_show(script: list[tuple[str | None, bool, bool, bool]]) -> None:
    """Down and up take turns, in order of time, as do away and back, over restarts and failures."""
    diary = Diary()
    for word, fails, restarts, contactor in script:
        if restarts:
            diary.restart(60.0)
        if fails:
            diary.fail()
        else:
            diary.poll(grid=word, purpose="unscheduled" if contactor else None)
    for pair in (("grid_down", "grid_up"), ("gateway_away", "gateway_back")):
        mine = [event.kind for event in diary.events if event.kind in pair]
        assert all(one != other for one, other in itertools.pairwise(mine))
    for event in diary.events:
        assert tuple(event.details) == KINDS[event.kind].members
        assert event.details.get("duration_seconds") is None or event.details["duration_seconds"] >= 0  # type: ignore[operator]
    diary.poll(2, grid="UP", purpose=None)
    assert diary.memory.outage is None and diary.memory.grid == "UP"


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(st.sampled_from(list(EventMemory().to_json())) | st.text(max_size=4), inner, max_size=6)
        ),
        max_leaves=20,
    )
)
def test_any_kept_memory_can_be_read(kept: object) -> None:
    memory = EventMemory.from_json(kept)
    detect("home", Observation(BEGIN, 1.0, fresh=True, grid="DOWN", units={"A": "PW1"}), memory)
    again = EventMemory.from_json(memory.to_json())
    assert again.to_json() == memory.to_json()


def test_the_table_of_kinds_is_whole() -> None:
    assert all(name in MEMBERS for kind in KINDS.values() for name in kind.members)
    assert {name for kind in KINDS.values() for name in kind.members} == set(MEMBERS)
    assert replace(Event("home", "of a later version", 0.0)).title == "of a later version"
