"""Keep the hybrid cloud link: a cloud connection beside a local gateway, for commands and for settings it lacks.

The link works in short-lived threads of its own, so that a slow Tesla server never delays a poll.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from typing import Final

from pwserver.causes import CAUSE_BY_ID, GARBAGE, Patience
from pwserver.config.gateway_definition import GatewayDefinition, GatewayOptions
from pwserver.gateways import library
from pwserver.gateways.collect import as_dict, as_number, as_text, compute
from pwserver.gateways.failure import TOKEN_PATH, GatewayFailure, failure_from
from pwserver.gateways.library_types import Powerwall
from pwserver.gateways.request_limiter import RequestLimiter
from pwserver.json_types import Json, JsonObject
from pwserver.records import record

log = logging.getLogger("pwserver.gateways")

_LIMIT_SECONDS: Final = 15.0
_RETRY_SECONDS: Final = (60.0, 120.0, 240.0, 300.0)
_REFRESH_SECONDS: Final = 60.0  # the settings change by hand only, and Tesla bills and limits requests
NO_TARIFF: Final = "Tesla has no tariff for this site"
_UNAVAILABLE_AFTER: Final = 3  # failures in a row; fewer are called degraded
LINKED: Final = ("mode", "reserve", "grid_charging", "grid_export")


class SoleLink:
    """Lets only one of all gateways have a cloud link: the first whose link connects."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._link: CloudLink | None = None

    def claim(self, link: CloudLink) -> bool:
        """Make ``link`` the only link unless there is another; return whether it is the only one now."""
        with self._lock:
            if self._link is None:
                self._link = link
            return self._link is link

    def release(self, link: CloudLink) -> None:
        """Make room for another link if ``link`` is the only one."""
        with self._lock:
            if self._link is link:
                self._link = None

    def taken_from(self, link: CloudLink) -> bool:
        """Return whether another link than ``link`` is the only one."""
        return self._link is not None and self._link is not link


@record(slots=True)
class Known:
    """Holds a value that Tesla's servers reported, and when they did."""

    value: Json = None
    time: float = 0.0  # epoch seconds, 0 for never
    tick: float = 0.0  # monotonic


class CloudLink:
    """Connects in the background, refreshes a few values each minute, and reports the state of the connection."""

    def __init__(self, definition: GatewayDefinition, options: GatewayOptions, sole: SoleLink) -> None:
        self._sole = sole
        self.definition = definition
        self.options = options
        self.limiter = RequestLimiter(30)  # per minute, far above the one refresh and a few commands
        self.lock = threading.Lock()  # held while the library works; commands take it too
        self.powerwall: Powerwall = None
        self.sites = 0  # how many sites the account has; 0: not known
        self.failures = 0
        self.last_success: float | None = None  # epoch
        self.known = {name: Known() for name in LINKED}
        self._tariff = Known()
        self._tariff_due = 0.0
        self._no_tariff: str | None = None  # why the last question for the tariff brought none
        self._due = 0.0
        self._attempts = 0
        self._told: str | None = None  # the cause of the last failure that was logged
        self._job: threading.Thread | None = None
        self._closed = False

    def tick(self, tick: float) -> None:
        """Start the background job when it is due, without waiting for it. ``tick``: monotonic seconds."""
        if self._closed or tick < self._due or self.busy:
            return
        if self.serves_another:
            return
        self._due = tick + _REFRESH_SECONDS
        self._job = threading.Thread(target=self._work, name=f"cloud-{self.definition.id}", daemon=True)
        self._job.start()

    @property
    def busy(self) -> bool:
        """Return whether the background job runs; what it found or failed at is all told once it does not."""
        return self._job is not None and self._job.is_alive()

    def fresh(self, name: str, tick: float) -> Known | None:
        """Return a value if the link read it within the last two refreshes, else None. ``tick``: monotonic seconds."""
        known = self.known[name]
        if not known.time or tick - known.tick > 2 * _REFRESH_SECONDS or self.powerwall is None:
            return None
        return known

    def tariff(self, tick: float) -> Known | None:
        """Return the tariff of the site, which the link reads far less often than the rest. ``tick``: monotonic."""
        known = self._tariff
        slow = max(self.options.slow_interval_seconds, _REFRESH_SECONDS)
        if not known.time or tick - known.tick > 2 * slow + _REFRESH_SECONDS or self.powerwall is None:
            return None
        return known

    def status(self) -> JsonObject:
        """Return the object ``cloud_control`` of the API."""
        connected = self.powerwall is not None
        if not connected or self.failures >= _UNAVAILABLE_AFTER:
            state = "unavailable"
        else:
            state = "degraded" if self.failures else "healthy"
        told: JsonObject = {
            "configured": True,
            "connected": connected,
            "state": state,
            "healthy": state == "healthy",
            "consecutive_failures": self.failures,
            "last_success_time": self.last_success,
        }
        for name in LINKED:
            told[f"last_known_{name}"] = self.known[name].value
            told[f"last_known_{name}_time"] = self.known[name].time or None
        if self._no_tariff is not None:
            told["tariff_problem"] = self._no_tariff
        return told

    @property
    def cause(self) -> str | None:
        """Return the cause of the last failure, the id of a row of ``causes.py``; None when nothing has failed."""
        return self._told

    @property
    def serves_another(self) -> bool:
        """Return whether the only link belongs to another gateway."""
        return self._sole.taken_from(self)

    def certain(self) -> bool:
        """Return whether the link certainly leads to this gateway's site.

        The account may have several sites, and a guess could send a command to the wrong house.
        """
        powerwall = self.powerwall
        if powerwall is None:
            return False
        if self.definition.siteid or self.options.site_id or powerwall.mode == "fleetapi":
            return True
        # ``pypowerwall setup`` writes the owner's choice of a site into this file, and the library reads it.
        folder = os.path.expanduser(self.definition.authpath or self.options.authpath or "")
        return self.sites == 1 or os.path.exists(os.path.join(folder, ".pypowerwall.site"))

    def refresh_soon(self) -> None:
        """Read the values again at the next tick, as after a command."""
        if self.powerwall is not None:
            self._due = self._tariff_due = 0.0

    def close(self) -> None:
        """Start no further jobs, and close the connection unless a job still uses it."""
        self._closed = True
        self._sole.release(self)
        # Do not wait for a job: it may hang in a request for 15 s, and its daemon thread ends with the process.
        if self.lock.acquire(blocking=False):
            try:
                if self.powerwall is not None:
                    library.close_connection(self.powerwall)
                    self.powerwall = None
            finally:
                self.lock.release()

    def _work(self) -> None:
        try:
            with self.lock:
                if self.powerwall is None:
                    self._connect()
                if self.powerwall is not None:
                    self._refresh()
        except GatewayFailure as failure:
            self.failures += 1
            step = _RETRY_SECONDS[min(self._attempts, len(_RETRY_SECONDS) - 1)]
            if failure.patience is Patience.LOGIN and self._attempts and self.powerwall is None:
                step = self.options.auth_cooldown_seconds  # Tesla locks an account after several refused logins
            self._attempts += 1
            pause = max(step, failure.retry_after_seconds or 0.0)
            self._due = time.monotonic() + pause
            if failure.patience is Patience.RATE_LIMIT:
                self.limiter.hold(pause)  # commands would only lengthen it
            self._tell(failure)

    def _tell(self, failure: GatewayFailure) -> None:
        """Log a failure unless the one before had the same cause."""
        if failure.cause == self._told:
            return
        self._told = failure.cause
        said = f"{failure.message} [{failure.place}]" if failure.place else failure.message
        log.warning("gateway %s: cloud link: %s; %s", self.definition.id, said, CAUSE_BY_ID[failure.cause].advice)

    def _connect(self) -> None:
        with self.limiter.session(_LIMIT_SECONDS, resend=False):
            powerwall = library.open_cloud_link(self.definition, self.options, self.limiter)
            sites = compute(powerwall.client.getsites)
        claimed = self._sole.claim(self)
        if self._closed or not claimed:
            self._sole.release(self)  # ``close`` may have come before the claim
            library.close_connection(powerwall)
            return
        self.powerwall = powerwall
        self.sites = len(sites) if isinstance(sites, list) else 0
        self._attempts, self._told = 0, None

    def _refresh(self) -> None:
        client = self.powerwall.client
        fetch = client.fleet.get_site_info if self._over_fleet else client.get_site_config
        with self.limiter.session(_LIMIT_SECONDS, resend=False):
            compute(lambda: fetch(force=True))  # one request: the library keeps the answer for all four values
            found = {
                "mode": as_text(compute(self.powerwall.get_mode)),
                "reserve": as_number(compute(self.powerwall.get_reserve)),
                "grid_charging": compute(self.powerwall.get_grid_charging),
                "grid_export": as_text(compute(self.powerwall.get_grid_export)),
            }
            exchanges = list(self.limiter.exchanges)
        # That the login was renewed is no answer about the site.
        if not any(item.cause is None and not item.path.startswith(TOKEN_PATH) for item in exchanges):
            raise failure_from(exchanges, GARBAGE)
        now = time.time()
        self.failures = self._attempts = 0
        self._told = None
        self.last_success = now
        for name, value in found.items():
            if value is not None:
                self.known[name] = Known(value, now, time.monotonic())
        self._refresh_tariff()

    def _refresh_tariff(self) -> None:
        """Read the tariff once in the slow interval: it is large, and utilities change it by the season."""
        tick = time.monotonic()
        if tick < self._tariff_due:
            return
        self._tariff_due = tick + self.options.slow_interval_seconds
        with self.limiter.session(_LIMIT_SECONDS, resend=False):
            # Over FleetAPI it is a part of the site's information, which was fetched a moment ago.
            found = as_dict(compute(lambda: self.powerwall.get_tariff(force=not self._over_fleet)))
            exchanges = list(self.limiter.exchanges)
        if found:
            self._tariff, self._no_tariff = Known(found, time.time(), tick), None
            return
        self._no_tariff = failure_from(exchanges, GARBAGE, NO_TARIFF).message

    @property
    def _over_fleet(self) -> bool:
        return hasattr(self.powerwall.client, "fleet")
