"""Judge what a connection can read and write, why it cannot do the rest, and what would help.

Showing and doing follow one rule: ``route`` chooses the connection for a command, and documents ask it beforehand
whether a command would be refused.

Order of precedence for a write: a confirmed v1r connection, if the owner prefers the house; then the hybrid cloud link;
then the gateway's own connection. A command that needs a signature can only take the last one, and a tariff can only go
to Tesla. When no connection can carry a command, a lasting reason is given rather than a passing one: a connection that
could never write is described as such even while it is down.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from functools import lru_cache
from typing import Final

from pwserver.causes import (
    CAUSE_BY_ID,
    CONTROL_OFF,
    LIMIT_BY_ID,
    LINK_DOWN,
    LINK_UNSURE,
    NEEDS_TESLA,
    NEEDS_V1R,
    NOT_CONNECTED,
    REPLICA,
)
from pwserver.modes import READS, ConnectionMode, Reach
from pwserver.reading import GatewayIdentity, GatewayStatus, Ways
from pwserver.records import record
from pwserver.state.controls import CONTROLS, SIGNED, TARIFF, refused_as
from pwserver.state.judge import Judged

OWN: Final = "own"  # the gateway's own connection
LINK: Final = "link"  # the hybrid cloud link beside it
DOWN: Final = "down"
UNSURE: Final = "unsure"
READY: Final = "ready"

_LINK_LIMITS: Final = {DOWN: LINK_DOWN, UNSURE: LINK_UNSURE}


@record(frozen=True, slots=True)
class Ability:
    """Says whether one thing can be done over the present connection; ``why_not`` and ``help`` are sentences."""

    able: bool
    limit: str | None = None  # an id of the closed list of limits
    why_not: str | None = None
    help: str | None = None


ABLE: Final = Ability(True)
PASSING: Final = frozenset({NOT_CONNECTED, LINK_DOWN})  # limits that pass by themselves; the others are lasting


@record(frozen=True, slots=True)
class Abilities:
    """Holds what can be done, by the names of reads and of the controls in ``state.controls``.

    A name that is missing is not known yet.
    """

    reach: Reach | None = None  # None while nothing was reached
    read: Mapping[str, Ability] = field(default_factory=dict)
    write: Mapping[str, Ability] = field(default_factory=dict)


def can_set(abilities: Abilities) -> bool:
    """Return whether anything can be commanded, as far as that is known."""
    return any(one.able for one in abilities.write.values())


@record(frozen=True, slots=True)
class Verdict:
    """Holds the way of a command (``OWN`` or ``LINK``), or the limit that stops it; neither while it is not known."""

    way: str | None = None
    limit: str | None = None


def route(needs: str, ways: Ways, meant: ConnectionMode | None = None) -> Verdict:
    """Choose the way of a command. ``meant``: the configured mode, from which some limits follow before connecting."""
    if ways.relayed:
        return Verdict(limit=REPLICA)
    if needs == SIGNED:
        return _own(needs, NEEDS_V1R, ways, meant)
    if needs == TARIFF:
        if ways.link == READY:
            return Verdict(LINK)
        return _own(needs, _LINK_LIMITS.get(ways.link or "", NEEDS_TESLA), ways, meant)
    if ways.local_first and ways.wired_v1r:
        return Verdict(OWN)
    if ways.link == READY:
        return Verdict(LINK)
    return _own(needs, _LINK_LIMITS.get(ways.link or ""), ways, meant)


def _own(needs: str, otherwise: str | None, ways: Ways, meant: ConnectionMode | None) -> Verdict:
    """Judge the gateway's own connection.

    ``otherwise``: the limit to name if this connection cannot do it either; None: that of the connection itself.
    """
    reach = ways.reach
    if reach is None:
        reach = meant.reach if meant is not None else None
        if reach is None or needs in reach.value.writes:
            return Verdict()
    if needs not in reach.value.writes:
        return Verdict(limit=otherwise or reach.value.limit)
    return Verdict(OWN) if ways.online else Verdict(limit=NOT_CONNECTED)


def refusal(what: str, limit: str, reach: Reach | None) -> str:
    """Return a sentence that says why a command is refused, or why data are not reported."""
    label = reach.label if reach is not None else "this connection"
    return LIMIT_BY_ID[limit].sentence.format(what=refused_as(what), connection=label)


def abilities_of(identity: GatewayIdentity, status: GatewayStatus, judged: Judged, control_enabled: bool) -> Abilities:
    """Judge the abilities of one gateway from what is known of its connection and of the last reading."""
    reading = judged.reading
    ways = status.ways
    if ways is None:
        reach = reading.reach if reading is not None else None
        ways = Ways(reach, status.online, reach is Reach.V1R and identity.rsa_key_configured)
    # While the gateway is away, the advice for its cause helps more than that for the limit.
    cause = None if status.online else status.cause
    return _abilities(ways, identity.way, cause, control_enabled, _seen(judged))


def _seen(judged: Judged) -> frozenset[str]:
    """Return the names of data that the reading really has, even if its kind of connection usually lacks them."""
    found = {
        "strings": judged.strings,
        "temperatures": judged.devices,
        "units": judged.units,
        "alerts": judged.alerts is not None,
        "energies": any(meter.imported_wh.value is not None for meter in judged.meters.values()),
    }
    return frozenset(name for name, there in found.items() if there)


@lru_cache(maxsize=1024)  # judged for every document of every poll, but the facts change rarely
def _abilities(
    ways: Ways, way: str | None, cause: str | None, control_enabled: bool, seen: frozenset[str]
) -> Abilities:
    meant = ConnectionMode.__members__.get(way or "")
    reach = ways.reach or (meant.reach if meant is not None else None)
    read: dict[str, Ability] = {}
    for name in READS:
        if reach is None:
            break
        if name not in seen and name not in reach.value.reads:
            read[name] = _unable(reach.value.unread, name, reach, None)
        elif ways.reach is not None:
            read[name] = ABLE
    write: dict[str, Ability] = {}
    for name, control in CONTROLS.items():
        verdict = route(control.needs, ways, meant)
        limit = verdict.limit
        # Named last: an owner who enables control should not then learn that the connection cannot write.
        if limit is None and not control_enabled:
            limit = CONTROL_OFF
        if limit is None and verdict.way is None and cause is not None:
            limit = NOT_CONNECTED
        if limit is not None:
            write[name] = _unable(limit, control.operation, reach, ways.link_cause if limit == LINK_DOWN else cause)
        elif verdict.way is not None:
            write[name] = ABLE
    return Abilities(ways.reach, read, write)


def _unable(limit: str, what: str, reach: Reach | None, cause: str | None) -> Ability:
    row = LIMIT_BY_ID[limit]
    known = CAUSE_BY_ID.get(cause or "") if limit in PASSING else None
    return Ability(False, limit, refusal(what, limit, reach), known.advice if known is not None else row.advice)
