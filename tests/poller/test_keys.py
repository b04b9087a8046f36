"""Used idempotency keys: bounded, forgotten after an hour, known to whoever comes next."""

from __future__ import annotations

import pytest

from pwserver.poller import idempotency_keys
from pwserver.poller.idempotency_keys import KEY_SECONDS, KEYS_MAX, UsedKeys


class Clock:
    """time.monotonic, moved by hand."""

    now = 100_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(idempotency_keys, "time", found)
    return found


def table() -> UsedKeys:
    return UsedKeys(memoryview(bytearray(UsedKeys.size())))


def test_a_key_is_known_once_used_and_until_forgotten(clock: Clock) -> None:
    used = table()
    assert not used.used("a")
    used.use("a")
    assert used.used("a") and not used.used("b") and not used.used("")
    used.forget("a")
    used.forget("never used")
    assert not used.used("a")


def test_an_hour_later_it_may_be_used_again(clock: Clock) -> None:
    used = table()
    used.use("a")
    clock.now += KEY_SECONDS - 1
    assert used.used("a")
    clock.now += 2
    assert not used.used("a")


def test_the_oldest_make_room(clock: Clock) -> None:
    used = table()
    for number in range(KEYS_MAX + 10):
        clock.now += 1
        used.use(f"key {number}")
    known = [number for number in range(KEYS_MAX + 10) if used.used(f"key {number}")]
    assert known == list(range(10, KEYS_MAX + 10))


def test_the_next_poller_and_the_next_generation_know_it(clock: Clock) -> None:
    region = memoryview(bytearray(UsedKeys.size()))
    UsedKeys(region).use("a")
    assert UsedKeys(region).used("a")
    after = table()
    after.inherit(UsedKeys(region))
    assert after.used("a")
    after.use("b")
    assert not UsedKeys(region).used("b")
