"""Keep the waits that a gateway asked for, so that they outlive the process that was told of them.

After a 429 nothing is sent before its time, after a refused login there is a long pause, and an Idempotency-Key works
once, also when the poller is killed meanwhile or the configuration is read anew. All of it lies in the arena, as times
on the monotonic clock, which all processes share.
"""

from __future__ import annotations

import math
import time

from pwserver.causes import AUTH, CAUSE_BY_ID, CAUSES, RATE_LIMIT, Patience
from pwserver.poller import idempotency_keys
from pwserver.poller.idempotency_keys import UsedKeys
from pwserver.poller.shared_moments import SharedMoments
from pwserver.runtime import Runtime

PROMISED, REFUSED, ISLANDED = "promised", "refused", "islanding"
CAUSE, WORKED = "cause", "worked"  # the place of the last failure's cause in the table; whether the login has worked
YES, NO = 1.0, -1.0  # in WORKED; while it is not set, this server has not tried any login yet
TABLES = (PROMISED, REFUSED, ISLANDED, CAUSE, WORKED)
OF_THE_ENTRY = (REFUSED, CAUSE, WORKED)  # no longer true once the owner has changed the gateway's entry

_IDS = CAUSES


def shared_bytes(gateways: int) -> dict[str, int]:
    """Return the arena's regions for this many gateways."""
    return {name: SharedMoments.size(gateways) for name in TABLES} | {idempotency_keys.REGION: UsedKeys.size()}


class WaitTimes:
    """Stores until when each gateway must be left alone, and why. One writer per gateway."""

    def __init__(self, runtime: Runtime) -> None:
        arena, gateways = runtime.shared.arena, runtime.shared.gateways
        self._tables = {
            name: SharedMoments(arena.region(name), gateways) for name in (PROMISED, REFUSED, CAUSE, WORKED)
        }

    def remember(self, gateway: str, until: float, cause: str | None, login_worked: bool) -> None:
        """Store that nothing may be sent to the gateway before ``until`` (monotonic seconds)."""
        refused = cause is not None and CAUSE_BY_ID[cause].patience is Patience.LOGIN
        self._tables[CAUSE].set(gateway, _IDS.index(cause) + 1.0 if cause is not None else 0.0)
        self._tables[WORKED].set(gateway, YES if login_worked else NO)
        self._tables[REFUSED].set(gateway, until if refused else 0.0)
        if not refused:
            self._tables[PROMISED].set(gateway, until)

    def recall(self, gateway: str) -> tuple[float, str] | None:
        """Return (until, cause) of what still has to be waited for; None when there is nothing."""
        now = time.monotonic()
        number = self._tables[CAUSE].get(gateway)
        known = _IDS[int(number) - 1] if 1 <= number <= len(_IDS) else None
        for name, patience, otherwise in (
            (REFUSED, Patience.LOGIN, AUTH),
            (PROMISED, None, RATE_LIMIT),
        ):
            until = self._tables[name].get(gateway)
            if until > now:
                fits = known is not None and (patience is None or CAUSE_BY_ID[known].patience is patience)
                return until, known if fits and known is not None else otherwise
        return None

    def login_worked(self, gateway: str) -> bool | None:
        """Say whether an earlier process has read the gateway with the login as it is configured now.

        None when this server has not tried it yet, as after its start.
        """
        told = self._tables[WORKED].get(gateway)
        return None if told == -math.inf else told > 0


def inherit(old: Runtime, new: Runtime) -> None:
    """Carry the promises of one generation into the next. To be called when the old poller has ended.

    A refused login is forgotten where the owner has changed the gateway's entry: it may be right now.
    """
    UsedKeys(new.shared.arena.region(idempotency_keys.REGION)).inherit(
        UsedKeys(old.shared.arena.region(idempotency_keys.REGION))
    )
    before = {gateway.id: gateway for gateway in old.config.gateways}
    for gateway in new.config.gateways:
        former = before.get(gateway.id)
        if former is None or former.address != gateway.address:
            continue
        for name in TABLES:
            moment = SharedMoments(old.shared.arena.region(name), old.shared.gateways).get(gateway.id)
            if name in OF_THE_ENTRY and former != gateway:
                moment = NO if name == WORKED else 0.0
            if moment > 0 or moment == NO:
                SharedMoments(new.shared.arena.region(name), new.shared.gateways).set(gateway.id, moment)
