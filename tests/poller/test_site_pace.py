"""When the documents about all gateways are made anew; on a clock that leaps instead of waiting."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

import pytest

from pwserver.poller.site_pace import REFRESH_SECONDS, SitePace

BEGUN = 1000.0


class LeapingClock(selectors.SelectSelector):
    """Lets the time of a loop pass where the loop would sleep."""

    now = BEGUN

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.now += max(0.0, timeout or 0.0)
        return super().select(0)


def rested(
    interval: float, *, took: float = 0.0, expires: float = 0.0, notes: dict[float, bool] | None = None
) -> float:
    """How many seconds a rest lasts; ``notes``: after how many seconds something changes, and whether it is urgent."""
    clock = LeapingClock()
    loop = asyncio.SelectorEventLoop(clock)
    now: Callable[[], Any] = lambda: clock.now  # noqa: E731
    loop.time = now  # type: ignore[method-assign]

    async def rest() -> float:
        pace = SitePace(interval)
        pace.start()
        pace.begin()
        for after, urgent in (notes or {}).items():
            loop.call_later(after, pace.note, urgent)
        await pace.rest(took, expires and BEGUN + expires)
        return clock.now - BEGUN

    try:
        return loop.run_until_complete(rest())
    finally:
        loop.close()


@pytest.mark.parametrize(
    ("interval", "case", "seconds"),
    [
        (5.0, {"notes": {0.5: False}}, 2.0),  # figures wait for those of other gateways,
        (5.0, {"notes": {3.5: False}}, 3.5),  # but not if the last documents are old enough,
        (30.0, {"notes": {0.5: False}}, 12.0),
        (0.5, {"notes": {0.0: False}}, 0.25),
        (30.0, {"notes": {1.5: True}}, 1.5),  # and urgent news do not wait,
        (30.0, {"notes": {0.1: True}}, 0.25),  # except for a moment.
        (5.0, {"notes": {0.5: False, 1.0: True}}, 1.0),
        (5.0, {"took": 1.0, "notes": {0.5: False}}, 9.0),  # What takes long is done seldom,
        (5.0, {"took": 1.0, "notes": {0.5: True}}, 4.0),
        (5.0, {}, 2.0 + REFRESH_SECONDS),  # Ages grow without news.
        (30.0, {"expires": 3.0}, 3.0),  # No gateway's figures are told longer than they last.
        (5.0, {"took": 1.0, "expires": 6.0, "notes": {0.5: False}}, 6.0),
        (5.0, {"took": 1.0, "expires": 2.0}, 2.0),
        (5.0, {"expires": -1.0, "notes": {0.5: False}}, 2.0),
    ],
)
def test_how_long_the_site_rests(interval: float, case: dict[str, Any], seconds: float) -> None:
    assert rested(interval, **case) == pytest.approx(seconds, abs=0.01)
