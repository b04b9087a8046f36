"""Which notices follow from events and figures: each beginning once, each end once, nothing from what is not known."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
import ujson
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pwserver.config.notice_settings import RULE_NAMES, NoticeSettings
from pwserver.events import kinds
from pwserver.events.event import Event
from pwserver.json_types import Json
from pwserver.notices.notice import LONGEST_TEXT, LONGEST_TITLE, Notice
from pwserver.notices.rules import (
    MOST_RAISED,
    Figures,
    Place,
    RuleMemory,
    judge_event,
    judge_figures,
    judge_silence,
)

HOUSE = Place("home", "Our house", ZoneInfo("Europe/Berlin"))
SETTINGS = NoticeSettings(
    charge_below_percent=20, charge_above_percent=90, backup_below_seconds=4 * 3600.0, hold_seconds=60.0
)
AT = 1_782_900_000.0  # 2026-07-01 12:00 in Berlin


def event(kind: str, sequence: int = 1, at: float = AT, **details: Json) -> Event:
    return Event("home", kind, at, details, sequence)


def judged(*events: Event, settings: NoticeSettings = SETTINGS) -> list[Notice]:
    memory = RuleMemory()
    return [notice for one in events for notice in judge_event(one, HOUSE, memory, settings)]


def test_a_lost_grid_and_its_return() -> None:
    lost, back = judged(
        event(kinds.GRID_DOWN, charge_percent=81.6, purpose=None),
        event(kinds.GRID_UP, 2, AT + 5400, duration_seconds=5400.0, charge_percent=60.2),
    )
    assert (lost.title, lost.rule, lost.recovery) == ("Grid lost – Our house", "grid", False)
    assert lost.text == "2026-07-01 12:00 – The house is off the grid. The charge was 82 %."
    assert (back.title, back.recovery) == ("Grid back – Our house", True)
    assert back.text == "2026-07-01 13:30 – It was away for 1 h 30 min. The charge was 60 %."
    planned, again = judged(event(kinds.GRID_DOWN, purpose="scheduled"), event(kinds.GRID_UP, 2))
    assert "on purpose" in planned.text and again.text.endswith("The house is on the grid again.")


def test_an_end_without_its_beginning_is_not_told() -> None:
    assert not judged(
        event(kinds.GRID_UP), event(kinds.GATEWAY_BACK), event(kinds.ALERT_ENDED, alert="A", severity="serious")
    )
    assert not judged(event(kinds.FIRMWARE_CHANGED), event("a_kind_of_a_later_version"))


def test_only_serious_alerts_each_by_its_device() -> None:
    told = judged(
        event(kinds.ALERT_BEGUN, 1, alert="A", device="D1", unit="PW1", severity="serious"),
        event(kinds.ALERT_BEGUN, 2, alert="A", device="D2", unit="PW2", severity="serious"),
        event(kinds.ALERT_BEGUN, 3, alert="B", device="D1", unit="PW1", severity="warning"),
        event(kinds.ALERT_BEGUN, 4, alert="C", device="D1", severity="unknown"),
        event(kinds.ALERT_BEGUN, 5, alert="A", device="D1", unit="PW1", severity="serious"),
        event(kinds.ALERT_ENDED, 6, alert="A", device="D2", unit="PW2", severity="serious", duration_seconds=30.0),
        event(kinds.ALERT_ENDED, 7, alert="B", device="D1", unit="PW1", severity="warning"),
    )
    assert [one.text.partition(" – ")[2] for one in told] == [
        "A at PW1.", "A at PW2.", "A at PW2 has ended. It lasted for 30 s.",
    ]  # fmt: skip


def test_a_gateway_is_told_of_once_it_has_been_silent_for_long_enough() -> None:
    memory = RuleMemory()
    assert not judge_event(event(kinds.GATEWAY_AWAY, cause="timeout"), HOUSE, memory, SETTINGS)
    assert not judge_silence(HOUSE, memory, AT + 599, SETTINGS)
    (told,) = judge_silence(HOUSE, memory, AT + 600, SETTINGS)
    assert told.title == "Gateway silent – Our house" and "Cause: timeout." in told.text
    memory = RuleMemory.from_json(ujson.loads(ujson.dumps(memory.to_json())))
    assert not judge_silence(HOUSE, memory, AT + 900, SETTINGS), "it is told once, also over a restart"
    (back,) = judge_event(event(kinds.GATEWAY_BACK, 2, duration_seconds=900.0), HOUSE, memory, SETTINGS)
    assert back.recovery and not judge_silence(HOUSE, memory, AT + 9000, SETTINGS)
    short = RuleMemory()
    judge_event(event(kinds.GATEWAY_AWAY), HOUSE, short, SETTINGS)
    assert not judge_event(event(kinds.GATEWAY_BACK, 2), HOUSE, short, SETTINGS), "a short silence is not told at all"


def test_rules_that_are_not_wanted_are_silent_and_forgotten() -> None:
    few = replace(SETTINGS, rules=("backup",))
    assert not judged(event(kinds.GRID_DOWN), event(kinds.ALERT_BEGUN, 2, alert="A", severity="serious"), settings=few)
    memory = RuleMemory(raised={"grid": AT, "alert:A:D": AT, "backup": AT})
    memory.forget_unwanted(few.rules)
    assert memory.raised == {"backup": AT}


def test_what_comes_from_a_gateway_is_bounded() -> None:
    memory = RuleMemory()
    for number in range(200):
        begun = event(kinds.ALERT_BEGUN, number, alert="x" * 500 + str(number), device=str(number), severity="serious")
        for notice in judge_event(begun, replace(HOUSE, name="n" * 500), memory, SETTINGS):
            assert len(notice.text) <= LONGEST_TEXT and len(notice.title) <= LONGEST_TITLE
    assert len(memory.raised) <= MOST_RAISED


LEAVES = st.none() | st.integers() | st.text(max_size=5) | st.floats()
FIGURES = st.one_of(st.none(), st.floats(0, 100), st.sampled_from([19.9, 20.0, 24.9, 25.0, 85.0, 85.1, 90.0, 90.1]))


@given(st.lists(st.tuples(st.sampled_from([1.0, 30.0, 60.0, 600.0]), FIGURES), max_size=40), st.booleans())
def test_thresholds_agree_with_a_plain_account(polls: list[tuple[float, float | None]], restart: bool) -> None:
    """The account: walk back from each known figure for how long all known ones have been beyond the threshold."""
    memory, steady, known, raised = RuleMemory(), 0.0, [], False
    for pause, charge in polls:
        steady += pause
        seen = Figures(AT + steady, steady, charge)
        told = [one for one in judge_figures(seen, HOUSE, memory, SETTINGS) if one.rule == "charge_below"]
        if charge is None:
            assert not told
            continue
        known.append((steady, charge >= 25.0 if raised else charge < 20.0))
        begun = steady
        for at, beyond in reversed(known):
            if not beyond:
                break
            begun = at
        if known[-1][1] and steady - begun >= 60.0:
            assert [one.recovery for one in told] == [raised]
            raised, known = not raised, []
        else:
            assert not told
        if restart:  # what was raised is known, what was being held begins anew
            memory, known = RuleMemory.from_json(memory.to_json()), []
        assert ("charge_below" in memory.raised) == raised


def test_the_other_thresholds() -> None:
    now = replace(SETTINGS, hold_seconds=0.0)
    memory = RuleMemory()

    def rules(charge: float | None = None, hours: float | None = None) -> list[tuple[str, str]]:
        seen = Figures(AT, 0.0, charge, None if hours is None else hours * 3600)
        return [(one.rule, one.title.partition(" – ")[0]) for one in judge_figures(seen, HOUSE, memory, now)]

    assert rules(90.0) == [] and rules(90.5) == [("charge_above", "Charge above 90 %")]
    assert rules(86.0) == [] and rules(85.0) == [("charge_above", "Charge no longer above 90 %")]
    assert rules(hours=4.0) == [] and rules(hours=3.9) == [("backup", "Backup shorter than 4 h")]
    assert rules(hours=4.9) == [] and rules() == [] and rules(hours=5.0)[0][1] == "Backup no longer shorter than 4 h"
    high = replace(now, charge_below_percent=98)
    assert judge_figures(Figures(AT, 0.0, 97.0), HOUSE, memory, high)
    assert judge_figures(Figures(AT, 0.0, 100.0), HOUSE, memory, high), "full is always high enough"


@examples(max_examples=30)
@given(
    st.recursive(LEAVES, lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(max_size=5), one, max_size=4))
)
def test_a_kept_memory_can_be_anything(kept: object) -> None:
    RuleMemory.from_json(kept)
    RuleMemory.from_json({"cursor": kept, "raised": kept, "away": kept})
    RuleMemory.from_json({"raised": {"grid": kept}, "away": [kept, kept]})


@pytest.mark.parametrize("name", RULE_NAMES)
def test_every_rule_is_described(name: str) -> None:
    with open("docs/notices.md", encoding="utf-8") as page:
        assert f"| `{name}` |" in page.read()
