"""One browser for all, and one sunny house with a past that most tests only look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.pages.recorded import zone_name
from tests.pages.support import NOON_ZONE, SECRET, House, Watched, chromium
from tests.pages.support import house as make_house
from tests.support.waiting import patient


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="package")
def house() -> Iterator[House]:
    """Three Powerwall 3 on a signed connection, control switched on, below /power and without it."""
    with make_house("v1r", past_days=45, PW_CONTROL_SECRET=SECRET, PROXY_BASE_URL="/power") as found:
        yield found


Look = Callable[..., Watched]


@pytest.fixture
def look(browser: Browser) -> Iterator[Look]:
    """``look(base, **context options)``: a new page in a context of its own; mishaps are checked at the end."""
    opened: list[Watched] = []

    def new(base: str, *, check: bool = True, **options: Any) -> Watched:
        context = browser.new_context(
            **{"viewport": {"width": 1280, "height": 800}, "timezone_id": zone_name(NOON_ZONE), **options}
        )
        context.set_default_timeout(patient(30) * 1000)
        watched = Watched(context.new_page(), base)
        watched.checked = check  # type: ignore[attr-defined]
        opened.append(watched)
        return watched

    yield new
    for one in opened:
        try:
            if one.checked:  # type: ignore[attr-defined]
                one.check()
        finally:
            # A request that a test answers by itself may still be on its way; it is not the next test's failure.
            if not one.page.is_closed():
                one.page.unroute_all(behavior="ignoreErrors")
            one.page.context.close()
