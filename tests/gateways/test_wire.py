"""The budget is a ceiling, a hold is a hold, and what failed once is spared for the rest of the poll."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver.gateways.cadence import FORBIDDEN_SECONDS, NOT_FOUND_SECONDS, Cadence
from pwserver.gateways.failure import AUTH, CAUSES, HTTP_ERROR, RATE_LIMIT, TIMEOUT, UNREACHABLE, Exchange, failure_from
from pwserver.gateways.wire import Refused, Wire, active_wire


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


steps = st.lists(st.tuples(st.floats(0, 20), st.sampled_from(["must", "may", "slow"])), max_size=300)


@given(steps, st.integers(1, 40), st.integers(0, 20))
def test_no_minute_ever_sees_more_than_the_ceiling(asked: list, ceiling: int, reserved: int) -> None:
    clock = Clock()
    wire = Wire(ceiling, reserved, clock)
    sent: list[tuple[float, str]] = []
    causes: set[str | None] = set()
    for pause, kind in asked:
        clock.now += pause
        with wire.session(10.0):
            try:
                if kind == "must":
                    wire.admit("h", "/x")
                else:
                    with wire.optional(slow=kind == "slow"):
                        wire.admit("h", "/x")
                sent.append((clock.now, kind))
            except Refused as refusal:
                causes.add(refusal.cause)
        recent = [item for item in sent if item[0] > clock.now - 60.0]
        assert len(recent) <= ceiling and wire.calls_in_last_minute() == len(recent)
        assert sum(kind != "must" for _, kind in recent) <= wire.optional_ceiling
    assert wire.calls_total == len(sent) and causes <= {RATE_LIMIT}


def test_a_hold_binds_everybody() -> None:
    clock = Clock()
    wire = Wire(100, 0, clock)
    wire.hold(30.0)
    clock.now += 29.9
    with wire.session(5.0), pytest.raises(Refused) as refused:
        wire.admit("h", "/")
    assert refused.value.cause == RATE_LIMIT and wire.calls_total == 0
    clock.now += 0.2
    with wire.session(5.0):
        wire.admit("h", "/")


def test_time_that_is_used_up() -> None:
    clock = Clock()
    wire = Wire(100, 0, clock)
    with wire.session(5.0):
        assert active_wire() is wire
        assert wire.timeout(10) == (5.0, 5.0) and wire.timeout((1.0, None)) == (1.0, 5.0)
        clock.now += 5.0
        with pytest.raises(Refused) as refused:
            wire.admit("h", "/")
    assert refused.value.cause == TIMEOUT and active_wire() is None


def test_a_path_that_failed_is_spared_and_a_host_that_is_gone_too() -> None:
    wire = Wire(100)
    with wire.session(5.0):
        wire.note(Exchange("h", "/tedapi/device/A--1/v1", 404, HTTP_ERROR, 0.1))
        wire.admit("h", "/tedapi/device/B--2/v1")
        wire.admit("h", "/tedapi/v1")
        wire.note(Exchange("h", "/tedapi/v1", None, TIMEOUT, 0.1))
        for path in ("/tedapi/v1", "/tedapi/din", "/tedapi/device/A--1/v1"):
            with pytest.raises(Refused):
                wire.admit("h", path)
        wire.admit("h", "/api/status")
        wire.note(Exchange("h", "/api/status", None, UNREACHABLE, 0.1))
        with pytest.raises(Refused):
            wire.admit("h", "/api/networks")
        wire.admit("other", "/api/networks")
    with wire.session(5.0):
        wire.admit("h", "/tedapi/v1")


def test_one_login_a_session_and_what_it_heals() -> None:
    wire = Wire(100)
    with wire.session(5.0):
        wire.note(Exchange("h", "/api/status", 401, AUTH, 0.1))
        wire.admit("h", "/api/login/Basic")
        wire.note(Exchange("h", "/api/login/Basic", 200, None, 0.1))
        wire.admit("h", "/api/status")
        assert [item.cause for item in wire.exchanges] == [None]
        with pytest.raises(Refused):
            wire.admit("h", "/api/login/Basic")


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
    table = Cadence()
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
    table.again("q")
    assert table.due("q", 100.0, 30.0)
    table.succeeded("q", 100.0)
    table.failed("q", 130.0, HTTP_ERROR, 500)
    assert table.due("q", 130.0, 30.0)  # the first miss is asked again at once
