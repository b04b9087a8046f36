"""Provide what the collectors of all connection modes share: asking, remembering slow answers, checking values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways.connection_health import Capabilities
from pwserver.gateways.device_memory import DeviceMemory
from pwserver.gateways.failure import GARBAGE, NO_DATA, GatewayFailure, failure_from
from pwserver.gateways.payload_repair import without_nans
from pwserver.gateways.query_schedule import QuerySchedule
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.modes import Reach
from pwserver.reading import Answered, Reading
from pwserver.state.fact import finite
from pwserver.state.meter_powers import powers_known

MEDIUM_SECONDS: Final = 15.0
CLOUD_SLOW_SECONDS: Final = 60.0
SLOW_SECONDS: Final = 45.0  # queries with at least this interval wait for the others when the budget is short


class Collector(Protocol):
    """Make readings over one kind of connection."""

    @property
    def reach(self) -> Reach:
        """Return the kind of connection that readings come over; only asking can tell some of them."""
        ...

    def collect(self) -> Reading:
        """Ask the gateway now. Raises GatewayFailure; anything else is a fault of ours."""
        ...


class Opener(Protocol):
    """Describe the module of a connection mode, which ``modes.ConnectionMode.module`` names."""

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

    def collector_for(self, opened: Any, asker: Asker) -> Collector:
        """Return what reads over this connection."""
        ...

    def close_connection(self, opened: Any) -> None:
        """Close the sockets."""
        ...


@dataclass(slots=True)
class Memory:
    """Keep what outlives a connection object: capabilities, devices, slow answers."""

    guard: DeviceMemory
    capabilities: Capabilities = field(default_factory=Capabilities)
    schedule: QuerySchedule = field(default_factory=QuerySchedule)
    slow: dict[str, Any] = field(default_factory=dict)  # query name -> last good answer
    slow_ticks: dict[str, float] = field(default_factory=dict)  # and when it came, monotonic
    arrivals: dict[str, float] = field(default_factory=dict)  # query name -> when it last answered, epoch seconds
    version_misses: int = 0
    news: list[tuple[str, str]] = field(default_factory=list)  # (family, "gone" or "back"), to be logged and cleared


class Asker:
    """Ask the questions of one poll. Optional ones never fail it; what they answered is recorded by family."""

    def __init__(self, gateway_id: str, limiter: RequestLimiter, options: GatewayOptions, memory: Memory) -> None:
        self.gateway_id = gateway_id
        self.limiter = limiter
        self.options = options
        self.memory = memory
        self.now = time.time()
        self.tick = time.monotonic()
        self.asked = False  # did the last ``optional`` really ask?
        self.answers: dict[str, Answered] = {}  # of this poll, as ``Reading.answers`` has them

    def begin(self) -> None:
        """Start a poll: fix its two clocks."""
        self.now = time.time()
        self.tick = time.monotonic()
        self.answers = {}

    def arrived(self, query: str) -> float:
        """Note that a query has just been answered; returns the moment."""
        moment = self.memory.arrivals[query] = time.time()
        return moment

    def answered(self, words: str, query: str, *families: str) -> None:
        """Note that what this poll tells of ``families`` was read from the last answer to ``query``, if there was one.

        ``words``: the request, for people.
        """
        at = self.memory.arrivals.get(query)
        if at is not None:
            self.answers.update(dict.fromkeys(families, Answered(words, at)))

    def record(self, family: str, arrived: bool) -> None:
        """Note whether a family of data came in this poll."""
        change = self.memory.capabilities.record(family, arrived, self.now)
        if change is not None and len(self.memory.news) < 64:
            self.memory.news.append((family, change))

    def record_asked(self, family: str, arrived: bool) -> None:
        """Call ``record``, unless the last ``optional`` was left out: that says nothing about the gateway."""
        if self.asked or arrived:
            self.record(family, arrived)

    def derive(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Compute from answers that our decoder has seen: cleaned of NaNs only when some of them had holes."""
        if self.limiter.holed:
            return compute(function, *arguments)
        try:
            return function(*arguments)
        except Exception:
            return None

    def tidy(self, value: Any) -> Any:
        """Clean a value of NaNs when some answer of this session had holes."""
        return without_nans(value) if self.limiter.holed else value

    def require(self, fetch: Callable[[], Any], what: Callable[[Any], bool]) -> Any:
        """Ask for something without which there is no reading. Raises GatewayFailure with the true cause."""
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
        """Tell why nothing usable came, judged by the exchanges since ``before``."""
        failure = failure_from(list(self.limiter.exchanges)[before:], GARBAGE)
        if failure.cause == "rate-limit" and failure.retry_after_seconds is None and not self.limiter.rate_limited():
            failure.retry_after_seconds = self.limiter.seconds_until_room()
        return failure

    def optional(
        self,
        name: str,
        fetch: Callable[[], Any],
        good: Callable[[Any], bool],
        interval_seconds: float = 0.0,
        calls: int = 1,
        keep: bool = False,
        keep_seconds: float = math.inf,
    ) -> Any:
        """Ask for something a reading can do without: None when it is not due, did not come or was not ``good``.

        With ``keep`` the last good answer stands in for up to ``keep_seconds`` (slow-changing things only).
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


def compute(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return a value the library computes from fetched answers; None when it cannot, whatever it raises."""
    try:
        return without_nans(function(*arguments))
    except Exception:
        return None


def as_dict(value: Any) -> dict[str, Any] | None:
    """Return the value if it is an object without the library's error mark, else None."""
    return value if isinstance(value, dict) and "ERROR" not in value else None


def as_list(value: Any) -> list[Any] | None:
    """Return the value if it is a list, else None (the library has a text "TIMEOUT!" for some lists)."""
    return value if isinstance(value, list) else None


def as_text(value: Any) -> str | None:
    """Return the value if it is text, else None. An empty text is an answer."""
    return value if isinstance(value, str) else None


def as_number(value: Any) -> float | None:
    """Return the value if it is a finite number, else None."""
    found: float | None = finite(value)
    return found


def sound_meters(value: Any) -> dict[str, Any]:
    """Return the four meters of one answer; powers that are no numbers become None.

    Raises GatewayFailure: GARBAGE when it is no set of meters, NO_DATA when not one power is known.
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


def temperatures(vitals: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return degrees Celsius by device: thermal controllers, and Powerwall 3 packs once one has a reading."""
    if vitals is None:
        return None
    devices = {name: item for name, item in vitals.items() if isinstance(item, Mapping)}
    packs = {name for name, item in devices.items() if name.startswith("TEPOD") and "HVP_PackTempMax" in item}
    measured = any(devices[name]["HVP_PackTempMax"] is not None for name in packs)
    found: dict[str, Any] = {}
    for name, item in devices.items():
        if name.startswith("TETHC"):
            found[name] = item.get("THC_AmbientTemp")
        elif measured and name in packs:
            found[name] = item["HVP_PackTempMax"]
    return found


def alert_names(found: Any) -> list[str] | None:
    """Return the library's alerts, sorted; None when they could not be had."""
    return sorted({item for item in found if isinstance(item, str)}) if isinstance(found, list) else None
