"""One browser for all, and one sunny house with a past that most tests only look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.pages.recorded import zone_name
from tests.pages.support import HOST_RULES, NOON_ZONE, SECRET, House, Watched
from tests.pages.support import house as make_house
from tests.pages.used_again import Pages
from tests.support.browser import chromium

# How many times as long the browser takes for its work: what fails with 6 fails on a slow machine one day.
SLOWED = float(os.environ.get("PW_TEST_SLOWED", "1"))


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium(HOST_RULES) as found:
        yield found


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    """Three Powerwall 3 on a signed connection, control switched on, below /power and without it.

    Its gateway reports another time zone than it stands in, of which one of the checks tells.
    """
    # A poll every three seconds: each costs, and most tests look at what does not change.
    with make_house(
        "v1r",
        past_days=45,
        reported_zone="Asia/Kolkata",
        PW_CONTROL_SECRET=SECRET,
        PROXY_BASE_URL="/power",
        PW_CACHE_EXPIRE="3",
    ) as found:
        yield found


@pytest.fixture(scope="package")
def used_again(browser: Browser) -> Iterator[Pages]:
    pages = Pages(browser, SLOWED)
    yield pages
    pages.close()


Look = Callable[..., Watched]


@pytest.fixture
def look(used_again: Pages) -> Iterator[Look]:
    """``look(house or address, **context options)``: a page in a context of its own, in which nothing moves.

    ``fresh``: the browser has never been anywhere; else it may have files of our pages, as most readers' browsers do.
    Its mishaps are checked when it is left: before the server of its house stops, else at the end of the test.
    """
    with _looking(used_again) as found:
        yield found


@pytest.fixture(scope="module")
def look_for_all(used_again: Pages) -> Iterator[Look]:
    """The same for pages that all tests of a file share, one after the other."""
    with _looking(used_again) as found:
        yield found


@contextmanager
def _looking(used_again: Pages) -> Iterator[Look]:
    opened: list[Watched] = []

    def new(
        place: House | str, *, check: bool = True, fresh: bool = False, each_request: bool = False, **options: Any
    ) -> Watched:
        usual = {
            "timezone_id": zone_name(NOON_ZONE),
            "reduced_motion": "reduce",  # a browser without a graphics card draws each frame with the processor
            "service_workers": "block",  # what a page keeps would hide from other tests what it asks for
        }
        one = used_again.get({**usual, **options}, fresh=fresh)
        base = place if isinstance(place, str) else place.base
        watched = Watched(one.page, base, partial(used_again.give_back, one), each_request=each_request)
        one.spoiled = fresh
        watched.checked = check
        opened.append(watched)
        if isinstance(place, House):
            place.pages.append(watched)
        return watched

    yield new
    for one in opened:
        one.leave()
