"""Make the ``State`` of a configured gateway, which always exists: before the first poll and while it is away, too."""

from __future__ import annotations

from dataclasses import field
from typing import Final

from pwserver.causes import CAUSE_BY_ID
from pwserver.reading import GatewayIdentity, GatewayStatus
from pwserver.records import record
from pwserver.state.abilities import Abilities, abilities_of
from pwserver.state.judge import Judged

WAITING: Final = "waiting"  # nothing has been read yet, and no attempt has failed
FRESH: Final = "fresh"  # the last poll succeeded
STALE: Final = "stale"  # the last poll failed, but the last good figures are still young enough to be served
AWAY: Final = "away"  # the last good figures are too old to be served, or there never were any
FIRST_ANSWER: Final = "waiting for the first answer"  # the predecessor's documents have "Initializing..." for that


@record(frozen=True, slots=True)
class Availability:
    """Says whether a gateway's data are available, and if not, why, since when, and what the owner can do."""

    phase: str = WAITING
    since: float | None = None  # epoch seconds
    cause: str | None = None  # an id of the closed list of causes
    sentence: str | None = None  # the cause in words, as in the log and /health
    advice: str | None = None  # what the owner can do
    next_attempt: float | None = None  # epoch seconds
    read_at: float | None = None  # epoch seconds of the last good reading


@record(frozen=True, slots=True)
class State:
    """Holds everything that is known about one gateway at one moment."""

    gateway: GatewayIdentity
    availability: Availability
    judged: Judged
    abilities: Abilities = field(default_factory=Abilities)
    last: Judged | None = None  # the last judgement, however old, from which old figures are shown and marked as old

    @property
    def last_known(self) -> Judged | None:
        """Return the old figures to show while the gateway is away; None at other times and if there are none."""
        away = self.availability.phase == AWAY and self.last is not None and self.last.reading is not None
        return self.last if away else None


def state_of(
    identity: GatewayIdentity,
    status: GatewayStatus,
    judged: Judged,
    last: Judged | None = None,
    control_enabled: bool = False,
) -> State:
    """Return the state of a gateway: its judged reading together with what is known about the connection."""
    abilities = abilities_of(identity, status, judged, control_enabled)
    return State(identity, availability_of(status, judged), judged, abilities, last)


def availability_of(status: GatewayStatus, judged: Judged) -> Availability:
    """Judge whether the data of a gateway are available, and why not."""
    if judged.reading is None:
        # A cause or a failure shows that an attempt was made; before that, "away" would alarm at every start.
        phase = WAITING if status.cause is None and not status.total_failures else AWAY
    else:
        phase = FRESH if status.online and not status.stale else STALE
    cause = CAUSE_BY_ID.get(status.cause or "")
    why = FIRST_ANSWER if phase == WAITING else status.error
    return Availability(
        phase=phase,
        since=status.state_since or None,
        cause=status.cause,
        sentence=why if phase != FRESH else None,
        advice=cause.advice if cause is not None and phase != FRESH else None,
        next_attempt=status.next_attempt,
        read_at=judged.reading.timestamp if judged.reading is not None else status.last_updated,
    )
