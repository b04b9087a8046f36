"""Make readings of four powers and the charge from the JSON of another energy monitor, a proxy or a script.

    {"site": -2100.5, "battery": 0, "load": 1900, "solar": 4000.5, "percentage": 81.2}

Powers are in watts, with the signs of a gateway: positive is import, discharge, consumption, production. ``percentage``
is the charge as a gateway counts it. A member that is missing or not a number is unknown, and so is all that the JSON
does not cover. A meter may also be an object with ``instant_power``, as in ``/api/meters/aggregates`` of a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pwserver.causes import CAUSE_BY_ID, GARBAGE
from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.collect import Asker, sound_meters
from pwserver.gateways.failure import GatewayFailure
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.json_types import Json, JsonObject
from pwserver.modes import Reach
from pwserver.reading import Reading
from pwserver.state.charge import soe_percent
from pwserver.state.meter_powers import MAIN_METERS
from pwserver.strict_json import NotAnObject, read_object

if TYPE_CHECKING:
    from requests import Session

_QUERY = "powers"


class PowersSource:
    """Asks one address. It stands where other modes have the library's object."""

    mode, tedapi_mode, client = "local", "off", None  # members of ``pypowerwall.Powerwall`` that the connection reads

    def __init__(self, url: str, name: str, session: Session, timeout_seconds: float) -> None:
        self.name = name  # host and port; the rest of the URL may hold a key
        self.http = session
        self._url = url
        self._timeout_seconds = timeout_seconds

    def ask(self) -> bytes | None:
        """Return the body of an answer with status 200, None for any other. May raise any exception of requests."""
        response = self.http.get(self._url, timeout=self._timeout_seconds)
        return response.content if response.status_code == 200 else None


class PowersCollector:
    """Makes readings from one answer each."""

    reach = Reach.POWERS

    def __init__(self, source: PowersSource, asker: Asker) -> None:
        self.source = source
        self.asker = asker

    def collect(self) -> Reading:
        """Make one reading with one request. Raises GatewayFailure."""
        asker = self.asker
        asker.begin()
        try:
            body = asker.require(self.source.ask, lambda answer: answer is not None)
        except GatewayFailure as failure:  # its message may contain the path of the URL, which may hold a key
            status = next((item.status for item in asker.limiter.exchanges if item.status not in (None, 200)), None)
            words = CAUSE_BY_ID[failure.cause].sentence + (f" (HTTP {status})" if status is not None else "")
            raise GatewayFailure(failure.cause, words, failure.retry_after_seconds) from None
        arrived = asker.arrived(_QUERY)
        found = _object(body)
        meters = sound_meters({name: {"instant_power": _watts(found.get(name))} for name in MAIN_METERS})
        percent = soe_percent(found.get("percentage"))
        asker.record("meters", True)
        asker.record("level", percent is not None)
        asker.answered(f"the JSON of {self.source.name}", _QUERY, "meters", "level")
        return Reading.partial(
            gateway_id=asker.gateway_id,
            timestamp=arrived,
            aggregates=meters,
            soe_raw=percent,
            reach=self.reach,
            answers=asker.answers,
        )


def _object(body: bytes) -> JsonObject:
    try:
        return read_object(body)
    except NotAnObject as problem:
        words = f"the answer is not one plain JSON object {problem}".rstrip()
        raise GatewayFailure(GARBAGE, f"{words}; {', '.join(MAIN_METERS)} and percentage are expected") from None


def _watts(told: object) -> Json:
    return told.get("instant_power") if isinstance(told, Mapping) else told


def open_connection(
    definition: GatewayDefinition, options: GatewayOptions, limiter: RequestLimiter, *, failover: bool | None = None
) -> PowersSource:
    """Prepare the connection. Nothing is sent, as there is no login."""
    from pwserver.gateways.http_sessions import LocalSession  # late, as it loads the HTTP library

    return PowersSource(definition.powers_url or "", definition.address, LocalSession(), options.timeout_seconds)


def collector_for(source: PowersSource, asker: Asker) -> PowersCollector:
    """Return the collector that reads over this connection."""
    return PowersCollector(source, asker)


def close_connection(source: PowersSource) -> None:
    """Close the sockets of this connection."""
    source.http.close()
