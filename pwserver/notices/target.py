"""Remember how it stands with each address: what has gone, what failed and why, when it is tried again."""

from __future__ import annotations

import logging
import threading
from dataclasses import field
from typing import Final

from pwserver.json_types import JsonObject
from pwserver.notices.delivery import CAUSES
from pwserver.records import record

log = logging.getLogger("pwserver.notices")

LONGEST_PAUSE_SECONDS: Final = 900.0


@record(slots=True)
class Target:
    """Holds how it stands with one address; ``name`` stands for it wherever anybody can read it."""

    name: str
    sent: int = 0
    failed: int = 0  # attempts
    given_up: int = 0  # messages
    last_sent: float | None = None  # epoch seconds
    last_failed: float | None = None
    cause: str | None = None  # of the last attempt; None once one has succeeded
    busy: tuple[int, float] | None = None  # number of the message under way, when it counts as lost (monotonic)
    pause_seconds: float = 0.0
    again_at: float = 0.0  # monotonic

    def to_json(self) -> JsonObject:
        """Return how it stands, for people: a cause comes with what helps."""
        known = CAUSES.get(self.cause or "")
        return {
            "name": self.name,
            "sent": self.sent,
            "failed": self.failed,
            "given_up": self.given_up,
            "last_sent": self.last_sent,
            "last_failed": self.last_failed,
            "cause": known.sentence if known is not None else None,
            "remedy": known.remedy if known is not None else None,
        }

    def succeeded(self, now: float) -> None:
        """Note that a message has gone."""
        if self.cause is not None:
            log.info("notices reach %s again", self.name)
        self.sent += 1
        self.last_sent, self.cause, self.pause_seconds, self.again_at = now, None, 0.0, 0.0

    def failed_for(self, cause: str, now: float) -> None:
        """Note that an attempt has failed; the log says so once for each cause."""
        self.failed += 1
        self.last_failed = now
        if self.cause != cause:
            self.cause = cause
            known = CAUSES[cause]
            log.warning("a notice could not be sent to %s: %s %s", self.name, known.sentence, known.remedy)

    def pause(self, first_seconds: float, steady: float) -> None:
        """Wait before the next attempt, twice as long each time."""
        self.pause_seconds = min(max(first_seconds, 2.0 * self.pause_seconds), LONGEST_PAUSE_SECONDS)
        self.again_at = steady + self.pause_seconds


@record(slots=True)
class Trial:
    """Holds a test message under way: ``outcomes`` has a cause or None by target, all of them once ``done`` is set."""

    waiting: set[str]
    outcomes: dict[str, str | None] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)

    def to_json(self) -> list[JsonObject]:
        """Return what became of it, for people; ``sent`` is null where that is not known yet."""
        known = dict(self.outcomes)
        causes = {name: CAUSES.get(known.get(name) or "") for name in sorted(self.waiting)}
        return [
            {
                "name": name,
                "sent": known[name] is None if name in known else None,
                "cause": cause.sentence if cause is not None else None,
                "remedy": cause.remedy if cause is not None else None,
            }
            for name, cause in causes.items()
        ]
