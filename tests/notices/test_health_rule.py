"""Which notices follow from steps in the full energy of batteries: each step once, and none from before."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import ujson
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pwserver.config.notice_settings import NoticeSettings
from pwserver.history.layout import HistorySettings
from pwserver.history.recorder import Recorder
from pwserver.notices.health_rule import MOST_BATTERIES, judge_steps
from pwserver.notices.notice import Notice
from pwserver.notices.outbox_file import OutboxFile
from pwserver.notices.rules import Place, RuleMemory
from pwserver.reading import GatewayIdentity, GatewayStatus, ServerFacts
from pwserver.state.battery_health import judge_health
from pwserver.state.daily_findings import HealthStep
from pwserver.state.view import View
from tests.history.support import archive, reading
from tests.notices.recorder import open_ring, service_of

DAY = 86400.0
HOUSE = Place("home", "Our house", ZoneInfo("Europe/Berlin"))
SETTINGS = NoticeSettings()
FIRST = 1_782_856_800.0  # midnight of 2026-07-01 in Berlin


def step(day: int, percent: float = -4.0, battery: str = "PW1") -> HealthStep:
    return HealthStep(battery, FIRST + day * DAY, percent)


def told(memory: RuleMemory, *steps: HealthStep, serial: str = "TG1") -> list[Notice]:
    return judge_steps({serial: steps}, HOUSE, memory, FIRST + 100 * DAY, SETTINGS)


def again(memory: RuleMemory) -> RuleMemory:
    """The memory after a restart."""
    return RuleMemory.from_json(ujson.loads(ujson.dumps(memory.to_json())))


def test_a_step_is_told_once_also_over_a_restart_and_where_its_day_moves() -> None:
    memory = RuleMemory()
    assert not told(memory)
    (notice,) = told(memory, step(50))
    assert (notice.rule, notice.title, notice.recovery) == ("health", "Step in battery health – Our house", False)
    assert "Since 2026-08-20 PW1 holds 4.0 % less when full" in notice.text
    memory = again(memory)
    for steps in ((step(50),), (step(57, -3.1),), (step(46, -3.8),), (), (step(50),)):
        assert not told(memory, *steps)
    (more,) = told(memory, step(50), step(65, 3.0))
    assert "3.0 % more" in more.text
    assert [notice.title for notice in told(memory, step(50), step(65, 3.0), step(99, 2.5))] == [more.title]
    assert not told(memory, step(50), step(65, 3.0), step(99, 2.5))


def test_what_was_there_before_is_not_told_neither_of_a_battery_that_is_new() -> None:
    memory = RuleMemory()
    assert not told(memory, step(10), step(50))
    assert not told(memory, step(20), serial="TG2")
    assert len(told(memory, step(80), serial="TG2")) == 1
    assert not told(again(memory), step(10), step(50))


def test_a_rule_that_is_not_wanted_is_silent_and_begins_anew() -> None:
    few = replace(SETTINGS, rules=("grid",))
    memory = RuleMemory()
    assert not told(memory)
    memory.forget_unwanted(few.rules)
    assert not memory.steps and not judge_steps({"TG1": (step(50),)}, HOUSE, memory, FIRST, few)
    assert not told(memory, step(50)), "it came while nobody wanted to be told"


def test_what_is_remembered_is_bounded_and_damage_is_left_out() -> None:
    memory = RuleMemory()
    for number in range(3 * MOST_BATTERIES):
        told(memory, serial=str(number))
    assert len(memory.steps) == MOST_BATTERIES
    kept = {"steps": {"a": [1.0, 2.0], "b": [1.0], "c": None, "d": ["x", 1.0], "e": [float("nan"), 1.0]}}
    assert RuleMemory.from_json(kept).steps == {"a": (1.0, 2.0)}


@examples(max_examples=10, deadline=None)
@given(
    st.integers(40, 90),
    st.sampled_from([-6.0, -4.0, 4.0]),
    st.lists(st.floats(-0.6, 0.6), min_size=150, max_size=150),
    st.integers(0, 20),
)
def test_a_battery_with_one_step_is_told_of_once_as_the_days_go_by(
    begins: int, percent: float, noise: list[float], switched_on: int
) -> None:
    """Each day all days so far are judged, as the history does it, with a restart after each."""
    full = [13_500.0 * (1.0 + (noise[day] + (percent if day >= begins else 0.0)) / 100.0) for day in range(150)]
    when, nothing = [FIRST + day * DAY for day in range(150)], [0.0] * 150
    memory, notices = RuleMemory(), []
    for count in range(switched_on + 1, 151):
        found = judge_health(when[:count], full[:count], nothing[:count], [float("nan")] * count)
        steps = tuple(HealthStep("PW1", one.day, one.percent) for one in found.steps)
        notices += judge_steps({"TG1": steps}, HOUSE, memory, when[count - 1], SETTINGS)
        memory = again(memory)
    assert len(notices) == 1 and ("more" if percent > 0.0 else "less") in notices[0].text


def full_energy(recorder: Recorder, first: int, last: int, full_wh: float) -> None:
    """Record the full energy of one unit on some days."""
    for day in range(first, last):
        block = {"PackageSerialNumber": "TG1", "nominal_full_pack_energy": full_wh}
        status = {"battery_blocks": [block]}
        recorder.record(reading(FIRST + day * DAY + 43200.0, 0.0, 0.0, 0.0, 0.0, system_status=status), elapsed=DAY)


def view() -> View:
    identity = GatewayIdentity("home", "Home", timezone="UTC")
    return View(identity, GatewayStatus(), None, ServerFacts("1", "1", FIRST, "home", 5.0, {}), FIRST)


def test_a_step_in_the_recorded_days_becomes_one_message(tmp_path: Path) -> None:
    kept = archive(HistorySettings(max_signals=0, poll_retention_seconds=DAY))
    recorder = Recorder(kept)
    full_energy(recorder, 0, 40, 13_500.0)
    ring = open_ring(tmp_path / "ring")
    service = service_of(tmp_path, ring, ["json://127.0.0.1:9/nobody"])
    service.take(view(), recorder.findings)
    service.judge()
    full_energy(recorder, 40, 65, 12_900.0)
    service.take(view(), recorder.findings)
    assert service.judge() and [one.title for one in service.outbox.waiting] == ["Step in battery health – Home"]
    assert "PW1 holds 4.4 % less when full" in service.outbox.waiting[0].text
    full_energy(recorder, 65, 66, 12_900.0)
    service.take(view(), recorder.findings)
    assert not service.judge()
    OutboxFile(tmp_path).save(service.outbox)
    later = service_of(tmp_path, ring, ["json://127.0.0.1:9/nobody"])
    later.take(view(), Recorder(kept).findings)
    assert not later.judge() and len(later.outbox.waiting) == 1
