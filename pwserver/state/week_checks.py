"""Judge the seven-day checks of a house: what an installer looks at first, each with its mark and its likely cause.

A share of time is judged as soon as three days are known. What is wrong now fails at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pwserver import causes
from pwserver.records import record
from pwserver.state.alert_meanings import SERIOUS
from pwserver.state.gateway import AWAY, State
from pwserver.state.string_weakness import TOO_FEW_DAYS
from pwserver.state.week_facts import DAY_SECONDS, Span, WeekFacts

PASS: Final = "pass"
FAIL: Final = "fail"
UNKNOWN: Final = "unknown"
CHECK_STATES: Final = (PASS, FAIL, UNKNOWN)

FEWEST_DAYS: Final = 3
MARK_PERCENT: Final = 98.0
CLOCK_MARK_SECONDS: Final = 120.0  # a gateway's time is that of its last look at a meter
_UNATTENDED_SHARE: Final = 0.5  # of what is missing: with more, the gateway's silence is the likely cause

REACHABLE: Final = "reachable"
NO_SERIOUS_ALERT: Final = "no-serious-alert"
ON_GRID: Final = "on-grid"
DATA_COMPLETE: Final = "data-complete"
STRINGS_IN_STEP: Final = "strings-in-step"
CLOCK_AGREES: Final = "clock-agrees"
# What matters most stands first.
CHECKS: Final = (REACHABLE, NO_SERIOUS_ALERT, ON_GRID, DATA_COMPLETE, STRINGS_IN_STEP, CLOCK_AGREES)

NOTHING_KNOWN: Final = "nothing is known of this house yet"
TOO_SHORT: Final = f"fewer than {FEWEST_DAYS} days are known"
HISTORY_OFF: Final = "the history is not recorded"
NO_ALERTS_TOLD: Final = "the connection does not report alerts"
NO_GRID_TOLD: Final = "the connection does not report the state of the grid"
NO_STRINGS: Final = "the gateway reports no solar strings"
NO_CLOCK_TOLD: Final = "the gateway reports neither its time nor its time zone"


@record(frozen=True, slots=True)
class Check:
    """Holds one check. ``since``: when the trouble that goes on began; ``ended``: when the last one was over."""

    id: str
    state: str
    percent: float | None = None  # of the time
    seconds: float | None = None  # what the gateway's clock is ahead
    names: tuple[str, ...] = ()  # of strings, or of alerts
    since: float | None = None  # epoch seconds
    ended: float | None = None
    why: str | None = None  # it is not known
    cause: str | None = None  # an id, with its words
    sentence: str | None = None
    advice: str | None = None


def judge_week(state: State, week: WeekFacts | None) -> tuple[Check, ...]:
    """Judge one house: all of ``CHECKS``, in their order."""
    if week is None:
        return tuple(_unknown(name, NOTHING_KNOWN) for name in CHECKS)
    return (
        _reachable(state, week),
        _alerts(state, week),
        _on_grid(state, week),
        _complete(week),
        _strings(state, week),
        _clock(state, week),
    )


def worst_check(checks: Sequence[Check]) -> Check | None:
    """Return the failed check that matters most."""
    return next((one for one in checks if one.state == FAIL), None)


def counts(checks: Sequence[Check]) -> dict[str, int]:
    """Return how many checks are in each of ``CHECK_STATES``."""
    return {state: sum(one.state == state for one in checks) for state in CHECK_STATES}


def _unknown(name: str, why: str) -> Check:
    return Check(name, UNKNOWN, why=why)


def _failed(check: Check, cause: str) -> Check:
    likely = causes.LIKELY_CAUSE_BY_ID.get(cause) or causes.CAUSE_BY_ID[cause]
    return replace(check, state=FAIL, cause=cause, sentence=likely.sentence, advice=likely.advice)


def _missing(week: WeekFacts) -> str | None:
    """Say why no share of the time can be told."""
    if not week.recording:
        return HISTORY_OFF
    if week.begin is None:
        return NOTHING_KNOWN
    return TOO_SHORT if week.seconds < FEWEST_DAYS * DAY_SECONDS else None


def _with_times(check: Check, spans: Sequence[Span]) -> Check:
    last = spans[-1] if spans else None
    if last is None:
        return check
    return replace(check, since=last.begin if last.end is None else None, ended=last.end)


def _seconds(spans: Sequence[Span], week: WeekFacts) -> float:
    return sum(one.seconds_in(week.begin, week.at) for one in spans) if week.begin is not None else 0.0


def _silent_cause(spans: Sequence[Span], week: WeekFacts) -> str:
    longest = max(spans, key=lambda one: one.seconds_in(week.begin or 0.0, week.at))
    known = causes.CAUSE_BY_ID.get(longest.why or "")
    return known.id if known is not None else causes.UNREACHABLE


def _reachable(state: State, week: WeekFacts) -> Check:
    known = state.availability
    if known.phase == AWAY and week.begin is None and known.cause is not None:
        return _failed(Check(REACHABLE, FAIL, since=known.since), known.cause)  # it was never read
    missing = _missing(week)
    if missing is not None:
        return _unknown(REACHABLE, missing)
    silent = _seconds(week.silences, week)
    asked = min(week.seconds, week.covered_seconds + silent)  # while the server stood still, nobody asked
    if asked <= 0.0:
        return _unknown(REACHABLE, NOTHING_KNOWN)
    check = _with_times(Check(REACHABLE, PASS, percent=100.0 * (1.0 - silent / asked)), week.silences)
    if check.percent is not None and check.percent < MARK_PERCENT:
        return _failed(check, _silent_cause(week.silences, week))
    return check


def _alerts(state: State, week: WeekFacts) -> Check:
    active = [one for one in state.judged.alerts or () if one.severity == SERIOUS]
    if active:
        since = min((one.since.value for one in active if one.since.value is not None), default=None)
        names = tuple(one.name for one in active)
        return _failed(Check(NO_SERIOUS_ALERT, FAIL, names=names, since=since), causes.DEVICE_ALERT)
    if week.serious:
        names = tuple(sorted({one.why for one in week.serious if one.why is not None}))
        ended = max((one.end for one in week.serious if one.end is not None), default=None)
        return _failed(Check(NO_SERIOUS_ALERT, FAIL, names=names, ended=ended), causes.DEVICE_ALERT)
    if state.judged.reading is not None and state.judged.alerts is None:
        return _unknown(NO_SERIOUS_ALERT, NO_ALERTS_TOLD)
    missing = _missing(week)
    return Check(NO_SERIOUS_ALERT, PASS) if missing is None else _unknown(NO_SERIOUS_ALERT, missing)


def _on_grid(state: State, week: WeekFacts) -> Check:
    missing = _missing(week)
    if missing is not None:
        return _unknown(ON_GRID, missing)
    if state.judged.reading is not None and state.judged.grid.state.value is None:
        return _unknown(ON_GRID, NO_GRID_TOLD)
    share = 100.0 * (1.0 - _seconds(week.outages, week) / week.seconds)
    check = _with_times(Check(ON_GRID, PASS, percent=share), week.outages)
    if share >= MARK_PERCENT:
        return check
    longest = max(week.outages, key=lambda one: one.seconds_in(week.begin or 0.0, week.at))
    return _failed(check, longest.why or causes.UTILITY)


def _complete(week: WeekFacts) -> Check:
    missing = _missing(week)
    if missing is not None:
        return _unknown(DATA_COMPLETE, missing)
    share = 100.0 * min(1.0, week.covered_seconds / week.seconds)
    check = Check(DATA_COMPLETE, PASS, percent=share)
    if share >= MARK_PERCENT:
        return check
    silent, lost = _seconds(week.silences, week), week.seconds - week.covered_seconds
    if week.silences and silent >= _UNATTENDED_SHARE * lost:
        return _failed(check, _silent_cause(week.silences, week))
    return _failed(check, causes.NOT_RECORDED)


def _strings(state: State, week: WeekFacts) -> Check:
    live = {name: one.weak.value for name, one in state.judged.strings.items() if one.weak.value is not None}
    known = live if state.judged.reading is not None else week.weak
    weak = tuple(name for name, is_weak in known.items() if is_weak)
    if weak:
        since = min((week.weak_since[name] for name in weak if name in week.weak_since), default=None)
        return _failed(Check(STRINGS_IN_STEP, FAIL, names=weak, since=since), causes.WEAK_STRINGS)
    if known:
        return Check(STRINGS_IN_STEP, PASS)
    if state.judged.reading is None:
        return _unknown(STRINGS_IN_STEP, NOTHING_KNOWN)
    return _unknown(STRINGS_IN_STEP, TOO_FEW_DAYS if state.judged.strings else NO_STRINGS)


def _clock(state: State, week: WeekFacts) -> Check:
    ahead, agrees = week.clock_seconds, week.zone_agrees
    if ahead is None and agrees is None:
        return _unknown(CLOCK_AGREES, NOTHING_KNOWN if state.judged.reading is None else NO_CLOCK_TOLD)
    check = Check(CLOCK_AGREES, PASS, seconds=ahead)
    if ahead is not None and abs(ahead) > CLOCK_MARK_SECONDS:
        return _failed(check, causes.GATEWAY_CLOCK if week.clock_kept else causes.SERVER_CLOCK)
    if agrees is False:
        zones = tuple(name for name in (state.gateway.timezone, week.told_zone) if name is not None)
        return _failed(replace(check, names=zones), causes.ZONES_DIFFER)
    return check
