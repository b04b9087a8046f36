"""Judge which notices follow from steps in the full energy of batteries. Pure: docs/notices.md has the rule.

A step is found anew from the recorded days every hour, and its day may then move a little, as more days are known on
both sides of it. So a step is known by its battery, its direction and about its day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from pwserver.config.notice_settings import HEALTH, NoticeSettings
from pwserver.history.days import DAY_MIDDLE_SECONDS
from pwserver.notices.notice import Notice
from pwserver.notices.rules import Place, RuleMemory, make_notice
from pwserver.state.battery_health import MEDIAN_DAYS
from pwserver.state.daily_findings import HealthStep

DAY_SECONDS: Final = 86400.0
SAME_STEP_SECONDS: Final = MEDIAN_DAYS * DAY_SECONDS
MOST_BATTERIES: Final = 64  # of one gateway, all of them together included
NO_STEP: Final = (0.0, 0.0)


def judge_steps(
    found: Mapping[str, tuple[HealthStep, ...]],
    place: Place,
    memory: RuleMemory,
    now: float,
    settings: NoticeSettings,
) -> list[Notice]:
    """Return the notices of steps that are new, of all batteries of one gateway.

    ``found``: by serial the steps of the last year, oldest first. The steps of a battery that is seen for the first
    time were there before, and are not told.
    """
    if HEALTH not in settings.rules:
        return []
    notices: list[Notice] = []
    for serial, steps in found.items():
        known = memory.steps.get(serial)
        if known is None:
            if len(memory.steps) < MOST_BATTERIES:
                memory.steps[serial] = _newest(steps)
            continue
        for step in steps:
            if _is_new(step, known):
                known = memory.steps[serial] = (step.day, step.percent)
                notices.append(make_notice(HEALTH, place, now, "Step in battery health", _told(step, place)))
    return notices


def _newest(steps: Sequence[HealthStep]) -> tuple[float, float]:
    return (steps[-1].day, steps[-1].percent) if steps else NO_STEP


def _is_new(step: HealthStep, known: tuple[float, float]) -> bool:
    """Say whether a step is another one than the newest that is known of its battery, and later."""
    day, percent = known
    same_direction = (step.percent > 0.0) == (percent > 0.0)
    return step.day > day + (SAME_STEP_SECONDS if same_direction and percent else 0.0)


def _told(step: HealthStep, place: Place) -> str:
    try:
        date = datetime.fromtimestamp(step.day + DAY_MIDDLE_SECONDS, place.zone).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        date = "a day that is not known"
    more = "more" if step.percent > 0.0 else "less"
    return (
        f"Since {date} {step.battery} holds {abs(step.percent):.1f} % {more} when full, as its own management "
        "estimates. That is too fast for ageing: a new estimate, a repair or a fault."
    )
