"""Judge when each query of a gateway is due again: after its interval, or after a failure when its pause is over."""

from __future__ import annotations

from typing import Final

from pwserver.causes import CAUSE_BY_ID, RATE_LIMIT, TIMEOUT, Patience
from pwserver.records import record

NOT_FOUND_SECONDS: Final = 6 * 3600.0  # the firmware does not have it; an update, which comes at night, may bring it
FORBIDDEN_SECONDS: Final = 3600.0  # refused credentials count towards a lock of the account, so ask rarely
_RETRY_SECONDS: Final = (0.0, 10.0, 30.0, 60.0, 120.0, 300.0)


@record(slots=True)
class _Query:
    interval_seconds: float
    due: float = 0.0
    failures: int = 0


class QuerySchedule:
    """Holds the schedule of the optional queries, by name. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._queries: dict[str, _Query] = {}

    def due(self, name: str, tick: float, interval_seconds: float = 0.0) -> bool:
        """Return whether ``name`` should be asked in this poll. Interval 0: in every poll."""
        query = self._queries.setdefault(name, _Query(interval_seconds, tick))
        query.interval_seconds = interval_seconds
        return tick >= query.due

    def succeeded(self, name: str, tick: float) -> None:
        """Note that ``name`` was answered, so that it is due again after its interval."""
        query = self._queries.setdefault(name, _Query(0.0))
        query.failures = 0
        query.due = tick + query.interval_seconds

    def failed(self, name: str, tick: float, cause: str | None = None, status: int | None = None) -> None:
        """Note that ``name`` failed, and choose the pause: long for what will not change soon, else growing gently."""
        query = self._queries.setdefault(name, _Query(0.0))
        query.failures += 1
        step = _RETRY_SECONDS[min(query.failures, len(_RETRY_SECONDS)) - 1]
        if status == 404:  # before the cause, which is a general one for this status
            step = NOT_FOUND_SECONDS
        elif cause is not None and CAUSE_BY_ID[cause].patience is Patience.LOGIN:
            step = FORBIDDEN_SECONDS
        elif cause == TIMEOUT:
            step = max(step, 60.0)  # each attempt delays the poll by a whole timeout
        elif cause == RATE_LIMIT:
            step = max(step, 5.0)  # the limiter's hold decides; this only spares the next poll a refusal
        query.due = tick + step

    def waiting(self, name: str, tick: float) -> bool:
        """Return whether ``name`` was left out of this poll because it is not due, and not because it failed."""
        query = self._queries.get(name)
        return query is not None and query.failures == 0 and tick < query.due

    def ask_again(self, *names: str) -> None:
        """Make these queries due at once, even during a pause after a failure."""
        for name in names:
            if name in self._queries:
                self._queries[name].due = 0.0
