"""Poll one gateway on a fixed tick: one thread for its blocking calls, one publication per poll."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Protocol

from pwserver.poller.pending_settings import PendingSettings
from pwserver.poller.schedule import Ticks
from pwserver.reading import GatewayIdentity, GatewayStatus, Reading

log = logging.getLogger("pwserver.poller")


class PolledConnection(Protocol):
    """Declares what the task needs of ``gateways.connection.GatewayConnection``."""

    @property
    def identity(self) -> GatewayIdentity: ...
    @property
    def next_attempt(self) -> float: ...  # monotonic; not earlier than this
    def poll(self) -> Reading: ...  # blocks; raises only GatewayFailure
    def status(self, now: float | None = None) -> GatewayStatus: ...
    def read_again(self) -> None: ...  # what commands change, by the next poll
    def close(self) -> None: ...


class Freshness:
    """Says how long a reading may be served: while polls succeed, and for a stated time when they fail."""

    def __init__(self, interval_seconds: float, ttl_seconds: float, graceful: bool, slack_seconds: float) -> None:
        self.interval_seconds = interval_seconds
        self.after_failure_seconds = ttl_seconds if graceful else 0.0
        # When the poller has died, nothing tells success from failure: then only time counts.
        self.unattended_seconds = max(ttl_seconds, interval_seconds + slack_seconds)


# Called after every poll attempt and every change: (identity, status, reading or None, expires on the monotonic clock).
Publish = Callable[[GatewayIdentity, GatewayStatus, Reading | None, float], None]


class GatewayTask:
    """Polls one gateway for ever. ``run`` belongs to the event loop, everything blocking to its own thread."""

    def __init__(
        self,
        connection: PolledConnection,
        freshness: Freshness,
        publish: Publish,
        offset_seconds: float = 0.0,
        stuck_seconds: float = 3600.0,
    ) -> None:
        self.connection = connection
        self.freshness = freshness
        self.publish = publish
        self.offset_seconds = offset_seconds
        self.stuck_seconds = stuck_seconds  # a poll that has not come back by then never will
        self.pending = PendingSettings()
        self.lateness_seconds = 0.0  # of the last poll's begin
        self._lock = threading.Lock()  # one publication at a time: the slot has one writer
        self._reading: Reading | None = None
        self._read_at = 0.0  # monotonic
        self._failed = False
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"gateway-{connection.identity.id}")

    @property
    def reading(self) -> Reading | None:
        """Return the reading that is served now."""
        return self._reading

    def poll_soon(self) -> None:
        """Ask for a poll at once, as after a command; the grid of ticks stays as it is. From any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._wake.set)

    def publish_now(self) -> None:
        """Publish what is known once more, as when a command is pending. From any thread."""
        with self._lock:
            self._publish()

    async def run(self) -> None:
        """Poll on the tick until cancelled."""
        self._loop = asyncio.get_running_loop()
        if self.connection.next_attempt > time.monotonic():
            # A promise of an earlier process: say so now, it may be long before the first attempt.
            await self._loop.run_in_executor(self._thread, self.publish_now)
        ticks = Ticks(self.freshness.interval_seconds, time.monotonic() + self.offset_seconds)
        due = ticks.origin
        while True:
            moment = max(due, self.connection.next_attempt)
            await self._sleep_until(moment)
            self.lateness_seconds = max(0.0, time.monotonic() - moment)
            await self._poll_once()
            due = ticks.after(time.monotonic())

    async def _sleep_until(self, moment: float) -> None:
        """Sleep, but do not miss the moment at which the last good data expires."""
        while (now := time.monotonic()) < moment and not self._wake.is_set():
            self._expire(now)
            try:
                await asyncio.wait_for(self._wake.wait(), min(moment, self._next_expiry(now)) - now)
            except TimeoutError:
                pass
        self._wake.clear()

    async def _poll_once(self) -> None:
        done = asyncio.get_running_loop().run_in_executor(self._thread, self._attempt)
        begun = time.monotonic()
        while not done.done():
            now = time.monotonic()
            if now > begun + self.stuck_seconds:
                # A thread cannot be ended, a process can: the supervisor starts a new one.
                raise RuntimeError(f"a poll of {self.connection.identity.id} has not come back")
            self._expire(now)
            until = min(self._next_expiry(now), begun + self.stuck_seconds)
            await asyncio.wait({done}, timeout=max(0.01, min(until - now, 60.0)))
        done.result()

    def _attempt(self) -> None:
        """Poll once and publish the result, in the gateway's own thread."""
        try:
            reading = self.connection.poll()
        except Exception as failure:
            if not getattr(failure, "cause", None):  # a GatewayFailure is news for the status, anything else a fault
                log.exception("poll of %s broke", self.connection.identity.id)
            with self._lock:
                self._failed = True
                if not self._alive(time.monotonic()):
                    self._reading = None
                self._publish()
            return
        with self._lock:
            self._reading, self._read_at, self._failed = reading, time.monotonic(), False
            if self.pending:
                self._confirm(reading)
            self._publish()

    def _confirm(self, reading: Reading) -> None:
        """Compare what was commanded with what is read; what does not show yet is read again by the next poll."""
        for name in self.pending.seen(reading, time.time(), self._read_at):
            log.warning("gateway %s acknowledged %s, but never showed it", self.connection.identity.id, name)
        if self.pending:
            self.connection.read_again()

    def _alive(self, now: float) -> bool:
        """Say whether the last good reading may still be served."""
        if self._reading is None:
            return False
        limit = self.freshness.after_failure_seconds if self._failed else self.freshness.unattended_seconds
        return now < self._read_at + limit

    def _next_expiry(self, now: float) -> float:
        """Return when the last good reading ends, or a moment far away when there is none."""
        if self._reading is None:
            return now + 3600.0
        limit = self.freshness.after_failure_seconds if self._failed else self.freshness.unattended_seconds
        return max(now + 0.01, self._read_at + limit)

    def _expire(self, now: float) -> None:
        if self._reading is not None and not self._alive(now):
            with self._lock:
                if not self._alive(now):
                    self._reading = None
                    self._publish()

    def _publish(self) -> None:
        status = self.connection.status()
        reading = self._reading
        if reading is not None and not status.online:
            status = replace(status, stale=True)
        if self.pending:
            status = replace(status, pending=self.pending.as_json())
        expires = self._read_at + self.freshness.unattended_seconds if reading is not None else 0.0
        self.publish(self.connection.identity, status, reading, expires)
