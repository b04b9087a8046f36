"""Choose the connection that a command goes over: the gateway's own, or the hybrid cloud link."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from typing import Protocol

from pwserver.gateways.library_types import Powerwall
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.json_types import Json
from pwserver.modes import ConnectionMode
from pwserver.reading import Ways
from pwserver.records import record
from pwserver.state.abilities import LINK, refusal, route
from pwserver.state.controls import NEEDS_OF


class CommandNotSent(Exception):
    """Raised when nothing reached the gateway; its text says why, and holds no secret."""


class Lock(Protocol):
    """Describes what ``threading.Lock`` and ``threading.RLock`` have in common."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...


@record(frozen=True, slots=True)
class CommandRoute:
    """Holds a connected library object, its lock, and the limiter of its requests."""

    name: str  # for people and the log: "TEDAPI v1r", "Cloud link" ...
    powerwall: Powerwall
    lock: Lock
    limiter: RequestLimiter
    local: bool

    @property
    def signed(self) -> bool:
        """Return whether this is a confirmed v1r connection, whose requests are signed."""
        return self.local and self.powerwall.tedapi_mode == "v1r"

    def session(self, limit_seconds: float) -> AbstractContextManager[RequestLimiter]:
        """Open a session for the requests of one command, none of which is sent twice."""
        return self.limiter.session(limit_seconds, resend=False)


class Commandable(Protocol):
    """Describes what commands need of a gateway's connection (``connection.GatewayConnection``)."""

    @property
    def ways(self) -> Ways: ...
    @property
    def meant(self) -> ConnectionMode: ...
    def own_route(self) -> CommandRoute | None: ...
    def link_route(self) -> CommandRoute | None: ...
    def read_again(self) -> None: ...
    def ask_now(self, path: str) -> Json: ...


def choose(connection: Commandable, action: str) -> CommandRoute:
    """Return the route for ``action``. Raises CommandNotSent when no connection can do it."""
    ways = connection.ways
    verdict = route(NEEDS_OF[action], ways, connection.meant)
    if verdict.limit is not None:
        raise CommandNotSent(refusal(action, verdict.limit, ways.reach or connection.meant.reach))
    found = connection.link_route() if verdict.way == LINK else connection.own_route()
    if verdict.way is None or found is None:
        raise CommandNotSent("the gateway is not connected")
    return found


def hold(lock: Lock, seconds: float) -> bool:
    """Take the lock within this time, and return whether that worked."""
    return lock.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX))
