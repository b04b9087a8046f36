"""The state machine: never early, never unbounded, healthy only by fresh success."""

from __future__ import annotations

from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.causes import AUTH, CAUSE_BY_ID, CAUSES, RATE_LIMIT, TIMEOUT, UNREACHABLE, Patience
from pwserver.gateways.connection_health import (
    AUTH_FAILED,
    BACKING_OFF,
    CONNECTING,
    DEGRADED,
    FALLBACK,
    JITTER,
    LOGIN_STEPS_SECONDS,
    LONGEST_WAIT_SECONDS,
    OK,
    Capabilities,
    GatewayHealth,
    Policy,
)
from pwserver.gateways.failure import GatewayFailure

EPOCH = 1_700_000_000.0
STATES = {CONNECTING, OK, DEGRADED, FALLBACK, AUTH_FAILED, BACKING_OFF}


def health(jitter: float = 0.0, **policy: float) -> GatewayHealth:
    return GatewayHealth(Policy(**policy), EPOCH, 0.0, lambda: jitter)  # type: ignore[arg-type]


outcomes = st.one_of(
    st.tuples(st.just("good"), st.booleans(), st.booleans(), st.none() | st.floats(0, 1e5)),
    st.tuples(st.just("bad"), st.sampled_from(CAUSES), st.none() | st.floats(0, 1e7)),
)


@given(st.lists(st.tuples(outcomes, st.floats(0, 30)), max_size=60), st.floats(0, 1))
def test_any_history_keeps_the_promises(history: list, jitter: float) -> None:
    machine = GatewayHealth(Policy(), EPOCH, 0.0, lambda: jitter)
    tick, good, bad, in_a_row = 0.0, 0, 0, 0
    last_good: float | None = None  # ticks: beside EPOCH the last digits of an age are lost
    for outcome, late in history:
        tick = max(tick, machine.next_attempt) + late
        assert machine.may_attempt(tick)
        if outcome[0] == "good":
            good, in_a_row, last_good = good + 1, 0, tick
            machine.succeeded(EPOCH + tick, tick, degraded=outcome[1], fallback=outcome[2], hold_seconds=outcome[3])
            asked = outcome[3]
        else:
            bad, in_a_row = bad + 1, in_a_row + 1
            machine.failed(EPOCH + tick, tick, GatewayFailure(outcome[1], None, outcome[2]))
            asked = outcome[2]
        status = machine.status(EPOCH + tick, tick)
        wait = machine.next_attempt - tick
        assert status.online is (outcome[0] == "good")
        assert status.state in STATES and (status.state in {OK, DEGRADED, FALLBACK}) is status.online
        assert (status.total_successes, status.total_failures, status.consecutive_failures) == (good, bad, in_a_row)
        assert status.last_updated == (None if last_good is None else EPOCH + last_good)
        assert 0 <= wait <= LONGEST_WAIT_SECONDS * (1 + JITTER) + 1e-6
        if asked is not None:
            assert wait >= min(asked, LONGEST_WAIT_SECONDS) - 1e-6
        if outcome[0] == "bad":
            assert wait >= Policy().poll_interval_seconds - 1e-6 or (outcome[1] == RATE_LIMIT and asked is not None)
            assert status.next_attempt is None or status.next_attempt >= EPOCH + tick
        assert status.stale is (not status.online and last_good is not None and tick - last_good <= 30.0)
        assert machine.hold_until <= machine.next_attempt + 1e-6 or machine.may_attempt(tick)


@given(st.sampled_from([c for c in CAUSES if CAUSE_BY_ID[c].patience is Patience.BACK_OFF]), st.floats(1, 500))
def test_back_off_grows_and_stays_bounded(cause: str, longest: float) -> None:
    machine = health(backoff_max_seconds=longest)
    waits, tick = [], 0.0
    for _ in range(12):
        machine.failed(EPOCH + tick, tick, GatewayFailure(cause))
        waits.append(machine.next_attempt - tick)
        tick = machine.next_attempt
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(waits))
    assert max(waits) <= max(longest, 1.0) + 1e-6
    machine.succeeded(EPOCH + tick, tick)
    assert machine.may_attempt(tick)


def test_the_steps_of_the_contract() -> None:
    machine, tick, waits = health(backoff_max_seconds=120.0), 0.0, []
    for _ in range(7):
        machine.failed(EPOCH + tick, tick, GatewayFailure(TIMEOUT))
        waits.append(machine.status(EPOCH + tick, tick).backoff_seconds)
        tick = machine.next_attempt
    assert waits == [5, 10, 30, 60, 120, 120, 120]


def test_one_fresh_login_then_a_long_pause_that_nobody_can_shorten() -> None:
    machine = health(auth_cooldown_seconds=1800.0)
    machine.failed(EPOCH, 0.0, GatewayFailure(AUTH))
    assert (machine.state, machine.next_attempt, machine.hold_until) == (BACKING_OFF, 5.0, 0.0)
    machine.failed(EPOCH + 5, 5.0, GatewayFailure(AUTH))
    assert (machine.state, machine.next_attempt, machine.hold_until) == (AUTH_FAILED, 1805.0, 1805.0)
    machine.back_in_reach(100.0)
    assert machine.next_attempt == 1805.0
    machine.succeeded(EPOCH + 2000, 2000.0)
    machine.failed(EPOCH + 2005, 2005.0, GatewayFailure(AUTH))
    assert machine.state == BACKING_OFF


LOGIN_CAUSES = [cause for cause in CAUSES if CAUSE_BY_ID[cause].patience is Patience.LOGIN]


@given(st.sampled_from(LOGIN_CAUSES), st.floats(60, 86400), st.floats(0, 1))
def test_a_login_that_has_worked_is_tried_soon_then_ever_more_rarely(cause: str, long: float, jitter: float) -> None:
    machine = GatewayHealth(Policy(auth_cooldown_seconds=long), EPOCH, 0.0, lambda: jitter)
    machine.succeeded(EPOCH, 0.0)
    tick, waits = 10.0, []
    for _ in range(12):
        machine.failed(EPOCH + tick, tick, GatewayFailure(cause))
        waits.append(machine.next_attempt - tick)
        tick = machine.next_attempt
    assert all(later >= earlier - 1e-6 for earlier, later in pairwise(waits))
    assert sum(waits[:2]) <= 2 * 5.0 * (1 + JITTER) + 1e-6, "a restart of the gateway costs seconds"
    assert machine.state == AUTH_FAILED and waits[-1] >= min(long, LONGEST_WAIT_SECONDS) - 1e-6
    in_an_hour = sum(1 for moment in accumulate(waits) if moment <= 3600.0)
    assert in_an_hour <= len(LOGIN_STEPS_SECONDS) + 1 + 3600.0 / long, "never enough tries to lock an account"


@given(st.lists(st.booleans(), max_size=80))
def test_a_login_that_comes_and_goes_is_never_asked_more_often_than_polls_are(outcomes: list[bool]) -> None:
    machine, tick = health(), 0.0
    for good in outcomes:
        tick = max(tick, machine.next_attempt)
        if good:
            machine.succeeded(EPOCH + tick, tick)
        else:
            machine.failed(EPOCH + tick, tick, GatewayFailure(AUTH))
            assert machine.next_attempt - tick >= 5.0
        tick += 5.0


@pytest.mark.parametrize("cause", LOGIN_CAUSES)
def test_a_new_process_knows_whether_the_login_ever_worked(cause: str) -> None:
    for worked, state in ((False, AUTH_FAILED), (True, BACKING_OFF)):
        machine = health()
        machine.login_worked = worked
        machine.resume(EPOCH, 0.0, 30.0, cause)
        assert (machine.cause, machine.next_attempt) == (cause, 30.0)
        machine.failed(EPOCH + 30, 30.0, GatewayFailure(cause))
        assert machine.state == state, worked
        machine.resume(EPOCH + 40, 40.0, 1840.0, cause)
        assert machine.state == AUTH_FAILED
        machine.failed(EPOCH + 1840, 1840.0, GatewayFailure(cause))
        assert machine.state == AUTH_FAILED, "after a long pause one refusal is enough"


def test_the_owner_can_start_afresh_but_not_before_a_named_time() -> None:
    machine = health()
    for tick in (0.0, 5.0):
        machine.failed(EPOCH, tick, GatewayFailure(AUTH))
    machine.release(10.0)
    assert machine.may_attempt(10.0) and machine.hold_until <= 10.0
    machine.failed(EPOCH, 10.0, GatewayFailure(RATE_LIMIT, None, 300.0))
    machine.release(20.0)
    assert machine.next_attempt == machine.hold_until == 310.0


def test_a_bare_look_is_for_the_unreachable_only() -> None:
    machine = health()
    machine.failed(EPOCH, 0.0, GatewayFailure(UNREACHABLE))
    assert machine.probe_due(1.0) and not machine.probe_due(5.0)
    machine.back_in_reach(1.0)
    assert machine.may_attempt(1.0)
    machine.failed(EPOCH, 2.0, GatewayFailure(TIMEOUT))
    assert not machine.probe_due(3.0)


def test_a_hold_named_by_an_optional_answer_counts_after_success_too() -> None:
    machine = health()
    machine.succeeded(EPOCH, 0.0, hold_seconds=40.0)
    assert machine.online and machine.state == DEGRADED
    assert machine.next_attempt == machine.hold_until == 40.0
    assert machine.status(EPOCH + 29, 29.0).online
    told = machine.status(EPOCH + 31, 31.0)
    assert not told.online and told.cause == RATE_LIMIT and told.error  # nobody may look, so nobody can say it is
    machine.release(20.0)
    assert not machine.may_attempt(39.0)  # what a gateway named, its owner cannot take back


def test_how_long_a_failure_took_is_not_how_long_a_poll_takes() -> None:
    machine = health()
    machine.succeeded(EPOCH, 0.0, poll_seconds=0.25)
    assert machine.status(EPOCH, 0.0).poll_seconds == 0.25
    machine.failed(EPOCH + 5, 5.0, GatewayFailure(UNREACHABLE))
    assert machine.status(EPOCH + 5, 5.0).poll_seconds is None


def test_degradation_can_be_switched_off() -> None:
    machine = GatewayHealth(Policy(graceful_degradation=False), EPOCH, 0.0, lambda: 0.0)
    machine.succeeded(EPOCH, 0.0)
    machine.failed(EPOCH + 1, 1.0, GatewayFailure(TIMEOUT))
    assert not machine.status(EPOCH + 1, 1.0).stale


@given(st.lists(st.booleans(), max_size=40))
def test_capabilities_speak_once_per_change(polls: list[bool]) -> None:
    table, said = Capabilities(), []
    for number, arrived in enumerate(polls):
        change = table.record("vitals", arrived, EPOCH + number)
        if change:
            said.append(change)
    assert all(first != second for first, second in pairwise(said))
    assert not said or said[0] == "gone"
    known = table.snapshot().get("vitals")
    assert (known is None) is (not polls)
    if polls and polls[-1]:
        assert known is not None and known.available and known.failures == 0


def test_a_family_that_never_came_is_no_news() -> None:
    table = Capabilities()
    assert [table.record("fans", False, EPOCH) for _ in range(3)] == [None, None, None]
    assert table.never("fans", "vitals") == ["fans"] and table.missing() == []
