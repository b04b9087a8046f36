"""Ask Tesla's servers for their own history of a site: one kind of values, one local day."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pwserver.causes import GARBAGE, RATE_LIMIT, UNREACHABLE
from pwserver.gateways import library_internals
from pwserver.gateways.collect import compute
from pwserver.gateways.connection import GatewayConnection
from pwserver.gateways.failure import GatewayFailure, failure_from
from pwserver.gateways.library_types import Powerwall
from pwserver.json_types import JsonObject
from pwserver.modes import Reach

Kind = Literal["power", "soe"]
LIMIT_SECONDS: Final = 15.0
REMOTE: Final = (Reach.CLOUD, Reach.FLEETAPI)


def day_parameters(kind: Kind, start: float, end: float, where: ZoneInfo) -> dict[str, str]:
    """Return the parameters of a question about one local day from ``start`` to before ``end`` (epoch seconds).

    Tesla wants both ends with their offsets and the zone by its name, and answers an end at midnight with garbage.
    """
    first, last = (datetime.datetime.fromtimestamp(int(moment), where) for moment in (start, end - 1.0))
    return {
        "kind": kind,
        "period": "day",
        "start_date": first.isoformat(),
        "end_date": last.isoformat(),
        "time_zone": where.key,
    }


class CloudHistory:
    """Asks over the connection by which a gateway in cloud or FleetAPI mode is polled; polls wait for the answer."""

    def __init__(self, connection: GatewayConnection) -> None:
        self._connection = connection

    @property
    def ready(self) -> bool:
        """Say whether there is a connection to Tesla's servers that works."""
        connection = self._connection
        return connection.online and connection.reach in REMOTE

    def ask(self, kind: Kind, start: float, end: float, where: ZoneInfo) -> JsonObject | None:
        """Return Tesla's answer about one local day, None for one without data. Raises GatewayFailure."""
        connection = self._connection
        with connection.lock:
            powerwall = connection.powerwall
            if powerwall is None or connection.reach not in REMOTE:
                raise GatewayFailure(UNREACHABLE, "there is no connection to Tesla's servers")
            with connection.limiter.session(LIMIT_SECONDS), connection.limiter.optional():
                answer = _asked(powerwall, day_parameters(kind, start, end, where))
                exchanges = list(connection.limiter.exchanges)
        if any(item.cause is None and item.path.split("?")[0].endswith("/calendar_history") for item in exchanges):
            return answer
        failure = failure_from(exchanges, GARBAGE)
        if not exchanges:
            # The library sent nothing: it keeps a pause that Tesla asked for, or the budget of requests is used up.
            failure = GatewayFailure(RATE_LIMIT, "the request was not sent: too many requests at present")
        raise failure


def _asked(powerwall: Powerwall, parameters: dict[str, str]) -> JsonObject | None:
    body = compute(library_internals.calendar_history, powerwall, parameters)
    answer = body.get("response") if isinstance(body, Mapping) else None
    return answer if isinstance(answer, dict) else None
