"""Give the history's questions to Tesla's servers over a gateway's connection, and word their failures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from zoneinfo import ZoneInfo

from pwserver.causes import RATE_LIMIT
from pwserver.config import Config
from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.cloud_history import CloudHistory
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure
from pwserver.history.gap_questions import Kind, NotAnswered


class ConnectedSource:
    """Asks over a connection that others may use as well."""

    def __init__(self, connection: GatewayConnection) -> None:
        self._connection = connection
        self._history = CloudHistory(connection)

    @property
    def ready(self) -> bool:
        """Say whether there is a connection to Tesla's servers that works."""
        return self._history.ready

    def ask(self, kind: Kind, start: float, end: float, where: ZoneInfo) -> object:
        """Return the answer about one local day. Raises NotAnswered."""
        try:
            return self._history.ask(kind, start, end, where)
        except GatewayFailure as failure:
            raise _not_answered(failure) from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def remote_sources(connections: Mapping[str, GatewayConnection]) -> dict[str, ConnectedSource]:
    """Return the connections over which gateways are polled that are configured to be polled over Tesla's servers."""
    return {name: ConnectedSource(one) for name, one in connections.items() if one.definition.mode.remote}


def sources_of(config: Config) -> dict[str, Callable[[], ConnectedSource]]:
    """Return how to reach Tesla's servers, by the id of each gateway that is polled over them."""
    remote = [definition for definition in config.gateways if definition.mode.remote]
    return {one.id: partial(open_source, one, config.gateway_options(one)) for one in remote}


def open_source(definition: GatewayDefinition, options: GatewayOptions) -> ConnectedSource:
    """Connect to Tesla's servers for one command. Raises NotAnswered."""
    connection = GatewayConnection(definition, options)
    try:
        connection.poll()
    except GatewayFailure as failure:
        connection.close()
        raise _not_answered(failure) from None
    return ConnectedSource(connection)


def _not_answered(failure: GatewayFailure) -> NotAnswered:
    return NotAnswered(failure.message, failure.retry_after_seconds or 0.0, failure.cause == RATE_LIMIT)
