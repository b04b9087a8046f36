"""Request counts per address in shared memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pwserver_ext.arena import Arena
from pwserver_ext.limits import WindowLimiter
from tests.ext.processes import Child

HOUR = 3600.0


def limiter(addresses: int, requests: int, seconds: float = HOUR) -> WindowLimiter:
    return WindowLimiter(bytearray(WindowLimiter.size(addresses)), addresses, requests, seconds)


@given(limit=st.integers(1, 50), asked=st.integers(1, 100))
def test_exactly_the_allowed_number_passes(limit: int, asked: int) -> None:
    gate = limiter(10, limit)
    passed = [gate("192.0.2.1") == 0 for _ in range(asked)]
    assert passed == [number < limit for number in range(asked)]


def test_addresses_do_not_count_for_each_other() -> None:
    gate = limiter(1000, 1)
    addresses = [f"192.0.2.{number}" for number in range(250)]
    assert all(gate(address) == 0 for address in addresses)
    assert all(gate(address) > 0 for address in addresses)


def test_a_window_ends() -> None:
    gate = limiter(10, 1, seconds=1e-6)
    assert gate("192.0.2.1") == 0
    wait = gate("192.0.2.1")
    assert wait == 0 or gate("192.0.2.1") <= 0.001  # a microsecond is over by now


def test_more_addresses_than_places_never_fail_and_the_newest_is_remembered() -> None:
    gate = limiter(8, 1)
    for number in range(10_000):
        assert gate(f"2001:db8::{number:x}") == 0
    assert gate("2001:db8::270f") > 0


def test_processes_share_one_count() -> None:
    size = WindowLimiter.size(16)
    region = Arena({"limits": size}).region("limits")
    gate = WindowLimiter(region, 16, 100, HOUR)
    children = [Child(lambda: sum(gate("192.0.2.9") == 0 for _ in range(80))) for _ in range(2)]
    assert sum(child.result() for child in children) == pytest.approx(100, abs=2)
    assert gate.count("192.0.2.9") >= 158


@pytest.mark.parametrize(("requests", "seconds"), [(0, 1.0), (1, 0.0)])
def test_a_limit_must_be_positive(requests: int, seconds: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        limiter(1, requests, seconds)
