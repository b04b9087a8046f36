"""Share among the collectors of all connection modes: asking, remembering slow answers, checking values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, Final, Protocol

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.connection_health import Capabilities
from pwserver.gateways.device_memory import DeviceMemory
from pwserver.gateways.failure import GARBAGE, NO_DATA, GatewayFailure, failure_from
from pwserver.gateways.payload_repair import without_nans
from pwserver.gateways.query_schedule import QuerySchedule
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.json_types import Json, JsonArray, JsonMapping, JsonObject
from pwserver.modes import Reach
from pwserver.reading import Answered, Reading
from pwserver.records import record
from pwserver.state.fact import finite
from pwserver.state.meter_powers import powers_known

MEDIUM_SECONDS: Final = 15.0  # for values that matter less than powers, and whose answers cost the gateway more
CLOUD_SLOW_SECONDS: Final = 60.0  # for the settings of a site, as Tesla limits and bills requests
SLOW_SECONDS: Final = 45.0  # queries with at least this interval are the first to be left out when the budget is short


class Collector(Protocol):
    """Makes readings over one kind of connection."""

    @property
    def reach(self) -> Reach:
        """Return the kind of connection that readings come over; it may change once the gateway has answered."""
        ...

    def collect(self) -> Reading:
        """Ask the gateway now. Raises GatewayFailure; any other exception is a bug in pwserver or the library."""
        ...


class Opener(Protocol):
    """Describes the module of a connection mode, which ``modes.ConnectionMode.module`` names."""

    def open_connection(
        self,
        definition: GatewayDefinition,
        options: GatewayOptions,
        limiter: RequestLimiter,
        *,
        failover: bool | None = None,
    ) -> Any:
        """Connect, inside a session of ``limiter``. Raises GatewayFailure, and nothing else."""
        ...

    def collector_for(self, opened: object, asker: Asker) -> Collector:
        """Return the collector that reads over this connection."""
        ...

    def close_connection(self, opened: object) -> None:
        """Close the sockets of this connection."""
        ...


@record(slots=True)
class Memory:
    """Holds what outlives a connection object: capabilities, devices, slow answers."""

    guard: DeviceMemory
    capabilities: Capabilities = field(default_factory=Capabilities)
    schedule: QuerySchedule = field(default_factory=QuerySchedule)
    slow: JsonObject = field(default_factory=dict)  # query name -> last good answer
    slow_ticks: dict[str, float] = field(default_factory=dict)  # query name -> when that answer came, monotonic
    arrivals: dict[str, float] = field(default_factory=dict)  # query name -> when it was last answered, epoch seconds
    version_misses: int = 0  # polls in a row without a firmware version: the sign that TEDAPI is lost (fallback.py)
    news: list[tuple[str, str]] = field(default_factory=list)  # (family, "gone" or "back"), to be logged and cleared


class Asker:
    """Asks the questions of one poll, and records by family of data what was answered. Optional ones never fail it."""

    def __init__(self, gateway_id: str, limiter: RequestLimiter, options: GatewayOptions, memory: Memory) -> None:
        self.gateway_id = gateway_id
        self.limiter = limiter
        self.options = options
        self.memory = memory
        self.now = time.time()
        self.tick = time.monotonic()
        self.asked = False  # whether the last ``optional`` really sent a request
        self.answers: dict[str, Answered] = {}  # those of this poll, for ``Reading.answers``

    def begin(self) -> None:
        """Start a poll: fix the time that counts for all its questions, on both clocks."""
        self.now = time.time()
        self.tick = time.monotonic()
        self.answers = {}

    def arrived(self, query: str) -> float:
        """Note that a query has just been answered, and return the time in epoch seconds."""
        moment = self.memory.arrivals[query] = time.time()
        return moment

    def answered(self, words: str, query: str, *families: str) -> None:
        """Note that this poll's values of ``families`` come from the last answer to ``query``, if there was one.

        ``words`` describe the request to people.
        """
        at = self.memory.arrivals.get(query)
        if at is not None:
            self.answers.update(dict.fromkeys(families, Answered(words, at)))

    def record(self, family: str, arrived: bool) -> None:
        """Note whether a family of data came in this poll."""
        change = self.memory.capabilities.record(family, arrived, self.now)
        # There are fewer families than 64, and the list is cleared after each success.
        if change is not None and len(self.memory.news) < 64:
            self.memory.news.append((family, change))

    def record_asked(self, family: str, arrived: bool) -> None:
        """Call ``record`` unless the last ``optional`` sent no request, which says nothing about the gateway."""
        if self.asked or arrived:
            self.record(family, arrived)

    def derive(self, function: Callable[..., Any], *arguments: object) -> Json:
        """Compute a value from answers that ``payload_repair`` has seen; None when the library cannot.

        NaNs are removed only when some answer had holes.
        """
        # Walking through the vitals of many units costs more than computing them, and intact answers hold no NaN.
        if self.limiter.holed:
            return compute(function, *arguments)
        try:
            return function(*arguments)
        except Exception:
            return None

    def tidy(self, value: object) -> Json:
        """Return the value without NaNs, which it can only have when some answer of this session had holes."""
        return without_nans(value) if self.limiter.holed else value

    def require(self, fetch: Callable[[], Any], what: Callable[[object], bool]) -> Json:
        """Ask for something without which there is no reading. Raises GatewayFailure with the true cause.

        The library turns most failures into None; what really happened is known from the exchanges.
        """
        before = len(self.limiter.exchanges)
        try:
            answer = fetch()
        except GatewayFailure:
            raise
        except Exception:
            answer = None
        if answer is None or not what(answer):
            raise self.failure(before)
        return answer

    def failure(self, before: int = 0) -> GatewayFailure:
        """Return the failure that explains the missing answer, judged by the exchanges since ``before``."""
        failure = failure_from(list(self.limiter.exchanges)[before:], GARBAGE)
        # Our own budget refused the request, not the gateway: the pause ends when the budget has room again.
        if failure.cause == "rate-limit" and failure.retry_after_seconds is None and not self.limiter.rate_limited():
            failure.retry_after_seconds = self.limiter.seconds_until_room()
        return failure

    def optional(
        self,
        name: str,
        fetch: Callable[[], Any],
        good: Callable[[object], bool],
        interval_seconds: float = 0.0,
        calls: int = 1,
        keep: bool = False,
        keep_seconds: float = math.inf,
    ) -> Json:
        """Ask for something that a reading can do without; None when it is not due, did not come or was not ``good``.

        With ``keep``, the last good answer stands in for at most ``keep_seconds``: only for what changes slowly.
        """
        old = self.tick - self.memory.slow_ticks.get(name, self.tick)
        last = self.memory.slow.get(name) if keep and old <= keep_seconds else None
        schedule = self.memory.schedule
        slow = interval_seconds >= SLOW_SECONDS
        self.asked = schedule.due(name, self.tick, interval_seconds) and self.limiter.room(calls, slow=slow)
        if not self.asked:
            return last
        before = len(self.limiter.exchanges)
        with self.limiter.optional(slow):
            try:
                answer = fetch()
            except Exception:
                answer = None
        if answer is not None and good(answer):
            schedule.succeeded(name, self.tick)
            self.arrived(name)
            if keep:
                self.memory.slow[name] = answer
                self.memory.slow_ticks[name] = self.tick
            return answer
        failed = [item for item in list(self.limiter.exchanges)[before:] if item.cause is not None]
        worst = failed[-1] if failed else None
        schedule.failed(name, self.tick, worst.cause if worst else GARBAGE, worst.status if worst else None)
        return last


def compute(function: Callable[..., Any], *arguments: object) -> Json:
    """Return a value that the library computes from fetched answers; None when it raises any exception."""
    try:
        return without_nans(function(*arguments))
    except Exception:
        return None


def as_dict(value: object) -> JsonObject | None:
    """Return the value if it is an object without ``ERROR``, the member by which the library marks failures."""
    return value if isinstance(value, dict) and "ERROR" not in value else None


def as_list(value: object) -> JsonArray | None:
    """Return the value if it is a list, else None (the library gives the text "TIMEOUT!" for some lists)."""
    return value if isinstance(value, list) else None


def as_text(value: object) -> str | None:
    """Return the value if it is text, also an empty one, else None."""
    return value if isinstance(value, str) else None


def as_number(value: object) -> float | None:
    """Return the value if it is a finite number, else None."""
    found: float | None = finite(value)
    return found


def sound_meters(value: object) -> JsonObject:
    """Return the four meters of one answer; powers that are not numbers become None.

    Raises GatewayFailure: GARBAGE when the value is no set of meters, NO_DATA when it has no power at all.
    """
    meters = as_dict(without_nans(value))
    if meters is None or not any(isinstance(meters.get(name), dict) for name in ("site", "load", "solar", "battery")):
        raise GatewayFailure(GARBAGE)
    meters = {name: dict(meter) if isinstance(meter, dict) else meter for name, meter in meters.items()}
    for meter in meters.values():
        if isinstance(meter, dict) and finite(meter.get("instant_power")) is None:
            meter["instant_power"] = None
    if powers_known(meters) == 0:
        raise GatewayFailure(NO_DATA)
    return meters


def temperatures(vitals: JsonMapping | None) -> JsonObject | None:
    """Return degrees Celsius by device: of thermal controllers, and of Powerwall 3 packs.

    The packs are left out while none of them reports a temperature, as their members then are only placeholders.
    """
    if vitals is None:
        return None
    devices = {name: item for name, item in vitals.items() if isinstance(item, Mapping)}
    packs = {name for name, item in devices.items() if name.startswith("TEPOD") and "HVP_PackTempMax" in item}
    measured = any(finite(devices[name]["HVP_PackTempMax"]) is not None for name in packs)
    found: JsonObject = {}
    for name, item in devices.items():
        if name.startswith("TETHC"):
            found[name] = finite(item.get("THC_AmbientTemp"))
        elif measured and name in packs:
            found[name] = finite(item["HVP_PackTempMax"])
    return found


def alert_names(found: object) -> list[str] | None:
    """Return the names of the library's alerts, sorted; None when ``found`` is not a list of alerts."""
    # Sorted and without duplicates, so that the same alerts always give the same document and ETag.
    return sorted({item for item in found if isinstance(item, str)}) if isinstance(found, list) else None
