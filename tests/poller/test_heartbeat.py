"""The grid of moments at which the poller's heart beats."""

from __future__ import annotations

import asyncio

from pwserver.poller.heartbeat import BEAT_SECONDS, beat_after, sleep_to_beat
from tests.poller.test_site_pace import LeapingClock


def test_a_beat_is_later_than_its_moment_and_on_one_grid() -> None:
    assert [beat_after(moment) for moment in (0.0, 0.5, 1.999, 2.0)] == [2.0, 2.0, 2.0, 4.0]
    assert beat_after(1.0, 0.4) == 1.2000000000000002


def test_jobs_that_sleep_to_a_beat_wake_the_process_together() -> None:
    clock = LeapingClock()
    loop = asyncio.SelectorEventLoop(clock)
    loop.time = lambda: clock.now  # type: ignore[method-assign]
    woken: list[float] = []

    async def job(seconds: float) -> None:
        await sleep_to_beat(seconds)
        woken.append(round(clock.now, 6))

    async def jobs() -> None:
        clock.now += 0.7
        await asyncio.gather(job(0.0), job(1.0), job(5.0), job(4.5))

    try:
        begun = clock.now
        loop.run_until_complete(jobs())
    finally:
        loop.close()
    assert woken == [begun + BEAT_SECONDS] * 2 + [begun + 3 * BEAT_SECONDS] * 2
