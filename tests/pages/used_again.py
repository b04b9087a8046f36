"""Pages that are used again: another one costs a processor half a second more than turning to another address does.

What a test leaves in a page is taken back when it leaves it: its address, what it has stored, answers that it gives by
itself and its pointer. Size and media are set when it is given out. A page with which a test did what cannot be taken
back is closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, CDPSession, Page

from tests.support.waiting import patient

# What cannot be taken back, or is not worth its line here.
OF_A_PAGE = ("on", "once", "add_init_script", "route_web_socket", "expose_function", "expose_binding")
OF_ITS_CONTEXT = ("add_init_script", "new_cdp_session", "set_offline", "new_page", "route", "route_web_socket")
OF_ITS_CLOCK = ("install", "set_fixed_time", "set_system_time", "pause_at", "fast_forward", "run_for")
# What a page may be told at any time, and what it is told if nothing else is wanted.
USUAL: dict[str, Any] = {
    "viewport": {"width": 1280, "height": 800},
    "color_scheme": "light",
    "reduced_motion": "no-preference",
    "forced_colors": "none",
}
MOST_USES = 40  # what a process of the browser keeps of pages that are left stays little
MOST_IDLE = 6


@dataclass
class Used:
    """A page, what cannot be changed of its context, and whether another test may have it."""

    page: Page
    options: dict[str, Any]
    devtools: CDPSession
    uses: int = 1
    spoiled: bool = False


class Pages:
    """Gives pages out and takes them back."""

    def __init__(self, browser: Browser, slowed: float) -> None:
        self._browser = browser
        self._slowed = slowed
        self._idle: list[Used] = []

    def get(self, options: dict[str, Any], *, fresh: bool) -> Used:
        """Return a page of a context with these options: a new one, or one that is as good as new."""
        wanted = USUAL | options
        lasting = {name: value for name, value in options.items() if name not in USUAL}
        one = next((idle for idle in self._idle if idle.options == lasting and not fresh), None)
        if one is None:
            one = self._opened(lasting)
        else:
            self._idle.remove(one)
            one.uses += 1
        one.page.set_viewport_size(wanted.pop("viewport"))
        one.page.emulate_media(media="null", **{name: wanted[name] for name in USUAL if name in wanted})
        return one

    def give_back(self, one: Used, visited: set[str]) -> None:
        """Take a page back that has been at these addresses, and close it if it is not to be used again."""
        if one.page.is_closed():
            return
        # A request that a test answers by itself may still be on its way; it is not the next test's failure.
        one.page.unroute_all(behavior="ignoreErrors")
        here = _origin(one.page.url)
        good = not one.spoiled and one.uses < MOST_USES and len(one.page.context.pages) == 1
        if not good or {_origin(address) for address in visited} != {here}:
            one.page.context.close()
            return
        _take_back(one, here)
        self._idle.append(one)
        if len(self._idle) > MOST_IDLE:
            self._idle.pop(0).page.context.close()

    def close(self) -> None:
        """Close those that nobody has."""
        for one in self._idle:
            one.page.context.close()
        self._idle.clear()

    def _opened(self, options: dict[str, Any]) -> Used:
        context = self._browser.new_context(**USUAL, **options)
        context.set_default_timeout(patient(30) * 1000)
        page = context.new_page()
        devtools = context.new_cdp_session(page)
        if self._slowed > 1:
            devtools.send("Emulation.setCPUThrottlingRate", {"rate": self._slowed})
        one = Used(page, options, devtools)

        def spoil() -> None:
            one.spoiled = True

        for owner, names in ((page, OF_A_PAGE), (context, OF_ITS_CONTEXT), (page.clock, OF_ITS_CLOCK)):
            for name in names:
                setattr(owner, name, _noting(getattr(owner, name), spoil))
        return one


def _noting(method: Callable[..., Any], note: Callable[[], None]) -> Callable[..., Any]:
    def noted(*arguments: Any, **named: Any) -> Any:
        note()
        return method(*arguments, **named)

    return noted


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _take_back(one: Used, origin: str) -> None:
    page = one.page
    page.evaluate("sessionStorage.clear()")
    page.goto("about:blank")
    one.devtools.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
    page.context.clear_cookies()
    page.mouse.move(-1, -1)
