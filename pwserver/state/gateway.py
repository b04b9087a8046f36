"""The ``State`` of one configured gateway. It always exists: before the first poll, while it is away, and after."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pwserver.causes import CAUSE_BY_ID
from pwserver.reading import GatewayIdentity, GatewayStatus
from pwserver.state.abilities import Abilities, abilities_of
from pwserver.state.judge import Judged

WAITING: Final = "waiting"  # nothing has been read yet, and no attempt has failed
FRESH: Final = "fresh"  # the last poll succeeded
STALE: Final = "stale"  # it failed; the last good figures are still within their stated age
AWAY: Final = "away"  # nothing may be served any more


@dataclass(frozen=True, slots=True)
class Availability:
    """Why there are data or none: the phase, since when, the cause in words, the next attempt, what to do."""

    phase: str = WAITING
    since: float | None = None  # epoch seconds
    cause: str | None = None  # an id of the closed list of causes
    sentence: str | None = None  # the cause in words, as in the log and /health
    advice: str | None = None  # what the owner can do
    next_attempt: float | None = None  # epoch seconds
    read_at: float | None = None  # epoch seconds of the last good reading


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is known about one gateway at one moment."""

    gateway: GatewayIdentity
    availability: Availability
    judged: Judged
    abilities: Abilities = field(default_factory=Abilities)
    last: Judged | None = None  # what was judged last, however old; for showing old figures marked as old

    @property
    def last_known(self) -> Judged | None:
        """What may be shown, as old, while the gateway is away; None at other times and when nothing was ever read."""
        away = self.availability.phase == AWAY and self.last is not None and self.last.reading is not None
        return self.last if away else None


def state_of(
    identity: GatewayIdentity,
    status: GatewayStatus,
    judged: Judged,
    last: Judged | None = None,
    control_enabled: bool = False,
) -> State:
    """Put together what was judged and what is known about the connection."""
    abilities = abilities_of(identity, status, judged, control_enabled)
    return State(identity, availability_of(status, judged), judged, abilities, last)


def availability_of(status: GatewayStatus, judged: Judged) -> Availability:
    """Judge the connection: which phase it is in and why."""
    if judged.reading is None:
        phase = WAITING if status.cause is None and not status.total_failures else AWAY
    else:
        phase = FRESH if status.online and not status.stale else STALE
    cause = CAUSE_BY_ID.get(status.cause or "")
    return Availability(
        phase=phase,
        since=status.state_since or None,
        cause=status.cause,
        sentence=status.error if phase != FRESH else None,
        advice=cause.advice if cause is not None and phase != FRESH else None,
        next_attempt=status.next_attempt,
        read_at=judged.reading.timestamp if judged.reading is not None else status.last_updated,
    )
