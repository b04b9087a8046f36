"""Log each fault once: a request that makes a handler fail must not be able to fill the log.

A fault is known by its place: the kind of exception and the line of code that raised it. The first one of a place is
told with its traceback. Those after it are counted, and told as one line at most every few minutes. The table of places
is bounded; what happens when it is full counts as one further place. This is a filter of the log's handler, so it holds
for every logger: handlers of HTTP, WebSockets and event streams, Sanic's own, the event loop's and the library's.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final

from pwserver.records import record

PLACES: Final = 64  # far more than a program has faults; the bound is for one that makes up exceptions
REPEAT_SECONDS: Final = 300.0
OTHER_PLACES: Final = "other places"


@record(slots=True)
class _Told:
    """Counts one place: when it was last told, and how often it has happened since."""

    at: float
    unsaid: int = 0


class RepeatedFaults(logging.Filter):
    """Lets the first record of each fault pass, and then a summary now and then. ``count``: called for every fault."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.count: Callable[[], None] | None = None
        self._clock = clock
        self._places: dict[str, _Told] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log this record; one that stands for several is changed to say so."""
        problem = record.exc_info[1] if record.exc_info else None
        if problem is None:
            return True
        if self.count is not None and record.levelno >= logging.ERROR:
            self.count()
        now, place = self._clock(), place_of(problem)
        if place not in self._places and len(self._places) >= PLACES:
            place = OTHER_PLACES
        told = self._places.get(place)
        if told is None:
            self._places[place] = _Told(now)
            return True
        told.unsaid += 1
        if now - told.at < REPEAT_SECONDS:
            return False
        # Changed in place: the handlers behind this filter get the same record.
        record.msg, record.args, record.exc_info, record.exc_text = _summary(place, told), (), None, None
        told.at, told.unsaid = now, 0
        return True

    def tell_repeated(self) -> None:
        """Log the summaries that are due, even when nothing more has happened. To be called now and then."""
        now = self._clock()
        for place, told in self._places.items():
            if told.unsaid and now - told.at >= REPEAT_SECONDS:
                text = _summary(place, told)
                told.at, told.unsaid = now, 0
                logging.getLogger("pwserver.faults").error("%s", text)


def _summary(place: str, told: _Told) -> str:
    return f"{place}: repeated {told.unsaid} times"


def place_of(problem: BaseException) -> str:
    """Name the kind of ``problem`` and the line that raised it.

    That is the innermost line of this program where one is involved, else the innermost of all.
    """
    last: TracebackType | None = None
    ours: TracebackType | None = None
    trace = problem.__traceback__
    # A traceback is as long as the stack was deep.
    for _ in range(sys.getrecursionlimit() + 100):
        if trace is None:
            break
        last = trace
        if trace.tb_frame.f_globals.get("__name__", "").partition(".")[0] in ("pwserver", "pwserver_ext"):
            ours = trace
        trace = trace.tb_next
    where = ours or last
    if where is None:
        return type(problem).__qualname__
    return f"{type(problem).__qualname__} in {where.tb_frame.f_globals.get('__name__', '?')}:{where.tb_lineno}"
