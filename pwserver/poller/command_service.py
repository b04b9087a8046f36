"""Carry out commands in the poller: one at a time for each gateway, each in a thread, each followed by a poll.

Every attempt ends in one line of the log ``pwserver.control``: who, what, outcome. Values are validated before they
come here, so a line holds no secret.
"""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from pwserver.commands import (
    ACKNOWLEDGED,
    BUSY,
    COOLING,
    DRY_RUN,
    NO_GATEWAY,
    NOT_SENT,
    REFUSED,
    REPEATED,
    UNKNOWN,
    Command,
    CommandServer,
    Outcome,
)
from pwserver.gateway_lookup import UnknownGateway, find_gateway
from pwserver.json_types import JsonObject
from pwserver.poller import idempotency_keys
from pwserver.poller.idempotency_keys import UsedKeys
from pwserver.poller.pending_settings import PendingSettings
from pwserver.poller.shared_moments import SharedMoments
from pwserver.runtime import Runtime
from pwserver.state.charge import reserve_to_hold

if TYPE_CHECKING:
    from pwserver.gateways.connection import GatewayConnection
    from pwserver.poller.notice_service import NoticeService
    from pwserver.reading import Reading

TRIAL_SLACK_SECONDS = 1.0  # before the worker gives up waiting

log = logging.getLogger("pwserver.control")

ALL = "*"  # every gateway, for what may be asked of all at once
STARTED = Callable[[], bool]


class CommandedGateway(Protocol):
    """Declares what commands need of a gateway's task."""

    @property
    def connection(self) -> Any: ...
    @property
    def reading(self) -> Reading | None: ...

    pending: PendingSettings

    def poll_soon(self) -> None: ...
    def publish_now(self) -> None: ...


class CommandService:
    """Carries out commands from workers and from MQTT. All methods belong to the event loop."""

    def __init__(self, runtime: Runtime, tasks: Mapping[str, CommandedGateway]) -> None:
        self.tasks = tasks
        # Told of every command before it is sent: gateway, action, arguments, who sent it.
        self.before_sending: Callable[[str, str, JsonObject, str], None] = lambda *command: None
        self.notices: NoticeService | None = None
        self.cooldown_seconds = float(runtime.config.settings.control.islanding_cooldown_seconds)
        self._islanded = SharedMoments(runtime.shared.arena.region("islanding"), runtime.shared.gateways)
        self._beats = runtime.shared.beats
        self._busy: set[str] = set()
        self._threads: dict[str, ThreadPoolExecutor] = {}
        self._keys = UsedKeys(runtime.shared.arena.region(idempotency_keys.REGION))
        self._number = 0
        self._server = CommandServer(runtime.channel, os.getpid(), self.accept, self._is_worker)

    def start(self) -> None:
        """Take commands from the workers from now on."""
        self._server.start()

    async def control(
        self, gateway: str, action: str, arguments: JsonObject, who: str, limit_seconds: float = 10.0
    ) -> Outcome:
        """Carry out a command from inside the poller (MQTT)."""
        self._number += 1
        deadline = time.monotonic() + limit_seconds / 2
        pid = os.getpid()
        command = Command(self._number, pid, pid, gateway, action, arguments, deadline, limit_seconds, who)
        return await self.accept(command, lambda: time.monotonic() <= deadline)

    async def accept(self, command: Command, started: STARTED) -> Outcome:
        """Carry out one command and write its line into the log."""
        begun = time.monotonic()
        outcome = await self._accept(command, started)
        shown = json.dumps(command.arguments, default=str)[:300]
        log.log(
            logging.INFO if outcome.kind in (ACKNOWLEDGED, DRY_RUN) else logging.WARNING,
            "%s %s on %s by %s: %s%s%s (%.2f s)",
            command.action,
            shown,
            command.gateway,
            command.who,
            outcome.kind,
            f" over {outcome.via}" if outcome.via else "",
            f": {outcome.message}" if outcome.message else "",
            time.monotonic() - begun,
        )
        return outcome

    async def _accept(self, command: Command, started: STARTED) -> Outcome:
        if command.action == "release":
            return self._release(command.gateway)
        if command.action == "notices_test":
            return await self._try_notices(command, started)
        try:
            task = self.tasks[find_gateway(command.gateway, self.tasks)]
        except UnknownGateway as unknown:
            return Outcome(NO_GATEWAY, str(unknown))
        if command.gateway in self._busy:
            return Outcome(BUSY, "another command of this gateway is still under way")
        if command.key and self._keys.used(command.key):
            return Outcome(REPEATED, "a command with this Idempotency-Key has been taken already")
        action, arguments = command.action, command.arguments
        if action == "reserve_hold":
            held = reserve_to_hold(task.reading, task.connection.online)
            if held is None:
                return Outcome(NOT_SENT, self._unable(task) or "Battery state of charge unavailable")
            action, arguments = "operation", {"level": held}
        command = replace(command, action=action, arguments=arguments)
        if command.dry_run:
            return self._dry_run(command, task)
        self._busy.add(command.gateway)
        acting = asyncio.get_running_loop().run_in_executor(
            self._thread(command.gateway), self._perform, command, task, started
        )
        # By a callback of the thread's future: when this coroutine is cancelled, the thread is still busy.
        acting.add_done_callback(lambda _: self._busy.discard(command.gateway))
        outcome = await acting
        if outcome.kind in (NOT_SENT, COOLING):
            self._keys.forget(command.key)  # it may be tried again
        return outcome

    def _perform(self, command: Command, task: CommandedGateway, started: STARTED) -> Outcome:
        """Carry out the blocking part, in the gateway's command thread."""
        from pwserver.gateways.command_execution import CommandRefused, OutcomeUnknown, perform
        from pwserver.gateways.command_routes import CommandNotSent

        island = command.action == "islanding"
        waits = self._cooling(command.gateway) if island else 0.0

        def start() -> bool:
            if not started():
                return False
            # Stored before anything is sent: a poller that is killed while it sends must not let the key work again.
            if command.key:
                self._keys.use(command.key)
            if island:
                self._islanded.set(command.gateway, time.monotonic())
            self.before_sending(command.gateway, command.action, command.arguments, command.who)
            return True

        connection: GatewayConnection = task.connection
        try:
            if waits:
                self._must_island(connection)
                return cooling(waits)
            done = perform(
                connection,
                command.action,
                command.arguments,
                start_by=command.deadline,
                limit_seconds=command.limit_seconds,
                started=start,
            )
        except CommandNotSent as reason:
            return Outcome(NOT_SENT, str(reason))
        except CommandRefused as refusal:
            task.poll_soon()
            return Outcome(REFUSED, str(refusal), refusal.response)
        except OutcomeUnknown as reason:
            task.poll_soon()
            return Outcome(UNKNOWN, str(reason))
        pending = task.pending.expect(command.action, command.arguments, time.time(), time.monotonic())
        task.publish_now()
        task.poll_soon()
        return Outcome(ACKNOWLEDGED, result=done.result, via=done.via, pending=pending)

    def _dry_run(self, command: Command, task: CommandedGateway) -> Outcome:
        from pwserver.gateways.command_execution import check
        from pwserver.gateways.command_routes import CommandNotSent

        try:
            via = check(task.connection, command.action)
        except CommandNotSent as reason:
            return Outcome(NOT_SENT, str(reason))
        waits = self._cooling(command.gateway) if command.action == "islanding" else 0.0
        if waits:
            return cooling(waits)
        return Outcome(DRY_RUN, "nothing was sent", {"dry_run": True, **command.arguments}, via)

    def _unable(self, task: CommandedGateway) -> str | None:
        """Say why the reserve cannot be set at all; None where it can."""
        from pwserver.gateways.command_execution import check
        from pwserver.gateways.command_routes import CommandNotSent

        try:
            check(task.connection, "operation")
        except CommandNotSent as reason:
            return str(reason)
        return None

    def _must_island(self, connection: GatewayConnection) -> None:
        """Refuse a gateway that cannot island, so that its client is not told to wait for nothing."""
        from pwserver.gateways.command_execution import check

        check(connection, "islanding")

    def _cooling(self, gateway: str) -> float:
        """Return the seconds until islanding may be commanded again; a new poller process knows them, too."""
        return max(0.0, self._islanded.get(gateway) + self.cooldown_seconds - time.monotonic())

    def _release(self, gateway: str) -> Outcome:
        chosen = list(self.tasks.values()) if gateway == ALL else [self.tasks[gateway]]
        for task in chosen:
            task.connection.release()
            task.poll_soon()
        return Outcome(ACKNOWLEDGED, result={"gateways": len(chosen)})

    async def _try_notices(self, command: Command, started: STARTED) -> Outcome:
        if self.notices is None:
            return Outcome(NOT_SENT, "notices are switched off: PW_NOTICE_URLS is not set")
        if command.dry_run:
            from pwserver.notices.target import Trial

            return Outcome(
                DRY_RUN, "nothing was sent", {"dry_run": True, "addresses": Trial(set(self.notices.targets)).to_json()}
            )
        if not started():
            return Outcome(NOT_SENT, "nothing was sent")
        trial = self.notices.try_addresses()
        if trial is None:
            return Outcome(BUSY, "another test is still under way")
        patience = command.limit_seconds - TRIAL_SLACK_SECONDS
        await asyncio.get_running_loop().run_in_executor(None, trial.done.wait, patience)
        return Outcome(ACKNOWLEDGED, result={"addresses": trial.to_json()})

    def _thread(self, gateway: str) -> ThreadPoolExecutor:
        if gateway not in self._threads:
            self._threads[gateway] = ThreadPoolExecutor(1, thread_name_prefix=f"command-{gateway}")
        return self._threads[gateway]

    def _is_worker(self, pid: int) -> bool:
        return any(self._beats.pid(row) == pid for row in range(self._beats.rows))


def cooling(seconds: float) -> Outcome:
    """Return the outcome of an islanding command that comes too soon after the last one."""
    text = f"islanding was commanded a moment ago; try again in {math.ceil(seconds)} s"
    return Outcome(COOLING, text, retry_after_seconds=seconds)
