"""The budget is a ceiling, a hold is a hold, and what failed once is spared for the rest of the poll."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.gateways.failure import AUTH, CAUSES, HTTP_ERROR, RATE_LIMIT, TIMEOUT, UNREACHABLE, Exchange, failure_from
from pwserver.gateways.query_schedule import FORBIDDEN_SECONDS, NOT_FOUND_SECONDS, QuerySchedule
from pwserver.gateways.request_limiter import RequestLimiter, RequestRefused, active_limiter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


steps = st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["must", "may", "slow"])), max_size=300)


@given(steps, st.integers(1, 40), st.integers(0, 20))
def test_no_minute_ever_sees_more_than_the_ceiling(asked: list, ceiling: int, reserved: int) -> None:
    clock = Clock()
    limiter = RequestLimiter(ceiling, reserved, clock)
    sent: list[tuple[float, str]] = []
    causes: set[str | None] = set()
    for pause, kind in asked:
        clock.now += pause
        with limiter.session(10.0):
            try:
                if kind == "must":
                    limiter.admit("h", "/x")
                else:
                    with limiter.optional(slow=kind == "slow"):
                        limiter.admit("h", "/x")
                sent.append((clock.now, kind))
            except RequestRefused as refusal:
                causes.add(refusal.cause)
        recent = [item for item in sent if item[0] > clock.now - 60.0]
        assert len(recent) <= ceiling and limiter.calls_in_last_minute() == len(recent)
        assert sum(kind != "must" for _, kind in recent) <= limiter.optional_ceiling
    assert limiter.calls_total == len(sent) and causes <= {RATE_LIMIT}


def test_a_hold_binds_everybody() -> None:
    clock = Clock()
    limiter = RequestLimiter(100, 0, clock)
    limiter.hold(30.0)
    clock.now += 29.9
    with limiter.session(5.0), pytest.raises(RequestRefused) as refused:
        limiter.admit("h", "/")
    assert refused.value.cause == RATE_LIMIT and limiter.calls_total == 0
    clock.now += 0.2
    with limiter.session(5.0):
        limiter.admit("h", "/")


def test_time_that_is_used_up() -> None:
    clock = Clock()
    limiter = RequestLimiter(100, 0, clock)
    with limiter.session(5.0):
        assert active_limiter() is limiter
        assert limiter.timeout(10) == (5.0, 5.0) and limiter.timeout((1.0, None)) == (1.0, 5.0)
        clock.now += 5.0
        with pytest.raises(RequestRefused) as refused:
            limiter.admit("h", "/")
    assert refused.value.cause == TIMEOUT and active_limiter() is None


def test_a_path_that_failed_is_spared_and_a_host_that_is_gone_too() -> None:
    limiter = RequestLimiter(100)
    with limiter.session(5.0):
        limiter.note(Exchange("h", "/tedapi/device/A--1/v1", 404, HTTP_ERROR, 0.1))
        limiter.admit("h", "/tedapi/device/B--2/v1")
        limiter.admit("h", "/tedapi/v1")
        limiter.note(Exchange("h", "/tedapi/v1", None, TIMEOUT, 0.1))
        for path in ("/tedapi/v1", "/tedapi/din", "/tedapi/device/A--1/v1"):
            with pytest.raises(RequestRefused):
                limiter.admit("h", path)
        limiter.admit("h", "/api/status")
        limiter.note(Exchange("h", "/api/status", None, UNREACHABLE, 0.1))
        with pytest.raises(RequestRefused):
            limiter.admit("h", "/api/networks")
        limiter.admit("other", "/api/networks")
    with limiter.session(5.0):
        limiter.admit("h", "/tedapi/v1")


def test_one_login_a_session_and_what_it_heals() -> None:
    limiter = RequestLimiter(100)
    with limiter.session(5.0):
        limiter.note(Exchange("h", "/api/status", 401, AUTH, 0.1))
        limiter.admit("h", "/api/login/Basic")
        limiter.note(Exchange("h", "/api/login/Basic", 200, None, 0.1))
        limiter.admit("h", "/api/status")
        assert [item.cause for item in limiter.exchanges] == [None]
        with pytest.raises(RequestRefused):
            limiter.admit("h", "/api/login/Basic")


@given(st.lists(st.tuples(st.sampled_from([*CAUSES, None]), st.none() | st.floats(0, 100)), max_size=8))
def test_the_worst_thing_that_happened_names_the_failure(found: list) -> None:
    exchanges = [Exchange("h", "/x?secret=1", None, cause, 0.1, wait) for cause, wait in found]
    failure = failure_from(exchanges, "garbage")
    causes = [cause for cause, _ in found if cause]
    assert failure.cause in (causes or ["garbage"])
    if RATE_LIMIT in causes:
        assert failure.cause == RATE_LIMIT
    assert "secret" not in failure.message


def test_patience_by_cause() -> None:
    table = QuerySchedule()
    assert table.due("q", 0.0, 30.0)
    table.succeeded("q", 0.0)
    assert not table.due("q", 29.0, 30.0) and table.due("q", 30.0, 30.0)
    for cause, status, wait in (
        (HTTP_ERROR, 404, NOT_FOUND_SECONDS),
        (AUTH, 403, FORBIDDEN_SECONDS),
        (TIMEOUT, None, 60.0),
    ):
        table.failed("q", 100.0, cause, status)
        assert not table.due("q", 100.0 + wait - 1, 30.0) and table.due("q", 100.0 + wait, 30.0)
    table.ask_again("q")
    assert table.due("q", 100.0, 30.0)
    table.succeeded("q", 100.0)
    table.failed("q", 130.0, HTTP_ERROR, 500)
    assert table.due("q", 130.0, 30.0)  # the first miss is asked again at once
