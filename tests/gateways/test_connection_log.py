"""What an owner reads in the log: every change, no repetition, and no flood from a gateway that comes and goes."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from pwserver.gateways.connection_health import AUTH_FAILED, BACKING_OFF, DEGRADED, OK
from pwserver.gateways.connection_log import OFTEN, QUIET_SECONDS, SUMMARY_SECONDS, ConnectionLog

WEEK = 7 * 86400.0


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """``lines()`` -> what was said since the last call."""
    caplog.set_level(logging.INFO, "pwserver.gateways")

    def said() -> list[str]:
        found = [record.getMessage() for record in caplog.records]
        caplog.clear()
        return found

    return said


def down(voice: ConnectionLog, tick: float, state: str = BACKING_OFF, message: str = "no answer") -> None:
    voice.failed(state, message, 5.0, tick)


def test_a_change_is_told_at_once_and_once(lines: Callable[[], list[str]]) -> None:
    voice = ConnectionLog("home", 5, suppress=False)
    voice.connected("Local")
    voice.succeeded(OK, 0.0)
    voice.succeeded(OK, 5.0)
    down(voice, 10.0)
    down(voice, 15.0)
    voice.connected("Local")
    voice.succeeded(OK, 20.0)
    assert lines() == [
        "gateway home: connected (Local)",
        "gateway home: ok (was new)",
        "gateway home: backing-off: no answer; next attempt in 5 s",
        "gateway home: ok (was backing-off)",
    ]


def test_an_outage_is_one_line_and_a_summary_every_five_minutes(lines: Callable[[], list[str]]) -> None:
    voice = ConnectionLog("home", 5, suppress=False)
    for number in range(121):
        down(voice, 10.0 * number)
    said = lines()
    assert said[0].endswith("next attempt in 5 s")
    assert said[1:] == ["gateway home: 31 more failed attempts, the last: no answer"] * (len(said) - 1)
    assert len(said) == 4


@pytest.mark.parametrize("suppress", [False, True])
def test_a_week_of_coming_and_going_can_be_read(lines: Callable[[], list[str]], suppress: bool) -> None:
    voice = ConnectionLog("home", 5, suppress)
    voice.succeeded(OK, 0.0)
    failures, tick = 0, 0.0
    while tick < WEEK:
        tick += 10.0
        failures += 1
        down(voice, tick)
        voice.succeeded(OK, tick + 5.0)
    said = lines()
    assert len(said) <= WEEK / SUMMARY_SECONDS + 2 * OFTEN + 1
    # Nothing is lost: every failure was told, or counted in a summary, but for those since the last one.
    counted = sum(int(line.split()[2]) for line in said if "more failed" in line)
    told = sum("next attempt" in line or "counted from now on" in line for line in said)
    assert failures - SUMMARY_SECONDS / 10 <= counted + told <= failures
    assert suppress == (told == 0)
    # What was not told to have begun is not told to be over.
    assert sum(line.endswith("ok (was backing-off)") for line in said) == (0 if suppress else OFTEN - 1)


def test_an_unsteady_gateway_is_told_to_be_one_and_not_to_be_one(lines: Callable[[], list[str]]) -> None:
    voice = ConnectionLog("home", 100, suppress=False)
    for number in range(10):
        down(voice, 10.0 * number)
        voice.succeeded(OK, 10.0 * number + 5.0)
    assert "gateway home: unsteady: no answer; counted from now on" in lines()
    voice.succeeded(OK, 90.0 + QUIET_SECONDS - 1.0)
    assert not any("(was" in line for line in lines())
    voice.succeeded(OK, 90.0 + QUIET_SECONDS)
    assert lines() == ["gateway home: ok (was unsteady)"]
    down(voice, 5000.0)
    assert lines() == ["gateway home: backing-off: no answer; next attempt in 5 s"]


def test_an_unsteady_gateway_that_stays_away_is_told_to_be_away(lines: Callable[[], list[str]]) -> None:
    voice = ConnectionLog("home", 100, suppress=False)
    for number in range(OFTEN):
        voice.succeeded(OK, 10.0 * number)
        down(voice, 10.0 * number + 5.0)
    assert lines()[-1].endswith("counted from now on")
    down(voice, 10.0 * OFTEN + QUIET_SECONDS)
    assert "gateway home: backing-off: no answer; next attempt in 5 s" in lines()


@pytest.mark.parametrize("suppress", [False, True])
def test_a_refused_password_is_always_told(lines: Callable[[], list[str]], suppress: bool) -> None:
    voice = ConnectionLog("home", 1, suppress)
    for number in range(20):
        voice.succeeded(OK, 2.0 * number)
        down(voice, 2.0 * number + 1.0)
    lines()
    for number in range(4):
        down(voice, 41.0 + 60.0 * number, AUTH_FAILED, "refused")
    assert [line for line in lines() if AUTH_FAILED in line] == [
        "gateway home: auth-failed: refused; next attempt in 5 s"
    ]


def test_a_family_that_comes_and_goes_is_told_a_few_times(lines: Callable[[], list[str]]) -> None:
    voice = ConnectionLog("home", 5, suppress=False)
    for number in range(500):
        tick = 20.0 * number
        voice.capability("fans", "gone", "24.12.1", tick)
        voice.succeeded(DEGRADED, tick)
        voice.capability("fans", "back", "24.12.1", tick + 10.0)
        voice.succeeded(OK, tick + 10.0)
        voice.families("24.12.1", tick + 10.0)
    said = lines()
    assert "gateway home: fans: gone (firmware 24.12.1)" in said
    assert "gateway home: fans: unsteady (firmware 24.12.1)" in said
    assert len(said) <= 4 * OFTEN
    voice.families("24.12.1", 20.0 * 499 + QUIET_SECONDS)
    assert lines() == ["gateway home: fans: back"]


def test_a_fault_of_ours_is_told_once_in_a_row(lines: Callable[[], list[str]]) -> None:
    voice = ConnectionLog("home", 5, suppress=False)
    for _ in range(3):
        voice.fault("KeyError", "client.py:12")
    voice.fault("TypeError", "client.py:13")
    assert lines() == [
        "gateway home: fault in a poll: KeyError at client.py:12",
        "gateway home: fault in a poll: TypeError at client.py:13",
    ]
