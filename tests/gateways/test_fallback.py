"""TEDAPI lost and found."""

from __future__ import annotations

from pwserver.gateways.fallback import FallbackWatch


def test_three_misses_enter_and_one_answer_leaves() -> None:
    watch = FallbackWatch(True)
    for misses in (0, 1, 2):
        watch.observe(misses, False, 100.0, 0.0)
        assert not watch.active
    watch.observe(3, False, 100.0, 0.0)
    assert watch.active and watch.as_json(130.0)["fallback_duration_seconds"] == 30.0
    watch.observe(0, False, 140.0, 40.0)
    assert not watch.active and watch.as_json(150.0)["fallback_since"] is None


def test_recovery_is_tried_ever_more_rarely() -> None:
    watch = FallbackWatch(True)
    watch.observe(0, True, 0.0, 0.0)
    waits, tick = [], 0.0
    for _ in range(6):
        start = tick
        while not watch.recovery_due(tick):
            tick += 1.0
        waits.append(tick - start)
        watch.attempted(tick, tick)
    assert waits == [60.0, 120.0, 240.0, 300.0, 300.0, 300.0]
    told = watch.as_json(tick)
    assert told["recovery_attempts"] == 6 and told["last_recovery_attempt"] == tick and told["recovery_enabled"]


def test_recovery_can_be_switched_off() -> None:
    watch = FallbackWatch(False)
    watch.observe(3, True, 0.0, 0.0)
    assert watch.active and not watch.recovery_due(1e9)
