"""What each solar string does: at night the house is asleep, and only what never produced is unused."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pwserver.reading import Reading
from pwserver.state.gateway_memory import GatewayMemory
from pwserver.state.judge import GatewayJudge, Judged
from pwserver.state.string_memory import MOST_STRINGS, UNUSED_SECONDS, StringMemory
from tests.state.readings import reading

NIGHT = {"Voltage": 3.1, "Current": 0.0, "Power": 0.0, "Connected": False}
SUN = {"Voltage": 362.0, "Current": 5.0, "Power": 1810.0, "Connected": True}
SHADE = {"Voltage": 211.0, "Current": 0.0, "Power": 0.0, "Connected": False}
EIGHTEEN = [letter + number for number in ("", "1", "2") for letter in "ABCDEF"]
DAY = 86_400.0
STEP = 300.0


def told(after: float, **strings: Any) -> Reading:
    return reading(after, strings=strings)


def states(judged: Judged) -> dict[str, str | None]:
    return {name: string.state for name, string in judged.strings.items()}


def hours(judge: GatewayJudge, begin: float, count: float, **strings: Any) -> Judged:
    """The last of the readings of so many hours."""
    judged = judge.take(told(begin, **strings))
    for number in range(int(count * 3600 / STEP)):
        judged = judge.take(told(begin + (number + 1) * STEP, **strings))
    return judged


def test_at_night_every_string_is_asleep() -> None:
    judged = GatewayJudge().take(told(0, **dict.fromkeys(EIGHTEEN, NIGHT)))
    assert set(states(judged).values()) == {"asleep"} and len(judged.strings) == 18


def test_only_a_string_that_never_produced_while_others_did_is_unused() -> None:
    judge = GatewayJudge()
    first = judge.take(told(0, A=SUN, B=NIGHT))
    assert states(first) == {"A": "producing", "B": None}  # one moment proves nothing
    assert states(hours(judge, 0, 1.0, A=SUN, B=NIGHT)) == {"A": "producing", "B": "unused"}
    assert states(hours(judge, DAY / 2, 0.1, A=NIGHT, B=NIGHT)) == {"A": "asleep", "B": "unused"}
    assert states(judge.take(told(DAY, A=SUN, B=SUN))) == {"A": "producing", "B": "producing"}
    broken = hours(judge, 2 * DAY, 30.0, A=SUN, B=NIGHT)
    assert states(broken)["B"] is None  # it did produce: whatever is wrong with it, it is not unused


def test_short_mornings_add_up_and_nights_do_not_count() -> None:
    judge = GatewayJudge()
    for day in range(4):
        assert states(hours(judge, day * DAY, 0.25, A=SUN, B=NIGHT))["B"] == (None if day < 3 else "unused")
        hours(judge, day * DAY + 20_000, 5.0, A=NIGHT, B=NIGHT)


def test_a_string_in_the_shade_or_switched_off_is_neither_asleep_nor_unused() -> None:
    judge = GatewayJudge()
    assert states(hours(judge, 0, 9.0, A=SUN, B=SHADE)) == {"A": "producing", "B": None}
    assert states(judge.take(told(DAY, A=SHADE, B=SHADE))) == {"A": None, "B": None}


def test_dusk_is_not_night() -> None:
    judged = GatewayJudge().take(told(0, A={**SUN, "Power": 20.0}, B=NIGHT))
    assert states(judged) == {"A": "producing", "B": None}


def test_a_string_without_a_figure_is_missing_and_keeps_nobody_awake() -> None:
    silent = {"Voltage": None, "Current": None, "Power": None, "Connected": False}
    judge = GatewayJudge()
    assert states(judge.take(told(0, A=SUN, B=silent))) == {"A": "producing", "B": "missing"}
    assert states(judge.take(told(5, A=NIGHT, B=silent))) == {"A": "asleep", "B": "missing"}
    assert states(judge.take(told(9, A=silent, B={}))) == {"A": "missing", "B": "missing"}
    assert states(judge.take(told(12, A={"Power": 0.0}))) == {"A": None}  # no voltage: nothing can be told


def test_what_is_unused_is_kept_over_a_restart() -> None:
    judge = GatewayJudge()
    hours(judge, 0, 1.0, A=SUN, B=NIGHT)
    again = GatewayJudge(GatewayMemory.from_json(json.loads(json.dumps(judge.memory.to_json()))))
    assert states(again.take(told(DAY, A=NIGHT, B=NIGHT))) == {"A": "asleep", "B": "unused"}


def test_a_pause_or_a_clock_set_back_is_no_time_in_the_dark() -> None:
    judge = GatewayJudge()
    for after in (0, DAY, 5 * DAY, -3 * DAY, 9 * DAY):
        judged = judge.take(told(after, A=SUN, B=NIGHT))
    assert states(judged)["B"] is None


NUMBERS = st.none() | st.floats() | st.integers(-5, 5000) | st.text(max_size=2)
BODIES = st.dictionaries(st.sampled_from(["Voltage", "Current", "Power", "Connected"]), NUMBERS)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.dictionaries(st.sampled_from(EIGHTEEN), BODIES)), max_size=12))
def test_whatever_is_told_the_state_is_one_of_the_known_and_is_kept(polls: list[tuple[float, dict[str, Any]]]) -> None:
    judge = GatewayJudge()
    ever: set[str] = set()
    for after, strings in polls:
        found = states(judge.take(told(after, **strings)))
        assert set(found.values()) <= {"producing", "asleep", "unused", "missing", None}
        assert not ("producing" in found.values() and "asleep" in found.values())
        ever |= {name for name, state in found.items() if state == "producing"}
        assert not {name for name in ever if found.get(name) == "unused"}
    assert StringMemory.from_json(json.loads(json.dumps(judge.memory.strings.to_json()))) == judge.memory.strings


@given(
    st.recursive(
        st.none() | st.floats() | st.text(max_size=3),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["produced", "dark_seconds", "last", "A"]), x),
        max_leaves=12,
    )
)
def test_whatever_was_kept_is_read(kept: Any) -> None:
    found = StringMemory.from_json(kept)
    assert StringMemory.from_json(found.to_json()) == found


def test_there_is_an_end_to_what_is_remembered() -> None:
    memory = StringMemory()
    for number in range(0, 20 * MOST_STRINGS, 2):
        memory.note([f"P{number}", "x" * 10_000], [f"D{number}", "y" * 10_000], number * STEP)
    assert len(memory.produced) <= MOST_STRINGS and len(memory.dark_seconds) <= MOST_STRINGS
    assert max(memory.dark_seconds.values()) <= UNUSED_SECONDS and len(json.dumps(memory.to_json())) < 10_000
