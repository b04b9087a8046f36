"""Which connection a command goes over: the gateway's own, or the cloud link beside it."""

from __future__ import annotations

import os
import threading
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from pwserver.gateways.wire import Wire

if TYPE_CHECKING:
    from pwserver.gateways.connection import GatewayConnection

# Only a signed connection in the house does these: never the cloud.
LOCAL_ONLY: Final = frozenset({"max_backup", "backup_events", "islanding", "dispatch", "resume"})
CLOUD_ONLY: Final = frozenset({"tariff"})


class NotSent(Exception):
    """Nothing reached the gateway. The text says why, without a secret."""


class Lock(Protocol):
    """What both kinds of locks offer."""

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool: ...
    def release(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Route:
    """A connected library object, what must be held while it works, and the wire it talks over."""

    name: str  # for people and the log: "TEDAPI v1r", "Cloud link" ...
    powerwall: Any
    lock: Lock
    wire: Wire
    local: bool

    @property
    def signed(self) -> bool:
        """A confirmed v1r connection."""
        return self.local and self.powerwall.tedapi_mode == "v1r"

    def session(self, limit_seconds: float) -> AbstractContextManager[Wire]:
        """One command's requests: none of them is repeated."""
        return self.wire.session(limit_seconds, resend=False)


def choose(connection: GatewayConnection, action: str, alone: bool) -> Route:
    """The route for ``action``. ``alone``: this is the only gateway, so a cloud link can belong to no other.

    Raises NotSent when no connection can do it.
    """
    link = _link(connection, alone)
    if action in LOCAL_ONLY:
        own = _own(connection)
        if not own.signed:
            raise NotSent(f"{action} requires v1r LAN transport")
        return own
    if action in CLOUD_ONLY:
        if link is not None:
            return link
        if not connection.definition.mode.remote:
            raise NotSent("Tesla cloud connection not available (requires hybrid, cloud or FleetAPI mode)")
        return _own(connection)
    if connection.options.local_first and confirmed_v1r(connection):
        return _own(connection)
    if link is not None:
        return link
    own = _own(connection)
    if own.local and own.powerwall.tedapi_mode == "full":
        raise NotSent("TEDAPI over WiFi cannot write")
    return own


def confirmed_v1r(connection: GatewayConnection) -> bool:
    """A key is configured, the live connection is signed, its last poll succeeded, and it is on its wired address."""
    powerwall = connection.powerwall
    return bool(
        connection.definition.rsa_key_path
        and powerwall is not None
        and powerwall.tedapi_mode == "v1r"
        and connection.online
        and not getattr(getattr(powerwall.client, "tedapi", None), "lan_failed", False)
    )


def can_write(connection: GatewayConnection, alone: bool) -> bool:
    """Is there a connection that can change reserve, mode and grid settings right now?"""
    try:
        choose(connection, "reserve", alone)
    except NotSent:
        return False
    return True


def _own(connection: GatewayConnection) -> Route:
    powerwall = connection.powerwall
    if powerwall is None or not connection.online:
        raise NotSent("the gateway is not connected")
    if connection.reach is not None and connection.reach.read_only:
        raise NotSent(f"{connection.reach.label} cannot write")
    local = powerwall.mode == "local"
    name = {"cloud": "Cloud", "fleetapi": "FleetAPI"}.get(powerwall.mode, "Local")
    if local and powerwall.tedapi_mode == "v1r":
        name = "TEDAPI v1r"
    return Route(name, powerwall, connection.lock, connection.wire, local)


def _link(connection: GatewayConnection, alone: bool) -> Route | None:
    link = connection.link
    if link is None or link.powerwall is None or not (alone or _certain(connection)):
        return None
    return Route("Cloud link", link.powerwall, link.lock, link.wire, local=False)


def _certain(connection: GatewayConnection) -> bool:
    """Does the link surely lead to this gateway's site? With several gateways a guess could write to the wrong one."""
    link, definition, options = connection.link, connection.definition, connection.options
    assert link is not None
    if definition.siteid or options.site_id or link.powerwall.mode == "fleetapi":
        return True
    folder = os.path.expanduser(definition.authpath or options.authpath or "")
    if os.path.exists(os.path.join(folder, ".pypowerwall.site")):
        return True
    return link.sites == 1


def hold(lock: Lock, seconds: float) -> bool:
    """Take the lock within this time, or not at all."""
    return lock.acquire(timeout=min(max(0.0, seconds), threading.TIMEOUT_MAX))
