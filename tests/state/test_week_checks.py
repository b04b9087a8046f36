"""The seven-day checks: when each passes, fails or cannot be told, and which cause it names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pwserver.causes import CAUSE_BY_ID, LIKELY_CAUSE_BY_ID
from pwserver.documents import checks as documents
from pwserver.documents.catalogue import CATALOGUE
from pwserver.documents.houses import houses
from pwserver.state.view import View
from pwserver.state.week_checks import CHECKS, Check, judge_week
from pwserver.state.week_facts import DAY_SECONDS, WEEK_SECONDS, Span, WeekFacts
from tests.documents.factory import NOW, site_of, without_reading
from tests.documents.test_catalogue import schema_errors
from tests.documents.test_condition import STATES, house

HOUR = 3600.0
BEGIN = NOW - WEEK_SECONDS
WELL = WeekFacts(
    NOW, begin=BEGIN, covered_seconds=WEEK_SECONDS - HOUR, weak={"A": False}, clock_seconds=-3.0, clock_kept=True,
    told_zone="America/Los_Angeles", zone_agrees=True,
)  # fmt: skip


def judged(view: View | None = None, **changes: Any) -> dict[str, Check]:
    found = judge_week((view or house()).state, replace(WELL, **changes))
    assert tuple(one.id for one in found) == CHECKS
    return {one.id: one for one in found}


def test_a_good_week_passes_all_that_can_be_told() -> None:
    found = judged()
    told = {name: one.state for name, one in found.items()}
    # The house has strings, but the recorded days do not say yet whether one is weak.
    assert told == {**dict.fromkeys(CHECKS, "pass"), "strings-in-step": "unknown"}
    assert found["data-complete"].percent == pytest.approx(100 * (1 - 1 / 168))
    assert found["reachable"].percent == 100 and found["clock-agrees"].seconds == -3.0
    assert all(one.cause is None for one in found.values())


SILENT = Span(NOW - 20 * HOUR, NOW - 10 * HOUR, "timeout")


@pytest.mark.parametrize(
    ("check", "cause", "changes"),
    [
        ("reachable", "timeout", {"silences": (SILENT,), "covered_seconds": WEEK_SECONDS - 10 * HOUR}),
        ("data-complete", "timeout", {"silences": (SILENT,), "covered_seconds": WEEK_SECONDS - 10 * HOUR}),
        ("data-complete", "not-recorded", {"covered_seconds": WEEK_SECONDS - 10 * HOUR}),
        ("on-grid", "utility", {"outages": (Span(NOW - 9 * HOUR, NOW - 4 * HOUR, "utility"),)}),
        ("on-grid", "on-purpose", {"outages": (Span(NOW - 9 * HOUR, None, "on-purpose"),)}),
        ("no-serious-alert", "device-alert", {"serious": (Span(NOW - 9 * HOUR, NOW - HOUR, "BatteryFault"),)}),
        ("clock-agrees", "gateway-clock", {"clock_seconds": 3600.0}),
        ("clock-agrees", "server-clock", {"clock_seconds": 3600.0, "clock_kept": False}),
        ("clock-agrees", "zones-differ", {"zone_agrees": False}),
    ],
)
def test_what_fails_names_its_likely_cause_and_what_helps(check: str, cause: str, changes: dict[str, Any]) -> None:
    one = judged(**changes)[check]
    words = LIKELY_CAUSE_BY_ID.get(cause) or CAUSE_BY_ID[cause]
    assert (one.state, one.cause, one.sentence, one.advice) == ("fail", cause, words.sentence, words.advice)
    ended, since = 0.0, 0.0
    for span in (*changes.get("silences", ()), *changes.get("outages", ())):
        ended, since = span.end or 0.0, 0.0 if span.end else span.begin
    if check in ("reachable", "on-grid"):
        assert (one.ended or 0.0, one.since or 0.0) == (ended, since)


def test_a_short_silence_is_within_the_mark_and_a_silence_before_the_week_does_not_count() -> None:
    short = Span(NOW - 3 * HOUR, NOW - 2 * HOUR, "timeout")
    long_ago = Span(BEGIN - 90 * HOUR, BEGIN + HOUR, "unreachable")
    one = judged(silences=(long_ago, short))["reachable"]
    assert one.state == "pass" and one.percent == pytest.approx(100 * (1 - 2 / 168)) and one.ended == short.end


def test_a_server_that_stood_still_does_not_make_the_gateway_reachable() -> None:
    one = judged(covered_seconds=10 * HOUR, silences=(SILENT,))["reachable"]
    assert one.percent == pytest.approx(50.0) and one.state == "fail"


def test_fewer_than_three_days_are_too_few_for_shares_but_what_is_wrong_now_fails_at_once() -> None:
    young = {"begin": NOW - 2 * DAY_SECONDS, "covered_seconds": 2 * DAY_SECONDS}
    found = judged(STATES["serious-alert"], **young)
    for name in ("reachable", "on-grid", "data-complete"):
        assert found[name].state == "unknown" and found[name].why == "fewer than 3 days are known"
    alert = found["no-serious-alert"]
    assert alert.state == "fail" and alert.names == ("BatteryFault",) and found["clock-agrees"].state == "pass"
    assert judged(STATES["weak-string"], **young)["strings-in-step"].names == ("A",)


def test_a_gateway_that_was_never_read_fails_with_the_cause_of_now_and_nothing_else_is_known() -> None:
    away = without_reading(house())
    found = judged(away, begin=None, covered_seconds=0.0, weak={}, clock_seconds=None, zone_agrees=None)
    first, *others = found.values()
    assert first.state == "fail" and first.cause == away.status.cause and first.advice
    assert {one.state for one in others} == {"unknown"} and all(one.why for one in others)


def test_without_a_history_shares_are_unknown() -> None:
    assert judged(recording=False, begin=None)["data-complete"].why == "the history is not recorded"
    assert {one.state for one in judge_week(house().state, None)} == {"unknown"}


def test_all_documents_tell_the_same_checks() -> None:
    view = replace(house(), week=replace(WELL, clock_seconds=999.0, silences=(SILENT,)))
    one, all_of_them = documents.gateway_checks(view), documents.all_checks(site_of(view))
    for target, body in (("/api/checks/{id}", one), ("/api/checks", all_of_them)):
        assert schema_errors(next(row for row in CATALOGUE if row.target == target), body) == []
    row = all_of_them["houses"][0]
    assert row["states"] == {check["id"]: check["state"] for check in one["checks"]}
    assert row["worst"] == one["worst"] == "reachable" == houses(site_of(view))["houses"][0]["failed_check"]
    assert row["counts"] == one["counts"] == {"pass": 3, "fail": 2, "unknown": 1}
    without_poller = documents.gateway_checks_without_poller(view)
    assert without_poller["checks"][0] == one["checks"][0], "what was known stays"
