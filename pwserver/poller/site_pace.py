"""Say when the documents about all gateways are made anew: at a bounded rate, and at once for urgent news."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from pwserver.state.view import View

# New figures wait for those of other gateways: making everything about all at each poll of one would cost more than
# the polls. Within a share of the time between two polls of a gateway, at most twelve seconds, a document about all
# gateways tells what those about one do.
PAUSE_SHARE: Final = 0.4
LONGEST_PAUSE_SECONDS: Final = 12.0
URGENT_PAUSE_SECONDS: Final = 0.25  # a lost grid, a silent gateway, an alert or a command waits no longer than this
REST: Final = 9  # ... and all of it takes a tenth of the time at most, however long one takes,
URGENT_REST: Final = 4  # or a fifth where there is always something urgent
REFRESH_SECONDS: Final = 5.0  # counters and ages go on while no gateway answers


class SitePace:
    """Waits between two publications of the site. ``note`` may be called from any thread, the rest from the loop."""

    def __init__(self, poll_interval_seconds: float) -> None:
        self.pause_seconds = min(LONGEST_PAUSE_SECONDS, max(URGENT_PAUSE_SECONDS, PAUSE_SHARE * poll_interval_seconds))
        self._changed = asyncio.Event()
        self._urgent = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Take notes from now on, for the running loop."""
        self._loop = asyncio.get_running_loop()

    def note(self, urgent: bool) -> None:
        """Note that something in the documents about all gateways has changed."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._set, urgent)

    def _set(self, urgent: bool) -> None:
        self._changed.set()
        if urgent:
            self._urgent.set()

    def begin(self) -> bool:
        """Forget what is about to be published; say whether any of it is urgent."""
        urgent = self._urgent.is_set()
        self._changed.clear()
        self._urgent.clear()
        return urgent

    async def change(self, until: float | None = None) -> None:
        """Wait for a change, at most ``until`` a moment of the monotonic clock."""
        await _wait(self._changed, until)

    async def rest(self, took_seconds: float, expires: float) -> None:
        """Wait until the site has to be published again.

        ``took_seconds``: processor time of the last publication. ``expires``: when the first gateway's figures expire,
        on the monotonic clock, 0 for never; that moment is not slept through.
        """
        begun = asyncio.get_running_loop().time()  # the monotonic clock
        soonest = begun + max(URGENT_PAUSE_SECONDS, URGENT_REST * took_seconds)
        ready = begun + max(self.pause_seconds, REST * took_seconds)
        latest = ready + REFRESH_SECONDS
        if expires > begun:  # else that gateway's thread is late, and will note a change
            latest = min(latest, expires)
            soonest = min(soonest, max(expires, begun + URGENT_PAUSE_SECONDS))
        # Nothing is waited for before there is news: where the first comes after all pauses, as at the next poll of the
        # only gateway, the process is woken once.
        await _wait(self._changed, max(soonest, latest))
        await _wait(self._urgent, min(ready, latest))
        await asyncio.sleep(max(0.0, soonest - asyncio.get_running_loop().time()))


async def _wait(event: asyncio.Event, until: float | None) -> None:
    """Wait for an event, at most until a moment of the monotonic clock."""
    left = None if until is None else max(0.0, until - asyncio.get_running_loop().time())
    try:
        await asyncio.wait_for(event.wait(), left)
    except TimeoutError:
        pass


def matters(view: View) -> tuple[Any, ...]:
    """Return what of a gateway is urgent news when it changes, other than its figures."""
    state = view.state
    judged = state.judged
    return (
        state.availability.phase,
        view.status.state,
        dict(view.status.pending),
        judged.grid.state.value,
        judged.operation.mode.value,
        None if judged.alerts is None else [alert.name for alert in judged.alerts],
    )
