"""One browser for all, and one sunny house with a past that most tests only look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.pages.recorded import zone_name
from tests.pages.support import HOST_RULES, NOON_ZONE, SECRET, House, Watched
from tests.pages.support import house as make_house
from tests.support.browser import chromium
from tests.support.waiting import patient

# How many times as long the browser takes for its work: what fails with 6 fails on a slow machine one day.
SLOWED = float(os.environ.get("PW_TEST_SLOWED", "1"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium(HOST_RULES) as found:
        yield found


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    """Three Powerwall 3 on a signed connection, control switched on, below /power and without it."""
    # A poll every three seconds: each costs, and most tests look at what does not change.
    with make_house(
        "v1r", past_days=45, PW_CONTROL_SECRET=SECRET, PROXY_BASE_URL="/power", PW_CACHE_EXPIRE="3"
    ) as found:
        yield found


Look = Callable[..., Watched]


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """``look(house or address, **context options)``: a new page in a context of its own, in which nothing moves.

    Its mishaps are checked when it is left: before the server of its house stops, else at the end of the test.
    """
    opened: list[Watched] = []

    def new(place: House | str, *, check: bool = True, **options: Any) -> Watched:
        usual = {
            "viewport": {"width": 1280, "height": 800},
            "timezone_id": zone_name(NOON_ZONE),
            "reduced_motion": "reduce",  # a browser without a graphics card draws each frame with the processor
        }
        # What a page keeps for when the server is away would hide from other tests what it asks for.
        context = browser.new_context(**{**usual, "service_workers": "block", **options})
        context.set_default_timeout(patient(30) * 1000)
        watched = Watched(context.new_page(), place if isinstance(place, str) else place.base)
        if SLOWED > 1:
            devtools = context.new_cdp_session(watched.page)
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWED})
        watched.checked = check
        opened.append(watched)
        if isinstance(place, House):
            place.pages.append(watched)
        return watched

    yield new
    for one in opened:
        one.leave()
