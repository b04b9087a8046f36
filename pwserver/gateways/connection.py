"""Keep the connection to one gateway: connect, poll, classify failures, wait, recover."""

from __future__ import annotations

import importlib
import math
import random
import socket
import threading
import time
from dataclasses import replace
from typing import Final

from pwserver.causes import GARBAGE, LOGIN_MISSING, RATE_LIMIT, UNREACHABLE, Patience
from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.config.host_names import split_host
from pwserver.gateways import library, login_store
from pwserver.gateways.cloud_link import LINKED, CloudLink, SoleLink
from pwserver.gateways.collect import Asker, Collector, Memory, Opener
from pwserver.gateways.collect_local import LocalCollector
from pwserver.gateways.command_routes import CommandRoute
from pwserver.gateways.connection_health import GatewayHealth, Policy
from pwserver.gateways.connection_log import ConnectionLog
from pwserver.gateways.device_memory import DeviceMemory
from pwserver.gateways.failure import GatewayFailure
from pwserver.gateways.fallback import FallbackWatch
from pwserver.gateways.library_internals import has_left_wired_lan
from pwserver.gateways.library_types import Powerwall
from pwserver.gateways.redaction import withheld
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.json_types import Json, JsonObject
from pwserver.modes import ConnectionMode, Reach
from pwserver.reading import Answered, GatewayIdentity, GatewayStatus, Reading, Ways
from pwserver.state.abilities import DOWN, READY, UNSURE

_BASIC_LAN_RETEST_SECONDS: Final = 300.0  # doubled after each test that changed nothing, up to:
_BASIC_LAN_RETEST_MAX_SECONDS: Final = 6 * 3600.0
_RECONNECT_AFTER_FAILURES: Final = 5  # a session that the gateway has forgotten may fail in ways that only this cures
_PROBE_TIMEOUT_SECONDS: Final = 2.0
_PROBE_INTERVAL_SECONDS: Final = 5.0
# The queries whose answers a command may change, so that they have to be read again soon.
_COMMANDED: Final = ("config", "operation", "backup events", "/api/operation", "tariff", "controller")


class GatewayConnection:
    """Polls one gateway for the poller.

    ``poll`` blocks for a bounded time and belongs to one thread. ``status``, ``next_attempt`` and ``identity`` may be
    read from any thread. Hold ``lock`` to use the library, whose objects are not safe for several threads.
    """

    def __init__(
        self, definition: GatewayDefinition, options: GatewayOptions, sole_link: SoleLink | None = None
    ) -> None:
        self.definition = definition
        self.options = options
        self.lock = threading.RLock()
        # Reserve one request per poll for the meters, and two for a login and a command.
        per_minute = math.ceil(60.0 / max(options.poll_interval_seconds, 0.1))
        self.limiter = RequestLimiter(options.calls_per_minute, reserved_per_minute=per_minute + 2)
        self._forget()
        self._opener: Opener = importlib.import_module(f"pwserver.gateways.{definition.mode.module}")
        policy = Policy(
            poll_interval_seconds=options.poll_interval_seconds,
            backoff_max_seconds=options.longest_pause_seconds,
            auth_cooldown_seconds=options.auth_cooldown_seconds,
            cache_ttl_seconds=options.cache_ttl_seconds,
            graceful_degradation=options.graceful_degradation,
        )
        self.health = GatewayHealth(policy, time.time(), time.monotonic(), random.random)
        self.watch = FallbackWatch(options.tedapi_recovery)
        linked = options.hybrid_cloud_link and not definition.mode.remote
        self.link = CloudLink(definition, options, sole_link or SoleLink()) if linked else None
        self._log = ConnectionLog(definition.id, options.network_error_rate_limit, options.suppress_network_errors)
        self._powerwall: Powerwall = None
        self._din: str | None = None
        self._collector: Collector | None = None
        self._reading: Reading | None = None
        self._basic_lan_wait = _BASIC_LAN_RETEST_SECONDS
        self._basic_lan_due = 0.0
        self._next_probe = 0.0
        self._login_file: tuple[str, object] | None = None  # path and signature of the login that was refused
        self._last_miss = -math.inf
        self._closed = False

    # ── what the poller reads ────────────────────────────────────────────────────────────────────────────────────

    @property
    def identity(self) -> GatewayIdentity:
        """Return the gateway's public facts, including what only a connection shows (Basic LAN)."""
        collector = self._collector
        return replace(
            self.definition.identity(), basic_lan=collector is not None and collector.reach is Reach.BASIC_LAN
        )

    @property
    def next_attempt(self) -> float:
        """Return the monotonic seconds before which ``poll`` need not be called."""
        due = self.health.next_attempt
        if self._login_file is not None:
            return min(due, self._next_probe)
        return min(due, max(self._next_probe, self.health.hold_until)) if self._may_probe(due) else due

    @property
    def hold(self) -> tuple[float, str | None]:
        """Return the monotonic seconds before which nothing may be sent, and the cause of the last failure."""
        return self.health.hold_until, self.health.cause

    def resume(self, until: float, cause: str) -> None:
        """Send nothing before ``until`` (monotonic seconds): an earlier process was told to wait, for ``cause``."""
        self.health.resume(time.time(), time.monotonic(), until, cause)
        self.limiter.hold_until = max(self.limiter.hold_until, until)

    def status(self, now: float | None = None) -> GatewayStatus:
        """Return what is known about the connection. ``now``: epoch seconds; None: the present."""
        moment, tick = (time.time() if now is None else now), time.monotonic()
        reading, powerwall = self._reading, self._powerwall
        return self.health.status(
            moment,
            tick,
            calls_per_minute=self.limiter.calls_in_last_minute(),
            calls_total=self.limiter.calls_total,
            connection_mode=reading.connection_mode if reading is not None else None,
            tedapi_mode=reading.tedapi_mode if reading is not None else None,
            mode=_mode_word(powerwall, self.definition),
            fallback=self.watch.as_json(moment) if self.definition.tedapi_expected else None,
            cloud_control=self.link.status() if self.link is not None else None,
            capabilities=self.memory.capabilities.snapshot(),
            ways=self.ways,
        )

    # ── what commands need (``command_routes.Commandable``); hold ``lock`` for all but ``online`` and ``ways`` ────────

    @property
    def online(self) -> bool:
        """Return whether the last poll succeeded."""
        return self.health.online

    @property
    def powerwall(self) -> Powerwall:
        """Return the library object, None while not connected."""
        return self._powerwall

    @property
    def reach(self) -> Reach | None:
        """Return the kind of the present connection, else that of the last reading; None before the first reading."""
        collector, reading = self._collector, self._reading
        if reading is None:
            return None
        return collector.reach if collector is not None else reading.reach

    @property
    def meant(self) -> ConnectionMode:
        """Return how the gateway is configured to be reached."""
        return self.definition.mode

    @property
    def ways(self) -> Ways:
        """Return the facts about the connections that commands can go over at this moment."""
        powerwall, reach, online = self._powerwall, self.reach, self.online
        detour = has_left_wired_lan(powerwall)
        return Ways(
            reach=reach,
            online=online and powerwall is not None,
            wired_v1r=online and reach is Reach.V1R and bool(self.definition.rsa_key_path) and not detour,
            local_first=self.options.local_first,
            link=self._link_state(),
            link_cause=self.link.cause if self.link is not None else None,
        )

    def _link_state(self) -> str | None:
        if self.link is None or self.link.serves_another or self.link.cause == LOGIN_MISSING:
            return None
        if self.link.powerwall is None:
            return DOWN
        return READY if self.options.alone or self.link.certain() else UNSURE

    def own_route(self) -> CommandRoute | None:
        """Return the gateway's own connection, None while there is none."""
        powerwall, reach = self._powerwall, self.reach
        if powerwall is None or reach is None or not self.online:
            return None
        name = "Local" if reach in (Reach.LOCAL, Reach.HYBRID) else reach.label
        return CommandRoute(name, powerwall, self.lock, self.limiter, not reach.remote)

    def link_route(self) -> CommandRoute | None:
        """Return the hybrid cloud link, None while it is not connected."""
        link = self.link
        if link is None or link.powerwall is None:
            return None
        return CommandRoute("Cloud link", link.powerwall, link.lock, link.limiter, local=False)

    def read_again(self) -> None:
        """Let the next poll fetch what a command may have changed, even if it was read just now."""
        config = getattr(self._collector, "config", None)  # the name of this query in ``CloudCollector``
        self.memory.schedule.ask_again(*_COMMANDED, *([config] if isinstance(config, str) else ()))
        if self.link is not None:
            self.link.refresh_soon()

    def ask_now(self, path: str) -> Json:
        """Return a fresh answer of the local API, inside a session; None when none came or there is no local API."""
        return self._collector.ask_now(path) if isinstance(self._collector, LocalCollector) else None

    # ── what the poller does ─────────────────────────────────────────────────────────────────────────────────────

    def poll(self) -> Reading:
        """Make one reading, fresh from the gateway, in bounded time. Raises GatewayFailure and nothing else."""
        with self.lock:
            if self._closed:
                raise GatewayFailure(UNREACHABLE, "the connection is closed")
            self._wait_or_raise(time.monotonic())
            started = time.monotonic()
            try:
                reading = self._attempt()
            except GatewayFailure as failure:
                self._failed(failure)
                raise
            except Exception as fault:
                # A bug in pwserver or the library must not end the polling: it counts as an answer that was not
                # understood. Its place is logged, but not its message, which might hold a secret.
                place = _place(fault)
                self._log.fault(type(fault).__name__, place)
                broken = GatewayFailure(GARBAGE, f"the poll broke ({type(fault).__name__} at {place})")
                self._failed(broken)
                raise broken from None
            self._succeeded(reading, time.monotonic() - started)
            return reading

    def release(self) -> None:
        """Start afresh at the owner's request (``/health/reset``): forget the fallback and pwserver's own pauses."""
        self.watch.reset()
        self.memory.version_misses = 0
        self.health.release(time.monotonic())
        self.limiter.hold_until = self.health.hold_until

    def close(self) -> None:
        """Close the sockets and stop the hybrid link; a poll that is under way ends by itself."""
        self._closed = True
        if self.link is not None:
            self.link.close()
        # Do not wait for a poll under way, which may take its full time; its sockets end with the process.
        if self.lock.acquire(timeout=0.5):
            try:
                self._drop()
            finally:
                self.lock.release()

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _poll_limit_seconds(self) -> float:
        # Twice the time of one request: a required answer may take one, and optional ones share the rest.
        return 2.0 * max(1.0, self.options.timeout_seconds) + 2.0

    def _attempt(self) -> Reading:
        if self.watch.recovery_due(time.monotonic()):
            self._recover()
        if self._collector is None:
            with self.limiter.session(library.connect_limit_seconds(self.options)):
                self._adopt(self._opener.open_connection(self.definition, self.options, self.limiter))
        assert self._collector is not None
        with self.limiter.session(self._poll_limit_seconds()):
            reading = withheld(self._collector.collect())
        return self._with_link(reading)

    def _forget(self) -> None:
        """Forget everything about the gateway, as if it had never been seen."""
        self.memory = Memory(DeviceMemory(self.options.cache_ttl_seconds))
        self._asker = Asker(self.definition.id, self.limiter, self.options, self.memory)

    def _adopt(self, powerwall: Powerwall) -> None:
        din = getattr(getattr(powerwall, "tedapi", None), "din", None)
        if din is not None:
            # The gateway was replaced, or the address now leads to another: nothing remembered is true of this one.
            if self._din not in (None, din):
                self._log.note("another gateway answers at this address")
                self._forget()
            self._din = din
        collector = self._opener.collector_for(powerwall, self._asker)  # may raise, so before the old one is dropped
        self._drop()
        self._powerwall, self._collector = powerwall, collector

    def _watch_basic_lan(self, tick: float) -> None:
        """Test again, less and less often, whether this is a Basic LAN port: a restarting gateway may look like one."""
        collector = self._collector
        if not isinstance(collector, LocalCollector):
            return
        if not collector.basic_lan:
            if self._basic_lan_due:
                self._log.note("is a full local gateway after all")
            self._basic_lan_due, self._basic_lan_wait = 0.0, _BASIC_LAN_RETEST_SECONDS
        elif not self._basic_lan_due:
            self._log.note("is a Basic LAN port: meters, level and grid status only")
            self._basic_lan_due = tick + self._basic_lan_wait
        elif tick >= self._basic_lan_due:
            collector.test_again()
            self._basic_lan_wait = min(2 * self._basic_lan_wait, _BASIC_LAN_RETEST_MAX_SECONDS)
            self._basic_lan_due = tick + self._basic_lan_wait

    def _recover(self) -> None:
        """Try a fresh connection beside the present one, and adopt it only if it is of the configured kind.

        The fallback keeps delivering powers until then.
        """
        now, tick = time.time(), time.monotonic()
        try:
            with self.limiter.session(library.connect_limit_seconds(self.options)), self.limiter.optional():
                fresh = self._opener.open_connection(self.definition, self.options, self.limiter, failover=False)
                if fresh.version() is None:  # connected, but TEDAPI does not answer: no better than the fallback
                    self._opener.close_connection(fresh)
                    raise GatewayFailure(GARBAGE)
        except Exception:
            self.watch.attempted(now, tick)
            return
        self.memory.version_misses = 0
        self.memory.schedule.ask_again("firmware", "config", "components", "units", "controller")
        self._adopt(fresh)
        self.watch.reset()

    def _with_link(self, reading: Reading) -> Reading:
        if self.link is None:
            return reading
        tick = time.monotonic()
        self.link.tick(tick)
        missing = {name: self.link.fresh(name, tick) for name in LINKED if getattr(reading, name) is None}
        told = {name: known for name, known in missing.items() if known is not None}
        tariff = self.link.tariff(tick) if reading.tariff is None else None
        if not told and tariff is None:
            return reading
        members: JsonObject = {name: known.value for name, known in told.items()}
        answers = {name: Answered("site_info of Tesla's servers", known.time) for name, known in told.items()}
        if tariff is not None:
            members["tariff"] = tariff.value
        return replace(reading, **members, answers={**reading.answers, **answers})

    def _succeeded(self, reading: Reading, seconds: float) -> None:
        now, tick = time.time(), time.monotonic()
        self._reading = reading
        self._log.connected(reading.connection_mode or _mode_word(self._powerwall, self.definition))
        self._watch_basic_lan(tick)
        capabilities = self.memory.capabilities
        expected = ("vitals", "controller") if self.definition.tedapi_expected else ()
        degraded = any(capabilities.snapshot()[name].available is False for name in capabilities.missing())
        degraded = degraded or bool(capabilities.never(*expected))
        # The library may have failed over to Tesla's servers by itself, or lost TEDAPI on a hybrid connection.
        left = not self.definition.mode.remote and self._powerwall.mode != "local"
        lost = left or (self.definition.tedapi_expected and self._powerwall.tedapi_mode == "off")
        misses = self.memory.version_misses if self.definition.tedapi_expected else 0
        self.watch.observe(misses, lost, now, tick)
        detour = has_left_wired_lan(self._powerwall)
        self.health.succeeded(
            now,
            tick,
            poll_seconds=seconds,
            degraded=degraded,
            fallback=self.watch.active or detour,
            hold_seconds=self._hold_seconds(),
        )
        self.limiter.hold_until = max(self.limiter.hold_until, self.health.hold_until)
        for family, change in self.memory.news:
            self._log.capability(family, change, reading.version, tick)
        self.memory.news.clear()
        self._log.families(reading.version, tick)
        self._log.succeeded(self.health.state, tick)

    def _hold_seconds(self) -> float | None:
        """Return the seconds that the gateway asked for in answer to an optional query of this poll, else None."""
        asked = self.limiter.retry_after_seconds()
        if self.limiter.rate_limited():
            return asked if asked is not None else 60.0  # a 429 without a time: the budget counts by minutes, too
        return asked

    def _failed(self, failure: GatewayFailure) -> None:
        now, tick = time.time(), time.monotonic()
        self.health.failed(now, tick, failure)
        self.limiter.hold_until = max(self.limiter.hold_until, self.health.hold_until)
        self._next_probe = tick + _PROBE_INTERVAL_SECONDS
        # A failed poll also counts as a missed probe, but not more often than probes are sent.
        if tick - self._last_miss >= max(5.0, float(self.options.tedapi_probe_interval_seconds)):
            self._last_miss = tick
            self.memory.version_misses += 1
        if self.definition.tedapi_expected:
            self.watch.observe(self.memory.version_misses, False, now, tick)
        refused = failure.patience is Patience.LOGIN
        self._login_file = self._login_signature() if refused else None
        if refused and self._powerwall is not None:
            library.expire_session(self._powerwall)  # or the next connection would use the refused cookie again
        if refused or self.health.consecutive_failures % _RECONNECT_AFTER_FAILURES == 0:
            self._drop()
        said = f"{failure.message} [{failure.place}]" if failure.place else failure.message
        self._log.failed(self.health.state, said, self.health.next_attempt - tick, tick)

    def _wait_or_raise(self, tick: float) -> None:
        """Raise GatewayFailure while the gateway must not be asked.

        A time that the other side named is kept. A pause of pwserver's own ends early when the port accepts a TCP
        connection again.
        """
        if self._login_file is not None:
            self._next_probe = tick + _PROBE_INTERVAL_SECONDS
            if self._login_signature() != self._login_file:  # the owner has logged in again: try at once
                self._login_file = None
                self.release()
                tick = time.monotonic()
        if tick < self.health.hold_until:
            cause = self.health.cause or RATE_LIMIT
            raise GatewayFailure(cause, self.health.error, self.health.hold_until - tick)
        if not self._may_probe(self.health.next_attempt) or tick >= self.health.next_attempt:
            return
        self._next_probe = tick + _PROBE_INTERVAL_SECONDS
        if not self._reachable():
            raise GatewayFailure(UNREACHABLE, self.health.error)
        self.health.back_in_reach(tick)

    def _may_probe(self, due: float) -> bool:
        return bool(self.definition.address) and self.health.probe_due(time.monotonic()) and due > 0

    def _login_signature(self) -> tuple[str, object] | None:
        """Return a value that changes when a remote login's file is written or its permissions change, else None."""
        if not self.definition.mode.remote:
            return None
        path = library.login_path(self.definition, self.options)
        return path, login_store.signature(path)

    def _reachable(self) -> bool:
        """Return whether the port accepts a TCP connection. No request is sent, so this does not count as a call."""
        host, port = split_host(self.definition.address)
        try:
            with socket.create_connection((host.strip("[]"), int(port or 443)), _PROBE_TIMEOUT_SECONDS):
                return True
        except (OSError, ValueError):
            return False

    def _drop(self) -> None:
        if self._powerwall is not None:
            self._opener.close_connection(self._powerwall)
        self._powerwall = self._collector = None


def _mode_word(powerwall: Powerwall, definition: GatewayDefinition) -> str:
    """Return Local, Cloud or FleetAPI: the connection that was made, else the configured one."""
    if powerwall is not None:
        return {"cloud": "Cloud", "fleetapi": "FleetAPI"}.get(powerwall.mode, "Local")
    return definition.mode.label if definition.mode.remote else "Local"


def _place(fault: BaseException) -> str:
    """Return the file and line where an exception was raised, for a log that must not have its text."""
    trace = fault.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}"
